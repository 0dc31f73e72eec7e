//! Tensors from and to files and other libraries.

mod header;
mod ndarray;
pub mod npy;
#[cfg(feature = "npz")]
pub mod npz;
