//! Distances against PyTorch's, their gradients of first and second order, and the nearest of them.

use kiln::{
    DType, Device, DeviceOptions, Error, Result, Scalar, Tensor, gradcheck, gradgradcheck,
    nn::functional::{cosine_similarity, pairwise_distance},
};
use kiln_tests::{
    devices,
    draw::Draw,
    golden::{check, scalar},
    gpu_with, values,
};
use serde_json::Value;

#[test]
fn matrices_of_distances() {
    check(include_str!("../../goldens/cdist.jsonl"), 161, apply);
}

#[test]
fn distances_of_pairs() {
    check(include_str!("../../goldens/distance.jsonl"), 98, apply);
}

fn apply(name: &str, x: &[Tensor], args: &Value) -> Result<Vec<Tensor>> {
    let number = |key: &str| scalar(&args[key]).to_f64();
    Ok(vec![match name {
        "cdist" => x[0].cdist(&x[1], number("p"))?,
        "pairwise_distance" => pairwise_distance(&x[0], &x[1], number("p"), number("eps"), args["keepdim"] == true)?,
        "cosine_similarity" => cosine_similarity(&x[0], &x[1], number("dim") as isize, number("eps"))?,
        _ => panic!("no op {name}"),
    }])
}

fn drawn(shape: &[usize], seed: u64, dtype: DType, device: &Device) -> Tensor {
    let mut draw = Draw(seed);
    let numbers: Vec<Scalar> = (0..shape.iter().product()).map(|_| Scalar::Float(draw.float(-1.0, 1.0))).collect();
    values::tensor(&numbers, &shape.into(), dtype, device).unwrap()
}

#[test]
fn gradients_of_second_order() {
    let cpu = Device::cpu();
    let (a, b) = (drawn(&[2, 3, 2], 1, DType::F64, &cpu), drawn(&[4, 2], 2, DType::F64, &cpu));
    for p in [0.5, 1.0, 1.5, 2.0, 3.0, f64::INFINITY] {
        gradcheck(|x| x[0].cdist(&x[1], p), &[&a, &b]).unwrap_or_else(|e| panic!("p = {p}: {e}"));
        gradgradcheck(|x| x[0].cdist(&x[1], p), &[&a, &b]).unwrap_or_else(|e| panic!("p = {p}: {e}"));
        let pairs = |x: &[Tensor]| pairwise_distance(&x[0].narrow(1, 0, 1)?, &x[1], p, 1e-6, false);
        gradcheck(pairs, &[&a, &b]).unwrap_or_else(|e| panic!("p = {p}: {e}"));
        gradgradcheck(pairs, &[&a, &b]).unwrap_or_else(|e| panic!("p = {p}: {e}"));
    }
    let cosine = |x: &[Tensor]| cosine_similarity(&x[0].narrow(1, 0, 1)?, &x[1], -1, 1e-8);
    gradcheck(cosine, &[&a, &b]).unwrap();
    gradgradcheck(cosine, &[&a, &b]).unwrap();
}

#[test]
fn equal_rows_have_distance_zero() {
    for (name, device) in devices() {
        for (n, d) in [(5, 3), (70, 128), (40, 517)] {
            let x = drawn(&[n, d], 3, DType::F32, device) * 1e4 + 3e6;
            for p in [0.0, 0.5, 1.0, 2.0, 3.0, f64::INFINITY] {
                let y = x.cdist(&x, p).unwrap();
                let diagonal = Tensor::eye(n, DType::Bool, device).where_(&y, 0.0).unwrap().max(()).unwrap();
                assert_eq!(diagonal.item::<f32>().unwrap(), 0.0, "{n} x {d}, p = {p} on {name}");
            }
        }
    }
}

#[test]
fn a_nan_spreads() {
    for (name, device) in devices() {
        let x = Tensor::from_slice(&[1.0f32, f32::NAN, 3.0, 1.0, 2.0, 3.0], [2, 3], device).unwrap();
        let y = x.cdist(&Tensor::zeros([1, 3], DType::F32, device), f64::INFINITY).unwrap().to_vec::<f32>().unwrap();
        assert!(y[0].is_nan() && y[1] == 3.0, "{y:?} on {name}");
    }
}

#[test]
#[cfg_attr(no_gpu, ignore = "needs a GPU")]
fn every_switch_of_a_gpu_gives_the_same() {
    let switches: [fn(&mut DeviceOptions); 4] = [
        |o| o.subgroups = false,
        |o| o.immediates = false,
        |o| (o.int64, o.f64) = (false, false),
        |o| o.webgpu_limits = true,
    ];
    let cpu = Device::cpu();
    for (i, switch) in switches.into_iter().enumerate() {
        let gpu = gpu_with(switch);
        for (m, n, d) in [(3, 4, 2), (70, 33, 19), (5, 9, 600)] {
            for p in [0.0, 0.5, 1.0, 2.0, 3.0, f64::INFINITY] {
                let on = |device: &Device| {
                    let (a, b) = (drawn(&[m, d], 4, DType::F32, device), drawn(&[n, d], 5, DType::F32, device));
                    let (a, b) = (a.requires_grad(), b.requires_grad());
                    let y = a.cdist(&b, p).unwrap();
                    let weights = drawn(&[m, n], 6, DType::F32, device);
                    let grads = (&y * &weights).sum(()).unwrap().backward().unwrap();
                    [y, grads.get(&a).unwrap().clone(), grads.get(&b).unwrap().clone()]
                        .map(|t| values::values(&t).unwrap())
                };
                for (got, want) in on(&gpu).iter().zip(on(&cpu)) {
                    let large = want.iter().map(|v| v.to_f64().abs()).fold(0.0, f64::max);
                    if let Some(why) = values::difference(got, &want, 2e-5, 1e-5 * large) {
                        panic!("switch {i}, {m} x {n} x {d}, p = {p}: {why}");
                    }
                }
            }
        }
    }
}

