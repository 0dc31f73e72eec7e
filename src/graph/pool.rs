//! Memory that is kept for its next use: to give it back to the system and to ask again is slow.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{Error, Result, device::Memory, hash::FastMap};

/// Bytes that may always lie in the cache, however little is in use.
const CACHE_FLOOR: u64 = 256 << 20;

/// Where an executor's memory comes from.
pub(crate) trait Allocate {
    /// A piece of memory, given back to the system when it is dropped.
    type Block;
    /// A block of exactly this size.
    ///
    /// # Errors
    /// If the system has no more, or fails.
    fn allocate(&self, size: u64) -> Result<Self::Block>;
    /// Waits until the system has the memory of blocks that were dropped.
    ///
    /// # Errors
    /// If the device fails.
    fn reclaim(&self) -> Result<()> {
        Ok(())
    }
    /// The device's name, for errors.
    fn device(&self) -> String;
}

/// Blocks by their size. In use and in the cache together are at most [`CACHE_FLOOR`] more than ever were in use; above
/// that, blocks that were used least recently go back to the system.
pub(crate) struct Pool<A: Allocate> {
    pub system: A,
    state: Mutex<State<A::Block>>,
}

struct State<B> {
    /// With the time at which they came, the latest last.
    free: FastMap<u64, VecDeque<(u64, B)>>,
    clock: u64,
    memory: Memory,
}

impl<B> State<B> {
    fn reuse(&mut self, size: u64) -> Option<B> {
        let (_, block) = self.free.get_mut(&size)?.pop_back()?;
        self.memory.cached -= size;
        self.count(size);
        Some(block)
    }

    fn count(&mut self, size: u64) {
        self.memory.live += size;
        self.memory.peak = self.memory.peak.max(self.memory.live);
    }

    fn oldest(&mut self) -> Option<B> {
        let first = |(&size, blocks): (&u64, &VecDeque<(u64, B)>)| Some((blocks.front()?.0, size));
        let (_, size) = self.free.iter().filter_map(first).min()?;
        self.memory.cached -= size;
        Some(self.free.get_mut(&size)?.pop_front()?.1)
    }
}

impl<A: Allocate> Pool<A> {
    pub fn new(system: A) -> Arc<Self> {
        let state = State { free: FastMap::default(), clock: 0, memory: Memory::default() };
        Arc::new(Self { system, state: Mutex::new(state) })
    }

    fn lock(&self) -> MutexGuard<'_, State<A::Block>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A block with undefined contents.
    ///
    /// # Errors
    /// If there is no memory, even after the cache has been given back.
    pub fn take(&self, size: u64) -> Result<A::Block> {
        if let Some(block) = self.lock().reuse(size) {
            return Ok(block);
        }
        let block = self.system.allocate(size).or_else(|_| {
            self.empty();
            self.system.reclaim()?;
            self.system.allocate(size)
        });
        match block {
            Ok(block) => {
                self.lock().count(size);
                Ok(block)
            }
            Err(Error::OutOfMemory { .. }) => {
                let Memory { live, .. } = self.memory();
                Err(Error::OutOfMemory { device: self.system.device(), bytes: size, live })
            }
            Err(error) => Err(error),
        }
    }

    /// Takes a block back.
    pub fn give_back(&self, size: u64, block: A::Block) {
        let mut state = self.lock();
        state.clock += 1;
        let now = state.clock;
        state.memory.live -= size;
        state.memory.cached += size;
        state.free.entry(size).or_default().push_back((now, block));
        while state.memory.live + state.memory.cached > state.memory.peak + CACHE_FLOOR {
            let Some(oldest) = state.oldest() else { return };
            // The system takes its time.
            drop(state);
            drop(oldest);
            state = self.lock();
        }
    }

    pub fn memory(&self) -> Memory {
        self.lock().memory
    }

    /// Gives the cache back to the system.
    pub fn empty(&self) {
        let free = {
            let mut state = self.lock();
            state.memory.cached = 0;
            std::mem::take(&mut state.free)
        };
        drop(free);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// A system with so many bytes.
    struct Limited {
        left: Arc<AtomicU64>,
    }

    struct Piece {
        size: u64,
        left: Arc<AtomicU64>,
    }

    impl Drop for Piece {
        fn drop(&mut self) {
            self.left.fetch_add(self.size, Ordering::Relaxed);
        }
    }

    impl Allocate for Limited {
        type Block = Piece;
        fn allocate(&self, size: u64) -> Result<Piece> {
            let take = |left: u64| left.checked_sub(size);
            match self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take) {
                Ok(_) => Ok(Piece { size, left: self.left.clone() }),
                Err(_) => Err(Error::OutOfMemory { device: self.device(), bytes: size, live: 0 }),
            }
        }
        fn device(&self) -> String {
            "limited".into()
        }
    }

    fn pool(bytes: u64) -> (Arc<Pool<Limited>>, Arc<AtomicU64>) {
        let left = Arc::new(AtomicU64::new(bytes));
        (Pool::new(Limited { left: left.clone() }), left)
    }

    #[test]
    fn the_cache_has_a_ceiling_and_loses_the_oldest() {
        let (pool, left) = pool(u64::MAX);
        let mib = 1 << 20;
        // Sizes that never come back: a cache without a ceiling would hold them all.
        for size in (1..=64).map(|n| n * mib) {
            pool.give_back(size, pool.take(size).unwrap());
        }
        let Memory { live, cached, peak } = pool.memory();
        assert!(live == 0 && peak == 64 * mib && cached <= peak + CACHE_FLOOR, "{cached}");
        assert_eq!(u64::MAX - left.load(Ordering::Relaxed), cached);
        let before = left.load(Ordering::Relaxed);
        let last = pool.take(64 * mib).unwrap();
        assert_eq!(left.load(Ordering::Relaxed), before, "the last one was still there");
        pool.give_back(64 * mib, last);
        let first = pool.take(mib).unwrap();
        assert_eq!(left.load(Ordering::Relaxed), before - mib, "the first one was not");
        pool.give_back(mib, first);
    }

    #[test]
    fn a_failed_allocation_empties_the_cache_and_counts_nothing() {
        let (pool, _) = pool(100);
        pool.give_back(60, pool.take(60).unwrap());
        let held = pool.take(80).unwrap();
        let before = pool.memory();
        assert_eq!((before.live, before.cached, before.peak), (80, 0, 80));
        let error = pool.take(50).map(drop).unwrap_err().to_string();
        assert_eq!(error, "limited: out of memory: 50 bytes were asked for, and tensors hold 80 bytes");
        assert_eq!(pool.memory(), before);
        pool.give_back(80, held);
    }
}
