//! Elements chosen by position, by a mask, or by where they stand.

use super::{Tensor, create::along};
use crate::{
    DType, Error, Result, Shape,
    autograd::{self, Rule},
    layout::View,
    op::{Class, Op, compute_dtype},
    tensor::Operand,
};

impl Tensor {
    /// One position of an axis, which goes away: `x[.., index, ..]`. A negative index counts from the end.
    ///
    /// # Errors
    /// If the axis or the index is out of range.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let x = Tensor::arange(0, 6, 1, DType::I32, &Device::cpu())?.reshape([2, 3])?;
    /// assert_eq!(x.select(0, -1)?.to_vec::<i32>()?, [3, 4, 5]);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn select(&self, axis: isize, index: isize) -> Result<Tensor> {
        let size = self.shape()[self.shape().axis("select", axis)?] as isize;
        let at = if index < 0 { index + size } else { index };
        if !(0..size).contains(&at) {
            return Err(Error::shape("select", self.shape(), format!("axis {axis} has no element {index}")));
        }
        self.narrow(axis, at as usize, 1)?.squeeze(axis)
    }

    /// Elements chosen along one axis: `out[i][j] = self[index[i][j]][j]` for axis 0, as PyTorch's `gather` and
    /// NumPy's `take_along_axis`.
    ///
    /// `index` holds integers, has this tensor's rank, and is nowhere larger than it but along the axis; its shape is
    /// the result's. The values are not looked at when the call is made: a negative index, or one past the end, gives 0.
    ///
    /// # Errors
    /// If the axis is out of range, the index does not hold integers, the shapes do not fit, or the devices differ.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let device = Device::cpu();
    /// let x = Tensor::from_slice(&[1.0f32, 2.0, 3.0, 4.0], [2, 2], &device)?;
    /// let index = Tensor::from_slice(&[1i64, 0], [2, 1], &device)?;
    /// assert_eq!(x.gather(1, &index)?.to_vec::<f32>()?, [2.0, 3.0]);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn gather(&self, axis: isize, index: &Tensor) -> Result<Tensor> {
        let op = "gather";
        let at = self.shape().axis(op, axis)?;
        self.same_device(index, op)?;
        let positions = positions(op, index, self.shape()[at])?;
        fits(op, "the index", index.shape(), self.shape(), at)?;
        let y = if self.numel() == 0 {
            Tensor::zeros(*index.shape(), self.dtype(), self.device())
        } else {
            let inputs = [Some(self), Some(&positions), None];
            Tensor::lazy(Op::Gather { axis: at as u8 }, self.device(), self.dtype(), *index.shape(), inputs)
        };
        let from = *self.shape();
        Ok(autograd::track(y, &[self], |_| {
            Rule::custom(move |g| {
                let zeros = Tensor::zeros(from, g.dtype(), g.device());
                Ok(vec![Some(zeros.scatter_add(at as isize, &positions, g)?)])
            })
        }))
    }

    /// Slices chosen along one axis by a vector of integers, as PyTorch's `index_select`: `x[index]` for axis 0.
    ///
    /// An index outside of the axis gives zeros, as in [`gather`](Self::gather).
    ///
    /// # Errors
    /// If the axis is out of range, the index is not a vector of integers, or the devices differ.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let device = Device::cpu();
    /// let x = Tensor::arange(0, 6, 1, DType::F32, &device)?.reshape([3, 2])?;
    /// let index = Tensor::from_slice(&[2u8, 0, 2], [3], &device)?;
    /// assert_eq!(x.index_select(0, &index)?.to_vec::<f32>()?, [4.0, 5.0, 0.0, 1.0, 4.0, 5.0]);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn index_select(&self, axis: isize, index: &Tensor) -> Result<Tensor> {
        let op = "index_select";
        let at = self.shape().axis(op, axis)?;
        if index.rank() != 1 {
            return Err(Error::shape(op, index.shape(), "the index is not a vector"));
        }
        let (mut shape, mut line) = (*self.shape(), Shape::from(vec![1; self.rank()]));
        (shape[at], line[at]) = (index.numel(), index.numel());
        self.gather(axis, &index.reshape(line)?.expand(shape)?)
    }

    /// This tensor plus the elements of `src`, each added at its index along an axis, as PyTorch's `scatter_add`:
    /// `out[index[i][j]][j] += src[i][j]` for axis 0. Where an index comes more than once, everything is added up,
    /// in ascending order of position, so that the result is the same every time.
    ///
    /// `index` holds integers and has the shape of `src`, which is nowhere larger than this tensor but along the
    /// axis. What has a negative index, or one past the end, is dropped.
    ///
    /// # Errors
    /// If the axis is out of range, the index does not hold integers, the shapes do not fit, or the devices differ.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let device = Device::cpu();
    /// let votes = Tensor::from_slice(&[2i64, 0, 2, 9], [4], &device)?;
    /// let counts = Tensor::zeros([3], DType::I32, &device).scatter_add(0, &votes, &Tensor::ones([4], DType::I32, &device))?;
    /// assert_eq!(counts.to_vec::<i32>()?, [1, 0, 2]);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn scatter_add(&self, axis: isize, index: &Tensor, src: &Tensor) -> Result<Tensor> {
        let op = "scatter_add";
        let at = self.shape().axis(op, axis)?;
        self.same_device(index, op)?;
        self.same_device(src, op)?;
        let positions = positions(op, index, self.shape()[at])?;
        if index.shape() != src.shape() {
            return Err(Error::shapes(op, index.shape(), src.shape(), "index and source differ"));
        }
        fits(op, "the source", src.shape(), self.shape(), at)?;
        let dtype = compute_dtype(Class::Number, DType::promote(self.dtype(), src.dtype()));
        // Halves are rounded once, with what they are added to; zeros add nothing.
        let to_zeros = self.node.constant().is_some_and(|value| value.to_f64() == 0.0);
        let wide = if to_zeros { dtype } else { dtype.wide() };
        let values = src.to_dtype(wide);
        // The op fills whole lines; along the other axes there may be more of them than the source has.
        let mut shape = *src.shape();
        shape[at] = self.shape()[at];
        let sum = if src.numel() == 0 {
            Tensor::zeros(shape, wide, self.device())
        } else {
            let inputs = [Some(&values), Some(&positions), None];
            Tensor::lazy(Op::ScatterAdd { axis: at as u8 }, self.device(), wide, shape, inputs)
        };
        let sum = autograd::track(sum, &[&values], |_| {
            Rule::custom(move |g| Ok(vec![Some(g.gather(at as isize, &positions)?)]))
        });
        let rest: Vec<(usize, usize)> =
            self.shape().iter().zip(shape.iter()).map(|(all, part)| (0, all - part)).collect();
        Ok(self.to_dtype(wide).add(sum.pad(&rest)?)?.to_dtype(dtype))
    }

    /// The elements, but `value` where the mask is true. The mask broadcasts to this tensor's shape. As in an
    /// operator, a float makes integers `F32`.
    ///
    /// # Errors
    /// If the mask is not `Bool`, does not broadcast, or the devices differ.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let x = Tensor::from_slice(&[1.0f32, -2.0, 3.0], [3], &Device::cpu())?;
    /// assert_eq!(x.masked_fill(&x.lt(0.0)?, 0.0)?.to_vec::<f32>()?, [1.0, 0.0, 3.0]);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn masked_fill(&self, mask: &Tensor, value: impl Operand) -> Result<Tensor> {
        let op = "masked_fill";
        if mask.dtype() != DType::Bool {
            return Err(Error::dtype(op, mask.dtype(), "the mask must be bool"));
        }
        self.same_device(mask, op)?;
        if mask.shape().broadcast(self.shape(), op)? != *self.shape() {
            return Err(Error::shapes(op, mask.shape(), self.shape(), "the mask does not broadcast to the tensor"));
        }
        mask.choose(value, self)
    }

    /// Zeros with a one (`I64`) at each integer's position along a new last axis of size `classes`, as PyTorch's
    /// `one_hot`. For an integer outside of `0..classes` there are only zeros.
    ///
    /// # Errors
    /// If this tensor does not hold integers, or its rank is at the limit.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let labels = Tensor::from_slice(&[2u8, 0], [2], &Device::cpu())?;
    /// assert_eq!(labels.one_hot(3)?.to_vec::<i64>()?, [0, 0, 1, 1, 0, 0]);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn one_hot(&self, classes: usize) -> Result<Tensor> {
        let labels = positions("one_hot", self, classes)?.unsqueeze(-1)?;
        let mut shape = *labels.shape();
        shape[self.rank()] = classes;
        let view = View { shape: Shape::try_new(&shape)?, strides: along(self.rank(), 1), offset: 0 };
        Ok(labels.eq(Tensor::coordinates(view, self.device()))?.to_dtype(DType::I64))
    }

    /// The lower triangle of matrices (the last two axes), zeros above: what lies at most `diagonal` to the right of
    /// the main diagonal stays.
    ///
    /// # Errors
    /// If the rank is below 2.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let x = Tensor::ones([2, 2], DType::F32, &Device::cpu());
    /// assert_eq!(x.tril(0)?.to_vec::<f32>()?, [1.0, 0.0, 1.0, 1.0]);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn tril(&self, diagonal: isize) -> Result<Tensor> {
        self.triangle("tril", |distance| distance.le(diagonal as i64))
    }

    /// The upper triangle of matrices (the last two axes), zeros below: what lies at least `diagonal` to the right of
    /// the main diagonal stays.
    ///
    /// # Errors
    /// If the rank is below 2.
    pub fn triu(&self, diagonal: isize) -> Result<Tensor> {
        self.triangle("triu", |distance| distance.ge(diagonal as i64))
    }

    fn triangle(&self, op: &'static str, inside: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Tensor> {
        if self.rank() < 2 {
            return Err(Error::shape(op, self.shape(), "a matrix has two axes"));
        }
        let zero = Tensor::filled((), 0i64, self.dtype(), self.device());
        inside(&Tensor::diagonals(*self.shape(), self.device()))?.choose(self, zero)
    }
}

/// An index in the dtype in which kernels compare it with `size`: no value outside of `0..size` comes to lie inside.
fn positions(op: &'static str, index: &Tensor, size: usize) -> Result<Tensor> {
    let dtype = match index.dtype() {
        dtype if !dtype.is_int() => return Err(Error::dtype(op, dtype, "an index holds integers")),
        // What is past the signed range becomes negative.
        DType::U32 if size > i32::MAX as usize => DType::I64,
        DType::I64 | DType::U64 => DType::I64,
        _ => DType::I32,
    };
    Ok(index.to_dtype(dtype))
}

/// Checks that `inner` is nowhere larger than `outer`, but along one axis.
fn fits(op: &'static str, what: &str, inner: &Shape, outer: &Shape, free: usize) -> Result<()> {
    if inner.rank() != outer.rank() {
        let reason = format!("{what} has rank {}, the tensor {}", inner.rank(), outer.rank());
        return Err(Error::shapes(op, outer, inner, reason));
    }
    match (0..inner.rank()).find(|&axis| axis != free && inner[axis] > outer[axis]) {
        Some(axis) => Err(Error::shapes(op, outer, inner, format!("{what} is larger along axis {axis}"))),
        None => Ok(()),
    }
}
