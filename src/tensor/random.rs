//! Random numbers.
//!
//! They are counter-based: element `i` of a tensor is a function of the seed and `i` alone (Philox4x32-10), so that
//! the same seed gives the same numbers on every device, whatever else runs.

use std::{
    cell::RefCell,
    sync::{Arc, Mutex, PoisonError},
};

use super::Tensor;
use crate::{DType, Device, Error, Result, Scalar, Shape, hash::mix, layout::View, op::Op};

/// The random bits of a uniform number: as many as `F32` has in its mantissa.
const BITS: u32 = 24;
const STEP: f64 = 1.0 / (1u32 << BITS) as f64;

/// Seed and number of draws of the generator behind [`next_seed`].
static GENERATOR: Mutex<(u64, u64)> = Mutex::new((0, 0));

thread_local! {
    static WATCHES: RefCell<Vec<Watch>> = const { RefCell::new(Vec::new()) };
}

/// A function that draws seeds and is run twice.
enum Watch {
    /// The first time: what it drew.
    Record(Vec<u64>),
    /// The second time: what it draws, and how many seeds that were by now.
    Replay(Arc<[u64]>, usize),
}

/// Takes a watch off when its function ends or panics.
struct Watched;

impl Watched {
    fn new(watch: Watch) -> Self {
        WATCHES.with_borrow_mut(|all| all.push(watch));
        Watched
    }

    fn end(self) -> Option<Watch> {
        std::mem::forget(self);
        WATCHES.with_borrow_mut(Vec::pop)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        WATCHES.with_borrow_mut(|all| drop(all.pop()));
    }
}

/// Runs a function and tells which seeds it drew on this thread.
pub(crate) fn record<T>(f: impl FnOnce() -> T) -> (T, Arc<[u64]>) {
    let watched = Watched::new(Watch::Record(Vec::new()));
    let y = f();
    let drawn = match watched.end() {
        Some(Watch::Record(drawn)) => drawn,
        _ => Vec::new(),
    };
    (y, drawn.into())
}

/// Runs a function that draws these seeds rather than new ones, and tells how many it asked for.
pub(crate) fn replay<T>(seeds: &Arc<[u64]>, f: impl FnOnce() -> T) -> (T, usize) {
    let watched = Watched::new(Watch::Replay(seeds.clone(), 0));
    let y = f();
    let drawn = match watched.end() {
        Some(Watch::Replay(_, drawn)) => drawn,
        _ => 0,
    };
    (y, drawn)
}

/// Sets the seed from which layers draw their initial weights and dropout its masks, in the order in which they ask
/// for them. It is 0 at the start of a program.
///
/// Threads that draw at the same time get different numbers, but which of them gets which is left to chance. In the
/// second run of a [checkpoint](crate::checkpoint), which repeats the seeds of the first, it has no effect.
///
/// ```
/// kiln::manual_seed(42);
/// ```
pub fn manual_seed(seed: u64) {
    let replays = WATCHES.with_borrow(|all| all.iter().any(|watch| matches!(watch, Watch::Replay(..))));
    if !replays {
        *GENERATOR.lock().unwrap_or_else(PoisonError::into_inner) = (seed, 0);
    }
}

/// The next seed that follows from [`manual_seed`]: two in a row have nothing in common.
///
/// ```
/// # use kiln::prelude::*;
/// kiln::manual_seed(42);
/// let x = Tensor::randn([2], DType::F32, kiln::next_seed(), &Device::cpu())?;
/// kiln::manual_seed(42);
/// let y = Tensor::randn([2], DType::F32, kiln::next_seed(), &Device::cpu())?;
/// assert_eq!(x.to_vec::<f32>()?, y.to_vec::<f32>()?);
/// # Ok::<(), kiln::Error>(())
/// ```
pub fn next_seed() -> u64 {
    WATCHES.with_borrow_mut(|all| {
        // Functions that are run for the first time within one that is run for the second time draw what that one does.
        let replay = all.iter().rposition(|watch| matches!(watch, Watch::Replay(..)));
        let inner = replay.map_or(0, |at| at + 1);
        let seed = match replay.map(|at| &mut all[at]) {
            Some(Watch::Replay(seeds, drawn)) => {
                *drawn += 1;
                // Of too few seeds the backward pass makes an error.
                seeds.get(*drawn - 1).copied().unwrap_or_default()
            }
            _ => fresh_seed(),
        };
        for watch in &mut all[inner..] {
            if let Watch::Record(drawn) = watch {
                drawn.push(seed);
            }
        }
        seed
    })
}

