//! Values and gradients against PyTorch's, from the files that `goldens/make.py` writes.

mod common;
#[path = "common/values.rs"]
mod values;

use kiln::{DType, Device, Error, Result, Scalar, Shape, Tensor, op};
use serde_json::Value;
use values::{difference, tensor, values};

#[test]
fn unary() {
    check(include_str!("goldens/unary.jsonl"));
}

#[test]
fn binary() {
    check(include_str!("goldens/binary.jsonl"));
}

#[test]
fn casts() {
    check(include_str!("goldens/cast.jsonl"));
}

#[test]
fn reductions() {
    check(include_str!("goldens/reduce.jsonl"));
}

#[test]
fn matmul() {
    check(include_str!("goldens/matmul.jsonl"));
}

#[test]
fn indexing() {
    check(include_str!("goldens/index.jsonl"));
}

#[test]
fn movement() {
    check(include_str!("goldens/movement.jsonl"));
}

/// A tensor of a file.
struct Golden {
    dtype: DType,
    shape: Shape,
    values: Vec<Scalar>,
}

impl Golden {
    fn parse(value: &Value) -> Golden {
        let dtype = DType::ALL.into_iter().find(|d| d.name() == value[0]).expect("a dtype");
        let shape = Shape::from(usizes(&value[1]));
        let values = value[2].as_array().expect("values").iter().map(scalar).collect::<Vec<_>>();
        // Whole floats may be written as integers.
        let float = |v: &Scalar| if dtype.is_float() { Scalar::Float(v.to_f64()) } else { *v };
        let unsigned = |v: Scalar| match v {
            Scalar::Int(n) if !dtype.is_signed() && n >= 0 => Scalar::UInt(n as u64),
            v => v,
        };
        Golden { dtype, shape, values: values.iter().map(float).map(unsigned).collect() }
    }

    /// The tensor on a device. Stepped ones lie backwards in every third place of a larger one.
    fn place(&self, device: &Device, stepped: bool) -> Result<Tensor> {
        if !stepped || self.values.is_empty() {
            return tensor(&self.values, &self.shape, self.dtype, device);
        }
        let mut spread = vec![Scalar::Bool(true); self.values.len() * 3 + 1];
        for (i, &value) in self.values.iter().rev().enumerate() {
            spread[3 * i + 1] = value;
        }
        let last = 3 * self.values.len() as isize - 2;
        let whole = tensor(&spread, &spread.len().into(), self.dtype, device)?;
        whole.slice(0, last, isize::MIN, -3)?.reshape(self.shape)
    }
}

fn scalar(value: &Value) -> Scalar {
    match value {
        Value::Bool(v) => Scalar::Bool(*v),
        Value::String(v) => Scalar::Float(v.parse().expect("nan, inf or -inf")),
        Value::Number(v) => match (v.as_i64(), v.as_u64(), v.as_f64()) {
            (Some(v), _, _) => Scalar::Int(v),
            (_, Some(v), _) => Scalar::UInt(v),
            (_, _, v) => Scalar::Float(v.expect("a number")),
        },
        _ => panic!("{value} is no number"),
    }
}

fn isizes(value: &Value) -> Vec<isize> {
    value.as_array().expect("a list").iter().map(|v| v.as_i64().expect("an integer") as isize).collect()
}

fn usizes(value: &Value) -> Vec<usize> {
    isizes(value).into_iter().map(|v| v as usize).collect()
}

