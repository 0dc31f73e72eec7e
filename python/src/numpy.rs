//! NumPy's arrays, by `__array_struct__`: it serves every version of NumPy, costs little, and says more than NumPy's
//! own DLPack does (arrays that must not be written to, strides that walk backwards).
//!
//! NumPy need not be installed; it is looked up when an array comes or is asked for.

use std::{
    ffi::{c_char, c_int, c_void},
    ptr::{null, null_mut},
};

use kiln::{
    DType, MAX_RANK, Tensor,
    dlpack::{DLDataType, DLDevice, DLManagedTensorVersioned, DLTensor, Handle, VERSION},
};
use pyo3::{
    exceptions::{PyBufferError, PyTypeError, PyValueError},
    ffi, intern,
    prelude::*,
    sync::PyOnceLock,
    types::PyType,
};

use crate::error::{buffer_error, exception};

/// What NumPy calls `PyArrayInterface`.
#[repr(C)]
struct ArrayStruct {
    two: c_int,
    ndim: c_int,
    kind: c_char,
    itemsize: c_int,
    flags: c_int,
    shape: *mut isize,
    strides: *mut isize,
    data: *mut c_void,
    descr: *mut ffi::PyObject,
}

impl ArrayStruct {
    const ALIGNED: c_int = 0x100;
    const NATIVE: c_int = 0x200;
    const WRITEABLE: c_int = 0x400;
}

/// A class of NumPy's, if NumPy has been imported by anyone.
fn numpy_class<'py>(
    py: Python<'py>,
    cell: &'static PyOnceLock<Py<PyType>>,
    module: &str,
    name: &str,
) -> PyResult<Option<&'py Bound<'py, PyType>>> {
    if let Some(class) = cell.get(py) {
        return Ok(Some(class.bind(py)));
    }
    if !py.import("sys")?.getattr("modules")?.contains(module)? {
        return Ok(None);
    }
    cell.import(py, module, name).map(Some)
}

fn array_class(py: Python<'_>) -> PyResult<Option<&Bound<'_, PyType>>> {
    static ARRAY: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    numpy_class(py, &ARRAY, "numpy", "ndarray")
}

/// Whether an object is a NumPy array.
pub fn is_array(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    array_class(object.py())?.map_or(Ok(false), |class| object.is_instance(class))
}

/// Whether an object is one of NumPy's numbers, such as `numpy.float32(1)`.
pub fn is_scalar(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    static SCALAR: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    numpy_class(object.py(), &SCALAR, "numpy", "generic")?.map_or(Ok(false), |class| object.is_instance(class))
}

/// An object as a NumPy array, by NumPy's rules.
pub fn as_array<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    static AS_ARRAY: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    AS_ARRAY.import(object.py(), "numpy", "asarray")?.call1((object,))
}

/// Memory that NumPy sees as an array, which keeps it.
#[pyclass(frozen)]
struct Lent(Handle<DLManagedTensorVersioned>);

/// The struct that NumPy reads, and what it points to.
#[repr(C)]
struct LentStruct {
    array: ArrayStruct,
    shape: [isize; MAX_RANK],
    strides: [isize; MAX_RANK],
    _owner: Py<Lent>,
}

#[pymethods]
impl Lent {
    #[getter]
    fn __array_struct__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        unsafe extern "C" fn release(capsule: *mut ffi::PyObject) {
            // SAFETY: Python calls this once, with the capsule made below; its pointer is the box.
            let lent = unsafe { Box::from_raw(ffi::PyCapsule_GetPointer(capsule, null()).cast::<LentStruct>()) };
            // Python's lock is held, but PyO3 must know, or it lets go of the owner later.
            Python::try_attach(|_| drop(lent));
        }
        let handle = &slf.get().0;
        let lent = handle.dl_tensor().map_err(exception)?;
        let (ndim, size) = (lent.ndim as usize, (lent.dtype.bits / 8) as isize);
        let kind = match lent.dtype.code {
            DLDataType::BOOL => b'b',
            DLDataType::INT => b'i',
            // The bits of a bfloat16; see `from_tensor`.
            DLDataType::UINT | DLDataType::BFLOAT => b'u',
            _ => b'f',
        };
        let writeable = if handle.is_read_only() { 0 } else { ArrayStruct::WRITEABLE };
        let list = |numbers: *mut i64, unit: isize| {
            let mut list = [0; MAX_RANK];
            // SAFETY: a tensor that Kiln exports has this many sizes and strides.
            let numbers = unsafe { std::slice::from_raw_parts(numbers, ndim) };
            list.iter_mut().zip(numbers).for_each(|(to, &n)| *to = n as isize * unit);
            list
        };
        let mut boxed = Box::new(LentStruct {
            array: ArrayStruct {
                two: 2,
                ndim: lent.ndim,
                kind: kind as c_char,
                itemsize: size as c_int,
                flags: ArrayStruct::ALIGNED | ArrayStruct::NATIVE | writeable,
                shape: null_mut(),
                strides: null_mut(),
                data: lent.data,
                descr: null_mut(),
            },
            shape: list(lent.shape, 1),
            strides: list(lent.strides, size),
            _owner: slf.clone().unbind(),
        });
        (boxed.array.shape, boxed.array.strides) = (boxed.shape.as_mut_ptr(), boxed.strides.as_mut_ptr());
        let pointer = Box::into_raw(boxed);
        // SAFETY: the pointer is not NULL, and the capsule's end frees it. The struct is the first of the box.
        let capsule = unsafe { ffi::PyCapsule_New((&raw mut (*pointer).array).cast(), null(), Some(release)) };
        if capsule.is_null() {
            // SAFETY: there is no capsule that owns it.
            drop(unsafe { Box::from_raw(pointer) });
        }
        // SAFETY: a new reference, or NULL with an exception set.
        unsafe { Bound::from_owned_ptr_or_err(slf.py(), capsule) }
    }
}

