//! The CPU executor: fused kernels interpreted over tiles that stay in the L1 cache.

#[cfg(test)]
mod accuracy;
mod cdist;
mod chain;
mod convert;
mod debug;
mod fault;
mod gemm;
mod index;
mod interpret;
mod loops;
mod matmul;
mod memory;
mod moves;
mod order;
mod parallel;
mod plan;
mod pointwise;
mod product;
mod reduce;
#[cfg(test)]
mod reference;
mod scan;
mod simd;
mod strided;
#[cfg(test)]
mod tests;
mod traversal;
mod vector;

use std::{
    future::ready,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use memory::HostBuffer;

use crate::{
    Result,
    device::Memory,
    error::Error,
    graph::{
        debug::{Cost, is_on},
        executor::{Buffer, Caps, Executor, HostMemory, Program, Storage, Waiting},
        kernel::{Body, Kernel},
    },
    op::StructuredOp,
};

/// Runs kernels on the CPU, at once.
pub(crate) struct CpuExecutor {
    pool: Arc<memory::Pool>,
    compiled: AtomicU64,
}

impl CpuExecutor {
    pub fn open() -> Arc<dyn Executor> {
        Arc::new(Self { pool: memory::Pool::new(memory::System), compiled: AtomicU64::new(0) })
    }
}

impl Executor for CpuExecutor {
    fn caps(&self) -> Caps {
        Caps {
            max_buffers: 64,
            status_buffers: 0,
            max_code: 256,
            max_epilogue: 256,
            max_row: 65_536,
            narrow_rows: true,
            max_binding_bytes: usize::MAX,
            max_buffer_bytes: usize::MAX,
            binding_alignment: 1,
        }
    }

    fn window(&self, _: &Buffer, _: Range<usize>) -> Buffer {
        unreachable!("a kernel on the CPU sees whole buffers")
    }

    fn alloc(&self, bytes: usize) -> Result<Buffer> {
        Ok(Arc::new(memory::alloc(&self.pool, bytes)?))
    }

    fn upload(&self, data: &[u8]) -> Result<Buffer> {
        let buffer = memory::alloc(&self.pool, data.len())?;
        // SAFETY: the new buffer is at least as long as `data` and nobody else has it.
        unsafe { std::ptr::copy_nonoverlapping(data.as_ptr(), buffer.as_ptr(), data.len()) };
        Ok(Arc::new(buffer))
    }

    fn adopt(&self, memory: Box<dyn HostMemory>) -> Result<Buffer> {
        Ok(HostBuffer::adopt(memory))
    }

    fn read<'a>(&'a self, buffer: &'a Buffer, out: &'a mut [u8]) -> Waiting<'a> {
        let data = buffer.host().and_then(|data| data.get(..out.len()));
        let data = data.ok_or_else(|| Error::argument("read", "the buffer is not in host memory, or is too short"));
        Box::pin(ready(data.map(|data| out.copy_from_slice(data))))
    }

    fn compile(&self, kernel: &Kernel) -> Result<Arc<dyn Program>> {
        self.compiled.fetch_add(1, Ordering::Relaxed);
        let program: Arc<dyn Program> = match &kernel.body {
            Body::Fused(fused) => Arc::new(pointwise::FusedProgram::new(kernel, fused)),
            Body::Structured(structured) => match structured.op {
                StructuredOp::Matmul(_) => Arc::new(matmul::MatmulProgram::new(kernel, structured, &self.pool)),
                StructuredOp::ScatterAdd { .. } => Arc::new(index::ScatterProgram::new(kernel, structured)),
                StructuredOp::Scan { .. } => Arc::new(scan::ScanProgram::new(kernel, structured)),
            },
        };
        if !is_on() {
            return Ok(program);
        }
        Ok(Arc::new(debug::Timed { program, cost: Cost::of(kernel) }))
    }

    fn submit(&self) -> Result<()> {
        Ok(())
    }

    fn wait(&self) -> Waiting<'_> {
        Box::pin(ready(Ok(())))
    }

    fn memory(&self) -> Memory {
        self.pool.memory()
    }

    fn empty_cache(&self) {
        self.pool.empty();
    }

    fn pipelines(&self) -> u64 {
        self.compiled.load(Ordering::Relaxed)
    }
}

/// The address of a buffer of this executor.
fn address(buffer: &Buffer) -> Result<*mut u8> {
    let storage: &dyn Storage = buffer.as_ref();
    match storage.as_any().downcast_ref::<HostBuffer>() {
        Some(host) => Ok(host.as_ptr()),
        None => Err(Error::argument("launch", "a buffer of another device reached the CPU")),
    }
}
