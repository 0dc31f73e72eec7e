//! Between Python's numbers and lists and tensors.

use kiln::{DType, Device, Element, Scalar, Shape, Tensor};
use pyo3::{
    IntoPyObjectExt,
    exceptions::{PyOverflowError, PyTypeError, PyValueError},
    prelude::*,
    types::{PyBool, PyFloat, PyInt, PyList, PySequence, PyString},
};

use crate::{dlpack, error::exception, numpy, tensor::PyTensor};

/// Runs a block with `$T` bound to the Rust type of a dtype.
macro_rules! for_dtype {
    ($dtype:expr, $T:ident => $body:expr) => {{
        macro_rules! with {
            ($t:ty) => {{
                type $T = $t;
                $body
            }};
        }
        match $dtype {
            kiln::DType::Bool => with!(bool),
            kiln::DType::I8 => with!(i8),
            kiln::DType::I16 => with!(i16),
            kiln::DType::I32 => with!(i32),
            kiln::DType::I64 => with!(i64),
            kiln::DType::U8 => with!(u8),
            kiln::DType::U16 => with!(u16),
            kiln::DType::U32 => with!(u32),
            kiln::DType::U64 => with!(u64),
            kiln::DType::F16 => with!(half::f16),
            kiln::DType::BF16 => with!(half::bf16),
            kiln::DType::F32 => with!(f32),
            kiln::DType::F64 => with!(f64),
        }
    }};
}
pub(crate) use for_dtype;

/// An element as a Python number.
pub fn number<T: Element>(py: Python<'_>, value: T) -> PyResult<Bound<'_, PyAny>> {
    match value.to_scalar() {
        Scalar::Bool(value) => value.into_bound_py_any(py),
        Scalar::Int(value) => value.into_bound_py_any(py),
        Scalar::UInt(value) => value.into_bound_py_any(py),
        Scalar::Float(value) => value.into_bound_py_any(py),
    }
}

/// A tensor as nested lists, or as a number if it has no axes.
pub fn to_list<'py>(py: Python<'py>, x: &Tensor) -> PyResult<Bound<'py, PyAny>> {
    for_dtype!(x.dtype(), T => {
        let values = py.detach(|| x.to_vec::<T>()).map_err(exception)?;
        nested(py, x.shape(), &values)
    })
}

fn nested<'py, T: Element>(py: Python<'py>, shape: &[usize], values: &[T]) -> PyResult<Bound<'py, PyAny>> {
    match shape {
        [] => number(py, values[0]),
        [_] => Ok(PyList::new(py, values.iter().map(|&v| number(py, v)).collect::<PyResult<Vec<_>>>()?)?.into_any()),
        [size, rest @ ..] => {
            let step: usize = rest.iter().product();
            let rows = (0..*size).map(|i| nested(py, rest, &values[i * step..(i + 1) * step]));
            Ok(PyList::new(py, rows.collect::<PyResult<Vec<_>>>()?)?.into_any())
        }
    }
}

/// A Python or NumPy number; `None` if the object is none.
pub fn scalar(object: &Bound<'_, PyAny>) -> PyResult<Option<Scalar>> {
    if let Ok(value) = object.cast::<PyBool>() {
        return Ok(Some(Scalar::Bool(value.is_true())));
    }
    if object.is_instance_of::<PyInt>() {
        if let Ok(value) = object.extract::<i64>() {
            return Ok(Some(Scalar::Int(value)));
        }
        let value = object.extract::<u64>();
        return value
            .map(|value| Some(Scalar::UInt(value)))
            .map_err(|_| PyOverflowError::new_err(format!("the integer {object} does not fit into 64 bits")));
    }
    if let Ok(value) = object.cast::<PyFloat>() {
        return Ok(Some(Scalar::Float(value.value())));
    }
    if numpy::is_scalar(object)? {
        let value = object.call_method0("item")?;
        return if numpy::is_scalar(&value)? { Ok(None) } else { scalar(&value) };
    }
    Ok(None)
}

/// A number in an argument.
pub struct ScalarArg(pub Scalar);

impl<'py> FromPyObject<'_, 'py> for ScalarArg {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let error = || PyTypeError::new_err(format!("a number is needed, not {}", class(&object)));
        scalar(&object)?.map(Self).ok_or_else(error)
    }
}

/// The name of an object's class, for messages.
pub fn class(object: &Bound<'_, PyAny>) -> String {
    object.get_type().name().map_or_else(|_| "this object".into(), |name| name.to_string())
}

/// What can stand beside a tensor in an operator: a tensor, a NumPy array, a number.
#[derive(Clone)]
pub enum Operand {
    Tensor(Tensor),
    Scalar(Scalar),
}

impl<'py> FromPyObject<'_, 'py> for Operand {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(tensor) = object.cast::<PyTensor>() {
            return Ok(Self::Tensor(tensor.get().tensor()));
        }
        if let Some(value) = scalar(&object)? {
            return Ok(Self::Scalar(value));
        }
        if numpy::is_array(&object)? {
            return Ok(Self::Tensor(numpy::to_tensor(&object, None)?));
        }
        Err(PyTypeError::new_err(format!("an operand is a tensor, a NumPy array or a number, not {}", class(&object))))
    }
}

impl kiln::Operand for Operand {
    fn value(&self) -> kiln::Value<'_> {
        match self {
            Self::Tensor(tensor) => kiln::Value::Tensor(tensor),
            Self::Scalar(value) => kiln::Value::Scalar(*value),
        }
    }
}

