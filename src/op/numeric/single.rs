//! Elementary functions of `f32`, branch-free so that a loop over them becomes SIMD code.
//!
//! `FMA` says whether the surrounding loop is compiled for a processor with fused multiply-add; polynomials use it.
//! The coefficients are weighted minimax fits. The registry states the bounds of the results
//! ([`Accuracy`](crate::op::Accuracy)); `tests/integration/accuracy.rs` and `cpu/accuracy.rs` hold them to these.

use std::f32::consts::{FRAC_1_SQRT_2, LN_2, LOG2_E};

/// Adding and subtracting it rounds to the nearest integer, whose low bits then lie in the mantissa.
const MAGIC: f32 = 12_582_912.0;

#[inline(always)]
pub fn mad<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

#[inline(always)]
fn wide_mad<const FMA: bool>(a: f64, b: f64, c: f64) -> f64 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// The polynomial with these coefficients, constant term first.
#[inline(always)]
fn poly<const FMA: bool, const N: usize>(x: f32, c: [f32; N]) -> f32 {
    let mut y = c[N - 1];
    let mut i = N - 1;
    while i > 0 {
        i -= 1;
        y = mad::<FMA>(y, x, c[i]);
    }
    y
}

/// `x` inside of `[lo, hi]`; NaN stays.
#[inline(always)]
fn clamp(x: f32, lo: f32, hi: f32) -> f32 {
    let x = if x < lo { lo } else { x };
    if x > hi { hi } else { x }
}

/// 2 to the power of an integer in `-126..=127`.
#[inline(always)]
fn power_of_two(n: i32) -> f32 {
    f32::from_bits((n.wrapping_add(127) as u32) << 23)
}

/// `x = n ln 2 + r`: the integer, and `exp(r) - 1`.
#[inline(always)]
fn split_exp<const FMA: bool>(x: f32) -> (i32, f32) {
    let m = mad::<FMA>(x, LOG2_E, MAGIC);
    let n = m - MAGIC;
    let r = mad::<FMA>(n, -1.428_606_8e-6, mad::<FMA>(n, -0.693_145_75, x));
    (m.to_bits().wrapping_sub(MAGIC.to_bits()) as i32, expm1_near::<FMA>(r))
}

/// `exp(r) - 1` for `|r| <= ln(2) / 2`.
#[inline(always)]
fn expm1_near<const FMA: bool>(r: f32) -> f32 {
    const C: [f32; 6] = [0.5, 0.166_666_67, 0.041_666_464, 0.008_333_286, 0.001_393_373_3, 0.000_199_077_02];
    mad::<FMA>(poly::<FMA, 6>(r, C), r * r, r)
}

#[inline(always)]
pub fn exp<const FMA: bool>(x: f32) -> f32 {
    let (n, p) = split_exp::<FMA>(clamp(x, -104.0, 89.0));
    let half = n >> 1;
    (p + 1.0) * power_of_two(half) * power_of_two(n.wrapping_sub(half))
}

#[inline(always)]
pub fn exp2<const FMA: bool>(x: f32) -> f32 {
    let x = clamp(x, -151.0, 129.0);
    let m = x + MAGIC;
    exp2_near::<FMA>(m.to_bits().wrapping_sub(MAGIC.to_bits()) as i32, x - (m - MAGIC))
}

/// 2 to the power of `n + r`, for `n` in `-151..=129` and `|r| <= 1 / 2`.
#[inline(always)]
fn exp2_near<const FMA: bool>(n: i32, r: f32) -> f32 {
    const C: [f32; 7] =
        [LN_2, 0.240_226_5, 0.055_504_11, 0.009_618_082, 0.001_333_348_2, 0.000_154_532_52, 0.000_015_303_803];
    let half = n >> 1;
    mad::<FMA>(poly::<FMA, 7>(r, C), r, 1.0) * power_of_two(half) * power_of_two(n.wrapping_sub(half))
}

