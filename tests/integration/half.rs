//! Halves: what takes several steps is computed in `F32` and rounded once, forward and backward.
//!
//! The same function of the same numbers in `F64` says what is right; a result may be off by half a unit in the last
//! place, and by what `F32` loses.

use kiln::{
    DType, Device, Error, Gradients, Param, Result, Scalar, Tensor,
    loss::{
        BceWithLogits, CrossEntropy, L1, Loss, Mse, Nll, Reduction, SmoothL1, bce, bce_with_logits, cross_entropy, mse,
    },
    nn::{
        Buffer,
        functional::{
            AttentionOptions, ConvOptions, FoldOptions, InterpolateMode, PoolOptions, RunningStats, Target,
            adaptive_avg_pool2d, avg_pool2d, batch_norm, conv_transpose2d, conv1d, conv2d, cosine_similarity,
            embedding, fold, group_norm, interpolate, layer_norm, linear, max_pool2d, pairwise_distance, rms_norm,
            scaled_dot_product_attention, unfold,
        },
    },
    op::BinaryOp,
    optim::{Adam, AdamW, Optimizer, Sgd, Step as _, clip_grad_norm},
};
use kiln_tests::{devices, draw::Draw, values};

const HALVES: [DType; 2] = [DType::F16, DType::BF16];

fn numbers(t: &Tensor) -> Vec<f64> {
    values::values(t).expect("values").into_iter().map(Scalar::to_f64).collect()
}

fn half(values: &[f64], shape: impl Into<kiln::Shape>, dtype: DType, device: &Device) -> Tensor {
    let values: Vec<Scalar> = values.iter().map(|&v| Scalar::Float(v)).collect();
    values::tensor(&values, &shape.into(), dtype, device).expect("a tensor")
}

/// The distance between neighbours in a half's binade.
fn unit(value: f64, dtype: DType) -> f64 {
    let (digits, lowest) = if dtype == DType::F16 { (10, -14) } else { (7, -126) };
    let exponent = if value == 0.0 { lowest } else { (value.abs().log2().floor() as i32).max(lowest) };
    2f64.powi(exponent - digits)
}

type Composite = Box<dyn Fn(&[Tensor]) -> Result<Tensor>>;

/// A composite: the shapes of its inputs, the range that they are drawn from, and what `F32` may lose of the largest value.
struct Case {
    name: &'static str,
    inputs: Vec<(Vec<usize>, f64)>,
    lost: f64,
    f: Composite,
}

