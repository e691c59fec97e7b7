//! Floats, sixteen to a register.

use core::arch::x86_64::*;

use super::Avx512;
use crate::generic::GROUP;
use crate::generic::floats::Floats;

type Pair = (__m512, __m512);

/// The lowest `n ≤ 16` lanes.
#[inline(always)]
fn lanes(n: usize) -> __mmask16 {
    ((1u32 << n) - 1) as __mmask16
}

/// The lanes of two registers in a row at even, and at odd places.
#[inline(always)]
unsafe fn unzip(low: __m512, high: __m512) -> Pair {
    // SAFETY: AVX-512 is there.
    unsafe {
        let even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
        let odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
        (_mm512_permutex2var_ps(low, even, high), _mm512_permutex2var_ps(low, odd, high))
    }
}

/// The two floats whose high halves make up each word.
#[inline(always)]
unsafe fn split(words: __m512i) -> Pair {
    // SAFETY: AVX-512 is there.
    unsafe {
        let odd = _mm512_and_si512(words, _mm512_set1_epi32(0xffff_0000u32 as i32));
        (_mm512_castsi512_ps(_mm512_slli_epi32::<16>(words)), _mm512_castsi512_ps(odd))
    }
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
    unsafe fn f32_pair(at: *const u8) -> Pair {
        // SAFETY: 128 bytes are readable.
        unsafe { unzip(Self::f32(at), Self::f32(at.add(64))) }
    }

    #[inline(always)]
    unsafe fn f32_pair_tail(at: *const u8, n: usize) -> Pair {
        // SAFETY: n < 32 floats are readable; masked lanes aren't accessed.
        unsafe {
            let high = _mm512_maskz_loadu_ps(lanes(n.saturating_sub(16)), at.wrapping_add(64).cast());
            unzip(Self::f32_tail(at, n.min(16)), high)
        }
    }

    #[inline(always)]
    unsafe fn bf16_pair(at: *const u8) -> Pair {
        // SAFETY: 64 bytes are readable.
        unsafe { split(_mm512_loadu_si512(at.cast())) }
    }

    #[inline(always)]
    unsafe fn bf16_pair_tail(at: *const u8, n: usize) -> Pair {
        // SAFETY: n < 32 halves are readable; masked lanes aren't accessed.
        unsafe { split(_mm512_maskz_loadu_epi16((1 << n) - 1, at.cast())) }
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
    unsafe fn sums([a, b, c, d]: [__m512; GROUP]) -> [f32; GROUP] {
        // SAFETY: AVX-512 is there; four lanes and an array of four are the same bytes.
        unsafe {
            let ab = _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
            let cd = _mm512_add_ps(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
            let abcd =
                _mm512_add_ps(_mm512_shuffle_ps::<0b_01_00_01_00>(ab, cd), _mm512_shuffle_ps::<0b_11_10_11_10>(ab, cd));
            let half = _mm256_add_ps(_mm512_castps512_ps256(abcd), _mm512_extractf32x8_ps::<1>(abcd));
            let all = _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps::<1>(half));
            core::mem::transmute::<__m128, [f32; GROUP]>(all)
        }
    }
}
