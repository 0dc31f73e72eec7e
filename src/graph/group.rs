//! Fusion: which nodes share a kernel.
//!
//! Every node starts as a group of its own. In order of creation, the groups at both ends of an edge are merged
//! where one kernel can compute them: elementwise ops over the same elements, elementwise ops before, between and
//! after reductions over the same rows, elementwise ops behind a matrix product. Constants and coordinates belong
//! to no group: each reader computes them.

use super::{executor::Caps, node::Input, pending::Pending};
use crate::{
    DType, Shape,
    hash::FastSet,
    layout::{Strides, View, contiguous_strides},
    op::{Op, StructuredOp},
    shape::MAX_RANK,
};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    /// Elementwise over `space`.
    Point,
    /// Reductions over `axes` of `space`.
    Row,
    /// An op with a kernel of its own, and what follows it.
    Structured(StructuredOp),
}

#[derive(Clone, Debug)]
pub(super) struct Group {
    pub kind: Kind,
    pub space: Shape,
    /// The reduced axes of `space`, as a mask.
    pub axes: u8,
    pub members: Vec<usize>,
}

impl Group {
    /// The shape over which a member is computed: the whole space, or one element per row.
    pub fn frame(&self, per_row: bool) -> Shape {
        let mut frame = self.space;
        if per_row {
            for axis in 0..frame.rank() {
                if self.axes >> axis & 1 == 1 {
                    frame[axis] = 1;
                }
            }
        }
        frame
    }

    /// How many elements one row has.
    fn inner(&self) -> usize {
        self.space.iter().enumerate().filter(|(axis, _)| self.axes >> axis & 1 == 1).map(|(_, n)| n).product()
    }
}

/// The groups of one flush.
pub(super) struct Groups<'a> {
    pub pending: &'a Pending,
    caps: Caps,
    /// Root group of each node; `usize::MAX` for inlined nodes.
    pub of: Vec<usize>,
    pub groups: Vec<Option<Group>>,
    /// Whether a node's value is one per row of its group.
    pub per_row: Vec<bool>,
    /// Constants and what follows from them alone: every reader computes them.
    pub uniform: Vec<bool>,
    readers: Vec<Vec<usize>>,
    /// Products after which more would follow than an epilogue may hold.
    overfull: Vec<usize>,
}

/// How node `reader` reads its input number `edge`.
pub(super) enum Source {
    /// A number.
    Scalar,
    /// A pending node that is computed in the reader's kernel because it is uniform.
    Uniform(usize),
    /// Coordinates, as this view of the reader's frame.
    Index(View),
    /// A pending node by value or from memory, as the reader's group says.
    Node(usize),
    /// A leaf, by its slot.
    Leaf(usize),
}

/// Whether an op reads this input at other places than the element that it computes.
pub(super) fn is_opaque(op: &Op, edge: usize) -> bool {
    matches!((op, edge), (Op::Structured(_) | Op::Pad { .. }, _) | (Op::Gather { .. }, 0))
}

impl<'a> Groups<'a> {
    pub fn new(pending: &'a Pending, caps: Caps, fusion: bool) -> Self {
        let mut overfull = Vec::new();
        loop {
            let out = Self::attempt(pending, caps, fusion, &overfull);
            if out.overfull.is_empty() {
                return out;
            }
            // Half of what follows a product would be worse than none: its values would be stored in between.
            overfull.extend(out.overfull);
        }
    }

    /// Groups everything; nothing follows the products of `plain` in their kernels.
    fn attempt(pending: &'a Pending, caps: Caps, fusion: bool, plain: &[usize]) -> Self {
        let n = pending.nodes.len();
        let mut out = Self {
            pending,
            caps,
            of: vec![usize::MAX; n],
            groups: Vec::with_capacity(n),
            per_row: vec![false; n],
            uniform: vec![false; n],
            readers: vec![Vec::new(); n],
            overfull: Vec::new(),
        };
        for i in 0..n {
            out.uniform[i] = out.is_uniform(i);
            for edge in 0..out.edges(i) {
                let slot = out.slot(i, edge);
                if slot < n {
                    out.readers[slot].push(i);
                }
            }
        }
        for i in 0..n {
            if out.is_inline(i) && !out.needs_memory(i) {
                continue;
            }
            out.of[i] = out.groups.len();
            out.per_row[i] = matches!(pending.work[i].op, Op::Reduce { .. });
            let group = out.single(i);
            out.groups.push(Some(group));
            if !fusion || out.is_inline(i) {
                continue;
            }
            // A merge along one edge may have been what another one waited for.
            while (0..out.edges(i)).any(|edge| out.merge_edge(i, edge, plain)) {}
        }
        out
    }

