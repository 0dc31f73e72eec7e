//! Cases with PyTorch's values and gradients, as `tests/goldens/golden.py` writes them.

use kiln::{DType, Device, Error, Result, Scalar, Shape, Tensor};
use serde_json::Value;

use crate::{
    devices,
    values::{difference, tensor, values},
};

/// Calls the op that a case names, with its inputs and arguments.
pub type Apply = fn(&str, &[Tensor], &Value) -> Result<Vec<Tensor>>;

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

/// A number of a file.
///
/// # Panics
/// If it is none.
pub fn scalar(value: &Value) -> Scalar {
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

/// A list of integers of a file.
///
/// # Panics
/// If it is none.
pub fn isizes(value: &Value) -> Vec<isize> {
    value.as_array().expect("a list").iter().map(|v| v.as_i64().expect("an integer") as isize).collect()
}

/// A list of sizes of a file.
///
/// # Panics
/// If it is none.
pub fn usizes(value: &Value) -> Vec<usize> {
    isizes(value).into_iter().map(|v| v as usize).collect()
}

/// A number for every axis, or a list.
pub fn per_axis<const N: usize>(value: &Value, default: usize) -> [usize; N] {
    match value {
        Value::Null => [default; N],
        Value::Array(_) => usizes(value).try_into().expect("one number per axis"),
        value => [value.as_u64().expect("a number") as usize; N],
    }
}

/// A tensor that stands among a case's arguments.
pub fn argument(value: &Value, device: &Device) -> Result<Tensor> {
    Golden::parse(value).place(device, false)
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

fn run(case: &Value, apply: Apply, device: &Device, stepped: bool) -> Result<(), String> {
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
    let (relative, mut absolute) = tolerance(case, golden.dtype, exact);
    if case["norm"] == true {
        let finite = golden.values.iter().map(|v| v.to_f64().abs()).filter(|v| v.is_finite());
        // What is all zeros has a rest of its terms.
        absolute = relative * finite.fold(1e-3, f64::max);
    }
    let got = values(y).map_err(|e| e.to_string())?;
    difference(&got, &golden.values, relative, absolute).map_or(Ok(()), Err)
}

/// Runs the cases of a file on the CPU and the GPU, with contiguous and with stepped inputs.
///
/// # Panics
/// If a case fails, or if the file has fewer of them than it must have.
pub fn check(file: &str, least: usize, apply: Apply) {
    let cases = file.lines().count();
    assert!(cases >= least, "the file has {cases} cases, not {least}: some are lost");
    let mut failures = Vec::new();
    let mut count = 0;
    for (device_name, device) in devices().iter().filter(|(name, _)| !name.contains("unfused")) {
        for line in file.lines() {
            let case: Value = serde_json::from_str(line).expect("a case");
            for stepped in [false, true] {
                count += 1;
                if let Err(why) = run(&case, apply, device, stepped) {
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
