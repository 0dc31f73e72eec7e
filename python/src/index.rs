//! Subscripts, as NumPy has them.

use kiln::{DType, Device, Shape, Tensor};
use pyo3::{
    exceptions::{PyIndexError, PyTypeError},
    prelude::*,
    types::{PyBool, PyEllipsis, PyInt, PyList, PySlice, PyTuple},
};

use crate::{
    convert::{self, class},
    error::exception,
    numpy,
    tensor::{PyTensor, wrap},
};

/// One part of a subscript.
enum Part<'py> {
    Integer(isize),
    Slice(Bound<'py, PySlice>),
    NewAxis,
    Ellipsis,
    /// Positions along one axis.
    Positions(Tensor),
    /// Which elements of one or more axes are taken.
    Mask(Tensor),
}

impl<'py> Part<'py> {
    fn new(object: &Bound<'py, PyAny>) -> PyResult<Self> {
        if object.is_none() {
            return Ok(Self::NewAxis);
        }
        if let Ok(slice) = object.cast::<PySlice>() {
            return Ok(Self::Slice(slice.clone()));
        }
        if object.is_instance_of::<PyEllipsis>() {
            return Ok(Self::Ellipsis);
        }
        let is_array = object.is_instance_of::<PyTensor>() || numpy::is_array(object)?;
        if is_array || object.is_instance_of::<PyList>() {
            let x = convert::to_tensor(object, None, None)?.detach();
            return match x.dtype() {
                DType::Bool => Ok(Self::Mask(x)),
                dtype if dtype.is_int() => Ok(Self::Positions(x)),
                // An empty list has no numbers that would say what it holds.
                _ if x.numel() == 0 && !is_array => Ok(Self::Positions(x.to_dtype(DType::I64))),
                dtype => Err(PyIndexError::new_err(format!("positions are integers or bools, not {dtype}"))),
            };
        }
        let is_number = object.is_instance_of::<PyInt>() && !object.is_instance_of::<PyBool>();
        if is_number || numpy::is_scalar(object)? {
            return Ok(Self::Integer(object.extract()?));
        }
        Err(PyTypeError::new_err(format!("{} is no index of a tensor", class(object))))
    }

    /// How many axes it stands for.
    fn axes(&self) -> usize {
        match self {
            Self::Integer(_) | Self::Slice(_) | Self::Positions(_) => 1,
            Self::NewAxis | Self::Ellipsis => 0,
            Self::Mask(mask) => mask.rank(),
        }
    }
}

#[pymethods]
impl PyTensor {
    fn __getitem__(&self, py: Python<'_>, key: &Bound<'_, PyAny>) -> PyResult<Self> {
        let parts = match key.cast::<PyTuple>() {
            Ok(tuple) => tuple.iter().map(|part| Part::new(&part)).collect::<PyResult<Vec<_>>>()?,
            Err(_) => vec![Part::new(key)?],
        };
        let mut x = self.tensor();
        let named: usize = parts.iter().map(Part::axes).sum();
        let Some(left) = x.rank().checked_sub(named) else {
            return Err(PyIndexError::new_err(format!("{named} indices are too many for shape {}", x.shape())));
        };
        if parts.iter().filter(|part| matches!(part, Part::Ellipsis)).count() > 1 {
            return Err(PyIndexError::new_err("an index can have one ellipsis (...)"));
        }
        // Beside positions and masks, an integer is a position like them.
        let is_advanced = parts.iter().any(|part| matches!(part, Part::Positions(_) | Part::Mask(_)));
        let mut axis = 0;
        let mut chosen: Vec<(usize, Tensor)> = Vec::new();
        // Whether something else has come behind positions, and before others.
        let (mut is_over, mut apart) = (false, false);
        for part in &parts {
            match part {
                Part::Integer(index) if !is_advanced => x = select(&x, axis, *index)?,
                Part::Integer(_) | Part::Positions(_) | Part::Mask(_) => apart |= is_over,
                _ => is_over |= !chosen.is_empty(),
            }
            match part {
                Part::Integer(index) if is_advanced => {
                    let index = i64::try_from(*index).unwrap_or(i64::MAX);
                    chosen.push((axis, Tensor::scalar(index, &Device::cpu())));
                    axis += 1;
                }
                Part::Integer(_) => {}
                Part::Slice(slice) => {
                    x = take(&x, axis, slice)?;
                    axis += 1;
                }
                Part::NewAxis => {
                    x = x.unsqueeze(axis as isize).map_err(exception)?;
                    axis += 1;
                }
                Part::Ellipsis => axis += left,
                Part::Positions(positions) => {
                    chosen.push((axis, positions.clone()));
                    axis += 1;
                }
                Part::Mask(mask) => {
                    for positions in py.detach(|| nonzero(mask, x.shape(), axis))? {
                        chosen.push((axis, positions));
                        axis += 1;
                    }
                }
            }
        }
        if chosen.is_empty() { wrap(Ok(x)) } else { py.detach(|| gather(x, chosen, apart)) }
    }
}

