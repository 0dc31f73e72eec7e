//! DLPack's side of Python: capsules with well-known names around the structs.

use std::ffi::CStr;

use kiln::{
    Device, Tensor,
    dlpack::{DLDataType, DLDevice, DLManagedTensor, DLManagedTensorVersioned, Handle, Managed, VERSION},
};
use pyo3::{
    exceptions::{PyBufferError, PyTypeError, PyValueError},
    ffi, intern,
    prelude::*,
    types::{PyCapsule, PyDict},
};

use crate::{
    convert::class,
    device::DeviceArg,
    error::{buffer_error, exception},
    exchange, numpy,
    tensor::PyTensor,
};

/// A struct's names: of a capsule that holds one, and of one whose struct has been taken.
trait Named: Managed {
    const NAME: &'static CStr;
    const USED: &'static CStr;
}

impl Named for DLManagedTensor {
    const NAME: &'static CStr = c"dltensor";
    const USED: &'static CStr = c"used_dltensor";
}

impl Named for DLManagedTensorVersioned {
    const NAME: &'static CStr = c"dltensor_versioned";
    const USED: &'static CStr = c"used_dltensor_versioned";
}

/// A capsule that owns a struct until somebody takes it.
fn capsule<M: Named>(py: Python<'_>, handle: Handle<M>) -> PyResult<Bound<'_, PyAny>> {
    unsafe extern "C" fn release<M: Named>(capsule: *mut ffi::PyObject) {
        // SAFETY: Python calls this with the capsule that goes, and the interpreter's lock.
        if let Some(handle) = unsafe { take::<M>(capsule) } {
            drop(handle);
        }
    }
    let managed = handle.into_raw();
    // SAFETY: the pointer is not NULL, and the name is static.
    let capsule = unsafe { ffi::PyCapsule_New(managed.cast(), M::NAME.as_ptr(), Some(release::<M>)) };
    if capsule.is_null() {
        // SAFETY: the struct was given away to a capsule that does not exist.
        drop(unsafe { Handle::from_raw(managed) });
    }
    // SAFETY: `PyCapsule_New` returns a new reference, or NULL with an exception set.
    unsafe { Bound::from_owned_ptr_or_err(py, capsule) }
}

/// The struct of a capsule, which is marked as used; `None` if it has no such struct, or not any more.
///
/// # Safety
/// The pointer must be to a Python object, and the interpreter's lock held.
unsafe fn take<M: Named>(capsule: *mut ffi::PyObject) -> Option<Handle<M>> {
    // SAFETY: by the above; the names are static, as a capsule needs them.
    let managed = unsafe {
        if ffi::PyCapsule_IsValid(capsule, M::NAME.as_ptr()) == 0 {
            return None;
        }
        let managed = ffi::PyCapsule_GetPointer(capsule, M::NAME.as_ptr());
        if ffi::PyCapsule_SetName(capsule, M::USED.as_ptr()) != 0 {
            return None;
        }
        managed
    };
    // SAFETY: a capsule of this name owns a struct, which is taken once: its name has changed.
    unsafe { Handle::from_raw(managed.cast()) }.ok()
}

/// The tensor of a capsule's struct.
fn consume(capsule: &Bound<'_, PyCapsule>, copy: Option<bool>) -> PyResult<Tensor> {
    let (py, pointer) = (capsule.py(), capsule.as_ptr());
    // SAFETY: the capsule is alive and the interpreter's lock is held, here and below.
    if let Some(handle) = unsafe { take::<DLManagedTensorVersioned>(pointer) } {
        return share(py, handle, copy);
    }
    // SAFETY: as above.
    if let Some(handle) = unsafe { take::<DLManagedTensor>(pointer) } {
        return share(py, handle, copy);
    }
    // SAFETY: as above.
    let name = unsafe { ffi::PyCapsule_GetName(pointer) };
    // SAFETY: the name of a capsule is NULL or a string that lives as long.
    let name = (!name.is_null()).then(|| unsafe { CStr::from_ptr(name) }.to_string_lossy());
    Err(PyValueError::new_err(match name {
        Some(name) if name.starts_with("used_dltensor") => "the capsule's array has been taken before".into(),
        Some(name) => format!("the capsule {name:?} is none of DLPack's"),
        None => "a capsule without a name is none of DLPack's".into(),
    }))
}

/// The array of an object that exports it by DLPack, or of a capsule, on a device.
pub fn import(object: &Bound<'_, PyAny>, device: Option<Device>, copy: Option<bool>) -> PyResult<Tensor> {
    let device = device.unwrap_or_else(Device::cpu);
    let may_copy = |x: &Device| if copy == Some(false) && !x.is_cpu() { Err(must_be_copied(x)) } else { Ok(()) };
    let x = if let Ok(tensor) = object.cast::<PyTensor>() {
        let tensor = tensor.get().tensor();
        if tensor.device() == &device {
            return Ok(if copy == Some(true) { tensor.detach().copied() } else { tensor.detach() });
        }
        may_copy(tensor.device())?;
        tensor.detach()
    } else if numpy::is_array(object)? {
        numpy::to_tensor(object, copy).map_err(|error| refused(object.py(), error))?
    } else if let Ok(capsule) = object.cast::<PyCapsule>() {
        consume(capsule, copy)?
    } else {
        exported(object, copy)?
    };
    if x.device() == &device {
        return Ok(x);
    }
    may_copy(&device)?;
    object.py().detach(|| x.to_device(&device)).map_err(exception)
}

/// Whatever is wrong with an array, this exchange raises one exception.
fn refused(py: Python<'_>, error: PyErr) -> PyErr {
    if error.is_instance_of::<PyTypeError>(py) || error.is_instance_of::<PyValueError>(py) {
        return PyBufferError::new_err(error.value(py).to_string());
    }
    error
}

/// The array of an object of another library.
fn exported(object: &Bound<'_, PyAny>, copy: Option<bool>) -> PyResult<Tensor> {
    let py = object.py();
    // Gradients do not follow, which this way of exchange does not say.
    let is_tracked =
        || object.getattr_opt(intern!(py, "requires_grad"))?.map_or(Ok(false), |tracked| tracked.is_truthy());
    if let Some(handle) = exchange::take(object)? {
        let array = handle.dl_tensor().map_err(buffer_error)?;
        if array.device.is_host() && !is_tracked()? {
            return share(py, handle, copy);
        }
    }
    if !object.hasattr(intern!(py, "__dlpack__"))? {
        return Err(PyTypeError::new_err(format!("{} has no method __dlpack__", class(object))));
    }
    let (kind, id): (i32, i32) = object.call_method0(intern!(py, "__dlpack_device__"))?.extract()?;
    let there = DLDevice { device_type: kind, device_id: id };
    let exported = PyDict::new(py);
    exported.set_item(intern!(py, "max_version"), (VERSION.major, VERSION.minor))?;
    if !there.is_host() {
        if copy == Some(false) {
            let reason = format!("the array is on {} device {id} and must be copied", there.name());
            return Err(PyBufferError::new_err(reason));
        }
        exported.set_item("dl_device", (DLDevice::CPU, 0))?;
    }
    if copy == Some(false) {
        exported.set_item("copy", false)?;
    }
    let capsule = match object.call_method(intern!(py, "__dlpack__"), (), Some(&exported)) {
        // A producer of before the 2023 standard knows no such arguments.
        Err(error) if error.is_instance_of::<PyTypeError>(py) && there.is_host() => {
            object.call_method0("__dlpack__")?
        }
        Err(error) if !there.is_host() => {
            let place = format!("the array is on {} device {id}", there.name());
            let hint = format!("{place}: copy it to the CPU first, as `x.cpu()` does in PyTorch ({error})");
            return Err(PyBufferError::new_err(hint));
        }
        called => called?,
    };
    consume(capsule.cast::<PyCapsule>()?, copy)
}

/// The tensor of a struct.
fn share<M: Managed>(py: Python<'_>, handle: Handle<M>, copy: Option<bool>) -> PyResult<Tensor> {
    let bits = handle.dl_tensor().map_err(buffer_error)?.dtype;
    let share = || Tensor::from_dlpack(handle, copy);
    // To look at all bools, or to copy, takes time.
    let takes_time = copy == Some(true) || bits.code == DLDataType::BOOL;
    (if takes_time { py.detach(share) } else { share() }).map_err(buffer_error)
}

fn must_be_copied(device: &Device) -> PyErr {
    PyBufferError::new_err(format!("what goes to or comes from {device} must be copied"))
}

#[pymethods]
impl PyTensor {
    /// The tensor for another library: its memory on the CPU, a copy from a GPU.
    #[pyo3(signature = (*, stream=None, max_version=None, dl_device=None, copy=None))]
    fn __dlpack__<'py>(
        &self,
        py: Python<'py>,
        stream: Option<i64>,
        max_version: Option<(u32, u32)>,
        dl_device: Option<(i32, i32)>,
        copy: Option<bool>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if stream.is_some_and(|stream| stream != -1) {
            return Err(PyValueError::new_err("tensors are exported on the CPU, which has no streams"));
        }
        if let Some((kind, id)) = dl_device.filter(|&device| device != (DLDevice::CPU, 0)) {
            let name = DLDevice { device_type: kind, device_id: id }.name();
            return Err(PyBufferError::new_err(format!("tensors are exported on the CPU, not to {name} device {id}")));
        }
        let x = self.tensor();
        if max_version.is_some_and(|(major, _)| major >= 1) {
            return capsule(py, py.detach(|| x.to_dlpack(copy)).map_err(buffer_error)?);
        }
        capsule(py, py.detach(|| x.to_dlpack_legacy(copy)).map_err(buffer_error)?)
    }

    /// What `__dlpack__` does, as functions in C.
    #[classattr]
    fn __dlpack_c_exchange_api__(py: Python<'_>) -> PyResult<Py<PyAny>> {
        exchange::capsule(py)
    }

    /// Where `__dlpack__` exports to: the CPU.
    fn __dlpack_device__(&self) -> (i32, i32) {
        (DLDevice::CPU, 0)
    }
}

