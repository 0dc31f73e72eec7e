//! Reductions over rows, columns and everything, and what surrounds them.

use super::*;
use crate::op::{BinaryOp, ReduceOp, UnaryOp};

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
