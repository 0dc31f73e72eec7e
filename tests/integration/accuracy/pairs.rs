//! What every elementwise op of two floats gives before it is rounded.

use kiln::op::BinaryOp;

use super::{
    functions::{atan, exp, expm1, expm1_near, log},
    wide::{PI, Value, Wide, power_of_two, split},
};

/// The sum, also where it overflows.
fn sum(a: f64, b: f64) -> Value {
    if (a + b).is_infinite() && a.is_finite() && b.is_finite() {
        return Value { wide: Wide::sum(a * 0.25, b * 0.25), exp: 2 };
    }
    Wide::sum(a, b).into()
}

fn pow(a: f64, b: f64) -> Value {
    let odd = b % 2.0 == 1.0 || b % 2.0 == -1.0;
    let edge = a == 0.0 || a == 1.0 || b == 0.0 || !a.is_finite() || !b.is_finite();
    if edge || a < 0.0 && b.trunc() != b {
        // C's edges, which the standard library has.
        return a.powf(b).into();
    }
    let estimate = b * a.abs().ln();
    let y = if estimate.abs() > 5000.0 { Wide::from(5000f64.copysign(estimate)) } else { log(a.abs().into()) * b };
    exp(y).mul(if a < 0.0 && odd { -1.0 } else { 1.0 })
}

fn floor_divide(a: f64, b: f64) -> Value {
    if a == 0.0 || b == 0.0 || a.is_nan() || !b.is_finite() || a.is_infinite() {
        // Of a finite number by an infinite one -1 or 0; the infinite has no remainder, so no quotient.
        return match (a.is_infinite(), b.is_infinite()) {
            (false, true) if a != 0.0 && (a < 0.0) != (b < 0.0) => (-1.0).into(),
            (true, _) if b != 0.0 => Value::nan(),
            _ => (a / b).into(),
        };
    }
    let ((x, i), (y, j)) = (split(a), split(b));
    if i - j > 110 {
        return Value { wide: Wide::from(x) / y, exp: i - j };
    }
    if i - j < -2 {
        return (if (a < 0.0) != (b < 0.0) { -1.0 } else { 0.0 }).into();
    }
    // Truncated division without its remainder is a whole number.
    let y = y * power_of_two(j - i);
    let r = x % y;
    let quotient = Wide::sum(x, -r) / y;
    let (high, low) = (quotient.hi.round(), quotient.lo.round());
    let down = r != 0.0 && (r < 0.0) != (y < 0.0);
    let whole = Wide::from(high) + if high == quotient.hi { low } else { 0.0 };
    let floor = if down { whole - 1.0 } else { whole };
    if floor.hi == 0.0 { 0f64.copysign(a / b).into() } else { floor.into() }
}

fn remainder(a: f64, b: f64) -> Value {
    let r = a % b;
    match r {
        0.0 => 0f64.copysign(b).into(),
        _ if (r < 0.0) != (b < 0.0) => sum(r, b),
        _ => r.into(),
    }
}

fn atan2(y: f64, x: f64) -> Value {
    let turn = |parts: f64| PI.scale(parts.copysign(y));
    if y.is_infinite() {
        return turn(if x.is_infinite() { if x > 0.0 { 0.25 } else { 0.75 } } else { 0.5 }).into();
    }
    if y == 0.0 || x.is_infinite() {
        return if x.is_sign_negative() { turn(1.0).into() } else { 0f64.copysign(y).into() };
    }
    if x == 0.0 {
        return turn(0.5).into();
    }
    let ((v, i), (u, j)) = (split(y), split(x));
    let ratio = Wide::from(v.abs()) / u.abs();
    if i - j < -250 {
        let angle = Value { wide: ratio * v.signum(), exp: i - j };
        return if x > 0.0 { angle } else { turn(1.0).into() };
    }
    let angle = if i - j > 250 { PI.scale(0.5) } else { atan(ratio.scale(power_of_two(i - j))) };
    let angle = if x < 0.0 { PI - angle } else { angle };
    (if y < 0.0 { -angle } else { angle }).into()
}

/// For `x` below 0.
fn elu(x: f64, alpha: f64) -> Value {
    if alpha == 0.0 || alpha.is_infinite() {
        return (x.exp_m1() * alpha).into();
    }
    if x.abs() < 1e-60 {
        return binary(BinaryOp::Mul, x, alpha);
    }
    let (y, exp) = split(alpha);
    expm1(x).mul(y).shifted(exp)
}

/// For `x` below 0 and `alpha` from 0 up.
fn celu(x: f64, alpha: f64) -> Value {
    match (x.is_infinite(), alpha.is_infinite()) {
        (true, true) => return Value::nan(),
        (false, true) => return x.into(),
        (true, false) => return (-alpha).into(),
        _ if alpha == 0.0 => return (-alpha).into(),
        _ => {}
    }
    let ((y, i), (z, j)) = (split(x), split(alpha));
    match i - j {
        ..-120 => x.into(),
        12.. => (-alpha).into(),
        exp => Value::from(expm1_near((Wide::from(y) / z).scale(power_of_two(exp)))).mul(z).shifted(j),
    }
}

/// Whether the bounds of the registry are for these arguments.
pub fn is_bounded(op: BinaryOp, b: f64) -> bool {
    op != BinaryOp::Celu || !b.is_sign_negative()
}

pub fn binary(op: BinaryOp, a: f64, b: f64) -> Value {
    use BinaryOp::*;
    match op {
        LeakyRelu if a > 0.0 => return a.into(),
        Elu | Celu if a >= 0.0 => return a.into(),
        _ => {}
    }
    if op != Pow && (a.is_nan() || b.is_nan()) {
        return Value::nan();
    }
    // Of numbers: mantissas and exponents.
    let numbers = a != 0.0 && b != 0.0 && a.is_finite() && b.is_finite();
    match op {
        Add => sum(a, b),
        Sub => sum(a, -b),
        Mul | Div if numbers => {
            let ((x, i), (y, j)) = (split(a), split(b));
            if op == Mul {
                Value { wide: Wide::product(x, y), exp: i + j }
            } else {
                Value { wide: Wide::from(x) / y, exp: i - j }
            }
        }
        LeakyRelu => binary(Mul, a, b),
        Elu => elu(a, b),
        Celu => celu(a, b),
        Mul => (a * b).into(),
        Div => (a / b).into(),
        Pow => pow(a, b),
        FloorDiv => floor_divide(a, b),
        Rem => remainder(a, b),
        // Of equal ones, so of two zeros, the second.
        Max => (if a > b { a } else { b }).into(),
        Min => (if a < b { a } else { b }).into(),
        Atan2 => atan2(a, b),
        _ => unreachable!("the result is no float"),
    }
}

/// What ops give whose result is a bool.
pub fn compare(op: BinaryOp, a: f64, b: f64) -> bool {
    match op {
        BinaryOp::And => a != 0.0 && b != 0.0,
        BinaryOp::Or => a != 0.0 || b != 0.0,
        BinaryOp::Xor => (a != 0.0) != (b != 0.0),
        BinaryOp::Eq => a == b,
        BinaryOp::Ne => a != b,
        BinaryOp::Lt => a < b,
        BinaryOp::Le => a <= b,
        BinaryOp::Gt => a > b,
        BinaryOp::Ge => a >= b,
        _ => unreachable!("no comparison"),
    }
}
