//! One open encoder with one open compute pass: kernels are recorded there until the work is submitted.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering};

use wgpu::{CommandEncoder, ComputePass};

use super::{
    context::Context,
    debug::Profiler,
    groups::Groups,
    memory::{GpuBuffer, Raw, Slice},
    pipeline::{Pipeline, Pipelines},
    status::{self, STATUS_BYTES},
};
use crate::{Result, graph::debug::Cost};

/// Parameters of kernels that cannot take immediates, until the next submission.
const RING_BYTES: usize = 256 << 10;
/// What a kernel sees of the ring: its parameters and what follows.
pub(super) const WINDOW_BYTES: usize = 8 << 10;
/// Dispatches after which work is handed over, so that device and host overlap.
const MAX_RECORDED: usize = 256;

/// One kernel launch.
pub(super) struct Dispatch<'a> {
    pub pipeline: &'a Pipeline,
    pub buffers: &'a [Slice<'a>],
    pub words: &'a [u32],
    pub grid: [u32; 3],
    pub cost: &'a Cost,
    /// Whether the kernel may report to the status buffer.
    pub reports: bool,
}

/// Records launches and submits them.
pub(super) struct Recorder {
    context: Arc<Context>,
    status: Raw,
    groups: Arc<Groups>,
    state: Mutex<State>,
}

struct Ring {
    buffer: wgpu::Buffer,
    group: wgpu::BindGroup,
    data: Vec<u8>,
    /// Where the parameters of a launch may start.
    alignment: usize,
}

/// An encoder with its pass; the pass must end first. With a profiler every kernel has a pass of its own.
struct Open {
    pass: Option<ComputePass<'static>>,
    encoder: CommandEncoder,
}

struct State {
    open: Option<Open>,
    /// The number of the submission that is being recorded.
    serial: u64,
    recorded: usize,
    ring: Ring,
    profiler: Option<Profiler>,
    /// Whether a kernel may have reported something since the status was copied last.
    reports: bool,
}

impl Recorder {
    pub fn new(context: Arc<Context>, pipelines: &Pipelines) -> Result<Self> {
        let ring = Ring::new(&context, pipelines)?;
        let profiler = Profiler::if_wanted(&context)?;
        let state = State { open: None, serial: 1, recorded: 0, ring, profiler, reports: false };
        let status = status::buffer(&context)?;
        Ok(Self { context, status, groups: Arc::default(), state: Mutex::new(state) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn dispatch(&self, dispatch: &Dispatch) -> Result<()> {
        self.context.check()?;
        let group = self.groups.get(&self.context, &dispatch.pipeline.layout, dispatch.buffers)?;
        let mut state = self.state();
        if state.recorded >= MAX_RECORDED || state.ring.is_full() {
            state.submit(&self.context)?;
        }
        state.record(&self.context, group, dispatch);
        Ok(())
    }

    pub fn submit(&self) -> Result<()> {
        self.state().submit(&self.context)
    }

    /// Writes to a buffer after everything recorded so far that uses it, and before all that follows.
    pub fn upload(&self, buffer: &GpuBuffer, data: &[u8]) -> Result<()> {
        let mut state = self.state();
        if buffer.raw().last_use.load(Ordering::Relaxed) == state.serial {
            state.submit(&self.context)?;
        }
        let (whole, rest) = data.split_at(data.len() & !3);
        let target = &buffer.raw().buffer;
        self.context.scoped(|| {
            self.context.queue.write_buffer(target, 0, whole);
            if !rest.is_empty() {
                let mut last = [0; 4];
                last[..rest.len()].copy_from_slice(rest);
                self.context.queue.write_buffer(target, whole.len() as u64, &last);
            }
        })
    }

    /// Copies a part of a buffer to a mapped one, behind all that is recorded, and submits. If it is asked for, the status
    /// is copied behind it, and starts anew.
    pub fn copy_out(&self, from: Option<(&GpuBuffer, u64)>, to: &wgpu::Buffer, bytes: u64, status: bool) -> Result<()> {
        let mut state = self.state();
        let open = state.open(&self.context);
        open.pass = None;
        if let Some((from, start)) = from {
            open.encoder.copy_buffer_to_buffer(&from.raw().buffer, start, to, 0, bytes);
        }
        if status {
            open.encoder.copy_buffer_to_buffer(&self.status.buffer, 0, to, bytes, STATUS_BYTES);
            open.encoder.clear_buffer(&self.status.buffer, 0, None);
            state.reports = false;
        }
        state.submit(&self.context)
    }

    /// Whether a kernel may have reported something since the last copy.
    pub fn has_reports(&self) -> bool {
        self.state().reports
    }

    /// Where kernels report.
    pub fn status(&self) -> &Raw {
        &self.status
    }

    /// The bind groups of earlier launches.
    pub fn groups(&self) -> &Arc<Groups> {
        &self.groups
    }
}

fn begin(encoder: &mut CommandEncoder) -> ComputePass<'static> {
    encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default()).forget_lifetime()
}

impl Ring {
    fn new(context: &Context, pipelines: &Pipelines) -> Result<Self> {
        let (buffer, group) = context.scoped(|| {
            let buffer = context.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("parameters"),
                size: RING_BYTES as u64,
                usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            });
            let size = wgpu::BufferSize::new(WINDOW_BYTES as u64);
            let binding = wgpu::BufferBinding { buffer: &buffer, offset: 0, size };
            let group = context.device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: Some("parameters"),
                layout: &pipelines.params,
                entries: &[wgpu::BindGroupEntry { binding: 0, resource: wgpu::BindingResource::Buffer(binding) }],
            });
            (buffer, group)
        })?;
        let alignment = context.limits.min_uniform_buffer_offset_alignment.max(16) as usize;
        Ok(Self { buffer, group, data: Vec::with_capacity(RING_BYTES), alignment })
    }

    fn is_full(&self) -> bool {
        self.data.len() + WINDOW_BYTES > RING_BYTES
    }

    /// Stores the parameters of one launch and gives their offset.
    fn push(&mut self, words: &[u32]) -> u32 {
        let offset = self.data.len();
        self.data.extend_from_slice(bytemuck::cast_slice(words));
        self.data.resize(self.data.len().next_multiple_of(self.alignment), 0);
        offset as u32
    }
}

