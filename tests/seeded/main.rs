//! What depends on the process's generator of random numbers. In a process of its own, as any other test that draws
//! would change the numbers.

mod checkpoint;
mod repeats;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// One test at a time draws random numbers.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}
