//! The lazy engine: nodes, the scheduler that merges them into kernels, and the plans that it remembers.

pub(crate) mod executor;
pub(crate) mod kernel;
