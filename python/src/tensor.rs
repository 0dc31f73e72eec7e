//! The Python class of tensors: what it holds, what it says of itself.

use std::sync::{Arc, PoisonError, RwLock};

use kiln::{DType, Tensor};
use pyo3::{
    IntoPyObjectExt,
    exceptions::{PyTypeError, PyValueError},
    prelude::*,
    types::{PyList, PyTuple},
};

use crate::{
    autograd::Leaf,
    convert::{self, for_dtype},
    device::{DeviceArg, PyDevice},
    dtype::{DTypeArg, PyDType},
    error::exception,
    numpy,
};

/// An array of numbers on a device. Its elements never change.
#[pyclass(name = "Tensor", module = "kiln", frozen)]
pub struct PyTensor(RwLock<Value>);

/// A tensor, and where its gradients are gathered if it is a leaf of the tape.
#[derive(Clone)]
pub struct Value {
    pub tensor: Tensor,
    pub leaf: Option<Arc<Leaf>>,
}

impl From<Tensor> for PyTensor {
    fn from(tensor: Tensor) -> Self {
        Self(RwLock::new(Value { tensor, leaf: None }))
    }
}

impl PyTensor {
    pub fn tensor(&self) -> Tensor {
        self.value().tensor
    }

    pub fn value(&self) -> Value {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn set(&self, value: Value) {
        let before = std::mem::replace(&mut *self.0.write().unwrap_or_else(PoisonError::into_inner), value);
        // What goes with the old value may call Python, which must find no lock here.
        drop(before);
    }

    /// The tensor with its gradients tracked from here on, if that is asked for.
    pub fn new(tensor: Tensor, requires_grad: bool) -> PyResult<Self> {
        let x = Self::from(tensor);
        x.track(requires_grad)?;
        Ok(x)
    }
}

/// The result of a call to Kiln.
pub fn wrap(result: kiln::Result<Tensor>) -> PyResult<PyTensor> {
    result.map(PyTensor::from).map_err(exception)
}

#[pymethods]
impl PyTensor {
    /// The sizes, outermost first.
    #[getter]
    fn shape<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.tensor().shape().iter())
    }

    /// The number of axes.
    #[getter]
    fn ndim(&self) -> usize {
        self.tensor().rank()
    }

    /// The number of axes.
    fn dim(&self) -> usize {
        self.ndim()
    }

    /// The number of elements.
    #[getter]
    fn size(&self) -> usize {
        self.numel()
    }

    /// The number of elements.
    fn numel(&self) -> usize {
        self.tensor().numel()
    }

    /// The type of the elements.
    #[getter]
    fn dtype(&self) -> PyDType {
        self.tensor().dtype().into()
    }

    /// The bytes of one element.
    #[getter]
    fn itemsize(&self) -> usize {
        self.tensor().dtype().size()
    }

    /// The bytes of all elements.
    #[getter]
    fn nbytes(&self) -> usize {
        let x = self.tensor();
        x.numel() * x.dtype().size()
    }

    /// The device that holds the elements.
    #[getter]
    fn device(&self) -> PyDevice {
        PyDevice(self.tensor().device().clone())
    }

    /// The step along each axis, in bytes as in NumPy.
    #[getter]
    fn strides<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let x = self.tensor();
        let size = x.dtype().size() as isize;
        PyTuple::new(py, x.strides().iter().map(|stride| stride * size))
    }

    /// The step along each axis, or along one of them, in elements as in PyTorch.
    #[pyo3(signature = (dim=None))]
    fn stride<'py>(&self, py: Python<'py>, dim: Option<isize>) -> PyResult<Bound<'py, PyAny>> {
        let x = self.tensor();
        let Some(dim) = dim else {
            return Ok(PyTuple::new(py, x.strides())?.into_any());
        };
        x.size(dim).map_err(exception)?;
        let axis = if dim < 0 { dim + x.rank() as isize } else { dim };
        x.strides()[axis as usize].into_bound_py_any(py)
    }

    /// Whether the elements lie in row-major order without gaps.
    fn is_contiguous(&self) -> bool {
        self.tensor().is_contiguous()
    }

    /// The tensor in row-major order; itself if it lies so already.
    fn contiguous(&self) -> Self {
        self.tensor().contiguous().into()
    }

    /// The only element as a Python number.
    fn item<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let x = self.tensor();
        for_dtype!(x.dtype(), T => {
            let value = py.detach(|| x.item::<T>()).map_err(exception)?;
            convert::number(py, value)
        })
    }

    /// The elements as nested lists of Python numbers.
    fn tolist<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        convert::to_list(py, &self.tensor())
    }

    /// The elements as a NumPy array. On the CPU both share their memory: what is written to the array shows in the
    /// tensor, and in all that share its elements. From a GPU they are copied.
    ///
    /// A tensor that requires a gradient must be detached first.
    fn numpy<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        numpy::from_tensor(py, &self.tensor())
    }

    #[pyo3(signature = (dtype=None, copy=None))]
    fn __array__<'py>(
        &self,
        py: Python<'py>,
        dtype: Option<Bound<'py, PyAny>>,
        copy: Option<bool>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let x = self.tensor();
        if copy == Some(false) && !x.device().is_cpu() {
            let reason = format!("the tensor is on {} and must be copied", x.device());
            return Err(PyValueError::new_err(reason));
        }
        let array = numpy::from_tensor(py, &x)?;
        let Some(dtype) = dtype.filter(|dtype| !dtype.is_none()) else {
            return if copy == Some(true) { array.call_method0("copy") } else { Ok(array) };
        };
        let dtype = py.import("numpy")?.call_method1("dtype", (dtype,))?;
        let same = array.getattr("dtype")?.eq(&dtype)?;
        match copy {
            Some(false) if !same => {
                Err(PyValueError::new_err(format!("elements of {} must be copied to become {dtype}", x.dtype())))
            }
            Some(true) => array.call_method1("astype", (dtype,)),
            _ if same => Ok(array),
            _ => array.call_method1("astype", (dtype,)),
        }
    }

    /// NumPy leaves operators with its arrays to this class.
    #[classattr]
    fn __array_priority__() -> i64 {
        1000
    }

    /// The tensor on another device, in another dtype, or both.
    #[pyo3(signature = (*args, device=None, dtype=None))]
    fn to(
        &self,
        py: Python<'_>,
        args: &Bound<'_, PyTuple>,
        mut device: Option<DeviceArg>,
        mut dtype: Option<DTypeArg>,
    ) -> PyResult<Self> {
        for arg in args {
            if let Ok(found) = arg.extract::<DTypeArg>() {
                dtype = Some(found);
            } else if let Ok(other) = arg.cast::<PyTensor>() {
                let other = other.get().tensor();
                (device, dtype) = (Some(DeviceArg(other.device().clone())), Some(DTypeArg(other.dtype())));
            } else {
                device = Some(arg.extract()?);
            }
        }
        let x = self.tensor();
        let y = dtype.map_or_else(|| x.clone(), |dtype| x.to_dtype(dtype.0));
        let Some(device) = device else { return Ok(y.into()) };
        wrap(py.detach(|| y.to_device(&device.0)))
    }

    /// A copy of the elements in memory of their own, in row-major order.
    fn clone(&self) -> Self {
        self.tensor().copied().into()
    }

    /// The tensor on the CPU.
    fn cpu(&self, py: Python<'_>) -> PyResult<Self> {
        let x = self.tensor();
        wrap(py.detach(|| x.to_device(&kiln::Device::cpu())))
    }

    /// The elements converted to another dtype, as in NumPy.
    fn astype(&self, dtype: DTypeArg) -> Self {
        self.tensor().to_dtype(dtype.0).into()
    }

    fn __len__(&self) -> PyResult<usize> {
        let x = self.tensor();
        x.shape().first().copied().ok_or_else(|| PyTypeError::new_err("len() of a tensor of rank 0"))
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let x = self.tensor();
        if x.rank() == 0 {
            return Err(PyTypeError::new_err("iteration over a tensor of rank 0"));
        }
        let rows = x.unbind(0).map_err(exception)?;
        Ok(PyList::new(py, rows.into_iter().map(PyTensor::from))?.try_iter()?.into_any())
    }

    fn __bool__(&self, py: Python<'_>) -> PyResult<bool> {
        let x = self.tensor();
        if x.numel() != 1 {
            let reason = format!("the truth value of {} elements is ambiguous: use any() or all()", x.numel());
            return Err(PyValueError::new_err(reason));
        }
        py.detach(|| x.ne(0i64)?.item::<bool>()).map_err(exception)
    }

    fn __float__(&self, py: Python<'_>) -> PyResult<f64> {
        self.item(py)?.extract()
    }

    fn __int__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        py.get_type::<pyo3::types::PyInt>().call1((self.item(py)?,))
    }

    fn __index__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        if !self.tensor().dtype().is_int() {
            return Err(PyTypeError::new_err(format!("a tensor of {} is not an index", self.tensor().dtype())));
        }
        self.item(py)
    }

    fn __contains__(&self, py: Python<'_>, element: crate::convert::Operand) -> PyResult<bool> {
        let x = self.tensor();
        py.detach(|| x.eq(element)?.any(())?.item::<bool>()).map_err(exception)
    }

    fn __hash__(slf: &Bound<'_, Self>) -> usize {
        slf.as_ptr().addr()
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let x = self.tensor();
        let text = py.detach(|| x.to_string());
        let end = format!(", {}, {})", x.dtype(), x.device());
        let mut text = text.strip_suffix(&end).unwrap_or(&text).to_owned();
        if !matches!(x.dtype(), DType::F32 | DType::I64 | DType::Bool) {
            text += &format!(", dtype=kiln.{}", x.dtype());
        }
        if !x.device().is_cpu() {
            text += &format!(", device='{}'", x.device());
        }
        text + if x.is_tracked() { ", requires_grad=True)" } else { ")" }
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let x = self.tensor();
        let dtype = x.dtype();
        // NumPy has no bfloat16; float32 holds all its numbers.
        let stored = if dtype == DType::BF16 { x.detach().to_dtype(DType::F32) } else { x.detach() };
        let rebuild = py.import("kiln._kiln")?.getattr("_rebuild")?;
        let array = numpy::from_tensor(py, &stored)?;
        let state = (array, dtype.name(), x.device().name().to_owned(), self.requires_grad());
        Ok((rebuild, state.into_pyobject(py)?))
    }
}
