//! Optimizers: how gradients change parameters.

mod adam;
mod clip;
mod sgd;
mod slots;

use std::borrow::Borrow;

pub use adam::{Adam, AdamW};
pub use clip::clip_grad_norm;
pub use sgd::Sgd;

use crate::{Error, Gradients, Param, Result, Tensor};

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

    /// Sets the learning rate from the next step on. One that is negative, infinite or NaN is an error of that step.
    fn set_lr(&mut self, lr: f64);

    /// Assigns to each parameter that has a gradient; leaves the work in the device's queue. [`Step::step`] does this
    /// and submits the work to the device.
    ///
    /// # Errors
    /// If no parameters are bound, none of them has a gradient, or the learning rate or another number is out of its
    /// range.
    fn update(&mut self, grads: &Gradients) -> Result<()>;

    /// The state by name, such as `3.exp_avg` for parameter 3, for a checkpoint.
    fn state(&self) -> Vec<(String, Tensor)>;

    /// Restores what [`state`](Self::state) returned, for an optimizer that is bound to the same parameters.
    ///
    /// # Errors
    /// If a name is unknown or a shape is not the parameter's.
    fn load_state(&mut self, state: &[(String, Tensor)]) -> Result<()>;
}

macro_rules! transparent {
    ($($t:ty),*) => {$(
        impl<O: Optimizer + ?Sized> Optimizer for $t {
            fn params(&self) -> &[Param] {
                (**self).params()
            }

            fn bind(&mut self, params: Vec<Param>) {
                (**self).bind(params);
            }

            fn lr(&self) -> f64 {
                (**self).lr()
            }

            fn set_lr(&mut self, lr: f64) {
                (**self).set_lr(lr);
            }

            fn update(&mut self, grads: &Gradients) -> Result<()> {
                (**self).update(grads)
            }

            fn state(&self) -> Vec<(String, Tensor)> {
                (**self).state()
            }

            fn load_state(&mut self, state: &[(String, Tensor)]) -> Result<()> {
                (**self).load_state(state)
            }
        }
    )*};
}
transparent!(&mut O, Box<O>);

/// Whole steps of an optimizer, also of a `dyn Optimizer`. The prelude has it.
pub trait Step: Optimizer {
    /// [`update`](Optimizer::update), then submits the work of the whole step to the device.
    ///
    /// Give the gradients away (`step(grads)`) rather than lend them (`step(&grads)`) where you do not need them any
    /// more: then they need not be stored.
    ///
    /// # Errors
    /// As [`update`](Optimizer::update), or if the device fails.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// # let device = Device::cpu();
    /// let w = Param::new(Tensor::ones([2], DType::F32, &device));
    /// let mut optimizers: Vec<Box<dyn Optimizer>> = vec![Box::new(Sgd::new(0.1)), Box::new(Adam::new(0.1))];
    /// for optimizer in &mut optimizers {
    ///     optimizer.bind(vec![w.clone()]);
    ///     optimizer.step(w.tensor().square().sum(())?.backward()?)?;
    /// }
    /// # Ok::<(), kiln::Error>(())
    /// ```
    fn step(&mut self, grads: impl Borrow<Gradients>) -> Result<()> {
        self.update(grads.borrow())?;
        drop(grads);
        match self.params().first() {
            Some(param) => param.tensor().device().flush(),
            None => Ok(()),
        }
    }
}

impl<O: Optimizer + ?Sized> Step for O {}

/// Checks the numbers of an optimizer: `sizes` are finite and not negative, `shares` also below 1.
fn check_numbers(op: &'static str, sizes: &[(&str, f64)], shares: &[(&str, f64)]) -> Result<()> {
    let error = |name: &str, value: f64, range: &str| {
        Err(Error::argument(op, format!("the {name} is {value}, but must be {range}")))
    };
    for &(name, value) in sizes.iter().chain(shares) {
        if !value.is_finite() || value < 0.0 {
            return error(name, value, "finite and not negative");
        }
    }
    match shares.iter().find(|(_, value)| *value >= 1.0) {
        Some(&(name, value)) => error(name, value, "below 1"),
        None => Ok(()),
    }
}
