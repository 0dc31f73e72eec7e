//! Reductions, and what is made of them.

use super::{Axes, Tensor, settle};
use crate::{
    DType, Error, Result, Scalar, Shape,
    autograd::{self, Rule, is_grad_enabled},
    layout::View,
    op::{Op, ReduceOp},
    shape::MAX_RANK,
};

/// Which axes of a shape are reduced.
#[derive(Clone, Copy)]
struct Reduced {
    mask: u8,
    /// With the reduced axes at size 1.
    kept: Shape,
    /// Without them.
    squeezed: Shape,
    /// How many elements become one.
    count: usize,
}

impl Reduced {
    fn new(op: &'static str, shape: &Shape, axes: impl Axes) -> Result<Self> {
        let mut mask = 0u8;
        match axes.axes() {
            None => mask = ((1u16 << shape.rank()) - 1) as u8,
            Some(axes) => {
                for axis in axes {
                    let bit = 1 << shape.axis(op, axis)?;
                    if mask & bit != 0 {
                        return Err(Error::shape(op, shape, format!("axis {axis} is named twice")));
                    }
                    mask |= bit;
                }
            }
        }
        let (mut kept, mut sizes, mut count) = (*shape, Vec::with_capacity(MAX_RANK), 1);
        for axis in 0..shape.rank() {
            if mask >> axis & 1 == 1 {
                kept[axis] = 1;
                count *= shape[axis];
            } else {
                sizes.push(shape[axis]);
            }
        }
        Ok(Self { mask, kept, squeezed: sizes.into(), count })
    }

    fn finish(&self, kept: Tensor, keepdim: bool) -> Result<Tensor> {
        if keepdim { Ok(kept) } else { kept.reshape(self.squeezed) }
    }
}

