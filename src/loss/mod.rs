//! Losses: how far a prediction is from its target.
//!
//! Each is a function, with the mean over all elements, and a struct with options that a `Trainer` takes.

mod bce;
mod cross_entropy;
mod regression;

pub use bce::{Bce, BceWithLogits, bce, bce_with_logits};
pub use cross_entropy::{CrossEntropy, Nll, cross_entropy, nll};
pub use regression::{L1, Mse, SmoothL1, l1, mse, smooth_l1};

use crate::{
    DType, Error, Result, Tensor,
    autograd::{self, Rule},
};

/// A measure of how far a prediction is from its target. Functions of two tensors are losses too.
pub trait Loss {
    /// The loss, a single number unless its reduction says otherwise.
    ///
    /// # Errors
    /// If the tensors do not suit the loss.
    fn loss(&self, prediction: &Tensor, target: &Tensor) -> Result<Tensor>;
}

impl<F: Fn(&Tensor, &Tensor) -> Result<Tensor>> Loss for F {
    fn loss(&self, prediction: &Tensor, target: &Tensor) -> Result<Tensor> {
        self(prediction, target)
    }
}

/// What becomes of the losses of the elements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reduction {
    /// Their mean.
    #[default]
    Mean,
    /// Their sum.
    Sum,
    /// They are returned as they are.
    None,
}

impl Reduction {
    /// Applied to losses of inputs of dtype `dtype`: those of halves come in `F32`, and are rounded here.
    fn apply(self, losses: &Tensor, dtype: DType) -> Result<Tensor> {
        let y = match self {
            Reduction::Mean => losses.mean(())?,
            Reduction::Sum => losses.sum(())?,
            Reduction::None => losses.clone(),
        };
        Ok(if dtype == dtype.wide() { y } else { y.to_dtype(dtype) })
    }
}

/// `weight * loss`, but 0 where the weight is 0, also of a loss that is infinite or NaN.
fn weighed(weight: &Tensor, loss: &Tensor) -> Result<Tensor> {
    let (w, l) = (weight.detach(), loss.detach());
    let y = w.eq(0.0)?.where_(0.0, w.mul(l)?)?;
    let saved = [weight.clone(), loss.clone()];
    Ok(autograd::track(y, &[weight, loss], |_| {
        Rule::needed(move |g, needed| {
            let by = |i: usize| if needed[1 - i] { g.mul(&saved[i]).map(Some) } else { Ok(None) };
            Ok(vec![by(1)?, by(0)?])
        })
    }))
}

/// Checks that prediction and target have one shape and one device. Losses do not broadcast: `[n]` against `[n, 1]`
/// would silently compare each with each.
fn check_pair(op: &'static str, prediction: &Tensor, target: &Tensor) -> Result<()> {
    if prediction.shape() != target.shape() {
        let reason = "prediction and target must have the same shape";
        return Err(Error::shapes(op, prediction.shape(), target.shape(), reason));
    }
    prediction.same_device(target, op)
}

/// For losses whose gradient is that of the prediction alone.
fn constant(op: &'static str, target: &Tensor) -> Result<()> {
    if target.is_tracked() {
        return Err(Error::argument(op, "the target is tracked, but has no gradient here: give `target.detach()`"));
    }
    Ok(())
}

/// Gives a loss struct its reduction option.
macro_rules! reduction {
    ($($t:ty),*) => {$(
        impl $t {
            /// What becomes of the losses of the elements; at first their mean.
            pub fn reduction(mut self, reduction: $crate::loss::Reduction) -> Self {
                self.reduction = reduction;
                self
            }
        }
    )*};
}
use reduction;
