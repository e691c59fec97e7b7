//! Floats, sixteen to a register.

use core::arch::x86_64::*;

use super::Avx512;
use crate::generic::floats::Floats;

/// The lowest `n < 16` lanes.
#[inline(always)]
fn lanes(n: usize) -> __mmask16 {
    (1 << n) - 1
}

#[inline(always)]
unsafe fn widen_bf16(v: __m256i) -> __m512 {
    // SAFETY: AVX-512 is there.
    unsafe { _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(v))) }
}

impl Floats for Avx512 {
    const LANES: usize = 16;
    type V = __m512;

    #[inline(always)]
    unsafe fn zero() -> __m512 {
        // SAFETY: AVX-512 is there.
        unsafe { _mm512_setzero_ps() }
    }

    #[inline(always)]
    unsafe fn f32(at: *const u8) -> __m512 {
        // SAFETY: 64 bytes are readable.
        unsafe { _mm512_loadu_ps(at.cast()) }
    }

    #[inline(always)]
    unsafe fn f32_tail(at: *const u8, n: usize) -> __m512 {
        // SAFETY: n floats are readable; masked lanes aren't accessed.
        unsafe { _mm512_maskz_loadu_ps(lanes(n), at.cast()) }
    }

    #[inline(always)]
    unsafe fn f16(at: *const u8) -> __m512 {
        // SAFETY: 32 bytes are readable.
        unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(at.cast())) }
    }

    #[inline(always)]
    unsafe fn f16_tail(at: *const u8, n: usize) -> __m512 {
        // SAFETY: n halves are readable; masked lanes aren't accessed.
        unsafe { _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(lanes(n), at.cast())) }
    }

    #[inline(always)]
    unsafe fn bf16(at: *const u8) -> __m512 {
        // SAFETY: 32 bytes are readable.
        unsafe { widen_bf16(_mm256_loadu_si256(at.cast())) }
    }

    #[inline(always)]
    unsafe fn bf16_tail(at: *const u8, n: usize) -> __m512 {
        // SAFETY: n halves are readable; masked lanes aren't accessed.
        unsafe { widen_bf16(_mm256_maskz_loadu_epi16(lanes(n), at.cast())) }
    }

    #[inline(always)]
    unsafe fn add(a: __m512, b: __m512) -> __m512 {
        // SAFETY: AVX-512 is there.
        unsafe { _mm512_add_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn sub(a: __m512, b: __m512) -> __m512 {
        // SAFETY: AVX-512 is there.
        unsafe { _mm512_sub_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn fma(a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: AVX-512 is there.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    unsafe fn sum(v: __m512) -> f32 {
        // SAFETY: AVX-512 is there.
        unsafe { _mm512_reduce_add_ps(v) }
    }
}