macro_rules! reductions {
    ($($(#[$doc:meta])* $name:ident $keepdim:ident $inner:ident;)*) => {
        impl Tensor {$(
            $(#[$doc])*
            ///
            /// # Errors
            /// If an axis is out of range or named twice, or as said above.
            pub fn $name(&self, axes: impl Axes) -> Result<Tensor> {
                let reduced = Reduced::new(stringify!($name), self.shape(), axes)?;
                reduced.finish(self.$inner(reduced)?, false)
            }

            #[doc = concat!("[`", stringify!($name), "`](Self::", stringify!($name), ") with the reduced axes kept at size 1.")]
            ///
            /// # Errors
            /// As there.
            pub fn $keepdim(&self, axes: impl Axes) -> Result<Tensor> {
                let reduced = Reduced::new(stringify!($name), self.shape(), axes)?;
                reduced.finish(self.$inner(reduced)?, true)
            }
        )*}
    };
}

reductions! {
    /// The sum over some axes; of nothing 0. Integers and bools sum to 64 bits; halves accumulate in `F32`.
    sum sum_keepdim sum_over;
    /// The product over some axes; of nothing 1. Integers and bools multiply to 64 bits.
    prod prod_keepdim prod_over;
    /// The arithmetic mean over some axes, a float; of nothing NaN.
    mean mean_keepdim mean_over;
    /// The largest element along some axes, NaN if there is one. At a tie the gradient is shared, as by PyTorch's
    /// `amax`; if there are NaNs, among these. Of nothing there is none: an error.
    max max_keepdim max_over;
    /// The smallest element along some axes, NaN if there is one. At a tie the gradient is shared, among NaNs if there
    /// are any. Of nothing there is none: an error.
    min min_keepdim min_over;
    /// Whether any element is not 0; of nothing false. NaN is not 0.
    any any_keepdim any_over;
    /// Whether every element is not 0; of nothing true.
    all all_keepdim all_over;
    /// `log(sum(exp(x)))` without overflow; of nothing -inf.
    logsumexp logsumexp_keepdim logsumexp_over;
}

impl Tensor {
    /// The variance over some axes: the mean squared distance from the mean, times `n / (n - correction)`.
    /// `correction` 1 is PyTorch's default, 0 NumPy's. NaN where `n <= correction`.
    ///
    /// # Errors
    /// If an axis is out of range or named twice.
    pub fn var(&self, axes: impl Axes, correction: f64) -> Result<Tensor> {
        let reduced = Reduced::new("var", self.shape(), axes)?;
        reduced.finish(self.var_over(reduced, correction)?, false)
    }

    /// [`var`](Self::var) with the reduced axes kept at size 1.
    ///
    /// # Errors
    /// As there.
    pub fn var_keepdim(&self, axes: impl Axes, correction: f64) -> Result<Tensor> {
        self.var_over(Reduced::new("var", self.shape(), axes)?, correction)
    }

    /// The standard deviation: the square root of [`var`](Self::var). Where it is 0, so is the gradient.
    ///
    /// # Errors
    /// As there.
    pub fn std(&self, axes: impl Axes, correction: f64) -> Result<Tensor> {
        let reduced = Reduced::new("std", self.shape(), axes)?;
        reduced.finish(self.std_over(reduced, correction)?, false)
    }

    /// [`std`](Self::std) with the reduced axes kept at size 1.
    ///
    /// # Errors
    /// As there.
    pub fn std_keepdim(&self, axes: impl Axes, correction: f64) -> Result<Tensor> {
        self.std_over(Reduced::new("std", self.shape(), axes)?, correction)
    }

    /// The position (`I64`) of the largest element along an axis, the first of equals; NaN counts as largest.
    ///
    /// # Errors
    /// If the axis is out of range, or has no elements.
    pub fn argmax(&self, axis: isize) -> Result<Tensor> {
        self.arg(ReduceOp::Max, "argmax", axis)
    }

    /// The position (`I64`) of the smallest element along an axis, the first of equals; NaN counts as smallest.
    ///
    /// # Errors
    /// If the axis is out of range, or has no elements.
    pub fn argmin(&self, axis: isize) -> Result<Tensor> {
        self.arg(ReduceOp::Min, "argmin", axis)
    }

    /// `exp(x) / sum(exp(x))` along an axis, without overflow.
    ///
    /// # Errors
    /// If the axis is out of range.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let x = Tensor::from_slice(&[0.0f32, 0.0, 1000.0], [3], &Device::cpu())?;
    /// assert_eq!(x.softmax(0)?.to_vec::<f32>()?, [0.0, 0.0, 1.0]);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn softmax(&self, axis: isize) -> Result<Tensor> {
        let at = Reduced::new("softmax", self.shape(), axis)?;
        let x = self.to_dtype(self.dtype().to_float());
        if x.numel() == 0 {
            return Ok(x);
        }
        if x.dtype() != x.dtype().wide() {
            return Ok(x.widened().softmax(axis)?.to_dtype(x.dtype()));
        }
        let y = autograd::no_grad(|| {
            let e = (&x - &x.max_over(at)?).exp();
            let sum = e.sum_over(at)?;
            Ok::<_, Error>(e / sum)
        })?;
        Ok(autograd::track(y, &[&x], |y| {
            Rule::with_output(y, move |g, y| {
                let dot = (g * y).sum_over(at)?;
                Ok(vec![Some(y * &(g - &dot))])
            })
        }))
    }

    /// The logarithm of [`softmax`](Self::softmax), exact where that underflows.
    ///
    /// # Errors
    /// If the axis is out of range.
    pub fn log_softmax(&self, axis: isize) -> Result<Tensor> {
        let at = Reduced::new("log_softmax", self.shape(), axis)?;
        let x = self.to_dtype(self.dtype().to_float());
        if x.numel() == 0 {
            return Ok(x);
        }
        if x.dtype() != x.dtype().wide() {
            return Ok(x.widened().log_softmax(axis)?.to_dtype(x.dtype()));
        }
        let y = autograd::no_grad(|| {
            let shifted = &x - &x.max_over(at)?;
            let sum = shifted.exp().sum_over(at)?;
            Ok::<_, Error>(shifted - sum.log())
        })?;
        Ok(autograd::track(y, &[&x], |y| {
            Rule::with_output(y, move |g, y| Ok(vec![Some(g - &(y.exp() * g.sum_over(at)?))]))
        }))
    }

    /// Reduces over axes that stay at size 1, without a gradient. The dtype stays.
    fn reduce(&self, op: ReduceOp, at: Reduced) -> Result<Tensor> {
        if at.count == 1 {
            return Ok(self.with_view(*self.view()));
        }
        if at.count == 0 {
            let value = match op {
                ReduceOp::Sum => 0,
                ReduceOp::Prod => 1,
                ReduceOp::Max | ReduceOp::Min => {
                    let reason = format!("cannot take the {} of an empty axis", op.name());
                    return Err(Error::shape(op.name(), self.shape(), reason));
                }
            };
            return Ok(Tensor::filled(at.kept, value as i64, self.dtype(), self.device()));
        }
        let op = Op::Reduce { op, axes: at.mask };
        Ok(Tensor::lazy(op, self.device(), self.dtype(), at.kept, [Some(self), None, None]))
    }

    fn sum_over(&self, at: Reduced) -> Result<Tensor> {
        let x = self.to_dtype(self.dtype().accumulate());
        let from = *x.shape();
        Ok(autograd::track(x.reduce(ReduceOp::Sum, at)?, &[&x], |_| {
            Rule::custom(move |g| Ok(vec![Some(g.expand(from)?)]))
        }))
    }

    fn prod_over(&self, at: Reduced) -> Result<Tensor> {
        let dtype = self.dtype().accumulate();
        let x = self.to_dtype(dtype.wide());
        let saved = x.clone();
        let y = autograd::track(x.reduce(ReduceOp::Prod, at)?, &[&x], |_| {
            Rule::custom(move |g| {
                if is_grad_enabled() {
                    return Ok(vec![Some(g * &saved.others_over(at)?)]);
                }
                // The product of the others: over the element, or where that is 0 the product without it.
                let zero = saved.eq(0.0)?;
                let zeros = zero.sum_over(at)?;
                let rest = zero.where_(1.0, &saved)?.prod_over(at)?;
                let alone = zero.logical_and(zeros.eq(1)?)?.where_(&rest, 0.0)?;
                let others = zeros.eq(0)?.where_(&rest / &zero.where_(1.0, &saved)?, alone)?;
                Ok(vec![Some(g * &others)])
            })
        });
        Ok(y.to_dtype(dtype))
    }

    /// The product of all other elements of each element's row, by products alone: these and all their derivatives
    /// hold where elements are 0, which quotients do not.
    fn others_over(&self, at: Reduced) -> Result<Tensor> {
        if self.numel() == 0 {
            return Ok(self.ones_like());
        }
        let is_reduced = |&axis: &isize| at.mask >> axis & 1 == 1;
        let (inner, mut order): (Vec<isize>, Vec<isize>) = (0..self.rank() as isize).partition(is_reduced);
        order.extend(inner);
        let moved = self.permute(&order)?;
        let rows = moved.reshape([moved.numel() / at.count, at.count])?;
        let others = rows.products_beside(1, false)? * rows.products_beside(1, true)?;
        let mut back = vec![0; order.len()];
        order.iter().enumerate().for_each(|(i, &axis)| back[axis as usize] = i as isize);
        others.reshape(*moved.shape())?.permute(&back)
    }

    fn mean_over(&self, at: Reduced) -> Result<Tensor> {
        let dtype = self.dtype().to_float();
        // The sum of halves may be past their range where the mean is not.
        Ok((self.to_dtype(dtype.wide()).sum_over(at)? / at.count as f64).to_dtype(dtype))
    }

    fn var_over(&self, at: Reduced, correction: f64) -> Result<Tensor> {
        let dtype = self.dtype().to_float();
        let x = self.to_dtype(dtype.wide());
        let centred = &x - &x.mean_over(at)?;
        let left = at.count as f64 - correction;
        let scale = if left > 0.0 { 1.0 / left } else { f64::NAN };
        Ok((centred.square().sum_over(at)? * scale).to_dtype(dtype))
    }

    fn std_over(&self, at: Reduced, correction: f64) -> Result<Tensor> {
        let dtype = self.dtype().to_float();
        let var = self.to_dtype(dtype.wide()).var_over(at, correction)?;
        // Where the variance is 0 the slope of the root is infinite.
        let zero = var.eq(0.0)?;
        Ok(zero.where_(0.0, zero.where_(1.0, &var)?.sqrt())?.to_dtype(dtype))
    }

    fn max_over(&self, at: Reduced) -> Result<Tensor> {
        self.extreme(ReduceOp::Max, at)
    }

    fn min_over(&self, at: Reduced) -> Result<Tensor> {
        self.extreme(ReduceOp::Min, at)
    }

    fn extreme(&self, op: ReduceOp, at: Reduced) -> Result<Tensor> {
        if self.dtype() == DType::Bool {
            return Ok(self.to_dtype(DType::I32).reduce(op, at)?.to_dtype(DType::Bool));
        }
        let y = self.reduce(op, at)?;
        let x = self.detach();
        Ok(autograd::track(y, &[self], |y| {
            Rule::with_output(y, move |g, y| {
                // The extreme is NaN if an element is, and NaN equals nothing.
                let hit = x.eq(y.detach())?.logical_or(x.ne(&x)?)?;
                let g = g.widened();
                let count = hit.to_dtype(g.dtype()).sum_over(at)?;
                Ok(vec![Some(hit.where_(&g / &count, 0.0)?)])
            })
        }))
    }

    fn any_over(&self, at: Reduced) -> Result<Tensor> {
        if at.count == 0 {
            return Ok(Tensor::filled(at.kept, false, DType::Bool, self.device()));
        }
        self.to_dtype(DType::Bool).extreme(ReduceOp::Max, at)
    }

    fn all_over(&self, at: Reduced) -> Result<Tensor> {
        if at.count == 0 {
            return Ok(Tensor::filled(at.kept, true, DType::Bool, self.device()));
        }
        self.to_dtype(DType::Bool).extreme(ReduceOp::Min, at)
    }

    fn logsumexp_over(&self, at: Reduced) -> Result<Tensor> {
        let dtype = self.dtype().to_float();
        let x = self.to_dtype(dtype.wide());
        if at.count == 0 {
            return Ok((x.sum_over(at)? + f64::NEG_INFINITY).to_dtype(dtype));
        }
        let max = x.detach().max_over(at)?;
        // A row of -inf has no finite maximum to take off; a row with inf has the maximum as its result.
        let finite = max.abs().lt(f64::INFINITY)?.where_(&max, 0.0)?;
        let sum = (&x - &finite).exp().sum_over(at)?;
        Ok((sum.log() + finite).to_dtype(dtype))
    }

    fn arg(&self, op: ReduceOp, name: &'static str, axis: isize) -> Result<Tensor> {
        let at = Reduced::new(name, self.shape(), axis)?;
        let axis = self.shape().axis(name, axis)?;
        let size = self.shape()[axis];
        if size == 0 {
            let reason = format!("cannot take the {name} of an empty axis");
            return Err(Error::shape(name, self.shape(), reason));
        }
        let x = if self.dtype() == DType::Bool { self.to_dtype(DType::I32) } else { self.detach() };
        let best = x.reduce(op, at)?;
        let mut hit = x.eq(&best)?;
        if x.dtype().is_float() {
            // The extreme is NaN if there is one, and NaN equals nothing.
            hit = hit.logical_or(x.ne(&x)?)?;
        }
        let dtype = if size <= i32::MAX as usize { DType::I32 } else { DType::I64 };
        let mut view = View { shape: *self.shape(), strides: [0; MAX_RANK], offset: 0 };
        view.strides[axis] = 1;
        let index = Tensor::lazy(Op::Index(Box::new(view)), self.device(), dtype, *self.shape(), [None; 3]);
        let none = Tensor::filled((), Scalar::Int(size as i64), dtype, self.device());
        let first = hit.where_(&index, &none)?.reduce(ReduceOp::Min, at)?;
        Ok(settle(first.reshape(at.squeezed)).to_dtype(DType::I64))
    }
}
