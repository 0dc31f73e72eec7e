//! Random graphs of ops: whatever the scheduler makes of them, the values are those of the ops one by one, on the
//! CPU to the last bit and on the GPU to rounding.

mod common;
#[path = "common/draw.rs"]
mod draw;
#[path = "common/values.rs"]
mod values;

use draw::Draw;
use kiln::{
    DType, Device, DeviceOptions, Error, Result, Scalar, Shape, Tensor,
    nn::functional::{
        AttentionOptions, ConvOptions, InterpolateMode, PoolOptions, Target, avg_pool1d, batch_norm, conv_transpose1d,
        conv1d, group_norm, interpolate, layer_norm, max_pool1d, rms_norm, scaled_dot_product_attention,
    },
};
use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use values::{difference, tensor, values};

/// One op of a program: what it does and to which of the values so far, modulo what there is.
#[derive(Clone, Copy, Debug)]
struct Step {
    op: u8,
    x: u8,
    y: u8,
    detail: u8,
    /// The value is read at the end.
    kept: bool,
}

#[derive(Clone, Debug)]
struct Program {
    /// Of the leaves' numbers.
    seed: u64,
    /// Whether the leaves are tracked and gradients compared.
    gradients: bool,
    /// Whether there are layers among the ops.
    layers: bool,
    steps: Vec<Step>,
}

fn programs(layers: bool) -> impl Strategy<Value = Program> {
    let step = (any::<u8>(), any::<u8>(), any::<u8>(), any::<u8>(), prop::bool::weighted(0.2))
        .prop_map(|(op, x, y, detail, kept)| Step { op, x, y, detail, kept });
    (any::<u64>(), any::<bool>(), prop::collection::vec(step, 4..28))
        .prop_map(move |(seed, gradients, steps)| Program { seed, gradients, layers, steps })
}

/// How far apart two devices may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    /// Not at all: nothing has been rounded, so that ops with jumps give the same on every device.
    Exact,
    /// By the rounding of `F32`.
    Single,
    /// By the rounding of `F16`.
    Half,
}

#[derive(Clone)]
struct Value {
    tensor: Tensor,
    level: Level,
}

/// Runs a program. No float is much larger than 4, so that differences do not grow.
struct Run {
    values: Vec<Value>,
    layers: bool,
}

const MAX_NUMEL: usize = 256;

impl Run {
    fn new(program: &Program, device: &Device) -> Result<(Run, Vec<Tensor>)> {
        let mut draw = Draw(program.seed);
        let mut floats = |count: usize| (0..count).map(|_| draw.float(-2.0, 2.0) as f32).collect::<Vec<_>>();
        let mut leaves = vec![
            Tensor::from_vec(floats(12), [3, 4], device)?,
            Tensor::from_vec(floats(30), [2, 3, 5], device)?,
            Tensor::from_vec(floats(4), [4], device)?,
            Tensor::from_vec(floats(15), [5, 3], device)?,
        ];
        if program.gradients {
            leaves = leaves.iter().map(Tensor::requires_grad).collect();
        }
        let integers: Vec<Scalar> = (0..12).map(|_| Scalar::Int((draw.bits() % 19) as i64 - 9)).collect();
        let flags: Vec<Scalar> = (0..4).map(|_| Scalar::Bool(draw.bits() & 1 == 1)).collect();
        let others = [
            tensor(&integers, &[3, 4].into(), DType::I32, device)?,
            tensor(&flags, &[4].into(), DType::Bool, device)?,
            leaves[2].to_dtype(DType::F16),
        ];
        let all = leaves.iter().cloned().chain(others).map(|tensor| Value { tensor, level: Level::Exact }).collect();
        Ok((Run { values: all, layers: program.layers }, leaves))
    }

    /// One of the values that suit; there is always a leaf that does.
    fn pick(&self, at: u8, suits: impl Fn(&Tensor) -> bool) -> Option<Value> {
        let fit: Vec<&Value> = self.values.iter().filter(|v| suits(&v.tensor)).collect();
        if fit.is_empty() { None } else { Some(fit[at as usize % fit.len()].clone()) }
    }

