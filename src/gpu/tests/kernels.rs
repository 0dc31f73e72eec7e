//! Fused programs, reductions, products and scatter-add against the interpreter, with every switch.

use super::*;
use crate::{
    graph::kernel::Structured,
    layout::View,
    op::{BinaryOp, Combine, ReduceOp, StructuredOp, UnaryOp, structured::ScanOp},
};

fn check(gpu: &dyn Executor, what: &str, kernel: &Kernel, inputs: &[Vec<f64>], scalars: &[Scalar], tolerance: f64) {
    let got = run(gpu, kernel, inputs, scalars).unwrap_or_else(|e| panic!("{what}: {e}"));
    let want = interpret::run(kernel, inputs, scalars);
    for (i, (got, want)) in got.iter().zip(&want).enumerate() {
        assert_close(&format!("{what}, output {i}"), got, want, tolerance);
    }
}

/// A chain over a dense leaf, a broadcast row, a broadcast column and a transposed leaf; two outputs.
pub fn chain(rows: usize, cols: usize) -> (Kernel, Vec<Vec<f64>>) {
    let mut b = Build::new(&[rows, cols], 2);
    let x = b.load(DType::F32);
    let leaves = [
        (cols, [0, 1], 0),
        (rows, [1, 0], 0),
        (rows * cols, [1, rows as isize], 0),
        (rows * cols + 3, [cols as isize, 1], 3),
    ];
    let mut y = x;
    let mut inputs = vec![noise(rows * cols, -2.0, 2.0, 1)];
    for (numel, strides, offset) in leaves {
        let input = b.input(DType::F32, numel);
        let leaf = b.leaf(input, &strides, offset, (0, 0));
        let load = b.push(Code::Load(leaf), &[], DType::F32);
        y = b.push(Code::Binary(BinaryOp::Add), &[y, load], DType::F32);
        inputs.push(noise(numel, -2.0, 2.0, numel as u64));
    }
    b.scalars.push(DType::F32);
    let two = b.push(Code::Scalar(0), &[], DType::F32);
    let z = b.push(Code::Binary(BinaryOp::Mul), &[y, two], DType::F32);
    let z = b.push(Code::Unary(UnaryOp::Tanh), &[z], DType::F32);
    b.output(y);
    b.output(z);
    (b.kernel(), inputs)
}

pub fn softmax(rows: usize, cols: usize) -> (Kernel, Vec<Vec<f64>>) {
    let mut b = Build::new(&[rows, cols], 1);
    let x = b.load(DType::F32);
    let max = b.push(Code::Reduce(ReduceOp::Max), &[x], DType::F32);
    let d = b.push(Code::Binary(BinaryOp::Sub), &[x, max], DType::F32);
    let e = b.push(Code::Unary(UnaryOp::Exp), &[d], DType::F32);
    let sum = b.push(Code::Reduce(ReduceOp::Sum), &[e], DType::F32);
    let y = b.push(Code::Binary(BinaryOp::Div), &[e, sum], DType::F32);
    let log = b.push(Code::Unary(UnaryOp::Log), &[sum], DType::F32);
    b.output(y);
    b.output(log);
    (b.kernel(), vec![noise(rows * cols, -4.0, 4.0, 7)])
}

/// One reduction of `f(x)` over an axis whose elements lie `strides` apart.
pub fn reduction(
    op: ReduceOp,
    dtype: DType,
    dims: &[usize],
    kept: usize,
    strides: &[isize],
) -> (Kernel, Vec<Vec<f64>>) {
    let mut b = Build::new(dims, kept);
    let numel = dims.iter().product();
    let input = b.input(dtype, numel);
    let leaf = b.leaf(input, strides, 0, (0, 0));
    let x = b.push(Code::Load(leaf), &[], dtype);
    let sum = b.push(Code::Reduce(op), &[x], dtype);
    let twice = b.push(Code::Binary(BinaryOp::Add), &[sum, sum], dtype);
    b.output(if dtype == DType::Bool { sum } else { twice });
    let scale = if op == ReduceOp::Prod { 1.4 } else { 3.0 };
    let low = if op == ReduceOp::Prod || !dtype.is_signed() { 0.7 } else { -scale };
    let values = noise(numel, low, scale, 3);
    (b.kernel(), vec![values.iter().map(|v| if dtype.is_float() { *v } else { v.trunc() }).collect()])
}