fn cases() -> Vec<Case> {
    let mut out = Vec::new();
    macro_rules! case {
        ($name:literal, [$(($shape:expr, $range:expr)),*], $lost:expr, |$x:ident| $body:expr) => {
            out.push(Case {
                name: $name,
                inputs: vec![$(($shape.to_vec(), $range)),*],
                lost: $lost,
                f: Box::new(move |$x: &[Tensor]| $body),
            })
        };
    }
    // Squares, exponentials and sums of these are past the range of F16.
    case!("mean", [([3, 400], 6e4)], 1e-6, |x| x[0].mean(1));
    case!("var", [([3, 40], 200.0)], 1e-6, |x| x[0].var(1, 1.0));
    case!("std", [([3, 40], 6e4)], 1e-6, |x| x[0].std(1, 1.0));
    case!("softmax", [([3, 40], 20.0)], 1e-6, |x| x[0].softmax(1));
    case!("log_softmax", [([3, 40], 20.0)], 1e-6, |x| x[0].log_softmax(1));
    case!("logsumexp", [([3, 40], 20.0)], 1e-6, |x| x[0].logsumexp(1));
    case!("prod", [([3, 6], 5.0)], 1e-6, |x| x[0].prod(1));
    case!("max", [([3, 7], 300.0)], 0.0, |x| x[0].max(1));
    case!("leaky_relu", [([40], 6.0)], 1e-6, |x| Ok(x[0].leaky_relu(0.01)));
    case!("elu", [([40], 6.0)], 1e-6, |x| Ok(x[0].elu(1.3)));
    case!("elu by its row", [([40], 6.0)], 1e-6, |x| x[0].binary(BinaryOp::Elu, 1.3));
    case!("elu with a tensor", [([40], 6.0), ([40], 2.0)], 1e-6, |x| x[0].binary(BinaryOp::Elu, &x[1]));
    case!("celu", [([40], 6.0)], 1e-6, |x| Ok(x[0].celu(1.3)));
    case!("gelu", [([40], 6.0)], 1e-6, |x| Ok(x[0].gelu()));
    case!("gelu_tanh", [([40], 300.0)], 1e-6, |x| Ok(x[0].gelu_tanh()));
    case!("silu", [([40], 6.0)], 1e-6, |x| Ok(x[0].silu()));
    case!("mish", [([40], 6.0)], 1e-6, |x| Ok(x[0].mish()));
    case!("hardswish", [([40], 6.0)], 1e-6, |x| Ok(x[0].hardswish()));
    case!("atan2", [([40], 300.0), ([40], 300.0)], 1e-6, |x| x[0].atan2(&x[1]));
    case!("linear", [([5, 30], 100.0), ([7, 30], 2.0), ([7], 100.0)], 1e-6, |x| linear(&x[0], &x[1], Some(&x[2])));
    case!("layer_norm", [([4, 40], 6e4), ([40], 2.0), ([40], 2.0)], 1e-5, |x| {
        layer_norm(&x[0], &[40], Some(&x[1]), Some(&x[2]), 1e-5)
    });
    case!("rms_norm", [([4, 40], 6e4), ([40], 2.0)], 1e-5, |x| rms_norm(&x[0], &[40], Some(&x[1]), None));
    case!("group_norm", [([2, 4, 10], 300.0), ([4], 2.0), ([4], 2.0)], 1e-5, |x| {
        group_norm(&x[0], 2, Some(&x[1]), Some(&x[2]), 1e-5)
    });
    case!("batch_norm", [([6, 4, 10], 300.0), ([4], 2.0), ([4], 2.0)], 1e-5, |x| {
        batch_norm(&x[0], None, Some(&x[1]), Some(&x[2]), true, 1e-5)
    });
    case!("attention", [([2, 5, 8], 4.0), ([2, 6, 8], 4.0), ([2, 6, 4], 100.0)], 1e-5, |x| {
        scaled_dot_product_attention(&x[0], &x[1], &x[2], &AttentionOptions::default())
    });
    case!("conv2d", [([2, 3, 7, 7], 50.0), ([4, 3, 3, 3], 3.0), ([4], 50.0)], 1e-6, |x| {
        conv2d(&x[0], &x[1], Some(&x[2]), &ConvOptions::new().padding(1))
    });
    case!("strided conv2d", [([2, 3, 7, 7], 50.0), ([4, 3, 3, 3], 3.0)], 1e-6, |x| {
        conv2d(&x[0], &x[1], None, &ConvOptions::new().stride(2))
    });
    case!("depthwise conv1d", [([2, 3, 20], 50.0), ([3, 1, 11], 3.0)], 1e-6, |x| {
        conv1d(&x[0], &x[1], None, &ConvOptions::new().groups(3))
    });
    case!("conv_transpose2d", [([2, 3, 4, 4], 50.0), ([3, 2, 3, 3], 3.0)], 1e-6, |x| {
        conv_transpose2d(&x[0], &x[1], None, &ConvOptions::new().stride(2), 0)
    });
    case!("avg_pool2d", [([1, 2, 8, 8], 6e4)], 1e-6, |x| avg_pool2d(&x[0], 3));
    case!("overlapping max_pool2d", [([1, 2, 8, 8], 6e4)], 1e-6, |x| max_pool2d(&x[0], PoolOptions::new(3).stride(1)));
    case!("adaptive_avg_pool2d", [([1, 2, 8, 7], 6e4)], 1e-6, |x| adaptive_avg_pool2d(&x[0], [3, 3]));
    case!("interpolate", [([1, 2, 5, 5], 3e4)], 1e-6, |x| {
        interpolate(&x[0], Target::<2>::size([9, 7]), InterpolateMode::Cubic, false)
    });
    case!("unfold", [([1, 2, 6, 6], 6e4)], 1e-6, |x| unfold(&x[0], 3));
    case!("fold", [([1, 8, 25], 1.5e4)], 1e-6, |x| fold(&x[0], [6, 6], FoldOptions::new(2)));
    case!("cdist", [([4, 9], 6e3), ([5, 9], 6e3)], 1e-6, |x| x[0].cdist(&x[1], 2.0));
    case!("pairwise_distance", [([4, 9], 1e4), ([4, 9], 1e4)], 1e-6, |x| pairwise_distance(
        &x[0], &x[1], 2.0, 0.0, false
    ));
    case!("cosine_similarity", [([4, 9], 6e4), ([4, 9], 6e4)], 1e-6, |x| cosine_similarity(&x[0], &x[1], 1, 1e-8));
    case!("scatter_add", [([4], 3e4), ([9], 1e4)], 1e-6, |x| {
        x[0].scatter_add(0, &Tensor::from_slice(&[0i64, 1, 2, 0, 1, 2, 0, 1, 2], [9], x[0].device())?, &x[1])
    });
    case!("embedding", [([5, 3], 100.0)], 1e-6, |x| {
        embedding(&Tensor::from_slice(&[0i64, 4, 0, 0, 1], [5], x[0].device())?, &x[0], None)
    });
    case!("mse", [([4, 9], 150.0), ([4, 9], 150.0)], 1e-6, |x| mse(&x[0], &x[1]));
    case!("sum of squares", [([4, 9], 30.0), ([4, 9], 30.0)], 1e-6, |x| {
        Mse::new().reduction(Reduction::Sum).loss(&x[0], &x[1])
    });
    case!("l1", [([4, 9], 6e4), ([4, 9], 3e2)], 1e-6, |x| L1::new().loss(&x[0], &x[1]));
    case!("smooth_l1", [([4, 9], 300.0), ([4, 9], 300.0)], 1e-6, |x| SmoothL1::new().beta(700.0).loss(&x[0], &x[1]));
    case!("bce_with_logits", [([4, 9], 20.0), ([9], 2.0)], 1e-6, |x| {
        BceWithLogits::new().pos_weight(&x[1].detach().abs()).loss(&x[0], &x[0].detach().gt(0.3)?)
    });
    case!("bce", [([4, 9], 0.999)], 1e-6, |x| bce(&x[0].abs(), &x[0].detach().gt(0.1)?));
    case!("cross_entropy", [([3, 9], 20.0)], 1e-6, |x| {
        cross_entropy(&x[0], &Tensor::from_slice(&[0u8, 8, 3], [3], x[0].device())?)
    });
    case!("cross_entropy with weights and smoothing", [([3, 9], 20.0), ([9], 2.0)], 1e-6, |x| {
        let loss = CrossEntropy::new().weight(&x[1].detach().abs()).label_smoothing(0.1);
        loss.loss(&x[0], &Tensor::from_slice(&[0u8, 8, 3], [3], x[0].device())?)
    });
    case!("nll", [([3, 9], 20.0)], 1e-6, |x| {
        Nll::new().loss(&x[0], &Tensor::from_slice(&[0u8, 8, 3], [3], x[0].device())?)
    });
    out
}