    fn step(&mut self, step: Step) -> Result<()> {
        if let Some(mut value) = self.apply(step)? {
            if value.tensor.dtype() == DType::F16 && value.level > Level::Exact {
                value.level = Level::Half;
            }
            if value.tensor.numel() <= MAX_NUMEL {
                self.values.push(value);
            }
        }
        Ok(())
    }

    /// The value of a step, `None` if nothing suits it.
    fn apply(&self, Step { op, x, y, detail, .. }: Step) -> Result<Option<Value>> {
        let is_float = |t: &Tensor| t.dtype().is_float();
        let anything = self.pick(x, |_| true);
        let (Some(any), Some(float)) = (anything, self.pick(x, is_float)) else { return Ok(None) };
        let partner = |of: &Tensor, dtype: fn(DType) -> bool| {
            self.pick(y, |t| dtype(t.dtype()) && broadcasts(t.shape(), of.shape()))
        };
        let rounded = |level: Level| level.max(Level::Single);
        let make = |tensor: Tensor, level: Level| Ok(Some(Value { tensor, level }));
        let t = &float.tensor;
        let kind = op % if self.layers { 26 } else { 21 };
        match if kind == 20 && !self.layers { 25 } else { kind } {
            0..=2 => make(smooth(t, detail)?, rounded(float.level)),
            3 => {
                let t = &any.tensor;
                let y = match detail % 6 {
                    // A gradient that jumps, or the value itself, needs the same input everywhere.
                    0 if any.level == Level::Exact && t.dtype() != DType::Bool => t.relu(),
                    1 if any.level == Level::Exact && t.dtype() != DType::Bool => t.abs(),
                    2 if any.level == Level::Exact && t.dtype() != DType::Bool => t.floor(),
                    3 if any.level == Level::Exact && t.dtype() != DType::Bool => t.sign(),
                    _ if t.dtype() == DType::Bool => t.logical_not(),
                    _ => -t,
                };
                make(y, any.level)
            }
            4..=6 => {
                let Some(other) = partner(t, DType::is_float) else { return Ok(None) };
                let level = float.level.max(other.level);
                let o = &other.tensor;
                let y = match detail % 8 {
                    0 => (t + o) * 0.5,
                    1 => (t - o) * 0.5,
                    2 => (t * o).tanh(),
                    3 => t / &(o.square() + 1.0),
                    4 => t.atan2(o.square() + 0.5)?,
                    5 => ((t.square() * 0.1 + 0.5).pow(o * 0.5)?).tanh(),
                    6 if level == Level::Exact => return make(t.maximum(o)?, level),
                    7 if level == Level::Exact => return make(t.minimum(o)?, level),
                    _ => (t + o) * 0.25,
                };
                make(y, rounded(level))
            }
            7 => {
                let t = &any.tensor;
                let Some(other) = self.pick(y, |o| broadcasts(o.shape(), t.shape())) else { return Ok(None) };
                if any.level.max(other.level) > Level::Exact {
                    return Ok(None);
                }
                let o = &other.tensor;
                let y = [t.eq(o)?, t.lt(o)?, t.ge(o)?, t.ne(o)?][detail as usize % 4].clone();
                make(y, Level::Exact)
            }
            8 => {
                let Some(condition) = partner(t, |d| d == DType::Bool) else { return Ok(None) };
                let Some(other) = partner(t, DType::is_float) else { return Ok(None) };
                let y = condition.tensor.choose(t, &other.tensor)?;
                make(y, float.level.max(other.level))
            }
            9 => {
                let t = &any.tensor;
                let targets: &[DType] = match (t.dtype().is_float(), any.level) {
                    (true, Level::Exact) => &[DType::F32, DType::F16, DType::I32, DType::Bool],
                    (true, _) => &[DType::F32, DType::F16],
                    (false, _) if t.dtype() == DType::Bool => &[DType::F32, DType::I32, DType::F16],
                    // Large integers do not fit between the bounds of floats.
                    (false, _) => &[DType::Bool, DType::I64],
                };
                make(t.to_dtype(targets[detail as usize % targets.len()]), any.level)
            }
            10 | 11 => reduce(&float, x, detail),
            12 => {
                let t = &any.tensor;
                let y = match (t.dtype() == DType::Bool, detail % 3) {
                    (true, 0) => t.any(axes(t, y).as_slice())?,
                    (true, _) => t.all_keepdim(axes(t, y).as_slice())?,
                    (false, 0) if t.dtype().is_int() => t.sum(axes(t, y).as_slice())?,
                    (false, 1) if any.level == Level::Exact => t.max_keepdim(axes(t, y).as_slice())?,
                    (false, _) if any.level == Level::Exact && t.rank() > 0 => {
                        t.argmax(y as isize % t.rank() as isize)?
                    }
                    _ => return Ok(None),
                };
                make(y, Level::Exact)
            }
            13..=15 => make(view(&any.tensor, y, detail)?, any.level),
            16 => {
                if t.rank() == 0 {
                    return Ok(None);
                }
                let inner = t.shape()[t.rank() - 1];
                let suits = |o: &Tensor| is_float(o) && o.rank() == 2 && o.shape()[0] == inner;
                let (y, level) = match self.pick(y, suits) {
                    Some(other) if detail % 2 == 0 => (t.matmul(&other.tensor)?, float.level.max(other.level)),
                    _ => (t.matmul(&t.t())?, float.level),
                };
                make((y * (1.0 / inner as f64)).tanh(), rounded(level))
            }
            17 if t.rank() > 0 => {
                let axis = y as isize % t.rank() as isize;
                let y = if detail % 2 == 0 { t.softmax(axis)? } else { t.log_softmax(axis)? * 0.25 };
                make(y, rounded(float.level))
            }
            18 if t.rank() > 0 => {
                let axis = y as usize % t.rank();
                let size = t.shape()[axis];
                let places: Vec<i64> = (0..3).map(|i| (detail as i64 + i * 7) % size as i64).collect();
                let index = Tensor::from_vec(places, [3], t.device())?;
                let picked = t.index_select(axis as isize, &index)?;
                if detail % 3 > 0 {
                    return make(picked, float.level);
                }
                let mut shape = [1; 8];
                shape[axis] = 3;
                let index = index.reshape(&shape[..t.rank()])?.expand(picked.shape())?;
                make((t * 0.25).scatter_add(axis as isize, &index, &(picked * 0.25))?, rounded(float.level))
            }
            19 if t.rank() > 0 => {
                let Some(other) = self.pick(y, |o| o.shape() == t.shape() && is_float(o)) else { return Ok(None) };
                let y = Tensor::cat(&[t, &other.tensor, t], detail as isize % t.rank() as isize)?;
                make(y, float.level.max(other.level))
            }
            20..=24 => {
                let wide = t.to_dtype(DType::F32);
                let Some(y) = layer(&wide, kind, y, detail)? else { return Ok(None) };
                // Where a maximum lies must not hang on rounding.
                let jumps = kind == 21 && detail % 2 == 0;
                if jumps && float.level > Level::Exact { Ok(None) } else { make(y, rounded(float.level)) }
            }
            _ => {
                let int = |t: &Tensor| t.dtype() == DType::I32;
                let Some(a) = self.pick(x, int) else { return Ok(None) };
                let Some(b) = self.pick(y, |o| int(o) && broadcasts(o.shape(), a.tensor.shape())) else {
                    return Ok(None);
                };
                let (a, b) = (&a.tensor, &b.tensor);
                let y = [a.add(b)?, a.mul(b)?, a.floor_divide(b)?, a.remainder(b)?, a.maximum(b)?][detail as usize % 5]
                    .clone();
                make(y, Level::Exact)
            }
        }
    }
}

