//! Indices and class ids, and scatter-add: line by line, in the order of the source.

use super::{
    address,
    convert::{Number, Stored, for_index, for_summed},
    fault::Fault,
    parallel::{Shared, for_each},
    pointwise::SERIAL,
    reduce::Fold,
    simd::simd,
};
use crate::{
    Result, Scalar,
    dtype::Compute,
    graph::{
        executor::{Buffer, Program},
        kernel::{Kernel, Structured},
        kinds::{Line, ScatterAdd},
    },
    op::{Check, ClassIds},
    threads,
};

/// What [`Places::find`] gives for an index that is out of range.
pub(super) const NOWHERE: isize = isize::MIN;

/// How indices name the elements of an axis.
pub(super) struct Places<'a> {
    /// The type of the indices.
    pub index: Compute,
    pub size: usize,
    pub check: Option<Check>,
    pub fault: &'a Fault,
}

impl Places<'_> {
    /// The elements that the indices from number `first` on mean, `step` of them apart; reports those out of range. True
    /// if there are none of these.
    ///
    /// # Safety
    /// There must be these indices, of this type, at `index`.
    pub unsafe fn find(&self, index: *const u8, first: isize, step: isize, places: &mut [isize]) -> bool {
        for_index!(self.index, I => {
            let index = index.cast::<I>().wrapping_offset(first);
            // SAFETY: the caller's contract.
            let at = |i: usize| unsafe { *index.wrapping_offset(i as isize * step) };
            // First without branches: mostly they are inside.
            let inside = step == 1 && {
                // SAFETY: the caller's contract.
                inside(places, unsafe { std::slice::from_raw_parts(index, places.len()) }, self.size)
            };
            if inside {
                return true;
            }
            let mut all = true;
            for (i, place) in places.iter_mut().enumerate() {
                let found = find(at(i), self.size, self.check, self.fault);
                all &= found.is_some();
                *place = found.map_or(NOWHERE, |found| found as isize);
            }
            all
        })
    }
}

simd! {
    /// Takes indices as places; whether all are below a size.
    fn inside<I: Number>(places: &mut [isize], index: &[I], size: usize) -> bool {
        let mut all = true;
        for (place, index) in places.iter_mut().zip(index) {
            all &= index.u64() < size as u64;
            *place = index.u64() as isize;
        }
        all
    }
}

/// The element of an axis that an index means; reports one that is out of range.
#[inline(always)]
fn find<I: Number>(index: I, size: usize, check: Option<Check>, fault: &Fault) -> Option<usize> {
    // As `u64`, negative indices are beyond every size.
    let at = index.u64();
    if at < size as u64 { Some(at as usize) } else { outside(index.i128(), size, check?, fault) }
}

#[cold]
fn outside(index: i128, size: usize, check: Check, fault: &Fault) -> Option<usize> {
    let found = check.resolve(index, size);
    if found.is_none() {
        fault.report(check.error(index, size, false));
    }
    found
}

/// The classes that ids name.
pub(super) fn class_ids<I: Number, O: TryFrom<i64>>(dst: &mut [O], src: &[I], ids: &ClassIds, fault: &Fault) {
    let name = |class: i64| O::try_from(class).unwrap_or_else(|_| unreachable!("the classes fit into the dtype"));
    for (d, s) in dst.iter_mut().zip(src) {
        let id = s.i128();
        *d = if ids.ignore.is_some_and(|ignore| id == ignore.into()) {
            name(ClassIds::IGNORED)
        } else {
            match find(*s, ids.classes, Some(ids.check), fault) {
                Some(class) => name(class as i64),
                None => name(ClassIds::OUTSIDE),
            }
        };
    }
}

/// A scatter-add made ready.
pub(super) struct ScatterProgram {
    scatter: ScatterAdd,
    /// Which inputs the source and the index are.
    inputs: Vec<usize>,
    /// The type of the indices.
    index: Compute,
}

/// Neighbouring lines that are worked on together.
const WIDTH: usize = 64;

