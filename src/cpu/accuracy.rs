//! The functions of `f32` against those of `f64`.

use super::{
    loops::{binary_float, unary_float},
    simd::has_fma,
};
use crate::op::{BinaryOp, Class, UnaryOp, numeric::Fused32};

#[test]
fn functions_are_accurate() {
    let mut points: Vec<f32> = (0..=80_000).map(|i| (i as f32 - 40_000.0) / 400.0).collect();
    points.extend((0..=40_000).map(|i| (i as f32 - 20_000.0) / 5_000.0));
    points.extend((0..2500).flat_map(|i| {
        let x = 10f32.powf(i as f32 / 33.0 - 38.0);
        [x, -x, 1.0 + x.min(0.5), 1.0 - x.min(0.5)]
    }));
    points.extend([
        0.0,
        -0.0,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::NAN,
        f32::MAX,
        f32::MIN,
        1e-45,
        88.7,
        88.8,
        -103.0,
    ]);
    for &op in UnaryOp::ALL.iter().filter(|op| op.info().class == Class::Float) {
        let wide: Vec<f64> = points.iter().map(|&x| x as f64).collect();
        let (mut plain, mut exact) = (vec![0f32; points.len()], vec![0f64; points.len()]);
        unary_float::<f32>(op, &mut plain, &points);
        unary_float::<f64>(op, &mut exact, &wide);
        let mut fused = vec![0f32; points.len()];
        if has_fma() {
            // SAFETY: `Fused32` is a transparent `f32`.
            let (out, x) = unsafe {
                (
                    std::slice::from_raw_parts_mut(fused.as_mut_ptr().cast::<Fused32>(), points.len()),
                    std::slice::from_raw_parts(points.as_ptr().cast::<Fused32>(), points.len()),
                )
            };
            unary_float::<Fused32>(op, out, x);
        } else {
            fused.copy_from_slice(&plain);
        }
        for (i, &x) in points.iter().enumerate() {
            // Beyond, one step of `f32` is more than a period.
            if matches!(op, UnaryOp::Sin | UnaryOp::Cos | UnaryOp::Tan) && x.abs() > 1e6 {
                continue;
            }
            let e = exact[i];
            let scale = match op {
                UnaryOp::Sin | UnaryOp::Cos => 1.0,
                // Their tails are differences of larger numbers, in PyTorch too.
                UnaryOp::Gelu | UnaryOp::GeluTanh | UnaryOp::Hardswish | UnaryOp::Hardsigmoid => {
                    x.abs().max(1e-30) as f64
                }
                // Products with subnormal factors.
                _ => e.abs().max(f32::MIN_POSITIVE as f64 * (x.abs() as f64).clamp(1.0, 200.0)),
            };
            let tolerance = match op {
                UnaryOp::GeluTanh | UnaryOp::Mish => 2e-6,
                _ => 6e-7,
            };
            for y in [plain[i], fused[i]] {
                let rounded = e as f32;
                let same = y == rounded || (y.is_nan() && e.is_nan()) || (y as f64 - e).abs() <= tolerance * scale;
                assert!(same, "{}({x:e}) = {y:e} instead of {e:e}", op.info().name);
            }
        }
    }
}

/// Compares powers with those of `f64`, which the standard library computes.
fn check_powers(bases: &[f32], exponents: &[f32]) {
    let mut got = vec![0.0; bases.len()];
    for &b in exponents {
        binary_float::<f32>(BinaryOp::Pow, &mut got, bases, &[b]);
        for (&x, &y) in bases.iter().zip(&got) {
            let e = (x as f64).powf(b as f64);
            let rounded = e as f32;
            let same = y.to_bits() == rounded.to_bits()
                || (y.is_nan() && e.is_nan())
                || (rounded.is_finite() && (y as f64 - e).abs() <= 4e-7 * e.abs().max(f32::MIN_POSITIVE as f64));
            assert!(same, "pow({x:e}, {b:e}) = {y:e} instead of {e:e}");
            assert_eq!(y.is_sign_negative() && !y.is_nan(), e.is_sign_negative() && !e.is_nan(), "pow({x:e}, {b:e})");
        }
    }
}

#[test]
fn powers_are_accurate() {
    let bases = (1..4000).map(|i| i as f32 / 1000.0).chain((0..760).map(|i| 10f32.powf(i as f32 / 10.0 - 38.0)));
    let near_one = (1..300u32).flat_map(|i| [1f32.to_bits() + i, 1f32.to_bits() - i]).map(f32::from_bits);
    let bases: Vec<f32> = bases.chain(near_one).collect();
    let exponents: Vec<f32> =
        (-80..=80).map(|i| i as f32 * 0.37).chain([1e-6, -1e-6, 1000.3, -1000.3, 3e6, 127.0]).collect();
    check_powers(&bases, &exponents);
}

#[test]
fn powers_have_the_edges_of_c() {
    let edges =
        [0.0, 1e-45, 1e-40, 0.3, 0.5, 1.0, 1.5, 2.0, 3.0, 16_777_215.0, 16_777_216.0, 1e30, f32::MAX, f32::INFINITY];
    let edges: Vec<f32> = edges.into_iter().flat_map(|x| [x, -x]).chain([f32::NAN]).collect();
    check_powers(&edges, &edges);
}
