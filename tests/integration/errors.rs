//! Bad input gives errors that say what is wrong, and the corners of the numbers give what the documentation says.

use kiln::{
    DType, Device, DeviceOptions, Error, MAX_RANK, Param, Result, Scalar, Tensor, grad,
    loss::{BceWithLogits, Loss, bce, l1, mse},
    nn::{self, Forward, functional as f},
    op::{BinaryOp, Class, UnaryOp},
};
use kiln_tests::{
    device, devices, gpu_with,
    values::{difference, tensor, values},
};

fn ones(shape: &[usize], device: &Device) -> Tensor {
    Tensor::ones(shape, DType::F32, device)
}

/// The message of a result that must be an error.
#[track_caller]
fn message<T>(result: Result<T>) -> String {
    match result {
        Ok(_) => panic!("no error"),
        Err(error) => error.to_string(),
    }
}

fn floats(result: Result<Tensor>) -> Vec<f32> {
    result.and_then(|y| y.to_vec::<f32>()).expect("values")
}

#[test]
fn shapes_that_do_not_fit_are_named() {
    for (_, device) in devices() {
        let x = ones(&[2, 3], device);
        let y = ones(&[4, 5], device);
        assert_eq!(message(x.matmul(&y)), "matmul: shapes [2, 3] and [4, 5]: inner sizes 3 and 4 differ");
        assert_eq!(message(x.add(&y)), "add: shapes [2, 3] and [4, 5]: sizes 3 and 5 of axis 1 do not broadcast");
        assert_eq!(
            message(ones(&[2, 3, 4], device).matmul(&ones(&[3, 4, 5], device))),
            "matmul: shapes [2] and [3]: sizes 2 and 3 of axis 0 do not broadcast"
        );
        assert_eq!(
            message(ones(&[], device).matmul(&x)),
            "matmul: shapes [] and [2, 3]: a scalar has no inner axis; multiply with `*`"
        );
        assert_eq!(message(x.reshape([7])), "reshape: shapes [2, 3] and [7]: the first has 6 elements, the second 7");
        assert_eq!(
            message(x.expand([2, 4])),
            "expand: shapes [2, 3] and [2, 4]: sizes 3 and 4 of axis 1 do not broadcast"
        );
        assert_eq!(message(x.expand([3])), "expand: shapes [2, 3] and [3]: the first does not broadcast to the second");
        assert!(matches!(x.gt(0.0).and_then(|c| c.where_(&y, 0.0)), Err(Error::Shapes { op: "where", .. })));
        assert!(matches!(Tensor::cat(&[&x, &y], 0), Err(Error::Shapes { op: "cat", .. })));
        assert!(matches!(Tensor::stack(&[&x, &y], 0), Err(Error::Shapes { .. })));
        assert!(matches!(x.pad(&[(1, 1)]), Err(Error::Shape { op: "pad", .. })));
        assert!(matches!(Tensor::from_slice(&[1.0f32; 5], [2, 3], device), Err(Error::Shape { op: "from_slice", .. })));
        assert!(Tensor::cat(&[] as &[Tensor], 0).is_err());
    }
}

#[test]
fn axes_out_of_range_are_named() {
    for (_, device) in devices() {
        let x = ones(&[2, 3], device);
        assert_eq!(message(x.sum(2)), "sum: axis 2 is out of range for shape [2, 3] of rank 2");
        assert_eq!(message(x.softmax(-3)), "softmax: axis -3 is out of range for shape [2, 3] of rank 2");
        assert_eq!(message(x.mean([0, -2])), "mean: shape [2, 3]: axis -2 is named twice");
        assert_eq!(message(x.permute([0, 0])), "permute: shape [2, 3]: [0, 0] does not name every axis once");
        assert_eq!(message(x.squeeze(2)), "squeeze: axis 2 is out of range for shape [2, 3] of rank 2");
        assert_eq!(
            message(x.narrow(1, 2, 2)),
            "narrow: shape [2, 3]: elements 2..4 are out of range for axis 1 of size 3"
        );
        assert_eq!(message(x.slice(0, 0, 2, 0)), "slice: the step must not be 0");
        for failed in
            [x.argmax(2), x.flip([2]), x.unsqueeze(4), x.transpose(0, 2), x.slice(5, 0, 1, 1), x.log_softmax(2)]
        {
            assert!(matches!(failed, Err(Error::Axis { .. })));
        }
        let index = Tensor::from_slice(&[0i64], [1], device).expect("index");
        assert!(matches!(x.index_select(2, &index), Err(Error::Axis { .. })));
        assert!(matches!(x.gather(2, &index), Err(Error::Axis { .. })));
        assert!(ones(&[1; MAX_RANK], device).unsqueeze(0).is_err());
    }
}

