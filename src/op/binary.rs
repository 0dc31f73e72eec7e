//! Elementwise ops of two inputs: one row each.

use super::{Accuracy, Class, accuracy};

/// Calls a macro with the rows of all binary ops:
///
/// `Variant name Class (domain of a) (domain of b) accuracy "doc" float(|a, b| ..) int(|a, b| ..);`
///
/// The columns are those of [`unary_table`](super::unary); ops of class `Compare` give a `bool`. Behind the name may stand
/// a [`Parameter`], as in `elu(alpha = 1.0)`: then methods take the second input as a number of that name. It is an operand
/// of the kernel like any other, so that no kernel is compiled for a value, and may be a tensor with a gradient.
#[doc(hidden)]
#[macro_export]
macro_rules! binary_table {
    ($consume:ident) => { $consume! {
        Add add NumberOrBool (-3.0, 3.0) (-3.0, 3.0) exact "`a + b`; of two bools `a or b`, as in PyTorch."
            float(|a, b| a + b) int(|a, b| a.add(b));
        Sub sub NumberOnly (-3.0, 3.0) (-3.0, 3.0) exact "`a - b`. Of two bools it is an error that names `logical_xor`, as in PyTorch."
            float(|a, b| a - b) int(|a, b| a.sub(b));
        Mul mul NumberOrBool (-3.0, 3.0) (-3.0, 3.0) exact "`a * b`; of two bools `a and b`, as in PyTorch."
            float(|a, b| a * b) int(|a, b| a.mul(b));
        Div div Float (-3.0, 3.0) (0.3, 3.0) exact "True division `a / b`; integers are promoted to floats, as in NumPy and PyTorch."
            float(|a, b| a / b) int();
        Pow pow Number (0.2, 3.0) (-2.0, 2.0) [4, 4] "`a` to the power of `b`. Integers to a negative power give 0, except 1 and -1."
            float(|a, b| Real::pow(a, b)) int(|a, b| a.pow(b));
        FloorDiv floor_divide Number (-3.0, 3.0) (0.3, 3.0) exact "`floor(a / b)`, rounded once, as in Python: `1.0 // 0.1` is 9. By 0 it is `a / b`; integers give 0 there."
            float(|a, b| Real::floor_divide(a, b)) int(|a, b| a.floor_div(b));
        Rem remainder Number (-3.0, 3.0) (0.3, 3.0) exact "`a - b * floor(a / b)`, with the sign of `b` as in Python and NumPy, zeros too. By 0: NaN, of an integer 0."
            float(|a, b| Real::remainder(a, b)) int(|a, b| a.remainder(b));
        Max maximum NumberOrBool (-3.0, 3.0) (-3.0, 3.0) exact "The larger of two values, NaN if one is. At a tie the gradient is shared; both get the whole of it if one is NaN, as in PyTorch."
            float(|a, b| Real::max(a, b)) int(|a, b| a.max(b));
        Min minimum NumberOrBool (-3.0, 3.0) (-3.0, 3.0) exact "The smaller of two values, NaN if one is. At a tie the gradient is shared; both get the whole of it if one is NaN, as in PyTorch."
            float(|a, b| Real::min(a, b)) int(|a, b| a.min(b));
        Atan2 atan2 Float (-3.0, 3.0) (0.3, 3.0) [3, 4] "The angle of the point (x = b, y = a) in radians, in (-pi, pi]."
            float(|a, b| Real::atan2(a, b)) int();
        Eq eq Compare (-3.0, 3.0) (-3.0, 3.0) exact "`a == b`; NaN equals nothing."
            float(|a, b| a == b) int(|a, b| a == b);
        Ne ne Compare (-3.0, 3.0) (-3.0, 3.0) exact "`a != b`; NaN differs from everything, itself too."
            float(|a, b| a != b) int(|a, b| a != b);
        Lt lt Compare (-3.0, 3.0) (-3.0, 3.0) exact "`a < b`; false if one is NaN."
            float(|a, b| a < b) int(|a, b| a < b);
        Le le Compare (-3.0, 3.0) (-3.0, 3.0) exact "`a <= b`; false if one is NaN."
            float(|a, b| a <= b) int(|a, b| a <= b);
        Gt gt Compare (-3.0, 3.0) (-3.0, 3.0) exact "`a > b`; false if one is NaN."
            float(|a, b| a > b) int(|a, b| a > b);
        Ge ge Compare (-3.0, 3.0) (-3.0, 3.0) exact "`a >= b`; false if one is NaN."
            float(|a, b| a >= b) int(|a, b| a >= b);
        And logical_and Logic (0.0, 1.0) (0.0, 1.0) exact "Whether both are not 0, as a bool; NaN is not 0."
            float() int();
        Or logical_or Logic (0.0, 1.0) (0.0, 1.0) exact "Whether one is not 0, as a bool; NaN is not 0."
            float() int();
        Xor logical_xor Logic (0.0, 1.0) (0.0, 1.0) exact "Whether exactly one is not 0, as a bool; NaN is not 0."
            float() int();
        BitAnd bitwise_and Bits (0.0, 1.0) (0.0, 1.0) exact "`a & b`, bit by bit, of integers or bools. Floats are an error."
            float() int(|a, b| a.and(b));
        BitOr bitwise_or Bits (0.0, 1.0) (0.0, 1.0) exact "`a | b`, bit by bit, of integers or bools. Floats are an error."
            float() int(|a, b| a.or(b));
        BitXor bitwise_xor Bits (0.0, 1.0) (0.0, 1.0) exact "`a ^ b`, bit by bit, of integers or bools. Floats are an error."
            float() int(|a, b| a.xor(b));
        LeakyRelu leaky_relu(negative_slope = 0.01) Float (-3.0, 3.0) (-0.5, 1.5) exact "`x` above 0, `negative_slope * x` elsewhere."
            float(|x, slope| Real::leaky_relu(x, slope)) int();
        Elu elu(alpha = 1.0) Float (-3.0, 3.0) (-0.5, 2.0) [3, 4] "`x` from 0 up, `alpha * (exp(x) - 1)` below, after [Clevert et al.](https://arxiv.org/abs/1511.07289)."
            float(|x, alpha| Real::elu(x, alpha)) int();
        Celu celu(alpha = 1.0) Float (-3.0, 3.0) (0.3, 2.0) [3, 4] "`x` from 0 up, `alpha * (exp(x / alpha) - 1)` below, after [Barron](https://arxiv.org/abs/1704.07483). An `alpha` of 0 makes it a relu; below 0 the curve grows as the exponential does, and the bounds of its errors do not hold."
            float(|x, alpha| Real::celu(x, alpha)) int();
    }};
}
pub(crate) use binary_table;

