//! Scans: line by line, in order.

use std::slice;

use super::{
    address,
    parallel::{Shared, for_each},
    pointwise::SERIAL,
};
use crate::{
    DType, Error, Result, Scalar,
    graph::{
        executor::{Buffer, Program},
        kernel::{Kernel, Structured},
        kinds::Line,
    },
    op::{StructuredOp, numeric::Real, structured::ScanOp},
    threads,
};

/// A scan made ready.
pub(super) struct ScanProgram {
    op: ScanOp,
    reverse: bool,
    lines: Vec<usize>,
    length: usize,
    /// Of the operands.
    dtype: DType,
    /// Which inputs the operands are, and how they lie there.
    sources: Vec<(usize, Line)>,
    target: Line,
}

/// Neighbouring lines that are worked on together: a line alone waits for each result before the next.
const WIDTH: usize = 64;

/// One way to combine, over elements `T` with results `O`.
trait Scan<T: Copy, O> {
    type State: Copy;
    const START: Self::State;
    /// Takes in the elements at a position and gives the result there.
    fn next(state: &mut Self::State, x: T, z: T, at: usize) -> O;
}

struct Sum;
struct Prod;
struct Arg<const MIN: bool>;
struct LogSumExp;
struct Linear;

macro_rules! scan_integers {
    ($($t:ty)*) => {$(
        impl Scan<$t, $t> for Sum {
            type State = $t;
            const START: $t = 0;
            #[inline(always)]
            fn next(state: &mut $t, x: $t, _: $t, _: usize) -> $t {
                *state = state.wrapping_add(x);
                *state
            }
        }
        impl Scan<$t, $t> for Prod {
            type State = $t;
            const START: $t = 1;
            #[inline(always)]
            fn next(state: &mut $t, x: $t, _: $t, _: usize) -> $t {
                *state = state.wrapping_mul(x);
                *state
            }
        }
    )*};
}
scan_integers!(i64 u64);

macro_rules! scan_floats {
    ($($t:ty)*) => {$(
        // Long sums of `f32` keep their digits in `f64`.
        impl Scan<$t, $t> for Sum {
            type State = f64;
            const START: f64 = 0.0;
            #[inline(always)]
            fn next(state: &mut f64, x: $t, _: $t, _: usize) -> $t {
                *state += x as f64;
                *state as $t
            }
        }
        impl Scan<$t, $t> for Prod {
            type State = $t;
            const START: $t = 1.0;
            #[inline(always)]
            fn next(state: &mut $t, x: $t, _: $t, _: usize) -> $t {
                *state *= x;
                *state
            }
        }
        impl Scan<$t, $t> for Linear {
            type State = $t;
            const START: $t = 0.0;
            #[inline(always)]
            fn next(state: &mut $t, x: $t, z: $t, _: usize) -> $t {
                *state = x * *state + z;
                *state
            }
        }
        /// The largest element so far, and the sum of the others' powers relative to it.
        impl Scan<$t, $t> for LogSumExp {
            type State = ($t, f64);
            const START: Self::State = (<$t>::NEG_INFINITY, 0.0);
            #[inline(always)]
            fn next((largest, sum): &mut Self::State, x: $t, _: $t, _: usize) -> $t {
                if x > *largest {
                    *sum = *sum * Real::exp(*largest as f64 - x as f64) + 1.0;
                    *largest = x;
                } else if x == *largest {
                    // Infinities have no difference.
                    *sum += 1.0;
                } else {
                    *sum += Real::exp(x as f64 - *largest as f64);
                }
                (*largest as f64 + Real::log(*sum)) as $t
            }
        }
    )*};
}
scan_floats!(f32 f64);

