//! Reading buffers: a copy to a mapped buffer, recycled like the others.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{
    context::Context,
    encoder::Recorder,
    memory::GpuBuffer,
    status::{self, STATUS_BYTES},
    wait::{Signal, Waits},
};
use crate::Result;

/// Bytes of mapped buffers that are kept for the next read.
const MAX_CACHED: u64 = 64 << 20;
/// Bytes that are read at a time.
const MAX_READ: usize = 64 << 20;

/// Mapped buffers that wait for their next use.
pub(super) struct Readback {
    context: Arc<Context>,
    waits: Arc<Waits>,
    free: Mutex<Vec<wgpu::Buffer>>,
    /// Copies of the status that nobody has seen, as their futures were dropped.
    unseen: Mutex<Vec<Unseen>>,
}

struct Unseen {
    buffer: wgpu::Buffer,
    status_at: u64,
    signal: Signal,
}

/// A copy under way.
struct Copy<'a> {
    readback: &'a Readback,
    /// Taken out when it has been looked at.
    copied: Option<Unseen>,
    has_status: bool,
}

impl Drop for Copy<'_> {
    fn drop(&mut self) {
        if let Some(copied) = self.copied.take().filter(|_| self.has_status) {
            self.readback.unseen().push(copied);
        }
    }
}

impl Readback {
    pub fn new(context: Arc<Context>, waits: Arc<Waits>) -> Self {
        Self { context, waits, free: Mutex::default(), unseen: Mutex::default() }
    }

    fn unseen(&self) -> MutexGuard<'_, Vec<Unseen>> {
        self.unseen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, bytes: u64) -> Result<wgpu::Buffer> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |buffer: &wgpu::Buffer| buffer.size() >= bytes && buffer.size() / 4 <= bytes.max(1024);
        if let Some(i) = free.iter().position(fits) {
            return Ok(free.swap_remove(i));
        }
        drop(free);
        let size = bytes.next_power_of_two().max(4096).min(self.context.limits.max_buffer_size & !3);
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let descriptor = wgpu::BufferDescriptor { label: Some("readback"), size, usage, mapped_at_creation: false };
        self.context.scoped(|| self.context.device.create_buffer(&descriptor))
    }

    fn give_back(&self, buffer: wgpu::Buffer) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        if free.iter().map(wgpu::Buffer::size).sum::<u64>() + buffer.size() <= MAX_CACHED {
            free.push(buffer);
        }
    }

    pub fn empty(&self) {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    pub async fn read(&self, recorder: &Recorder, from: &GpuBuffer, out: &mut [u8]) -> Result<()> {
        for (i, part) in out.chunks_mut(MAX_READ).enumerate() {
            self.copy(recorder, Some((from, (i * MAX_READ) as u64)), part).await?;
        }
        Ok(())
    }

    /// Waits for all that is recorded, and looks whether a kernel has reported something.
    pub async fn wait(&self, recorder: &Recorder) -> Result<()> {
        if recorder.has_reports() {
            return self.copy(recorder, None, &mut []).await;
        }
        recorder.submit()?;
        let (signal, complete) = self.waits.signal();
        self.context.queue.on_submitted_work_done(move || complete(Ok(())));
        signal.await?;
        self.check_unseen()
    }

    /// Copies a part of a buffer, if one is given. An error tells what kernels have reported by then.
    async fn copy(&self, recorder: &Recorder, from: Option<(&GpuBuffer, u64)>, out: &mut [u8]) -> Result<()> {
        let bytes = (out.len() as u64).next_multiple_of(4);
        let has_status = recorder.has_reports();
        let end = if has_status { bytes + STATUS_BYTES } else { bytes };
        let buffer = self.take(end)?;
        recorder.copy_out(from, &buffer, bytes, has_status)?;
        let (signal, complete) = self.waits.signal();
        let context = self.context.clone();
        buffer.map_async(wgpu::MapMode::Read, 0..end, move |mapped| {
            complete(mapped.map_err(|error| context.error(error.to_string())));
        });
        let mut copy = Copy { readback: self, copied: Some(Unseen { buffer, status_at: bytes, signal }), has_status };
        if let Some(copied) = &mut copy.copied {
            (&mut copied.signal).await?;
        }
        let Some(copied) = copy.copied.take() else { return Ok(()) };
        let status = self.look(&copied, has_status, out);
        self.give_back(copied.buffer);
        // What was recorded before is older.
        self.check_unseen().and(status)
    }

    /// Copies the elements out of a mapped buffer, and reads the status behind them.
    fn look(&self, copied: &Unseen, has_status: bool, out: &mut [u8]) -> Result<()> {
        let Unseen { buffer, status_at, .. } = copied;
        let end = if has_status { status_at + STATUS_BYTES } else { *status_at };
        let view = buffer.get_mapped_range(0..end).map_err(|e| self.context.error(e.to_string()))?;
        out.copy_from_slice(&view[..out.len()]);
        let status = status::check(&view[*status_at as usize..]);
        drop(view);
        buffer.unmap();
        status
    }

    /// What copies say whose futures were dropped.
    fn check_unseen(&self) -> Result<()> {
        let done: Vec<Unseen> = self.unseen().extract_if(.., |copied| copied.signal.result().is_some()).collect();
        let mut first = Ok(());
        for copied in done {
            let seen = match copied.signal.result() {
                Some(Err(error)) => Err(error),
                _ => self.look(&copied, true, &mut []),
            };
            first = first.and(seen);
            self.give_back(copied.buffer);
        }
        first
    }
}