fn broadcasts(from: &Shape, to: &Shape) -> bool {
    from.rank() <= to.rank() && from.iter().rev().zip(to.iter().rev()).all(|(a, b)| a == b || *a == 1)
}

/// One of the axes, or two, or all.
fn axes(t: &Tensor, which: u8) -> Vec<isize> {
    (0..t.rank() as isize).filter(|axis| which >> axis & 1 == 1).collect()
}

fn smooth(t: &Tensor, which: u8) -> Result<Tensor> {
    Ok(match which % 16 {
        0 => t.tanh(),
        1 => t.sin(),
        2 => t.cos(),
        3 => t.sigmoid(),
        4 => t.erf(),
        5 => t.gelu(),
        6 => t.silu(),
        7 => t.softplus() * 0.5,
        8 => t.clamp(-2.1, 1.3)?.exp(),
        9 => (t.square() + 1.0).log(),
        10 => (t.square() + 0.1).sqrt(),
        11 => (t.square() + 0.5).reciprocal(),
        12 => (t.square() + 0.5).rsqrt(),
        13 => t.mish(),
        14 => (t * 0.25).square(),
        _ => t.atan(),
    })
}

/// One of the layers, on a value seen as a signal `[batch, channels, length]`.
fn layer(t: &Tensor, which: u8, more: u8, detail: u8) -> Result<Option<Tensor>> {
    if t.rank() < 2 {
        return Ok(None);
    }
    let signal = if t.rank() == 2 { t.unsqueeze(0)? } else { t.flatten(0, -3)? };
    let [batch, channels, length] = signal.shape()[..] else { unreachable!("a signal has three axes") };
    let size = 1 + more as usize % 3;
    let y = match which {
        20 => {
            let groups = if more >> 4 & 1 == 1 { channels } else { 1 };
            let pad = detail as usize % 3;
            let options = ConvOptions::new().stride(1 + detail as usize / 4 % 2).padding(pad).groups(groups);
            if length + 2 * pad < size {
                return Ok(None);
            }
            // The kernel comes from the signal itself, so that both gradients flow.
            let taps = channels / groups * size;
            let kernel = signal.flatten(0, -1)?.narrow(0, 0, 1)?.expand([2 * channels, channels / groups, size])?;
            let ramp = Tensor::linspace(-1.0, 1.0, 2 * channels * taps, DType::F32, t.device())?;
            let kernel = (kernel + ramp.reshape([2 * channels, channels / groups, size])?) * (0.5 / taps as f64);
            if detail.is_multiple_of(5) {
                conv_transpose1d(&signal, &kernel.narrow(0, 0, channels)?, None, &ConvOptions::new().groups(groups), 0)?
            } else {
                conv1d(&signal, &kernel, None, &options)?
            }
        }
        21 => {
            if length < size {
                return Ok(None);
            }
            let options = PoolOptions::new(size).stride(1 + detail as usize / 8 % 2).padding(size / 2);
            if detail.is_multiple_of(2) { max_pool1d(&signal, options)? } else { avg_pool1d(&signal, options)? }
        }
        22 => {
            (match detail % 5 {
                0 => layer_norm(&signal, &[length], None, None, 0.5)?,
                1 => rms_norm(&signal, &[channels, length], None, Some(0.5))?,
                2 => group_norm(&signal, channels, None, None, 0.5)?,
                3 if batch * length > 1 => batch_norm(&signal, None, None, None, true, 0.5)?,
                _ => layer_norm(&signal, &[channels, length], None, None, 0.5)?,
            }) * 0.5
        }
        23 => {
            let options = AttentionOptions { is_causal: detail.is_multiple_of(2), ..Default::default() };
            scaled_dot_product_attention(&signal, &signal.tanh(), &signal, &options)?
        }
        _ => match detail % 4 {
            0 => interpolate(&signal, Target::<1>::size(1 + length * 3 / 2), InterpolateMode::Linear, false)?,
            1 => interpolate(&signal, Target::<1>::size(1 + length / 2), InterpolateMode::Nearest, false)?,
            2 => {
                // No distance is near 0, where its gradient jumps.
                let rows = signal.tanh();
                rows.cdist(&(&rows + 3.0), [1.0, 2.0, 3.0][more as usize % 3])? * 0.1
            }
            _ if length >= size => signal.unfold(-1, size, 1 + more as isize as usize / 8 % 2)? * 0.5,
            _ => return Ok(None),
        },
    };
    Ok(Some(y))
}

