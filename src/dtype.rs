//! Element types, the scalars that tensors hold, and how types combine.

use std::fmt;

use half::{bf16, f16};

use crate::{Error, Result};

/// The type of a tensor's elements.
///
/// These are the real dtypes of the [Array API standard](https://data-apis.org/array-api/latest/) plus the two
/// half-precision floats. `Bool` takes one byte, 0 or 1, as in NumPy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum DType {
    Bool,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    F16,
    BF16,
    F32,
    F64,
}

use DType::*;

/// What kind of number a dtype holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    Bool,
    Unsigned,
    Signed,
    Float,
}

/// The type in which kernels hold a value between load and store: narrow types are widened to 32 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Compute {
    Bool,
    I32,
    U32,
    I64,
    U64,
    F32,
    F64,
}

impl DType {
    /// Every dtype, in the order of their declaration.
    pub const ALL: [DType; 13] = [Bool, I8, I16, I32, I64, U8, U16, U32, U64, F16, BF16, F32, F64];

    /// The bytes that one element takes in memory.
    pub const fn size(self) -> usize {
        match self {
            Bool | I8 | U8 => 1,
            I16 | U16 | F16 | BF16 => 2,
            I32 | U32 | F32 => 4,
            I64 | U64 | F64 => 8,
        }
    }

