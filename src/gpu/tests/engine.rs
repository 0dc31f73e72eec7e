//! Leaves of every kind, in-place outputs, narrow dtypes, random bits; and the engine: pool, uploads, errors.

use super::*;
use crate::{
    Error,
    graph::kernel::Kernel,
    op::{BinaryOp, UnaryOp},
};

fn check(gpu: &dyn Executor, what: &str, kernel: &Kernel, inputs: &[Vec<f64>]) {
    let got = run(gpu, kernel, inputs, &[]).unwrap_or_else(|e| panic!("{what}: {e}"));
    for (got, want) in got.iter().zip(&interpret::run(kernel, inputs, &[])) {
        assert_close(what, got, want, 1e-6);
    }
}

/// `x + 1` in a dtype, over a dense leaf and a reversed one, with a comparison as a second output.
fn narrow(dtype: DType, count: usize) -> Kernel {
    let mut b = Build::new(&[count], 1);
    let x = b.load(dtype);
    let leaf = b.leaf(0, &[-1], count as isize - 1, (0, 0));
    let back = b.push(Code::Load(leaf), &[], dtype);
    let sum = b.push(Code::Binary(BinaryOp::Add), &[x, back], dtype);
    let less = b.push(Code::Binary(BinaryOp::Lt), &[x, back], DType::Bool);
    b.output(sum);
    b.output(less);
    b.kernel()
}

#[test]
fn dtypes_of_every_width_load_and_store() {
    let Some(gpu) = default_gpu() else { return };
    let numbers = [DType::I8, DType::I16, DType::I32, DType::I64, DType::F16, DType::BF16, DType::F32, DType::F64];
    for dtype in numbers {
        let values: Vec<f64> = values(dtype, &bytes(dtype, &noise(13, -100.0, 100.0, 9)));
        check(&*gpu, dtype.name(), &narrow(dtype, 13), &[values]);
    }
    for dtype in [DType::U8, DType::U16, DType::U32, DType::U64] {
        let values: Vec<f64> = noise(13, 0.0, 200.0, 9).iter().map(|v| v.trunc()).collect();
        check(&*gpu, dtype.name(), &narrow(dtype, 13), &[values]);
    }
}

#[test]
fn a_scalar_of_a_narrow_dtype() {
    let Some(gpu) = default_gpu() else { return };
    let mut b = Build::new(&[], 0);
    let x = b.load(DType::Bool);
    let y = b.push(Code::Unary(UnaryOp::Not), &[x], DType::Bool);
    b.output(y);
    check(&*gpu, "not", &b.kernel(), &[vec![0.0]]);
}

#[test]
fn gather_pad_and_coordinates() {
    let Some(gpu) = default_gpu() else { return };
    for index in [DType::I64, DType::I32] {
        let mut b = Build::new(&[5, 6], 2);
        let table = b.input(DType::F32, 7 * 6);
        let at = b.input(index, 5);
        let rows = b.leaf(at, &[1, 0], 0, (0, 0));
        let row = b.push(Code::Load(rows), &[], index);
        let leaf = b.leaf(table, &[0, 1], 0, (6, 7));
        let value = b.push(Code::Gather { leaf, check: None }, &[row], DType::F32);
        b.output(value);
        check(&*gpu, "gather", &b.kernel(), &[noise(42, -1.0, 1.0, 1), vec![0.0, 6.0, -1.0, 7.0, 3.0]]);
    }
    // Two zeros in front and one behind.
    let mut b = Build::new(&[9], 1);
    let x = b.input(DType::F32, 6);
    let place = b.leaf(x, &[1], 0, (0, 0));
    b.fused.leaves[place as usize].input = None;
    let i = b.push(Code::Index(place), &[], DType::I32);
    b.scalars.extend([DType::I32, DType::I32]);
    let low = b.push(Code::Scalar(0), &[], DType::I32);
    let high = b.push(Code::Scalar(1), &[], DType::I32);
    let above = b.push(Code::Binary(BinaryOp::Ge), &[i, low], DType::Bool);
    let below = b.push(Code::Binary(BinaryOp::Lt), &[i, high], DType::Bool);
    let inside = b.push(Code::Binary(BinaryOp::And), &[above, below], DType::Bool);
    let leaf = b.leaf(x, &[1], -2, (0, 0));
    let value = b.push(Code::LoadIf(leaf), &[inside], DType::F32);
    b.output(value);
    let got = run(&*gpu, &b.kernel(), &[vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]], &[Scalar::Int(2), Scalar::Int(8)])
        .expect("pad runs");
    assert_eq!(got[0], [0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 0.0]);
}

