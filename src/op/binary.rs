//! Elementwise ops of two inputs: one row each.

use super::{Accuracy, Class, accuracy};

/// Calls a macro with the rows of all binary ops:
///
/// `Variant name Class (domain of a) (domain of b) accuracy "doc" float(|a, b| ..) int(|a, b| ..) grad(saves, |s, g| da)(saves, |s, g| db);`
///
/// The columns are those of [`unary_table`](super::unary); ops of class `Compare` give a `bool`.
macro_rules! binary_table {
    ($consume:ident) => { $consume! {
        Add add NumberOrBool (-3.0, 3.0) (-3.0, 3.0) exact "`a + b`; of two bools `a or b`, as in PyTorch."
            float(|a, b| a + b) int(|a, b| a.add(b)) grad(NONE, |s, g| g.clone())(NONE, |s, g| g.clone());
        Sub sub NumberOnly (-3.0, 3.0) (-3.0, 3.0) exact "`a - b`. Of two bools it is an error that names `logical_xor`, as in PyTorch."
            float(|a, b| a - b) int(|a, b| a.sub(b)) grad(NONE, |s, g| g.clone())(NONE, |s, g| -g);
        Mul mul NumberOrBool (-3.0, 3.0) (-3.0, 3.0) exact "`a * b`; of two bools `a and b`, as in PyTorch."
            float(|a, b| a * b) int(|a, b| a.mul(b)) grad(B, |s, g| g * s.b())(A, |s, g| g * s.a());
        Div div Float (-3.0, 3.0) (0.3, 3.0) exact "True division `a / b`; integers are promoted to floats, as in NumPy and PyTorch."
            float(|a, b| a / b) int() grad(B, |s, g| g / s.b())(B | Y, |s, g| -(&(g * s.y()) / s.b()));
        Pow pow Number (0.2, 3.0) (-2.0, 2.0) [4, 4] "`a` to the power of `b`. Integers to a negative power give 0, except 1 and -1."
            float(|a, b| Real::pow(a, b)) int(|a, b| a.pow(b))
            grad(A | B, |s, g| g * &crate::autograd::rules::pow_base(s.a(), s.b()))
                (A | B | Y, |s, g| g * &crate::autograd::rules::pow_exponent(s.a(), s.b(), s.y()));
        FloorDiv floor_divide Number (-3.0, 3.0) (0.3, 3.0) exact "`floor(a / b)`, rounded once, as in Python: `1.0 // 0.1` is 9. By 0 it is `a / b`; integers give 0 there."
            float(|a, b| Real::floor_divide(a, b)) int(|a, b| a.floor_div(b)) grad(zero)(zero);
        Rem remainder Number (-3.0, 3.0) (0.3, 3.0) exact "`a - b * floor(a / b)`, with the sign of `b` as in Python and NumPy, zeros too. By 0: NaN, of an integer 0."
            float(|a, b| Real::remainder(a, b)) int(|a, b| a.remainder(b))
            grad(NONE, |s, g| g.clone())(A | B, |s, g| -(g * &crate::autograd::rules::quotient(s.a(), s.b())));
        Max maximum NumberOrBool (-3.0, 3.0) (-3.0, 3.0) exact "The larger of two values, NaN if one is. At a tie the gradient is shared; both get the whole of it if one is NaN, as in PyTorch."
            float(|a, b| Real::max(a, b)) int(|a, b| a.max(b))
            grad(A | B, |s, g| crate::autograd::rules::larger(g, s.a(), s.b()))
                (A | B, |s, g| crate::autograd::rules::larger(g, s.b(), s.a()));
        Min minimum NumberOrBool (-3.0, 3.0) (-3.0, 3.0) exact "The smaller of two values, NaN if one is. At a tie the gradient is shared; both get the whole of it if one is NaN, as in PyTorch."
            float(|a, b| Real::min(a, b)) int(|a, b| a.min(b))
            grad(A | B, |s, g| crate::autograd::rules::smaller(g, s.a(), s.b()))
                (A | B, |s, g| crate::autograd::rules::smaller(g, s.b(), s.a()));
        Atan2 atan2 Float (-3.0, 3.0) (0.3, 3.0) [3, 4] "The angle of the point (x = b, y = a) in radians, in (-pi, pi]."
            float(|a, b| Real::atan2(a, b)) int()
            grad(A | B, |s, g| g * &crate::autograd::rules::angle(s.b(), s.a()))
                (A | B, |s, g| -(g * &crate::autograd::rules::angle(s.a(), s.b())));
        Eq eq Compare (-3.0, 3.0) (-3.0, 3.0) exact "`a == b`; NaN equals nothing."
            float(|a, b| a == b) int(|a, b| a == b) grad()();
        Ne ne Compare (-3.0, 3.0) (-3.0, 3.0) exact "`a != b`; NaN differs from everything, itself too."
            float(|a, b| a != b) int(|a, b| a != b) grad()();
        Lt lt Compare (-3.0, 3.0) (-3.0, 3.0) exact "`a < b`; false if one is NaN."
            float(|a, b| a < b) int(|a, b| a < b) grad()();
        Le le Compare (-3.0, 3.0) (-3.0, 3.0) exact "`a <= b`; false if one is NaN."
            float(|a, b| a <= b) int(|a, b| a <= b) grad()();
        Gt gt Compare (-3.0, 3.0) (-3.0, 3.0) exact "`a > b`; false if one is NaN."
            float(|a, b| a > b) int(|a, b| a > b) grad()();
        Ge ge Compare (-3.0, 3.0) (-3.0, 3.0) exact "`a >= b`; false if one is NaN."
            float(|a, b| a >= b) int(|a, b| a >= b) grad()();
        And logical_and Logic (0.0, 1.0) (0.0, 1.0) exact "Whether both are not 0, as a bool; NaN is not 0."
            float() int() grad()();
        Or logical_or Logic (0.0, 1.0) (0.0, 1.0) exact "Whether one is not 0, as a bool; NaN is not 0."
            float() int() grad()();
        Xor logical_xor Logic (0.0, 1.0) (0.0, 1.0) exact "Whether exactly one is not 0, as a bool; NaN is not 0."
            float() int() grad()();
        BitAnd bitwise_and Bits (0.0, 1.0) (0.0, 1.0) exact "`a & b`, bit by bit, of integers or bools. Floats are an error."
            float() int(|a, b| a.and(b)) grad()();
        BitOr bitwise_or Bits (0.0, 1.0) (0.0, 1.0) exact "`a | b`, bit by bit, of integers or bools. Floats are an error."
            float() int(|a, b| a.or(b)) grad()();
        BitXor bitwise_xor Bits (0.0, 1.0) (0.0, 1.0) exact "`a ^ b`, bit by bit, of integers or bools. Floats are an error."
            float() int(|a, b| a.xor(b)) grad()();
    }};
}
pub(crate) use binary_table;

