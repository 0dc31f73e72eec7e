//! The interface between the scheduler and the two executors.

use std::{any::Any, future::Future, ops::Range, pin::Pin, ptr::NonNull, sync::Arc, time::Duration};

use crate::{DType, Result, Scalar, device::Memory, graph::kernel::Kernel};

/// A buffer of an executor. Dropping the last handle returns it to the executor's pool: the work that was launched
/// before still finds its contents, because each executor runs its launches in order.
pub(crate) type Buffer = Arc<dyn Storage>;

pub(crate) trait Storage: Any + Send + Sync {
    /// The contents, if they lie in host memory.
    fn host(&self) -> Option<&[u8]> {
        None
    }
    /// Whether kernels may write to it (foreign memory is read only).
    fn is_writable(&self) -> bool {
        true
    }
    /// The memory for other libraries, if it is the processor's. It stays what it is while a handle to the buffer lives.
    fn lend(&self) -> Option<Lent> {
        None
    }
    fn as_any(&self) -> &dyn Any;
}

/// Where a buffer lies.
pub(crate) struct Lent {
    pub data: NonNull<u8>,
    /// Whether nobody may write there. Kiln does not write to what it has lent in any case.
    pub read_only: bool,
}

/// Memory of others that an executor takes over, with its owner.
pub(crate) trait HostMemory: Send + Sync {
    /// Where the bytes lie, as long as the owner lives.
    fn bytes(&mut self) -> NonNull<[u8]>;
    /// Whether nobody may write there. Kiln never does.
    fn is_read_only(&self) -> bool;
}

impl<T: AsRef<[u8]> + Send + Sync> HostMemory for T {
    fn bytes(&mut self) -> NonNull<[u8]> {
        NonNull::from_ref((*self).as_ref())
    }

    fn is_read_only(&self) -> bool {
        true
    }
}

/// What the fuser must know of an executor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caps {
    /// Buffers that one kernel may bind.
    pub max_buffers: usize,
    /// Buffers that a kernel binds besides if it checks indices.
    pub status_buffers: usize,
    /// Instructions that one kernel may have.
    pub max_code: usize,
    /// Ops that may follow a matrix product in its kernel.
    pub max_epilogue: usize,
    /// Elements of a row up to which work on the row's elements may follow a reduction in one kernel.
    pub max_row: usize,
    /// Whether kernels with reductions or matrix products can store dtypes of 8 and 16 bits.
    pub narrow_rows: bool,
    /// Bytes of a buffer that one kernel may see; of larger ones it gets windows.
    pub max_binding_bytes: usize,
    /// Bytes that a buffer may have.
    pub max_buffer_bytes: usize,
    /// Where windows may start, in bytes: a power of two, and a multiple of every dtype's size.
    pub binding_alignment: usize,
}

impl Caps {
    /// Whether a kernel can see so many elements of a buffer, wherever they begin.
    pub fn sees(&self, elements: usize, dtype: DType) -> bool {
        let bytes = (elements + WINDOW_ROUND).saturating_mul(dtype.size());
        bytes.saturating_add(self.binding_alignment) <= self.max_binding_bytes
    }
}

/// Elements to which windows are rounded, as kernels load several at a time.
pub(crate) const WINDOW_ROUND: usize = 16;

/// A kernel made ready to launch. Kept in the plan cache.
pub(crate) trait Program: Send + Sync {
    /// Puts the kernel in the executor's queue (the CPU runs it at once).
    ///
    /// `inputs` and `outputs` are in the kernel's binding order; an output with an alias is the same buffer as its input.
    fn launch(&self, inputs: &[&Buffer], outputs: &[&Buffer], scalars: &[Scalar]) -> Result<()>;
}

/// A wait for the device.
pub(crate) type Waiting<'a> = Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;

/// Runs kernels on one device.
pub(crate) trait Executor: Send + Sync {
    fn caps(&self) -> Caps;
    /// A buffer with undefined contents, padded to a multiple of 16 bytes.
    fn alloc(&self, bytes: usize) -> Result<Buffer>;
    /// A buffer with these contents.
    fn upload(&self, data: &[u8]) -> Result<Buffer>;
    /// A buffer with the contents of memory that is given away. The CPU reads them where they lie, whenever a kernel
    /// asks for them.
    fn adopt(&self, mut memory: Box<dyn HostMemory>) -> Result<Buffer> {
        let bytes = memory.bytes();
        // SAFETY: the bytes lie there as long as the owner lives, which is dropped after the upload.
        self.upload(unsafe { bytes.as_ref() })
    }
    /// The part of a buffer that a kernel sees. Only buffers above `Caps::max_binding_bytes` are looked at in parts.
    fn window(&self, buffer: &Buffer, bytes: Range<usize>) -> Buffer;
    /// Waits for the work so far and copies the first `out.len()` bytes of a buffer.
    fn read<'a>(&'a self, buffer: &'a Buffer, out: &'a mut [u8]) -> Waiting<'a>;
    /// Into how many parts the reduced axis of a kernel is best cut, so that the whole device has work.
    fn parts(&self, _kernel: &Kernel) -> usize {
        1
    }
    /// An error names the op and dtype that the device cannot compute.
    fn compile(&self, kernel: &Kernel) -> Result<Arc<dyn Program>>;
    /// As [`compile`](Self::compile), for all kernels of a plan.
    fn compile_all(&self, kernels: &[&Kernel]) -> Vec<Result<Arc<dyn Program>>> {
        kernels.iter().map(|kernel| self.compile(kernel)).collect()
    }
    /// Hands the launched kernels to the device; does not wait.
    fn submit(&self) -> Result<()>;
    /// Waits until everything submitted is done.
    fn wait(&self) -> Waiting<'_>;
    /// Lets futures make progress that wait for the device, and blocks until they do; not longer than the limit, if there
    /// is one.
    fn progress(&self, _limit: Option<Duration>) -> Result<()> {
        Ok(())
    }
    /// Sees to it that futures make progress that wait for the device, without blocking.
    fn watch(&self) {}
    fn memory(&self) -> Memory;
    /// Gives cached buffers back to the system.
    fn empty_cache(&self);
    /// Pipelines (or programs) built since the start.
    fn pipelines(&self) -> u64;
}
