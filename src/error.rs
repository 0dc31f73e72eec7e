//! The one error type of the crate.

use std::{
    error::Error as StdError,
    io,
    ops::Deref,
    path::{Path, PathBuf},
    sync::Arc,
};

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
pub enum Error {
    /// Two shapes do not fit together.
    #[error("{op}: shapes {lhs:?} and {rhs:?}: {reason}")]
    Shapes {
        /// The op that was called.
        op: &'static str,
        /// Of the first operand.
        lhs: Box<Shape>,
        /// Of the second operand.
        rhs: Box<Shape>,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// One shape does not suit the operation.
    #[error("{op}: shape {shape:?}: {reason}")]
    Shape {
        /// The op that was called.
        op: &'static str,
        /// The shape that was given.
        shape: Box<Shape>,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// An axis lies outside of the tensor's rank.
    #[error("{op}: axis {axis} is out of range for shape {shape:?} of rank {}", shape.rank())]
    Axis {
        /// The op that was called.
        op: &'static str,
        /// The axis, as it was given.
        axis: isize,
        /// The shape that was given.
        shape: Box<Shape>,
    },
    /// An index lies outside of the axis along which it counts.
    ///
    /// The CPU finds it at the call or when the result is computed. A GPU finds it after the call (`delayed`): the
    /// results hold NaN (integers -1, unsigned ones their largest value), and the next read fails, of whatever tensor.
    #[error(
        "{op}: index {index} is out of range for axis {axis} of size {size}{}",
        if *delayed { " (in an earlier call, found on the GPU: what depends on it holds NaN or -1)" } else { "" }
    )]
    Index {
        /// The op that was called.
        op: &'static str,
        /// The index that was found.
        index: i128,
        /// The axis along which it counts.
        axis: usize,
        /// The size of the axis.
        size: usize,
        /// Whether it was found on the GPU, after the call.
        delayed: bool,
    },
    /// The operation is not defined for this dtype.
    #[error("{op}: dtype {dtype}: {reason}")]
    DType {
        /// The op that was called.
        op: &'static str,
        /// The dtype that was given.
        dtype: DType,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// The tensors live on different devices.
    #[error("{op}: tensors on {lhs} and {rhs}: move one with `to_device`")]
    Devices {
        /// The op that was called.
        op: &'static str,
        /// Of the first operand.
        lhs: String,
        /// Of the second operand.
        rhs: String,
    },
    /// An argument has a value that makes no sense.
    #[error("{op}: {reason}")]
    Argument {
        /// The op that was called.
        op: &'static str,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// A tensor or a kernel needs more than the device can give.
    #[error("{op}: {bytes} bytes are more than the {limit} bytes that {device} allows ({what})")]
    TooLarge {
        /// The op that was called.
        op: &'static str,
        /// How many bytes it would take.
        bytes: u64,
        /// How many bytes are allowed.
        limit: u64,
        /// What is limited.
        what: &'static str,
        /// The device's name.
        device: String,
    },
    /// The device, or the system, has no memory left for a tensor. The allocator's cache has been emptied by then.
    #[error("{device}: out of memory: {bytes} bytes were asked for, and tensors hold {live} bytes")]
    OutOfMemory {
        /// The device's name.
        device: String,
        /// How many bytes it would take.
        bytes: u64,
        /// How many bytes tensors hold.
        live: u64,
    },
    /// A training met a loss that is NaN or infinite. Epochs, and the steps of each, are counted from 1.
    #[error(
        "fit: the loss of step {step} of epoch {epoch} is {loss}: look at the data, clip gradients, or lower the learning \
         rate; `terminate_on_nan(false)` trains on"
    )]
    NonFiniteLoss {
        /// The epoch, from 1 on.
        epoch: usize,
        /// The step of the epoch, from 1 on.
        step: usize,
        /// The loss.
        loss: f64,
    },
    /// There is no gradient to compute.
    #[error("backward: {0}")]
    Gradient(String),
    /// No device of that name or number.
    #[error("device {name:?}: {reason}")]
    Device {
        /// The name, or the number, that was given.
        name: String,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// The GPU or its driver failed.
    #[error("{device}: {reason}")]
    Gpu {
        /// The device's name.
        device: String,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// A wait for results was ended by the function given to [`set_interrupt_check`](crate::set_interrupt_check). Reading
    /// them again continues the computation.
    #[error("interrupted while results were computed: to read them again continues the computation")]
    Interrupted,
    /// A file could not be read or written. Where another error was the cause, the reason is its message and
    /// [`source`](std::error::Error::source) gives the error itself.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file, or the address of the object.
        path: PathBuf,
        /// What is wrong, and what would be right.
        reason: String,
        /// The error that it comes from.
        source: Option<Cause>,
    },
    /// Bytes that should hold an array do not. Reason and source are as in [`File`](Self::File).
    #[error("{format}: {reason}")]
    Format {
        /// The format's name.
        format: &'static str,
        /// What is wrong, and what would be right.
        reason: String,
        /// The error that it comes from.
        source: Option<Cause>,
    },
}

/// The error of another library, or of the system, that an [`Error`] comes from.
#[derive(Debug, Clone)]
pub struct Cause(Arc<dyn StdError + Send + Sync>);

impl Cause {
    pub(crate) fn new(error: impl StdError + Send + Sync + 'static) -> Self {
        Self(Arc::new(error))
    }
}

impl Deref for Cause {
    type Target = dyn StdError + Send + Sync;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

/// `Result` with Kiln's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Whether a file, or an object of a store, does not exist.
    ///
    /// ```
    /// let error = kiln::io::npy::load("no such file.npy").unwrap_err();
    /// assert!(error.is_not_found());
    /// ```
    pub fn is_not_found(&self) -> bool {
        self.io_kind() == Some(io::ErrorKind::NotFound)
    }

