//! Floats, eight to a register.

use core::arch::x86_64::*;

use super::Avx2;
use crate::generic::floats::Floats;
use crate::generic::{partial16, partial32};

#[inline(always)]
unsafe fn widen_bf16(v: __m128i) -> __m256 {
    // SAFETY: AVX2 is there.
    unsafe { _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(v))) }
}

/// `n < 8` halves, then zeros.
#[inline(always)]
unsafe fn halves(at: *const u8, n: usize) -> __m128i {
    // SAFETY: 2n < 16 bytes are readable; any 128 bits make a register.
    unsafe { core::mem::transmute::<u128, __m128i>(partial16(at, 2 * n)) }
}

impl Floats for Avx2 {
    const LANES: usize = 8;
    type V = __m256;

    #[inline(always)]
    unsafe fn zero() -> __m256 {
        // SAFETY: AVX2 is there.
        unsafe { _mm256_setzero_ps() }
    }

    #[inline(always)]
    unsafe fn f32(at: *const u8) -> __m256 {
        // SAFETY: 32 bytes are readable.
        unsafe { _mm256_loadu_ps(at.cast()) }
    }

    #[inline(always)]
    unsafe fn f32_tail(at: *const u8, n: usize) -> __m256 {
        // SAFETY: 4n < 32 bytes are readable; any 256 bits make a register.
        unsafe { core::mem::transmute::<[u128; 2], __m256>(partial32(at, 4 * n)) }
    }

    #[inline(always)]
    unsafe fn f16(at: *const u8) -> __m256 {
        // SAFETY: 16 bytes are readable.
        unsafe { _mm256_cvtph_ps(_mm_loadu_si128(at.cast())) }
    }

    #[inline(always)]
    unsafe fn f16_tail(at: *const u8, n: usize) -> __m256 {
        // SAFETY: the same contract.
        unsafe { _mm256_cvtph_ps(halves(at, n)) }
    }

    #[inline(always)]
    unsafe fn bf16(at: *const u8) -> __m256 {
        // SAFETY: 16 bytes are readable.
        unsafe { widen_bf16(_mm_loadu_si128(at.cast())) }
    }

    #[inline(always)]
    unsafe fn bf16_tail(at: *const u8, n: usize) -> __m256 {
        // SAFETY: the same contract.
        unsafe { widen_bf16(halves(at, n)) }
    }

    #[inline(always)]
    unsafe fn add(a: __m256, b: __m256) -> __m256 {
        // SAFETY: AVX2 is there.
        unsafe { _mm256_add_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn sub(a: __m256, b: __m256) -> __m256 {
        // SAFETY: AVX2 is there.
        unsafe { _mm256_sub_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn fma(a: __m256, b: __m256, c: __m256) -> __m256 {
        // SAFETY: FMA is there.
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    unsafe fn sum(v: __m256) -> f32 {
        // SAFETY: AVX2 is there.
        unsafe {
            let four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
        }
    }
}
