//! Kernels over buffers that are larger than one binding may be: pieces that see windows of them.
//!
//! A kernel one of whose buffers is too large is cut in two along the axis of its space that reaches furthest in that
//! buffer, and its halves again, until each touches no more of any buffer than can be bound. Along a reduced axis, or
//! the inner axis of a product, the parts leave partial results, which are combined in order: the same bits in every
//! run.

use std::ops::Range;

use super::{
    executor::{Caps, WINDOW_ROUND},
    kernel::{Binding, Body, Code, Fused, Instr, Kernel, Leaf, Output},
    lower::Lowered,
    plan::ScalarSource,
    space::{Place, Side, bindings, is_one_sweep, is_storable, part, places, prune, sizes, tidy},
    widen::{wide, widen},
};
use crate::{
    DType, Error, Result,
    layout::{Strides, contiguous_strides},
};

/// A kernel that the device can launch, or why there is none.
pub(super) struct Piece {
    pub kernel: Result<Kernel>,
    pub inputs: Vec<Bound>,
    pub outputs: Vec<Bound>,
    pub scalars: Vec<ScalarSource>,
}

/// A buffer as a kernel sees it.
#[derive(Clone, Debug)]
pub(super) struct Bound {
    pub slot: usize,
    /// Of the whole buffer.
    pub bytes: usize,
    /// The bytes that the kernel sees, if not all.
    pub window: Option<Range<usize>>,
}

/// Cuts kernels to what a device can bind.
pub(super) struct Cutter<'a> {
    pub caps: Caps,
    /// The device's name, for errors.
    pub device: &'a str,
    /// The number of the next temporary.
    pub slots: usize,
}

/// What a place needs of its buffer.
struct Need {
    /// Of the input or, counted on from there, the output.
    binding: usize,
    /// Elements; all if the whole buffer can be bound.
    window: Range<usize>,
    whole: bool,
}

