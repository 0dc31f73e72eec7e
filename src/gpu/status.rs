//! What kernels report of indices that are out of range.
//!
//! A small buffer holds the first report. It travels with every read that happens anyway, so that no report costs a
//! wait of its own.

use std::sync::atomic::AtomicU64;

use super::{context::Context, memory::Raw};
use crate::{Result, op::Check};

/// Bytes of the buffer: how many threads have reported, then what the first one did.
pub(super) const STATUS_BYTES: u64 = 32;

/// The buffer, with nothing reported.
pub(super) fn buffer(context: &Context) -> Result<Raw> {
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC;
    let descriptor =
        wgpu::BufferDescriptor { label: Some("status"), size: STATUS_BYTES, usage, mapped_at_creation: false };
    let buffer = context.scoped(|| context.device.create_buffer(&descriptor))?;
    // No buffer of the pool has this number.
    Ok(Raw { buffer, id: u64::MAX, last_use: AtomicU64::new(0), groups: None })
}

/// The error that a copy of the buffer tells of.
pub(super) fn check(status: &[u8]) -> Result<()> {
    let mut words = status.chunks_exact(4).map(|word| u32::from_ne_bytes([word[0], word[1], word[2], word[3]]));
    let mut word = || words.next().unwrap_or_default();
    let [count, code, size, low, high] = [word(), word(), word(), word(), word()];
    let Some(check) = Check::from_code(code as u16).filter(|_| count > 0) else { return Ok(()) };
    let index = (high as u64) << 32 | low as u64;
    let index = if code >> 16 == 0 { (index as i64).into() } else { index.into() };
    Err(check.error(index, size as usize, true))
}
