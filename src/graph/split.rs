//! Reduced axes in parts that a device works on side by side: a kernel whose results are one per part, and one that
//! reduces those and goes on from there.

use super::{
    kernel::{Binding, Body, Code, Fused, Instr, Leaf, Output},
    lower::Lowered,
    space::{part, prune, sizes, tidy},
    widen::wide,
};
use crate::{
    DType,
    layout::{Strides, contiguous_strides},
    op::{Axis, Role},
    shape::MAX_RANK,
};

/// Positions of an axis that stay together, so that parts start evenly in memory.
const GRAIN: usize = 64;

/// The parts of a reduced axis: as many as `whole` of `size` positions, and the `rest`.
struct Parts {
    axis: usize,
    size: usize,
    whole: usize,
    rest: usize,
}

impl Parts {
    fn of(axis: usize, length: usize, wanted: usize) -> Self {
        let even = length.div_ceil(wanted);
        let size =
            if length.is_multiple_of(wanted) && even.is_multiple_of(4) { even } else { even.next_multiple_of(GRAIN) };
        Self { axis, size, whole: length / size, rest: length % size }
    }

    fn count(&self) -> usize {
        self.whole + usize::from(self.rest > 0)
    }
}

/// The kernels that compute a kernel with its longest reduced axis in about as many parts as wanted; the kernel itself
/// where that is not possible. `buffers` is how many one kernel can bind.
pub(super) fn split(lowered: Lowered, wanted: usize, buffers: usize, slots: &mut usize) -> Vec<Lowered> {
    if wanted < 2 {
        return vec![lowered];
    }
    let sizes = sizes(&lowered.kernel.body);
    let kept = lowered.kernel.body.program().kept;
    let longest = (kept..sizes.len()).max_by_key(|&axis| sizes[axis]);
    let Some(parts) = longest.map(|axis| Parts::of(axis, sizes[axis], wanted)) else { return vec![lowered] };
    let can_be_split = match &lowered.kernel.body {
        Body::Fused(fused) => fused.is_one_sweep(),
        Body::Structured(structured) => structured.axes[parts.axis].role == Role::Reduced,
    };
    if parts.whole < 2 || !can_be_split || lowered.kernel.body.program().dims.len() >= MAX_RANK {
        return vec![lowered];
    }
    let mut unused = *slots;
    let (first, second, along) = in_two(&lowered, parts.count(), &mut unused);
    if [&first, &second].iter().any(|kernel| kernel.inputs.len() + kernel.outputs.len() > buffers) {
        return vec![lowered];
    }
    *slots = unused;
    let mut all = vec![side_by_side(part(&first, parts.axis, 0..parts.whole * parts.size), &parts, along)];
    if parts.rest > 0 {
        let end = parts.whole * parts.size + parts.rest;
        let mut rest = part(&first, parts.axis, parts.whole * parts.size..end);
        let outputs = &mut rest.kernel.body.program_mut().outputs;
        outputs.iter_mut().for_each(|output| output.offset += parts.whole as isize * along);
        all.push(rest);
    }
    all.push(second);
    all
}

/// Makes the parts of a reduced axis an axis of their own, the first one. What comes of neighbouring parts lies `along`
/// elements apart.
fn side_by_side(mut lowered: Lowered, parts: &Parts, along: isize) -> Lowered {
    let Parts { axis, size, whole, .. } = *parts;
    let in_front = |strides: &mut [isize], step: isize| {
        let last = strides.len() - 1;
        strides.copy_within(..last, 1);
        strides[0] = step;
    };
    let size = size as isize;
    match &mut lowered.kernel.body {
        Body::Fused(fused) => {
            fused.leaves.iter_mut().for_each(|leaf| {
                let step = leaf.strides[axis] * size;
                in_front(&mut leaf.strides, step);
            });
            fused.dims[axis] = size as usize;
            fused.dims.insert(0, whole);
            fused.kept += 1;
            fused.outputs.iter_mut().for_each(|output| in_front(&mut output.strides, along));
            tidy(fused);
        }
        Body::Structured(structured) => {
            structured.operands.iter_mut().for_each(|operand| {
                let step = operand.strides[axis] * size;
                in_front(&mut operand.strides, step);
            });
            structured.axes[axis].size = size as usize;
            structured.axes.insert(0, Axis { name: "batch", size: whole, role: Role::Batch });
            let program = &mut structured.epilogue;
            program.dims.insert(0, whole);
            program.kept += 1;
            program.outputs.iter_mut().for_each(|output| in_front(&mut output.strides, along));
        }
    }
    lowered
}

/// The kernel of a part of a reduced axis, over the same space, and the one that reduces what the parts leave and goes
/// on from there; and how far apart the results of neighbouring parts lie.
pub(super) fn in_two(lowered: &Lowered, parts: usize, slots: &mut usize) -> (Lowered, Lowered, isize) {
    match &lowered.kernel.body {
        Body::Fused(_) => reduction_in_two(lowered, parts, slots),
        Body::Structured(_) => structured_in_two(lowered, parts, slots),
    }
}

