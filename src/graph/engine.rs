//! A device's queue of pending nodes, and the runs that compute them.

use std::{
    ops::{Deref, DerefMut},
    sync::{Arc, MutexGuard, Weak},
};

use super::{
    executor::{Buffer, Executor},
    flush::Running,
    node::{Input, Node, State, Work},
    plan::{Origin, Plan, ScalarSource, Step},
    release::Locked,
};
use crate::{
    Device, Error, Result, Scalar,
    device::Stats,
    hash::{FastMap, hash_words},
    layout::View,
    op::{Check, Op},
};

/// The pending nodes of one device and the plans known so far.
#[derive(Default)]
pub(crate) struct Engine {
    pending: Vec<Weak<Node>>,
    pending_bytes: usize,
    /// By the hash of their key.
    plans: FastMap<u64, Vec<Known>>,
    key: Vec<u64>,
    scratch: Scratch,
    epoch: u32,
    pub(super) running: Running,
    /// Threads that wait for the run.
    pub(super) waiting: usize,
    pub stats: Stats,
}

/// A device's engine, for this thread alone.
pub(crate) struct EngineGuard<'a> {
    pub(super) engine: MutexGuard<'a, Engine>,
    pub(super) locked: Locked,
}

impl Deref for EngineGuard<'_> {
    type Target = Engine;
    fn deref(&self) -> &Engine {
        &self.engine
    }
}

impl DerefMut for EngineGuard<'_> {
    fn deref_mut(&mut self) -> &mut Engine {
        &mut self.engine
    }
}

/// Memory that is kept from flush to flush.
#[derive(Default)]
struct Scratch {
    uses: Vec<u32>,
    needed: Vec<bool>,
    buffers: Vec<Option<Buffer>>,
}

/// A plan and the whole key that it was made for.
type Known = (Box<[u64]>, Arc<Plan>);

/// Plans kept; above this the cache starts anew. A training run needs a handful.
const MAX_PLANS: usize = 256;

/// One flush's view of the graph: slots `0..nodes.len()` are pending nodes, the others are leaves.
pub(super) struct Pending {
    /// In order of creation.
    pub nodes: Vec<Arc<Node>>,
    pub work: Vec<Work>,
    /// Whether someone outside of the pending graph holds the node.
    pub alive: Vec<bool>,
    pub leaves: Vec<LeafNode>,
    pub epoch: u32,
}

/// A computed node that pending ones read.
pub(super) struct LeafNode {
    pub node: Arc<Node>,
    /// Nobody else can reach it, so that its buffer may be reused after its last reader.
    pub dying: bool,
    pub writable: bool,
}

impl Pending {
    pub fn slot(&self, node: &Node) -> usize {
        // Every input of a pending node was numbered in this epoch.
        node.slot(self.epoch).map_or(usize::MAX, |s| s as usize)
    }
}

impl Engine {
    /// Adds a lazy node, and says whether enough is pending to hand it to the device.
    pub fn push(&mut self, node: &Arc<Node>, heavy_bytes: usize) -> bool {
        self.pending.push(Arc::downgrade(node));
        self.pending_bytes += heavy_bytes;
        let options = node.device.options();
        if self.pending.len() < options.max_pending && self.pending_bytes < options.max_pending_bytes {
            return false;
        }
        self.pending.retain(|n| n.strong_count() > 0);
        self.pending.len() >= options.max_pending || self.pending_bytes >= options.max_pending_bytes
    }

    /// The run of every pending node that someone can still reach.
    pub(super) fn start(&mut self, device: &Device) -> Option<Run> {
        self.pending_bytes = 0;
        let nodes: Vec<Arc<Node>> = self.pending.drain(..).filter_map(|n| n.upgrade()).collect();
        if nodes.is_empty() {
            return None;
        }
        let pending = self.collect(nodes);
        if pending.nodes.is_empty() {
            return None;
        }
        self.stats.flushes += 1;
        let plan = self.plan(device, &pending);
        self.stats.kernels += plan.steps.len() as u64;
        Some(Run::new(plan, pending, std::mem::take(&mut self.scratch.buffers)))
    }

    /// Keeps an empty list for the next run.
    pub fn reuse(&mut self, buffers: Vec<Option<Buffer>>) {
        self.scratch.buffers = buffers;
    }

