//! The fully connected layer.

use super::{Forward, Module, functional::same_float, traced};
use crate::{DType, Device, Error, Param, Result, Shape, Tensor, tensor::random::next_seed};

/// `x W^T + b`, with `weight` of shape `[outputs, inputs]` as in PyTorch.
///
/// Weight and bias start uniform in `±1 / sqrt(inputs)`, PyTorch's default.
///
/// ```
/// # use kiln::prelude::*;
/// let layer = Linear::new(3, 2, &Device::cpu())?;
/// let y = layer.forward(&Tensor::ones([4, 3], DType::F32, &Device::cpu()))?;
/// assert_eq!(y.shape(), &[4, 2]);
/// # Ok::<(), kiln::Error>(())
/// ```
#[derive(Clone, Module)]
pub struct Linear {
    /// `[outputs, inputs]`.
    pub weight: Param,
    /// `[outputs]`, if there is one.
    pub bias: Option<Param>,
}

impl Linear {
    /// A layer in `F32`.
    ///
    /// # Errors
    /// If the device lacks memory.
    pub fn new(inputs: usize, outputs: usize, device: &Device) -> Result<Self> {
        let weight = uniform([outputs, inputs].into(), inputs, device)?;
        Ok(Self { weight, bias: Some(uniform([outputs].into(), inputs, device)?) })
    }

    /// The layer without a bias.
    pub fn no_bias(mut self) -> Self {
        self.bias = None;
        self
    }
}

impl Forward for Linear {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        traced(self, linear(x, &self.weight.tensor(), self.bias.as_ref().map(Param::tensor).as_ref()))
    }
}

/// A parameter, uniform in `±1 / sqrt(fan_in)`.
pub(super) fn uniform(shape: Shape, fan_in: usize, device: &Device) -> Result<Param> {
    let bound = 1.0 / (fan_in.max(1) as f64).sqrt();
    // Halves are taken off where that is exact, so that every device rounds alike.
    let unit = Tensor::rand(shape, DType::F32, next_seed(), device)? - 0.5;
    Ok(Param::new(unit * (2.0 * bound)))
}

/// `x W^T + b` for a weight of shape `[outputs, inputs]`.
///
/// # Errors
/// If the last size of `x` is not `inputs`, `x` holds floats of another dtype than weight or bias, or the devices differ.
pub fn linear(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let op = "linear";
    same_float(op, x.dtype(), &[Some(weight), bias])?;
    x.same_device(weight, op)?;
    match (x.shape().last(), weight.shape().last()) {
        (Some(have), Some(want)) if have != want => {
            let reason = format!("the input has {have} features, but the weight expects {want}");
            return Err(Error::shapes(op, x.shape(), weight.shape(), reason));
        }
        (None, _) => return Err(Error::shape(op, x.shape(), "the input must have at least one axis")),
        (_, None) => return Err(Error::shape(op, weight.shape(), "the weight must be [outputs, inputs]")),
        _ => {}
    }
    let product = || match bias {
        None => x.matmul(&weight.t()),
        Some(bias) => {
            let dtype = DType::promote(DType::promote(x.dtype(), weight.dtype()), bias.dtype());
            let y = x.matmul_wide(&weight.t())?;
            Ok(y.add(bias.to_dtype(dtype.wide()))?.to_dtype(dtype))
        }
    };
    product().map_err(|error: Error| error.in_op(op))
}
