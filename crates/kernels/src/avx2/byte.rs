//! Bytes, widened to sixteen 16-bit lanes.

use core::arch::x86_64::*;

use super::{Avx2, half_tail, tail};
use crate::generic::GROUP;
use crate::generic::bytes::Bytes;

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
        unsafe { _mm256_cvtepu8_epi16(half_tail(at, n)) }
    }

    #[inline(always)]
    unsafe fn i8(at: *const u8) -> __m256i {
        // SAFETY: 16 bytes are readable.
        unsafe { _mm256_cvtepi8_epi16(_mm_loadu_si128(at.cast())) }
    }

    #[inline(always)]
    unsafe fn i8_tail(at: *const u8, n: usize) -> __m256i {
        // SAFETY: the same contract.
        unsafe { _mm256_cvtepi8_epi16(half_tail(at, n)) }
    }

    #[inline(always)]
    unsafe fn i16(at: *const u8) -> __m256i {
        // SAFETY: 32 bytes are readable.
        unsafe { _mm256_loadu_si256(at.cast()) }
    }

    #[inline(always)]
    unsafe fn i16_tail(at: *const u8, n: usize) -> __m256i {
        // SAFETY: 2n < 32 bytes are readable.
        unsafe { tail(at, 2 * n) }
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
    unsafe fn sums(v: [__m256i; GROUP]) -> [i32; GROUP] {
        // SAFETY: AVX2 is there.
        unsafe { super::sums(v) }
    }
}
