//! Writes a group of nodes as a kernel.

use std::collections::HashMap;

use super::{
    group::{Group, Groups, Kind, Source},
    kernel::{Binding, Body, Code, Fused, Instr, Kernel, Leaf, Output, Structured},
    node::Input,
    pending::Pending,
    plan::ScalarSource,
    space::merge_batches,
};
use crate::{
    DType, Shape,
    layout::{Strides, View, collapse},
    op::{BinaryOp, Iteration, Op, StructuredOp},
    shape::MAX_RANK,
};

/// A kernel and what to bind to it.
#[derive(Clone)]
pub(super) struct Lowered {
    pub kernel: Kernel,
    /// Slots in binding order.
    pub inputs: Vec<usize>,
    pub outputs: Vec<usize>,
    pub scalars: Vec<ScalarSource>,
    /// For each input: whether every leaf reads it at the element that is written, so that an output may take its place.
    pub in_place: Vec<bool>,
}

pub(super) fn lower(groups: &Groups, group: &Group) -> Lowered {
    match group.kind {
        Kind::Point | Kind::Row => Builder::new(groups, group).fused(),
        Kind::Structured(op) => Builder::new(groups, group).structured(op),
    }
}

/// The dtype and size of what a slot holds.
fn binding(pending: &Pending, slot: usize) -> Binding {
    let n = pending.nodes.len();
    let node = if slot < n { &pending.nodes[slot] } else { &pending.leaves[slot - n].node };
    Binding { dtype: node.dtype, numel: node.whole.shape.numel(), alias: None }
}

/// The slot and view of an input that is read from memory.
fn memory(pending: &Pending, m: usize, edge: usize) -> (usize, View) {
    match &pending.work[m].inputs[edge] {
        Some(Input::Node { node, view }) => (pending.slots[m][edge], view.as_ref().map_or(node.whole, |view| **view)),
        _ => unreachable!("a number that is read from memory was made a node when the op was added"),
    }
}

struct Builder<'a> {
    groups: &'a Groups<'a>,
    group: &'a Group,
    /// Axes of the group's space in the kernel's order: kept ones first.
    order: Vec<usize>,
    kept: usize,
    inputs: Vec<usize>,
    leaves: Vec<Leaf>,
    code: Vec<Instr>,
    scalars: Vec<ScalarSource>,
    scalar_dtypes: Vec<DType>,
    /// Value numbering: the same step twice is one step.
    known: HashMap<(Code, [u16; 3], DType, bool), u16>,
    /// The value of each member so far.
    values: HashMap<usize, u16>,
}

impl<'a> Builder<'a> {
    fn new(groups: &'a Groups<'a>, group: &'a Group) -> Self {
        let reduced = |axis: &usize| group.axes >> axis & 1 == 1;
        let rank = group.space.rank();
        let mut order: Vec<usize> = (0..rank).filter(|a| !reduced(a)).collect();
        let kept = order.len();
        order.extend((0..rank).filter(reduced));
        Self {
            groups,
            group,
            order,
            kept,
            inputs: Vec::new(),
            leaves: Vec::new(),
            code: Vec::new(),
            scalars: Vec::new(),
            scalar_dtypes: Vec::new(),
            known: HashMap::new(),
            values: HashMap::new(),
        }
    }

    fn fused(mut self) -> Lowered {
        for &m in &self.group.members {
            let value = self.member(m);
            self.values.insert(m, value);
        }
        let (stored, mut outputs) = self.outputs();
        let mut dims: Vec<usize> = self.order.iter().map(|&a| self.group.space[a]).collect();
        let mut strides: Vec<&mut Strides> = self.leaves.iter_mut().map(|l| &mut l.strides).collect();
        strides.extend(outputs.iter_mut().map(|o| &mut o.strides));
        let kept = collapse(&mut dims, self.kept, &mut strides);
        let in_place = self.in_place(&outputs);
        let fused = Fused {
            dims,
            kept,
            leaves: std::mem::take(&mut self.leaves),
            code: std::mem::take(&mut self.code),
            outputs,
        };
        self.finish(Body::Fused(fused), stored, in_place)
    }

