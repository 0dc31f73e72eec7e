//! Interpolation, unfold and fold against PyTorch's, and their gradients of first and second order.

use kiln::{
    DType, Device, Error, Result, Scalar, Tensor, gradcheck, gradgradcheck,
    nn::functional::{FoldOptions, InterpolateMode, Target, fold, interpolate, unfold},
};
use kiln_tests::{
    draw::Draw,
    golden::{check, per_axis},
    values,
};
use serde_json::Value;

#[test]
fn resampling() {
    check(include_str!("../../goldens/resample.jsonl"), 76, apply);
}

fn options(args: &Value) -> FoldOptions {
    FoldOptions::new(per_axis::<2>(&args["kernel_size"], 0))
        .stride(per_axis::<2>(&args["stride"], 1))
        .padding(per_axis::<2>(&args["padding"], 0))
        .dilation(per_axis::<2>(&args["dilation"], 1))
}

fn resized<const N: usize>(x: &Tensor, args: &Value) -> Result<Tensor> {
    let mode = match args["mode"].as_str() {
        Some("nearest") => InterpolateMode::Nearest,
        Some("nearest-exact") => InterpolateMode::NearestExact,
        Some("linear") if args["antialias"] == true => InterpolateMode::LinearAntialias,
        Some("linear") => InterpolateMode::Linear,
        Some("cubic") => InterpolateMode::Cubic,
        mode => panic!("no mode {mode:?}"),
    };
    let target = match args["scale_factor"].as_array() {
        None => Target::size(per_axis::<N>(&args["size"], 0)),
        Some(scales) => Target::Scale(std::array::from_fn(|i| scales[i].as_f64().expect("a factor"))),
    };
    interpolate(x, target, mode, args["align_corners"] == true)
}

fn apply(name: &str, x: &[Tensor], args: &Value) -> Result<Vec<Tensor>> {
    let x = &x[0];
    let y = match name {
        "interpolate1" => resized::<1>(x, args)?,
        "interpolate2" => resized::<2>(x, args)?,
        "interpolate3" => resized::<3>(x, args)?,
        "unfold" => unfold(x, options(args))?,
        "fold" => fold(x, per_axis::<2>(&args["output_size"], 0), options(args))?,
        _ => panic!("no op {name}"),
    };
    Ok(vec![y])
}

#[test]
fn gradients_of_second_order() {
    let mut draw = Draw(5);
    let numbers: Vec<Scalar> = (0..2 * 4 * 4 * 3).map(|_| Scalar::Float(draw.float(-1.0, 1.0))).collect();
    let x = values::tensor(&numbers, &[2, 4, 4, 3].into(), DType::F64, &Device::cpu()).unwrap();
    let windows = FoldOptions::new([2, 2]).stride([2, 1]).padding(1);
    let bilinear = |x: &Tensor| interpolate(x, Target::size([3, 5]), InterpolateMode::Linear, false);
    let cubic = |x: &Tensor| interpolate(x, Target::<2>::scale(1.5), InterpolateMode::Cubic, true);
    let nearest = |x: &Tensor| interpolate(x, Target::size([2, 7]), InterpolateMode::Nearest, false);
    let unfolded = |x: &Tensor| unfold(x, windows);
    let folded = |x: &Tensor| fold(&x.reshape([2, 4, 12])?, [4, 3], windows);
    type Op<'a> = &'a dyn Fn(&Tensor) -> Result<Tensor>;
    let all: [Op; 5] = [&bilinear, &cubic, &nearest, &unfolded, &folded];
    for f in all {
        let f = |x: &[Tensor]| f(&x[0])?.square().sum(());
        gradcheck(f, &[&x]).unwrap();
        gradgradcheck(f, &[&x]).unwrap();
    }
}

#[test]
fn what_does_not_fit_is_an_error() {
    let x = Tensor::ones([1, 2, 4, 4], DType::F32, &Device::cpu());
    let linear = InterpolateMode::Linear;
    assert!(matches!(interpolate(&x, Target::<1>::size(3), linear, false), Err(Error::Shape { .. })));
    assert!(matches!(interpolate(&x, Target::<2>::size(0), linear, false), Err(Error::Shape { .. })));
    assert!(interpolate(&x, Target::<2>::scale(-1.0), linear, false).is_err());
    assert!(interpolate(&x, Target::<2>::scale(f64::NAN), linear, false).is_err());
    assert!(interpolate(&x, Target::<2>::size(3), InterpolateMode::Nearest, true).is_err());
    assert!(matches!(
        interpolate(&x.to_dtype(DType::I32), Target::<2>::size(3), linear, false),
        Err(Error::DType { .. })
    ));
    assert!(unfold(&x, 5).is_err() && unfold(&x, 0).is_err());
    assert!(unfold(&x.to_dtype(DType::Bool), 2).is_err());
    let columns = unfold(&x, 2).unwrap();
    assert!(fold(&columns, [5, 4], 2).is_err() && fold(&columns, [4, 4], 3).is_err());
    assert!(fold(&x, [4, 4], 2).is_err());
}