    /// The name that NumPy and PyTorch print: `float32`, `int64`, `bool` ...
    pub const fn name(self) -> &'static str {
        match self {
            Bool => "bool",
            I8 => "int8",
            I16 => "int16",
            I32 => "int32",
            I64 => "int64",
            U8 => "uint8",
            U16 => "uint16",
            U32 => "uint32",
            U64 => "uint64",
            F16 => "float16",
            BF16 => "bfloat16",
            F32 => "float32",
            F64 => "float64",
        }
    }

    /// Whether this is one of the four floating-point types.
    pub const fn is_float(self) -> bool {
        matches!(self, F16 | BF16 | F32 | F64)
    }

    /// Whether this is an integer type, signed or not (`Bool` is not).
    pub const fn is_int(self) -> bool {
        matches!(self, I8 | I16 | I32 | I64 | U8 | U16 | U32 | U64)
    }

    /// Whether negative values exist in this type.
    pub const fn is_signed(self) -> bool {
        matches!(self, I8 | I16 | I32 | I64) || self.is_float()
    }

    /// Whether elements take fewer than four bytes, so that kernels must pack them.
    pub(crate) const fn is_narrow(self) -> bool {
        self.size() < 4
    }

    pub(crate) const fn kind(self) -> Kind {
        match self {
            Bool => Kind::Bool,
            U8 | U16 | U32 | U64 => Kind::Unsigned,
            I8 | I16 | I32 | I64 => Kind::Signed,
            F16 | BF16 | F32 | F64 => Kind::Float,
        }
    }

    pub(crate) const fn compute(self) -> Compute {
        match self {
            Bool => Compute::Bool,
            I8 | I16 | I32 => Compute::I32,
            U8 | U16 | U32 => Compute::U32,
            I64 => Compute::I64,
            U64 => Compute::U64,
            F16 | BF16 | F32 => Compute::F32,
            F64 => Compute::F64,
        }
    }

    /// The dtype of a result that combines two dtypes, by the Array API standard's promotion table, extended where
    /// the standard leaves a gap as NumPy and PyTorch do: a float wins over any integer, `float16` with `bfloat16`
    /// gives `float32`, `uint64` with a signed integer gives `float64` as in NumPy.
    ///
    /// ```
    /// use kiln::DType;
    /// assert_eq!(DType::promote(DType::U8, DType::I8), DType::I16);
    /// assert_eq!(DType::promote(DType::I64, DType::F16), DType::F16);
    /// ```
    pub fn promote(a: DType, b: DType) -> DType {
        if a == b {
            return a;
        }
        let (low, high) = if a.kind() <= b.kind() { (a, b) } else { (b, a) };
        match (low.kind(), high.kind()) {
            (Kind::Float, _) if low.size() == high.size() => F32,
            (Kind::Unsigned, Kind::Signed) if low.size() < high.size() => high,
            (Kind::Unsigned, Kind::Signed) => match low.size() {
                1 => I16,
                2 => I32,
                4 => I64,
                _ => F64,
            },
            (l, h) if l == h => {
                if low.size() > high.size() {
                    low
                } else {
                    high
                }
            }
            _ => high,
        }
    }

    /// The dtype of this dtype beside a number, or a tensor of rank 0, of another: only a higher kind changes it.
    pub(crate) fn absorb(self, other: DType) -> DType {
        let order = |dtype: DType| match dtype.kind() {
            Kind::Bool => 0,
            Kind::Unsigned | Kind::Signed => 1,
            Kind::Float => 2,
        };
        if order(other) <= order(self) { self } else { other }
    }

    /// The smallest and the largest integer of an integer type.
    pub(crate) const fn range(self) -> Option<(i128, i128)> {
        let bits = 8 * self.size() as u32;
        match self.kind() {
            Kind::Unsigned => Some((0, (1 << bits) - 1)),
            Kind::Signed => Some((-(1 << (bits - 1)), (1 << (bits - 1)) - 1)),
            Kind::Bool | Kind::Float => None,
        }
    }

    /// The dtype in which true division and the float functions (`exp`, `mean` ...) compute: floats keep theirs,
    /// everything else becomes `F32`, PyTorch's default.
    pub const fn to_float(self) -> DType {
        if self.is_float() { self } else { F32 }
    }

    /// The dtype in which a result that takes several steps is computed: halves in `F32`, others in their own.
    pub(crate) const fn wide(self) -> DType {
        match self {
            F16 | BF16 => F32,
            dtype => dtype,
        }
    }

    /// Whether this integer dtype has the number.
    pub(crate) fn holds(self, value: i64) -> bool {
        match Scalar::Int(value).cast(self) {
            Scalar::Int(held) => held == value,
            Scalar::UInt(held) => u64::try_from(value) == Ok(held),
            Scalar::Bool(_) | Scalar::Float(_) => false,
        }
    }

    /// The dtype of sums and products: integers and bools become `I64` (unsigned ones `U64`), as in NumPy.
    pub(crate) const fn accumulate(self) -> DType {
        match self.kind() {
            Kind::Float => self,
            Kind::Unsigned => U64,
            Kind::Bool | Kind::Signed => I64,
        }
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One number of any dtype, as it is passed to `full`, `clamp`, or the right-hand side of an operator.
///
/// A scalar takes the dtype of the tensor it meets, unless it is of a higher kind: see [`Operand`](crate::Operand).
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Scalar {
    Bool(bool),
    Int(i64),
    UInt(u64),
    Float(f64),
}

impl Scalar {
    /// The value as `f64`.
    pub fn to_f64(self) -> f64 {
        match self {
            Scalar::Bool(v) => v as u8 as f64,
            Scalar::Int(v) => v as f64,
            Scalar::UInt(v) => v as f64,
            Scalar::Float(v) => v,
        }
    }

    /// The value as `i64`; floats are truncated and saturate.
    pub fn to_i64(self) -> i64 {
        match self {
            Scalar::Bool(v) => v as i64,
            Scalar::Int(v) => v,
            Scalar::UInt(v) => v as i64,
            Scalar::Float(v) => v as i64,
        }
    }

    /// The value as `u64`; negative integers wrap as in a cast, floats are truncated and saturate.
    pub fn to_u64(self) -> u64 {
        match self {
            Scalar::Bool(v) => v as u64,
            Scalar::Int(v) => v as u64,
            Scalar::UInt(v) => v,
            Scalar::Float(v) => v as u64,
        }
    }

    /// Whether the value is not zero.
    pub fn to_bool(self) -> bool {
        match self {
            Scalar::Bool(v) => v,
            Scalar::Int(v) => v != 0,
            Scalar::UInt(v) => v != 0,
            Scalar::Float(v) => v != 0.0,
        }
    }

    /// The value as the given dtype holds it: rounded to its precision, wrapped to its width.
    pub(crate) fn cast(self, dtype: DType) -> Scalar {
        match dtype {
            Bool => Scalar::Bool(self.to_bool()),
            I8 => Scalar::Int(self.to_i64() as i8 as i64),
            I16 => Scalar::Int(self.to_i64() as i16 as i64),
            I32 => Scalar::Int(self.to_i64() as i32 as i64),
            I64 => Scalar::Int(self.to_i64()),
            U8 => Scalar::UInt(self.to_u64() as u8 as u64),
            U16 => Scalar::UInt(self.to_u64() as u16 as u64),
            U32 => Scalar::UInt(self.to_u64() as u32 as u64),
            U64 => Scalar::UInt(self.to_u64()),
            F16 => Scalar::Float(f16::from_f32(self.to_f64() as f32).to_f64()),
            BF16 => Scalar::Float(bf16::from_f32(self.to_f64() as f32).to_f64()),
            F32 => Scalar::Float(self.to_f64() as f32 as f64),
            F64 => Scalar::Float(self.to_f64()),
        }
    }

    /// The integer part; of floats without one 0, of those past the range of 128 bits the nearest that there is.
    pub(crate) fn to_i128(self) -> i128 {
        match self {
            Scalar::Bool(v) => v.into(),
            Scalar::Int(v) => v.into(),
            Scalar::UInt(v) => v.into(),
            Scalar::Float(v) => v as i128,
        }
    }

    /// An integer that has 64 bits, signed or not.
    pub(crate) fn whole(value: i128) -> Scalar {
        match i64::try_from(value) {
            Ok(value) => Scalar::Int(value),
            Err(_) => Scalar::UInt(value as u64),
        }
    }

    /// The dtype that a number has by itself, PyTorch's defaults.
    pub(crate) fn default_dtype(self) -> DType {
        match self {
            Scalar::Bool(_) => Bool,
            Scalar::Int(_) | Scalar::UInt(_) => I64,
            Scalar::Float(_) => F32,
        }
    }

    /// Checks that the dtype holds the number, if not each of its digits: a fraction is cut off by integers.
    ///
    /// # Errors
    /// If it is an integer past the range of an integer type, NaN or infinite for one, or finite and past the largest
    /// finite number of a float type.
    pub(crate) fn check(self, op: &'static str, dtype: DType) -> Result<()> {
        let out = |range: String| Err(Error::dtype(op, dtype, format!("{self} is out of its range, {range}")));
        match dtype.range() {
            Some((low, high)) => {
                let finite = !matches!(self, Scalar::Float(v) if !v.is_finite());
                let inside = finite && (low..=high).contains(&self.to_i128());
                if inside { Ok(()) } else { out(format!("{low} to {high}")) }
            }
            None => {
                let value = self.to_f64();
                let lost = value.is_finite() && dtype.is_float() && self.cast(dtype).to_f64().is_infinite();
                if lost { out("which a float leaves for infinity".into()) } else { Ok(()) }
            }
        }
    }

    pub(crate) fn kind(self) -> Kind {
        match self {
            Scalar::Bool(_) => Kind::Bool,
            Scalar::Int(_) => Kind::Signed,
            Scalar::UInt(_) => Kind::Unsigned,
            Scalar::Float(_) => Kind::Float,
        }
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scalar::Bool(v) => fmt::Display::fmt(v, f),
            Scalar::Int(v) => fmt::Display::fmt(v, f),
            Scalar::UInt(v) => fmt::Display::fmt(v, f),
            Scalar::Float(v) => fmt::Debug::fmt(v, f),
        }
    }
}

