//! The axes of a kernel, the places that it touches, and parts of it along an axis.

use std::ops::Range;

use super::{
    kernel::{Binding, Body, Code, Fused, Kernel, Line, Matmul, Operand},
    lower::Lowered,
};
use crate::layout::{Strides, collapse};

/// Where a kernel reads or writes a buffer, or counts.
pub(super) struct Place<'a> {
    pub side: Side,
    /// The input's number, where another may stand in its stead.
    pub input: Option<&'a mut usize>,
    pub offset: &'a mut isize,
    /// Per axis that can be cut.
    pub strides: Vec<isize>,
    /// Stride and size of an axis that cannot.
    pub fixed: (isize, usize),
}

#[derive(Clone, Copy)]
pub(super) enum Side {
    Input(usize),
    Output(usize),
    /// Coordinates without memory.
    Nowhere,
}

/// The sizes of the axes along which a kernel can be cut. The last one of a product is its inner axis.
pub(super) fn sizes(body: &Body) -> Vec<usize> {
    match body {
        Body::Fused(fused) => fused.dims.clone(),
        Body::Matmul(product) => [&product.epilogue.dims[..], &[product.k]].concat(),
        Body::ScatterAdd(scatter) => scatter.lines.clone(),
    }
}

/// Inputs, then outputs.
pub(super) fn bindings(kernel: &Kernel) -> Vec<Binding> {
    [&kernel.inputs[..], &kernel.outputs].concat()
}

/// Every place of a kernel, over the axes of [`sizes`].
pub(super) fn places(body: &mut Body) -> Vec<Place<'_>> {
    match body {
        Body::Fused(fused) => {
            let axes = fused.dims.len();
            program(fused, axes)
        }
        Body::Matmul(Matmul { a, b, x, epilogue, .. }) => {
            let axes = epilogue.dims.len();
            let (along_a, along_b) = ([a.row, 0, a.col], [0, b.col, b.row]);
            let mut all = vec![operand(a, axes - 2, along_a), operand(b, axes - 2, along_b)];
            all.extend(x.as_mut().map(|x| {
                let along = [x.row, x.col, 0];
                operand(x, axes - 2, along)
            }));
            all.extend(program(epilogue, axes + 1));
            all
        }
        Body::ScatterAdd(scatter) => {
            let axes = scatter.lines.len();
            let (from, to) = (scatter.from, scatter.to);
            let lines = [
                (Side::Input(0), &mut scatter.src, from),
                (Side::Input(1), &mut scatter.index, from),
                (Side::Output(0), &mut scatter.out, to),
            ];
            lines.into_iter().map(|(side, line, size)| self::line(side, line, axes, size)).collect()
        }
    }
}

fn program(fused: &mut Fused, axes: usize) -> Vec<Place<'_>> {
    let mut all = Vec::with_capacity(fused.leaves.len() + fused.outputs.len());
    let strides = |of: &Strides| of.iter().copied().chain([0]).take(axes).collect();
    for leaf in &mut fused.leaves {
        all.push(Place {
            side: leaf.input.map_or(Side::Nowhere, Side::Input),
            strides: strides(&leaf.strides),
            fixed: leaf.axis,
            input: leaf.input.as_mut(),
            offset: &mut leaf.offset,
        });
    }
    for (i, output) in fused.outputs.iter_mut().enumerate() {
        let strides = strides(&output.strides);
        let offset = &mut output.offset;
        all.push(Place { side: Side::Output(i), input: None, offset, strides, fixed: (0, 1) });
    }
    all
}

fn operand(operand: &mut Operand, batch: usize, along: [isize; 3]) -> Place<'_> {
    Place {
        side: Side::Input(operand.input),
        strides: [&operand.batch[..batch], &along].concat(),
        fixed: (0, 1),
        input: Some(&mut operand.input),
        offset: &mut operand.offset,
    }
}

fn line(side: Side, line: &mut Line, axes: usize, size: usize) -> Place<'_> {
    let strides = line.strides[..axes].to_vec();
    Place { side, strides, fixed: (line.axis, size), input: None, offset: &mut line.offset }
}