#[inline(always)]
pub fn expm1<const FMA: bool>(x: f32) -> f32 {
    let (n, p) = split_exp::<FMA>(clamp(x, -18.0, 89.0));
    // Half of the scale, which is finite even where the result overflows.
    let scale = power_of_two(n.wrapping_sub(1));
    let y = 2.0 * mad::<FMA>(scale, p, scale - 0.5);
    // Of the smallest arguments the sum has lost the sign.
    if y == 0.0 { x } else { y }
}

#[inline(always)]
pub fn selu<const FMA: bool>(x: f32) -> f32 {
    const SCALE: f32 = 1.050_701;
    let negative = expm1::<FMA>(x) * 1.758_099_3;
    if x > 0.0 { x * SCALE } else { negative }
}

/// `x = 2^e (1 + f)` with `1 + f` near 1, and `log(1 + f) - f`; only for positive finite `x`.
#[inline(always)]
fn split_log<const FMA: bool>(x: f32) -> (f32, f32, f32) {
    let tiny = x < f32::MIN_POSITIVE;
    let x = if tiny { x * 8_388_608.0 } else { x };
    let bits = x.to_bits().wrapping_sub(FRAC_1_SQRT_2.to_bits());
    let e = (bits as i32 >> 23) as f32 - if tiny { 23.0 } else { 0.0 };
    let f = f32::from_bits((bits & 0x007f_ffff).wrapping_add(FRAC_1_SQRT_2.to_bits())) - 1.0;
    const C: [f32; 9] = [
        0.333_333_13,
        -0.249_999_87,
        0.200_021_56,
        -0.166_692_08,
        0.142_198_3,
        -0.123_855_44,
        0.118_664_995,
        -0.117_814_76,
        0.069_190_99,
    ];
    let f2 = f * f;
    (e, f, mad::<FMA>(poly::<FMA, 9>(f, C), f * f2, -0.5 * f2))
}

/// What a logarithm gives outside of the positive finite numbers, else `y`.
#[inline(always)]
fn log_edges(x: f32, y: f32) -> f32 {
    let y = if x == f32::INFINITY { x } else { y };
    let y = if x == 0.0 { f32::NEG_INFINITY } else { y };
    if x >= 0.0 { y } else { f32::NAN }
}

#[inline(always)]
pub fn log<const FMA: bool>(x: f32) -> f32 {
    let (e, f, tail) = split_log::<FMA>(x);
    let y = mad::<FMA>(e, 0.693_359_4, f + mad::<FMA>(e, -0.000_212_194_44, tail));
    log_edges(x, y)
}

#[inline(always)]
pub fn log2<const FMA: bool>(x: f32) -> f32 {
    let (e, f, tail) = split_log::<FMA>(x);
    let y = mad::<FMA>(tail, LOG2_E, mad::<FMA>(f, LOG2_E - 1.0, f)) + e;
    log_edges(x, y)
}

/// The logarithm to base 2 of a positive finite `x`, to 1e-12 of itself: a power multiplies it by up to thousands.
#[inline(always)]
fn wide_log2(x: f32) -> f64 {
    const HALF: u64 = std::f64::consts::FRAC_1_SQRT_2.to_bits();
    // 2^52 and the bias of the exponent: what is put into the low bits of the former is read as a number.
    const SHIFT: f64 = 4_503_599_627_370_496.0 + 1023.0;
    // Every `f32` is a normal number here.
    let bits = (x as f64).to_bits().wrapping_add(1f64.to_bits() - HALF);
    let e = f64::from_bits(bits >> 52 | 0x4330_0000_0000_0000) - SHIFT;
    let m = f64::from_bits((bits & 0x000f_ffff_ffff_ffff) + HALF);
    // log(m) = 2 artanh(s), by its series.
    let s = (m - 1.0) / (m + 1.0);
    let s2 = s * s;
    const C: [f64; 8] = [1.0, 1.0 / 3.0, 1.0 / 5.0, 1.0 / 7.0, 1.0 / 9.0, 1.0 / 11.0, 1.0 / 13.0, 1.0 / 15.0];
    let mut y = C[7];
    let mut i = 7;
    while i > 0 {
        i -= 1;
        y = y * s2 + C[i];
    }
    e + y * s * (2.0 * std::f64::consts::LOG2_E)
}

