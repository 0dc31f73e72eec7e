//! Joining tensors, and splitting them.

use std::borrow::Borrow;

use super::{Tensor, create::along};
use crate::{
    DType, Error, Result, Shape,
    autograd::{self, Rule, no_grad},
    layout::View,
};

/// Tensors that one kernel joins: each takes a binding, and GPUs have few.
const FAN: usize = 4;

impl Tensor {
    /// Tensors one after the other along an axis. Their dtypes are promoted to a common one.
    ///
    /// # Errors
    /// If there are none, the axis is out of range, sizes differ along another axis, or the devices differ.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let device = Device::cpu();
    /// let (a, b) = (Tensor::zeros([1, 2], DType::F32, &device), Tensor::ones([1, 3], DType::F32, &device));
    /// assert_eq!(Tensor::cat(&[&a, &b], 1)?.to_vec::<f32>()?, [0.0, 0.0, 1.0, 1.0, 1.0]);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn cat(tensors: &[impl Borrow<Tensor>], axis: isize) -> Result<Tensor> {
        let op = "cat";
        let tensors: Vec<&Tensor> = tensors.iter().map(Borrow::borrow).collect();
        let [first, rest @ ..] = &tensors[..] else {
            return Err(Error::argument(op, "there are no tensors"));
        };
        let at = first.shape().axis(op, axis)?;
        let (mut dtype, mut total) = (first.dtype(), first.shape()[at]);
        for (i, x) in rest.iter().enumerate() {
            first.same_device(x, op)?;
            matches(op, i + 1, first.shape(), x.shape(), at)?;
            dtype = DType::promote(dtype, x.dtype());
            total = total.saturating_add(x.shape()[at]);
        }
        let mut sizes = *first.shape();
        sizes[at] = total;
        let shape = Shape::try_new(&sizes)?;

        let parts: Vec<Tensor> = tensors.iter().filter(|x| x.numel() > 0).map(|x| x.to_dtype(dtype)).collect();
        let y = no_grad(|| join(parts, at))?;
        let y = y.unwrap_or_else(|| Tensor::zeros(shape, dtype, first.device()));
        let lengths: Vec<usize> = tensors.iter().map(|x| x.shape()[at]).collect();
        Ok(autograd::track(y.detach(), &tensors, |_| {
            Rule::needed(move |g, needed| {
                let mut start = 0;
                let part = |(&len, &needed): (&usize, &bool)| {
                    start += len;
                    if needed { g.narrow(at as isize, start - len, len).map(Some) } else { Ok(None) }
                };
                lengths.iter().zip(needed).map(part).collect()
            })
        }))
    }

    /// Tensors of one shape along a new axis; `-1` adds it at the end.
    ///
    /// # Errors
    /// If there are none, the axis is out of range, the shapes or devices differ, or the rank is at its limit.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let x = Tensor::zeros([3], DType::F32, &Device::cpu());
    /// assert_eq!(Tensor::stack(&[&x, &x], 0)?.shape(), &[2, 3]);
    /// assert_eq!(Tensor::stack(&[&x, &x], -1)?.shape(), &[3, 2]);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn stack(tensors: &[impl Borrow<Tensor>], axis: isize) -> Result<Tensor> {
        let op = "stack";
        let Some(first) = tensors.first().map(Borrow::borrow) else {
            return Err(Error::argument(op, "there are no tensors"));
        };
        for (i, x) in tensors.iter().enumerate() {
            first.same_device(x.borrow(), op)?;
            matches(op, i, first.shape(), x.borrow().shape(), usize::MAX)?;
        }
        let parts = tensors.iter().map(|x| x.borrow().unsqueeze(axis)).collect::<Result<Vec<_>>>();
        parts.and_then(|parts| Tensor::cat(&parts, axis)).map_err(|error| error.in_op(op))
    }

    /// The positions of an axis one by one, without that axis.
    ///
    /// # Errors
    /// If the axis is out of range.
    pub fn unbind(&self, axis: isize) -> Result<Vec<Tensor>> {
        let size = self.shape()[self.shape().axis("unbind", axis)?];
        (0..size).map(|i| self.select(axis, i as isize)).collect()
    }

    /// Parts of `size` along an axis; the last one may be smaller.
    ///
    /// # Errors
    /// If the axis is out of range, or the size is 0.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let chunks = Tensor::zeros([5, 2], DType::F32, &Device::cpu()).split(0, 2)?;
    /// assert_eq!(chunks.iter().map(|x| x.shape()[0]).collect::<Vec<_>>(), [2, 2, 1]);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn split(&self, axis: isize, size: usize) -> Result<Vec<Tensor>> {
        let total = self.shape()[self.shape().axis("split", axis)?];
        if size == 0 {
            return Err(Error::argument("split", "the size must not be 0"));
        }
        // Of nothing there is one part, as in PyTorch.
        let starts = (0..total.max(1)).step_by(size);
        starts.map(|start| self.narrow(axis, start, size.min(total - start))).collect()
    }

    /// Parts of these sizes along an axis.
    ///
    /// # Errors
    /// If the axis is out of range, or the sizes do not add up to its size.
    pub fn split_with_sizes(&self, axis: isize, sizes: &[usize]) -> Result<Vec<Tensor>> {
        let op = "split_with_sizes";
        let total = self.shape()[self.shape().axis(op, axis)?];
        if sizes.iter().try_fold(0usize, |sum, &n| sum.checked_add(n)) != Some(total) {
            return Err(Error::shape(op, self.shape(), format!("sizes {sizes:?} do not add up to {total}")));
        }
        let mut start = 0;
        let part = |&size: &usize| {
            start += size;
            self.narrow(axis, start - size, size)
        };
        sizes.iter().map(part).collect()
    }

    /// At most `count` chunks along an axis, of one size but for the last one, as PyTorch's `chunk`.
    ///
    /// # Errors
    /// If the axis is out of range, or the count is 0.
    pub fn chunk(&self, axis: isize, count: usize) -> Result<Vec<Tensor>> {
        let total = self.shape()[self.shape().axis("chunk", axis)?];
        if count == 0 {
            return Err(Error::argument("chunk", "the count must not be 0"));
        }
        self.split(axis, total.div_ceil(count).max(1))
    }

    /// The elements moved along an axis by `shift` positions; what leaves at one end comes in at the other.
    ///
    /// # Errors
    /// If the axis is out of range.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let x = Tensor::arange(0, 4, 1, DType::I32, &Device::cpu())?;
    /// assert_eq!(x.roll(0, 1)?.to_vec::<i32>()?, [3, 0, 1, 2]);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn roll(&self, axis: isize, shift: isize) -> Result<Tensor> {
        let size = self.shape()[self.shape().axis("roll", axis)?];
        let shift = shift.rem_euclid(size.max(1) as isize) as usize;
        if shift == 0 {
            return Ok(self.clone());
        }
        let (head, tail) = (self.narrow(axis, 0, size - shift)?, self.narrow(axis, size - shift, shift)?);
        Tensor::cat(&[tail, head], axis)
    }

    /// The whole tensor repeated, `counts[axis]` times along each axis, as PyTorch's `repeat` and NumPy's `tile`.
    /// More counts than axes add axes in front.
    ///
    /// # Errors
    /// If there are fewer counts than axes, or the result would be too large to address.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let x = Tensor::arange(0, 2, 1, DType::I32, &Device::cpu())?;
    /// assert_eq!(x.repeat(&[2, 2])?.to_vec::<i32>()?, [0, 1, 0, 1, 0, 1, 0, 1]);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn repeat(&self, counts: &[usize]) -> Result<Tensor> {
        let op = "repeat";
        let Some(lead) = counts.len().checked_sub(self.rank()) else {
            return Err(Error::shape(op, self.shape(), format!("{counts:?} must have at least one count per axis")));
        };
        let size = |axis: usize| if axis < lead { 1 } else { self.shape()[axis - lead] };
        let sizes: Vec<usize> = (0..counts.len()).map(|axis| size(axis).saturating_mul(counts[axis])).collect();
        let shape = Shape::try_new(&sizes).map_err(|error| error.in_op(op))?;
        let mut one = shape;
        one.iter_mut().enumerate().for_each(|(axis, n)| *n = size(axis));
        let mut x = self.reshape(one)?;
        for axis in (0..counts.len()).filter(|&axis| counts[axis] != 1) {
            // Position modulo size: no axis is added, so the rank may be at its limit.
            let view = View { shape: shape[axis].into(), strides: along(0, 1), offset: 0 };
            let index = Tensor::coordinates(view, self.device()).remainder(size(axis).max(1) as i64)?;
            x = x.slices(axis, &index, None)?;
        }
        Ok(x)
    }
}

