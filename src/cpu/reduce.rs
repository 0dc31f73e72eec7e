//! The loops of reductions: along a slice, and slice onto slice.

use super::{convert::Bit, order::TILE, simd::simd};
use crate::{
    dtype::Compute,
    op::{ReduceOp, numeric::Real},
};

/// A type that reductions accumulate in.
pub(super) trait Fold: Copy {
    /// Whether there are sums and products of this type: those of unsigned integers are the signed ones' bits, those of
    /// bools are the largest and the smallest one.
    const ADDS: bool;
    /// Whether results do not depend on the order: the compiler's loops choose one.
    const EXACT: bool;
    fn identity(op: ReduceOp) -> Self;
    fn sum(self, b: Self) -> Self;
    fn product(self, b: Self) -> Self;
    /// NaN if one is NaN.
    fn largest(self, b: Self) -> Self;
    /// NaN if one is NaN.
    fn smallest(self, b: Self) -> Self;
    /// The larger one, whatever comes of NaN: one instruction.
    fn higher(self, b: Self) -> Self;
    /// The smaller one, whatever comes of NaN: one instruction.
    fn lower(self, b: Self) -> Self;
    /// NaN if the slice holds one, else `self`.
    fn unless_nan(self, src: &[Self]) -> Self;
}

macro_rules! folds {
    ($($t:ty: $adds:expr, $exact:expr, $zero:expr, $one:expr, $low:expr, $high:expr, $sum:expr, $product:expr, $max:expr, $min:expr, $nan:expr;)*) => {$(
        impl Fold for $t {
            const ADDS: bool = $adds;
            const EXACT: bool = $exact;
            #[inline(always)]
            fn identity(op: ReduceOp) -> Self {
                match op {
                    ReduceOp::Sum => $zero,
                    ReduceOp::Prod => $one,
                    ReduceOp::Max => $low,
                    ReduceOp::Min => $high,
                }
            }
            #[inline(always)]
            fn sum(self, b: Self) -> Self { $sum(self, b) }
            #[inline(always)]
            fn product(self, b: Self) -> Self { $product(self, b) }
            #[inline(always)]
            fn largest(self, b: Self) -> Self { $max(self, b) }
            #[inline(always)]
            fn smallest(self, b: Self) -> Self { $min(self, b) }
            #[inline(always)]
            fn higher(self, b: Self) -> Self {
                if self > b { self } else { b }
            }
            #[inline(always)]
            fn lower(self, b: Self) -> Self {
                if self < b { self } else { b }
            }
            #[inline(always)]
            fn unless_nan(self, src: &[Self]) -> Self {
                $nan(self, src)
            }
        }
    )*};
}

macro_rules! fold_floats {
    ($($t:ident)*) => { folds! {$(
        $t: true, false, 0.0, 1.0, $t::NEG_INFINITY, $t::INFINITY, |a, b| a + b, |a, b| a * b,
            |a, b| Real::max(b, a), |a, b| Real::min(b, a),
            |a, src: &[$t]| if src.iter().fold(false, |nan, x| nan | x.is_nan()) { $t::NAN } else { a };
    )*} };
}
macro_rules! fold_ints {
    ($adds:literal $($t:ident)*) => { folds! {$(
        $t: $adds, true, 0, 1, $t::MIN, $t::MAX, $t::wrapping_add, $t::wrapping_mul, Ord::max, Ord::min, |a, _| a;
    )*} };
}
fold_floats!(f32 f64);
fold_ints!(true i32 i64);
fold_ints!(false u32 u64);
folds! {
    Bit: false, true, Bit(0), Bit(1), Bit(0), Bit(1), Ord::max, Ord::min, Ord::max, Ord::min, |a, _| a;
}

/// The op and the type that [`rows`], [`parts`] and [`onto`] are to be called with.
pub(super) fn resolved(op: ReduceOp, compute: Compute) -> (ReduceOp, Compute) {
    match (op, compute) {
        (ReduceOp::Sum, Compute::Bool) => (ReduceOp::Max, compute),
        (ReduceOp::Prod, Compute::Bool) => (ReduceOp::Min, compute),
        (ReduceOp::Sum | ReduceOp::Prod, Compute::U32) => (op, Compute::I32),
        (ReduceOp::Sum | ReduceOp::Prod, Compute::U64) => (op, Compute::I64),
        _ => (op, compute),
    }
}

/// Partial results kept side by side: several SIMD registers, and rounding errors that grow slowly.
const LANES: usize = 64;

macro_rules! halve {
    ($values:ident, $f:ident, $lanes:expr, $($width:literal)*) => {{
        $(if $width < $lanes {
            for i in 0..$width {
                $values[i] = $values[i].$f($values[i + $width]);
            }
        })*
        $values[0]
    }};
}

macro_rules! along {
    ($lanes:expr, $src:ident, $op:expr, $T:ident, $f:ident) => {'all: {
        if $T::EXACT {
            break 'all $src.iter().fold($T::identity($op), |acc, x| acc.$f(*x));
        }
        let mut lanes = [$T::identity($op); $lanes];
        let (chunks, rest) = $src.as_chunks::<{ $lanes }>();
        for chunk in chunks {
            for (a, x) in lanes.iter_mut().zip(chunk) {
                *a = a.$f(*x);
            }
        }
        if chunks.is_empty() {
            let mut acc = $T::identity($op);
            for x in rest {
                acc = acc.$f(*x);
            }
            break 'all acc;
        }
        for (a, x) in lanes.iter_mut().zip(rest) {
            *a = a.$f(*x);
        }
        // Written out, so that each step is whole registers.
        halve!(lanes, $f, $lanes, 32 16 8 4 2 1)
    }};
}