#[test]
fn other_dtypes_are_promoted() {
    for (name, device) in devices() {
        let x = Tensor::from_slice(&[0i32, 0, 3, 4], [2, 2], device).unwrap();
        let y = x.cdist(&Tensor::zeros([1, 2], DType::Bool, device), 2.0).unwrap();
        assert_eq!((y.dtype(), y.to_vec::<f32>().unwrap()), (DType::F32, vec![0.0, 5.0]), "{name}");
        let y = x.cdist(&Tensor::zeros([1, 2], DType::F64, device), 1.0).unwrap();
        assert_eq!((y.dtype(), y.to_vec::<f64>().unwrap()), (DType::F64, vec![0.0, 7.0]), "{name}");
        // Squares past the range of halves.
        let y = (x.to_dtype(DType::F16) * 1000.0).cdist(&Tensor::zeros([1, 2], DType::F16, device), 2.0).unwrap();
        assert_eq!(y.to_dtype(DType::F32).to_vec::<f32>().unwrap(), [0.0, 5000.0], "{name}");
    }
}

#[test]
fn what_does_not_fit_is_an_error() {
    let cpu = &Device::cpu();
    let ones = |shape: &[usize]| Tensor::ones(shape, DType::F32, cpu);
    let message = |result: Result<Tensor>| result.unwrap_err().to_string();
    let x = ones(&[2, 3]);
    assert_eq!(message(x.cdist(&ones(&[3]), 2.0)), "cdist: shapes [2, 3] and [3]: both must have at least two axes");
    assert_eq!(
        message(x.cdist(&ones(&[2, 4]), 2.0)),
        "cdist: shapes [2, 3] and [2, 4]: the rows have 3 and 4 elements"
    );
    assert_eq!(message(x.cdist(&x, -1.0)), "cdist: p = -1: must be 0 or more");
    assert!(matches!(x.cdist(&x, f64::NAN), Err(Error::Argument { .. })));
    assert!(ones(&[2, 2, 3]).cdist(&ones(&[3, 2, 3]), 2.0).is_err());
    assert!(pairwise_distance(&x, &ones(&[2, 4]), 2.0, 1e-6, false).is_err());
    assert!(pairwise_distance(&ones(&[]), &ones(&[]), 2.0, 1e-6, false).is_err());
    assert!(pairwise_distance(&x, &x, -1.0, 1e-6, false).is_err());
    assert!(matches!(cosine_similarity(&x, &x, 2, 1e-8), Err(Error::Axis { .. })));
    assert!(cosine_similarity(&x, &ones(&[2, 4]), 1, 1e-8).is_err());
    assert_eq!(
        message(x.topk(4, 1, true).map(|t| t.0)),
        "topk: shape [2, 3]: k = 4 is out of range for axis 1 of size 3"
    );
    assert!(x.topk(1, 2, true).is_err());
    for (_, other) in devices() {
        assert!(matches!(x.cdist(&Tensor::ones([2, 3], DType::F32, other), 2.0), Err(Error::Devices { .. })));
    }
}

#[test]
fn the_first_of_equals_and_nan_on_top() {
    let (nan, inf) = (f32::NAN, f32::INFINITY);
    for (name, device) in devices() {
        let x = Tensor::from_slice(&[2.0, nan, -inf, 2.0, inf, nan, -inf, 0.0], [8], device).unwrap();
        for (largest, order) in [(true, [1i64, 5, 4, 0, 3, 7, 2, 6]), (false, [2, 6, 7, 0, 3, 4, 1, 5])] {
            for k in [0, 1, 3, 8] {
                let (values, indices) = x.topk(k, -1, largest).unwrap();
                assert_eq!(indices.to_vec::<i64>().unwrap(), order[..k], "{k}, {largest} on {name}");
                let want = x.index_select(0, &indices).unwrap();
                assert_eq!(format!("{:?}", values.to_vec::<f32>()), format!("{:?}", want.to_vec::<f32>()));
            }
        }
        let x = Tensor::from_slice(&[3i32, 1, 1, 2, i32::MIN, 2], [2, 3], device).unwrap();
        let (values, indices) = x.topk(2, 1, false).unwrap();
        assert_eq!(values.to_vec::<i32>().unwrap(), [1, 1, i32::MIN, 2], "{name}");
        assert_eq!(indices.to_vec::<i64>().unwrap(), [1, 2, 1, 0], "{name}");
        let (values, indices) = x.topk(2, 0, true).unwrap();
        assert_eq!(values.to_vec::<i32>().unwrap(), [3, 1, 2, 2, i32::MIN, 1], "{name}");
        assert_eq!(indices.to_vec::<i64>().unwrap(), [0, 0, 1, 1, 1, 0], "{name}");
        let flags = Tensor::from_slice(&[false, true, false], [3], device).unwrap();
        let (values, indices) = flags.topk(2, 0, true).unwrap();
        assert_eq!(values.to_vec::<bool>().unwrap(), [true, false], "{name}");
        assert_eq!(indices.to_vec::<i64>().unwrap(), [1, 0], "{name}");
    }
    let x = drawn(&[3, 4], 6, DType::F64, &Device::cpu());
    gradcheck(|x| Ok(x[0].topk(2, 0, true)?.0), &[&x]).unwrap();
}