/// `x` to the power of `b`, with the edges of C's `pow`.
#[inline(always)]
pub fn pow<const FMA: bool>(x: f32, b: f32) -> f32 {
    const MAGIC: f64 = 6_755_399_441_055_744.0;
    let a = x.abs();
    let log = wide_log2(a);
    let log = if a < f32::INFINITY { log } else { a as f64 };
    let log = if a == 0.0 { f64::NEG_INFINITY } else { log };
    // 1 to an infinite power is 1.
    let y = if a == 1.0 { 0.0 } else { log * b as f64 };
    let y = if y < -151.0 { -151.0 } else { y };
    let y = if y > 129.0 { 129.0 } else { y };
    let m = y + MAGIC;
    let power = exp2_near::<FMA>(m.to_bits() as i32, (y - (m - MAGIC)) as f32);
    let (whole, half) = (b.trunc() == b, b * 0.5);
    let power = if whole & (half.trunc() != half) { power.copysign(x) } else { power };
    let power = if (x < 0.0) & (x > f32::NEG_INFINITY) & !whole { f32::NAN } else { power };
    if (b == 0.0) | (x == 1.0) { 1.0 } else { power }
}

#[inline(always)]
pub fn log1p<const FMA: bool>(x: f32) -> f32 {
    let u = x + 1.0;
    let (e, f, tail) = split_log::<FMA>(u);
    // What `1 + x` lost to rounding, put back to first order.
    let lost = (if x > 1.0 { 1.0 - (u - x) } else { x - (u - 1.0) }) / u;
    let y = mad::<FMA>(e, 0.693_359_4, f + (mad::<FMA>(e, -0.000_212_194_44, tail) + lost));
    let y = if u == 1.0 { x } else { y };
    log_edges(u, y)
}

#[inline(always)]
pub fn tanh<const FMA: bool>(x: f32) -> f32 {
    let e = expm1::<FMA>(2.0 * clamp(x.abs(), 0.0, 10.0));
    (e / (e + 2.0)).copysign(x)
}

#[inline(always)]
pub fn sigmoid<const FMA: bool>(x: f32) -> f32 {
    let e = exp::<FMA>(-x.abs());
    (if x < 0.0 { e } else { 1.0 }) / (1.0 + e)
}

#[inline(always)]
pub fn softplus<const FMA: bool>(x: f32) -> f32 {
    (if x < 0.0 { 0.0 } else { x }) + log1p::<FMA>(exp::<FMA>(-x.abs()))
}

#[inline(always)]
pub fn erf<const FMA: bool>(x: f32) -> f32 {
    const NEAR: [f32; 7] = [
        0.128_379_17,
        -0.376_126_34,
        0.112_836_94,
        -0.026_859_27,
        0.005_200_634_3,
        -0.000_813_743_76,
        0.000_083_452_25,
    ];
    // log(erfc(t)) / t
    const FAR: [f32; 8] = [
        -1.128_551_7,
        -0.635_625_27,
        -0.105_262_7,
        0.022_674_14,
        -0.002_930_157_8,
        0.000_049_586_828,
        0.000_045_581_17,
        -0.000_004_938_213,
    ];
    let t = clamp(x.abs(), 0.0, 3.95);
    let near = mad::<FMA>(poly::<FMA, 7>(x * x, NEAR), x, x);
    // The argument is in [-18, 0]: no need for two scales.
    let (n, p) = split_exp::<FMA>(poly::<FMA, 8>(t, FAR) * t);
    let far = 1.0 - (p + 1.0) * power_of_two(n);
    if t < 0.92 { near } else { far.copysign(x) }
}

/// 2^-40: exponentials are computed times 2^40 where a product with them ends above the subnormal numbers, but they do not.
const UNIT: f32 = 9.094_947e-13;

/// `2^(n + 40) (1 + p)`, and 0 for `n` of -167; smaller ones there must not be.
#[inline(always)]
fn lifted_exp(n: i32, p: f32) -> f32 {
    (p + 1.0) * f32::from_bits((n.wrapping_add(167) as u32) << 23)
}

