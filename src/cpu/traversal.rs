//! Traversing over strided places in row-major order.

use crate::{
    DType, MAX_RANK,
    layout::{Strides, collapse},
};

/// A strided place of an input or output, in the order in which a program's tiles visit it.
#[derive(Clone, Debug)]
pub(super) struct Traversal {
    /// Which buffer: inputs first, then outputs.
    pub buffer: usize,
    pub dtype: DType,
    pub offset: isize,
    /// Steps per kept axis, for programs whose tasks start at a coordinate of these.
    pub outer: Strides,
    rank: usize,
    dims: [usize; MAX_RANK],
    strides: Strides,
}

impl Traversal {
    /// A traversal over `dims` with these strides; axes that step evenly become one.
    pub fn new(buffer: usize, dtype: DType, offset: isize, dims: &[usize], strides: &[isize]) -> Self {
        let mut dims = dims.to_vec();
        let mut steps = [0; MAX_RANK];
        steps[..dims.len()].copy_from_slice(&strides[..dims.len()]);
        let kept = dims.len();
        collapse(&mut dims, kept, &mut [&mut steps]);
        let mut traversal =
            Self { buffer, dtype, offset, outer: [0; MAX_RANK], rank: dims.len(), dims: [1; MAX_RANK], strides: steps };
        traversal.dims[..dims.len()].copy_from_slice(&dims);
        traversal
    }

    /// A traversal over blocks of two axes; where a block starts comes from `outer`, its size from the tile.
    pub fn blocks(buffer: usize, dtype: DType, offset: isize, outer: Strides, row: isize, col: isize) -> Self {
        let mut strides = [0; MAX_RANK];
        strides[..2].copy_from_slice(&[row, col]);
        Self { buffer, dtype, offset, outer, rank: 2, dims: [1; MAX_RANK], strides }
    }

    /// The steps per row and column of a block, if the rows are the axis that steps by one.
    pub fn transposed(&self) -> Option<(isize, isize)> {
        (self.rank == 2 && self.strides[0].abs() == 1 && self.strides[1].abs() > 1)
            .then_some((self.strides[0], self.strides[1]))
    }

    /// The step of the last axis; 0 for one element.
    pub fn step(&self) -> isize {
        if self.rank == 0 { 0 } else { self.strides[self.rank - 1] }
    }

    /// Elements after which the same places come again, if they do.
    pub fn period(&self) -> Option<usize> {
        (self.rank > 1 && self.strides[0] == 0).then(|| self.dims[1..self.rank].iter().product())
    }

    fn coordinates(&self, mut at: usize) -> ([usize; MAX_RANK], isize) {
        let mut c = [0; MAX_RANK];
        let mut place = self.offset;
        for axis in (1..self.rank).rev() {
            if at == 0 {
                break;
            }
            c[axis] = at % self.dims[axis];
            at /= self.dims[axis];
            place += c[axis] as isize * self.strides[axis];
        }
        c[0] = at;
        (c, place + at as isize * self.strides[0])
    }

    /// The place of element `start`, if the next `len` elements lie side by side.
    #[inline]
    pub fn side_by_side(&self, block: Option<(usize, usize)>, start: usize, len: usize) -> Option<isize> {
        if let Some((rows, cols)) = block.filter(|_| self.rank > 0) {
            let whole = rows == 1 || self.strides[0] == cols as isize;
            return (self.strides[1] == 1 && whole).then_some(self.offset);
        }
        if self.rank == 1 {
            return (self.strides[0] == 1).then_some(self.offset + start as isize);
        }
        if self.step() != 1 {
            return None;
        }
        let (c, place) = self.coordinates(start);
        (c[self.rank - 1] + len <= self.dims[self.rank - 1]).then_some(place)
    }

    /// Calls `visit(position, count, place, step)` for each evenly stepping run of the elements `start..start + len`,
    /// or of the rows of a block.
    #[inline]
    pub fn runs(
        &self,
        block: Option<(usize, usize)>,
        start: usize,
        len: usize,
        mut visit: impl FnMut(usize, usize, isize, isize),
    ) {
        if let Some((rows, cols)) = block.filter(|_| self.rank > 0) {
            for row in 0..rows {
                visit(row * cols, cols, self.offset + row as isize * self.strides[0], self.strides[1]);
            }
            return;
        }
        if self.rank <= 1 {
            let step = self.step();
            return visit(0, len, self.offset + start as isize * step, step);
        }
        let last = self.rank - 1;
        let (size, step) = (self.dims[last], self.strides[last]);
        let (mut c, mut place) = self.coordinates(start);
        let mut done = 0;
        loop {
            let count = (size - c[last]).min(len - done);
            visit(done, count, place, step);
            done += count;
            if done == len {
                return;
            }
            place -= c[last] as isize * step;
            c[last] = 0;
            let mut axis = last - 1;
            loop {
                c[axis] += 1;
                place += self.strides[axis];
                if c[axis] < self.dims[axis] || axis == 0 {
                    break;
                }
                place -= self.dims[axis] as isize * self.strides[axis];
                c[axis] = 0;
                axis -= 1;
            }
        }
    }
}