impl Cutter<'_> {
    /// The pieces that compute what a kernel computes, in order.
    pub fn cut(&mut self, lowered: Lowered) -> Vec<Piece> {
        let Lowered { kernel, inputs, outputs, .. } = &lowered;
        let bytes = |binding: &Binding| binding.numel * binding.dtype.size();
        let bound = |slots: &[usize], bindings: &[Binding]| -> Vec<Bound> {
            slots.iter().zip(bindings).map(|(&slot, b)| Bound { slot, bytes: bytes(b), window: None }).collect()
        };
        let too_large = kernel.outputs.iter().any(|output| bytes(output) > self.caps.max_buffer_bytes);
        if too_large || self.fits(kernel) {
            // A buffer that cannot be had needs no pieces.
            let (inputs, outputs) = (bound(inputs, &kernel.inputs), bound(outputs, &kernel.outputs));
            return vec![Piece { kernel: Ok(lowered.kernel), inputs, outputs, scalars: lowered.scalars }];
        }
        let (from, to) = (bound(inputs, &kernel.inputs), bound(outputs, &kernel.outputs));
        let mut pieces = Vec::new();
        match self.fit(lowered, &mut pieces) {
            Ok(()) => pieces,
            Err(error) => vec![Piece { kernel: Err(error), inputs: from, outputs: to, scalars: Vec::new() }],
        }
    }

    /// Whether a kernel can bind all its buffers as they are.
    pub fn fits(&self, kernel: &Kernel) -> bool {
        kernel.inputs.iter().chain(&kernel.outputs).all(|binding| self.is_bindable(binding.numel, binding.dtype))
    }

    fn is_bindable(&self, elements: usize, dtype: DType) -> bool {
        window_bytes(elements, dtype) <= self.caps.max_binding_bytes
    }

    fn fit(&mut self, mut lowered: Lowered, pieces: &mut Vec<Piece>) -> Result<()> {
        let sizes = sizes(&lowered.kernel.body);
        let Some((need, axis)) = self.next(&mut lowered, &sizes) else {
            pieces.push(self.piece(lowered));
            return Ok(());
        };
        match (&lowered.kernel.body, axis) {
            (_, None) => Err(self.too_large(&lowered.kernel, &need)),
            (Body::Fused(fused), Some(axis)) if axis >= fused.kept => self.reduce_in_parts(lowered, axis, pieces),
            (Body::Matmul(_), Some(axis)) if axis + 1 == sizes.len() => self.multiply_in_parts(lowered, pieces),
            (_, Some(axis)) => self.halve(lowered, axis, pieces),
        }
    }

    /// The place that needs too much of its buffer, by the most, and the axis to cut for it.
    fn next(&self, lowered: &mut Lowered, sizes: &[usize]) -> Option<(Need, Option<usize>)> {
        // Rows whose values go back to their elements are never long: the fuser sees to that.
        let all = match &lowered.kernel.body {
            Body::Fused(fused) if !is_one_sweep(fused) => fused.kept,
            _ => sizes.len(),
        };
        let bindings = bindings(&lowered.kernel);
        let mut worst: Option<(usize, Need, Option<usize>)> = None;
        for place in places(&mut lowered.kernel.body) {
            let Some(need) = self.need(&place, sizes, &bindings, lowered.inputs.len()) else { continue };
            let dtype = bindings[need.binding].dtype;
            let bytes = window_bytes(need.window.len(), dtype);
            if need.whole || self.is_bindable(need.window.len(), dtype) || worst.as_ref().is_some_and(|w| w.0 >= bytes)
            {
                continue;
            }
            let reach = |axis: &usize| (sizes[*axis] - 1) as isize * place.strides[*axis].abs();
            let axis = (0..all).rev().filter(|axis| reach(axis) > 0).max_by_key(reach);
            worst = Some((bytes, need, axis));
        }
        worst.map(|(_, need, axis)| (need, axis))
    }

    /// What a place needs over a space of these sizes; `None` if it is no memory.
    fn need(&self, place: &Place, sizes: &[usize], bindings: &[Binding], inputs: usize) -> Option<Need> {
        let binding = match place.side {
            Side::Input(input) => input,
            Side::Output(output) => inputs + output,
            Side::Nowhere => return None,
        };
        let Binding { dtype, numel, .. } = bindings[binding];
        if self.is_bindable(numel, dtype) {
            return Some(Need { binding, window: 0..numel, whole: true });
        }
        let axes = sizes.iter().zip(&place.strides).chain([(&place.fixed.1, &place.fixed.0)]);
        let (mut low, mut high) = (*place.offset, *place.offset);
        for (&size, &stride) in axes {
            let reach = size.saturating_sub(1) as isize * stride;
            *(if reach < 0 { &mut low } else { &mut high }) += reach;
        }
        // What lies outside is not loaded.
        let [low, high] = [low, high].map(|at| at.clamp(0, numel as isize - 1) as usize);
        let first = low - low % (self.caps.binding_alignment / dtype.size()).max(1);
        Some(Need { binding, window: first..(high + 1).next_multiple_of(WINDOW_ROUND).min(numel), whole: false })
    }

    fn too_large(&self, kernel: &Kernel, need: &Need) -> Error {
        Error::TooLarge {
            op: match &kernel.body {
                Body::ScatterAdd(_) => "scatter_add",
                Body::Matmul(_) => "matmul",
                Body::Fused(_) => "gather",
            },
            bytes: window_bytes(need.window.len(), bindings(kernel)[need.binding].dtype) as u64,
            limit: self.caps.max_binding_bytes as u64,
            what: "the largest storage buffer binding",
            device: self.device.to_owned(),
        }
    }

    fn halve(&mut self, mut lowered: Lowered, axis: usize, pieces: &mut Vec<Piece>) -> Result<()> {
        let size = sizes(&lowered.kernel.body)[axis];
        let middle = middle(size);
        let halves = [0..middle, middle..size].map(|range| part(&lowered, axis, range));
        if halves.iter().all(|half| is_storable(&half.kernel)) {
            return halves.into_iter().try_for_each(|half| self.fit(half, pieces));
        }
        let packing = widen(&mut lowered, &mut self.slots);
        self.fit(lowered, pieces)?;
        packing.into_iter().try_for_each(|pack| self.fit(pack, pieces))
    }

    /// Sizes of the parts into which an axis is cut, as long as it is the one to cut.
    fn part_size(&self, lowered: &mut Lowered, axis: usize) -> usize {
        let mut sizes = sizes(&lowered.kernel.body);
        while sizes[axis] > 1 && self.next(lowered, &sizes).is_some_and(|(_, next)| next == Some(axis)) {
            sizes[axis] = middle(sizes[axis]);
        }
        sizes[axis]
    }

    /// Cuts an axis that is reduced: every part leaves one value per row and reduction.
    fn reduce_in_parts(&mut self, mut lowered: Lowered, axis: usize, pieces: &mut Vec<Piece>) -> Result<()> {
        let step = self.part_size(&mut lowered, axis);
        let Body::Fused(fused) = &lowered.kernel.body else { unreachable!("only fused kernels reduce") };
        let size = fused.dims[axis];
        let parts = size.div_ceil(step);
        let rows: usize = fused.dims[..fused.kept].iter().product();
        if let Some(largest) = (0..fused.kept).max_by_key(|&axis| fused.dims[axis])
            && !self.is_bindable(rows * parts, DType::F64)
        {
            return self.halve(lowered, largest, pieces);
        }
        let (first, second) = self.in_two(&lowered, parts);
        for (i, start) in (0..size).step_by(step).enumerate() {
            let mut part = part(&first, axis, start..(start + step).min(size));
            if let Body::Fused(fused) = &mut part.kernel.body {
                fused.outputs.iter_mut().for_each(|output| output.offset += i as isize);
            }
            self.fit(part, pieces)?;
        }
        self.fit(second, pieces)
    }

    /// The program that reduces one of the parts, and the one that reduces what they leave and goes on from there.
    fn in_two(&mut self, lowered: &Lowered, parts: usize) -> (Lowered, Lowered) {
        let Body::Fused(fused) = &lowered.kernel.body else { unreachable!("only fused kernels reduce") };
        let kept = fused.kept;
        let rows: usize = fused.dims[..kept].iter().product();
        let mut strides = contiguous_strides(&fused.dims[..kept]);
        strides[..kept].iter_mut().for_each(|stride| *stride *= parts as isize);

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
                let binding = Binding { dtype, numel: rows * parts, alias: None };
                let slot = self.temporary();
                first.kernel.outputs.push(binding);
                first.outputs.push(slot);
                let mut along = strides;
                along[kept] = 1;
                let load = load(&mut second, &mut after, (slot, binding), along);
                after.code.push(load);
                let last = |code: &[Instr]| [code.len() as u16 - 1, 0, 0];
                after.code.push(Instr { args: last(&after.code), dtype, ..instr });
                instr = Instr { code: Code::Cast, args: last(&after.code), ..instr };
            } else {
                instr.args[..instr.code.arity()].iter_mut().for_each(|arg| *arg = moved[*arg as usize]);
            }
            moved[i] = after.code.len() as u16;
            after.code.push(instr);
        }
        after.outputs.iter_mut().for_each(|output| output.value = moved[output.value as usize]);
        first.kernel.body = Body::Fused(Fused { code, outputs, ..fused.clone() });
        second.kernel.body = Body::Fused(after);
        prune(&mut first);
        prune(&mut second);
        (first, second)
    }

    /// Cuts the inner axis of a product: every part adds to what the parts before it have left.
    fn multiply_in_parts(&mut self, mut lowered: Lowered, pieces: &mut Vec<Piece>) -> Result<()> {
        let Body::Matmul(product) = &lowered.kernel.body else { unreachable!("only products have an inner axis") };
        let (axis, k) = (product.epilogue.dims.len(), product.k);
        let dtype = wide(product.dtype);
        let dims = product.epilogue.dims.clone();
        let sums = Binding { dtype, numel: dims.iter().product(), alias: None };
        let largest = (0..axis).max_by_key(|&axis| dims[axis]).unwrap_or_default();
        if dims[largest] > 1 && !self.is_bindable(sums.numel, dtype) {
            return self.halve(lowered, largest, pieces);
        }
        let step = self.part_size(&mut lowered, axis);
        let epilogue_fits = lowered.inputs.len() + lowered.outputs.len() < self.caps.max_buffers;
        let mut before: Option<usize> = None;
        for start in (0..k).step_by(step) {
            let end = (start + step).min(k);
            let mut part = part(&lowered, axis, start..end);
            if end < k || !epilogue_fits {
                let slot = self.temporary();
                bare(&mut part, (slot, sums));
                accumulate(&mut part, before.map(|before| (before, sums)));
                before = Some(slot);
            } else {
                accumulate(&mut part, before.map(|before| (before, sums)));
            }
            self.fit(part, pieces)?;
        }
        match before {
            Some(slot) if !epilogue_fits => self.fit(epilogue(lowered, (slot, sums)), pieces),
            _ => Ok(()),
        }
    }

    fn temporary(&mut self) -> usize {
        self.slots += 1;
        self.slots - 1
    }

    /// A kernel that needs no more cutting, with the windows that it sees.
    fn piece(&self, mut lowered: Lowered) -> Piece {
        let sizes = sizes(&lowered.kernel.body);
        let whole = bindings(&lowered.kernel);
        let inputs = lowered.inputs.len();
        let of = |place: &Place| self.need(place, &sizes, &whole, inputs);
        let needs: Vec<Option<Need>> = places(&mut lowered.kernel.body).iter().map(of).collect();
        // Places of one buffer that lie far apart see windows of their own.
        let mut windows: Vec<(usize, Range<usize>)> =
            whole.iter().enumerate().map(|(binding, whole)| (binding, 0..whole.numel)).collect();
        let mut seen = vec![usize::MAX; needs.len()];
        let mut order: Vec<usize> = (0..needs.len()).filter(|&i| needs[i].is_some()).collect();
        order.sort_by_key(|&i| needs[i].as_ref().map(|need| need.window.start));
        let mut last: Vec<Option<usize>> = vec![None; whole.len()];
        for i in order {
            let Some(need) = &needs[i] else { continue };
            let joined = last[need.binding].map(|at| {
                let window = &windows[at].1;
                (at, window.start..window.end.max(need.window.end))
            });
            seen[i] = match joined {
                Some((at, joined)) if self.is_bindable(joined.len(), whole[need.binding].dtype) => {
                    windows[at].1 = joined;
                    at
                }
                Some(_) => {
                    windows.push((need.binding, need.window.clone()));
                    windows.len() - 1
                }
                None => {
                    windows[need.binding].1 = need.window.clone();
                    need.binding
                }
            };
            last[need.binding] = Some(seen[i]);
        }
        for (place, &window) in places(&mut lowered.kernel.body).into_iter().zip(&seen) {
            let Some((_, range)) = windows.get(window) else { continue };
            *place.offset -= range.start as isize;
            if let Some(input) = place.input
                && window >= whole.len()
            {
                *input = window - whole.len() + inputs;
            }
        }
        let slots: Vec<usize> = lowered.inputs.iter().chain(&lowered.outputs).copied().collect();
        let bound = |(binding, range): &(usize, Range<usize>)| {
            let Binding { dtype, numel, alias } = whole[*binding];
            let start = range.start * dtype.size();
            let window = (*range != (0..numel)).then(|| start..start + window_bytes(range.len(), dtype));
            let bound = Bound { slot: slots[*binding], bytes: numel * dtype.size(), window };
            (bound, Binding { dtype, numel: range.len(), alias })
        };
        let (outputs, output_bindings) = windows[inputs..whole.len()].iter().map(bound).unzip();
        let all = windows[..inputs].iter().chain(&windows[whole.len()..]);
        let (inputs, input_bindings) = all.map(bound).unzip();
        let kernel = Kernel { inputs: input_bindings, outputs: output_bindings, ..lowered.kernel };
        Piece { kernel: Ok(kernel), inputs, outputs, scalars: lowered.scalars }
    }
}

