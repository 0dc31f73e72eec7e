//! Cumulative sums and the like, with the arguments of PyTorch (`dim`) and of NumPy (`axis`).

use kiln::Tensor;
use pyo3::prelude::*;

use crate::{
    error::exception,
    reduce::one_axis,
    tensor::{PyTensor, wrap},
};

/// A tensor and the axis to scan; without one all elements in row-major order, as in NumPy.
fn scanned(x: &Tensor, dim: Option<isize>, axis: Option<isize>) -> PyResult<(Tensor, isize)> {
    match one_axis(dim, axis)? {
        Some(axis) => Ok((x.clone(), axis)),
        None => Ok((x.reshape([x.numel()]).map_err(exception)?, 0)),
    }
}

macro_rules! scans {
    ($($name:ident $doc:literal;)*) => {
        #[pymethods]
        impl PyTensor {$(
            #[doc = $doc]
            #[pyo3(signature = (dim=None, *, axis=None))]
            fn $name(&self, dim: Option<isize>, axis: Option<isize>) -> PyResult<Self> {
                let (x, axis) = scanned(&self.tensor(), dim, axis)?;
                wrap(x.$name(axis))
            }
        )*}
    };
}

scans! {
    cumsum "The sums of all elements up to each one along an axis. Integers sum to 64 bits.";
    cumprod "The products of all elements up to each one along an axis. Integers multiply to 64 bits.";
    logcumsumexp "log(cumsum(exp(x))) along an axis, without overflow.";
}

macro_rules! extremes {
    ($($name:ident $doc:literal;)*) => {
        #[pymethods]
        impl PyTensor {$(
            #[doc = $doc]
            #[pyo3(signature = (dim=None, *, axis=None))]
            fn $name(&self, dim: Option<isize>, axis: Option<isize>) -> PyResult<(Self, Self)> {
                let (x, axis) = scanned(&self.tensor(), dim, axis)?;
                let (values, positions) = x.$name(axis).map_err(exception)?;
                Ok((values.into(), positions.into()))
            }
        )*}
    };
}

extremes! {
    cummax "The largest element up to each one along an axis, and its position, the last of equals.";
    cummin "The smallest element up to each one along an axis, and its position, the last of equals.";
}
