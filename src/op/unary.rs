//! Elementwise ops of one input: one row each.

use super::{Accuracy, Class, accuracy};

/// Calls a macro with the rows of all unary ops:
///
/// `Variant name Class (test domain) accuracy "doc" float(|x| ..) int(|x| ..);`
///
/// The accuracy is `exact`, or the bounds `[f32, f64]` of [`Accuracy`](super::Accuracy), on every device. `float` and `int`
/// are written over [`Real`](super::numeric::Real) and [`Integer`](super::numeric::Integer); an empty `int()` means that
/// integers are promoted to floats. Exported for Kiln's Python module, whose methods come from the rows too.
#[doc(hidden)]
#[macro_export]
macro_rules! unary_table {
    ($consume:ident) => { $consume! {
        Neg neg NumberOnly (-3.0, 3.0) exact "The negative `-x`. Unsigned integers wrap. Of bools it is an error that names `logical_not`, as in PyTorch."
            float(|x| -x) int(|x| x.neg());
        Abs abs Number (-3.0, 3.0) exact "The absolute value. The smallest signed integer stays as it is. Gradient at 0: 0."
            float(|x| Real::abs(x)) int(|x| x.abs());
        Sign sign Number (-3.0, 3.0) exact "-1, 0 or 1 by the sign of x; 0 for NaN, as in PyTorch."
            float(|x| Real::sign(x)) int(|x| x.sign());
        Floor floor Number (-3.0, 3.0) exact "The largest integer that is not above x. Integers stay as they are."
            float(|x| Real::floor(x)) int(|x| x);
        Ceil ceil Number (-3.0, 3.0) exact "The smallest integer that is not below x. Integers stay as they are."
            float(|x| Real::ceil(x)) int(|x| x);
        Round round Number (-3.0, 3.0) exact "The nearest integer, ties to even as in NumPy. Integers stay as they are."
            float(|x| Real::round(x)) int(|x| x);
        Trunc trunc Number (-3.0, 3.0) exact "The integer part, towards zero. Integers stay as they are."
            float(|x| Real::trunc(x)) int(|x| x);
        Square square Number (-3.0, 3.0) exact "`x * x`."
            float(|x| x * x) int(|x| x.mul(x));
        Exp exp Float (-3.0, 3.0) [1, 1] "e to the power of x."
            float(|x| Real::exp(x)) int();
        Exp2 exp2 Float (-3.0, 3.0) [1, 1] "2 to the power of x."
            float(|x| Real::exp2(x)) int();
        Expm1 expm1 Float (-3.0, 3.0) [2, 4] "`exp(x) - 1`, with all digits for small x."
            float(|x| Real::expm1(x)) int();
        Log log Float (0.1, 4.0) [1, 1] "The natural logarithm; NaN below 0, -inf at 0."
            float(|x| Real::log(x)) int();
        Log2 log2 Float (0.1, 4.0) [2, 4] "The logarithm to base 2; NaN below 0, -inf at 0."
            float(|x| Real::log2(x)) int();
        Log1p log1p Float (-0.9, 4.0) [2, 4] "`log(1 + x)`, with all digits for small x."
            float(|x| Real::log1p(x)) int();
        Sqrt sqrt Float (0.1, 4.0) exact "The square root; NaN below 0."
            float(|x| Real::sqrt(x)) int();
        Rsqrt rsqrt Float (0.1, 4.0) [1, 1] "`1 / sqrt(x)`."
            float(|x| Real::sqrt(x).recip()) int();
        Reciprocal reciprocal Float (0.2, 4.0) exact "`1 / x`."
            float(|x| x.recip()) int();
        Sin sin Float (-6.0, 6.0) [2, 4] "The sine of x in radians; NaN at the infinities."
            float(|x| Real::sin(x)) int();
        Cos cos Float (-6.0, 6.0) [2, 4] "The cosine of x in radians; NaN at the infinities."
            float(|x| Real::cos(x)) int();
        Tan tan Float (-1.3, 1.3) [3, 4] "The tangent of x in radians; NaN at the infinities."
            float(|x| Real::tan(x)) int();
        Sinh sinh Float (-3.0, 3.0) [2, 4] "The hyperbolic sine."
            float(|x| Real::sinh(x)) int();
        Cosh cosh Float (-3.0, 3.0) [2, 4] "The hyperbolic cosine."
            float(|x| Real::cosh(x)) int();
        Tanh tanh Float (-3.0, 3.0) [2, 4] "The hyperbolic tangent."
            float(|x| Real::tanh(x)) int();
        Asin asin Float (-0.9, 0.9) [2, 4] "The inverse sine in radians; NaN outside of [-1, 1]."
            float(|x| Real::asin(x)) int();
        Acos acos Float (-0.9, 0.9) [2, 4] "The inverse cosine in radians; NaN outside of [-1, 1]."
            float(|x| Real::acos(x)) int();
        Atan atan Float (-3.0, 3.0) [3, 4] "The inverse tangent in radians."
            float(|x| Real::atan(x)) int();
        Erf erf Float (-3.0, 3.0) [3, 4] "The error function, the integral of the Gaussian bell scaled to (-1, 1)."
            float(|x| Real::erf(x)) int();
        Sigmoid sigmoid Float (-4.0, 4.0) [2, 4] "The logistic function `1 / (1 + exp(-x))`."
            float(|x| Real::sigmoid(x)) int();
        Softplus softplus Float (-4.0, 4.0) [2, 4] "`log(1 + exp(x))`, a smooth relu that does not overflow."
            float(|x| Real::softplus(x)) int();
        Relu relu Number (-3.0, 3.0) exact "`max(x, 0)`; NaN stays NaN. Gradient at 0: 0."
            float(|x| Real::relu(x)) int(|x| x.relu());
        Selu selu Float (-3.0, 3.0) [2, 4] "Scaled elu, after [Klambauer et al.](https://arxiv.org/abs/1706.02515)."
            float(|x| Real::selu(x)) int();
        Gelu gelu Float (-3.0, 3.0) [5, 4] "`x * Phi(x)` with the exact Gaussian distribution function, after [Hendrycks and Gimpel](https://arxiv.org/abs/1606.08415). NaN at minus infinity, as in PyTorch."
            float(|x| Real::gelu(x)) int();
        GeluTanh gelu_tanh Float (-3.0, 3.0) [3, 4] "Gelu by its tanh approximation, PyTorch's `approximate=\"tanh\"`. NaN at minus infinity, as there."
            float(|x| Real::gelu_tanh(x)) int();
        Silu silu Float (-4.0, 4.0) [3, 4] "`x * sigmoid(x)`, also called swish. NaN at minus infinity, as in PyTorch."
            float(|x| Real::silu(x)) int();
        Mish mish Float (-4.0, 4.0) [4, 4] "`x * tanh(softplus(x))`, after [Misra](https://arxiv.org/abs/1908.08681). NaN at minus infinity, as in PyTorch."
            float(|x| Real::mish(x)) int();
        Hardswish hardswish Float (-4.0, 4.0) [2, 2] "`x * clamp(x + 3, 0, 6) / 6`, after [Howard et al.](https://arxiv.org/abs/1905.02244). NaN at minus infinity, as in PyTorch."
            float(|x| Real::hardswish(x)) int();
        Hardsigmoid hardsigmoid Float (-4.0, 4.0) [1, 1] "`clamp(x / 6 + 1 / 2, 0, 1)`."
            float(|x| Real::hardsigmoid(x)) int();
        Not logical_not Logic (0.0, 1.0) exact "Whether x is 0, as a bool; NaN is not 0."
            float() int();
        BitNot bitwise_not Bits (0.0, 1.0) exact "The complement `!x` of every bit of integers, the logical one of bools. Floats are an error."
            float() int(|x| x.not());
    }};
}
pub(crate) use unary_table;

