//! Sums of two `f64` that keep about 106 bits: what results are compared with.

use std::ops::{Add, Div, Mul, Neg, Sub};

/// The sum `hi + lo`, `hi` being the `f64` nearest to it.
#[derive(Clone, Copy, Debug)]
pub struct Wide {
    pub hi: f64,
    pub lo: f64,
}

pub const LN_2: Wide = Wide { hi: std::f64::consts::LN_2, lo: 2.319_046_813_846_299_6e-17 };
pub const PI: Wide = Wide { hi: std::f64::consts::PI, lo: 1.224_646_799_147_353_2e-16 };
pub const FRAC_2_SQRT_PI: Wide = Wide { hi: std::f64::consts::FRAC_2_SQRT_PI, lo: 1.533_545_961_316_588e-17 };

/// `a + b` where `|a| >= |b|`.
fn quick_sum(a: f64, b: f64) -> Wide {
    let hi = a + b;
    Wide { hi, lo: b - (hi - a) }
}

impl Wide {
    pub const ONE: Wide = Wide { hi: 1.0, lo: 0.0 };

    /// The exact sum of two numbers.
    pub fn sum(a: f64, b: f64) -> Wide {
        let hi = a + b;
        let c = hi - a;
        Wide { hi, lo: (a - (hi - c)) + (b - c) }
    }

    /// The exact product of two numbers, unless it underflows.
    pub fn product(a: f64, b: f64) -> Wide {
        let hi = a * b;
        Wide { hi, lo: a.mul_add(b, -hi) }
    }

    /// Times a power of two, exactly.
    pub fn scale(self, factor: f64) -> Wide {
        Wide { hi: self.hi * factor, lo: self.lo * factor }
    }

    pub fn square(self) -> Wide {
        self * self
    }

    pub fn abs(self) -> Wide {
        if self.hi < 0.0 { -self } else { self }
    }

    pub fn recip(self) -> Wide {
        Wide::ONE / self
    }

    pub fn sqrt(self) -> Wide {
        if self.hi == 0.0 {
            return self;
        }
        // One step of Newton's method.
        let root = self.hi.sqrt();
        let rest = self - Wide::product(root, root);
        quick_sum(root, rest.hi / (2.0 * root))
    }
}

impl From<f64> for Wide {
    fn from(value: f64) -> Wide {
        Wide { hi: value, lo: 0.0 }
    }
}

impl Neg for Wide {
    type Output = Wide;
    fn neg(self) -> Wide {
        Wide { hi: -self.hi, lo: -self.lo }
    }
}

impl<T: Into<Wide>> Add<T> for Wide {
    type Output = Wide;
    fn add(self, b: T) -> Wide {
        let b = b.into();
        let (s, t) = (Wide::sum(self.hi, b.hi), Wide::sum(self.lo, b.lo));
        let s = quick_sum(s.hi, s.lo + t.hi);
        quick_sum(s.hi, s.lo + t.lo)
    }
}

impl<T: Into<Wide>> Sub<T> for Wide {
    type Output = Wide;
    fn sub(self, b: T) -> Wide {
        self + -b.into()
    }
}

impl<T: Into<Wide>> Mul<T> for Wide {
    type Output = Wide;
    fn mul(self, b: T) -> Wide {
        let b = b.into();
        let p = Wide::product(self.hi, b.hi);
        quick_sum(p.hi, p.lo + (self.hi * b.lo + self.lo * b.hi))
    }
}

impl<T: Into<Wide>> Div<T> for Wide {
    type Output = Wide;
    fn div(self, b: T) -> Wide {
        let b = b.into();
        // Long division, a number after the other.
        let first = self.hi / b.hi;
        let rest = self - b * first;
        let second = rest.hi / b.hi;
        let rest = rest - b * second;
        quick_sum(first, second) + rest.hi / b.hi
    }
}

/// `wide * 2^exp`: results that `f64` cannot hold with all their bits.
#[derive(Clone, Copy, Debug)]
pub struct Value {
    pub wide: Wide,
    pub exp: i32,
}

impl<T: Into<Wide>> From<T> for Value {
    fn from(wide: T) -> Value {
        Value { wide: wide.into(), exp: 0 }
    }
}

/// 2 to the power of an integer in `-1022..=1023`.
pub fn power_of_two(exp: i32) -> f64 {
    f64::from_bits(((exp + 1023) as u64) << 52)
}

/// `x = y * 2^exp` with `1 <= |y| < 2`, for finite `x` other than 0.
pub fn split(x: f64) -> (f64, i32) {
    let (x, shift) = if x.abs() < f64::MIN_POSITIVE { (x * power_of_two(54), -54) } else { (x, 0) };
    let exp = (x.to_bits() >> 52 & 2047) as i32 - 1023;
    (f64::from_bits(x.to_bits() & !(2047 << 52) | 1023 << 52), exp + shift)
}

impl Value {
    pub fn nan() -> Value {
        f64::NAN.into()
    }

    pub fn mul(self, factor: impl Into<Wide>) -> Value {
        let factor = factor.into();
        // Small factors are multiplied by 2^200 before, so that the product does not underflow.
        let (factor, exp) =
            if factor.hi.abs() < 1e-100 { (factor.scale(power_of_two(200)), -200) } else { (factor, 0) };
        Value { wide: self.wide * factor, exp: self.exp + exp }
    }

    /// Times a power of two.
    pub fn shifted(self, exp: i32) -> Value {
        Value { exp: self.exp + exp, ..self }
    }

    /// The nearest number that has `digits` bits and is no finer than `2^least`, ties to even.
    fn round(self, digits: u32, least: i32, largest: f64) -> f64 {
        let Wide { hi, lo } = self.wide;
        if hi == 0.0 || !hi.is_finite() {
            return hi;
        }
        let (y, exp) = split(hi);
        // Both parts in units of 2^(exp - 62); what is still below that is known to be there.
        let part = if lo == 0.0 {
            0.0
        } else {
            let (z, at) = split(lo);
            z * hi.signum() * power_of_two((at - exp + 62).max(-900))
        };
        let whole = (y.abs() * power_of_two(62)) as i128 + part.floor() as i128;
        let whole = whole as u128 | (part.floor() != part) as u128;
        let exp = exp + self.exp;
        let top = 127 - whole.leading_zeros() as i32;
        let shift = (top + 1 - digits as i32).max(least - (exp - 62));
        if shift > 100 {
            return 0f64.copysign(hi);
        }
        let (rest, half) = (whole & ((1 << shift) - 1), 1u128 << (shift - 1));
        let mut rounded = whole >> shift;
        rounded += (rest > half || rest == half && rounded & 1 == 1) as u128;
        let unit = exp - 62 + shift;
        if unit > 1023 {
            return f64::INFINITY.copysign(hi);
        }
        // A unit of the least subnormals takes two steps.
        let (first, second) = if unit < -1000 { (-1000, unit + 1000) } else { (unit, 0) };
        let magnitude = rounded as f64 * power_of_two(first) * power_of_two(second);
        (if magnitude > largest { f64::INFINITY } else { magnitude }).copysign(hi)
    }

    /// The correctly rounded `f64`.
    pub fn to_f64(self) -> f64 {
        self.round(53, -1074, f64::MAX)
    }

    /// The correctly rounded `f32`.
    pub fn to_f32(self) -> f32 {
        self.round(24, -149, f32::MAX as f64) as f32
    }
}
