//! The arithmetic that rows of the registry are written in, for floats and for integers.
//!
//! These are the numerics rules of both executors: the functions in `shaders/` follow them.

mod double;
mod single;

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
    /// The nearest value.
    fn from_f64(value: f64) -> Self;
    /// `self * a + b`, in one step where the type says so.
    fn mul_add(self, a: Self, b: Self) -> Self;
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
    fn recip(self) -> Self;
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
    fn silu(self) -> Self;
    fn mish(self) -> Self;
    fn hardsigmoid(self) -> Self;
    fn hardswish(self) -> Self;
    fn pow(self, b: Self) -> Self;
    /// The whole number `q` that goes with the remainder: `a = q * b + r`.
    fn floor_divide(self, b: Self) -> Self;
    fn remainder(self, b: Self) -> Self;
    /// NaN if one is NaN.
    fn max(self, b: Self) -> Self;
    /// Of numbers that are not negative, which have the order of their bits, with NaN on top.
    fn max_positive(self, b: Self) -> Self;
    /// NaN if one is NaN.
    fn min(self, b: Self) -> Self;
    fn atan2(self, b: Self) -> Self;

    #[inline(always)]
    fn leaky_relu(self, slope: Self) -> Self {
        let below = self * slope;
        if self > Self::from_f64(0.0) { self } else { below }
    }
    #[inline(always)]
    fn elu(self, alpha: Self) -> Self {
        // Of subnormal numbers `expm1` may lose the last bit, which alpha would make many.
        let straight = self.abs() < Self::from_f64(1e-20);
        let below = (if straight { self } else { self.expm1() }) * alpha;
        if self < Self::from_f64(0.0) { below } else { self }
    }
    #[inline(always)]
    fn celu(self, alpha: Self) -> Self {
        let ratio = self / alpha;
        // A ratio that is still smaller may be subnormal and lack digits; the curve is straight there.
        let straight = ratio.abs() < Self::from_f64(1e-20);
        let below = if straight { self } else { ratio.expm1() * alpha };
        if self < Self::from_f64(0.0) { below } else { self }
    }

    /// Whether `sin` and `cos` are right, which are written for loops over moderate angles.
    fn moderate(self) -> bool;
    /// The sine of any angle.
    fn sin_far(self) -> Self;
    /// The cosine of any angle.
    fn cos_far(self) -> Self;
    /// Whether `floor_divide` and `remainder` are right, which are written for loops over moderate quotients.
    fn divides(self, b: Self) -> bool;
    /// `floor_divide` of any numbers.
    fn floor_divide_far(self, b: Self) -> Self;
    /// `remainder` of any numbers.
    fn remainder_far(self, b: Self) -> Self;
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

/// What both floating-point types take from the standard library under the same name.
macro_rules! standard {
    ($($name:ident)*) => {$(
        #[inline(always)]
        fn $name(self) -> Self {
            self.$name()
        }
    )*};
}

/// The rules that read the same for every floating-point type; `$t` is the type, `$v` its value.
macro_rules! rules {
    ($t:ty) => {
        #[inline(always)]
        fn from_f64(value: f64) -> Self {
            value as $t
        }
        #[inline(always)]
        fn mul_add(self, a: Self, b: Self) -> Self {
            self * a + b
        }
        #[inline(always)]
        fn sign(self) -> Self {
            (self > 0.0) as u8 as $t - (self < 0.0) as u8 as $t
        }
        #[inline(always)]
        fn round(self) -> Self {
            self.round_ties_even()
        }
        #[inline(always)]
        fn relu(self) -> Self {
            if self <= 0.0 { 0.0 } else { self }
        }
        #[inline(always)]
        fn hardsigmoid(self) -> Self {
            let y = (self + 3.0) * (1.0 / 6.0);
            let y = if y < 0.0 { 0.0 } else { y };
            if y > 1.0 { 1.0 } else { y }
        }
        #[inline(always)]
        fn hardswish(self) -> Self {
            self * Real::hardsigmoid(self)
        }
        #[inline(always)]
        fn max(self, b: Self) -> Self {
            if (self > b) | self.is_nan() { self } else { b }
        }
        #[inline(always)]
        fn max_positive(self, b: Self) -> Self {
            <$t>::from_bits(self.to_bits().max(b.to_bits()))
        }
        #[inline(always)]
        fn min(self, b: Self) -> Self {
            if (self < b) | self.is_nan() { self } else { b }
        }
    };
}

