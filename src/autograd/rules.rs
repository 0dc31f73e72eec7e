//! The gradient of every elementwise op of the registry: a row without a rule does not compile.
//!
//! Rules are tensor operations, so that they run on every device and have derivatives themselves. Where a derivative is 0
//! the gradient is not multiplied by 0 but left out: it, or the value, may be infinite or NaN.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, LN_2};

use super::{is_grad_enabled, tape::Saved};
use crate::{
    Operand, Result, Tensor,
    op::{BinaryOp, UnaryOp},
    tensor::settle,
};

/// What a rule needs of the op, in a mask.
pub(super) const NONE: u8 = 0;
/// The first input, `s.a()`.
pub(super) const A: u8 = 1;
/// The second input, `s.b()`.
pub(super) const B: u8 = 2;
/// The result, `s.y()`.
pub(super) const Y: u8 = 4;

/// How the gradient of a result becomes that of one input.
pub(super) struct Derivative {
    /// What is saved for it.
    pub saves: u8,
    /// By what was saved and the gradient of the result.
    pub apply: fn(&Saved, &Tensor) -> Tensor,
}

const fn by(saves: u8, apply: fn(&Saved, &Tensor) -> Tensor) -> Derivative {
    Derivative { saves, apply }
}

/// The derivative is 0 everywhere.
fn zero() -> Derivative {
    by(NONE, |_, g| g.zeros_like())
}

/// The result is no float: it is not tracked.
fn none() -> Derivative {
    by(NONE, |_, _| unreachable!("what is no float has no gradient"))
}

pub(super) fn unary(op: UnaryOp) -> Derivative {
    use UnaryOp::*;
    match op {
        Neg => by(NONE, |_, g| -g),
        Abs => by(A, |s, g| g * &s.a().sign()),
        Sign | Floor | Ceil | Round | Trunc => zero(),
        Square => by(A, |s, g| g * &(s.a() * 2.0)),
        Exp => by(Y, |s, g| g * s.y()),
        Exp2 => by(Y, |s, g| &(g * s.y()) * LN_2),
        Expm1 => by(Y, |s, g| g * &(s.y() + 1.0)),
        Log => by(A, |s, g| g / s.a()),
        Log2 => by(A, |s, g| g / &(s.a() * LN_2)),
        Log1p => by(A, |s, g| g / &(s.a() + 1.0)),
        Sqrt => by(Y, |s, g| g / &(s.y() * 2.0)),
        Rsqrt => by(Y, |s, g| &(g * &(s.y() * &s.y().square())) * -0.5),
        Reciprocal => by(Y, |s, g| -(g * &s.y().square())),
        Sin => by(A, |s, g| g * &s.a().cos()),
        Cos => by(A, |s, g| -(g * &s.a().sin())),
        Tan => by(Y, |s, g| g * &(s.y().square() + 1.0)),
        Sinh => by(A, |s, g| g * &s.a().cosh()),
        Cosh => by(A, |s, g| g * &s.a().sinh()),
        Tanh => by(Y, |s, g| g * &(-s.y().square() + 1.0)),
        Asin => by(A, |s, g| g * &(-s.a().square() + 1.0).rsqrt()),
        Acos => by(A, |s, g| -(g * &(-s.a().square() + 1.0).rsqrt())),
        Atan => by(A, |s, g| g / &(s.a().square() + 1.0)),
        Erf => by(A, |s, g| &(g * &(-s.a().square()).exp()) * FRAC_2_SQRT_PI),
        Sigmoid => by(Y, |s, g| &(g * s.y()) * &(-s.y() + 1.0)),
        Softplus => by(A, |s, g| g * &s.a().sigmoid()),
        Relu => by(Y, |s, g| relu(g, s.y())),
        Selu => by(Y, |s, g| g * &selu(s.y())),
        Gelu => by(A, |s, g| g * &gelu(s.a())),
        GeluTanh => by(A, |s, g| g * &gelu_tanh(s.a())),
        Silu => by(A, |s, g| g * &silu(s.a())),
        Mish => by(A, |s, g| g * &mish(s.a())),
        Hardswish => by(A, |s, g| hardswish(g, s.a())),
        Hardsigmoid => by(A, |s, g| hardsigmoid(g, s.a())),
        Not | BitNot => none(),
    }
}

