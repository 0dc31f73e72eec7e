//! Who computes what is pending, and who waits for it.
//!
//! The engine's lock guards its queue and its plans, and is not held while kernels run. One run at a time belongs to
//! a device. The thread that starts one computes it, and leaves it in the engine where it stops to ask whether it is
//! interrupted: whoever needs a result continues it.

use std::{
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use super::{
    engine::{Engine, EngineGuard, Run},
    release::Locked,
};
use crate::{Device, Result, interrupt, threads};

/// A device's engine, and a bell for those who wait for its run.
#[derive(Default)]
pub(crate) struct Queue {
    engine: Mutex<Engine>,
    changed: Condvar,
}

/// Where the run of a device is.
#[derive(Default)]
pub(super) enum Running {
    #[default]
    Nothing,
    /// A thread of the process of that generation computes it.
    Elsewhere { generation: u32 },
    /// It waits to be continued.
    Paused(Box<Run>),
}

/// What a thread that wants results finds.
enum Turn<'a> {
    /// Nothing is pending.
    Done,
    /// Another thread still computes.
    Busy,
    /// It has a run to compute, which ends with what was pending now (or before, if it is not new).
    Run { run: Held<'a>, is_new: bool },
}

/// A run in the hands of the thread that computes it.
struct Held<'a> {
    device: &'a Device,
    run: Option<Box<Run>>,
    /// Between kernels, and not in one that may panic.
    is_whole: bool,
}

impl Drop for Held<'_> {
    /// Leaves the run to others. After a panic it is lost, and the nodes that it computed.
    fn drop(&mut self) {
        if let Some(run) = self.run.take() {
            let next = if self.is_whole { Running::Paused(run) } else { Running::Nothing };
            let queue = self.device.queue();
            queue.set(queue.lock(), next);
        }
    }
}

impl Queue {
    pub fn lock(&self) -> EngineGuard<'_> {
        let locked = Locked::new();
        // A panic leaves nodes in a state of their own; the queue itself is whole.
        EngineGuard { engine: self.engine.lock().unwrap_or_else(PoisonError::into_inner), locked }
    }

    /// Says where the run is now, to those who wait as well.
    fn set(&self, mut guard: EngineGuard<'_>, running: Running) {
        guard.running = running;
        let is_awaited = guard.waiting > 0;
        drop(guard);
        if is_awaited {
            self.changed.notify_all();
        }
    }

    fn wait<'a>(&'a self, mut guard: EngineGuard<'a>, limit: Duration) -> EngineGuard<'a> {
        guard.waiting += 1;
        let EngineGuard { engine, locked } = guard;
        let (mut engine, _) = self.changed.wait_timeout(engine, limit).unwrap_or_else(PoisonError::into_inner);
        engine.waiting -= 1;
        EngineGuard { engine, locked }
    }
}

/// Takes the run of a device, or makes one of what is pending. Waits for another thread's so long.
fn turn(device: &Device, limit: Duration) -> Turn<'_> {
    let queue = device.queue();
    let mut start = None;
    let mut engine = queue.lock();
    loop {
        let elsewhere = Running::Elsewhere { generation: threads::generation() };
        match std::mem::take(&mut engine.running) {
            Running::Elsewhere { generation } if generation == threads::generation() => {
                engine.running = elsewhere;
                let waited = start.get_or_insert_with(Instant::now).elapsed();
                let Some(left) = limit.checked_sub(waited).filter(|left| !left.is_zero()) else {
                    return Turn::Busy;
                };
                engine = queue.wait(engine, left);
            }
            Running::Paused(run) => {
                engine.running = elsewhere;
                return Turn::Run { run: Held { device, run: Some(run), is_whole: true }, is_new: false };
            }
            // What a thread of the parent was computing when this process was forked is lost here.
            Running::Nothing | Running::Elsewhere { .. } => {
                let Some(run) = engine.start(device) else { return Turn::Done };
                engine.running = elsewhere;
                return Turn::Run { run: Held { device, run: Some(Box::new(run)), is_whole: true }, is_new: true };
            }
        }
    }
}

impl Held<'_> {
    /// Computes to the end, or for a time; kernels that take longer than that are left to a thread of their own. `None`
    /// if the run is not done.
    fn compute(self, limit: Option<Duration>) -> Option<Result<()>> {
        // Owners of foreign memory are dropped after others can take the run: what they do may wait for such others.
        let _locked = Locked::new();
        let mut held = self;
        let device = held.device;
        let end = limit.map(|limit| Instant::now() + limit);
        while let Some(run) = held.run.as_mut().filter(|run| !run.is_done()) {
            if end.is_some_and(|end| Instant::now() >= end) {
                return None;
            }
            if end.is_some() && run.next_is_long() {
                return held.delegate();
            }
            held.is_whole = false;
            run.step(device);
            held.is_whole = true;
        }
        let run = held.run.take()?;
        let (done, buffers) = run.finish(device);
        let mut engine = device.queue().lock();
        engine.reuse(buffers);
        device.queue().set(engine, Running::Nothing);
        Some(done)
    }

    /// Leaves the next kernel to another thread.
    fn delegate(mut self) -> Option<Result<()>> {
        let run = self.run.take()?;
        // Where the thread cannot be started, the run is found here again.
        let run = Arc::new(Mutex::new(Some(run)));
        let (device, shared) = (self.device.clone(), run.clone());
        let step = move || {
            let _locked = Locked::new();
            let run = shared.lock().unwrap_or_else(PoisonError::into_inner).take();
            let mut held = Held { device: &device, run, is_whole: false };
            held.run.iter_mut().for_each(|run| run.step(&device));
            held.is_whole = true;
        };
        if thread::Builder::new().name("kiln-kernel".into()).spawn(step).is_ok() {
            return None;
        }
        self.run = run.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.compute(None)
    }
}

/// Computes every pending node that someone can still reach, and waits for other threads that do.
pub(crate) fn flush(device: &Device) -> Result<()> {
    let watched = interrupt::is_watched();
    let limit = watched.then_some(interrupt::TICK);
    let mut first = Ok(());
    loop {
        match turn(device, limit.unwrap_or(Duration::MAX)) {
            Turn::Done => return first,
            Turn::Busy => interrupt::check()?,
            Turn::Run { run, is_new } => match run.compute(limit) {
                Some(done) => {
                    first = first.and(done);
                    if is_new {
                        return first;
                    }
                }
                None => interrupt::check()?,
            },
        }
    }
}

/// Computes some of what is pending, as there is much of it. Where calls can be interrupted this one takes a short time,
/// as the caller asks for nothing that would have to be complete, and may hold a lock of its program's.
pub(crate) fn make_room(device: &Device) -> Result<()> {
    if !interrupt::is_watched() {
        return flush(device);
    }
    match turn(device, interrupt::TICK) {
        Turn::Done | Turn::Busy => Ok(()),
        Turn::Run { run, .. } => run.compute(Some(interrupt::TICK)).unwrap_or(Ok(())),
    }
}
