//! Second derivatives of everything that has first ones, against central differences, also at zeros and ties.

use kiln::{
    DType, Device, Error, Result, Tensor, checkpoint, grad, gradcheck, gradgradcheck,
    loss::{BceWithLogits, CrossEntropy, L1, Loss, Mse, Nll, Reduction, SmoothL1, bce, bce_with_logits, cross_entropy},
    nn::functional::{
        AttentionOptions, ConvOptions, FoldOptions, InterpolateMode, PoolOptions, Target, adaptive_avg_pool1d,
        adaptive_max_pool1d, avg_pool1d, batch_norm, conv_transpose1d, conv1d, conv2d, cosine_similarity, embedding,
        fold, group_norm, instance_norm, interpolate, layer_norm, linear, max_pool1d, pairwise_distance, rms_norm,
        scaled_dot_product_attention, unfold,
    },
    op::BinaryOp,
};
use kiln_tests::{devices, draw::Draw};

fn of(values: &[f64], shape: &[usize]) -> Tensor {
    Tensor::from_slice(values, shape, &Device::cpu()).expect("a tensor")
}

fn drawn(shape: &[usize], seed: u64) -> Tensor {
    let mut draw = Draw(seed);
    let values: Vec<f64> = (0..shape.iter().product()).map(|_| draw.float(-1.5, 1.5)).collect();
    of(&values, shape)
}

type Function = Box<dyn Fn(&[Tensor]) -> Result<Tensor>>;

fn check(failures: &mut Vec<String>, name: &str, inputs: &[Tensor], f: &Function) {
    let inputs: Vec<&Tensor> = inputs.iter().collect();
    for (order, result) in [("first", gradcheck(|x| f(x), &inputs)), ("second", gradgradcheck(|x| f(x), &inputs))] {
        if let Err(why) = result {
            failures.push(format!("{order} derivative of {name}: {why}"));
        }
    }
}

