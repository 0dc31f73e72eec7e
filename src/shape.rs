//! Shapes: up to [`MAX_RANK`] sizes, held inline.

use std::{fmt, ops};

use crate::{Error, Result};

/// The highest rank of a tensor.
pub const MAX_RANK: usize = 8;

/// The sizes of a tensor, outermost first. A scalar has the empty shape `[]`.
///
/// It dereferences to a slice, and every place that takes a shape takes what converts into one: arrays, slices,
/// vectors and ranges of `usize`, `isize`, `i64` or `i32`, a single integer, or `()` for a scalar.
///
/// # Panics
/// Conversions panic past [`MAX_RANK`] sizes, and on negative ones; [`Shape::try_new`] returns an error instead.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape {
    sizes: [usize; MAX_RANK],
    rank: u8,
}

impl Shape {
    /// The shape of a scalar.
    pub const SCALAR: Shape = Shape { sizes: [1; MAX_RANK], rank: 0 };

    /// A shape of these sizes.
    ///
    /// # Errors
    /// If there are more than [`MAX_RANK`] sizes, or their product does not fit into `isize`.
    pub fn try_new(sizes: &[usize]) -> Result<Self> {
        if sizes.len() > MAX_RANK {
            return Err(Error::argument("shape", format!("rank {} is above the limit of {MAX_RANK}", sizes.len())));
        }
        let nonzero = sizes.iter().filter(|&&n| n != 0);
        if nonzero.into_iter().try_fold(1usize, |p, &n| p.checked_mul(n)).is_none_or(|n| n > isize::MAX as usize / 8) {
            return Err(Error::argument("shape", format!("{sizes:?} has more elements than can be addressed")));
        }
        let mut shape = Self::SCALAR;
        shape.sizes[..sizes.len()].copy_from_slice(sizes);
        shape.rank = sizes.len() as u8;
        Ok(shape)
    }

    /// [`try_new`](Self::try_new) from any integers.
    fn collect<T: Copy + TryInto<usize> + fmt::Display>(sizes: impl Iterator<Item = T>) -> Result<Self> {
        let (mut all, mut rank, count) = ([1; MAX_RANK], 0, sizes.size_hint().0);
        for size in sizes {
            let Some(place) = all.get_mut(rank) else {
                return Err(Error::argument("shape", format!("rank {count} is above the limit of {MAX_RANK}")));
            };
            *place = size.try_into().map_err(|_| Error::argument("shape", format!("size {size} is negative")))?;
            rank += 1;
        }
        Shape::try_new(&all[..rank])
    }

    /// The number of axes.
    #[inline]
    pub fn rank(&self) -> usize {
        self.rank as usize
    }

    /// The number of elements: the product of the sizes, 1 for a scalar.
    #[inline]
    pub fn numel(&self) -> usize {
        self.iter().product()
    }

    /// The sizes as a slice.
    #[inline]
    pub fn dims(&self) -> &[usize] {
        self
    }

    /// The non-negative index of an axis that may count from the end.
    pub(crate) fn axis(&self, op: &'static str, axis: isize) -> Result<usize> {
        let rank = self.rank() as isize;
        let index = if axis < 0 { axis + rank } else { axis };
        if (0..rank).contains(&index) {
            Ok(index as usize)
        } else {
            Err(Error::Axis { op, axis, shape: Box::new(*self) })
        }
    }

    /// The shape with one more axis of this size before `axis`.
    pub(crate) fn insert(&self, axis: usize, size: usize) -> Shape {
        assert!(self.rank() < MAX_RANK, "rank {} is above the limit of {MAX_RANK}", self.rank() + 1);
        let mut out = *self;
        out.sizes.copy_within(axis..self.rank(), axis + 1);
        out.sizes[axis] = size;
        out.rank += 1;
        out
    }

    /// The shape without one of its axes.
    pub(crate) fn remove(&self, axis: usize) -> Shape {
        let mut out = *self;
        out.sizes.copy_within(axis + 1..self.rank(), axis);
        out.rank -= 1;
        out.sizes[out.rank()] = 1;
        out
    }

