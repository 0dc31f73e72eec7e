//! Elements chosen by position, by a mask, or by where they stand.

use super::{Tensor, create::along};
use crate::{
    DType, Error, Result, Shape,
    autograd::{self, Rule},
    layout::View,
    op::{Check, Class, ClassIds, IndexOp, Op, StructuredOp, compute_dtype},
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
        let op = "select";
        let at = self.shape().axis(op, axis)?;
        let size = self.shape()[at];
        let position = if index < 0 { index.checked_add_unsigned(size) } else { Some(index) };
        match position.and_then(|position| usize::try_from(position).ok()).filter(|&position| position < size) {
            Some(position) => self.narrow(axis, position, 1)?.squeeze(axis),
            None => Err(Error::Index { op, index: index as i128, axis: at, size, delayed: false }),
        }
    }

    /// Elements chosen along one axis: `out[i][j] = self[index[i][j]][j]` for axis 0, as PyTorch's `gather` and
    /// NumPy's `take_along_axis`.
    ///
    /// `index` holds integers, has this tensor's rank, and is nowhere larger than it but along the axis; its shape is
    /// the result's. A negative index counts from the end, as in NumPy. One out of range is an error: at the call if
    /// the axis has no elements, else when the result is computed or, on a GPU, at the next read
    /// ([`Error::Index`]).
    ///
    /// # Errors
    /// If the axis or an index is out of range, the index does not hold integers, the shapes do not fit, or the
    /// devices differ.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let device = Device::cpu();
    /// let x = Tensor::from_slice(&[1.0f32, 2.0, 3.0, 4.0], [2, 2], &device)?;
    /// let index = Tensor::from_slice(&[1i64, -2], [2, 1], &device)?;
    /// assert_eq!(x.gather(1, &index)?.to_vec::<f32>()?, [2.0, 3.0]);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn gather(&self, axis: isize, index: &Tensor) -> Result<Tensor> {
        let at = self.shape().axis("gather", axis)?;
        self.gathered(at, index, Some(Check { op: IndexOp::Gather, axis: at as u8 }))
    }

    /// [`gather`](Self::gather) in the name of another op. Without a check an index out of range, negative ones among
    /// them, gives 0.
    pub(crate) fn gathered(&self, at: usize, index: &Tensor, check: Option<Check>) -> Result<Tensor> {
        let op = check.map_or("gather", |check| check.op.name());
        self.same_device(index, op)?;
        integers(op, index)?;
        fits(op, "the index", index.shape(), self.shape(), at)?;
        has_elements(op, self.shape(), at, index)?;
        let y = if self.numel() == 0 {
            Tensor::zeros(*index.shape(), self.dtype(), self.device())
        } else {
            let inputs = [Some(self), Some(index), None];
            Tensor::lazy(Op::Gather { axis: at as u8, check }, self.device(), self.dtype(), *index.shape(), inputs)
        };
        let from = *self.shape();
        Ok(autograd::track(y, &[self], |_| {
            let index = index.clone();
            Rule::custom(move |g| {
                let zeros = Tensor::zeros(from, g.dtype(), g.device());
                Ok(vec![Some(zeros.scattered(at, &index, g, check)?)])
            })
        }))
    }

    /// Slices chosen along one axis by a vector of integers, as PyTorch's `index_select`: `x[index]` for axis 0.
    ///
    /// A negative index counts from the end. One out of range is an error: at the call where the indices lie in the
    /// memory of the CPU, else when the result is computed or, on a GPU, at the next read ([`Error::Index`]).
    ///
    /// # Errors
    /// If the axis or an index is out of range, the index is not a vector of integers, or the devices differ.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let device = Device::cpu();
    /// let x = Tensor::arange(0, 6, 1, DType::F32, &device)?.reshape([3, 2])?;
    /// let index = Tensor::from_slice(&[2i64, 0, -1], [3], &device)?;
    /// assert_eq!(x.index_select(0, &index)?.to_vec::<f32>()?, [4.0, 5.0, 0.0, 1.0, 4.0, 5.0]);
    /// let error = x.index_select(0, &Tensor::from_slice(&[3i64], [1], &device)?).unwrap_err();
    /// assert_eq!(error.to_string(), "index_select: index 3 is out of range for axis 0 of size 3");
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn index_select(&self, axis: isize, index: &Tensor) -> Result<Tensor> {
        let at = self.shape().axis("index_select", axis)?;
        self.slices(at, index, Some(Check { op: IndexOp::IndexSelect, axis: at as u8 }))
    }

    /// [`index_select`](Self::index_select) in the name of another op. Without a check an index out of range, negative
    /// ones among them, gives zeros.
    pub(crate) fn slices(&self, at: usize, index: &Tensor, check: Option<Check>) -> Result<Tensor> {
        let op = check.map_or("index_select", |check| check.op.name());
        if index.rank() != 1 {
            return Err(Error::shape(op, index.shape(), "the index must be a vector"));
        }
        if let Some(check) = check {
            integers(op, index)?;
            has_elements(op, self.shape(), at, index)?;
            look(index, check, self.shape()[at], None)?;
        }
        let (mut shape, mut line) = (*self.shape(), Shape::from(vec![1; self.rank()]));
        (shape[at], line[at]) = (index.numel(), index.numel());
        self.gathered(at, &index.reshape(line)?.expand(shape)?, check)
    }

    /// This tensor plus the elements of `src`, each added at its index along an axis, as PyTorch's `scatter_add`:
    /// `out[index[i][j]][j] += src[i][j]` for axis 0. Where an index comes more than once, everything is added up,
    /// in ascending order of position, so that the result is the same every time.
    ///
    /// `index` holds integers and has the shape of `src`, which is nowhere larger than this tensor but along the
    /// axis. A negative index counts from the end. One out of range is an error as in [`gather`](Self::gather).
    ///
    /// # Errors
    /// If the axis or an index is out of range, the index does not hold integers, the shapes do not fit, or the
    /// devices differ.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let device = Device::cpu();
    /// let votes = Tensor::from_slice(&[2i64, 0, -1], [3], &device)?;
    /// let counts = Tensor::zeros([3], DType::I32, &device).scatter_add(0, &votes, &Tensor::ones([3], DType::I32, &device))?;
    /// assert_eq!(counts.to_vec::<i32>()?, [1, 0, 2]);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn scatter_add(&self, axis: isize, index: &Tensor, src: &Tensor) -> Result<Tensor> {
        let at = self.shape().axis("scatter_add", axis)?;
        self.scattered(at, index, src, Some(Check { op: IndexOp::ScatterAdd, axis: at as u8 }))
    }

    /// [`scatter_add`](Self::scatter_add) in the name of another op. Without a check what has an index out of range,
    /// negative ones among them, is dropped.
    fn scattered(&self, at: usize, index: &Tensor, src: &Tensor, check: Option<Check>) -> Result<Tensor> {
        let op = check.map_or("scatter_add", |check| check.op.name());
        self.same_device(index, op)?;
        self.same_device(src, op)?;
        integers(op, index)?;
        if index.shape() != src.shape() {
            return Err(Error::shapes(op, index.shape(), src.shape(), "index and source differ"));
        }
        fits(op, "the source", src.shape(), self.shape(), at)?;
        has_elements(op, self.shape(), at, index)?;
        let index = words(index)?;
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
            let inputs = [Some(&values), Some(&index), None];
            let op = Op::Structured(StructuredOp::ScatterAdd { axis: at as u8, check });
            Tensor::lazy(op, self.device(), wide, shape, inputs)
        };
        let sum =
            autograd::track(sum, &[&values], |_| Rule::custom(move |g| Ok(vec![Some(g.gathered(at, &index, check)?)])));
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
        mask.where_(value, self)
    }

    /// Zeros with a one (`I64`) at each integer's position along a new last axis of size `classes`, as PyTorch's
    /// `one_hot`. An integer outside of `0..classes`, negative ones among them, is an error, found as in
    /// [`index_select`](Self::index_select).
    ///
    /// # Errors
    /// If this tensor does not hold integers, one of them is no class, or the rank is at its limit.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let labels = Tensor::from_slice(&[2u8, 0], [2], &Device::cpu())?;
    /// assert_eq!(labels.one_hot(3)?.to_vec::<i64>()?, [0, 0, 1, 1, 0, 0]);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn one_hot(&self, classes: usize) -> Result<Tensor> {
        let op = IndexOp::OneHot;
        integers(op.name(), self)?;
        let shape = Shape::try_new(&[&self.shape()[..], &[classes]].concat())?;
        has_elements(op.name(), &shape, self.rank(), self)?;
        let check = Check { op, axis: self.rank() as u8 };
        let labels = self.class_ids(&mut ClassIds { check, classes, ignore: None })?.unsqueeze(-1)?;
        let view = View { shape, strides: along(self.rank(), 1), offset: 0 };
        let hot = labels.eq(Tensor::coordinates(view, self.device()))?.to_dtype(DType::I64);
        if self.device().is_cpu() {
            return Ok(hot);
        }
        labels.lt(0i64)?.where_(-1i64, hot)
    }

    /// The class that each integer names, negative where it names none; see [`ClassIds`]. Forgets the id to ignore if it
    /// is seen not to come.
    pub(crate) fn class_ids(&self, ids: &mut ClassIds) -> Result<Tensor> {
        if look(self, ids.check, ids.classes, ids.ignore)? == Some(false) {
            ids.ignore = None;
        }
        let ids = *ids;
        let dtype = if ids.classes > i32::MAX as usize { DType::I64 } else { DType::I32 };
        Ok(Tensor::lazy(Op::ClassId(Box::new(ids)), self.device(), dtype, *self.shape(), [Some(self), None, None]))
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
        inside(&Tensor::diagonals(*self.shape(), self.device()))?.where_(self, zero)
    }
}