/// The result and the gradients, as numbers.
fn run(case: &Case, inputs: &[Tensor], seed: impl Fn(&Tensor) -> Tensor) -> Result<Vec<Tensor>> {
    let inputs: Vec<Tensor> = inputs.iter().map(Tensor::requires_grad).collect();
    let y = (case.f)(&inputs)?;
    let grads = y.backward_from(&seed(&y))?;
    let mut out = vec![y];
    out.extend(inputs.iter().map(|x| grads.get(x).cloned().unwrap_or_else(|| x.detach().zeros_like())));
    Ok(out)
}

#[test]
fn composites_are_rounded_once() {
    let mut failures = Vec::new();
    let cases = cases();
    for (device_name, device) in devices() {
        for (i, case) in cases.iter().enumerate() {
            // GPUs compile every kernel anew.
            let halves = if device_name.contains("gpu") { &HALVES[i % 2..=i % 2] } else { &HALVES[..] };
            for &dtype in halves {
                let mut draw = Draw(case.name.bytes().map(u64::from).sum());
                let drawn: Vec<Tensor> = case
                    .inputs
                    .iter()
                    .map(|(shape, range)| {
                        let values: Vec<f64> =
                            (0..shape.iter().product()).map(|_| draw.float(-range, *range)).collect();
                        half(&values, &shape[..], dtype, &Device::cpu())
                    })
                    .collect();
                let exact: Vec<Tensor> = drawn.iter().map(|x| x.to_dtype(DType::F64)).collect();
                let placed: Vec<Tensor> = drawn.iter().map(|x| x.to_device(device).expect("a copy")).collect();
                let seed = |y: &Tensor| {
                    let values: Vec<f64> = (0..y.numel()).map(|i| 0.5 + (i % 5) as f64 * 0.25).collect();
                    half(&values, *y.shape(), y.dtype(), y.device())
                };
                let found = run(case, &placed, seed).unwrap_or_else(|e| panic!("{}: {e}", case.name));
                let wanted = run(case, &exact, seed).unwrap_or_else(|e| panic!("{}: {e}", case.name));
                for (part, (found, wanted)) in found.iter().zip(&wanted).enumerate() {
                    assert_eq!(found.dtype(), dtype, "{}", case.name);
                    let (found, wanted) = (numbers(found), numbers(wanted));
                    let largest = wanted.iter().fold(0.0, |a: f64, b| a.max(b.abs()));
                    for (at, (f, w)) in found.iter().zip(&wanted).enumerate() {
                        if (f - w).abs() > 0.501 * unit(*w, dtype) + case.lost * largest || f.is_nan() {
                            failures.push(format!(
                                "{} of {dtype} on {device_name}, {}, element {at}: {f} instead of {w}",
                                case.name,
                                if part == 0 { "result".into() } else { format!("gradient {}", part - 1) },
                            ));
                            break;
                        }
                    }
                }
            }
        }
    }
    assert!(failures.is_empty(), "{} fail:\n{}", failures.len(), failures.join("\n"));
}