#[test]
fn second_derivatives_are_derivatives() {
    let mut failures = Vec::new();
    macro_rules! row {
        ($name:expr, [$($input:expr),*], |$x:ident| $body:expr) => {{
            let f: Function = Box::new(move |$x: &[Tensor]| $body);
            check(&mut failures, &$name.to_string(), &[$($input),*], &f);
        }};
    }
    // Values at which a factor is 0, or a special case of a rule applies and the function is smooth all the same.
    row!("prod at zeros", [of(&[0.0, 3.0, 4.0, 0.0, 0.0, 2.0, 1.0, 2.0, 3.0, 0.0, 0.0, 0.0], &[4, 3])], |x| x[0]
        .prod(1));
    row!("prod of columns", [of(&[0.0, 3.0, 4.0, 1.5, 0.0, 2.0], &[3, 2])], |x| x[0].prod(0));
    row!("prod of two axes", [of(&[0.0, 3.0, 4.0, 1.5, 0.5, 2.0, 1.0, -1.0], &[2, 2, 2])], |x| x[0].prod([0, 2]));
    row!("prod of all", [of(&[0.0, 3.0, 4.0, 0.5], &[2, 2])], |x| x[0].prod(()));
    row!("prod of one", [of(&[0.0, 3.0], &[2, 1])], |x| x[0].prod(1));
    row!("prod of many", [drawn(&[1, 9], 3)], |x| (&x[0] * 1.5).prod(1));
    for p in [2.0, 3.0, 4.0, 1.0, 0.0] {
        row!(format!("power {p} at 0"), [of(&[0.0, -1.5, 2.0], &[3])], |x| x[0].pow(p));
    }
    row!("exponents", [of(&[0.5, 2.0, 3.0], &[3]), of(&[0.0, 1.0, 2.0], &[3])], |x| x[0].pow(&x[1]));
    row!("square at 0", [of(&[0.0, 1.0], &[2])], |x| Ok(x[0].square()));
    for (name, op) in [
        ("gelu", Tensor::gelu as fn(&Tensor) -> Tensor),
        ("gelu_tanh", Tensor::gelu_tanh),
        ("silu", Tensor::silu),
        ("mish", Tensor::mish),
        ("softplus", Tensor::softplus),
        ("sigmoid", Tensor::sigmoid),
        ("tanh", Tensor::tanh),
        ("erf", Tensor::erf),
        ("atan", Tensor::atan),
        ("sin", Tensor::sin),
    ] {
        row!(format!("{name} at 0 and far out"), [of(&[0.0, -0.0, 30.0, -30.0], &[4])], |x| Ok(op(&x[0])));
    }
    for (name, op) in [
        ("relu", Tensor::relu as fn(&Tensor) -> Tensor),
        ("selu", Tensor::selu),
        ("hardswish", Tensor::hardswish),
        ("hardsigmoid", Tensor::hardsigmoid),
        ("abs", Tensor::abs),
    ] {
        row!(
            format!("{name} between the bends"),
            [of(&[-4.0, -1.0, 0.5, 2.9, 50.0], &[5])],
            |x| Ok(op(&x[0]).square())
        );
    }
    row!("elu", [of(&[-4.0, -1.0, 0.5, 50.0], &[4])], |x| Ok(x[0].elu(0.7).square()));
    row!("celu", [of(&[-4.0, -1.0, 0.5, 50.0], &[4])], |x| Ok(x[0].celu(0.7).square()));
    row!("celu and its alpha", [of(&[-4.0, -1.0, 0.5, 50.0], &[4]), of(&[0.7, 1.5, 0.3, 2.0], &[4])], |x| {
        Ok(x[0].binary(BinaryOp::Celu, &x[1])?.square())
    });
    row!("elu and its alpha", [of(&[-4.0, -1.0, 0.5, 50.0], &[4]), of(&[0.7, -1.5, 0.0, 2.0], &[4])], |x| {
        Ok(x[0].binary(BinaryOp::Elu, &x[1])?.square())
    });
    row!("leaky_relu and its slope", [of(&[-4.0, -1.0, 0.5, 50.0], &[4]), of(&[0.25], &[1])], |x| {
        Ok(x[0].binary(BinaryOp::LeakyRelu, &x[1])?.square())
    });
    row!("leaky_relu", [of(&[-4.0, -1.0, 0.5, 50.0], &[4])], |x| Ok(x[0].leaky_relu(0.1).square()));
    row!("clamp", [of(&[-4.0, -0.5, 0.5, 50.0], &[4])], |x| Ok(x[0].clamp(-1.0, 1.0)?.square()));
    row!(
        "clamp between tensors",
        [of(&[-4.0, -0.5, 50.0], &[3]), of(&[-1.0, -2.0, -3.0], &[3]), of(&[1.0, 2.0, 3.0], &[3])],
        |x| { Ok(x[0].clamp(&x[1], &x[2])?.square()) }
    );
    row!("maximum", [drawn(&[5], 1), drawn(&[5], 2)], |x| Ok(x[0].maximum(&x[1])?.square()));
    row!("minimum", [drawn(&[5], 1), drawn(&[5], 2)], |x| Ok(x[0].minimum(&x[1])?.square()));
    // At a tie of equal functions every share is right.
    row!("maximum of equals", [drawn(&[5], 1)], |x| Ok(x[0].square().maximum(x[0].square())?.sin()));
    row!("max of equals", [of(&[1.0, 0.5, 1.5], &[3, 1])], |x| x[0].square().expand([3, 4])?.exp().max(1));
    row!("expm1", [of(&[0.0, 1.0, -30.0], &[3])], |x| Ok(x[0].expm1()));
    row!("atan2", [of(&[0.0, 1.0, -2.0, 0.0], &[4]), of(&[1.0, 0.0, 2.0, -1.5], &[4])], |x| Ok(x[0]
        .atan2(&x[1])?
        .sin()));
    row!("remainder", [of(&[5.3, -5.3], &[2]), of(&[3.0, 3.0], &[2])], |x| Ok(x[0].remainder(&x[1])?.square()));
    row!("where", [of(&[0.0, 2.0], &[2])], |x| x[0].gt(1.0)?.where_(x[0].square(), x[0].exp() * &x[0]));
    row!("std", [drawn(&[2, 5], 4)], |x| x[0].std(1, 1.0));
    row!("var", [drawn(&[2, 5], 4)], |x| x[0].var((), 1.0));
    row!("logsumexp", [of(&[0.0, 0.0, 0.0, 40.0, 1.0, 2.0], &[2, 3])], |x| x[0].logsumexp(1));
    row!("softmax", [of(&[0.0, 0.0, 0.0, 40.0, 1.0, 2.0], &[2, 3])], |x| x[0].softmax(1));
    row!("log_softmax", [of(&[0.0, 0.0, 0.0, 40.0, 1.0, 2.0], &[2, 3])], |x| x[0].log_softmax(1));
    row!("max", [drawn(&[2, 5], 5)], |x| Ok(x[0].max(1)?.exp()));
    row!("topk", [drawn(&[2, 5], 5)], |x| Ok(x[0].topk(2, 1, true)?.0.exp()));

    // Losses, in all that can be tracked.
    let ids = |x: &Tensor| Tensor::from_slice(&[2i64, 0, 1], [3], x.device());
    row!("cross_entropy", [drawn(&[3, 4], 6)], |x| cross_entropy(&x[0], &ids(&x[0])?));
    row!("cross_entropy with everything", [drawn(&[3, 4], 6)], |x| {
        let weight = of(&[1.0, 0.0, 2.0, 0.5], &[4]);
        CrossEntropy::new().weight(&weight).ignore_index(1).label_smoothing(0.2).loss(&x[0], &ids(&x[0])?)
    });
    row!("cross_entropy with weights", [drawn(&[3, 4], 6)], |x| {
        CrossEntropy::new().weight(&of(&[1.0, 0.0, 2.0, 0.5], &[4])).ignore_index(1).loss(&x[0], &ids(&x[0])?)
    });
    row!("cross_entropy with probabilities", [drawn(&[3, 4], 6)], |x| {
        CrossEntropy::new().reduction(Reduction::None).loss(&x[0], &of(&[0.0, 0.25, 0.75, 0.0].repeat(3), &[3, 4]))
    });
    row!("nll", [drawn(&[3, 4], 6)], |x| Nll::new().loss(&x[0].log_softmax(1)?, &ids(&x[0])?));
    row!("bce", [of(&[0.2, 0.9, 0.5, 0.4], &[4])], |x| bce(&x[0], &of(&[0.0, 1.0, 0.3, 1.0], &[4])));
    row!("bce_with_logits", [drawn(&[4], 7), of(&[0.0, 1.0, 0.3, 1.0], &[4])], |x| bce_with_logits(&x[0], &x[1]));
    row!("bce_with_logits, weighted", [drawn(&[4], 7), of(&[0.0, 1.0, 0.3, 1.0], &[4])], |x| {
        BceWithLogits::new().pos_weight(&of(&[2.0, 0.0, 1.0, 0.5], &[4])).loss(&x[0], &x[1])
    });
    row!("mse", [drawn(&[4], 7), drawn(&[4], 8)], |x| Mse::new().loss(&x[0], &x[1]));
    row!("l1", [drawn(&[4], 7), drawn(&[4], 8)], |x| Ok(L1::new().loss(&x[0], &x[1])?.square()));
    row!("smooth_l1", [of(&[0.0, 0.2, 5.0], &[3]), of(&[0.0, 0.3, 0.0], &[3])], |x| SmoothL1::new().loss(&x[0], &x[1]));

    // Layers.
    row!("linear", [drawn(&[2, 3], 9), drawn(&[4, 3], 10), drawn(&[4], 11)], |x| {
        Ok(linear(&x[0], &x[1], Some(&x[2]))?.tanh())
    });
    row!("layer_norm", [drawn(&[2, 4], 12), drawn(&[4], 13)], |x| layer_norm(&x[0], &[4], Some(&x[1]), None, 1e-2));
    row!("rms_norm at 0", [of(&[0.0, 0.0, 0.0, 1.0, 0.0, -1.0], &[2, 3])], |x| rms_norm(&x[0], &[3], None, Some(0.5)));
    row!("group_norm", [drawn(&[2, 4, 3], 14)], |x| group_norm(&x[0], 2, None, None, 1e-2));
    row!("instance_norm", [drawn(&[2, 2, 4], 14)], |x| instance_norm(&x[0], None, None, 1e-2));
    row!("batch_norm", [drawn(&[4, 2], 15), drawn(&[2], 16)], |x| batch_norm(
        &x[0],
        None,
        Some(&x[1]),
        None,
        true,
        1e-2
    ));
    row!("masked attention", [drawn(&[3, 2], 17), drawn(&[3, 2], 18), drawn(&[3, 2], 19)], |x| {
        let low = f64::NEG_INFINITY;
        let mask = of(&[0.0, low, 0.5, low, low, low, 0.0, 0.0, 0.0], &[3, 3]);
        scaled_dot_product_attention(
            &x[0],
            &x[1],
            &x[2],
            &AttentionOptions { attn_mask: Some(mask), ..Default::default() },
        )
    });
    row!("attention with a tracked mask", [drawn(&[2, 2], 17), drawn(&[2, 2], 18)], |x| {
        let options = AttentionOptions { attn_mask: Some(x[1].clone()), ..Default::default() };
        scaled_dot_product_attention(&x[0], &x[0], &x[0], &options)
    });
    row!("embedding", [drawn(&[3, 2], 20)], |x| {
        Ok(embedding(&Tensor::from_slice(&[0i64, 2, 0], [3], x[0].device())?, &x[0], None)?.sin() + x[0].sum(())? * 0.0)
    });
    row!("conv2d", [drawn(&[1, 2, 4, 4], 21), drawn(&[2, 1, 3, 3], 22), drawn(&[2], 23)], |x| {
        Ok(conv2d(&x[0], &x[1], Some(&x[2]), &ConvOptions::new().groups(2).padding(1).stride(2))?.tanh())
    });
    row!("conv1d", [drawn(&[2, 2, 5], 21), drawn(&[2, 2, 2], 22)], |x| {
        Ok(conv1d(&x[0], &x[1], None, &ConvOptions::new().dilation(2))?.tanh())
    });
    row!("conv_transpose1d", [drawn(&[1, 2, 3], 21), drawn(&[2, 2, 3], 22)], |x| {
        Ok(conv_transpose1d(&x[0], &x[1], None, &ConvOptions::new().stride(2), 1)?.tanh())
    });
    row!("max_pool1d", [drawn(&[1, 1, 7], 24)], |x| Ok(max_pool1d(&x[0], PoolOptions::new(3).stride(1))?.square()));
    row!("avg_pool1d", [drawn(&[1, 1, 7], 24)], |x| Ok(
        avg_pool1d(&x[0], PoolOptions::new(3).stride(2).padding(1))?.square()
    ));
    row!("adaptive_avg_pool1d", [drawn(&[1, 1, 7], 24)], |x| Ok(adaptive_avg_pool1d(&x[0], 3)?.square()));
    row!("adaptive_max_pool1d", [drawn(&[1, 1, 7], 24)], |x| Ok(adaptive_max_pool1d(&x[0], 3)?.square()));
    for mode in
        [InterpolateMode::Nearest, InterpolateMode::Linear, InterpolateMode::Cubic, InterpolateMode::LinearAntialias]
    {
        row!(format!("interpolate {mode:?}"), [drawn(&[1, 1, 5], 25)], |x| {
            Ok(interpolate(&x[0], Target::<1>::size(4), mode, false)?.square())
        });
    }
    row!("unfold", [drawn(&[1, 1, 3, 3], 26)], |x| Ok(unfold(&x[0], 2)?.square()));
    row!("fold", [drawn(&[1, 4, 4], 26)], |x| Ok(fold(&x[0], [3, 3], FoldOptions::new(2))?.square()));
    row!("scatter_add", [drawn(&[3], 27), drawn(&[4], 28)], |x| {
        Ok(x[0].scatter_add(0, &Tensor::from_slice(&[0i64, 2, 0, 0], [4], x[0].device())?, &x[1])?.square())
    });
    row!("masked_fill", [drawn(&[4], 27)], |x| Ok(x[0].masked_fill(&x[0].detach().lt(0.0)?, 2.0)?.square()));
    row!("roll and tril", [drawn(&[3, 3], 27)], |x| Ok((x[0].roll(0, 1)?.tril(0)? * x[0].triu(1)?.t()
        + &x[0].square())
        .sin()));
    for p in [1.0, 1.5, 2.0, 3.0, f64::INFINITY] {
        row!(format!("cdist, p = {p}"), [drawn(&[3, 4], 29), drawn(&[2, 4], 30)], |x| Ok(x[0]
            .cdist(&x[1], p)?
            .square()));
        row!(format!("pairwise_distance, p = {p}"), [drawn(&[3, 4], 29), drawn(&[3, 4], 30)], |x| {
            Ok(pairwise_distance(&x[0], &x[1], p, 0.0, false)?.square())
        });
    }
    row!("cosine_similarity", [drawn(&[3, 4], 29), drawn(&[3, 4], 30)], |x| cosine_similarity(&x[0], &x[1], 1, 1e-8));
    row!("checkpoint", [drawn(&[3], 31), drawn(&[3], 32)], |x| checkpoint(
        |x| Ok((&x[0] * &x[1]).sin()),
        &[&x[0], &x[1]]
    ));
    row!("dtypes in between", [drawn(&[3], 31)], |x| Ok((x[0].to_dtype(DType::F64) * &x[0]).sin()));
    assert!(failures.is_empty(), "{} fail:\n{}", failures.len(), failures.join("\n"));
}

