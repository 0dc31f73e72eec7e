//! Steps that compute element by element: layouts, dtypes, casts, memory in place.

use super::*;
use crate::op::BinaryOp;

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
