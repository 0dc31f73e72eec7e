//! Tensors for other libraries.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{
    abi::{DLDevice, DLManagedTensor, DLManagedTensorVersioned, DLTensor},
    handle::{Handle, Managed},
};
use crate::{
    Device, Error, MAX_RANK, Result, Tensor,
    graph::{executor::Lent, flush::flush_all, wait::block_on},
};

impl Tensor {
    /// The tensor for another library, by [DLPack](crate::dlpack). Computes it if it is pending.
    ///
    /// On the CPU the borrower gets the tensor's own memory with its strides. `copy` says what happens where that
    /// would not do: with `None` the elements are copied if the tensor is on a GPU or is a view that walks backwards,
    /// whose negative strides many libraries do not know; `Some(true)` always copies, `Some(false)` never does (and
    /// hands over negative strides). [`Handle::is_copied`] tells. A tensor of one number everywhere, as of
    /// [`zeros`](Self::zeros), gets its memory when it is first lent. Memory in which several elements of the tensor
    /// share a place, as after [`expand`](Self::expand), is lent as read-only.
    ///
    /// # Errors
    /// If the tensor is tracked (a gradient does not follow it: [`detach`](Self::detach) it first), is on a GPU and
    /// must not be copied, or its device fails.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let x = Tensor::from_slice(&[1i64, 2, 3, 4], [2, 2], &Device::cpu())?;
    /// let handle = x.t().to_dlpack(None)?;
    /// let array = handle.dl_tensor()?;
    /// assert_eq!((array.ndim, array.dtype.bits), (2, 64));
    /// // SAFETY: an array has as many strides as axes.
    /// assert_eq!(unsafe { [*array.strides, *array.strides.add(1)] }, [1, 2]);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn to_dlpack(&self, copy: Option<bool>) -> Result<Handle<DLManagedTensorVersioned>> {
        Ok(Export::new(self, copy)?.into_handle())
    }

    /// [`to_dlpack`](Self::to_dlpack) in the struct of before DLPack 1.0, for libraries that know no other. It cannot
    /// say that memory must not be written to: such memory is copied.
    ///
    /// # Errors
    /// As there, and if such memory must not be copied.
    pub fn to_dlpack_legacy(&self, copy: Option<bool>) -> Result<Handle<DLManagedTensor>> {
        let export = Export::new(self, copy)?;
        if export.flags & DLManagedTensorVersioned::READ_ONLY == 0 {
            return Ok(export.into_handle());
        }
        if copy == Some(false) {
            let reason = "the memory must not be written to, which the legacy struct cannot say: allow a copy";
            return Err(Error::argument("to_dlpack", reason));
        }
        Ok(Export::new(self, Some(true))?.into_handle())
    }
}

/// A tensor whose memory is ready to be lent.
struct Export {
    tensor: Tensor,
    /// The address of the first element.
    data: *mut u8,
    flags: u64,
}

impl Export {
    fn new(x: &Tensor, copy: Option<bool>) -> Result<Self> {
        if x.is_tracked() {
            return Err(Error::argument("to_dlpack", "a gradient does not follow the tensor there: `detach` it first"));
        }
        if !x.device().is_cpu() {
            if copy == Some(false) {
                let reason = "no other library can look into its memory: allow a copy, or move it with `to_device`";
                return Err(Error::argument("to_dlpack", format!("the tensor is on {}; {reason}", x.device())));
            }
            return Self::lend(x.to_device(&Device::cpu())?, DLManagedTensorVersioned::IS_COPIED);
        }
        let backwards = x.view().strides.iter().any(|&stride| stride < 0);
        if copy == Some(true) || backwards && copy.is_none() {
            return Self::lend(x.copied(), DLManagedTensorVersioned::IS_COPIED);
        }
        // What was asked for before, by whichever thread, must not see what the borrower writes.
        block_on(x.device().executor(), flush_all(x.device()))?;
        Self::lend(x.clone(), 0)
    }

    fn lend(tensor: Tensor, flags: u64) -> Result<Self> {
        let Some(Lent { data, read_only }) = tensor.realize()?.lend() else {
            let reason = format!("the memory of {} is not the processor's", tensor.device());
            return Err(Error::argument("to_dlpack", reason));
        };
        tensor.forget_constant();
        let shared = tensor.shape().iter().zip(tensor.strides()).any(|(&size, &stride)| size > 1 && stride == 0);
        let flags = flags | if read_only || shared { DLManagedTensorVersioned::READ_ONLY } else { 0 };
        // A view of nothing may start anywhere.
        let first = if tensor.numel() == 0 { 0 } else { tensor.view().offset * tensor.dtype().size() as isize };
        Ok(Self { data: data.as_ptr().wrapping_offset(first), tensor, flags })
    }

    fn into_handle<M: Managed>(self) -> Handle<M> {
        let Self { tensor, data, flags } = self;
        let (view, rank, dtype) = (*tensor.view(), tensor.rank(), tensor.dtype());
        let mut shape = [0; MAX_RANK];
        let mut strides = [0; MAX_RANK];
        // What walks over an axis of one element could be anything; some libraries want to see what a dense array has.
        let mut dense = 1;
        for axis in (0..rank).rev() {
            let (size, stride) = (view.shape[axis] as i64, view.strides[axis] as i64);
            (shape[axis], strides[axis]) = (size, if size == 1 { dense } else { stride });
            dense = strides[axis].saturating_mul(size);
        }
        tensor.add_writer();
        let lending = Box::into_raw(Box::new(Lending { shape, strides, tensor }));
        // SAFETY: the box is whole; these are places within it.
        let (shape, strides) = unsafe { (&raw mut (*lending).shape, &raw mut (*lending).strides) };
        let dl_tensor = DLTensor {
            data: data.cast(),
            device: DLDevice { device_type: DLDevice::CPU, device_id: 0 },
            ndim: rank as i32,
            dtype: dtype.into(),
            shape: shape.cast(),
            strides: strides.cast(),
            byte_offset: 0,
        };
        Handle::new(Box::new(M::new(dl_tensor, flags, lending.cast(), take_back::<M>)))
    }
}

/// What an exported struct points to.
struct Lending {
    shape: [i64; MAX_RANK],
    strides: [i64; MAX_RANK],
    tensor: Tensor,
}

impl Drop for Lending {
    fn drop(&mut self) {
        self.tensor.remove_writer();
    }
}

/// The deleter of an exported struct.
unsafe extern "C" fn take_back<M: Managed>(managed: *mut M) {
    // A panic must not cross into C. There is nothing that it could leave half done.
    let _ = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: the caller has a struct that `into_handle` made, for the last time.
        let managed = unsafe { Box::from_raw(managed) };
        // SAFETY: as above.
        drop(unsafe { Box::from_raw(managed.manager_ctx().cast::<Lending>()) });
    }));
}