    /// The members that are stored, and where.
    fn outputs(&self) -> (Vec<usize>, Vec<Output>) {
        let stored: Vec<usize> = self.group.members.iter().copied().filter(|&m| self.groups.is_stored(m)).collect();
        let outputs = stored
            .iter()
            .map(|&m| {
                let per_row = self.groups.per_row[m];
                let view = View::contiguous(self.group.frame(per_row));
                Output { value: self.values[&m], strides: self.strides(&view, per_row), offset: 0 }
            })
            .collect();
        (stored, outputs)
    }

    /// For each input, whether all its leaves walk as the first output does. Gathers and conditional loads do not count.
    fn in_place(&self, outputs: &[Output]) -> Vec<bool> {
        let scattered = |leaf: usize| {
            self.code
                .iter()
                .any(|i| matches!(i.code, Code::Gather { leaf: l, .. } | Code::LoadIf(l) if l as usize == leaf))
        };
        (0..self.inputs.len())
            .map(|input| {
                self.group.kind == Kind::Point
                    && self.leaves.iter().enumerate().filter(|(_, l)| l.input == Some(input)).all(|(i, leaf)| {
                        leaf.offset == 0 && outputs.iter().all(|o| o.strides == leaf.strides) && !scattered(i)
                    })
            })
            .collect()
    }

    fn finish(self, body: Body, stored: Vec<usize>, in_place: Vec<bool>) -> Lowered {
        let pending = self.groups.pending;
        let kernel = Kernel {
            name: name(self.groups, self.group),
            body,
            inputs: self.inputs.iter().map(|&slot| binding(pending, slot)).collect(),
            outputs: stored.iter().map(|&slot| binding(pending, slot)).collect(),
            scalars: self.scalar_dtypes,
        };
        Lowered { kernel, inputs: self.inputs, outputs: stored, scalars: self.scalars, in_place }
    }

    fn emit(&mut self, code: Code, args: &[u16], dtype: DType, per_row: bool) -> u16 {
        let mut padded = [0; 3];
        padded[..args.len()].copy_from_slice(args);
        let next = self.code.len() as u16;
        let per_row = per_row && self.group.kind == Kind::Row;
        *self.known.entry((code, padded, dtype, per_row)).or_insert_with(|| {
            self.code.push(Instr { code, args: padded, dtype, per_row });
            next
        })
    }

    fn scalar(&mut self, source: ScalarSource, dtype: DType) -> u16 {
        let at = self.scalars.iter().zip(&self.scalar_dtypes).position(|(s, d)| *s == source && *d == dtype);
        let at = at.unwrap_or_else(|| {
            self.scalars.push(source);
            self.scalar_dtypes.push(dtype);
            self.scalars.len() - 1
        });
        self.emit(Code::Scalar(at as u16), &[], dtype, true)
    }

    /// Strides of a view over the group's frame, in the kernel's order of axes.
    fn strides(&self, view: &View, per_row: bool) -> Strides {
        let frame = self.group.frame(per_row);
        // The fuser merged only what can be expressed, and a node alone has the frame's shape.
        let view = view.reshape(frame).unwrap_or_else(|| unreachable!("view {view:?} over {frame:?}"));
        let mut out = [0; MAX_RANK];
        for (i, &axis) in self.order.iter().enumerate() {
            if frame[axis] != 1 {
                out[i] = view.strides[axis];
            }
        }
        out
    }

    fn leaf(&mut self, input: Option<usize>, dtype: DType, view: &View, per_row: bool, axis: (isize, usize)) -> u16 {
        let strides = self.strides(view, per_row);
        let input = input.map(|slot| self.bind(slot));
        let same = |l: &Leaf| {
            l.input == input && l.dtype == dtype && l.strides == strides && l.offset == view.offset && l.axis == axis
        };
        let at = self.leaves.iter().position(same).unwrap_or_else(|| {
            self.leaves.push(Leaf { input, dtype, strides, offset: view.offset, axis });
            self.leaves.len() - 1
        });
        at as u16
    }

    fn bind(&mut self, slot: usize) -> usize {
        self.inputs.iter().position(|&s| s == slot).unwrap_or_else(|| {
            self.inputs.push(slot);
            self.inputs.len() - 1
        })
    }

    fn dtype(&self, m: usize, edge: usize) -> DType {
        self.groups.pending.work[m].inputs[edge].as_ref().map_or(DType::F32, Input::dtype)
    }

