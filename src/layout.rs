//! Strided views: how a tensor's elements lie in the contiguous buffer of the node that made them.

use crate::{Shape, shape::MAX_RANK};

/// Steps in elements per axis; entries past the rank are 0.
pub(crate) type Strides = [isize; MAX_RANK];

/// A shape with a stride per axis and an offset, all counted in elements.
///
/// Stride 0 repeats an element (broadcast), negative strides run backwards (flip).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct View {
    pub shape: Shape,
    pub strides: Strides,
    pub offset: isize,
}

/// The strides of a row-major array without gaps.
pub(crate) fn contiguous_strides(shape: &[usize]) -> Strides {
    let mut strides = [0; MAX_RANK];
    let mut step = 1;
    for axis in (0..shape.len()).rev() {
        strides[axis] = step;
        step *= shape[axis].max(1) as isize;
    }
    strides
}

impl View {
    /// The whole of a contiguous buffer.
    pub fn contiguous(shape: Shape) -> Self {
        Self { shape, strides: contiguous_strides(&shape), offset: 0 }
    }

    /// Whether element `i` in row-major order is element `offset + i` of the buffer.
    pub fn is_dense(&self) -> bool {
        let mut step = 1;
        for axis in (0..self.shape.rank()).rev() {
            let size = self.shape[axis];
            if size == 0 {
                return true;
            }
            if size != 1 && self.strides[axis] != step {
                return false;
            }
            step *= size as isize;
        }
        true
    }

    /// How far before and behind the first element others lie: at most 0, and at least 0. `None` if that cannot be
    /// addressed. The view has elements.
    pub fn reach(&self) -> Option<(isize, isize)> {
        let (mut low, mut high) = (0isize, 0isize);
        for (&size, &stride) in self.shape.iter().zip(&self.strides) {
            let span = stride.checked_mul(size as isize - 1)?;
            low = low.checked_add(span.min(0))?;
            high = high.checked_add(span.max(0))?;
        }
        low.checked_neg().map(|_| (low, high))
    }

    /// Whether this is a buffer of `numel` elements, whole and in order, under any shape.
    pub fn is_identity(&self, numel: usize) -> bool {
        self.offset == 0 && self.shape.numel() == numel && self.is_dense()
    }

    /// Axes in another order: axis `i` of the result is axis `order[i]` of this view.
    pub fn permute(&self, order: &[usize]) -> View {
        let mut out = *self;
        for (i, &axis) in order.iter().enumerate() {
            out.shape[i] = self.shape[axis];
            out.strides[i] = self.strides[axis];
        }
        out
    }

    /// Repeats axes of size 1 to `shape`, which must be a valid broadcast of this shape.
    pub fn expand(&self, shape: Shape) -> View {
        let mut out = View { shape, strides: [0; MAX_RANK], offset: self.offset };
        let lead = shape.rank() - self.shape.rank();
        for axis in 0..self.shape.rank() {
            if self.shape[axis] == shape[lead + axis] {
                out.strides[lead + axis] = self.strides[axis];
            }
        }
        out
    }

    /// Elements `start, start + step, ...` (`len` of them) of one axis; `step` may be negative.
    pub fn slice(&self, axis: usize, start: usize, len: usize, step: isize) -> View {
        let mut out = *self;
        if len > 0 {
            out.offset += start as isize * self.strides[axis];
        }
        out.shape[axis] = len;
        out.strides[axis] = self.strides[axis] * step;
        out
    }

    /// A new axis of size 1 before `axis`.
    pub fn insert_axis(&self, axis: usize) -> View {
        let mut out = *self;
        out.shape = self.shape.insert(axis, 1);
        out.strides.copy_within(axis..self.shape.rank(), axis + 1);
        out.strides[axis] = 0;
        out
    }

