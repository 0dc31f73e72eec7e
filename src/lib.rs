//! Kiln trains neural networks on any GPU that wgpu reaches, and on the CPU.

// So that derived code finds the crate under its own name within it, too.
extern crate self as kiln;

mod autograd;
mod cpu;
pub mod data;
mod device;
mod dtype;
mod error;
#[cfg(feature = "gpu")]
mod gpu;
mod graph;
mod hash;
pub mod io;
mod layout;
pub mod loss;
pub mod nn;
pub mod op;
pub mod optim;
pub mod prelude;
mod shape;
mod tensor;
pub mod train;

pub use autograd::{Gradients, Param, grad, gradcheck, gradgradcheck, is_grad_enabled, no_grad};
pub use device::{Device, DeviceInfo, DeviceKind, DeviceOptions, GpuSelector, Memory, Stats};
pub use dtype::{DType, Element, Scalar};
pub use error::{Error, Result};
pub use shape::{MAX_RANK, Shape};
pub use tensor::{Axes, Operand, Tensor, manual_seed};