fn reduction_in_two(lowered: &Lowered, parts: usize, slots: &mut usize) -> (Lowered, Lowered, isize) {
    let Body::Fused(fused) = &lowered.kernel.body else { unreachable!("only fused kernels reduce") };
    let kept = fused.kept;
    let rows: usize = fused.dims[..kept].iter().product();
    let (strides, along) = layout(&fused.dims[..kept], parts);

    let mut first = Lowered { outputs: Vec::new(), ..lowered.clone() };
    first.kernel.outputs.clear();
    let mut code = fused.code.clone();
    let mut outputs = Vec::new();
    let mut second = lowered.clone();
    second.kernel.outputs.iter_mut().for_each(|output| output.alias = None);
    let mut after = Fused { code: Vec::new(), ..fused.clone() };
    after.dims.truncate(kept);
    after.dims.push(parts);
    after.leaves.iter_mut().for_each(|leaf| leaf.strides[kept..].fill(0));
    let mut moved = vec![0; fused.code.len()];
    for (i, instr) in fused.code.iter().enumerate().filter(|(_, instr)| instr.per_row) {
        let mut instr = *instr;
        if let Code::Reduce(_) = instr.code {
            let dtype = wide(instr.dtype);
            code[i].dtype = dtype;
            outputs.push(Output { value: i as u16, strides, offset: 0 });
            let (slot, binding) = temporary(slots, Binding { dtype, numel: rows * parts, alias: None });
            first.kernel.outputs.push(binding);
            first.outputs.push(slot);
            let mut all = strides;
            all[kept] = along;
            let load = load(&mut second, &mut after, (slot, binding), all);
            after.code.push(load);
            let last = |code: &[Instr]| [code.len() as u16 - 1, 0, 0];
            after.code.push(Instr { args: last(&after.code), dtype, ..instr });
            instr = Instr { code: Code::Cast, args: last(&after.code), ..instr };
        } else {
            instr.reads_mut().iter_mut().for_each(|arg| *arg = moved[*arg as usize]);
        }
        moved[i] = after.code.len() as u16;
        after.code.push(instr);
    }
    after.outputs.iter_mut().for_each(|output| output.value = moved[output.value as usize]);
    first.kernel.body = Body::Fused(Fused { code, outputs, ..fused.clone() });
    second.kernel.body = Body::Fused(after);
    prune(&mut first);
    prune(&mut second);
    (first, second, along)
}

fn structured_in_two(lowered: &Lowered, parts: usize, slots: &mut usize) -> (Lowered, Lowered, isize) {
    let Body::Structured(structured) = &lowered.kernel.body else { unreachable!("it is structured") };
    let dims = &structured.epilogue.dims;
    let (strides, along) = layout(dims, parts);
    let dtype = wide(structured.dtype);
    let results = temporary(slots, Binding { dtype, numel: dims.iter().product::<usize>() * parts, alias: None });
    let mut first = lowered.clone();
    bare(&mut first, results, strides);

    let mut second = lowered.clone();
    let mut program = structured.epilogue.clone();
    let mut all = strides;
    all[dims.len()] = along;
    let first_step = load(&mut second, &mut program, results, all);
    program.dims.push(parts);
    let fold = Instr { code: Code::Reduce(structured.op.fold()), args: [0; 3], dtype, per_row: true };
    program.code.iter_mut().for_each(|instr| instr.per_row = true);
    follow(&mut program, &[first_step, fold], structured.dtype);
    tidy(&mut program);
    second.kernel.body = Body::Fused(program);
    prune(&mut second);
    (first, second, along)
}

/// Where parts leave their results for rows of these dims: the strides of the rows, and the step from part to part. Of
/// many rows those of one part are neighbours, else the parts of one row.
fn layout(rows: &[usize], parts: usize) -> (Strides, isize) {
    let mut strides = contiguous_strides(rows);
    let count: usize = rows.iter().product();
    if count >= 4 {
        return (strides, count as isize);
    }
    strides[..rows.len()].iter_mut().for_each(|stride| *stride *= parts as isize);
    (strides, 1)
}

/// A new buffer that lives within the plan.
pub(super) fn temporary(slots: &mut usize, binding: Binding) -> (usize, Binding) {
    *slots += 1;
    (*slots - 1, binding)
}

/// Adds an input, and gives the step that loads it.
pub(super) fn load(
    to: &mut Lowered,
    program: &mut Fused,
    (slot, binding): (usize, Binding),
    strides: Strides,
) -> Instr {
    let leaf = Leaf { input: Some(to.inputs.len()), dtype: binding.dtype, strides, offset: 0, axis: (0, 0) };
    program.leaves.push(leaf);
    to.inputs.push(slot);
    to.kernel.inputs.push(binding);
    to.in_place.push(false);
    let code = Code::Load(program.leaves.len() as u16 - 1);
    Instr { code, args: [0; 3], dtype: binding.dtype, per_row: false }
}

/// Makes a structured kernel store its result and nothing else, in this dtype.
pub(super) fn bare(lowered: &mut Lowered, (slot, results): (usize, Binding), strides: Strides) {
    let Body::Structured(structured) = &mut lowered.kernel.body else { unreachable!("a fused kernel has no result") };
    structured.dtype = results.dtype;
    structured.epilogue.code = vec![Instr { code: Code::Acc, args: [0; 3], dtype: results.dtype, per_row: false }];
    structured.epilogue.outputs = vec![Output { value: 0, strides, offset: 0 }];
    lowered.kernel.name = structured.op.name().into();
    (lowered.outputs, lowered.kernel.outputs) = (vec![slot], vec![results]);
    prune(lowered);
}

/// Puts steps in front of an epilogue, which takes the last one's value for the result of its op.
pub(super) fn follow(program: &mut Fused, steps: &[Instr], rounded: DType) {
    let by = steps.len() as u16;
    for instr in &mut program.code {
        if instr.code == Code::Acc {
            *instr = Instr { code: Code::Cast, args: [by - 1, 0, 0], dtype: rounded, ..*instr };
        } else {
            instr.reads_mut().iter_mut().for_each(|arg| *arg += by);
        }
    }
    program.code.splice(0..0, steps.iter().copied());
    program.outputs.iter_mut().for_each(|output| output.value += by);
}