pub fn matmul(
    batch: &[usize],
    m: usize,
    n: usize,
    k: usize,
    [ta, tb]: [bool; 2],
    dtype: DType,
    offset: usize,
) -> (Kernel, Vec<Vec<f64>>) {
    let mut dims = batch.to_vec();
    dims.extend([m, n]);
    let count: usize = batch.iter().product();
    let mut b = Build::new(&dims, dims.len());
    let strides = |size: usize, broadcast: bool| {
        let mut all = contiguous_strides(batch);
        all[..batch.len()].iter_mut().for_each(|s| *s *= if broadcast { 0 } else { size as isize });
        all
    };
    let pick = |t: bool, rows: usize, cols: usize| if t { (1, rows as isize) } else { (cols as isize, 1) };
    let (a_row, a_col) = pick(ta, m, k);
    let (b_row, b_col) = pick(tb, k, n);
    let a_in = b.input(dtype, count * m * k + offset);
    let b_in = b.input(dtype, k * n + offset);
    let operand = |input: usize, mut strides: Strides, [rows, cols]: [usize; 2], steps: [isize; 2]| {
        strides[batch.len()..][..2].copy_from_slice(&steps);
        let shape = [batch, &[rows, cols]].concat().as_slice().into();
        (input, View { shape, strides, offset: offset as isize })
    };
    let operands = [
        operand(a_in, strides(m * k, false), [m, k], [a_row, a_col]),
        operand(b_in, strides(0, true), [k, n], [b_row, b_col]),
    ];
    let bias = b.input(dtype, n);
    let mut along = vec![0; dims.len()];
    along[dims.len() - 1] = 1;
    let leaf = b.leaf(bias, &along, 0, (0, 0));
    let acc = b.push(Code::Acc, &[], dtype);
    let load = b.push(Code::Load(leaf), &[], dtype);
    let sum = b.push(Code::Binary(BinaryOp::Add), &[acc, load], dtype);
    let relu = b.push(Code::Unary(UnaryOp::Relu), &[sum], dtype);
    b.output(acc);
    b.output(relu);
    let inputs: Vec<_> = b.inputs.iter().enumerate().map(|(i, x)| noise(x.numel, -1.0, 1.0, i as u64 + 5)).collect();
    let whole = |v: Vec<f64>| if dtype.is_float() { v } else { v.iter().map(|x| (x * 5.0).trunc()).collect() };
    let mut kernel = b.kernel();
    let Body::Fused(epilogue) = kernel.body else { unreachable!("a fused program") };
    let op = StructuredOp::Matmul(Combine::Product);
    kernel.body = Body::Structured(Structured::new(op, &operands, &dims.as_slice().into(), dtype, epilogue));
    (kernel, inputs.into_iter().map(whole).collect())
}

/// Makes a product one of its relatives.
pub fn combine_by(kernel: &mut Kernel, combine: Combine) {
    let Body::Structured(structured) = &mut kernel.body else { unreachable!("it is a product") };
    structured.op = StructuredOp::Matmul(combine);
}

pub fn scatter(dtype: DType, index: DType, rows: usize, cols: usize, to: usize) -> (Kernel, Vec<Vec<f64>>) {
    let mut b = Build::new(&[cols, to], 2);
    let (source, indices) = (b.input(dtype, rows * cols), b.input(index, rows));
    let acc = b.push(Code::Acc, &[], dtype);
    b.output(acc);
    b.fused.outputs[0].strides[..2].copy_from_slice(&[1, cols as isize]);
    let source = (source, View::contiguous([rows, cols].into()));
    let mut lines = View::contiguous([rows, cols].into());
    lines.strides[..2].copy_from_slice(&[1, 0]);
    let op = StructuredOp::ScatterAdd { axis: 0, check: None };
    let mut kernel = Kernel { name: "scatter_add".into(), ..b.kernel() };
    let Body::Fused(epilogue) = kernel.body else { unreachable!("a fused program") };
    let shape = [to, cols].into();
    kernel.body = Body::Structured(Structured::new(op, &[source, (indices, lines)], &shape, dtype, epilogue));
    let src = noise(rows * cols, -8.0, 8.0, 2).iter().map(|v| v.trunc()).collect();
    let at = noise(rows, -1.0, to as f64 + 1.0, 4).iter().map(|v| v.floor()).collect();
    (kernel, vec![src, at])
}

