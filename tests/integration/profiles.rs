//! Whatever an adapter lacks, every op gives what the CPU gives.

use kiln::{
    DType, Device, DeviceOptions, Error, Result, Scalar, Tensor,
    nn::functional::{self as f, ConvOptions, PoolOptions},
};
use kiln_tests::{
    device, gpu_with,
    rows::{self, LAYOUTS, Row, elementwise, structured, tolerance},
    values::{difference, values},
};

/// Layers, and the structured ops at a size past one tile.
fn layers() -> Vec<Row> {
    let row = |name: &str, shapes: &[&[usize]], f: rows::Function| Row {
        name: name.into(),
        inputs: shapes.iter().map(|shape| (shape.to_vec(), (-2.0, 2.0))).collect(),
        dtypes: vec![DType::F32],
        differentiable: false,
        f,
    };
    vec![
        row("conv1d", &[&[2, 3, 9], &[4, 3, 3]], Box::new(|x| f::conv1d(&x[0], &x[1], None, &ConvOptions::new()))),
        row(
            "conv2d",
            &[&[1, 4, 6, 7], &[6, 2, 3, 3], &[6]],
            Box::new(|x| f::conv2d(&x[0], &x[1], Some(&x[2]), &ConvOptions::new().stride(2).padding(1).groups(2))),
        ),
        row(
            "max_pool2d",
            &[&[1, 2, 7, 6]],
            Box::new(|x| f::max_pool2d(&x[0], PoolOptions::new(3).stride(2).padding(1))),
        ),
        row("avg_pool2d", &[&[1, 2, 7, 6]], Box::new(|x| f::avg_pool2d(&x[0], PoolOptions::new(2)))),
        row("layer_norm", &[&[5, 9], &[9]], Box::new(|x| f::layer_norm(&x[0], &[9], Some(&x[1]), None, 1e-5))),
        row("group_norm", &[&[2, 4, 5]], Box::new(|x| f::group_norm(&x[0], 2, None, None, 1e-5))),
        row("softmax of long rows", &[&[3, 1500]], Box::new(|x| x[0].softmax(1))),
        row("sum of long columns", &[&[900, 12]], Box::new(|x| x[0].sum(0))),
        row("sum of many", &[&[70_000]], Box::new(|x| x[0].sum(()))),
    ]
}

fn evaluate(row: &Row, dtype: DType, number: usize, device: &Device) -> Result<(DType, Vec<Scalar>)> {
    let y = (row.f)(&row.draw(dtype, LAYOUTS[number % 4], device)?)?;
    Ok((y.dtype(), values(&y)?))
}

/// Every op on `F32` and these dtypes, on a GPU that lacks something, against the CPU.
fn check(dtypes: &[DType], change: impl FnOnce(&mut DeviceOptions)) {
    let mut rows = elementwise();
    rows.iter_mut().flat_map(|row| &mut row.inputs).for_each(|input| input.0 = vec![6, 5]);
    // Of each family of sizes one within a vector and one beyond.
    rows.extend(structured().into_iter().filter(|row| ![", 1", ", 3", ", 4"].iter().any(|n| row.name.ends_with(n))));
    rows.extend(layers());
    let (cpu, gpu) = (device("cpu"), gpu_with(change));
    let off = |feature: &str| !gpu.info().features.contains(&feature);
    let mut failures = Vec::new();
    for (i, row) in rows.iter().enumerate() {
        for dtype in [DType::F32].iter().chain(dtypes).copied().filter(|dtype| row.dtypes.contains(dtype)) {
            let (held, expected) = evaluate(row, dtype, i, cpu).expect("on the CPU");
            let (relative, absolute) = tolerance(held);
            let why = match evaluate(row, dtype, i, &gpu) {
                Ok((_, got)) => difference(&got, &expected, relative, absolute),
                // What needs 64 bits says so where there are none.
                Err(Error::DType { dtype: DType::I64, .. }) if off("int64") => None,
                Err(Error::DType { dtype: DType::F64, .. }) if off("f64") => None,
                Err(error) => Some(error.to_string()),
            };
            failures.extend(why.map(|why| format!("{} of {dtype}: {why}", row.name)));
        }
    }
    assert!(failures.is_empty(), "{} fail:\n{}", failures.len(), failures.join("\n"));
}

