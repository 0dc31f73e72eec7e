//! The executor against the slow interpreter.

use super::{CpuExecutor, reference};
use crate::{
    DType, MAX_RANK, Scalar,
    graph::{
        executor::Buffer,
        kernel::{Binding, Body, Code, Fused, Instr, Kernel, Leaf, Line, Matmul, Operand, Output, ScatterAdd},
    },
    layout::{Strides, collapse},
    op::{BinaryOp, Combine, ReduceOp, UnaryOp},
};
use DType::*;

/// A small generator of test data.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }
    fn data(&mut self, dtype: DType, numel: usize) -> Vec<u8> {
        let mut out = vec![0; numel * dtype.size()];
        for i in 0..numel {
            let r = self.next();
            let value = match dtype {
                Bool => (r % 2).to_ne_bytes(),
                F64 => ((r % 4001) as f64 / 1000.0 - 2.0).to_ne_bytes(),
                F16 | BF16 | F32 => (((r % 4001) as f32 / 1000.0 - 2.0).to_bits() as u64).to_ne_bytes(),
                U8 | U16 | U32 | U64 => (r % 7).to_ne_bytes(),
                _ => ((r % 7) as i64 - 3).to_ne_bytes(),
            };
            reference::store(&mut out, dtype, i as isize, value);
        }
        out
    }
}

/// A kernel under construction.
struct Build {
    fused: Fused,
    inputs: Vec<Binding>,
    outputs: Vec<Binding>,
    scalars: Vec<DType>,
}

impl Build {
    fn new(dims: &[usize], kept: usize) -> Self {
        let fused = Fused { dims: dims.to_vec(), kept, leaves: vec![], code: vec![], outputs: vec![] };
        Self { fused, inputs: vec![], outputs: vec![], scalars: vec![] }
    }

    fn instr(&mut self, code: Code, args: &[u16], dtype: DType) -> u16 {
        let reduces = matches!(code, Code::Reduce(_));
        let per_row = reduces;
        let mut all = [0; 3];
        all[..args.len()].copy_from_slice(args);
        self.fused.code.push(Instr { code, args: all, dtype, per_row });
        (self.fused.code.len() - 1) as u16
    }

    fn leaf(&mut self, dtype: DType, strides: Strides, axis: (isize, usize)) -> u16 {
        // Room for every place, also with negative steps.
        let reach = |sign: isize| -> isize {
            let ends = self.fused.dims.iter().zip(&strides).map(|(d, s)| (*d as isize - 1) * s);
            ends.filter(|e| e * sign > 0).sum()
        };
        let offset = -reach(-1) + 2;
        let numel = (offset + reach(1)) as usize + 1 + axis.0 as usize * axis.1;
        self.inputs.push(Binding { dtype, numel, alias: None });
        let input = Some(self.inputs.len() - 1);
        self.fused.leaves.push(Leaf { input, dtype, strides, offset, axis });
        (self.fused.leaves.len() - 1) as u16
    }

    fn load(&mut self, dtype: DType, strides: Strides) -> u16 {
        let leaf = self.leaf(dtype, strides, (0, 0));
        self.instr(Code::Load(leaf), &[], dtype)
    }

    fn dense(&mut self, dtype: DType) -> u16 {
        let strides = reference::dense(&self.fused.dims);
        self.load(dtype, strides)
    }

    fn scalar(&mut self, dtype: DType) -> u16 {
        self.scalars.push(dtype);
        self.instr(Code::Scalar(self.scalars.len() as u16 - 1), &[], dtype)
    }

    fn store(&mut self, value: u16) {
        self.store_as(value, reference::dense(&self.fused.dims));
    }

    fn store_row(&mut self, value: u16) {
        let strides = reference::dense(&self.fused.dims[..self.fused.kept]);
        self.store_as(value, strides);
    }

    fn store_as(&mut self, value: u16, strides: Strides) {
        let numel = self.fused.dims.iter().zip(&strides).map(|(d, s)| (d - 1) * s.unsigned_abs()).sum::<usize>() + 1;
        self.outputs.push(Binding { dtype: self.fused.code[value as usize].dtype, numel, alias: None });
        self.fused.outputs.push(Output { value, strides });
    }

