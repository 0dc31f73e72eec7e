//! Steps that compute element by element: layouts, dtypes, casts, memory in place, chains.

use super::*;
use crate::{
    cpu::{
        chain::{self, Bound, LinkOp},
        loops,
    },
    dtype::Compute,
    op::{BinaryOp, UnaryOp},
};

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

/// What the links of a chain may see: ordinary numbers, both zeros, subnormal ones, infinities, NaN.
fn edges(n: usize, seed: u64) -> Vec<f32> {
    let mut rng = Rng(seed);
    let special = [0.0, -0.0, 1e-40, -1e-40, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, f32::MAX, f32::MIN];
    let mut next = || match rng.next() % 20 {
        i @ 0..9 => special[i as usize],
        _ => (rng.next() % 4001) as f32 / 1000.0 - 2.0,
    };
    (0..n).map(|_| next()).collect()
}

fn assert_same_bits(got: &[f32], expected: &[f32], what: &str) {
    for (i, (g, e)) in got.iter().zip(expected).enumerate() {
        assert!(
            g.to_bits() == e.to_bits() || (g.is_nan() && e.is_nan()),
            "{what}, element {i}: {g:e} instead of {e:e}"
        );
    }
}

#[test]
fn links_compute_what_loops_compute() {
    for n in [1, 7, 16, 100, 128, 137, 1000] {
        let (x, y) = (edges(n, 1), edges(n, 2));
        let mut expected = vec![0.0; n];
        let check = |link: LinkOp, operand: &[f32], expected: &[f32]| {
            let bound = Bound { op: link, operand: operand.as_ptr(), single: operand.len() == 1 };
            // One more float shows where a tail would write too much.
            let mut got = vec![7.0; n + 1];
            // SAFETY: `x`, and `y` where it is no single value, hold `n` floats, `got` has room for more.
            unsafe { chain::run(got.as_mut_ptr(), x.as_ptr(), n, &[bound]) };
            assert_same_bits(&got[..n], expected, &format!("{link:?} of {n}"));
            assert_eq!(got[n], 7.0, "{link:?} of {n} wrote behind its end");
        };
        for &op in UnaryOp::ALL {
            let Some(link) = LinkOp::unary(op, Compute::F32) else { continue };
            loops::unary_float::<f32>(op, &mut expected, &x);
            check(link, &y, &expected);
        }
        for &op in BinaryOp::ALL {
            for operand in [&y[..], &y[..1], &[f32::NAN], &[-0.0]] {
                if let Some(link) = LinkOp::binary(op, Compute::F32, 0) {
                    loops::binary_float::<f32>(op, &mut expected, &x, operand);
                    check(link, operand, &expected);
                }
                if let Some(link) = LinkOp::binary(op, Compute::F32, 1) {
                    loops::binary_float::<f32>(op, &mut expected, operand, &x);
                    check(link, operand, &expected);
                }
            }
        }
    }
}

#[test]
fn chains_that_branch_meet_and_are_stored_on_the_way() {
    for dims in [&[9][..], &[5000], &[130, 70], &[3, 1000], &[2, 4099]] {
        let mut b = Build::new(dims, dims.len());
        let mut per_column = [0; MAX_RANK];
        per_column[dims.len() - 1] = 1;
        let (x, y, column) = (b.dense(F32), b.dense(F32), b.load(F32, per_column));
        let s = b.scalar(F32);
        // Longer than one chain may be.
        let mut long = x;
        for i in 0..80 {
            let (op, operand) = [(BinaryOp::Mul, s), (BinaryOp::Add, column), (BinaryOp::Sub, y)][i % 3];
            long = b.instr(Code::Binary(op), &[long, operand], F32);
            long = b.instr(Code::Unary([UnaryOp::Relu, UnaryOp::Neg, UnaryOp::Abs][i / 3 % 3]), &[long], F32);
            long = b.instr(Code::Binary(BinaryOp::Mul), &[long, s], F32);
        }
        let left = b.instr(Code::Binary(BinaryOp::Sub), &[s, x], F32);
        let right = b.instr(Code::Binary(BinaryOp::Max), &[y, column], F32);
        let right = b.instr(Code::Unary(UnaryOp::Square), &[right], F32);
        let met = b.instr(Code::Binary(BinaryOp::Max), &[left, right], F32);
        let twice = b.instr(Code::Binary(BinaryOp::Mul), &[met, met], F32);
        let end = b.instr(Code::Unary(UnaryOp::Neg), &[twice], F32);
        b.store(long);
        b.store(met);
        b.store(end);
        check(&b.kernel(), 29);
    }
}
