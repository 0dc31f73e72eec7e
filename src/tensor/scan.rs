//! Cumulative sums, products, extremes and the like.

use super::Tensor;
use crate::{
    DType, Result,
    autograd::{self, Rule},
    graph::widen::wide,
    op::{Op, StructuredOp, structured::ScanOp},
};

/// Along which axis, and from which end.
#[derive(Clone, Copy)]
struct Along {
    axis: usize,
    reverse: bool,
}

impl Along {
    fn reversed(self) -> Self {
        Self { reverse: !self.reverse, ..self }
    }
}

impl Tensor {
    /// The sums of all elements up to each one along an axis, as PyTorch's and NumPy's `cumsum`.
    ///
    /// Integers and bools sum to 64 bits. Halves are summed in `F32`; a sum of `F32` has the digits of one in `F64` on the
    /// CPU, and of one with compensation on a GPU.
    ///
    /// # Errors
    /// If the axis is out of range.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let x = Tensor::from_slice(&[1.0f32, 2.0, 3.0], [3], &Device::cpu())?;
    /// assert_eq!(x.cumsum(0)?.to_vec::<f32>()?, [1.0, 3.0, 6.0]);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    #[doc(alias = "prefix_sum")]
    pub fn cumsum(&self, axis: isize) -> Result<Tensor> {
        let along = self.along("cumsum", axis)?;
        let dtype = self.dtype().accumulate();
        Ok(self.to_dtype(dtype.wide()).sums(along).to_dtype(dtype))
    }

