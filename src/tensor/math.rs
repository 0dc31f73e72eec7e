//! Elementwise methods and operators, from the rows of the registry.

use std::{borrow::Cow, ops};

use super::Tensor;
use crate::{
    DType, Error, Result, Scalar, Shape,
    autograd::{self, Rule},
    dtype::Kind,
    op::{BinaryOp, Class, Op, UnaryOp, accuracy, binary::binary_table, compute_dtype, unary::unary_table},
};

/// What can stand on the right-hand side of an elementwise op: a tensor, or a number that becomes one.
///
/// A number takes the dtype of the tensor it meets; a float that meets integers or bools makes them `F32`, as in
/// PyTorch.
pub trait Operand {
    /// The operand as a tensor for an op with `like`.
    fn to_operand(&self, like: &Tensor) -> Cow<'_, Tensor>;
}

impl Operand for Tensor {
    fn to_operand(&self, _: &Tensor) -> Cow<'_, Tensor> {
        Cow::Borrowed(self)
    }
}

impl<T: Operand + ?Sized> Operand for &T {
    fn to_operand(&self, like: &Tensor) -> Cow<'_, Tensor> {
        (**self).to_operand(like)
    }
}

impl Operand for Scalar {
    fn to_operand(&self, like: &Tensor) -> Cow<'_, Tensor> {
        let dtype = match (like.dtype().kind(), self.kind()) {
            (have, Kind::Float) if have != Kind::Float => DType::F32,
            (Kind::Bool, Kind::Signed | Kind::Unsigned) => DType::I64,
            _ => like.dtype(),
        };
        Cow::Owned(Tensor::lazy(Op::Const(*self), like.device(), dtype, ().into(), [None; 3]))
    }
}

macro_rules! scalar_operands {
    ($($t:ty),*) => {$(
        impl Operand for $t {
            fn to_operand(&self, like: &Tensor) -> Cow<'_, Tensor> {
                Cow::Owned(Scalar::from(*self).to_operand(like).into_owned())
            }
        }
    )*};
}
scalar_operands!(bool, i8, i16, i32, i64, u8, u16, u32, u64, half::f16, half::bf16, f32, f64);

impl Tensor {
    /// Applies a unary op of the registry. The methods [`exp`](Self::exp), [`neg`](Self::neg) ... call it.
    ///
    /// Ops of class `Float` promote integers and bools to `F32`.
    pub fn unary(&self, op: UnaryOp) -> Tensor {
        let info = op.info();
        let x = match info.class {
            Class::Logic if self.dtype().is_float() => self.in_dtype(DType::Bool),
            class => self.in_dtype(compute_dtype(class, self.dtype())),
        };
        let y = Tensor::lazy(Op::Unary(op), x.device(), x.dtype(), *x.shape(), [Some(&*x), None, None]);
        if info.differentiable { autograd::track(y, &[&x], |_| Rule::Unary(op)) } else { y }
    }

    /// Applies a binary op of the registry, with broadcasting and dtype promotion. The methods [`add`](Self::add),
    /// [`lt`](Self::lt) ... call it.
    ///
    /// # Errors
    /// If the shapes do not broadcast, or the tensors are on different devices.
    pub fn binary(&self, op: BinaryOp, rhs: impl Operand) -> Result<Tensor> {
        let info = op.info();
        let rhs = rhs.to_operand(self);
        self.same_device(&rhs, info.name)?;
        let shape = self.shape().broadcast(rhs.shape(), info.name)?;
        let promoted = DType::promote(self.dtype(), rhs.dtype());
        if info.class == Class::Logic && promoted.is_float() {
            return Err(Error::dtype(info.name, promoted, "needs bools or integers; compare with 0 first"));
        }
        let dtype = compute_dtype(info.class, promoted);
        let (a, b) = (self.in_dtype(dtype), rhs.in_dtype(dtype));
        let out = if info.class == Class::Compare { DType::Bool } else { dtype };
        let (va, vb) = (a.expanded(&shape), b.expanded(&shape));
        let y = Tensor::lazy(Op::Binary(op), self.device(), out, shape, [Some(&*va), Some(&*vb), None]);
        Ok(if info.differentiable { autograd::track(y, &[&a, &b], |_| Rule::Binary(op)) } else { y })
    }