/// A tensor as an array, which shares its memory if that is the processor's.
pub fn from_tensor<'py>(py: Python<'py>, x: &Tensor) -> PyResult<Bound<'py, PyAny>> {
    static BFLOAT16: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    if x.is_tracked() {
        return Err(PyTypeError::new_err("a tensor that requires a gradient is no array: detach() it first"));
    }
    let view = match x.dtype() {
        DType::BF16 => Some(BFLOAT16.import(py, "ml_dtypes", "bfloat16").map_err(|_| {
            let reason =
                "bfloat16 is not among NumPy's dtypes: install ml_dtypes, or convert the tensor to float32 first";
            PyTypeError::new_err(reason)
        })?),
        _ => None,
    };
    // NumPy can walk backwards.
    let copy = x.device().is_cpu().then_some(false);
    let handle = py.detach(|| x.to_dlpack(copy)).map_err(exception)?;
    let array = as_array(&Bound::new(py, Lent(handle))?.into_any())?;
    match view {
        Some(dtype) => array.call_method1(intern!(py, "view"), (dtype,)),
        None => Ok(array),
    }
}

/// An array as a tensor, which shares its memory where `copy` and its layout allow.
pub fn to_tensor(array: &Bound<'_, PyAny>, copy: Option<bool>) -> PyResult<Tensor> {
    let py = array.py();
    refuse_masked(array)?;
    let capsule = array.getattr(intern!(py, "__array_struct__"))?;
    // SAFETY: the capsule is alive; NumPy gives it no name.
    let pointer = unsafe { ffi::PyCapsule_GetPointer(capsule.as_ptr(), null()) };
    if pointer.is_null() {
        return Err(PyErr::fetch(py));
    }
    // SAFETY: NumPy's capsule holds this struct, which lives as long.
    let array_struct = unsafe { &*pointer.cast::<ArrayStruct>() };
    let &ArrayStruct { ndim, itemsize, flags, shape, strides, data, .. } = array_struct;
    let rank = ndim as usize;
    if rank > MAX_RANK {
        return Err(PyBufferError::new_err(format!("from_numpy: rank {rank} is above the limit of {MAX_RANK}")));
    }
    let list = |numbers: *mut isize| match rank {
        0 => &[],
        // SAFETY: NumPy's struct has as many sizes and strides as axes.
        _ => unsafe { std::slice::from_raw_parts(numbers.cast_const(), rank) },
    };
    let (shape, strides, size) = (list(shape), list(strides), itemsize as isize);
    let dtype = match dtype(array_struct.kind as u8, itemsize) {
        Some(dtype) => dtype,
        None => dtype_by_name(array)?,
    };
    let whole_steps = strides.iter().zip(shape).all(|(stride, &n)| n <= 1 || stride % size.max(1) == 0);
    let is_native = flags & ArrayStruct::NATIVE != 0;
    if !is_native || !whole_steps {
        if copy == Some(false) {
            let reason = if is_native { "strides that are no multiples of its elements" } else { "foreign byte order" };
            return Err(PyValueError::new_err(format!("an array with {reason} must be copied")));
        }
        // In native order, dense.
        let native = array.getattr(intern!(py, "dtype"))?.call_method1("newbyteorder", ("=",))?;
        return to_tensor(&array.call_method1("astype", (native, "C"))?, None);
    }
    let mut borrowed = Borrowed::new(array, dtype, data, flags & ArrayStruct::WRITEABLE == 0);
    for (axis, (&n, &stride)) in shape.iter().zip(strides).enumerate() {
        (borrowed.shape[axis], borrowed.strides[axis]) = (n as i64, (stride / size.max(1)) as i64);
    }
    let handle = borrowed.into_handle(ndim).map_err(exception)?;
    let share = || Tensor::from_dlpack(handle, copy);
    // To look at all bools, or to copy, takes time.
    let tensor = if copy == Some(true) || dtype == DType::Bool { py.detach(share) } else { share() };
    tensor.map_err(buffer_error)
}