/// What `f64` takes from a module.
macro_rules! functions {
    ($module:ident: $($name:ident($($b:ident)?))*) => {$(
        #[inline(always)]
        fn $name(self $(, $b: Self)?) -> Self {
            $module::$name(self $(, $b)?)
        }
    )*};
}

impl Real for f64 {
    standard!(abs floor ceil trunc exp exp2 log2 sqrt recip sinh cosh tanh asin acos atan);
    rules!(f64);
    functions!(libm: erf());
    functions!(double: sin() cos() tan() gelu() gelu_tanh() silu() mish() floor_divide(b) remainder(b));

    #[inline(always)]
    fn expm1(self) -> Self {
        self.exp_m1()
    }
    #[inline(always)]
    fn log(self) -> Self {
        self.ln()
    }
    #[inline(always)]
    fn log1p(self) -> Self {
        self.ln_1p()
    }
    #[inline(always)]
    fn selu(self) -> Self {
        // The scale, and the scale times alpha.
        if self > 0.0 { self * 1.050_700_987_355_480_5 } else { self.exp_m1() * 1.758_099_340_847_376_8 }
    }
    #[inline(always)]
    fn sigmoid(self) -> Self {
        let e = (-self.abs()).exp();
        (if self < 0.0 { e } else { 1.0 }) / (1.0 + e)
    }
    #[inline(always)]
    fn softplus(self) -> Self {
        Real::relu(self) + (-self.abs()).exp().ln_1p()
    }
    #[inline(always)]
    fn pow(self, b: Self) -> Self {
        self.powf(b)
    }
    #[inline(always)]
    fn atan2(self, b: Self) -> Self {
        self.atan2(b)
    }
    #[inline(always)]
    fn moderate(self) -> bool {
        true
    }
    #[inline(always)]
    fn sin_far(self) -> Self {
        Real::sin(self)
    }
    #[inline(always)]
    fn cos_far(self) -> Self {
        Real::cos(self)
    }
    #[inline(always)]
    fn divides(self, _: Self) -> bool {
        true
    }
    #[inline(always)]
    fn floor_divide_far(self, b: Self) -> Self {
        Real::floor_divide(self, b)
    }
    #[inline(always)]
    fn remainder_far(self, b: Self) -> Self {
        Real::remainder(self, b)
    }
}

/// An `f32` in loops for processors with fused multiply-add: the polynomials of its functions use it.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
#[repr(transparent)]
pub(crate) struct Fused32(f32);

impl From<f32> for Fused32 {
    fn from(value: f32) -> Self {
        Fused32(value)
    }
}

impl From<Fused32> for f32 {
    fn from(value: Fused32) -> Self {
        value.0
    }
}

macro_rules! operators {
    ($($trait:ident $name:ident $op:tt;)*) => {$(
        impl std::ops::$trait for Fused32 {
            type Output = Self;
            #[inline(always)]
            fn $name(self, b: Self) -> Self {
                Fused32(self.0 $op b.0)
            }
        }
    )*};
}
operators! { Add add +; Sub sub -; Mul mul *; Div div /; }

impl std::ops::Neg for Fused32 {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Fused32(-self.0)
    }
}

/// The functions that [`single`] writes out.
macro_rules! polynomials {
    ($fma:literal, $wrap:expr, |$x:ident| $value:expr, $($name:ident)*) => {$(
        #[inline(always)]
        fn $name(self) -> Self {
            let $x = self;
            $wrap(single::$name::<$fma>($value))
        }
    )*};
}

/// What does not profit from fused multiply-add, or not enough.
macro_rules! delegate {
    ($($name:ident($($b:ident)?))*) => {$(
        #[inline(always)]
        fn $name(self $(, $b: Self)?) -> Self {
            Fused32(Real::$name(self.0 $(, $b.0)?))
        }
    )*};
}

impl Real for f32 {
    standard!(abs floor ceil trunc sqrt recip tan sinh cosh asin acos);
    rules!(f32);
    polynomials!(false, std::convert::identity, |x| x,
        exp exp2 expm1 log log2 log1p sin cos tanh atan erf sigmoid softplus selu gelu gelu_tanh silu mish);

    functions!(single: floor_divide(b) remainder(b));

