//! Reading buffers: a copy to a mapped buffer, recycled like the others.

use std::sync::{Arc, Mutex, PoisonError, mpsc};

use super::{
    context::Context,
    encoder::Recorder,
    memory::GpuBuffer,
    status::{self, STATUS_BYTES},
};
use crate::{Result, interrupt};

/// Bytes of mapped buffers that are kept for the next read.
const MAX_CACHED: u64 = 64 << 20;
/// Bytes that are read at a time.
const MAX_READ: usize = 64 << 20;

/// Mapped buffers that wait for their next use.
pub(super) struct Readback {
    context: Arc<Context>,
    free: Mutex<Vec<wgpu::Buffer>>,
    /// Held by the thread that copies, waits and looks: with several of them at it, a mapped buffer has been seen, once,
    /// to show what an earlier read had left in it.
    turn: Mutex<()>,
}

impl Readback {
    pub fn new(context: Arc<Context>) -> Self {
        Self { context, free: Mutex::default(), turn: Mutex::default() }
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

    pub fn read(&self, recorder: &Recorder, from: &GpuBuffer, out: &mut [u8]) -> Result<()> {
        let parts = out.chunks_mut(MAX_READ).enumerate();
        parts.into_iter().try_for_each(|(i, part)| self.copy(recorder, Some((from, (i * MAX_READ) as u64)), part))
    }

    /// Waits for all that is recorded, and looks whether a kernel has reported something.
    pub fn wait(&self, recorder: &Recorder) -> Result<()> {
        if recorder.has_reports() {
            return self.copy(recorder, None, &mut []);
        }
        recorder.submit()?;
        recorder.idle()
    }

    /// Copies a part of a buffer, if one is given. An error tells what kernels have reported by then.
    fn copy(&self, recorder: &Recorder, from: Option<(&GpuBuffer, u64)>, out: &mut [u8]) -> Result<()> {
        if interrupt::is_watched() {
            // Who can be interrupted waits for much work without a lock. What is done already costs no wait.
            recorder.submit()?;
            recorder.idle()?;
        }
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = (out.len() as u64).next_multiple_of(4);
        let reports = recorder.has_reports();
        let end = if reports { bytes + STATUS_BYTES } else { bytes };
        let buffer = self.take(end)?;
        recorder.copy_out(from, &buffer, bytes, reports)?;
        let (send, receive) = mpsc::channel();
        buffer.map_async(wgpu::MapMode::Read, 0..end, move |result| drop(send.send(result)));
        recorder.wait(None)?;
        // Another thread that waits too may have taken the callback and not called it yet.
        match receive.recv() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(self.context.error(error.to_string())),
            Err(_) => return Err(self.context.error("the buffer was not mapped")),
        }
        let view = buffer.get_mapped_range(0..end).map_err(|e| self.context.error(e.to_string()))?;
        out.copy_from_slice(&view[..out.len()]);
        let status = status::check(&view[bytes as usize..]);
        drop(view);
        buffer.unmap();
        self.give_back(buffer);
        status
    }
}
