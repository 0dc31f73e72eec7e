//! Distances between the rows of two matrices.

use super::Tensor;
use crate::{
    DType, Error, Result, Shape,
    autograd::{self, Rule},
    op::Combine,
    shape::MAX_RANK,
};

impl Tensor {
    /// The distance of every row of this tensor to every row of `other` by the p-norm, as PyTorch's `cdist`:
    /// `[.., m, d]` and `[.., n, d]` give `[.., m, n]`, the batch axes broadcast.
    ///
    /// `p` is 2 for Euclidean distances, 1 for sums of magnitudes, `f64::INFINITY` for the largest one, 0 for the number
    /// of coordinates that differ, or any other positive number. The differences themselves are added up, so that equal
    /// rows have distance 0 and near rows keep their digits wherever they lie. Floats up to 32 bits are computed in `F32`;
    /// integers and bools become `F32`. Where two rows are equal the gradient is 0. The distance of rows whose difference
    /// has a NaN is NaN (for an infinite `p` PyTorch passes over it).
    ///
    /// # Errors
    /// If a rank is below 2, the rows have different sizes, the batch axes do not broadcast, `p` is negative or NaN, or
    /// the devices differ.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let device = Device::cpu();
    /// let x = Tensor::from_slice(&[0.0f32, 0.0, 3.0, 4.0], [2, 2], &device)?;
    /// assert_eq!(x.cdist(&x, 2.0)?.to_vec::<f32>()?, [0.0, 5.0, 5.0, 0.0]);
    /// assert_eq!(x.cdist(&x, 1.0)?.to_vec::<f32>()?, [0.0, 7.0, 7.0, 0.0]);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn cdist(&self, other: &Tensor, p: f64) -> Result<Tensor> {
        let op = "cdist";
        self.same_device(other, op)?;
        let mismatch = |reason: String| Error::shapes(op, self.shape(), other.shape(), reason);
        if self.rank() < 2 || other.rank() < 2 {
            return Err(mismatch("both must have at least two axes".into()));
        }
        if p.is_nan() || p < 0.0 {
            return Err(Error::argument(op, format!("p = {p}: must be 0 or more")));
        }
        let (ra, rb) = (self.rank(), other.rank());
        let ((m, d), (n, d2)) =
            ((self.shape()[ra - 2], self.shape()[ra - 1]), (other.shape()[rb - 2], other.shape()[rb - 1]));
        if d != d2 {
            return Err(mismatch(format!("the rows have {d} and {d2} elements")));
        }
        let batch = Shape::from(&self.shape()[..ra - 2]).broadcast(&Shape::from(&other.shape()[..rb - 2]), op)?;
        let dtype = DType::promote(self.dtype(), other.dtype()).to_float();
        let (mut a, mut b) = (self.to_dtype(dtype.wide()), other.to_dtype(dtype.wide()));
        if rb == 2 && ra > 2 && a.numel() > 0 {
            // One matrix of many rows rather than many matrices.
            a = a.reshape([a.numel() / d, d])?;
        } else if batch.rank() + 2 == MAX_RANK {
            // The gradient compares rows along one more axis.
            let merged = |x: Tensor, rows: usize| {
                let axis = batch.rank();
                x.expand(batch.insert(axis, rows).insert(axis + 1, d))?.reshape([batch.numel(), rows, d])
            };
            (a, b) = (merged(a, m)?, merged(b, n)?);
        }
        let axis = batch.rank();
        Ok(distances(&a, &b, p)?.reshape(batch.insert(axis, m).insert(axis + 1, n))?.to_dtype(dtype))
    }
}

/// The distances of rows of floats of one dtype.
fn distances(a: &Tensor, b: &Tensor, p: f64) -> Result<Tensor> {
    let (combine, root): (_, fn(Tensor, f64) -> Result<Tensor>) = match p {
        0.0 => (Combine::Hamming, |y, _| Ok(y)),
        1.0 => (Combine::L1, |y, _| Ok(y)),
        2.0 => (Combine::SqL2, |y, _| Ok(y.sqrt())),
        f64::INFINITY => (Combine::Chebyshev, |y, _| Ok(y)),
        p => (Combine::Lp(p), |y, p| y.pow(1.0 / p)),
    };
    let y = root(a.combined(&b.t(), None, combine, "cdist")?, p)?;
    let (rows, others) = (a.clone(), b.clone());
    Ok(autograd::track(y, &[a, b], |y| {
        Rule::with_output(y, move |g, y| {
            Ok(vec![Some(grad_rows(g, y, &rows, &others, p)?), Some(grad_rows(&g.t(), &y.t(), &others, &rows, p)?)])
        })
    }))
}

