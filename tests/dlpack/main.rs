//! Exchange of tensors in memory: what is shared, what is copied, who frees what, and what is refused. In a process of
//! its own, as borrowed memory lies on the process's CPU, where a flush of another test would free it late.

mod borrow;
mod lend;
mod producer;

use kiln::{
    dlpack::{DLDevice, Handle, Managed},
    prelude::*,
};

fn cpu() -> Device {
    Device::cpu()
}

fn numbers(dtype: DType) -> Tensor {
    // Stored once, so that every view of it shares the same memory.
    let x = Tensor::arange(0, 24, 1, DType::I32, &cpu()).unwrap().to_dtype(dtype).reshape([2, 3, 4]).unwrap();
    x.device().flush().unwrap();
    x
}

fn values(x: &Tensor) -> Vec<f64> {
    x.to_dtype(DType::F64).to_vec().unwrap()
}

/// The message of a result that must be an error.
#[track_caller]
fn message<T>(result: Result<T>) -> String {
    match result {
        Ok(_) => panic!("no error"),
        Err(error) => error.to_string(),
    }
}

/// Address of the first element, sizes, strides.
fn seen<M: Managed>(handle: &Handle<M>) -> (usize, Vec<i64>, Vec<i64>) {
    let array = handle.dl_tensor().unwrap();
    assert_eq!((array.byte_offset, array.device), (0, DLDevice { device_type: DLDevice::CPU, device_id: 0 }));
    assert!(!array.shape.is_null() && !array.strides.is_null());
    let rank = array.ndim as usize;
    // SAFETY: an exported struct has `ndim` sizes and strides.
    let list = |numbers: *mut i64| unsafe { std::slice::from_raw_parts(numbers, rank) }.to_vec();
    (array.data.addr(), list(array.shape), list(array.strides))
}
