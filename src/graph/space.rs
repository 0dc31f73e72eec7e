//! The axes of a kernel, its accesses to buffers, and parts of it along an axis.

use std::ops::Range;

use super::{
    kernel::{AxisStrides, Binding, Body, Code, Fused, Kernel, Structured},
    lower::Lowered,
};
use crate::{
    layout::{Strides, collapse},
    op::{Axis, Role},
};

/// Where a kernel reads or writes a buffer, or counts.
pub(super) struct Access<'a> {
    pub side: Side,
    /// The input's number, where it may be replaced by another.
    pub input: Option<&'a mut usize>,
    pub offset: &'a mut isize,
    /// Per axis of the kernel.
    pub strides: Vec<isize>,
    /// Stride and size of the axis along which a leaf is gathered.
    pub gathered: (isize, usize),
}

#[derive(Clone, Copy)]
pub(super) enum Side {
    Input(usize),
    Output(usize),
    /// Coordinates without memory.
    Nowhere,
}

/// The sizes of a kernel's axes.
pub(super) fn sizes(body: &Body) -> Vec<usize> {
    match body {
        Body::Fused(fused) => fused.dims.clone(),
        Body::Structured(structured) => structured.axes.iter().map(|axis| axis.size).collect(),
    }
}

/// What positions along each of a kernel's axes have to do with one another.
pub(super) fn roles(body: &Body) -> Vec<Role> {
    match body {
        Body::Fused(fused) => {
            let role = |axis| if axis < fused.kept { Role::Batch } else { Role::Reduced };
            (0..fused.dims.len()).map(role).collect()
        }
        Body::Structured(structured) => structured.axes.iter().map(|axis| axis.role).collect(),
    }
}

/// Inputs, then outputs.
pub(super) fn bindings(kernel: &Kernel) -> Vec<Binding> {
    [&kernel.inputs[..], &kernel.outputs].concat()
}

/// Every access of a kernel, over the axes of [`sizes`].
pub(super) fn accesses(body: &mut Body) -> Vec<Access<'_>> {
    match body {
        Body::Fused(fused) => {
            let axes = fused.dims.len();
            program(fused, axes)
        }
        Body::Structured(Structured { axes, operands, epilogue, .. }) => {
            let mut all: Vec<Access> = Vec::new();
            for operand in operands {
                all.push(Access {
                    side: Side::Input(operand.input),
                    input: Some(&mut operand.input),
                    offset: &mut operand.offset,
                    strides: operand.strides[..axes.len()].to_vec(),
                    gathered: (0, 1),
                });
            }
            all.extend(program(epilogue, axes.len()));
            all
        }
    }
}

fn program(fused: &mut Fused, axes: usize) -> Vec<Access<'_>> {
    let mut all = Vec::with_capacity(fused.leaves.len() + fused.outputs.len());
    let strides = |of: &Strides| of.iter().copied().chain([0; 2]).take(axes).collect();
    for leaf in &mut fused.leaves {
        all.push(Access {
            side: leaf.input.map_or(Side::Nowhere, Side::Input),
            strides: strides(&leaf.strides),
            gathered: leaf.axis,
            input: leaf.input.as_mut(),
            offset: &mut leaf.offset,
        });
    }
    for (i, output) in fused.outputs.iter_mut().enumerate() {
        let strides = strides(&output.strides);
        let offset = &mut output.offset;
        all.push(Access { side: Side::Output(i), input: None, offset, strides, gathered: (0, 1) });
    }
    all
}

/// A kernel over a range of one axis.
pub(super) fn part(lowered: &Lowered, axis: usize, range: Range<usize>) -> Lowered {
    let mut part = lowered.clone();
    for access in accesses(&mut part.kernel.body) {
        *access.offset += range.start as isize * access.strides[axis];
    }
    match &mut part.kernel.body {
        Body::Fused(fused) => {
            fused.dims[axis] = range.len();
            tidy(fused);
        }
        Body::Structured(structured) => shorten(structured, axis, range.len()),
    }
    part
}

/// Sets the size of an axis. A batch axis of one position is dropped.
fn shorten(structured: &mut Structured, at: usize, size: usize) {
    let Structured { axes, operands, epilogue, .. } = structured;
    axes[at].size = size;
    if let Some(dim) = epilogue.dims.get_mut(at) {
        *dim = size;
    }
    if !axes[at].is_batch() || size > 1 {
        return;
    }
    axes.remove(at);
    epilogue.dims.remove(at);
    epilogue.kept -= 1;
    let leaves = epilogue.leaves.iter_mut().map(|leaf| &mut leaf.strides[..]);
    let outputs = epilogue.outputs.iter_mut().map(|output| &mut output.strides[..]);
    let operands = operands.iter_mut().map(|operand| &mut operand.strides[..]);
    for strides in leaves.chain(outputs).chain(operands) {
        strides.copy_within(at + 1.., at);
        strides[strides.len() - 1] = 0;
    }
}

