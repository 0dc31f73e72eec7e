//! Chooses the steps of a plan, value by value.

use super::{
    Kind, Plan, Stage, Step, links,
    registers::{Place, Registers},
    step,
};
use crate::{
    DType,
    cpu::{
        convert::{held_size, is_held},
        order::{Extent, Order, choose_order, classify},
        reduce::sums_products,
        traversal::Traversal,
    },
    graph::kernel::{Binding, Code, Fused, Instr},
    layout::{Strides, contiguous_strides},
    op::{BinaryOp, Class, ReduceOp, UnaryOp},
};

struct Builder<'a> {
    fused: &'a Fused,
    plan: Plan,
    classes: Vec<Extent>,
    registers: Registers,
    /// Registers of values that are one or one per row.
    held: Vec<Option<u16>>,
    spread_one: Vec<Option<u16>>,
    /// Registers of this stage: per element, and values per row repeated for its elements.
    elems: Vec<Option<u16>>,
    spread_row: Vec<Option<u16>>,
    /// The traversal of the output that a value is computed straight into.
    placed: Vec<Option<u16>>,
    acc: Option<(usize, DType)>,
    copied: Vec<bool>,
    /// Products that are only summed: the sum multiplies.
    summed: Vec<bool>,
}

/// Compiles a program. `acc` is the buffer, and how it is stored, that `Code::Acc` reads.
pub(in crate::cpu) fn plan(
    fused: &Fused,
    bindings: &[Binding],
    outputs: &[Binding],
    acc: Option<(usize, DType)>,
) -> Plan {
    let n = fused.code.len();
    let reduces = fused.code.iter().any(|i| matches!(i.code, Code::Reduce(_)));
    let kept = if reduces { fused.kept } else { fused.dims.len() };
    let classes = classify(fused, kept, reduces);
    let order = choose_order(fused, kept, reduces, &classes);
    // An aliased input must have been read before the output is written, also where it is stored as it is.
    let mut copied = vec![false; n];
    for output in &fused.outputs {
        let input = match fused.code[output.value as usize].code {
            Code::Load(leaf) => fused.leaves[leaf as usize].input,
            Code::Acc => acc.map(|a| a.0),
            _ => None,
        };
        copied[output.value as usize] = input.is_some_and(|i| outputs.iter().any(|o| o.alias == Some(i)));
    }
    let mut builder = Builder {
        fused,
        plan: Plan {
            order,
            traversals: Vec::new(),
            links: Vec::new(),
            prologue: Vec::new(),
            stages: Vec::new(),
            registers: Vec::new(),
            row_bytes: 0..0,
            scratch: 0,
            numel: fused.dims.iter().product(),
            cost: 0,
        },
        classes,
        registers: Registers::default(),
        held: vec![None; n],
        spread_one: vec![None; n],
        elems: vec![None; n],
        spread_row: vec![None; n],
        placed: vec![None; n],
        acc,
        copied,
        summed: vec![false; n],
    };
    builder.find_sums();
    builder.build(kept, reduces, bindings.len(), outputs);
    builder.plan
}

/// What one step costs per element, in additions.
fn weight(code: Code) -> usize {
    match code {
        Code::Unary(op) if op.info().class == Class::Float => 10,
        Code::Binary(BinaryOp::Pow | BinaryOp::Atan2 | BinaryOp::FloorDiv | BinaryOp::Rem) => 30,
        // Arithmetic is exact, and what is not takes an exponential.
        Code::Binary(op) if op.info().accuracy.f32 > 0 => 10,
        Code::LoadIf(_) | Code::Gather { .. } | Code::Index(_) => 8,
        Code::Random { .. } => 40,
        _ => 1,
    }
}

