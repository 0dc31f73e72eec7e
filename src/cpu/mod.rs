//! The CPU executor.
use crate::graph::executor::Executor;
use std::sync::Arc;
pub(crate) struct CpuExecutor;
impl CpuExecutor {
    pub fn new() -> Arc<dyn Executor> {
        unimplemented!()
    }
}
