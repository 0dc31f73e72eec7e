//! Derivatives that do not fit into a row of the registry.

use crate::{DType, Tensor, tensor::settle};

/// `Phi(x) + x * phi(x)`.
pub(crate) fn gelu(x: &Tensor) -> Tensor {
    let cdf = (x * std::f64::consts::FRAC_1_SQRT_2).erf() * 0.5 + 0.5;
    let pdf = (x.square() * -0.5).exp() * (0.5 * std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2);
    cdf + x * &pdf
}

pub(crate) fn gelu_tanh(x: &Tensor) -> Tensor {
    let (scale, cubic) = (std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2, 0.044715);
    let square = x.square();
    let t = ((&square * cubic + 1.0) * x * scale).tanh();
    let slope = (square * (3.0 * cubic) + 1.0) * scale;
    (&t + 1.0) * 0.5 + x * &(t.square().neg() + 1.0) * slope * 0.5
}

pub(crate) fn silu(x: &Tensor) -> Tensor {
    let s = x.sigmoid();
    &s * &(x * &(s.neg() + 1.0) + 1.0)
}

pub(crate) fn mish(x: &Tensor) -> Tensor {
    let t = x.softplus().tanh();
    &t + &(x * &x.sigmoid() * (t.square().neg() + 1.0))
}

/// 1 between the bends, 0 outside and at them, times `slope`.
fn between(x: &Tensor, low: f64, high: f64) -> Tensor {
    let inside = x.gt(low).and_then(|above| above.logical_and(x.lt(high)?));
    settle(inside).to_dtype(x.dtype())
}

pub(crate) fn hardsigmoid(x: &Tensor) -> Tensor {
    between(x, -3.0, 3.0) * (1.0 / 6.0)
}

pub(crate) fn hardswish(x: &Tensor) -> Tensor {
    let above = settle(x.ge(3.0)).to_dtype(x.dtype());
    between(x, -3.0, 3.0) * (x * (1.0 / 3.0) + 0.5) + above
}

/// From the result: the scale above 0, `y + scale * alpha` below.
pub(crate) fn selu(y: &Tensor) -> Tensor {
    settle(y.gt(0.0).and_then(|above| above.choose(1.050_700_987_355_480_5, &(y + 1.758_099_340_847_376_6))))
}

/// `b * a^(b - 1)`, 0 where `b` is 0.
pub(crate) fn pow_base(a: &Tensor, b: &Tensor) -> Tensor {
    let slope = b * &settle(a.pow(b - 1.0));
    settle(b.eq(0.0).and_then(|flat| flat.choose(0.0, slope)))
}

/// `a^b * ln(a)`, 0 where `a` is 0.
pub(crate) fn pow_exponent(a: &Tensor, y: &Tensor) -> Tensor {
    let slope = y * &a.log();
    settle(a.eq(0.0).and_then(|flat| flat.choose(0.0, slope)))
}

/// `floor(a / b)`.
pub(crate) fn quotient(a: &Tensor, b: &Tensor) -> Tensor {
    settle(a.detach().floor_divide(b.detach()))
}

/// 1 where `a` is larger than `b`, 1/2 at ties.
pub(crate) fn share(a: &Tensor, b: &Tensor) -> Tensor {
    let dtype: DType = a.dtype();
    let above = settle(a.gt(b)).to_dtype(dtype);
    let tie = settle(a.eq(b)).to_dtype(dtype);
    above + tie * 0.5
}
