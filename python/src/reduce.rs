//! Reductions, with the arguments of PyTorch (`dim`, `keepdim`) and of NumPy (`axis`, `keepdims`).

use kiln::Tensor;
use pyo3::{exceptions::PyTypeError, prelude::*};

use crate::{
    error::exception,
    tensor::{PyTensor, wrap},
};

/// No axis (all of them), one, or several.
pub struct AxesArg(Option<Vec<isize>>);

impl<'py> FromPyObject<'_, 'py> for AxesArg {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if object.is_none() {
            return Ok(Self(None));
        }
        let several = object.extract::<Vec<isize>>().or_else(|_| Ok::<_, PyErr>(vec![object.extract()?]))?;
        Ok(Self(Some(several)))
    }
}

impl kiln::Axes for AxesArg {
    fn axes(&self) -> Option<Vec<isize>> {
        self.0.clone()
    }
}

/// An argument under either of its two names.
fn either<T>(torch: Option<T>, numpy: Option<T>, names: &str) -> PyResult<Option<T>> {
    match (torch, numpy) {
        (Some(_), Some(_)) => Err(PyTypeError::new_err(format!("{names} are one argument: give it once"))),
        (torch, numpy) => Ok(torch.or(numpy)),
    }
}

fn axes(dim: Option<AxesArg>, axis: Option<AxesArg>) -> PyResult<AxesArg> {
    Ok(either(dim, axis, "dim and axis")?.unwrap_or(AxesArg(None)))
}

/// The axis of an op that takes one.
pub fn one_axis(dim: Option<isize>, axis: Option<isize>) -> PyResult<Option<isize>> {
    either(dim, axis, "dim and axis")
}

macro_rules! reductions {
    ($($name:ident $keepdim:ident $doc:literal;)*) => {
        #[pymethods]
        impl PyTensor {$(
            #[doc = $doc]
            #[pyo3(signature = (dim=None, keepdim=false, *, axis=None, keepdims=false))]
            fn $name(
                &self,
                dim: Option<AxesArg>,
                keepdim: bool,
                axis: Option<AxesArg>,
                keepdims: bool,
            ) -> PyResult<Self> {
                let (x, axes) = (self.tensor(), axes(dim, axis)?);
                wrap(if keepdim || keepdims { x.$keepdim(axes) } else { x.$name(axes) })
            }
        )*}
    };
}

reductions! {
    sum sum_keepdim "The sum over some axes, or all. Integers sum to 64 bits.";
    prod prod_keepdim "The product over some axes, or all.";
    mean mean_keepdim "The mean over some axes, or all.";
    max max_keepdim "The largest element along some axes, or of all. Positions: argmax.";
    min min_keepdim "The smallest element along some axes, or of all. Positions: argmin.";
    any any_keepdim "Whether any element is not 0.";
    all all_keepdim "Whether every element is not 0.";
    logsumexp logsumexp_keepdim "log(sum(exp(x))) without overflow.";
}

macro_rules! spreads {
    ($($name:ident $keepdim:ident $doc:literal;)*) => {
        #[pymethods]
        impl PyTensor {$(
            #[doc = $doc]
            #[pyo3(signature = (dim=None, correction=1.0, keepdim=false, *, axis=None, keepdims=false))]
            fn $name(
                &self,
                dim: Option<AxesArg>,
                correction: f64,
                keepdim: bool,
                axis: Option<AxesArg>,
                keepdims: bool,
            ) -> PyResult<Self> {
                let (x, axes) = (self.tensor(), axes(dim, axis)?);
                let keep = keepdim || keepdims;
                wrap(if keep { x.$keepdim(axes, correction) } else { x.$name(axes, correction) })
            }
        )*}
    };
}

spreads! {
    var var_keepdim "The variance over some axes, or all. `correction` 1 is PyTorch's default, 0 NumPy's.";
    std std_keepdim "The standard deviation over some axes, or all. `correction` 1 is PyTorch's default, 0 NumPy's.";
}

macro_rules! positions {
    ($($name:ident $doc:literal;)*) => {
        #[pymethods]
        impl PyTensor {$(
            #[doc = $doc]
            #[pyo3(signature = (dim=None, keepdim=false, *, axis=None, keepdims=false))]
            fn $name(
                &self,
                dim: Option<isize>,
                keepdim: bool,
                axis: Option<isize>,
                keepdims: bool,
            ) -> PyResult<Self> {
                let x = self.tensor();
                let Some(axis) = one_axis(dim, axis)? else {
                    return wrap(x.reshape([x.numel()]).and_then(|x| x.$name(0)));
                };
                wrap(x.$name(axis).and_then(|y| {
                    if !(keepdim || keepdims) {
                        return Ok(y);
                    }
                    y.unsqueeze(if axis < 0 { axis } else { axis.min(y.rank() as isize) })
                }))
            }
        )*}
    };
}

positions! {
    argmax "The position of the largest element along an axis, or in row-major order; the first of equals.";
    argmin "The position of the smallest element along an axis, or in row-major order; the first of equals.";
}

macro_rules! along {
    ($($name:ident $doc:literal;)*) => {
        #[pymethods]
        impl PyTensor {$(
            #[doc = $doc]
            #[pyo3(signature = (dim=None, *, axis=None))]
            fn $name(&self, dim: Option<isize>, axis: Option<isize>) -> PyResult<Self> {
                wrap(self.tensor().$name(one_axis(dim, axis)?.unwrap_or(-1)))
            }
        )*}
    };
}

along! {
    softmax "exp(x) / sum(exp(x)) along an axis, the last by default.";
    log_softmax "The logarithm of softmax along an axis, the last by default.";
}

#[pymethods]
impl PyTensor {
    /// The `k` largest (or smallest) elements along an axis, in order, and their positions.
    #[pyo3(signature = (k, dim=-1, largest=true))]
    fn topk(&self, k: usize, dim: isize, largest: bool) -> PyResult<(Self, Self)> {
        let (values, indices) = self.tensor().topk(k, dim, largest).map_err(exception)?;
        Ok((values.into(), indices.into()))
    }

    /// Zeros with a one at each integer's position along a new last axis.
    fn one_hot(&self, num_classes: usize) -> PyResult<Self> {
        wrap(Tensor::one_hot(&self.tensor(), num_classes))
    }
}
