//! Losses for numbers.

use super::{Loss, Reduction, check_pair, reduction};
use crate::{DType, Error, Result, Tensor};

/// The mean of `(prediction - target)^2`.
///
/// # Errors
/// If the shapes or the devices differ.
///
/// ```
/// # use kiln::prelude::*;
/// let (a, b) = (Tensor::ones([4], DType::F32, &Device::cpu()), Tensor::zeros([4], DType::F32, &Device::cpu()));
/// assert_eq!(mse(&(a * 3.0), &b)?.item::<f32>()?, 9.0);
/// # Ok::<(), kiln::Error>(())
/// ```
pub fn mse(prediction: &Tensor, target: &Tensor) -> Result<Tensor> {
    Mse::new().loss(prediction, target)
}

/// The mean of `|prediction - target|`.
///
/// # Errors
/// If the shapes or the devices differ.
pub fn l1(prediction: &Tensor, target: &Tensor) -> Result<Tensor> {
    L1::new().loss(prediction, target)
}

/// The mean of the [`SmoothL1`] loss with `beta` 1, also known as Huber's.
///
/// # Errors
/// If the shapes or the devices differ.
pub fn smooth_l1(prediction: &Tensor, target: &Tensor) -> Result<Tensor> {
    SmoothL1::new().loss(prediction, target)
}

/// [`mse`] with options.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mse {
    reduction: Reduction,
}

/// [`l1`] with options.
#[derive(Clone, Copy, Debug, Default)]
pub struct L1 {
    reduction: Reduction,
}

/// `d^2 / (2 beta)` where the distance `d` is below `beta`, else `d - beta / 2`.
#[derive(Clone, Copy, Debug)]
pub struct SmoothL1 {
    beta: f64,
    reduction: Reduction,
}

impl Mse {
    /// The mean.
    pub fn new() -> Self {
        Self::default()
    }
}

impl L1 {
    /// The mean.
    pub fn new() -> Self {
        Self::default()
    }
}

impl SmoothL1 {
    /// The mean, with `beta` 1.
    pub fn new() -> Self {
        Self { beta: 1.0, reduction: Reduction::Mean }
    }

    /// The distance above which the loss is linear.
    pub fn beta(mut self, beta: f64) -> Self {
        self.beta = beta;
        self
    }
}

impl Default for SmoothL1 {
    fn default() -> Self {
        Self::new()
    }
}

reduction!(Mse, L1, SmoothL1);

/// `prediction - target`, of halves in `F32`, and the dtype of the loss.
fn difference(op: &'static str, prediction: &Tensor, target: &Tensor) -> Result<(Tensor, DType)> {
    check_pair(op, prediction, target)?;
    let dtype = DType::promote(prediction.dtype(), target.dtype());
    Ok((prediction.widened().sub(target.widened())?, dtype))
}

impl Loss for Mse {
    fn loss(&self, prediction: &Tensor, target: &Tensor) -> Result<Tensor> {
        let (difference, dtype) = difference("mse", prediction, target)?;
        self.reduction.apply(&difference.square(), dtype)
    }
}

impl Loss for L1 {
    fn loss(&self, prediction: &Tensor, target: &Tensor) -> Result<Tensor> {
        let (difference, dtype) = difference("l1", prediction, target)?;
        self.reduction.apply(&difference.abs(), dtype)
    }
}

impl Loss for SmoothL1 {
    fn loss(&self, prediction: &Tensor, target: &Tensor) -> Result<Tensor> {
        let (difference, dtype) = difference("smooth_l1", prediction, target)?;
        if self.beta.is_nan() || self.beta <= 0.0 {
            return Err(Error::argument("smooth_l1", format!("beta is {}, but must be above 0", self.beta)));
        }
        let distance = difference.abs();
        let is_near = distance.lt(self.beta)?;
        // The square of a far distance may be infinite, and its gradient NaN. Of the difference itself, as the slope of its
        // magnitude is 0 at 0.
        let near = is_near.where_(&difference, 0.0)?.square() * (0.5 / self.beta);
        self.reduction.apply(&is_near.where_(&near, &(&distance - 0.5 * self.beta))?, dtype)
    }
}