/// The rows of `d^2 f / dx dx` of a function of a vector.
fn hessian(f: impl Fn(&Tensor) -> Result<Tensor>, x: &Tensor) -> Result<Vec<Vec<f64>>> {
    let x = x.requires_grad();
    let first = grad(&f(&x)?, &[&x], true)?.remove(0);
    let rows = (0..x.numel()).map(|i| {
        let row = grad(&first.select(0, i as isize)?, &[&x], false)?.remove(0);
        row.to_dtype(DType::F64).to_vec::<f64>()
    });
    rows.collect()
}

#[test]
fn products_with_zeros_have_second_derivatives() -> Result<()> {
    for (name, device) in devices() {
        for dtype in [DType::F32, DType::F16] {
            let of = |x: [f64; 3]| Tensor::from_slice(&x, [3], &Device::cpu())?.to_dtype(dtype).to_device(device);
            let rows = |x| hessian(|x| x.prod(()), &of(x)?);
            assert_eq!(rows([0.0, 3.0, 4.0])?, [[0.0, 4.0, 3.0], [4.0, 0.0, 0.0], [3.0, 0.0, 0.0]], "{name}");
            assert_eq!(rows([0.0, 0.0, 4.0])?, [[0.0, 4.0, 0.0], [4.0, 0.0, 0.0], [0.0, 0.0, 0.0]], "{name}");
            assert_eq!(rows([2.0, 3.0, 4.0])?, [[0.0, 4.0, 3.0], [4.0, 0.0, 2.0], [3.0, 2.0, 0.0]], "{name}");
            // The third derivative, in all three.
            let x = of([0.0, 0.0, 0.0])?.requires_grad();
            let first = grad(&x.prod(())?, &[&x], true)?.remove(0).select(0, 0)?;
            let second = grad(&first, &[&x], true)?.remove(0).select(0, 1)?;
            let third = grad(&second, &[&x], false)?.remove(0).to_dtype(DType::F64).to_vec::<f64>()?;
            assert_eq!(third, [0.0, 0.0, 1.0], "{name}");
        }
    }
    Ok(())
}