/// What the registry knows of a unary op.
#[derive(Clone, Copy, Debug)]
pub struct UnaryInfo {
    /// The op.
    pub op: UnaryOp,
    /// The name of its method and of its kernel function.
    pub name: &'static str,
    /// What it computes, as Markdown.
    pub doc: &'static str,
    /// The dtypes in which it computes.
    pub class: Class,
    /// Where tests draw inputs from: inside, the function and its gradient are finite.
    pub domain: (f64, f64),
    /// How near its results are to the correctly rounded ones.
    pub accuracy: Accuracy,
    /// Whether integers are computed as integers.
    pub integers: bool,
}

macro_rules! define {
    ($($variant:ident $name:ident $class:ident ($lo:expr, $hi:expr) $accuracy:tt $doc:literal
        float($($float:tt)*) int($($int:tt)*);)*) => {
        /// An elementwise op of one input.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum UnaryOp {
            $(
                #[doc = $doc]
                #[doc = ""]
                #[doc = accuracy!(doc $accuracy)]
                $variant,
            )*
        }

        impl UnaryOp {
            /// Every unary op.
            pub const ALL: &[UnaryOp] = &[$(UnaryOp::$variant),*];

            /// The op's row.
            pub const fn info(self) -> UnaryInfo {
                match self {
                    $(UnaryOp::$variant => UnaryInfo {
                        op: self,
                        name: stringify!($name),
                        doc: $doc,
                        class: Class::$class,
                        domain: ($lo, $hi),
                        accuracy: accuracy!($accuracy),
                        integers: !stringify!($($int)*).is_empty(),
                    },)*
                }
            }
        }
    };
}
unary_table!(define);
