//! Between how elements lie in memory and how kernels hold them.

use std::slice::{from_raw_parts, from_raw_parts_mut};

use half::{bf16, f16};

use super::simd::simd;
use crate::{DType, dtype::Compute};

/// A `Bool` in memory and in registers: 0 or 1 (any bit pattern is allowed, so foreign memory does no harm).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(transparent)]
pub(super) struct Bit(pub u8);

/// An element as it lies in memory.
pub(super) trait Stored: Copy {
    /// What kernels hold it in.
    type Held: Copy;
    fn load(self) -> Self::Held;
    /// Rounds or wraps.
    fn store(value: Self::Held) -> Self;
}

macro_rules! stored {
    ($($t:ty: $held:ty, |$x:ident| $load:expr, |$y:ident| $store:expr;)*) => {$(
        impl Stored for $t {
            type Held = $held;
            #[inline(always)]
            fn load(self) -> $held {
                let $x = self;
                $load
            }
            #[inline(always)]
            fn store($y: $held) -> Self {
                $store
            }
        }
    )*};
}
stored! {
    Bit: Bit, |x| x, |y| y;
    i8: i32, |x| x as i32, |y| y as i8;
    i16: i32, |x| x as i32, |y| y as i16;
    i32: i32, |x| x, |y| y;
    i64: i64, |x| x, |y| y;
    u8: u32, |x| x as u32, |y| y as u8;
    u16: u32, |x| x as u32, |y| y as u16;
    u32: u32, |x| x, |y| y;
    u64: u64, |x| x, |y| y;
    f16: f32, |x| f32_from_half(x.to_bits()), |y| f16::from_bits(half_from_f32(y));
    bf16: f32, |x| f32::from_bits((x.to_bits() as u32) << 16), |y| bf16::from_bits(brain_from_f32(y));
    f32: f32, |x| x, |y| y;
    f64: f64, |x| x, |y| y;
}

#[inline(always)]
fn f32_from_half(h: u16) -> f32 {
    let sign = (h as u32 & 0x8000) << 16;
    let magnitude = (h as u32 & 0x7fff) << 13;
    // The exponent's bias moves from 15 to 127; infinities and NaN move once more.
    let rebias = if magnitude >= 0x7c00 << 13 { 224 << 23 } else { 112 << 23 };
    let normal = magnitude + rebias;
    let subnormal = (f32::from_bits(magnitude + (113 << 23)) - f32::from_bits(113 << 23)).to_bits();
    f32::from_bits(sign | if magnitude < 0x0400 << 13 { subnormal } else { normal })
}

#[inline(always)]
fn half_from_f32(x: f32) -> u16 {
    let bits = x.to_bits();
    let sign = (bits >> 16) & 0x8000;
    let magnitude = bits & 0x7fff_ffff;
    let normal = magnitude.wrapping_sub((112 << 23) - 0x0fff).wrapping_add((magnitude >> 13) & 1) >> 13;
    // Adding one half makes the processor round at the last place of a subnormal.
    let subnormal = (f32::from_bits(magnitude) + 0.5).to_bits().wrapping_sub(0.5f32.to_bits());
    let special = if magnitude > 0x7f80_0000 { 0x7e00 } else { 0x7c00 };
    let finite = if magnitude < 113 << 23 { subnormal } else { normal };
    // 65520 and above round to infinity.
    (sign | if magnitude >= 0x477f_f000 { special } else { finite }) as u16
}

#[inline(always)]
fn brain_from_f32(x: f32) -> u16 {
    let bits = x.to_bits();
    let rounded = bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16;
    (if bits & 0x7fff_ffff > 0x7f80_0000 { (bits >> 16) | 0x40 } else { rounded }) as u16
}

/// Runs a block with `$T` bound to the type that stands beside a variant.
macro_rules! for_type {
    ($variant:expr, $T:ident => $body:expr, $enum:ty: $($($name:ident)|+ => $t:ty,)*) => {
        match $variant {
            $($(<$enum>::$name)|+ => {
                type $T = $t;
                $body
            })*
            #[allow(unreachable_patterns)]
            other => unreachable!("{other:?} is dealt with elsewhere"),
        }
    };
}
pub(super) use for_type;