/// Merges neighbouring batch axes that step evenly in all operands and in the epilogue, and drops those of one position.
pub(super) fn merge_batches(structured: &mut Structured) {
    let batch = structured.batch();
    let Structured { axes, operands, epilogue, .. } = structured;
    let mut sizes: Vec<usize> = axes[..batch].iter().map(|axis| axis.size).collect();
    let inner: Vec<Axis> = axes[batch..].to_vec();
    // Wide enough for every list of strides.
    let mut all: Vec<&mut [isize]> = epilogue.leaves.iter_mut().map(|leaf| &mut leaf.strides[..]).collect();
    all.extend(epilogue.outputs.iter_mut().map(|output| &mut output.strides[..]));
    all.extend(operands.iter_mut().map(|operand| &mut operand.strides[..]));
    let mut heads: Vec<Strides> = Vec::with_capacity(all.len());
    for strides in &all {
        let mut head = Strides::default();
        head[..batch].copy_from_slice(&strides[..batch]);
        heads.push(head);
    }
    collapse(&mut sizes, batch, &mut heads.iter_mut().collect::<Vec<_>>());
    for (strides, head) in all.iter_mut().zip(&heads) {
        let mut merged = AxisStrides::default();
        merged[..sizes.len()].copy_from_slice(&head[..sizes.len()]);
        let rest = strides.len().min(batch + inner.len()) - batch;
        merged[sizes.len()..][..rest].copy_from_slice(&strides[batch..][..rest]);
        strides.copy_from_slice(&merged[..strides.len()]);
    }
    let kept = epilogue.dims.split_off(batch);
    epilogue.dims = [&sizes[..], &kept].concat();
    epilogue.kept = epilogue.dims.len();
    *axes = sizes.iter().map(|&size| Axis { name: "batch", size, role: Role::Batch }).chain(inner).collect();
}

/// Merges the axes of a program that can be, after a size has changed. A row of one element needs no reduction.
pub(super) fn tidy(fused: &mut Fused) {
    let reduces = fused.kept < fused.dims.len();
    let mut strides: Vec<&mut Strides> = fused.leaves.iter_mut().map(|leaf| &mut leaf.strides).collect();
    strides.extend(fused.outputs.iter_mut().map(|output| &mut output.strides));
    fused.kept = collapse(&mut fused.dims, fused.kept, &mut strides);
    if reduces && fused.kept == fused.dims.len() {
        for instr in &mut fused.code {
            instr.per_row = false;
            if let Code::Reduce(_) = instr.code {
                instr.code = Code::Cast;
            }
        }
    }
}

/// Drops the steps that no output needs, and the leaves and inputs that no step reads.
pub(super) fn prune(lowered: &mut Lowered) {
    let mut operands = Vec::new();
    let fused = match &mut lowered.kernel.body {
        Body::Fused(fused) => fused,
        Body::Structured(structured) => {
            operands.extend(structured.operands.iter_mut().map(|operand| &mut operand.input));
            &mut structured.epilogue
        }
    };
    let mut needed = vec![false; fused.code.len()];
    fused.outputs.iter().for_each(|output| needed[output.value as usize] = true);
    fused.mark_needed(&mut needed, |_, _| true);
    let steps = keep(&mut fused.code, &needed);
    fused.outputs.iter_mut().for_each(|output| output.value = steps[output.value as usize] as u16);
    let mut read = vec![false; fused.leaves.len()];
    for instr in &mut fused.code {
        instr.reads_mut().iter_mut().for_each(|arg| *arg = steps[*arg as usize] as u16);
        if let Some(leaf) = instr.code.leaf() {
            read[*leaf as usize] = true;
        }
    }
    let leaves = keep(&mut fused.leaves, &read);
    fused.code.iter_mut().filter_map(|instr| instr.code.leaf()).for_each(|leaf| *leaf = leaves[*leaf as usize] as u16);
    let mut inputs: Vec<&mut usize> = fused.leaves.iter_mut().filter_map(|leaf| leaf.input.as_mut()).collect();
    inputs.extend(operands);
    let mut bound = vec![false; lowered.inputs.len()];
    inputs.iter().for_each(|input| bound[**input] = true);
    let moved = keep(&mut lowered.inputs, &bound);
    keep(&mut lowered.kernel.inputs, &bound);
    keep(&mut lowered.in_place, &bound);
    inputs.into_iter().for_each(|input| *input = moved[*input]);
}

/// Keeps the marked elements; returns the new positions of all that stay.
fn keep<T>(list: &mut Vec<T>, marks: &[bool]) -> Vec<usize> {
    let mut marked = marks.iter();
    list.retain(|_| marked.next() == Some(&true));
    let mut next = 0;
    let position = |&mark: &bool| {
        next += usize::from(mark);
        next.saturating_sub(1)
    };
    marks.iter().map(position).collect()
}

/// Whether a kernel can store its narrow results, four neighbours at a time.
pub(super) fn is_storable(kernel: &Kernel) -> bool {
    let fused = kernel.body.program();
    let last = fused.dims.len().saturating_sub(1);
    fused.outputs.iter().zip(&kernel.outputs).filter(|(_, binding)| binding.dtype.is_narrow()).all(
        |(output, binding)| {
            let strides = &output.strides[..fused.dims.len()];
            let rows = fused.dims.last().is_some_and(|size| size.is_multiple_of(4))
                && strides
                    .iter()
                    .enumerate()
                    .all(|(axis, stride)| if axis == last { *stride == 1 } else { stride % 4 == 0 });
            let count: usize = fused.dims.iter().product();
            let dense = strides == &crate::layout::contiguous_strides(&fused.dims)[..fused.dims.len()];
            let ends = count.is_multiple_of(4) || output.offset as usize + count == binding.numel;
            output.offset % 4 == 0 && (rows || dense && ends)
        },
    )
}
