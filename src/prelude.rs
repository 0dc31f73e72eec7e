//! What most programs need: `use kiln::prelude::*`.

pub use crate::{
    DType, Device, DeviceOptions, Element, Error, Gradients, Param, Result, Scalar, Shape, Tensor, grad, gradcheck,
    gradgradcheck, no_grad,
};