/// The gradient of distances `y` `[.., m, n]`, given that of their result, with respect to the rows `a` `[.., m, d]`: each
/// moves along its differences to the other rows `b` `[.., n, d]`.
fn grad_rows(g: &Tensor, y: &Tensor, a: &Tensor, b: &Tensor, p: f64) -> Result<Tensor> {
    if p == 0.0 {
        return Ok(a.zeros_like());
    }
    let weight = match p {
        1.0 | f64::INFINITY => g.clone(),
        _ => {
            // The distance 0 has no direction.
            let zero = y.eq(0.0)?;
            let length = zero.where_(1.0, y)?;
            zero.where_(0.0, g / &if p == 2.0 { length } else { length.pow(p - 1.0)? })?
        }
    };
    if p == f64::INFINITY {
        // All differences that are the largest; each is asked again, so that none is stored.
        let d = a.unsqueeze(-2)?.sub(b.unsqueeze(-3)?)?;
        let force = d.abs().eq(y.unsqueeze(-1)?)?.where_(force(&d, 1.0)?, &(&d * 0.0))?;
        return (weight.unsqueeze(-1)? * force).sum(-2);
    }
    weighted_differences(&weight, a, b, p)
}

/// `out[i, k] = sum_j w[i, j] * force(a[i, k] - b[j, k])`.
fn weighted_differences(w: &Tensor, a: &Tensor, b: &Tensor, p: f64) -> Result<Tensor> {
    let y = w.combined(b, Some(a), Combine::LpGrad(p), "cdist")?;
    let (weights, rows, others) = (w.clone(), a.clone(), b.clone());
    Ok(autograd::track(y, &[w, a, b], |_| {
        Rule::needed(move |g, needed| {
            // Each from differences of its own: what two sums along different axes read would be stored.
            let differences = || rows.unsqueeze(-2)?.sub(others.unsqueeze(-3)?);
            let moved = || {
                let slope = match p {
                    1.0 => return Ok(None),
                    2.0 => None,
                    p => Some(slope(&differences()?, p)?),
                };
                let along = g.unsqueeze(-2)?.mul(weights.unsqueeze(-1)?)?;
                Ok::<_, Error>(Some(slope.map_or(Ok(along.clone()), |slope| along.mul(slope))?))
            };
            let dw = if needed[0] { Some((g.unsqueeze(-2)? * force(&differences()?, p)?).sum(-1)?) } else { None };
            let da = if needed[1] { moved()?.map(|t| t.sum(-2)).transpose()? } else { None };
            let db = if needed[2] { moved()?.map(|t| (-t).sum(-3)).transpose()? } else { None };
            Ok(vec![dw, da, db])
        })
    }))
}

/// `sign(d) * |d|^(p - 1)`, 0 at 0.
fn force(d: &Tensor, p: f64) -> Result<Tensor> {
    match p {
        1.0 => sign(d),
        2.0 => Ok(d.clone()),
        p => sign(d)?.mul(away_from_zero(d, p - 1.0)?),
    }
}

/// The derivative of [`force`].
fn slope(d: &Tensor, p: f64) -> Result<Tensor> {
    Ok(away_from_zero(d, p - 2.0)? * (p - 1.0))
}

/// `|d|^p`, 0 at 0.
fn away_from_zero(d: &Tensor, p: f64) -> Result<Tensor> {
    let zero = d.eq(0.0)?;
    zero.where_(0.0, zero.where_(1.0, d.abs())?.pow(p)?)
}

/// The sign, and NaN of NaN.
fn sign(d: &Tensor) -> Result<Tensor> {
    d.gt(0.0)?.where_(1.0, d.lt(0.0)?.where_(-1.0, d)?)
}
