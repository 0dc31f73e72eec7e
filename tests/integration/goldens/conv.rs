//! Convolutions against PyTorch's, and their gradients of first and second order.

use kiln::{
    DType, Device, Error, Result, Scalar, Tensor, gradcheck, gradgradcheck,
    nn::functional::{ConvOptions, conv_transpose1d, conv_transpose2d, conv_transpose3d, conv1d, conv2d, conv3d},
};
use kiln_tests::{
    devices,
    draw::Draw,
    golden::{check, per_axis},
    values,
};
use serde_json::Value;

#[test]
fn convolutions() {
    check(include_str!("../../goldens/conv.jsonl"), 44, apply);
}

fn options<const N: usize>(args: &Value) -> ConvOptions<N> {
    let options = ConvOptions::new()
        .stride(per_axis(&args["stride"], 1))
        .dilation(per_axis(&args["dilation"], 1))
        .groups(args["groups"].as_u64().unwrap_or(1) as usize);
    if args["padding"] == "same" { options.same() } else { options.padding(per_axis(&args["padding"], 0)) }
}

fn apply(name: &str, x: &[Tensor], args: &Value) -> Result<Vec<Tensor>> {
    let (w, b) = (&x[1], x.get(2));
    let more = &args["output_padding"];
    let y = match name {
        "conv1d" => conv1d(&x[0], w, b, &options(args))?,
        "conv2d" => conv2d(&x[0], w, b, &options(args))?,
        "conv3d" => conv3d(&x[0], w, b, &options(args))?,
        "conv_transpose1d" => conv_transpose1d(&x[0], w, b, &options(args), per_axis(more, 0))?,
        "conv_transpose2d" => conv_transpose2d(&x[0], w, b, &options(args), per_axis(more, 0))?,
        "conv_transpose3d" => conv_transpose3d(&x[0], w, b, &options(args), per_axis(more, 0))?,
        _ => panic!("no op {name}"),
    };
    Ok(vec![y])
}

fn drawn(shape: &[usize], seed: u64, device: &Device) -> Tensor {
    let mut draw = Draw(seed);
    let numbers: Vec<Scalar> = (0..shape.iter().product()).map(|_| Scalar::Float(draw.float(-1.0, 1.0))).collect();
    values::tensor(&numbers, &shape.into(), DType::F64, device).unwrap()
}

#[test]
fn gradients_of_second_order() {
    let device = &Device::cpu();
    let cases: [(&[usize], &[usize], ConvOptions<2>); 4] = [
        (&[2, 2, 4, 3], &[3, 2, 3, 2], ConvOptions::new().padding(1)),
        (&[1, 4, 5, 4], &[2, 2, 2, 3], ConvOptions::new().stride([2, 1]).dilation([1, 2]).padding([0, 2]).groups(2)),
        (&[2, 2, 4, 4], &[2, 1, 3, 3], ConvOptions::new().groups(2).padding(1)),
        (&[1, 2, 5, 4], &[4, 1, 2, 2], ConvOptions::new().groups(2).stride(2)),
    ];
    for (x, w, options) in cases {
        let inputs = [drawn(x, 1, device), drawn(w, 2, device), drawn(&[w[0]], 3, device)];
        let f = |x: &[Tensor]| conv2d(&x[0], &x[1], Some(&x[2]), &options);
        gradcheck(f, &inputs.each_ref()).unwrap();
        gradgradcheck(f, &inputs.each_ref()).unwrap();
    }
    let inputs = [drawn(&[1, 2, 3, 2], 4, device), drawn(&[2, 1, 2, 3], 5, device)];
    let f = |x: &[Tensor]| conv_transpose2d(&x[0], &x[1], None, &ConvOptions::new().stride(2).groups(2), [1, 0]);
    gradcheck(f, &inputs.each_ref()).unwrap();
    gradgradcheck(f, &inputs.each_ref()).unwrap();
}

#[test]
fn what_does_not_fit_is_an_error() {
    for (_, device) in devices() {
        let of = |shape: &[usize]| Tensor::zeros(shape, DType::F32, device);
        let (x, w) = (of(&[2, 4, 5, 5]), of(&[6, 4, 3, 3]));
        let run = |x: &Tensor, w: &Tensor, o: ConvOptions<2>| conv2d(x, w, None, &o);
        let plain = ConvOptions::new;
        assert!(run(&x, &w, plain()).is_ok());
        let error = run(&of(&[2, 3, 5, 5]), &w, plain()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "conv2d: shapes [2, 3, 5, 5] and [6, 4, 3, 3]: the input has 3 channels, but the weight expects 4 (groups = 1)"
        );
        assert!(matches!(run(&x, &of(&[6, 4, 6, 3]), plain()), Err(Error::Shapes { .. })));
        assert!(matches!(run(&of(&[4]), &w, plain()), Err(Error::Shape { .. })));
        assert!(matches!(run(&x, &of(&[6, 4, 3]), plain()), Err(Error::Shape { .. })));
        assert!(run(&x, &of(&[3, 2, 1, 1]), plain().groups(2)).is_err());
        for bad in [plain().groups(0), plain().stride(0), plain().dilation([1, 0]), plain().same().stride(2)] {
            assert!(matches!(run(&x, &w, bad), Err(Error::Argument { .. })));
        }
        assert!(conv2d(&x, &w, Some(&of(&[5])), &plain()).is_err());
        assert!(run(&x.to_dtype(DType::Bool), &w.to_dtype(DType::Bool), plain()).is_err());
        let t = |o: ConvOptions<2>, more: usize| conv_transpose2d(&x, &of(&[4, 1, 2, 2]), None, &o, more);
        assert!(t(plain(), 0).is_ok());
        assert!(t(plain(), 1).is_err());
        assert!(t(plain().padding(9), 0).is_err());
        assert!(t(plain().same(), 0).is_err());
    }
}
