//! What one flush computes: the nodes that it has taken from the queues, and those that they read.

use std::sync::Arc;

use super::{
    executor::Buffer,
    node::{Input, Node, State, Work},
    submission::Submission,
};
use crate::{
    Error,
    layout::View,
    op::{Check, Op},
};

/// One flush's view of the graph: slots `0..nodes.len()` are pending nodes, the others are leaves.
pub(super) struct Pending {
    /// In order of creation.
    pub nodes: Vec<Arc<Node>>,
    pub work: Vec<Work>,
    /// Whether someone outside of the pending graph holds the node.
    pub alive: Vec<bool>,
    pub leaves: Vec<LeafNode>,
    /// The slots of each node's inputs; `usize::MAX` for numbers.
    pub slots: Vec<[usize; 3]>,
}

/// A node that pending ones read, and that this flush does not compute.
pub(super) struct LeafNode {
    pub node: Arc<Node>,
    pub value: LeafValue,
    /// Nobody else can reach it, so that its buffer may be reused after its last reader.
    pub dying: bool,
    pub writable: bool,
}

pub(super) enum LeafValue {
    Ready(Buffer),
    /// Another flush computes it.
    Scheduled(Arc<Submission>),
    Failed(Error),
}

/// Memory that is kept from one collection to the next.
#[derive(Default)]
pub(super) struct Scratch {
    uses: Vec<u32>,
    needed: Vec<bool>,
    epoch: u32,
}

/// The slot of a node that is a leaf, before leaves are numbered.
const LEAF: u32 = u32::MAX;

/// A node whose work a flush has taken.
struct Taken {
    node: Arc<Node>,
    work: Work,
    /// Readers compute it themselves; the node stays lazy.
    is_source: bool,
}

impl Scratch {
    fn next_epoch(&mut self) -> u32 {
        self.epoch = self.epoch.wrapping_add(1).max(1);
        self.epoch
    }
}

impl Pending {
    /// Takes the work out of these nodes, and out of all lazy ones that they read, whichever thread recorded them. To
    /// be called under the engine's lock.
    pub fn collect(
        nodes: impl Iterator<Item = Arc<Node>>,
        submission: &Arc<Submission>,
        scratch: &mut Scratch,
    ) -> Self {
        let mut taken = take(nodes, submission, scratch.next_epoch());
        let epoch = scratch.next_epoch();
        taken.iter().enumerate().for_each(|(i, taken)| taken.node.set_slot(epoch, i as u32));
        let mut alive = count(&taken, epoch, scratch);
        let needed = &scratch.needed;
        let mut slot = 0;
        for (taken, needed) in taken.iter().zip(needed) {
            taken.node.set_slot(if *needed { epoch } else { 0 }, slot);
            slot += u32::from(*needed);
        }
        let mut keep = needed.iter().copied();
        alive.retain(|_| keep.next() == Some(true));
        let mut keep = needed.iter().copied();
        taken.retain(|_| keep.next() == Some(true));
        let leaves = leaves(&taken, epoch, &mut scratch.uses);
        // Every input has been numbered in this epoch.
        let slot = |input: &Option<Input>| {
            let node = input.as_ref().and_then(Input::node);
            node.and_then(|node| node.slot(epoch)).map_or(usize::MAX, |slot| slot as usize)
        };
        let slots = taken.iter().map(|taken| [0, 1, 2].map(|edge| slot(&taken.work.inputs[edge]))).collect();
        let (nodes, work) = taken.into_iter().map(|taken| (taken.node, taken.work)).unzip();
        Self { nodes, work, alive, leaves, slots }
    }

    /// Writes everything that a plan depends on: ops, shapes, views, dtypes, who is alive; not scalars, not addresses.
    pub fn write_key(&self, key: &mut Vec<u64>) {
        key.clear();
        key.push(self.nodes.len() as u64);
        for (i, (node, work)) in self.nodes.iter().zip(&self.work).enumerate() {
            write_op(key, &work.op, (node.dtype as u64) << 8 | self.alive[i] as u64);
            key.push(node.shape.rank() as u64);
            key.extend(node.shape.iter().map(|&n| n as u64));
            for (input, &slot) in work.inputs.iter().zip(&self.slots[i]) {
                match input {
                    None => {}
                    Some(Input::Scalar { dtype, .. }) => key.push((*dtype as u64) << 2),
                    Some(Input::Node { view: None, .. }) => key.push((slot as u64) << 2 | 1),
                    Some(Input::Node { view: Some(view), .. }) => {
                        key.push((slot as u64) << 2 | 2);
                        write_view(key, view);
                    }
                }
            }
        }
        for leaf in &self.leaves {
            key.push((leaf.node.dtype as u64) << 2 | (leaf.dying as u64) << 1 | leaf.writable as u64);
            // Of a whole leaf the readers' entries say nothing: a padded [2, 6] and a padded [3, 4] have one key otherwise.
            key.push(leaf.node.shape.rank() as u64);
            key.extend(leaf.node.shape.iter().map(|&n| n as u64));
        }
    }
}

