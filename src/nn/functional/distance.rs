//! How far apart vectors lie.

use crate::{
    DType, Error, Result, Tensor,
    autograd::{self, Rule},
};

/// The distance of each vector of `x1` to that of `x2` along the last axis by the p-norm: the norm of `x1 - x2 + eps`. The
/// shapes broadcast. PyTorch's defaults are `p` 2 and `eps` 1e-6. Halves are computed in `F32`; the gradient is 0 where
/// the distance is.
///
/// [`Tensor::cdist`] compares every row of one matrix with every row of another.
///
/// # Errors
/// If both are scalars, the shapes do not broadcast, `p` is negative or NaN, or the devices differ.
///
/// ```
/// # use kiln::prelude::*;
/// let device = Device::cpu();
/// let x = Tensor::from_slice(&[0.0f32, 0.0, 3.0, 4.0], [2, 2], &device)?;
/// let origin = Tensor::zeros([2], DType::F32, &device);
/// let y = nn::functional::pairwise_distance(&x, &origin, 2.0, 0.0, false)?;
/// assert_eq!(y.to_vec::<f32>()?, [0.0, 5.0]);
/// # Ok::<(), kiln::Error>(())
/// ```
pub fn pairwise_distance(x1: &Tensor, x2: &Tensor, p: f64, eps: f64, keepdim: bool) -> Result<Tensor> {
    let op = "pairwise_distance";
    x1.same_device(x2, op)?;
    x1.shape().broadcast(x2.shape(), op)?;
    if x1.rank().max(x2.rank()) == 0 {
        return Err(Error::shapes(op, x1.shape(), x2.shape(), "a scalar has no last axis"));
    }
    if p.is_nan() || p < 0.0 {
        return Err(Error::argument(op, format!("p = {p} must be 0 or more")));
    }
    let dtype = DType::promote(x1.dtype(), x2.dtype()).to_float();
    let difference = x1.to_dtype(dtype.wide()).sub(x2.to_dtype(dtype.wide()))? + eps;
    let y = norm(&difference, p, -1).map_err(|error| error.in_op(op))?.to_dtype(dtype);
    if keepdim { Ok(y) } else { y.squeeze(-1) }
}

/// The cosine of the angle between vectors along an axis: their product over the product of their lengths, none of which
/// is taken for less than `eps`. The shapes broadcast, and `dim` is an axis of the result of that. PyTorch's defaults are
/// `dim` 1 and `eps` 1e-8. Halves are computed in `F32`.
///
/// # Errors
/// If the shapes do not broadcast, the axis is out of range, or the devices differ.
///
/// ```
/// # use kiln::prelude::*;
/// let device = Device::cpu();
/// let x = Tensor::from_slice(&[3.0f32, 4.0], [1, 2], &device)?;
/// let y = Tensor::from_slice(&[2.0f32, 0.0], [1, 2], &device)?;
/// let cosine = nn::functional::cosine_similarity(&x, &y, 1, 1e-8)?;
/// assert!((cosine.item::<f32>()? - 0.6).abs() < 1e-6);
/// # Ok::<(), kiln::Error>(())
/// ```
pub fn cosine_similarity(x1: &Tensor, x2: &Tensor, dim: isize, eps: f64) -> Result<Tensor> {
    let op = "cosine_similarity";
    x1.same_device(x2, op)?;
    let shape = x1.shape().broadcast(x2.shape(), op)?;
    let axis = shape.axis(op, dim)? as isize;
    let dtype = DType::promote(x1.dtype(), x2.dtype()).to_float();
    // Each by its own length: the product of two lengths may be past the range.
    let direction = |x: &Tensor| {
        let x = x.to_dtype(dtype.wide()).expand(shape)?;
        let length = norm(&x, 2.0, axis)?;
        // PyTorch's gradient does not see the limit.
        let limited = length.detach().maximum(eps)?;
        x.div(autograd::track(limited, &[&length], |_| Rule::custom(|g| Ok(vec![Some(g.clone())]))))
    };
    Ok(direction(x1)?.mul(direction(x2)?)?.sum(axis)?.to_dtype(dtype))
}

/// The p-norm along an axis, which stays with size 1. The gradient is 0 where a coordinate or the norm is 0.
fn norm(x: &Tensor, p: f64, axis: isize) -> Result<Tensor> {
    // Where the inner power is 0 its slope may be infinite.
    let guarded = |x: &Tensor, f: &dyn Fn(Tensor) -> Result<Tensor>| {
        let zero = x.eq(0.0)?;
        zero.where_(0.0, f(zero.where_(1.0, x)?)?)
    };
    match p {
        0.0 => {
            let (count, zeros) = (x.ne(0.0)?.to_dtype(x.dtype()).sum_keepdim(axis)?, x.zeros_like());
            Ok(autograd::track(count, &[x], |_| Rule::custom(move |_| Ok(vec![Some(zeros.clone())]))))
        }
        1.0 => x.abs().sum_keepdim(axis),
        2.0 => guarded(&x.square().sum_keepdim(axis)?, &|sum| Ok(sum.sqrt())),
        f64::INFINITY => x.abs().max_keepdim(axis),
        p => {
            let powers = guarded(&x.abs(), &|x| x.pow(p))?;
            guarded(&powers.sum_keepdim(axis)?, &|sum| sum.pow(1.0 / p))
        }
    }
}
