//! What every elementwise op of floats gives before it is rounded.

use kiln::op::UnaryOp;

use super::{
    angle::sin_cos,
    wide::{FRAC_2_SQRT_PI, LN_2, PI, Value, Wide, power_of_two, split},
};

/// Below, `x + x^3` is `x` in all 106 bits.
const TINY: f64 = 1e-60;
const SQRT_HALF: Wide = Wide { hi: std::f64::consts::FRAC_1_SQRT_2, lo: -4.833_646_656_726_457e-17 };
/// `2 sqrt(2 / pi)`
const SQRT_8_PI: Wide = Wide { hi: 1.595_769_121_605_730_8, lo: -9.969_308_809_110_92e-17 };
const GELU_CUBE: Wide = Wide { hi: 0.044_715, lo: 2.196_021_142_708_559_5e-18 };
const SELU_SCALE: Wide = Wide { hi: 1.050_700_987_355_480_5, lo: 3.987_484_766_715_414e-17 };
/// The scale times 1.67326324235437728481704.
const SELU_NEGATIVE: Wide = Wide { hi: 1.758_099_340_847_376_8, lo: 1.415_351_938_008_45e-17 };

/// `x = n ln 2 + r`: `exp(r) - 1`, and `n`.
fn split_exp(x: Wide) -> (Wide, i32) {
    let n = (x.hi / LN_2.hi).round_ties_even();
    // Taylor's series of a 512th.
    let r = (x - LN_2 * n).scale(1.0 / 512.0);
    let mut p = Wide::ONE;
    for i in (2..=9).rev() {
        p = Wide::ONE + p * r / i as f64;
    }
    p = p * r;
    for _ in 0..9 {
        p = p.scale(2.0) + p.square();
    }
    (p, n as i32)
}

/// e to the power of a number within 10,000.
pub fn exp(x: Wide) -> Value {
    let (p, exp) = split_exp(x);
    Value { wide: p + 1.0, exp }
}

/// The same where it is a normal `f64`, or too small to matter.
fn exp_near(x: Wide) -> Wide {
    let Value { wide, exp } = exp(x);
    if exp < -1000 { Wide::from(0.0) } else { wide.scale(power_of_two(exp)) }
}

fn exp_of(x: f64) -> Value {
    exp(x.clamp(-5000.0, 5000.0).into())
}

pub fn expm1_near(x: Wide) -> Wide {
    let (p, n) = split_exp(x);
    match n {
        0 => p,
        ..-150 => Wide::from(-1.0),
        150.. => (p + 1.0).scale(power_of_two(n)),
        _ => p.scale(power_of_two(n)) + Wide::sum(power_of_two(n), -1.0),
    }
}

pub fn expm1(x: f64) -> Value {
    match x {
        _ if x.abs() < TINY => x.into(),
        ..-100.0 => Value::from(Wide::sum(-1.0, 1e-30)),
        700.0.. => exp_of(x),
        _ => expm1_near(x.into()).into(),
    }
}

/// `2 artanh(s)` for small `s`.
fn log_series(s: Wide) -> Wide {
    let z = s.square();
    let mut y = Wide::from(0.0);
    for n in (0..24).rev() {
        y = y * z + Wide::ONE / (2 * n + 1) as f64;
    }
    (y * s).scale(2.0)
}

/// The logarithm of a number between 1/2 and 2.
fn log_near(x: Wide) -> Wide {
    if (0.92..1.08).contains(&x.hi) {
        return log_series((x - 1.0) / (x + 1.0));
    }
    // One step of Newton's method.
    let y = x.hi.ln();
    let z = x * exp_near(Wide::from(-y)) - 1.0;
    Wide::from(y) + (z - z.square().scale(0.5))
}

/// The logarithm of a positive finite number, and the exponent of 2 to add.
fn split_log(x: Wide) -> (Wide, f64) {
    let (y, mut exp) = split(x.hi);
    if y > std::f64::consts::SQRT_2 {
        exp += 1;
    }
    // In two steps, as a power of two may be out of range.
    let half = -exp / 2;
    (log_near(x.scale(power_of_two(half)).scale(power_of_two(-exp - half))), exp as f64)
}

