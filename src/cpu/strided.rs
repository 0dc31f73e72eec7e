//! Where a matrix lies.

/// A matrix in memory: its first element, and the steps per row and per column.
#[derive(Clone, Copy)]
pub(super) struct Strided<T> {
    pub data: *const T,
    pub row: isize,
    pub col: isize,
}

// SAFETY: threads only read.
unsafe impl<T: Sync> Send for Strided<T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for Strided<T> {}