/// Joins parts of one dtype, a few at a time. `None` if there are none.
fn join(mut parts: Vec<Tensor>, axis: usize) -> Result<Option<Tensor>> {
    while parts.len() > 1 {
        parts = parts.chunks(FAN).map(|group| join_few(group, axis)).collect::<Result<_>>()?;
    }
    Ok(parts.pop())
}

/// Every part padded with zeros to the size of the result; the coordinate says whose element it is.
fn join_few(parts: &[Tensor], axis: usize) -> Result<Tensor> {
    let total = parts.iter().map(|x| x.shape()[axis]).sum();
    let mut shape = *parts[0].shape();
    shape[axis] = total;
    let at = Tensor::coordinates(View { shape, strides: along(axis, 1), offset: 0 }, parts[0].device());
    let mut out: Option<Tensor> = None;
    let mut start = 0;
    for x in parts {
        let mut widths = vec![(0, 0); shape.rank()];
        widths[axis] = (start, total - start - x.shape()[axis]);
        let placed = x.pad(&widths)?;
        out = Some(match out {
            Some(before) => at.lt(start as i64)?.where_(before, placed)?,
            None => placed,
        });
        start += x.shape()[axis];
    }
    // A group has a part.
    Ok(out.unwrap_or_else(|| parts[0].clone()))
}

/// Checks that tensor `i` has the first one's shape, but along one axis.
fn matches(op: &'static str, i: usize, first: &Shape, shape: &Shape, free: usize) -> Result<()> {
    if shape.rank() != first.rank() {
        let reason = format!("tensor {i} has rank {}, the first {}", shape.rank(), first.rank());
        return Err(Error::shapes(op, first, shape, reason));
    }
    match (0..shape.rank()).find(|&axis| axis != free && shape[axis] != first[axis]) {
        Some(axis) => {
            let reason = format!("tensor {i} has size {} along axis {axis}, the first {}", shape[axis], first[axis]);
            Err(Error::shapes(op, first, shape, reason))
        }
        None => Ok(()),
    }
}
