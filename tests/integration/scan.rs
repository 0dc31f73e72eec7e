//! Cumulative ops against plain loops, on every device, and their gradients of first and second order.

use kiln::{DType, Device, Error, Tensor, gradcheck, gradgradcheck};
use kiln_tests::{devices, draw::Draw};

/// What a scan makes of a line, and how near the devices must come.
struct Case {
    name: &'static str,
    scan: fn(&Tensor, isize) -> kiln::Result<Tensor>,
    line: fn(&[f64]) -> Vec<f64>,
    /// Relative to the largest magnitude so far.
    f32: f64,
    f64: f64,
}

fn running(x: &[f64], start: f64, f: impl Fn(f64, f64) -> f64) -> Vec<f64> {
    x.iter()
        .scan(start, |state, &x| {
            *state = f(*state, x);
            Some(*state)
        })
        .collect()
}

/// Positions of the extremes so far, by an order in which NaN comes first.
fn positions(x: &[f64], better: impl Fn(f64, f64) -> bool) -> Vec<f64> {
    let mut best = 0;
    let mut take = |i: usize| {
        if x[i].is_nan() || !x[best].is_nan() && better(x[i], x[best]) {
            best = i;
        }
        best as f64
    };
    (0..x.len()).map(&mut take).collect()
}

fn log_sums(x: &[f64]) -> Vec<f64> {
    let of = |x: &[f64]| {
        let largest = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        match x.iter().any(|x| x.is_nan()) {
            true => f64::NAN,
            false if largest.is_infinite() => largest,
            false => largest + x.iter().map(|x| (x - largest).exp()).sum::<f64>().ln(),
        }
    };
    (1..=x.len()).map(|n| of(&x[..n])).collect()
}

fn cases() -> [Case; 7] {
    [
        Case { name: "cumsum", scan: Tensor::cumsum, line: |x| running(x, 0.0, |y, x| y + x), f32: 2e-7, f64: 1e-13 },
        Case { name: "cumprod", scan: Tensor::cumprod, line: |x| running(x, 1.0, |y, x| y * x), f32: 2e-5, f64: 1e-13 },
        Case { name: "logcumsumexp", scan: Tensor::logcumsumexp, line: log_sums, f32: 2e-6, f64: 1e-13 },
        Case {
            name: "cummax",
            scan: |x, a| Ok(x.cummax(a)?.0),
            line: |x| values(x, |a, b| a >= b),
            f32: 0.0,
            f64: 0.0,
        },
        Case {
            name: "cummin",
            scan: |x, a| Ok(x.cummin(a)?.0),
            line: |x| values(x, |a, b| a <= b),
            f32: 0.0,
            f64: 0.0,
        },
        Case {
            name: "positions of maxima",
            scan: |x, a| Ok(x.cummax(a)?.1),
            line: |x| positions(x, |a, b| a >= b),
            f32: 0.0,
            f64: 0.0,
        },
        Case {
            name: "positions of minima",
            scan: |x, a| Ok(x.cummin(a)?.1),
            line: |x| positions(x, |a, b| a <= b),
            f32: 0.0,
            f64: 0.0,
        },
    ]
}

fn values(x: &[f64], better: impl Fn(f64, f64) -> bool) -> Vec<f64> {
    positions(x, better).into_iter().map(|at| x[at as usize]).collect()
}

/// A scan of contiguous values along an axis, line by line.
fn expected(case: &Case, x: &[f64], shape: &[usize], axis: usize) -> Vec<f64> {
    let (length, inner) = (shape[axis], shape[axis + 1..].iter().product::<usize>());
    let mut y = vec![0.0; x.len()];
    for first in (0..x.len()).filter(|i| i / inner.max(1) % length == 0) {
        let line: Vec<f64> = (0..length).map(|i| x[first + i * inner]).collect();
        (case.line)(&line).into_iter().enumerate().for_each(|(i, v)| y[first + i * inner] = v);
    }
    y
}

fn compare(what: &str, got: &[f64], want: &[f64], tolerance: f64) {
    assert_eq!(got.len(), want.len(), "{what}");
    let scale = want.iter().filter(|x| x.is_finite()).fold(1.0, |most: f64, x| most.max(x.abs()));
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        let near = g == w || (g.is_nan() && w.is_nan()) || (g - w).abs() <= tolerance * scale;
        assert!(near, "{what}: element {i} is {g}, not {w}");
    }
}

fn drawn(count: usize, seed: u64, dtype: DType) -> Vec<f64> {
    let mut draw = Draw(seed);
    let values =
        (0..count).map(|_| if dtype.is_float() { draw.float(-1.5, 1.5) } else { draw.float(0.0, 4.0).floor() });
    // As the dtype holds them.
    values.map(|v| if dtype == DType::F16 { (v * 64.0).round() / 64.0 } else { f64::from(v as f32) }).collect()
}

