//! DLPack's exchange in C: functions that a class of arrays offers to other libraries, and that its callers need no
//! Python for.

use std::{
    ffi::{CStr, c_char, c_int, c_void},
    panic::{AssertUnwindSafe, catch_unwind},
    ptr::null_mut,
};

use kiln::{
    DType, Device, Shape, Tensor,
    dlpack::{DLDataType, DLDevice, DLManagedTensorVersioned, DLPackVersion, DLTensor, Handle, VERSION},
};
use pyo3::{exceptions::PyBufferError, ffi, intern, prelude::*, types::PyCapsule};

use crate::{error::buffer_error, tensor::PyTensor};

/// `DLPackExchangeAPI` of DLPack 1.3.
#[repr(C)]
struct ExchangeApi {
    version: DLPackVersion,
    prev_api: *mut c_void,
    allocate: Option<
        unsafe extern "C" fn(
            prototype: *mut DLTensor,
            out: *mut *mut DLManagedTensorVersioned,
            error_context: *mut c_void,
            set_error: Option<unsafe extern "C" fn(*mut c_void, *const c_char, *const c_char)>,
        ) -> c_int,
    >,
    export: Option<unsafe extern "C" fn(object: *mut c_void, out: *mut *mut DLManagedTensorVersioned) -> c_int>,
    import: Option<unsafe extern "C" fn(array: *mut DLManagedTensorVersioned, out: *mut *mut c_void) -> c_int>,
    look: Option<unsafe extern "C" fn(object: *mut c_void, out: *mut DLTensor) -> c_int>,
    current_stream: Option<unsafe extern "C" fn(kind: i32, id: i32, out: *mut *mut c_void) -> c_int>,
}

// SAFETY: nothing in it changes, and its functions may be called from any thread that holds Python's lock.
unsafe impl Sync for ExchangeApi {}

const NAME: &CStr = c"dlpack_exchange_api";

static API: ExchangeApi = ExchangeApi {
    version: VERSION,
    prev_api: null_mut(),
    allocate: Some(allocate),
    export: Some(export),
    import: Some(import),
    // A tensor may have to be computed or copied first, so that nobody owned what the struct would point to.
    look: None,
    current_stream: Some(current_stream),
};