    /// Elements of `then` where this condition is true, of `otherwise` elsewhere, all three broadcast together.
    ///
    /// # Errors
    /// If this is not a `Bool` tensor, the shapes do not broadcast, or the devices differ.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let x = Tensor::from_slice(&[-1.0f32, 2.0], [2], &Device::cpu())?;
    /// let y = x.gt(0.0)?.choose(&x, 0.0)?;
    /// assert_eq!(y.to_vec::<f32>()?, [0.0, 2.0]);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn choose(&self, then: impl Operand, otherwise: impl Operand) -> Result<Tensor> {
        let op = "where";
        if self.dtype() != DType::Bool {
            return Err(Error::dtype(op, self.dtype(), "the condition must be bool"));
        }
        // Two numbers meet each other, not the condition.
        let like = Tensor::lazy(Op::Const(Scalar::Int(0)), self.device(), DType::F32, ().into(), [None; 3]);
        let first = then.to_operand(&like);
        let like = otherwise.to_operand(&first);
        let (a, b) = (then.to_operand(&like), otherwise.to_operand(&first));
        self.same_device(&a, op)?;
        self.same_device(&b, op)?;
        let shape = self.shape().broadcast(a.shape(), op)?.broadcast(b.shape(), op)?;
        let dtype = DType::promote(a.dtype(), b.dtype());
        let (a, b) = (a.in_dtype(dtype), b.in_dtype(dtype));
        let (vc, va, vb) = (self.expanded(&shape), a.expanded(&shape), b.expanded(&shape));
        let y = Tensor::lazy(Op::Where, self.device(), dtype, shape, [Some(&*vc), Some(&*va), Some(&*vb)]);
        let condition = self.detach();
        Ok(autograd::track(y, &[&a, &b], |_| {
            Rule::custom(move |g| Ok(vec![Some(condition.choose(g, 0.0)?), Some(condition.choose(0.0, g)?)]))
        }))
    }

    /// The elements converted to another dtype, by NumPy's rules: floats are truncated towards zero, integers wrap,
    /// a bool is whether the value is not 0. A float outside of an integer type's range gives an unspecified value.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let x = Tensor::from_slice(&[-1.7f32, 0.0, 2.9], [3], &Device::cpu())?;
    /// assert_eq!(x.to_dtype(DType::I32).to_vec::<i32>()?, [-1, 0, 2]);
    /// assert_eq!(x.to_dtype(DType::Bool).to_vec::<bool>()?, [true, false, true]);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn to_dtype(&self, dtype: DType) -> Tensor {
        if dtype == self.dtype() {
            return self.clone();
        }
        let y = Tensor::lazy(Op::Cast, self.device(), dtype, *self.shape(), [Some(self), None, None]);
        if !dtype.is_float() {
            return y;
        }
        // The engine casts a gradient to its input's dtype.
        autograd::track(y, &[self], |_| Rule::custom(|g| Ok(vec![Some(g.clone())])))
    }

    /// [`to_dtype`](Self::to_dtype) that leaves a tensor of this dtype where it is.
    pub(crate) fn in_dtype(&self, dtype: DType) -> Cow<'_, Tensor> {
        if dtype == self.dtype() { Cow::Borrowed(self) } else { Cow::Owned(self.to_dtype(dtype)) }
    }

    /// Halves in `F32`, others as they are: what takes several steps is computed from these and rounded once, at the
    /// end, so that no step in between is past the range of halves.
    pub(crate) fn widened(&self) -> Tensor {
        self.to_dtype(self.dtype().wide())
    }

    /// The tensor broadcast to a shape that it is known to broadcast to, without a gradient.
    fn expanded(&self, shape: &Shape) -> Cow<'_, Tensor> {
        // What reads a number takes its value, whatever its shape.
        if self.shape() == shape || self.node.constant().is_some() {
            return Cow::Borrowed(self);
        }
        Cow::Owned(self.with_view(self.view().expand(*shape)))
    }

    /// Each element limited to `low..=high`. NaN stays NaN. The gradient is 0 outside and at the bounds, as PyTorch's.
    ///
    /// # Errors
    /// As [`binary`](Self::binary), if a bound is a tensor.
    pub fn clamp(&self, low: impl Operand, high: impl Operand) -> Result<Tensor> {
        let (low, high) = (low.to_operand(self), high.to_operand(self));
        let inside = self.gt(&*low)?.logical_and(self.lt(&*high)?)?;
        let limited = self.detach().maximum(&*low)?.minimum(&*high)?;
        inside.choose(self, limited)
    }

    /// `x` above 0, `slope * x` below.
    pub fn leaky_relu(&self, slope: f64) -> Tensor {
        let x = self.to_dtype(self.dtype().to_float());
        settle(x.gt(0.0).and_then(|positive| positive.choose(&x, &(&x * slope))))
    }

    /// `x` above 0, `alpha * (exp(x) - 1)` below.
    pub fn elu(&self, alpha: f64) -> Tensor {
        let dtype = self.dtype().to_float();
        let x = self.to_dtype(dtype.wide());
        // The branch that is not taken must not overflow, or its gradient would be NaN. A NaN takes the straight one.
        let curve = |negative: Tensor| negative.choose(negative.choose(&x, 0.0)?.expm1() * alpha, &x);
        settle(x.le(0.0).and_then(curve)).to_dtype(dtype)
    }
}

