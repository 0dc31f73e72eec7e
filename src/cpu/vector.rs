//! Registers of floats as wide as the processor has them, for loops that must keep their values in registers.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

/// A SIMD register of `f32`.
///
/// # Safety
/// Every method may only be called where the processor's level offers the type, and pointers must be good for as many
/// floats as are moved.
pub(super) trait Vector: Copy {
    /// Floats in it.
    const LEN: usize;

    unsafe fn splat(value: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    /// The first `count` floats, fewer than `LEN`; the rest is 0.
    unsafe fn load_part(from: *const f32, count: usize) -> Self;
    unsafe fn store(self, to: *mut f32);
    unsafe fn store_part(self, to: *mut f32, count: usize);
    unsafe fn add(self, b: Self) -> Self;
    unsafe fn sub(self, b: Self) -> Self;
    unsafe fn mul(self, b: Self) -> Self;
    unsafe fn div(self, b: Self) -> Self;
    /// `self * b + c`, rounded once.
    unsafe fn mul_add(self, b: Self, c: Self) -> Self;
    unsafe fn sqrt(self) -> Self;
    unsafe fn neg(self) -> Self;
    unsafe fn abs(self) -> Self;
    /// `self > b ? self : b`: `b` if one is NaN.
    unsafe fn higher(self, b: Self) -> Self;
    /// `self < b ? self : b`: `b` if one is NaN.
    unsafe fn lower(self, b: Self) -> Self;
    /// `self` where it is NaN, else `other`.
    unsafe fn if_nan_else(self, other: Self) -> Self;
}

/// The methods that are one instruction.
#[cfg(target_arch = "x86_64")]
macro_rules! instructions {
    ($splat:ident $load:ident $store:ident $add:ident $sub:ident $mul:ident $div:ident $fma:ident $sqrt:ident $max:ident $min:ident) => {
        #[inline(always)]
        unsafe fn splat(value: f32) -> Self {
            // SAFETY: the trait's contract, here and below.
            unsafe { $splat(value) }
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: as above.
            unsafe { $load(from) }
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: as above.
            unsafe { $store(to, self) }
        }
        #[inline(always)]
        unsafe fn add(self, b: Self) -> Self {
            // SAFETY: as above.
            unsafe { $add(self, b) }
        }
        #[inline(always)]
        unsafe fn sub(self, b: Self) -> Self {
            // SAFETY: as above.
            unsafe { $sub(self, b) }
        }
        #[inline(always)]
        unsafe fn mul(self, b: Self) -> Self {
            // SAFETY: as above.
            unsafe { $mul(self, b) }
        }
        #[inline(always)]
        unsafe fn div(self, b: Self) -> Self {
            // SAFETY: as above.
            unsafe { $div(self, b) }
        }
        #[inline(always)]
        unsafe fn mul_add(self, b: Self, c: Self) -> Self {
            // SAFETY: as above.
            unsafe { $fma(self, b, c) }
        }
        #[inline(always)]
        unsafe fn sqrt(self) -> Self {
            // SAFETY: as above.
            unsafe { $sqrt(self) }
        }
        #[inline(always)]
        unsafe fn higher(self, b: Self) -> Self {
            // SAFETY: as above.
            unsafe { $max(self, b) }
        }
        #[inline(always)]
        unsafe fn lower(self, b: Self) -> Self {
            // SAFETY: as above.
            unsafe { $min(self, b) }
        }
    };
}

#[cfg(target_arch = "x86_64")]
impl Vector for __m512 {
    const LEN: usize = 16;
    instructions!(_mm512_set1_ps _mm512_loadu_ps _mm512_storeu_ps _mm512_add_ps _mm512_sub_ps _mm512_mul_ps
        _mm512_div_ps _mm512_fmadd_ps _mm512_sqrt_ps _mm512_max_ps _mm512_min_ps);

    #[inline(always)]
    unsafe fn load_part(from: *const f32, count: usize) -> Self {
        // SAFETY: the trait's contract; what the mask leaves out is not touched.
        unsafe { _mm512_maskz_loadu_ps((1 << count) - 1, from) }
    }
    #[inline(always)]
    unsafe fn store_part(self, to: *mut f32, count: usize) {
        // SAFETY: as above.
        unsafe { _mm512_mask_storeu_ps(to, (1 << count) - 1, self) }
    }
    #[inline(always)]
    unsafe fn neg(self) -> Self {
        // SAFETY: as above.
        unsafe { _mm512_xor_ps(self, _mm512_set1_ps(-0.0)) }
    }
    #[inline(always)]
    unsafe fn abs(self) -> Self {
        // SAFETY: as above.
        unsafe { _mm512_andnot_ps(_mm512_set1_ps(-0.0), self) }
    }
    #[inline(always)]
    unsafe fn if_nan_else(self, other: Self) -> Self {
        // SAFETY: as above.
        unsafe { _mm512_mask_mov_ps(other, _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(self, self), self) }
    }
}

/// Ones and zeros from which a mask of any count is loaded.
#[cfg(target_arch = "x86_64")]
static MASKS: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];