fn gradient(f: impl Fn(&Tensor) -> Result<Tensor>, x: &Tensor) -> Result<(f64, Vec<f64>)> {
    let x = x.requires_grad();
    let y = f(&x)?;
    let g = y.backward()?.remove(&x).ok_or_else(|| Error::Gradient("none".into()))?;
    Ok((numbers(&y)[0], numbers(&g)))
}

#[test]
fn results_in_range_come_out_whatever_the_steps_between() -> Result<()> {
    for (name, device) in devices() {
        for dtype in HALVES {
            let case = format!("{dtype} on {name}");
            let near = |found: f64, wanted: f64| {
                assert!((found - wanted).abs() <= 0.501 * unit(wanted, dtype), "{case}: {found} instead of {wanted}");
            };
            let of = |values: &[f64]| half(values, [values.len()], dtype, device);
            near(numbers(&of(&[-300.0, 300.0]).std((), 1.0)?)[0], 300.0 * 2f64.sqrt());
            let zeros = Tensor::zeros([100_000], dtype, device);
            near(numbers(&zeros.logsumexp(())?)[0], 100_000f64.ln());
            // Every one of so many ties gets its share.
            let ties = 70_000;
            let (_, g) = gradient(|x| x.max(()), &half(&vec![1.0; ties], [ties], dtype, device))?;
            g.iter().for_each(|&g| near(g, 1.0 / ties as f64));
            for x in [300.0, -300.0] {
                let (_, g) = gradient(|x| x.gelu_tanh().sum(()), &of(&[x]))?;
                assert_eq!(g, [if x > 0.0 { 1.0 } else { 0.0 }], "{case}");
            }
            for size in [1e-4, 300.0] {
                let x = of(&[size]);
                let size = numbers(&x)[0];
                let wanted = 0.5 / size;
                let (_, g) = gradient(|y| y.atan2(&x)?.sum(()), &x)?;
                near(g[0], wanted);
                let (_, g) = gradient(|x| x.detach().atan2(x)?.sum(()), &x)?;
                near(g[0], -wanted);
            }
            let q = half(&vec![0.5; 2 * 8192], [8192, 2], dtype, device);
            let logits = half(&[-6.0, 6.0].repeat(8192), [8192, 2], dtype, device);
            let (loss, _) = gradient(|x| cross_entropy(x, &q), &logits)?;
            near(loss, 6.0 + (-12f64).exp().ln_1p());
            for y in [0.0, 1.0] {
                let y = of(&[y]);
                let (loss, g) = gradient(|p| bce(p, &y), &y)?;
                assert_eq!((loss, g), (0.0, vec![0.0]), "{case}");
            }
            let (loss, _) = gradient(|x| bce_with_logits(x, &x.detach().zeros_like()), &of(&[-9.0]))?;
            near(loss, (-9f64).exp().ln_1p());
        }
    }
    Ok(())
}

