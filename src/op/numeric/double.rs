//! Functions of `f64` that the standard library has not, or not for all arguments.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

/// The standard library's sines lose digits near multiples of pi / 2 on some systems: glibc 2.36 from 1e17 on.
const FAR: f64 = 1e5;

/// A product as the sum of two numbers, unless it overflows or underflows.
#[inline(always)]
fn product(a: f64, b: f64) -> (f64, f64) {
    let p = a * b;
    (p, a.mul_add(b, -p))
}

#[inline(always)]
pub fn sin(x: f64) -> f64 {
    if x.abs() < FAR { x.sin() } else { libm::sin(x) }
}

#[inline(always)]
pub fn cos(x: f64) -> f64 {
    if x.abs() < FAR { x.cos() } else { libm::cos(x) }
}

#[inline(always)]
pub fn tan(x: f64) -> f64 {
    if x.abs() < FAR { x.tan() } else { libm::tan(x) }
}

#[inline(always)]
pub fn silu(x: f64) -> f64 {
    if x < -700.0 {
        // The exponential alone underflows earlier than the product. At minus infinity it is NaN.
        let root = (0.5 * x).exp();
        return x * root * root;
    }
    let e = (-x.abs()).exp();
    (if x < 0.0 { x * e } else { x }) / (1.0 + e)
}

#[inline(always)]
pub fn mish(x: f64) -> f64 {
    match x {
        ..-700.0 => silu(x),
        // tanh(log(1 + e)) = ((1 + e)^2 - 1) / ((1 + e)^2 + 1)
        ..0.0 => {
            let e = x.exp();
            let w = e * (e + 2.0);
            x * (w / (w + 2.0))
        }
        _ => {
            let e = (-x).exp();
            let w = 1.0 + 2.0 * e;
            x * (w / (w + 2.0 * e * e))
        }
    }
}

#[inline(always)]
pub fn gelu(x: f64) -> f64 {
    match x {
        // -0, and NaN at minus infinity.
        ..-50.0 => x * 0.0,
        // The asymptotic series of the tail, times the density at x.
        ..-17.0 => {
            let (s, rest) = product(x, x);
            let z = 1.0 / s;
            let mut sum = 1.0;
            for n in (1..12).rev() {
                sum = 1.0 - (2 * n - 1) as f64 * z * sum;
            }
            const DENSITY: f64 = 0.398_942_280_401_432_7;
            (-0.5 * s).exp() * (-DENSITY * (sum - sum * (0.5 * rest)))
        }
        ..-0.5 => {
            // The tail at x / sqrt(2), which takes more digits than a number has.
            let t = -x * FRAC_1_SQRT_2;
            let rest = (-x).mul_add(FRAC_1_SQRT_2, -t) + x * 4.833_646_656_726_457e-17;
            let tail = libm::erfc(t) - FRAC_2_SQRT_PI * (-t * t).exp() * rest;
            0.5 * x * tail
        }
        _ => 0.5 * x * (1.0 + libm::erf(x * FRAC_1_SQRT_2)),
    }
}

#[inline(always)]
pub fn gelu_tanh(x: f64) -> f64 {
    const CUBE: (f64, f64) = (0.044_715, 2.196_021_142_708_559_5e-18);
    const SQRT_8_PI: (f64, f64) = (1.595_769_121_605_730_8, -9.969_308_809_110_92e-17);
    if x < -50.0 {
        // -0, and NaN at minus infinity.
        return x * 0.0;
    }
    if x > 50.0 {
        return x;
    }
    // 2 sqrt(2 / pi) x (1 + 0.044715 x^2), and what it lost to rounding.
    let (s, rest) = product(x, x);
    let (cube, low) = product(CUBE.0, s);
    let low = low + (CUBE.0 * rest + CUBE.1 * s);
    let w = 1.0 + cube;
    let back = w - 1.0;
    let low = (1.0 - (w - back)) + (cube - back) + low;
    let (m, rest) = product(SQRT_8_PI.0, x);
    let rest = rest + SQRT_8_PI.1 * x;
    let (z, lost) = product(m, w);
    let lost = lost + (m * low + rest * w);
    // (1 + tanh(u)) / 2 is 1 / (1 + exp(-2 u)).
    if z > 0.0 {
        let e = (-z).exp();
        x / (1.0 + (e - e * lost))
    } else {
        let root = (0.5 * z).exp();
        let y = x * root / (1.0 + root * root);
        y * (1.0 + lost) * root
    }
}

macro_rules! quotients {
    ($t:ty, $floor_divide:ident $remainder:ident) => {
        /// The largest whole number that is not above `a / b`, correctly rounded.
        #[inline(always)]
        pub fn $floor_divide(a: $t, b: $t) -> $t {
            let q = a / b;
            if b == 0.0 || q.is_nan() {
                return q;
            }
            if a.is_infinite() {
                return <$t>::NAN;
            }
            if q == 0.0 {
                return if a != 0.0 && (a < 0.0) != (b < 0.0) { -1.0 } else { q };
            }
            let whole = q.floor();
            if whole != q || q.is_infinite() {
                return whole;
            }
            // The quotient may have been rounded up to a whole number. What is left of `a` is exact.
            let rest = (-q).mul_add(b, a);
            if q.abs() < 2.0 / <$t>::EPSILON {
                return if rest != 0.0 && (rest < 0.0) != (b < 0.0) { q - 1.0 } else { q };
            }
            // Every number is whole here. Half way between two of them it is rounded to even; the quotient may lie
            // above that by less than 1, and have been rounded up.
            let size = q.abs();
            let rest = (0.5 * (size - size.next_down())).mul_add(b, rest);
            let above_half = rest != 0.0 && (rest < 0.0) == (b < 0.0) && rest.abs() < b.abs();
            if q.to_bits() & 1 == 1 && above_half { q.next_down() } else { q }
        }

        /// What the whole quotient leaves of `a`; it has the sign of `b`.
        #[inline(always)]
        pub fn $remainder(a: $t, b: $t) -> $t {
            let r = a % b;
            if r == 0.0 {
                (0.0 as $t).copysign(b)
            } else if (r < 0.0) != (b < 0.0) {
                r + b
            } else {
                r
            }
        }
    };
}
quotients!(f64, floor_divide remainder);
quotients!(f32, floor_divide_f32 remainder_f32);