    /// Merges a node's group with the one that it reads from, if it can.
    fn merge_edge(&mut self, i: usize, edge: usize, plain: &[usize]) -> bool {
        match self.source(i, edge) {
            Source::Node(producer) if plain.contains(&producer) => false,
            Source::Node(producer) if !is_opaque(&self.pending.work[i].op, edge) => self.try_merge(producer, i),
            _ => false,
        }
    }

    fn edges(&self, i: usize) -> usize {
        self.pending.work[i].inputs.iter().flatten().count()
    }

    fn slot(&self, i: usize, edge: usize) -> usize {
        self.pending.slots[i][edge]
    }

    fn is_scalar(&self, i: usize, edge: usize) -> bool {
        matches!(self.pending.work[i].inputs[edge], Some(Input::Scalar { .. }))
    }

    fn is_uniform(&self, i: usize) -> bool {
        match self.pending.work[i].op {
            Op::Unary(_) | Op::Binary(_) | Op::Where | Op::Cast | Op::Copy => (0..self.edges(i)).all(|edge| {
                let slot = self.slot(i, edge);
                self.is_scalar(i, edge) || slot < self.uniform.len() && self.uniform[slot]
            }),
            _ => false,
        }
    }

    /// Whether readers compute the node themselves wherever they can.
    fn is_inline(&self, i: usize) -> bool {
        self.uniform[i] || matches!(self.pending.work[i].op, Op::Index(_))
    }

    /// Whether a node has to be stored although its readers could compute it.
    fn needs_memory(&self, i: usize) -> bool {
        self.pending.alive[i]
            || self.readers[i].iter().any(|&reader| {
                (0..self.edges(reader)).filter(|&edge| self.slot(reader, edge) == i).any(|edge| {
                    is_opaque(&self.pending.work[reader].op, edge)
                        || matches!(self.source(reader, edge), Source::Node(_))
                })
            })
    }

    fn single(&self, i: usize) -> Group {
        let shape = self.pending.nodes[i].whole.shape;
        let (kind, space, axes) = match self.pending.work[i].op {
            Op::Reduce { axes, .. } => (Kind::Row, self.view(i, 0).shape, axes),
            Op::Structured(op) => (Kind::Structured(op), shape, 0),
            _ => (Kind::Point, shape, 0),
        };
        Group { kind, space, axes, members: vec![i] }
    }

    /// The dtype and the number of elements of a slot.
    fn holds(&self, slot: usize) -> (DType, usize) {
        let nodes = &self.pending.nodes;
        let node = nodes.get(slot).unwrap_or_else(|| &self.pending.leaves[slot - nodes.len()].node);
        (node.dtype, node.whole.shape.numel())
    }

    /// What stands at the other end of an edge.
    pub fn source(&self, i: usize, edge: usize) -> Source {
        if self.is_scalar(i, edge) {
            return Source::Scalar;
        }
        let slot = self.slot(i, edge);
        if slot >= self.pending.nodes.len() {
            return Source::Leaf(slot);
        }
        if is_opaque(&self.pending.work[i].op, edge) {
            return Source::Node(slot);
        }
        if self.uniform[slot] {
            return Source::Uniform(slot);
        }
        if let Op::Index(index) = &self.pending.work[slot].op
            && let Some(view) = self.view(i, edge).compose(index)
        {
            return Source::Index(view);
        }
        Source::Node(slot)
    }

    /// An input over the coordinates of the node that reads it (of a reduction: over what it reduces).
    ///
    /// For `Pad` and `Gather` this is where the first elements would lie, which need not exist.
    pub fn view(&self, i: usize, edge: usize) -> View {
        let work = &self.pending.work[i];
        let Some(input) = &work.inputs[edge] else { unreachable!("edges are counted") };
        let shape = self.pending.nodes[i].whole.shape;
        let mut view = input.view();
        match &work.op {
            Op::Pad { before } => {
                for axis in 0..shape.rank() {
                    view.offset -= before[axis] as isize * view.strides[axis];
                }
                view.shape = shape;
            }
            Op::Gather { axis, .. } if edge == 0 => {
                view.strides[*axis as usize] = 0;
                view.shape = shape;
            }
            _ => {}
        }
        view
    }