/// Runs a block with `$S` bound to how a dtype lies in memory.
#[cfg(test)]
macro_rules! for_stored {
    ($dtype:expr, $S:ident => $body:expr) => {
        $crate::cpu::convert::for_type!($dtype, $S => $body, $crate::DType:
            Bool => $crate::cpu::convert::Bit, I8 => i8, I16 => i16, I32 => i32, I64 => i64, U8 => u8, U16 => u16,
            U32 => u32, U64 => u64, F16 => half::f16, BF16 => half::bf16, F32 => f32, F64 => f64,)
    };
}
#[cfg(test)]
pub(super) use for_stored;

/// The same for integers and bools. Unsigned integers go as signed ones: sums and products have the same bits.
macro_rules! for_integer {
    ($dtype:expr, $S:ident => $body:expr) => {
        $crate::cpu::convert::for_type!($dtype, $S => $body, $crate::DType:
            Bool => $crate::cpu::convert::Bit, I8 | U8 => i8, I16 | U16 => i16, I32 | U32 => i32, I64 | U64 => i64,)
    };
}
pub(super) use for_integer;

/// The same for all dtypes.
macro_rules! for_summed {
    ($dtype:expr, $S:ident => $body:expr) => {
        $crate::cpu::convert::for_type!($dtype, $S => $body, $crate::DType:
            Bool => $crate::cpu::convert::Bit, I8 | U8 => i8, I16 | U16 => i16, I32 | U32 => i32, I64 | U64 => i64,
            F16 => half::f16, BF16 => half::bf16, F32 => f32, F64 => f64,)
    };
}
pub(super) use for_summed;

/// Runs a block with `$C` bound to the type that kernels compute in.
macro_rules! for_compute {
    ($compute:expr, $C:ident => $body:expr) => {
        $crate::cpu::convert::for_type!($compute, $C => $body, $crate::dtype::Compute:
            Bool => $crate::cpu::convert::Bit, I32 => i32, U32 => u32, I64 => i64, U64 => u64, F32 => f32, F64 => f64,)
    };
}
pub(super) use for_compute;

/// The same for the types of indices.
macro_rules! for_index {
    ($compute:expr, $I:ident => $body:expr) => {
        $crate::cpu::convert::for_type!($compute, $I => $body, $crate::dtype::Compute:
            I32 => i32, U32 => u32, I64 => i64, U64 => u64,)
    };
}
pub(super) use for_index;

/// Runs a block with `$B` bound to the unsigned integer that is as large as a held value.
macro_rules! for_bits {
    ($compute:expr, $B:ident => $body:expr) => {
        $crate::cpu::convert::for_type!($compute, $B => $body, $crate::dtype::Compute:
            Bool => u8, I32 | U32 | F32 => u32, I64 | U64 | F64 => u64,)
    };
}
pub(super) use for_bits;

/// The bytes that a held value takes.
pub(super) const fn held_size(compute: Compute) -> usize {
    match compute {
        Compute::Bool => 1,
        Compute::I32 | Compute::U32 | Compute::F32 => 4,
        Compute::I64 | Compute::U64 | Compute::F64 => 8,
    }
}

/// Whether a dtype lies in memory just as it is held.
pub(super) const fn is_held(dtype: DType) -> bool {
    !dtype.is_narrow() || matches!(dtype, DType::Bool)
}

/// The same for dtypes that do not lie in memory as they are held.
macro_rules! for_narrow {
    ($dtype:expr, $S:ident => $body:expr) => {
        for_type!($dtype, $S => $body, DType:
            I8 => i8, I16 => i16, U8 => u8, U16 => u16, F16 => f16, BF16 => bf16,)
    };
}

simd! {
    fn load<S: Stored>(dst: &mut [S::Held], src: &[S]) {
        for (d, s) in dst.iter_mut().zip(src) {
            *d = s.load();
        }
    }
}

simd! {
    fn store<S: Stored>(dst: &mut [S], src: &[S::Held]) {
        for (d, s) in dst.iter_mut().zip(src) {
            *d = S::store(*s);
        }
    }
}

simd! {
    fn round<S: Stored>(values: &mut [S::Held]) {
        for v in values {
            *v = S::store(*v).load();
        }
    }
}

