//! Bytes, widened to sixteen 16-bit lanes.

use core::arch::x86_64::*;

use super::Avx2;
use crate::generic::bytes::Bytes;
use crate::generic::partial16;

/// `n < 16` bytes, then zeros.
#[inline(always)]
unsafe fn tail(at: *const u8, n: usize) -> __m128i {
    // SAFETY: n bytes are readable; any 128 bits make a register.
    unsafe { core::mem::transmute::<u128, __m128i>(partial16(at, n)) }
}

impl Bytes for Avx2 {
    const LANES: usize = 16;
    type V = __m256i;
    type Sum = __m256i;

    #[inline(always)]
    unsafe fn zero() -> __m256i {
        // SAFETY: AVX2 is there.
        unsafe { _mm256_setzero_si256() }
    }

    #[inline(always)]
    unsafe fn u8(at: *const u8) -> __m256i {
        // SAFETY: 16 bytes are readable.
        unsafe { _mm256_cvtepu8_epi16(_mm_loadu_si128(at.cast())) }
    }

    #[inline(always)]
    unsafe fn u8_tail(at: *const u8, n: usize) -> __m256i {
        // SAFETY: the same contract.
        unsafe { _mm256_cvtepu8_epi16(tail(at, n)) }
    }

    #[inline(always)]
    unsafe fn i8(at: *const u8) -> __m256i {
        // SAFETY: 16 bytes are readable.
        unsafe { _mm256_cvtepi8_epi16(_mm_loadu_si128(at.cast())) }
    }

    #[inline(always)]
    unsafe fn i8_tail(at: *const u8, n: usize) -> __m256i {
        // SAFETY: the same contract.
        unsafe { _mm256_cvtepi8_epi16(tail(at, n)) }
    }

    #[inline(always)]
    unsafe fn sub(a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: AVX2 is there.
        unsafe { _mm256_sub_epi16(a, b) }
    }

    #[inline(always)]
    unsafe fn dot(sum: __m256i, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: AVX2 is there.
        unsafe { _mm256_add_epi32(sum, _mm256_madd_epi16(a, b)) }
    }

    #[inline(always)]
    unsafe fn add(a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: AVX2 is there.
        unsafe { _mm256_add_epi32(a, b) }
    }

    #[inline(always)]
    unsafe fn sum(v: __m256i) -> i32 {
        // SAFETY: AVX2 is there.
        unsafe {
            let four = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256::<1>(v));
            let two = _mm_add_epi32(four, _mm_shuffle_epi32::<0b_11_10_11_10>(four));
            _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32::<0b_01_01_01_01>(two)))
        }
    }
}