fn reduce(value: &Value, which: u8, detail: u8) -> Result<Option<Value>> {
    let t = &value.tensor;
    let axes = axes(t, which);
    let axes = axes.as_slice();
    let reduced = match detail % 6 {
        0 | 1 => t.mean_keepdim(axes)?,
        2 => (t * 0.5).tanh().sum_keepdim(axes)?.tanh(),
        3 => t.tanh().prod_keepdim(axes)?,
        4 => t.logsumexp_keepdim(axes)? * 0.4,
        _ => t.var_keepdim(axes, 0.0)? * 0.2,
    };
    let tensor = match detail >> 3 & 3 {
        0 => reduced,
        1 => (t - &reduced) * 0.5,
        2 => reduced.expand(t.shape())?,
        _ => reduced.flatten(0, -1).or_else(|_| reduced.reshape([reduced.numel()]))?,
    };
    Ok(Some(Value { tensor, level: value.level.max(Level::Single) }))
}

fn view(t: &Tensor, which: u8, detail: u8) -> Result<Tensor> {
    let rank = t.rank() as isize;
    if rank == 0 {
        return t.expand([3]);
    }
    let axis = which as isize % rank;
    let size = t.shape()[axis as usize] as isize;
    let from = (detail >> 4) as isize % size;
    match detail % 10 {
        0 => t.transpose(axis, -1),
        1 => t.permute((0..rank).map(|a| (a + axis) % rank).collect::<Vec<_>>()),
        2 => t.flip([axis]),
        3 => t.slice(axis, from, size, 2),
        4 => t.slice(axis, -1, isize::MIN, -2),
        5 => t.reshape([t.numel()]),
        6 if rank < 4 => t.unsqueeze(axis),
        7 if rank < 4 => t.unsqueeze(0)?.expand([&[2], t.shape().dims()].concat()),
        8 if t.dtype() != DType::Bool => {
            let widths: Vec<(usize, usize)> =
                (0..rank).map(|a| if a == axis { (1, from as usize % 3) } else { (0, 0) }).collect();
            t.pad(&widths)
        }
        9 if t.numel().is_multiple_of(2) => t.reshape([2, t.numel() / 2]),
        _ => t.narrow(axis, from as usize, (size - from) as usize),
    }
}

