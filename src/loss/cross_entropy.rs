//! Cross-entropy over classes.

use super::{Loss, Reduction, constant, reduction, weighed};
use crate::{
    DType, Error, Result, Shape, Tensor,
    autograd::{self, Rule, is_grad_enabled},
    layout::View,
    op::{Check, ClassIds, IndexOp},
    shape::MAX_RANK,
};

/// The mean cross-entropy between `softmax(logits)` and a target, as PyTorch's `cross_entropy`.
///
/// Classes lie on axis 1 (axis 0 of a vector). The target holds class ids of any integer dtype, in the logits' shape
/// without that axis, or probabilities in the logits' shape. Samples with the id -100 do not count. Another id that is no
/// class is an error: at the call where the ids lie in the memory of the CPU, else when the loss is computed or, on a
/// GPU, at the next read ([`Error::Index`]); the loss and the gradients of its sample are NaN then.
///
/// # Errors
/// If the shapes do not fit, an id is no class, the devices differ, or the target is tracked.
///
/// ```
/// # use kiln::prelude::*;
/// let device = Device::cpu();
/// let logits = Tensor::zeros([2, 4], DType::F32, &device);
/// let target = Tensor::from_slice(&[3i64, 0], [2], &device)?;
/// assert_eq!(cross_entropy(&logits, &target)?.item::<f32>()?, 4f32.ln());
/// # Ok::<(), kiln::Error>(())
/// ```
pub fn cross_entropy(logits: &Tensor, target: &Tensor) -> Result<Tensor> {
    CrossEntropy::new().loss(logits, target)
}

/// The mean of `-log_probabilities[target]` over the samples, for what `log_softmax` gave. Samples with the id -100 do not
/// count; an id that is no class is an error as in [`cross_entropy`].
///
/// # Errors
/// If the shapes do not fit, an id is no class, or the devices differ.
pub fn nll(log_probabilities: &Tensor, target: &Tensor) -> Result<Tensor> {
    Nll::new().loss(log_probabilities, target)
}

/// [`cross_entropy`] with options.
#[derive(Clone)]
pub struct CrossEntropy {
    reduction: Reduction,
    label_smoothing: f64,
    ignore_index: i64,
    weight: Option<Tensor>,
}

/// [`nll`] with options.
#[derive(Clone, Copy, Debug)]
pub struct Nll {
    reduction: Reduction,
    ignore_index: i64,
}

/// The class id of samples that do not count, as in PyTorch.
const IGNORED: i64 = -100;

impl Default for CrossEntropy {
    fn default() -> Self {
        Self { reduction: Reduction::Mean, label_smoothing: 0.0, ignore_index: IGNORED, weight: None }
    }
}

impl Default for Nll {
    fn default() -> Self {
        Self { reduction: Reduction::Mean, ignore_index: IGNORED }
    }
}

impl CrossEntropy {
    /// The mean, without smoothing or weights.
    pub fn new() -> Self {
        Self::default()
    }

    /// Mixes the target with this share of the uniform distribution.
    pub fn label_smoothing(mut self, share: f64) -> Self {
        self.label_smoothing = share;
        self
    }

    /// Samples with this class id do not count; at first -100.
    pub fn ignore_index(mut self, id: i64) -> Self {
        self.ignore_index = id;
        self
    }

    /// A weight for each class. The mean over class ids is then the weighted mean.
    pub fn weight(mut self, weight: &Tensor) -> Self {
        self.weight = Some(weight.detach());
        self
    }
}

impl Nll {
    /// The mean.
    pub fn new() -> Self {
        Self::default()
    }

    /// Samples with this class id do not count; at first -100.
    pub fn ignore_index(mut self, id: i64) -> Self {
        self.ignore_index = id;
        self
    }
}

reduction!(CrossEntropy, Nll);

/// Class ids beside the scores that they choose from.
struct Ids {
    /// Per score, whether it is of the sample's class.
    hit: Tensor,
    samples: Samples,
}

