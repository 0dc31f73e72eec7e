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
    let mut done = None;
    let mut poll = |context: &mut Context| match future.as_mut().poll(context) {
        Poll::Ready(result) => {
            done = Some(result);
            true
        }
        Poll::Pending => false,
    };
    // Most futures are done at once, and want no waker.
    if !poll(&mut Context::from_waker(Waker::noop())) {
        wait(executor, &mut poll)?;
    }
    done.unwrap_or_else(|| unreachable!("the future is done"))
}

/// Calls `poll` until it says that its future is done.
fn wait(executor: &dyn Executor, poll: &mut dyn FnMut(&mut Context) -> bool) -> Result<()> {
    let sleeper = Arc::new(Sleeper { thread: thread::current(), is_awake: AtomicBool::new(false) });
    let waker = Waker::from(sleeper.clone());
    loop {
        interrupt::check()?;
        if poll(&mut Context::from_waker(&waker)) {
            return Ok(());
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