#[test]
#[should_panic(expected = "add: shapes [2, 3] and [4]: sizes 3 and 4 of axis 1 do not broadcast")]
fn operators_panic_with_the_message_of_the_method() {
    let device = Device::cpu();
    let _ = ones(&[2, 3], &device) + ones(&[4], &device);
}

#[test]
fn devices_do_not_mix() {
    let (cpu, other) = (Device::cpu(), Device::cpu_with(DeviceOptions::default()));
    let expected = "add: tensors on cpu and cpu: move one with `to_device`";
    assert_eq!(message(ones(&[2], &cpu).add(ones(&[2], &other))), expected);
    for (_, gpu) in devices().iter().filter(|(name, _)| *name == "gpu") {
        let (x, y) = (ones(&[2, 2], &cpu), ones(&[2, 2], gpu));
        let expected = format!("matmul: tensors on cpu and {gpu}: move one with `to_device`");
        assert_eq!(message(x.matmul(&y)), expected);
        assert!(matches!(y.gt(0.0).and_then(|c| c.where_(&x, 0.0)), Err(Error::Devices { .. })));
        assert!(matches!(Tensor::cat(&[&x, &y], 0), Err(Error::Devices { .. })));
    }
}

#[test]
fn errors_name_the_op_that_was_called() {
    let (device, other) = (Device::cpu(), Device::cpu_with(DeviceOptions::default()));
    let (x, conv, stats) =
        (|shape: &[usize]| ones(shape, &device), f::ConvOptions::new(), f::AttentionOptions::default());
    let linear = nn::Linear::new(3, 2, &device).expect("a layer");
    let expected = "linear: shapes [4, 5] and [2, 3]: the input has 5 features, but the weight expects 3";
    assert_eq!(message(linear.forward(&x(&[4, 5]))), expected);
    let expected = "linear: shapes [4, 2] and [5]: sizes 2 and 5 of axis 1 do not broadcast";
    assert_eq!(message(f::linear(&x(&[4, 3]), &x(&[2, 3]), Some(&x(&[5])))), expected);
    let attend = |q: &[usize], k: &[usize], v: &[usize]| f::scaled_dot_product_attention(&x(q), &x(k), &x(v), &stats);
    let expected = "scaled_dot_product_attention: shapes [2, 3] and [4, 3]: there are 2 keys, but 4 values";
    assert_eq!(message(attend(&[2, 3], &[2, 3], &[4, 3])), expected);
    let expected = "scaled_dot_product_attention: shapes [2] and [3]: sizes 2 and 3 of axis 0 do not broadcast";
    assert_eq!(message(attend(&[2, 2, 3], &[3, 2, 3], &[3, 2, 3])), expected);
    let expected = "MultiHeadAttention: embed_dim 16 is not divisible by num_heads 3";
    assert_eq!(message(nn::MultiHeadAttention::new(16, 3, &device)), expected);
    let heads = nn::MultiHeadAttention::new(16, 4, &device).expect("a layer");
    let expected =
        "MultiHeadAttention: shapes [2, 5, 8] and [48, 16]: the input has 8 features, but the weight expects 16";
    assert_eq!(message(heads.forward(&x(&[2, 5, 8]))), expected);
    let expected = "pairwise_distance: shapes [2, 3] and [2, 4]: sizes 3 and 4 of axis 1 do not broadcast";
    assert_eq!(message(f::pairwise_distance(&x(&[2, 3]), &x(&[2, 4]), 2.0, 1e-6, false)), expected);
    let expected = "bce_with_logits: shapes [2] and [5]: sizes 2 and 5 of axis 0 do not broadcast";
    assert_eq!(message(BceWithLogits::new().pos_weight(&x(&[5])).loss(&x(&[2]), &x(&[2]))), expected);

    let expected = "clamp: shapes [2, 3] and [5]: sizes 3 and 5 of axis 1 do not broadcast";
    assert_eq!(message(x(&[2, 3]).clamp(x(&[5]), 1.0)), expected);
    let expected = "stack: axis 5 is out of range for shape [2, 3] of rank 2";
    assert_eq!(message(Tensor::stack(&[x(&[2, 3])], 5)), expected);

    let (row, far) = (x(&[2, 3]), ones(&[3], &other));
    let image = x(&[1, 3, 4, 4]);
    let found = [
        ("linear", f::linear(&row, &ones(&[2, 3], &other), None)),
        ("conv2d", f::conv2d(&image, &x(&[3, 3, 3, 3]), Some(&far), &conv)),
        ("conv_transpose2d", f::conv_transpose2d(&image, &x(&[3, 3, 3, 3]), Some(&far), &conv, 0)),
        ("layer_norm", f::layer_norm(&row, &[3], Some(&far), None, 1e-5)),
        ("rms_norm", f::rms_norm(&row, &[3], Some(&far), None)),
        ("group_norm", f::group_norm(&row, 3, None, Some(&far), 1e-5)),
        ("instance_norm", f::instance_norm(&image, Some(&far), None, 1e-5)),
        ("batch_norm", f::batch_norm(&row, None, Some(&far), None, true, 1e-5)),
        ("pairwise_distance", f::pairwise_distance(&row, &far, 2.0, 1e-6, false)),
        ("scaled_dot_product_attention", f::scaled_dot_product_attention(&row, &row, &ones(&[2, 3], &other), &stats)),
        ("stack", Tensor::stack(&[x(&[3]), far.clone()], 0)),
        ("clamp", row.clamp(&far, 1.0)),
        ("bce", bce(&x(&[3]), &far)),
        ("mse", mse(&x(&[3]), &far)),
        ("l1", l1(&x(&[3]), &far)),
    ];
    for (op, result) in found {
        assert_eq!(message(result), format!("{op}: tensors on cpu and cpu: move one with `to_device`"));
    }
}

