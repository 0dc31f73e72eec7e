//! Where tensors live and compute.

use std::{
    fmt,
    str::FromStr,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use crate::{
    Error, Result,
    cpu::CpuExecutor,
    graph::{
        EngineGuard,
        executor::Executor,
        flush::{self, Queue},
    },
    threads,
};

/// Memory of a device, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Held by tensors.
    pub live: u64,
    /// Kept for reuse; [`Device::empty_cache`] gives it back.
    pub cached: u64,
    /// The most that was live at once.
    pub peak: u64,
}

/// What kind of hardware stands behind a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum DeviceKind {
    Cpu,
    DiscreteGpu,
    IntegratedGpu,
    VirtualGpu,
    /// A GPU driver that runs on the CPU, such as lavapipe.
    SoftwareGpu,
}

/// What Kiln knows of a device: the lines that `cargo run --example devices` prints.
#[derive(Clone, Debug)]
pub struct DeviceInfo {
    /// The hardware's name.
    pub name: String,
    /// The kind of hardware.
    pub kind: DeviceKind,
    /// The interface it is reached by: `cpu`, `vulkan`, `metal`, `dx12` ...
    pub backend: String,
    /// The driver and its version; empty for the CPU.
    pub driver: String,
    /// Limits by name.
    pub limits: Vec<(&'static str, u64)>,
    /// Optional features in use.
    pub features: Vec<&'static str>,
}

/// Switches of a device, mostly for tests and for tracking down a fault.
///
/// `KILN_DISABLE` turns features off for every device that is opened without options:
/// `KILN_DISABLE=subgroups,immediates`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct DeviceOptions {
    /// Merge ops into kernels. Off: one kernel per op. Elementwise results are the same to the last bit; a sum over
    /// strided elements may add in another order and differ in its last digits.
    pub fusion: bool,
    /// Pending ops after which work is handed to the device.
    pub max_pending: usize,
    /// Bytes of pending results of matrix products and other heavy ops after which work is handed to the device.
    pub max_pending_bytes: usize,
    /// GPU: subgroup operations.
    pub subgroups: bool,
    /// GPU: parameters as immediates (push constants) rather than in a uniform buffer.
    pub immediates: bool,
    /// GPU: arithmetic in `f16`.
    pub f16: bool,
    /// GPU: arithmetic in `i64` and `u64`.
    pub int64: bool,
    /// GPU: arithmetic in `f64`.
    pub f64: bool,
    /// GPU: timestamps for `KILN_DEBUG=1`.
    pub timestamps: bool,
    /// GPU: the limits that every WebGPU implementation has, rather than what the adapter offers.
    pub webgpu_limits: bool,
    /// GPU: the bytes of a buffer that one kernel may bind, if fewer than the adapter allows. Larger tensors are
    /// worked on in pieces. `KILN_MAX_BINDING` sets it for every device that is opened without options.
    pub max_binding_bytes: Option<u64>,
}

impl Default for DeviceOptions {
    fn default() -> Self {
        let disabled = std::env::var("KILN_DISABLE").unwrap_or_default();
        let on = |name: &str| !disabled.split(',').any(|d| d.trim() == name);
        Self {
            fusion: on("fusion"),
            max_pending: 512,
            max_pending_bytes: 256 << 20,
            subgroups: on("subgroups"),
            immediates: on("immediates"),
            f16: on("f16"),
            int64: on("int64"),
            f64: on("f64"),
            timestamps: on("timestamps"),
            webgpu_limits: !on("adapter_limits"),
            max_binding_bytes: std::env::var("KILN_MAX_BINDING").ok().and_then(|bytes| bytes.trim().parse().ok()),
        }
    }
}

/// What a device has done since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Kernels launched.
    pub kernels: u64,
    /// Times that pending work was handed to the device.
    pub flushes: u64,
    /// Flushes whose plan was known from an earlier one.
    pub plan_hits: u64,
    /// Flushes that had to be planned.
    pub plan_misses: u64,
    /// Kernels compiled: GPU pipelines or CPU programs.
    pub pipelines: u64,
    /// Memory now.
    pub memory: Memory,
}

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
    queue: Queue,
}

/// Why a forked process cannot use a GPU. Drivers do not survive a fork.
pub(crate) const FORKED: &str = "the GPU was opened before this process was forked, and cannot be used in the child: \
                                 start the process anew instead (in Python by multiprocessing's method \"spawn\"), or use \
                                 the CPU";

