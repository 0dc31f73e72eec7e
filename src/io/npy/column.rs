//! The numbers of one field of all records: where they lie, and how they are taken out.

use std::ops::Range;

use super::{
    descr::{Number, Tuple},
    format,
};
use crate::{
    Result, Shape,
    layout::{Strides, View},
    shape::MAX_RANK,
};

/// Where a field lies in its record, in bytes: its offset, and the size and step of each axis of sub-arrays around it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct FieldLayout {
    offset: usize,
    axes: Vec<(usize, usize)>,
}

impl FieldLayout {
    /// The layout of a field within this one, of a sub-array of elements of some size.
    pub fn enter(mut self, offset: usize, shape: &[usize], size: usize) -> Self {
        self.offset += offset;
        // That the bytes of the sub-array can be counted was checked; without any, steps do not matter.
        let steps = shape.iter().rev().scan(size, |step, &n| {
            let here = *step;
            *step = step.saturating_mul(n);
            Some((n, here))
        });
        let at = self.axes.len();
        self.axes.extend(steps);
        self.axes[at..].reverse();
        self
    }
}

/// The numbers of one field.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Column {
    pub number: Number,
    pub layout: FieldLayout,
}

/// How records are laid out in a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Records {
    pub shape: Shape,
    /// Bytes of a record.
    pub size: usize,
    /// Whether the first axis is the innermost.
    pub fortran: bool,
}

impl Records {
    /// The sizes from the outermost in memory to the innermost.
    fn stored(&self) -> Shape {
        let mut shape = self.shape;
        if self.fortran {
            shape.reverse();
        }
        shape
    }

    /// What turns axes as they are stored into those of the tensor, of `rank` axes in all.
    pub fn order(&self, rank: usize) -> Vec<isize> {
        let records = self.shape.rank() as isize;
        let axis = |i| if self.fortran && i < records { records - 1 - i } else { i };
        (0..rank as isize).map(axis).collect()
    }
}

impl Column {
    /// The shape of the tensor in the order of the file.
    pub fn stored(&self, records: &Records) -> Result<Shape> {
        let mut sizes = records.stored().to_vec();
        sizes.extend(self.layout.axes.iter().map(|(size, _)| size));
        Shape::try_new(&sizes).map_err(|error| format(error.to_string()))
    }

    /// The tensor as a view of memory that starts with its first number, and the bytes in the file from that to the
    /// end of its last. The tensor has elements.
    ///
    /// # Errors
    /// If a step is not a whole number of elements.
    pub fn view(&self, records: &Records) -> Result<(View, Range<usize>)> {
        let width = self.number.dtype.size();
        let stored = records.stored();
        let mut steps = vec![0; stored.rank()];
        let mut step = records.size;
        for axis in (0..stored.rank()).rev() {
            steps[axis] = step;
            step *= stored[axis];
        }
        steps.extend(self.layout.axes.iter().map(|(_, step)| step));
        let shape = self.stored(records)?;
        let mut strides: Strides = [0; MAX_RANK];
        let mut last = 0;
        for axis in 0..shape.rank() {
            if shape[axis] > 1 && !steps[axis].is_multiple_of(width) {
                let axes = Tuple(&steps);
                return Err(format(format!("steps of {axes} bytes are no whole numbers of {}", self.number.dtype)));
            }
            if shape[axis] > 1 {
                strides[axis] = (steps[axis] / width) as isize;
            }
            last += (shape[axis] - 1) * steps[axis];
        }
        let start = self.layout.offset;
        Ok((View { shape, strides, offset: 0 }, start..start + last + width))
    }

    /// Copies the numbers of some records, whole ones, to the start of `out`. Returns how many bytes they are.
    pub fn gather(&self, records: &[u8], size: usize, out: &mut [u8]) -> usize {
        let mut axes = &self.layout.axes[..];
        let mut run = self.number.dtype.size();
        while let [outer @ .., (count, step)] = axes
            && *step == run
        {
            run *= count;
            axes = outer;
        }
        let bytes = records.len() / size * run * axes.iter().map(|(count, _)| count).product::<usize>();
        let (out, offset) = (&mut out[..bytes], self.layout.offset);
        match (axes, run) {
            ([], 1) => pick::<1>(records, size, offset, out),
            ([], 2) => pick::<2>(records, size, offset, out),
            ([], 4) => pick::<4>(records, size, offset, out),
            ([], 8) => pick::<8>(records, size, offset, out),
            _ => {
                let mut runs = out.chunks_exact_mut(run);
                records.chunks_exact(size).for_each(|record| scatter(&record[offset..], axes, &mut runs));
            }
        }
        bytes
    }
}

/// Takes one number out of each record. A width that the compiler knows makes it one load and one store.
fn pick<const N: usize>(records: &[u8], size: usize, offset: usize, out: &mut [u8]) {
    for (record, number) in records.chunks_exact(size).zip(out.chunks_exact_mut(N)) {
        number.copy_from_slice(&record[offset..][..N]);
    }
}

/// Fills one run after the other from an array of runs.
fn scatter<'a>(from: &[u8], axes: &[(usize, usize)], runs: &mut impl Iterator<Item = &'a mut [u8]>) {
    match axes {
        [] => {
            if let Some(run) = runs.next() {
                run.copy_from_slice(&from[..run.len()]);
            }
        }
        [(count, step), inner @ ..] => (0..*count).for_each(|i| scatter(&from[i * step..], inner, runs)),
    }
}
