//! A flush made ready to repeat: kernels in order, what they bind, and when buffers are free.

use std::{collections::HashSet, ops::Range, sync::Arc};

use super::{
    cut::{Bound, Cutter, Piece},
    executor::Program,
    group::{Group, Groups},
    kernel::Kernel,
    lower::{Lowered, lower},
    pending::Pending,
    split::split,
    verify::verify,
    widen::{self, widen},
};
use crate::{Device, Result};

/// Steps of arithmetic that take one core more than a tenth of a second.
const LONG: usize = 1 << 31;

pub(super) struct Plan {
    pub steps: Vec<Step>,
    /// Of all steps, one after the other.
    pub scalars: Vec<ScalarSource>,
    /// Buffers in all: pending nodes, leaves, then temporaries.
    pub slots: usize,
    /// Nodes without elements: slot and bytes.
    pub empty: Vec<(usize, usize)>,
}

pub(super) struct Step {
    /// Or why the device cannot run it.
    pub program: Result<Arc<dyn Program>>,
    pub inputs: Vec<usize>,
    pub outputs: Vec<StepOutput>,
    /// The bytes that the kernel sees of its inputs, then of its outputs, `None` for all; empty if all are seen whole.
    pub windows: Vec<Option<Range<usize>>>,
    /// Which of the plan's scalars the kernel takes.
    pub scalars: Range<usize>,
    /// Slots that nobody reads any more after this step.
    pub release: Vec<usize>,
    /// Whether the launch, which is the whole work on the CPU, may take longer than an interrupt should wait.
    pub is_long: bool,
}

pub(super) struct StepOutput {
    pub slot: usize,
    pub origin: Origin,
    /// Whether an index out of range can spoil it.
    pub spoiled: bool,
}

/// Where the buffer of an output comes from.
pub(super) enum Origin {
    /// It is new, of so many bytes.
    New(usize),
    /// It was the buffer of another slot.
    From(usize),
    /// An earlier step has begun to fill it.
    Begun,
}

/// Where a launch finds a scalar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum ScalarSource {
    /// A number among the inputs of a node.
    Operand { slot: usize, edge: usize },
    /// Half of the seed of a random node.
    Seed { slot: usize, high: bool },
    /// A number that follows from the shapes.
    Fixed(i64),
}

impl Plan {
    pub fn new(device: &Device, pending: &Pending) -> Plan {
        let executor = device.executor();
        let caps = executor.caps();
        let groups = Groups::new(pending, caps, device.options().fusion);
        let first_temporary = pending.nodes.len() + pending.leaves.len();
        let mut cutter = Cutter { caps, device: &device.info().name, slots: first_temporary };
        let mut empty = Vec::new();
        let mut lowered: Vec<Lowered> = Vec::new();
        for g in order(&groups) {
            let Some(group) = &groups.groups[g] else { continue };
            if group.space.numel() == 0 {
                let stored = group.members.iter().filter(|&&m| groups.is_stored(m));
                empty.extend(stored.map(|&m| (m, 0)));
                continue;
            }
            let kernel = lower(&groups, group);
            verify("lower", &kernel.kernel);
            let parts = executor.parts(&kernel.kernel);
            let buffers = caps.max_buffers - if kernel.kernel.is_checked() { caps.status_buffers } else { 0 };
            for mut kernel in split(kernel, parts, buffers, &mut cutter.slots) {
                verify("split", &kernel.kernel);
                let mut packing = Vec::new();
                if !caps.narrow_rows && widen::is_needed(&kernel.kernel) {
                    packing = widen(&mut kernel, &mut cutter.slots);
                    packing.iter().chain([&kernel]).for_each(|kernel| verify("widen", &kernel.kernel));
                }
                lowered.push(kernel);
                lowered.extend(packing);
            }
        }
        let dies = |slot: usize| match slot {
            _ if slot < pending.nodes.len() => !pending.alive[slot],
            _ if slot < first_temporary => pending.leaves[slot - pending.nodes.len()].dying,
            _ => true,
        };
        let writable = |slot: usize| match slot.checked_sub(pending.nodes.len()) {
            Some(leaf) if slot < first_temporary => pending.leaves[leaf].writable,
            _ => true,
        };
        let touched = |kernel: &Lowered| [&kernel.inputs[..], &kernel.outputs].concat();
        let last = last_use(cutter.slots, lowered.iter().map(touched));
        let mut pieces: Vec<Piece> = Vec::with_capacity(lowered.len());
        for (i, mut kernel) in lowered.into_iter().enumerate() {
            let narrow = cutter.fits(&kernel.kernel);
            donate(&mut kernel, narrow, |slot| dies(slot) && last[slot] == i && writable(slot));
            verify("donate", &kernel.kernel);
            pieces.extend(cutter.cut(kernel));
        }
        pieces.iter().filter_map(|piece| piece.kernel.as_ref().ok()).for_each(|kernel| verify("cut", kernel));
        let touched = |piece: &Piece| piece.inputs.iter().chain(&piece.outputs).map(|b| b.slot).collect();
        let last = last_use(cutter.slots, pieces.iter().map(touched));
        let kernels: Vec<&Kernel> = pieces.iter().filter_map(|piece| piece.kernel.as_ref().ok()).collect();
        let mut programs = executor.compile_all(&kernels).into_iter();
        let mut begun = HashSet::new();
        let mut scalars = Vec::new();
        let steps = pieces.into_iter().enumerate().map(|(i, piece)| {
            let mut release = touched(&piece);
            release.retain(|&slot| dies(slot) && last[slot] == i);
            release.sort_unstable();
            release.dedup();
            let alias = |output: usize| {
                let input = piece.kernel.as_ref().ok()?.outputs[output].alias?;
                Some(piece.inputs[input].slot)
            };
            let spoiled = piece.kernel.as_ref().map(Kernel::spoiled).unwrap_or_default();
            let outputs = piece.outputs.iter().enumerate().map(|(output, bound)| {
                let Bound { slot, bytes, .. } = *bound;
                let origin = match alias(output) {
                    _ if !begun.insert(slot) => Origin::Begun,
                    Some(input) => Origin::From(input),
                    None => Origin::New(bytes),
                };
                StepOutput { slot, origin, spoiled: spoiled.get(output) != Some(&false) }
            });
            let outputs = outputs.collect();
            let inputs = piece.inputs.iter().map(|bound| bound.slot).collect();
            let mut windows: Vec<_> = piece.inputs.into_iter().chain(piece.outputs).map(|bound| bound.window).collect();
            if windows.iter().all(Option::is_none) {
                windows.clear();
            }
            let is_long = device.is_cpu() && piece.kernel.as_ref().is_ok_and(|kernel| kernel.work() >= LONG);
            let program = match piece.kernel {
                Ok(_) => programs.next().unwrap_or_else(|| unreachable!("each kernel has a program")),
                Err(error) => Err(error),
            };
            let first_scalar = scalars.len();
            scalars.extend(piece.scalars);
            Step { program, inputs, outputs, windows, scalars: first_scalar..scalars.len(), release, is_long }
        });
        let steps = steps.collect();
        Plan { steps, scalars, slots: cutter.slots, empty }
    }
}

