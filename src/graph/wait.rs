//! Waiting for futures: by a thread that has nothing else to do, or by somebody's runtime.

use std::{
    future::Future,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::Duration,
};

use super::executor::Executor;
use crate::{Device, Result, interrupt};

/// How long a thread sleeps at most before it looks at the device again.
const PAUSE: Duration = Duration::from_millis(1);

/// Wakes a thread that waits.
struct Sleeper {
    thread: Thread,
    is_awake: AtomicBool,
}

impl Wake for Sleeper {
    fn wake(self: Arc<Self>) {
        self.is_awake.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

/// Runs a future to its end. Where calls can be interrupted, this one asks every 50 ms whether it is.
pub(crate) fn block_on<T>(executor: &dyn Executor, future: impl Future<Output = Result<T>>) -> Result<T> {
    let mut future = pin!(future);
    // Most futures are done at once, and want no waker.
    if let Poll::Ready(result) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        return result;
    }
    let sleeper = Arc::new(Sleeper { thread: thread::current(), is_awake: AtomicBool::new(false) });
    let waker = Waker::from(sleeper.clone());
    loop {
        interrupt::check()?;
        if let Poll::Ready(result) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return result;
        }
        if !sleeper.is_awake.load(Ordering::Acquire) {
            executor.progress(interrupt::tick())?;
        }
        if !sleeper.is_awake.swap(false, Ordering::AcqRel) {
            // It waits for another thread, or for what that thread has yet to hand to the device.
            thread::park_timeout(PAUSE);
        }
    }
}

/// A future for other runtimes than [`block_on`]: nobody of theirs tells the device to look what is done.
pub(crate) struct Watched<'a, F> {
    pub device: &'a Device,
    pub future: F,
}

impl<T, F: Future<Output = Result<T>> + Unpin> Future for Watched<'_, F> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context) -> Poll<Result<T>> {
        let polled = Pin::new(&mut self.future).poll(context);
        if polled.is_pending() {
            self.device.executor().watch();
        }
        polled
    }
}