/// A kernel over a range of one axis.
pub(super) fn part(lowered: &Lowered, axis: usize, range: Range<usize>) -> Lowered {
    let mut part = lowered.clone();
    for place in places(&mut part.kernel.body) {
        *place.offset += range.start as isize * place.strides[axis];
    }
    match &mut part.kernel.body {
        Body::Fused(fused) => {
            fused.dims[axis] = range.len();
            tidy(fused);
        }
        Body::Matmul(product) => shorten(product, axis, range.len()),
        Body::ScatterAdd(scatter) => scatter.lines[axis] = range.len(),
    }
    part
}

fn shorten(product: &mut Matmul, axis: usize, size: usize) {
    let Matmul { a, b, x, epilogue, batch, .. } = product;
    let rows = batch.len();
    match axis.checked_sub(rows) {
        Some(0) => (product.m, epilogue.dims[axis]) = (size, size),
        Some(1) => (product.n, epilogue.dims[axis]) = (size, size),
        Some(_) => product.k = size,
        None if size > 1 => (batch[axis], epilogue.dims[axis]) = (size, size),
        None => {
            batch.remove(axis);
            epilogue.dims.remove(axis);
            epilogue.kept -= 1;
            let leaves = epilogue.leaves.iter_mut().map(|leaf| &mut leaf.strides);
            let outputs = epilogue.outputs.iter_mut().map(|output| &mut output.strides);
            let operands = [&mut a.batch, &mut b.batch].into_iter().chain(x.as_mut().map(|x| &mut x.batch));
            for strides in leaves.chain(outputs).chain(operands) {
                strides.copy_within(axis + 1.., axis);
                strides[strides.len() - 1] = 0;
            }
        }
    }
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
        Body::Matmul(product) => {
            operands.extend([&mut product.a.input, &mut product.b.input]);
            operands.extend(product.x.as_mut().map(|x| &mut x.input));
            &mut product.epilogue
        }
        Body::ScatterAdd(_) => return,
    };
    let mut needed = vec![false; fused.code.len()];
    fused.outputs.iter().for_each(|output| needed[output.value as usize] = true);
    for (i, instr) in fused.code.iter().enumerate().rev().filter(|(_, instr)| instr.code != Code::Acc) {
        if needed[i] {
            instr.args[..instr.code.arity()].iter().for_each(|arg| needed[*arg as usize] = true);
        }
    }
    let steps = keep(&mut fused.code, &needed);
    fused.outputs.iter_mut().for_each(|output| output.value = steps[output.value as usize] as u16);
    let mut read = vec![false; fused.leaves.len()];
    for instr in &mut fused.code {
        instr.args[..instr.code.arity()].iter_mut().for_each(|arg| *arg = steps[*arg as usize] as u16);
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

/// Keeps the marked elements; returns the new places of all that stay.
fn keep<T>(list: &mut Vec<T>, marks: &[bool]) -> Vec<usize> {
    let mut marked = marks.iter();
    list.retain(|_| marked.next() == Some(&true));
    let mut next = 0;
    let place = |&mark: &bool| {
        next += usize::from(mark);
        next.saturating_sub(1)
    };
    marks.iter().map(place).collect()
}

/// Whether a program needs each element of its rows once, for reductions that do not follow from one another.
pub(super) fn is_one_sweep(fused: &Fused) -> bool {
    let mut follows = vec![false; fused.code.len()];
    for (i, instr) in fused.code.iter().enumerate() {
        let before = instr.args[..instr.code.arity()].iter().any(|arg| follows[*arg as usize]);
        let reduces = matches!(instr.code, Code::Reduce(_));
        if before && (reduces || !instr.per_row) {
            return false;
        }
        follows[i] = before || reduces;
    }
    fused.outputs.iter().all(|output| fused.code[output.value as usize].per_row)
}

/// Whether a kernel can store its narrow results, four neighbours at a time.
pub(super) fn is_storable(kernel: &Kernel) -> bool {
    let (Body::Fused(fused) | Body::Matmul(Matmul { epilogue: fused, .. })) = &kernel.body else { return true };
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