fn select(x: &Tensor, axis: usize, index: isize) -> PyResult<Tensor> {
    let size = x.shape()[axis] as isize;
    if !(-size..size).contains(&index) {
        return Err(PyIndexError::new_err(format!("index {index} is out of range for axis {axis} of size {size}")));
    }
    x.select(axis as isize, index).map_err(exception)
}

fn take(x: &Tensor, axis: usize, slice: &Bound<'_, PySlice>) -> PyResult<Tensor> {
    let range = slice.indices(x.shape()[axis] as isize)?;
    let (start, step, length) = (range.start, range.step, range.slicelength as isize);
    let (end, step) = match length {
        0 => return x.narrow(axis as isize, 0, 0).map_err(exception),
        // However far the step goes, nobody takes it.
        1 => (start + 1, 1),
        _ if step > 0 => (start + (length - 1) * step + 1, step),
        _ => match start + (length - 1) * step {
            0 => (isize::MIN, step),
            last => (last - 1, step),
        },
    };
    x.slice(axis as isize, start, end, step).map_err(exception)
}

/// The positions of a mask's true elements along each of its axes.
fn nonzero(mask: &Tensor, shape: &Shape, axis: usize) -> PyResult<Vec<Tensor>> {
    let sizes = &shape[axis..axis + mask.rank()];
    if mask.shape().dims() != sizes {
        let reason = format!("a mask of shape {} does not fit axes of sizes {sizes:?}", mask.shape());
        return Err(PyIndexError::new_err(reason));
    }
    if mask.rank() == 0 {
        return Err(PyIndexError::new_err("a single bool is no mask of an axis"));
    }
    let values = mask.to_vec::<bool>().map_err(exception)?;
    let places: Vec<usize> = (0..values.len()).filter(|&place| values[place]).collect();
    let mut step = values.len();
    let positions = sizes.iter().map(|&size| {
        step /= size.max(1);
        let along: Vec<i64> = places.iter().map(|place| (place / step.max(1) % size.max(1)) as i64).collect();
        Tensor::from_slice(&along, [along.len()], &Device::cpu()).map_err(exception)
    });
    positions.collect()
}

/// The elements at chosen positions of axes. Where positions stand apart from each other their axes come first, as in
/// NumPy.
fn gather(mut x: Tensor, mut chosen: Vec<(usize, Tensor)>, apart: bool) -> PyResult<PyTensor> {
    if apart {
        let named: Vec<usize> = chosen.iter().map(|(axis, _)| *axis).collect();
        let others = (0..x.rank()).filter(|axis| !named.contains(axis));
        let order: Vec<isize> = named.iter().copied().chain(others).map(|axis| axis as isize).collect();
        x = x.permute(&order).map_err(exception)?;
        chosen.iter_mut().enumerate().for_each(|(i, (axis, _))| *axis = i);
    }
    let (first, count) = (chosen[0].0, chosen.len());
    // All of them together are positions in the axes made one.
    let mut whole: Option<Tensor> = None;
    for (axis, positions) in &chosen {
        let size = x.shape()[*axis];
        let along = inside(positions, size, *axis)?;
        whole = Some(match whole {
            Some(so_far) => so_far.mul(size as i64).and_then(|so_far| so_far.add(along)).map_err(exception)?,
            None => along,
        });
    }
    let Some(whole) = whole else { return wrap(Ok(x)) };
    let (before, after) = (&x.shape()[..first], &x.shape()[first + count..]);
    let merged = x.shape()[first..first + count].iter().product();
    let flat = Shape::try_new(&[before, &[merged], after].concat()).map_err(exception)?;
    let full = Shape::try_new(&[before, whole.shape().dims(), after].concat()).map_err(exception)?;
    wrap((|| {
        let index = whole.reshape([whole.numel()])?.to_device(x.device())?;
        x.reshape(flat)?.index_select(first as isize, &index)?.reshape(full)
    })())
}

/// Positions counted from the start, on the CPU.
fn inside(positions: &Tensor, size: usize, axis: usize) -> PyResult<Tensor> {
    let mut values = positions.to_dtype(DType::I64).to_vec::<i64>().map_err(exception)?;
    let size = size as i64;
    for value in &mut values {
        if !(-size..size).contains(value) {
            return Err(PyIndexError::new_err(format!("index {value} is out of range for axis {axis} of size {size}")));
        }
        *value = if *value < 0 { *value + size } else { *value };
    }
    Tensor::from_vec(values, *positions.shape(), &Device::cpu()).map_err(exception)
}
