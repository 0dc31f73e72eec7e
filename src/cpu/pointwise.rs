//! Launches fused kernels: divides the elements among tasks and these among threads.

use std::cell::Cell;

use super::{
    address,
    convert::for_compute,
    fault::Fault,
    interpret::Tile,
    order::Order,
    parallel::for_each,
    plan::{Plan, Stage, plan},
    reduce::{self, Fold},
};
use crate::{
    DType, MAX_RANK, Result, Scalar,
    graph::{
        executor::{Buffer, Program},
        kernel::{Binding, Fused, Kernel},
    },
    op::ReduceOp,
    threads,
};

/// Work below this many additions is done by the calling thread.
pub(super) const SERIAL: usize = 128 << 10;

/// A fused kernel made ready.
pub(super) struct FusedProgram {
    plan: Plan,
}

/// Addresses that threads share.
#[derive(Clone, Copy)]
struct Launch<'a> {
    plan: &'a Plan,
    buffers: &'a [*mut u8],
    scalars: &'a [Scalar],
    fault: &'a Fault,
}
// SAFETY: tasks write to disjoint parts of the buffers.
unsafe impl Send for Launch<'_> {}
// SAFETY: as above.
unsafe impl Sync for Launch<'_> {}

/// What groups have reduced, side by side.
struct Parts(*mut u8);
// SAFETY: every thread writes to parts of its own.
unsafe impl Sync for Parts {}

impl Parts {
    /// # Safety
    /// There must be such a part, and nobody else may use it meanwhile.
    unsafe fn of(&self, group: usize, size: usize) -> &'static mut [u8] {
        // SAFETY: the caller's contract.
        unsafe { std::slice::from_raw_parts_mut(self.0.add(group * size), size) }
    }
}

impl FusedProgram {
    pub fn new(kernel: &Kernel, fused: &Fused) -> Self {
        Self { plan: plan(fused, &kernel.inputs, &kernel.outputs, None) }
    }

    /// A program that also reads `acc`, which follows the inputs.
    pub fn epilogue(fused: &Fused, inputs: &[Binding], outputs: &[Binding], acc: DType) -> Self {
        Self { plan: plan(fused, inputs, outputs, Some((inputs.len() - 1, acc))) }
    }

    /// Computes all outputs; an error names an index that was out of range.
    ///
    /// # Safety
    /// The buffers, inputs and then outputs, are as large as the kernel says, and nobody else writes to them.
    pub unsafe fn run(&self, buffers: &[*mut u8], scalars: &[Scalar]) -> Result<()> {
        let (plan, fault) = (&self.plan, Fault::default());
        let launch = Launch { plan, buffers, scalars, fault: &fault };
        let work = plan.numel * plan.cost.max(1);
        let threads = if work < SERIAL { 1 } else { threads::count() };
        match &plan.order {
            &Order::Rows { rows, inner, per_tile } => {
                let tiles = rows.div_ceil(per_tile.max(1));
                let tasks = (work / SERIAL).clamp(1, threads * 4).min(tiles);
                for_each(tasks, threads, |task| {
                    let range = tiles * task / tasks..tiles * (task + 1) / tasks;
                    with_tile(launch, |tile| {
                        for t in range {
                            tile.row_start = t * per_tile;
                            tile.rows = per_tile.min(rows - tile.row_start);
                            (tile.start, tile.len) = (tile.row_start * inner, tile.rows * inner);
                            // SAFETY: the caller's contract; rows are divided among the tasks.
                            unsafe { tile.run(&plan.stages[0].body) };
                        }
                    });
                });
            }
            Order::Blocks { dims, axis, height, width } => {
                let last = dims.len() - 1;
                let mut counts = dims.clone();
                counts[*axis] = dims[*axis].div_ceil(*height);
                counts[last] = dims[last].div_ceil(*width);
                let tiles: usize = counts.iter().product();
                let tasks = (work / SERIAL).clamp(1, threads * 4).min(tiles);
                for_each(tasks, threads, |task| {
                    with_tile(launch, |tile| {
                        for mut t in tiles * task / tasks..tiles * (task + 1) / tasks {
                            for (a, count) in counts.iter().enumerate().rev() {
                                tile.corner[a] = (t % count) as isize;
                                t /= count;
                            }
                            tile.corner[*axis] *= *height as isize;
                            tile.corner[last] *= *width as isize;
                            let rows = (*height).min(dims[*axis] - tile.corner[*axis] as usize);
                            let cols = (*width).min(dims[last] - tile.corner[last] as usize);
                            (tile.block, tile.len) = (Some((rows, cols)), rows * cols);
                            // SAFETY: the caller's contract; blocks are divided among the tasks.
                            unsafe { tile.run(&plan.stages[0].body) };
                        }
                    });
                });
            }
            &Order::Chunks { rows, inner, tile: chunk, group } => {
                let parallel_groups = rows < 2 * threads && inner > group;
                for_each(rows, if parallel_groups { 1 } else { threads }, |row| {
                    let at = |tile: &mut Tile, lo: usize| {
                        (tile.row_start, tile.rows) = (row, 1);
                        tile.start = row * inner + lo;
                        tile.len = chunk.min(inner - lo);
                    };
                    launch.line(inner, chunk, group, if parallel_groups { threads } else { 1 }, &at);
                });
            }
            Order::Columns { outer, columns, width, inner, per_tile, group } => {
                let blocks = columns.div_ceil(*width);
                let tasks = outer.iter().product::<usize>() * blocks;
                let parallel_groups = tasks < 2 * threads && inner > group;
                for_each(tasks, if parallel_groups { 1 } else { threads }, |task| {
                    let (mut line, block) = (task / blocks, task % blocks);
                    let mut corner = [0; MAX_RANK];
                    for (c, size) in corner.iter_mut().zip(outer).rev() {
                        *c = (line % size) as isize;
                        line /= size;
                    }
                    corner[outer.len()] = (block * width) as isize;
                    let at = |tile: &mut Tile, lo: usize| {
                        (tile.corner, tile.columns) = (corner, true);
                        (tile.row_start, tile.rows) = (0, *width.min(&(columns - block * width)));
                        tile.start = lo * width;
                        tile.len = (*per_tile).min(inner - lo) * tile.rows;
                    };
                    launch.line(*inner, *per_tile, *group, if parallel_groups { threads } else { 1 }, &at);
                });
            }
        }
        fault.take()
    }
}

