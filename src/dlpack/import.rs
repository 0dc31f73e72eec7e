//! Arrays of other libraries as tensors.

use std::ptr::NonNull;

use super::{
    abi::{DLDataType, DLDevice, DLTensor},
    handle::{Handle, Managed},
};
use crate::{
    DType, Device, Error, MAX_RANK, Result, Shape, Tensor,
    dtype::normalize_bools,
    graph::executor::HostMemory,
    layout::{Strides, View, contiguous_strides},
};

impl Tensor {
    /// An array of another library as a tensor on the CPU, by [DLPack](crate::dlpack).
    ///
    /// The tensor shares the array's memory, and gives it back when the last tensor that needs it is gone. `copy` says
    /// what happens where that would not do: with `None` the elements are copied if their addresses are no multiples
    /// of their size, or if they are bools of other bytes than 0 and 1 (they become 1). `Some(true)` always copies and
    /// gives the array back at once, `Some(false)` never copies.
    ///
    /// # Errors
    /// If the struct contradicts itself, the array is not in the processor's memory, its dtype or rank is not one that
    /// tensors can have, or it must not be copied and has to be. The array is given back in any case.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let x = Tensor::from_slice(&[1.0f32, 2.0, 3.0, 4.0], [2, 2], &Device::cpu())?;
    /// let y = Tensor::from_dlpack(x.t().to_dlpack(None)?, None)?; // the same memory
    /// assert_eq!(y.to_vec::<f32>()?, [1.0, 3.0, 2.0, 4.0]);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn from_dlpack<M: Managed>(array: Handle<M>, copy: Option<bool>) -> Result<Tensor> {
        let layout = Layout::new(array.dl_tensor()?)?;
        let Layout { dtype, view, bytes } = layout;
        let Some(bytes) = bytes else {
            return Ok(Tensor::zeros(view.shape, dtype, &Device::cpu()));
        };
        let obstacle = if bytes.cast::<u8>().addr().get() % dtype.size() != 0 {
            Some("the elements start at an address that is no multiple of their size")
        } else if dtype == DType::Bool && layout.elements().any(|element| element[0] > 1) {
            Some("some bytes of the bools are neither 0 nor 1")
        } else {
            None
        };
        if let Some(obstacle) = obstacle {
            if copy == Some(false) {
                return Err(Error::argument("from_dlpack", format!("{obstacle}: allow a copy")));
            }
            let mut copied = Vec::with_capacity(view.shape.numel() * dtype.size());
            layout.elements().for_each(|element| copied.extend_from_slice(element));
            if dtype == DType::Bool {
                normalize_bools(&mut copied);
            }
            let buffer = Device::cpu().executor().upload(&copied)?;
            return Ok(Tensor::ready(buffer, &Device::cpu(), dtype, view.shape));
        }
        let whole = Shape::try_new(&[bytes.len() / dtype.size()])?;
        let is_read_only = array.is_read_only();
        let buffer = Device::cpu().executor().adopt(Box::new(Borrowed { bytes, array }))?;
        let shared = Tensor::ready(buffer, &Device::cpu(), dtype, whole).with_view(view);
        if !is_read_only {
            shared.add_writer();
        }
        if copy == Some(true) {
            let copied = shared.copied();
            return copied.realize().map(|_| copied);
        }
        Ok(shared)
    }
}

/// The memory of an array, which goes back to its owner when this is dropped.
struct Borrowed<M: Managed> {
    bytes: NonNull<[u8]>,
    array: Handle<M>,
}

// SAFETY: the memory is only read, and goes away with the handle, which may happen on any thread.
unsafe impl<M: Managed> Send for Borrowed<M> {}
// SAFETY: as above.
unsafe impl<M: Managed> Sync for Borrowed<M> {}

impl<M: Managed> HostMemory for Borrowed<M> {
    fn bytes(&mut self) -> NonNull<[u8]> {
        self.bytes
    }

    fn is_read_only(&self) -> bool {
        self.array.is_read_only()
    }
}

/// Where the elements of an array lie.
struct Layout {
    dtype: DType,
    /// Counts from the start of `bytes`.
    view: View,
    /// From the lowest element to the highest; `None` if there are none.
    bytes: Option<NonNull<[u8]>>,
}

