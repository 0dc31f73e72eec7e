//! Kiln trains neural networks on any GPU that wgpu reaches, and on the CPU.
//!
//! A [`Tensor`] is an array of numbers on a [`Device`]. Operations on it are recorded, fused into kernels, and run when
//! a value is read or an optimizer has stepped. What is computed from a tensor that
//! [requires a gradient](Tensor::requires_grad), or from a [`Param`], can be differentiated, to any order.
//!
//! - [`nn`] has layers and the traits of models, [`loss`] what they minimise, [`optim`] what changes their parameters.
//! - [`data`] makes batches of data sets; [`train`] is the loop, with progress, metrics and history.
//! - [`io`] reads and writes NumPy's files; [`ndarray`](https://docs.rs/ndarray) arrays convert both ways.
//! - `use kiln::prelude::*` brings what most programs need.
//!
//! ```
//! use kiln::prelude::*;
//!
//! let device = Device::best();
//! let w = Param::new(Tensor::zeros([2, 1], DType::F32, &device));
//! let x = Tensor::from_slice(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], [3, 2], &device)?;
//! let y = Tensor::from_slice(&[1.0f32, 2.0, 3.0], [3, 1], &device)?;
//! let mut sgd = Sgd::new(0.5).with([w.clone()]);
//! for _ in 0..100 {
//!     let loss = mse(&x.matmul(&w.tensor())?, &y)?;
//!     sgd.step(loss.backward()?)?;
//! }
//! assert!((w.tensor().to_vec::<f32>()?[1] - 2.0).abs() < 1e-3);
//! # Ok::<(), kiln::Error>(())
//! ```

// So that derived code finds the crate under its own name within it, too.
extern crate self as kiln;

mod autograd;
mod cpu;
pub mod data;
mod device;
pub mod dlpack;
mod dtype;
mod error;
#[cfg(feature = "gpu")]
mod gpu;
mod graph;
mod hash;
mod interrupt;
pub mod io;
mod layout;
pub mod loss;
mod nearest;
pub mod nn;
pub mod op;
pub mod optim;
pub mod prelude;
mod random;
mod runtime;
mod shape;
mod tensor;
mod threads;
pub mod train;

pub use autograd::{
    Gradients, Param, checkpoint, grad, gradcheck, gradgradcheck, is_grad_enabled, is_recomputing, no_grad,
    set_grad_enabled,
};
pub use device::{DeviceInfo, DeviceKind, DeviceOptions, GpuSelector, Memory, Stats};
pub use dtype::{DType, Element, Scalar};
pub use error::{Cause, Error, Result};
pub use graph::device::Device;
pub use interrupt::set_interrupt_check;
pub use shape::{MAX_RANK, Shape, Sizes};
pub use tensor::{Axes, Operand, Tensor, Value, manual_seed, next_seed};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