    fn kernel(self) -> Kernel {
        let Self { mut fused, inputs, outputs, scalars } = self;
        let mut dims = fused.dims.clone();
        let mut all: Vec<&mut Strides> = fused.leaves.iter_mut().map(|l| &mut l.strides).collect();
        all.extend(fused.outputs.iter_mut().map(|o| &mut o.strides));
        fused.kept = collapse(&mut dims, fused.kept, &mut all);
        fused.dims = dims;
        Kernel { name: "test".into(), body: Body::Fused(fused), inputs, outputs, scalars }
    }
}

fn strides(list: &[isize]) -> Strides {
    let mut out = [0; MAX_RANK];
    out[..list.len()].copy_from_slice(list);
    out
}

fn value(data: &[u8], dtype: DType, i: usize) -> f64 {
    let bytes = reference::load(data, dtype, i as isize);
    match dtype {
        Bool => bytes[0] as f64,
        I64 => i64::from_ne_bytes(bytes) as f64,
        U64 => u64::from_ne_bytes(bytes) as f64,
        F64 => f64::from_ne_bytes(bytes),
        F16 | BF16 | F32 => f32::from_bits(u64::from_ne_bytes(bytes) as u32) as f64,
        U8 | U16 | U32 => u64::from_ne_bytes(bytes) as u32 as f64,
        _ => u64::from_ne_bytes(bytes) as i32 as f64,
    }
}

/// Runs a kernel on data of its own and compares.
fn check(kernel: &Kernel, seed: u64) {
    let mut rng = Rng(seed);
    let inputs: Vec<Vec<u8>> = kernel.inputs.iter().map(|b| rng.data(b.dtype, b.numel)).collect();
    check_with(kernel, &inputs);
}

fn check_with(kernel: &Kernel, inputs: &[Vec<u8>]) {
    let scalars: Vec<Scalar> = (0..kernel.scalars.len()).map(|i| Scalar::Float(i as f64 * 0.75 + 0.5)).collect();
    let expected = reference::run(kernel, inputs, &scalars);
    let executor = CpuExecutor::open();
    let buffers: Vec<Buffer> = inputs.iter().map(|d| executor.upload(d).unwrap()).collect();
    let outputs: Vec<Buffer> = kernel
        .outputs
        .iter()
        .map(|o| match o.alias {
            Some(input) => buffers[input].clone(),
            None => executor.upload(&vec![0xa5; o.numel * o.dtype.size()]).unwrap(),
        })
        .collect();
    let program = executor.compile(kernel).unwrap();
    program.launch(&buffers.iter().collect::<Vec<_>>(), &outputs.iter().collect::<Vec<_>>(), &scalars).unwrap();
    for (o, (binding, expected)) in kernel.outputs.iter().zip(&expected).enumerate() {
        let mut got = vec![0; expected.len()];
        executor.read(&outputs[o], &mut got).unwrap();
        let tolerance = match binding.dtype {
            F16 => 1e-3,
            BF16 => 8e-3,
            F32 => 1e-5,
            F64 => 1e-12,
            _ => 0.0,
        };
        let finite = (0..binding.numel).map(|i| value(expected, binding.dtype, i).abs()).filter(|v| v.is_finite());
        let floor = tolerance * finite.fold(1.0, f64::max);
        for i in 0..binding.numel {
            let (e, g) = (value(expected, binding.dtype, i), value(&got, binding.dtype, i));
            let same = e == g || (e.is_nan() && g.is_nan()) || (e - g).abs() <= tolerance * e.abs() + floor;
            assert!(same, "output {o} of {}, element {i}: {g} instead of {e}\n{kernel:?}", binding.dtype);
        }
    }
}

