//! The threads that compute: one pool for the process, and a new one for each forked child.
//!
//! A child has only the thread that forked. A pool that its parent had started has no threads there, and whoever waits
//! for them waits for ever.

use std::{
    ptr::null_mut,
    sync::{
        OnceLock,
        atomic::{AtomicPtr, AtomicU64, Ordering},
    },
    thread,
};

use rayon::{ThreadPool, ThreadPoolBuilder};

/// How many threads work together: `RAYON_NUM_THREADS`, or as many as the system offers.
pub(crate) fn count() -> usize {
    static COUNT: OnceLock<usize> = OnceLock::new();
    *COUNT.get_or_init(|| {
        let asked = std::env::var("RAYON_NUM_THREADS").ok().and_then(|n| n.parse().ok()).filter(|&n| n > 0);
        asked.unwrap_or_else(|| thread::available_parallelism().map_or(1, |n| n.get()))
    })
}

struct Started {
    pool: ThreadPool,
    generation: u32,
}

/// The pool of this process, started when it is first asked for; `None` if the system starts no threads.
pub(crate) fn pool() -> Option<&'static ThreadPool> {
    // No lock guards it, as a thread that does not exist in the child could have held one.
    static POOL: AtomicPtr<Started> = AtomicPtr::new(null_mut());
    let generation = generation();
    let known = POOL.load(Ordering::Acquire);
    // SAFETY: what is stored there is never freed.
    if let Some(started) = unsafe { known.as_ref() }.filter(|started| started.generation == generation) {
        return Some(&started.pool);
    }
    let name = |i| format!("kiln-{i}");
    let pool = ThreadPoolBuilder::new().num_threads(count()).thread_name(name).build().ok()?;
    let started = Box::into_raw(Box::new(Started { pool, generation }));
    // The parent's pool is left as it is: to drop it is to wait for its threads.
    match POOL.compare_exchange(known, started, Ordering::AcqRel, Ordering::Acquire) {
        // SAFETY: as above, from now on.
        Ok(_) => Some(unsafe { &(*started).pool }),
        Err(other) => {
            // SAFETY: another thread was faster, and nobody has seen this pool.
            drop(unsafe { Box::from_raw(started) });
            // SAFETY: as above.
            Some(unsafe { &(*other).pool })
        }
    }
}

/// Calls a function in the pool, so that what it divides among threads by rayon's means goes to these.
///
/// # Panics
/// If the function does.
pub(crate) fn install<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    let Some(pool) = pool() else { return f() };
    if rayon::current_thread_index().is_none() || pool.current_thread_index().is_some() {
        return pool.install(f);
    }
    // A worker of another pool takes up other tasks of its pool while it waits for this one. Such a task may need what
    // this thread is about to compute, and would wait for itself. A thread that rayon does not know just waits.
    thread::scope(|scope| match scope.spawn(|| pool.install(f)).join() {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

/// A number that no other thread of the process has, or had.
#[inline]
pub(crate) fn id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    thread_local! {
        static ID: u64 = NEXT.fetch_add(1, Ordering::Relaxed);
    }
    // Where the thread's own memory is gone already, it shares a queue with others at their end.
    ID.try_with(|id| *id).unwrap_or(u64::MAX)
}

/// How many forks lie between this process and the first one that called this.
pub(crate) fn generation() -> u32 {
    #[cfg(unix)]
    {
        use std::sync::{Once, atomic::AtomicU32};

        static GENERATION: AtomicU32 = AtomicU32::new(0);
        static WATCH: Once = Once::new();
        unsafe extern "C" fn forked() {
            GENERATION.fetch_add(1, Ordering::Relaxed);
        }
        // SAFETY: the handler only adds to an atomic number, as is allowed between a fork and what follows it.
        WATCH.call_once(|| unsafe {
            libc::pthread_atfork(None, None, Some(forked));
        });
        GENERATION.load(Ordering::Relaxed)
    }
    #[cfg(not(unix))]
    0
}
