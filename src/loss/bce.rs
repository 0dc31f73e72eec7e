//! Binary cross-entropy.

use super::{Loss, Reduction, check_pair, constant, reduction, weighed};
use crate::{
    Result, Tensor,
    autograd::{self, Rule},
};

/// The mean of `-(y log p + (1 - y) log(1 - p))` for probabilities `p`, as PyTorch's `binary_cross_entropy`.
///
/// Logarithms are limited to -100, so that a confident error costs 100 rather than everything. From logits,
/// [`bce_with_logits`] is exact.
///
/// # Errors
/// If the shapes or the devices differ, or the target is tracked.
pub fn bce(probabilities: &Tensor, target: &Tensor) -> Result<Tensor> {
    Bce::new().loss(probabilities, target)
}

/// The mean of the binary cross-entropy of `sigmoid(logits)`, without overflow.
///
/// # Errors
/// If the shapes or the devices differ.
///
/// ```
/// # use kiln::prelude::*;
/// let x = Tensor::from_slice(&[0.0f32, 100.0], [2], &Device::cpu())?;
/// let y = Tensor::from_slice(&[1.0f32, 0.0], [2], &Device::cpu())?;
/// assert_eq!(bce_with_logits(&x, &y)?.item::<f32>()?, (2f32.ln() + 100.0) / 2.0);
/// # Ok::<(), kiln::Error>(())
/// ```
pub fn bce_with_logits(logits: &Tensor, target: &Tensor) -> Result<Tensor> {
    BceWithLogits::new().loss(logits, target)
}

/// [`bce`] with options.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bce {
    reduction: Reduction,
}

/// [`bce_with_logits`] with options.
#[derive(Clone, Default)]
pub struct BceWithLogits {
    reduction: Reduction,
    pos_weight: Option<Tensor>,
}

impl Bce {
    /// The mean.
    pub fn new() -> Self {
        Self::default()
    }
}

impl BceWithLogits {
    /// The mean, with equal weights.
    pub fn new() -> Self {
        Self::default()
    }

    /// The weight of the positive class: one number, or one for each of the last axis.
    pub fn pos_weight(mut self, weight: &Tensor) -> Self {
        self.pos_weight = Some(weight.detach());
        self
    }
}

reduction!(Bce, BceWithLogits);

impl Loss for Bce {
    fn loss(&self, prediction: &Tensor, target: &Tensor) -> Result<Tensor> {
        check_pair("bce", prediction, target)?;
        constant("bce", target)?;
        let dtype = prediction.dtype().to_float();
        let tracked = prediction.to_dtype(dtype.wide());
        let (p, y) = (tracked.detach(), target.to_dtype(dtype.wide()));
        let log = |p: Tensor| p.maximum(-100.0);
        let losses = (&y - 1.0) * &log((-&p).log1p())? - &y * &log(p.log())?;
        let losses = autograd::track(losses, &[&tracked.clone()], |_| {
            Rule::custom(move |g| {
                let p = &tracked;
                let slope = (p - &y) / (p * &(1.0 - p)).maximum(1e-12)?;
                Ok(vec![Some(g * &slope)])
            })
        });
        self.reduction.apply(&losses, dtype)
    }
}

impl Loss for BceWithLogits {
    fn loss(&self, prediction: &Tensor, target: &Tensor) -> Result<Tensor> {
        check_pair("bce_with_logits", prediction, target)?;
        let dtype = prediction.dtype().to_float();
        let (x, y) = (prediction.to_dtype(dtype.wide()), target.to_dtype(dtype.wide()));
        let positive = match &self.pos_weight {
            Some(weight) => {
                let weight = weight.to_device(x.device())?.to_dtype(x.dtype());
                y.mul(weight).map_err(|error| error.in_op("bce_with_logits"))?
            }
            None => y.clone(),
        };
        // Each class by a logarithm of its own: the other one may be infinite where its share is 0.
        let losses = weighed(&(1.0 - &y), &x.softplus())? + weighed(&positive, &(-&x).softplus())?;
        self.reduction.apply(&losses, dtype)
    }
}
