//! Devices as Python objects.

use std::sync::{PoisonError, RwLock};

use kiln::{Device, DeviceInfo};
use pyo3::{
    exceptions::{PyTypeError, PyValueError},
    prelude::*,
    types::{PyDict, PyString, PyType},
};

use crate::{convert::class, error::exception};

/// Where tensors live and compute: `cpu`, `gpu:0`, or a part of a GPU's name.
#[pyclass(name = "Device", module = "kiln", frozen)]
#[derive(Clone, PartialEq, Eq)]
pub struct PyDevice(pub Device);

#[pymethods]
impl PyDevice {
    /// The device of a name; `auto` is the first GPU that is real hardware, else the CPU.
    #[new]
    #[pyo3(signature = (name="auto"))]
    fn new(py: Python<'_>, name: &str) -> PyResult<Self> {
        named(py, name).map(Self)
    }

    /// `cpu`, or `gpu:` and the GPU's number.
    #[getter]
    fn name(&self) -> &str {
        self.0.name()
    }

    /// The kind of device, `cpu` or `gpu`.
    #[getter]
    fn r#type(&self) -> &'static str {
        if self.0.is_cpu() { "cpu" } else { "gpu" }
    }

    /// The hardware's name.
    #[getter]
    fn hardware(&self) -> &str {
        &self.0.info().name
    }

    /// The memory in use, in bytes: `live` in tensors, `cached` for reuse, `peak` live at once.
    fn memory<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let memory = self.0.memory();
        let dict = PyDict::new(py);
        dict.set_item("live", memory.live)?;
        dict.set_item("cached", memory.cached)?;
        dict.set_item("peak", memory.peak)?;
        Ok(dict)
    }

    /// Gives cached memory back to the system.
    fn empty_cache(&self) {
        self.0.empty_cache();
    }

    /// Waits until all work that was asked for is done.
    fn sync(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.0.sync()).map_err(exception)
    }

    fn __repr__(&self) -> String {
        format!("kiln.Device('{}')", self.0)
    }

    fn __str__(&self) -> &str {
        self.0.name()
    }

    fn __hash__(&self) -> u64 {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        self.0.name().hash(&mut hasher);
        hasher.finish()
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        match other.cast::<PyString>() {
            Ok(name) => name.to_cow().is_ok_and(|name| name == self.0.name()),
            Err(_) => other.cast::<Self>().is_ok_and(|other| other.get() == self),
        }
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> (Bound<'py, PyType>, (&str,)) {
        (py.get_type::<Self>(), (self.0.name(),))
    }
}

/// What other libraries call GPUs.
const GPUS: [&str; 8] = ["cuda", "hip", "metal", "mps", "rocm", "vulkan", "webgpu", "xpu"];

/// The device of a name: Kiln's, another library's for GPUs (`cuda`, `cuda:1`, `mps`), or a part of a GPU's name.
fn named(py: Python<'_>, name: &str) -> PyResult<Device> {
    let (kind, index) = name.split_once(':').map_or((name, None), |(kind, index)| (kind, Some(index)));
    let ours = match index {
        _ if !GPUS.contains(&kind.to_lowercase().as_str()) => match name {
            // PyTorch numbers its CPU.
            "cpu:0" => "cpu".into(),
            _ => name.to_owned(),
        },
        Some(index) => format!("gpu:{index}"),
        None => "gpu".into(),
    };
    py.detach(|| ours.parse::<Device>()).map_err(|error| match error {
        kiln::Error::Device { ref reason, .. } if !reason.contains("forked") => {
            let there: Vec<_> =
                devices(py).into_iter().map(|(name, hardware)| format!("'{name}' ({hardware})")).collect();
            PyValueError::new_err(format!("there is no device '{name}': there are {}", there.join(", ")))
        }
        error => exception(error),
    })
}

/// The device that `set_default_device` has set.
static DEFAULT: RwLock<Option<Device>> = RwLock::new(None);

/// Where tensors are made that no device is named for: on that of `set_default_device`, else on that of the environment
/// variable `KILN_DEVICE`, else on the CPU.
pub fn default(py: Python<'_>) -> PyResult<Device> {
    if let Some(device) = &*DEFAULT.read().unwrap_or_else(PoisonError::into_inner) {
        return Ok(device.clone());
    }
    let device = match std::env::var("KILN_DEVICE") {
        Ok(name) if !name.is_empty() => named(py, &name)?,
        _ => Device::cpu(),
    };
    Ok(DEFAULT.write().unwrap_or_else(PoisonError::into_inner).get_or_insert(device).clone())
}

/// Whatever stands for a device in an argument.
pub struct DeviceArg(pub Device);

impl DeviceArg {
    /// The device of an optional argument.
    pub fn or_default(device: Option<Self>, py: Python<'_>) -> PyResult<Device> {
        device.map_or_else(|| default(py), |device| Ok(device.0))
    }
}

impl<'py> FromPyObject<'_, 'py> for DeviceArg {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let py = object.py();
        if let Ok(device) = object.cast::<PyDevice>() {
            return Ok(Self(device.get().0.clone()));
        }
        if let Ok(name) = object.cast::<PyString>() {
            return named(py, &name.to_cow()?).map(Self);
        }
        // PyTorch's devices print their names.
        if object.get_type().name()? == "device" && object.hasattr("index")? {
            return named(py, &object.str()?.to_cow()?).map(Self);
        }
        Err(PyTypeError::new_err(format!("a device is a kiln.Device or its name, not {}", class(&object))))
    }
}

/// The device on which tensors are made that no device is named for.
#[pyfunction]
pub fn get_default_device(py: Python<'_>) -> PyResult<PyDevice> {
    default(py).map(PyDevice)
}

/// Makes tensors that no device is named for on this one from now on.
#[pyfunction]
pub fn set_default_device(device: DeviceArg) {
    *DEFAULT.write().unwrap_or_else(PoisonError::into_inner) = Some(device.0);
}

/// The names of all devices with their hardware: the CPU first, then the GPUs, real ones before software.
#[pyfunction]
pub fn devices(py: Python<'_>) -> Vec<(String, String)> {
    let name = |(i, info): (usize, DeviceInfo)| {
        let name = i.checked_sub(1).map_or("cpu".into(), |index| format!("gpu:{index}"));
        (name, info.name)
    };
    py.detach(Device::list).into_iter().enumerate().map(name).collect()
}

/// A real GPU if there is one, else the CPU; the environment variable `KILN_DEVICE` decides otherwise.
#[pyfunction]
pub fn best_device(py: Python<'_>) -> PyResult<PyDevice> {
    let name = std::env::var("KILN_DEVICE").unwrap_or_default();
    named(py, if name.is_empty() { "auto" } else { &name }).map(PyDevice)
}
