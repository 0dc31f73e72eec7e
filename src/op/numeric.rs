//! The arithmetic that rows of the registry are written in, for floats and for integers.
//!
//! These are the numerics rules of both executors: the functions in `shaders/` follow them.

/// Floating-point types in which kernels compute.
///
/// The methods of `f32` are branch-free polynomials where that lets a loop over them become SIMD code.
pub(crate) trait Real:
    Copy
    + PartialOrd
    + std::ops::Add<Output = Self>
    + std::ops::Sub<Output = Self>
    + std::ops::Mul<Output = Self>
    + std::ops::Div<Output = Self>
    + std::ops::Neg<Output = Self>
{
    fn abs(self) -> Self;
    fn sign(self) -> Self;
    fn floor(self) -> Self;
    fn ceil(self) -> Self;
    /// Ties to even.
    fn round(self) -> Self;
    fn trunc(self) -> Self;
    fn exp(self) -> Self;
    fn exp2(self) -> Self;
    fn expm1(self) -> Self;
    fn log(self) -> Self;
    fn log2(self) -> Self;
    fn log1p(self) -> Self;
    fn sqrt(self) -> Self;
    fn sin(self) -> Self;
    fn cos(self) -> Self;
    fn tan(self) -> Self;
    fn sinh(self) -> Self;
    fn cosh(self) -> Self;
    fn tanh(self) -> Self;
    fn asin(self) -> Self;
    fn acos(self) -> Self;
    fn atan(self) -> Self;
    fn erf(self) -> Self;
    fn sigmoid(self) -> Self;
    fn softplus(self) -> Self;
    fn relu(self) -> Self;
    fn selu(self) -> Self;
    fn gelu(self) -> Self;
    fn gelu_tanh(self) -> Self;
    fn hardsigmoid(self) -> Self;
    fn pow(self, b: Self) -> Self;
    fn remainder(self, b: Self) -> Self;
    /// NaN if one is NaN.
    fn max(self, b: Self) -> Self;
    /// NaN if one is NaN.
    fn min(self, b: Self) -> Self;
    fn atan2(self, b: Self) -> Self;
}

/// Integer types in which kernels compute. Arithmetic wraps; division by zero gives zero.
pub(crate) trait Integer: Copy + Ord {
    fn neg(self) -> Self;
    fn abs(self) -> Self;
    fn sign(self) -> Self;
    fn relu(self) -> Self;
    fn not(self) -> Self;
    fn add(self, b: Self) -> Self;
    fn sub(self, b: Self) -> Self;
    fn mul(self, b: Self) -> Self;
    fn pow(self, b: Self) -> Self;
    fn floor_div(self, b: Self) -> Self;
    fn remainder(self, b: Self) -> Self;
    fn and(self, b: Self) -> Self;
    fn or(self, b: Self) -> Self;
    fn xor(self, b: Self) -> Self;
}
