//! What Kiln borrows: what is read, what is copied or refused, and who frees it.

use std::{
    ptr::null_mut,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use kiln::{
    dlpack::{DLDataType, DLDevice, DLManagedTensor, DLManagedTensorVersioned, DLPackVersion, Handle},
    prelude::*,
};

use crate::{cpu, message, producer::Producer, seen};

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