/// The bytes of a window, with what kernels may load past its end.
fn window_bytes(elements: usize, dtype: DType) -> usize {
    elements.next_multiple_of(WINDOW_ROUND) * dtype.size()
}

/// Where an axis is cut: near its middle, and so that windows start evenly.
fn middle(size: usize) -> usize {
    let even = match size {
        128.. => 64,
        8.. => 4,
        _ => 1,
    };
    size.div_ceil(2).next_multiple_of(even)
}

/// Adds an input, and gives the step that loads it.
fn load(to: &mut Lowered, program: &mut Fused, (slot, binding): (usize, Binding), strides: Strides) -> Instr {
    let leaf = Leaf { input: Some(to.inputs.len()), dtype: binding.dtype, strides, offset: 0, axis: (0, 0) };
    program.leaves.push(leaf);
    to.inputs.push(slot);
    to.kernel.inputs.push(binding);
    to.in_place.push(false);
    let code = Code::Load(program.leaves.len() as u16 - 1);
    Instr { code, args: [0; 3], dtype: binding.dtype, per_row: false }
}

/// Makes a product store its sums and nothing else.
fn bare(lowered: &mut Lowered, (slot, sums): (usize, Binding)) {
    let Body::Matmul(product) = &mut lowered.kernel.body else { unreachable!("only products are bared") };
    product.dtype = sums.dtype;
    let strides = contiguous_strides(&product.epilogue.dims);
    product.epilogue.code = vec![Instr { code: Code::Acc, args: [0; 3], dtype: sums.dtype, per_row: false }];
    product.epilogue.outputs = vec![Output { value: 0, strides, offset: 0 }];
    (lowered.outputs, lowered.kernel.outputs) = (vec![slot], vec![sums]);
    lowered.kernel.name = "matmul".into();
    prune(lowered);
}