impl Ids {
    fn new(op: IndexOp, scores: &Tensor, axis: usize, target: &Tensor, ignore: i64) -> Result<Self> {
        let (check, op) = (Check { op, axis: axis as u8 }, op.name());
        if target.dtype().is_float() {
            return Err(Error::dtype(
                op,
                target.dtype(),
                "class ids are integers; probabilities have the scores' shape",
            ));
        }
        if *target.shape() != scores.shape().remove(axis) {
            let reason = "the target must have the shape of the scores, or that shape without the class axis";
            return Err(Error::shapes(op, scores.shape(), target.shape(), reason));
        }
        let classes = scores.shape()[axis];
        if classes == 0 && target.numel() > 0 {
            return Err(Error::shape(op, scores.shape(), "there are no classes"));
        }
        let target = if target.dtype() == DType::Bool { &target.to_dtype(DType::U8) } else { target };
        let ignore = Some(ignore).filter(|&id| target.dtype().holds(id));
        let mut how = ClassIds { check, classes, ignore };
        let ids = target.class_ids(&mut how)?.unsqueeze(axis as isize)?;
        // Compared rather than gathered: that fuses with the reductions over the classes.
        let hit = coordinates(scores.shape(), axis, scores).eq(&ids)?;
        let one = Tensor::full((), 1.0, scores.dtype(), scores.device())?;
        let mut count = ids.ne(ClassIds::OUTSIDE)?.where_(one, f64::NAN)?;
        let skips = how.ignore.is_some();
        if skips {
            count = ids.ne(ClassIds::IGNORED)?.where_(count, 0.0)?;
        }
        Ok(Self { hit, samples: Samples { count, skips } })
    }
}

/// The class number of each score.
fn coordinates(shape: &Shape, axis: usize, like: &Tensor) -> Tensor {
    let mut view = View { shape: *shape, strides: [0; MAX_RANK], offset: 0 };
    view.strides[axis] = 1;
    Tensor::coordinates(view, like.device())
}

/// Where the classes lie.
fn class_axis(op: &'static str, scores: &Tensor) -> Result<usize> {
    match scores.rank() {
        0 => Err(Error::shape(op, scores.shape(), "there is no class axis")),
        rank => Ok(usize::from(rank > 1)),
    }
}

impl Loss for CrossEntropy {
    fn loss(&self, prediction: &Tensor, target: &Tensor) -> Result<Tensor> {
        let op = "cross_entropy";
        prediction.same_device(target, op)?;
        constant(op, target)?;
        let dtype = prediction.dtype().to_float();
        let x = prediction.to_dtype(dtype.wide());
        let axis = class_axis(op, &x)?;
        let count = x.shape()[axis];
        let weight = match &self.weight {
            Some(weight) => {
                if weight.shape() != &[count] {
                    let reason = format!("there must be one weight for each of {count} classes");
                    return Err(Error::shape(op, weight.shape(), reason));
                }
                let mut along = *x.shape();
                along.iter_mut().enumerate().filter(|(i, _)| *i != axis).for_each(|(_, n)| *n = 1);
                Some(weight.to_device(x.device())?.to_dtype(x.dtype()).reshape(along)?)
            }
            None => None,
        };
        let uniform = self.label_smoothing / count as f64;
        let smooth = |q: &Tensor| if uniform == 0.0 { q.clone() } else { q * (1.0 - self.label_smoothing) + uniform };
        let weigh = |q: Tensor| if let Some(w) = &weight { &q * w } else { q };

        if target.shape() == x.shape() && target.dtype().is_float() {
            let losses = spread(&x, axis, weigh(smooth(&target.to_dtype(x.dtype()))), None)?;
            let losses = losses.squeeze(axis as isize)?;
            return match self.reduction {
                Reduction::Mean => Ok((losses.sum(())? * (1.0 / losses.numel() as f64)).to_dtype(dtype)),
                reduction => reduction.apply(&losses, dtype),
            };
        }
        let Ids { hit, samples } = Ids::new(IndexOp::CrossEntropy, &x, axis, target, self.ignore_index)?;
        // The weight of each sample's class.
        let share = weight.as_ref().map(|w| hit.where_(w, 0.0)?.sum_keepdim(axis as isize)).transpose()?;
        let losses = match &share {
            _ if uniform != 0.0 => spread(&x, axis, weigh(smooth(&hit.to_dtype(x.dtype()))), Some(samples.clone()))?,
            Some(share) => {
                let losses = picked(&x, axis, &hit, samples.clone())?;
                // A class without weight may be impossible. A NaN still shows.
                let none = share.eq(0.0)?.logical_and(losses.eq(f64::INFINITY)?)?;
                none.where_(0.0, losses.mul(share)?)?
            }
            None => picked(&x, axis, &hit, samples.clone())?,
        };
        let losses = losses.squeeze(axis as isize)?;
        match self.reduction {
            Reduction::Mean if share.is_some() || samples.skips => {
                let total = match share {
                    Some(share) => samples.masked(&share)?.sum(())?,
                    None => samples.total()?,
                };
                Ok((losses.sum(())? / total).to_dtype(dtype))
            }
            reduction => reduction.apply(&losses, dtype),
        }
    }
}

