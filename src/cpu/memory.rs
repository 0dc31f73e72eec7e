//! Buffers in host memory: pooled ones, and foreign ones that are only read.

use std::{
    alloc::{Layout, alloc, alloc_zeroed, dealloc},
    any::Any,
    ptr::NonNull,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    Result,
    device::Memory,
    error::Error,
    graph::{
        executor::{Buffer, HostMemory, Lent, Storage},
        release::give_back,
    },
    hash::FastMap,
};

/// Every pooled buffer starts at a multiple of this: a cache line, and the widest SIMD register.
pub(super) const ALIGN: usize = 64;

/// Large pages, where the system has them: buffers from two of them on are aligned to this.
const PAGE: usize = 2 << 20;

/// Bytes that may always lie in the cache, however little is in use.
const CACHE_FLOOR: u64 = 256 << 20;

/// The free list: giving memory back to the system and asking again costs page faults.
#[derive(Default)]
pub(super) struct Pool {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    free: FastMap<usize, Vec<Block>>,
    memory: Memory,
}

/// A piece of memory that this process's allocator gave.
struct Block(NonNull<u8>);
// SAFETY: a block is owned by one holder at a time: the free list or a buffer.
unsafe impl Send for Block {}

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
        return NonNull::new(unsafe { alloc_zeroed(layout) }).map(Block);
    }
    // SAFETY: the capacity is not zero.
    let data = NonNull::new(unsafe { alloc(layout) })?;
    // Streaming through 4 KiB pages costs a translation each. A refusal changes nothing but the speed.
    #[cfg(target_os = "linux")]
    // SAFETY: the range is ours, and the advice leaves its contents alone.
    unsafe {
        libc::madvise(data.as_ptr().cast(), capacity, libc::MADV_HUGEPAGE);
    }
    // SAFETY: the block is this long.
    unsafe { data.write_bytes(0, capacity) };
    Some(Block(data))
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A buffer with undefined contents.
    pub fn alloc(self: &Arc<Self>, bytes: usize) -> Result<Buffer> {
        Ok(Arc::new(self.take(bytes)?))
    }

    /// Like [`alloc`](Self::alloc), for scratch that only this executor sees.
    pub fn take(self: &Arc<Self>, bytes: usize) -> Result<HostBuffer> {
        let too_large = || Error::TooLarge {
            op: "alloc",
            bytes: bytes as u64,
            limit: isize::MAX as u64,
            what: "host memory",
            device: "cpu".into(),
        };
        if bytes > isize::MAX as usize / 2 {
            return Err(too_large());
        }
        let capacity = capacity(bytes);
        let cached = {
            let mut state = self.lock();
            let block = state.free.get_mut(&capacity).and_then(Vec::pop);
            if block.is_some() {
                state.memory.cached -= capacity as u64;
            }
            state.memory.live += capacity as u64;
            state.memory.peak = state.memory.peak.max(state.memory.live);
            block
        };
        match cached.or_else(|| fresh(capacity)) {
            Some(Block(data)) => Ok(HostBuffer { data, bytes: capacity, owner: Owner::Pool(self.clone()) }),
            None => {
                self.lock().memory.live -= capacity as u64;
                Err(too_large())
            }
        }
    }

    fn give_back(&self, data: NonNull<u8>, capacity: usize) {
        let mut state = self.lock();
        state.memory.live -= capacity as u64;
        let Memory { live, cached, peak } = state.memory;
        if live + cached + capacity as u64 <= peak + CACHE_FLOOR {
            state.memory.cached += capacity as u64;
            state.free.entry(capacity).or_default().push(Block(data));
        } else {
            drop(state);
            free(data, capacity);
        }
    }

    pub fn memory(&self) -> Memory {
        self.lock().memory
    }

    pub fn empty(&self) {
        let blocks = {
            let mut state = self.lock();
            state.memory.cached = 0;
            std::mem::take(&mut state.free)
        };
        for (capacity, blocks) in blocks {
            blocks.into_iter().for_each(|Block(data)| free(data, capacity));
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.empty();
    }
}

fn free(data: NonNull<u8>, capacity: usize) {
    if let Some(layout) = layout(capacity) {
        // SAFETY: the block came from `fresh`, with this very layout.
        unsafe { dealloc(data.as_ptr(), layout) }
    }
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
            Owner::Pool(pool) => pool.give_back(self.data, self.bytes),
            Owner::Foreign(owner) => owner.take().into_iter().for_each(give_back),
        }
    }
}
