//! Operators: a tensor with a tensor, a NumPy array or a number, on either side.

use kiln::op::BinaryOp;
use pyo3::{exceptions::PyNotImplementedError, prelude::*, pyclass::CompareOp};

use crate::{
    convert::Operand,
    tensor::{PyTensor, wrap},
};

impl PyTensor {
    fn operator(&self, op: BinaryOp, other: Operand) -> PyResult<Self> {
        wrap(self.tensor().binary(op, other))
    }

    /// With the other on the left.
    fn reflected(&self, op: BinaryOp, other: Operand) -> PyResult<Self> {
        wrap(self.tensor().binary_reflected(op, other))
    }
}

#[pymethods]
impl PyTensor {
    fn __add__(&self, other: Operand) -> PyResult<Self> {
        self.operator(BinaryOp::Add, other)
    }

    fn __radd__(&self, other: Operand) -> PyResult<Self> {
        self.reflected(BinaryOp::Add, other)
    }

    fn __sub__(&self, other: Operand) -> PyResult<Self> {
        self.operator(BinaryOp::Sub, other)
    }

    fn __rsub__(&self, other: Operand) -> PyResult<Self> {
        self.reflected(BinaryOp::Sub, other)
    }

    fn __mul__(&self, other: Operand) -> PyResult<Self> {
        self.operator(BinaryOp::Mul, other)
    }

    fn __rmul__(&self, other: Operand) -> PyResult<Self> {
        self.reflected(BinaryOp::Mul, other)
    }

    fn __truediv__(&self, other: Operand) -> PyResult<Self> {
        self.operator(BinaryOp::Div, other)
    }

    fn __rtruediv__(&self, other: Operand) -> PyResult<Self> {
        self.reflected(BinaryOp::Div, other)
    }

    fn __floordiv__(&self, other: Operand) -> PyResult<Self> {
        self.operator(BinaryOp::FloorDiv, other)
    }

    fn __rfloordiv__(&self, other: Operand) -> PyResult<Self> {
        self.reflected(BinaryOp::FloorDiv, other)
    }

    fn __mod__(&self, other: Operand) -> PyResult<Self> {
        self.operator(BinaryOp::Rem, other)
    }

    fn __rmod__(&self, other: Operand) -> PyResult<Self> {
        self.reflected(BinaryOp::Rem, other)
    }

    fn __and__(&self, other: Operand) -> PyResult<Self> {
        self.operator(BinaryOp::BitAnd, other)
    }

    fn __rand__(&self, other: Operand) -> PyResult<Self> {
        self.reflected(BinaryOp::BitAnd, other)
    }

    fn __or__(&self, other: Operand) -> PyResult<Self> {
        self.operator(BinaryOp::BitOr, other)
    }

    fn __ror__(&self, other: Operand) -> PyResult<Self> {
        self.reflected(BinaryOp::BitOr, other)
    }

    fn __xor__(&self, other: Operand) -> PyResult<Self> {
        self.operator(BinaryOp::BitXor, other)
    }

    fn __rxor__(&self, other: Operand) -> PyResult<Self> {
        self.reflected(BinaryOp::BitXor, other)
    }

    fn __pow__(&self, other: Operand, modulo: Option<Bound<'_, PyAny>>) -> PyResult<Self> {
        no_modulo(modulo)?;
        self.operator(BinaryOp::Pow, other)
    }

    fn __rpow__(&self, other: Operand, modulo: Option<Bound<'_, PyAny>>) -> PyResult<Self> {
        no_modulo(modulo)?;
        self.reflected(BinaryOp::Pow, other)
    }

    fn __matmul__(&self, py: Python<'_>, other: Operand) -> PyResult<Self> {
        self.matmul(py, other)
    }

    fn __rmatmul__(&self, py: Python<'_>, other: Operand) -> PyResult<Self> {
        let x = self.tensor();
        wrap(py.detach(|| other.to_tensor(&x)?.matmul(&x)))
    }

    fn __richcmp__(&self, other: Operand, op: CompareOp) -> PyResult<Self> {
        let op = match op {
            CompareOp::Eq => BinaryOp::Eq,
            CompareOp::Ne => BinaryOp::Ne,
            CompareOp::Lt => BinaryOp::Lt,
            CompareOp::Le => BinaryOp::Le,
            CompareOp::Gt => BinaryOp::Gt,
            CompareOp::Ge => BinaryOp::Ge,
        };
        self.operator(op, other)
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
