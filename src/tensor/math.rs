//! Elementwise methods: those of the rows of the registry, choices and conversions.

use std::borrow::Cow;

use super::{
    Tensor,
    operand::{Comparison, Operand, Value, comparison, held, mirrored},
};
use crate::{
    DType, Error, Result, Scalar, Shape,
    autograd::{self, Rule},
    op::{
        BinaryOp, Class, Op, UnaryOp, accuracy, binary::binary_table, check_dtype, compute_dtype, unary::unary_table,
    },
};

impl Tensor {
    /// Applies a unary op of the registry. The methods [`exp`](Self::exp), [`neg`](Self::neg) ... call it.
    ///
    /// Ops of class `Float` promote integers and bools to `F32`.
    ///
    /// # Errors
    /// If the op is not defined for the dtype, as its [`Class`] says.
    pub fn unary(&self, op: UnaryOp) -> Result<Tensor> {
        let info = op.info();
        check_dtype(info.name, info.class, self.dtype())?;
        Ok(self.apply(op))
    }

    /// A unary op that is defined for the dtype.
    fn apply(&self, op: UnaryOp) -> Tensor {
        let info = op.info();
        let x = self.in_dtype(compute_dtype(info.class, self.dtype()));
        let y = Tensor::lazy(Op::Unary(op), x.device(), x.dtype(), *x.shape(), [Some(&*x), None, None]);
        autograd::track(y, &[&x], |_| Rule::Unary(op))
    }

    /// Applies a binary op of the registry, with broadcasting and dtype promotion. The methods [`add`](Self::add),
    /// [`lt`](Self::lt) ... call it.
    ///
    /// The op is computed in the dtype that [`result_type`](Self::result_type) says. A number that this dtype does not
    /// hold is an error, as in NumPy 2, where it would take part in the result. `maximum` and `minimum` take it where
    /// it changes nothing, and comparisons compare the numbers themselves: a `U8` is below 300, and 1 is not 1.5. A number
    /// that is the op's [`Parameter`](crate::op::Parameter) keeps its digits beside halves.
    ///
    /// # Errors
    /// If the shapes do not broadcast, the tensors are on different devices, the op is not defined for the dtype, or a
    /// number is out of its range.
    pub fn binary(&self, op: BinaryOp, rhs: impl Operand) -> Result<Tensor> {
        match rhs.value() {
            Value::Tensor(rhs) => self.with_tensor(op, rhs),
            Value::Scalar(rhs) => self.with_scalar(op, rhs, false),
        }
    }