#[test]
fn every_axis_of_every_shape() {
    let shapes: [&[usize]; 11] = [
        &[1],
        &[7],
        &[1000],
        &[5, 3],
        &[3, 70],
        &[2, 1, 6],
        &[4, 5, 6],
        &[33, 17],
        &[2, 3000],
        &[1, 2, 1, 2, 1, 3, 2, 2],
        &[130, 9],
    ];
    for (name, device) in devices() {
        for (seed, shape) in shapes.iter().enumerate() {
            for dtype in [DType::F32, DType::F64] {
                let x = drawn(shape.iter().product(), seed as u64, dtype);
                let tensor = Tensor::from_slice(&x, *shape, device).unwrap().to_dtype(dtype);
                for axis in 0..shape.len() {
                    for case in cases() {
                        let what = format!("{} of {shape:?} along {axis}, {dtype}, {name}", case.name);
                        let y = (case.scan)(&tensor, axis as isize).unwrap_or_else(|e| panic!("{what}: {e}"));
                        let got = y.to_dtype(DType::F64).to_vec::<f64>().unwrap_or_else(|e| panic!("{what}: {e}"));
                        let want = expected(&case, &x, shape, axis);
                        compare(&what, &got, &want, if dtype == DType::F32 { case.f32 } else { case.f64 });
                    }
                }
            }
        }
    }
}

#[test]
fn every_dtype() {
    for (name, device) in devices() {
        for dtype in DType::ALL {
            let x: Vec<f64> = drawn(60, 4, dtype);
            let tensor = Tensor::from_slice(&x, [4, 15], device).unwrap().to_dtype(dtype);
            let x = tensor.to_dtype(DType::F64).to_vec::<f64>().unwrap();
            for case in cases() {
                let what = format!("{} of {dtype}, {name}", case.name);
                let y = (case.scan)(&tensor, 1).unwrap_or_else(|e| panic!("{what}: {e}"));
                let wide = match () {
                    () if case.name.starts_with("positions") => DType::I64,
                    () if case.name.starts_with("cumm") => dtype,
                    () if case.name == "logcumsumexp" && !dtype.is_float() => DType::F32,
                    () if dtype.is_float() => dtype,
                    () if dtype.is_int() && !dtype.is_signed() => DType::U64,
                    () => DType::I64,
                };
                assert_eq!(y.dtype(), wide, "{what}");
                let tolerance = match y.dtype() {
                    DType::F16 => 1e-3,
                    DType::BF16 => 8e-3,
                    DType::F32 => case.f32,
                    _ => case.f64,
                };
                let got = y.to_dtype(DType::F64).to_vec::<f64>().unwrap_or_else(|e| panic!("{what}: {e}"));
                compare(&what, &got, &expected(&case, &x, &[4, 15], 1), tolerance);
            }
        }
    }
}

#[test]
fn numbers_that_are_not_finite() {
    let (inf, nan) = (f64::INFINITY, f64::NAN);
    let lines = [
        [1.0, inf, 2.0, -inf, 3.0, 4.0],
        [-inf, -inf, 1.0, 2.0, inf, inf],
        [1.0, nan, 2.0, nan, 3.0, inf],
        [-inf, -inf, -inf, -inf, -inf, -inf],
        [0.0, -0.0, 0.0, 3.0, 3.0, -inf],
    ];
    let x = lines.concat();
    for (name, device) in devices() {
        for dtype in [DType::F32, DType::F64] {
            let tensor = Tensor::from_slice(&x, [5, 6], device).unwrap().to_dtype(dtype);
            for case in cases() {
                let y = (case.scan)(&tensor, 1).unwrap().to_dtype(DType::F64).to_vec::<f64>().unwrap();
                compare(&format!("{} of {dtype}, {name}", case.name), &y, &expected(&case, &x, &[5, 6], 1), case.f32);
            }
        }
    }
}

#[test]
fn views_constants_scalars_and_nothing() {
    for (name, device) in devices() {
        let x = drawn(120, 9, DType::F32);
        let tensor = Tensor::from_slice(&x, [4, 5, 6], device).unwrap().to_dtype(DType::F32);
        let views = [
            tensor.permute([2, 0, 1]).unwrap(),
            tensor.flip([1]).unwrap(),
            tensor.slice(2, 1, 6, 2).unwrap(),
            tensor.narrow(0, 1, 1).unwrap().expand([3, 5, 6]).unwrap(),
            Tensor::full([3, 4], 0.5, DType::F32, device).unwrap(),
        ];
        for view in &views {
            let flat = view.to_dtype(DType::F64).to_vec::<f64>().unwrap();
            for axis in 0..view.rank() {
                for case in cases() {
                    let y = (case.scan)(view, axis as isize).unwrap().to_dtype(DType::F64).to_vec::<f64>().unwrap();
                    let what = format!("{} of {:?} along {axis}, {name}", case.name, view.shape());
                    compare(&what, &y, &expected(&case, &flat, view.shape(), axis), case.f32);
                }
            }
        }
        for case in cases() {
            let scalar = Tensor::full((), 3.0, DType::F32, device).unwrap();
            let y = (case.scan)(&scalar, -1).unwrap();
            assert_eq!(y.rank(), 0);
            let want = if case.name.starts_with("positions") { 0.0 } else { 3.0 };
            assert_eq!(y.to_dtype(DType::F64).item::<f64>().unwrap(), want, "{} of a scalar, {name}", case.name);
            for shape in [[0usize, 3], [3, 0]] {
                let nothing = Tensor::zeros(shape, DType::F32, device);
                assert_eq!((case.scan)(&nothing, 0).unwrap().shape()[..], shape, "{}, {name}", case.name);
                let x = nothing.requires_grad();
                let y = (case.scan)(&x, 1).unwrap();
                if y.dtype().is_float() {
                    let grads = y.sum(()).unwrap().backward().unwrap();
                    assert_eq!(grads.get(&x).unwrap().shape()[..], shape);
                }
            }
            let error = (case.scan)(&tensor, 3).unwrap_err().to_string();
            assert!(error.contains("axis 3"), "{error}");
        }
    }
}