    /// The shape that two shapes broadcast to, by NumPy's rule.
    ///
    /// # Errors
    /// If an axis has two different sizes and neither is 1; the error names the axis.
    pub(crate) fn broadcast(&self, other: &Shape, op: &'static str) -> Result<Shape> {
        if self == other {
            return Ok(*self);
        }
        let rank = self.rank().max(other.rank());
        let mut out = Shape { sizes: [1; MAX_RANK], rank: rank as u8 };
        for i in 0..rank {
            let size = |s: &Shape| if i < s.rank() { s[s.rank() - 1 - i] } else { 1 };
            let (a, b) = (size(self), size(other));
            out.sizes[rank - 1 - i] = match (a, b) {
                _ if a == b => a,
                (1, n) | (n, 1) => n,
                _ => {
                    let axis = rank - 1 - i;
                    return Err(Error::shapes(
                        op,
                        self,
                        other,
                        format!("sizes {a} and {b} of axis {axis} do not broadcast"),
                    ));
                }
            };
        }
        Ok(out)
    }
}

impl ops::Deref for Shape {
    type Target = [usize];
    #[inline]
    fn deref(&self) -> &[usize] {
        &self.sizes[..self.rank as usize]
    }
}

impl ops::DerefMut for Shape {
    #[inline]
    fn deref_mut(&mut self) -> &mut [usize] {
        &mut self.sizes[..self.rank as usize]
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.dims(), f)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.dims(), f)
    }
}

impl From<&Shape> for Shape {
    fn from(shape: &Shape) -> Self {
        *shape
    }
}

impl From<()> for Shape {
    fn from(_: ()) -> Self {
        Shape::SCALAR
    }
}

impl<const N: usize> PartialEq<[usize; N]> for Shape {
    fn eq(&self, other: &[usize; N]) -> bool {
        self.dims() == other
    }
}

impl PartialEq<[usize]> for Shape {
    fn eq(&self, other: &[usize]) -> bool {
        self.dims() == other
    }
}

/// Sizes as [`reshape`](crate::Tensor::reshape) and [`expand`](crate::Tensor::expand) take them: a size of -1 stands
/// for what follows from the tensor. Everything converts into them that converts into a [`Shape`].
#[derive(Clone, Copy)]
pub struct Sizes {
    sizes: [isize; MAX_RANK],
    /// May be above the limit; then the sizes are not all there.
    rank: usize,
}

impl Sizes {
    fn collect(sizes: impl Iterator<Item = isize>) -> Self {
        let mut out = Sizes { sizes: [1; MAX_RANK], rank: 0 };
        // One more than the limit tells that there are too many.
        for size in sizes.take(MAX_RANK + 1) {
            if let Some(place) = out.sizes.get_mut(out.rank) {
                *place = size;
            }
            out.rank += 1;
        }
        out
    }

    /// The sizes, without negative ones but -1.
    fn checked(&self, op: &'static str) -> Result<&[isize]> {
        let Some(sizes) = self.sizes.get(..self.rank) else {
            return Err(Error::argument(op, format!("there are more than {MAX_RANK} sizes, the highest rank")));
        };
        match sizes.iter().find(|&&size| size < -1) {
            Some(size) => Err(Error::argument(op, format!("size {size} of {sizes:?} is negative and not -1"))),
            None => Ok(sizes),
        }
    }

    /// The shape in which a tensor keeps all its elements.
    pub(crate) fn of_elements(&self, op: &'static str, from: &Shape) -> Result<Shape> {
        let sizes = self.checked(op)?;
        let mut known = sizes.iter().filter(|&&size| size >= 0).map(|&size| size as usize);
        let count = known.try_fold(1usize, |product, size| product.checked_mul(size));
        let mut free = sizes.iter().enumerate().filter(|(_, size)| **size < 0).map(|(axis, _)| axis);
        let (axis, second) = (free.next(), free.next());
        let error = |reason: String| Err(Error::shape(op, from, reason));
        if second.is_some() {
            return error(format!("{sizes:?} has -1 more than once"));
        }
        let Some(axis) = axis else { return Shape::collect(sizes.iter().copied()) };
        let (numel, mut out) = (from.numel(), self.sizes);
        match count {
            Some(0) => return error(format!("the -1 in {sizes:?} is ambiguous")),
            Some(count) if numel.is_multiple_of(count) => out[axis] = (numel / count) as isize,
            _ => return error(format!("{numel} elements cannot be reshaped to {sizes:?}")),
        }
        Shape::collect(out[..self.rank].iter().copied())
    }

