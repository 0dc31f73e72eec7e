//! The registry: every primitive op.
//!
//! An elementwise op is one row of a table: enum, CPU loop, methods with their docs in Rust and Python, `docs/ops.md`,
//! parity test, accuracy sweep and gradient check all derive from the row, and its WGSL function is found by name. Its
//! gradient is a rule in `autograd/rules.rs`, as nothing here knows of tensors. A structured op has one kernel per
//! executor.

pub(crate) mod binary;
mod index;
pub(crate) mod numeric;
pub(crate) mod structured;
pub(crate) mod unary;

pub use binary::{BinaryInfo, BinaryOp, Parameter};
pub(crate) use index::{Check, ClassIds, IndexOp};
pub(crate) use structured::{Axis, Combine, Iteration, Role, StructuredOp};
pub use unary::{UnaryInfo, UnaryOp};

use crate::{DType, Error, Result, Scalar, Shape, layout::View};

/// Which dtypes an elementwise op computes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Floats; other dtypes are promoted to `F32` first.
    Float,
    /// Every number; `Bool` is promoted to `I64`.
    Number,
    /// Every number, and `Bool` as it is.
    NumberOrBool,
    /// Every number; `Bool` is an error.
    NumberOnly,
    /// Every number and `Bool`; the result is `Bool`.
    Compare,
    /// Everything by its truth: converted to `Bool` first, and the result is `Bool`.
    Logic,
    /// `Bool`, or the bits of integers; floats are an error.
    Bits,
}

impl Class {
    /// Whether results can be floats, so that there is a gradient. It may be 0 everywhere.
    pub const fn is_differentiable(self) -> bool {
        !matches!(self, Class::Compare | Class::Logic | Class::Bits)
    }
}

/// How near the results of an elementwise op are to the correctly rounded ones, over the whole range of the dtype and on
/// every device.
///
/// A bound counts floats: 0 is the correctly rounded result, the float nearest to the exact value of the function at the
/// given input; 1 is that or one of its two neighbours, and so on. Zeros have the right sign, overflows are infinite, and
/// NaN comes out where the function has no value. Halves (`F16`, `BF16`) are computed in `F32` and rounded once more.
///
/// # Subnormal numbers
/// The CPU computes with them. A GPU may read a subnormal input as a zero of its sign, and give a zero of its sign for a
/// subnormal result; WGSL allows both, per operation.
///
/// # Other drivers
/// The bounds are tested with Mesa's software driver. WGSL lets a driver round divisions to 2.5 units in the last place
/// (ulp) and form square roots from inverse ones; on such a driver the bounds are wider by as much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accuracy {
    /// The bound for results of `F32`.
    pub f32: u32,
    /// The bound for results of `F64`.
    pub f64: u32,
}

/// The accuracy column of a row, as a value or as a line of documentation.
macro_rules! accuracy {
    (exact) => {
        Accuracy { f32: 0, f64: 0 }
    };
    ([$single:literal, $double:literal]) => {
        Accuracy { f32: $single, f64: $double }
    };
    (doc exact) => {
        "[Accuracy](crate::op::Accuracy): exact, which is to say correctly rounded."
    };
    (doc [$single:literal, $double:literal]) => {
        concat!(
            "[Accuracy](crate::op::Accuracy): within ",
            $single,
            " ulp in `F32` and ",
            $double,
            " ulp in `F64` of the correctly rounded result."
        )
    };
}
pub(crate) use accuracy;

/// How a reduction combines elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReduceOp {
    /// The sum; of nothing 0.
    Sum,
    /// The product; of nothing 1.
    Prod,
    /// The largest element, NaN if there is one.
    Max,
    /// The smallest element, NaN if there is one.
    Min,
}

impl ReduceOp {
    /// The name under which errors and kernels speak of it.
    pub const fn name(self) -> &'static str {
        match self {
            ReduceOp::Sum => "sum",
            ReduceOp::Prod => "prod",
            ReduceOp::Max => "max",
            ReduceOp::Min => "min",
        }
    }
}

/// What a node of the lazy graph computes. The result is always contiguous.
///
/// `Const`, `Index` and `Random` have no input; elementwise inputs have the shape of the result.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Op {
    /// One value everywhere. Never pending: readers take the value as an operand.
    Const(Scalar),
    /// `offset + sum(coordinate * stride)`, as `I32` or `I64`: coordinates without memory.
    Index(Box<View>),
    /// Word `word` of Philox4x32-10 at counter = input (`U32`), key = seed: 32 random bits as `U32`.
    Random {
        seed: u64,
        word: u8,
    },
    Unary(UnaryOp),
    Binary(BinaryOp),
    /// Inputs: condition (`Bool`), then, else.
    Where,
    /// Conversion to the node's dtype.
    Cast,
    /// The input as it is; makes a view contiguous.
    Copy,
    /// Reduces the axes of the mask; they stay with size 1.
    Reduce {
        op: ReduceOp,
        axes: u8,
    },
    /// An op with a kernel of its own.
    Structured(StructuredOp),
    /// The input inside of a padding of zeros; `before[axis]` zeros come first.
    Pad {
        before: Box<Shape>,
    },
    /// `out[.., i, ..] = src[.., index[.., i, ..], ..]`; inputs: src, index (shape of the result). What is out of range is
    /// an error; without a check it gives 0.
    Gather {
        axis: u8,
        check: Option<Check>,
    },
    /// The class that an integer names, as `I32` or `I64`; [`ClassIds`] says what stands for none.
    ClassId(Box<ClassIds>),
}

impl Op {
    /// Whether it reports an index that is out of range.
    pub fn is_checked(&self) -> bool {
        match self {
            Op::Gather { check, .. } => check.is_some(),
            Op::Structured(op) => op.is_checked(),
            Op::ClassId(_) => true,
            _ => false,
        }
    }

    pub fn name(&self) -> &'static str {
        match self {
            Op::Const(_) => "full",
            Op::Index(_) => "arange",
            Op::Random { .. } => "random",
            Op::Unary(op) => op.info().name,
            Op::Binary(op) => op.info().name,
            Op::Where => "where",
            Op::Cast => "to_dtype",
            Op::Copy => "contiguous",
            Op::Reduce { op, .. } => op.name(),
            Op::Structured(op) => op.name(),
            Op::Pad { .. } => "pad",
            Op::Gather { .. } => "gather",
            Op::ClassId(_) => "class_id",
        }
    }
}

/// The dtype that an op of this class computes in, given its promoted input dtype.
pub(crate) fn compute_dtype(class: Class, dtype: DType) -> DType {
    match class {
        Class::Float => dtype.to_float(),
        Class::Number if dtype == DType::Bool => DType::I64,
        Class::Logic => DType::Bool,
        _ => dtype,
    }
}

/// Whether ops of this class are defined for this promoted input dtype.
pub(crate) fn check_dtype(op: &'static str, class: Class, dtype: DType) -> Result<()> {
    let reason = match class {
        Class::NumberOnly if dtype == DType::Bool => {
            "not defined for bools; use `logical_xor` of two, `logical_not` of one, or convert to a number"
        }
        Class::Bits if dtype.is_float() => "floats have no bitwise ops; `logical_and` and its like take truth values",
        _ => return Ok(()),
    };
    Err(Error::dtype(op, dtype, reason))
}
