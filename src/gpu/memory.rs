//! The buffer pool: one wgpu buffer per tensor, recycled by size class.

use std::{
    any::Any,
    collections::BTreeMap,
    ops::Range,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use super::context::Context;
use crate::{
    Error, Memory, Result,
    graph::executor::{Buffer, Storage},
};

/// A buffer of the pool. It goes back there when it is dropped; work that is queued already runs before its next use.
pub(super) struct GpuBuffer {
    raw: Option<Raw>,
    pool: Arc<Pool>,
}

/// The wgpu buffer with what the executor keeps about it.
pub(super) struct Raw {
    pub buffer: wgpu::Buffer,
    pub id: u64,
    /// The submission that reads or writes it last.
    pub last_use: AtomicU64,
}

impl GpuBuffer {
    pub fn raw(&self) -> &Raw {
        // The buffer is taken out by `drop` alone.
        self.raw.as_ref().expect("a buffer in use")
    }

    pub fn of<'a>(storage: &'a Buffer, context: &Context) -> Result<&'a GpuBuffer> {
        let buffer = storage.as_any().downcast_ref::<GpuBuffer>();
        buffer.ok_or_else(|| context.error("the buffer belongs to another device"))
    }
}

/// A part of a buffer, for kernels that cannot bind all of it.
pub(super) struct Window {
    pub buffer: Buffer,
    pub bytes: Range<usize>,
}

impl Storage for Window {
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// What a kernel binds: a buffer, or the bytes of one.
#[derive(Clone, Copy)]
pub(super) struct Slice<'a> {
    pub buffer: &'a Raw,
    /// Offset and size.
    pub window: Option<[u64; 2]>,
}

impl<'a> Slice<'a> {
    pub fn of(storage: &'a Buffer, context: &Context) -> Result<Slice<'a>> {
        let Some(Window { buffer, bytes }) = storage.as_any().downcast_ref() else {
            return Ok(GpuBuffer::of(storage, context)?.into());
        };
        let buffer = GpuBuffer::of(buffer, context)?;
        // What is rounded up may end past the buffer, which is padded to less.
        let end = (bytes.end as u64).min(buffer.raw().buffer.size());
        Ok(Slice { buffer: buffer.raw(), window: Some([bytes.start as u64, end - bytes.start as u64]) })
    }
}

impl<'a> From<&'a GpuBuffer> for Slice<'a> {
    fn from(buffer: &'a GpuBuffer) -> Self {
        buffer.raw().into()
    }
}

impl<'a> From<&'a Raw> for Slice<'a> {
    fn from(buffer: &'a Raw) -> Self {
        Slice { buffer, window: None }
    }
}

impl Storage for GpuBuffer {
    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Drop for GpuBuffer {
    fn drop(&mut self) {
        if let Some(raw) = self.raw.take() {
            self.pool.give_back(raw);
        }
    }
}

#[derive(Default)]
struct State {
    free: BTreeMap<u64, Vec<Raw>>,
    memory: Memory,
}

/// Buffers that wait for their next use.
pub(super) struct Pool {
    context: Arc<Context>,
    state: Mutex<State>,
    next_id: AtomicU64,
}

/// Rounds up to a quarter of a power of two, so that a recycled buffer wastes at most a fifth.
fn size_class(bytes: u64) -> u64 {
    let bytes = bytes.max(256);
    let step = (bytes.next_power_of_two() / 8).max(64);
    bytes.next_multiple_of(step)
}

impl Pool {
    pub fn new(context: Arc<Context>) -> Arc<Self> {
        Arc::new(Self { context, state: Mutex::default(), next_id: AtomicU64::new(0) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The largest buffer.
    pub fn limit(&self) -> u64 {
        self.context.limits.max_buffer_size & !255
    }

    pub fn alloc(self: &Arc<Self>, bytes: usize) -> Result<GpuBuffer> {
        let limit = self.limit();
        let bytes = bytes as u64;
        if bytes > limit {
            return Err(Error::TooLarge {
                op: "alloc",
                bytes,
                limit,
                what: "the largest buffer",
                device: self.context.adapter.name.clone(),
            });
        }
        let size = size_class(bytes).min(limit);
        let reused = {
            let mut state = self.state();
            let raw = state.free.get_mut(&size).and_then(Vec::pop);
            if raw.is_some() {
                state.memory.cached -= size;
            }
            raw
        };
        let raw = match reused {
            Some(raw) => raw,
            None => self.create(size).or_else(|_| {
                self.empty();
                self.create(size)
            })?,
        };
        let memory = &mut self.state().memory;
        memory.live += size;
        memory.peak = memory.peak.max(memory.live);
        Ok(GpuBuffer { raw: Some(raw), pool: self.clone() })
    }

    fn create(&self, size: u64) -> Result<Raw> {
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC;
        let descriptor = wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false };
        let buffer = self.context.scoped(|| self.context.device.create_buffer(&descriptor))?;
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        Ok(Raw { buffer, id, last_use: AtomicU64::new(0) })
    }

    fn give_back(&self, raw: Raw) {
        let size = raw.buffer.size();
        let mut state = self.state();
        state.memory.live -= size;
        state.memory.cached += size;
        state.free.entry(size).or_default().push(raw);
    }

    pub fn memory(&self) -> Memory {
        self.state().memory
    }

    pub fn empty(&self) {
        let mut state = self.state();
        state.free.clear();
        state.memory.cached = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::size_class;

    #[test]
    fn classes_waste_at_most_a_quarter() {
        for bytes in (1..100_000).step_by(37) {
            let class = size_class(bytes);
            assert!(
                class >= bytes && class.is_multiple_of(64) && (class <= 256 || class - bytes <= bytes / 4),
                "{bytes}: {class}"
            );
        }
    }
}
