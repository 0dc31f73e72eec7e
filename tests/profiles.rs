//! Whatever an adapter lacks, every op gives what the CPU gives.

mod common;
#[path = "common/draw.rs"]
mod draw;
#[path = "common/rows.rs"]
mod rows;
#[path = "common/values.rs"]
mod values;

use std::collections::HashMap;

use kiln::{
    DType, Device, DeviceOptions, Error, Result, Scalar, Tensor,
    nn::functional::{self as f, ConvOptions, PoolOptions},
};
use rows::{LAYOUTS, Row, elementwise, structured, tolerance};
use values::{difference, values};

/// What is turned off, under the name by which `KILN_DISABLE` knows it, and the dtypes beside `F32` that this concerns.
type Profile = (&'static str, fn(&mut DeviceOptions), &'static [DType]);

const PROFILES: [Profile; 7] = [
    ("subgroups", |o| o.subgroups = false, &[]),
    ("immediates", |o| o.immediates = false, &[]),
    ("int64", |o| o.int64 = false, &[DType::I64]),
    ("f64", |o| o.f64 = false, &[DType::F64]),
    ("timestamps", |o| o.timestamps = false, &[]),
    ("adapter_limits", |o| o.webgpu_limits = true, &[]),
    (
        "all of them",
        |o| {
            (o.subgroups, o.immediates, o.int64, o.f64) = (false, false, false, false);
            (o.timestamps, o.webgpu_limits) = (false, true);
        },
        &[DType::I64, DType::F64],
    ),
];

fn open(change: impl FnOnce(&mut DeviceOptions)) -> Option<Device> {
    let mut options = DeviceOptions::default();
    change(&mut options);
    (common::devices().len() > 2).then(|| Device::gpu_with(0, options).expect("opened before"))
}

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

#[test]
fn every_op_runs_without_what_an_adapter_may_lack() {
    let mut rows = elementwise();
    rows.iter_mut().flat_map(|row| &mut row.inputs).for_each(|input| input.0 = vec![6, 5]);
    // Of each family of sizes one within a vector and one beyond.
    rows.extend(structured().into_iter().filter(|row| ![", 1", ", 3", ", 4"].iter().any(|n| row.name.ends_with(n))));
    rows.extend(layers());
    let expected: HashMap<(usize, DType), _> = rows
        .iter()
        .enumerate()
        .flat_map(|(i, row)| row.dtypes.iter().map(move |&dtype| (i, row, dtype)))
        .map(|(i, row, dtype)| ((i, dtype), evaluate(row, dtype, i, &Device::cpu()).expect("on the CPU")))
        .collect();
    let mut failures = Vec::new();
    for (profile, change, dtypes) in PROFILES {
        let Some(device) = open(change) else { return };
        let off = |feature: &str| !device.info().features.contains(&feature);
        for (i, row) in rows.iter().enumerate() {
            for dtype in [DType::F32].into_iter().chain(dtypes.iter().copied()) {
                let Some((held, expected)) = expected.get(&(i, dtype)) else { continue };
                let (relative, absolute) = tolerance(*held);
                let why = match evaluate(row, dtype, i, &device) {
                    Ok((_, got)) => difference(&got, expected, relative, absolute),
                    // What needs 64 bits says so where there are none.
                    Err(Error::DType { dtype: DType::I64, .. }) if off("int64") => None,
                    Err(Error::DType { dtype: DType::F64, .. }) if off("f64") => None,
                    Err(error) => Some(error.to_string()),
                };
                failures.extend(why.map(|why| format!("{} of {dtype} without {profile}: {why}", row.name)));
            }
        }
    }
    assert!(failures.is_empty(), "{} fail:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn more_inputs_than_an_adapter_binds_are_taken_in_turns() {
    let Some(web) = open(|o| o.webgpu_limits = true) else { return };
    let run = |device: &Device| -> Result<(f32, u64)> {
        let inputs = (0..40).map(|i| Ok(Tensor::full([70], i as f32, DType::F32, device)?.contiguous() * 1.0));
        let inputs = inputs.collect::<Result<Vec<_>>>()?;
        device.sync()?;
        let before = device.stats().kernels;
        let sum = inputs.iter().skip(1).fold(inputs[0].clone(), |sum, x| sum * 0.5 + x);
        let last = sum.to_vec::<f32>()?[69];
        Ok((last, device.stats().kernels - before))
    };
    let (expected, _) = run(&Device::cpu()).expect("on the CPU");
    let (got, kernels) = run(&web).expect("in turns");
    assert_eq!(got, expected);
    // Eight buffers are six more inputs, the sum so far and the result.
    assert!((6..=8).contains(&kernels), "{kernels} kernels");
}

#[test]
fn grids_are_folded_past_the_longest_side() {
    let Some(gpu) = open(|_| ()) else { return };
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