    /// Whether the edge is read over the whole space, even if the reader's value is one per row.
    pub fn reads_elements(&self, i: usize) -> bool {
        !self.per_row[i] || matches!(self.pending.work[i].op, Op::Reduce { .. })
    }

    /// Whether a node must be in memory after its kernel.
    pub fn is_stored(&self, i: usize) -> bool {
        let opaque =
            |r: usize| (0..self.edges(r)).any(|e| self.slot(r, e) == i && is_opaque(&self.pending.work[r].op, e));
        let inline = self.is_inline(i);
        self.pending.alive[i]
            || self.readers[i].iter().any(|&r| opaque(r) || self.of[r] != self.of[i] && !inline)
            || inline && self.of[i] != usize::MAX
    }

    fn try_merge(&mut self, producer: usize, reader: usize) -> bool {
        let (p, r) = (self.of[producer], self.of[reader]);
        if p == r {
            return false;
        }
        let (Some(a), Some(b)) = (self.groups[p].clone(), self.groups[r].clone()) else {
            unreachable!("nodes point at live groups")
        };
        // (the merged group's frame, then the level to which the members of either side move)
        let candidates: &[(&Group, Option<bool>, Option<bool>)] = match (a.kind, b.kind) {
            (Kind::Point, Kind::Point) => &[(&a, None, Some(false)), (&b, Some(false), None)],
            (Kind::Point, Kind::Row) => &[(&b, Some(false), None), (&b, Some(true), None)],
            (Kind::Row, Kind::Point) => &[(&a, None, Some(false)), (&a, None, Some(true))],
            (Kind::Row, Kind::Row) if a.space == b.space && a.axes == b.axes => &[(&a, None, None)],
            (Kind::Structured(op), Kind::Point) if op.has_epilogue() => &[(&a, None, Some(false))],
            (Kind::Point, Kind::Structured(op)) if op.has_epilogue() => &[(&b, Some(false), None)],
            _ => &[],
        };
        for &(frame, level_a, level_b) in candidates {
            let mut merged = Group { members: [a.members.as_slice(), b.members.as_slice()].concat(), ..frame.clone() };
            merged.members.sort_unstable();
            let before: Vec<bool> = merged.members.iter().map(|&m| self.per_row[m]).collect();
            for (members, level) in [(&a.members, level_a), (&b.members, level_b)] {
                if let Some(level) = level {
                    members.iter().for_each(|&m| self.per_row[m] = level);
                }
            }
            if self.is_valid(&merged, p, r) && !self.is_cyclic(&a, &b, p, r) {
                if matches!(merged.kind, Kind::Structured(_)) && merged.members.len() - 1 > self.caps.max_epilogue {
                    let is_structured = |&&m: &&usize| matches!(self.pending.work[m].op, Op::Structured(_));
                    self.overfull.extend(merged.members.iter().find(is_structured));
                    return false;
                }
                for &m in &merged.members {
                    self.of[m] = p;
                }
                self.groups[r] = None;
                self.groups[p] = Some(merged);
                return true;
            }
            for (&m, level) in merged.members.iter().zip(before) {
                self.per_row[m] = level;
            }
        }
        false
    }

