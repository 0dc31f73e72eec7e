//! Runs the steps of a plan on one tile.

use std::slice::{from_raw_parts, from_raw_parts_mut};

use super::{
    chain::{self, Bound, LinkOp, MAX_LINKS},
    convert::{self, for_bits, for_compute, for_index},
    fault::Fault,
    index::{self, Places},
    loops,
    moves::{self, Area},
    order::Extent,
    plan::{Kind, Plan, Step},
    reduce,
    traversal::Traversal,
};
use crate::{
    DType, MAX_RANK, Scalar,
    dtype::Compute,
    op::{BinaryOp, UnaryOp},
};

/// The registers of one task, and where its tile lies.
pub(super) struct Tile<'a> {
    pub plan: &'a Plan,
    /// Addresses of the buffers: inputs, then outputs.
    pub buffers: &'a [*mut u8],
    pub scalars: &'a [Scalar],
    /// Told of indices out of range.
    pub fault: &'a Fault,
    /// Where each register is at the moment: in the scratch memory, or right in a buffer.
    pub registers: &'a mut [*mut u8],
    pub scratch: *mut u8,
    /// What periodic loads have loaded, by traversal: start within the period, plus 1, and count.
    pub loaded: &'a mut [(usize, usize)],
    /// Where the task starts along the kept axes, for [`Order::Columns`](super::order::Order::Columns).
    pub corner: [isize; MAX_RANK],
    /// The first element and the number of elements.
    pub start: usize,
    pub len: usize,
    pub row_start: usize,
    pub rows: usize,
    /// For each row of the tile, its elements lie `rows` apart rather than side by side.
    pub columns: bool,
    /// Height and width, where tiles are blocks of two axes.
    pub block: Option<(usize, usize)>,
}

