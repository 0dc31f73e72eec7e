//! A plan at work on the nodes that it was made for.

use std::sync::{Arc, Weak};

use super::{
    executor::{Buffer, Executor},
    node::{Input, Node, State},
    pending::{LeafValue, Pending},
    plan::{Origin, Plan, ScalarSource, Step},
    submission::Submission,
};
use crate::{Device, Error, Result, Scalar, hash::FastMap, op::Op};

/// A plan with its buffers and numbers. A step that fails takes with it what is computed from its results, and nothing
/// else.
pub(super) struct Run {
    plan: Arc<Plan>,
    buffers: Vec<Option<Buffer>>,
    scalars: Vec<Scalar>,
    /// Who gets which result. Values that nobody holds any more are dropped.
    results: Vec<(usize, Weak<Node>)>,
    /// Inputs that other runs compute.
    awaited: Vec<(usize, Arc<Node>, Arc<Submission>)>,
    failed: FastMap<usize, Error>,
    next: usize,
    /// The first error.
    done: Result<()>,
}

impl Run {
    pub fn new(plan: Arc<Plan>, pending: Pending) -> Self {
        let mut buffers = vec![None; plan.slots];
        let mut failed: FastMap<usize, Error> = FastMap::default();
        let mut awaited = Vec::new();
        let scalars = plan.scalars.iter().map(|&source| scalar(source, &pending)).collect();
        let Pending { nodes, alive, leaves, .. } = pending;
        for (i, leaf) in leaves.into_iter().enumerate() {
            let slot = nodes.len() + i;
            match leaf.value {
                LeafValue::Ready(buffer) => buffers[slot] = Some(buffer),
                LeafValue::Scheduled(submission) => awaited.push((slot, leaf.node, submission)),
                LeafValue::Failed(error) => _ = failed.insert(slot, error),
            }
        }
        let held = nodes.iter().enumerate().filter(|&(i, _)| alive[i]);
        let results = held.map(|(i, node)| (i, Arc::downgrade(node))).collect();
        Self { plan, buffers, scalars, results, awaited, failed, next: 0, done: Ok(()) }
    }

    /// The submission of another run that must end before this one can go on.
    pub fn awaits(&mut self) -> Option<Arc<Submission>> {
        while let Some((slot, node, submission)) = self.awaited.last() {
            match node.result() {
                Some(Ok(buffer)) => self.buffers[*slot] = Some(buffer),
                Some(Err(error)) => _ = self.failed.insert(*slot, error),
                None if submission.is_over() => _ = self.failed.insert(*slot, Submission::lost("flush")),
                None => return Some(submission.clone()),
            }
            self.awaited.pop();
        }
        None
    }

    pub fn is_done(&self) -> bool {
        self.next == self.plan.steps.len()
    }

    /// Whether the next kernel may take longer than a caller should wait without looking up.
    pub fn next_is_long(&self) -> bool {
        self.plan.steps[self.next].is_long
    }

    /// Launches the next kernel.
    pub fn step(&mut self, device: &Device) {
        let plan = self.plan.clone();
        let step = &plan.steps[self.next];
        self.next += 1;
        // An output may have failed in another piece of its kernel.
        let mut touched = step.inputs.iter().copied().chain(step.outputs.iter().map(|output| output.slot));
        let (done, launched) = match touched.find_map(|slot| self.failed.get(&slot)) {
            Some(error) => (Err(error.clone()), false),
            None => (launch(device.executor(), step, &mut self.buffers, &self.scalars[step.scalars.clone()]), true),
        };
        if let Err(error) = done {
            // An index out of range leaves alone what the kernel computes without it.
            let partly = launched && matches!(error, Error::Index { .. });
            for output in step.outputs.iter().filter(|output| output.spoiled || !partly) {
                self.buffers[output.slot] = None;
                self.failed.insert(output.slot, error.clone());
            }
            if self.done.is_ok() {
                self.done = Err(error);
            }
        }
        for &slot in &step.release {
            self.buffers[slot] = None;
        }
    }

    /// Gives the nodes their results.
    pub fn finish(self, device: &Device) -> Result<()> {
        let Self { plan, results, mut buffers, mut failed, mut done, .. } = self;
        for &(slot, bytes) in &plan.empty {
            match device.executor().alloc(bytes) {
                Ok(buffer) => buffers[slot] = Some(buffer),
                Err(error) => {
                    failed.insert(slot, error.clone());
                    done = done.and(Err(error));
                }
            }
        }
        for (slot, node) in results {
            let Some(node) = node.upgrade() else { continue };
            *node.state() = match (buffers[slot].take(), failed.remove(&slot)) {
                (Some(buffer), _) => State::Ready(buffer),
                (None, Some(error)) => State::Failed(error),
                (None, None) => unreachable!("a result has a buffer, or an error instead"),
            };
        }
        device.executor().submit().and(done)
    }
}

fn launch(executor: &dyn Executor, step: &Step, buffers: &mut [Option<Buffer>], scalars: &[Scalar]) -> Result<()> {
    let program = step.program.as_ref().map_err(Clone::clone)?;
    for output in &step.outputs {
        let buffer = match output.origin {
            Origin::New(bytes) => executor.alloc(bytes)?,
            Origin::From(slot) => buffers[slot].clone().unwrap_or_else(|| unreachable!("an aliased input is bound")),
            Origin::Begun => continue,
        };
        buffers[output.slot] = Some(buffer);
    }
    let whole = |slot: usize| buffers[slot].as_ref().unwrap_or_else(|| unreachable!("slots are filled in order"));
    let windows: Vec<Buffer>;
    let mut inputs: Vec<&Buffer> = step.inputs.iter().map(|&slot| whole(slot)).collect();
    let mut outputs: Vec<&Buffer> = step.outputs.iter().map(|output| whole(output.slot)).collect();
    if !step.windows.is_empty() {
        let all = inputs.iter().chain(&outputs).zip(&step.windows);
        let seen = all.map(|(&buffer, window)| match window {
            Some(bytes) => executor.window(buffer, bytes.clone()),
            None => buffer.clone(),
        });
        windows = seen.collect();
        let (seen_inputs, seen_outputs) = windows.split_at(inputs.len());
        (inputs, outputs) = (seen_inputs.iter().collect(), seen_outputs.iter().collect());
    }
    program.launch(&inputs, &outputs, scalars)
}

fn scalar(source: ScalarSource, pending: &Pending) -> Scalar {
    match source {
        ScalarSource::Fixed(value) => Scalar::Int(value),
        ScalarSource::Operand { slot, edge } => match pending.work[slot].inputs[edge] {
            Some(Input::Scalar { value, .. }) => value,
            _ => unreachable!("the plan's key fixes which operands are scalars"),
        },
        ScalarSource::Seed { slot, high } => match pending.work[slot].op {
            Op::Random { seed, .. } => Scalar::UInt(if high { seed >> 32 } else { seed & 0xffff_ffff }),
            _ => unreachable!("the plan's key fixes which nodes are random"),
        },
    }
}