impl Builder<'_> {
    fn build(&mut self, kept: usize, reduces: bool, inputs: usize, outputs: &[Binding]) {
        let fused = self.fused;
        let n = fused.code.len();
        let staged = reduces && !matches!(self.plan.order, Order::Rows { .. });
        // The stage in which a value is first known.
        let levels = if staged { fused.levels() } else { vec![0; n] };
        let stages = levels.iter().max().copied().unwrap_or(0) + 1;
        self.plan.stages.resize_with(stages, Stage::default);

        // Outputs: the traversal, and whether there is one value per element.
        let mut stores = Vec::with_capacity(outputs.len());
        for (o, (output, binding)) in fused.outputs.iter().zip(outputs).enumerate() {
            let v = output.value as usize;
            let per_elem = !reduces || output.strides[kept..fused.dims.len()].iter().any(|&s| s != 0);
            let extent = if per_elem { Extent::Elems } else { Extent::Rows };
            let traversal = self.traversal(inputs + o, binding.dtype, output.offset, &output.strides, extent, kept);
            let computed = !matches!(fused.code[v].code, Code::Load(_) | Code::Acc);
            let free = binding.alias.is_none() && is_held(binding.dtype) && self.placed[v].is_none();
            if computed && free && extent == Extent::Elems && self.classes[v] == Extent::Elems {
                self.placed[v] = Some(traversal);
            }
            stores.push((v, extent, traversal));
        }

        let mut prologue = Vec::new();
        for (v, instr) in fused.code.iter().enumerate() {
            match self.classes[v] {
                Extent::One => self.emit(v, Extent::One, &mut prologue, kept),
                Extent::Rows => self.held[v] = Some(self.register(Place::Rows, held_size(instr.dtype.compute()))),
                Extent::Elems => {}
            }
        }
        self.plan.prologue.append(&mut prologue);
        for s in 0..stages {
            self.elems.fill(None);
            self.spread_row.fill(None);
            let mut rows = Vec::new();
            let mut body = Vec::new();
            let needed = self.needed(s, staged, &levels, &stores);
            for v in 0..n {
                match self.classes[v] {
                    Extent::Rows if staged && levels[v] == s => self.emit(v, Extent::Rows, &mut rows, kept),
                    Extent::Rows if !staged => self.emit(v, Extent::Rows, &mut body, kept),
                    Extent::Elems if needed[v] && !self.summed[v] => self.emit(v, Extent::Elems, &mut body, kept),
                    _ => {}
                }
            }
            for (v, instr) in fused.code.iter().enumerate() {
                let Code::Reduce(op) = instr.code else { continue };
                if staged && levels[v] == s + 1 {
                    let (arg, _) = self.operand(instr.args[0], Extent::Elems, false, &mut body);
                    let compute = instr.dtype.compute();
                    let dst = self.held_register(v);
                    self.plan.stages[s].accumulators.push((dst, op, compute));
                    body.push(step(Kind::Accumulate(op, compute), Extent::Rows, dst, [arg, 0, 0]));
                }
            }
            for &(v, extent, traversal) in stores.iter().filter(|(v, ..)| levels[*v] == s) {
                let list = if extent == Extent::Rows && staged { &mut rows } else { &mut body };
                let (src, _) = self.operand(v as u16, extent, false, list);
                list.push(step(Kind::Store { traversal }, extent, src, [0; 3]));
            }
            let body = links::join(body, &self.registers, &mut self.plan.links);
            (self.plan.stages[s].rows, self.plan.stages[s].body) = (rows, body);
        }
        self.registers.allocate(&mut self.plan);
    }

    /// Finds the products that need not be stored.
    fn find_sums(&mut self) {
        let code = &self.fused.code;
        if !matches!(self.plan.order, Order::Rows { inner, per_tile: 1, .. } if sums_products(inner)) {
            return;
        }
        let uses = self.fused.uses();
        for instr in code.iter().filter(|i| matches!(i.code, Code::Reduce(ReduceOp::Sum))) {
            let at = instr.args[0] as usize;
            let product = &code[at];
            let of_elems = product.reads().iter().all(|&a| self.classes[a as usize] == Extent::Elems);
            self.summed[at] = matches!(product.code, Code::Unary(UnaryOp::Square) | Code::Binary(BinaryOp::Mul))
                && matches!(product.dtype, DType::F32 | DType::F64)
                && (instr.dtype, uses[at], of_elems) == (product.dtype, 1, true);
        }
    }

    /// Values per element that a stage computes.
    fn needed(&self, s: usize, staged: bool, levels: &[usize], stores: &[(usize, Extent, u16)]) -> Vec<bool> {
        let code = &self.fused.code;
        let mut needed = vec![!staged; code.len()];
        if staged {
            for (v, instr) in code.iter().enumerate() {
                if matches!(instr.code, Code::Reduce(_)) && levels[v] == s + 1 {
                    needed[instr.args[0] as usize] = true;
                }
            }
            stores.iter().filter(|(v, ..)| levels[*v] == s).for_each(|&(v, ..)| needed[v] = true);
            self.fused.mark_needed(&mut needed, |v, _| self.classes[v] == Extent::Elems);
        }
        needed
    }

    fn register(&mut self, place: Place, size: usize) -> u16 {
        let (elems, rows) = self.plan.order.capacity();
        let count = match place {
            Place::One => 1,
            Place::Rows => rows,
            Place::Kept | Place::Temporary => elems.max(rows),
        };
        self.registers.add(place, count * size)
    }

    fn held_register(&self, v: usize) -> u16 {
        self.held[v].unwrap_or_default()
    }

    fn traversal(
        &mut self,
        buffer: usize,
        dtype: DType,
        offset: isize,
        strides: &Strides,
        extent: Extent,
        kept: usize,
    ) -> u16 {
        let dims = &self.fused.dims;
        let traversal = match (&self.plan.order, extent) {
            (_, Extent::One) => Traversal::new(buffer, dtype, offset, &[], &[]),
            (Order::Columns { width, .. }, _) => {
                let inner = if extent == Extent::Elems { kept..dims.len() } else { kept..kept };
                let mut steps = strides[inner.clone()].to_vec();
                let mut sizes = dims[inner].to_vec();
                sizes.push(*width);
                steps.push(strides[kept - 1]);
                let mut traversal = Traversal::new(buffer, dtype, offset, &sizes, &steps);
                traversal.outer[..kept].copy_from_slice(&strides[..kept]);
                traversal
            }
            (Order::Blocks { axis, .. }, _) => {
                let last = dims.len() - 1;
                Traversal::blocks(buffer, dtype, offset, *strides, strides[*axis], strides[last])
            }
            (_, Extent::Rows) => Traversal::new(buffer, dtype, offset, &dims[..kept], &strides[..kept]),
            (_, Extent::Elems) => Traversal::new(buffer, dtype, offset, dims, &strides[..dims.len()]),
        };
        self.plan.traversals.push(traversal);
        (self.plan.traversals.len() - 1) as u16
    }

    /// The register that holds a value, repeated as far as `extent` asks. `true`: it is a single value.
    fn operand(&mut self, v: u16, extent: Extent, single: bool, list: &mut Vec<Step>) -> (u16, bool) {
        let v = v as usize;
        let held = self.fused.code[v].dtype.compute();
        let class = self.classes[v];
        if class == extent {
            let register = if class == Extent::Elems { self.elems[v] } else { self.held[v] };
            return (register.unwrap_or_default(), false);
        }
        let source = self.held_register(v);
        if class == Extent::One {
            if single {
                return (source, true);
            }
            if let Some(register) = self.spread_one[v] {
                return (register, false);
            }
            let register = self.register(Place::Kept, held_size(held));
            let kind = Kind::Spread { held, from_one: true };
            self.plan.prologue.push(step(kind, Extent::Elems, register, [source, 0, 0]));
            self.spread_one[v] = Some(register);
            return (register, false);
        }
        let one_row = match self.plan.order {
            Order::Rows { per_tile, .. } => per_tile == 1,
            Order::Chunks { .. } => true,
            Order::Columns { per_tile: 1, .. } => return (source, false),
            Order::Columns { .. } | Order::Blocks { .. } => false,
        };
        if one_row && single {
            return (source, true);
        }
        if let Some(register) = self.spread_row[v] {
            return (register, false);
        }
        let register = self.register(Place::Temporary, held_size(held));
        list.push(step(Kind::Spread { held, from_one: false }, Extent::Elems, register, [source, 0, 0]));
        self.spread_row[v] = Some(register);
        (register, false)
    }

    /// Adds the steps that compute a value.
    fn emit(&mut self, v: usize, extent: Extent, list: &mut Vec<Step>, kept: usize) {
        let Instr { code, args, dtype, .. } = self.fused.code[v];
        let compute = dtype.compute();
        let staged = matches!(self.plan.order, Order::Chunks { .. } | Order::Columns { .. });
        if extent == Extent::Elems {
            self.plan.cost += weight(code);
        }
        let (kind, mut regs, mut single) = match code {
            Code::Acc => {
                let (buffer, stored) = self.acc.unwrap_or((0, dtype));
                let strides = contiguous_strides(&self.fused.dims);
                let traversal = self.traversal(buffer, stored, 0, &strides, extent, kept);
                let direct = !self.copied[v] && !dtype.is_narrow();
                (Kind::Load { traversal, direct, periodic: false }, [0; 3], [false; 2])
            }
            Code::Load(leaf) => (self.load(leaf, v, extent, kept), [0; 3], [false; 2]),
            Code::LoadIf(leaf) => {
                let traversal = self.leaf_walk(leaf, extent, kept);
                (Kind::LoadIf { traversal }, [0; 3], [false; 2])
            }
            Code::Gather { leaf, check } => {
                let index = self.fused.code[args[0] as usize].dtype.compute();
                let traversal = self.leaf_walk(leaf, extent, kept);
                (
                    Kind::Gather { traversal, axis: self.fused.leaves[leaf as usize].axis, index, check },
                    [0; 3],
                    [false; 2],
                )
            }
            Code::ClassId(ids) => {
                let from = self.fused.code[args[0] as usize].dtype.compute();
                (Kind::ClassId { ids, from, wide: dtype == DType::I64 }, [0; 3], [false; 2])
            }
            Code::Index(leaf) => {
                let traversal = self.leaf_walk(leaf, extent, kept);
                (Kind::Index { traversal, wide: dtype == DType::I64 }, [0; 3], [false; 2])
            }
            Code::Scalar(index) => (Kind::Scalar { index, dtype }, [0; 3], [false; 2]),
            Code::Random { seed, word } => (Kind::Random { seed, word }, [0; 3], [false; 2]),
            Code::Unary(op) => (Kind::Unary(op, compute), [0; 3], [false; 2]),
            Code::Binary(op) => {
                let of = self.fused.code[args[0] as usize].dtype.compute();
                let kind = if op.info().class == Class::Compare { Kind::Compare(op, of) } else { Kind::Binary(op, of) };
                (kind, [0; 3], [true; 2])
            }
            Code::Where => (Kind::Choose(compute), [0; 3], [false; 2]),
            Code::Cast => (Kind::Cast(self.fused.code[args[0] as usize].dtype.compute(), compute), [0; 3], [false; 2]),
            Code::Reduce(_) if self.summed[args[0] as usize] => {
                (Kind::Products(dtype == DType::F64), [0; 3], [false; 2])
            }
            Code::Reduce(op) => (Kind::Reduce(op, compute), [0; 3], [false; 2]),
        };
        let reduce = matches!(code, Code::Reduce(_));
        let args = match kind {
            Kind::Products(_) => {
                let product = &self.fused.code[args[0] as usize];
                if product.code.arity() == 1 { [product.args[0]; 3] } else { product.args }
            }
            _ => args,
        };
        let arity = if matches!(kind, Kind::Products(_)) { 2 } else { code.arity() };
        // A finished accumulator is already in its register.
        if !(reduce && staged) {
            for (i, &arg) in args[..arity].iter().enumerate() {
                let of = if reduce { Extent::Elems } else { extent };
                let (register, is_single) = self.operand(arg, of, i < 2 && single[i], list);
                regs[i] = register;
                if i < 2 {
                    single[i] = is_single;
                }
            }
        }
        let dst = match (extent, kind) {
            (Extent::Rows, _) => self.held_register(v),
            (Extent::One, _) => self.register(Place::One, 8),
            (_, Kind::Load { periodic: true, .. }) => self.register(Place::Kept, held_size(compute)),
            _ => self.register(Place::Temporary, held_size(compute)),
        };
        let known = if extent == Extent::Elems { &mut self.elems } else { &mut self.held };
        known[v] = Some(dst);
        if !(reduce && staged) {
            if let (Some(traversal), Extent::Elems) = (self.placed[v], extent) {
                list.push(step(Kind::Place { traversal }, extent, dst, [0; 3]));
            }
            list.push(Step { single, ..step(kind, extent, dst, regs) });
        }
        let rounds = match code {
            Code::Binary(op) => op.info().class != Class::Compare,
            Code::Unary(_) | Code::Cast | Code::Acc | Code::Reduce(_) => true,
            _ => false,
        };
        if rounds && !is_held(dtype) {
            list.push(step(Kind::Wrap(dtype), extent, dst, [0; 3]));
        }
    }

    fn leaf_walk(&mut self, leaf: u16, extent: Extent, kept: usize) -> u16 {
        let leaf = self.fused.leaves[leaf as usize];
        self.traversal(leaf.input.unwrap_or(usize::MAX), leaf.dtype, leaf.offset, &leaf.strides, extent, kept)
    }

    fn load(&mut self, leaf: u16, v: usize, extent: Extent, kept: usize) -> Kind {
        let traversal = self.leaf_walk(leaf, extent, kept);
        let (tile, _) = self.plan.order.capacity();
        let rows = matches!(self.plan.order, Order::Rows { .. });
        let place = &self.plan.traversals[traversal as usize];
        let direct = extent == Extent::Elems && is_held(place.dtype) && !self.copied[v];
        let periodic = extent == Extent::Elems && rows && place.period().is_some_and(|p| p <= tile);
        Kind::Load { traversal, direct: direct && !periodic, periodic }
    }
}
