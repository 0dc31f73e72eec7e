//! Foreign memory is given back where no lock is held.
//!
//! What its owner runs then may be anything: it may wait for a lock of its own, such as Python's, whose holder waits
//! for ours, or call Kiln.

use std::cell::{Cell, RefCell};

use super::executor::HostMemory;

thread_local! {
    /// How many locks this thread holds.
    static LOCKS: Cell<usize> = const { Cell::new(0) };
    /// What it will give back when it holds none.
    static WAITING: RefCell<Vec<Box<dyn HostMemory>>> = const { RefCell::new(Vec::new()) };
}

/// Drops the owner of foreign memory, now or when this thread has let its locks go.
pub(crate) fn give_back(owner: Box<dyn HostMemory>) {
    let mut owner = Some(owner);
    // At a thread's end there is no list any more, and no lock.
    let _ = WAITING.try_with(|waiting| {
        if LOCKS.get() > 0 {
            waiting.borrow_mut().extend(owner.take());
        }
    });
    drop(owner);
}

/// Stands for a lock: made before it is taken, dropped after it is let go.
pub(crate) struct Locked(());

impl Locked {
    pub fn new() -> Self {
        LOCKS.set(LOCKS.get() + 1);
        Self(())
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        LOCKS.set(LOCKS.get() - 1);
        if LOCKS.get() == 0 {
            // An owner that calls Kiln comes here again.
            drop(WAITING.try_with(RefCell::take));
        }
    }
}
