//! Bytes, widened to 32 16-bit lanes and multiplied by VNNI.

use core::arch::x86_64::*;

use super::Avx512;
use crate::generic::bytes::Bytes;

/// The lowest `n < 32` lanes.
#[inline(always)]
fn lanes(n: usize) -> __mmask32 {
    (1 << n) - 1
}

impl Bytes for Avx512 {
    const LANES: usize = 32;
    type V = __m512i;
    type Sum = __m512i;

    #[inline(always)]
    unsafe fn zero() -> __m512i {
        // SAFETY: AVX-512 is there.
        unsafe { _mm512_setzero_si512() }
    }

    #[inline(always)]
    unsafe fn u8(at: *const u8) -> __m512i {
        // SAFETY: 32 bytes are readable.
        unsafe { _mm512_cvtepu8_epi16(_mm256_loadu_si256(at.cast())) }
    }

    #[inline(always)]
    unsafe fn u8_tail(at: *const u8, n: usize) -> __m512i {
        // SAFETY: n bytes are readable; masked lanes aren't accessed.
        unsafe { _mm512_cvtepu8_epi16(_mm256_maskz_loadu_epi8(lanes(n), at.cast())) }
    }

    #[inline(always)]
    unsafe fn i8(at: *const u8) -> __m512i {
        // SAFETY: 32 bytes are readable.
        unsafe { _mm512_cvtepi8_epi16(_mm256_loadu_si256(at.cast())) }
    }

    #[inline(always)]
    unsafe fn i8_tail(at: *const u8, n: usize) -> __m512i {
        // SAFETY: n bytes are readable; masked lanes aren't accessed.
        unsafe { _mm512_cvtepi8_epi16(_mm256_maskz_loadu_epi8(lanes(n), at.cast())) }
    }

    #[inline(always)]
    unsafe fn sub(a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: AVX-512 is there.
        unsafe { _mm512_sub_epi16(a, b) }
    }

    #[inline(always)]
    unsafe fn dot(sum: __m512i, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: VNNI is there.
        unsafe { _mm512_dpwssd_epi32(sum, a, b) }
    }

    #[inline(always)]
    unsafe fn add(a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: AVX-512 is there.
        unsafe { _mm512_add_epi32(a, b) }
    }

    #[inline(always)]
    unsafe fn sum(v: __m512i) -> i32 {
        // SAFETY: AVX-512 is there.
        unsafe { _mm512_reduce_add_epi32(v) }
    }
}
