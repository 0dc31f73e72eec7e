//! Kiln's errors as the exceptions that a NumPy user expects.

use std::fs;

use kiln::Error;
use pyo3::{
    PyErr,
    exceptions::{
        PyBufferError, PyFileNotFoundError, PyIndexError, PyMemoryError, PyOSError, PyRuntimeError, PyTypeError,
        PyValueError,
    },
};

/// The exception for an error.
pub fn exception(error: Error) -> PyErr {
    let message = error.to_string();
    match error {
        Error::Axis { .. } => PyIndexError::new_err(message),
        Error::DType { .. } => PyTypeError::new_err(message),
        Error::TooLarge { .. } => PyMemoryError::new_err(message),
        Error::Gpu { .. } | Error::Gradient(_) => PyRuntimeError::new_err(message),
        Error::File { path, .. } => match fs::metadata(&path) {
            // What is there was read, but makes no sense.
            Ok(metadata) if metadata.is_file() => PyValueError::new_err(message),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => PyFileNotFoundError::new_err(message),
            _ => PyOSError::new_err(message),
        },
        _ => PyValueError::new_err(message),
    }
}

/// The exception for an error of an exchange of memory: whatever is wrong, the array cannot be handed over as it is.
pub fn buffer_error(error: Error) -> PyErr {
    match error {
        Error::Gpu { .. } | Error::TooLarge { .. } => exception(error),
        other => PyBufferError::new_err(other.to_string()),
    }
}