    /// Whether a file, or an object of a store, may not be read or written by this user.
    pub fn is_permission_denied(&self) -> bool {
        self.io_kind() == Some(io::ErrorKind::PermissionDenied)
    }

    /// Whether there was not enough memory, or a tensor is larger than the device allows.
    pub fn is_out_of_memory(&self) -> bool {
        matches!(self, Self::OutOfMemory { .. } | Self::TooLarge { .. })
    }

    /// Whether the function given to [`set_interrupt_check`](crate::set_interrupt_check) has ended a wait.
    pub fn is_interrupted(&self) -> bool {
        matches!(self, Self::Interrupted)
    }

    /// The kind of the system's error among the causes.
    fn io_kind(&self) -> Option<io::ErrorKind> {
        let mut cause = self.source();
        while let Some(error) = cause {
            if let Some(error) = error.downcast_ref::<io::Error>() {
                return Some(error.kind());
            }
            cause = error.source();
        }
        None
    }

    /// An error about a file's contents.
    pub(crate) fn file(path: impl AsRef<Path>, reason: impl Into<String>) -> Self {
        Self::File { path: path.as_ref().into(), reason: reason.into(), source: None }
    }

    /// An error that reading or writing a file gave.
    pub(crate) fn file_from(path: impl AsRef<Path>, source: impl StdError + Send + Sync + 'static) -> Self {
        Self::File { path: path.as_ref().into(), reason: source.to_string(), source: Some(Cause::new(source)) }
    }

    /// An error about bytes in a format.
    pub(crate) fn format(format: &'static str, reason: impl Into<String>) -> Self {
        Self::Format { format, reason: reason.into(), source: None }
    }

    /// An error that reading or writing bytes in a format gave.
    pub(crate) fn format_from(format: &'static str, source: impl StdError + Send + Sync + 'static) -> Self {
        Self::Format { format, reason: source.to_string(), source: Some(Cause::new(source)) }
    }

    /// The error under the name of the op that was called, of one that is made of others.
    pub(crate) fn in_op(mut self, called: &'static str) -> Self {
        match &mut self {
            Self::Shapes { op, .. }
            | Self::Shape { op, .. }
            | Self::Axis { op, .. }
            | Self::Index { op, .. }
            | Self::DType { op, .. }
            | Self::Devices { op, .. }
            | Self::Argument { op, .. }
            | Self::TooLarge { op, .. } => *op = called,
            _ => {}
        }
        self
    }

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