#[test]
fn sums_are_rounded_when_they_are_whole() -> Result<()> {
    for (name, device) in devices() {
        let of = |values: &[f64]| half(values, [values.len()], DType::F16, device);
        // Each part of the gradient is past the range, their sum is not.
        let (a, b) = (of(&[30_000.0]), of(&[-30_000.0]));
        let (_, g) = gradient(|x| ((x * &a) * 4.0 + (x * &b) * 4.0 + x).sum(()), &of(&[0.25]))?;
        assert_eq!(g, [1.0], "{name}");
        // So are the parts of a sum over what a value was repeated for, and over what it was taken for.
        let up = Tensor::cat(&[of(&[60_000.0; 8]), of(&[-60_000.0; 7]), of(&[-59_008.0])], 0)?;
        let (_, g) = gradient(|x| (x.expand([16])? * &up).sum(()), &of(&[0.25]))?;
        assert_eq!(g, [992.0], "{name}");
        let index = Tensor::zeros([16], DType::I64, device);
        let (_, g) = gradient(|x| (x.index_select(0, &index)? * &up).sum(()), &of(&[0.25]))?;
        assert_eq!(g, [992.0], "{name}");
        let y = of(&[-60_000.0]).scatter_add(0, &index.narrow(0, 0, 2)?, &of(&[60_000.0, 60_000.0]))?;
        assert_eq!(numbers(&y), [60_000.0], "{name}");
        // A product of matrices and the bias.
        let x = of(&[300.0]).reshape([1, 1])?;
        assert_eq!(numbers(&linear(&x, &x, Some(&of(&[-60_000.0])))?), [30_000.0], "{name}");
        let w = x.reshape([1, 1, 1, 1])?;
        assert_eq!(numbers(&conv2d(&w, &w, Some(&of(&[-60_000.0])), &ConvOptions::new())?), [30_000.0], "{name}");
        // Scores past the range, which the scale brings back.
        let q = half(&[600.0; 4], [1, 1, 4], DType::F16, device);
        let k = half(&[[600.0; 4], [599.0; 4]].concat(), [1, 2, 4], DType::F16, device);
        let v = half(&[1.0, 2.0], [1, 2, 1], DType::F16, device);
        let options = AttentionOptions { scale: Some(1.0 / 4096.0), ..Default::default() };
        let y = numbers(&scaled_dot_product_attention(&q, &k, &v, &options)?)[0];
        let wanted = 1.0 + 1.0 / (1.0 + (2400.0f64 / 4096.0).exp());
        assert!((y - wanted).abs() <= 0.501 * unit(wanted, DType::F16), "{name}: {y} instead of {wanted}");
    }
    Ok(())
}

#[test]
fn norms_are_clipped_where_squares_overflow() -> Result<()> {
    for (name, device) in devices() {
        for dtype in HALVES {
            let params = [Param::new(half(&[1.0], [1], dtype, device)), Param::new(half(&[1.0], [1], dtype, device))];
            let mut grads = Gradients::default();
            for (param, g) in params.iter().zip([300.0, 400.0]) {
                grads.insert(&param.tensor(), half(&[g], [1], dtype, device))?;
            }
            let norm = clip_grad_norm(&mut grads, &params, 1.0)?;
            assert_eq!((norm.dtype(), numbers(&norm)[0]), (DType::F32, 500.0), "{dtype} on {name}");
            for (param, wanted) in params.iter().zip([0.6, 0.8]) {
                let g = grads.get(&param.tensor()).expect("a gradient");
                assert_eq!(g.dtype(), dtype);
                assert!((numbers(g)[0] - wanted).abs() <= 0.501 * unit(wanted, dtype), "{dtype} on {name}: {g:?}");
            }
        }
    }
    Ok(())
}

