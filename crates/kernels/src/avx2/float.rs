//! Floats, eight to a register.

use core::arch::x86_64::*;

use super::{Avx2, half_tail, tail};
use crate::generic::GROUP;
use crate::generic::floats::Floats;

type Pair = (__m256, __m256);

/// The lanes of two registers in a row at even, and at odd places. The registers hold components
/// 0..4 and 8..12, and 4..8 and 12..16, since a shuffle doesn't cross the middle.
#[inline(always)]
unsafe fn unzip(low: __m256, high: __m256) -> Pair {
    // SAFETY: AVX2 is there.
    unsafe { (_mm256_shuffle_ps::<0b_10_00_10_00>(low, high), _mm256_shuffle_ps::<0b_11_01_11_01>(low, high)) }
}

/// The two floats whose high halves make up each word.
#[inline(always)]
unsafe fn split(words: __m256i) -> Pair {
    // SAFETY: AVX2 is there.
    unsafe {
        let odd = _mm256_and_si256(words, _mm256_set1_epi32(0xffff_0000u32 as i32));
        (_mm256_castsi256_ps(_mm256_slli_epi32::<16>(words)), _mm256_castsi256_ps(odd))
    }
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
        // SAFETY: 4n < 32 bytes are readable.
        unsafe { _mm256_castsi256_ps(tail(at, 4 * n)) }
    }

    #[inline(always)]
    unsafe fn f16(at: *const u8) -> __m256 {
        // SAFETY: 16 bytes are readable.
        unsafe { _mm256_cvtph_ps(_mm_loadu_si128(at.cast())) }
    }

    #[inline(always)]
    unsafe fn f16_tail(at: *const u8, n: usize) -> __m256 {
        // SAFETY: 2n < 16 bytes are readable.
        unsafe { _mm256_cvtph_ps(half_tail(at, 2 * n)) }
    }

    #[inline(always)]
    unsafe fn f32_pair(at: *const u8) -> Pair {
        // SAFETY: 64 bytes are readable.
        unsafe {
            let quarter = |i: usize| _mm_loadu_ps(at.cast::<f32>().add(4 * i));
            unzip(_mm256_set_m128(quarter(2), quarter(0)), _mm256_set_m128(quarter(3), quarter(1)))
        }
    }

    #[inline(always)]
    unsafe fn f32_pair_tail(at: *const u8, n: usize) -> Pair {
        // SAFETY: 4n < 64 bytes are readable.
        unsafe {
            let (first, second) = match n {
                8.. => (Self::f32(at), Self::f32_tail(at.add(32), n - 8)),
                _ => (Self::f32_tail(at, n), Self::zero()),
            };
            unzip(_mm256_permute2f128_ps::<0x20>(first, second), _mm256_permute2f128_ps::<0x31>(first, second))
        }
    }

    #[inline(always)]
    unsafe fn bf16_pair(at: *const u8) -> Pair {
        // SAFETY: 32 bytes are readable.
        unsafe { split(_mm256_loadu_si256(at.cast())) }
    }

    #[inline(always)]
    unsafe fn bf16_pair_tail(at: *const u8, n: usize) -> Pair {
        // SAFETY: 2n < 32 bytes are readable.
        unsafe { split(tail(at, 2 * n)) }
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
    unsafe fn sums([a, b, c, d]: [__m256; GROUP]) -> [f32; GROUP] {
        // SAFETY: AVX2 is there; four lanes and an array of four are the same bytes.
        unsafe {
            let ab = _mm256_add_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
            let cd = _mm256_add_ps(_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
            let abcd =
                _mm256_add_ps(_mm256_shuffle_ps::<0b_01_00_01_00>(ab, cd), _mm256_shuffle_ps::<0b_11_10_11_10>(ab, cd));
            let all = _mm_add_ps(_mm256_castps256_ps128(abcd), _mm256_extractf128_ps::<1>(abcd));
            core::mem::transmute::<__m128, [f32; GROUP]>(all)
        }
    }
}
