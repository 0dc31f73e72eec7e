//! One open encoder with one open compute pass: kernels are recorded there until the work is submitted.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
    time::Duration,
};

use wgpu::{CommandEncoder, ComputePass};

use super::{
    context::{Context, MAX_BINDINGS},
    debug::Profiler,
    memory::{GpuBuffer, Raw, Slice},
    pipeline::{Pipeline, Pipelines},
    status::{self, STATUS_BYTES},
};
use crate::{Result, graph::debug::Cost, interrupt};

/// Parameters of kernels that cannot take immediates, until the next submission.
const RING_BYTES: usize = 256 << 10;
/// What a kernel sees of the ring: its parameters and what follows.
pub(super) const WINDOW_BYTES: usize = 8 << 10;
/// Dispatches after which work is handed over, so that device and host overlap.
const MAX_RECORDED: usize = 256;
const MAX_BIND_GROUPS: usize = 4096;

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
    groups: HashMap<Box<[u64]>, wgpu::BindGroup>,
    ring: Ring,
    profiler: Option<Profiler>,
    /// Whether a kernel may have reported something since the status was copied last.
    reports: bool,
}

impl Recorder {
    pub fn new(context: Arc<Context>, pipelines: &Pipelines) -> Result<Self> {
        let ring = Ring::new(&context, pipelines)?;
        let profiler = Profiler::if_wanted(&context)?;
        let state =
            State { open: None, serial: 1, recorded: 0, groups: HashMap::new(), ring, profiler, reports: false };
        let status = status::buffer(&context)?;
        Ok(Self { context, status, state: Mutex::new(state) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn dispatch(&self, dispatch: &Dispatch) -> Result<()> {
        self.context.check()?;
        let mut guard = self.state();
        let state = &mut *guard;
        if state.recorded >= MAX_RECORDED || state.ring.is_full() {
            state.submit(&self.context)?;
        }
        state.record(&self.context, dispatch)
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

    /// Forgets bind groups, which keep their buffers alive.
    pub fn clear_groups(&self) {
        self.state().groups.clear();
    }

    /// Waits until the device has done what was submitted; with a limit not longer than that. Whether it has.
    pub fn wait(&self, limit: Option<Duration>) -> Result<bool> {
        loop {
            self.context.check()?;
            let timeout = Some(limit.unwrap_or(Duration::from_secs(5)));
            match self.context.device.poll(wgpu::PollType::Wait { submission_index: None, timeout }) {
                Ok(_) => return self.context.check().map(|()| true),
                Err(wgpu::PollError::Timeout) if limit.is_some() => return Ok(false),
                Err(wgpu::PollError::Timeout) => log::warn!("the GPU is still at work after 5 s"),
                Err(error) => return Err(self.context.error(error.to_string())),
            }
        }
    }

    /// Waits until the device has nothing to do, or somebody interrupts. The caller holds no lock.
    pub fn idle(&self) -> Result<()> {
        let limit = interrupt::is_watched().then_some(interrupt::TICK);
        while !self.wait(limit)? {
            interrupt::check()?;
        }
        Ok(())
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

    fn record(&mut self, context: &Context, dispatch: &Dispatch) -> Result<()> {
        let Dispatch { pipeline, buffers, words, grid, .. } = *dispatch;
        let mut key = [0; 3 * MAX_BINDINGS + 1];
        key[0] = pipeline.layout.id.into();
        let (ids, windows) = key[1..].split_at_mut(buffers.len());
        for (id, Slice { buffer, .. }) in ids.iter_mut().zip(buffers) {
            *id = buffer.id;
            buffer.last_use.store(self.serial, Ordering::Relaxed);
        }
        self.reports |= dispatch.reports;
        let mut length = buffers.len() + 1;
        if buffers.iter().any(|slice| slice.window.is_some()) {
            let slots = windows.chunks_exact_mut(2).zip(buffers);
            slots.for_each(|(key, slice)| key.copy_from_slice(&slice.window.unwrap_or_default()));
            length += 2 * buffers.len();
        }
        let key = &key[..length];
        if !self.groups.contains_key(key) {
            if self.groups.len() >= MAX_BIND_GROUPS {
                self.groups.clear();
            }
            self.groups.insert(key.into(), bind(context, pipeline, buffers)?);
        }
        self.open(context);
        let (Some(open), Some(group)) = (self.open.as_mut(), self.groups.get(key)) else { return Ok(()) };
        let encoder = &mut open.encoder;
        let pass = match &mut self.profiler {
            None => open.pass.get_or_insert_with(|| begin(encoder)),
            Some(profiler) => {
                open.pass = None;
                open.pass.insert(profiler.begin(encoder, dispatch))
            }
        };
        pass.set_pipeline(&pipeline.raw);
        pass.set_bind_group(0, group, &[]);
        if words.is_empty() {
        } else if pipeline.immediates {
            pass.set_immediates(0, bytemuck::cast_slice(words));
        } else {
            let offset = self.ring.push(words);
            pass.set_bind_group(1, &self.ring.group, &[offset]);
        }
        pass.dispatch_workgroups(grid[0], grid[1], grid[2]);
        self.recorded += 1;
        Ok(())
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
                None => drop(context.queue.submit([encoder.finish()])),
                Some(profiler) => profiler.submit(context, encoder),
            }
        });
        // Nothing of the submission has run, and nobody knows any more which values it would have made.
        done.inspect_err(|error| context.fail(error.to_string()))
    }
}

fn bind(context: &Context, pipeline: &Pipeline, buffers: &[Slice]) -> Result<wgpu::BindGroup> {
    let mut entries = Vec::with_capacity(buffers.len());
    for (i, Slice { buffer, window }) in buffers.iter().enumerate() {
        let buffer = &buffer.buffer;
        // A buffer of the pool may be larger than what is stored in it, and than what can be bound.
        let [offset, size] = window.unwrap_or([0, buffer.size().min(context.target.max_binding as u64)]);
        let binding = wgpu::BufferBinding { buffer, offset, size: wgpu::BufferSize::new(size) };
        entries.push(wgpu::BindGroupEntry { binding: i as u32, resource: wgpu::BindingResource::Buffer(binding) });
    }
    let layout = &pipeline.layout.raw;
    context.scoped(|| {
        context.device.create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout, entries: &entries })
    })
}