/// An array of another library as a tensor: an object with `__dlpack__`, or a capsule. It is shared where `copy` allows
/// and its layout does, and moved to a device if one is given.
#[pyfunction]
#[pyo3(signature = (x, /, *, device=None, copy=None))]
pub fn from_dlpack(x: &Bound<'_, PyAny>, device: Option<DeviceArg>, copy: Option<bool>) -> PyResult<PyTensor> {
    import(x, device.map(|device| device.0), copy).map(Into::into)
}

/// A tensor as a capsule of before DLPack 1.0, for libraries that take nothing else, such as TensorFlow. These want
/// dense memory that starts at a multiple of 64 bytes: other tensors are copied.
#[pyfunction]
pub fn to_dlpack<'py>(py: Python<'py>, tensor: PyRef<'py, PyTensor>) -> PyResult<Bound<'py, PyAny>> {
    let x = tensor.tensor();
    let export = || {
        let copy = if x.is_contiguous() { None } else { Some(true) };
        let handle = x.to_dlpack_legacy(copy)?;
        let misaligned = handle.dl_tensor()?.data.addr() % 64 != 0;
        if misaligned { x.to_dlpack_legacy(Some(true)) } else { Ok(handle) }
    };
    capsule(py, py.detach(export).map_err(buffer_error)?)
}