#[test]
fn dtypes_are_checked() {
    for (_, device) in devices() {
        let x = ones(&[2], device);
        assert_eq!(message(x.to_vec::<f64>()), "to_vec: dtype float32: asked for float64; convert with `to_dtype`");
        assert_eq!(message(x.item::<f32>()), "item: shape [2]: there must be exactly one element");
        assert!(matches!(ones(&[1], device).item::<i32>(), Err(Error::DType { .. })));
        assert_eq!(message(x.where_(&x, &x)), "where: dtype float32: the condition must be bool");
        let expected =
            "bitwise_and: dtype float32: floats have no bitwise ops; `logical_and` and its like take truth values";
        assert_eq!(message(x.bitwise_and(&x)), expected);
        assert!(matches!(x.bitwise_not(), Err(Error::DType { op: "bitwise_not", .. })));
        let flags = x.gt(0.0).expect("compares");
        let expected = "sub: dtype bool: not defined for bools; use `logical_xor` of two, `logical_not` of one, or convert to a number";
        assert_eq!(message(flags.sub(&flags)), expected);
        assert!(matches!(flags.neg(), Err(Error::DType { op: "neg", .. })));
        assert_eq!(message(flags.matmul(&flags)), "matmul: dtype bool: convert to a number first");
        assert!(matches!(x.gather(0, &x), Err(Error::DType { .. })));
        assert!(matches!(x.one_hot(3), Err(Error::DType { .. })));
        assert!(matches!(x.masked_fill(&x, 0.0), Err(Error::DType { .. })));
    }
}

#[test]
#[should_panic(expected = "requires_grad: dtype int64: only floats have gradients")]
fn integers_have_no_gradients() {
    Tensor::ones([2], DType::I64, &Device::cpu()).requires_grad();
}

#[test]
fn backward_says_why_there_is_no_gradient() {
    for (_, device) in devices() {
        let x = ones(&[3], device).requires_grad();
        let square = x.square();
        assert_eq!(
            message(square.backward()),
            "backward: shape [3]: only a single number has a gradient; use `backward_from`, or sum"
        );
        let untracked = ones(&[1], device);
        let expected = "backward: the tensor does not depend on anything that requires a gradient";
        assert_eq!(message(untracked.backward()), expected);
        let loss = square.sum(()).expect("sum");
        loss.backward_retain().expect("the first, with the tape kept");
        loss.backward().expect("the second");
        assert_eq!(
            message(loss.backward()),
            "backward: the graph has been used up by an earlier backward; use `backward_retain` there to keep it"
        );
        let expected = "backward: tensor 0 is not tracked: make it with `requires_grad`";
        assert_eq!(message(grad(&x.sum(()).expect("sum"), &[&untracked], false)), expected);
        let alone = ones(&[3], device).requires_grad();
        let expected = "backward: the value does not depend on tensor 1";
        assert_eq!(message(grad(&x.sum(()).expect("sum"), &[&x, &alone], false)), expected);
        assert!(matches!(x.backward_from(&ones(&[2], device)), Err(Error::Shapes { .. })));
        let ranks = x.argmax(0).expect("argmax");
        assert!(!ranks.is_tracked());
        assert!(!x.gt(0.0).expect("compares").is_tracked());
        let param = Param::new(ones(&[3], device));
        assert!(param.set(&ones(&[4], device)).is_err());
    }
}

