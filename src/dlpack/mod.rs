//! Exchange of tensors with other libraries in memory, by [DLPack](https://dmlc.github.io/dlpack/latest/).
//!
//! A tensor on the CPU is handed over without a copy, whatever its strides: [`Tensor::to_dlpack`] lends its memory,
//! [`Tensor::from_dlpack`] borrows another library's. Both sides see the same elements from then on:
//!
//! - Kiln never writes to memory that it has borrowed or lent, and lent memory is not used for anything else before
//!   the borrower has returned it.
//! - The others may write, as with PyTorch's and NumPy's arrays, unless the handle
//!   [says otherwise](Handle::is_read_only). What they write shows in every tensor that shares the memory: in views, and
//!   in what the gradient tape has saved. Results are what the elements were when the op was called: while others may
//!   write, an op on the memory is computed at once, alone. A copy is free of all that.
//! - A tensor on a GPU is copied: no other library can look into a wgpu buffer.
//!
//! The structs are those of C; a [`Handle`] owns one.
//!
//! [`Tensor::to_dlpack`]: crate::Tensor::to_dlpack
//! [`Tensor::from_dlpack`]: crate::Tensor::from_dlpack

mod abi;
mod export;
mod handle;
mod import;

pub use abi::{DLDataType, DLDevice, DLManagedTensor, DLManagedTensorVersioned, DLPackVersion, DLTensor, VERSION};
pub use handle::{Handle, Managed};
