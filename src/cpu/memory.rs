//! Buffers in host memory: pooled ones, and foreign ones that are only read.

use std::{
    alloc::{self, Layout, alloc_zeroed, dealloc},
    any::Any,
    mem::ManuallyDrop,
    ptr::NonNull,
    sync::Arc,
};

use crate::{
    Error, Result,
    graph::{
        executor::{Buffer, HostMemory, Lent, Storage},
        pool::{self, Allocate},
        release::give_back,
    },
};

/// Every pooled buffer starts at a multiple of this: a cache line, and the widest SIMD register.
pub(super) const ALIGN: usize = 64;

/// Large pages, where the system has them: buffers from two of them on are aligned to this.
const PAGE: usize = 2 << 20;

/// The free list of a CPU device.
pub(super) type Pool = pool::Pool<System>;

/// The process's allocator.
pub(super) struct System;

/// A piece of memory of the process's allocator.
pub(super) struct Block {
    data: NonNull<u8>,
    capacity: usize,
}

// SAFETY: a block is owned by one holder at a time: the free list or a buffer.
unsafe impl Send for Block {}

impl Drop for Block {
    fn drop(&mut self) {
        if let Some(layout) = layout(self.capacity) {
            // SAFETY: the block came from `fresh`, with this very layout.
            unsafe { dealloc(self.data.as_ptr(), layout) }
        }
    }
}

impl Allocate for System {
    type Block = Block;

    fn allocate(&self, size: u64) -> Result<Block> {
        let block = usize::try_from(size).ok().and_then(fresh);
        block.ok_or_else(|| Error::OutOfMemory { device: self.device(), bytes: size, live: 0 })
    }

    fn device(&self) -> String {
        "cpu".into()
    }
}

/// The capacity for a request: eight classes an octave waste at most an eighth.
fn capacity(bytes: usize) -> usize {
    let bytes = bytes.max(ALIGN);
    let step = (bytes.next_power_of_two() / 16).max(ALIGN);
    bytes.next_multiple_of(step)
}

fn layout(capacity: usize) -> Option<Layout> {
    Layout::from_size_align(capacity, if capacity < 2 * PAGE { ALIGN } else { PAGE }).ok()
}

/// Zeroed memory from the system.
fn fresh(capacity: usize) -> Option<Block> {
    let layout = layout(capacity)?;
    if layout.align() == ALIGN {
        // SAFETY: the capacity is not zero.
        let data = NonNull::new(unsafe { alloc_zeroed(layout) })?;
        return Some(Block { data, capacity });
    }
    // SAFETY: the capacity is not zero.
    let data = NonNull::new(unsafe { alloc::alloc(layout) })?;
    // Streaming through 4 KiB pages costs a translation each. A refusal changes nothing but the speed.
    #[cfg(target_os = "linux")]
    // SAFETY: the range is ours, and the advice leaves its contents alone.
    unsafe {
        libc::madvise(data.as_ptr().cast(), capacity, libc::MADV_HUGEPAGE);
    }
    // SAFETY: the block is this long.
    unsafe { data.write_bytes(0, capacity) };
    Some(Block { data, capacity })
}

/// A buffer with undefined contents.
pub(super) fn alloc(pool: &Arc<Pool>, bytes: usize) -> Result<HostBuffer> {
    if bytes > isize::MAX as usize / 2 {
        return Err(Error::TooLarge {
            op: "alloc",
            bytes: bytes as u64,
            limit: isize::MAX as u64 / 2,
            what: "host memory",
            device: "cpu".into(),
        });
    }
    let block = ManuallyDrop::new(pool.take(capacity(bytes) as u64)?);
    Ok(HostBuffer { data: block.data, bytes: block.capacity, owner: Owner::Pool(pool.clone()) })
}

/// A buffer of the CPU executor.
pub(crate) struct HostBuffer {
    data: NonNull<u8>,
    bytes: usize,
    owner: Owner,
}

/// Who frees the memory.
enum Owner {
    Pool(Arc<Pool>),
    /// Given back with the buffer.
    Foreign(Option<Box<dyn HostMemory>>),
}

// SAFETY: the memory has one owner; kernels that write to it run one after the other.
unsafe impl Send for HostBuffer {}
// SAFETY: as above: shared access is reading, or a launch, which the executor's user orders.
unsafe impl Sync for HostBuffer {}

impl HostBuffer {
    /// Foreign memory, read but never written; the owner lives as long as the buffer.
    pub fn adopt(mut owner: Box<dyn HostMemory>) -> Buffer {
        let bytes = owner.bytes();
        Arc::new(Self { data: bytes.cast(), bytes: bytes.len(), owner: Owner::Foreign(Some(owner)) })
    }

    pub(super) fn as_ptr(&self) -> *mut u8 {
        self.data.as_ptr()
    }
}

impl Storage for HostBuffer {
    fn host(&self) -> Option<&[u8]> {
        // SAFETY: the memory is initialised (pooled blocks start as zeros) and lives as long as `self`.
        Some(unsafe { std::slice::from_raw_parts(self.data.as_ptr(), self.bytes) })
    }

    fn is_writable(&self) -> bool {
        matches!(self.owner, Owner::Pool(_))
    }

    fn lend(&self) -> Option<Lent> {
        let read_only = matches!(&self.owner, Owner::Foreign(Some(owner)) if owner.is_read_only());
        Some(Lent { data: self.data, read_only })
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Drop for HostBuffer {
    fn drop(&mut self) {
        match &mut self.owner {
            Owner::Pool(pool) => {
                pool.give_back(self.bytes as u64, Block { data: self.data, capacity: self.bytes });
            }
            Owner::Foreign(owner) => owner.take().into_iter().for_each(give_back),
        }
    }
}
