//! The one error type of the crate.

use std::path::PathBuf;

use crate::{DType, Shape};

/// What can go wrong, with the fields that a reader needs to mend it.
///
/// Messages have one style: the operation, what was given, what is wrong with it.
///
/// ```
/// use kiln::prelude::*;
/// let device = Device::cpu();
/// let a = Tensor::zeros([2, 3], DType::F32, &device);
/// let b = Tensor::zeros([4, 5], DType::F32, &device);
/// let error = a.matmul(&b).unwrap_err();
/// assert_eq!(error.to_string(), "matmul: shapes [2, 3] and [4, 5]: inner sizes 3 and 4 differ");
/// ```
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum Error {
    /// Two shapes do not fit together.
    #[error("{op}: shapes {lhs:?} and {rhs:?}: {reason}")]
    Shapes { op: &'static str, lhs: Box<Shape>, rhs: Box<Shape>, reason: String },
    /// One shape does not suit the operation.
    #[error("{op}: shape {shape:?}: {reason}")]
    Shape { op: &'static str, shape: Box<Shape>, reason: String },
    /// An axis lies outside of the tensor's rank.
    #[error("{op}: axis {axis} is out of range for shape {shape:?} of rank {}", shape.rank())]
    Axis { op: &'static str, axis: isize, shape: Box<Shape> },
    /// An index lies outside of the axis along which it counts.
    ///
    /// The CPU finds it at the call or when the result is computed. A GPU finds it after the call (`delayed`): the
    /// results hold NaN (integers -1, unsigned ones their largest value), and the next read fails, of whatever tensor.
    #[error(
        "{op}: index {index} is out of range for axis {axis} of size {size}{}",
        if *delayed { " (in an earlier call, found on the GPU: what depends on it holds NaN or -1)" } else { "" }
    )]
    Index { op: &'static str, index: i128, axis: usize, size: usize, delayed: bool },
    /// The operation is not defined for this dtype.
    #[error("{op}: dtype {dtype}: {reason}")]
    DType { op: &'static str, dtype: DType, reason: String },
    /// The tensors live on different devices.
    #[error("{op}: tensors on {lhs} and {rhs}: move one with `to_device`")]
    Devices { op: &'static str, lhs: String, rhs: String },
    /// An argument has a value that makes no sense.
    #[error("{op}: {reason}")]
    Argument { op: &'static str, reason: String },
    /// A tensor or a kernel needs more than the device can give.
    #[error("{op}: {bytes} bytes are more than the {limit} bytes that {device} allows ({what})")]
    TooLarge { op: &'static str, bytes: u64, limit: u64, what: &'static str, device: String },
    /// The device, or the system, has no memory left for a tensor. The allocator's cache has been emptied by then.
    #[error("{device}: out of memory: {bytes} bytes were asked for, and tensors hold {live} bytes")]
    OutOfMemory { device: String, bytes: u64, live: u64 },
    /// A training met a loss that is NaN or infinite. Epochs, and the steps of each, are counted from 1.
    #[error(
        "fit: the loss of step {step} of epoch {epoch} is {loss}: look at the data, clip gradients, or lower the learning \
         rate; `terminate_on_nan(false)` trains on"
    )]
    NonFiniteLoss { epoch: usize, step: usize, loss: f64 },
    /// There is no gradient to compute.
    #[error("backward: {0}")]
    Gradient(String),
    /// No device of that name or number.
    #[error("device {name:?}: {reason}")]
    Device { name: String, reason: String },
    /// The GPU or its driver failed.
    #[error("{device}: {reason}")]
    Gpu { device: String, reason: String },
    /// A wait for results was ended by the function given to [`set_interrupt_check`](crate::set_interrupt_check). Reading
    /// them again continues the computation.
    #[error("interrupted while results were computed: to read them again continues the computation")]
    Interrupted,
    /// A file could not be read or written.
    #[error("{}: {reason}", path.display())]
    File { path: PathBuf, reason: String },
    /// Bytes that should hold an array do not.
    #[error("{format}: {reason}")]
    Format { format: &'static str, reason: String },
}

/// `Result` with Kiln's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn argument(op: &'static str, reason: impl Into<String>) -> Self {
        Self::Argument { op, reason: reason.into() }
    }

    pub(crate) fn shape(op: &'static str, shape: &Shape, reason: impl Into<String>) -> Self {
        Self::Shape { op, shape: Box::new(*shape), reason: reason.into() }
    }

    pub(crate) fn shapes(op: &'static str, lhs: &Shape, rhs: &Shape, reason: impl Into<String>) -> Self {
        Self::Shapes { op, lhs: Box::new(*lhs), rhs: Box::new(*rhs), reason: reason.into() }
    }

    pub(crate) fn dtype(op: &'static str, dtype: DType, reason: impl Into<String>) -> Self {
        Self::DType { op, dtype, reason: reason.into() }
    }
}
