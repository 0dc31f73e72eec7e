//! Operators: a tensor with a tensor, a NumPy array or a number, on either side.

use kiln::{DType, Scalar, Tensor, op::BinaryOp};
use pyo3::{
    exceptions::{PyNotImplementedError, PyValueError, PyZeroDivisionError},
    prelude::*,
    pyclass::CompareOp,
};

use crate::{
    convert::Operand,
    error::exception,
    tensor::{PyTensor, wrap},
};

impl PyTensor {
    pub fn operator(&self, py: Python<'_>, op: BinaryOp, other: Operand) -> PyResult<Self> {
        let x = self.tensor();
        check_integers(py, op, x.dtype(), &other)?;
        wrap(x.binary(op, other))
    }

    /// With the other on the left.
    fn reflected(&self, py: Python<'_>, op: BinaryOp, other: Operand) -> PyResult<Self> {
        let x = self.tensor();
        let left = match &other {
            Operand::Tensor(tensor) => tensor.dtype(),
            Operand::Scalar(Scalar::Float(_)) => DType::F32,
            Operand::Scalar(_) => DType::I64,
        };
        check_integers(py, op, left, &Operand::Tensor(x.clone()))?;
        wrap(x.binary_reflected(op, other))
    }
}

/// Integers have no quotient by 0, and no power below 0. On a GPU only numbers are looked at, as to look at elements is to
/// wait for them.
fn check_integers(py: Python<'_>, op: BinaryOp, left: DType, right: &Operand) -> PyResult<()> {
    let divides = matches!(op, BinaryOp::FloorDiv | BinaryOp::Rem);
    if left.is_float() || !divides && op != BinaryOp::Pow {
        return Ok(());
    }
    let found = match right {
        Operand::Scalar(Scalar::Int(value)) => {
            if divides {
                *value == 0
            } else {
                *value < 0
            }
        }
        Operand::Scalar(Scalar::UInt(value)) => divides && *value == 0,
        Operand::Scalar(_) => false,
        Operand::Tensor(x) if x.dtype().is_float() || !x.device().is_cpu() || x.numel() == 0 => false,
        Operand::Tensor(x) if !divides && !x.dtype().is_signed() => false,
        Operand::Tensor(x) => {
            let any = |x: &Tensor| (if divides { x.eq(0i64)? } else { x.lt(0i64)? }).any(())?.item::<bool>();
            py.detach(|| any(&x.detach())).map_err(exception)?
        }
    };
    match found {
        true if divides => Err(PyZeroDivisionError::new_err(format!("{}: integer division by zero", op.info().name))),
        true => Err(PyValueError::new_err("pow: integers have no powers below 0: convert one of them to a float")),
        false => Ok(()),
    }
}

#[pymethods]
impl PyTensor {
    fn __add__(&self, py: Python<'_>, other: Operand) -> PyResult<Self> {
        self.operator(py, BinaryOp::Add, other)
    }

    fn __radd__(&self, py: Python<'_>, other: Operand) -> PyResult<Self> {
        self.reflected(py, BinaryOp::Add, other)
    }

    fn __sub__(&self, py: Python<'_>, other: Operand) -> PyResult<Self> {
        self.operator(py, BinaryOp::Sub, other)
    }

    fn __rsub__(&self, py: Python<'_>, other: Operand) -> PyResult<Self> {
        self.reflected(py, BinaryOp::Sub, other)
    }

    fn __mul__(&self, py: Python<'_>, other: Operand) -> PyResult<Self> {
        self.operator(py, BinaryOp::Mul, other)
    }

    fn __rmul__(&self, py: Python<'_>, other: Operand) -> PyResult<Self> {
        self.reflected(py, BinaryOp::Mul, other)
    }

    fn __truediv__(&self, py: Python<'_>, other: Operand) -> PyResult<Self> {
        self.operator(py, BinaryOp::Div, other)
    }

    fn __rtruediv__(&self, py: Python<'_>, other: Operand) -> PyResult<Self> {
        self.reflected(py, BinaryOp::Div, other)
    }

    fn __floordiv__(&self, py: Python<'_>, other: Operand) -> PyResult<Self> {
        self.operator(py, BinaryOp::FloorDiv, other)
    }