#[test]
fn elementwise_in_every_dtype_and_layout() {
    for dtype in DType::ALL {
        for dims in [&[][..], &[3], &[5000], &[7, 10], &[3, 1000], &[2, 4099], &[5, 6, 7], &[2, 40, 70]] {
            let dense = reference::dense(dims);
            let mut flipped = dense;
            let mut last_only = [0; MAX_RANK];
            let mut first_only = [0; MAX_RANK];
            if let Some(last) = dims.len().checked_sub(1) {
                flipped[last] = -1;
                last_only[last] = 1;
                first_only[0] = 1;
            }
            let mut wide = dense;
            wide.iter_mut().for_each(|s| *s *= 3);
            let mut transposed = [0; MAX_RANK];
            let mut step = 1;
            for axis in 0..dims.len() {
                transposed[axis] = step;
                step *= dims[axis] as isize;
            }
            for layout in [dense, flipped, last_only, first_only, wide, transposed, [0; MAX_RANK]] {
                let mut b = Build::new(dims, dims.len());
                let x = b.load(dtype, layout);
                let y = b.dense(dtype);
                let c = b.instr(Code::Binary(BinaryOp::Lt), &[x, y], Bool);
                let z = if dtype == Bool {
                    b.instr(Code::Binary(BinaryOp::Xor), &[x, y], dtype)
                } else {
                    let s = b.scalar(dtype);
                    let p = b.instr(Code::Binary(BinaryOp::Mul), &[x, s], dtype);
                    let q = b.instr(Code::Binary(BinaryOp::Sub), &[s, p], dtype);
                    b.instr(Code::Binary(BinaryOp::Add), &[q, y], dtype)
                };
                let w = b.instr(Code::Where, &[c, z, x], dtype);
                b.store(z);
                b.store_as(w, wide);
                b.store(c);
                b.store(x);
                check(&b.kernel(), 7);
            }
        }
    }
}

#[test]
fn casts() {
    for from in DType::ALL {
        for to in DType::ALL {
            let mut b = Build::new(&[300], 1);
            let x = b.dense(from);
            let y = b.instr(Code::Cast, &[x], to);
            b.store(y);
            check(&b.kernel(), 3);
        }
    }
}

#[test]
fn casts_from_floats_saturate_then_wrap() {
    let cases = [3.9, -3.9, 300.0, -1.0, 1e10, f64::NAN, f64::INFINITY, -1e30];
    let targets: [(DType, [f64; 8]); 4] = [
        (I32, [3.0, -3.0, 300.0, -1.0, 1_410_065_408.0, 0.0, -1.0, 0.0]),
        (U8, [3.0, 253.0, 44.0, 255.0, 0.0, 0.0, 255.0, 0.0]),
        (I64, [3.0, -3.0, 300.0, -1.0, 1e10, 0.0, i64::MAX as f64, i64::MIN as f64]),
        (U64, [3.0, 0.0, 300.0, 0.0, 1e10, 0.0, u64::MAX as f64, 0.0]),
    ];
    for (dtype, expected) in targets {
        let mut b = Build::new(&[8], 1);
        let x = b.load(F64, strides(&[1]));
        let y = b.instr(Code::Cast, &[x], dtype);
        b.store(y);
        let kernel = b.kernel();
        let executor = CpuExecutor::open();
        let data: Vec<f64> = [0.0, 0.0].into_iter().chain(cases).collect();
        let input = executor.upload(bytemuck::cast_slice(&data)).unwrap();
        let output = executor.alloc(64).unwrap();
        executor.compile(&kernel).unwrap().launch(&[&input], &[&output], &[]).unwrap();
        for (i, e) in expected.iter().enumerate() {
            assert_eq!(value(output.host().unwrap(), dtype, i), *e, "{} as {dtype}", cases[i]);
        }
    }
}

#[test]
fn in_place() {
    let mut b = Build::new(&[5000], 1);
    let leaf = b.leaf(F32, strides(&[1]), (0, 0));
    b.fused.leaves[leaf as usize].offset = 0;
    b.inputs[0].numel = 5000;
    let x = b.instr(Code::Load(leaf), &[], F32);
    let s = b.scalar(F32);
    let y = b.instr(Code::Binary(BinaryOp::Add), &[x, s], F32);
    let z = b.instr(Code::Binary(BinaryOp::Mul), &[y, x], F32);
    b.store(y);
    b.store(z);
    b.store(x);
    b.outputs[0].alias = Some(0);
    check(&b.kernel(), 5);
}