impl Device {
    fn new(name: String, info: DeviceInfo, options: DeviceOptions, executor: Arc<dyn Executor>) -> Self {
        Self(Arc::new(Inner { name, info, options, executor, queue: Queue::default() }))
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

    /// The CPU, always the same device.
    pub fn cpu() -> Device {
        static CPU: OnceLock<Device> = OnceLock::new();
        CPU.get_or_init(|| Device::cpu_with(DeviceOptions::default())).clone()
    }

    /// The CPU as a device of its own with these options; its tensors do not mix with [`Device::cpu`]'s.
    pub fn cpu_with(options: DeviceOptions) -> Device {
        let info = DeviceInfo {
            name: "CPU".into(),
            kind: DeviceKind::Cpu,
            backend: "cpu".into(),
            driver: String::new(),
            limits: vec![("threads", threads::count() as u64)],
            features: Vec::new(),
        };
        Device::new("cpu".into(), info, options, CpuExecutor::open())
    }

    /// A GPU: the number of its line in [`Device::list`], counted among GPUs from 0, or a part of its name.
    ///
    /// The same GPU gives the same device every time.
    ///
    /// # Errors
    /// If there is no such GPU, Kiln was built without the feature `gpu`, or the driver fails.
    ///
    /// ```no_run
    /// # use kiln::prelude::*;
    /// let first = Device::gpu(0)?;
    /// let nvidia = Device::gpu("NVIDIA")?;
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn gpu(which: impl Into<GpuSelector>) -> Result<Device> {
        static OPEN: Mutex<Vec<(GpuSelector, Device)>> = Mutex::new(Vec::new());
        // Of the process that opened a GPU first.
        static OWNER: OnceLock<u32> = OnceLock::new();
        if *OWNER.get_or_init(threads::generation) != threads::generation() {
            return Err(Error::Device { name: which.into().to_string(), reason: FORKED.into() });
        }
        let which = which.into();
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, device)) = open.iter().find(|(w, _)| *w == which) {
            return Ok(device.clone());
        }
        let device = Device::gpu_with(which.clone(), DeviceOptions::default())?;
        // The same adapter under another name is the same device.
        let device = open.iter().find(|(_, d)| d.0.name == device.0.name).map_or(device, |(_, d)| d.clone());
        open.push((which, device.clone()));
        Ok(device)
    }

    /// A GPU as a device of its own with these options; its tensors do not mix with [`Device::gpu`]'s.
    ///
    /// # Errors
    /// As [`Device::gpu`].
    pub fn gpu_with(which: impl Into<GpuSelector>, options: DeviceOptions) -> Result<Device> {
        #[cfg(feature = "gpu")]
        {
            let (index, executor, info) = crate::gpu::open(&which.into(), &options)?;
            Ok(Device::new(format!("gpu:{index}"), info, options, executor))
        }
        #[cfg(not(feature = "gpu"))]
        {
            let _ = options;
            let reason = "kiln was built without its feature `gpu`".into();
            Err(Error::Device { name: which.into().to_string(), reason })
        }
    }

    /// The device that `KILN_DEVICE` names (`cpu`, `gpu`, `gpu:1`, a part of a GPU's name), else the first GPU that
    /// is real hardware, else the CPU.
    ///
    /// # Panics
    /// If `KILN_DEVICE` names a device that does not exist: work would otherwise run in the wrong place unnoticed.
    pub fn best() -> Device {
        match std::env::var("KILN_DEVICE") {
            Ok(name) if !name.is_empty() && name != "auto" => match name.parse() {
                Ok(device) => device,
                Err(error) => panic!("KILN_DEVICE: {error}"),
            },
            _ => Device::auto(),
        }
    }

    fn auto() -> Device {
        static AUTO: OnceLock<Device> = OnceLock::new();
        let open = || {
            let real = |d: &DeviceInfo| !matches!(d.kind, DeviceKind::Cpu | DeviceKind::SoftwareGpu);
            let index = Device::list().iter().skip(1).position(real);
            match index.map(Device::gpu) {
                Some(Ok(device)) => device,
                Some(Err(error)) => {
                    log::warn!("{error}; using the CPU");
                    Device::cpu()
                }
                None => Device::cpu(),
            }
        };
        AUTO.get_or_init(open).clone()
    }

    /// Every device: the CPU first, then the GPUs, real hardware before software.
    pub fn list() -> Vec<DeviceInfo> {
        let cpu = Device::cpu().info().clone();
        #[cfg(feature = "gpu")]
        return [vec![cpu], crate::gpu::adapters(&DeviceOptions::default())].concat();
        #[cfg(not(feature = "gpu"))]
        vec![cpu]
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

    /// Hands all pending work to the device, without waiting for it. Every live tensor will be computed.
    ///
    /// # Errors
    /// If the device fails or lacks memory.
    pub fn flush(&self) -> Result<()> {
        flush::flush(self)
    }

    /// [`flush`](Self::flush), then waits until the device has finished.
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    pub fn sync(&self) -> Result<()> {
        self.flush()?;
        self.executor().wait()
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
        self.0.queue.lock()
    }

    pub(crate) fn queue(&self) -> &Queue {
        &self.0.queue
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

impl FromStr for Device {
    type Err = Error;

    /// `auto`, `cpu`, `gpu`, `gpu:1`, or a part of a GPU's name.
    fn from_str(name: &str) -> Result<Self> {
        match name {
            "auto" => Ok(Device::auto()),
            "cpu" => Ok(Device::cpu()),
            "gpu" => Device::gpu(0),
            _ => match name.strip_prefix("gpu:").map(str::parse::<usize>) {
                Some(Ok(index)) => Device::gpu(index),
                _ => Device::gpu(name),
            },
        }
    }
}

/// Which GPU: a number or a part of a name.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum GpuSelector {
    Index(usize),
    Name(String),
}

impl From<usize> for GpuSelector {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

impl From<&str> for GpuSelector {
    fn from(name: &str) -> Self {
        Self::Name(name.into())
    }
}

impl fmt::Display for GpuSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index(index) => write!(f, "gpu:{index}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}
