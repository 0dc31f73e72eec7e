//! Another library's arrays.

use std::{
    ffi::c_void,
    ptr::null_mut,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use kiln::{
    DType,
    dlpack::{DLDevice, DLManagedTensor, DLManagedTensorVersioned, DLPackVersion, DLTensor, Handle},
};

/// A producer of arrays whose every field can be wrong.
pub struct Producer {
    /// Of 64-bit words, so that they are aligned for every dtype.
    _data: Vec<u64>,
    pub array: DLTensor,
    pub shape: Option<Vec<i64>>,
    pub strides: Option<Vec<i64>>,
    pub flags: u64,
    pub version: DLPackVersion,
    pub on_delete: Box<dyn Fn() + Send>,
}

impl Producer {
    /// A row-major array over these words, whose deletions are counted.
    pub fn new(data: &[u64], dtype: DType, shape: &[i64], deleted: &Arc<AtomicUsize>) -> Self {
        let mut data = data.to_vec();
        let deleted = deleted.clone();
        let array = DLTensor {
            data: data.as_mut_ptr().cast(),
            device: DLDevice { device_type: DLDevice::CPU, device_id: 0 },
            ndim: shape.len() as i32,
            dtype: dtype.into(),
            shape: null_mut(),
            strides: null_mut(),
            byte_offset: 0,
        };
        Self {
            _data: data,
            array,
            shape: Some(shape.to_vec()),
            strides: None,
            flags: 0,
            version: DLPackVersion { major: 1, minor: 0 },
            on_delete: Box::new(move || _ = deleted.fetch_add(1, Ordering::SeqCst)),
        }
    }

    pub fn strides(mut self, strides: &[i64]) -> Self {
        self.strides = Some(strides.to_vec());
        self
    }

    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn fill(&mut self) -> DLTensor {
        let list = |numbers: &mut Option<Vec<i64>>| numbers.as_mut().map_or(null_mut(), |n| n.as_mut_ptr());
        DLTensor { shape: list(&mut self.shape), strides: list(&mut self.strides), ..self.array }
    }

    pub fn versioned(mut self) -> Handle<DLManagedTensorVersioned> {
        unsafe extern "C" fn delete(managed: *mut DLManagedTensorVersioned) {
            // SAFETY: both boxes were made below, and this is called once.
            unsafe { delete_producer(Box::from_raw(managed).manager_ctx) };
        }
        let (version, flags, dl_tensor) = (self.version, self.flags, self.fill());
        let manager_ctx = Box::into_raw(Box::new(self)).cast();
        let managed = DLManagedTensorVersioned { version, manager_ctx, deleter: Some(delete), flags, dl_tensor };
        // SAFETY: the struct is new; if it is wrong, then so that it contradicts itself.
        unsafe { Handle::from_raw(Box::into_raw(Box::new(managed))) }.unwrap()
    }

    pub fn legacy(mut self) -> Handle<DLManagedTensor> {
        unsafe extern "C" fn delete(managed: *mut DLManagedTensor) {
            // SAFETY: both boxes were made below, and this is called once.
            unsafe { delete_producer(Box::from_raw(managed).manager_ctx) };
        }
        let dl_tensor = self.fill();
        let manager_ctx = Box::into_raw(Box::new(self)).cast();
        let managed = DLManagedTensor { dl_tensor, manager_ctx, deleter: Some(delete) };
        // SAFETY: as above.
        unsafe { Handle::from_raw(Box::into_raw(Box::new(managed))) }.unwrap()
    }
}

/// # Safety
/// The context is that of a producer, for the last time.
unsafe fn delete_producer(context: *mut c_void) {
    // SAFETY: by the above.
    let producer = unsafe { Box::from_raw(context.cast::<Producer>()) };
    (producer.on_delete)();
}
