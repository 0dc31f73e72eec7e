//! Devices as Python objects.

use kiln::{Device, DeviceInfo};
use pyo3::{
    prelude::*,
    types::{PyDict, PyString, PyType},
};

use crate::error::exception;

/// Where tensors live and compute: `cpu`, `gpu:0`, or a part of a GPU's name.
#[pyclass(name = "Device", module = "kiln", frozen, eq)]
#[derive(Clone, PartialEq, Eq)]
pub struct PyDevice(pub Device);

#[pymethods]
impl PyDevice {
    /// The device of a name; `auto` is the first GPU that is real hardware, else the CPU.
    #[new]
    #[pyo3(signature = (name="auto"))]
    fn new(name: &str) -> PyResult<Self> {
        name.parse().map(Self).map_err(exception)
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

    fn __reduce__<'py>(&self, py: Python<'py>) -> (Bound<'py, PyType>, (&str,)) {
        (py.get_type::<Self>(), (self.0.name(),))
    }
}

/// Whatever stands for a device in an argument.
pub struct DeviceArg(pub Device);

impl DeviceArg {
    /// The device of an optional argument.
    pub fn or_cpu(device: Option<Self>) -> Device {
        device.map_or_else(Device::cpu, |device| device.0)
    }
}

impl<'py> FromPyObject<'_, 'py> for DeviceArg {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(device) = object.cast::<PyDevice>() {
            return Ok(Self(device.get().0.clone()));
        }
        let name = object.cast::<PyString>()?;
        name.to_cow()?.parse().map(Self).map_err(exception)
    }
}

/// The names of all devices with their hardware: the CPU first, then the GPUs, real ones before software.
#[pyfunction]
pub fn devices() -> Vec<(String, String)> {
    let name = |(i, info): (usize, DeviceInfo)| {
        let name = i.checked_sub(1).map_or("cpu".into(), |index| format!("gpu:{index}"));
        (name, info.name)
    };
    Device::list().into_iter().enumerate().map(name).collect()
}

/// A real GPU if there is one, else the CPU; the environment variable `KILN_DEVICE` decides otherwise.
#[pyfunction]
pub fn best_device() -> PyResult<PyDevice> {
    let name = std::env::var("KILN_DEVICE").unwrap_or_default();
    let name = if name.is_empty() { "auto" } else { &name };
    name.parse().map(PyDevice).map_err(exception)
}