/// `x / (1 + exp(-z))` for `z` of the sign of `x`, given `exp(-|z|)` as [`lifted_exp`]. At minus infinity the product of
/// infinity and 0 is NaN, as in PyTorch.
#[inline(always)]
fn times_logistic(x: f32, e: f32) -> f32 {
    let negative = x < 0.0;
    let y = (if negative { x * e } else { x }) / (1.0 + e * UNIT);
    if negative { y * UNIT } else { y }
}

#[inline(always)]
pub fn silu<const FMA: bool>(x: f32) -> f32 {
    let (n, p) = split_exp::<FMA>(-clamp(x.abs(), 0.0, 115.75));
    times_logistic(x, lifted_exp(n, p))
}

#[inline(always)]
pub fn gelu_tanh<const FMA: bool>(x: f32) -> f32 {
    // (1 + tanh(u)) / 2 is the logistic function of 2 u = c x (x^2 + 1 / 0.044715), c = 0.0713548, whose exponential takes
    // more digits than an `f32` has. Its large parts are products of numbers with few bits, which are exact.
    let a = clamp(x.abs(), 0.0, 11.12);
    // To multiples of 1/256 and 1/16.
    let h = (a + 49_152.0) - 49_152.0;
    let l = a - h;
    let t = mad::<FMA>(h, h, 22.363_846);
    let s = (t + 786_432.0) - 786_432.0;
    let large = h * s;
    let small = mad::<FMA>(a, (t - s) + mad::<FMA>(l, a + h, 1.417_704_1e-5), l * s);
    let m = mad::<FMA>(large + small, -0.102_943_24, MAGIC);
    let n = m - MAGIC;
    // Plus n ln 2 / c, whose first part has 16 bits.
    let r = (mad::<FMA>(n, 9.713_867, large) + mad::<FMA>(n, 0.000_223_840_52, small)) * -0.071_354_814;
    let n = m.to_bits().wrapping_sub(MAGIC.to_bits()) as i32;
    times_logistic(x, lifted_exp(n, expm1_near::<FMA>(r)))
}

#[inline(always)]
pub fn mish<const FMA: bool>(x: f32) -> f32 {
    // From 20 on it is x.
    let (n, p) = split_exp::<FMA>(clamp(x, -115.75, 20.0));
    let lifted = lifted_exp(n, p);
    // tanh(log(1 + e)) = e (e + 2) / (e (e + 2) + 2)
    let e = lifted * UNIT;
    let y = x * lifted * ((e + 2.0) / mad::<FMA>(e, e + 2.0, 2.0)) * UNIT;
    if x > 20.0 { x } else { y }
}

/// The tail of the Gaussian distribution is its density times a ratio that falls slowly (Mills).
#[inline(always)]
pub fn gelu<const FMA: bool>(x: f32) -> f32 {
    // The ratio over sqrt(2 pi), as a fraction whose terms are all positive.
    const TOP: [f32; 5] = [0.5, 0.438_502_94, 0.183_389_54, 0.040_685_38, 0.004_124_078_4];
    const BOTTOM: [f32; 6] = [1.0, 1.674_890_9, 1.203_143_7, 0.469_878_4, 0.101_989_49, 0.010_337_414];
    // From here on the tail is 0; at minus infinity the product of infinity and 0 is NaN, as in PyTorch.
    let a = clamp(x.abs(), 0.0, 15.2154);
    let s = a * a;
    let rest = if FMA {
        a.mul_add(a, -s)
    } else {
        // The square by halves of 12 bits.
        let high = f32::from_bits(a.to_bits() & 0xffff_f000);
        (high * high - s) + (a - high) * (a + high)
    };
    let h = -0.5 * s;
    let m = mad::<FMA>(h, LOG2_E, MAGIC);
    let n = m - MAGIC;
    let r = mad::<FMA>(n, -1.428_606_8e-6, mad::<FMA>(n, -0.693_145_75, h)) - 0.5 * rest;
    let p = expm1_near::<FMA>(r);
    let ratio = poly::<FMA, 5>(a, TOP) / poly::<FMA, 6>(a, BOTTOM);
    let e = f32::from_bits((m.to_bits().wrapping_sub(MAGIC.to_bits()).wrapping_add(167)) << 23);
    let negative = x <= 0.0;
    let y = (if negative { x } else { a }) * mad::<FMA>(ratio, p, ratio) * e * UNIT;
    if negative { y } else { x - y }
}

