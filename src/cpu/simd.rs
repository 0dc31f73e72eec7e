//! Functions compiled once per instruction set; the processor picks at run time.

use std::sync::OnceLock;

#[cfg(any(target_arch = "aarch64", target_arch = "x86_64"))]
use crate::op::numeric::Fused32;
use crate::op::numeric::Real;

/// What the processor offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// What the target guarantees.
    Base,
    /// AVX2 and fused multiply-add.
    #[cfg(target_arch = "x86_64")]
    V3,
    /// AVX-512 (F, VL, DQ, BW).
    #[cfg(target_arch = "x86_64")]
    V4,
}

/// A level as a type.
pub(super) trait Instructions {
    /// The bytes of a vector register.
    const BYTES: usize;
    /// What functions of `f32` compute in: with fused multiply-add where that is one instruction.
    type F32: Real + From<f32> + Into<f32>;
}

/// [`Level::Base`].
pub(super) struct Base;
impl Instructions for Base {
    const BYTES: usize = 16;
    #[cfg(target_arch = "aarch64")]
    type F32 = Fused32;
    #[cfg(not(target_arch = "aarch64"))]
    type F32 = f32;
}

/// [`Level::V3`].
#[cfg(target_arch = "x86_64")]
pub(super) struct V3;
#[cfg(target_arch = "x86_64")]
impl Instructions for V3 {
    const BYTES: usize = 32;
    type F32 = Fused32;
}

/// [`Level::V4`].
#[cfg(target_arch = "x86_64")]
pub(super) struct V4;
#[cfg(target_arch = "x86_64")]
impl Instructions for V4 {
    const BYTES: usize = 64;
    type F32 = Fused32;
}

/// A float in memory.
pub(super) trait Float: Real + Default + Send + Sync {
    /// What a level computes in.
    type At<L: Instructions>: Real + From<Self> + Into<Self>;
}

impl Float for f32 {
    type At<L: Instructions> = L::F32;
}

impl Float for f64 {
    type At<L: Instructions> = f64;
}

/// The processor's level, looked up once.
#[inline]
pub(super) fn level() -> Level {
    #[cfg(test)]
    if let Some(level) = at::LEVEL.get() {
        return level;
    }
    static LEVEL: OnceLock<Level> = OnceLock::new();
    *LEVEL.get_or_init(|| {
        #[cfg(target_arch = "x86_64")]
        {
            let v3 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            let v4 = v3
                && is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512bw");
            if v4 {
                return Level::V4;
            }
            if v3 {
                return Level::V3;
            }
        }
        Level::Base
    })
}

/// Whether there are registers that hold several floats ([`Vector`](super::vector::Vector)).
#[inline]
pub(super) fn has_vectors() -> bool {
    level() != Level::Base
}

/// Defines a function whose body is compiled for every level, which `L` names in it.
macro_rules! simd {
    ($(#[$meta:meta])* $vis:vis fn $name:ident $(<$($g:ident: $bound:path),+>)? ($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? $body:block) => {
        $(#[$meta])*
        $vis fn $name $(<$($g: $bound),+>)? ($($arg: $ty),*) $(-> $ret)? {
            #[inline(always)]
            fn body<L: $crate::cpu::simd::Instructions $(, $($g: $bound),+)?>($($arg: $ty),*) $(-> $ret)? $body

            #[cfg(target_arch = "x86_64")]
            {
                use $crate::cpu::simd::{Level, V3, V4};
                #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
                fn v4 $(<$($g: $bound),+>)? ($($arg: $ty),*) $(-> $ret)? {
                    body::<V4 $(, $($g),+)?>($($arg),*)
                }
                #[target_feature(enable = "avx2,fma")]
                fn v3 $(<$($g: $bound),+>)? ($($arg: $ty),*) $(-> $ret)? {
                    body::<V3 $(, $($g),+)?>($($arg),*)
                }
                match $crate::cpu::simd::level() {
                    // SAFETY: the processor has these features.
                    Level::V4 => return unsafe { v4 $(::<$($g),+>)? ($($arg),*) },
                    // SAFETY: the processor has these features.
                    Level::V3 => return unsafe { v3 $(::<$($g),+>)? ($($arg),*) },
                    Level::Base => {}
                }
            }
            body::<$crate::cpu::simd::Base $(, $($g),+)?>($($arg),*)
        }
    };
}
pub(super) use simd;

/// What a processor can do that can do less.
#[cfg(test)]
pub(super) mod at {
    use super::Level;

    thread_local!(pub static LEVEL: std::cell::Cell<Option<Level>> = const { std::cell::Cell::new(None) });

    /// Every level that this processor offers.
    pub fn levels() -> Vec<Level> {
        #[cfg(target_arch = "x86_64")]
        let all = [Level::Base, Level::V3, Level::V4];
        #[cfg(not(target_arch = "x86_64"))]
        let all = [Level::Base];
        all.into_iter().filter(|&level| level <= super::level()).collect()
    }

    /// Calls `f`, whose loops on this thread are those of a level.
    pub fn level<T>(level: Level, f: impl FnOnce() -> T) -> T {
        let before = LEVEL.replace(Some(level));
        let result = f();
        LEVEL.set(before);
        result
    }
}