    fn operand(&mut self, m: usize, edge: usize) -> u16 {
        let dtype = self.dtype(m, edge);
        self.scalar(ScalarSource::Operand { slot: m, edge }, dtype)
    }

    fn uniform(&mut self, i: usize) -> u16 {
        let pending = self.groups.pending;
        let args = (0..pending.work[i].inputs.iter().flatten().count()).map(|edge| match self.groups.source(i, edge) {
            Source::Uniform(slot) => self.uniform(slot),
            _ => self.operand(i, edge),
        });
        let args: Vec<u16> = args.collect();
        self.elementwise(i, &args, true)
    }

    fn argument(&mut self, m: usize, edge: usize) -> u16 {
        let per_row = !self.groups.reads_elements(m);
        let view = self.groups.view(m, edge);
        let (slot, dtype) = match self.groups.source(m, edge) {
            Source::Scalar => return self.operand(m, edge),
            Source::Uniform(i) => return self.uniform(i),
            Source::Index(view) => {
                let dtype = self.dtype(m, edge);
                let leaf = self.leaf(None, dtype, &view, per_row, (0, 0));
                return self.emit(Code::Index(leaf), &[], dtype, per_row);
            }
            Source::Node(i) => match self.values.get(&i) {
                Some(&value) => return value,
                None => (i, self.groups.pending.nodes[i].dtype),
            },
            Source::Leaf(slot) => (slot, binding(self.groups.pending, slot).dtype),
        };
        let leaf = self.leaf(Some(slot), dtype, &view, per_row, (0, 0));
        self.emit(Code::Load(leaf), &[], dtype, per_row)
    }

    fn member(&mut self, m: usize) -> u16 {
        let pending = self.groups.pending;
        let (node, op) = (&pending.nodes[m], &pending.work[m].op);
        let per_row = self.groups.per_row[m];
        match op {
            Op::Index(view) => {
                let leaf = self.leaf(None, node.dtype, view, per_row, (0, 0));
                self.emit(Code::Index(leaf), &[], node.dtype, per_row)
            }
            Op::Pad { before } => self.pad(m, before, per_row),
            Op::Gather { axis, check } => {
                let index = self.argument(m, 1);
                let (slot, src) = memory(pending, m, 0);
                let along = (src.strides[*axis as usize], src.shape[*axis as usize]);
                let view = self.groups.view(m, 0);
                let leaf = self.leaf(Some(slot), node.dtype, &view, per_row, along);
                self.emit(Code::Gather { leaf, check: *check }, &[index], node.dtype, per_row)
            }
            Op::ClassId(ids) => {
                let id = self.argument(m, 0);
                self.emit(Code::ClassId(**ids), &[id], node.dtype, per_row)
            }
            Op::Reduce { op, .. } => {
                let value = self.argument(m, 0);
                self.emit(Code::Reduce(*op), &[value], node.dtype, true)
            }
            Op::Random { word, .. } => {
                let counter = self.argument(m, 0);
                // The two halves of the key must be neighbours, so they are not shared with other scalars.
                let seed = self.scalars.len() as u16;
                for high in [false, true] {
                    self.scalars.push(ScalarSource::Seed { slot: m, high });
                    self.scalar_dtypes.push(DType::U32);
                }
                self.emit(Code::Random { seed, word: *word }, &[counter], node.dtype, per_row)
            }
            _ => {
                let edges = pending.work[m].inputs.iter().flatten().count();
                let args: Vec<u16> = (0..edges).map(|edge| self.argument(m, edge)).collect();
                self.elementwise(m, &args, per_row)
            }
        }
    }

    fn elementwise(&mut self, m: usize, args: &[u16], per_row: bool) -> u16 {
        let dtype = self.groups.pending.nodes[m].dtype;
        match &self.groups.pending.work[m].op {
            Op::Unary(op) => self.emit(Code::Unary(*op), args, dtype, per_row),
            Op::Binary(op) => self.emit(Code::Binary(*op), args, dtype, per_row),
            Op::Where => self.emit(Code::Where, args, dtype, per_row),
            // A copy has the value of its input, unless it repeats a row's value for every element.
            Op::Copy if self.code[args[0] as usize].per_row == (per_row && self.group.kind == Kind::Row) => args[0],
            Op::Copy | Op::Cast => self.emit(Code::Cast, args, dtype, per_row),
            op => unreachable!("{} is not elementwise", op.name()),
        }
    }

