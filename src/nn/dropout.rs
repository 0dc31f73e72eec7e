//! Dropout.

use super::{Forward, Module, Training, traced};
use crate::{
    Error, Result, Tensor,
    autograd::{self, Rule, no_grad},
    tensor::random::next_seed,
};

/// In training, sets each element to 0 with probability `p` and scales the others by `1 / (1 - p)`; else does nothing.
#[derive(Clone, Module)]
pub struct Dropout {
    p: f64,
    training: Training,
}

impl Dropout {
    /// A layer that drops this share of the elements.
    ///
    /// # Errors
    /// If the probability is not in `0.0..=1.0`.
    pub fn new(p: f64) -> Result<Self> {
        check_share("dropout", p)?;
        Ok(Self { p, training: Training::default() })
    }
}

impl Forward for Dropout {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        traced(self, if self.training.get() { dropout(x, self.p) } else { Ok(x.clone()) })
    }
}

/// Each element set to 0 with probability `p`, the others scaled by `1 / (1 - p)`. As in PyTorch, the elements are
/// multiplied by 0: one that is infinite or NaN becomes NaN and stays visible.
///
/// # Errors
/// If the probability is not in `0.0..=1.0`.
pub fn dropout(x: &Tensor, p: f64) -> Result<Tensor> {
    check_share("dropout", p)?;
    if p == 0.0 { Ok(x.clone()) } else { dropout_with(x, p, next_seed()) }
}

/// [`dropout`] with a seed of its own.
pub(super) fn dropout_with(x: &Tensor, p: f64, seed: u64) -> Result<Tensor> {
    let kept = Tensor::bernoulli(1.0 - p, *x.shape(), seed, x.device())?;
    let scale = if p < 1.0 { 1.0 / (1.0 - p) } else { 0.0 };
    Ok(masked(&x.to_dtype(x.dtype().to_float()), &kept, scale))
}

/// The elements times `scale` or 0. The tape keeps the mask, which is smaller than the factors.
fn masked(x: &Tensor, kept: &Tensor, scale: f64) -> Tensor {
    let dtype = x.dtype();
    let y = no_grad(|| x.widened() * (kept.to_dtype(dtype.wide()) * scale)).to_dtype(dtype);
    let kept = kept.clone();
    autograd::track(y, &[x], |_| Rule::custom(move |g| Ok(vec![Some(masked(g, &kept, scale))])))
}

pub(super) fn check_share(op: &'static str, p: f64) -> Result<()> {
    if (0.0..=1.0).contains(&p) {
        return Ok(());
    }
    Err(Error::argument(op, format!("the probability {p} is not in 0..=1")))
}
