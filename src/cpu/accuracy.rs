//! The loops of `f32`, at every level that this processor offers, against those of `f64`: the bounds of the registry hold
//! for all. `tests/integration/accuracy.rs` compares what this processor takes, and the loops of `f64`, with correctly rounded
//! values.

use super::{
    loops::{binary_float, unary_float},
    simd::at,
};
use crate::op::{BinaryOp, Class, UnaryOp};

fn points() -> Vec<f32> {
    let mut points: Vec<f32> = (0..=80_000).map(|i| (i as f32 - 40_000.0) / 400.0).collect();
    points.extend((0..=40_000).map(|i| (i as f32 - 20_000.0) / 5_000.0));
    points.extend((0..2500).flat_map(|i| {
        let x = 10f32.powf(i as f32 / 33.0 - 38.0);
        [x, -x, 1.0 + x.min(0.5), 1.0 - x.min(0.5)]
    }));
    let ends =
        [0.0, 1e-45, 1e-40, f32::MIN_POSITIVE, 0.5, 1.0, 3.0, 88.7, 103.9, 16_777_216.0, 1e30, f32::MAX, f32::INFINITY];
    points.extend(ends.into_iter().flat_map(|x| [x, -x]).chain([f32::NAN]));
    points
}

/// The place of a number in the order of all numbers.
fn rank(x: f32) -> i64 {
    let magnitude = x.abs().to_bits() as i64;
    if x < 0.0 { -magnitude } else { magnitude }
}

/// Whether `y` is at most `bound` numbers away from the `f32` nearest to `exact`.
fn near(y: f32, exact: f64, bound: u32) -> bool {
    let rounded = exact as f32;
    if y.is_nan() || rounded.is_nan() {
        return y.is_nan() && rounded.is_nan();
    }
    let zeros = y == 0.0 || rounded == 0.0;
    rank(y).abs_diff(rank(rounded)) <= bound as u64 && (!zeros || y.is_sign_negative() == rounded.is_sign_negative())
}

#[test]
fn functions_of_one_f32_are_those_of_f64() {
    let points = points();
    let wide: Vec<f64> = points.iter().map(|&x| x as f64).collect();
    for &op in UnaryOp::ALL.iter().filter(|op| !matches!(op.info().class, Class::Logic | Class::Bits)) {
        let mut exact = vec![0f64; points.len()];
        unary_float::<f64>(op, &mut exact, &wide);
        for level in at::levels() {
            let mut found = vec![0f32; points.len()];
            at::level(level, || unary_float::<f32>(op, &mut found, &points));
            for ((x, y), e) in points.iter().zip(found).zip(&exact) {
                let ok = near(y, *e, op.info().accuracy.f32);
                assert!(ok, "{}({x:e}) = {y:e} instead of {:e}", op.info().name, *e as f32);
            }
        }
    }
}

/// Compares every pair of numbers, the second alone and as an array.
fn check_pairs(op: BinaryOp, a: &[f32], b: &[f32], exact: impl Fn(f64, f64) -> f64) {
    let mut found = vec![0f32; a.len()];
    for &y in b {
        for repeated in [vec![y], vec![y; a.len()]] {
            for level in at::levels() {
                at::level(level, || binary_float::<f32>(op, &mut found, a, &repeated));
                for (&x, &got) in a.iter().zip(&found) {
                    let e = exact(x as f64, y as f64);
                    let ok = near(got, e, op.info().accuracy.f32);
                    assert!(ok, "{}({x:e}, {y:e}) = {got:e} instead of {:e}", op.info().name, e as f32);
                }
            }
        }
    }
}

fn edges() -> Vec<f32> {
    let edges =
        [0.0, 1e-45, 1e-40, 0.3, 0.5, 1.0, 1.5, 2.0, 3.0, 16_777_215.0, 16_777_216.0, 1e30, f32::MAX, f32::INFINITY];
    edges.into_iter().flat_map(|x| [x, -x]).chain([f32::NAN]).collect()
}

#[test]
fn powers_are_accurate() {
    let bases = (1..4000).map(|i| i as f32 / 1000.0).chain((0..760).map(|i| 10f32.powf(i as f32 / 10.0 - 38.0)));
    let near_one = (1..300u32).flat_map(|i| [1f32.to_bits() + i, 1f32.to_bits() - i]).map(f32::from_bits);
    let bases: Vec<f32> = bases.chain(near_one).collect();
    let exponents: Vec<f32> =
        (-80..=80).map(|i| i as f32 * 0.37).chain([1e-6, -1e-6, 1000.3, -1000.3, 3e6, 127.0]).collect();
    check_pairs(BinaryOp::Pow, &bases, &exponents, f64::powf);
    check_pairs(BinaryOp::Pow, &edges(), &edges(), f64::powf);
}

/// What the loops of `f64` give.
fn wide(op: BinaryOp) -> impl Fn(f64, f64) -> f64 {
    move |a, b| {
        let mut y = [0.0];
        binary_float::<f64>(op, &mut y, &[a], &[b]);
        y[0]
    }
}

#[test]
fn functions_with_a_parameter_are_those_of_f64() {
    let alphas = [0.0, 1e-40, 1e-30, 1e-3, 0.1, 0.3, 1.0, 1.7, 30.0, 1e30, f32::INFINITY, f32::NAN];
    let signed: Vec<f32> = alphas.into_iter().flat_map(|alpha| [alpha, -alpha]).collect();
    check_pairs(BinaryOp::LeakyRelu, &points(), &signed, wide(BinaryOp::LeakyRelu));
    check_pairs(BinaryOp::Elu, &points(), &signed, wide(BinaryOp::Elu));
    check_pairs(BinaryOp::Celu, &points(), &alphas, wide(BinaryOp::Celu));
}

#[test]
fn quotients_are_those_of_f64() {
    let mut divisors = edges();
    divisors.extend([7.0, -7.0, 0.1, 1e-3, 1e-30]);
    check_pairs(BinaryOp::Rem, &points(), &divisors, wide(BinaryOp::Rem));
    // Quotients above 2^53, which `f64` has to round once more, are left to `tests/integration/accuracy.rs`.
    let moderate: Vec<f32> = points().into_iter().filter(|x| !(1e7..f32::INFINITY).contains(&x.abs())).collect();
    let divisors: Vec<f32> = divisors.into_iter().filter(|y| *y == 0.0 || y.abs() > 1e-5).collect();
    check_pairs(BinaryOp::FloorDiv, &moderate, &divisors, wide(BinaryOp::FloorDiv));
}
