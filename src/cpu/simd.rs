//! Functions compiled once per instruction set; the processor picks at run time.

use std::sync::OnceLock;

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

impl Level {
    /// The level with the most and longest registers.
    #[cfg(target_arch = "x86_64")]
    pub const WIDEST: Level = Level::V4;
    /// The level with the most and longest registers.
    #[cfg(not(target_arch = "x86_64"))]
    pub const WIDEST: Level = Level::Base;
}

/// The processor's level, looked up once.
#[inline]
pub(super) fn level() -> Level {
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

/// Whether loops may use fused multiply-add.
#[inline]
pub(super) fn has_fma() -> bool {
    cfg!(target_arch = "aarch64") || level() != Level::Base
}

/// Whether there are registers that hold several floats ([`Vector`](super::vector::Vector)).
#[inline]
pub(super) fn has_vectors() -> bool {
    level() != Level::Base
}

/// Defines a function whose body is compiled for every level.
macro_rules! simd {
    ($(#[$meta:meta])* $vis:vis fn $name:ident $(<$($g:ident: $bound:path),+>)? ($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? $body:block) => {
        $(#[$meta])*
        $vis fn $name $(<$($g: $bound),+>)? ($($arg: $ty),*) $(-> $ret)? {
            #[inline(always)]
            fn body $(<$($g: $bound),+>)? ($($arg: $ty),*) $(-> $ret)? $body

            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
                fn v4 $(<$($g: $bound),+>)? ($($arg: $ty),*) $(-> $ret)? {
                    body $(::<$($g),+>)? ($($arg),*)
                }
                #[target_feature(enable = "avx2,fma")]
                fn v3 $(<$($g: $bound),+>)? ($($arg: $ty),*) $(-> $ret)? {
                    body $(::<$($g),+>)? ($($arg),*)
                }
                match $crate::cpu::simd::level() {
                    // SAFETY: the processor has these features.
                    $crate::cpu::simd::Level::V4 => return unsafe { v4 $(::<$($g),+>)? ($($arg),*) },
                    // SAFETY: the processor has these features.
                    $crate::cpu::simd::Level::V3 => return unsafe { v3 $(::<$($g),+>)? ($($arg),*) },
                    $crate::cpu::simd::Level::Base => {}
                }
            }
            body $(::<$($g),+>)? ($($arg),*)
        }
    };
}
pub(super) use simd;
