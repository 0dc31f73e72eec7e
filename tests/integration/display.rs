//! How tensors are printed.

use half::f16;
use kiln::prelude::*;

fn tensor<T: Element>(data: &[T], shape: impl Into<Shape>) -> Tensor {
    Tensor::from_slice(data, shape, &Device::cpu()).unwrap()
}

#[track_caller]
fn prints(x: &Tensor, expected: &str) {
    assert_eq!(x.to_string(), expected, "\n{x}\n{expected}");
}

#[test]
fn numbers_are_aligned_at_their_points() {
    prints(&tensor(&[1.0f32, 2.0, -30.0], [3]), "tensor([  1.,   2., -30.], float32, cpu)");
    prints(&tensor(&[0.1f64, 1.25, 100.0], [3]), "tensor([  0.1 ,   1.25, 100.  ], float64, cpu)");
    prints(&tensor(&[1.0 / 3.0, 0.5f32], [2]), "tensor([0.3333, 0.5   ], float32, cpu)");
    prints(&tensor(&[f16::from_f32(0.5)], [1]), "tensor([0.5], float16, cpu)");
    prints(&tensor(&[1i64, -20, 300], [3]), "tensor([  1, -20, 300], int64, cpu)");
    prints(&tensor(&[true, false], [2]), "tensor([ true, false], bool, cpu)");
}

#[test]
fn a_wide_range_is_scientific() {
    prints(&tensor(&[1e-5f64, 1.0], [2]), "tensor([1.e-05, 1.e+00], float64, cpu)");
    prints(&tensor(&[1.5f64, -2.25e10], [2]), "tensor([ 1.50e+00, -2.25e+10], float64, cpu)");
    prints(&tensor(&[1.0f32, 5000.0], [2]), "tensor([   1., 5000.], float32, cpu)");
    prints(&tensor(&[0.5f32, 5000.0], [2]), "tensor([5.e-01, 5.e+03], float32, cpu)");
}

#[test]
fn what_is_not_finite_has_a_name() {
    let x = tensor(&[f32::NAN, f32::INFINITY, -f32::INFINITY, 1.5], [4]);
    prints(&x, "tensor([ nan,  inf, -inf,  1.5], float32, cpu)");
    prints(&tensor(&[f64::NAN, 1e-9], [2]), "tensor([   nan, 1.e-09], float64, cpu)");
    prints(&tensor(&[f32::NAN], [1]), "tensor([nan], float32, cpu)");
}

#[test]
fn brackets_follow_the_axes() {
    prints(&tensor(&[7i32], ()), "tensor(7, int32, cpu)");
    prints(&tensor(&[2.5f32], ()), "tensor(2.5, float32, cpu)");
    prints(&tensor::<f32>(&[], [0]), "tensor([], shape [0], float32, cpu)");
    prints(&tensor::<u8>(&[], [2, 0, 3]), "tensor([], shape [2, 0, 3], uint8, cpu)");
    let x = Tensor::arange(0, 8, 1, DType::U8, &Device::cpu()).unwrap().reshape([2, 2, 2]).unwrap();
    let expected = "tensor([[[0, 1],\n         [2, 3]],\n\n        [[4, 5],\n         [6, 7]]], uint8, cpu)";
    prints(&x, expected);
    prints(&x.permute([2, 1, 0]).unwrap().select(0, 1).unwrap(), "tensor([[1, 5],\n        [3, 7]], uint8, cpu)");
}

#[test]
fn long_rows_are_broken() {
    let x = Tensor::arange(0, 30, 1, DType::I32, &Device::cpu()).unwrap();
    let text = x.to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(lines.iter().all(|l| l.len() <= 90), "{text}");
    assert!(lines[0].ends_with("17,") && lines[1].starts_with("        18, 19,"), "{text}");
}

#[test]
fn only_the_edges_of_many_are_shown() {
    let x = Tensor::arange(0, 10_000, 1, DType::I32, &Device::cpu()).unwrap();
    prints(&x, "tensor([   0,    1,    2, ..., 9997, 9998, 9999], shape [10000], int32, cpu)");
    let expected = "tensor([[   0,    1,    2, ...,   97,   98,   99],\n        \
                    [ 100,  101,  102, ...,  197,  198,  199],\n        \
                    [ 200,  201,  202, ...,  297,  298,  299],\n        \
                    ...,\n        \
                    [9700, 9701, 9702, ..., 9797, 9798, 9799],\n        \
                    [9800, 9801, 9802, ..., 9897, 9898, 9899],\n        \
                    [9900, 9901, 9902, ..., 9997, 9998, 9999]], shape [100, 100], int32, cpu)";
    prints(&x.reshape([100, 100]).unwrap(), expected);
    prints(
        &Tensor::zeros([2, 1000], DType::F32, &Device::cpu()).narrow(0, 0, 1).unwrap().select(1, 0).unwrap(),
        "tensor([0.], float32, cpu)",
    );
    let tall = x.reshape([5000, 2]).unwrap();
    assert!(tall.to_string().contains("[   4,    5],\n        ...,\n        [9994, 9995],"), "{tall}");
}

#[test]
fn precision_may_be_chosen() {
    let x = tensor(&[1.0f64 / 3.0], [1]);
    assert_eq!(format!("{x:.2}"), "tensor([0.33], float64, cpu)");
    assert_eq!(format!("{x:.8}"), "tensor([0.33333333], float64, cpu)");
}

#[test]
fn debug_computes_nothing() {
    let device = Device::cpu_with(DeviceOptions::default());
    let x = Tensor::ones([2, 3], DType::F32, &device) + 1.0;
    assert_eq!(format!("{x:?}"), "Tensor([2, 3], float32, cpu)");
    assert_eq!(device.stats().flushes, 0);
}