/// The second input of an op as methods take it: a number with a name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parameter {
    /// Its name in PyTorch and in Python.
    pub name: &'static str,
    /// What it is there unless one says otherwise.
    pub default: f64,
}

/// What the registry knows of a binary op.
#[derive(Clone, Copy, Debug)]
pub struct BinaryInfo {
    /// The op.
    pub op: BinaryOp,
    /// The name of its method and of its kernel function.
    pub name: &'static str,
    /// What it computes, as Markdown.
    pub doc: &'static str,
    /// What the second input is, if methods take it as a number.
    pub parameter: Option<Parameter>,
    /// The dtypes in which it computes.
    pub class: Class,
    /// Where tests draw inputs from: inside, the function and its gradients are finite.
    pub domains: [(f64, f64); 2],
    /// How near its results are to the correctly rounded ones.
    pub accuracy: Accuracy,
    /// Whether integers are computed as integers.
    pub integers: bool,
}

macro_rules! parameter {
    () => {
        None
    };
    ($name:ident = $default:tt) => {
        Some(Parameter { name: stringify!($name), default: $default })
    };
}

macro_rules! define {
    ($($variant:ident $name:ident $(($($parameter:tt)*))? $class:ident ($alo:expr, $ahi:expr) ($blo:expr, $bhi:expr)
        $accuracy:tt $doc:literal float($($float:tt)*) int($($int:tt)*);)*) => {
        /// An elementwise op of two inputs.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum BinaryOp {
            $(
                #[doc = $doc]
                #[doc = ""]
                #[doc = accuracy!(doc $accuracy)]
                $variant,
            )*
        }

        impl BinaryOp {
            /// Every binary op.
            pub const ALL: &[BinaryOp] = &[$(BinaryOp::$variant),*];

            /// The op's row.
            pub const fn info(self) -> BinaryInfo {
                match self {
                    $(BinaryOp::$variant => BinaryInfo {
                        op: self,
                        name: stringify!($name),
                        doc: $doc,
                        parameter: parameter!($($($parameter)*)?),
                        class: Class::$class,
                        domains: [($alo, $ahi), ($blo, $bhi)],
                        accuracy: accuracy!($accuracy),
                        integers: !stringify!($($int)*).is_empty(),
                    },)*
                }
            }
        }
    };
}
binary_table!(define);
