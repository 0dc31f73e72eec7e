//! Files, by their endings.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

#[cfg(feature = "npz")]
use kiln::Tensor;
use kiln::io::npy;
use pyo3::{IntoPyObjectExt, exceptions::PyValueError, prelude::*};
#[cfg(feature = "npz")]
use pyo3::{
    exceptions::PyTypeError,
    types::{PyDict, PyMapping},
};

use crate::{convert, error::exception, tensor::PyTensor};

fn ending(path: &Path) -> &str {
    path.extension().and_then(OsStr::to_str).unwrap_or_default()
}

fn unknown(path: &Path) -> PyErr {
    PyValueError::new_err(format!("{}: the file's name ends in none of {ENDINGS}", path.display()))
}

#[cfg(feature = "npz")]
const ENDINGS: &str = ".npy, .npz";
#[cfg(not(feature = "npz"))]
const ENDINGS: &str = ".npy";

/// Reads a file to the CPU: a tensor from `.npy`, a dictionary of tensors from `.npz`.
#[pyfunction]
pub fn load(py: Python<'_>, path: PathBuf) -> PyResult<Bound<'_, PyAny>> {
    match ending(&path) {
        "npy" => PyTensor::from(py.detach(|| npy::load(&path)).map_err(exception)?).into_bound_py_any(py),
        #[cfg(feature = "npz")]
        "npz" => named(py, py.detach(|| load_npz(&path)).map_err(exception)?),
        _ => Err(unknown(&path)),
    }
}

/// Writes a file: a tensor, or whatever becomes one, as `.npy`, a mapping from names to these as `.npz`.
#[pyfunction]
pub fn save(py: Python<'_>, path: PathBuf, data: &Bound<'_, PyAny>) -> PyResult<()> {
    match ending(&path) {
        "npy" => {
            let x = convert::to_tensor(data, None, None)?;
            py.detach(|| npy::save(&path, &x)).map_err(exception)
        }
        #[cfg(feature = "npz")]
        "npz" => {
            let tensors = tensors(data)?;
            let named: Vec<(&str, &Tensor)> = tensors.iter().map(|(name, x)| (name.as_str(), x)).collect();
            py.detach(|| kiln::io::npz::save(&path, &named)).map_err(exception)
        }
        _ => Err(unknown(&path)),
    }
}

#[cfg(feature = "npz")]
fn load_npz(path: &Path) -> kiln::Result<Vec<(String, Tensor)>> {
    let archive = kiln::io::npz::open(path)?;
    archive.names().into_iter().map(|name| Ok((name.to_owned(), archive.get(name)?))).collect()
}

/// A dictionary of tensors.
#[cfg(feature = "npz")]
fn named(py: Python<'_>, tensors: Vec<(String, Tensor)>) -> PyResult<Bound<'_, PyAny>> {
    let dict = PyDict::new(py);
    for (name, x) in tensors {
        dict.set_item(name, Bound::new(py, PyTensor::from(x))?)?;
    }
    Ok(dict.into_any())
}

/// The tensors of a mapping.
#[cfg(feature = "npz")]
fn tensors(data: &Bound<'_, PyAny>) -> PyResult<Vec<(String, Tensor)>> {
    let Ok(mapping) = data.cast::<PyMapping>() else {
        let reason =
            format!("a file of several tensors takes a mapping from names to them, not {}", convert::class(data));
        return Err(PyTypeError::new_err(reason));
    };
    let pair = |item: Bound<'_, PyAny>| {
        let (name, x): (String, Bound<'_, PyAny>) = item.extract()?;
        Ok((name, convert::to_tensor(&x, None, None)?))
    };
    mapping.items()?.iter().map(pair).collect()
}