/// Softmax, its largest term's place, and a few sums of several dtypes: three stages.
fn reductions(dims: &[usize], kept: usize, layout: Strides, dtype: DType) -> Kernel {
    let mut b = Build::new(dims, kept);
    let x = b.load(dtype, layout);
    let max = b.instr(Code::Reduce(ReduceOp::Max), &[x], dtype);
    let min = b.instr(Code::Reduce(ReduceOp::Min), &[x], dtype);
    b.store_row(max);
    if dtype.is_float() {
        let d = b.instr(Code::Binary(BinaryOp::Sub), &[x, max], dtype);
        let e = b.instr(Code::Unary(UnaryOp::Exp), &[d], dtype);
        let sum = b.instr(Code::Reduce(ReduceOp::Sum), &[e], dtype);
        let y = b.instr(Code::Binary(BinaryOp::Div), &[e, sum], dtype);
        let spread = b.instr(Code::Binary(BinaryOp::Sub), &[max, min], dtype);
        let r = b.instr(Code::Binary(BinaryOp::Mul), &[y, spread], dtype);
        b.store(y);
        b.store(r);
        b.store(spread);
        b.store_row(spread);
    } else if dtype != Bool {
        let sum = b.instr(Code::Reduce(ReduceOp::Sum), &[x], dtype);
        let s = b.scalar(dtype);
        let t = b.instr(Code::Binary(BinaryOp::Add), &[sum, s], dtype);
        let y = b.instr(Code::Binary(BinaryOp::Mul), &[x, t], dtype);
        let ones = b.instr(Code::Reduce(ReduceOp::Sum), &[s], dtype);
        b.store(y);
        b.store_row(sum);
        b.store_row(ones);
    } else {
        b.store_row(min);
    }
    b.kernel()
}

#[test]
fn reductions_over_rows_and_columns() {
    for rows in [1, 3, 10, 300] {
        for inner in [1, 3, 7, 10, 64, 1000, 5000] {
            for dtype in [F32, F16, I64, U8, Bool] {
                if dtype != F32 && rows * inner > 10_000 {
                    continue;
                }
                let (r, i) = (rows as isize, inner as isize);
                check(&reductions(&[rows, inner], 1, strides(&[i, 1]), dtype), 11);
                check(&reductions(&[rows, inner], 1, strides(&[1, r]), dtype), 12);
            }
        }
    }
    check(&reductions(&[200_000], 0, strides(&[1]), F32), 13);
    check(&reductions(&[3, 70_000], 1, strides(&[70_000, 1]), F32), 13);
    check(&reductions(&[7, 70_000], 1, strides(&[1, 7]), F32), 13);
    check(&reductions(&[2, 2000, 300], 2, strides(&[600_000, 1, 2000]), F32), 13);
    // Several inner axes that do not merge, in either order.
    check(&reductions(&[6, 5, 7], 1, strides(&[7, 42, 1]), F32), 14);
    check(&reductions(&[6, 40, 300], 1, strides(&[300, 1800, 1]), F32), 14);
    check(&reductions(&[4, 6, 5, 7], 2, strides(&[210, 1, 42, 6]), F64), 14);
    // Rows repeated, and a row that is one value.
    check(&reductions(&[9, 70], 1, strides(&[0, 1]), F32), 15);
    check(&reductions(&[9, 70], 1, strides(&[1, 0]), F32), 15);
    check(&reductions(&[9, 7000], 1, strides(&[1, 0]), F32), 15);
}

#[test]
fn nan_passes_through_extrema() {
    for n in [5, 20, 100, 800, 5000, 100_000] {
        let mut b = Build::new(&[n], 0);
        let x = b.dense(F32);
        let max = b.instr(Code::Reduce(ReduceOp::Max), &[x], F32);
        let min = b.instr(Code::Reduce(ReduceOp::Min), &[x], F32);
        b.store_row(max);
        b.store_row(min);
        let kernel = b.kernel();
        let mut data = vec![1.0f32; n + 2];
        data[n / 2] = f32::NAN;
        check_with(&kernel, &[bytemuck::cast_slice(&data).to_vec()]);
    }
}

#[test]
fn cross_entropy_with_labels() {
    for (rows, classes) in [(64, 10), (5, 6000), (33, 1000)] {
        let mut b = Build::new(&[rows, classes], 1);
        let x = b.dense(F32);
        let label = b.load(I64, strides(&[1, 0]));
        let at = Leaf { input: None, dtype: I64, strides: strides(&[0, 1]), offset: 0, axis: (0, 0) };
        b.fused.leaves.push(at);
        let class = b.instr(Code::Index(b.fused.leaves.len() as u16 - 1), &[], I64);
        let hit = b.instr(Code::Binary(BinaryOp::Eq), &[class, label], Bool);
        let max = b.instr(Code::Reduce(ReduceOp::Max), &[x], F32);
        let d = b.instr(Code::Binary(BinaryOp::Sub), &[x, max], F32);
        let e = b.instr(Code::Unary(UnaryOp::Exp), &[d], F32);
        let sum = b.instr(Code::Reduce(ReduceOp::Sum), &[e], F32);
        let log = b.instr(Code::Unary(UnaryOp::Log), &[sum], F32);
        let zero = b.instr(Code::Binary(BinaryOp::Sub), &[log, log], F32);
        let picked = b.instr(Code::Where, &[hit, d, zero], F32);
        let own = b.instr(Code::Reduce(ReduceOp::Sum), &[picked], F32);
        let loss = b.instr(Code::Binary(BinaryOp::Sub), &[log, own], F32);
        b.store_row(loss);
        check(&b.kernel(), 17);
    }
}

