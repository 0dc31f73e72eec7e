//! What a device is: its kind, its options, what it has done.

use std::fmt;

/// Memory of a device, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Held by tensors.
    pub live: u64,
    /// Kept for reuse; [`Device::empty_cache`](crate::Device::empty_cache) gives it back.
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
    /// Kernels of plans that are kept for work of the same shapes. When there are more, the plans that were used least
    /// recently are dropped. A training step of a small transformer has about 150.
    pub max_planned_kernels: usize,
    /// GPU: subgroup operations.
    pub subgroups: bool,
    /// GPU: parameters as immediates (push constants) rather than in a uniform buffer.
    pub immediates: bool,
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
            max_planned_kernels: 1 << 16,
            subgroups: on("subgroups"),
            immediates: on("immediates"),
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

/// Why a forked process cannot use a GPU. Drivers do not survive a fork.
pub(crate) const FORKED: &str = "the GPU was opened before this process was forked, and cannot be used in the child: \
                                 start the process anew instead (in Python by multiprocessing's method \"spawn\"), or use \
                                 the CPU";

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
