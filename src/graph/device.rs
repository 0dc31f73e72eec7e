//! The handle to a device: its executor, its queues and plans.

use std::{fmt, pin::pin, sync::Arc};

use super::{
    engine::{EngineGuard, SharedEngine},
    executor::Executor,
    flush,
    wait::{Watched, block_on},
};
use crate::{
    DeviceInfo, DeviceKind, DeviceOptions, Result,
    device::{Memory, Stats},
};

/// A device: the CPU, or a GPU that wgpu reaches. Cheap to clone; equal if it is the same one.
///
/// ```
/// use kiln::prelude::*;
/// let device = Device::best(); // a real GPU if there is one, else the CPU
/// let x = Tensor::arange(0.0, 4.0, 1.0, DType::F32, &Device::cpu())?;
/// assert_eq!((&x * 2.0).to_vec::<f32>()?, [0.0, 2.0, 4.0, 6.0]);
/// # Ok::<(), kiln::Error>(())
/// ```
#[derive(Clone)]
pub struct Device(Arc<Inner>);

struct Inner {
    name: String,
    info: DeviceInfo,
    options: DeviceOptions,
    executor: Arc<dyn Executor>,
    engine: SharedEngine,
}

impl Device {
    pub(crate) fn new(name: String, info: DeviceInfo, options: DeviceOptions, executor: Arc<dyn Executor>) -> Self {
        Self(Arc::new(Inner { name, info, options, executor, engine: SharedEngine::default() }))
    }

    #[cfg(test)]
    pub(crate) fn with_executor(executor: Arc<dyn Executor>, options: DeviceOptions) -> Self {
        let info = DeviceInfo {
            name: "test".into(),
            kind: DeviceKind::VirtualGpu,
            backend: "test".into(),
            driver: String::new(),
            limits: Vec::new(),
            features: Vec::new(),
        };
        Device::new("test".into(), info, options, executor)
    }

    /// `cpu`, or `gpu:` and the GPU's number.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The hardware, its driver, limits and features.
    pub fn info(&self) -> &DeviceInfo {
        &self.0.info
    }

    /// Whether this is the CPU.
    pub fn is_cpu(&self) -> bool {
        self.0.info.kind == DeviceKind::Cpu
    }

    /// Hands the work that this thread has recorded to the device, without waiting for it. Every tensor that this thread
    /// has made and that still lives will be computed.
    ///
    /// # Errors
    /// If the device fails or lacks memory.
    pub fn flush(&self) -> Result<()> {
        flush::flush(self)
    }

    /// Hands the work of all threads to the device, then waits until it has finished.
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    pub fn sync(&self) -> Result<()> {
        block_on(self.executor(), self.synchronize())
    }

    /// [`sync`](Self::sync) for asynchronous programs; see [`Tensor::to_vec_async`](crate::Tensor::to_vec_async).
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    pub async fn sync_async(&self) -> Result<()> {
        Watched { device: self, future: pin!(self.synchronize()) }.await
    }

    async fn synchronize(&self) -> Result<()> {
        flush::flush_all(self).await?;
        self.executor().wait().await
    }

    /// What the device has done so far.
    pub fn stats(&self) -> Stats {
        let mut stats = self.engine().stats;
        stats.pipelines = self.executor().pipelines();
        stats.memory = self.memory();
        stats
    }

    /// The device's memory in use.
    pub fn memory(&self) -> Memory {
        self.executor().memory()
    }

    /// Gives cached memory back to the system.
    pub fn empty_cache(&self) {
        self.executor().empty_cache();
    }

    pub(crate) fn options(&self) -> &DeviceOptions {
        &self.0.options
    }

    pub(crate) fn executor(&self) -> &dyn Executor {
        &*self.0.executor
    }

    pub(crate) fn engine(&self) -> EngineGuard<'_> {
        self.0.engine.lock()
    }
}

impl PartialEq for Device {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Device {}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Device({}, {})", self.0.name, self.0.info.name)
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.name)
    }
}