/// Which samples count.
#[derive(Clone)]
struct Samples {
    /// 1 where a sample counts, 0 where it does not, whatever the scores are, and NaN where its id is no class. One float
    /// rather than two Booleans: a GPU stores those in a kernel of their own.
    count: Tensor,
    /// Whether there may be some that do not count.
    skips: bool,
}

impl Samples {
    /// Values per sample, where they count.
    fn counted(&self, values: &Tensor) -> Result<Tensor> {
        self.scaled(values, &self.count)
    }

    /// The scores' gradient from their slopes and the losses' gradient.
    fn gradient(&self, slopes: &Tensor, g: &Tensor) -> Result<Tensor> {
        self.scaled(slopes, &self.count.mul(g)?)
    }

    fn scaled(&self, values: &Tensor, factor: &Tensor) -> Result<Tensor> {
        self.masked(&values.mul(factor)?)
    }

    /// Values that are 0 where a sample does not count.
    fn masked(&self, values: &Tensor) -> Result<Tensor> {
        if self.skips { self.count.eq(0.0)?.where_(0.0, values) } else { Ok(values.clone()) }
    }

    /// How many samples there are that count; those without a class do, which keeps the others' gradients finite.
    fn total(&self) -> Result<Tensor> {
        self.masked(&self.count.ones_like())?.sum(())
    }
}

/// `x - max` and the sum of its exponentials, off the tape.
fn shifted(x: &Tensor, axis: usize) -> Result<(Tensor, Tensor, Tensor)> {
    let x = x.detach();
    let shifted = &x - &x.max_keepdim(axis as isize)?;
    let exp = shifted.exp();
    let sum = exp.sum_keepdim(axis as isize)?;
    Ok((shifted, exp, sum))
}

/// `-log_softmax(x)` of the one class that is hit.
fn picked(x: &Tensor, axis: usize, hit: &Tensor, samples: Samples) -> Result<Tensor> {
    let (shifted, exp, sum) = shifted(x, axis)?;
    let y = samples.counted(&(sum.log() - hit.where_(&shifted, 0.0)?.sum_keepdim(axis as isize)?))?;
    let (source, hit) = (x.clone(), hit.clone());
    Ok(autograd::track(y, &[x], |_| {
        Rule::custom(move |g| {
            // The row kernel of the loss has these values already; a second derivative needs them on the tape.
            let softmax = if is_grad_enabled() { source.softmax(axis as isize)? } else { &exp / &sum };
            Ok(vec![Some(samples.gradient(&(softmax - hit.to_dtype(source.dtype())), g)?)])
        })
    }))
}

/// `-sum(q * log_softmax(x))` along the class axis.
fn spread(x: &Tensor, axis: usize, q: Tensor, samples: Option<Samples>) -> Result<Tensor> {
    let at = axis as isize;
    let (shifted, exp, sum) = shifted(x, axis)?;
    let total = q.sum_keepdim(at)?;
    let y = sum.log() * &total - weighed(&q, &shifted)?.sum_keepdim(at)?;
    let y = match &samples {
        Some(samples) => samples.counted(&y)?,
        None => y,
    };
    let source = x.clone();
    Ok(autograd::track(y, &[x], |_| {
        Rule::custom(move |g| {
            let softmax = if is_grad_enabled() { source.softmax(at)? } else { &exp / &sum };
            let slopes = softmax * &total - &q;
            Ok(vec![Some(match &samples {
                Some(samples) => samples.gradient(&slopes, g)?,
                None => slopes.mul(g)?,
            })])
        })
    }))
}

impl Loss for Nll {
    fn loss(&self, prediction: &Tensor, target: &Tensor) -> Result<Tensor> {
        prediction.same_device(target, "nll")?;
        let dtype = prediction.dtype();
        let x = prediction.widened();
        let axis = class_axis("nll", &x)?;
        let Ids { hit, samples } = Ids::new(IndexOp::Nll, &x, axis, target, self.ignore_index)?;
        let of_rule = samples.clone();
        let losses = samples.counted(&hit.where_(-x.detach(), 0.0)?.sum_keepdim(axis as isize)?)?;
        let losses = autograd::track(losses, &[&x], |_| {
            let dtype = x.dtype();
            Rule::custom(move |g| Ok(vec![Some(of_rule.gradient(&-hit.to_dtype(dtype), g)?)]))
        });
        let losses = losses.squeeze(axis as isize)?;
        match self.reduction {
            Reduction::Mean if samples.skips => Ok((losses.sum(())? / samples.total()?).to_dtype(dtype)),
            reduction => reduction.apply(&losses, dtype),
        }
    }
}