    /// Whether one kernel can compute the members of a group.
    fn is_valid(&self, group: &Group, p: usize, r: usize) -> bool {
        let inside = |i: usize| self.of[i] == p || self.of[i] == r;
        let mut bindings = FastSet::default();
        let mut stored = 0;
        // The part of a buffer that a row takes may be more than a kernel can see.
        let reduced = |strides: &Strides| {
            let axes = (0..group.space.rank()).filter(|axis| group.axes >> axis & 1 == 1);
            axes.map(|axis| (group.space[axis].max(1) - 1) * strides[axis].unsigned_abs()).sum::<usize>()
        };
        let mut long = group.kind == Kind::Row && group.inner() > self.caps.max_row;
        let mut reductions = 0;
        let mut code = 0;
        let mut status = 0;
        let mut follows_reduction = false;
        let mut stores_elements = false;
        for &m in &group.members {
            let op = &self.pending.work[m].op;
            if self.pending.nodes[m].whole.shape.numel() != group.frame(self.per_row[m]).numel() {
                return false;
            }
            code += if matches!(op, Op::Pad { .. }) { 2 + 4 * group.space.rank() } else { 2 };
            reductions += usize::from(matches!(op, Op::Reduce { .. }));
            if op.is_checked() {
                status = self.caps.status_buffers;
            }
            if self.pending.alive[m] || self.readers[m].iter().any(|&reader| !inside(reader)) {
                stored += 1;
                stores_elements |= !self.per_row[m];
                if group.kind == Kind::Row && !self.per_row[m] {
                    long |= !self.caps.sees(reduced(&contiguous_strides(&group.space)), self.pending.nodes[m].dtype);
                }
                // What packs bytes reads them from memory again, so that nothing is won.
                let dtype = self.pending.nodes[m].dtype;
                if matches!(group.kind, Kind::Structured(_))
                    && !self.caps.narrow_rows
                    && dtype.is_narrow()
                    && !dtype.is_float()
                {
                    return false;
                }
            }
            let elements = self.reads_elements(m);
            let frame = group.frame(!elements);
            // The tests whether a position lies in the padding are per axis.
            if matches!(op, Op::Pad { .. }) && frame != self.pending.nodes[m].whole.shape {
                return false;
            }
            for edge in 0..self.edges(m) {
                let view = self.view(m, edge);
                match self.source(m, edge) {
                    Source::Scalar | Source::Uniform(_) => {}
                    Source::Index(view) => {
                        if view.reshape(frame).is_none() {
                            return false;
                        }
                    }
                    Source::Node(i) if inside(i) => {
                        if is_opaque(op, edge) {
                            return false;
                        }
                        let numel = self.pending.nodes[i].whole.shape.numel();
                        match (self.per_row[i], elements) {
                            (true, false) | (false, true) if view.is_identity(numel) => {}
                            (true, true) if is_row_broadcast(&view, group) => follows_reduction = true,
                            _ => return false,
                        }
                    }
                    Source::Node(slot) | Source::Leaf(slot) => {
                        let (dtype, numel) = self.holds(slot);
                        // Of a large buffer each reader may see a window of its own.
                        let apart = !self.caps.sees(numel, dtype);
                        bindings.insert((slot, apart.then_some(view)));
                        if !matches!(op, Op::Structured(_)) {
                            let Some(view) = view.reshape(frame) else { return false };
                            long |= apart && elements && !self.caps.sees(reduced(&view.strides), dtype);
                        }
                    }
                }
            }
        }
        // Parts of long rows leave a value per reduction.
        let parts = if long { reductions } else { 0 };
        bindings.len() + stored + parts + status <= self.caps.max_buffers
            && code <= self.caps.max_code
            && !(long && (follows_reduction || stores_elements))
    }

    /// Whether merging would make a group wait for itself: there is a way from one to the other through a third.
    fn is_cyclic(&self, a: &Group, b: &Group, p: usize, r: usize) -> bool {
        self.reaches(b, r, p) || self.reaches(a, p, r)
    }

    /// Whether `from` depends on group `target` through another group.
    fn reaches(&self, from: &Group, own: usize, target: usize) -> bool {
        let mut seen: FastSet<usize> = FastSet::default();
        let mut stack: Vec<usize> = self.dependencies(from).filter(|&g| g != own && g != target).collect();
        while let Some(g) = stack.pop() {
            if g == target {
                return true;
            }
            if seen.insert(g)
                && let Some(group) = &self.groups[g]
            {
                stack.extend(self.dependencies(group).filter(|&d| d != g));
            }
        }
        false
    }

    /// The groups whose results a group reads, itself perhaps among them.
    pub fn dependencies(&self, group: &Group) -> impl Iterator<Item = usize> {
        group.members.iter().flat_map(move |&m| {
            (0..self.edges(m)).filter_map(move |edge| match self.source(m, edge) {
                Source::Node(i) => Some(self.of[i]),
                _ => None,
            })
        })
    }
}

/// Whether a view of the group's space repeats one value per row along the reduced axes.
fn is_row_broadcast(view: &View, group: &Group) -> bool {
    let Some(view) = view.reshape(group.space) else { return false };
    let rows = group.frame(true);
    let steps: Strides = contiguous_strides(&rows);
    let mut expected = [0; MAX_RANK];
    for axis in 0..rows.rank() {
        if group.axes >> axis & 1 == 0 {
            expected[axis] = steps[axis];
        }
    }
    view.offset == 0 && (0..rows.rank()).all(|axis| group.space[axis] == 1 || view.strides[axis] == expected[axis])
}
