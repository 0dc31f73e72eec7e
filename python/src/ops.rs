//! Elementwise methods from the rows of Kiln's registry, products, and choices.

use kiln::{
    DType, Tensor,
    op::{BinaryOp, UnaryOp},
};
use pyo3::prelude::*;

use crate::{
    convert::Operand,
    tensor::{PyTensor, wrap},
};

/// The method of a row of Kiln's registry with one input.
macro_rules! unary_method {
    // Written by hand: it takes decimals.
    (Round $($rest:tt)*) => {};
    ($op:ident $name:ident $doc:literal) => {
        #[pymethods]
        impl PyTensor {
            #[doc = $doc]
            fn $name(&self) -> PyResult<Self> {
                wrap(self.tensor().unary(UnaryOp::$op))
            }
        }
    };
}

macro_rules! unary_methods {
    ($($op:ident $name:ident $class:ident $domain:tt $accuracy:tt $doc:literal float $float:tt int $int:tt;)*) => {
        $(unary_method!($op $name $doc);)*
    };
}
kiln::unary_table!(unary_methods);

/// The method of a row with two inputs, or with one and a parameter.
macro_rules! binary_method {
    ($op:ident $name:ident $doc:literal) => {
        #[pymethods]
        impl PyTensor {
            #[doc = $doc]
            fn $name(&self, py: Python<'_>, other: Operand) -> PyResult<Self> {
                self.operator(py, BinaryOp::$op, other)
            }
        }
    };
    ($op:ident $name:ident $doc:literal $parameter:ident = $default:tt) => {
        #[pymethods]
        impl PyTensor {
            #[doc = $doc]
            #[pyo3(signature = ($parameter = $default))]
            fn $name(&self, $parameter: f64) -> Self {
                self.tensor().$name($parameter).into()
            }
        }
    };
}

macro_rules! binary_methods {
    ($($op:ident $name:ident $(($($parameter:tt)*))? $class:ident $da:tt $db:tt $accuracy:tt $doc:literal
        float $float:tt int $int:tt;)*) => {
        $(binary_method!($op $name $doc $($($parameter)*)?);)*
    };
}
kiln::binary_table!(binary_methods);

#[pymethods]
impl PyTensor {
    /// The matrix product over the last two axes; the others broadcast.
    pub fn matmul(&self, py: Python<'_>, other: Operand) -> PyResult<Self> {
        let x = self.tensor();
        wrap(py.detach(|| x.matmul(&other.to_tensor(&x)?)))
    }

    /// The distances between all rows of this tensor and all rows of another, by the p-norm.
    #[pyo3(signature = (other, p=2.0))]
    fn cdist(&self, py: Python<'_>, other: PyRef<'_, Self>, p: f64) -> PyResult<Self> {
        let (x, y) = (self.tensor(), other.tensor());
        wrap(py.detach(|| x.cdist(&y, p)))
    }

    /// This tensor where the condition is true, another elsewhere.
    #[pyo3(name = "where")]
    fn choose(&self, condition: PyRef<'_, Self>, other: Operand) -> PyResult<Self> {
        wrap(condition.tensor().where_(self.tensor(), other))
    }

    /// The elements, but `value` where the mask is true.
    fn masked_fill(&self, mask: PyRef<'_, Self>, value: Operand) -> PyResult<Self> {
        wrap(self.tensor().masked_fill(&mask.tensor(), value))
    }

    /// Each element limited to a range, either end of which may be open.
    #[pyo3(signature = (min=None, max=None))]
    fn clamp(&self, min: Option<Operand>, max: Option<Operand>) -> PyResult<Self> {
        let x = self.tensor();
        wrap(match (min, max) {
            (Some(low), Some(high)) => x.clamp(low, high),
            (Some(low), None) => x.maximum(low),
            (None, Some(high)) => x.minimum(high),
            (None, None) => Ok(x),
        })
    }

    /// Whether an element is NaN.
    fn isnan(&self) -> PyResult<Self> {
        let x = self.tensor();
        wrap(x.ne(&x))
    }

    /// Whether an element is infinite.
    fn isinf(&self) -> PyResult<Self> {
        let x = self.tensor();
        if !x.dtype().is_float() {
            return Ok(Tensor::zeros(*x.shape(), DType::Bool, x.device()).into());
        }
        wrap(x.abs().eq(f64::INFINITY))
    }

    /// Whether an element is neither infinite nor NaN.
    fn isfinite(&self) -> PyResult<Self> {
        let x = self.tensor();
        if !x.dtype().is_float() {
            return Ok(Tensor::ones(*x.shape(), DType::Bool, x.device()).into());
        }
        wrap(x.abs().lt(f64::INFINITY))
    }
}

/// The matrix product over the last two axes; the others broadcast.
#[pyfunction]
fn matmul(py: Python<'_>, a: PyRef<'_, PyTensor>, b: Operand) -> PyResult<PyTensor> {
    a.matmul(py, b)
}

/// The distances between all rows of two tensors, by the p-norm.
#[pyfunction]
#[pyo3(signature = (a, b, p=2.0))]
fn cdist(py: Python<'_>, a: PyRef<'_, PyTensor>, b: PyRef<'_, PyTensor>, p: f64) -> PyResult<PyTensor> {
    a.cdist(py, b, p)
}

/// `x` where the condition is true, `y` elsewhere; all three broadcast together.
#[pyfunction(name = "where")]
fn choose(condition: PyRef<'_, PyTensor>, x: Operand, y: Operand) -> PyResult<PyTensor> {
    wrap(condition.tensor().where_(x, y))
}

/// Each element limited to a range, either end of which may be open.
#[pyfunction]
#[pyo3(signature = (x, min=None, max=None))]
fn clamp(x: PyRef<'_, PyTensor>, min: Option<Operand>, max: Option<Operand>) -> PyResult<PyTensor> {
    x.clamp(min, max)
}

/// Whether |a - b| <= atol + rtol * |b| everywhere. NaN is close to nothing.
#[pyfunction]
#[pyo3(signature = (a, b, rtol=1e-5, atol=1e-8))]
fn allclose(py: Python<'_>, a: PyRef<'_, PyTensor>, b: PyRef<'_, PyTensor>, rtol: f64, atol: f64) -> PyResult<bool> {
    let (a, b) = (a.tensor(), b.tensor());
    let close = || {
        let limit = b.abs().mul(rtol)?.add(atol)?;
        // Infinities are close to themselves.
        a.sub(&b)?.abs().le(&limit)?.logical_or(a.eq(&b)?)?.all(())?.item::<bool>()
    };
    py.detach(close).map_err(crate::error::exception)
}

pub fn add_functions(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(matmul, module)?)?;
    module.add_function(wrap_pyfunction!(cdist, module)?)?;
    module.add_function(wrap_pyfunction!(choose, module)?)?;
    module.add_function(wrap_pyfunction!(clamp, module)?)?;
    module.add_function(wrap_pyfunction!(allclose, module)?)
}
