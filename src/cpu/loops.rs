//! The loops of elementwise ops, one per row of the registry and type of value.

use bytemuck::{Pod, cast_slice, cast_slice_mut};

use super::{
    convert::{Bit, Number},
    simd::{Float, simd},
};
use crate::op::{
    BinaryOp, UnaryOp,
    binary::binary_table,
    numeric::{Integer, Real},
    unary::unary_table,
};

/// One loop that computes in `$T`, or nothing where a row has no such column.
macro_rules! unary_loop {
    ($T:ty, $dst:ident, $src:ident,) => {
        unreachable!("the registry has no such column")
    };
    ($T:ty, $dst:ident, $src:ident, |$x:ident| $value:expr) => {
        for (d, s) in $dst.iter_mut().zip($src) {
            let $x = <$T>::from(*s);
            *d = $value.into();
        }
    };
}

macro_rules! define_unary {
    ($($variant:ident $name:ident $class:ident $domain:tt $accuracy:tt $doc:literal
        float($($float:tt)*) int($($int:tt)*);)*) => {
        simd! {
            pub(super) fn unary_float<T: Float>(op: UnaryOp, dst: &mut [T], src: &[T]) {
                match op {
                    $(UnaryOp::$variant => unary_loop!(T::At<L>, dst, src, $($float)*),)*
                }
                far_angles::<T, T::At<L>>(op, dst, src);
            }
        }
        simd! {
            pub(super) fn unary_int<T: Integer>(op: UnaryOp, dst: &mut [T], src: &[T]) {
                match op {
                    $(UnaryOp::$variant => unary_loop!(T, dst, src, $($int)*),)*
                }
            }
        }
    };
}
unary_table!(define_unary);

/// Computes sines and cosines again where the loop does not reach: the loop stays without branches.
#[inline(always)]
fn far_angles<T: Copy, R: Real + From<T> + Into<T>>(op: UnaryOp, dst: &mut [T], src: &[T]) {
    let far = match op {
        UnaryOp::Sin => R::sin_far,
        UnaryOp::Cos => R::cos_far,
        _ => return,
    };
    if src.iter().fold(true, |all, &x| all & R::from(x).moderate()) {
        return;
    }
    for (d, x) in dst.iter_mut().zip(src).map(|(d, &x)| (d, R::from(x))).filter(|(_, x)| !x.moderate()) {
        *d = far(x).into();
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

/// A loop over two operands as long as the result.
macro_rules! equal_loop {
    ($wrap:expr, $dst:ident, $a:ident, $b:ident,) => {
        unreachable!("the registry has no such column")
    };
    ($wrap:expr, $dst:ident, $a:ident, $b:ident, |$x:ident, $y:ident| $value:expr) => {
        for ((d, a), b) in $dst.iter_mut().zip($a).zip($b) {
            let ($x, $y) = (*a, *b);
            *d = $wrap($value);
        }
    };
}

/// The same, or over one operand and a second one of length 1, which is repeated.
macro_rules! right_loop {
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
        } else {
            equal_loop!($wrap, $dst, $a, $b, |$x, $y| $value)
        }
    };
}

/// A loop for rows whose result has the type of their inputs.
macro_rules! arithmetic_loop {
    ($variant:ident Compare $($rest:tt)*) => { unreachable!("comparisons give bools") };
    (Pow $class:ident $($rest:tt)*) => { equal_loop!(std::convert::identity, $($rest)*) };
    (FloorDiv $class:ident $($rest:tt)*) => { equal_loop!(std::convert::identity, $($rest)*) };
    (Rem $class:ident $($rest:tt)*) => { equal_loop!(std::convert::identity, $($rest)*) };
    (Atan2 $class:ident $($rest:tt)*) => { equal_loop!(std::convert::identity, $($rest)*) };
    ($variant:ident $class:ident $($rest:tt)*) => { right_loop!(std::convert::identity, $($rest)*) };
}