macro_rules! scan_positions {
    ($($t:ty: $nan:expr;)*) => {$(
        impl<const MIN: bool> Scan<$t, i64> for Arg<MIN> {
            type State = Option<($t, i64)>;
            const START: Self::State = None;
            #[inline(always)]
            fn next(state: &mut Self::State, x: $t, _: $t, at: usize) -> i64 {
                let is_nan: fn($t) -> bool = $nan;
                match *state {
                    Some((best, place)) if !is_nan(x) && (is_nan(best) || if MIN { best < x } else { best > x }) => place,
                    _ => {
                        *state = Some((x, at as i64));
                        at as i64
                    }
                }
            }
        }
    )*};
}
scan_positions! {
    i32: |_| false;
    u32: |_| false;
    i64: |_| false;
    u64: |_| false;
    f32: |x| x.is_nan();
    f64: |x| x.is_nan();
}

/// One line whose elements are neighbours.
fn row<T: Copy, O, S: Scan<T, O>>(x: &[T], z: &[T], y: &mut [O], reverse: bool) {
    let mut state = S::START;
    let elements = x.iter().zip(z).zip(y).enumerate();
    let mut next = |(at, ((x, z), y)): (usize, ((&T, &T), &mut O))| *y = S::next(&mut state, *x, *z, at);
    if reverse { elements.rev().for_each(&mut next) } else { elements.for_each(&mut next) }
}

/// The elements of neighbouring lines at one position.
fn column<T: Copy, O, S: Scan<T, O>>(states: &mut [S::State; WIDTH], x: &[T], z: &[T], y: &mut [O], at: usize) {
    for (((state, x), z), y) in states.iter_mut().zip(x).zip(z).zip(y) {
        *y = S::next(state, *x, *z, at);
    }
}

impl ScanProgram {
    pub fn new(kernel: &Kernel, structured: &Structured) -> Self {
        let StructuredOp::Scan { op, reverse, .. } = structured.op else { unreachable!("it is a scan") };
        let along = structured.batch();
        let inputs = structured.operands.iter().map(|operand| operand.input);
        let sources: Vec<_> = inputs.enumerate().map(|(i, input)| (input, Line::read(structured, i, along))).collect();
        Self {
            op,
            reverse,
            lines: structured.batch_sizes(),
            length: structured.axes[along].size,
            dtype: kernel.inputs[sources[0].0].dtype,
            sources,
            target: Line::written(structured, along),
        }
    }

    /// # Safety
    /// The buffers must be as large as the kernel says and hold these types; nobody else may use `out` meanwhile.
    unsafe fn run<T: Copy, O, S: Scan<T, O>>(&self, inputs: [Shared; 2], out: Shared) -> Result<()> {
        let last = self.lines.last().copied().unwrap_or(1);
        let axis = self.lines.len().saturating_sub(1);
        let outer: usize = self.lines[..axis].iter().product();
        let [x, z] = [self.sources[0].1, self.sources[self.sources.len() - 1].1];
        let lines = [x, z, self.target];
        let steps = lines.map(|line| if self.lines.is_empty() { 0 } else { line.strides[axis] });
        let blocks = last.div_ceil(WIDTH);
        let threads = if outer * last * self.length * 4 < SERIAL { 1 } else { threads::count() };
        for_each(outer * blocks, threads, |task| {
            let (outer, first) = (task / blocks, task % blocks * WIDTH);
            let width = WIDTH.min(last - first);
            // Closures take only what threads may share.
            let (inputs, out) = (&inputs, &out);
            let start = |line: usize| lines[line].start(&self.lines[..axis], outer) + first as isize * steps[line];
            let x = inputs[0].0.cast::<T>().wrapping_offset(start(0));
            let z = inputs[1].0.cast::<T>().wrapping_offset(start(1));
            let out = out.0.cast::<O>().wrapping_offset(start(2));
            // SAFETY: the elements are inside of the buffers, and each task has its own lines of the output.
            unsafe {
                if lines.iter().all(|line| line.axis == 1) {
                    for c in 0..width as isize {
                        let x = slice::from_raw_parts(x.wrapping_offset(c * steps[0]), self.length);
                        let z = slice::from_raw_parts(z.wrapping_offset(c * steps[1]), self.length);
                        let y = slice::from_raw_parts_mut(out.wrapping_offset(c * steps[2]), self.length);
                        row::<T, O, S>(x, z, y, self.reverse);
                    }
                    return;
                }
                let mut states = [S::START; WIDTH];
                for q in 0..self.length {
                    let at = if self.reverse { self.length - 1 - q } else { q };
                    let [x, z] = [(x, 0), (z, 1)].map(|(x, line)| x.wrapping_offset(at as isize * lines[line].axis));
                    let y = out.wrapping_offset(at as isize * self.target.axis);
                    if steps == [1; 3] {
                        let [x, z] = [x, z].map(|x| slice::from_raw_parts(x, width));
                        column::<T, O, S>(&mut states, x, z, slice::from_raw_parts_mut(y, width), at);
                        continue;
                    }
                    for (c, state) in (0..).zip(&mut states[..width]) {
                        let [x, z] = [(x, 0), (z, 1)].map(|(x, line)| *x.wrapping_offset(c * steps[line]));
                        *y.wrapping_offset(c * steps[2]) = S::next(state, x, z, at);
                    }
                }
            }
        });
        Ok(())
    }
}

