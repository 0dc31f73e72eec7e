//! Kiln.

mod device;
mod dtype;
mod error;
#[cfg(feature = "gpu")]
mod gpu;
mod graph;
mod layout;
pub mod op;
mod shape;

pub use device::{DeviceInfo, DeviceKind, DeviceOptions, Memory};
pub use dtype::{DType, Element, Scalar};
pub use error::{Error, Result};
pub use shape::{MAX_RANK, Shape};
