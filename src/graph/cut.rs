//! Kernels over buffers that are larger than one binding may be: pieces that see windows of them.
//!
//! A kernel one of whose buffers is too large is cut in two along the axis of its space that reaches furthest in that
//! buffer, and its halves again, until each touches no more of any buffer than can be bound. Along a reduced axis, or
//! the inner axis of a product, the parts leave partial results, which are combined in order: the same bits in every
//! run.

use std::ops::Range;

use super::{
    executor::{Caps, WINDOW_ROUND},
    kernel::{Binding, Body, Code, Instr, Kernel},
    lower::Lowered,
    plan::ScalarSource,
    space::{Access, Side, accesses, bindings, is_storable, part, prune, roles, sizes, tidy},
    split::{bare, follow, in_two, load, temporary},
    widen::{wide, widen},
};
use crate::{DType, Error, Result, layout::contiguous_strides, op::Role};

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

/// What an access needs of its buffer.
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
            // A buffer that cannot be allocated needs no pieces.
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
            (_, Some(axis)) if roles(&lowered.kernel.body)[axis] != Role::Reduced => self.halve(lowered, axis, pieces),
            (Body::Structured(structured), Some(axis)) if structured.op.has_epilogue() => {
                self.fold_in_parts(lowered, axis, pieces)
            }
            (_, Some(axis)) => self.reduce_in_parts(lowered, axis, pieces),
        }
    }

    /// The access that needs too much of its buffer, by the most, and the axis to cut for it.
    fn next(&self, lowered: &mut Lowered, sizes: &[usize]) -> Option<(Need, Option<usize>)> {
        // Rows whose values go back to their elements are never long: the fuser sees to that.
        let keeps_rows = matches!(&lowered.kernel.body, Body::Fused(fused) if !fused.is_one_sweep());
        let can_be_cut = |role: Role| role != Role::Serial && !(keeps_rows && role == Role::Reduced);
        let roles = roles(&lowered.kernel.body);
        let bindings = bindings(&lowered.kernel);
        let mut worst: Option<(usize, Need, Option<usize>)> = None;
        for access in accesses(&mut lowered.kernel.body) {
            let Some(need) = self.need(&access, sizes, &bindings, lowered.inputs.len()) else { continue };
            let dtype = bindings[need.binding].dtype;
            let bytes = window_bytes(need.window.len(), dtype);
            if need.whole || self.is_bindable(need.window.len(), dtype) || worst.as_ref().is_some_and(|w| w.0 >= bytes)
            {
                continue;
            }
            let reach = |axis: &usize| (sizes[*axis] - 1) as isize * access.strides[*axis].abs();
            let axes = (0..sizes.len()).rev().filter(|&axis| can_be_cut(roles[axis]));
            let axis = axes.filter(|axis| reach(axis) > 0).max_by_key(reach);
            worst = Some((bytes, need, axis));
        }
        worst.map(|(_, need, axis)| (need, axis))
    }

    /// What an access needs over a space of these sizes; `None` if it is no memory.
    fn need(&self, access: &Access, sizes: &[usize], bindings: &[Binding], inputs: usize) -> Option<Need> {
        let binding = match access.side {
            Side::Input(input) => input,
            Side::Output(output) => inputs + output,
            Side::Nowhere => return None,
        };
        let Binding { dtype, numel, .. } = bindings[binding];
        if self.is_bindable(numel, dtype) {
            return Some(Need { binding, window: 0..numel, whole: true });
        }
        let axes = sizes.iter().zip(&access.strides).chain([(&access.gathered.1, &access.gathered.0)]);
        let (mut low, mut high) = (*access.offset, *access.offset);
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
                Body::Structured(structured) => structured.op.name(),
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

    /// Cuts an axis that is reduced: every part leaves its results, one per row and reduction.
    fn reduce_in_parts(&mut self, mut lowered: Lowered, axis: usize, pieces: &mut Vec<Piece>) -> Result<()> {
        let step = self.part_size(&mut lowered, axis);
        let size = sizes(&lowered.kernel.body)[axis];
        let parts = size.div_ceil(step);
        let program = lowered.kernel.body.program();
        let kept = &program.dims[..program.kept];
        let rows: usize = kept.iter().product();
        let roles = roles(&lowered.kernel.body);
        let largest = (0..kept.len()).filter(|&axis| roles[axis] != Role::Serial).max_by_key(|&axis| kept[axis]);
        if let Some(largest) = largest
            && !self.is_bindable(rows * parts, DType::F64)
        {
            return self.halve(lowered, largest, pieces);
        }
        let (first, second, along) = in_two(&lowered, parts, &mut self.slots);
        for (i, start) in (0..size).step_by(step).enumerate() {
            let mut part = part(&first, axis, start..(start + step).min(size));
            let outputs = &mut part.kernel.body.program_mut().outputs;
            outputs.iter_mut().for_each(|output| output.offset += i as isize * along);
            self.fit(part, pieces)?;
        }
        self.fit(second, pieces)
    }

    /// Cuts a reduced axis of a structured kernel: every part adds to what the parts before it have left.
    fn fold_in_parts(&mut self, mut lowered: Lowered, axis: usize, pieces: &mut Vec<Piece>) -> Result<()> {
        let Body::Structured(structured) = &lowered.kernel.body else { unreachable!("fused kernels keep no sums") };
        let k = structured.axes[axis].size;
        let dtype = wide(structured.dtype);
        let dims = structured.epilogue.dims.clone();
        let sums = Binding { dtype, numel: dims.iter().product(), alias: None };
        let largest = (0..dims.len()).max_by_key(|&axis| dims[axis]).unwrap_or_default();
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
                let (slot, _) = temporary(&mut self.slots, sums);
                bare(&mut part, (slot, sums), contiguous_strides(&dims));
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

    /// A kernel that needs no more cutting, with the windows that it sees.
    fn piece(&self, mut lowered: Lowered) -> Piece {
        let sizes = sizes(&lowered.kernel.body);
        let whole = bindings(&lowered.kernel);
        let inputs = lowered.inputs.len();
        let of = |access: &Access| self.need(access, &sizes, &whole, inputs);
        let needs: Vec<Option<Need>> = accesses(&mut lowered.kernel.body).iter().map(of).collect();
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
        for (access, &window) in accesses(&mut lowered.kernel.body).into_iter().zip(&seen) {
            let Some((_, range)) = windows.get(window) else { continue };
            *access.offset -= range.start as isize;
            if let Some(input) = access.input
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

/// Makes a structured kernel add what was summed before, where there is something, and go on with the total.
fn accumulate(lowered: &mut Lowered, before: Option<(usize, Binding)>) {
    let Some(before) = before else { return };
    let Body::Structured(structured) = &mut lowered.kernel.body else { unreachable!("a fused kernel has no result") };
    let (dtype, join) = (before.1.dtype, structured.op.join());
    let mut program = structured.epilogue.clone();
    let rounded = std::mem::replace(&mut structured.dtype, dtype);
    let strides = contiguous_strides(&program.dims);
    let step = |code, args, dtype| Instr { code, args, dtype, per_row: false };
    let first = load(lowered, &mut program, before, strides);
    let sum = [first, step(Code::Acc, [0; 3], dtype), step(Code::Binary(join), [0, 1, 0], dtype)];
    follow(&mut program, &sum, rounded);
    *lowered.kernel.body.program_mut() = program;
}

/// What follows a structured op as a kernel of its own, which loads the sums.
fn epilogue(mut lowered: Lowered, sums: (usize, Binding)) -> Lowered {
    let Body::Structured(structured) = &lowered.kernel.body else { unreachable!("a fused kernel has no epilogue") };
    let (mut program, rounded) = (structured.epilogue.clone(), structured.dtype);
    let strides = contiguous_strides(&program.dims);
    let first = load(&mut lowered, &mut program, sums, strides);
    follow(&mut program, &[first], rounded);
    tidy(&mut program);
    lowered.kernel.body = Body::Fused(program);
    prune(&mut lowered);
    lowered
}