/// The mask of the first `count` lanes.
///
/// # Safety
/// The processor must have AVX2, `count` be at most 8.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn first(count: usize) -> __m256i {
    // SAFETY: the contract; the eight words lie inside of the table.
    unsafe { _mm256_loadu_si256(MASKS.as_ptr().add(8 - count).cast()) }
}

#[cfg(target_arch = "x86_64")]
impl Vector for __m256 {
    const LEN: usize = 8;
    instructions!(_mm256_set1_ps _mm256_loadu_ps _mm256_storeu_ps _mm256_add_ps _mm256_sub_ps _mm256_mul_ps
        _mm256_div_ps _mm256_fmadd_ps _mm256_sqrt_ps _mm256_max_ps _mm256_min_ps);

    #[inline(always)]
    unsafe fn load_part(from: *const f32, count: usize) -> Self {
        // SAFETY: the trait's contract; what the mask leaves out is not touched.
        unsafe { _mm256_maskload_ps(from, first(count)) }
    }
    #[inline(always)]
    unsafe fn store_part(self, to: *mut f32, count: usize) {
        // SAFETY: as above.
        unsafe { _mm256_maskstore_ps(to, first(count), self) }
    }
    #[inline(always)]
    unsafe fn neg(self) -> Self {
        // SAFETY: as above.
        unsafe { _mm256_xor_ps(self, _mm256_set1_ps(-0.0)) }
    }
    #[inline(always)]
    unsafe fn abs(self) -> Self {
        // SAFETY: as above.
        unsafe { _mm256_andnot_ps(_mm256_set1_ps(-0.0), self) }
    }
    #[inline(always)]
    unsafe fn if_nan_else(self, other: Self) -> Self {
        // SAFETY: as above.
        unsafe { _mm256_blendv_ps(other, self, _mm256_cmp_ps::<_CMP_UNORD_Q>(self, self)) }
    }
}

/// One float at a time, where the level has no wider register.
impl Vector for f32 {
    const LEN: usize = 1;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        value
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the trait's contract, here and below.
        unsafe { *from }
    }
    #[inline(always)]
    unsafe fn load_part(_: *const f32, _: usize) -> Self {
        0.0
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: as above.
        unsafe { *to = self }
    }
    #[inline(always)]
    unsafe fn store_part(self, _: *mut f32, _: usize) {}
    #[inline(always)]
    unsafe fn add(self, b: Self) -> Self {
        self + b
    }
    #[inline(always)]
    unsafe fn sub(self, b: Self) -> Self {
        self - b
    }
    #[inline(always)]
    unsafe fn mul(self, b: Self) -> Self {
        self * b
    }
    #[inline(always)]
    unsafe fn div(self, b: Self) -> Self {
        self / b
    }
    #[inline(always)]
    unsafe fn mul_add(self, b: Self, c: Self) -> Self {
        f32::mul_add(self, b, c)
    }
    #[inline(always)]
    unsafe fn sqrt(self) -> Self {
        f32::sqrt(self)
    }
    #[inline(always)]
    unsafe fn neg(self) -> Self {
        -self
    }
    #[inline(always)]
    unsafe fn abs(self) -> Self {
        f32::abs(self)
    }
    #[inline(always)]
    unsafe fn higher(self, b: Self) -> Self {
        if self > b { self } else { b }
    }
    #[inline(always)]
    unsafe fn lower(self, b: Self) -> Self {
        if self < b { self } else { b }
    }
    #[inline(always)]
    unsafe fn if_nan_else(self, other: Self) -> Self {
        if self.is_nan() { self } else { other }
    }
}

/// Defines an unsafe function that is generic over the register type, and compiled for that of every level.
macro_rules! vectorised {
    ($(#[$meta:meta])* $vis:vis unsafe fn $name:ident<$V:ident>($($arg:ident: $ty:ty),* $(,)?) $body:block) => {
        $(#[$meta])*
        $vis unsafe fn $name($($arg: $ty),*) {
            #[inline(always)]
            unsafe fn body<$V: $crate::cpu::vector::Vector>($($arg: $ty),*) $body

            #[cfg(target_arch = "x86_64")]
            {
                use std::arch::x86_64::{__m256, __m512};
                #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
                unsafe fn v4($($arg: $ty),*) {
                    // SAFETY: the caller's contract.
                    unsafe { body::<__m512>($($arg),*) }
                }
                #[target_feature(enable = "avx2,fma")]
                unsafe fn v3($($arg: $ty),*) {
                    // SAFETY: the caller's contract.
                    unsafe { body::<__m256>($($arg),*) }
                }
                match $crate::cpu::simd::level() {
                    // SAFETY: the processor has these features; the rest is the caller's contract.
                    $crate::cpu::simd::Level::V4 => return unsafe { v4($($arg),*) },
                    // SAFETY: as above.
                    $crate::cpu::simd::Level::V3 => return unsafe { v3($($arg),*) },
                    $crate::cpu::simd::Level::Base => {}
                }
            }
            // SAFETY: the caller's contract.
            unsafe { body::<f32>($($arg),*) }
        }
    };
}
pub(super) use vectorised;