impl Layout {
    /// Believes nothing that the struct's other fields contradict.
    fn new(array: &DLTensor) -> Result<Self> {
        let broken = |reason: String| Error::argument("from_dlpack", reason);
        let DLDevice { device_id, .. } = array.device;
        if !array.device.is_host() {
            let place = format!("the array is on {} device {device_id}", array.device.name());
            return Err(broken(format!("{place}: copy it to the CPU first, as `x.cpu()` does in PyTorch")));
        }
        let dtype = dtype(array.dtype)?;
        let rank = match usize::try_from(array.ndim) {
            Ok(rank) if rank <= MAX_RANK => rank,
            Ok(rank) => return Err(broken(format!("rank {rank} is above the limit of {MAX_RANK}"))),
            Err(_) => return Err(broken(format!("the array has {} axes", array.ndim))),
        };
        if rank > 0 && array.shape.is_null() {
            return Err(broken(format!("the array has {rank} axes, but its shape is NULL")));
        }
        let numbers = |list: *mut i64| match rank {
            // Of nothing, the address may be NULL.
            0 => &[],
            // SAFETY: the list is not NULL and, by `Handle::from_raw`, has `rank` entries.
            _ => unsafe { std::slice::from_raw_parts(list.cast_const(), rank) },
        };
        let sizes = numbers(array.shape);
        let negative = || broken(format!("the shape {sizes:?} has negative sizes"));
        let mut unsigned = [0; MAX_RANK];
        for (to, &size) in unsigned.iter_mut().zip(sizes) {
            *to = usize::try_from(size).map_err(|_| negative())?;
        }
        let shape = Shape::try_new(&unsigned[..rank]).map_err(|error| broken(error.to_string()))?;
        if shape.numel() == 0 {
            return Ok(Self { dtype, view: View::contiguous(shape), bytes: None });
        }
        let mut strides: Strides = contiguous_strides(&shape);
        if !array.strides.is_null() {
            for (axis, &stride) in numbers(array.strides).iter().enumerate() {
                // What is never stepped along says nothing.
                strides[axis] = if shape[axis] == 1 { 0 } else { stride as isize };
            }
        }
        let first = NonNull::new(array.data.cast::<u8>());
        let first =
            first.ok_or_else(|| broken(format!("the array has {} elements, but its data is NULL", shape.numel())))?;
        let far = || broken(format!("shape {shape:?} with strides {:?} leaves the address space", &strides[..rank]));
        let view = View { shape, strides, offset: 0 };
        let (low, high) = view.reach().ok_or_else(far)?;
        let size = dtype.size() as isize;
        let in_bytes = |elements: isize| elements.checked_mul(size);
        let start = in_bytes(low)
            .and_then(|low| first.addr().get().checked_add_signed(low))
            .and_then(|start| start.checked_add(usize::try_from(array.byte_offset).ok()?))
            .ok_or_else(far)?;
        let length = high.checked_sub(low).and_then(|span| in_bytes(span.checked_add(1)?)).ok_or_else(far)?;
        start.checked_add(length as usize).ok_or_else(far)?;
        let start = NonNull::new(first.as_ptr().with_addr(start)).ok_or_else(far)?;
        Ok(Self {
            dtype,
            view: View { offset: -low, ..view },
            bytes: Some(NonNull::slice_from_raw_parts(start, length as usize)),
        })
    }

    /// The bytes of each element, in row-major order.
    fn elements(&self) -> impl Iterator<Item = &[u8]> {
        let (size, shape) = (self.dtype.size(), self.view.shape);
        let start = self.bytes.map_or(NonNull::dangling(), NonNull::cast::<u8>);
        (0..shape.numel()).map(move |index| {
            let (mut left, mut at) = (index, self.view.offset);
            for axis in (0..shape.rank()).rev() {
                at += (left % shape[axis]) as isize * self.view.strides[axis];
                left /= shape[axis];
            }
            // SAFETY: the element lies within `bytes`, which can be read by `Handle::from_raw`.
            unsafe { std::slice::from_raw_parts(start.as_ptr().offset(at * size as isize), size) }
        })
    }
}

fn dtype(dtype: DLDataType) -> Result<DType> {
    if let Some(found) = DType::ALL.into_iter().find(|&d| DLDataType::from(d) == dtype) {
        return Ok(found);
    }
    let DLDataType { code, bits, lanes } = dtype;
    let reason = match code {
        _ if lanes != 1 => format!("elements of {lanes} lanes are not single numbers"),
        DLDataType::COMPLEX => "complex numbers are not supported: take their real and imaginary parts".into(),
        DLDataType::FLOAT => format!("floats of {bits} bits are not supported: convert them to float32 or float64"),
        7..=17 => format!("floats of {bits} bits are not supported: convert them to float16 or float32"),
        _ => format!("the dtype of code {code} with {bits} bits is not supported"),
    };
    Err(Error::argument("from_dlpack", reason))
}
