//! What most programs need: `use kiln::prelude::*`.

#[cfg(feature = "npz")]
pub use crate::io::npz;
pub use crate::{
    DType, Device, DeviceOptions, Element, Error, Gradients, Param, Result, Scalar, Shape, Tensor, grad, gradcheck,
    gradgradcheck, io::npy, manual_seed, no_grad,
};