#[test]
#[cfg_attr(no_gpu, ignore = "needs a GPU")]
fn every_op_runs_without_subgroups() {
    check(&[], |o| o.subgroups = false);
}

#[test]
#[cfg_attr(no_gpu, ignore = "needs a GPU")]
fn every_op_runs_without_immediates() {
    check(&[], |o| o.immediates = false);
}

#[test]
#[cfg_attr(no_gpu, ignore = "needs a GPU")]
fn every_op_runs_without_int64() {
    check(&[DType::I64], |o| o.int64 = false);
}

#[test]
#[cfg_attr(no_gpu, ignore = "needs a GPU")]
fn every_op_runs_without_f64() {
    check(&[DType::F64], |o| o.f64 = false);
}

#[test]
#[cfg_attr(no_gpu, ignore = "needs a GPU")]
fn every_op_runs_without_timestamps() {
    check(&[], |o| o.timestamps = false);
}

#[test]
#[cfg_attr(no_gpu, ignore = "needs a GPU")]
fn every_op_runs_within_the_limits_of_the_web() {
    check(&[], |o| o.webgpu_limits = true);
}

#[test]
#[cfg_attr(no_gpu, ignore = "needs a GPU")]
fn every_op_runs_without_any_of_these() {
    check(&[DType::I64, DType::F64], |o| {
        (o.subgroups, o.immediates, o.int64, o.f64) = (false, false, false, false);
        (o.timestamps, o.webgpu_limits) = (false, true);
    });
}

#[test]
#[cfg_attr(no_gpu, ignore = "needs a GPU")]
fn more_inputs_than_an_adapter_binds_are_taken_in_turns() {
    let web = gpu_with(|o| o.webgpu_limits = true);
    let run = |device: &Device| -> Result<(f32, u64)> {
        let inputs = (0..40).map(|i| Ok(Tensor::full([70], i as f32, DType::F32, device)?.contiguous() * 1.0));
        let inputs = inputs.collect::<Result<Vec<_>>>()?;
        device.sync()?;
        let before = device.stats().kernels;
        let sum = inputs.iter().skip(1).fold(inputs[0].clone(), |sum, x| sum * 0.5 + x);
        let last = sum.to_vec::<f32>()?[69];
        Ok((last, device.stats().kernels - before))
    };
    let (expected, _) = run(device("cpu")).expect("on the CPU");
    let (got, kernels) = run(&web).expect("in turns");
    assert_eq!(got, expected);
    // Eight buffers are six more inputs, the sum so far and the result.
    assert!((6..=8).contains(&kernels), "{kernels} kernels");
}

#[test]
#[cfg_attr(no_gpu, ignore = "needs a GPU")]
fn grids_are_folded_past_the_longest_side() {
    let gpu = gpu_with(|_| {});
    // Each workgroup takes 512 bytes, or 64 rows.
    const COUNT: usize = 65_535 * 512 + 777;
    let bytes = Tensor::zeros([COUNT], DType::U8, &gpu).contiguous() + 3.0;
    let bytes = bytes.to_dtype(DType::U8).to_vec::<u8>().expect("values");
    assert_eq!(bytes.iter().position(|byte| *byte != 3), None);
    let rows = Tensor::arange(0.0, (65_535 * 64 + 99) as f64, 1.0, DType::F32, &gpu).expect("rows");
    let twice = rows.unsqueeze(1).and_then(|x| (x.expand([rows.numel(), 2])?.contiguous() * 1.0).sum(1)).expect("sums");
    let twice = twice.to_vec::<f32>().expect("values");
    assert_eq!((0..twice.len()).find(|i| twice[*i] != 2.0 * *i as f32), None);
}