    fn __rfloordiv__(&self, py: Python<'_>, other: Operand) -> PyResult<Self> {
        self.reflected(py, BinaryOp::FloorDiv, other)
    }

    fn __mod__(&self, py: Python<'_>, other: Operand) -> PyResult<Self> {
        self.operator(py, BinaryOp::Rem, other)
    }

    fn __rmod__(&self, py: Python<'_>, other: Operand) -> PyResult<Self> {
        self.reflected(py, BinaryOp::Rem, other)
    }

    fn __divmod__(&self, py: Python<'_>, other: Operand) -> PyResult<(Self, Self)> {
        let quotient = self.operator(py, BinaryOp::FloorDiv, other.clone())?;
        Ok((quotient, self.operator(py, BinaryOp::Rem, other)?))
    }

    fn __rdivmod__(&self, py: Python<'_>, other: Operand) -> PyResult<(Self, Self)> {
        let quotient = self.reflected(py, BinaryOp::FloorDiv, other.clone())?;
        Ok((quotient, self.reflected(py, BinaryOp::Rem, other)?))
    }

    fn __and__(&self, py: Python<'_>, other: Operand) -> PyResult<Self> {
        self.operator(py, BinaryOp::BitAnd, other)
    }

    fn __rand__(&self, py: Python<'_>, other: Operand) -> PyResult<Self> {
        self.reflected(py, BinaryOp::BitAnd, other)
    }

    fn __or__(&self, py: Python<'_>, other: Operand) -> PyResult<Self> {
        self.operator(py, BinaryOp::BitOr, other)
    }

    fn __ror__(&self, py: Python<'_>, other: Operand) -> PyResult<Self> {
        self.reflected(py, BinaryOp::BitOr, other)
    }

    fn __xor__(&self, py: Python<'_>, other: Operand) -> PyResult<Self> {
        self.operator(py, BinaryOp::BitXor, other)
    }

    fn __rxor__(&self, py: Python<'_>, other: Operand) -> PyResult<Self> {
        self.reflected(py, BinaryOp::BitXor, other)
    }

    fn __pow__(&self, py: Python<'_>, other: Operand, modulo: Option<Bound<'_, PyAny>>) -> PyResult<Self> {
        no_modulo(modulo)?;
        self.operator(py, BinaryOp::Pow, other)
    }

    fn __rpow__(&self, py: Python<'_>, other: Operand, modulo: Option<Bound<'_, PyAny>>) -> PyResult<Self> {
        no_modulo(modulo)?;
        self.reflected(py, BinaryOp::Pow, other)
    }

    fn __matmul__(&self, py: Python<'_>, other: Operand) -> PyResult<Self> {
        self.matmul(py, other)
    }

    fn __rmatmul__(&self, py: Python<'_>, other: Operand) -> PyResult<Self> {
        let x = self.tensor();
        wrap(py.detach(|| other.to_tensor(&x)?.matmul(&x)))
    }

    fn __richcmp__(&self, py: Python<'_>, other: Operand, op: CompareOp) -> PyResult<Self> {
        let op = match op {
            CompareOp::Eq => BinaryOp::Eq,
            CompareOp::Ne => BinaryOp::Ne,
            CompareOp::Lt => BinaryOp::Lt,
            CompareOp::Le => BinaryOp::Le,
            CompareOp::Gt => BinaryOp::Gt,
            CompareOp::Ge => BinaryOp::Ge,
        };
        self.operator(py, op, other)
    }

    fn __neg__(&self) -> PyResult<Self> {
        wrap(self.tensor().neg())
    }

    fn __pos__(&self) -> Self {
        self.tensor().into()
    }

    fn __abs__(&self) -> Self {
        self.tensor().abs().into()
    }

    fn __invert__(&self) -> PyResult<Self> {
        wrap(self.tensor().bitwise_not())
    }
}

fn no_modulo(modulo: Option<Bound<'_, PyAny>>) -> PyResult<()> {
    match modulo {
        Some(modulo) if !modulo.is_none() => Err(PyNotImplementedError::new_err("pow() of tensors takes no modulus")),
        _ => Ok(()),
    }
}