impl State {
    fn open(&mut self, context: &Context) -> &mut Open {
        self.open.get_or_insert_with(|| {
            let encoder = context.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            Open { pass: None, encoder }
        })
    }

    fn record(&mut self, context: &Context, group: wgpu::BindGroup, dispatch: &Dispatch) {
        let Dispatch { pipeline, buffers, words, grid, .. } = *dispatch;
        for Slice { buffer, .. } in buffers {
            buffer.last_use.store(self.serial, Ordering::Relaxed);
        }
        self.reports |= dispatch.reports;
        self.open(context);
        let Some(open) = self.open.as_mut() else { return };
        let encoder = &mut open.encoder;
        let pass = match &mut self.profiler {
            None => open.pass.get_or_insert_with(|| begin(encoder)),
            Some(profiler) => {
                open.pass = None;
                open.pass.insert(profiler.begin(encoder, dispatch))
            }
        };
        pass.set_pipeline(&pipeline.raw);
        pass.set_bind_group(0, &group, &[]);
        if words.is_empty() {
        } else if pipeline.immediates {
            pass.set_immediates(0, bytemuck::cast_slice(words));
        } else {
            let offset = self.ring.push(words);
            pass.set_bind_group(1, &self.ring.group, &[offset]);
        }
        pass.dispatch_workgroups(grid[0], grid[1], grid[2]);
        self.recorded += 1;
    }

    fn submit(&mut self, context: &Context) -> Result<()> {
        let Some(Open { pass, encoder }) = self.open.take() else { return context.check() };
        drop(pass);
        self.serial += 1;
        self.recorded = 0;
        let done = context.scoped(|| {
            if !self.ring.data.is_empty() {
                context.queue.write_buffer(&self.ring.buffer, 0, &self.ring.data);
                self.ring.data.clear();
            }
            match &mut self.profiler {
                None => context.submit(encoder),
                Some(profiler) => profiler.submit(context, encoder),
            }
        });
        // Nothing of the submission has run, and nobody knows any more which values it would have made.
        done.inspect_err(|error| context.fail(error.to_string()))
    }
}
