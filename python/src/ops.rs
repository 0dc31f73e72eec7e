//! Elementwise functions and operators, products, and choices.

use kiln::{
    DType, Tensor,
    op::{BinaryOp, UnaryOp},
};
use pyo3::prelude::*;

use crate::{
    convert::Operand,
    tensor::{PyTensor, wrap},
};

/// Methods and functions of one tensor, from their rows in Kiln's registry.
macro_rules! unary {
    ($($name:ident $op:ident $doc:literal;)*) => {
        #[pymethods]
        impl PyTensor {$(
            #[doc = $doc]
            fn $name(&self) -> PyResult<Self> {
                wrap(self.tensor().unary(UnaryOp::$op))
            }
        )*}

        $(
            #[doc = $doc]
            #[pyfunction]
            fn $name(x: PyRef<'_, PyTensor>) -> PyResult<PyTensor> {
                wrap(x.tensor().unary(UnaryOp::$op))
            }
        )*

        fn add_unary(module: &Bound<'_, PyModule>) -> PyResult<()> {
            $(module.add_function(wrap_pyfunction!($name, module)?)?;)*
            Ok(())
        }
    };
}

unary! {
    neg Neg "The negative.";
    abs Abs "The absolute value.";
    sign Sign "-1, 0 or 1 by the sign.";
    floor Floor "The largest integer that is not above.";
    ceil Ceil "The smallest integer that is not below.";
    trunc Trunc "The integer part.";
    square Square "The square.";
    exp Exp "e to the power of x.";
    exp2 Exp2 "2 to the power of x.";
    expm1 Expm1 "exp(x) - 1, exact for small x.";
    log Log "The natural logarithm.";
    log2 Log2 "The logarithm to base 2.";
    log1p Log1p "log(1 + x), exact for small x.";
    sqrt Sqrt "The square root.";
    rsqrt Rsqrt "1 / sqrt(x).";
    reciprocal Reciprocal "1 / x.";
    sin Sin "The sine.";
    cos Cos "The cosine.";
    tan Tan "The tangent.";
    sinh Sinh "The hyperbolic sine.";
    cosh Cosh "The hyperbolic cosine.";
    tanh Tanh "The hyperbolic tangent.";
    asin Asin "The inverse sine.";
    acos Acos "The inverse cosine.";
    atan Atan "The inverse tangent.";
    erf Erf "The error function.";
    sigmoid Sigmoid "1 / (1 + exp(-x)).";
    softplus Softplus "log(1 + exp(x)).";
    relu Relu "max(x, 0).";
    selu Selu "Scaled elu.";
    gelu Gelu "x times the Gaussian distribution function.";
    gelu_tanh GeluTanh "gelu by its tanh approximation.";
    silu Silu "x * sigmoid(x).";
    mish Mish "x * tanh(softplus(x)).";
    hardswish Hardswish "x * clamp(x + 3, 0, 6) / 6.";
    hardsigmoid Hardsigmoid "clamp(x / 6 + 1 / 2, 0, 1).";
    logical_not Not "Whether x is 0, as a bool.";
    bitwise_not BitNot "The complement of every bit; of bools the logical one.";
}

/// Methods and functions of a tensor and another, or a number.
macro_rules! binary {
    ($($name:ident $op:ident $doc:literal;)*) => {
        #[pymethods]
        impl PyTensor {$(
            #[doc = $doc]
            fn $name(&self, py: Python<'_>, other: Operand) -> PyResult<Self> {
                self.operator(py, BinaryOp::$op, other)
            }
        )*}

        $(
            #[doc = $doc]
            #[pyfunction]
            fn $name(py: Python<'_>, a: PyRef<'_, PyTensor>, b: Operand) -> PyResult<PyTensor> {
                a.operator(py, BinaryOp::$op, b)
            }
        )*

        fn add_binary(module: &Bound<'_, PyModule>) -> PyResult<()> {
            $(module.add_function(wrap_pyfunction!($name, module)?)?;)*
            Ok(())
        }
    };
}

binary! {
    add Add "a + b.";
    sub Sub "a - b.";
    mul Mul "a * b.";
    div Div "a / b; integers become floats.";
    pow Pow "a to the power of b.";
    floor_divide FloorDiv "floor(a / b).";
    remainder Rem "a - b * floor(a / b), with the sign of b.";
    maximum Max "The larger of two values.";
    minimum Min "The smaller of two values.";
    atan2 Atan2 "The angle of the point (x = b, y = a).";
    eq Eq "a == b.";
    ne Ne "a != b.";
    lt Lt "a < b.";
    le Le "a <= b.";
    gt Gt "a > b.";
    ge Ge "a >= b.";
    logical_and And "Whether both are not 0, as a bool.";
    logical_or Or "Whether one is not 0, as a bool.";
    logical_xor Xor "Whether exactly one is not 0, as a bool.";
    bitwise_and BitAnd "a & b, bit by bit, of integers or bools.";
    bitwise_or BitOr "a | b, bit by bit, of integers or bools.";
    bitwise_xor BitXor "a ^ b, bit by bit, of integers or bools.";
}

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
        wrap(condition.tensor().choose(self.tensor(), other))
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

    /// x above 0, slope * x below.
    #[pyo3(signature = (negative_slope=0.01))]
    fn leaky_relu(&self, negative_slope: f64) -> PyResult<Self> {
        wrap(Ok(self.tensor().leaky_relu(negative_slope)))
    }

    /// x above 0, alpha * (exp(x) - 1) below.
    #[pyo3(signature = (alpha=1.0))]
    fn elu(&self, alpha: f64) -> PyResult<Self> {
        wrap(Ok(self.tensor().elu(alpha)))
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
    wrap(condition.tensor().choose(x, y))
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
    add_unary(module)?;
    add_binary(module)?;
    module.add_function(wrap_pyfunction!(matmul, module)?)?;
    module.add_function(wrap_pyfunction!(cdist, module)?)?;
    module.add_function(wrap_pyfunction!(choose, module)?)?;
    module.add_function(wrap_pyfunction!(clamp, module)?)?;
    module.add_function(wrap_pyfunction!(allclose, module)?)
}