impl ScatterProgram {
    pub fn new(kernel: &Kernel, structured: &Structured) -> Self {
        let index = kernel.inputs[structured.operands[1].input].dtype.compute();
        Self {
            scatter: ScatterAdd::of(structured),
            inputs: structured.operands.iter().map(|o| o.input).collect(),
            index,
        }
    }

    /// # Safety
    /// The buffers must be as large as the kernel says and hold these types; nobody else may use `out` meanwhile.
    unsafe fn run<S: Stored<Held: Fold>>(&self, src: Shared, index: Shared, out: Shared) -> Result<()> {
        let ScatterAdd { lines, from, to, src: source, index: indices, out: target, check, .. } = &self.scatter;
        let fault = Fault::default();
        let places_of = Places { index: self.index, size: *to, check: *check, fault: &fault };
        let last = lines.last().copied().unwrap_or(1);
        let axis = lines.len().saturating_sub(1);
        let step = |line: &Line| if lines.is_empty() { 0 } else { line.strides[axis] };
        let (src_step, index_step, out_step) = (step(source), step(indices), step(target));
        let outer: usize = lines[..axis].iter().product();
        let blocks = last.div_ceil(WIDTH);
        let work = 4 * outer * last * (from + to);
        let threads = if work < SERIAL { 1 } else { threads::count() };
        for_each(outer * blocks, threads, |task| {
            let (outer, first) = (task / blocks, (task % blocks * WIDTH) as isize);
            let width = WIDTH.min(last - first as usize) as isize;
            // Closures take only what threads may share.
            let (src, index, out) = (&src, &index, &out);
            let src = src.0.cast::<S>().wrapping_offset(source.start(&lines[..axis], outer) + first * src_step);
            let index_at = indices.start(&lines[..axis], outer) + first * index_step;
            let out = out.0.cast::<S>().wrapping_offset(target.start(&lines[..axis], outer) + first * out_step);
            let shared_index = index_step == 0;
            let mut places = [0; WIDTH];
            // Sums in the wider type: rounded once, at the end.
            let narrow = size_of::<S>() != size_of::<S::Held>();
            let mut sums =
                vec![S::Held::identity(crate::op::ReduceOp::Sum); if narrow { to * width as usize } else { 0 }];
            // SAFETY: the places are inside of the buffers, and each task has its own lines of the output.
            unsafe {
                for j in 0..if narrow { 0 } else { *to as isize } {
                    for c in 0..width {
                        *out.wrapping_offset(j * target.axis + c * out_step) =
                            S::store(S::Held::identity(crate::op::ReduceOp::Sum));
                    }
                }
                for i in 0..*from as isize {
                    let row = src.wrapping_offset(i * source.axis);
                    let found = if shared_index { 1 } else { width as usize };
                    places_of.find(index.0, index_at + i * indices.axis, index_step, &mut places[..found]);
                    if shared_index {
                        places = [places[0]; WIDTH];
                    }
                    for (c, &j) in (0..width).zip(&places) {
                        if j == NOWHERE {
                            continue;
                        }
                        let value = (*row.wrapping_offset(c * src_step)).load();
                        if narrow {
                            let sum = &mut sums[(j * width + c) as usize];
                            *sum = sum.sum(value);
                        } else {
                            let place = out.wrapping_offset(j * target.axis + c * out_step);
                            *place = S::store((*place).load().sum(value));
                        }
                    }
                }
                for (at, sum) in sums.iter().enumerate() {
                    let (j, c) = (at as isize / width, at as isize % width);
                    *out.wrapping_offset(j * target.axis + c * out_step) = S::store(*sum);
                }
            }
        });
        fault.take()
    }
}

impl Program for ScatterProgram {
    fn launch(&self, inputs: &[&Buffer], outputs: &[&Buffer], _scalars: &[Scalar]) -> Result<()> {
        let [src, index] = [0, 1].map(|operand| inputs[self.inputs[operand]]);
        let (src, index, out) = (Shared(address(src)?), Shared(address(index)?), Shared(address(outputs[0])?));
        // SAFETY: the scheduler passes the buffers that the kernel describes.
        unsafe { for_summed!(self.scatter.dtype, S => self.run::<S>(src, index, out)) }
    }
}