/// The last of the steps that touches each slot.
fn last_use(slots: usize, steps: impl Iterator<Item = Vec<usize>>) -> Vec<usize> {
    let mut last = vec![usize::MAX; slots];
    for (step, touched) in steps.enumerate() {
        touched.into_iter().for_each(|slot| last[slot] = step);
    }
    last
}

/// Groups so that each comes after those that it reads, otherwise in order of creation.
fn order(groups: &Groups) -> Vec<usize> {
    fn visit(groups: &Groups, g: usize, seen: &mut [bool], out: &mut Vec<usize>) {
        let mut stack = vec![(g, false)];
        while let Some((g, ready)) = stack.pop() {
            if ready {
                out.push(g);
                continue;
            }
            if std::mem::replace(&mut seen[g], true) {
                continue;
            }
            stack.push((g, true));
            if let Some(group) = &groups.groups[g] {
                let mut before: Vec<usize> = groups.dependencies(group).filter(|&d| !seen[d]).collect();
                before.sort_unstable_by(|a, b| b.cmp(a));
                before.dedup();
                stack.extend(before.into_iter().map(|d| (d, false)));
            }
        }
    }
    let mut seen = vec![false; groups.groups.len()];
    let mut out = Vec::new();
    let last = |g: &Option<Group>| g.as_ref().and_then(|g| g.members.last().copied()).unwrap_or(usize::MAX);
    let mut roots: Vec<usize> = (0..groups.groups.len()).filter(|&g| groups.groups[g].is_some()).collect();
    roots.sort_by_key(|&g| last(&groups.groups[g]));
    for g in roots {
        visit(groups, g, &mut seen, &mut out);
    }
    out
}

/// Lets outputs take over the buffers of inputs that die with this kernel. The dtype stays, as a kernel on a GPU
/// declares each buffer with one. Narrow results of a kernel that is cut may have to be stored elsewhere first.
fn donate(kernel: &mut Lowered, narrow: bool, free: impl Fn(usize) -> bool) {
    let mut taken = vec![false; kernel.inputs.len()];
    for output in &mut kernel.kernel.outputs {
        let fits = |i: &usize| {
            let input = kernel.kernel.inputs[*i];
            !taken[*i]
                && kernel.in_place[*i]
                && input.numel == output.numel
                && input.dtype == output.dtype
                && (narrow || !input.dtype.is_narrow())
                && free(kernel.inputs[*i])
        };
        if let Some(i) = (0..taken.len()).find(fits) {
            taken[i] = true;
            output.alias = Some(i);
        }
    }
}