#[test]
fn integer_division_by_zero_is_zero() {
    for (name, device) in devices() {
        for dtype in DType::ALL.into_iter().filter(|d| d.is_int()) {
            let of = |values: [i64; 4]| tensor(&values.map(Scalar::Int), &[4].into(), dtype, device).expect("values");
            let (a, b) = (of([7, 0, 9, 1]), of([0, 0, 2, 0]));
            let quotient = a.floor_divide(&b).and_then(|y| values(&y)).expect("values");
            let rest = a.remainder(&b).and_then(|y| values(&y)).expect("values");
            let numbers = |v: Vec<Scalar>| v.into_iter().map(Scalar::to_i64).collect::<Vec<_>>();
            assert_eq!(numbers(quotient), [0, 0, 4, 0], "{dtype} on {name}");
            assert_eq!(numbers(rest), [0, 0, 1, 0], "{dtype} on {name}");
        }
        // The one quotient that does not fit wraps.
        let low = Tensor::from_slice(&[i32::MIN, -7], [2], device).expect("low");
        assert_eq!(low.floor_divide(-1).and_then(|y| y.to_vec::<i32>()).expect("values"), [i32::MIN, 7], "on {name}");
        assert_eq!(low.remainder(-1).and_then(|y| y.to_vec::<i32>()).expect("values"), [0, 0], "on {name}");
    }
}

#[test]
#[cfg_attr(no_gpu, ignore = "needs a GPU")]
fn what_is_too_large_for_an_adapter_is_refused() {
    let gpu = gpu_with(|o| o.webgpu_limits = true);
    let huge = Tensor::zeros([3 << 20, 256], DType::F32, &gpu) + 1.0;
    match huge.sum(()).and_then(|y| y.item::<f32>()).and(huge.to_vec::<f32>()) {
        Err(Error::TooLarge { bytes, limit, .. }) => assert_eq!((bytes, limit), (3 << 30, 256 << 20)),
        Err(error) => panic!("another error: {error}"),
        Ok(_) => panic!("3 GiB fit into a buffer of 256 MiB"),
    }
    // The device goes on.
    assert_eq!(floats(Ok(ones(&[3], &gpu) + 1.0)), [2.0; 3]);
}

#[test]
#[cfg_attr(no_gpu, ignore = "needs a GPU")]
fn a_result_that_fails_takes_no_other_with_it() {
    let gpu = device("gpu");
    let small = ones(&[3], gpu) + 1.0;
    let huge = Tensor::zeros([1usize << 40], DType::F32, gpu) + 1.0;
    assert!(gpu.flush().is_err() || huge.to_vec::<f32>().is_err());
    assert_eq!(floats(Ok(small)), [2.0; 3]);
}

#[test]
fn nan_and_infinity_go_through_every_reduction() {
    const INF: f32 = f32::INFINITY;
    let rows = [[1.0, f32::NAN, 3.0, -INF], [1.0, INF, 2.0, 0.0], [-INF, -INF, -INF, -INF], [INF, -INF, 0.0, 1.0]];
    let nan = f32::NAN;
    for (name, device) in devices() {
        let x = Tensor::from_slice(&rows.concat(), [4, 4], device).expect("x");
        let check = |what: &str, y: Result<Tensor>, expected: [f32; 4]| {
            let got = y.and_then(|y| values(&y)).unwrap_or_else(|error| panic!("{what} on {name}: {error}"));
            let expected = expected.map(|v| Scalar::Float(v.into()));
            if let Some(why) = difference(&got, &expected, 1e-5, 0.0) {
                panic!("{what} on {name}: {why}: {got:?}");
            }
        };
        check("sum", x.sum(1), [nan, INF, -INF, nan]);
        check("mean", x.mean(1), [nan, INF, -INF, nan]);
        check("prod", x.prod(1), [nan, nan, INF, nan]);
        check("max", x.max(1), [nan, INF, -INF, INF]);
        check("min", x.min(1), [nan, 0.0, -INF, -INF]);
        check("var", x.var(1, 1.0), [nan; 4]);
        check("std", x.std(1, 0.0), [nan; 4]);
        check("logsumexp", x.logsumexp(1), [nan, INF, -INF, INF]);
        check("softmax", x.softmax(1).and_then(|y| y.select(1, 2)), [nan, nan, nan, nan]);
        check("columns", x.max(0), [INF, nan, 3.0, 1.0]);
        let places = |y: Result<Tensor>| y.and_then(|y| y.to_vec::<i64>()).expect("places");
        assert_eq!(places(x.argmax(1)), [1, 1, 0, 0], "argmax on {name}");
        assert_eq!(places(x.argmin(1)), [1, 3, 0, 1], "argmin on {name}");
        let flags = |y: Result<Tensor>| y.and_then(|y| y.to_vec::<bool>()).expect("flags");
        assert_eq!(flags(x.any(1)), [true; 4], "any on {name}");
        assert_eq!(flags(x.all(1)), [true, false, true, false], "all on {name}");
    }
}

