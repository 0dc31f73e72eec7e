//! Waiting for the device: futures that its callbacks complete, and who lets it call them.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context as TaskContext, Poll, Waker},
    thread,
    time::Duration,
};

use super::context::Context;
use crate::{Error, Result};

/// The futures that wait for a device.
pub(super) struct Waits {
    context: Arc<Context>,
    /// Held by the thread that waits within the driver: with several of them at it, a mapped buffer has been seen, once,
    /// to show what an earlier read had left in it.
    polling: Mutex<()>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    open: Vec<Arc<Slot>>,
    /// Whether a thread looks at the device for those who do not.
    is_watched: bool,
}

/// What a callback leaves for the future.
#[derive(Default)]
struct Slot(Mutex<Answer>);

#[derive(Default)]
struct Answer {
    result: Option<Result<()>>,
    waker: Option<Waker>,
}

/// A future that a callback of the device completes.
pub(super) struct Signal(Arc<Slot>);

impl Slot {
    fn lock(&self) -> MutexGuard<'_, Answer> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn complete(&self, result: Result<()>) {
        let mut answer = self.lock();
        answer.result.get_or_insert(result);
        let waker = answer.waker.take();
        drop(answer);
        waker.into_iter().for_each(Waker::wake);
    }
}

impl Signal {
    /// What the callback has said, if it has been called.
    pub fn result(&self) -> Option<Result<()>> {
        self.0.lock().result.clone()
    }
}

impl Future for Signal {
    type Output = Result<()>;

    fn poll(self: Pin<&mut Self>, context: &mut TaskContext) -> Poll<Result<()>> {
        let mut answer = self.0.lock();
        match &answer.result {
            Some(result) => Poll::Ready(result.clone()),
            None => {
                answer.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Waits {
    pub fn new(context: Arc<Context>) -> Arc<Self> {
        Arc::new(Self { context, polling: Mutex::default(), state: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A future, and what the device's callback calls to complete it.
    pub fn signal(self: &Arc<Self>) -> (Signal, impl FnOnce(Result<()>) + Send + use<>) {
        let slot = Arc::new(Slot::default());
        self.state().open.push(slot.clone());
        let (waits, answered) = (self.clone(), slot.clone());
        let complete = move |result| {
            waits.state().open.retain(|open| !Arc::ptr_eq(open, &answered));
            answered.complete(result);
        };
        (Signal(slot), complete)
    }

    /// Waits until the device has done what was submitted, and lets it call what is due; not longer than the limit, if
    /// there is one.
    pub fn progress(&self, limit: Option<Duration>) -> Result<()> {
        self.context.check()?;
        let _polling = self.polling.lock().unwrap_or_else(PoisonError::into_inner);
        self.context.poll(limit)
    }

    /// Has a thread of its own look at the device until nobody waits any more. A browser does so itself.
    pub fn watch(self: &Arc<Self>) {
        if cfg!(target_arch = "wasm32") || std::mem::replace(&mut self.state().is_watched, true) {
            return;
        }
        let waits = self.clone();
        let watcher = thread::Builder::new().name("kiln-gpu".into()).spawn(move || {
            while waits.has_open() {
                if let Err(error) = waits.progress(None) {
                    waits.fail(&error);
                }
            }
        });
        if let Err(error) = watcher {
            self.state().is_watched = false;
            self.fail(&Error::argument("read", format!("no thread could be started: {error}")));
        }
    }

    /// Whether somebody waits; if not, the watcher's time is over.
    fn has_open(&self) -> bool {
        let mut state = self.state();
        state.is_watched = !state.open.is_empty();
        state.is_watched
    }

    fn fail(&self, error: &Error) {
        let open = std::mem::take(&mut self.state().open);
        open.iter().for_each(|slot| slot.complete(Err(error.clone())));
    }
}