impl Launch<'_> {
    /// One row, or several side by side: stage after stage, each in steps of `step` elements per row, in groups.
    fn line(self, inner: usize, step: usize, group: usize, threads: usize, at: &(impl Fn(&mut Tile, usize) + Sync)) {
        let plan = self.plan;
        let groups = inner.div_ceil(group);
        // Steps of one group, with what is per row already in place.
        let sweep = |tile: &mut Tile, stage: &Stage, g: usize| {
            for &(register, op, compute) in &stage.accumulators {
                let acc = tile.registers[register as usize];
                for_compute!(compute, C => {
                    // SAFETY: the register holds this type, one for each row.
                    unsafe { std::slice::from_raw_parts_mut(acc.cast::<C>(), tile.rows) }.fill(C::identity(op));
                });
            }
            for lo in (g * group..inner.min((g + 1) * group)).step_by(step) {
                at(tile, lo);
                // SAFETY: `FusedProgram::run`'s contract; tasks and groups are disjoint.
                unsafe { tile.run(&stage.body) };
            }
        };
        let mut rows = vec![0u8; if groups > 1 { plan.row_bytes.len() } else { 0 }];
        if groups == 1 {
            return with_tile(self, |tile| {
                at(tile, 0);
                for stage in &plan.stages {
                    // SAFETY: as above.
                    unsafe { tile.run(&stage.rows) };
                    if !stage.body.is_empty() {
                        sweep(tile, stage, 0);
                    }
                }
            });
        }
        for stage in &plan.stages {
            with_tile(self, |tile| {
                at(tile, 0);
                tile.set_rows(&rows);
                // SAFETY: as above.
                unsafe { tile.run(&stage.rows) };
                rows.copy_from_slice(tile.row_memory());
            });
            if stage.body.is_empty() {
                continue;
            }
            let size = plan.row_bytes.len();
            let mut parts = vec![0u8; groups * size];
            let part = Parts(parts.as_mut_ptr());
            for_each(groups, threads, |g| {
                with_tile(self, |tile| {
                    at(tile, g * group);
                    tile.set_rows(&rows);
                    sweep(tile, stage, g);
                    // SAFETY: every group has its own part.
                    unsafe { part.of(g, size) }.copy_from_slice(tile.row_memory());
                });
            });
            for &(register, op, compute) in &stage.accumulators {
                let offset = plan.registers[register as usize] - plan.row_bytes.start;
                let (op, compute) = reduce::resolved(op, compute);
                for_compute!(compute, C => {
                    combine::<C>(&parts, size, offset, plan.order.capacity().1, &mut rows, op);
                });
            }
        }
    }
}