/// The derivatives by both inputs.
pub(super) fn binary(op: BinaryOp) -> [Derivative; 2] {
    use BinaryOp::*;
    match op {
        Add => [by(NONE, |_, g| g.clone()), by(NONE, |_, g| g.clone())],
        Sub => [by(NONE, |_, g| g.clone()), by(NONE, |_, g| -g)],
        Mul => [by(B, |s, g| g * s.b()), by(A, |s, g| g * s.a())],
        Div => [by(B, |s, g| g / s.b()), by(B | Y, |s, g| -(&(g * s.y()) / s.b()))],
        Pow => [
            by(A | B, |s, g| g * &pow_base(s.a(), s.b())),
            by(A | B | Y, |s, g| g * &pow_exponent(s.a(), s.b(), s.y())),
        ],
        FloorDiv => [zero(), zero()],
        Rem => [by(NONE, |_, g| g.clone()), by(A | B, |s, g| -(g * &quotient(s.a(), s.b())))],
        Max => [by(A | B, |s, g| larger(g, s.a(), s.b())), by(A | B, |s, g| larger(g, s.b(), s.a()))],
        Min => [by(A | B, |s, g| smaller(g, s.a(), s.b())), by(A | B, |s, g| smaller(g, s.b(), s.a()))],
        Atan2 => [by(A | B, |s, g| g * &angle(s.b(), s.a())), by(A | B, |s, g| -(g * &angle(s.a(), s.b())))],
        Eq | Ne | Lt | Le | Gt | Ge | And | Or | Xor | BitAnd | BitOr | BitXor => [none(), none()],
        LeakyRelu => [
            by(A | B, |s, g| settle(s.a().gt(0.0).and_then(|above| above.where_(g, g * s.b())))),
            by(A, |s, g| settle(s.a().gt(0.0).and_then(|above| above.where_(0.0, g * s.a())))),
        ],
        Elu => [
            by(A | B, |s, g| below(s.a().le(0.0), g, s.a(), g, |x| &x.exp() * s.b())),
            by(A, |s, g| below(s.a().le(0.0), g, s.a(), 0.0, |x| x.expm1())),
        ],
        Celu => [
            by(A | B, |s, g| below(s.a().lt(0.0), g, s.a(), g, |x| (x / s.b()).exp())),
            by(A | B, |s, g| {
                below(s.a().lt(0.0), g, s.a(), 0.0, |x| {
                    let ratio = x / s.b();
                    ratio.expm1() - &ratio * &ratio.exp()
                })
            }),
        ],
    }
}

/// `Phi(x) + x * phi(x)`.
fn gelu(x: &Tensor) -> Tensor {
    let cdf = (x * FRAC_1_SQRT_2).erf() * 0.5 + 0.5;
    let pdf = (x.square() * -0.5).exp() * (0.5 * FRAC_2_SQRT_PI * FRAC_1_SQRT_2);
    cdf + x * &pdf
}

fn gelu_tanh(x: &Tensor) -> Tensor {
    let (scale, cubic) = (FRAC_2_SQRT_PI * FRAC_1_SQRT_2, 0.044715);
    // Far out the derivative is 0 or 1 to the last digit, and the powers would overflow.
    let x = &settle(x.maximum(-40.0).and_then(|x| x.minimum(40.0)));
    let square = x.square();
    let t = ((&square * cubic + 1.0) * x * scale).tanh();
    let slope = (square * (3.0 * cubic) + 1.0) * scale;
    (&t + 1.0) * 0.5 + x * &(-t.square() + 1.0) * slope * 0.5
}

fn silu(x: &Tensor) -> Tensor {
    let s = x.sigmoid();
    &s * &(x * &(-&s + 1.0) + 1.0)
}

fn mish(x: &Tensor) -> Tensor {
    let t = x.softplus().tanh();
    &t + &(x * &x.sigmoid() * (-t.square() + 1.0))
}

/// `g` where the result of relu is above 0, or NaN.
fn relu(g: &Tensor, y: &Tensor) -> Tensor {
    settle(y.le(0.0).and_then(|flat| flat.where_(0.0, g)))
}

