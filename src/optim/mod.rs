//! Optimizers: how gradients change parameters.

mod adam;
mod clip;
mod sgd;
mod slots;

use std::borrow::Borrow;

pub use adam::{Adam, AdamW};
pub use clip::clip_grad_norm;
pub use sgd::Sgd;

use crate::{Gradients, Param, Result, Tensor};

/// Changes parameters by their gradients.
///
/// An optimizer is made from its learning rate and bound to parameters by `with`; a `Trainer` binds it to its model
/// if that has not been done. Steps of `F16` and `BF16` parameters are computed in `F32`, in which their state is kept.
///
/// ```
/// # use kiln::prelude::*;
/// # let device = Device::cpu();
/// # let (x, y) = (Tensor::ones([4, 2], DType::F32, &device), Tensor::zeros([4, 1], DType::F32, &device));
/// let net = Linear::new(2, 1, &device)?;
/// let mut optimizer = Sgd::new(0.1).with(net.parameters());
/// let mut losses = Vec::new();
/// for _ in 0..3 {
///     let loss = mse(&net.forward(&x)?, &y)?;
///     optimizer.step(loss.backward()?)?;
///     losses.push(loss.item::<f32>()?);
/// }
/// assert!(losses[2] < losses[0]);
/// # Ok::<(), kiln::Error>(())
/// ```
pub trait Optimizer {
    /// The parameters that it changes.
    fn params(&self) -> &[Param];

    /// Binds it to these parameters and forgets its state.
    fn bind(&mut self, params: Vec<Param>);

    /// The learning rate.
    fn lr(&self) -> f64;

    /// Sets the learning rate from the next step on.
    fn set_lr(&mut self, lr: f64);

    /// Assigns to each parameter that has a gradient; leaves the work in the device's queue.
    ///
    /// # Errors
    /// If no parameters are bound.
    fn update(&mut self, grads: &Gradients) -> Result<()>;

    /// [`update`](Self::update), then hands the work of the whole step to the device.
    ///
    /// Give the gradients away (`step(grads)`) rather than lend them (`step(&grads)`) where you do not need them any
    /// more: then they need not be stored.
    ///
    /// # Errors
    /// If no parameters are bound, or the device fails.
    fn step(&mut self, grads: impl Borrow<Gradients>) -> Result<()>
    where
        Self: Sized,
    {
        self.update(grads.borrow())?;
        drop(grads);
        match self.params().first() {
            Some(param) => param.tensor().device().flush(),
            None => Ok(()),
        }
    }

    /// The state by name, such as `3.exp_avg` for parameter 3, for a checkpoint.
    fn state(&self) -> Vec<(String, Tensor)>;

    /// Puts back what [`state`](Self::state) gave, for an optimizer that is bound to the same parameters.
    ///
    /// # Errors
    /// If a name is unknown or a shape is not the parameter's.
    fn load_state(&mut self, state: &[(String, Tensor)]) -> Result<()>;
}
