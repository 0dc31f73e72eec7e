//! Gathering, random numbers, matrix products and scatter-add.

use super::*;
use crate::{
    cpu::loops,
    graph::kernel::Structured,
    layout::View,
    op::{BinaryOp, Combine, StructuredOp, UnaryOp},
};

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
                let g = b.instr(Code::Gather { leaf: table, check: None }, &[i], dtype);
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
            loops::philox(&mut out, &[0], [0, 0], word);
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
    // Strips of every width, and rows that fill no block.
    for n in [31, 64, 81, 150, 255] {
        check(&product(Combine::Product, [11, n, 9], &[], [false, false], F32, 0), 2);
        check(&product(Combine::Product, [7, n, 7], &[3], [true, true], F32, 1), 3);
    }
}

#[test]
fn distances_with_epilogues() {
    use Combine::*;
    for combine in [SqL2, L1, Lp(1.5), Lp(3.0), Chebyshev, Hamming] {
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
    let operand = |input: usize, mut strides: Strides, rows: usize, cols: usize, transposed: bool| {
        let shape = [batch, &[rows, cols]].concat().as_slice().into();
        let (row, col) = if transposed { (1, rows as isize) } else { (cols as isize, 1) };
        strides[batch.len()..][..2].copy_from_slice(&[row, col]);
        (input, View { shape, strides, offset: 1 })
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
    let operands = [operand(0, a_batch, m, k, transposed[0]), operand(1, b_batch, k, n, transposed[1])];
    let op = StructuredOp::Matmul(combine);
    let body = Body::Structured(Structured::new(op, &operands, &dims.as_slice().into(), dtype, b.fused));
    Kernel { name: "matmul".into(), body, inputs: b.inputs, outputs: b.outputs, scalars: b.scalars }
}

#[test]
fn scatter_add() {
    for dtype in [F32, F16, I64, U8] {
        for (outer, last, from, to) in [(1, 1, 5, 3), (3, 1, 100, 7), (1, 64, 50, 5), (4, 100, 30, 6)] {
            for shared in [true, false] {
                let (l, f, t) = (last as isize, from as isize, to as isize);
                let index_step = if shared { 0 } else { f };
                let source = View { shape: [outer, from, last].into(), strides: strides(&[f * l, l, 1]), offset: 0 };
                let index = View { strides: strides(&[f * l, 1, index_step]), ..source };
                let mut b = Build::new(&[outer, last, to], 3);
                let acc = b.instr(Code::Acc, &[], dtype);
                b.store_as(acc, strides(&[t * l, 1, l]));
                let op = StructuredOp::ScatterAdd { axis: 1, check: None };
                let shape = [outer, to, last].into();
                let scatter = Structured::new(op, &[(0, source), (1, index)], &shape, dtype, b.fused);
                let count = outer * last;
                let kernel = Kernel {
                    name: "scatter_add".into(),
                    body: Body::Structured(scatter),
                    inputs: vec![
                        Binding { dtype, numel: count * from, alias: None },
                        Binding { dtype: I64, numel: count * from, alias: None },
                    ],
                    outputs: b.outputs,
                    scalars: vec![],
                };
                check(&kernel, 23);
            }
        }
    }
}
