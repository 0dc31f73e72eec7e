//! NaN and infinity through every op, reduction, layer and loss, against what PyTorch makes of them, from the file that
//! `goldens/nonfinite.py` writes.

use kiln::{
    DType, Result, Tensor,
    loss::{BceWithLogits, CrossEntropy, L1, Loss, Mse, Nll, Reduction, SmoothL1},
    nn::{
        Buffer,
        functional::{
            AttentionOptions, ConvOptions, FoldOptions, InterpolateMode, PoolOptions, RunningStats, Target,
            adaptive_avg_pool2d, adaptive_max_pool2d, avg_pool2d, batch_norm, conv_transpose2d, conv1d, conv2d,
            cosine_similarity, embedding, fold, group_norm, instance_norm, interpolate, layer_norm, max_pool2d,
            pairwise_distance, rms_norm, scaled_dot_product_attention, unfold,
        },
    },
    op,
};
use kiln_tests::golden::{check, isizes, per_axis, scalar, usizes};
use serde_json::Value;

#[test]
fn as_pytorch() {
    check(include_str!("../goldens/nonfinite.jsonl"), 768, |name, x, args| {
        let one = match elementwise(name, x, args).or_else(|| identity(name, x)) {
            Some(y) => y?,
            None => match moved(name, x, args).or_else(|| reduction(name, x, args)) {
                Some(y) => y?,
                None => layer(name, x, args).or_else(|| loss(name, x, args)).expect("an op of the file")?,
            },
        };
        Ok(vec![one])
    });
}

fn elementwise(name: &str, x: &[Tensor], args: &Value) -> Option<Result<Tensor>> {
    let number = |i: usize| scalar(&args[i]);
    Some(match name {
        "leaky_relu" => Ok(x[0].leaky_relu(number(0).to_f64())),
        "elu" => Ok(x[0].elu(number(0).to_f64())),
        "celu" => Ok(x[0].celu(number(0).to_f64())),
        "clamp" => x[0].clamp(number(0), number(1)),
        "where" => x[0].where_(&x[1], &x[2]),
        "masked_fill" => x[0].masked_fill(&x[1], number(0)),
        "to_dtype" => Ok(x[0].to_dtype(DType::ALL.into_iter().find(|d| d.name() == args[0]).expect("a dtype"))),
        _ => {
            let (own, name) = match name.strip_prefix("self_") {
                Some(name) => (true, name),
                None => (false, name),
            };
            if let Some(op) = op::UnaryOp::ALL.iter().find(|op| op.info().name == name) {
                return Some(x[0].unary(*op));
            }
            let op = op::BinaryOp::ALL.iter().find(|op| op.info().name == name)?;
            x[0].binary(*op, if own { &x[0] } else { &x[1] })
        }
    })
}

/// What a compiler may take for something simpler.
#[expect(clippy::eq_op, reason = "equal operands are what is tested")]
fn identity(name: &str, inputs: &[Tensor]) -> Option<Result<Tensor>> {
    let [x, y] = inputs else { return None };
    Some(Ok(match name {
        "x + -x" => x + &-x,
        "-x + x" => &-x + x,
        "x * (1 / x)" => x * &(1.0 / x),
        "x * y / y" => &(x * y) / y,
        "(x + y) - x" => &(x + y) - x,
        "x - (x - y)" => x - &(x - y),
        "(x - y) + y" => &(x - y) + y,
        "x * y - x * y" => &(x * y) - &(x * y),
        "x * y + x * -y" => &(x * y) + &(x * &-y),
        "x * 2 - x" => &(x * 2.0) - x,
        "x * 0" => x * 0.0,
        "x * 0 + y" => &(x * 0.0) + y,
        "x + 0" => x + 0.0,
        "0 / x" => 0.0 / x,
        "|x| - |x|" => x.abs() - x.abs(),
        "sqrt(x)^2" => x.sqrt().square(),
        "sqrt(x) * sqrt(x)" => x.sqrt() * x.sqrt(),
        "rsqrt(x)^2" => x.rsqrt().square(),
        "log(exp x)" => x.exp().log(),
        "exp(log x)" => x.log().exp(),
        "x < y ? x : y" => return Some(x.lt(y).and_then(|c| c.where_(x, y))),
        "x > y ? x : y" => return Some(x.gt(y).and_then(|c| c.where_(x, y))),
        "x < 0 ? 0 : x" => return Some(x.lt(0.0).and_then(|c| c.where_(0.0, x))),
        "x == x ? x : y" => return Some(x.eq(x).and_then(|c| c.where_(x, y))),
        "x + y <= x" => return Some((x + y).le(x)),
        "x - y > 0" => return Some((x - y).gt(0.0)),
        "!(x < y)" => return Some(x.lt(y).map(|c| c.logical_not())),
        _ => return None,
    }))
}

fn reduction(name: &str, x: &[Tensor], args: &Value) -> Option<Result<Tensor>> {
    let axis = |i: usize| args[i].as_i64().expect("an axis") as isize;
    let axes = || isizes(&args["axes"]);
    let correction = || args["correction"].as_f64().expect("a correction");
    let x = &x[0];
    Some(match name {
        "sum" => x.sum(&axes()[..]),
        "mean" => x.mean(&axes()[..]),
        "prod" => x.prod(&axes()[..]),
        "max" => x.max(&axes()[..]),
        "min" => x.min(&axes()[..]),
        "any" => x.any(&axes()[..]),
        "all" => x.all(&axes()[..]),
        "logsumexp" => x.logsumexp(&axes()[..]),
        "var" => x.var(&axes()[..], correction()),
        "std" => x.std(&axes()[..], correction()),
        "argmax" => x.argmax(axis(0)),
        "argmin" => x.argmin(axis(0)),
        "softmax" => x.softmax(axis(0)),
        "log_softmax" => x.log_softmax(axis(0)),
        "topk" => x.topk(axis(0) as usize, axis(1), args[2] == true).map(|(values, _)| values),
        _ => return None,
    })
}

