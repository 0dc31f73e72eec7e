//! Views: the same elements under another shape, order or selection, without a copy.

use super::{Axes, Tensor};
use crate::{
    Error, Result, Shape, Sizes,
    autograd::{self, Rule},
    layout::View,
    op::Op,
};

impl Tensor {
    /// A row-major copy if the elements do not lie so already, else the tensor itself.
    pub fn contiguous(&self) -> Tensor {
        if self.view().is_identity(self.node.whole.shape.numel()) {
            return self.clone();
        }
        self.copied()
    }

    /// The elements in memory of their own, in row-major order. A clone shares them instead, which makes a difference
    /// only where [another library](crate::dlpack) writes to shared memory.
    pub fn copied(&self) -> Tensor {
        let y = Tensor::lazy(Op::Copy, self.device(), self.dtype(), *self.shape(), [Some(self), None, None]);
        autograd::track(y, &[self], |_| Rule::custom(|g| Ok(vec![Some(g.clone())])))
    }

    fn viewed(&self, view: View, back: impl Fn(&Tensor) -> Result<Tensor> + Send + Sync + 'static) -> Tensor {
        autograd::track(self.with_view(view), &[self], |_| Rule::custom(move |g| Ok(vec![Some(back(g)?)])))
    }

    /// The elements in row-major order under another shape. Copies only where strides cannot express it. One size may
    /// be -1: it follows from the others.
    ///
    /// # Errors
    /// If the number of elements differs, or more than one size is -1.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let x = Tensor::arange(0.0, 6.0, 1.0, DType::F32, &Device::cpu())?;
    /// assert_eq!(x.reshape([2, 3])?.shape(), &[2, 3]);
    /// assert_eq!(x.reshape([-1, 2])?.shape(), &[3, 2]);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn reshape(&self, shape: impl Into<Sizes>) -> Result<Tensor> {
        self.reshape_to(shape.into().of_elements("reshape", self.shape())?)
    }

    fn reshape_to(&self, shape: Shape) -> Result<Tensor> {
        if shape == *self.shape() {
            return Ok(self.clone());
        }
        if shape.numel() != self.numel() {
            let (have, want) = (self.numel(), shape.numel());
            let reason = format!("the first has {have} elements, the second {want}");
            return Err(Error::shapes("reshape", self.shape(), &shape, reason));
        }
        let Some(view) = self.view().reshape(shape) else {
            return self.contiguous().reshape_to(shape);
        };
        let from = *self.shape();
        Ok(self.viewed(view, move |g| g.reshape_to(from)))
    }

    /// The axes in another order: axis `i` of the result is axis `order[i]` of this tensor.
    ///
    /// # Errors
    /// If `order` does not name every axis once.
    pub fn permute(&self, order: impl Axes) -> Result<Tensor> {
        let order = order.axes().unwrap_or_default();
        let order: Vec<usize> = order.iter().map(|&a| self.shape().axis("permute", a)).collect::<Result<_>>()?;
        let mut inverse = vec![usize::MAX; self.rank()];
        for (i, &axis) in order.iter().enumerate() {
            inverse[axis] = i;
        }
        if order.len() != self.rank() || inverse.contains(&usize::MAX) {
            return Err(Error::shape("permute", self.shape(), format!("{order:?} does not name every axis once")));
        }
        let back: Vec<isize> = inverse.iter().map(|&a| a as isize).collect();
        Ok(self.viewed(self.view().permute(&order), move |g| g.permute(&back)))
    }

    /// Two axes exchanged.
    ///
    /// # Errors
    /// If an axis is out of range.
    pub fn transpose(&self, a: isize, b: isize) -> Result<Tensor> {
        let (a, b) = (self.shape().axis("transpose", a)?, self.shape().axis("transpose", b)?);
        let mut order: Vec<isize> = (0..self.rank() as isize).collect();
        order.swap(a, b);
        self.permute(&order)
    }

    /// The matrix transpose: the last two axes exchanged. Below rank 2 the tensor itself.
    pub fn t(&self) -> Tensor {
        if self.rank() < 2 {
            return self.clone();
        }
        let mut order: Vec<usize> = (0..self.rank()).collect();
        order.swap(self.rank() - 2, self.rank() - 1);
        self.viewed(self.view().permute(&order), |g| Ok(g.t()))
    }

    /// Axes of size 1 repeated, and axes added in front, to reach `shape`, as NumPy's `broadcast_to`. A size of -1
    /// keeps that of the tensor.
    ///
    /// # Errors
    /// If an axis has another size than 1 and than asked for, or -1 stands for an axis that is added.
    pub fn expand(&self, shape: impl Into<Sizes>) -> Result<Tensor> {
        let shape = shape.into().of_axes("expand", self.shape())?;
        if shape == *self.shape() {
            return Ok(self.clone());
        }
        if self.shape().broadcast(&shape, "expand")? != shape {
            return Err(Error::shapes("expand", self.shape(), &shape, "the first does not broadcast to the second"));
        }
        // The engine sums a gradient to its input's shape.
        Ok(self.viewed(self.view().expand(shape), |g| Ok(g.clone())))
    }

    /// A new axis of size 1 before `axis`; `-1` adds it at the end.
    ///
    /// # Errors
    /// If the axis is out of range or the rank would pass the limit.
    pub fn unsqueeze(&self, axis: isize) -> Result<Tensor> {
        let rank = self.rank() as isize;
        let at = if axis < 0 { axis + rank + 1 } else { axis };
        if !(0..=rank).contains(&at) {
            return Err(Error::Axis { op: "unsqueeze", axis, shape: Box::new(*self.shape()) });
        }
        if self.rank() == crate::MAX_RANK {
            return Err(Error::shape("unsqueeze", self.shape(), "the rank is at its limit"));
        }
        let from = *self.shape();
        Ok(self.viewed(self.view().insert_axis(at as usize), move |g| g.reshape(from)))
    }

    /// The tensor without an axis, if that has size 1; one of another size stays, as in PyTorch.
    ///
    /// # Errors
    /// If the axis is out of range.
    pub fn squeeze(&self, axis: isize) -> Result<Tensor> {
        let at = self.shape().axis("squeeze", axis)?;
        if self.shape()[at] != 1 {
            return Ok(self.clone());
        }
        let from = *self.shape();
        Ok(self.viewed(self.view().remove_axis(at), move |g| g.reshape(from)))
    }

    /// The tensor without all its axes of size 1.
    pub fn squeeze_all(&self) -> Tensor {
        let mut view = *self.view();
        for axis in (0..self.rank()).rev().filter(|&axis| self.shape()[axis] == 1) {
            view = view.remove_axis(axis);
        }
        let from = *self.shape();
        self.viewed(view, move |g| g.reshape(from))
    }

    /// The axes from `start` to `end`, both included, made one. A scalar becomes one element.
    ///
    /// # Errors
    /// If an axis is out of range, or `end` is before `start`.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let x = Tensor::zeros([2, 3, 4], DType::F32, &Device::cpu());
    /// assert_eq!(x.flatten(1, -1)?.shape(), &[2, 12]);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn flatten(&self, start: isize, end: isize) -> Result<Tensor> {
        let op = "flatten";
        if self.rank() == 0 && matches!((start, end), (0 | -1, 0 | -1)) {
            return self.reshape([1]);
        }
        let (first, last) = (self.shape().axis(op, start)?, self.shape().axis(op, end)?);
        if first > last {
            return Err(Error::shape(op, self.shape(), format!("end axis {end} is before start axis {start}")));
        }
        let mut shape = *self.shape();
        shape[first] = self.shape()[first..=last].iter().product();
        for axis in (first + 1..=last).rev() {
            shape = shape.remove(axis);
        }
        self.reshape(shape)
    }

    /// One axis moved to another position; the others keep their order.
    ///
    /// # Errors
    /// If an axis is out of range.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let image = Tensor::zeros([28, 30, 3], DType::U8, &Device::cpu());
    /// assert_eq!(image.movedim(-1, 0)?.shape(), &[3, 28, 30]);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn movedim(&self, from: isize, to: isize) -> Result<Tensor> {
        let (from, to) = (self.shape().axis("movedim", from)?, self.shape().axis("movedim", to)?);
        let mut order: Vec<isize> = (0..self.rank() as isize).collect();
        let axis = order.remove(from);
        order.insert(to, axis);
        self.permute(&order)
    }

    /// Every `step`-th element from `start` to before `end` along one axis, as Python's `x[start:end:step]`.
    ///
    /// Negative positions count from the end, positions outside are limited to the axis; a negative step runs
    /// backwards from `start` to after `end` (`isize::MIN` for `end` reaches the first element).
    ///
    /// # Errors
    /// If the axis is out of range or the step is 0.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let x = Tensor::arange(0.0, 6.0, 1.0, DType::F32, &Device::cpu())?;
    /// assert_eq!(x.slice(0, 1, 6, 2)?.to_vec::<f32>()?, [1.0, 3.0, 5.0]);
    /// assert_eq!(x.slice(0, -1, isize::MIN, -2)?.to_vec::<f32>()?, [5.0, 3.0, 1.0]);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn slice(&self, axis: isize, start: isize, end: isize, step: isize) -> Result<Tensor> {
        let at = self.shape().axis("slice", axis)?;
        if step == 0 {
            return Err(Error::argument("slice", "the step must not be 0"));
        }
        let size = self.shape()[at] as isize;
        let position =
            |p: isize, low: isize, high: isize| if p < 0 { p.saturating_add(size) } else { p }.clamp(low, high);
        let (start, len) = if step > 0 {
            let (start, end) = (position(start, 0, size), position(end, 0, size));
            (start, steps((end - start).max(0), step))
        } else {
            let (start, end) = (position(start, -1, size - 1), position(end, -1, size - 1));
            (start, steps((start - end).max(0), step.saturating_neg()))
        };
        let view = self.view().slice(at, start.max(0) as usize, len as usize, step);
        let from = *self.shape();
        let y = self.with_view(view);
        Ok(autograd::track(y, &[self], |_| {
            Rule::custom(move |g| Ok(vec![Some(unslice(g, at, from, start as usize, step)?)]))
        }))
    }

    /// `len` elements of one axis from `start` on.
    ///
    /// # Errors
    /// If they are not all there.
    pub fn narrow(&self, axis: isize, start: usize, len: usize) -> Result<Tensor> {
        let at = self.shape().axis("narrow", axis)?;
        if start.checked_add(len).is_none_or(|end| end > self.shape()[at]) {
            let (size, end) = (self.shape()[at], start.saturating_add(len));
            let reason = format!("elements {start}..{end} are out of range for axis {axis} of size {size}");
            return Err(Error::shape("narrow", self.shape(), reason));
        }
        self.slice(axis, start as isize, (start + len) as isize, 1)
    }

    /// The elements along the given axes in reverse order.
    ///
    /// # Errors
    /// If an axis is out of range.
    pub fn flip(&self, axes: impl Axes) -> Result<Tensor> {
        let axes = axes.axes().unwrap_or_else(|| (0..self.rank() as isize).collect());
        let mut view = *self.view();
        for &axis in &axes {
            let at = self.shape().axis("flip", axis)?;
            view = view.slice(at, self.shape()[at].saturating_sub(1), self.shape()[at], -1);
        }
        Ok(self.viewed(view, move |g| g.flip(&axes)))
    }

    /// The tensor padded with zeros: per axis, how many come before and after.
    ///
    /// # Errors
    /// If there is not one pair per axis, or the result would be too large to address.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let x = Tensor::ones([2], DType::F32, &Device::cpu());
    /// assert_eq!(x.pad(&[(1, 2)])?.to_vec::<f32>()?, [0.0, 1.0, 1.0, 0.0, 0.0]);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn pad(&self, widths: &[(usize, usize)]) -> Result<Tensor> {
        if widths.len() != self.rank() {
            let reason = format!("{} pairs of widths for {} axes", widths.len(), self.rank());
            return Err(Error::shape("pad", self.shape(), reason));
        }
        if widths.iter().all(|&w| w == (0, 0)) {
            return Ok(self.clone());
        }
        let sizes: Vec<usize> =
            self.shape().iter().zip(widths).map(|(&n, &(a, b))| n.saturating_add(a).saturating_add(b)).collect();
        let shape = Shape::try_new(&sizes)?;
        let mut before = Box::new(shape);
        before.iter_mut().zip(widths).for_each(|(b, w)| *b = w.0);
        let y = if self.numel() == 0 {
            Tensor::zeros(shape, self.dtype(), self.device())
        } else {
            Tensor::lazy(
                Op::Pad { before: before.clone() },
                self.device(),
                self.dtype(),
                shape,
                [Some(self), None, None],
            )
        };
        let inner = *self.shape();
        Ok(autograd::track(y, &[self], |_| {
            Rule::custom(move |g| {
                let mut out = g.clone();
                for axis in 0..inner.rank() {
                    out = out.narrow(axis as isize, before[axis], inner[axis])?;
                }
                Ok(vec![Some(out)])
            })
        }))
    }
}

