//! The GPU executor: kernels as WGSL text, run through wgpu.
//!
//! A kernel's text depends on its structure alone; sizes, strides and scalars are parameters of its launch.

mod accumulate;
mod bounds;
mod codegen;
mod compile;
mod context;
mod debug;
mod encoder;
mod groups;
mod guard;
mod index;
mod library;
mod matmul;
mod matmul_lanes;
mod matmul_shared;
mod memory;
mod ops;
mod pipeline;
mod pointwise;
mod program;
mod readback;
mod reduce;
mod scan;
mod status;
mod support;
#[cfg(test)]
mod tests;
mod types;
mod wait;

use std::{
    ops::Range,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use codegen::{Shader, Slot};
use context::{Context, MIN_BINDING};
use encoder::{Dispatch, Recorder};
use memory::{GpuBuffer, Pool, Slice, Window, alloc};
use pipeline::{Pipeline, Pipelines};
use readback::Readback;
use types::scalar_words;
use wait::Waits;

use crate::{
    DType, DeviceInfo, DeviceOptions, GpuSelector, Memory, Result, Scalar,
    graph::{
        debug::Cost,
        executor::{Buffer, Caps, Executor, Program, Waiting},
        kernel::Kernel,
    },
    threads,
};

/// Every adapter that wgpu finds, those that run on the CPU last.
pub(crate) fn adapters(options: &DeviceOptions) -> Vec<DeviceInfo> {
    context::adapters(options)
}

/// Opens an adapter by its number in [`adapters`] or by a part of its name.
pub(crate) async fn open(
    which: &GpuSelector,
    options: &DeviceOptions,
) -> Result<(usize, Arc<dyn Executor>, DeviceInfo)> {
    let (index, context, info) = Context::open(which, options).await?;
    Ok((index, Arc::new(GpuExecutor::new(Arc::new(context))?), info))
}

/// What the executor and its programs share.
struct Shared {
    context: Arc<Context>,
    pool: Arc<Pool>,
    pipelines: Pipelines,
    recorder: Arc<Recorder>,
}

struct GpuExecutor {
    shared: Arc<Shared>,
    waits: Arc<Waits>,
    readback: Readback,
}

impl GpuExecutor {
    fn new(context: Arc<Context>) -> Result<Self> {
        let pipelines = Pipelines::new(context.clone())?;
        let recorder = Arc::new(Recorder::new(context.clone(), &pipelines)?);
        let pool = Pool::new(memory::System::new(context.clone(), recorder.clone()));
        let waits = Waits::new(context.clone());
        let readback = Readback::new(context.clone(), waits.clone());
        Ok(Self { shared: Arc::new(Shared { context, pool, pipelines, recorder }), waits, readback })
    }
}

impl Executor for GpuExecutor {
    fn caps(&self) -> Caps {
        let context = &self.shared.context;
        Caps {
            max_buffers: context.target.bindings,
            status_buffers: 1,
            max_code: 64,
            // A driver on the CPU takes seconds to compile a long one, and gains nothing by it.
            max_epilogue: if context.target.cpu { 8 } else { 32 },
            max_row: 16384,
            narrow_rows: false,
            max_binding_bytes: context.target.max_binding,
            max_buffer_bytes: memory::limit(context) as usize,
            binding_alignment: context.limits.min_storage_buffer_offset_alignment.max(MIN_BINDING as u32) as usize,
        }
    }

    fn alloc(&self, bytes: usize) -> Result<Buffer> {
        self.shared.context.check()?;
        Ok(Arc::new(alloc(&self.shared.pool, bytes)?))
    }

    fn upload(&self, data: &[u8]) -> Result<Buffer> {
        self.shared.context.check()?;
        let buffer = alloc(&self.shared.pool, data.len())?;
        self.shared.recorder.upload(&buffer, data)?;
        Ok(Arc::new(buffer))
    }

    fn window(&self, buffer: &Buffer, bytes: Range<usize>) -> Buffer {
        Arc::new(Window { buffer: buffer.clone(), bytes })
    }

    fn read<'a>(&'a self, buffer: &'a Buffer, out: &'a mut [u8]) -> Waiting<'a> {
        Box::pin(async move {
            self.shared.context.check()?;
            let buffer = GpuBuffer::of(buffer, &self.shared.context)?;
            self.readback.read(&self.shared.recorder, buffer, out).await
        })
    }

    fn parts(&self, kernel: &Kernel) -> usize {
        compile::parts(kernel, &self.shared.context.target)
    }

    fn compile(&self, kernel: &Kernel) -> Result<Arc<dyn Program>> {
        self.shared.context.check()?;
        Ok(Arc::new(GpuProgram::new(self.shared.clone(), kernel)?))
    }

    /// Drivers take long to compile, each pipeline on the thread that asks.
    fn compile_all(&self, kernels: &[&Kernel]) -> Vec<Result<Arc<dyn Program>>> {
        let programs: Vec<OnceLock<_>> = kernels.iter().map(|_| OnceLock::new()).collect();
        let next = AtomicUsize::new(0);
        let work = || {
            while let Some(i) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|&i| i < kernels.len()) {
                let _ = programs[i].set(self.compile(kernels[i]));
            }
        };
        // Not the pool's threads: whoever waits for those may take up work that needs this plan.
        let helpers =
            if cfg!(target_arch = "wasm32") { 0 } else { threads::count().min(kernels.len()).saturating_sub(1) };
        thread::scope(|scope| {
            for _ in 0..helpers {
                // Without it the others do its work.
                let _ = thread::Builder::new().name("kiln-compile".into()).spawn_scoped(scope, work);
            }
            work();
        });
        programs
            .into_iter()
            .map(|program| program.into_inner().unwrap_or_else(|| unreachable!("all are done")))
            .collect()
    }

    fn submit(&self) -> Result<()> {
        self.shared.context.check()?;
        self.shared.recorder.submit()
    }

    fn wait(&self) -> Waiting<'_> {
        Box::pin(async move {
            self.shared.context.check()?;
            let done = self.readback.wait(&self.shared.recorder).await;
            self.shared.pipelines.save();
            done
        })
    }

    fn progress(&self, limit: Option<Duration>) -> Result<()> {
        self.waits.progress(limit)
    }

    fn watch(&self) {
        self.waits.watch();
    }

    fn memory(&self) -> Memory {
        self.shared.pool.memory()
    }

    fn empty_cache(&self) {
        self.readback.empty();
        self.shared.pool.empty();
        self.shared.recorder.groups().clear();
    }

    fn pipelines(&self) -> u64 {
        self.shared.pipelines.built()
    }
}

