//! Tensors from and to files and other libraries.

#[cfg(feature = "cloud")]
pub mod cloud;
#[cfg(feature = "csv")]
pub mod csv;
#[cfg(feature = "image")]
pub mod image;
pub(crate) mod magic;
mod memory;
mod ndarray;
pub mod npy;
#[cfg(feature = "npz")]
pub mod npz;
#[cfg(feature = "safetensors")]
pub mod safetensors;

pub use self::ndarray::NdArrayRef;
