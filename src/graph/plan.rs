//! A flush made ready to repeat: kernels in order, what they bind, and when buffers are free.

use std::sync::Arc;

use super::{
    engine::Pending,
    executor::Program,
    group::{Group, Groups, Kind},
    kernel::{Binding, Body, Code, Fused, Instr, Kernel, Leaf, Output},
    lower::{Lowered, lower},
};
use crate::{DType, Device, Result, shape::MAX_RANK};

pub(super) struct Plan {
    pub steps: Vec<Step>,
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
    pub scalars: Vec<ScalarSource>,
    /// Slots that nobody reads any more after this step.
    pub release: Vec<usize>,
}

pub(super) struct StepOutput {
    pub slot: usize,
    pub bytes: usize,
    /// The slot whose buffer it takes over.
    pub alias: Option<usize>,
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
        let mut slots = first_temporary;
        let mut empty = Vec::new();
        let mut lowered: Vec<Lowered> = Vec::new();
        for g in order(&groups) {
            let Some(group) = &groups.groups[g] else { continue };
            if group.space.numel() == 0 {
                let stored = group.members.iter().filter(|&&m| groups.is_stored(m));
                empty.extend(stored.map(|&m| (m, 0)));
                continue;
            }
            let mut kernel = lower(&groups, group);
            let mut packing = Vec::new();
            if matches!(group.kind, Kind::Row | Kind::Matmul) && !caps.narrow_rows {
                packing = widen(&mut kernel, &mut slots);
            }
            lowered.push(kernel);
            lowered.extend(packing);
        }
        let mut last_use = vec![usize::MAX; slots];
        for (step, kernel) in lowered.iter().enumerate() {
            for &slot in kernel.inputs.iter().chain(&kernel.outputs) {
                last_use[slot] = step;
            }
        }
        let dies = |slot: usize| match slot {
            _ if slot < pending.nodes.len() => !pending.alive[slot],
            _ if slot < first_temporary => pending.leaves[slot - pending.nodes.len()].dying,
            _ => true,
        };
        let mut steps = Vec::with_capacity(lowered.len());
        for (i, mut kernel) in lowered.into_iter().enumerate() {
            let free = |slot: usize| dies(slot) && last_use[slot] == i;
            let writable = |slot: usize| match slot.checked_sub(pending.nodes.len()) {
                Some(leaf) if slot < first_temporary => pending.leaves[leaf].writable,
                _ => true,
            };
            donate(&mut kernel, |slot| free(slot) && writable(slot));
            let outputs = kernel.outputs.iter().zip(&kernel.kernel.outputs).map(|(&slot, binding)| StepOutput {
                slot,
                bytes: binding.numel * binding.dtype.size(),
                alias: binding.alias.map(|input| kernel.inputs[input]),
            });
            let outputs: Vec<StepOutput> = outputs.collect();
            let mut release: Vec<usize> =
                kernel.inputs.iter().chain(&kernel.outputs).copied().filter(|&s| free(s)).collect();
            release.sort_unstable();
            release.dedup();
            let program = executor.compile(&kernel.kernel);
            steps.push(Step { program, inputs: kernel.inputs, outputs, scalars: kernel.scalars, release });
        }
        Plan { steps, slots, empty }
    }
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
/// declares each buffer with one.
fn donate(kernel: &mut Lowered, free: impl Fn(usize) -> bool) {
    let mut taken = vec![false; kernel.inputs.len()];
    for output in &mut kernel.kernel.outputs {
        let fits = |i: &usize| {
            let input = kernel.kernel.inputs[*i];
            !taken[*i]
                && kernel.in_place[*i]
                && input.numel == output.numel
                && input.dtype == output.dtype
                && free(kernel.inputs[*i])
        };
        if let Some(i) = (0..taken.len()).find(fits) {
            taken[i] = true;
            output.alias = Some(i);
        }
    }
}

/// Makes a kernel store 8- and 16-bit results in 32 bits; returns the kernels that pack them.
fn widen(lowered: &mut Lowered, slots: &mut usize) -> Vec<Lowered> {
    let fused = match &mut lowered.kernel.body {
        Body::Fused(fused) => fused,
        // Four neighbours at a time are always of one row.
        Body::Matmul(product) if !product.n.is_multiple_of(4) => &mut product.epilogue,
        Body::Matmul(_) | Body::ScatterAdd(_) => return Vec::new(),
    };
    let mut packing = Vec::new();
    for i in 0..lowered.outputs.len() {
        let narrow = lowered.kernel.outputs[i];
        if !narrow.dtype.is_narrow() {
            continue;
        }
        let wide = if narrow.dtype.is_float() { DType::F32 } else { DType::I32 };
        let value = fused.outputs[i].value;
        let per_row = fused.code[value as usize].per_row;
        fused.code.push(Instr { code: Code::Cast, args: [value, 0, 0], dtype: wide, per_row });
        fused.outputs[i].value = fused.code.len() as u16 - 1;
        let binding = Binding { dtype: wide, ..narrow };
        lowered.kernel.outputs[i] = binding;
        let temporary = *slots;
        *slots += 1;
        let mut strides = [0; MAX_RANK];
        strides[0] = 1;
        let (dims, strides) =
            if narrow.numel == 1 { (Vec::new(), [0; MAX_RANK]) } else { (vec![narrow.numel], strides) };
        let load = Instr { code: Code::Load(0), args: [0; 3], dtype: wide, per_row: false };
        let cast = Instr { code: Code::Cast, args: [0; 3], dtype: narrow.dtype, per_row: false };
        let body = Fused {
            kept: dims.len(),
            dims,
            leaves: vec![Leaf { input: Some(0), dtype: wide, strides, offset: 0, axis: (0, 0) }],
            code: vec![load, cast],
            outputs: vec![Output { value: 1, strides }],
        };
        packing.push(Lowered {
            kernel: Kernel {
                name: "pack".into(),
                body: Body::Fused(body),
                inputs: vec![binding],
                outputs: vec![narrow],
                scalars: Vec::new(),
            },
            inputs: vec![temporary],
            outputs: vec![lowered.outputs[i]],
            scalars: Vec::new(),
            in_place: vec![false],
        });
        lowered.outputs[i] = temporary;
    }
    packing
}
