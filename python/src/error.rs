//! Kiln's errors as the exceptions that a NumPy user expects.

use std::fs;

use kiln::Error;
use pyo3::{
    PyErr,
    exceptions::{
        PyBufferError, PyFileNotFoundError, PyIndexError, PyMemoryError, PyOSError, PyPermissionError, PyRuntimeError,
        PyTypeError, PyValueError,
    },
};

use crate::interrupt;

/// What Kiln's messages call by Rust's names, and Python otherwise.
const NAMES: [(&str, &str); 8] = [
    ("`backward_retain`", "`backward(retain_graph=True)`"),
    ("`detach`", "`detach()`"),
    ("`requires_grad`", "`requires_grad=True`"),
    ("`to_device`", "`to(device)`"),
    ("`to_dtype`", "`to(dtype)`"),
    ("where_: ", "where: "),
    ("from_slice: ", "tensor: "),
    ("not: ", "logical_not: "),
];

/// A message for readers of Python.
fn message(error: &Error) -> String {
    let mut message = error.to_string();
    for (rust, python) in NAMES {
        // An op stands at the start.
        if rust.starts_with('`') {
            message = message.replace(rust, python);
        } else if let Some(rest) = message.strip_prefix(rust) {
            message = format!("{python}{rest}");
        }
    }
    message
}

/// The exception for an error.
pub fn exception(error: Error) -> PyErr {
    let message = message(&error);
    if error.is_not_found() {
        return PyFileNotFoundError::new_err(message);
    }
    if error.is_permission_denied() {
        return PyPermissionError::new_err(message);
    }
    match error {
        Error::Interrupted => interrupt::exception(),
        Error::Axis { .. } | Error::Index { .. } => PyIndexError::new_err(message),
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
        Error::Interrupted => exception(error),
        other => PyBufferError::new_err(message(&other)),
    }
}
