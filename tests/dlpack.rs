//! Exchange of tensors in memory: what is shared, what is copied, who frees what, and what is refused.

mod common;

use std::{
    ffi::c_void,
    ptr::null_mut,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use common::devices;
use kiln::{
    dlpack::{
        DLDataType, DLDevice, DLManagedTensor, DLManagedTensorVersioned, DLPackVersion, DLTensor, Handle, Managed,
    },
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

/// A producer of arrays whose every field can be wrong.
struct Producer {
    /// Of 64-bit words, so that they are aligned for every dtype.
    _data: Vec<u64>,
    array: DLTensor,
    shape: Option<Vec<i64>>,
    strides: Option<Vec<i64>>,
    flags: u64,
    version: DLPackVersion,
    on_delete: Box<dyn Fn() + Send>,
}

impl Producer {
    /// A row-major array over these words, whose deletions are counted.
    fn new(data: &[u64], dtype: DType, shape: &[i64], deleted: &Arc<AtomicUsize>) -> Self {
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

    fn strides(mut self, strides: &[i64]) -> Self {
        self.strides = Some(strides.to_vec());
        self
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn fill(&mut self) -> DLTensor {
        let list = |numbers: &mut Option<Vec<i64>>| numbers.as_mut().map_or(null_mut(), |n| n.as_mut_ptr());
        DLTensor { shape: list(&mut self.shape), strides: list(&mut self.strides), ..self.array }
    }

    fn versioned(mut self) -> Handle<DLManagedTensorVersioned> {
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

    fn legacy(mut self) -> Handle<DLManagedTensor> {
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

#[test]
fn every_dtype_and_layout_is_shared_both_ways() {
    for dtype in DType::ALL {
        let x = numbers(dtype);
        let views = [
            x.clone(),
            x.t(),
            x.permute([2, 0, 1]).unwrap(),
            x.slice(2, 1, 4, 2).unwrap(),
            x.select(0, 1).unwrap(),
            x.select(0, 1).unwrap().select(0, 2).unwrap().select(0, 3).unwrap(),
            x.narrow(1, 1, 1).unwrap().expand([2, 5, 4]).unwrap(),
            x.flatten(0, -1).unwrap(),
        ];
        let base = seen(&x.to_dlpack(None).unwrap()).0;
        for view in &views {
            let handle = view.to_dlpack(Some(false)).unwrap();
            // Where elements share a place, a write to one would be a write to several.
            let repeats = view.strides().contains(&0);
            assert_eq!((handle.is_copied(), handle.is_read_only()), (false, repeats), "{view:?}");
            let array = handle.dl_tensor().unwrap();
            assert_eq!(array.dtype, dtype.into());
            let (first, shape, strides) = seen(&handle);
            assert!((base..base + 24 * dtype.size()).contains(&first), "{view:?} has been copied");
            let y = Tensor::from_dlpack(handle, Some(false)).unwrap();
            assert_eq!((y.shape(), y.dtype()), (view.shape(), dtype));
            assert_eq!(values(&y), values(view), "{view:?}");
            if repeats {
                assert!(message(y.to_dlpack_legacy(Some(false))).contains("must not be written to"));
                assert_eq!(seen(&y.to_dlpack_legacy(None).unwrap()).2, vec![20, 4, 1]);
                continue;
            }
            let again = y.to_dlpack_legacy(Some(false)).unwrap();
            assert_eq!(seen(&again), (first, shape, strides), "{view:?}");
            let y = Tensor::from_dlpack(again, Some(false)).unwrap();
            assert_eq!(values(&y), values(view), "{view:?}");
        }
    }
}

#[test]
fn what_is_exported_is_what_others_expect() {
    let x = numbers(DType::F32);
    let handle = x.to_dlpack(None).unwrap();
    let (address, shape, strides) = seen(&handle);
    assert_eq!((shape, strides), (vec![2, 3, 4], vec![12, 4, 1]));
    assert_eq!(address % 64, 0);
    let managed = handle.into_raw();
    // SAFETY: the struct is ours until it goes back into a handle.
    let version = unsafe { (*managed).version };
    assert_eq!(version, DLPackVersion { major: 1, minor: 3 });
    // SAFETY: it was given away just above.
    drop(unsafe { Handle::from_raw(managed) });

    let handle = x.select(0, 1).unwrap().t().to_dlpack(None).unwrap();
    assert_eq!(seen(&handle), (address + 48, vec![4, 3], vec![1, 4]));
    // Axes of one element have the strides of a dense array, whatever the view says.
    let handle = x.select(0, 0).unwrap().unsqueeze(0).unwrap().unsqueeze(2).unwrap().to_dlpack(None).unwrap();
    assert_eq!(seen(&handle), (address, vec![1, 3, 1, 4], vec![12, 4, 4, 1]));
    let (_, shape, strides) = seen(&Tensor::zeros((), DType::I8, &cpu()).to_dlpack(None).unwrap());
    assert_eq!((shape, strides), (vec![], vec![]));
    let (_, shape, _) = seen(&x.narrow(1, 3, 0).unwrap().to_dlpack(None).unwrap());
    assert_eq!(shape, [2, 0, 4]);
}

#[test]
fn pending_work_is_done_before_it_is_lent() {
    let x = numbers(DType::F32);
    let y = (&x * 2.0 + 1.0).sum(1).unwrap();
    let z = Tensor::from_dlpack(y.to_dlpack(None).unwrap(), None).unwrap();
    assert_eq!(z.to_vec::<f32>().unwrap(), y.to_vec::<f32>().unwrap());
}

#[test]
fn constants_get_their_memory_when_they_are_lent() {
    let write = |x: &Tensor, place: usize, value: f32| {
        let handle = x.to_dlpack(Some(false)).unwrap();
        assert!(!handle.is_copied() && !handle.is_read_only());
        // SAFETY: the handle lends floats, more than `place`.
        unsafe { *handle.dl_tensor().unwrap().data.cast::<f32>().add(place) = value };
        seen(&handle).0
    };
    let zeros = Tensor::zeros([2, 3], DType::F32, &cpu());
    let (view, before) = (zeros.t(), &zeros + 1.0);
    assert_eq!(write(&zeros, 1, 5.0), write(&zeros, 2, 6.0));
    assert_eq!(zeros.to_vec::<f32>().unwrap(), [0.0, 5.0, 6.0, 0.0, 0.0, 0.0]);
    assert_eq!(view.to_vec::<f32>().unwrap(), [0.0, 0.0, 5.0, 0.0, 6.0, 0.0]);
    assert_eq!((&zeros + 1.0).to_vec::<f32>().unwrap(), [1.0, 6.0, 7.0, 1.0, 1.0, 1.0]);
    assert_eq!(zeros.sum(0).unwrap().to_vec::<f32>().unwrap(), [0.0, 5.0, 6.0]);
    assert_eq!(zeros.matmul(&zeros.t()).unwrap().to_vec::<f32>().unwrap(), [61.0, 0.0, 0.0, 0.0]);
    // What was asked for before is what it was then.
    assert_eq!(before.to_vec::<f32>().unwrap(), [1.0; 6]);

    // As an operand that is broadcast, a constant needs no shape until it is lent.
    let two = Tensor::scalar(2.0f32, &cpu());
    write(&two, 0, 3.0);
    assert_eq!((&before * &two).to_vec::<f32>().unwrap(), [3.0; 6]);
    // One place for many elements is not written to.
    let handle = Tensor::ones([2, 1], DType::F32, &cpu()).expand([2, 4]).unwrap().to_dlpack(None).unwrap();
    assert_eq!((handle.is_read_only(), seen(&handle).2), (true, vec![1, 0]));
}

#[test]
fn copies_are_made_where_they_must_and_may() {
    let x = numbers(DType::F32);
    let copied = |x: &Tensor, copy| x.to_dlpack(copy).unwrap().is_copied();
    assert!(!copied(&x, None) && copied(&x, Some(true)));
    assert_ne!(seen(&x.to_dlpack(Some(true)).unwrap()).0, seen(&x.to_dlpack(None).unwrap()).0);
    let flipped = x.flip([0, 2]).unwrap();
    assert!(copied(&flipped, None));
    let handle = flipped.to_dlpack(Some(false)).unwrap();
    assert_eq!((handle.is_copied(), seen(&handle).2), (false, vec![-12, 4, -1]));
    let y = Tensor::from_dlpack(handle, Some(false)).unwrap();
    assert_eq!(y.to_vec::<f32>().unwrap(), flipped.to_vec::<f32>().unwrap());

    let tracked = x.requires_grad();
    let expected = "to_dlpack: a gradient does not follow the tensor there: `detach` it first";
    assert_eq!(message(tracked.to_dlpack(None)), expected);
    assert_eq!(message((&tracked * 2.0).to_dlpack_legacy(Some(true))), expected);
    assert!(tracked.detach().to_dlpack(None).is_ok());

    for (name, device) in devices().iter().filter(|(_, device)| !device.is_cpu()) {
        let there = x.to_device(device).unwrap();
        let handle = there.to_dlpack(None).unwrap();
        assert!(handle.is_copied(), "{name}");
        let back = Tensor::from_dlpack(handle, Some(false)).unwrap();
        assert_eq!(back.to_vec::<f32>().unwrap(), x.to_vec::<f32>().unwrap());
        let error = message(there.to_dlpack(Some(false)));
        assert!(error.ends_with("allow a copy, or move it with `to_device`"), "{error}");
    }
}

#[test]
fn lent_memory_is_neither_written_nor_used_again() {
    let x = numbers(DType::F32);
    let handle = x.to_dlpack(None).unwrap();
    let data = handle.dl_tensor().unwrap().data.cast::<f32>();
    // The tensor dies in a kernel whose result would take its memory over, and others of its size follow.
    let y = &x * 2.0;
    drop(x);
    let doubled = y.to_vec::<f32>().unwrap();
    let others: Vec<Tensor> = (0..16).map(|i| numbers(DType::F32) + i as f64).collect();
    others.iter().for_each(|x| assert_eq!(x.numel(), x.to_vec::<f32>().unwrap().len()));
    // SAFETY: the handle lends 24 floats.
    let lent = unsafe { std::slice::from_raw_parts(data, 24) };
    assert!(lent.iter().zip(&doubled).enumerate().all(|(i, (&x, &y))| x == i as f32 && y == 2.0 * x));

    // Borrowed memory lives on in views and results, and is not written to either.
    let deleted = Arc::default();
    let words: Vec<u64> = (0..4).collect();
    let x = Tensor::from_dlpack(Producer::new(&words, DType::I64, &[4], &deleted).versioned(), None).unwrap();
    let seen_through = x.slice(0, 1, 4, 2).unwrap();
    let y = x.add(1).unwrap();
    drop(x);
    assert_eq!(y.to_vec::<i64>().unwrap(), [1, 2, 3, 4]);
    assert_eq!(seen_through.to_vec::<i64>().unwrap(), [1, 3]);
    assert_eq!(deleted.load(Ordering::SeqCst), 0);
    drop(seen_through);
    assert_eq!(deleted.load(Ordering::SeqCst), 1);
}

#[test]
fn a_borrower_may_write_where_nothing_forbids_it() {
    let x = Tensor::from_vec(vec![1i32, 2, 3], [3], &cpu()).unwrap();
    let handle = x.to_dlpack(None).unwrap();
    assert!(!handle.is_read_only());
    // SAFETY: the handle lends three numbers, which nobody else uses now.
    unsafe { *handle.dl_tensor().unwrap().data.cast::<i32>() = 7 };
    assert_eq!(x.to_vec::<i32>().unwrap(), [7, 2, 3]);

    // What may not be written to stays so when it is handed on.
    let deleted = Arc::default();
    let read_only = |p: &mut Producer| p.flags = DLManagedTensorVersioned::READ_ONLY;
    let x = Producer::new(&[1, 2], DType::U64, &[2], &deleted).with(read_only).versioned();
    let x = Tensor::from_dlpack(x, Some(false)).unwrap();
    assert!(x.to_dlpack(None).unwrap().is_read_only());
    assert!(x.narrow(0, 1, 1).unwrap().to_dlpack(Some(false)).unwrap().is_read_only());
    assert!(!x.to_dlpack(Some(true)).unwrap().is_read_only());
    let message = message(x.to_dlpack_legacy(Some(false)));
    assert!(message.contains("the legacy struct cannot say: allow a copy"), "{message}");
    assert_ne!(seen(&x.to_dlpack_legacy(None).unwrap()).0, seen(&x.to_dlpack(None).unwrap()).0);
}

#[test]
fn bytes_that_others_leave_in_bools_are_true() {
    let x = Tensor::from_vec(vec![true, false, true], [3], &cpu()).unwrap();
    let handle = x.to_dlpack(Some(false)).unwrap();
    // SAFETY: the handle lends three bytes, which nobody else uses now.
    unsafe { *handle.dl_tensor().unwrap().data.cast::<u8>().add(1) = 2 };
    for lent in [Some(handle), None] {
        assert_eq!(x.to_vec::<bool>().unwrap(), [true; 3]);
        let seen = x.as_ndarray::<bool>().unwrap();
        assert_eq!(seen.view().iter().map(|&value| value as u8).collect::<Vec<_>>(), [1; 3]);
        drop(lent);
    }
}

#[test]
fn results_do_not_change_with_what_is_written_later() {
    let x = Tensor::from_slice(&[1i32, 2, 3], [3], &cpu()).unwrap();
    let before = x.add(1).unwrap();
    let handle = x.to_dlpack(None).unwrap();
    let data = handle.dl_tensor().unwrap().data.cast::<i32>();
    let during = [x.mul(2).unwrap(), x.narrow(0, 0, 2).unwrap().copied(), x.sum(()).unwrap()];
    // SAFETY: the handle lends three numbers, which nobody else uses now.
    unsafe { *data = 100 };
    assert_eq!(before.to_vec::<i32>().unwrap(), [2, 3, 4]);
    assert_eq!(during[0].to_vec::<i32>().unwrap(), [2, 4, 6]);
    assert_eq!(during[1].to_vec::<i32>().unwrap(), [1, 2]);
    assert_eq!(during[2].item::<i64>().unwrap(), 6);
    assert_eq!(x.to_vec::<i32>().unwrap(), [100, 2, 3]);
}

#[test]
fn only_memory_that_others_may_write_to_is_read_at_once() {
    // Two ops in a row are one kernel, unless the first must not wait.
    let device = Device::cpu_with(DeviceOptions::default());
    let x = Tensor::from_slice(&[1.0f32, 2.0], [2], &device).unwrap();
    let kernels = |x: &Tensor| {
        let before = x.device().stats().kernels;
        (x.exp() * 2.0).to_vec::<f32>().unwrap();
        x.device().stats().kernels - before
    };
    assert_eq!(kernels(&x), 1);
    let handle = x.to_dlpack(None).unwrap();
    assert_eq!(kernels(&x), 2);
    drop(handle);
    assert_eq!(kernels(&x), 1);
}

#[test]
fn strides_of_every_kind_are_read() {
    let deleted = Arc::default();
    let words: Vec<u64> = (0..24).collect();
    let of = |shape: &[i64]| Producer::new(&words, DType::U64, shape, &deleted);
    let read = |p: Producer| Tensor::from_dlpack(p.versioned(), Some(false)).unwrap().to_vec::<u64>().unwrap();
    // NULL is row-major.
    assert_eq!(read(of(&[2, 2])), [0, 1, 2, 3]);
    assert_eq!(read(of(&[2, 2]).strides(&[1, 12])), [0, 12, 1, 13]);
    assert_eq!(read(of(&[2, 2]).strides(&[0, 0])), [0, 0, 0, 0]);
    assert_eq!(read(of(&[3]).strides(&[-2]).with(|p| p.array.byte_offset = 8 * 8)), [8, 6, 4]);
    assert_eq!(read(of(&[2, 2]).strides(&[5, -1]).with(|p| p.array.byte_offset = 8)), [1, 0, 6, 5]);
    // Along one element nobody steps.
    assert_eq!(read(of(&[1, 2]).strides(&[i64::MIN, 3])), [0, 3]);
    assert_eq!(read(of(&[]).with(|p| p.shape = None)), [0]);
    assert_eq!(deleted.load(Ordering::SeqCst), 7);
    let x = Tensor::from_dlpack(of(&[3]).strides(&[-2]).with(|p| p.array.byte_offset = 8 * 8).legacy(), None).unwrap();
    assert_eq!(x.sum(()).unwrap().item::<u64>().unwrap(), 18);
}

#[test]
fn elements_that_cannot_be_shared_are_copied() {
    let deleted = Arc::default();
    let bools = || Producer::new(&[u64::from_le_bytes([0, 1, 2, 255, 0, 9, 9, 9])], DType::Bool, &[5], &deleted);
    let x = Tensor::from_dlpack(bools().versioned(), None).unwrap();
    assert_eq!(deleted.load(Ordering::SeqCst), 1);
    assert_eq!(x.to_vec::<bool>().unwrap(), [false, true, true, true, false]);
    assert_eq!(x.sum(()).unwrap().item::<i64>().unwrap(), 3);
    let error = message(Tensor::from_dlpack(bools().versioned(), Some(false)));
    assert_eq!(error, "from_dlpack: some bytes of the bools are neither 0 nor 1: allow a copy");
    // Bytes between the elements do not count.
    let x = Tensor::from_dlpack(bools().strides(&[4]).with(|p| p.shape = Some(vec![2])).versioned(), Some(false));
    assert_eq!(x.unwrap().to_vec::<bool>().unwrap(), [false, false]);

    let odd = |p: &mut Producer| p.array.byte_offset = 3;
    let words = [0x0300_0000_0200_0000, 0x0500_0000_0400_0000, 0];
    let misaligned = || Producer::new(&words, DType::U32, &[3], &deleted).with(odd);
    let x = Tensor::from_dlpack(misaligned().legacy(), None).unwrap();
    assert_eq!(x.to_vec::<u32>().unwrap(), [2, 3, 4]);
    assert_eq!(seen(&x.to_dlpack(None).unwrap()).0 % 64, 0);
    let error = message(Tensor::from_dlpack(misaligned().legacy(), Some(false)));
    assert!(error.contains("no multiple of their size: allow a copy"), "{error}");

    let before = deleted.load(Ordering::SeqCst);
    let x = Tensor::from_dlpack(Producer::new(&words, DType::U64, &[3], &deleted).versioned(), Some(true)).unwrap();
    assert_eq!(deleted.load(Ordering::SeqCst), before + 1);
    assert_eq!(x.to_vec::<u64>().unwrap(), words);
}

#[test]
fn nothing_needs_no_memory() {
    let deleted = Arc::default();
    let empty = |p: &mut Producer| (p.array.data, p.array.byte_offset) = (null_mut(), 7);
    let x = Producer::new(&[], DType::F64, &[2, 0, 3], &deleted).strides(&[0, 0, i64::MAX]).with(empty).versioned();
    let x = Tensor::from_dlpack(x, Some(false)).unwrap();
    assert_eq!((x.shape(), deleted.load(Ordering::SeqCst)), (&[2, 0, 3].into(), 1));
    let y = Tensor::from_dlpack(x.to_dlpack(Some(false)).unwrap(), None).unwrap();
    assert_eq!((y.shape(), y.dtype()), (x.shape(), DType::F64));
}

type Change = fn(&mut Producer);

/// What is wrong, and what is said of it.
const BROKEN: &[(Change, &str)] = &[
    (|p| p.shape = None, "the array has 2 axes, but its shape is NULL"),
    (|p| p.array.ndim = -1, "the array has -1 axes"),
    (|p| p.array.ndim = i32::MIN, "the array has -2147483648 axes"),
    (|p| (p.array.ndim, p.shape) = (9, Some(vec![1; 9])), "rank 9 is above the limit of 8"),
    (|p| p.array.ndim = i32::MAX, "rank 2147483647 is above the limit of 8"),
    (|p| p.array.data = null_mut(), "the array has 6 elements, but its data is NULL"),
    (|p| p.shape = Some(vec![2, -3]), "the shape [2, -3] has negative sizes"),
    (|p| p.shape = Some(vec![i64::MIN, 0]), "has negative sizes"),
    (|p| p.shape = Some(vec![i64::MAX, 2]), "more elements than can be addressed"),
    (|p| p.shape = Some(vec![1 << 32, 1 << 32]), "more elements than can be addressed"),
    (|p| p.shape = Some(vec![1 << 32, 1 << 28]), "more elements than can be addressed"),
    (|p| p.strides = Some(vec![i64::MAX, i64::MAX]), "leaves the address space"),
    (|p| p.strides = Some(vec![i64::MIN, 1]), "leaves the address space"),
    (|p| p.strides = Some(vec![1 << 60, 1]), "leaves the address space"),
    (|p| p.strides = Some(vec![-(1 << 58), 1]), "leaves the address space"),
    (|p| p.array.byte_offset = u64::MAX, "leaves the address space"),
    (|p| p.array.byte_offset = u64::MAX - 64, "leaves the address space"),
    (|p| p.array.dtype.lanes = 4, "elements of 4 lanes are not single numbers"),
    (|p| p.array.dtype.lanes = 0, "elements of 0 lanes"),
    (
        |p| p.array.dtype = DLDataType { code: DLDataType::COMPLEX, bits: 64, lanes: 1 },
        "complex numbers are not supported",
    ),
    (|p| p.array.dtype = DLDataType { code: DLDataType::FLOAT, bits: 128, lanes: 1 }, "floats of 128 bits"),
    (|p| p.array.dtype = DLDataType { code: 10, bits: 8, lanes: 1 }, "convert them to float16 or float32"),
    (|p| p.array.dtype = DLDataType { code: DLDataType::INT, bits: 4, lanes: 1 }, "the dtype of code 0 with 4 bits"),
    (|p| p.array.dtype.code = DLDataType::OPAQUE_HANDLE, "the dtype of code 3"),
    (|p| p.array.dtype.code = 200, "the dtype of code 200"),
    (|p| p.array.device.device_type = DLDevice::CUDA, "the array is on CUDA device 0: copy it to the CPU first"),
    (|p| p.array.device = DLDevice { device_type: DLDevice::VULKAN, device_id: 3 }, "the array is on Vulkan device 3"),
    (|p| p.array.device.device_type = 0, "the array is on unknown device 0"),
    (|p| p.array.device.device_type = -7, "the array is on unknown device 0"),
];

#[test]
fn broken_arrays_are_refused_and_freed_once() {
    for (i, &(change, expected)) in BROKEN.iter().enumerate() {
        for copy in [None, Some(false), Some(true)] {
            let deleted = Arc::default();
            let producer = || Producer::new(&[0; 6], DType::F64, &[2, 3], &deleted).with(change);
            let errors = [
                message(Tensor::from_dlpack(producer().versioned(), copy)),
                message(Tensor::from_dlpack(producer().legacy(), copy)),
            ];
            for error in errors {
                assert!(error.starts_with("from_dlpack: ") && error.contains(expected), "case {i}: {error}");
            }
            assert_eq!(deleted.load(Ordering::SeqCst), 2, "case {i}");
        }
    }
}

#[test]
fn of_another_major_version_only_the_deleter_is_used() {
    let deleted = Arc::default();
    let newer = |major, minor| {
        let version = |p: &mut Producer| p.version = DLPackVersion { major, minor };
        Tensor::from_dlpack(Producer::new(&[1], DType::U64, &[1], &deleted).with(version).versioned(), None)
    };
    assert_eq!(message(newer(2, 5)), "from_dlpack: the array comes in version 2.5 of DLPack, but only 1.x is known");
    assert!(message(newer(0, 8)).contains("version 0.8"));
    assert_eq!(deleted.load(Ordering::SeqCst), 2);
    assert_eq!(newer(1, 99).unwrap().to_vec::<u64>().unwrap(), [1]);
    assert_eq!(deleted.load(Ordering::SeqCst), 3);
}

#[test]
fn pointers_to_nothing_are_refused() {
    // SAFETY: NULL is allowed, and what is not aligned is not looked at.
    unsafe {
        let error = message(Handle::<DLManagedTensor>::from_raw(null_mut()));
        assert_eq!(error, "from_dlpack: the pointer to the array's struct is NULL");
        assert!(
            message(Handle::from_raw(std::ptr::without_provenance_mut::<DLManagedTensorVersioned>(12)))
                .contains("aligned")
        );
    }
}

#[test]
fn deleters_run_once_wherever_the_last_tensor_dies() {
    let deleted: Arc<AtomicUsize> = Arc::default();
    let array = || Producer::new(&[1, 2, 3], DType::U64, &[3], &deleted).versioned();
    let count = || deleted.load(Ordering::SeqCst);
    drop(array());
    assert_eq!(count(), 1);

    let raw = array().into_raw();
    assert_eq!(count(), 1);
    // SAFETY: the pointer was given away just above.
    drop(unsafe { Handle::from_raw(raw) });
    assert_eq!(count(), 2);

    let x = Tensor::from_dlpack(array(), None).unwrap();
    let clones: Vec<Tensor> = (0..4).map(|i| x.narrow(0, i % 3, 1).unwrap()).collect();
    drop(x);
    let threads: Vec<_> = clones.into_iter().map(|x| std::thread::spawn(move || x.to_vec::<u64>().unwrap())).collect();
    threads.into_iter().for_each(|thread| assert_eq!(thread.join().unwrap().len(), 1));
    assert_eq!(count(), 3);

    // An exported tensor of borrowed memory keeps it, and frees it on another thread.
    let lent = Tensor::from_dlpack(array(), None).unwrap().to_dlpack(None).unwrap();
    assert_eq!(count(), 3);
    std::thread::spawn(move || drop(lent)).join().unwrap();
    assert_eq!(count(), 4);

    // A struct without a deleter has nothing to free.
    let mut numbers = [5u64, 6];
    let (mut shape, mut dl_tensor) = ([2], Producer::new(&[], DType::U64, &[2], &deleted).array);
    (dl_tensor.data, dl_tensor.shape) = (numbers.as_mut_ptr().cast(), shape.as_mut_ptr());
    let mut managed = DLManagedTensor { dl_tensor, manager_ctx: null_mut(), deleter: None };
    // SAFETY: struct and numbers outlive the tensor.
    let handle = unsafe { Handle::from_raw(&raw mut managed) }.unwrap();
    assert_eq!(Tensor::from_dlpack(handle, None).unwrap().to_vec::<u64>().unwrap(), [5, 6]);
}

#[test]
fn a_deleter_may_call_kiln() {
    // The flush drops the array's last reference while it holds the device's lock.
    let deleted: Arc<AtomicUsize> = Arc::default();
    let count = deleted.clone();
    let calls_back = move |p: &mut Producer| {
        p.on_delete = Box::new(move || {
            let sum = Tensor::arange(0, 10, 1, DType::I64, &cpu()).unwrap().sum(()).unwrap();
            count.fetch_add(sum.item::<i64>().unwrap() as usize, Ordering::SeqCst);
        });
    };
    let x = Producer::new(&[1, 2, 3], DType::U64, &[3], &deleted).with(calls_back).versioned();
    let x = Tensor::from_dlpack(x, None).unwrap();
    let y = x.add(1).unwrap();
    drop(x);
    assert_eq!(y.to_vec::<u64>().unwrap(), [2, 3, 4]);
    assert_eq!(deleted.load(Ordering::SeqCst), 45);
}

#[test]
fn handles_print_what_they_hold() {
    let x = Tensor::from_slice(&[1u8], [1], &cpu()).unwrap();
    let text = format!("{:?}", x.to_dlpack(None).unwrap());
    assert!(
        text.starts_with("Handle(DLManagedTensorVersioned { version: DLPackVersion { major: 1, minor: 3 }"),
        "{text}"
    );
}
