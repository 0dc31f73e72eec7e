//! Derivatives that do not fit into a row of the registry.
//!
//! Where a derivative is 0 the gradient is not multiplied by 0 but left out: it, or the value, may be infinite or NaN.

use super::is_grad_enabled;
use crate::{Tensor, tensor::settle};

/// `Phi(x) + x * phi(x)`.
pub(crate) fn gelu(x: &Tensor) -> Tensor {
    let cdf = (x * std::f64::consts::FRAC_1_SQRT_2).erf() * 0.5 + 0.5;
    let pdf = (x.square() * -0.5).exp() * (0.5 * std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2);
    cdf + x * &pdf
}

pub(crate) fn gelu_tanh(x: &Tensor) -> Tensor {
    let (scale, cubic) = (std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2, 0.044715);
    // Far out the derivative is 0 or 1 to the last digit, and the powers would overflow.
    let x = &settle(x.maximum(-40.0).and_then(|x| x.minimum(40.0)));
    let square = x.square();
    let t = ((&square * cubic + 1.0) * x * scale).tanh();
    let slope = (square * (3.0 * cubic) + 1.0) * scale;
    (&t + 1.0) * 0.5 + x * &(-t.square() + 1.0) * slope * 0.5
}

pub(crate) fn silu(x: &Tensor) -> Tensor {
    let s = x.sigmoid();
    &s * &(x * &(-&s + 1.0) + 1.0)
}

pub(crate) fn mish(x: &Tensor) -> Tensor {
    let t = x.softplus().tanh();
    &t + &(x * &x.sigmoid() * (-t.square() + 1.0))
}

/// `g` where the result of relu is above 0, or NaN.
pub(crate) fn relu(g: &Tensor, y: &Tensor) -> Tensor {
    settle(y.le(0.0).and_then(|flat| flat.choose(0.0, g)))
}

/// 1/6 of `g` between the bends, 0 outside, at them, and where `x` is NaN.
pub(crate) fn hardsigmoid(g: &Tensor, x: &Tensor) -> Tensor {
    settle(x.abs().lt(3.0).and_then(|inside| inside.choose(g * (1.0 / 6.0), 0.0)))
}

pub(crate) fn hardswish(g: &Tensor, x: &Tensor) -> Tensor {
    let curved = |inside: Tensor| {
        // Outside the slope is not used, and must be finite for a second derivative.
        let slope = inside.choose(x, 0.0)? * (1.0 / 3.0) + 0.5;
        x.le(-3.0)?.choose(0.0, inside.choose(g * &slope, g)?)
    };
    settle(x.abs().lt(3.0).and_then(curved))
}

/// From the result: `y + scale * alpha` up to 0, the scale above, and where it is NaN.
pub(crate) fn selu(y: &Tensor) -> Tensor {
    settle(y.le(0.0).and_then(|below| below.choose(&(y + 1.758_099_340_847_376_6), 1.050_700_987_355_480_5)))
}

/// `b * a^(b - 1)`, 0 where `b` is 0.
pub(crate) fn pow_base(a: &Tensor, b: &Tensor) -> Tensor {
    let slope = |mut flat: Tensor| {
        if is_grad_enabled() && b.is_tracked() {
            // It is 0 there, but its derivative by `b` is `1 / a`: only what is not finite is replaced.
            flat = flat.logical_and(a.eq(0.0)?.logical_or(a.ne(a)?)?)?;
        }
        // The branch that is not taken must be finite, or a second derivative would be NaN.
        let b = flat.choose(1.0, b)?;
        flat.choose(0.0, &b * &a.pow(&b - 1.0)?)
    };
    settle(b.eq(0.0).and_then(slope))
}

/// `a^b * ln(a)`, 0 where `a` is 0 and `b` is not below.
pub(crate) fn pow_exponent(a: &Tensor, b: &Tensor, y: &Tensor) -> Tensor {
    let slope = |flat: Tensor| flat.choose(0.0, y * &flat.choose(1.0, a)?.log());
    settle(a.eq(0.0).and_then(|zero| zero.logical_and(b.ge(0.0)?)).and_then(slope))
}

/// `floor(a / b)`.
pub(crate) fn quotient(a: &Tensor, b: &Tensor) -> Tensor {
    settle(a.detach().floor_divide(b.detach()))
}

/// The part of `g` that `a` gets as the larger of two: none below `b`, half of it at a tie, else all.
pub(crate) fn larger(g: &Tensor, a: &Tensor, b: &Tensor) -> Tensor {
    settle(a.lt(b).and_then(|out| out.choose(0.0, tied(g, a, b))))
}

/// The same for the smaller of two.
pub(crate) fn smaller(g: &Tensor, a: &Tensor, b: &Tensor) -> Tensor {
    settle(a.gt(b).and_then(|out| out.choose(0.0, tied(g, a, b))))
}

fn tied(g: &Tensor, a: &Tensor, b: &Tensor) -> Tensor {
    settle(a.eq(b).and_then(|tie| tie.choose(g * 0.5, g)))
}

/// `a / (a^2 + b^2)`, 0 at the origin.
pub(crate) fn angle(a: &Tensor, b: &Tensor) -> Tensor {
    // Both over the larger one: their squares may be past the range. The value does not depend on it.
    let size = settle(a.detach().abs().maximum(b.detach().abs()));
    let fraction = |origin: Tensor| {
        let size = origin.choose(1.0, &size)?;
        let (a, b) = (a / &size, b / &size);
        let square = origin.choose(1.0, &(a.square() + b.square()))?;
        a.div(square * size)
    };
    settle(size.eq(0.0).and_then(fraction))
}