/// The same for integers; what no vector instruction computes is in [`int_dear`].
macro_rules! whole_loop {
    (Pow $($rest:tt)*) => { unreachable!("powers have a loop of their own") };
    (FloorDiv $($rest:tt)*) => { unreachable!("quotients have a loop of their own") };
    (Rem $($rest:tt)*) => { unreachable!("remainders have a loop of their own") };
    (Max $($row:tt)*) => { arithmetic_loop!(Max $($row)*) };
    (Min $($row:tt)*) => { arithmetic_loop!(Min $($row)*) };
    ($($row:tt)*) => {{
        if !T::SIGNED {
            unreachable!("the signed integer's loop gives the same bits")
        }
        arithmetic_loop!($($row)*)
    }};
}

/// A loop for rows whose result is a bool.
macro_rules! comparison_loop {
    (Compare $($rest:tt)*) => { right_loop!(bit, $($rest)*) };
    ($class:ident $($rest:tt)*) => { unreachable!("only comparisons give bools") };
}

/// The op that gives the same with its operands the other way round.
fn turned(op: BinaryOp) -> Option<BinaryOp> {
    match op {
        BinaryOp::Lt => Some(BinaryOp::Gt),
        BinaryOp::Le => Some(BinaryOp::Ge),
        BinaryOp::Gt => Some(BinaryOp::Lt),
        BinaryOp::Ge => Some(BinaryOp::Le),
        BinaryOp::Add | BinaryOp::Mul | BinaryOp::Eq | BinaryOp::Ne => Some(op),
        BinaryOp::And | BinaryOp::Or | BinaryOp::Xor => Some(op),
        BinaryOp::BitAnd | BinaryOp::BitOr | BinaryOp::BitXor => Some(op),
        _ => None,
    }
}

/// Whether an op takes much longer than moving an element.
fn is_dear(op: BinaryOp) -> bool {
    matches!(op, BinaryOp::Pow | BinaryOp::FloorDiv | BinaryOp::Rem | BinaryOp::Atan2)
}

/// Elements that an operand of length 1 is repeated for at once.
const REPEATED: usize = 1024;

/// Calls the loops for operands of any length, of which those of length 1 are repeated.
///
/// There is one loop for a single operand on the right where an op is cheap, and none elsewhere: a copy for every
/// element costs less than loops for both sides take in machine code.
#[inline]
fn spread<T: Copy, D>(op: BinaryOp, dst: &mut [D], a: &[T], b: &[T], loops: impl Fn(BinaryOp, &mut [D], &[T], &[T])) {
    let n = dst.len();
    let (op, a, b) = match turned(op) {
        Some(op) if a.len() < n => (op, b, a),
        _ => (op, a, b),
    };
    if a.len() == n && (b.len() == n || !is_dear(op)) {
        return loops(op, dst, a, b);
    }
    let single = if a.len() < n { a[0] } else { b[0] };
    let copies = [single; REPEATED];
    for (i, dst) in dst.chunks_mut(REPEATED).enumerate() {
        let [a, b] = [a, b].map(|x| if x.len() < n { &copies[..dst.len()] } else { &x[i * REPEATED..][..dst.len()] });
        loops(op, dst, a, b);
    }
}

#[inline(always)]
fn bit(value: bool) -> Bit {
    Bit(value as u8)
}

macro_rules! define_binary {
    ($($variant:ident $name:ident $(($($parameter:tt)*))? $class:ident $da:tt $db:tt $accuracy:tt $doc:literal
        float($($float:tt)*) int($($int:tt)*);)*) => {
        simd! {
            fn float_loops<T: Real>(op: BinaryOp, dst: &mut [T], a: &[T], b: &[T]) {
                match op {
                    $(BinaryOp::$variant => arithmetic_loop!($variant $class dst, a, b, $($float)*),)*
                }
                far_quotients(op, dst, a, b);
            }
        }
        simd! {
            fn int_loops<T: Whole>(op: BinaryOp, dst: &mut [T], a: &[T], b: &[T]) {
                match op {
                    $(BinaryOp::$variant => whole_loop!($variant $class dst, a, b, $($int)*),)*
                }
            }
        }
        simd! {
            fn compare_loops<T: Comparable>(op: BinaryOp, dst: &mut [Bit], a: &[T], b: &[T]) {
                match op {
                    $(BinaryOp::$variant => comparison_loop!($class dst, a, b, $($float)*),)*
                }
            }
        }
    };
}
binary_table!(define_binary);