#[test]
fn branches_that_are_not_taken_leave_second_derivatives_finite() -> Result<()> {
    // At these points a branch that is not taken is infinite or NaN.
    type Case<'a> = (&'a str, &'a dyn Fn(&Tensor) -> Result<Tensor>, [f64; 2], [f64; 2]);
    let cases: [Case<'_>; 6] = [
        ("0^b by b", &|b| b.zeros_like().pow(b)?.sum(()), [2.0, 3.0], [0.0, 0.0]),
        ("a^0", &|a| a.pow(0.0)?.sum(()), [0.0, 2.0], [0.0, 0.0]),
        ("a^2 at 0", &|a| a.pow(2.0)?.sum(()), [0.0, 2.0], [2.0, 2.0]),
        (
            "smooth_l1",
            &|x| SmoothL1::new().reduction(Reduction::Sum).loss(x, &x.detach().zeros_like()),
            [1e200, 0.0],
            [0.0, 1.0],
        ),
        ("gelu_tanh", &|x| x.gelu_tanh().sum(()), [1e200, -1e200], [0.0, 0.0]),
        ("hardswish", &|x| x.hardswish().sum(()), [f64::INFINITY, 1.0], [0.0, 1.0 / 3.0]),
    ];
    for (name, f, x, wanted) in cases {
        let x = of(&x, &[2]).requires_grad();
        let first = grad(&f(&x)?, &[&x], true)?.remove(0);
        let second = match grad(&first.sum(())?, &[&x], false) {
            Ok(mut second) => second.remove(0).to_vec::<f64>()?,
            // A constant first derivative depends on nothing.
            Err(Error::Gradient(_)) => vec![0.0; 2],
            Err(error) => return Err(error),
        };
        for (found, wanted) in second.iter().zip(wanted) {
            assert!((found - wanted).abs() < 1e-12, "{name}: {second:?} instead of {wanted}");
        }
    }
    Ok(())
}
