//! A program at work on a device.

use kiln::{DType, Device, Result, Scalar, Tensor};
use kiln_tests::{
    draw::Draw,
    values::{tensor, values},
};

use super::{
    Level, Program, Step, Value,
    steps::{axes, broadcasts, layer, reduce, smooth, view},
};

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
                let y = condition.tensor.where_(t, &other.tensor)?;
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
                let y = match detail % 6 {
                    0 => t.softmax(axis)?,
                    1 => t.log_softmax(axis)? * 0.25,
                    2 => t.cumsum(axis)? * (0.5 / t.shape()[axis as usize] as f64),
                    3 => t.logcumsumexp(axis)? * 0.25,
                    4 if float.level == Level::Exact => return make(t.cummax(axis)?.0, Level::Exact),
                    _ => t.tanh().cumprod(axis)?,
                };
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

/// Every kept value, and the gradients of their weighted sum.
pub fn evaluate(program: &Program, device: &Device) -> Result<Vec<(Level, Vec<Scalar>)>> {
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