#[test]
fn gather_load_if_index_random() {
    for dims in [&[40][..], &[5000], &[30, 70], &[4, 3000]] {
        for dtype in [F32, I64, U8, BF16] {
            for index in [I32, I64, U8] {
                let mut b = Build::new(dims, dims.len());
                let i = b.dense(index);
                let table = b.leaf(
                    dtype,
                    {
                        let mut s = [0; MAX_RANK];
                        s[dims.len() - 1] = 1;
                        s
                    },
                    (9, 3),
                );
                let g = b.instr(Code::Gather(table), &[i], dtype);
                let c = b.dense(Bool);
                let leaf = b.leaf(dtype, reference::dense(dims), (0, 0));
                let l = b.instr(Code::LoadIf(leaf), &[c], dtype);
                let at = Leaf { input: None, dtype: U32, strides: strides(&[3, -2]), offset: 1, axis: (0, 0) };
                b.fused.leaves.push(at);
                let p = b.instr(Code::Index(b.fused.leaves.len() as u16 - 1), &[], I32);
                let u = b.instr(Code::Cast, &[p], U32);
                let seed = b.scalars.len() as u16;
                b.scalars.extend([U32, U32]);
                let r = b.instr(Code::Random { seed, word: 2 }, &[u], U32);
                b.store(g);
                b.store(l);
                b.store(p);
                b.store(r);
                check(&b.kernel(), 19);
            }
        }
    }
}

