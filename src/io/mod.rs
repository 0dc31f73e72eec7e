//! Tensors from and to files and other libraries.

mod header;
#[cfg(feature = "image")]
pub mod image;
mod ndarray;
pub mod npy;
#[cfg(feature = "npz")]
pub mod npz;
