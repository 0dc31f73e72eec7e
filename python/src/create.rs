//! Making tensors.

use kiln::{DType, Device, Scalar, Shape, Tensor};
use pyo3::{
    exceptions::{PyTypeError, PyValueError},
    prelude::*,
    types::PyTuple,
};

use crate::{
    convert::{self, ScalarArg},
    device::DeviceArg,
    dtype::DTypeArg,
    error::exception,
    tensor::{PyTensor, wrap},
};

/// A shape: sizes as one sequence, one number, or several arguments.
pub fn shape(args: &Bound<'_, PyTuple>) -> PyResult<Shape> {
    Shape::try_new(&sizes(args)?).map_err(exception)
}

fn sizes(args: &Bound<'_, PyTuple>) -> PyResult<Vec<usize>> {
    let negative = |n: isize| PyValueError::new_err(format!("a size cannot be {n}"));
    integers(args)?.into_iter().map(|n| usize::try_from(n).map_err(|_| negative(n))).collect()
}

/// Integers as one sequence or as several arguments.
pub fn integers(args: &Bound<'_, PyTuple>) -> PyResult<Vec<isize>> {
    if args.len() == 1 {
        let only = args.get_item(0)?;
        return only.extract::<Vec<isize>>().or_else(|_| Ok(vec![only.extract()?]));
    }
    args.extract()
}

/// What is common to the functions below.
fn dtype_and_device(py: Python<'_>, dtype: Option<DTypeArg>, device: Option<DeviceArg>) -> PyResult<(DType, Device)> {
    Ok((dtype.map_or(DType::F32, |dtype| dtype.0), DeviceArg::or_default(device, py)?))
}

/// The device for data that may lie on one already.
fn device_for(data: &Bound<'_, PyAny>, x: &Tensor, device: Option<DeviceArg>) -> PyResult<Device> {
    match device {
        Some(device) => Ok(device.0),
        None if data.is_instance_of::<PyTensor>() => Ok(x.device().clone()),
        None => crate::device::default(data.py()),
    }
}

/// A new tensor with a copy of the data: numbers, nested sequences of them, arrays of any library, tensors.
#[pyfunction]
#[pyo3(signature = (data, dtype=None, device=None, requires_grad=false))]
pub fn tensor(
    data: &Bound<'_, PyAny>,
    dtype: Option<DTypeArg>,
    device: Option<DeviceArg>,
    requires_grad: bool,
) -> PyResult<PyTensor> {
    let x = convert::to_tensor(data, dtype.map(|dtype| dtype.0), Some(true))?.detach();
    let device = device_for(data, &x, device)?;
    let x = data.py().detach(|| x.to_device(&device)).map_err(exception)?;
    PyTensor::new(x, requires_grad)
}

/// The data as a tensor, without a copy if that is possible.
#[pyfunction]
#[pyo3(signature = (data, dtype=None, device=None, copy=None))]
pub fn asarray(
    data: &Bound<'_, PyAny>,
    dtype: Option<DTypeArg>,
    device: Option<DeviceArg>,
    copy: Option<bool>,
) -> PyResult<PyTensor> {
    let x = convert::to_tensor(data, dtype.map(|dtype| dtype.0), copy)?;
    // What must not be copied stays where it lies.
    let device = match (device, copy) {
        (None, Some(false)) => x.device().clone(),
        (device, _) => device_for(data, &x, device)?,
    };
    if copy == Some(false) && x.device() != &device {
        let reason = format!("a tensor on {} must be copied to lie on {device}", x.device());
        return Err(PyValueError::new_err(reason));
    }
    wrap(data.py().detach(|| x.to_device(&device)))
}

/// Zeros.
#[pyfunction]
#[pyo3(signature = (*size, dtype=None, device=None, requires_grad=false))]
pub fn zeros(
    py: Python<'_>,
    size: &Bound<'_, PyTuple>,
    dtype: Option<DTypeArg>,
    device: Option<DeviceArg>,
    requires_grad: bool,
) -> PyResult<PyTensor> {
    let (dtype, device) = dtype_and_device(py, dtype, device)?;
    PyTensor::new(Tensor::zeros(shape(size)?, dtype, &device), requires_grad)
}