/// Calls a function for C, to which neither a panic nor an error may pass.
fn guarded<T>(f: impl FnOnce(Python<'_>) -> PyResult<T>) -> Option<T> {
    let call = || {
        Python::try_attach(|py| match f(py) {
            Ok(value) => Some(value),
            Err(error) => {
                error.restore(py);
                None
            }
        })
    };
    catch_unwind(AssertUnwindSafe(call)).ok().flatten().flatten()
}

unsafe extern "C" fn allocate(
    prototype: *mut DLTensor,
    out: *mut *mut DLManagedTensorVersioned,
    error_context: *mut c_void,
    set_error: Option<unsafe extern "C" fn(*mut c_void, *const c_char, *const c_char)>,
) -> c_int {
    let make = || -> Result<Handle<DLManagedTensorVersioned>, String> {
        // SAFETY: the caller's prototype is whole.
        let prototype = unsafe { &*prototype };
        let DLDevice { device_type, device_id } = prototype.device;
        if (device_type, device_id) != (DLDevice::CPU, 0) {
            return Err(format!("Kiln allocates on the CPU, not on {} device {device_id}", prototype.device.name()));
        }
        let dtype = DType::ALL.into_iter().find(|&dtype| DLDataType::from(dtype) == prototype.dtype);
        let dtype = dtype.ok_or_else(|| format!("{:?} is not one of Kiln's dtypes", prototype.dtype))?;
        let sizes = match prototype.ndim {
            ..=0 => &[],
            // SAFETY: the prototype has as many sizes as axes.
            ndim => unsafe { std::slice::from_raw_parts(prototype.shape.cast_const(), ndim as usize) },
        };
        let sizes: Result<Vec<usize>, _> = sizes.iter().map(|&size| usize::try_from(size)).collect();
        let sizes = sizes.map_err(|_| "a size is negative".to_string())?;
        let shape = Shape::try_new(&sizes).map_err(|error| error.to_string())?;
        Tensor::zeros(shape, dtype, &Device::cpu()).to_dlpack(None).map_err(|error| error.to_string())
    };
    let made = catch_unwind(AssertUnwindSafe(make)).unwrap_or_else(|_| Err("Kiln has panicked".into()));
    match made {
        // SAFETY: the caller's place for the result.
        Ok(handle) => unsafe {
            *out = handle.into_raw();
            0
        },
        Err(reason) => {
            let reason = std::ffi::CString::new(reason).unwrap_or_default();
            if let Some(set_error) = set_error {
                // SAFETY: the caller's function with the caller's context; the strings outlive the call.
                unsafe { set_error(error_context, c"BufferError".as_ptr(), reason.as_ptr()) };
            }
            -1
        }
    }
}

unsafe extern "C" fn export(object: *mut c_void, out: *mut *mut DLManagedTensorVersioned) -> c_int {
    let exported = guarded(|py| {
        // SAFETY: the caller has a reference to this Python object.
        let object = unsafe { Bound::from_borrowed_ptr(py, object.cast()) };
        let x = object.cast::<PyTensor>()?.get().tensor();
        py.detach(|| x.to_dlpack(None)).map_err(buffer_error)
    });
    let Some(handle) = exported else { return -1 };
    // SAFETY: the caller's place for the result.
    unsafe { *out = handle.into_raw() };
    0
}

unsafe extern "C" fn import(array: *mut DLManagedTensorVersioned, out: *mut *mut c_void) -> c_int {
    let imported = guarded(|py| {
        // SAFETY: the caller gives its array away.
        let handle = unsafe { Handle::from_raw(array) }.map_err(buffer_error)?;
        let x = py.detach(|| Tensor::from_dlpack(handle, None)).map_err(buffer_error)?;
        Py::new(py, PyTensor::from(x))
    });
    let Some(tensor) = imported else { return -1 };
    // SAFETY: the caller's place for the result.
    unsafe { *out = tensor.into_ptr().cast() };
    0
}

unsafe extern "C" fn current_stream(_: i32, _: i32, out: *mut *mut c_void) -> c_int {
    // SAFETY: the caller's place for the result. What is exported is complete, and lies on the CPU.
    unsafe { *out = null_mut() };
    0
}

/// The capsule that `kiln.Tensor` offers.
pub fn capsule(py: Python<'_>) -> PyResult<Py<PyAny>> {
    let api = (&raw const API).cast_mut().cast();
    // SAFETY: the struct and the name are static, and nobody writes to the struct. A new reference, or NULL with an
    // exception set.
    unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyCapsule_New(api, NAME.as_ptr(), None)).map(Bound::unbind) }
}

/// The array of an object whose class offers such functions.
pub fn take(object: &Bound<'_, PyAny>) -> PyResult<Option<Handle<DLManagedTensorVersioned>>> {
    let py = object.py();
    let Some(capsule) = object.get_type().getattr_opt(intern!(py, "__dlpack_c_exchange_api__"))? else {
        return Ok(None);
    };
    let Ok(capsule) = capsule.cast::<PyCapsule>() else { return Ok(None) };
    // SAFETY: the capsule is alive.
    let api = unsafe {
        if ffi::PyCapsule_IsValid(capsule.as_ptr(), NAME.as_ptr()) == 0 {
            return Ok(None);
        }
        ffi::PyCapsule_GetPointer(capsule.as_ptr(), NAME.as_ptr()).cast::<ExchangeApi>()
    };
    // SAFETY: a capsule of this name holds such a struct, which begins with its version and is static.
    let export = unsafe { if (*api).version.major == VERSION.major { (*api).export } else { None } };
    let Some(export) = export else { return Ok(None) };
    let mut array = null_mut();
    // SAFETY: the object is of the class that offers the function, and Python's lock is held.
    if unsafe { export(object.as_ptr().cast(), &raw mut array) } != 0 {
        let failed = || PyBufferError::new_err(format!("{} was not exported", crate::convert::class(object)));
        return Err(PyErr::take(py).unwrap_or_else(failed));
    }
    // SAFETY: the function gives its array away.
    unsafe { Handle::from_raw(array) }.map(Some).map_err(buffer_error)
}