    /// [`binary`](Self::binary) with this tensor on the right: `lhs op self`.
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// # use kiln::{op::BinaryOp, prelude::*};
    /// let x = Tensor::from_slice(&[1i64, 2, 3], [3], &Device::cpu())?;
    /// assert_eq!(x.binary_reflected(BinaryOp::Pow, 2)?.to_vec::<i64>()?, [2, 4, 8]);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn binary_reflected(&self, op: BinaryOp, lhs: impl Operand) -> Result<Tensor> {
        match lhs.value() {
            Value::Tensor(lhs) => lhs.with_tensor(op, self),
            Value::Scalar(lhs) => self.with_scalar(op, lhs, true),
        }
    }

    fn with_tensor(&self, op: BinaryOp, rhs: &Tensor) -> Result<Tensor> {
        let info = op.info();
        self.same_device(rhs, info.name)?;
        let shape = self.shape().broadcast(rhs.shape(), info.name)?;
        let mut promoted = self.result_type(rhs);
        if info.class == Class::Compare && promoted.is_int() {
            // Nothing may be cut off of what is compared, whatever the ranks.
            promoted = DType::promote(self.dtype(), rhs.dtype());
        }
        check_dtype(info.name, info.class, promoted)?;
        let dtype = compute_dtype(info.class, promoted);
        Ok(combined(op, shape, &self.in_dtype(dtype), &rhs.in_dtype(dtype)))
    }

    fn with_scalar(&self, op: BinaryOp, value: Scalar, reflected: bool) -> Result<Tensor> {
        if op.info().parameter.is_some() && !reflected {
            return Ok(self.with_parameter(op, value.to_f64()));
        }
        let constant = |value: Scalar, dtype: DType| Tensor::filled((), value, dtype, self.device());
        if op.info().class == Class::Compare {
            let op = if reflected { mirrored(op) } else { op };
            // Bools are compared with numbers as 0 and 1.
            let is_number = !matches!(value, Scalar::Bool(_));
            let x =
                if self.dtype() == DType::Bool && is_number { self.in_dtype(DType::I32) } else { Cow::Borrowed(self) };
            return Ok(match comparison(op, x.dtype(), value) {
                Comparison::Always(all) => Tensor::filled(*self.shape(), all, DType::Bool, self.device()),
                Comparison::With(op, value, dtype) => combined(op, *self.shape(), &x, &constant(value, dtype)),
            });
        }
        let promoted = Value::Tensor(self).beside(Value::Scalar(value));
        let (value, dtype) = held(op, promoted, value)?;
        let x = self.in_dtype(dtype);
        let Some(value) = value else { return Ok(x.into_owned()) };
        let value = constant(value, dtype);
        let (a, b) = if reflected { (&value, &*x) } else { (&*x, &value) };
        Ok(combined(op, *self.shape(), a, b))
    }

    /// Elements of `then` where this condition is true, of `otherwise` elsewhere, all three broadcast together, as PyTorch's
    /// and NumPy's `where`, which is a word of Rust's own.
    ///
    /// # Errors
    /// If this is not a `Bool` tensor, the shapes do not broadcast, the devices differ, or a number is out of the range
    /// of the result's dtype.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let x = Tensor::from_slice(&[-1.0f32, 2.0], [2], &Device::cpu())?;
    /// let y = x.gt(0.0)?.where_(&x, 0.0)?;
    /// assert_eq!(y.to_vec::<f32>()?, [0.0, 2.0]);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    #[doc(alias = "where")]
    #[doc(alias = "np.where")]
    pub fn where_(&self, then: impl Operand, otherwise: impl Operand) -> Result<Tensor> {
        self.where_values(then.value(), otherwise.value())
    }

    fn where_values(&self, then: Value<'_>, otherwise: Value<'_>) -> Result<Tensor> {
        let op = "where";
        if self.dtype() != DType::Bool {
            return Err(Error::dtype(op, self.dtype(), "the condition must be bool"));
        }
        let dtype = then.beside(otherwise);
        let branch = |value| match value {
            Value::Tensor(x) => self.same_device(x, op).map(|()| x.in_dtype(dtype)),
            Value::Scalar(value) => {
                if dtype.is_int() {
                    value.check(op, dtype)?;
                }
                Ok(Cow::Owned(Tensor::filled((), value, dtype, self.device())))
            }
        };
        let (a, b) = (branch(then)?, branch(otherwise)?);
        let shape = self.shape().broadcast(a.shape(), op)?.broadcast(b.shape(), op)?;
        let (vc, va, vb) = (self.expanded(&shape), a.expanded(&shape), b.expanded(&shape));
        let y = Tensor::lazy(Op::Where, self.device(), dtype, shape, [Some(&*vc), Some(&*va), Some(&*vb)]);
        let condition = self.detach();
        Ok(autograd::track(y, &[&a, &b], |_| {
            Rule::custom(move |g| Ok(vec![Some(condition.where_(g, 0.0)?), Some(condition.where_(0.0, g)?)]))
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
    /// A bound that the dtype does not hold limits nothing: `clamp(-1, 300)` leaves a `U8` as it is.
    ///
    /// # Errors
    /// As [`binary`](Self::binary); also if no number of the dtype lies within a bound.
    pub fn clamp(&self, low: impl Operand, high: impl Operand) -> Result<Tensor> {
        let (low, high) = (low.value(), high.value());
        let clamped = || {
            let inside = self.gt(low)?.logical_and(self.lt(high)?)?;
            let limited = self.detach().maximum(low)?.minimum(high)?;
            inside.where_(self, limited)
        };
        clamped().map_err(|error: Error| error.in_op("clamp"))
    }

    /// A binary op with its parameter, a number that keeps its digits: halves are computed in `F32` and rounded once.
    fn with_parameter(&self, op: BinaryOp, value: f64) -> Tensor {
        let dtype = self.dtype().to_float();
        let x = self.in_dtype(dtype.wide());
        let value = Tensor::filled((), value, x.dtype(), self.device());
        combined(op, *self.shape(), &x, &value).to_dtype(dtype)
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

/// A binary op of operands that have its dtype and broadcast to its shape.
fn combined(op: BinaryOp, shape: Shape, a: &Tensor, b: &Tensor) -> Tensor {
    let dtype = if op.info().class == Class::Compare { DType::Bool } else { a.dtype() };
    let (va, vb) = (a.expanded(&shape), b.expanded(&shape));
    let y = Tensor::lazy(Op::Binary(op), a.device(), dtype, shape, [Some(&*va), Some(&*vb), None]);
    autograd::track(y, &[a, b], |_| Rule::Binary(op))
}

/// The method of a row: it returns a result where its class refuses a dtype.
macro_rules! unary_method {
    (NumberOnly $variant:ident $name:ident $accuracy:tt $doc:literal) => {
        unary_method!(@fallible $variant $name $accuracy $doc);
    };
    (Bits $variant:ident $name:ident $accuracy:tt $doc:literal) => {
        unary_method!(@fallible $variant $name $accuracy $doc);
    };
    (@fallible $variant:ident $name:ident $accuracy:tt $doc:literal) => {
        #[doc = $doc]
        #[doc = ""]
        #[doc = accuracy!(doc $accuracy)]
        ///
        /// # Errors
        /// If it is not defined for the dtype.
        pub fn $name(&self) -> Result<Tensor> {
            self.unary(UnaryOp::$variant)
        }
    };
    ($class:ident $variant:ident $name:ident $accuracy:tt $doc:literal) => {
        #[doc = $doc]
        #[doc = ""]
        #[doc = accuracy!(doc $accuracy)]
        pub fn $name(&self) -> Tensor {
            self.apply(UnaryOp::$variant)
        }
    };
}

macro_rules! unary_methods {
    ($($variant:ident $name:ident $class:ident $domain:tt $accuracy:tt $doc:literal
        float($($float:tt)*) int($($int:tt)*);)*) => {
        impl Tensor {
            $(unary_method!($class $variant $name $accuracy $doc);)*
        }
    };
}
unary_table!(unary_methods);

/// The method of a row, which takes a number where the row has a parameter.
macro_rules! binary_method {
    ($variant:ident $name:ident $accuracy:tt $doc:literal) => {
        #[doc = $doc]
        #[doc = ""]
        #[doc = accuracy!(doc $accuracy)]
        ///
        /// # Errors
        /// As [`binary`](Self::binary).
        pub fn $name(&self, rhs: impl Operand) -> Result<Tensor> {
            self.binary(BinaryOp::$variant, rhs)
        }
    };
    ($variant:ident $name:ident $accuracy:tt $doc:literal $parameter:ident = $default:tt) => {
        #[doc = $doc]
        #[doc = ""]
        #[doc = concat!("PyTorch's default is `", stringify!($parameter), " = ", stringify!($default), "`.")]
        /// [`binary`](Self::binary) takes a tensor in its place.
        #[doc = ""]
        #[doc = accuracy!(doc $accuracy)]
        pub fn $name(&self, $parameter: f64) -> Tensor {
            self.with_parameter(BinaryOp::$variant, $parameter)
        }
    };
}

macro_rules! binary_methods {
    ($($variant:ident $name:ident $(($($parameter:tt)*))? $class:ident $da:tt $db:tt $accuracy:tt $doc:literal
        float($($float:tt)*) int($($int:tt)*);)*) => {
        impl Tensor {
            $(binary_method!($variant $name $accuracy $doc $($($parameter)*)?);)*
        }
    };
}
binary_table!(binary_methods);