pub fn log(x: Wide) -> Wide {
    let (y, exp) = split_log(x);
    LN_2 * exp + y
}

/// What logarithms give outside of the positive finite numbers.
fn log_edges(x: f64, of: impl Fn(Wide) -> Wide) -> Value {
    match x {
        0.0 => f64::NEG_INFINITY.into(),
        f64::INFINITY => x.into(),
        0.0.. => of(x.into()).into(),
        _ => Value::nan(),
    }
}

fn log1p(x: Wide) -> Wide {
    if x.hi.abs() < 0.08 { log_series(x / (x + 2.0)) } else { log(x + 1.0) }
}

pub fn atan(x: Wide) -> Wide {
    let a = x.hi.abs();
    if a < TINY {
        return x;
    }
    if a > 1e18 {
        let y = PI.scale(0.5) - x.abs().recip();
        return if x.hi < 0.0 { -y } else { y };
    }
    let y = x.hi.atan();
    let (sin, cos) = sin_cos(y);
    Wide::from(y) + (x * cos - sin) / (cos + x * sin)
}

/// `exp(x^2) erfc(x) sqrt(pi) / 2` for `x >= 2`, a continued fraction.
fn erfc_scaled(x: Wide) -> Wide {
    let steps = (40.0 + 1500.0 / (x.hi * x.hi)) as i32;
    let mut t = x;
    for i in (1..=steps).rev() {
        t = x + Wide::from(0.5 * i as f64) / t;
    }
    t.scale(2.0).recip()
}

fn erf_near(x: Wide) -> Wide {
    // Terms of one sign.
    let z = x.square().scale(2.0);
    let (mut term, mut sum) = (Wide::ONE, Wide::ONE);
    for n in 1.. {
        term = term * z / (2 * n + 1) as f64;
        sum = sum + term;
        if term.hi < 1e-34 * sum.hi {
            break;
        }
    }
    FRAC_2_SQRT_PI * x * sum * exp_near(-x.square())
}

fn erf(x: f64) -> Value {
    match x.abs() {
        // The series, with numbers that do not underflow.
        a if a < TINY => Value { wide: FRAC_2_SQRT_PI * (x * power_of_two(200)), exp: -200 },
        a if a < 2.0 => erf_near(x.into()).into(),
        a if a > 20.0 => Value::from(x.signum()),
        a => {
            let rest = FRAC_2_SQRT_PI * erfc_scaled(a.into()) * exp_near(-Wide::product(a, a));
            Value::from((Wide::ONE - rest) * x.signum())
        }
    }
}

/// `1 - erf(x)`
fn erfc(x: Wide) -> Value {
    if x.hi < 2.0 {
        if x.hi < -20.0 {
            Value::from(2.0)
        } else if x.hi < -2.0 {
            Value::from(Wide::from(2.0) - FRAC_2_SQRT_PI * erfc_scaled(-x) * exp_near(-x.square()))
        } else {
            (Wide::ONE - erf_near(x)).into()
        }
    } else {
        exp(-x.square()).mul(FRAC_2_SQRT_PI * erfc_scaled(x))
    }
}

/// `1 / (1 + exp(-x))`
fn sigmoid(x: Wide) -> Value {
    if x.hi > 0.0 { (Wide::ONE + exp_near(-x)).recip().into() } else { exp(x).mul((Wide::ONE + exp_near(x)).recip()) }
}

fn softplus(x: f64) -> Value {
    match x {
        ..-5000.0 => exp_of(x),
        ..-60.0 => exp_of(x).mul(Wide::sum(1.0, -0.5 * x.exp())),
        ..=0.0 => log1p(exp_near(x.into())).into(),
        _ => (Wide::from(x) + log1p(exp_near((-x).max(-700.0).into()))).into(),
    }
}

