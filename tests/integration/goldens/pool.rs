//! Pooling against PyTorch's, and its gradients of first and second order.

use kiln::{
    DType, Device, Error, Result, Scalar, Tensor, gradcheck, gradgradcheck,
    nn::functional::{
        PoolOptions, adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d, adaptive_max_pool1d,
        adaptive_max_pool2d, adaptive_max_pool3d, avg_pool1d, avg_pool2d, avg_pool3d, max_pool1d,
        max_pool1d_with_indices, max_pool2d, max_pool2d_with_indices, max_pool3d, max_pool3d_with_indices,
    },
};
use kiln_tests::{
    devices,
    draw::Draw,
    golden::{check, per_axis},
    values,
};
use serde_json::Value;

#[test]
fn pooling() {
    check(include_str!("../../goldens/pool.jsonl"), 87, apply);
}

fn options<const N: usize>(args: &Value) -> PoolOptions<N> {
    let mut options = PoolOptions::new(per_axis(&args["kernel_size"], 0))
        .padding(per_axis(&args["padding"], 0))
        .dilation(per_axis(&args["dilation"], 1))
        .ceil_mode(args["ceil_mode"] == true)
        .count_include_pad(args["count_include_pad"] != false);
    options.stride = args.get("stride").map(|stride| per_axis(stride, 0));
    options.divisor_override = args["divisor_override"].as_u64().map(|n| n as usize);
    options
}

fn apply(name: &str, x: &[Tensor], args: &Value) -> Result<Vec<Tensor>> {
    let size = &args["output_size"];
    let x = &x[0];
    let y = match name {
        "max_pool1d" => max_pool1d(x, options(args))?,
        "max_pool2d" => max_pool2d(x, options(args))?,
        "max_pool3d" => max_pool3d(x, options(args))?,
        "max_pool1d_indices" => max_pool1d_with_indices(x, options(args))?.1,
        "max_pool2d_indices" => max_pool2d_with_indices(x, options(args))?.1,
        "max_pool3d_indices" => max_pool3d_with_indices(x, options(args))?.1,
        "avg_pool1d" => avg_pool1d(x, options(args))?,
        "avg_pool2d" => avg_pool2d(x, options(args))?,
        "avg_pool3d" => avg_pool3d(x, options(args))?,
        "adaptive_avg_pool1d" => adaptive_avg_pool1d(x, per_axis(size, 0))?,
        "adaptive_avg_pool2d" => adaptive_avg_pool2d(x, per_axis(size, 0))?,
        "adaptive_avg_pool3d" => adaptive_avg_pool3d(x, per_axis(size, 0))?,
        "adaptive_max_pool3d" => adaptive_max_pool3d(x, per_axis(size, 0))?,
        "adaptive_max_pool1d" => adaptive_max_pool1d(x, per_axis(size, 0))?,
        "adaptive_max_pool2d" => adaptive_max_pool2d(x, per_axis(size, 0))?,
        _ => panic!("no op {name}"),
    };
    Ok(vec![y])
}

#[test]
fn gradients_of_second_order() {
    let mut draw = Draw(3);
    let numbers: Vec<Scalar> = (0..2 * 2 * 5 * 4).map(|_| Scalar::Float(draw.float(-1.0, 1.0))).collect();
    let x = values::tensor(&numbers, &[2, 2, 5, 4].into(), DType::F64, &Device::cpu()).unwrap();
    let cases: [PoolOptions<2>; 3] =
        [2.into(), PoolOptions::new(3).stride(2).padding(1), PoolOptions::new([4, 3]).stride(1)];
    for options in cases {
        let (max, avg) = (|x: &[Tensor]| max_pool2d(&x[0], options), |x: &[Tensor]| avg_pool2d(&x[0], options));
        for f in [&max as &dyn Fn(&[Tensor]) -> Result<Tensor>, &avg] {
            let f = |x: &[Tensor]| f(x)?.square().sum(());
            gradcheck(f, &[&x]).unwrap();
            gradgradcheck(f, &[&x]).unwrap();
        }
    }
    gradgradcheck(|x: &[Tensor]| adaptive_avg_pool2d(&x[0], 3)?.square().sum(()), &[&x]).unwrap();
    gradgradcheck(|x: &[Tensor]| adaptive_max_pool2d(&x[0], 3)?.square().sum(()), &[&x]).unwrap();
}

#[test]
fn integers_have_maxima() {
    for (name, device) in devices() {
        for dtype in [DType::I8, DType::U8, DType::I16, DType::U16, DType::I32, DType::I64] {
            let x = Tensor::arange(0, 16, 1, DType::I64, device).unwrap();
            let x = (x.remainder(7i64).unwrap()).to_dtype(dtype).reshape([1, 4, 4]).unwrap();
            let y = max_pool2d(&x, PoolOptions::new(3).stride(2).padding(1)).unwrap();
            assert_eq!((y.dtype(), y.shape().dims()), (dtype, [1, 2, 2].as_slice()));
            assert_eq!(y.to_dtype(DType::I32).to_vec::<i32>().unwrap(), [5, 6, 6, 6], "{name} {dtype}");
        }
    }
}

#[test]
fn what_does_not_fit_is_an_error() {
    let x = Tensor::zeros([1, 2, 4, 4], DType::F32, &Device::cpu());
    let bad: [PoolOptions<2>; 6] = [
        0.into(),
        5.into(),
        PoolOptions::new(2).stride(0),
        PoolOptions::new(2).padding(2),
        PoolOptions::new(2).dilation(0),
        PoolOptions::new(2).dilation(4),
    ];
    for options in bad {
        assert!(max_pool2d(&x, options).is_err() && avg_pool2d(&x, options).is_err(), "{options:?}");
    }
    let error = max_pool2d(&x, [2, 7]).unwrap_err();
    let text =
        "max_pool2d: shape [1, 2, 4, 4]: a window over 7 elements is larger than the padded input along spatial axis 1";
    assert_eq!(error.to_string(), text);
    assert!(matches!(max_pool2d(&x.flatten(0, -1).unwrap(), 2), Err(Error::Shape { .. })));
    assert!(matches!(avg_pool2d(&x.to_dtype(DType::I32), 2), Err(Error::DType { .. })));
    assert!(avg_pool2d(&x, PoolOptions::new(2).divisor_override(0)).is_err());
    assert!(adaptive_avg_pool2d(&Tensor::zeros([1, 2, 0, 4], DType::F32, &Device::cpu()), 2).is_err());
}
