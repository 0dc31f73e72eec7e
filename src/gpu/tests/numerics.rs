//! Every op's WGSL function against `f64` mathematics.

use super::*;
use crate::op::{BinaryOp, UnaryOp};

const SPECIAL: [f64; 12] =
    [0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 3.5, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 3e38, -3e38];

/// All of some ops in one kernel, on the same inputs.
fn ops(gpu: &dyn Executor, dtype: DType, codes: &[Code], inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let mut results = Vec::new();
    for codes in codes.chunks(6) {
        let mut b = Build::new(&[inputs[0].len()], 1);
        let args: Vec<u16> = inputs.iter().map(|_| b.load(dtype)).collect();
        for code in codes {
            let compares = matches!(code, Code::Binary(op) if op.info().class == crate::op::Class::Compare);
            let value = b.push(*code, &args, if compares { DType::Bool } else { dtype });
            b.output(value);
        }
        results.extend(run(gpu, &b.kernel(), inputs, &[]).expect("the kernel runs"));
    }
    results
}

fn check_unary(gpu: &dyn Executor, dtype: DType, special: f64, domain: f64) {
    let all: Vec<_> = UnaryOp::ALL.iter().filter(|op| !matches!(op, UnaryOp::Not | UnaryOp::BitNot)).collect();
    for chunk in all.chunks(6) {
        let codes: Vec<_> = chunk.iter().map(|op| Code::Unary(**op)).collect();
        let got = ops(gpu, dtype, &codes, &[SPECIAL.to_vec()]);
        for (op, got) in chunk.iter().zip(&got) {
            let want: Vec<_> = SPECIAL.iter().map(|x| interpret::unary(**op, *x)).collect();
            let want: Vec<_> =
                if dtype == DType::F32 { want.iter().map(|v| f64::from(*v as f32)).collect() } else { want };
            for (i, x) in SPECIAL.iter().enumerate() {
                let (g, w) = (got[i], want[i]);
                // Periods of huge angles are not told apart in f32.
                if dtype == DType::F32
                    && x.abs() > 1e37
                    && x.is_finite()
                    && matches!(op, UnaryOp::Sin | UnaryOp::Cos | UnaryOp::Tan)
                {
                    continue;
                }
                let near = g == w
                    || (g.is_nan() && w.is_nan())
                    || (g - w).abs()
                        <= special
                            * w.abs().max(if matches!(op, UnaryOp::Gelu | UnaryOp::GeluTanh) { 0.1 } else { 1e-30 });
                // x * 0 at -inf: limits of x * sigmoid(x) and the like.
                let limit = *x == f64::NEG_INFINITY && w.is_nan();
                assert!(near || limit, "{op:?}({x}) as {dtype} is {g}, not {w}");
            }
        }
    }
    for op in all {
        let (low, high) = op.info().domain;
        let x = noise(256, low, high, 11);
        let got = ops(gpu, dtype, &[Code::Unary(*op)], std::slice::from_ref(&x));
        let want: Vec<_> = x.iter().map(|x| interpret::unary(*op, *x)).collect();
        for i in 0..x.len() {
            let scale = want[i].abs().max(if matches!(op, UnaryOp::Gelu | UnaryOp::GeluTanh | UnaryOp::Tan) {
                0.1
            } else {
                1e-3
            });
            assert!(
                (got[0][i] - want[i]).abs() <= domain * scale,
                "{op:?}({}) as {dtype} is {}, not {}",
                x[i],
                got[0][i],
                want[i]
            );
        }
    }
}

#[test]
fn unary_f32() {
    let Some(gpu) = default_gpu() else { return };
    check_unary(&*gpu, DType::F32, 3e-7, 1e-6);
}

#[test]
fn unary_f64() {
    let Some(gpu) = default_gpu() else { return };
    check_unary(&*gpu, DType::F64, 1e-14, 1e-14);
}