/// Takes the work of these nodes and of their lazy ancestors, in order of creation.
fn take(nodes: impl Iterator<Item = Arc<Node>>, submission: &Arc<Submission>, epoch: u32) -> Vec<Taken> {
    let mut taken: Vec<Taken> = Vec::with_capacity(nodes.size_hint().0);
    let mut is_sorted = true;
    let mut visit = |node: &Arc<Node>, is_wanted: bool, taken: &mut Vec<Taken>| {
        if node.slot(epoch).is_some() {
            return;
        }
        node.set_slot(epoch, LEAF);
        let mut state = node.state();
        let State::Lazy(work) = &*state else { return };
        let is_source = node.free_steps > 0 && !is_wanted;
        let work = match is_source {
            true => work.clone(),
            false => match std::mem::replace(&mut *state, State::Scheduled(submission.clone())) {
                State::Lazy(work) => work,
                _ => unreachable!("the state is locked"),
            },
        };
        drop(state);
        is_sorted &= taken.last().is_none_or(|last| last.node.serial < node.serial);
        taken.push(Taken { node: node.clone(), work, is_source });
    };
    nodes.for_each(|node| visit(&node, true, &mut taken));
    let mut next = 0;
    while next < taken.len() {
        for edge in 0..3 {
            if let Some(node) = taken[next].work.inputs[edge].as_ref().and_then(Input::node).cloned() {
                visit(&node, false, &mut taken);
            }
        }
        next += 1;
    }
    if !is_sorted {
        taken.sort_by_key(|taken| taken.node.serial);
    }
    taken
}

/// Finds who is alive: whoever is referred to from elsewhere than from pending nodes. What these need is left in
/// `scratch.needed`.
fn count(taken: &[Taken], epoch: u32, scratch: &mut Scratch) -> Vec<bool> {
    let Scratch { uses, needed, .. } = scratch;
    uses.clear();
    uses.resize(taken.len(), 0);
    let slots = |taken: &Taken, each: &mut dyn FnMut(usize)| {
        taken.work.nodes().filter_map(|node| node.slot(epoch)).for_each(|slot| each(slot as usize));
    };
    taken.iter().for_each(|taken| slots(taken, &mut |slot| uses[slot] += 1));
    let is_alive =
        |(taken, &internal): (&Taken, &u32)| !taken.is_source && Arc::strong_count(&taken.node) > internal as usize + 1;
    let alive: Vec<bool> = taken.iter().zip(&*uses).map(is_alive).collect();
    needed.clone_from(&alive);
    for (i, taken) in taken.iter().enumerate().rev() {
        if needed[i] {
            slots(taken, &mut |slot| needed[slot] = true);
        }
    }
    alive
}

/// Numbers the nodes that are read and not taken, behind those that are.
fn leaves(taken: &[Taken], epoch: u32, readers: &mut Vec<u32>) -> Vec<LeafNode> {
    let mut leaves: Vec<LeafNode> = Vec::new();
    readers.clear();
    for node in taken.iter().flat_map(|taken| taken.work.nodes()) {
        match node.slot(epoch) {
            Some(slot) if (slot as usize) < taken.len() => {}
            Some(slot) => readers[slot as usize - taken.len()] += 1,
            None => {
                node.set_slot(epoch, (taken.len() + leaves.len()) as u32);
                let (value, writable) = value(node);
                leaves.push(LeafNode { node: node.clone(), value, dying: false, writable });
                readers.push(1);
            }
        }
    }
    for (leaf, &readers) in leaves.iter_mut().zip(&*readers) {
        leaf.dying = Arc::strong_count(&leaf.node) == readers as usize + 1;
    }
    leaves
}

/// The value of a leaf, and whether kernels may write to its buffer.
fn value(node: &Node) -> (LeafValue, bool) {
    match &*node.state() {
        // A second handle to the buffer is one that lets somebody look at it.
        State::Ready(buffer) => {
            let writable = buffer.is_writable() && Arc::strong_count(buffer) == 1;
            (LeafValue::Ready(buffer.clone()), writable)
        }
        State::Scheduled(submission) => (LeafValue::Scheduled(submission.clone()), true),
        State::Failed(error) => (LeafValue::Failed(error.clone()), true),
        State::Lazy(_) => unreachable!("lazy inputs are taken with their readers"),
    }
}

fn write_op(key: &mut Vec<u64>, op: &Op, node: u64) {
    let head = |code: u64, detail: u64| code << 32 | detail << 16 | node;
    let checked = |axis: u8, check: Option<Check>| check.map_or(0xff00 | axis as u64, |check| check.code().into());
    match op {
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
}

fn write_view(key: &mut Vec<u64>, view: &View) {
    key.push(view.shape.rank() as u64);
    key.push(view.offset as u64);
    for axis in 0..view.shape.rank() {
        key.push(view.shape[axis] as u64);
        key.push(view.strides[axis] as u64);
    }
}
