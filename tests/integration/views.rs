//! Making, moving, cutting, joining and indexing of tensors.

mod indexing;
mod joining;
mod making;
mod moving;
mod random;

use std::cell::RefCell;

use kiln::prelude::*;
use kiln_tests::devices;

thread_local! {
    static HERE: RefCell<Device> = RefCell::new(Device::cpu());
}

/// The device that the test is run on at the moment.
fn here() -> Device {
    HERE.with_borrow(Device::clone)
}

/// Runs a test on every device, fused and unfused.
fn everywhere(test: impl Fn()) {
    for (name, device) in devices() {
        println!("on {name}");
        HERE.set(device.clone());
        test();
    }
}

fn range(shape: impl Into<Shape>) -> Tensor {
    let shape = shape.into();
    Tensor::arange(0, shape.numel() as i64, 1, DType::F32, &here()).unwrap().reshape(shape).unwrap()
}

/// The same for gradient checks: in double precision where every device has it.
fn precise(shape: impl Into<Shape>) -> Tensor {
    range(shape).to_dtype(if here().is_cpu() { DType::F64 } else { DType::F32 })
}

/// Whether the device computes with 64-bit integers.
fn has_int64() -> bool {
    here().is_cpu() || here().info().features.contains(&"int64")
}

fn ints(data: &[i64], shape: impl Into<Shape>) -> Tensor {
    Tensor::from_slice(data, shape, &here()).unwrap()
}

fn values(x: &Tensor) -> Vec<f64> {
    x.to_device(&Device::cpu()).unwrap().to_dtype(DType::F64).to_vec().unwrap()
}

fn numbers(range: std::ops::Range<i32>) -> Vec<f64> {
    range.map(f64::from).collect()
}

#[track_caller]
fn fails(result: Result<impl Sized>, message: &str) {
    let Err(error) = result else { panic!("no error: {message}") };
    assert_eq!(error.to_string(), message);
}

#[test]
fn tensors_move_between_devices() {
    everywhere(|| {
        let other = Device::cpu_with(DeviceOptions::default());
        let x = range([2, 3]).requires_grad();
        let y = x.t().to_device(&other).unwrap();
        assert_eq!((y.device(), values(&y)), (&other, vec![0.0, 3.0, 1.0, 4.0, 2.0, 5.0]));
        let grads = y.square().sum(()).unwrap().backward().unwrap();
        let grad = grads.get(&x).unwrap();
        assert_eq!((grad.device(), values(grad)), (&here(), vec![0.0, 2.0, 4.0, 6.0, 8.0, 10.0]));
        assert!(x.add(&y).is_err());
        assert_eq!(x.to_device(&here()).unwrap().device(), &here());
        assert_eq!(range([0, 2]).to_device(&other).unwrap().shape(), &[0, 2]);
    });
}
