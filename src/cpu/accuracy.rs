//! The functions of `f32` against those of `f64`.

use super::{loops::unary_float, simd::has_fma};
use crate::op::{Class, UnaryOp, numeric::Fused32};

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
