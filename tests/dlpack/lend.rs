//! What Kiln lends: what is shared, what is copied, and who may write.

use std::sync::{Arc, atomic::Ordering};

use kiln::{
    dlpack::{DLManagedTensorVersioned, DLPackVersion, Handle},
    prelude::*,
};
use kiln_tests::devices;

use crate::{cpu, message, numbers, producer::Producer, seen, values};

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
fn handles_print_what_they_hold() {
    let x = Tensor::from_slice(&[1u8], [1], &cpu()).unwrap();
    let text = format!("{:?}", x.to_dlpack(None).unwrap());
    assert!(
        text.starts_with("Handle(DLManagedTensorVersioned { version: DLPackVersion { major: 1, minor: 3 }"),
        "{text}"
    );
}