/// Known answers of Random123: counter 0 with key 0, and the counters below with the digits of pi as key.
#[test]
fn random_bits_are_philox() {
    let Some(gpu) = default_gpu() else { return };
    let words = |low: u32, high: u32, word: u8| {
        let mut b = Build::new(&[1], 1);
        b.fused.dims.clear();
        b.fused.kept = 0;
        b.scalars.extend([DType::U32, DType::U32]);
        let counter = b.load(DType::U32);
        let bits = b.push(Code::Random { seed: 0, word }, &[counter], DType::U32);
        b.output(bits);
        run(&*gpu, &b.kernel(), &[vec![0.0]], &[Scalar::UInt(low.into()), Scalar::UInt(high.into())])
            .expect("random runs")[0][0] as u32
    };
    assert_eq!([0, 1, 2, 3].map(|word| words(0, 0, word)), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
    assert_ne!(words(1, 0, 0), words(0, 1, 0));
}

#[test]
fn outputs_take_over_inputs() {
    let Some(gpu) = default_gpu() else { return };
    let mut b = Build::new(&[3, 8], 2);
    let x = b.load(DType::F32);
    let y = b.load(DType::F32);
    let sum = b.push(Code::Binary(BinaryOp::Add), &[x, y], DType::F32);
    b.output(sum);
    b.outputs[0].alias = Some(0);
    check(&*gpu, "in place", &b.kernel(), &[noise(24, -1.0, 1.0, 1), noise(24, -1.0, 1.0, 2)]);
}

#[test]
fn sizes_and_scalars_build_no_pipelines() {
    let Some(gpu) = default_gpu() else { return };
    let kernel = |rows: usize| {
        let mut b = Build::new(&[rows, 12], 2);
        let x = b.load(DType::F32);
        let bias = b.input(DType::F32, 12);
        let leaf = b.leaf(bias, &[0, 1], 0, (0, 0));
        let bias = b.push(Code::Load(leaf), &[], DType::F32);
        let sum = b.push(Code::Binary(BinaryOp::Add), &[x, bias], DType::F32);
        b.output(sum);
        b.kernel()
    };
    gpu.compile(&kernel(3)).expect("compiles");
    let built = gpu.pipelines();
    gpu.compile(&kernel(64)).expect("compiles");
    assert_eq!(gpu.pipelines(), built);
}

#[test]
fn uploads_wait_for_the_kernels_before_them() {
    let Some(gpu) = default_gpu() else { return };
    let mut b = Build::new(&[64], 1);
    let x = b.load(DType::F32);
    let y = b.push(Code::Binary(BinaryOp::Add), &[x, x], DType::F32);
    b.output(y);
    let program = gpu.compile(&b.kernel()).expect("compiles");
    let first = gpu.upload(&bytes(DType::F32, &[1.0; 64])).expect("uploads");
    let out = gpu.alloc(256).expect("allocates");
    program.launch(&[&first], &[&out], &[]).expect("launches");
    // Dropped before its kernel was submitted: the next upload takes the same buffer.
    drop(first);
    let second = gpu.upload(&bytes(DType::F32, &[5.0; 64])).expect("uploads");
    let mut data = vec![0; 256];
    block_on(&*gpu, gpu.read(&out, &mut data)).expect("reads");
    assert_eq!(values(DType::F32, &data), [2.0; 64]);
    block_on(&*gpu, gpu.read(&second, &mut data)).expect("reads");
    assert_eq!(values(DType::F32, &data), [5.0; 64]);
}

#[test]
fn memory_is_counted_and_given_back() {
    let Some(gpu) = default_gpu() else { return };
    let a = gpu.alloc(1000).expect("allocates");
    let live = gpu.memory().live;
    assert!(live >= 1000);
    drop(a);
    assert_eq!((gpu.memory().live, gpu.memory().cached), (0, live));
    let again = gpu.alloc(1000).expect("allocates");
    assert_eq!((gpu.memory().cached, gpu.memory().peak), (0, live));
    drop(again);
    gpu.empty_cache();
    assert_eq!(gpu.memory().cached, 0);
}

#[test]
fn what_the_device_cannot_do_is_an_error() {
    let Some(gpu) = gpu(&options(|o| (o.int64, o.f64) = (false, false))) else { return };
    assert!(matches!(gpu.alloc(1 << 50), Err(Error::TooLarge { .. })));
    for (op, dtype) in [(BinaryOp::Add, DType::F64), (BinaryOp::FloorDiv, DType::I64)] {
        let mut b = Build::new(&[8], 1);
        let x = b.load(dtype);
        let y = b.push(Code::Binary(op), &[x, x], dtype);
        b.output(y);
        assert!(matches!(gpu.compile(&b.kernel()), Err(Error::DType { .. })), "{op:?} {dtype}");
    }
    let none = pollster::block_on(open(&"no such adapter".into(), &DeviceOptions::default()));
    assert!(matches!(none, Err(Error::Device { .. })));
}