/// Ones.
#[pyfunction]
#[pyo3(signature = (*size, dtype=None, device=None, requires_grad=false))]
pub fn ones(
    py: Python<'_>,
    size: &Bound<'_, PyTuple>,
    dtype: Option<DTypeArg>,
    device: Option<DeviceArg>,
    requires_grad: bool,
) -> PyResult<PyTensor> {
    let (dtype, device) = dtype_and_device(py, dtype, device)?;
    PyTensor::new(Tensor::ones(shape(size)?, dtype, &device), requires_grad)
}

/// One number everywhere, in its own dtype unless another is given.
#[pyfunction]
#[pyo3(signature = (size, fill_value, dtype=None, device=None, requires_grad=false))]
pub fn full(
    py: Python<'_>,
    size: &Bound<'_, PyAny>,
    fill_value: ScalarArg,
    dtype: Option<DTypeArg>,
    device: Option<DeviceArg>,
    requires_grad: bool,
) -> PyResult<PyTensor> {
    let shape = shape(&PyTuple::new(py, [size])?)?;
    let dtype = dtype.map_or_else(|| convert::dtype_of(fill_value.0), |dtype| dtype.0);
    let x = Tensor::full(shape, fill_value.0, dtype, &DeviceArg::or_default(device, py)?).map_err(exception)?;
    PyTensor::new(x, requires_grad)
}

/// One number in the shape of a tensor, and in its dtype and on its device unless others are given.
fn like(x: &Tensor, value: Scalar, dtype: Option<DTypeArg>, device: Option<DeviceArg>) -> PyResult<PyTensor> {
    let dtype = dtype.map_or(x.dtype(), |dtype| dtype.0);
    let device = device.map_or_else(|| x.device().clone(), |device| device.0);
    wrap(Tensor::full(*x.shape(), value, dtype, &device))
}

/// Zeros of a tensor's shape, and of its dtype and device unless others are given.
#[pyfunction]
#[pyo3(signature = (x, dtype=None, device=None))]
pub fn zeros_like(x: PyRef<'_, PyTensor>, dtype: Option<DTypeArg>, device: Option<DeviceArg>) -> PyResult<PyTensor> {
    like(&x.tensor(), Scalar::Int(0), dtype, device)
}

/// Ones of a tensor's shape, and of its dtype and device unless others are given.
#[pyfunction]
#[pyo3(signature = (x, dtype=None, device=None))]
pub fn ones_like(x: PyRef<'_, PyTensor>, dtype: Option<DTypeArg>, device: Option<DeviceArg>) -> PyResult<PyTensor> {
    like(&x.tensor(), Scalar::Int(1), dtype, device)
}

/// One number in a tensor's shape, and in its dtype and on its device unless others are given.
#[pyfunction]
#[pyo3(signature = (x, fill_value, dtype=None, device=None))]
pub fn full_like(
    x: PyRef<'_, PyTensor>,
    fill_value: ScalarArg,
    dtype: Option<DTypeArg>,
    device: Option<DeviceArg>,
) -> PyResult<PyTensor> {
    like(&x.tensor(), fill_value.0, dtype, device)
}

/// The numbers `start, start + step, ...` before `end`; integers if all three are.
#[pyfunction]
#[pyo3(signature = (start, end=None, step=None, dtype=None, device=None))]
pub fn arange(
    py: Python<'_>,
    start: ScalarArg,
    end: Option<ScalarArg>,
    step: Option<ScalarArg>,
    dtype: Option<DTypeArg>,
    device: Option<DeviceArg>,
) -> PyResult<PyTensor> {
    let (start, end) = end.map_or((Scalar::Int(0), start.0), |end| (start.0, end.0));
    let step = step.map_or(Scalar::Int(1), |step| step.0);
    let is_float = [start, end, step].iter().any(|value| matches!(value, Scalar::Float(_)));
    let dtype = dtype.map_or(if is_float { DType::F32 } else { DType::I64 }, |dtype| dtype.0);
    wrap(Tensor::arange(start, end, step, dtype, &DeviceArg::or_default(device, py)?))
}

/// `steps` numbers from `start` to `end`, both included.
#[pyfunction]
#[pyo3(signature = (start, end, steps, dtype=None, device=None))]
pub fn linspace(
    py: Python<'_>,
    start: f64,
    end: f64,
    steps: usize,
    dtype: Option<DTypeArg>,
    device: Option<DeviceArg>,
) -> PyResult<PyTensor> {
    let (dtype, device) = dtype_and_device(py, dtype, device)?;
    wrap(Tensor::linspace(start, end, steps, dtype, &device))
}