fn moved(name: &str, x: &[Tensor], args: &Value) -> Option<Result<Tensor>> {
    let axis = |i: usize| args[i].as_i64().expect("an axis") as isize;
    Some(match name {
        "gather" => x[0].gather(axis(0), &x[1]),
        "index_select" => x[0].index_select(axis(0), &x[1]),
        "embedding" => embedding(&x[0], &x[1], None),
        "scatter_add" => x[0].scatter_add(axis(0), &x[1], &x[2]),
        "tril" => x[0].tril(0),
        "triu" => x[0].triu(0),
        "cat" => Tensor::cat(x, 1),
        "pad" => x[0].pad(&[(0, 0), (1, 2)]),
        "roll" => x[0].roll(0, 1),
        _ => return None,
    })
}

fn layer(name: &str, x: &[Tensor], args: &Value) -> Option<Result<Tensor>> {
    let (w, b) = (x.get(1), x.get(2));
    let eps = args["eps"].as_f64().unwrap_or_default();
    let conv = || {
        let groups = args["groups"].as_u64().unwrap_or(1) as usize;
        ConvOptions::new()
            .stride(per_axis::<2>(&args["stride"], 1))
            .padding(per_axis::<2>(&args["padding"], 0))
            .groups(groups)
    };
    let pool = || {
        let mut options = PoolOptions::new(per_axis::<2>(&args["kernel_size"], 0));
        options.stride = args.get("stride").map(|stride| per_axis(stride, 0));
        options.padding(per_axis::<2>(&args["padding"], 0))
    };
    let size = || per_axis::<2>(&args["output_size"], 0);
    let p = || args["p"].as_str().expect("a number").parse().expect("a number");
    Some(match name {
        "matmul" => x[0].matmul(&x[1]),
        "linear_relu" => x[0].matmul(&x[1]).map(|y| (y + &x[2]).relu()),
        "cdist" => x[0].cdist(&x[1], p()),
        "pairwise_distance" => pairwise_distance(&x[0], &x[1], 2.0, 1e-6, false),
        "cosine_similarity" => cosine_similarity(&x[0], &x[1], 1, 1e-8),
        "layer_norm" => layer_norm(&x[0], &usizes(&args["sizes"]), w, b, eps),
        "rms_norm" => rms_norm(&x[0], &usizes(&args["sizes"]), w, Some(eps)),
        "group_norm" => group_norm(&x[0], 2, None, None, eps),
        "instance_norm" => instance_norm(&x[0], None, None, eps),
        "batch_norm" => {
            let channels = x[0].shape()[1];
            let mean = Buffer::new(Tensor::zeros([channels], x[0].dtype(), x[0].device()));
            let var = Buffer::new(Tensor::ones([channels], x[0].dtype(), x[0].device()));
            let running = RunningStats { mean: &mean, var: &var, momentum: 0.1 };
            batch_norm(&x[0], Some(running), None, None, args["training"] == true, eps)
        }
        "conv1d" => {
            let groups = args["groups"].as_u64().expect("groups") as usize;
            conv1d(&x[0], &x[1], None, &ConvOptions::new().groups(groups))
        }
        "conv2d" => conv2d(&x[0], &x[1], None, &conv()),
        "conv_transpose2d" => conv_transpose2d(&x[0], &x[1], None, &conv(), 0),
        "max_pool2d" => max_pool2d(&x[0], pool()),
        "avg_pool2d" => avg_pool2d(&x[0], pool()),
        "adaptive_avg_pool2d" => adaptive_avg_pool2d(&x[0], size()),
        "adaptive_max_pool2d" => adaptive_max_pool2d(&x[0], size()),
        "unfold" => unfold(&x[0], FoldOptions::new(2).padding(1)),
        "fold" => unfold(&x[0], FoldOptions::new(2)).and_then(|parts| fold(&parts, [5, 6], FoldOptions::new(2))),
        "interpolate_nearest" => interpolate(&x[0], Target::size([7, 4]), InterpolateMode::Nearest, false),
        "interpolate_linear" => interpolate(&x[0], Target::size([8, 7]), InterpolateMode::Linear, false),
        "interpolate_cubic" => interpolate(&x[0], Target::size([8, 7]), InterpolateMode::Cubic, false),
        "attention" => {
            let is_causal = args["is_causal"] == true;
            let options = AttentionOptions { attn_mask: x.get(3).cloned(), is_causal, ..Default::default() };
            scaled_dot_product_attention(&x[0], &x[1], &x[2], &options)
        }
        _ => return None,
    })
}

fn loss(name: &str, x: &[Tensor], args: &Value) -> Option<Result<Tensor>> {
    let by = if args["reduction"] == "mean" { Reduction::Mean } else { Reduction::None };
    let (name, target) = match name.strip_prefix("self_") {
        Some(name) => (name, &x[0]),
        None => (name, x.get(1)?),
    };
    Some(match name {
        "cross_entropy" => CrossEntropy::new().reduction(by).loss(&x[0], target),
        "nll" => Nll::new().reduction(by).loss(&x[0], target),
        "bce_with_logits" => BceWithLogits::new().reduction(by).loss(&x[0], target),
        "mse" => Mse::new().reduction(by).loss(&x[0], target),
        "l1" => L1::new().reduction(by).loss(&x[0], target),
        "smooth_l1" => SmoothL1::new().reduction(by).loss(&x[0], target),
        _ => return None,
    })
}