/// A scan of rows, or of columns, and its operands.
pub fn scan(op: ScanOp, dtype: DType, [lines, length]: [usize; 2], columns: bool, reverse: bool) -> Kernel {
    let result = if matches!(op, ScanOp::ArgMax | ScanOp::ArgMin) { DType::I64 } else { dtype };
    let mut b = Build::new(&[lines, length], 2);
    let count = if op == ScanOp::Linear { 2 } else { 1 };
    let shape = if columns { [length, lines] } else { [lines, length] };
    let view = View::contiguous(shape.into());
    let operands: Vec<(usize, View)> = (0..count).map(|_| (b.input(dtype, lines * length), view)).collect();
    let acc = b.push(Code::Acc, &[], result);
    b.output(acc);
    if columns {
        b.fused.outputs[0].strides[..2].copy_from_slice(&[1, lines as isize]);
    }
    let op = StructuredOp::Scan { op, axis: !columns as u8, reverse };
    let mut kernel = Kernel { name: op.name().into(), ..b.kernel() };
    let Body::Fused(epilogue) = kernel.body else { unreachable!("a fused program") };
    kernel.body = Body::Structured(Structured::new(op, &operands, &shape.into(), result, epilogue));
    kernel
}

fn everything(gpu: &dyn Executor) {
    for (rows, cols) in [(5, 7), (6, 8)] {
        let (kernel, inputs) = chain(rows, cols);
        check(gpu, "chain", &kernel, &inputs, &[Scalar::Float(0.5)], 1e-6);
    }
    for (rows, cols) in [(3, 10), (3, 75), (5, 64)] {
        let (kernel, inputs) = softmax(rows, cols);
        check(gpu, &format!("softmax {rows} x {cols}"), &kernel, &inputs, &[], 2e-6);
    }
    let (kernel, inputs) = reduction(ReduceOp::Sum, DType::F32, &[6, 40], 1, &[1, 6]);
    check(gpu, "columns", &kernel, &inputs, &[], 1e-5);
    let (kernel, inputs) = matmul(&[], 13, 18, 11, [false, false], DType::F32, 0);
    check(gpu, "matmul", &kernel, &inputs, &[], 1e-5);
    let (kernel, inputs) = matmul(&[], 16, 32, 8, [false, false], DType::F32, 0);
    check(gpu, "matmul", &kernel, &inputs, &[], 1e-5);
    distances(gpu, [13, 18, 11], DType::F32);
    distances(gpu, [16, 32, 8], DType::F32);
    let (kernel, inputs) = scatter(DType::F32, DType::I64, 20, 5, 6);
    check(gpu, "scatter", &kernel, &inputs, &[], 1e-6);
}

/// Every other way to fold rows and columns than the product.
fn distances(gpu: &dyn Executor, [m, n, k]: [usize; 3], dtype: DType) {
    use Combine::*;
    for combine in [SqL2, L1, Lp(0.5), Lp(3.0), Chebyshev, Hamming] {
        let (mut kernel, inputs) = matmul(&[2], m, n, k, [false, true], dtype, 1);
        combine_by(&mut kernel, combine);
        check(gpu, &format!("{combine:?}"), &kernel, &inputs, &[], if dtype == DType::F64 { 1e-12 } else { 1e-5 });
    }
}

/// Scans by threads and by workgroups, of less than a tile and of several, against the CPU.
fn scans(gpu: &dyn Executor) {
    let cpu = crate::cpu::CpuExecutor::open();
    for op in [ScanOp::Sum, ScanOp::Prod, ScanOp::ArgMax, ScanOp::ArgMin, ScanOp::LogSumExp, ScanOp::Linear] {
        for dtype in [DType::F32, DType::F64] {
            for [lines, length] in [[3, 20], [5, 100], [1, 5000], [6, 2048], [2, 2049]] {
                for (columns, reverse) in [(false, false), (true, true)] {
                    let kernel = scan(op, dtype, [lines, length], columns, reverse);
                    let inputs = [noise(lines * length, -1.2, 1.2, 3), noise(lines * length, -1.0, 1.0, 4)];
                    let inputs = &inputs[..kernel.inputs.len()];
                    let what = format!("{} of {lines} x {length} of {dtype}, columns {columns}", kernel.name);
                    let got = run(gpu, &kernel, inputs, &[]).unwrap_or_else(|e| panic!("{what}: {e}"));
                    let want = run(&*cpu, &kernel, inputs, &[]).unwrap_or_else(|e| panic!("{what}: {e}"));
                    assert_close(&what, &got[0], &want[0], if dtype == DType::F64 { 1e-12 } else { 2e-5 });
                }
            }
        }
    }
}

#[test]
fn scans_by_threads() {
    let Some(gpu) = default_gpu() else { return };
    scans(&*gpu);
}

#[test]
fn everything_with_all_features() {
    let Some(gpu) = default_gpu() else { return };
    everything(&*gpu);
}

#[test]
fn everything_without_subgroups() {
    let Some(gpu) = gpu(&options(|o| o.subgroups = false)) else { return };
    everything(&*gpu);
}