    /// The view without `axis`, whose size must be 1 (or whose index is the first).
    pub fn remove_axis(&self, axis: usize) -> View {
        let mut out = *self;
        out.shape = self.shape.remove(axis);
        out.strides.copy_within(axis + 1..self.shape.rank(), axis);
        out.strides[out.shape.rank()] = 0;
        out
    }

    /// The same elements in the same order under another shape, if strides can express it without a copy.
    pub fn reshape(&self, shape: Shape) -> Option<View> {
        if shape == self.shape {
            return Some(*self);
        }
        if shape.numel() == 0 {
            return Some(View { offset: self.offset, ..View::contiguous(shape) });
        }
        // Runs of old axes that step evenly, merged; then cut anew into the new sizes.
        let mut runs: Vec<(usize, isize)> = Vec::with_capacity(MAX_RANK);
        for axis in 0..self.shape.rank() {
            let (size, stride) = (self.shape[axis], self.strides[axis]);
            if size == 1 {
                continue;
            }
            match runs.last_mut() {
                Some((n, s)) if *s == stride * size as isize => (*n, *s) = (*n * size, stride),
                _ => runs.push((size, stride)),
            }
        }
        let mut out = View { shape, strides: [0; MAX_RANK], offset: self.offset };
        let mut run = runs.pop();
        for axis in (0..shape.rank()).rev() {
            let size = shape[axis];
            if size == 1 {
                continue;
            }
            if matches!(run, Some((1, _)) | None) {
                run = runs.pop();
            }
            let (left, stride) = run?;
            if left % size != 0 {
                return None;
            }
            out.strides[axis] = stride;
            run = Some((left / size, stride * size as isize));
        }
        // A run may be left partly cut only if nothing is left of it.
        match run {
            Some((left, _)) if left != 1 => None,
            _ => Some(out),
        }
    }

    /// This view of the row-major elements of `inner`, as one view of what `inner` looks at.
    ///
    /// `None` if an axis of this view runs over several axes of `inner` that do not step evenly.
    pub fn compose(&self, inner: &View) -> Option<View> {
        if inner.is_dense() {
            return Some(View { offset: self.offset + inner.offset, ..*self });
        }
        if self.shape.numel() == 0 {
            return Some(View { offset: inner.offset, ..View::contiguous(self.shape) });
        }
        // Axes of `inner` that step evenly count as one: (size, row-major stride, stride).
        let steps = contiguous_strides(&inner.shape);
        let mut axes: Vec<(usize, isize, isize)> = Vec::with_capacity(MAX_RANK);
        for ((&size, &step), &stride) in inner.shape.iter().zip(&steps).zip(&inner.strides) {
            if size == 1 {
                continue;
            }
            match axes.last_mut() {
                Some((n, t, s)) if *s == stride * size as isize => (*n, *t, *s) = (*n * size, step, stride),
                _ => axes.push((size, step, stride)),
            }
        }
        // The first element's coordinates, then how far each axis of this view moves from there.
        let mut rest = self.offset;
        let mut out = View { shape: self.shape, strides: [0; MAX_RANK], offset: inner.offset };
        let mut reach: Vec<(isize, isize)> = Vec::with_capacity(MAX_RANK);
        for &(_, step, stride) in &axes {
            let at = rest / step;
            rest -= at * step;
            out.offset += at * stride;
            reach.push((at, at));
        }
        for axis in 0..self.shape.rank() {
            let (size, move_by) = (self.shape[axis] as isize, self.strides[axis]);
            if size == 1 || move_by == 0 {
                continue;
            }
            let (i, &(_, step, stride)) = axes.iter().enumerate().find(|(_, (_, step, _))| move_by % step == 0)?;
            let span = move_by / step * (size - 1);
            let (low, high) = &mut reach[i];
            if span < 0 {
                *low += span
            } else {
                *high += span
            }
            if *low < 0 || *high >= axes[i].0 as isize {
                return None;
            }
            out.strides[axis] = move_by / step * stride;
        }
        Some(out)
    }
}