/// Unwraps what cannot fail: the operands have one shape, or are numbers.
#[track_caller]
pub(crate) fn settle(result: Result<Tensor>) -> Tensor {
    match result {
        Ok(tensor) => tensor,
        Err(error) => panic!("{error}"),
    }
}

macro_rules! unary_methods {
    ($($variant:ident $name:ident $class:ident ($lo:expr, $hi:expr) $accuracy:tt $doc:literal
        float($($float:tt)*) int($($int:tt)*) grad($($grad:tt)*);)*) => {
        impl Tensor {$(
            #[doc = $doc]
            #[doc = ""]
            #[doc = accuracy!(doc $accuracy)]
            pub fn $name(&self) -> Tensor {
                self.unary(UnaryOp::$variant)
            }
        )*}
    };
}
unary_table!(unary_methods);

macro_rules! binary_methods {
    ($($variant:ident $name:ident $class:ident ($alo:expr, $ahi:expr) ($blo:expr, $bhi:expr) $accuracy:tt $doc:literal
        float($($float:tt)*) int($($int:tt)*) grad($($da:tt)*)($($db:tt)*);)*) => {
        impl Tensor {$(
            #[doc = $doc]
            #[doc = ""]
            #[doc = accuracy!(doc $accuracy)]
            ///
            /// # Errors
            /// If the shapes do not broadcast, or the devices differ.
            pub fn $name(&self, rhs: impl Operand) -> Result<Tensor> {
                self.binary(BinaryOp::$variant, rhs)
            }
        )*}
    };
}
binary_table!(binary_methods);

macro_rules! operators {
    ($($trait:ident $method:ident $op:ident;)*) => {$(
        operators!(@tensor $trait $method $op, Tensor, Tensor);
        operators!(@tensor $trait $method $op, Tensor, &Tensor);
        operators!(@tensor $trait $method $op, &Tensor, Tensor);
        operators!(@tensor $trait $method $op, &Tensor, &Tensor);
        operators!(@tensor $trait $method $op, Tensor, f64);
        operators!(@tensor $trait $method $op, &Tensor, f64);
        operators!(@scalar $trait $method $op, Tensor);
        operators!(@scalar $trait $method $op, &Tensor);
    )*};
    (@tensor $trait:ident $method:ident $op:ident, $lhs:ty, $rhs:ty) => {
        /// Broadcasts as NumPy does.
        ///
        /// # Panics
        /// If the shapes do not broadcast, or the devices differ; the method of the same name returns an error.
        impl ops::$trait<$rhs> for $lhs {
            type Output = Tensor;
            #[track_caller]
            fn $method(self, rhs: $rhs) -> Tensor {
                settle(Tensor::binary(&self, BinaryOp::$op, rhs))
            }
        }
    };
    (@scalar $trait:ident $method:ident $op:ident, $rhs:ty) => {
        impl ops::$trait<$rhs> for f64 {
            type Output = Tensor;
            fn $method(self, rhs: $rhs) -> Tensor {
                let lhs = self.to_operand(&rhs);
                settle(lhs.binary(BinaryOp::$op, &rhs))
            }
        }
    };
}
operators! {
    Add add Add;
    Sub sub Sub;
    Mul mul Mul;
    Div div Div;
    Rem rem Rem;
}

impl ops::Neg for &Tensor {
    type Output = Tensor;
    fn neg(self) -> Tensor {
        Tensor::neg(self)
    }
}

impl ops::Neg for Tensor {
    type Output = Tensor;
    fn neg(self) -> Tensor {
        Tensor::neg(&self)
    }
}
