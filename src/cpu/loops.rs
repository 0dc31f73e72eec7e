//! The loops of elementwise ops, one per row of the registry and type of value.

use super::{
    convert::{Bit, Number},
    simd::simd,
};
use crate::op::{
    BinaryOp, UnaryOp,
    binary::binary_table,
    numeric::{Integer, Real},
    unary::unary_table,
};

/// One loop, or nothing where a row has no such column.
macro_rules! unary_loop {
    ($dst:ident, $src:ident,) => {
        unreachable!("the registry has no such column")
    };
    ($dst:ident, $src:ident, |$x:ident| $value:expr) => {
        for (d, s) in $dst.iter_mut().zip($src) {
            let $x = *s;
            *d = $value;
        }
    };
}

macro_rules! define_unary {
    ($($variant:ident $name:ident $class:ident $domain:tt $accuracy:tt $doc:literal
        float($($float:tt)*) int($($int:tt)*);)*) => {
        simd! {
            pub(super) fn unary_float<T: Real>(op: UnaryOp, dst: &mut [T], src: &[T]) {
                match op {
                    $(UnaryOp::$variant => unary_loop!(dst, src, $($float)*),)*
                }
                far_angles(op, dst, src);
            }
        }
        simd! {
            pub(super) fn unary_int<T: Integer>(op: UnaryOp, dst: &mut [T], src: &[T]) {
                match op {
                    $(UnaryOp::$variant => unary_loop!(dst, src, $($int)*),)*
                }
            }
        }
    };
}
unary_table!(define_unary);

/// Computes sines and cosines again where the loop does not reach: the loop stays without branches.
#[inline(always)]
fn far_angles<T: Real>(op: UnaryOp, dst: &mut [T], src: &[T]) {
    let far = match op {
        UnaryOp::Sin => T::sin_far,
        UnaryOp::Cos => T::cos_far,
        _ => return,
    };
    if src.iter().fold(true, |all, x| all & x.moderate()) {
        return;
    }
    for (d, x) in dst.iter_mut().zip(src).filter(|(_, x)| !x.moderate()) {
        *d = far(*x);
    }
}

simd! {
    /// `logical_not`, and `bitwise_not` of bools.
    pub(super) fn not(dst: &mut [Bit], src: &[Bit]) {
        for (d, s) in dst.iter_mut().zip(src) {
            *d = Bit((s.0 == 0) as u8);
        }
    }
}

/// One loop in three forms: an operand of length 1 is repeated.
macro_rules! binary_loop {
    ($wrap:expr, $dst:ident, $a:ident, $b:ident,) => {
        unreachable!("the registry has no such column")
    };
    ($wrap:expr, $dst:ident, $a:ident, $b:ident, |$x:ident, $y:ident| $value:expr) => {
        if $b.len() < $dst.len() {
            let $y = $b[0];
            for (d, a) in $dst.iter_mut().zip($a) {
                let $x = *a;
                *d = $wrap($value);
            }
        } else if $a.len() < $dst.len() {
            let $x = $a[0];
            for (d, b) in $dst.iter_mut().zip($b) {
                let $y = *b;
                *d = $wrap($value);
            }
        } else {
            for ((d, a), b) in $dst.iter_mut().zip($a).zip($b) {
                let ($x, $y) = (*a, *b);
                *d = $wrap($value);
            }
        }
    };
}

/// A loop for rows whose result has the type of their inputs.
macro_rules! arithmetic_loop {
    (Compare $($rest:tt)*) => { unreachable!("comparisons give bools") };
    ($class:ident $($rest:tt)*) => { binary_loop!(std::convert::identity, $($rest)*) };
}

/// A loop for rows whose result is a bool.
macro_rules! comparison_loop {
    (Compare $($rest:tt)*) => { binary_loop!(bit, $($rest)*) };
    ($class:ident $($rest:tt)*) => { unreachable!("only comparisons give bools") };
}

#[inline(always)]
fn bit(value: bool) -> Bit {
    Bit(value as u8)
}

macro_rules! define_binary {
    ($($variant:ident $name:ident $(($($parameter:tt)*))? $class:ident $da:tt $db:tt $accuracy:tt $doc:literal
        float($($float:tt)*) int($($int:tt)*);)*) => {
        simd! {
            pub(super) fn binary_float<T: Real>(op: BinaryOp, dst: &mut [T], a: &[T], b: &[T]) {
                match op {
                    $(BinaryOp::$variant => arithmetic_loop!($class dst, a, b, $($float)*),)*
                }
                far_quotients(op, dst, a, b);
            }
        }
        simd! {
            pub(super) fn binary_int<T: Integer>(op: BinaryOp, dst: &mut [T], a: &[T], b: &[T]) {
                match op {
                    $(BinaryOp::$variant => arithmetic_loop!($class dst, a, b, $($int)*),)*
                }
            }
        }
        simd! {
            pub(super) fn compare<T: Comparable>(op: BinaryOp, dst: &mut [Bit], a: &[T], b: &[T]) {
                match op {
                    $(BinaryOp::$variant => comparison_loop!($class dst, a, b, $($float)*),)*
                }
            }
        }
    };
}
binary_table!(define_binary);

