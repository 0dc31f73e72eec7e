//! Sines and cosines of any `f64`.

use std::sync::LazyLock;

use super::wide::{PI, Wide, power_of_two, split};

/// 2 / pi, 32 bits a word.
#[rustfmt::skip]
const FRAC_2_PI: [u32; 42] = [
    0xa2f9_836e, 0x4e44_1529, 0xfc27_57d1, 0xf534_ddc0, 0xdb62_9599, 0x3c43_9041, 0xfe51_63ab,
    0xdebb_c561, 0xb724_6e3a, 0x424d_d2e0, 0x0649_2eea, 0x09d1_921c, 0xfe1d_eb1c, 0xb129_a73e,
    0xe882_35f5, 0x2ebb_4484, 0xe99c_7026, 0xb45f_7e41, 0x3991_d639, 0x8353_39f4, 0x9c84_5f8b,
    0xbdf9_283b, 0x1ff8_97ff, 0xde05_980f, 0xef2f_118b, 0x5a0a_6d1f, 0x6d36_7ecf, 0x27cb_09b7,
    0x4f46_3f66, 0x9e5f_ea2d, 0x7527_bac7, 0xebe5_f17b, 0x3d07_39f7, 0x8a52_92ea, 0x6bfb_5fb1,
    0x1f8d_5d08, 0x5603_3046, 0xfc7b_6bab, 0xf0cf_bc20, 0x9af4_361d, 0xa9e3_9161, 0x5ee6_1b08,
];

/// `x` less the nearest multiple of pi / 2, and that multiple modulo 4 (Payne and Hanek).
fn reduce(x: f64) -> (Wide, u32) {
    if x.abs() < 0.78 {
        return (x.into(), 0);
    }
    let (y, exp) = split(x);
    // |x| = m * 2^(32 k), an integer of up to 84 bits.
    let (k, shift) = ((exp - 52).div_euclid(32), (exp - 52).rem_euclid(32));
    let m = ((y.abs() * power_of_two(52)) as u128) << shift;
    // Words of 2 / pi whose products are multiples of 4 are left out.
    let first = (k - 2).max(0) as usize;
    let mut product = [0u32; 15];
    for (j, &word) in FRAC_2_PI[first..first + 12].iter().rev().enumerate() {
        let mut carry = 0u128;
        for i in 0..15 - j {
            let digit = if i < 3 { m >> (32 * i) & 0xffff_ffff } else { 0 };
            let sum = product[i + j] as u128 + digit * word as u128 + carry;
            (product[i + j], carry) = (sum as u32, sum >> 32);
        }
    }
    // The words below `point` are the fraction.
    let point = (first as i32 + 12 - k) as usize;
    let whole = if point < 15 { product[point] } else { 0 };
    let up = product[point - 1] >> 31;
    let mut fraction = Wide::from(0.0);
    for (i, &word) in product[..point].iter().rev().enumerate() {
        // Of the upper half the distance to 1.
        let word = if up == 1 { !word } else { word };
        fraction = fraction + word as f64 * power_of_two(-32 * (i as i32 + 1));
    }
    let r = fraction * PI.scale(0.5);
    let (r, q) = if up == 1 { (-r, whole.wrapping_add(1)) } else { (r, whole) };
    if x < 0.0 { (-r, q.wrapping_neg() & 3) } else { (r, q & 3) }
}

/// `1 / n!`
static INVERSE_FACTORIALS: LazyLock<[Wide; 31]> = LazyLock::new(|| {
    let mut all = [Wide::ONE; 31];
    for n in 1..31 {
        all[n] = all[n - 1] / n as f64;
    }
    all
});

/// The sine and cosine of a number in `[-pi / 4, pi / 4]`.
fn near(r: Wide) -> (Wide, Wide) {
    let z = -r.square();
    let terms = &*INVERSE_FACTORIALS;
    let (mut sin, mut cos) = (terms[29], terms[30]);
    for n in (0..29).rev() {
        match n % 2 {
            1 => sin = sin * z + terms[n],
            _ => cos = cos * z + terms[n],
        }
    }
    (sin * r, cos)
}

/// The sine and cosine of a finite number.
pub fn sin_cos(x: f64) -> (Wide, Wide) {
    let (r, quadrant) = reduce(x);
    let (sin, cos) = near(r);
    match quadrant {
        0 => (sin, cos),
        1 => (cos, -sin),
        2 => (-sin, -cos),
        _ => (-cos, sin),
    }
}