fn check_binary(gpu: &dyn Executor, dtype: DType, tolerance: f64) {
    let all: Vec<_> = BinaryOp::ALL
        .iter()
        .filter(|op| !matches!(op.info().class, crate::op::Class::Logic | crate::op::Class::Bits))
        .collect();
    let pairs: Vec<(f64, f64)> = SPECIAL.iter().flat_map(|a| SPECIAL.map(|b| (*a, b))).collect();
    let (a, b): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
    for op in all {
        let got = ops(gpu, dtype, &[Code::Binary(*op)], &[a.clone(), b.clone()]);
        for i in 0..a.len() {
            let round = |x: f64| if dtype == DType::F32 { f64::from(x as f32) } else { x };
            let (x, y) = (round(a[i]), round(b[i]));
            let (g, w) = (got[0][i], round(interpret::binary(*op, x, y)));
            // A quotient past the integers of f32 has no exact remainder.
            if *op == BinaryOp::Rem && dtype == DType::F32 && (x / y).abs() > 1e7 {
                continue;
            }
            let near = g == w || (g.is_nan() && w.is_nan()) || (g - w).abs() <= tolerance * w.abs();
            assert!(near, "{op:?}({x}, {y}) as {dtype} is {g}, not {w}");
        }
        let [(al, ah), (bl, bh)] = op.info().domains;
        let inputs = [noise(256, al, ah, 5), noise(256, bl, bh, 6)];
        let got = ops(gpu, dtype, &[Code::Binary(*op)], &inputs);
        let want: Vec<_> = (0..256).map(|i| interpret::binary(*op, inputs[0][i], inputs[1][i])).collect();
        for i in 0..256 {
            let near = (got[0][i] - want[i]).abs() <= tolerance * want[i].abs().max(1.0);
            assert!(near, "{op:?}({}, {}) as {dtype} is {}, not {}", inputs[0][i], inputs[1][i], got[0][i], want[i]);
        }
    }
}

#[test]
fn binary_f32() {
    let Some(gpu) = default_gpu() else { return };
    check_binary(&*gpu, DType::F32, 4e-7);
}

#[test]
fn binary_f64() {
    let Some(gpu) = default_gpu() else { return };
    check_binary(&*gpu, DType::F64, 2e-15);
}

#[test]
fn powers_keep_their_precision() {
    let Some(gpu) = default_gpu() else { return };
    let base: Vec<_> = noise(512, 0.01, 50.0, 1);
    let exponent: Vec<_> = noise(512, -20.0, 20.0, 2);
    let got = ops(&*gpu, DType::F32, &[Code::Binary(BinaryOp::Pow)], &[base.clone(), exponent.clone()]);
    for i in 0..512 {
        let want = base[i].powf(exponent[i]);
        assert!((got[0][i] - want).abs() <= 1e-6 * want, "{} ^ {} is {}, not {want}", base[i], exponent[i], got[0][i]);
    }
}

/// The rules of `op::numeric::Integer`.
fn integer(op: BinaryOp, a: i64, b: i64) -> i64 {
    match op {
        BinaryOp::Add => a + b,
        BinaryOp::Sub => a - b,
        BinaryOp::Mul => a * b,
        BinaryOp::FloorDiv if b == 0 => 0,
        BinaryOp::FloorDiv => a.div_euclid(b) - i64::from(b < 0 && a.rem_euclid(b) != 0),
        BinaryOp::Rem if b == 0 => 0,
        BinaryOp::Rem => a - b * integer(BinaryOp::FloorDiv, a, b),
        BinaryOp::Pow if b < 0 => match a {
            1 => 1,
            -1 => {
                if b % 2 == 0 {
                    1
                } else {
                    -1
                }
            }
            _ => 0,
        },
        BinaryOp::Pow => a.wrapping_pow(b as u32),
        BinaryOp::Max => a.max(b),
        BinaryOp::Min => a.min(b),
        BinaryOp::BitAnd => a & b,
        BinaryOp::BitOr => a | b,
        BinaryOp::BitXor => a ^ b,
        _ => i64::from(interpret::binary(op, a as f64, b as f64) != 0.0),
    }
}