fn gelu(x: f64) -> Value {
    match x {
        ..-1000.0 => Value { wide: x.into(), exp: -4000 },
        1000.0.. => x.into(),
        _ if x.abs() < TINY => Value { wide: x.into(), exp: -1 },
        _ => erfc(SQRT_HALF * -x).mul(Wide::from(x)).mul(0.5),
    }
}

fn gelu_tanh(x: f64) -> Value {
    match x {
        ..-100.0 => Value { wide: x.into(), exp: -4000 },
        100.0.. => x.into(),
        _ if x.abs() < TINY => Value { wide: x.into(), exp: -1 },
        _ => sigmoid((GELU_CUBE * Wide::product(x, x) + 1.0) * x * SQRT_8_PI).mul(x),
    }
}

fn mish(x: f64) -> Value {
    match x {
        1000.0.. => x.into(),
        ..-5000.0 => Value { wide: x.into(), exp: -4000 },
        0.0.. => {
            let e = exp_near((-x).into());
            let top = e.scale(2.0) + 1.0;
            (top / (top + e.square().scale(2.0)) * x).into()
        }
        _ => {
            let e = exp_near(x.into());
            exp(x.into()).mul((e + 2.0) / (e.square() + e.scale(2.0) + 2.0)).mul(x)
        }
    }
}

fn hardsigmoid(x: f64) -> Wide {
    match x {
        ..=-3.0 => 0.0.into(),
        3.0.. => 1.0.into(),
        _ => Wide::sum(x, 3.0) / 6.0,
    }
}

/// An odd function: what is so small that `f(x)` is `x` stays, what is infinite gives `limit`.
fn odd(x: f64, limit: f64, f: impl Fn(Wide) -> Wide) -> Value {
    match x.abs() {
        a if a < TINY => x.into(),
        f64::INFINITY => limit.copysign(x).into(),
        _ => f(x.into()).into(),
    }
}

