//! Shapes: up to [`MAX_RANK`] sizes, held inline.

use std::{fmt, ops};

use crate::{Error, Result};

/// The highest rank of a tensor.
pub const MAX_RANK: usize = 8;

/// The sizes of a tensor, outermost first. A scalar has the empty shape `[]`.
///
/// It dereferences to a slice, and every place that takes a shape takes what converts into one:
/// `[2, 3]`, `&[2, 3][..]`, a `Vec<usize>`, a single `usize`, or `()` for a scalar.
///
/// # Panics
/// Conversions panic past [`MAX_RANK`] sizes; [`Shape::try_new`] returns an error instead.
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

impl From<&[usize]> for Shape {
    fn from(sizes: &[usize]) -> Self {
        match Shape::try_new(sizes) {
            Ok(shape) => shape,
            Err(error) => panic!("{error}"),
        }
    }
}

impl<const N: usize> From<[usize; N]> for Shape {
    fn from(sizes: [usize; N]) -> Self {
        sizes[..].into()
    }
}

impl<const N: usize> From<&[usize; N]> for Shape {
    fn from(sizes: &[usize; N]) -> Self {
        sizes[..].into()
    }
}

impl From<Vec<usize>> for Shape {
    fn from(sizes: Vec<usize>) -> Self {
        sizes[..].into()
    }
}

impl From<&Vec<usize>> for Shape {
    fn from(sizes: &Vec<usize>) -> Self {
        sizes[..].into()
    }
}

impl From<&Shape> for Shape {
    fn from(shape: &Shape) -> Self {
        *shape
    }
}

impl From<usize> for Shape {
    fn from(size: usize) -> Self {
        [size].into()
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
