//! Files, by their endings.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

use kiln::{
    Tensor,
    io::npy::{self, Field, NpyFile},
};
use pyo3::{
    IntoPyObjectExt,
    exceptions::{PyTypeError, PyValueError},
    prelude::*,
    types::{PyDict, PyMapping},
};

use crate::{convert, error::exception, tensor::PyTensor};

const ENDINGS: &str = if cfg!(feature = "npz") && cfg!(feature = "safetensors") {
    ".npy, .npz, .safetensors"
} else if cfg!(feature = "npz") {
    ".npy, .npz"
} else if cfg!(feature = "safetensors") {
    ".npy, .safetensors"
} else {
    ".npy"
};

fn ending(path: &Path) -> &str {
    path.extension().and_then(OsStr::to_str).unwrap_or_default()
}

fn unknown(path: &Path) -> PyErr {
    PyValueError::new_err(format!("{}: the file's name ends in none of {ENDINGS}", path.display()))
}

/// What a file holds.
enum Loaded {
    Array(Tensor),
    Named(Vec<(String, Loaded)>),
}

impl Loaded {
    fn into_py(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        match self {
            Self::Array(x) => PyTensor::from(x).into_bound_py_any(py),
            Self::Named(items) => {
                let dict = PyDict::new(py);
                for (name, item) in items {
                    dict.set_item(name, item.into_py(py)?)?;
                }
                Ok(dict.into_any())
            }
        }
    }

    /// An array, or these fields of a structured one; all of them if none are named.
    fn npy(file: NpyFile, wanted: Option<&[String]>) -> kiln::Result<Self> {
        match wanted {
            Some(paths) => Ok(Self::Named(
                paths.iter().map(|path| Ok((path.clone(), field(&file, path)?))).collect::<kiln::Result<_>>()?,
            )),
            None if file.fields().is_empty() => Ok(Self::Array(file.into_tensor()?)),
            None => fields(&file, file.fields(), ""),
        }
    }
}

fn fields(file: &NpyFile, of: &[Field], prefix: &str) -> kiln::Result<Loaded> {
    let one = |field: &Field| {
        let path = format!("{prefix}{}", field.name());
        let item = match field.fields() {
            [] => Loaded::Array(file.field(&path)?),
            nested => fields(file, nested, &format!("{path}."))?,
        };
        Ok((field.name().to_owned(), item))
    };
    Ok(Loaded::Named(of.iter().map(one).collect::<kiln::Result<_>>()?))
}

/// The field at a path, which may hold fields itself.
fn field(file: &NpyFile, path: &str) -> kiln::Result<Loaded> {
    let mut of = file.fields();
    for name in path.split('.') {
        of = of.iter().find(|field| field.name() == name).map_or(&[], Field::fields);
    }
    match of {
        [] => Ok(Loaded::Array(file.field(path)?)),
        nested => fields(file, nested, &format!("{path}.")),
    }
}

/// Reads a file to the CPU: a tensor from `.npy`, or a dictionary of its fields if it is structured; a dictionary of
/// tensors from `.npz` and `.safetensors`. `fields` chooses among the fields of a structured `.npy` file, nested ones by
/// their path, or among the arrays of the others.
#[pyfunction]
#[pyo3(signature = (path, *, fields = None))]
pub fn load(py: Python<'_>, path: PathBuf, fields: Option<Vec<String>>) -> PyResult<Bound<'_, PyAny>> {
    let wanted = fields.as_deref();
    let loaded = py.detach(|| match ending(&path) {
        "npy" => npy::open(&path).and_then(|file| Loaded::npy(file, wanted)).map_err(exception),
        #[cfg(feature = "npz")]
        "npz" => kiln::io::npz::open(&path)
            .and_then(|archive| named(wanted, archive.names(), |name| Loaded::npy(archive.member(name)?, None)))
            .map_err(exception),
        #[cfg(feature = "safetensors")]
        "safetensors" => kiln::io::safetensors::SafeTensors::open(&path)
            .and_then(|file| named(wanted, file.names(), |name| file.get(name).map(Loaded::Array)))
            .map_err(exception),
        _ => Err(unknown(&path)),
    })?;
    loaded.into_py(py)
}

#[cfg(any(feature = "npz", feature = "safetensors"))]
fn named(
    wanted: Option<&[String]>,
    all: Vec<&str>,
    get: impl Fn(&str) -> kiln::Result<Loaded>,
) -> kiln::Result<Loaded> {
    let names = wanted.map_or(all, |wanted| wanted.iter().map(String::as_str).collect());
    Ok(Loaded::Named(names.into_iter().map(|name| Ok((name.to_owned(), get(name)?))).collect::<kiln::Result<_>>()?))
}

/// Writes a file: as `.npy` a tensor, or whatever becomes one, or a mapping from names to fields as a structured array;
/// as `.npz` and `.safetensors` a mapping from names to tensors.
#[pyfunction]
pub fn save(py: Python<'_>, path: PathBuf, data: &Bound<'_, PyAny>) -> PyResult<()> {
    if ending(&path) == "npy" && !data.is_instance_of::<PyMapping>() {
        let x = convert::to_tensor(data, None, None)?;
        return py.detach(|| npy::save(&path, &x)).map_err(exception);
    }
    if !ENDINGS.split(", ").any(|known| known[1..] == *ending(&path)) {
        return Err(unknown(&path));
    }
    let tensors = tensors(data)?;
    let named: Vec<(&str, &Tensor)> = tensors.iter().map(|(name, x)| (name.as_str(), x)).collect();
    let done = py.detach(|| match ending(&path) {
        #[cfg(feature = "npz")]
        "npz" => kiln::io::npz::save(&path, &named),
        #[cfg(feature = "safetensors")]
        "safetensors" => kiln::io::safetensors::save(&path, named),
        _ => npy::save_fields(&path, &named),
    });
    done.map_err(exception)
}

/// The tensors of a mapping, in its order.
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
