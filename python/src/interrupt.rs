//! Ctrl-C during long calls.
//!
//! Python's own handler of a signal only takes a note; somebody has to look. While Kiln waits or computes, it asks
//! [`check`] several times a second.

use std::{
    cell::{Cell, RefCell},
    sync::{
        Mutex, PoisonError,
        mpsc::{RecvTimeoutError, sync_channel},
    },
    thread,
    time::Duration,
};

use pyo3::{
    exceptions::{PyKeyboardInterrupt, PyRuntimeError},
    prelude::*,
};

thread_local! {
    /// What a signal's handler has raised during a call of this thread.
    static RAISED: RefCell<Option<PyErr>> = const { RefCell::new(None) };
    static IS_RAISED: Cell<bool> = const { Cell::new(false) };
}

/// Lets long waits be interrupted.
pub fn install() {
    kiln::set_interrupt_check(check);
}

/// Runs the handlers of signals that have arrived, if this is Python's main thread; whether one has raised something.
fn check() -> bool {
    let raised = Python::try_attach(|py| py.check_signals().err()).flatten();
    let is_raised = raised.is_some();
    if is_raised {
        RAISED.set(raised);
        IS_RAISED.set(true);
    }
    is_raised
}

/// The exception for a call that was interrupted.
pub fn exception() -> PyErr {
    IS_RAISED.set(false);
    RAISED.take().unwrap_or_else(|| PyKeyboardInterrupt::new_err(()))
}

/// Raises what a handler has raised during a call that cannot fail otherwise.
pub fn raise() -> PyResult<()> {
    if IS_RAISED.get() { Err(exception()) } else { Ok(()) }
}

/// Calls a function that blocks, such as one that reads a file. If it is interrupted, a thread ends it without a witness.
pub fn run<T: Send + 'static>(py: Python<'_>, f: impl FnOnce() -> T + Send + 'static) -> PyResult<T> {
    let (send, receive) = sync_channel(1);
    let work = move || drop(send.send(f()));
    thread::Builder::new().name("kiln-io".into()).spawn(work)?;
    // Python's lock is let go for what threads may share.
    let receive = Mutex::new(receive);
    let wait = || receive.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(Duration::from_millis(50));
    loop {
        match py.detach(wait) {
            Ok(result) => return Ok(result),
            Err(RecvTimeoutError::Timeout) => py.check_signals()?,
            Err(RecvTimeoutError::Disconnected) => {
                return Err(PyRuntimeError::new_err("the thread that read has panicked"));
            }
        }
    }
}