/// A masked array is two arrays, of which a tensor would be one.
fn refuse_masked(array: &Bound<'_, PyAny>) -> PyResult<()> {
    static MASKED: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let py = array.py();
    if array_class(py)?.is_some_and(|class| array.get_type().is(class)) {
        return Ok(());
    }
    let Some(class) = numpy_class(py, &MASKED, "numpy.ma", "MaskedArray")? else { return Ok(()) };
    if array.is_instance(class)? && py.import("numpy.ma")?.call_method1("is_masked", (array,))?.extract()? {
        let reason = "an array with masked elements is not a tensor: take its filled(value), or its data and its mask";
        return Err(PyTypeError::new_err(reason));
    }
    Ok(())
}

/// The dtype of NumPy's kind and size.
fn dtype(kind: u8, size: c_int) -> Option<DType> {
    Some(match (kind, size) {
        (b'b', 1) => DType::Bool,
        (b'i', 1) => DType::I8,
        (b'i', 2) => DType::I16,
        (b'i', 4) => DType::I32,
        (b'i', 8) => DType::I64,
        (b'u', 1) => DType::U8,
        (b'u', 2) => DType::U16,
        (b'u', 4) => DType::U32,
        (b'u', 8) => DType::U64,
        (b'f', 2) => DType::F16,
        (b'f', 4) => DType::F32,
        (b'f', 8) => DType::F64,
        _ => return None,
    })
}

/// Other libraries add dtypes to NumPy, such as the bfloat16 of `ml_dtypes`.
fn dtype_by_name(array: &Bound<'_, PyAny>) -> PyResult<DType> {
    let numpy_dtype = array.getattr("dtype")?;
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
        "V" if name.starts_with("float") || name.starts_with("int") || name.starts_with("uint") => {
            "numbers of 8 bits or fewer are not supported: convert it with astype"
        }
        "V" => "a structured array is not a tensor: take one of its fields",
        _ => "convert it with astype",
    };
    Err(PyTypeError::new_err(format!("an array of {name}: {reason}")))
}

/// A borrowed array: DLPack's struct, what it points to, and the array itself.
struct Borrowed {
    managed: DLManagedTensorVersioned,
    shape: [i64; MAX_RANK],
    strides: [i64; MAX_RANK],
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

impl Borrowed {
    fn new(array: &Bound<'_, PyAny>, dtype: DType, data: *mut c_void, read_only: bool) -> Box<Self> {
        unsafe extern "C" fn give_back(managed: *mut DLManagedTensorVersioned) {
            // SAFETY: the context is the box that `into_handle` gave away, and this is called once.
            drop(unsafe { Box::from_raw((*managed).manager_ctx.cast::<Borrowed>()) });
        }
        let managed = DLManagedTensorVersioned {
            version: VERSION,
            manager_ctx: null_mut(),
            deleter: Some(give_back),
            flags: if read_only { DLManagedTensorVersioned::READ_ONLY } else { 0 },
            dl_tensor: DLTensor {
                data,
                device: DLDevice { device_type: DLDevice::CPU, device_id: 0 },
                ndim: 0,
                dtype: dtype.into(),
                shape: null_mut(),
                strides: null_mut(),
                byte_offset: 0,
            },
        };
        let array = Some(array.clone().unbind());
        Box::new(Self { managed, shape: [0; MAX_RANK], strides: [0; MAX_RANK], array })
    }

    fn into_handle(self: Box<Self>, ndim: c_int) -> kiln::Result<Handle<DLManagedTensorVersioned>> {
        let this = Box::into_raw(self);
        // SAFETY: the box is whole. The struct says what NumPy says of an array that the box keeps alive.
        unsafe {
            let managed = &mut (*this).managed;
            managed.manager_ctx = this.cast();
            managed.dl_tensor.ndim = ndim;
            managed.dl_tensor.shape = (&raw mut (*this).shape).cast();
            managed.dl_tensor.strides = (&raw mut (*this).strides).cast();
            Handle::from_raw(&raw mut (*this).managed)
        }
    }
}

/// A tensor over an array's memory, as `torch.from_numpy`: what is written to the array shows in the tensor, and in
/// results that are still pending.
#[pyfunction]
#[pyo3(signature = (array, /))]
pub fn from_numpy(array: &Bound<'_, PyAny>) -> PyResult<crate::tensor::PyTensor> {
    if !is_array(array)? {
        return Err(PyTypeError::new_err(format!(
            "from_numpy takes a NumPy array, not {}",
            crate::convert::class(array)
        )));
    }
    to_tensor(array, Some(false)).map(Into::into)
}
