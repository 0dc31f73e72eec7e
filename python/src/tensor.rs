//! The Python class of tensors: what it holds, what it says of itself.

use std::sync::{Arc, PoisonError, RwLock};

use kiln::{DType, Tensor};
use pyo3::{
    IntoPyObjectExt,
    exceptions::{PyRuntimeError, PyTypeError, PyValueError},
    intern,
    prelude::*,
    sync::PyOnceLock,
    types::{PyDict, PyInt, PyList, PyString, PyTuple},
};

use crate::{
    autograd::Leaf,
    convert::{self, for_dtype},
    device::{DeviceArg, PyDevice},
    dtype::{DTypeArg, PyDType},
    error::exception,
    interrupt, numpy,
};

/// An array of numbers on a device. Its elements never change.
#[pyclass(name = "Tensor", module = "kiln", frozen, weakref)]
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

impl PyTensor {
    /// The tensor, if it has one element.
    fn only(&self, call: &str, instead: &str) -> PyResult<Tensor> {
        let x = self.tensor();
        if x.numel() == 1 {
            return Ok(x);
        }
        let reason = format!("{call} of {} elements is ambiguous: {instead}", x.numel());
        Err(PyValueError::new_err(reason))
    }
}

/// The result of a call to Kiln.
pub fn wrap(result: kiln::Result<Tensor>) -> PyResult<PyTensor> {
    interrupt::raise()?;
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

    /// The number of elements, as in NumPy. Called, it is the shape, or the size of one axis, as in PyTorch.
    #[getter]
    fn size<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        static SIZE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        SIZE.import(slf.py(), "kiln._size", "Size")?
            .call1((slf.get().numel(), slf.getattr(intern!(slf.py(), "shape"))?))
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

    /// The tensor on another device, by the Array API's name.
    #[pyo3(signature = (device, /, *, stream=None))]
    fn to_device(&self, py: Python<'_>, device: DeviceArg, stream: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        if stream.is_some() {
            return Err(PyValueError::new_err("devices have no streams: leave it None"));
        }
        let x = self.tensor();
        wrap(py.detach(|| x.to_device(&device.0)))
    }

    /// The functions of the Array API standard for tensors.
    #[pyo3(signature = (*, api_version=None))]
    fn __array_namespace__<'py>(&self, py: Python<'py>, api_version: Option<&str>) -> PyResult<Bound<'py, PyModule>> {
        match api_version {
            None | Some("2021.12" | "2022.12" | "2023.12" | "2024.12") => py.import("kiln.array_api"),
            Some(other) => Err(PyValueError::new_err(format!("the Array API of {other} is not offered: 2024.12 is"))),
        }
    }

    /// The tensor on a GPU: the first, or the one of that number.
    #[pyo3(signature = (device=None))]
    fn cuda(&self, py: Python<'_>, device: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let device: DeviceArg = match device.filter(|device| !device.is_none()) {
            None => PyString::new(py, "cuda").as_any().extract()?,
            Some(index) if index.is_instance_of::<PyInt>() => {
                PyString::new(py, &format!("cuda:{index}")).as_any().extract()?
            }
            Some(device) => device.extract()?,
        };
        let x = self.tensor();
        wrap(py.detach(|| x.to_device(&device.0)))
    }

    /// The elements converted to another dtype, as in NumPy.
    #[pyo3(signature = (dtype, copy=true))]
    fn astype(&self, dtype: DTypeArg, copy: bool) -> PyResult<Self> {
        let x = self.tensor();
        if copy && x.dtype() == dtype.0 {
            return wrap(Ok(x.copied()));
        }
        wrap(Ok(x.to_dtype(dtype.0)))
    }

    /// The tensor in the dtype of another.
    fn type_as(&self, other: PyRef<'_, Self>) -> PyResult<Self> {
        wrap(Ok(self.tensor().to_dtype(other.tensor().dtype())))
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
        let x = self.only("bool()", "use any() or all()")?;
        py.detach(|| x.ne(0i64)?.item::<bool>()).map_err(exception)
    }

    fn __float__(&self, py: Python<'_>) -> PyResult<f64> {
        self.only("float()", "use tolist()")?;
        self.item(py)?.extract()
    }

    fn __int__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.only("int()", "use tolist()")?;
        py.get_type::<PyInt>().call1((self.item(py)?,))
    }

    fn __index__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let x = self.tensor();
        if !x.dtype().is_int() || x.numel() != 1 {
            let reason = format!("only an integer is an index, not a tensor of {} of shape {}", x.dtype(), x.shape());
            return Err(PyTypeError::new_err(reason));
        }
        self.item(py)
    }

    /// A number is formatted as Python's, other tensors without a format alone.
    fn __format__<'py>(slf: &Bound<'py, Self>, spec: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
        let x = slf.get().tensor();
        if spec.is_empty()? {
            return Ok(slf.str()?.into_any());
        }
        if x.numel() != 1 {
            let reason =
                format!("the format {:?} is one of numbers: the tensor has shape {}", spec.to_cow()?, x.shape());
            return Err(PyTypeError::new_err(reason));
        }
        slf.get().item(slf.py())?.call_method1(intern!(slf.py(), "__format__"), (spec,))
    }

    #[pyo3(signature = (ndigits=None))]
    fn __round__(&self, ndigits: Option<i32>) -> PyResult<Self> {
        self.round(ndigits.unwrap_or(0))
    }

    /// The nearest number of that many decimals, ties to even.
    #[pyo3(signature = (decimals=0))]
    pub fn round(&self, decimals: i32) -> PyResult<Self> {
        let x = self.tensor();
        if decimals == 0 || !x.dtype().is_float() && decimals > 0 {
            return wrap(Ok(x.round()));
        }
        let unit = 10f64.powi(decimals.abs());
        if x.dtype().is_int() {
            // In halves of 10, 100, ... that are even.
            let wide = x.to_dtype(DType::F64).div(unit).map(|x| x.round()).and_then(|x| x.mul(unit));
            return wrap(wide.map(|y| y.to_dtype(x.dtype())));
        }
        wrap(if decimals > 0 {
            x.mul(unit).and_then(|x| x.round().div(unit))
        } else {
            x.div(unit).and_then(|x| x.round().mul(unit))
        })
    }

    fn __setitem__(&self, _key: &Bound<'_, PyAny>, _value: &Bound<'_, PyAny>) -> PyResult<()> {
        let reason = "a tensor does not support item assignment, as its elements never change: make another by where(), \
                      masked_fill() or cat()";
        Err(PyTypeError::new_err(reason))
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
        if x.dtype() == DType::Bool {
            text = text.replace(" true", " True").replace("[true", "[True").replace("(true", "(True");
            text = text.replace("false", "False");
        }
        if !matches!(x.dtype(), DType::F32 | DType::I64 | DType::Bool) {
            text += &format!(", dtype=kiln.{}", x.dtype());
        }
        if !x.device().is_cpu() {
            text += &format!(", device='{}'", x.device());
        }
        text + if x.is_tracked() { ", requires_grad=True)" } else { ")" }
    }

    fn __copy__(&self) -> Self {
        Self(RwLock::new(self.value()))
    }

    /// A copy of the elements, of the gradient, and of whether there is to be one.
    fn __deepcopy__<'py>(slf: &Bound<'py, Self>, memo: &Bound<'py, PyDict>) -> PyResult<Bound<'py, Self>> {
        let Value { tensor, leaf } = slf.get().value();
        if leaf.is_none() && tensor.is_tracked() {
            let reason = "only leaves of the tape can be copied deeply: detach() the tensor first";
            return Err(PyRuntimeError::new_err(reason));
        }
        let copy = PyTensor::new(tensor.detach().copied(), leaf.is_some())?;
        if let (Some(from), Some(to)) = (leaf, copy.value().leaf) {
            to.set_grad(from.grad().map(|grad| grad.copied()));
        }
        let copy = Bound::new(slf.py(), copy)?;
        memo.set_item(slf.as_ptr().addr(), &copy)?;
        Ok(copy)
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