/// Merges neighbouring axes that step evenly in every one of `strides`, and drops axes of size 1.
///
/// Only axes on the same side of `kept` merge. Returns the new number of kept axes.
pub(crate) fn collapse(dims: &mut Vec<usize>, kept: usize, strides: &mut [&mut Strides]) -> usize {
    let mut out = 0;
    let mut out_kept = 0;
    for axis in 0..dims.len() {
        let size = dims[axis];
        if axis == kept {
            out_kept = out;
        }
        if size == 1 {
            continue;
        }
        let first_of_side = if axis < kept { 0 } else { out_kept };
        let merges = out > first_of_side && strides.iter().all(|s| s[out - 1] == s[axis] * size as isize);
        if merges {
            dims[out - 1] *= size;
        } else {
            dims[out] = size;
            out += 1;
        }
        for s in strides.iter_mut() {
            s[out - 1] = s[axis];
        }
    }
    if kept >= dims.len() {
        out_kept = out;
    }
    dims.truncate(out);
    for s in strides.iter_mut() {
        s[out..].fill(0);
    }
    out_kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elements(view: &View) -> Vec<isize> {
        let mut out = vec![view.offset];
        for axis in 0..view.shape.rank() {
            out = out
                .iter()
                .flat_map(|o| (0..view.shape[axis] as isize).map(move |i| o + i * view.strides[axis]))
                .collect();
        }
        out
    }

    #[test]
    fn reshape_keeps_the_order_of_elements_or_refuses() {
        let base = View::contiguous([4, 6, 5].into());
        let cases = [base, base.permute(&[1, 0, 2]), base.slice(1, 1, 4, 1), base.slice(2, 4, 5, -1)];
        for view in cases {
            for shape in [
                [24, 5].into(),
                [4, 30].into(),
                [2, 2, 6, 5].into(),
                [4, 3, 2, 5].into(),
                [120].into(),
                [96].into(),
                [80].into(),
                [16, 5].into(),
                Shape::from([4, 2, 2, 5]),
            ] {
                if shape.numel() != view.shape.numel() {
                    continue;
                }
                if let Some(out) = view.reshape(shape) {
                    assert_eq!(elements(&out), elements(&view), "{view:?} as {shape:?}");
                }
            }
        }
        assert!(base.permute(&[1, 0, 2]).reshape([120].into()).is_none());
        assert!(base.slice(1, 1, 4, 1).reshape([4, 20].into()).is_some());
        assert!(View::contiguous([2, 3].into()).reshape([3, 2].into()).is_some());
        assert!(View::contiguous([2, 3].into()).permute(&[1, 0]).reshape([2, 3].into()).is_none());
    }

    #[test]
    fn compose_looks_at_the_same_elements() {
        let inner = View::contiguous([4, 6, 5].into()).permute(&[2, 0, 1]);
        let all = elements(&inner);
        let outer = View::contiguous([5, 4, 6].into());
        for view in [
            outer,
            outer.permute(&[2, 1, 0]),
            outer.slice(0, 1, 3, 1),
            outer.slice(2, 5, 6, -1),
            outer.slice(1, 3, 2, -2),
        ] {
            let composed = view.compose(&inner).expect("composes");
            let expected: Vec<isize> = elements(&view).iter().map(|&i| all[i as usize]).collect();
            assert_eq!(elements(&composed), expected, "{view:?}");
        }
        assert!(View::contiguous([120].into()).compose(&inner).is_none());
    }

    #[test]
    fn collapse_merges_only_what_steps_evenly() {
        let mut dims = vec![2, 3, 1, 4];
        let (mut a, mut b) = (contiguous_strides(&[2, 3, 1, 4]), [0, 4, 0, 1, 0, 0, 0, 0]);
        let kept = collapse(&mut dims, 4, &mut [&mut a, &mut b]);
        assert_eq!((dims.as_slice(), kept), (&[2, 12][..], 2));
        assert_eq!((&a[..2], &b[..2]), (&[12, 1][..], &[0, 1][..]));
    }
}