    /// Numbers the nodes that are needed, and takes their work out of them.
    fn collect(&mut self, mut nodes: Vec<Arc<Node>>) -> Pending {
        let mut epoch = next_epoch(&mut self.epoch);
        let mut work: Vec<Work> = Vec::with_capacity(nodes.len());
        for (i, node) in nodes.iter().enumerate() {
            node.set_slot(epoch, i as u32);
            // `Taken` stands in until the run ends; whoever looks waits for that.
            let State::Lazy(taken) = std::mem::replace(&mut *node.state(), State::Taken) else {
                unreachable!("a pending node is lazy until a flush computes it")
            };
            work.push(taken);
        }
        // How often pending nodes refer to each other: any further reference is alive.
        let Scratch { uses, needed, .. } = &mut self.scratch;
        uses.clear();
        uses.resize(nodes.len(), 0);
        let slots = |work: &Work, epoch: u32, each: &mut dyn FnMut(usize)| {
            work.nodes().filter_map(|node| node.slot(epoch)).for_each(|slot| each(slot as usize));
        };
        work.iter().for_each(|work| slots(work, epoch, &mut |slot| uses[slot] += 1));
        let count = |(node, &internal): (&Arc<Node>, &u32)| Arc::strong_count(node) > internal as usize + 1;
        let mut alive: Vec<bool> = nodes.iter().zip(&*uses).map(count).collect();
        needed.clone_from(&alive);
        for i in (0..nodes.len()).rev() {
            if needed[i] {
                slots(&work[i], epoch, &mut |slot| needed[slot] = true);
            }
        }
        if needed.contains(&false) {
            epoch = next_epoch(&mut self.epoch);
            let mut keep = needed.iter().copied();
            alive.retain(|_| keep.next() == Some(true));
            let mut keep = needed.iter().copied();
            work.retain(|_| keep.next() == Some(true));
            let mut keep = needed.iter().copied();
            nodes.retain(|_| keep.next() == Some(true));
            nodes.iter().enumerate().for_each(|(i, node)| node.set_slot(epoch, i as u32));
        }
        let mut leaves: Vec<LeafNode> = Vec::new();
        // From here on, how many pending nodes read each leaf.
        let readers = &mut self.scratch.uses;
        readers.clear();
        for node in work.iter().flat_map(Work::nodes) {
            match node.slot(epoch) {
                Some(slot) if (slot as usize) < nodes.len() => {}
                Some(slot) => readers[slot as usize - nodes.len()] += 1,
                None => {
                    node.set_slot(epoch, (nodes.len() + leaves.len()) as u32);
                    leaves.push(LeafNode { node: node.clone(), dying: false, writable: false });
                    readers.push(1);
                }
            }
        }
        for (leaf, &readers) in leaves.iter_mut().zip(&*readers) {
            // A second handle to the buffer is one that lets somebody look at it.
            leaf.writable = leaf.node.is_writable();
            leaf.dying = Arc::strong_count(&leaf.node) == readers as usize + 1;
        }
        Pending { nodes, work, alive, leaves, epoch }
    }

    fn plan(&mut self, device: &Device, pending: &Pending) -> Arc<Plan> {
        let mut key = std::mem::take(&mut self.key);
        write_key(pending, &mut key);
        let hash = hash_words(&key);
        let known = self.plans.get(&hash).and_then(|plans| plans.iter().find(|(k, _)| **k == key[..]));
        if let Some(plan) = known.map(|(_, plan)| plan.clone()) {
            self.stats.plan_hits += 1;
            self.key = key;
            return plan;
        }
        self.stats.plan_misses += 1;
        let plan = Arc::new(Plan::new(device, pending));
        if self.plans.len() >= MAX_PLANS {
            self.plans.clear();
        }
        self.plans.entry(hash).or_default().push((key.as_slice().into(), plan.clone()));
        self.key = key;
        plan
    }
}

fn next_epoch(epoch: &mut u32) -> u32 {
    *epoch = epoch.wrapping_add(1).max(1);
    *epoch
}

/// A plan at work on the nodes that it was made for. A step that fails takes with it what is computed from its results,
/// and nothing else.
pub(super) struct Run {
    plan: Arc<Plan>,
    pending: Pending,
    buffers: Vec<Option<Buffer>>,
    scalars: Vec<Scalar>,
    failed: FastMap<usize, Error>,
    next: usize,
    /// The first error.
    done: Result<()>,
}