impl From<isize> for Scalar {
    fn from(value: isize) -> Self {
        Scalar::Int(value as i64)
    }
}

impl From<usize> for Scalar {
    fn from(value: usize) -> Self {
        Scalar::UInt(value as u64)
    }
}

mod sealed {
    pub trait Sealed {}
}

/// A Rust type that a tensor can hold.
///
/// Implemented for `bool`, the fixed-width integers, [`half::f16`], [`half::bf16`], `f32` and `f64`.
pub trait Element:
    Copy + Send + Sync + Default + PartialEq + fmt::Debug + sealed::Sealed + bytemuck::NoUninit + 'static
{
    /// The dtype of tensors that hold this type.
    const DTYPE: DType;
    /// The value as a [`Scalar`].
    fn to_scalar(self) -> Scalar;
    /// The value from a [`Scalar`], cast as `as` does.
    fn from_scalar(scalar: Scalar) -> Self;
}

macro_rules! element {
    ($($t:ty, $dtype:ident, $variant:ident($wide:ty), |$s:ident| $from:expr;)*) => {$(
        impl sealed::Sealed for $t {}
        impl Element for $t {
            const DTYPE: DType = DType::$dtype;
            fn to_scalar(self) -> Scalar {
                Scalar::$variant(<$wide>::from(self))
            }
            fn from_scalar($s: Scalar) -> Self {
                $from
            }
        }
        impl From<$t> for Scalar {
            fn from(value: $t) -> Self {
                value.to_scalar()
            }
        }
    )*};
}