/// Makes a product add what was summed before, where there is something, and go on with the total.
fn accumulate(lowered: &mut Lowered, before: Option<(usize, Binding)>) {
    let Some(before) = before else { return };
    let Body::Matmul(product) = &mut lowered.kernel.body else { unreachable!("only products accumulate") };
    let (dtype, join) = (before.1.dtype, product.combine.join());
    let mut program = product.epilogue.clone();
    let rounded = std::mem::replace(&mut product.dtype, dtype);
    let strides = contiguous_strides(&program.dims);
    let step = |code, args, dtype| Instr { code, args, dtype, per_row: false };
    let first = load(lowered, &mut program, before, strides);
    let sum = [first, step(Code::Acc, [0; 3], dtype), step(Code::Binary(join), [0, 1, 0], dtype)];
    follow(&mut program, &sum, rounded);
    if let Body::Matmul(product) = &mut lowered.kernel.body {
        product.epilogue = program;
    }
}

/// What follows a product as a kernel of its own, which loads the sums.
fn epilogue(mut lowered: Lowered, sums: (usize, Binding)) -> Lowered {
    let Body::Matmul(product) = &lowered.kernel.body else { unreachable!("only products have epilogues") };
    let (mut program, rounded) = (product.epilogue.clone(), product.dtype);
    let strides = contiguous_strides(&program.dims);
    let first = load(&mut lowered, &mut program, sums, strides);
    follow(&mut program, &[first], rounded);
    tidy(&mut program);
    lowered.kernel.body = Body::Fused(program);
    prune(&mut lowered);
    lowered
}

/// Puts steps in front of an epilogue, which takes the last one's value for the product.
fn follow(program: &mut Fused, steps: &[Instr], rounded: DType) {
    let by = steps.len() as u16;
    for instr in &mut program.code {
        if instr.code == Code::Acc {
            *instr = Instr { code: Code::Cast, args: [by - 1, 0, 0], dtype: rounded, ..*instr };
        } else {
            instr.args[..instr.code.arity()].iter_mut().for_each(|arg| *arg += by);
        }
    }
    program.code.splice(0..0, steps.iter().copied());
    program.outputs.iter_mut().for_each(|output| output.value += by);
}