/// Divides again where the loop does not reach: large quotients, and what is not finite.
#[inline(always)]
fn far_quotients<T: Real>(op: BinaryOp, dst: &mut [T], a: &[T], b: &[T]) {
    let far = match op {
        BinaryOp::FloorDiv => T::floor_divide_far,
        BinaryOp::Rem => T::remainder_far,
        _ => return,
    };
    let reached = match (a, b) {
        (_, [y]) => a.iter().fold(true, |all, x| all & x.divides(*y)),
        ([x], _) => b.iter().fold(true, |all, y| all & x.divides(*y)),
        _ => a.iter().zip(b).fold(true, |all, (x, y)| all & x.divides(*y)),
    };
    if reached {
        return;
    }
    for (i, d) in dst.iter_mut().enumerate() {
        let (x, y) = (a[i.min(a.len() - 1)], b[i.min(b.len() - 1)]);
        if !x.divides(y) {
            *d = far(x, y);
        }
    }
}

/// What comparisons ask of a type: their rows read the same for floats and integers.
pub(super) trait Comparable: Copy + PartialOrd {}
impl<T: Number + PartialOrd> Comparable for T {}

simd! {
    /// Logic on bools, and those of the arithmetic ops that are defined for them.
    pub(super) fn logic(op: BinaryOp, dst: &mut [Bit], a: &[Bit], b: &[Bit]) {
        match op {
            BinaryOp::Or | BinaryOp::BitOr | BinaryOp::Max | BinaryOp::Add => binary_loop!(Bit, dst, a, b, |x, y| x.0 | y.0),
            BinaryOp::Xor | BinaryOp::BitXor => binary_loop!(Bit, dst, a, b, |x, y| x.0 ^ y.0),
            BinaryOp::And | BinaryOp::BitAnd | BinaryOp::Min | BinaryOp::Mul => {
                binary_loop!(Bit, dst, a, b, |x, y| x.0 & y.0)
            }
            _ => unreachable!("other ops promote bools or refuse them"),
        }
    }
}

/// What `where` chooses among.
pub(super) trait Choice: Copy {
    /// By masks: of a branch, the compiler makes a choice of addresses, and no loop of vectors.
    fn choose(first: bool, a: Self, b: Self) -> Self;
}

macro_rules! choice {
    ($($t:ty)*) => {$(
        impl Choice for $t {
            #[inline(always)]
            fn choose(first: bool, a: Self, b: Self) -> Self {
                let mask = (first as $t).wrapping_neg();
                a & mask | b & !mask
            }
        }
    )*};
}
choice!(u8 i32 u32 i64 u64);

impl Choice for f32 {
    #[inline(always)]
    fn choose(first: bool, a: Self, b: Self) -> Self {
        Self::from_bits(u32::choose(first, a.to_bits(), b.to_bits()))
    }
}

impl Choice for f64 {
    #[inline(always)]
    fn choose(first: bool, a: Self, b: Self) -> Self {
        Self::from_bits(u64::choose(first, a.to_bits(), b.to_bits()))
    }
}

impl Choice for Bit {
    #[inline(always)]
    fn choose(first: bool, a: Self, b: Self) -> Self {
        Self(u8::choose(first, a.0, b.0))
    }
}

simd! {
    pub(super) fn choose<T: Choice>(dst: &mut [T], condition: &[Bit], a: &[T], b: &[T]) {
        for (((d, c), a), b) in dst.iter_mut().zip(condition).zip(a).zip(b) {
            *d = T::choose(c.0 != 0, *a, *b);
        }
    }
}

simd! {
    /// Word `word` of Philox4x32-10 at counter `(c, 0, 0, 0)`, after Salmon et al., "Parallel random numbers: as easy
    /// as 1, 2, 3".
    pub(super) fn philox(dst: &mut [u32], counters: &[u32], key: [u32; 2], word: u8) {
        for (d, c) in dst.iter_mut().zip(counters) {
            let mut x = [*c, 0, 0, 0];
            let mut k = key;
            for _ in 0..10 {
                let p = 0xd251_1f53_u64 * x[0] as u64;
                let q = 0xcd9e_8d57_u64 * x[2] as u64;
                x = [(q >> 32) as u32 ^ x[1] ^ k[0], q as u32, (p >> 32) as u32 ^ x[3] ^ k[1], p as u32];
                k = [k[0].wrapping_add(0x9e37_79b9), k[1].wrapping_add(0xbb67_ae85)];
            }
            *d = match word {
                0 => x[0],
                1 => x[1],
                2 => x[2],
                _ => x[3],
            };
        }
    }
}

simd! {
    /// Each value `width` times. Writes up to 15 elements more than that: always whole registers.
    ///
    /// Must only be called with room for them, which the plan leaves behind tiles.
    pub(super) fn repeat<T: Copy>(dst: *mut T, width: usize, values: &[T]) {
        for (row, value) in values.iter().enumerate() {
            let wide = [*value; 16];
            for at in (0..width).step_by(16) {
                // SAFETY: see above.
                unsafe { dst.add(row * width + at).cast::<[T; 16]>().write(wide) };
            }
        }
    }
}
