//! Every op: CPU and GPU, fused and unfused agree, over layouts and dtypes, and gradients are the derivatives.

use kiln::{DType, Device, Result, Scalar, Tensor, gradcheck, gradgradcheck};
use kiln_tests::{
    device, devices,
    rows::{LAYOUTS, Layout, Row, elementwise, structured, tolerance},
    values::{difference, values},
};

/// The shapes of elementwise tests. The two-dimensional ones have short rows, at and beside the vector width.
fn shapes() -> Vec<Vec<usize>> {
    vec![vec![7], vec![], vec![0, 3], vec![130], vec![6, 3], vec![3, 4], vec![4, 5], vec![2, 1, 3, 2]]
}

/// Compares all devices on one row; also the gradients if `gradients`.
fn agree(row: &Row, reduces: bool, dtype: DType, layout: Layout, gpu: bool, gradients: bool) -> Result<(), String> {
    let mut expected: Option<Vec<Vec<Scalar>>> = None;
    for (name, device) in devices().iter().filter(|(name, _)| gpu || name.contains("cpu")) {
        let found = evaluate(row, dtype, layout, device, gradients).map_err(|e| format!("{name}: {e}"))?;
        let Some(expected) = &expected else {
            expected = Some(found.into_iter().map(|(_, values)| values).collect());
            continue;
        };
        for (i, ((dtype, found), expected)) in found.iter().zip(expected).enumerate() {
            let (relative, absolute) = match *dtype {
                dtype if !name.contains("cpu") => tolerance(dtype),
                // The CPU sums in another order where memory lies in another order, and fusing saves a copy.
                DType::F32 | DType::F64 if layout != Layout::Contiguous && reduces => (1e-6, 1e-7),
                _ => (0.0, 0.0),
            };
            if let Some(why) = difference(found, expected, relative, absolute) {
                return Err(format!(
                    "{name}: {}{why}",
                    if i == 0 { String::new() } else { format!("gradient {}: ", i - 1) }
                ));
            }
        }
    }
    Ok(())
}

fn evaluate(
    row: &Row,
    dtype: DType,
    layout: Layout,
    device: &Device,
    gradients: bool,
) -> Result<Vec<(DType, Vec<Scalar>)>> {
    let mut inputs = row.draw(dtype, layout, device)?;
    if gradients {
        inputs = inputs.iter().map(Tensor::requires_grad).collect();
    }
    let y = (row.f)(&inputs)?;
    let mut out = vec![y.clone()];
    if gradients {
        let grads = y.backward_from(&(y.detach() * 0.25 + 1.0))?;
        out.extend(inputs.iter().map(|x| grads.get(x).cloned().unwrap_or_else(|| x.zeros_like())));
    }
    out.iter().map(|t| Ok((t.dtype(), values(t)?))).collect()
}