impl Tile<'_> {
    /// # Safety
    /// The buffers are as large as the kernel says, nobody else writes to the outputs' part that this tile covers,
    /// and the scratch memory is as large as the plan asks.
    pub unsafe fn run(&mut self, steps: &[Step]) {
        for step in steps {
            // SAFETY: the plan gives every register room for its extent; the rest is the caller's contract.
            unsafe { self.step(step) }
        }
    }

    #[inline]
    fn count(&self, extent: Extent) -> usize {
        match extent {
            Extent::One => 1,
            Extent::Rows => self.rows,
            Extent::Elems => self.len,
        }
    }

    #[inline]
    fn start(&self, extent: Extent) -> usize {
        match extent {
            Extent::One => 0,
            Extent::Rows => self.row_start,
            Extent::Elems => self.start,
        }
    }

    /// The address of the traversal's place 0 for this task.
    #[inline]
    fn base(&self, traversal: &Traversal) -> *mut u8 {
        let place = self.corner_place(traversal);
        self.buffers[traversal.buffer].wrapping_offset(place * traversal.dtype.size() as isize)
    }

    #[inline]
    fn corner_place(&self, traversal: &Traversal) -> isize {
        if self.columns || self.block.is_some() {
            self.corner.iter().zip(&traversal.outer).map(|(c, s)| c * s).sum()
        } else {
            0
        }
    }

    /// # Safety
    /// The register must hold `count` values of type `T`, and nothing may write to it meanwhile.
    #[inline]
    unsafe fn read<T>(&self, register: u16, count: usize) -> &'static [T] {
        // SAFETY: the caller knows type and length of the register.
        unsafe { from_raw_parts(self.registers[register as usize].cast(), count) }
    }

    /// # Safety
    /// The register must have room for `count` values of type `T`, and nothing else may use it meanwhile.
    #[inline]
    unsafe fn write<T>(&self, register: u16, count: usize) -> &'static mut [T] {
        // SAFETY: the caller knows type and length of the register, which is none of the operands.
        unsafe { from_raw_parts_mut(self.registers[register as usize].cast(), count) }
    }

    /// # Safety
    /// As [`run`](Self::run); the step must be one of this plan, and those before it must have run.
    unsafe fn step(&mut self, s: &Step) {
        let n = self.count(s.extent);
        let start = self.start(s.extent);
        let plan = self.plan;
        let [a, b, c] = s.args;
        let lens = [if s.single[0] { 1 } else { n }, if s.single[1] { 1 } else { n }];
        // SAFETY: registers have the types and lengths that the plan gave them, see `run`.
        unsafe {
            match s.kind {
                Kind::Load { traversal, direct, periodic } => {
                    let place = &plan.traversals[traversal as usize];
                    if direct && let Some(at) = place.side_by_side(self.block, start, n) {
                        self.registers[s.dst as usize] =
                            self.base(place).wrapping_offset(at * place.dtype.size() as isize);
                        return;
                    }
                    if periodic && let Some(period) = place.period() {
                        let (phase, count) = &mut self.loaded[traversal as usize];
                        if *phase == start % period + 1 && *count >= n {
                            return;
                        }
                        (*phase, *count) = (start % period + 1, n);
                    }
                    if direct {
                        self.reset(s.dst);
                    }
                    let base = self.base(place);
                    moves::load(self.registers[s.dst as usize], base, self.area(place, s.extent));
                }
                Kind::LoadIf { traversal } => {
                    let place = &plan.traversals[traversal as usize];
                    let base = self.base(place);
                    let area = self.area(place, s.extent);
                    moves::load_if(self.registers[s.dst as usize], base, area, self.read(a, n));
                }
                Kind::Gather { traversal, axis: (stride, size), index, check } => {
                    let place = &plan.traversals[traversal as usize];
                    let places = Places { index, size, check, fault: self.fault };
                    let (dst, index) = (self.registers[s.dst as usize], self.registers[a as usize]);
                    moves::gather(dst, self.base(place), self.area(place, s.extent), stride, index, &places);
                }
                Kind::ClassId { ids, from, wide } => for_index!(from, I => {
                    let src = self.read::<I>(a, n);
                    match wide {
                        true => index::class_ids(self.write::<i64>(s.dst, n), src, &ids, self.fault),
                        false => index::class_ids(self.write::<i32>(s.dst, n), src, &ids, self.fault),
                    }
                }),
                Kind::Index { traversal, wide } => {
                    let place = &plan.traversals[traversal as usize];
                    let corner = self.corner_place(place);
                    if wide {
                        let dst = self.write::<i64>(s.dst, n);
                        place.runs(self.block, start, n, |at, count, from, by| {
                            let values = dst[at..at + count].iter_mut().enumerate();
                            values.for_each(|(i, d)| *d = (corner + from + i as isize * by) as i64);
                        });
                    } else {
                        let dst = self.write::<i32>(s.dst, n);
                        place.runs(self.block, start, n, |at, count, from, by| {
                            let values = dst[at..at + count].iter_mut().enumerate();
                            values.for_each(|(i, d)| *d = (corner + from + i as isize * by) as i32);
                        });
                    }
                }
                Kind::Scalar { index, dtype } => {
                    set_scalar(self.registers[s.dst as usize], self.scalars[index as usize], dtype)
                }
                Kind::Random { seed, word } => {
                    let key = [0, 1].map(|i| self.scalars[seed as usize + i].to_u64() as u32);
                    loops::philox(self.write(s.dst, n), self.read(a, n), key, word);
                }
                Kind::Unary(op, compute) => self.unary(op, compute, s.dst, a, n),
                Kind::Binary(op, compute) => self.binary(op, compute, s.dst, [a, b], lens, n),
                Kind::Compare(op, compute) => for_compute!(compute, C => {
                    loops::compare::<C>(op, self.write(s.dst, n), self.read(a, lens[0]), self.read(b, lens[1]));
                }),
                Kind::Choose(compute) => for_bits!(compute, B => {
                    loops::choose::<B>(self.write(s.dst, n), self.read(a, n), self.read(b, n), self.read(c, n));
                }),
                Kind::Chain { first, count } => {
                    let links = &plan.links[first as usize..(first + count) as usize];
                    let mut bound = [Bound { op: LinkOp::Neg, operand: std::ptr::null(), single: true }; MAX_LINKS];
                    for (bound, link) in bound.iter_mut().zip(links) {
                        bound.op = link.op;
                        if let Some((register, single)) = link.operand {
                            (bound.operand, bound.single) = (self.registers[register as usize].cast(), single);
                        }
                    }
                    let src = self.registers[a as usize].cast();
                    chain::run(self.registers[s.dst as usize].cast(), src, n, &bound[..links.len()]);
                }
                Kind::Cast(from, to) => for_compute!(from, C => {
                    convert::cast::<C>(to, self.registers[s.dst as usize], self.read(a, n));
                }),
                Kind::Wrap(dtype) => convert::wrap(dtype, self.registers[s.dst as usize], n),
                Kind::Spread { held, from_one } => for_bits!(held, B => {
                    let dst = self.write::<B>(s.dst, n);
                    if from_one {
                        dst.fill(self.read(a, 1)[0]);
                    } else if self.columns {
                        dst.chunks_exact_mut(self.rows).for_each(|row| row.copy_from_slice(self.read(a, self.rows)));
                    } else {
                        // The plan leaves room behind the register.
                        loops::repeat(dst.as_mut_ptr(), n / self.rows, self.read::<B>(a, self.rows));
                    }
                }),
                Kind::Reduce(op, compute) => {
                    let (op, compute) = reduce::resolved(op, compute);
                    for_compute!(compute, C => reduce::rows::<C>(op, self.write(s.dst, n), self.read(a, self.len)));
                }
                Kind::Products(wide) => {
                    let len = self.len;
                    if wide {
                        self.write(s.dst, n)[0] = reduce::products::<f64>(self.read(a, len), self.read(b, len));
                    } else {
                        self.write(s.dst, n)[0] = reduce::products::<f32>(self.read(a, len), self.read(b, len));
                    }
                }
                Kind::Accumulate(op, compute) => {
                    let (op, compute) = reduce::resolved(op, compute);
                    for_compute!(compute, C => {
                        let values = self.read::<C>(a, self.len);
                        let acc = self.write::<C>(s.dst, n);
                        if self.columns {
                            reduce::onto(op, acc, values);
                        } else {
                            acc[0] = reduce::parts(op, acc[0], values);
                        }
                    });
                }
                Kind::Place { traversal } => {
                    let place = &plan.traversals[traversal as usize];
                    match place.side_by_side(self.block, start, n) {
                        Some(at) => {
                            self.registers[s.dst as usize] =
                                self.base(place).wrapping_offset(at * place.dtype.size() as isize);
                        }
                        None => self.reset(s.dst),
                    }
                }
                Kind::Store { traversal } => {
                    let place = &plan.traversals[traversal as usize];
                    let base = self.base(place);
                    if let Some(at) = place.side_by_side(self.block, start, n)
                        && base.wrapping_offset(at * place.dtype.size() as isize) == self.registers[s.dst as usize]
                    {
                        return;
                    }
                    moves::store(base, self.registers[s.dst as usize], self.area(place, s.extent));
                }
            }
        }
    }

    #[inline]
    fn area<'w>(&self, place: &'w Traversal, extent: Extent) -> Area<'w> {
        Area { place, block: self.block, start: self.start(extent), len: self.count(extent) }
    }

    /// The register lies in the scratch memory again.
    fn reset(&mut self, register: u16) {
        self.registers[register as usize] = self.scratch.wrapping_add(self.plan.registers[register as usize]);
    }

    /// # Safety
    /// Both registers must hold `n` values of the type that `compute` names.
    unsafe fn unary(&self, op: UnaryOp, compute: Compute, dst: u16, a: u16, n: usize) {
        // SAFETY: as in `step`.
        unsafe {
            match compute {
                Compute::Bool => loops::not(self.write(dst, n), self.read(a, n)),
                Compute::I32 => loops::unary_int::<i32>(op, self.write(dst, n), self.read(a, n)),
                Compute::U32 => loops::unary_int::<u32>(op, self.write(dst, n), self.read(a, n)),
                Compute::I64 => loops::unary_int::<i64>(op, self.write(dst, n), self.read(a, n)),
                Compute::U64 => loops::unary_int::<u64>(op, self.write(dst, n), self.read(a, n)),
                Compute::F32 => loops::unary_float::<f32>(op, self.write(dst, n), self.read(a, n)),
                Compute::F64 => loops::unary_float::<f64>(op, self.write(dst, n), self.read(a, n)),
            }
        }
    }

    /// # Safety
    /// `dst` must have room for `n` values of the type that `compute` names, each argument hold as many as `lens` says.
    unsafe fn binary(&self, op: BinaryOp, compute: Compute, dst: u16, args: [u16; 2], lens: [usize; 2], n: usize) {
        macro_rules! call {
            ($f:expr) => {
                $f(op, self.write(dst, n), self.read(args[0], lens[0]), self.read(args[1], lens[1]))
            };
        }
        // SAFETY: as in `step`.
        unsafe {
            match compute {
                Compute::Bool => call!(loops::logic),
                Compute::I32 => call!(loops::binary_int::<i32>),
                Compute::U32 => call!(loops::binary_int::<u32>),
                Compute::I64 => call!(loops::binary_int::<i64>),
                Compute::U64 => call!(loops::binary_int::<u64>),
                Compute::F32 => call!(loops::binary_float::<f32>),
                Compute::F64 => call!(loops::binary_float::<f64>),
            }
        }
    }
}

/// # Safety
/// The register must have room for one value of the type in which `dtype` computes.
unsafe fn set_scalar(register: *mut u8, scalar: Scalar, dtype: DType) {
    let scalar = scalar.cast(dtype);
    // SAFETY: every register has room for eight bytes.
    unsafe {
        match dtype.compute() {
            Compute::Bool => *register = scalar.to_bool() as u8,
            Compute::I32 => *register.cast() = scalar.to_i64() as i32,
            Compute::U32 => *register.cast() = scalar.to_u64() as u32,
            Compute::I64 => *register.cast() = scalar.to_i64(),
            Compute::U64 => *register.cast() = scalar.to_u64(),
            Compute::F32 => *register.cast() = scalar.to_f64() as f32,
            Compute::F64 => *register.cast() = scalar.to_f64(),
        }
    }
}