fn fresh_seed() -> u64 {
    let (seed, draw) = {
        let mut generator = GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
        generator.1 += 1;
        *generator
    };
    // SplitMix64 of the seed's own stream.
    mix(mix(seed).wrapping_add(draw.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
}

impl Tensor {
    /// Uniform random numbers in `[0, 1)`: multiples of 2^-24, in `F16` of 2^-11 and in `BF16` of 2^-8.
    ///
    /// The same seed gives the same numbers on every device.
    ///
    /// # Errors
    /// If the dtype is not a float, or there are more than 2^32 elements.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let device = Device::cpu();
    /// let x = Tensor::rand([1000], DType::F32, 7, &device)?;
    /// assert_eq!(x.to_vec::<f32>()?, Tensor::rand([1000], DType::F32, 7, &device)?.to_vec::<f32>()?);
    /// assert!((x.mean(())?.item::<f32>()? - 0.5).abs() < 0.05);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn rand(shape: impl Into<Shape>, dtype: DType, seed: u64, device: &Device) -> Result<Tensor> {
        let digits = match float("rand", dtype)? {
            DType::F16 => 11,
            DType::BF16 => 8,
            _ => BITS,
        };
        // Digits that the dtype cannot hold would round up to 1.
        let mask = (1u32 << BITS) - (1 << (BITS - digits));
        let bits = words("rand", shape.into(), seed, 0, device)?.bitwise_and(mask)?;
        Ok((bits.to_dtype(DType::F32) * STEP).to_dtype(dtype))
    }

    /// Random numbers of the standard normal distribution, by the Box-Muller transform
    /// `sqrt(-2 ln u1) cos(2 pi u2)` with `u1` in `(0, 1]` and `u2` in `[0, 1)`, computed in `F32`.
    ///
    /// The same seed gives the same numbers on every device, but for the rounding of logarithm and cosine.
    ///
    /// # Errors
    /// If the dtype is not a float, or there are more than 2^32 elements.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let x = Tensor::randn([10_000], DType::F32, 7, &Device::cpu())?;
    /// assert!((x.std((), 1.0)?.item::<f32>()? - 1.0).abs() < 0.05);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn randn(shape: impl Into<Shape>, dtype: DType, seed: u64, device: &Device) -> Result<Tensor> {
        float("randn", dtype)?;
        let shape = shape.into();
        let uniform = |word| {
            Ok::<_, Error>(
                words("randn", shape, seed, word, device)?.bitwise_and((1u32 << BITS) - 1)?.to_dtype(DType::F32),
            )
        };
        let radius = ((uniform(0)? + 1.0) * STEP).log() * -2.0;
        let angle = uniform(1)? * (STEP * std::f64::consts::TAU);
        Ok((radius.sqrt() * angle.cos()).to_dtype(dtype))
    }

    /// Random integers in `low..high`, each equally likely to within 2^-32 times their number.
    ///
    /// # Errors
    /// If there are none or more than 2^32 to choose from, the dtype is `Bool` or an integer that does not hold
    /// them all, or there are more than 2^32 elements.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let dice = Tensor::randint(1, 7, [100], DType::I64, 7, &Device::cpu())?.to_vec::<i64>()?;
    /// assert!(dice.iter().all(|n| (1..=6).contains(n)));
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn randint(
        low: i64,
        high: i64,
        shape: impl Into<Shape>,
        dtype: DType,
        seed: u64,
        device: &Device,
    ) -> Result<Tensor> {
        let op = "randint";
        let count = high as i128 - low as i128;
        if !(1..=1 << 32).contains(&count) {
            return Err(Error::argument(op, format!("{low}..{high} has {} integers, not 1 to 2^32", count.max(0))));
        }
        let held = |v: i64| Scalar::Int(v).cast(dtype).to_f64() == v as f64;
        if dtype == DType::Bool || dtype.is_int() && !(held(low) && held(high - 1)) {
            return Err(Error::dtype(op, dtype, format!("does not hold all of {low}..{high}")));
        }
        let words = words(op, shape.into(), seed, 0, device)?;
        let offset = if count == 1 << 32 { words } else { words.remainder(count as u32)? };
        offset.to_dtype(dtype).add(low)
    }

    /// Random bools that are true with this probability, to within 2^-25.
    ///
    /// # Errors
    /// If the probability is not in `0..=1`, or there are more than 2^32 elements.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let keep = Tensor::bernoulli(0.9, [1000], 7, &Device::cpu())?;
    /// assert!((850..950).contains(&keep.sum(())?.item::<i64>()?));
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn bernoulli(probability: f64, shape: impl Into<Shape>, seed: u64, device: &Device) -> Result<Tensor> {
        if !(0.0..=1.0).contains(&probability) {
            return Err(Error::argument("bernoulli", format!("{probability} is not a probability")));
        }
        let bits = words("bernoulli", shape.into(), seed, 0, device)?.bitwise_and((1u32 << BITS) - 1)?;
        bits.lt((probability / STEP).round() as u32)
    }
}

/// 32 random bits an element, as `U32`: one word of the block that the element's number counts.
fn words(op: &'static str, shape: Shape, seed: u64, word: u8, device: &Device) -> Result<Tensor> {
    if shape.numel() as u64 > 1 << 32 {
        return Err(Error::shape(op, &shape, "more than 2^32 elements; draw parts with seeds of their own"));
    }
    let counter = Tensor::coordinates(View::contiguous(shape), device).to_dtype(DType::U32);
    Ok(Tensor::lazy(Op::Random { seed, word }, device, DType::U32, shape, [Some(&counter), None, None]))
}

fn float(op: &'static str, dtype: DType) -> Result<DType> {
    if dtype.is_float() { Ok(dtype) } else { Err(Error::dtype(op, dtype, "needs a float")) }
}