/// An op of two floats.
pub(super) fn binary_float<T: Real>(op: BinaryOp, dst: &mut [T], a: &[T], b: &[T]) {
    spread(op, dst, a, b, float_loops);
}

/// Integers, and the signed ones that have the same bits.
pub(super) trait Whole: Integer + Pod {
    const SIGNED: bool;
    type Signed: Whole;
}

macro_rules! whole {
    ($($t:ty: $signed:ty, $is:literal;)*) => {$(
        impl Whole for $t {
            const SIGNED: bool = $is;
            type Signed = $signed;
        }
    )*};
}
whole! { i32: i32, true; u32: i32, false; i64: i64, true; u64: i64, false; }

/// An op of two integers.
pub(super) fn binary_int<T: Whole>(op: BinaryOp, dst: &mut [T], a: &[T], b: &[T]) {
    match op {
        _ if is_dear(op) => spread(op, dst, a, b, int_dear),
        BinaryOp::Max | BinaryOp::Min => spread(op, dst, a, b, int_loops),
        _ => spread(op, cast_slice_mut(dst), cast_slice(a), cast_slice(b), int_loops::<T::Signed>),
    }
}

/// What no vector instruction computes, the same at every level.
fn int_dear<T: Integer>(op: BinaryOp, dst: &mut [T], a: &[T], b: &[T]) {
    match op {
        BinaryOp::Pow => equal_loop!(std::convert::identity, dst, a, b, |x, y| x.pow(y)),
        BinaryOp::FloorDiv => equal_loop!(std::convert::identity, dst, a, b, |x, y| x.floor_div(y)),
        _ => equal_loop!(std::convert::identity, dst, a, b, |x, y| x.remainder(y)),
    }
}

/// A comparison.
pub(super) fn compare<T: Comparable>(op: BinaryOp, dst: &mut [Bit], a: &[T], b: &[T]) {
    spread(op, dst, a, b, compare_loops);
}

/// Logic on bools, and those of the arithmetic ops that are defined for them.
pub(super) fn logic(op: BinaryOp, dst: &mut [Bit], a: &[Bit], b: &[Bit]) {
    let op = match op {
        BinaryOp::Or | BinaryOp::BitOr | BinaryOp::Max | BinaryOp::Add => BinaryOp::Or,
        BinaryOp::Xor | BinaryOp::BitXor => BinaryOp::Xor,
        BinaryOp::And | BinaryOp::BitAnd | BinaryOp::Min | BinaryOp::Mul => BinaryOp::And,
        _ => unreachable!("other ops promote bools or refuse them"),
    };
    spread(op, dst, a, b, logic_loops);
}

/// Divides again where the loop does not reach: large quotients, and what is not finite.
#[inline(always)]
fn far_quotients<T: Real>(op: BinaryOp, dst: &mut [T], a: &[T], b: &[T]) {
    let far = match op {
        BinaryOp::FloorDiv => T::floor_divide_far,
        BinaryOp::Rem => T::remainder_far,
        _ => return,
    };
    if a.iter().zip(b).fold(true, |all, (x, y)| all & x.divides(*y)) {
        return;
    }
    for ((d, &x), &y) in dst.iter_mut().zip(a).zip(b) {
        if !x.divides(y) {
            *d = far(x, y);
        }
    }
}

/// What comparisons ask of a type: their rows read the same for floats and integers.
pub(super) trait Comparable: Copy + PartialOrd {}
impl<T: Number + PartialOrd> Comparable for T {}

simd! {
    fn logic_loops(op: BinaryOp, dst: &mut [Bit], a: &[Bit], b: &[Bit]) {
        match op {
            BinaryOp::Or => right_loop!(Bit, dst, a, b, |x, y| x.0 | y.0),
            BinaryOp::Xor => right_loop!(Bit, dst, a, b, |x, y| x.0 ^ y.0),
            _ => right_loop!(Bit, dst, a, b, |x, y| x.0 & y.0),
        }
    }
}

/// The bits of what `where` chooses among.
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
choice!(u8 u32 u64);

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
