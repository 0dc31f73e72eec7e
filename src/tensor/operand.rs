//! What stands beside a tensor in an elementwise op, and the dtype that follows from both.

use super::Tensor;
use crate::{
    DType, Result, Scalar,
    dtype::Kind,
    op::{BinaryOp, check_dtype, compute_dtype},
};

/// What can stand beside a tensor in an elementwise op: another tensor, or a number.
///
/// A number takes the dtype of the tensor it meets. Only a number of a higher kind (bool, integer, float) changes it:
/// an integer makes bools `I64`, a float makes bools and integers `F32`, as in PyTorch.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no operand of a tensor",
    note = "operands are tensors, numbers of Rust's types and of `half`, and `Scalar`"
)]
pub trait Operand {
    /// The operand.
    fn value(&self) -> Value<'_>;
}

/// An [`Operand`] as ops see it.
#[derive(Clone, Copy)]
pub enum Value<'a> {
    /// A tensor.
    Tensor(&'a Tensor),
    /// A number.
    Scalar(Scalar),
}

impl Operand for Tensor {
    #[inline]
    fn value(&self) -> Value<'_> {
        Value::Tensor(self)
    }
}

impl<T: Operand + ?Sized> Operand for &T {
    #[inline]
    fn value(&self) -> Value<'_> {
        (**self).value()
    }
}

impl Operand for Value<'_> {
    #[inline]
    fn value(&self) -> Value<'_> {
        *self
    }
}

impl Operand for Scalar {
    #[inline]
    fn value(&self) -> Value<'_> {
        Value::Scalar(*self)
    }
}

macro_rules! scalar_operands {
    ($($t:ty),*) => {$(
        impl Operand for $t {
            #[inline]
            fn value(&self) -> Value<'_> {
                Value::Scalar(Scalar::from(*self))
            }
        }
    )*};
}
scalar_operands!(bool, i8, i16, i32, i64, isize, u8, u16, u32, u64, usize, half::f16, half::bf16, f32, f64);

impl Value<'_> {
    /// The dtype of its own: of a number the default of its kind.
    fn dtype(self) -> DType {
        match self {
            Value::Tensor(x) => x.dtype(),
            Value::Scalar(value) => value.default_dtype(),
        }
    }

    /// Whether the other's dtype has priority within a kind.
    fn yields(self) -> bool {
        match self {
            Value::Tensor(x) => x.rank() == 0,
            Value::Scalar(_) => true,
        }
    }

    /// The dtype that it has beside another operand, as PyTorch's `result_type`.
    pub(super) fn beside(self, other: Value<'_>) -> DType {
        let (a, b) = (self.dtype(), other.dtype());
        match (self, other) {
            _ if a == b => a,
            // A tensor of rank 0 has priority over a number.
            (Value::Scalar(_), Value::Tensor(_)) => b.absorb(a),
            (Value::Tensor(_), Value::Scalar(_)) => a.absorb(b),
            _ if self.yields() == other.yields() => DType::promote(a, b),
            _ if self.yields() => b.absorb(a),
            _ => a.absorb(b),
        }
    }
}

impl Tensor {
    /// The dtype of a result that combines this tensor with another operand, as PyTorch's `torch.result_type`.
    ///
    /// Two tensors give [`DType::promote`], but a tensor of rank 0 yields to one with axes: it changes the dtype only
    /// if it is of a higher kind (bool, integer, float). A number yields to every tensor. NumPy has this rule for
    /// Python's numbers alone, and the Array API standard promotes tensors whatever their rank.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let device = Device::cpu();
    /// let x = Tensor::ones([3], DType::F32, &device);
    /// let k = Tensor::scalar(2.0f64, &device);
    /// assert_eq!(x.result_type(&k), DType::F32);
    /// assert_eq!(x.result_type(k.reshape([1])?), DType::F64);
    /// assert_eq!(x.to_dtype(DType::U8).result_type(1.5), DType::F32);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn result_type(&self, other: impl Operand) -> DType {
        Value::Tensor(self).beside(other.value())
    }
}

/// How a tensor of some dtype and a number are compared.
pub(super) enum Comparison {
    /// The same for every element.
    Always(bool),
    /// By this op with a number that the dtype holds.
    With(BinaryOp, Scalar, DType),
}

/// What makes `x op value` true for `x` of a dtype, also where the dtype does not hold the value: the comparison is
/// that of the numbers, not of what is left of one after a cast.
pub(super) fn comparison(op: BinaryOp, dtype: DType, value: Scalar) -> Comparison {
    use BinaryOp::{Eq, Ge, Gt, Le, Lt, Ne};
    let beyond =
        |above: bool| Comparison::Always(if above { matches!(op, Lt | Le | Ne) } else { matches!(op, Gt | Ge | Ne) });
    let Some((low, high)) = dtype.range() else {
        if dtype == DType::Bool && value.kind() == Kind::Bool {
            return Comparison::With(op, value, dtype);
        }
        let held = value.cast(dtype.to_float());
        let (number, rounded) = (value.to_f64(), held.to_f64());
        if number.is_infinite() || !rounded.is_infinite() {
            return Comparison::With(op, held, dtype);
        }
        // Past the largest finite number, and nearer than infinity.
        let above = number > 0.0;
        return match op {
            Eq | Ne => beyond(above),
            Lt | Le => Comparison::With(if above { Lt } else { Le }, held, dtype),
            _ => Comparison::With(if above { Ge } else { Gt }, held, dtype),
        };
    };
    let whole = match value {
        Scalar::Float(v) if v.is_nan() => return Comparison::Always(op == Ne),
        Scalar::Float(v) => match op {
            Eq | Ne if v.fract() != 0.0 => return Comparison::Always(op == Ne),
            Lt | Ge => v.ceil() as i128,
            _ => v.floor() as i128,
        },
        value => value.to_i128(),
    };
    match whole {
        v if v > high => beyond(true),
        v if v < low => beyond(false),
        v => Comparison::With(op, Scalar::whole(v), dtype),
    }
}

/// The comparison with its sides exchanged.
pub(super) fn mirrored(op: BinaryOp) -> BinaryOp {
    match op {
        BinaryOp::Lt => BinaryOp::Gt,
        BinaryOp::Le => BinaryOp::Ge,
        BinaryOp::Gt => BinaryOp::Lt,
        BinaryOp::Ge => BinaryOp::Le,
        op => op,
    }
}

/// A number as an operand of an op that is computed in the dtype it gives back; `None` where the number is so far
/// out of the dtype's range that `maximum` or `minimum` with it changes nothing.
pub(super) fn held(op: BinaryOp, promoted: DType, value: Scalar) -> Result<(Option<Scalar>, DType)> {
    let info = op.info();
    check_dtype(info.name, info.class, promoted)?;
    let dtype = compute_dtype(info.class, promoted);
    if let Some((low, high)) = dtype.range() {
        let number = value.to_i128();
        match op {
            BinaryOp::Max if number < low => return Ok((None, dtype)),
            BinaryOp::Min if number > high => return Ok((None, dtype)),
            _ => value.check(info.name, dtype)?,
        }
    }
    Ok((Some(value), dtype))
}