fn report(what: &str, failures: &[String], count: usize) {
    assert!(failures.is_empty(), "{} of {count} {what} fail:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn elementwise_ops_agree_on_all_devices() {
    let (mut failures, mut count) = (Vec::new(), 0);
    for (i, row) in elementwise().iter_mut().enumerate() {
        for (d, &dtype) in row.dtypes.clone().iter().enumerate() {
            for (s, shape) in shapes().iter().enumerate() {
                for (l, layout) in LAYOUTS.into_iter().enumerate() {
                    // Every op on the GPU as a vector of f32, in one other dtype, and in one other layout; the ops
                    // share the code that loads and stores.
                    let plain = s == 0 && l == 0 && (d == 0 || d == 1 + i % (row.dtypes.len() - 1));
                    let strided = s == 4 + i % 3 && l == 1 + i % 3 && d == 0;
                    row.inputs.iter_mut().for_each(|input| input.0.clone_from(shape));
                    let gradients = row.differentiable && dtype.is_float() && plain;
                    count += 1;
                    if let Err(why) = agree(row, false, dtype, layout, plain || strided, gradients) {
                        failures.push(format!("{} of {dtype} {shape:?} {layout:?}: {why}", row.name));
                    }
                }
            }
        }
    }
    report("elementwise comparisons", &failures, count);
}

#[test]
fn structured_ops_agree_on_all_devices() {
    let (mut failures, mut count) = (Vec::new(), 0);
    for (i, row) in structured().iter().enumerate() {
        for (d, &dtype) in row.dtypes.iter().enumerate() {
            for (l, layout) in LAYOUTS.into_iter().enumerate() {
                let gpu = d == 0 && (l == 0 || l == 1 + i % 3) || d == 2 && l == 0;
                count += 1;
                if let Err(why) = agree(row, true, dtype, layout, gpu, dtype == DType::F32 && l == 0) {
                    failures.push(format!("{} of {dtype} {layout:?}: {why}", row.name));
                }
            }
        }
    }
    report("structured comparisons", &failures, count);
}

#[test]
fn gradients_are_derivatives() {
    let (mut failures, mut count) = (Vec::new(), 0);
    let mut rows = elementwise();
    rows.iter_mut().flat_map(|row| &mut row.inputs).for_each(|input| input.0 = vec![2, 3]);
    rows.extend(structured());
    for row in
        rows.iter().filter(|row| row.differentiable && row.inputs.iter().all(|i| i.0.iter().product::<usize>() < 200))
    {
        // Repeated rows are ties, at which max and min have no derivative.
        for layout in [Layout::Contiguous, Layout::Stepped, Layout::Transposed] {
            count += 1;
            let inputs = row.draw(DType::F64, layout, &Device::cpu()).expect("inputs");
            let inputs: Vec<&Tensor> = inputs.iter().collect();
            let first = gradcheck(|x| (row.f)(x), &inputs);
            let second = if layout == Layout::Contiguous { gradgradcheck(|x| (row.f)(x), &inputs) } else { Ok(()) };
            for (order, result) in [("first", first), ("second", second)] {
                if let Err(why) = result {
                    failures.push(format!("{order} derivative of {} {layout:?}: {why}", row.name));
                }
            }
        }
    }
    report("gradient checks", &failures, count);
}

#[test]
#[cfg_attr(no_gpu, ignore = "needs a GPU")]
fn gradients_on_the_gpu_are_derivatives() {
    let names = ["attention", "layer norm", "gather", "var"];
    for row in structured().iter().filter(|row| names.contains(&&row.name[..])) {
        let inputs = row.draw(DType::F32, Layout::Contiguous, device("gpu")).expect("inputs");
        let inputs: Vec<&Tensor> = inputs.iter().collect();
        gradcheck(|x| (row.f)(x), &inputs).unwrap_or_else(|why| panic!("{}: {why}", row.name));
    }
}

#[test]
fn integers_widened_in_the_same_kernel_have_their_signs() -> Result<()> {
    for (name, device) in devices() {
        let floats = Tensor::from_slice(&[0.0f32, 3.5, -2.1, 0.7, -7.9], [5], device)?.to_dtype(DType::I32);
        let integers = Tensor::from_slice(&[0i32, 3, -2, 0, -7], [5], device)?;
        for x in [floats, integers] {
            let x = x.to_dtype(DType::I64);
            assert_eq!(x.sign().to_vec::<i64>()?, [0, 1, -1, 0, -1], "{name}");
            assert_eq!(x.relu().to_vec::<i64>()?, [0, 3, 0, 0, 0], "{name}");
            assert_eq!(x.abs().to_vec::<i64>()?, [0, 3, 2, 0, 7], "{name}");
            assert_eq!(x.lt(0i64)?.to_vec::<bool>()?, [false, false, true, false, true], "{name}");
            let unsigned = x.to_dtype(DType::I32).to_dtype(DType::U64);
            assert_eq!(unsigned.to_vec::<u64>()?, [0, 3, u64::MAX - 1, 0, u64::MAX - 6], "{name}");
        }
    }
    Ok(())
}
