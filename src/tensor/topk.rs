//! The largest or smallest elements along an axis.

use super::{Tensor, create::along};
use crate::{DType, Error, Result, layout::View};

impl Tensor {
    /// The `k` largest (or smallest) elements along an axis, the outermost first, and their positions as `I64`, as
    /// PyTorch's `topk`. Of equal elements the first comes first; NaN is larger than everything.
    ///
    /// Each is found by a pass over the whole axis, in the order after the one before: meant for a small `k`.
    ///
    /// # Errors
    /// If the axis is out of range, or has fewer than `k` elements.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let x = Tensor::from_slice(&[3.0f32, 1.0, 4.0, 1.0, 5.0], [5], &Device::cpu())?;
    /// let (values, indices) = x.topk(3, 0, false)?;
    /// assert_eq!(values.to_vec::<f32>()?, [1.0, 1.0, 3.0]);
    /// assert_eq!(indices.to_vec::<i64>()?, [1, 3, 0]);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn topk(&self, k: usize, axis: isize, largest: bool) -> Result<(Tensor, Tensor)> {
        let op = "topk";
        let at = self.shape().axis(op, axis)?;
        let (axis, size) = (at as isize, self.shape()[at]);
        if k > size {
            return Err(Error::shape(
                op,
                self.shape(),
                format!("k = {k} is out of range for axis {axis} of size {size}"),
            ));
        }
        if k == 0 || self.numel() == 0 {
            let mut shape = *self.shape();
            shape[at] = k;
            let indices = Tensor::zeros(shape, DType::I64, self.device());
            return Ok((self.gathered(at, &indices, None)?, indices));
        }
        let x = if self.dtype() == DType::Bool { self.to_dtype(DType::I32) } else { self.detach() };
        let view = View { shape: *self.shape(), strides: along(at, 1), offset: 0 };
        let (positions, count) = (Tensor::coordinates(view, self.device()), size as i64);
        let positions = if size > i32::MAX as usize / 2 { positions.to_dtype(DType::I64) } else { positions };
        let nan = x.ne(&x)?;
        // What every candidate comes before, or is equal to.
        let last = match (x.dtype().is_float(), largest) {
            (true, true) => Tensor::filled((), f64::NEG_INFINITY, x.dtype(), self.device()),
            (true, false) => Tensor::filled((), f64::INFINITY, x.dtype(), self.device()),
            (false, true) => x.min_keepdim(axis)?,
            (false, false) => x.max_keepdim(axis)?,
        };
        let mut found: Vec<Tensor> = Vec::with_capacity(k);
        let mut left = Tensor::filled(*x.shape(), true, DType::Bool, self.device());
        for _ in 0..k {
            if let Some(position) = found.last() {
                let value = x.gathered(at, position, None)?;
                let (later, value_nan) = (positions.gt(position)?, value.ne(&value)?);
                let (beyond, beside_nan) = match largest {
                    true => (x.lt(&value)?, value_nan.logical_and(nan.logical_not().logical_or(&later)?)?),
                    false => (x.gt(&value)?, nan.logical_and(value_nan.logical_not().logical_or(&later)?)?),
                };
                left = beyond.logical_or(x.eq(&value)?.logical_and(&later)?)?.logical_or(beside_nan)?;
            }
            let (best, hit) = match largest {
                true => {
                    let best = left.where_(&x, &last)?.max_keepdim(axis)?;
                    // The largest is NaN if there is one, and NaN equals nothing.
                    let hit = x.eq(&best)?.logical_or(&nan)?;
                    (left.clone(), hit)
                }
                false => {
                    let number = left.logical_and(nan.logical_not())?;
                    let best = number.where_(&x, &last)?.min_keepdim(axis)?;
                    (number, x.eq(&best)?)
                }
            };
            // Candidates that are no hit are NaN, and come when nothing else is left.
            let rest = left.where_(positions.add(count)?, 2 * count)?;
            let rank = best.logical_and(hit)?.where_(&positions, rest)?.min_keepdim(axis)?;
            found.push(rank.ge(count)?.where_(rank.sub(count)?, &rank)?);
        }
        let indices = Tensor::cat(&found, axis)?.to_dtype(DType::I64);
        Ok((self.gathered(at, &indices, None)?, indices))
    }
}