element! {
    bool, Bool, Bool(bool), |s| s.to_bool();
    i8, I8, Int(i64), |s| s.to_i64() as i8;
    i16, I16, Int(i64), |s| s.to_i64() as i16;
    i32, I32, Int(i64), |s| s.to_i64() as i32;
    i64, I64, Int(i64), |s| s.to_i64();
    u8, U8, UInt(u64), |s| s.to_u64() as u8;
    u16, U16, UInt(u64), |s| s.to_u64() as u16;
    u32, U32, UInt(u64), |s| s.to_u64() as u32;
    u64, U64, UInt(u64), |s| s.to_u64();
    f16, F16, Float(f64), |s| f16::from_f32(s.to_f64() as f32);
    bf16, BF16, Float(f64), |s| bf16::from_f32(s.to_f64() as f32);
    f32, F32, Float(f64), |s| s.to_f64() as f32;
    f64, F64, Float(f64), |s| s.to_f64();
}

/// Runs a block with `$T` bound to the Rust type of a dtype.
macro_rules! for_dtype {
    ($dtype:expr, $T:ident => $body:expr) => {{
        use $crate::DType as D;
        match $dtype {
            D::Bool => {
                type $T = bool;
                $body
            }
            D::I8 => {
                type $T = i8;
                $body
            }
            D::I16 => {
                type $T = i16;
                $body
            }
            D::I32 => {
                type $T = i32;
                $body
            }
            D::I64 => {
                type $T = i64;
                $body
            }
            D::U8 => {
                type $T = u8;
                $body
            }
            D::U16 => {
                type $T = u16;
                $body
            }
            D::U32 => {
                type $T = u32;
                $body
            }
            D::U64 => {
                type $T = u64;
                $body
            }
            D::F16 => {
                type $T = half::f16;
                $body
            }
            D::BF16 => {
                type $T = half::bf16;
                $body
            }
            D::F32 => {
                type $T = f32;
                $body
            }
            D::F64 => {
                type $T = f64;
                $body
            }
        }
    }};
}
pub(crate) use for_dtype;

/// Makes bytes that others wrote bools as Kiln stores them: nothing but 0 and 1.
pub(crate) fn normalize_bools(bytes: &mut [u8]) {
    bytes.iter_mut().for_each(|byte| *byte = (*byte != 0) as u8);
}