/// A matrix with ones on its diagonal.
#[pyfunction]
#[pyo3(signature = (n, m=None, dtype=None, device=None))]
pub fn eye(
    py: Python<'_>,
    n: usize,
    m: Option<usize>,
    dtype: Option<DTypeArg>,
    device: Option<DeviceArg>,
) -> PyResult<PyTensor> {
    let (dtype, device) = dtype_and_device(py, dtype, device)?;
    let m = m.unwrap_or(n);
    Shape::try_new(&[n, m]).map_err(exception)?;
    Ok(Tensor::eye_rect(n, m, dtype, &device).into())
}

/// The seed of an argument, or the next that follows from `manual_seed`.
fn seed(seed: Option<u64>) -> u64 {
    seed.unwrap_or_else(kiln::next_seed)
}

/// Uniform random numbers in [0, 1).
#[pyfunction]
#[pyo3(signature = (*size, dtype=None, device=None, seed=None))]
pub fn rand(
    py: Python<'_>,
    size: &Bound<'_, PyTuple>,
    dtype: Option<DTypeArg>,
    device: Option<DeviceArg>,
    seed: Option<u64>,
) -> PyResult<PyTensor> {
    let (dtype, device) = dtype_and_device(py, dtype, device)?;
    wrap(Tensor::rand(shape(size)?, dtype, self::seed(seed), &device))
}

/// Random numbers of the standard normal distribution.
#[pyfunction]
#[pyo3(signature = (*size, dtype=None, device=None, seed=None))]
pub fn randn(
    py: Python<'_>,
    size: &Bound<'_, PyTuple>,
    dtype: Option<DTypeArg>,
    device: Option<DeviceArg>,
    seed: Option<u64>,
) -> PyResult<PyTensor> {
    let (dtype, device) = dtype_and_device(py, dtype, device)?;
    wrap(Tensor::randn(shape(size)?, dtype, self::seed(seed), &device))
}

/// Random integers from `low` to before `high`.
#[pyfunction]
#[pyo3(signature = (low, high, size, dtype=None, device=None, seed=None))]
pub fn randint(
    py: Python<'_>,
    low: i64,
    high: i64,
    size: &Bound<'_, PyAny>,
    dtype: Option<DTypeArg>,
    device: Option<DeviceArg>,
    seed: Option<u64>,
) -> PyResult<PyTensor> {
    let shape = shape(&PyTuple::new(py, [size])?)?;
    let dtype = dtype.map_or(DType::I64, |dtype| dtype.0);
    wrap(Tensor::randint(low, high, shape, dtype, self::seed(seed), &DeviceArg::or_default(device, py)?))
}

/// Sets the seed of the random numbers that are drawn without one of their own.
#[pyfunction]
pub fn manual_seed(seed: u64) {
    kiln::manual_seed(seed);
}

fn tensors(tensors: &[PyRef<'_, PyTensor>]) -> Vec<Tensor> {
    tensors.iter().map(|x| x.tensor()).collect()
}

/// Tensors joined along an axis.
#[pyfunction]
#[pyo3(signature = (tensors, dim=0))]
pub fn cat(tensors: Vec<PyRef<'_, PyTensor>>, dim: isize) -> PyResult<PyTensor> {
    wrap(Tensor::cat(&self::tensors(&tensors), dim))
}

/// Tensors of one shape joined along a new axis.
#[pyfunction]
#[pyo3(signature = (tensors, dim=0))]
pub fn stack(tensors: Vec<PyRef<'_, PyTensor>>, dim: isize) -> PyResult<PyTensor> {
    wrap(Tensor::stack(&self::tensors(&tensors), dim))
}

/// Makes a tensor anew from what it was pickled as.
#[pyfunction]
pub fn _rebuild(array: &Bound<'_, PyAny>, dtype: &str, device: &str, requires_grad: bool) -> PyResult<PyTensor> {
    let dtype = crate::dtype::named(dtype).ok_or_else(|| PyTypeError::new_err(format!("no dtype {dtype:?}")))?;
    let device: Device = device.parse().map_err(exception)?;
    let x = convert::to_tensor(array, Some(dtype), Some(true))?;
    PyTensor::new(x.to_device(&device).map_err(exception)?, requires_grad)
}
