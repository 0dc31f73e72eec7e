//! NumPy's arrays, by `__array_interface__`: it serves every version of NumPy, and says more than NumPy's own DLPack
//! does (arrays that must not be written to, strides that walk backwards).
//!
//! NumPy need not be installed; it is looked up when an array comes or is asked for.

use std::{ffi::c_void, ptr::null_mut};

use kiln::{
    DType, Tensor,
    dlpack::{DLDataType, DLDevice, DLManagedTensorVersioned, DLTensor, Handle, VERSION},
};
use pyo3::{
    exceptions::{PyTypeError, PyValueError},
    prelude::*,
    sync::PyOnceLock,
    types::{PyDict, PyTuple, PyType},
};

use crate::error::{buffer_error, exception};

/// A class of NumPy's, if NumPy has been imported by anyone.
fn numpy_class<'py>(
    py: Python<'py>,
    cell: &'static PyOnceLock<Py<PyType>>,
    name: &str,
) -> PyResult<Option<&'py Bound<'py, PyType>>> {
    if cell.get(py).is_none() && !py.import("sys")?.getattr("modules")?.contains("numpy")? {
        return Ok(None);
    }
    cell.import(py, "numpy", name).map(Some)
}

/// Whether an object is a NumPy array.
pub fn is_array(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    static ARRAY: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    numpy_class(object.py(), &ARRAY, "ndarray")?.map_or(Ok(false), |class| object.is_instance(class))
}

/// Whether an object is one of NumPy's numbers, such as `numpy.float32(1)`.
pub fn is_scalar(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    static SCALAR: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    numpy_class(object.py(), &SCALAR, "generic")?.map_or(Ok(false), |class| object.is_instance(class))
}

/// An object as a NumPy array, by NumPy's rules.
pub fn as_array<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    static AS_ARRAY: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    AS_ARRAY.import(object.py(), "numpy", "asarray")?.call1((object,))
}

/// Memory that NumPy sees as an array, which keeps it.
#[pyclass(frozen)]
struct Lent(Handle<DLManagedTensorVersioned>);

#[pymethods]
impl Lent {
    #[getter]
    fn __array_interface__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let array = self.0.dl_tensor().map_err(exception)?;
        let size = (array.dtype.bits / 8) as i64;
        let kind = match array.dtype.code {
            DLDataType::BOOL => 'b',
            DLDataType::INT => 'i',
            DLDataType::UINT => 'u',
            _ => 'f',
        };
        let order = if cfg!(target_endian = "big") { '>' } else { '<' };
        // SAFETY: a tensor that Kiln exports has this many sizes and strides.
        let list = |numbers: *mut i64| unsafe { std::slice::from_raw_parts(numbers, array.ndim as usize) };
        let interface = PyDict::new(py);
        interface.set_item("version", 3)?;
        interface.set_item("typestr", format!("{order}{kind}{size}"))?;
        interface.set_item("shape", PyTuple::new(py, list(array.shape))?)?;
        interface.set_item("strides", PyTuple::new(py, list(array.strides).iter().map(|stride| stride * size))?)?;
        interface.set_item("data", (array.data.expose_provenance(), self.0.is_read_only()))?;
        Ok(interface)
    }
}

/// A tensor as an array, which shares its memory if that is the processor's.
pub fn from_tensor<'py>(py: Python<'py>, x: &Tensor) -> PyResult<Bound<'py, PyAny>> {
    if x.is_tracked() {
        return Err(PyTypeError::new_err("a tensor that requires a gradient is no array: detach() it first"));
    }
    if x.dtype() == DType::BF16 {
        return Err(PyTypeError::new_err("bfloat16 is not among NumPy's dtypes: convert the tensor to float32 first"));
    }
    // NumPy can walk backwards.
    let copy = x.device().is_cpu().then_some(false);
    let handle = py.detach(|| x.to_dlpack(copy)).map_err(exception)?;
    as_array(&Bound::new(py, Lent(handle))?.into_any())
}