impl Run {
    fn new(plan: Arc<Plan>, pending: Pending, mut buffers: Vec<Option<Buffer>>) -> Self {
        buffers.clear();
        buffers.resize(plan.slots, None);
        let mut failed: FastMap<usize, Error> = FastMap::default();
        for (i, leaf) in pending.leaves.iter().enumerate() {
            let slot = pending.nodes.len() + i;
            let mut state = leaf.node.state();
            match &*state {
                State::Ready(buffer) => buffers[slot] = Some(buffer.clone()),
                State::Failed(error) => _ = failed.insert(slot, error.clone()),
                State::Lazy(_) | State::Taken => {
                    failed.insert(slot, Error::argument("flush", "an input was lost in a flush that panicked"));
                }
            };
            if leaf.dying {
                *state = State::Taken;
            }
        }
        Self { plan, pending, buffers, scalars: Vec::new(), failed, next: 0, done: Ok(()) }
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
        self.scalars.clear();
        self.scalars.extend(step.scalars.iter().map(|&s| scalar(s, &self.pending)));
        // An output may have failed in another piece of its kernel.
        let mut touched = step.inputs.iter().copied().chain(step.outputs.iter().map(|output| output.slot));
        let (done, launched) = match touched.find_map(|slot| self.failed.get(&slot)) {
            Some(error) => (Err(error.clone()), false),
            None => (launch(device.executor(), step, &mut self.buffers, &self.scalars), true),
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

    /// Gives the nodes their results, and the list of buffers back.
    pub fn finish(self, device: &Device) -> (Result<()>, Vec<Option<Buffer>>) {
        let Self { plan, pending, mut buffers, mut failed, mut done, .. } = self;
        for &(slot, bytes) in &plan.empty {
            match device.executor().alloc(bytes) {
                Ok(buffer) => buffers[slot] = Some(buffer),
                Err(error) => {
                    failed.insert(slot, error.clone());
                    done = done.and(Err(error));
                }
            }
        }
        for (i, node) in pending.nodes.iter().enumerate() {
            if let Some(buffer) = buffers[i].take() {
                *node.state() = State::Ready(buffer);
            } else if let Some(error) = failed.remove(&i) {
                *node.state() = State::Failed(error);
            }
        }
        buffers.clear();
        (device.executor().submit().and(done), buffers)
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

/// Writes everything that a plan depends on: ops, shapes, views, dtypes, who is alive; not scalars, not addresses.
fn write_key(pending: &Pending, key: &mut Vec<u64>) {
    let checked = |axis: u8, check: Option<Check>| check.map_or(0xff00 | axis as u64, |check| check.code().into());
    key.clear();
    key.push(pending.nodes.len() as u64);
    for (i, (node, work)) in pending.nodes.iter().zip(&pending.work).enumerate() {
        let head =
            |code: u64, detail: u64| code << 32 | detail << 16 | (node.dtype as u64) << 8 | pending.alive[i] as u64;
        let shape = &node.shape;
        match &work.op {
            Op::Const(_) => unreachable!("a constant is never pending"),
            Op::Index(view) => {
                key.push(head(2, 0));
                write_view(key, view);
            }
            Op::Random { word, .. } => key.push(head(3, *word as u64)),
            Op::Unary(op) => key.push(head(4, *op as u64)),
            Op::Binary(op) => key.push(head(5, *op as u64)),
            Op::Where => key.push(head(6, 0)),
            Op::Cast => key.push(head(7, 0)),
            Op::Copy => key.push(head(8, 0)),
            Op::Reduce { op, axes } => key.push(head(9, (*op as u64) << 8 | *axes as u64)),
            Op::Matmul(combine) => {
                let [which, power] = combine.key();
                key.extend([head(10, which), power]);
            }
            Op::Pad { before } => {
                key.push(head(11, 0));
                key.extend(before.iter().map(|&n| n as u64));
            }
            Op::Gather { axis, check } => key.push(head(12, checked(*axis, *check))),
            Op::ScatterAdd { axis, check } => key.push(head(13, checked(*axis, *check))),
            Op::ClassId(ids) => {
                key.push(head(14, ids.check.code().into()));
                key.extend([ids.classes as u64, ids.ignore.is_some().into(), ids.ignore.unwrap_or_default() as u64]);
            }
        }
        key.push(shape.rank() as u64);
        key.extend(shape.iter().map(|&n| n as u64));
        for input in work.inputs.iter().flatten() {
            match input {
                Input::Scalar { dtype, .. } => key.push((*dtype as u64) << 2),
                Input::Node { node, view: None } => key.push((pending.slot(node) as u64) << 2 | 1),
                Input::Node { node, view: Some(view) } => {
                    key.push((pending.slot(node) as u64) << 2 | 2);
                    write_view(key, view);
                }
            }
        }
    }
    for leaf in &pending.leaves {
        key.push((leaf.node.dtype as u64) << 2 | (leaf.dying as u64) << 1 | leaf.writable as u64);
        // Of a whole leaf the readers' entries say nothing: a padded [2, 6] and a padded [3, 4] have one key otherwise.
        key.push(leaf.node.shape.rank() as u64);
        key.extend(leaf.node.shape.iter().map(|&n| n as u64));
    }
}

fn write_view(key: &mut Vec<u64>, view: &View) {
    key.push(view.shape.rank() as u64);
    key.push(view.offset as u64);
    for axis in 0..view.shape.rank() {
        key.push(view.shape[axis] as u64);
        key.push(view.strides[axis] as u64);
    }
}
