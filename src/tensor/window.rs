//! Windows that slide along an axis, and their sum: what convolution and pooling are made of.

use super::Tensor;
use crate::{
    Error, MAX_RANK, Result,
    autograd::{self, Rule, no_grad},
    layout::View,
    op::Op,
};

/// How windows lie on an axis: window `w` holds elements `w * step + k * dilation` for `k` in `0..size`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Windows {
    pub size: usize,
    pub step: usize,
    pub dilation: usize,
}

impl Windows {
    /// Elements from the first to the last of one window.
    pub fn reach(&self) -> usize {
        match self.size {
            0 => 0,
            size => (size - 1).saturating_mul(self.dilation).saturating_add(1),
        }
    }

    /// How many windows fit on an axis.
    pub fn count(&self, len: usize) -> usize {
        len.checked_sub(self.reach()).map_or(0, |rest| rest / self.step + 1)
    }
}

impl Tensor {
    /// Windows of `size` neighbours that start at every `step`th element of an axis, as PyTorch's `Tensor.unfold`:
    /// the axis then counts the windows, and a new last axis runs inside of them. A view; nothing is copied.
    ///
    /// # Errors
    /// If the axis is out of range, size or step is 0, the size is larger than the axis, or the rank is at its limit.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let x = Tensor::arange(0, 5, 1, DType::I32, &Device::cpu())?;
    /// let windows = x.unfold(0, 3, 2)?;
    /// assert_eq!(windows.shape(), &[2, 3]);
    /// assert_eq!(windows.to_vec::<i32>()?, [0, 1, 2, 2, 3, 4]);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn unfold(&self, axis: isize, size: usize, step: usize) -> Result<Tensor> {
        let at = self.shape().axis("unfold", axis)?;
        self.windows("unfold", at, Windows { size, step, dilation: 1 })
    }

    /// [`unfold`](Self::unfold) with gaps between the elements of a window.
    pub(crate) fn windows(&self, op: &'static str, axis: usize, windows: Windows) -> Result<Tensor> {
        let len = self.shape()[axis];
        if windows.size == 0 || windows.step == 0 || windows.dilation == 0 {
            return Err(Error::argument(op, "size, step and dilation of a window must not be 0"));
        }
        if windows.count(len) == 0 {
            let reason = format!("windows over {} elements do not fit on axis {axis} of size {len}", windows.reach());
            return Err(Error::shape(op, self.shape(), reason));
        }
        if self.rank() == MAX_RANK {
            return Err(Error::shape(op, self.shape(), "the rank is at its limit"));
        }
        let mut view = self.view().insert_axis(self.rank());
        (view.shape[axis], view.shape[self.rank()]) = (windows.count(len), windows.size);
        view.strides[self.rank()] = view.strides[axis] * windows.dilation as isize;
        view.strides[axis] *= windows.step as isize;
        Ok(autograd::track(self.with_view(view), &[self], |_| {
            Rule::custom(move |g| Ok(vec![Some(g.overlap_add(axis, len, windows)?)]))
        }))
    }

    /// Slices of one axis that step back as another axis counts up: element `i` of slice `t` is element
    /// `i + (last - t) * dilation` of the axis, for `i` in `0..len`. A view without a gradient.
    pub(crate) fn slid(&self, slices: usize, axis: usize, dilation: usize, len: usize) -> Tensor {
        let mut view = *self.view();
        let step = dilation as isize * view.strides[axis];
        view.offset += (view.shape[slices] as isize - 1) * step;
        view.strides[slices] -= step;
        view.shape[axis] = len;
        self.with_view(view)
    }

    /// The transpose of [`windows`](Self::windows): an axis of `len` elements, each the sum of what stands for it in
    /// all windows. The last axis, which runs inside of the windows, goes away.
    pub(crate) fn overlap_add(&self, axis: usize, len: usize, windows: Windows) -> Result<Tensor> {
        let Windows { size, step, dilation } = windows;
        let last = self.rank() - 1;
        let count = self.shape()[axis];
        let y = no_grad(|| {
            let x = self.detach();
            if dilation == 1 && size == step {
                // The windows lie side by side.
                let mut order: Vec<isize> = (0..last as isize).collect();
                order.insert(axis + 1, last as isize);
                let mut shape = self.shape().remove(last);
                shape[axis] = count * size;
                let mut rest = vec![(0, 0); last];
                rest[axis].1 = len - count * size;
                return x.permute(&order)?.reshape(shape)?.pad(&rest);
            }
            // Element `i` gets from position `k` of the window that starts at `i - k * dilation`, if there is one.
            let mut shape = *self.shape();
            shape[axis] = len;
            let mut start = View { shape, strides: [0; MAX_RANK], offset: 0 };
            (start.strides[axis], start.strides[last]) = (1, -(dilation as isize));
            let mut window = Tensor::coordinates(start, self.device());
            if step > 1 {
                let step = step as i64;
                window = window.remainder(step)?.eq(0i64)?.where_(window.floor_divide(step)?, -1i64)?;
            }
            if self.numel() == 0 {
                return Ok(Tensor::zeros(shape.remove(last), self.dtype(), self.device()));
            }
            let inputs = [Some(&x), Some(&window), None];
            let gather = Op::Gather { axis: axis as u8, check: None };
            Tensor::lazy(gather, self.device(), self.dtype(), shape, inputs).sum(last as isize)
        })?;
        Ok(autograd::track(y, &[self], |_| Rule::custom(move |g| Ok(vec![Some(g.windows("unfold", axis, windows)?)]))))
    }
}