    /// The products of all elements up to each one along an axis, as PyTorch's and NumPy's `cumprod`.
    ///
    /// Integers and bools multiply to 64 bits, halves in `F32`. The gradient is exact at zeros too.
    ///
    /// # Errors
    /// If the axis is out of range.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let x = Tensor::from_slice(&[1i32, 2, 3], [3], &Device::cpu())?;
    /// assert_eq!(x.cumprod(0)?.to_vec::<i64>()?, [1, 2, 6]);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn cumprod(&self, axis: isize) -> Result<Tensor> {
        let along = self.along("cumprod", axis)?;
        let dtype = self.dtype().accumulate();
        Ok(self.to_dtype(dtype.wide()).products(along)?.to_dtype(dtype))
    }

    /// The largest element up to each one along an axis, and its position (`I64`), as PyTorch's `cummax`. Of equals it is
    /// the last; from the first NaN on the values are NaN. The gradient goes to the elements at the positions.
    ///
    /// # Errors
    /// If the axis is out of range.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let x = Tensor::from_slice(&[1.0f32, 3.0, 2.0, 3.0], [4], &Device::cpu())?;
    /// let (values, positions) = x.cummax(0)?;
    /// assert_eq!(values.to_vec::<f32>()?, [1.0, 3.0, 3.0, 3.0]);
    /// assert_eq!(positions.to_vec::<i64>()?, [0, 1, 1, 3]);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn cummax(&self, axis: isize) -> Result<(Tensor, Tensor)> {
        self.extremes(ScanOp::ArgMax, axis)
    }

    /// The smallest element up to each one along an axis, and its position (`I64`), as PyTorch's `cummin`. Of equals it
    /// is the last; from the first NaN on the values are NaN. The gradient goes to the elements at the positions.
    ///
    /// # Errors
    /// If the axis is out of range.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let x = Tensor::from_slice(&[2.0f32, 3.0, 1.0], [3], &Device::cpu())?;
    /// let (values, positions) = x.cummin(0)?;
    /// assert_eq!(values.to_vec::<f32>()?, [2.0, 2.0, 1.0]);
    /// assert_eq!(positions.to_vec::<i64>()?, [0, 0, 2]);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn cummin(&self, axis: isize) -> Result<(Tensor, Tensor)> {
        self.extremes(ScanOp::ArgMin, axis)
    }

    /// The logarithm of the sum of the powers of e of all elements up to each one along an axis, without overflow, as
    /// PyTorch's `logcumsumexp`. Integers and bools become `F32`.
    ///
    /// # Errors
    /// If the axis is out of range.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let x = Tensor::from_slice(&[1000.0f32, 1000.0], [2], &Device::cpu())?;
    /// assert_eq!(x.logcumsumexp(0)?.to_vec::<f32>()?, [1000.0, 1000.0 + std::f32::consts::LN_2]);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn logcumsumexp(&self, axis: isize) -> Result<Tensor> {
        let along = self.along("logcumsumexp", axis)?;
        let dtype = self.dtype().to_float();
        Ok(self.to_dtype(dtype.wide()).log_sums(along).to_dtype(dtype))
    }

    /// An axis to scan. A scalar has none; PyTorch and NumPy take 0 and -1 for it.
    fn along(&self, op: &'static str, axis: isize) -> Result<Along> {
        match self.rank() {
            0 if matches!(axis, 0 | -1) => Ok(Along { axis: 0, reverse: false }),
            _ => Ok(Along { axis: self.shape().axis(op, axis)?, reverse: false }),
        }
    }

    /// The scan itself, without a gradient.
    fn scan(&self, op: ScanOp, second: Option<&Tensor>, Along { axis, reverse }: Along) -> Tensor {
        let dtype = match op {
            ScanOp::ArgMax | ScanOp::ArgMin => DType::I64,
            _ => self.dtype(),
        };
        if self.rank() == 0 {
            let lines = |x: &Tensor| x.detach().unsqueeze(0);
            let (x, second) = (lines(self), second.map(lines));
            let scanned = |x: Tensor, second: Option<&Tensor>| x.scan(op, second, Along { axis, reverse }).squeeze(0);
            return super::settle(x.and_then(|x| scanned(x, second.transpose()?.as_ref())));
        }
        let op = Op::Structured(StructuredOp::Scan { op, axis: axis as u8, reverse });
        Tensor::lazy(op, self.device(), dtype, *self.shape(), [Some(self), second, None])
    }

    /// Sums in the tensor's own dtype.
    fn sums(&self, along: Along) -> Tensor {
        let y = self.scan(ScanOp::Sum, None, along);
        autograd::track(y, &[self], |_| Rule::custom(move |g| Ok(vec![Some(g.sums(along.reversed()))])))
    }

    /// Products in the tensor's own dtype.
    fn products(&self, along: Along) -> Result<Tensor> {
        let y = self.scan(ScanOp::Prod, None, along);
        let x = self.clone();
        Ok(autograd::track(y, &[self], |y| {
            Rule::with_output(y, move |g, y| {
                // What follows an element, relative to the product in front of it, is a recurrence from the end.
                let behind = x.neighbours(along.reversed(), 0.0)?.recurrence(g, along.reversed())?;
                Ok(vec![Some(y.neighbours(along, 1.0)? * behind)])
            })
        }))
    }

    /// Of each element the product of those before it along an axis or, in `reverse`, of those behind it.
    pub(super) fn products_beside(&self, axis: usize, reverse: bool) -> Result<Tensor> {
        let along = Along { axis, reverse };
        self.products(along)?.neighbours(along, 1.0)
    }

    /// `y[i] = self[i] * y[i - 1] + z[i]`, from 0 on.
    fn recurrence(&self, z: &Tensor, along: Along) -> Result<Tensor> {
        let y = self.scan(ScanOp::Linear, Some(z), along);
        let x = self.clone();
        Ok(autograd::track(y, &[self, z], |y| {
            Rule::with_output(y, move |g, y| {
                let dz = x.neighbours(along.reversed(), 0.0)?.recurrence(g, along.reversed())?;
                let dx = &dz * y.neighbours(along, 0.0)?;
                Ok(vec![Some(dx), Some(dz)])
            })
        }))
    }

    /// At each element the one that a scan takes before it; at the first a number.
    fn neighbours(&self, Along { axis, reverse }: Along, first: f64) -> Result<Tensor> {
        if self.rank() == 0 {
            return Ok(Tensor::filled((), first, self.dtype(), self.device()));
        }
        let mut edge = *self.shape();
        let others = edge[axis].saturating_sub(1);
        edge[axis] = edge[axis].min(1);
        let edge = Tensor::filled(edge, first, self.dtype(), self.device());
        let axis = axis as isize;
        match reverse {
            true => Tensor::cat(&[&self.narrow(axis, (others > 0).into(), others)?, &edge], axis),
            false => Tensor::cat(&[&edge, &self.narrow(axis, 0, others)?], axis),
        }
    }

    /// Logarithms of sums, in the tensor's own dtype, which is a float.
    fn log_sums(&self, along: Along) -> Tensor {
        let y = self.scan(ScanOp::LogSumExp, None, along);
        let x = self.clone();
        autograd::track(y, &[self], |y| {
            Rule::with_output(y, move |g, y| {
                // The gradient of x[i] is the sum of g[j] * exp(x[i] - y[j]) over what comes from i on, which may be past
                // the range of floats in between: its positive and its negative part by their logarithms.
                let nothing = y.eq(f64::NEG_INFINITY)?;
                let part = |g: &Tensor| -> Result<Tensor> {
                    let counts = g.gt(0.0)?.logical_and(nothing.logical_not())?;
                    let logs = counts.where_(g, 1.0)?.log() - nothing.where_(0.0, y)?;
                    let logs = counts.where_(logs, f64::NEG_INFINITY)?;
                    Ok((&x + logs.log_sums(along.reversed())).exp())
                };
                let (positive, negative) = (part(g)?, part(&-g)?);
                Ok(vec![Some(positive - negative)])
            })
        })
    }

    /// Values and positions of the extremes so far.
    fn extremes(&self, op: ScanOp, axis: isize) -> Result<(Tensor, Tensor)> {
        let along = self.along(op.name(), axis)?;
        let positions = self.detach().to_dtype(wide(self.dtype())).scan(op, None, along);
        let values = match self.rank() {
            0 => self.clone(),
            _ => self.gathered(along.axis, &positions, None)?,
        };
        Ok((values, positions))
    }
}