#[test]
fn integers() {
    let Some(gpu) = default_gpu() else { return };
    let pairs: Vec<(f64, f64)> = (-7..8).flat_map(|a| (-4..6).map(move |b| (f64::from(a), f64::from(b)))).collect();
    let (a, b): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
    for dtype in [DType::I8, DType::I32, DType::I64, DType::U8, DType::U32] {
        let clean = |v: &Vec<f64>| -> Vec<f64> {
            if dtype.is_signed() { v.clone() } else { v.iter().map(|x| x.abs()).collect() }
        };
        let (a, b) = (clean(&a), clean(&b));
        let all: Vec<_> = BinaryOp::ALL.iter().filter(|op| op.info().integers).collect();
        let codes: Vec<_> = all.iter().map(|op| Code::Binary(**op)).collect();
        let got = ops(&*gpu, dtype, &codes, &[a.clone(), b.clone()]);
        for (op, got) in all.iter().zip(&got) {
            for i in 0..a.len() {
                let want = Scalar::Int(integer(**op, a[i] as i64, b[i] as i64)).cast(dtype).to_f64();
                assert_eq!(got[i], want, "{op:?}({}, {}) as {dtype}", a[i], b[i]);
            }
        }
        let unary = [UnaryOp::Neg, UnaryOp::Abs, UnaryOp::Sign, UnaryOp::Square, UnaryOp::Relu, UnaryOp::BitNot];
        let got = ops(&*gpu, dtype, &unary.map(Code::Unary), std::slice::from_ref(&a));
        for (op, got) in unary.iter().zip(&got) {
            for (x, got) in a.iter().zip(got) {
                let x = *x as i64;
                let want = match op {
                    UnaryOp::Neg => -x,
                    UnaryOp::Abs => x.abs(),
                    UnaryOp::Sign => x.signum(),
                    UnaryOp::Square => x * x,
                    UnaryOp::Relu => x.max(0),
                    _ => !x,
                };
                let want = Scalar::UInt(want as u64).cast(dtype).to_f64();
                let want = if dtype.is_signed() { Scalar::Int(want as i64).cast(dtype).to_f64() } else { want };
                assert_eq!(*got, want, "{op:?}({x}) as {dtype}");
            }
        }
    }
}

/// Without wide types, 64-bit integers keep their low words.
fn check_casts(gpu: &dyn Executor, wide: bool) {
    let from = [0.0, 1.0, -1.0, 2.5, 100.0, -100.0, 65504.0, 1e-6];
    for a in DType::ALL {
        let targets: Vec<_> = DType::ALL.into_iter().filter(|to| *to != a).collect();
        let given: Vec<f64> = values(a, &bytes(a, &from));
        for to in targets.chunks(6) {
            let mut b = Build::new(&[from.len()], 1);
            let x = b.load(a);
            for to in to {
                let y = b.push(Code::Cast, &[x], *to);
                b.output(y);
            }
            let got = run(gpu, &b.kernel(), &[from.to_vec()], &[]).expect("casts run");
            for (to, got) in to.iter().zip(&got) {
                for (x, got) in given.iter().zip(got) {
                    // Negative floats saturate at 0 in unsigned dtypes before they wrap.
                    let scalar = if a.is_float() { Scalar::Float(*x) } else { Scalar::Int(*x as i64) };
                    let want = scalar.cast(*to).to_f64();
                    // Past 2^53 the test's own numbers are not exact.
                    if x.abs().max(want.abs()) > 2f64.powi(53)
                        || (!wide && (a.size() == 8 || to.size() == 8) && (*x > 2e9 || want > 2e9))
                    {
                        continue;
                    }
                    assert_eq!(*got, want, "{x} from {a} to {to}");
                }
            }
        }
    }
}

#[test]
fn casts() {
    let Some(gpu) = default_gpu() else { return };
    check_casts(&*gpu, true);
}

#[test]
fn casts_without_wide_types() {
    let Some(gpu) = gpu(&options(|o| (o.int64, o.f64) = (false, false))) else { return };
    check_casts(&*gpu, false);
}
