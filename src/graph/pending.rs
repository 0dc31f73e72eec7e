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

/// The nodes whose work a flush has taken, in order of creation.
#[derive(Default)]
struct Taken {
    nodes: Vec<Arc<Node>>,
    work: Vec<Work>,
    /// Readers compute it themselves; the node stays lazy.
    is_source: Vec<bool>,
    is_unsorted: bool,
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
        let mut epoch = scratch.next_epoch();
        let mut taken = Taken::default();
        taken.take(nodes, submission, epoch);
        if taken.is_unsorted {
            taken.sort(epoch);
        }
        let mut alive = taken.count(epoch, scratch);
        if scratch.needed.contains(&false) {
            epoch = scratch.next_epoch();
            taken.retain(&scratch.needed, &mut alive, epoch);
        }
        let Taken { nodes, work, .. } = taken;
        let (leaves, slots) = leaves(nodes.len(), &work, epoch, &mut scratch.uses);
        Self { nodes, work, alive, leaves, slots }
    }

    /// Writes everything that a plan depends on: ops, shapes, views, dtypes, who is alive; not scalars, not addresses.
    pub fn write_key(&self, key: &mut Vec<u64>) {
        key.clear();
        key.push(self.nodes.len() as u64);
        for (i, (node, work)) in self.nodes.iter().zip(&self.work).enumerate() {
            write_op(key, &work.op, (node.dtype as u64) << 8 | self.alive[i] as u64);
            key.push(node.whole.shape.rank() as u64);
            key.extend(node.whole.shape.iter().map(|&n| n as u64));
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
            key.push(leaf.node.whole.shape.rank() as u64);
            key.extend(leaf.node.whole.shape.iter().map(|&n| n as u64));
        }
    }
}

impl Taken {
    /// Takes the work of these nodes and of their lazy ancestors.
    fn take(&mut self, nodes: impl Iterator<Item = Arc<Node>>, submission: &Arc<Submission>, epoch: u32) {
        for node in nodes {
            if node.slot(epoch).is_none() {
                self.visit(&node, true, submission, epoch);
            }
        }
        let mut next = 0;
        while next < self.work.len() {
            for edge in 0..3 {
                let Some(node) = self.work[next].inputs[edge].as_ref().and_then(Input::node) else { continue };
                if node.slot(epoch).is_none() {
                    let node = node.clone();
                    self.visit(&node, false, submission, epoch);
                }
            }
            next += 1;
        }
    }

    fn visit(&mut self, node: &Arc<Node>, is_wanted: bool, submission: &Arc<Submission>, epoch: u32) {
        node.set_slot(epoch, LEAF);
        let mut state = node.state();
        let State::Lazy(work) = &*state else { return };
        let is_source = node.free_steps > 0 && !is_wanted;
        if is_source {
            self.work.push(work.clone());
        } else if let State::Lazy(work) = std::mem::replace(&mut *state, State::Scheduled(submission.clone())) {
            self.work.push(work);
        }
        drop(state);
        self.is_unsorted |= self.nodes.last().is_some_and(|last| last.serial > node.serial);
        node.set_slot(epoch, self.nodes.len() as u32);
        self.nodes.push(node.clone());
        self.is_source.push(is_source);
    }

    fn sort(&mut self, epoch: u32) {
        let nodes = std::mem::take(&mut self.nodes).into_iter();
        let rest = std::mem::take(&mut self.work).into_iter().zip(std::mem::take(&mut self.is_source));
        let mut all: Vec<_> = nodes.zip(rest).collect();
        all.sort_by_key(|(node, _)| node.serial);
        for (i, (node, (work, is_source))) in all.into_iter().enumerate() {
            node.set_slot(epoch, i as u32);
            self.nodes.push(node);
            self.work.push(work);
            self.is_source.push(is_source);
        }
    }

    /// Calls `each` with the slots of the pending nodes that one of them reads.
    fn reads(&self, i: usize, epoch: u32, each: &mut dyn FnMut(usize)) {
        let slots = self.work[i].nodes().filter_map(|node| node.slot(epoch));
        slots.filter(|&slot| slot != LEAF).for_each(|slot| each(slot as usize));
    }

    /// Finds who is alive: whoever is referred to from elsewhere than from pending nodes. What these need is left in
    /// `scratch.needed`.
    fn count(&self, epoch: u32, scratch: &mut Scratch) -> Vec<bool> {
        let Scratch { uses, needed, .. } = scratch;
        uses.clear();
        uses.resize(self.nodes.len(), 0);
        (0..self.nodes.len()).for_each(|i| self.reads(i, epoch, &mut |slot| uses[slot] += 1));
        let is_alive = |((node, is_source), &internal): ((&Arc<Node>, &bool), &u32)| {
            !is_source && Arc::strong_count(node) > internal as usize + 1
        };
        let alive: Vec<bool> = self.nodes.iter().zip(&self.is_source).zip(&*uses).map(is_alive).collect();
        needed.clone_from(&alive);
        for i in (0..self.nodes.len()).rev() {
            if needed[i] {
                self.reads(i, epoch, &mut |slot| needed[slot] = true);
            }
        }
        alive
    }

    /// Lets go of what nobody needs.
    fn retain(&mut self, needed: &[bool], alive: &mut Vec<bool>, epoch: u32) {
        let mut keep = needed.iter().copied();
        alive.retain(|_| keep.next() == Some(true));
        let mut keep = needed.iter().copied();
        self.work.retain(|_| keep.next() == Some(true));
        let mut keep = needed.iter().copied();
        self.nodes.retain(|_| keep.next() == Some(true));
        self.nodes.iter().enumerate().for_each(|(i, node)| node.set_slot(epoch, i as u32));
    }
}

/// Numbers the nodes that are read and not taken, behind the `pending` ones, and writes down who reads which slot.
fn leaves(pending: usize, work: &[Work], epoch: u32, readers: &mut Vec<u32>) -> (Vec<LeafNode>, Vec<[usize; 3]>) {
    let mut leaves: Vec<LeafNode> = Vec::new();
    let mut slots = Vec::with_capacity(pending);
    readers.clear();
    for work in work {
        let mut row = [usize::MAX; 3];
        for (slot, input) in row.iter_mut().zip(&work.inputs) {
            let Some(node) = input.as_ref().and_then(Input::node) else { continue };
            *slot = match node.slot(epoch).filter(|&slot| slot != LEAF) {
                Some(slot) => slot as usize,
                None => {
                    let slot = pending + leaves.len();
                    node.set_slot(epoch, slot as u32);
                    let (value, writable) = value(node);
                    leaves.push(LeafNode { node: node.clone(), value, dying: false, writable });
                    readers.push(0);
                    slot
                }
            };
            if let Some(leaf) = slot.checked_sub(pending) {
                readers[leaf] += 1;
            }
        }
        slots.push(row);
    }
    for (leaf, &readers) in leaves.iter_mut().zip(&*readers) {
        leaf.dying = Arc::strong_count(&leaf.node) == readers as usize + 1;
    }
    (leaves, slots)
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
        Op::Structured(op) => {
            let [which, first, second] = op.key();
            key.extend([head(10, which), first, second]);
        }
        Op::Pad { before } => {
            key.push(head(11, 0));
            key.extend(before.iter().map(|&n| n as u64));
        }
        Op::Gather { axis, check } => key.push(head(12, checked(*axis, *check))),
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