/// How many steps of `step` start below `span`; both are positive, or the span is 0.
fn steps(span: isize, step: isize) -> isize {
    span / step + isize::from(span % step != 0)
}

/// The gradient of `slice`: `g` at the positions that it was taken from, zeros between.
fn unslice(g: &Tensor, axis: usize, from: Shape, start: usize, step: isize) -> Result<Tensor> {
    let len = g.shape()[axis];
    if len == 0 {
        return Ok(Tensor::zeros(from, g.dtype(), g.device()));
    }
    let stride = step.unsigned_abs();
    let g = if step < 0 { g.flip([axis as isize])? } else { g.clone() };
    let first = if step < 0 { start - (len - 1) * stride } else { start };
    let mut widths = vec![(0, 0); from.rank()];
    if stride > 1 {
        // Zeros between: a new axis of size `stride`, of which only the first position is filled.
        let mut spread = vec![(0, 0); from.rank() + 1];
        spread[axis + 1].1 = stride - 1;
        let mut shape = *g.shape();
        shape[axis] = len * stride;
        let g = g.unsqueeze(axis as isize + 1)?.pad(&spread)?.reshape(shape)?;
        let keep = (from[axis] - first).min(len * stride);
        let g = g.narrow(axis as isize, 0, keep)?;
        widths[axis] = (first, from[axis] - first - keep);
        return g.pad(&widths);
    }
    widths[axis] = (first, from[axis] - first - len);
    g.pad(&widths)
}