/// What follows and what comes before is in other kernels, computed in the same flush.
#[test]
fn chains() {
    for (name, device) in devices() {
        let x = drawn(12, 2, DType::F32);
        let t = Tensor::from_slice(&x, [3, 4], device).unwrap().to_dtype(DType::F32);
        let y = ((&t * 2.0).cumsum(1).unwrap() + 1.0).cumsum(0).unwrap();
        let doubled: Vec<f64> = x.iter().map(|x| x * 2.0).collect();
        let [sum, ..] = cases();
        let rows: Vec<f64> = expected(&sum, &doubled, &[3, 4], 1).iter().map(|x| x + 1.0).collect();
        let want = expected(&sum, &rows, &[3, 4], 0);
        compare(name, &y.to_dtype(DType::F64).to_vec::<f64>().unwrap(), &want, 1e-6);
    }
}

/// A million small numbers: a plain sum in `F32` has lost four digits by the end.
#[test]
fn long_sums_keep_their_digits() {
    for (name, device) in devices() {
        let x = Tensor::full([1, 1_000_000], 0.1, DType::F32, device).unwrap();
        let y = x.cumsum(1).unwrap().narrow(1, 999_999, 1).unwrap().to_dtype(DType::F64).item::<f64>().unwrap();
        assert!((y / (1e6 * f64::from(0.1f32)) - 1.0).abs() < 1e-7, "{name}: {y}");
    }
}

#[test]
fn derivatives() {
    let device = Device::cpu();
    let of = |values: &[f64], shape: [usize; 2]| Tensor::from_slice(values, shape, &device).unwrap();
    let smooth = of(&drawn(15, 5, DType::F64), [3, 5]);
    let zeros = of(&[0.0, 3.0, 4.0, 1.5, 0.0, 2.0, 0.0, 0.0, 0.5, 2.0], [2, 5]);
    for axis in [0, 1] {
        for (name, x) in [("smooth", &smooth), ("with zeros", &zeros)] {
            for case in cases().into_iter().take(3) {
                let what = format!("{} of {name} along {axis}", case.name);
                gradcheck(|x| (case.scan)(&x[0], axis), &[x]).unwrap_or_else(|e| panic!("{what}: {e}"));
                gradgradcheck(|x| (case.scan)(&x[0], axis), &[x]).unwrap_or_else(|e| panic!("{what}, twice: {e}"));
            }
        }
        for case in cases().into_iter().skip(3).take(2) {
            gradcheck(|x| (case.scan)(&x[0], axis), &[&smooth]).unwrap_or_else(|e| panic!("{}: {e}", case.name));
        }
        // The third derivative of products, at zeros.
        let third = |x: &[Tensor]| -> Result<Tensor, Error> {
            let y = x[0].cumprod(axis)?.sum(())?;
            let first = kiln::grad(&y, &[&x[0]], true)?.remove(0);
            (&first * &first).sum(())
        };
        gradgradcheck(third, &[&zeros]).unwrap_or_else(|e| panic!("cumprod, three times: {e}"));
    }
}

#[test]
fn gradients_where_values_are_not_finite() {
    let device = Device::cpu();
    let x =
        Tensor::from_slice(&[f64::NEG_INFINITY, f64::NEG_INFINITY, 1.0, 2.0], [4], &device).unwrap().requires_grad();
    let grads = x.logcumsumexp(0).unwrap().narrow(0, 2, 2).unwrap().sum(()).unwrap().backward().unwrap();
    let second = 1.0 / (1.0 + 1f64.exp());
    let got = grads.get(&x).unwrap().to_vec::<f64>().unwrap();
    compare("logcumsumexp", &got, &[0.0, 0.0, 1.0 + second, 1.0 - second], 1e-12);
    // Gradients beyond the range of halves in between.
    let x = Tensor::from_slice(&[300.0f32, -300.0, 299.0], [3], &device).unwrap().to_dtype(DType::F16).requires_grad();
    let grads = (x.logcumsumexp(0).unwrap() * 100.0).sum(()).unwrap().backward().unwrap();
    let got = grads.get(&x).unwrap().to_dtype(DType::F64).to_vec::<f64>().unwrap();
    compare("halves", &got, &[273.1, 0.0, 26.9], 1e-3);
}