impl Operand {
    /// The operand as a tensor, for functions that take no numbers.
    pub fn to_tensor(&self, like: &Tensor) -> kiln::Result<Tensor> {
        match self {
            Self::Tensor(tensor) => Ok(tensor.clone()),
            Self::Scalar(value) => Tensor::full((), *value, like.result_type(value), like.device()),
        }
    }
}

/// Any object that holds numbers as a tensor on the CPU: tensors, arrays of any library, numbers, nested sequences.
///
/// `copy` is whether memory may be shared, as in [`Tensor::from_dlpack`]. Python's numbers become `Bool`, `I64` or
/// `F32`, unless a dtype is given.
pub fn to_tensor(object: &Bound<'_, PyAny>, dtype: Option<DType>, copy: Option<bool>) -> PyResult<Tensor> {
    let x = if let Ok(tensor) = object.cast::<PyTensor>() {
        let tensor = tensor.get().tensor();
        if copy == Some(true) { tensor.copied() } else { tensor }
    } else if numpy::is_array(object)? {
        numpy::to_tensor(object, copy)?
    } else if numpy::is_scalar(object)? {
        numpy::to_tensor(&numpy::as_array(object)?, copy)?
    } else if object.hasattr("__dlpack__")? {
        dlpack::import(object, None, copy)?
    } else if object.hasattr("__array__")? {
        numpy::to_tensor(&numpy::as_array(object)?, copy)?
    } else {
        if copy == Some(false) {
            return Err(PyValueError::new_err(format!("the numbers of {} must be copied", class(object))));
        }
        return gather(object, dtype);
    };
    match dtype.filter(|&dtype| dtype != x.dtype()) {
        Some(dtype) if copy == Some(false) => {
            Err(PyValueError::new_err(format!("elements of {} must be copied to become {dtype}", x.dtype())))
        }
        Some(dtype) => Ok(x.to_dtype(dtype)),
        None => Ok(x),
    }
}

/// The numbers of nested sequences.
fn gather(object: &Bound<'_, PyAny>, dtype: Option<DType>) -> PyResult<Tensor> {
    let (mut sizes, mut values) = (Vec::new(), Vec::new());
    collect(object, 0, &mut sizes, &mut values)?;
    let dtype = dtype.unwrap_or_else(|| infer(&values));
    if let Some(value) = values.iter().find(|value| !fits(**value, dtype)) {
        return Err(PyOverflowError::new_err(format!("{value:?} does not fit into {dtype}")));
    }
    let shape = Shape::try_new(&sizes).map_err(exception)?;
    let x = for_dtype!(dtype, T => {
        let values: Vec<T> = values.into_iter().map(T::from_scalar).collect();
        Tensor::from_slice(&values, shape, &Device::cpu())
    });
    x.map_err(exception)
}

/// Adds the numbers of an object at some depth; `sizes` are those that came first at each depth.
fn collect(object: &Bound<'_, PyAny>, depth: usize, sizes: &mut Vec<usize>, values: &mut Vec<Scalar>) -> PyResult<()> {
    if let Some(value) = scalar(object)? {
        if depth < sizes.len() {
            return Err(PyValueError::new_err(format!("a number stands at depth {depth} beside a sequence")));
        }
        values.push(value);
        return Ok(());
    }
    if object.is_instance_of::<PyString>() {
        return Err(PyTypeError::new_err(format!("{} is not a number", object.repr()?)));
    }
    if depth > kiln::MAX_RANK {
        return Err(PyValueError::new_err(format!("sequences are nested deeper than the {} axes", kiln::MAX_RANK)));
    }
    if object.cast::<PyTensor>().is_ok() || object.hasattr("tolist")? {
        return collect(&object.call_method0("tolist")?, depth, sizes, values);
    }
    let Ok(sequence) = object.cast::<PySequence>() else {
        return Err(PyTypeError::new_err(format!("{} holds no numbers that a tensor could be made of", class(object))));
    };
    let size = sequence.len()?;
    match sizes.get(depth) {
        // A number has come before at this depth.
        None if !values.is_empty() => {
            return Err(PyValueError::new_err(format!("a sequence stands at depth {depth} beside a number")));
        }
        None => sizes.push(size),
        Some(&expected) if expected != size => {
            let reason = format!("sequences of {expected} and {size} elements stand side by side at depth {depth}");
            return Err(PyValueError::new_err(reason));
        }
        Some(_) => {}
    }
    for item in sequence.try_iter()? {
        collect(&item?, depth + 1, sizes, values)?;
    }
    Ok(())
}

/// PyTorch's choice of a dtype for Python's numbers.
fn infer(values: &[Scalar]) -> DType {
    let is = |test: fn(&Scalar) -> bool| values.iter().any(test);
    match () {
        () if values.is_empty() || is(|v| matches!(v, Scalar::Float(_))) => DType::F32,
        () if is(|v| matches!(v, Scalar::UInt(_))) => DType::U64,
        () if is(|v| matches!(v, Scalar::Int(_))) => DType::I64,
        () => DType::Bool,
    }
}

/// The dtype of a tensor of one Python number.
pub fn dtype_of(value: Scalar) -> DType {
    infer(&[value])
}

/// Whether an integer lies in the range of an integer dtype.
fn fits(value: Scalar, dtype: DType) -> bool {
    if !dtype.is_int() {
        return true;
    }
    let value = match value {
        Scalar::Int(value) => value as i128,
        Scalar::UInt(value) => value as i128,
        Scalar::Bool(_) | Scalar::Float(_) => return true,
    };
    let bits = 8 * dtype.size() as u32;
    let (low, high) =
        if dtype.is_signed() { (-(1i128 << (bits - 1)), 1i128 << (bits - 1)) } else { (0, 1i128 << bits) };
    (low..high).contains(&value)
}