/// Combines the accumulators of all groups pairwise, in a fixed order.
fn combine<C: Fold>(parts: &[u8], size: usize, offset: usize, count: usize, rows: &mut [u8], op: ReduceOp) {
    let read = |part: &[u8]| -> Vec<C> {
        let values = part[offset..].chunks_exact(size_of::<C>()).take(count);
        // SAFETY: the bytes are those of numbers.
        values.map(|bytes| unsafe { bytes.as_ptr().cast::<C>().read_unaligned() }).collect()
    };
    let mut level: Vec<Vec<C>> = parts.chunks_exact(size).map(read).collect();
    while level.len() > 1 {
        let mut next = Vec::with_capacity(level.len().div_ceil(2));
        let mut pairs = level.into_iter();
        while let Some(mut a) = pairs.next() {
            if let Some(b) = pairs.next() {
                reduce::onto(op, &mut a, &b);
            }
            next.push(a);
        }
        level = next;
    }
    for values in level {
        // SAFETY: `values` are plain numbers, and `rows` is as long as a part.
        let bytes = unsafe { std::slice::from_raw_parts(values.as_ptr().cast::<u8>(), count * size_of::<C>()) };
        rows[offset..offset + bytes.len()].copy_from_slice(bytes);
    }
}

/// A thread's memory for registers, kept from launch to launch.
#[derive(Default)]
struct Scratch {
    memory: Vec<Line>,
    registers: Vec<*mut u8>,
    loaded: Vec<(usize, usize)>,
}

/// A cache line.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line {
    _bytes: [u8; 64],
}

/// Sets up the registers, computes what is the same for all tiles, and runs `f`.
fn with_tile(launch: Launch, f: impl FnOnce(&mut Tile)) {
    thread_local!(static SCRATCH: Cell<Option<Box<Scratch>>> = const { Cell::new(None) });
    let plan = launch.plan;
    let mut scratch = SCRATCH.take().unwrap_or_default();
    let lines = plan.scratch.div_ceil(64);
    if scratch.memory.len() < lines {
        scratch.memory.resize(lines, Line { _bytes: [0; 64] });
    }
    let memory: *mut u8 = scratch.memory.as_mut_ptr().cast();
    scratch.registers.clear();
    scratch.registers.extend(plan.registers.iter().map(|&offset| memory.wrapping_add(offset)));
    scratch.loaded.clear();
    scratch.loaded.resize(plan.traversals.len(), (0, 0));
    let (len, rows) = plan.order.capacity();
    let mut tile = Tile {
        plan,
        buffers: launch.buffers,
        scalars: launch.scalars,
        fault: launch.fault,
        registers: &mut scratch.registers,
        scratch: memory,
        loaded: &mut scratch.loaded,
        corner: [0; MAX_RANK],
        start: 0,
        len,
        row_start: 0,
        rows,
        columns: false,
        block: None,
    };
    // SAFETY: `FusedProgram::run`'s contract; the scratch memory is large enough.
    unsafe { tile.run(&plan.prologue) };
    f(&mut tile);
    SCRATCH.set(Some(scratch));
}

impl Tile<'_> {
    fn row_memory(&self) -> &[u8] {
        let range = &self.plan.row_bytes;
        // SAFETY: the range lies inside of the scratch memory.
        unsafe { std::slice::from_raw_parts(self.scratch.add(range.start), range.len()) }
    }

    fn set_rows(&mut self, rows: &[u8]) {
        let range = &self.plan.row_bytes;
        // SAFETY: as above; `rows` was copied from such a range.
        unsafe { std::slice::from_raw_parts_mut(self.scratch.add(range.start), range.len()) }.copy_from_slice(rows);
    }
}

impl Program for FusedProgram {
    fn launch(&self, inputs: &[&Buffer], outputs: &[&Buffer], scalars: &[Scalar]) -> Result<()> {
        let mut buffers = [std::ptr::null_mut(); MAX_BUFFERS];
        for (slot, buffer) in buffers.iter_mut().zip(inputs.iter().chain(outputs)) {
            *slot = address(buffer)?;
        }
        // SAFETY: the scheduler passes the buffers that the kernel describes, and outputs that only this launch has.
        unsafe { self.run(&buffers[..inputs.len() + outputs.len()], scalars) }
    }
}

/// Buffers that one kernel may bind.
pub(super) const MAX_BUFFERS: usize = 64;