/// Every kept value, and the gradients of their weighted sum.
fn evaluate(program: &Program, device: &Device) -> Result<Vec<(Level, Vec<Scalar>)>> {
    let (mut run, leaves) = Run::new(program, device)?;
    let mut kept = Vec::new();
    for &step in &program.steps {
        let before = run.values.len();
        run.step(step)?;
        if step.kept && run.values.len() > before {
            kept.extend(run.values.last().cloned());
        }
    }
    kept.extend(run.values.last().cloned());
    // What nobody reads any more is for the scheduler to swallow.
    drop(run);
    let mut out = Vec::new();
    if program.gradients {
        let mut loss: Option<Tensor> = None;
        let mut level = Level::Exact;
        for value in kept.iter().filter(|v| v.tensor.is_tracked()) {
            let part = (value.tensor.to_dtype(DType::F32) * 1.5).mean(())?;
            level = level.max(value.level);
            loss = Some(loss.map_or(part.clone(), |sum| sum + part));
        }
        if let Some(loss) = loss {
            let grads = loss.backward()?;
            for leaf in leaves.iter().filter_map(|leaf| grads.get(leaf)) {
                out.push((level.max(Level::Single), leaf.clone()));
            }
        }
    }
    out.extend(kept.into_iter().map(|v| (v.level, v.tensor)));
    out.iter().map(|(level, t)| Ok((*level, values(t)?))).collect()
}