/// The result, if the op is defined for the dtype; an error that is due comes where it is due.
fn defined(class: Class, dtype: DType, y: Result<Tensor>) -> Option<Tensor> {
    let refused = match class {
        Class::NumberOnly => dtype == DType::Bool,
        Class::Bits => dtype.is_float(),
        _ => false,
    };
    assert_eq!(refused, matches!(y, Err(Error::DType { .. })), "{class:?} of {dtype}");
    y.ok()
}

#[test]
fn empty_tensors_go_through_every_op() {
    for (name, device) in devices() {
        for dtype in DType::ALL {
            let x = Tensor::zeros([0, 3], dtype, device);
            let row = Tensor::ones([3], dtype, device);
            for &op in UnaryOp::ALL {
                let Some(y) = defined(op.info().class, dtype, x.unary(op)) else { continue };
                assert_eq!(y.shape(), &[0, 3]);
                assert!(values(&y).expect("no values").is_empty(), "{} on {name}", op.info().name);
            }
            for &op in BinaryOp::ALL {
                let Some(y) = defined(op.info().class, dtype, x.binary(op, &row)) else { continue };
                assert_eq!(y.shape(), &[0, 3]);
                assert!(values(&y).expect("no values").is_empty(), "{} on {name}", op.info().name);
            }
        }
        let x = ones(&[0, 3], device);
        assert_eq!(floats(x.sum(0)), [0.0; 3], "on {name}");
        assert_eq!(floats(x.prod(0)), [1.0; 3], "on {name}");
        assert!(floats(x.mean(0)).iter().all(|v| v.is_nan()), "on {name}");
        assert_eq!(floats(x.logsumexp(0)), [f32::NEG_INFINITY; 3], "on {name}");
        assert!(floats(x.sum(1)).is_empty());
        assert!(floats(x.max(1)).is_empty());
        assert_eq!(message(x.max(0)), "max: shape [0, 3]: cannot take the max of an empty axis");
        assert_eq!(message(x.argmin(0)), "argmin: shape [0, 3]: cannot take the argmin of an empty axis");
        assert!(floats(x.softmax(1)).is_empty());
        assert!(floats(x.log_softmax(0)).is_empty());
        assert_eq!(floats(x.t().matmul(&x)), [0.0; 9], "inner size 0 on {name}");
        assert_eq!(x.matmul(&ones(&[3, 5], device)).expect("product").shape(), &[0, 5]);
        assert_eq!(floats(Tensor::cat(&[&x, &ones(&[1, 3], device)], 0)), [1.0; 3], "on {name}");
        assert_eq!(floats(x.pad(&[(1, 0), (0, 1)])), [0.0; 4], "on {name}");
        assert!(floats(x.flip([0, 1])).is_empty());
        assert!(floats(x.reshape([3, 0, 2])).is_empty());
        assert!(floats(x.slice(1, 2, 2, 1)).is_empty());
        let none = Tensor::zeros([0], DType::I64, device);
        assert_eq!(ones(&[2, 3], device).index_select(0, &none).expect("rows").shape(), &[0, 3]);
        assert_eq!(none.one_hot(4).expect("one_hot").shape(), &[0, 4]);
        let tracked = x.requires_grad();
        let grads = (tracked.exp() * 2.0).sum(()).and_then(|y| y.backward()).expect("gradients");
        assert_eq!(grads.get(&tracked).expect("a gradient").shape(), &[0, 3]);
    }
}

#[test]
fn devices_that_do_not_exist_are_errors() {
    assert!(matches!("gpu:99".parse::<Device>(), Err(Error::Device { .. })));
    assert!(matches!("no such device".parse::<Device>(), Err(Error::Device { .. })));
    assert_eq!("cpu".parse::<Device>().expect("the CPU"), Device::cpu());
}