#[test]
fn everything_without_immediates_and_wide_types() {
    let change = |o: &mut DeviceOptions| (o.immediates, o.int64, o.f64) = (false, false, false);
    let Some(gpu) = gpu(&options(change)) else { return };
    everything(&*gpu);
}

#[test]
fn everything_within_the_limits_of_the_web() {
    let Some(gpu) = gpu(&options(|o| o.webgpu_limits = true)) else { return };
    assert_eq!(gpu.caps().max_buffers, 8);
    everything(&*gpu);
}

#[test]
fn everything_with_the_kernels_of_real_gpus() {
    let Some(gpu) = as_real_gpu(&options(|_| ())) else { return };
    everything(&*gpu);
    scans(&*gpu);
    products(&*gpu);
    let (kernel, inputs) = softmax(2, 1300);
    check(&*gpu, "softmax by workgroups", &kernel, &inputs, &[], 2e-6);
    let (kernel, inputs) = matmul(&[2], 9, 20, 512, [false, true], DType::F32, 0);
    check(&*gpu, "a product in parts", &kernel, &inputs, &[], 1e-4);
    distances(&*gpu, [9, 20, 512], DType::F32);
    let Some(gpu) = as_real_gpu(&options(|o| (o.webgpu_limits, o.subgroups) = (true, false))) else { return };
    everything(&*gpu);
}

#[test]
fn reductions_of_every_layout_and_op() {
    let Some(gpu) = default_gpu() else { return };
    for op in [ReduceOp::Sum, ReduceOp::Prod, ReduceOp::Max, ReduceOp::Min] {
        let (kernel, inputs) = reduction(op, DType::F32, &[7, 37], 1, &[37, 1]);
        check(&*gpu, op.name(), &kernel, &inputs, &[], 1e-5);
        let (kernel, inputs) = reduction(op, DType::I32, &[8, 9], 1, &[1, 8]);
        check(&*gpu, op.name(), &kernel, &inputs, &[], 0.0);
    }
    for dtype in [DType::F64, DType::I64, DType::U64] {
        let (kernel, inputs) = reduction(ReduceOp::Max, dtype, &[3, 50], 1, &[50, 1]);
        check(&*gpu, dtype.name(), &kernel, &inputs, &[], 1e-12);
    }
    let (kernel, inputs) = reduction(ReduceOp::Sum, DType::F32, &[3, 4, 5], 1, &[5, 15, 1]);
    check(&*gpu, "two inner axes", &kernel, &inputs, &[], 1e-5);
    let (kernel, inputs) = reduction(ReduceOp::Sum, DType::F32, &[40000], 0, &[1]);
    check(&*gpu, "all in two passes", &kernel, &inputs, &[], 1e-4);
    let (kernel, inputs) = reduction(ReduceOp::Sum, DType::F32, &[6, 700], 1, &[1, 6]);
    check(&*gpu, "columns in two passes", &kernel, &inputs, &[], 1e-4);
}

fn products(gpu: &dyn Executor) {
    for (ta, tb) in [(false, false), (false, true), (true, false), (true, true)] {
        let (kernel, inputs) = matmul(&[2], 36, 72, 20, [ta, tb], DType::F32, 0);
        check(gpu, &format!("{ta} {tb}"), &kernel, &inputs, &[], 1e-5);
    }
    let (kernel, inputs) = matmul(&[], 33, 35, 22, [true, true], DType::F32, 1);
    check(gpu, "odd", &kernel, &inputs, &[], 1e-5);
}

#[test]
fn products_of_every_layout() {
    let Some(gpu) = default_gpu() else { return };
    products(&*gpu);
    for dtype in [DType::I32, DType::F64, DType::I64] {
        let (kernel, inputs) = matmul(&[2], 5, 6, 7, [false, true], dtype, 1);
        check(&*gpu, dtype.name(), &kernel, &inputs, &[], 1e-12);
    }
    distances(&*gpu, [37, 70, 20], DType::F32);
    distances(&*gpu, [5, 6, 7], DType::F64);
    let (kernel, inputs) = matmul(&[], 1, 40, 30, [false, false], DType::F32, 0);
    check(&*gpu, "a vector", &kernel, &inputs, &[], 1e-5);
}

#[test]
fn scatter_of_every_width() {
    let Some(gpu) = default_gpu() else { return };
    for (dtype, index) in [(DType::F32, DType::I64), (DType::I32, DType::I32), (DType::F64, DType::I64)] {
        let (kernel, inputs) = scatter(dtype, index, 20, 5, 6);
        check(&*gpu, dtype.name(), &kernel, &inputs, &[], 0.0);
    }
}