/// The values of a parameter after steps with these gradients.
fn stepped(mut optimizer: impl Optimizer, start: &Tensor, grads: &[f64]) -> Result<Vec<f64>> {
    let param = Param::new(start.clone());
    optimizer.bind(vec![param.clone()]);
    for &g in grads {
        let mut all = Gradients::default();
        let g: Vec<f64> = (0..start.numel()).map(|i| g * (1.0 + i as f64)).collect();
        all.insert(&param.tensor(), half(&g, *start.shape(), start.dtype(), start.device()))?;
        optimizer.step(&all)?;
    }
    for (key, state) in optimizer.state().iter().filter(|(key, _)| !key.ends_with("step")) {
        let is_half = HALVES.contains(&start.dtype());
        assert_eq!(state.dtype(), if is_half { DType::F32 } else { start.dtype() }, "{key}");
    }
    // The state comes back as it was.
    let saved = optimizer.state();
    optimizer.load_state(&saved)?;
    for ((key, before), (_, after)) in saved.iter().zip(optimizer.state()) {
        let lost = values::difference(&values::values(&after)?, &values::values(before)?, 0.0, 0.0);
        assert!(lost.is_none(), "{key}: {lost:?}");
    }
    Ok(numbers(&param.tensor()))
}

#[test]
fn optimizers_keep_their_state_in_32_bits() -> Result<()> {
    // Squares of gradients that F16 takes for infinity or 0, and an epsilon that it does not hold.
    let steps = [[300.0; 3], [1e-4; 3], [20_000.0, 1e-3, -5.0]];
    type Update = Box<dyn Fn(&Tensor, &[f64]) -> Result<Vec<f64>>>;
    type Make = fn() -> Update;
    let optimizers: [(&str, Make); 4] = [
        ("adam", || Box::new(|x, g| stepped(Adam::new(0.125), x, g))),
        ("adamw", || Box::new(|x, g| stepped(AdamW::new(0.125).weight_decay(0.1), x, g))),
        ("adam with decay", || Box::new(|x, g| stepped(Adam::new(0.125).weight_decay(0.01), x, g))),
        ("sgd", || Box::new(|x, g| stepped(Sgd::new(1e-4).momentum(0.9).nesterov().weight_decay(0.01), x, g))),
    ];
    for (device_name, device) in devices() {
        for dtype in HALVES {
            for (name, make) in optimizers {
                for grads in steps {
                    let start = half(&[1.0, -2.0, 0.5], [3], dtype, device);
                    let wide = start.to_device(&Device::cpu())?.to_dtype(DType::F64);
                    // Gradients are halves on both sides.
                    let grads = numbers(&half(&grads, [3], dtype, device));
                    let (found, wanted) = (make()(&start, &grads)?, make()(&wide, &grads)?);
                    for (f, w) in found.iter().zip(&wanted) {
                        // The parameter itself is rounded after each of the three steps.
                        let allowed = 1.6 * unit(w.abs().max(2.5), dtype);
                        assert!((f - w).abs() <= allowed, "{name} of {dtype} on {device_name}: {f} instead of {w}");
                    }
                }
            }
        }
    }
    Ok(())
}

#[test]
fn running_statistics_are_rounded_once() -> Result<()> {
    for (name, device) in devices() {
        let x = half(&[-300.0, 300.0, -100.0, 100.0], [4, 1], DType::F16, device);
        let (mean, var) =
            (Buffer::new(half(&[3.0], [1], DType::F16, device)), Buffer::new(half(&[7.0], [1], DType::F16, device)));
        batch_norm(&x, Some(RunningStats { mean: &mean, var: &var, momentum: 0.1 }), None, None, true, 1e-5)?;
        // The variance of the sample is 66,667: past the range, a tenth of it is not.
        assert_eq!(numbers(&mean.tensor()), [2.699_218_75], "{name}");
        assert_eq!(numbers(&var.tensor()), [6672.0], "{name}");
    }
    Ok(())
}
