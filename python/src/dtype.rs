//! Dtypes as Python objects.

use kiln::DType;
use pyo3::{
    exceptions::{PyTypeError, PyValueError},
    prelude::*,
    types::{PyBool, PyFloat, PyInt, PyString, PyType},
};

/// The type of a tensor's elements.
#[pyclass(name = "DType", module = "kiln", frozen, eq, hash)]
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PyDType(pub DType);

#[pymethods]
impl PyDType {
    /// The dtype of a name, of a NumPy or PyTorch dtype, or of `bool`, `int`, `float`.
    #[new]
    fn new(dtype: DTypeArg) -> Self {
        Self(dtype.0)
    }

    /// The name that NumPy and PyTorch print.
    #[getter]
    fn name(&self) -> &'static str {
        self.0.name()
    }

    /// The bytes that an element takes.
    #[getter]
    fn itemsize(&self) -> usize {
        self.0.size()
    }

    /// Whether this is a type of floating-point numbers.
    #[getter]
    fn is_floating_point(&self) -> bool {
        self.0.is_float()
    }

    fn __repr__(&self) -> String {
        format!("kiln.{}", self.0)
    }

    fn __str__(&self) -> String {
        self.__repr__()
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> (Bound<'py, PyType>, (&'static str,)) {
        (py.get_type::<Self>(), (self.0.name(),))
    }
}

impl From<DType> for PyDType {
    fn from(dtype: DType) -> Self {
        Self(dtype)
    }
}

/// Whatever stands for a dtype in an argument.
pub struct DTypeArg(pub DType);

impl<'py> FromPyObject<'_, 'py> for DTypeArg {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(dtype) = object.cast::<PyDType>() {
            return Ok(Self(dtype.get().0));
        }
        if let Ok(name) = object.cast::<PyString>() {
            let name = name.to_cow()?;
            return match named(&name) {
                Some(dtype) => Ok(Self(dtype)),
                None => Err(PyValueError::new_err(format!("{name:?} is not one of Kiln's dtypes"))),
            };
        }
        let py = object.py();
        let python_types = [
            (py.get_type::<PyBool>(), DType::Bool),
            (py.get_type::<PyInt>(), DType::I64),
            (py.get_type::<PyFloat>(), DType::F32),
        ];
        if let Some((_, dtype)) = python_types.iter().find(|(class, _)| object.is(class)) {
            return Ok(Self(*dtype));
        }
        // NumPy's dtypes have a name, PyTorch's print it, and NumPy's scalar types bear it.
        let names = [object.getattr("name").ok(), Some(object.str()?.into_any()), object.getattr("__name__").ok()];
        let found = names.into_iter().flatten().find_map(|name| named(&name.extract::<String>().ok()?));
        let error = || PyTypeError::new_err(format!("{} is not one of Kiln's dtypes", describe(&object)));
        found.map(Self).ok_or_else(error)
    }
}

/// An object for messages.
fn describe(object: &Bound<'_, PyAny>) -> String {
    object.repr().map_or_else(|_| "the object".into(), |text| text.to_string())
}

/// The dtype of a name, with the library that it is of or without.
pub fn named(name: &str) -> Option<DType> {
    let name = name.rsplit('.').next().unwrap_or(name);
    DType::ALL.into_iter().find(|dtype| dtype.name() == name)
}