/// Up to here [`sin`] and [`cos`] know the angle.
pub const LARGEST_ANGLE: f32 = 4e6;

/// The quadrant of `x`, and the sine and cosine of what is left.
#[inline(always)]
fn sin_cos<const FMA: bool>(x: f32) -> (u32, f32, f32) {
    const MAGIC: f64 = 6_755_399_441_055_744.0;
    // pi / 2 in parts, the first of 25 bits.
    const HIGH: f64 = 1.570_796_310_901_641_8;
    const LOW: f64 = 1.589_325_477_352_819_7e-8;
    let wide = x as f64;
    let m = wide_mad::<FMA>(wide, std::f64::consts::FRAC_2_PI, MAGIC);
    let n = m - MAGIC;
    let r = wide_mad::<FMA>(n, -LOW, wide_mad::<FMA>(n, -HIGH, wide)) as f32;
    let s = r * r;
    let sin = mad::<FMA>(poly::<FMA, 3>(s, [-0.166_666_55, 0.008_332_156, -0.000_195_146_3]), s * r, r);
    let cos = poly::<FMA, 5>(s, [1.0, -0.5, 0.041_666_646, -0.001_388_731_1, 2.443_248_3e-5]);
    (m.to_bits() as u32, sin.copysign(r), cos)
}

#[inline(always)]
pub fn sin<const FMA: bool>(x: f32) -> f32 {
    let (q, sin, cos) = sin_cos::<FMA>(x);
    let y = if q & 1 == 0 { sin } else { cos };
    f32::from_bits(y.to_bits() ^ ((q & 2) << 30))
}

#[inline(always)]
pub fn cos<const FMA: bool>(x: f32) -> f32 {
    let (q, sin, cos) = sin_cos::<FMA>(x);
    let y = if q & 1 == 0 { cos } else { sin };
    f32::from_bits(y.to_bits() ^ ((q.wrapping_add(1) & 2) << 30))
}

#[inline(always)]
pub fn atan<const FMA: bool>(x: f32) -> f32 {
    const C: [f32; 9] = [
        -0.333_333_02,
        0.199_986_39,
        -0.142_652_45,
        0.109_575_72,
        -0.084_194_46,
        0.058_234_32,
        -0.031_455_47,
        0.011_064_315,
        -0.001_827_184_7,
    ];
    let a = x.abs();
    let big = a > 1.0;
    let t = if big { 1.0 / a } else { a };
    let s = t * t;
    let y = mad::<FMA>(poly::<FMA, 9>(s, C), s * t, t);
    (if big { std::f32::consts::FRAC_PI_2 - y } else { y }).copysign(x)
}

/// The largest whole number that is not above `a / b`, and what it leaves of `a`, for quotients below `2^28` and finite
/// `b`: there the quotient in `f64` is rounded to a whole number only if it is one.
#[inline(always)]
fn divide(a: f32, b: f32) -> (f64, f64) {
    let q = (a as f64 / b as f64).floor();
    (q, a as f64 - q * b as f64)
}

/// Whether [`floor_divide`] and [`remainder`] are right.
#[inline(always)]
pub fn divides(a: f32, b: f32) -> bool {
    (a.abs() < b.abs() * 134_217_728.0) & (b.abs() < f32::INFINITY)
}

#[inline(always)]
pub fn floor_divide(a: f32, b: f32) -> f32 {
    divide(a, b).0 as f32
}

#[inline(always)]
pub fn remainder(a: f32, b: f32) -> f32 {
    let r = divide(a, b).1 as f32;
    if r == 0.0 { 0f32.copysign(b) } else { r }
}