/// 1/6 of `g` between the bends, 0 outside, at them, and where `x` is NaN.
fn hardsigmoid(g: &Tensor, x: &Tensor) -> Tensor {
    settle(x.abs().lt(3.0).and_then(|inside| inside.where_(g * (1.0 / 6.0), 0.0)))
}

fn hardswish(g: &Tensor, x: &Tensor) -> Tensor {
    let curved = |inside: Tensor| {
        // Outside the slope is not used, and must be finite for a second derivative.
        let slope = inside.where_(x, 0.0)? * (1.0 / 3.0) + 0.5;
        x.le(-3.0)?.where_(0.0, inside.where_(g * &slope, g)?)
    };
    settle(x.abs().lt(3.0).and_then(curved))
}

/// From the result: `y + scale * alpha` up to 0, the scale above, and where it is NaN.
fn selu(y: &Tensor) -> Tensor {
    settle(y.le(0.0).and_then(|below| below.where_(&(y + 1.758_099_340_847_376_6), 1.050_700_987_355_480_5)))
}

/// `g` times the slope where `x` is on the curve, `otherwise` elsewhere.
fn below(
    curved: Result<Tensor>,
    g: &Tensor,
    x: &Tensor,
    otherwise: impl Operand,
    slope: impl FnOnce(&Tensor) -> Tensor,
) -> Tensor {
    // Elsewhere the slope is not used, and must be finite for a second derivative.
    let slope = |curved: Tensor| curved.where_(g * &slope(&curved.where_(x, 0.0)?), otherwise);
    settle(curved.and_then(slope))
}

/// `b * a^(b - 1)`, 0 where `b` is 0.
fn pow_base(a: &Tensor, b: &Tensor) -> Tensor {
    let slope = |mut flat: Tensor| {
        if is_grad_enabled() && b.is_tracked() {
            // It is 0 there, but its derivative by `b` is `1 / a`: only what is not finite is replaced.
            flat = flat.logical_and(a.eq(0.0)?.logical_or(a.ne(a)?)?)?;
        }
        // The branch that is not taken must be finite, or a second derivative would be NaN.
        let b = flat.where_(1.0, b)?;
        flat.where_(0.0, &b * &a.pow(&b - 1.0)?)
    };
    settle(b.eq(0.0).and_then(slope))
}

/// `a^b * ln(a)`, 0 where `a` is 0 and `b` is not below.
fn pow_exponent(a: &Tensor, b: &Tensor, y: &Tensor) -> Tensor {
    let slope = |flat: Tensor| flat.where_(0.0, y * &flat.where_(1.0, a)?.log());
    settle(a.eq(0.0).and_then(|zero| zero.logical_and(b.ge(0.0)?)).and_then(slope))
}

/// `floor(a / b)`.
fn quotient(a: &Tensor, b: &Tensor) -> Tensor {
    settle(a.detach().floor_divide(b.detach()))
}

/// The part of `g` that `a` gets as the larger of two: none below `b`, half of it at a tie, else all.
fn larger(g: &Tensor, a: &Tensor, b: &Tensor) -> Tensor {
    settle(a.lt(b).and_then(|out| out.where_(0.0, tied(g, a, b))))
}

/// The same for the smaller of two.
fn smaller(g: &Tensor, a: &Tensor, b: &Tensor) -> Tensor {
    settle(a.gt(b).and_then(|out| out.where_(0.0, tied(g, a, b))))
}

fn tied(g: &Tensor, a: &Tensor, b: &Tensor) -> Tensor {
    settle(a.eq(b).and_then(|tie| tie.where_(g * 0.5, g)))
}

/// `a / (a^2 + b^2)`, 0 at the origin.
fn angle(a: &Tensor, b: &Tensor) -> Tensor {
    // Both over the larger one: their squares may be past the range. The value does not depend on it.
    let size = settle(a.detach().abs().maximum(b.detach().abs()));
    let fraction = |origin: Tensor| {
        let size = origin.where_(1.0, &size)?;
        let (a, b) = (a / &size, b / &size);
        let square = origin.where_(1.0, &(a.square() + b.square()))?;
        a.div(square * size)
    };
    settle(size.eq(0.0).and_then(fraction))
}