    /// The shape in which a tensor keeps the size of every axis that is -1.
    pub(crate) fn of_axes(&self, op: &'static str, from: &Shape) -> Result<Shape> {
        let sizes = self.checked(op)?;
        let mut out = self.sizes;
        for (axis, size) in out[..self.rank].iter_mut().enumerate().filter(|(_, size)| **size < 0) {
            // Axes are counted from the end, where both have them.
            *size = match (axis + from.rank()).checked_sub(sizes.len()) {
                Some(at) => from[at] as isize,
                None => return Err(Error::shape(op, from, format!("-1 of {sizes:?} stands for an axis that is new"))),
            };
        }
        Shape::collect(out[..self.rank].iter().copied())
    }
}

impl From<Shape> for Sizes {
    fn from(shape: Shape) -> Self {
        // A shape's sizes fit: their product does.
        Sizes { sizes: shape.sizes.map(|size| size as isize), rank: shape.rank() }
    }
}

impl From<&Shape> for Sizes {
    fn from(shape: &Shape) -> Self {
        (*shape).into()
    }
}

impl From<()> for Sizes {
    fn from(_: ()) -> Self {
        Shape::SCALAR.into()
    }
}

/// An integer as an axis or a size; one past the range of `isize` stays out of any range.
pub(crate) trait Saturate {
    fn saturate(self) -> isize;
}

macro_rules! saturate {
    ($($t:ty)*) => {$(
        impl Saturate for $t {
            #[inline]
            #[allow(unused_comparisons)]
            fn saturate(self) -> isize {
                self.try_into().unwrap_or(if self < 0 { isize::MIN } else { isize::MAX })
            }
        }
    )*};
}
saturate!(usize isize i64 i32);

/// Conversions from every way to write some integers.
macro_rules! conversions {
    ($($t:ty)*) => {$(
        conversions!(@many $t, &[$t], |sizes| sizes.iter().copied());
        conversions!(@many $t, Vec<$t>, |sizes| sizes.into_iter());
        conversions!(@many $t, &Vec<$t>, |sizes| sizes.iter().copied());
        conversions!(@many $t, std::ops::Range<$t>, |sizes| sizes);
        conversions!(@many $t, std::ops::RangeInclusive<$t>, |sizes| sizes);
        conversions!(@many $t, $t, |size| std::iter::once(size));

        impl<const N: usize> From<[$t; N]> for Shape {
            fn from(sizes: [$t; N]) -> Self {
                sizes[..].into()
            }
        }

        impl<const N: usize> From<&[$t; N]> for Shape {
            fn from(sizes: &[$t; N]) -> Self {
                sizes[..].into()
            }
        }

        impl<const N: usize> From<[$t; N]> for Sizes {
            fn from(sizes: [$t; N]) -> Self {
                sizes[..].into()
            }
        }

        impl<const N: usize> From<&[$t; N]> for Sizes {
            fn from(sizes: &[$t; N]) -> Self {
                sizes[..].into()
            }
        }
    )*};
    (@many $t:ty, $from:ty, |$sizes:ident| $iter:expr) => {
        impl From<$from> for Shape {
            fn from($sizes: $from) -> Self {
                match Shape::collect::<$t>($iter) {
                    Ok(shape) => shape,
                    Err(error) => panic!("{error}"),
                }
            }
        }

        impl From<$from> for Sizes {
            fn from($sizes: $from) -> Self {
                Sizes::collect($iter.map(Saturate::saturate))
            }
        }
    };
}
conversions!(usize isize i64 i32);
