//! Work that a flush has taken from the queues: who computes it, and who waits for it.
//!
//! No lock is held while kernels are planned, compiled or run. The thread that flushes computes, and where it stops to
//! ask whether it is interrupted, or in a future, it leaves the run here: whoever needs a result continues it.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Waker,
    thread,
    time::{Duration, Instant},
};

use super::{release::Locked, run::Run};
use crate::{Device, Error, Result, threads};

/// One flush's run, as its nodes see it until they have their results.
pub(crate) struct Submission {
    state: Mutex<Shared>,
}

struct Shared {
    progress: Progress,
    /// Of those who wait.
    wakers: Vec<Waker>,
}

enum Progress {
    /// A thread of the process of that generation plans or computes it.
    Elsewhere { generation: u32 },
    /// It waits to be continued.
    Paused(Box<Run>),
    /// Every node has its result, unless a panic or a fork has lost it.
    Over,
}

/// How far a call has come with a submission.
pub(super) enum Advance {
    /// It is over, with the first error of its run if this call has computed the last of it.
    Over(Result<()>),
    /// The time is over.
    Paused,
    /// It waits for this one, which may be itself where another thread computes it.
    Waits(Arc<Submission>),
}

/// A submission in the hands of the thread that plans or computes it.
pub(super) struct Held<'a> {
    submission: &'a Arc<Submission>,
    run: Option<Box<Run>>,
    /// The run is between two kernels, and not in one that may panic.
    is_whole: bool,
}

impl Drop for Held<'_> {
    /// Leaves the run to others. After a panic it is lost, with the results that it would have had.
    fn drop(&mut self) {
        let next = match self.run.take() {
            Some(run) if self.is_whole => Progress::Paused(run),
            _ => Progress::Over,
        };
        self.submission.set(next);
    }
}

impl Submission {
    /// A submission that this thread is about to plan and compute.
    pub fn new() -> Arc<Self> {
        let progress = Progress::Elsewhere { generation: threads::generation() };
        Arc::new(Self { state: Mutex::new(Shared { progress, wakers: Vec::new() }) })
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // Every change is one assignment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, progress: Progress) {
        let mut state = self.lock();
        state.progress = progress;
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Whether nothing more will come of it.
    pub fn is_over(&self) -> bool {
        self.lock().is_over()
    }

    /// The error of a value that will never come.
    pub fn lost(op: &'static str) -> Error {
        Error::argument(op, "the value was lost in a flush that panicked, or in another process before a fork")
    }

    /// Wakes somebody when another thread has computed it, or left it to others. False if that is so already.
    pub fn wake(&self, waker: &Waker) -> bool {
        let mut state = self.lock();
        let is_elsewhere = !state.is_over() && matches!(state.progress, Progress::Elsewhere { .. });
        if is_elsewhere && !state.wakers.iter().any(|known| known.will_wake(waker)) {
            state.wakers.push(waker.clone());
        }
        is_elsewhere
    }

    /// The submission for this thread to plan.
    pub(super) fn hold(self: &Arc<Self>) -> Held<'_> {
        Held { submission: self, run: None, is_whole: false }
    }

    /// Computes it to the end, or until a time has passed, or until it has to wait for another thread. Kernels that may
    /// take longer than the time are left to a thread of their own.
    pub(super) fn advance(self: &Arc<Self>, device: &Device, limit: Option<Duration>) -> Advance {
        let run = {
            let mut state = self.lock();
            if state.is_over() {
                return Advance::Over(Ok(()));
            }
            let elsewhere = Progress::Elsewhere { generation: threads::generation() };
            match std::mem::replace(&mut state.progress, elsewhere) {
                Progress::Paused(run) => run,
                progress => {
                    state.progress = progress;
                    return Advance::Waits(self.clone());
                }
            }
        };
        Held { submission: self, run: Some(run), is_whole: true }.compute(device, limit)
    }
}

impl Shared {
    /// What a thread of the parent was computing when this process was forked is lost here.
    fn is_over(&self) -> bool {
        match self.progress {
            Progress::Over => true,
            Progress::Elsewhere { generation } => generation != threads::generation(),
            Progress::Paused(_) => false,
        }
    }
}

impl Held<'_> {
    /// Says what to compute.
    pub fn start(&mut self, run: Run) {
        (self.run, self.is_whole) = (Some(Box::new(run)), true);
    }

    pub fn compute(self, device: &Device, limit: Option<Duration>) -> Advance {
        // Owners of foreign memory are dropped after others can take the run: what they do may wait for such others.
        let _locked = Locked::new();
        let mut held = self;
        let end = limit.map(|limit| Instant::now() + limit);
        while let Some(run) = held.run.as_mut() {
            if let Some(other) = run.awaits() {
                return Advance::Waits(other);
            }
            if run.is_done() {
                break;
            }
            if end.is_some_and(|end| Instant::now() >= end) {
                return Advance::Paused;
            }
            if end.is_some() && run.next_is_long() {
                return held.delegate(device);
            }
            held.is_whole = false;
            run.step(device);
            held.is_whole = true;
        }
        let Some(run) = held.run.take() else { return Advance::Paused };
        Advance::Over(run.finish(device))
    }

    /// Leaves the next kernel to another thread.
    fn delegate(mut self, device: &Device) -> Advance {
        let Some(run) = self.run.take() else { return Advance::Paused };
        // Where the thread cannot be started, the run is found here again.
        let run = Arc::new(Mutex::new(Some(run)));
        let (device_there, submission, shared) = (device.clone(), self.submission.clone(), run.clone());
        let step = move || {
            let _locked = Locked::new();
            let run = shared.lock().unwrap_or_else(PoisonError::into_inner).take();
            let mut held = Held { submission: &submission, run, is_whole: false };
            held.run.iter_mut().for_each(|run| run.step(&device_there));
            held.is_whole = true;
        };
        if thread::Builder::new().name("kiln-kernel".into()).spawn(step).is_ok() {
            // The other thread holds it now.
            std::mem::forget(self);
            return Advance::Paused;
        }
        self.run = run.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.compute(device, None)
    }
}
