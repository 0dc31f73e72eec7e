//! The CPU executor.
use std::sync::Arc;
use crate::graph::executor::Executor;
pub(crate) struct CpuExecutor;
impl CpuExecutor {
    pub fn new() -> Arc<dyn Executor> {
        unimplemented!()
    }
}
