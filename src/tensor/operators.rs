//! Rust's operators: a tensor with a tensor or a number, on either side, and assigned.

use std::{borrow::Borrow, ops};

use super::{Operand, Tensor, settle};
use crate::{Scalar, op::BinaryOp};

/// The operators of one binary op; the types are those of numbers that may stand on the left.
macro_rules! operators {
    ($($trait:ident $method:ident $assign:ident $assign_method:ident $op:ident ($($scalar:ty)*);)*) => {$(
        operators!(@right $trait $method $op Tensor);
        operators!(@right $trait $method $op &Tensor);
        $(
            operators!(@left $trait $method $op $scalar, Tensor);
            operators!(@left $trait $method $op $scalar, &Tensor);
        )*

        /// Assigns the result of the operator, which has the shape and the dtype that the operator gives it: a tensor
        /// is a value, and who else holds the old one keeps it.
        ///
        /// # Panics
        /// As the operator.
        impl<R: Operand> ops::$assign<R> for Tensor {
            #[track_caller]
            fn $assign_method(&mut self, rhs: R) {
                *self = settle(self.binary(BinaryOp::$op, rhs));
            }
        }
    )*};
    (@right $trait:ident $method:ident $op:ident $lhs:ty) => {
        /// Broadcasts as NumPy does.
        ///
        /// # Panics
        /// Where [`Tensor::binary`] returns an error.
        impl<R: Operand> ops::$trait<R> for $lhs {
            type Output = Tensor;
            #[track_caller]
            fn $method(self, rhs: R) -> Tensor {
                settle(self.binary(BinaryOp::$op, rhs))
            }
        }
    };
    (@left $trait:ident $method:ident $op:ident $lhs:ty, $rhs:ty) => {
        impl ops::$trait<$rhs> for $lhs {
            type Output = Tensor;
            #[track_caller]
            fn $method(self, rhs: $rhs) -> Tensor {
                reflected(BinaryOp::$op, Scalar::from(self), rhs)
            }
        }
    };
}

/// An operator whose left side is a number: there is one of these for every type of numbers, and each only calls this.
#[track_caller]
#[inline(never)]
fn reflected<T: Borrow<Tensor>>(op: BinaryOp, lhs: Scalar, rhs: T) -> Tensor {
    settle(rhs.borrow().binary_reflected(op, lhs))
}

operators! {
    Add add AddAssign add_assign Add (i8 i16 i32 i64 isize u8 u16 u32 u64 usize half::f16 half::bf16 f32 f64);
    Sub sub SubAssign sub_assign Sub (i8 i16 i32 i64 isize u8 u16 u32 u64 usize half::f16 half::bf16 f32 f64);
    Mul mul MulAssign mul_assign Mul (i8 i16 i32 i64 isize u8 u16 u32 u64 usize half::f16 half::bf16 f32 f64);
    Div div DivAssign div_assign Div (i8 i16 i32 i64 isize u8 u16 u32 u64 usize half::f16 half::bf16 f32 f64);
    Rem rem RemAssign rem_assign Rem (i8 i16 i32 i64 isize u8 u16 u32 u64 usize half::f16 half::bf16 f32 f64);
    BitAnd bitand BitAndAssign bitand_assign BitAnd (bool i8 i16 i32 i64 isize u8 u16 u32 u64 usize);
    BitOr bitor BitOrAssign bitor_assign BitOr (bool i8 i16 i32 i64 isize u8 u16 u32 u64 usize);
    BitXor bitxor BitXorAssign bitxor_assign BitXor (bool i8 i16 i32 i64 isize u8 u16 u32 u64 usize);
}

macro_rules! unary_operators {
    ($($trait:ident $method:ident $function:ident $t:ty;)*) => {$(
        /// # Panics
        #[doc = concat!("Where [`Tensor::", stringify!($function), "`] returns an error.")]
        impl ops::$trait for $t {
            type Output = Tensor;
            #[track_caller]
            fn $method(self) -> Tensor {
                settle(Tensor::$function(&self))
            }
        }
    )*};
}
unary_operators! {
    Neg neg neg Tensor;
    Neg neg neg &Tensor;
    Not not bitwise_not Tensor;
    Not not bitwise_not &Tensor;
}