    #[inline(always)]
    fn pow(self, b: Self) -> Self {
        single::pow::<false>(self, b)
    }
    #[inline(always)]
    fn atan2(self, b: Self) -> Self {
        self.atan2(b)
    }
    #[inline(always)]
    fn moderate(self) -> bool {
        self.abs() < single::LARGEST_ANGLE
    }
    fn sin_far(self) -> Self {
        double::sin(self as f64) as f32
    }
    fn cos_far(self) -> Self {
        double::cos(self as f64) as f32
    }
    #[inline(always)]
    fn divides(self, b: Self) -> bool {
        single::divides(self, b)
    }
    fn floor_divide_far(self, b: Self) -> Self {
        double::floor_divide_f32(self, b)
    }
    fn remainder_far(self, b: Self) -> Self {
        double::remainder_f32(self, b)
    }
}

impl Real for Fused32 {
    #[inline(always)]
    fn from_f64(value: f64) -> Self {
        Fused32(value as f32)
    }
    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        Fused32(self.0.mul_add(a.0, b.0))
    }
    polynomials!(true, Fused32, |x| x.0,
        exp exp2 expm1 log log2 log1p sin cos tanh atan erf sigmoid softplus selu gelu gelu_tanh silu mish);
    delegate!(abs() sign() floor() ceil() round() trunc() sqrt() recip() tan() sinh() cosh() asin() acos() relu()
        hardsigmoid() hardswish() pow(b) floor_divide(b) remainder(b) max(b) max_positive(b) min(b) atan2(b)
        sin_far() cos_far() floor_divide_far(b) remainder_far(b));

    #[inline(always)]
    fn moderate(self) -> bool {
        self.0.moderate()
    }
    #[inline(always)]
    fn divides(self, b: Self) -> bool {
        self.0.divides(b.0)
    }
}

macro_rules! integers {
    ($($t:ty: $abs:expr, $sign:expr, $floor_div:expr, $remainder:expr;)*) => {$(
        impl Integer for $t {
            #[inline(always)]
            fn neg(self) -> Self {
                self.wrapping_neg()
            }
            #[inline(always)]
            fn abs(self) -> Self {
                $abs(self)
            }
            #[inline(always)]
            fn sign(self) -> Self {
                $sign(self)
            }
            #[inline(always)]
            fn relu(self) -> Self {
                Ord::max(self, 0)
            }
            #[inline(always)]
            fn not(self) -> Self {
                !self
            }
            #[inline(always)]
            fn add(self, b: Self) -> Self {
                self.wrapping_add(b)
            }
            #[inline(always)]
            fn sub(self, b: Self) -> Self {
                self.wrapping_sub(b)
            }
            #[inline(always)]
            fn mul(self, b: Self) -> Self {
                self.wrapping_mul(b)
            }
            #[inline(always)]
            #[allow(unused_comparisons)]
            fn pow(self, b: Self) -> Self {
                if b < 0 {
                    // 1 / self^|b|, truncated.
                    let minus_one = (0 as $t).wrapping_sub(1);
                    return match self {
                        1 => 1,
                        _ if self == minus_one => if b & 1 == 0 { 1 } else { minus_one },
                        _ => 0,
                    };
                }
                let (mut base, mut exponent, mut power): (Self, Self, Self) = (self, b, 1);
                while exponent > 0 {
                    if exponent & 1 == 1 {
                        power = power.wrapping_mul(base);
                    }
                    base = base.wrapping_mul(base);
                    exponent >>= 1;
                }
                power
            }
            #[inline(always)]
            fn floor_div(self, b: Self) -> Self {
                if b == 0 { 0 } else { $floor_div(self, b) }
            }
            #[inline(always)]
            fn remainder(self, b: Self) -> Self {
                if b == 0 { 0 } else { $remainder(self, b) }
            }
            #[inline(always)]
            fn and(self, b: Self) -> Self {
                self & b
            }
            #[inline(always)]
            fn or(self, b: Self) -> Self {
                self | b
            }
            #[inline(always)]
            fn xor(self, b: Self) -> Self {
                self ^ b
            }
        }
    )*};
}

macro_rules! signed {
    ($($t:ident)*) => { integers! {$(
        $t: $t::wrapping_abs, $t::signum,
            |a: $t, b: $t| {
                let q = a.wrapping_div(b);
                if a.wrapping_rem(b) != 0 && (a < 0) != (b < 0) { q - 1 } else { q }
            },
            |a: $t, b: $t| {
                let r = a.wrapping_rem(b);
                if r != 0 && (r < 0) != (b < 0) { r + b } else { r }
            };
    )*} };
}

macro_rules! unsigned {
    ($($t:ident)*) => { integers! {$(
        $t: std::convert::identity, |x: $t| Ord::min(x, 1), |a: $t, b: $t| a / b, |a: $t, b: $t| a % b;
    )*} };
}

signed!(i32 i64);
unsigned!(u32 u64);