impl Drop for GpuExecutor {
    fn drop(&mut self) {
        self.shared.pipelines.save();
    }
}

/// A kernel made ready.
struct GpuProgram {
    shared: Arc<Shared>,
    cost: Cost,
    pipeline: Arc<Pipeline>,
    slots: Vec<Slot>,
    words: Vec<u32>,
    /// The scalars that are passed at launch: their first words and their numbers.
    scalars: Vec<(usize, usize)>,
    dtypes: Vec<DType>,
    grid: [u32; 3],
}

impl GpuProgram {
    fn new(shared: Arc<Shared>, kernel: &Kernel) -> Result<Self> {
        let cost = Cost::of(kernel);
        let (shader, grid) = compile::compile(kernel, &shared.context.target)?;
        let pipeline = shared.pipelines.get(&cost.label, &shader)?;
        let Shader { slots, words, scalars, .. } = shader;
        Ok(Self { shared, cost, pipeline, slots, words, scalars, dtypes: kernel.scalars.clone(), grid })
    }
}

impl Program for GpuProgram {
    fn launch(&self, inputs: &[&Buffer], outputs: &[&Buffer], scalars: &[Scalar]) -> Result<()> {
        let Shared { context, recorder, .. } = &*self.shared;
        let mut buffers = Vec::with_capacity(self.slots.len());
        for slot in &self.slots {
            buffers.push(match *slot {
                Slot::Input(i) => Slice::of(inputs[i], context)?,
                Slot::Output(i) => Slice::of(outputs[i], context)?,
                Slot::Status => recorder.status().into(),
            });
        }
        let mut own = Vec::new();
        let mut words = &self.words;
        if !self.scalars.is_empty() {
            own.clone_from(words);
            for &(at, scalar) in &self.scalars {
                own[at..at + 2].copy_from_slice(&scalar_words(scalars[scalar], self.dtypes[scalar], &context.target));
            }
            words = &own;
        }
        recorder.dispatch(&Dispatch {
            pipeline: &self.pipeline,
            buffers: &buffers,
            words,
            grid: self.grid,
            cost: &self.cost,
            reports: self.slots.last() == Some(&Slot::Status),
        })
    }
}