#[test]
fn philox_gives_the_published_words() {
    let mut out = [0u32];
    let words: Vec<u32> = (0..4)
        .map(|word| {
            super::loops::philox(&mut out, &[0], [0, 0], word);
            out[0]
        })
        .collect();
    assert_eq!(words, [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
}

#[test]
fn matmul_with_epilogues() {
    let mut seed = 0;
    for (m, n, k) in [(1, 1, 1), (3, 5, 7), (64, 16, 10), (33, 1, 20), (100, 130, 70), (4, 4, 0)] {
        for batch in [&[][..], &[3], &[2, 5]] {
            if batch.len() * m * n * k > 5000 {
                continue;
            }
            for (ta, tb) in [(false, false), (true, false), (false, true), (true, true)] {
                for (dtype, which) in
                    [(F32, 0), (F32, 1), (F32, 2), (F64, 1), (F16, 0), (F16, 1), (I32, 1), (U8, 0), (I64, 2)]
                {
                    seed += 1;
                    check(&product(Combine::Product, [m, n, k], batch, [ta, tb], dtype, which), seed);
                }
            }
        }
    }
    check(&product(Combine::Product, [100, 130, 70], &[2, 4], [true, false], F32, 1), 1);
    check(&product(Combine::Product, [90, 60, 70], &[], [false, true], F32, 2), 1);
}

#[test]
fn distances_with_epilogues() {
    use Combine::*;
    for combine in [Square, Absolute, Power(1.5), Power(3.0), Largest, Unequal] {
        for (seed, (m, n, k)) in [(1, 1, 1), (3, 5, 7), (64, 33, 3), (130, 70, 4), (9, 40, 300)].into_iter().enumerate()
        {
            for batch in [&[][..], &[3]] {
                for (dtype, which) in [(F32, 0), (F32, 2), (F64, 1)] {
                    for tb in [false, true] {
                        check(&product(combine, [m, n, k], batch, [!tb, tb], dtype, which), seed as u64);
                    }
                }
            }
        }
        check(&product(combine, [60, 50, 20], &[2, 4], [false, true], F32, 1), 1);
    }
}

/// A product; epilogue 0 stores it, 1 adds a bias and applies relu, 2 does both and stores the bias's negative.
fn product(
    combine: Combine,
    [m, n, k]: [usize; 3],
    batch: &[usize],
    transposed: [bool; 2],
    dtype: DType,
    epilogue: usize,
) -> Kernel {
    let batches: usize = batch.iter().product();
    let mut dims = batch.to_vec();
    dims.extend([m, n]);
    let mut b = Build::new(&dims, dims.len());
    b.inputs.push(Binding { dtype, numel: batches * m * k + 1, alias: None });
    // The second operand is shared by the batches along the first batch axis.
    let mut b_batch = reference::dense(batch);
    b_batch.iter_mut().for_each(|s| *s *= (k * n) as isize);
    b_batch[0] = 0;
    b.inputs.push(Binding { dtype, numel: batches * k * n + 1, alias: None });
    let mut a_batch = reference::dense(batch);
    a_batch.iter_mut().for_each(|s| *s *= (m * k) as isize);
    let operand = |input, batch, rows: usize, cols: usize, transposed| {
        let (row, col) = if transposed { (1, rows as isize) } else { (cols as isize, 1) };
        Operand { input, offset: 1, batch, row, col }
    };
    let acc = b.instr(Code::Acc, &[], dtype);
    if epilogue > 0 {
        let mut s = [0; MAX_RANK];
        s[dims.len() - 1] = 1;
        let bias = b.load(dtype, s);
        let sum = b.instr(Code::Binary(BinaryOp::Add), &[acc, bias], dtype);
        let y = b.instr(Code::Unary(UnaryOp::Relu), &[sum], dtype);
        b.store(y);
        if epilogue > 1 {
            let z = b.instr(Code::Unary(UnaryOp::Neg), &[sum], dtype);
            b.store(acc);
            b.store(z);
        }
    } else {
        b.store(acc);
    }
    let body = Body::Matmul(Matmul {
        combine,
        m,
        n,
        k,
        batch: batch.to_vec(),
        a: operand(0, a_batch, m, k, transposed[0]),
        b: operand(1, b_batch, k, n, transposed[1]),
        x: None,
        dtype,
        epilogue: b.fused,
    });
    Kernel { name: "matmul".into(), body, inputs: b.inputs, outputs: b.outputs, scalars: b.scalars }
}

#[test]
fn scatter_add() {
    for dtype in [F32, F16, I64, U8] {
        for (outer, last, from, to) in [(1, 1, 5, 3), (3, 1, 100, 7), (1, 64, 50, 5), (4, 100, 30, 6)] {
            for shared in [true, false] {
                let (l, f, t) = (last as isize, from as isize, to as isize);
                let index_step = if shared { 0 } else { f };
                let scatter = ScatterAdd {
                    lines: vec![outer, last],
                    from,
                    to,
                    dtype,
                    src: Line { strides: strides(&[f * l, 1]), axis: l, offset: 0 },
                    index: Line { strides: strides(&[f * l, index_step]), axis: 1, offset: 0 },
                    out: Line { strides: strides(&[t * l, 1]), axis: l, offset: 0 },
                };
                let count = outer * last;
                let kernel = Kernel {
                    name: "scatter_add".into(),
                    body: Body::ScatterAdd(scatter),
                    inputs: vec![
                        Binding { dtype, numel: count * from, alias: None },
                        Binding { dtype: I64, numel: count * from, alias: None },
                    ],
                    outputs: vec![Binding { dtype, numel: count * to, alias: None }],
                    scalars: vec![],
                };
                check(&kernel, 23);
            }
        }
    }
}

#[test]
fn summed_products_round_as_stored_ones() -> crate::Result<()> {
    let device = crate::Device::cpu();
    for width in [511, 512, 1000, 4096] {
        let [x, y] = [1, 2].map(|seed| crate::Tensor::rand([3, width], DType::F32, seed, &device));
        let (x, y) = (x?, y?);
        for product in [|x: &crate::Tensor, y: &crate::Tensor| x * y, |x: &crate::Tensor, _: &crate::Tensor| x.square()]
        {
            let stored = product(&x, &y);
            stored.to_vec::<f32>()?;
            let fused = product(&x, &y).sum(-1)?.to_vec::<f32>()?;
            assert_eq!(fused, stored.sum(-1)?.to_vec::<f32>()?);
        }
    }
    Ok(())
}