/// What the registry knows of a binary op.
#[derive(Clone, Copy, Debug)]
pub struct BinaryInfo {
    /// The op.
    pub op: BinaryOp,
    /// The name of its method and of its kernel function.
    pub name: &'static str,
    /// The dtypes in which it computes.
    pub class: Class,
    /// Where tests draw inputs from: inside, the function and its gradients are finite.
    pub domains: [(f64, f64); 2],
    /// How near its results are to the correctly rounded ones.
    pub accuracy: Accuracy,
    /// Whether integers are computed as integers.
    pub integers: bool,
    /// Whether there are gradient rules.
    pub differentiable: bool,
}

macro_rules! define {
    ($($variant:ident $name:ident $class:ident ($alo:expr, $ahi:expr) ($blo:expr, $bhi:expr) $accuracy:tt $doc:literal
        float($($float:tt)*) int($($int:tt)*) grad($($da:tt)*)($($db:tt)*);)*) => {
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
                        class: Class::$class,
                        domains: [($alo, $ahi), ($blo, $bhi)],
                        accuracy: accuracy!($accuracy),
                        integers: !stringify!($($int)*).is_empty(),
                        differentiable: !stringify!($($da)*).is_empty(),
                    },)*
                }
            }
        }
    };
}
binary_table!(define);
