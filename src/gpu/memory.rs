//! The buffer pool: one wgpu buffer per tensor, recycled by size class.

use std::{
    any::Any,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{context::Context, encoder::Recorder, groups::Groups};
use crate::{
    Error, Result,
    graph::{
        executor::{Buffer, Storage},
        pool::{self, Allocate},
    },
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
    /// Where bind groups would keep the buffer alive.
    pub groups: Option<Arc<Groups>>,
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.groups.iter().for_each(|groups| groups.forget(self.id));
    }
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
            self.pool.give_back(raw.buffer.size(), raw);
        }
    }
}

/// The free list of a GPU.
pub(super) type Pool = pool::Pool<System>;

/// The GPU's memory.
pub(super) struct System {
    context: Arc<Context>,
    recorder: Arc<Recorder>,
    next_id: AtomicU64,
}

/// Rounds up to a quarter of a power of two, so that a recycled buffer wastes at most a fifth.
fn size_class(bytes: u64) -> u64 {
    let bytes = bytes.max(256);
    let step = (bytes.next_power_of_two() / 8).max(64);
    bytes.next_multiple_of(step)
}

/// The largest buffer.
pub(super) fn limit(context: &Context) -> u64 {
    context.limits.max_buffer_size & !255
}

/// A buffer with undefined contents.
pub(super) fn alloc(pool: &Arc<Pool>, bytes: usize) -> Result<GpuBuffer> {
    let context = &pool.system.context;
    let (limit, bytes) = (limit(context), bytes as u64);
    if bytes > limit {
        return Err(Error::TooLarge {
            op: "alloc",
            bytes,
            limit,
            what: "the largest buffer",
            device: context.adapter.name.clone(),
        });
    }
    let raw = pool.take(size_class(bytes).min(limit))?;
    Ok(GpuBuffer { raw: Some(raw), pool: pool.clone() })
}

impl System {
    pub fn new(context: Arc<Context>, recorder: Arc<Recorder>) -> Self {
        Self { context, recorder, next_id: AtomicU64::new(0) }
    }
}

impl Allocate for System {
    type Block = Raw;

    fn allocate(&self, size: u64) -> Result<Raw> {
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC;
        let descriptor = wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false };
        let buffer = self.context.scoped(|| self.context.device.create_buffer(&descriptor))?;
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        Ok(Raw { buffer, id, last_use: AtomicU64::new(0), groups: Some(self.recorder.groups().clone()) })
    }

    fn reclaim(&self) -> Result<()> {
        // What has been recorded keeps its buffers until it is done.
        self.recorder.submit()?;
        self.recorder.groups().clear();
        self.context.poll(None)
    }

    fn device(&self) -> String {
        self.context.adapter.name.clone()
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
