//! `KILN_DEBUG=1`: a line for every kernel on stderr, with its shape and time.

use std::sync::OnceLock;

use super::kernel::{Body, Kernel};
use crate::op::{Axis, StructuredOp};

/// Whether `KILN_DEBUG` asks for it.
pub(crate) fn is_on() -> bool {
    static ON: OnceLock<bool> = OnceLock::new();
    *ON.get_or_init(|| std::env::var("KILN_DEBUG").is_ok_and(|v| !v.is_empty() && v != "0"))
}

/// What a kernel is called and what it costs.
#[derive(Clone, Debug)]
pub(crate) struct Cost {
    /// Axes and name: `m 64, n 512, k 784: matmul+add+relu`, `4096, 1024: max+sub+exp+sum+div`.
    pub label: String,
    /// Of all buffers together.
    pub bytes: u64,
    /// Multiplications and additions of a matrix product; 0 for other kernels.
    pub flops: u64,
}

impl Cost {
    pub fn of(kernel: &Kernel) -> Self {
        let shape: Vec<String> = match &kernel.body {
            Body::Fused(fused) => fused.dims.iter().map(usize::to_string).collect(),
            Body::Structured(structured) => {
                let axes = structured.axes.iter();
                axes.map(|Axis { name, size, .. }| format!("{name} {size}")).collect()
            }
        };
        let flops = match &kernel.body {
            Body::Structured(structured) if matches!(structured.op, StructuredOp::Matmul(_)) => {
                2 * kernel.work() as u64
            }
            _ => 0,
        };
        let size = |b: &super::kernel::Binding| (b.numel * b.dtype.size()) as u64;
        let bytes = kernel.inputs.iter().chain(&kernel.outputs).map(size).sum();
        Self { label: format!("{}: {}", shape.join(", "), kernel.name), bytes, flops }
    }

    /// Prints the line of one launch.
    pub fn report(&self, nanoseconds: f64) {
        let ns = nanoseconds.max(1.0);
        let rate = match self.flops {
            0 => format!("{:8.1} GB/s   ", self.bytes as f64 / ns),
            flops => format!("{:8.1} GFLOP/s", flops as f64 / ns),
        };
        eprintln!("kiln: {:10.1} us {rate}  {}", ns / 1e3, self.label);
    }
}