pub fn unary(op: UnaryOp, x: f64) -> Value {
    use UnaryOp::*;
    if x.is_nan() {
        return if op == Sign { 0.0.into() } else { x.into() };
    }
    if x == 0.0 && matches!(op, Erf | Expm1 | Selu | Gelu | GeluTanh | Silu | Mish | Hardswish) {
        return x.into();
    }
    match op {
        Neg => (-x).into(),
        Abs => x.abs().into(),
        Sign => (if x == 0.0 { 0.0 } else { x.signum() }).into(),
        Floor => x.floor().into(),
        Ceil => x.ceil().into(),
        Round => x.round_ties_even().into(),
        Trunc => x.trunc().into(),
        Square if x == 0.0 || x.is_infinite() => (x * x).into(),
        Square => {
            let (y, exp) = split(x);
            Value { wide: Wide::product(y, y), exp: 2 * exp }
        }
        Exp if x.is_infinite() => x.exp().into(),
        Exp => exp_of(x),
        Exp2 if x.is_infinite() => x.exp2().into(),
        Exp2 => exp(LN_2 * x.clamp(-5000.0, 5000.0)),
        Expm1 if x == f64::INFINITY => x.into(),
        Expm1 => expm1(x),
        Log => log_edges(x, log),
        Log2 => log_edges(x, |x| {
            let (y, exp) = split_log(x);
            y / LN_2 + exp
        }),
        Log1p if x.abs() < TINY => x.into(),
        Log1p if x == -1.0 => f64::NEG_INFINITY.into(),
        Log1p if x < -1.0 => Value::nan(),
        Log1p if x == f64::INFINITY => x.into(),
        Log1p => log1p(x.into()).into(),
        // Correctly rounded in `f64`, and twice as many bits and two as `f32` has make that rounding harmless.
        Sqrt => x.sqrt().into(),
        Rsqrt if x <= 0.0 || x == f64::INFINITY => (1.0 / x.sqrt()).into(),
        Rsqrt => {
            let (y, exp) = split(x);
            let root = Wide::from(if exp & 1 == 0 { y } else { 2.0 * y }).sqrt();
            Value { wide: root.recip(), exp: -(exp >> 1) }
        }
        Reciprocal if x == 0.0 || x.is_infinite() => (1.0 / x).into(),
        Reciprocal => {
            let (y, exp) = split(x);
            Value { wide: Wide::from(y).recip(), exp: -exp }
        }
        Sin | Cos | Tan if x.is_infinite() => Value::nan(),
        Sin | Tan if x.abs() < TINY => x.into(),
        Sin => sin_cos(x).0.into(),
        Cos => sin_cos(x).1.into(),
        Tan => {
            let (sin, cos) = sin_cos(x);
            (sin / cos).into()
        }
        Sinh => match x.abs() {
            a if a < TINY || a == f64::INFINITY => x.into(),
            40.0.. => {
                let Value { wide, exp } = exp_of(x.abs());
                Value { wide: wide * x.signum(), exp: exp - 1 }
            }
            _ => {
                let p = expm1_near(x.into());
                (p + p / (p + 1.0)).scale(0.5).into()
            }
        },
        Cosh => match x.abs() {
            f64::INFINITY => f64::INFINITY.into(),
            a @ 40.0.. => {
                let Value { wide, exp } = exp_of(a);
                Value { wide, exp: exp - 1 }
            }
            _ => {
                let e = exp_near(x.into());
                (e + e.recip()).scale(0.5).into()
            }
        },
        Tanh => odd(x, 1.0, |x| {
            if x.hi.abs() > 60.0 {
                return x.hi.signum().into();
            }
            let p = expm1_near(x.scale(2.0));
            p / (p + 2.0)
        }),
        Asin | Acos if x.abs() > 1.0 => Value::nan(),
        Asin | Acos => {
            let root = (Wide::sum(1.0, x) * Wide::sum(1.0, -x)).sqrt();
            let quarter = PI.scale(0.5);
            if op == Asin {
                return match x.abs() {
                    1.0 => (quarter * x).into(),
                    a if a < TINY => x.into(),
                    _ => atan(Wide::from(x) / root).into(),
                };
            }
            match x {
                1.0 => 0.0.into(),
                _ if x.abs() < 0.5 => (quarter - atan(Wide::from(x) / root)).into(),
                ..0.0 => (PI - atan(root / -x)).into(),
                _ => atan(root / x).into(),
            }
        }
        Atan => match x.abs() {
            f64::INFINITY => (PI.scale(0.5) * x.signum()).into(),
            _ => atan(x.into()).into(),
        },
        Erf => erf(x),
        Sigmoid => match x {
            f64::NEG_INFINITY => 0.0.into(),
            _ => sigmoid(x.clamp(-5000.0, 700.0).into()),
        },
        Softplus if x.is_infinite() => x.max(0.0).into(),
        Softplus => softplus(x),
        Relu => (if x <= 0.0 { 0.0 } else { x }).into(),
        Selu if x > 0.0 => Value { wide: SELU_SCALE * split(x).0, exp: split(x).1 },
        Selu if x.abs() < TINY => Value { wide: SELU_NEGATIVE * (x * power_of_two(200)), exp: -200 },
        Selu => expm1(x).mul(SELU_NEGATIVE),
        // Times 0 or not at all: PyTorch has NaN.
        Gelu | GeluTanh | Silu | Mish | Hardswish if x == f64::NEG_INFINITY => Value::nan(),
        Gelu => gelu(x),
        GeluTanh => gelu_tanh(x),
        Silu if x == f64::INFINITY => x.into(),
        Silu => sigmoid(x.clamp(-5000.0, 700.0).into()).mul(x),
        Mish => mish(x),
        Hardswish => match x {
            3.0.. => x.into(),
            ..=-3.0 => (-0.0).into(),
            _ => {
                let (y, exp) = split(x);
                Value { wide: hardsigmoid(x) * y, exp }
            }
        },
        Hardsigmoid => hardsigmoid(x).into(),
        Not | BitNot => unreachable!("the result is no float"),
    }
}
