//! Indices out of range, as the threads of a kernel find them.

use std::sync::{Mutex, PoisonError};

use crate::{Error, Result};

/// The first error of a launch.
#[derive(Default)]
pub(super) struct Fault(Mutex<Option<Error>>);

impl Fault {
    #[cold]
    pub fn report(&self, error: Error) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }

    pub fn take(self) -> Result<()> {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
    }
}