fn integers(op: &'static str, index: &Tensor) -> Result<()> {
    if index.dtype().is_int() { Ok(()) } else { Err(Error::dtype(op, index.dtype(), "the index must hold integers")) }
}

/// Of an axis without elements every index is out of range.
fn has_elements(op: &'static str, shape: &Shape, axis: usize, index: &Tensor) -> Result<()> {
    if shape[axis] > 0 || index.numel() == 0 {
        return Ok(());
    }
    Err(Error::shape(op, shape, format!("axis {axis} has no elements, but there are {} indices", index.numel())))
}

/// An index in 32 or 64 bits. What is repeated by a view is converted once.
fn words(index: &Tensor) -> Result<Tensor> {
    if !index.dtype().is_narrow() {
        return Ok(index.clone());
    }
    let mut once = *index.view();
    for axis in 0..once.shape.rank() {
        if once.strides[axis] == 0 {
            once.shape[axis] = 1;
        }
    }
    index.with_view(once).to_dtype(DType::I32).expand(*index.shape())
}

/// Most indices that are looked at when an op is called.
const MAX_LOOKED_AT: usize = 1 << 16;

/// Looks at indices that lie in host memory, so that the call fails that gave a wrong one, and tells whether the ignored
/// one is among them. The others, of which nothing is known, are checked by the kernel that reads them.
fn look(index: &Tensor, check: Check, size: usize, ignore: Option<i64>) -> Result<Option<bool>> {
    let ignored = |id: i128| ignore.is_some_and(|ignore| id == ignore.into());
    let test = |id: i128| match check.resolve(id, size) {
        None if !ignored(id) => Err(check.error(id, size, false)),
        _ => Ok(ignored(id)),
    };
    if index.numel() == 0 || index.numel() > MAX_LOOKED_AT {
        return Ok(None);
    }
    if let Some(value) = index.node.constant() {
        return test(if index.dtype().is_signed() { value.to_i64().into() } else { value.to_u64().into() }).map(Some);
    }
    if !index.device().is_cpu() || index.node.has_writers() || !index.view().is_dense() {
        return Ok(None);
    }
    let Some(buffer) = index.node.buffer() else { return Ok(None) };
    let Some(bytes) = buffer.host() else { return Ok(None) };
    let start = index.view().offset as usize * index.dtype().size();
    let Some(bytes) = bytes.get(start..start + index.numel() * index.dtype().size()) else { return Ok(None) };
    let ignores_class = ignore.and_then(|ignore| usize::try_from(ignore).ok()).is_some_and(|ignore| ignore < size);
    macro_rules! scan {
        ($t:ty) => {{
            let Ok(ids) = bytemuck::try_cast_slice::<u8, $t>(bytes) else { return Ok(None) };
            // Negative ones are the largest as `u64`.
            let largest = ids.iter().fold(0, |most, &id| most.max(id as u64));
            if largest < size as u64 && !ignores_class {
                return Ok(Some(false));
            }
            ids.iter().try_fold(false, |any, &id| Ok(test(id.into())? || any)).map(Some)
        }};
    }
    match index.dtype() {
        DType::I8 => scan!(i8),
        DType::I16 => scan!(i16),
        DType::I32 => scan!(i32),
        DType::I64 => scan!(i64),
        DType::U8 => scan!(u8),
        DType::U16 => scan!(u16),
        DType::U32 => scan!(u32),
        DType::U64 => scan!(u64),
        _ => Ok(None),
    }
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