/// An array as a tensor, which shares its memory where `copy` and its layout allow.
pub fn to_tensor(array: &Bound<'_, PyAny>, copy: Option<bool>) -> PyResult<Tensor> {
    let numpy_dtype = array.getattr("dtype")?;
    let is_native: bool = numpy_dtype.getattr("isnative")?.extract()?;
    let (interface, size) = (array.getattr("__array_interface__")?, array.getattr("itemsize")?.extract::<i64>()?);
    let strides: Vec<i64> = array.getattr("strides")?.extract()?;
    let shape: Vec<i64> = array.getattr("shape")?.extract()?;
    let whole_steps = strides.iter().zip(&shape).all(|(stride, &n)| n <= 1 || stride % size.max(1) == 0);
    if !is_native || !whole_steps {
        if copy == Some(false) {
            let reason = if is_native { "strides that are no multiples of its elements" } else { "foreign byte order" };
            return Err(PyValueError::new_err(format!("an array with {reason} must be copied")));
        }
        // In native order, dense.
        let native = numpy_dtype.call_method1("newbyteorder", ("=",))?;
        return to_tensor(&array.call_method1("astype", (native, "C"))?, None);
    }
    let dtype = dtype(&numpy_dtype)?;
    let (address, read_only): (usize, bool) = interface.get_item("data")?.extract()?;
    let strides = strides.iter().map(|stride| stride / size).collect();
    let handle = borrow(array, address, read_only, dtype, shape, strides).map_err(exception)?;
    array.py().detach(|| Tensor::from_dlpack(handle, copy)).map_err(buffer_error)
}

fn dtype(numpy_dtype: &Bound<'_, PyAny>) -> PyResult<DType> {
    let name: String = numpy_dtype.getattr("name")?.extract()?;
    if let Some(dtype) = crate::dtype::named(&name) {
        return Ok(dtype);
    }
    let kind: String = numpy_dtype.getattr("kind")?.extract()?;
    let reason = match kind.as_str() {
        "c" => "complex numbers are not supported: take its real and imag",
        "O" => "it holds Python objects: convert it with astype",
        "S" | "U" | "T" => "strings are not numbers",
        "M" | "m" => "dates and times are not supported: convert them to int64 with astype",
        "V" => "a structured array is not a tensor: take one of its fields",
        _ => "convert it with astype",
    };
    Err(PyTypeError::new_err(format!("an array of {name}: {reason}")))
}

/// What a borrowed array's struct points to.
struct Borrowed {
    shape: Vec<i64>,
    strides: Vec<i64>,
    array: Option<Py<PyAny>>,
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        let mut array = self.array.take();
        // The last tensor may die on any thread. When Python has gone, so has the array.
        if Python::try_attach(|_| drop(array.take())).is_none() {
            std::mem::forget(array);
        }
    }
}

/// An array's memory in DLPack's struct, which keeps the array.
fn borrow(
    array: &Bound<'_, PyAny>,
    address: usize,
    read_only: bool,
    dtype: DType,
    shape: Vec<i64>,
    strides: Vec<i64>,
) -> kiln::Result<Handle<DLManagedTensorVersioned>> {
    unsafe extern "C" fn give_back(managed: *mut DLManagedTensorVersioned) {
        // SAFETY: both boxes were made below, and this is called once.
        drop(unsafe { Box::from_raw(Box::from_raw(managed).manager_ctx.cast::<Borrowed>()) });
    }
    let ndim = shape.len() as i32;
    let mut borrowed = Box::new(Borrowed { shape, strides, array: Some(array.clone().unbind()) });
    let (shape, strides) = (borrowed.shape.as_mut_ptr(), borrowed.strides.as_mut_ptr());
    let manager_ctx: *mut c_void = Box::into_raw(borrowed).cast();
    let managed = DLManagedTensorVersioned {
        version: VERSION,
        manager_ctx,
        deleter: Some(give_back),
        flags: if read_only { DLManagedTensorVersioned::READ_ONLY } else { 0 },
        dl_tensor: DLTensor {
            data: if address == 0 { null_mut() } else { std::ptr::with_exposed_provenance_mut(address) },
            device: DLDevice { device_type: DLDevice::CPU, device_id: 0 },
            ndim,
            dtype: dtype.into(),
            shape,
            strides,
            byte_offset: 0,
        },
    };
    // SAFETY: the struct is new and says what NumPy says of an array that it keeps alive.
    unsafe { Handle::from_raw(Box::into_raw(Box::new(managed))) }
}

/// A tensor over an array's memory, as `torch.from_numpy`: what is written to the array shows in the tensor, and in
/// results that are still pending.
#[pyfunction]
pub fn from_numpy(array: &Bound<'_, PyAny>) -> PyResult<crate::tensor::PyTensor> {
    if !is_array(array)? {
        return Err(PyTypeError::new_err(format!(
            "from_numpy takes a NumPy array, not {}",
            crate::convert::class(array)
        )));
    }
    to_tensor(array, Some(false)).map(Into::into)
}