impl Program for ScanProgram {
    fn launch(&self, inputs: &[&Buffer], outputs: &[&Buffer], _scalars: &[Scalar]) -> Result<()> {
        let source = |operand: usize| address(inputs[self.sources[operand].0]).map(Shared);
        let from = [source(0)?, source(self.sources.len() - 1)?];
        let out = Shared(address(outputs[0])?);
        // SAFETY: the scheduler passes the buffers that the kernel describes.
        unsafe {
            match (self.op, self.dtype) {
                (ScanOp::Sum, DType::I64) => self.run::<i64, i64, Sum>(from, out),
                (ScanOp::Sum, DType::U64) => self.run::<u64, u64, Sum>(from, out),
                (ScanOp::Sum, DType::F32) => self.run::<f32, f32, Sum>(from, out),
                (ScanOp::Sum, DType::F64) => self.run::<f64, f64, Sum>(from, out),
                (ScanOp::Prod, DType::I64) => self.run::<i64, i64, Prod>(from, out),
                (ScanOp::Prod, DType::U64) => self.run::<u64, u64, Prod>(from, out),
                (ScanOp::Prod, DType::F32) => self.run::<f32, f32, Prod>(from, out),
                (ScanOp::Prod, DType::F64) => self.run::<f64, f64, Prod>(from, out),
                (ScanOp::LogSumExp, DType::F32) => self.run::<f32, f32, LogSumExp>(from, out),
                (ScanOp::LogSumExp, DType::F64) => self.run::<f64, f64, LogSumExp>(from, out),
                (ScanOp::Linear, DType::F32) => self.run::<f32, f32, Linear>(from, out),
                (ScanOp::Linear, DType::F64) => self.run::<f64, f64, Linear>(from, out),
                (ScanOp::ArgMax, _) => self.positions::<false>(from, out),
                (ScanOp::ArgMin, _) => self.positions::<true>(from, out),
                _ => Err(self.refuse()),
            }
        }
    }
}

impl ScanProgram {
    /// # Safety
    /// As [`run`](Self::run).
    unsafe fn positions<const MIN: bool>(&self, from: [Shared; 2], out: Shared) -> Result<()> {
        // SAFETY: the caller's contract.
        unsafe {
            match self.dtype {
                DType::I32 => self.run::<i32, i64, Arg<MIN>>(from, out),
                DType::U32 => self.run::<u32, i64, Arg<MIN>>(from, out),
                DType::I64 => self.run::<i64, i64, Arg<MIN>>(from, out),
                DType::U64 => self.run::<u64, i64, Arg<MIN>>(from, out),
                DType::F32 => self.run::<f32, i64, Arg<MIN>>(from, out),
                DType::F64 => self.run::<f64, i64, Arg<MIN>>(from, out),
                _ => Err(self.refuse()),
            }
        }
    }

    fn refuse(&self) -> Error {
        Error::dtype(self.op.name(), self.dtype, "scans take dtypes of 32 and 64 bits")
    }
}