/// Takes elements of a narrow dtype from memory to a register.
///
/// # Safety
/// There must be `len` elements, and room for them, and the two must not overlap.
pub(super) unsafe fn widen(dtype: DType, dst: *mut u8, src: *const u8, len: usize) {
    // SAFETY: the caller's contract.
    unsafe { for_narrow!(dtype, S => load::<S>(from_raw_parts_mut(dst.cast(), len), from_raw_parts(src.cast(), len))) }
}

/// Takes elements of a narrow dtype from a register to memory: rounds or wraps them.
///
/// # Safety
/// As [`widen`].
pub(super) unsafe fn narrow(dtype: DType, dst: *mut u8, src: *const u8, len: usize) {
    // SAFETY: the caller's contract.
    unsafe { for_narrow!(dtype, S => store::<S>(from_raw_parts_mut(dst.cast(), len), from_raw_parts(src.cast(), len))) }
}

/// Rounds or wraps held values to what memory of a narrow dtype could hold.
///
/// # Safety
/// There must be `len` values.
pub(super) unsafe fn wrap(dtype: DType, values: *mut u8, len: usize) {
    // SAFETY: the caller's contract.
    unsafe { for_narrow!(dtype, S => round::<S>(from_raw_parts_mut(values.cast(), len))) }
}

/// Casts between the types that kernels compute in.
pub(super) trait Number: Copy {
    fn bit(self) -> Bit;
    fn i32(self) -> i32;
    fn i64(self) -> i64;
    fn u64(self) -> u64;
    fn i128(self) -> i128;
    fn f32(self) -> f32;
    fn f64(self) -> f64;
}

macro_rules! numbers {
    ($($t:ty, |$x:ident| $bit:expr, $value:expr, $narrow:expr;)*) => {$(
        impl Number for $t {
            #[inline(always)]
            fn bit(self) -> Bit { let $x = self; Bit($bit as u8) }
            #[inline(always)]
            fn i32(self) -> i32 { let $x = self; $narrow as i32 }
            #[inline(always)]
            fn i64(self) -> i64 { let $x = self; $value as i64 }
            #[inline(always)]
            fn u64(self) -> u64 { let $x = self; $value as u64 }
            #[inline(always)]
            fn i128(self) -> i128 { let $x = self; $value as i128 }
            #[inline(always)]
            fn f32(self) -> f32 { let $x = self; $value as f32 }
            #[inline(always)]
            fn f64(self) -> f64 { let $x = self; $value as f64 }
        }
    )*};
}
numbers! {
    Bit, |x| x.0 != 0, x.0, x.0;
    i32, |x| x != 0, x, x;
    u32, |x| x != 0, x, x;
    i64, |x| x != 0, x, x;
    u64, |x| x != 0, x, x;
    f32, |x| x != 0.0, x, x as i64;
    f64, |x| x != 0.0, x, x as i64;
}

macro_rules! casts {
    ($($name:ident $method:ident $t:ty;)*) => {$(
        simd! {
            fn $name<A: Number>(dst: &mut [$t], src: &[A]) {
                for (d, s) in dst.iter_mut().zip(src) {
                    *d = s.$method();
                }
            }
        }
    )*};
}
casts! {
    to_bit bit Bit;
    to_i32 i32 i32;
    to_i64 i64 i64;
    to_u64 u64 u64;
    to_f32 f32 f32;
    to_f64 f64 f64;
}

/// Casts held values.
///
/// # Safety
/// `dst` is valid for as many writes of `to` as `src` is long.
pub(super) unsafe fn cast<A: Number>(to: Compute, dst: *mut u8, src: &[A]) {
    macro_rules! into {
        ($($($variant:ident)|+ $name:ident;)*) => {
            match to {
                // SAFETY: the caller's contract.
                $($(Compute::$variant)|+ => $name(unsafe { from_raw_parts_mut(dst.cast(), src.len()) }, src),)*
            }
        };
    }
    into! {
        // The low bits of a whole number, of either sign.
        I32 | U32 to_i32;
        Bool to_bit; I64 to_i64; U64 to_u64; F32 to_f32; F64 to_f64;
    }
}
