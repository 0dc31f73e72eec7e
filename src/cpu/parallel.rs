//! Tasks divided among threads: the calling one begins at once, the others join it when they have woken up.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{self, Thread},
};

use crate::threads::pool;

/// An address that threads share.
#[derive(Clone, Copy)]
pub(super) struct Shared(pub *mut u8);
// SAFETY: whoever reads or writes there in tasks says why these do not meet.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    /// The address so many elements further on.
    pub fn at<T>(self, elements: isize) -> *mut T {
        self.0.cast::<T>().wrapping_offset(elements)
    }
}

/// Set in [`Job::helpers`] when nobody may join any more.
const CLOSED: usize = 1 << (usize::BITS - 1);

/// How often to look whether the helpers are done before going to sleep: their last task is under way.
const SPINS: usize = 2000;

/// Tasks that several threads take from.
struct Job {
    task: &'static (dyn Fn(usize) + Sync),
    tasks: usize,
    next: AtomicUsize,
    /// Helpers that are at work, and `CLOSED`.
    helpers: AtomicUsize,
    caller: Thread,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

impl Job {
    /// Does tasks until none is left.
    fn work(&self) {
        loop {
            let task = self.next.fetch_add(1, Ordering::Relaxed);
            if task >= self.tasks {
                return;
            }
            (self.task)(task);
        }
    }

    /// Works if the caller still waits.
    fn help(&self) {
        let join = |helpers| if helpers & CLOSED == 0 { Some(helpers + 1) } else { None };
        if self.helpers.fetch_update(Ordering::Acquire, Ordering::Relaxed, join).is_err() {
            return;
        }
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.work())) {
            self.panic.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(panic);
        }
        let caller = self.caller.clone();
        // From here on the task may be gone.
        if self.helpers.fetch_sub(1, Ordering::Release) == CLOSED + 1 {
            caller.unpark();
        }
    }

    /// Lets nobody join any more, and waits for those who have.
    fn close(&self) {
        self.helpers.fetch_or(CLOSED, Ordering::Relaxed);
        for _ in 0..SPINS {
            if self.helpers.load(Ordering::Acquire) == CLOSED {
                return;
            }
            std::hint::spin_loop();
        }
        while self.helpers.load(Ordering::Acquire) != CLOSED {
            thread::park();
        }
    }
}

/// Closes the job also where the caller's own task panics.
struct Close<'a>(&'a Job);

impl Drop for Close<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Calls `f` for every task, on several threads if asked.
///
/// # Panics
/// If a task does.
#[inline]
pub(super) fn for_each(tasks: usize, threads: usize, f: impl Fn(usize) + Sync) {
    run(tasks, threads, &f);
}

/// Not generic: a call for each task costs nothing, and the tasks' code is there once.
fn run(tasks: usize, threads: usize, task: &(dyn Fn(usize) + Sync)) {
    let helpers = if threads > 1 && tasks > 1 { pool() } else { None };
    let Some(helpers) = helpers else { return (0..tasks).for_each(task) };
    // SAFETY: the task is called only between a helper's joining and leaving, and this function returns, or unwinds,
    // only when the job is closed and all who had joined have left.
    let task: &'static (dyn Fn(usize) + Sync) = unsafe { std::mem::transmute(task) };
    let job = Arc::new(Job {
        task,
        tasks,
        next: AtomicUsize::new(0),
        helpers: AtomicUsize::new(0),
        caller: thread::current(),
        panic: Mutex::new(None),
    });
    for _ in 1..threads.min(tasks) {
        let job = job.clone();
        helpers.spawn(move || job.help());
    }
    let close = Close(&job);
    job.work();
    drop(close);
    if let Some(panic) = job.panic.lock().unwrap_or_else(PoisonError::into_inner).take() {
        resume_unwind(panic);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_is_done_once() {
        for tasks in [0, 1, 2, 7, 1000] {
            for threads in [1, 2, 5] {
                let done: Vec<AtomicUsize> = (0..tasks).map(|_| AtomicUsize::new(0)).collect();
                for_each(tasks, threads, |i| _ = done[i].fetch_add(1, Ordering::Relaxed));
                assert!(done.iter().all(|n| n.load(Ordering::Relaxed) == 1), "{tasks} tasks on {threads} threads");
            }
        }
    }

    #[test]
    fn tasks_may_divide_their_work_again() {
        let sum = AtomicUsize::new(0);
        for_each(8, 4, |i| for_each(8, 4, |j| _ = sum.fetch_add(i * 8 + j, Ordering::Relaxed)));
        assert_eq!(sum.into_inner(), 63 * 64 / 2);
    }

    #[test]
    fn a_panic_reaches_the_caller() {
        for guilty in [0, 99] {
            let run = || for_each(100, 3, |i| assert_ne!(i, guilty, "task {i}"));
            assert!(catch_unwind(run).is_err());
        }
        for_each(10, 3, |_| {});
    }
}