/// Elements of which [`parts`] makes one result before it combines that with the others.
const PART: usize = TILE;

macro_rules! parts {
    ($acc:ident, $src:ident, $part:ident, $op:expr, $T:ident, $f:ident) => {{
        let mut acc = $acc;
        for part in $src.chunks($part) {
            acc = acc.$f(along!(LANES, part, $op, $T, $f));
        }
        acc
    }};
}

simd! {
    /// `acc` combined with what comes of each `part` elements.
    fn in_parts<T: Fold>(op: ReduceOp, acc: T, src: &[T], part: usize) -> T {
        match op {
            ReduceOp::Sum if T::ADDS => parts!(acc, src, part, ReduceOp::Sum, T, sum),
            ReduceOp::Prod if T::ADDS => parts!(acc, src, part, ReduceOp::Prod, T, product),
            ReduceOp::Max => parts!(acc, src, part, ReduceOp::Max, T, largest),
            ReduceOp::Min => parts!(acc, src, part, ReduceOp::Min, T, smallest),
            _ => unreachable!("see `resolved`"),
        }
    }
}

/// `acc` combined with everything, part by part, so that no rounding depends on how long the slice is.
pub(super) fn parts<T: Fold>(op: ReduceOp, acc: T, src: &[T]) -> T {
    in_parts(op, acc, src, PART)
}

macro_rules! short_rows {
    ($dst:ident, $src:ident, $op:expr, $T:ident, $f:ident $(, $check:ident)?) => {{
        let width = $src.len() / $dst.len();
        for (d, row) in $dst.iter_mut().zip($src.chunks_exact(width)) {
            *d = along!(16, row, $op, $T, $f)$(.$check(row))?;
        }
    }};
}

simd! {
    /// Each row of `src` combined into one element of `dst`; rows shorter than `LANES * 8`.
    fn short_rows<T: Fold>(op: ReduceOp, dst: &mut [T], src: &[T]) {
        match op {
            ReduceOp::Sum if T::ADDS => short_rows!(dst, src, ReduceOp::Sum, T, sum),
            ReduceOp::Prod if T::ADDS => short_rows!(dst, src, ReduceOp::Prod, T, product),
            ReduceOp::Max => short_rows!(dst, src, ReduceOp::Max, T, higher, unless_nan),
            ReduceOp::Min => short_rows!(dst, src, ReduceOp::Min, T, lower, unless_nan),
            _ => unreachable!("see `resolved`"),
        }
    }
}

/// Each row of `src` combined into one element of `dst`.
pub(super) fn rows<T: Fold>(op: ReduceOp, dst: &mut [T], src: &[T]) {
    let width = src.len() / dst.len();
    if width < LANES * 8 {
        return short_rows(op, dst, src);
    }
    dst.iter_mut().zip(src.chunks_exact(width)).for_each(|(d, row)| *d = in_parts(op, T::identity(op), row, width));
}

/// Whether [`products`] stands for [`rows`] of a product: rows of this width are summed in `LANES`.
pub(super) fn sums_products(width: usize) -> bool {
    width >= LANES * 8
}

simd! {
    /// The sum of `a * b`, each product rounded as if it had been stored: what [`rows`] makes of them.
    pub(super) fn products<T: Fold>(a: &[T], b: &[T]) -> T {
        let mut lanes = [T::identity(ReduceOp::Sum); LANES];
        let (left, left_rest) = a.as_chunks::<LANES>();
        let (right, right_rest) = b.as_chunks::<LANES>();
        for (x, y) in left.iter().zip(right) {
            for ((lane, x), y) in lanes.iter_mut().zip(x).zip(y) {
                *lane = lane.sum(x.product(*y));
            }
        }
        for ((lane, x), y) in lanes.iter_mut().zip(left_rest).zip(right_rest) {
            *lane = lane.sum(x.product(*y));
        }
        halve!(lanes, sum, LANES, 32 16 8 4 2 1)
    }
}

/// `acc[i]` combined with `src[i]`.
macro_rules! onto {
    ($acc:ident, $src:ident, $f:ident) => {
        for (a, x) in $acc.iter_mut().zip($src) {
            *a = a.$f(*x);
        }
    };
}

simd! {
    /// Each row of `src`, as wide as `acc`, combined with `acc` element by element.
    pub(super) fn onto<T: Fold>(op: ReduceOp, acc: &mut [T], src: &[T]) {
        for row in src.chunks_exact(acc.len()) {
            match op {
                ReduceOp::Sum if T::ADDS => onto!(acc, row, sum),
                ReduceOp::Prod if T::ADDS => onto!(acc, row, product),
                ReduceOp::Max => onto!(acc, row, largest),
                ReduceOp::Min => onto!(acc, row, smallest),
                _ => unreachable!("see `resolved`"),
            }
        }
    }
}
