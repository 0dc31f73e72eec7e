//! Long waits that a host program can end, as Python does on Ctrl-C.

use std::{cell::Cell, sync::OnceLock, time::Duration};

use crate::{Error, Result};

/// How long a thread computes or waits between two questions.
const TICK: Duration = Duration::from_millis(50);

static CHECK: OnceLock<fn() -> bool> = OnceLock::new();

thread_local! {
    /// Whether this thread is in the function: what that computes is not interrupted, as it would be asked for ever.
    static ASKING: Cell<bool> = const { Cell::new(false) };
}

/// Says how a thread that waits for results learns that it should not: by a function that it calls about every 50
/// milliseconds, while it holds no lock, so that the function may call Kiln. If it returns true, the call that waits
/// returns [`Error::Interrupted`]. The computation is then continued by whoever needs a result; nothing is lost.
///
/// For programs that embed Kiln in a runtime with interrupts of its own, as Kiln's Python module does. Returns whether
/// this was the first such function; it stays for the life of the process.
///
/// ```
/// kiln::set_interrupt_check(|| false);
/// ```
pub fn set_interrupt_check(check: fn() -> bool) -> bool {
    CHECK.set(check).is_ok()
}

/// Whether anybody may interrupt this thread.
#[inline]
fn is_watched() -> bool {
    CHECK.get().is_some() && !ASKING.get()
}

/// How long this thread computes or waits before it asks; for ever if nobody may interrupt it.
#[inline]
pub(crate) fn tick() -> Option<Duration> {
    is_watched().then_some(TICK)
}

/// Asks whether the wait should end. No lock may be held.
pub(crate) fn check() -> Result<()> {
    struct Answered;
    impl Drop for Answered {
        fn drop(&mut self) {
            ASKING.set(false);
        }
    }
    let Some(check) = CHECK.get().filter(|_| is_watched()) else { return Ok(()) };
    ASKING.set(true);
    let _answered = Answered;
    if check() { Err(Error::Interrupted) } else { Ok(()) }
}