/// Calls the op that a case names.
fn apply(name: &str, x: &[Tensor], args: &Value) -> Result<Vec<Tensor>> {
    let axis = |i: usize| args[i].as_i64().unwrap_or(isize::MIN as i64) as isize;
    let size = |i: usize| args[i].as_u64().expect("a size") as usize;
    let one = match name {
        "where" => x[0].choose(&x[1], &x[2])?,
        "leaky_relu" => x[0].leaky_relu(scalar(&args[0]).to_f64()),
        "elu" => x[0].elu(scalar(&args[0]).to_f64()),
        "clamp" => x[0].clamp(scalar(&args[0]), scalar(&args[1]))?,
        "to_dtype" => x[0].to_dtype(DType::ALL.into_iter().find(|d| d.name() == args[0]).expect("a dtype")),
        "argmax" => x[0].argmax(axis(0))?,
        "argmin" => x[0].argmin(axis(0))?,
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
        "permute" => x[0].permute(&isizes(&args[0]))?,
        "transpose" => x[0].transpose(axis(0), axis(1))?,
        "squeeze" => x[0].squeeze(axis(0))?,
        "unsqueeze" => x[0].unsqueeze(axis(0))?,
        "expand" => x[0].expand(usizes(&args[0]))?,
        "slice" => x[0].slice(axis(0), axis(1), axis(2), axis(3))?,
        "flip" => x[0].flip(&isizes(&args[0]))?,
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
            (Some(&op), _) => x[0].unary(op),
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

/// Relative and absolute tolerance.
///
/// Halves are rounded from `F32` once, so that they are off by one unit in the last place at most.
fn tolerance(case: &Value, dtype: DType, exact: bool) -> (f64, f64) {
    let relative = match dtype {
        DType::F16 => 1e-3,
        DType::BF16 => 8e-3,
        DType::F32 => 1e-5,
        _ => 1e-12,
    };
    let relative = case["rtol"].as_f64().unwrap_or(relative);
    // GPUs may take denormal numbers for zero.
    (relative, if exact { f32::MIN_POSITIVE as f64 } else { relative * 0.1 })
}

fn weights(y: &Tensor) -> Result<Tensor> {
    let weights: Vec<Scalar> =
        (0..y.numel()).map(|i| Scalar::Float(0.5 + (i as f64 * 0.61803398875 + 0.3).fract())).collect();
    tensor(&weights, y.shape(), y.dtype(), y.device())
}

fn run(case: &Value, device: &Device, stepped: bool) -> Result<(), String> {
    let goldens = |key: &str| -> Vec<Option<Golden>> {
        let list = case[key].as_array().map(Vec::as_slice).unwrap_or_default();
        list.iter().map(|g| if g.is_null() { None } else { Some(Golden::parse(g)) }).collect()
    };
    let text = |error: Error| error.to_string();
    let grads = goldens("grad");
    let mut inputs = Vec::new();
    for (i, input) in goldens("in").into_iter().flatten().enumerate() {
        let x = input.place(device, stepped).map_err(text)?;
        inputs.push(if grads.get(i).is_some_and(Option::is_some) { x.requires_grad() } else { x });
    }
    let name = case["op"].as_str().expect("an op");
    let outputs = apply(name, &inputs, &case["args"]).map_err(text)?;
    let expected: Vec<Golden> = goldens("out").into_iter().flatten().collect();
    if outputs.len() != expected.len() {
        return Err(format!("{} outputs instead of {}", outputs.len(), expected.len()));
    }
    for (i, (y, golden)) in outputs.iter().zip(&expected).enumerate() {
        compare(case, y, golden, case["exact"] == true).map_err(|why| format!("output {i}: {why}"))?;
    }
    if grads.is_empty() {
        return Ok(());
    }
    let mut loss: Option<Tensor> = None;
    for y in &outputs {
        let part = (y * weights(y).map_err(text)?).sum(()).map_err(text)?;
        loss = Some(loss.map_or(part.clone(), |sum| sum + part));
    }
    let found = loss.expect("an output").backward().map_err(text)?;
    for (i, golden) in grads.iter().enumerate() {
        let Some(golden) = golden else { continue };
        let grad = found.get(&inputs[i]).cloned().unwrap_or_else(|| inputs[i].zeros_like());
        compare(case, &grad, golden, false).map_err(|why| format!("gradient {i}: {why}"))?;
    }
    Ok(())
}

fn compare(case: &Value, y: &Tensor, golden: &Golden, exact: bool) -> Result<(), String> {
    if (y.dtype(), y.shape()) != (golden.dtype, &golden.shape) {
        return Err(format!("{} {:?} instead of {} {:?}", y.dtype(), y.shape(), golden.dtype, golden.shape));
    }
    let (relative, absolute) = tolerance(case, golden.dtype, exact);
    let got = values(y).map_err(|e| e.to_string())?;
    difference(&got, &golden.values, relative, absolute).map_or(Ok(()), Err)
}

/// Runs the cases of a file on the CPU and the GPU, with contiguous and with stepped inputs.
fn check(file: &str) {
    let mut failures = Vec::new();
    let mut count = 0;
    for (device_name, device) in common::devices().iter().filter(|(name, _)| !name.contains("unfused")) {
        for line in file.lines() {
            let case: Value = serde_json::from_str(line).expect("a case");
            for stepped in [false, true] {
                count += 1;
                if let Err(why) = run(&case, device, stepped) {
                    let shapes: Vec<String> =
                        case["in"].as_array().expect("inputs").iter().map(|i| format!("{}{}", i[0], i[1])).collect();
                    let layout = if stepped { ", stepped" } else { "" };
                    failures.push(format!(
                        "{} {} {} on {device_name}{layout}: {why}",
                        case["op"],
                        case["args"],
                        shapes.join(" ")
                    ));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{} of {count} differ:\n{}", failures.len(), failures.join("\n"));
}