    fn pad(&mut self, m: usize, before: &Shape, per_row: bool) -> u16 {
        let pending = self.groups.pending;
        let node = &pending.nodes[m];
        let (slot, src) = memory(pending, m, 0);
        let index_dtype =
            if node.whole.shape.iter().all(|&n| n <= i32::MAX as usize) { DType::I32 } else { DType::I64 };
        let mut inside: Option<u16> = None;
        for axis in 0..node.whole.shape.rank() {
            let size = src.shape[axis];
            if size == node.whole.shape[axis] {
                continue;
            }
            let mut view = View { shape: node.whole.shape, strides: [0; MAX_RANK], offset: -(before[axis] as isize) };
            view.strides[axis] = 1;
            let leaf = self.leaf(None, index_dtype, &view, per_row, (0, 0));
            let at = self.emit(Code::Index(leaf), &[], index_dtype, per_row);
            for (bound, op) in [(0, BinaryOp::Ge), (size, BinaryOp::Lt)] {
                let bound = self.scalar(ScalarSource::Fixed(bound as i64), index_dtype);
                let test = self.emit(Code::Binary(op), &[at, bound], DType::Bool, per_row);
                inside = Some(match inside {
                    Some(so_far) => self.emit(Code::Binary(BinaryOp::And), &[so_far, test], DType::Bool, per_row),
                    None => test,
                });
            }
        }
        let view = self.groups.view(m, 0);
        let leaf = self.leaf(Some(slot), node.dtype, &view, per_row, (0, 0));
        match inside {
            Some(inside) => self.emit(Code::LoadIf(leaf), &[inside], node.dtype, per_row),
            None => self.emit(Code::Load(leaf), &[], node.dtype, per_row),
        }
    }

    fn structured(mut self, op: StructuredOp) -> Lowered {
        let pending = self.groups.pending;
        let is_op = |m: &&usize| matches!(pending.work[**m].op, Op::Structured(_));
        let Some(&at) = self.group.members.iter().find(is_op) else { unreachable!("the group has its op") };
        let node = &pending.nodes[at];
        let edges = pending.work[at].inputs.iter().flatten().count();
        let views: Vec<(usize, View)> = (0..edges).map(|edge| memory(pending, at, edge)).collect();
        let operands: Vec<(usize, View)> = views.iter().map(|(slot, view)| (self.bind(*slot), *view)).collect();
        let shapes: Vec<Shape> = views.iter().map(|(_, view)| view.shape).collect();
        let Iteration { axes, result, .. } = op.iteration(&shapes, &node.whole.shape);

        // The program runs over the axes of the result in the op's order.
        self.order = vec![0; result.len()];
        result.iter().enumerate().for_each(|(dim, &axis)| self.order[axis] = dim);
        let acc = self.emit(Code::Acc, &[], node.dtype, false);
        self.values.insert(at, acc);
        for &member in self.group.members.iter().filter(|&&member| member != at) {
            let value = self.member(member);
            self.values.insert(member, value);
        }
        let (stored, outputs) = self.outputs();
        let dims: Vec<usize> = axes[..result.len()].iter().map(|axis| axis.size).collect();
        let kept = dims.len();
        let (leaves, code) = (std::mem::take(&mut self.leaves), std::mem::take(&mut self.code));
        let epilogue = Fused { dims, kept, leaves, code, outputs };
        let mut structured = Structured::new(op, &operands, &node.whole.shape, node.dtype, epilogue);
        merge_batches(&mut structured);
        let in_place = vec![false; self.inputs.len()];
        self.finish(Body::Structured(structured), stored, in_place)
    }
}

/// The ops of a group, for people.
fn name(groups: &Groups, group: &Group) -> String {
    let mut names: Vec<&str> = Vec::new();
    for &m in &group.members {
        let name = groups.pending.work[m].op.name();
        if names.last() != Some(&name) {
            names.push(name);
        }
    }
    if names.len() > 8 {
        let more = names.len() - 7;
        names.truncate(7);
        return format!("{}+{more} more", names.join("+"));
    }
    names.join("+")
}
