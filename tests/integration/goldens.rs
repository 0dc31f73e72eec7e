//! Values and gradients against PyTorch's, from the files that `goldens/make.py` writes.

mod cdist;
mod conv;
mod norm;
mod pool;
mod resample;

use kiln::{DType, Result, Tensor, op};
use kiln_tests::golden::{check, isizes, scalar, usizes};
use serde_json::Value;

#[test]
fn unary() {
    check(include_str!("../goldens/unary.jsonl"), 339, apply);
}

#[test]
fn binary() {
    check(include_str!("../goldens/binary.jsonl"), 281, apply);
}

#[test]
fn casts() {
    check(include_str!("../goldens/cast.jsonl"), 173, apply);
}

#[test]
fn reductions() {
    check(include_str!("../goldens/reduce.jsonl"), 548, apply);
}

#[test]
fn scans() {
    check(include_str!("../goldens/scan.jsonl"), 243, apply);
}

#[test]
fn matmul() {
    check(include_str!("../goldens/matmul.jsonl"), 25, apply);
}

#[test]
fn indexing() {
    check(include_str!("../goldens/index.jsonl"), 21, apply);
}

#[test]
fn movement() {
    check(include_str!("../goldens/movement.jsonl"), 67, apply);
}

/// Calls the op that a case names.
fn apply(name: &str, x: &[Tensor], args: &Value) -> Result<Vec<Tensor>> {
    let axis = |i: usize| args[i].as_i64().unwrap_or(isize::MIN as i64) as isize;
    let size = |i: usize| args[i].as_u64().expect("a size") as usize;
    let one = match name {
        "where" => x[0].where_(&x[1], &x[2])?,
        "leaky_relu" => x[0].leaky_relu(scalar(&args[0]).to_f64()),
        "elu" => x[0].elu(scalar(&args[0]).to_f64()),
        "celu" => x[0].celu(scalar(&args[0]).to_f64()),
        "clamp" => x[0].clamp(scalar(&args[0]), scalar(&args[1]))?,
        "to_dtype" => x[0].to_dtype(DType::ALL.into_iter().find(|d| d.name() == args[0]).expect("a dtype")),
        "argmax" => x[0].argmax(axis(0))?,
        "argmin" => x[0].argmin(axis(0))?,
        "cumsum" => x[0].cumsum(axis(0))?,
        "cumprod" => x[0].cumprod(axis(0))?,
        "logcumsumexp" => x[0].logcumsumexp(axis(0))?,
        "cummax" | "cummin" => {
            let (values, positions) = if name == "cummax" { x[0].cummax(axis(0))? } else { x[0].cummin(axis(0))? };
            if args[1] == "values" { values } else { positions }
        }
        "softmax" => x[0].softmax(axis(0))?,
        "log_softmax" => x[0].log_softmax(axis(0))?,
        "matmul" => x[0].matmul(&x[1])?,
        "gather" => x[0].gather(axis(0), &x[1])?,
        "index_select" => x[0].index_select(axis(0), &x[1])?,
        "masked_fill" => x[0].masked_fill(&x[1], scalar(&args[0]))?,
        "one_hot" => x[0].one_hot(size(0))?,
        "scatter_add" => x[0].scatter_add(axis(0), &x[1], &x[2])?,
        "reshape" => x[0].reshape(usizes(&args[0]))?,
        "flatten" => x[0].flatten(axis(0), axis(1))?,
        "permute" => x[0].permute(isizes(&args[0]))?,
        "transpose" => x[0].transpose(axis(0), axis(1))?,
        "squeeze" => x[0].squeeze(axis(0))?,
        "unsqueeze" => x[0].unsqueeze(axis(0))?,
        "expand" => x[0].expand(usizes(&args[0]))?,
        "slice" => x[0].slice(axis(0), axis(1), axis(2), axis(3))?,
        "flip" => x[0].flip(isizes(&args[0]))?,
        "cat" => Tensor::cat(x, axis(0))?,
        "stack" => Tensor::stack(x, axis(0))?,
        "split" => return x[0].split(axis(1), size(0)),
        "chunk" => return x[0].chunk(axis(1), size(0)),
        "narrow" => x[0].narrow(axis(0), size(1), size(2))?,
        "pad" => {
            let widths: Vec<(usize, usize)> =
                args[0].as_array().expect("widths").iter().map(usizes).map(|w| (w[0], w[1])).collect();
            x[0].pad(&widths)?
        }
        _ if args["axes"].is_array() => reduce(name, &x[0], &isizes(&args["axes"])[..], args)?,
        _ if args.get("axes").is_some() => reduce(name, &x[0], (), args)?,
        _ => match (
            op::UnaryOp::ALL.iter().find(|op| op.info().name == name),
            op::BinaryOp::ALL.iter().find(|op| op.info().name == name),
        ) {
            (Some(&op), _) => x[0].unary(op)?,
            (_, Some(&op)) if x.len() == 2 => x[0].binary(op, &x[1])?,
            (_, Some(&op)) => x[0].binary(op, scalar(&args[0]))?,
            _ => panic!("no op {name}"),
        },
    };
    Ok(vec![one])
}

fn reduce(name: &str, x: &Tensor, axes: impl kiln::Axes, args: &Value) -> Result<Tensor> {
    let correction = args["correction"].as_f64().unwrap_or_default();
    match (name, args["keepdim"] == true) {
        ("sum", false) => x.sum(axes),
        ("sum", true) => x.sum_keepdim(axes),
        ("mean", false) => x.mean(axes),
        ("mean", true) => x.mean_keepdim(axes),
        ("prod", false) => x.prod(axes),
        ("prod", true) => x.prod_keepdim(axes),
        ("max", false) => x.max(axes),
        ("max", true) => x.max_keepdim(axes),
        ("min", false) => x.min(axes),
        ("min", true) => x.min_keepdim(axes),
        ("any", false) => x.any(axes),
        ("any", true) => x.any_keepdim(axes),
        ("all", false) => x.all(axes),
        ("all", true) => x.all_keepdim(axes),
        ("logsumexp", false) => x.logsumexp(axes),
        ("logsumexp", true) => x.logsumexp_keepdim(axes),
        ("var", false) => x.var(axes, correction),
        ("var", true) => x.var_keepdim(axes, correction),
        ("std", false) => x.std(axes, correction),
        ("std", true) => x.std_keepdim(axes, correction),
        _ => panic!("no reduction {name}"),
    }
}