/// Runs a number of programs, with layers or without, and compares what two devices make of them.
fn compare(count: u32, layers: bool, a: &Device, b: &Device, tolerance: fn(Level) -> (f64, f64)) {
    let config = Config { cases: count, failure_persistence: None, max_shrink_iters: 2000, ..Config::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let result = TestRunner::new_with_rng(config, rng).run(&programs(layers), |program| {
        let fail = |why: String| TestCaseError::fail(why);
        let expected = evaluate(&program, a).map_err(|e| fail(e.to_string()))?;
        let got = match evaluate(&program, b) {
            // Tables are not worked on in pieces.
            Err(Error::TooLarge { .. }) => return Err(TestCaseError::reject("a table past the limit")),
            got => got.map_err(|e| fail(e.to_string()))?,
        };
        prop_assert_eq!(got.len(), expected.len());
        for (i, ((_, got), (level, expected))) in got.iter().zip(&expected).enumerate() {
            let (relative, absolute) = tolerance(*level);
            if let Some(why) = difference(got, expected, relative, absolute) {
                return Err(fail(format!("value {i}, {level:?}: {why}")));
            }
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

fn device(name: &str) -> Option<&'static Device> {
    common::devices().iter().find(|(n, _)| *n == name).map(|(_, device)| device)
}

/// How many programs run on the GPU, where each has kernels of its own to compile: `KILN_TEST_GRAPHS`, or a few.
fn gpu_count() -> u32 {
    std::env::var("KILN_TEST_GRAPHS").map_or(192, |count| count.parse().expect("KILN_TEST_GRAPHS is a number"))
}

fn rounding(level: Level) -> (f64, f64) {
    match level {
        Level::Exact => (0.0, 0.0),
        Level::Single => (1e-4, 1e-4),
        Level::Half => (3e-2, 3e-2),
    }
}

#[test]
fn fusion_changes_no_bit() {
    let (Some(fused), Some(unfused)) = (device("cpu"), device("cpu, unfused")) else { panic!("there is a CPU") };
    compare(2000, false, unfused, fused, |_| (0.0, 0.0));
}

/// What layers gather from memory decides in which order a sum over columns runs; nothing else may differ.
#[test]
fn fusion_of_layers_reorders_sums_at_most() {
    let (Some(fused), Some(unfused)) = (device("cpu"), device("cpu, unfused")) else { panic!("there is a CPU") };
    compare(2000, true, unfused, fused, |level| match level {
        Level::Exact => (0.0, 0.0),
        // One unit in the last place of a half.
        Level::Half => (2e-3, 2e-3),
        Level::Single => (1e-5, 1e-5),
    });
}

#[test]
fn the_gpu_agrees_with_the_cpu() {
    if let (Some(cpu), Some(gpu)) = (device("cpu"), device("gpu")) {
        compare(gpu_count(), true, cpu, gpu, rounding);
    }
}

#[test]
fn the_gpu_agrees_with_the_cpu_op_by_op() {
    if let (Some(cpu), Some(gpu)) = (device("cpu"), device("gpu, unfused")) {
        compare(gpu_count(), true, cpu, gpu, rounding);
    }
}

#[test]
fn kernels_that_see_windows_agree_with_the_cpu() {
    let mut options = DeviceOptions::default();
    options.max_binding_bytes = Some(512);
    if let (Some(cpu), Some(_)) = (device("cpu"), device("gpu")) {
        compare(gpu_count() / 2, true, cpu, &Device::gpu_with(0, options).expect("opened before"), rounding);
    }
}
