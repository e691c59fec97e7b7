//! Edges: two groups to a register of bytes.

use core::arch::x86_64::*;

use super::Avx2;
use crate::edges::ops::{Edges, put_nibble};

/// Each lane with the one whose number differs by 1, 2 or 4.
macro_rules! exchange {
    (1, $v:expr) => {
        _mm256_permute_ps::<0b_10_11_00_01>($v)
    };
    (2, $v:expr) => {
        _mm256_permute_ps::<0b_01_00_11_10>($v)
    };
    (4, $v:expr) => {
        _mm256_permute2f128_ps::<1>($v, $v)
    };
}

impl Edges for Avx2 {
    const RADIX: usize = 8;
    const BYTES: usize = 32;
    /// All bits of a lane whose sign is set.
    type Signs = __m256;
    type Bytes = __m256i;
    /// Bytes at even places, with those at odd ones on top of them, and bytes at odd places.
    type Wide = [__m256i; 2];
    type Totals = [__m256i; 4];

    #[inline(always)]
    unsafe fn store(at: *mut f32, v: __m256) {
        // SAFETY: 32 bytes are writable.
        unsafe { _mm256_storeu_ps(at, v) }
    }

    #[inline(always)]
    unsafe fn splat(x: f32) -> __m256 {
        // SAFETY: AVX2 is there.
        unsafe { _mm256_set1_ps(x) }
    }

    #[inline(always)]
    unsafe fn mul(a: __m256, b: __m256) -> __m256 {
        // SAFETY: AVX2 is there.
        unsafe { _mm256_mul_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn abs(v: __m256) -> __m256 {
        // SAFETY: AVX2 is there.
        unsafe { _mm256_andnot_ps(_mm256_set1_ps(-0.0), v) }
    }

    #[inline(always)]
    unsafe fn max(a: __m256, b: __m256) -> __m256 {
        // SAFETY: AVX2 is there.
        unsafe { _mm256_max_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn largest(v: __m256) -> f32 {
        // SAFETY: AVX2 is there.
        unsafe {
            let v = Self::max(v, exchange!(4, v));
            let v = Self::max(v, exchange!(2, v));
            _mm256_cvtss_f32(Self::max(v, exchange!(1, v)))
        }
    }

    #[inline(always)]
    unsafe fn less(v: __m256, x: __m256) -> u32 {
        // SAFETY: AVX2 is there.
        unsafe { _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_LT_OQ>(v, x)) as u32 }
    }

    #[inline(always)]
    unsafe fn bf16(at: *const u8) -> __m256 {
        // SAFETY: 16 bytes are readable.
        unsafe {
            let halves = _mm256_cvtepu16_epi32(_mm_loadu_si128(at.cast()));
            _mm256_castsi256_ps(_mm256_slli_epi32::<16>(halves))
        }
    }

    #[inline(always)]
    unsafe fn hadamard(v: __m256) -> __m256 {
        // SAFETY: AVX2 and FMA are there.
        unsafe {
            let v = _mm256_fmadd_ps(v, _mm256_setr_ps(1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 1.0, -1.0), exchange!(1, v));
            let v = _mm256_fmadd_ps(v, _mm256_setr_ps(1.0, 1.0, -1.0, -1.0, 1.0, 1.0, -1.0, -1.0), exchange!(2, v));
            _mm256_fmadd_ps(v, _mm256_setr_ps(1.0, 1.0, 1.0, 1.0, -1.0, -1.0, -1.0, -1.0), exchange!(4, v))
        }
    }

    #[inline(always)]
    unsafe fn group_sums(v: __m256) -> __m256 {
        // SAFETY: AVX2 is there.
        unsafe {
            let pairs = _mm256_add_ps(v, exchange!(1, v));
            _mm256_add_ps(pairs, exchange!(2, pairs))
        }
    }

    #[inline(always)]
    unsafe fn lowest_bytes(v: [__m256; 4], to: *mut u8) {
        // SAFETY: AVX2 is there; 16 bytes are writable.
        unsafe {
            let byte = _mm256_set1_epi32(255);
            let low = _mm256_and_si256(_mm256_castps_si256(v[0]), byte);
            let high = _mm256_and_si256(_mm256_castps_si256(v[1]), byte);
            // Packing works on halves of registers, so the quarters end up as 0, 2, 1, 3.
            let words = _mm256_permute4x64_epi64::<0b_11_01_10_00>(_mm256_packus_epi32(low, high));
            let bytes = _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256::<1>(words));
            _mm_storeu_si128(to.cast(), bytes);
        }
    }

    #[inline(always)]
    unsafe fn positive(v: __m256) -> __m256 {
        // SAFETY: AVX2 is there.
        unsafe { _mm256_cmp_ps::<_CMP_GT_OQ>(v, _mm256_setzero_ps()) }
    }

    #[inline(always)]
    unsafe fn add_where(sum: __m256, v: __m256, signs: __m256) -> __m256 {
        // SAFETY: AVX2 is there.
        unsafe { _mm256_add_ps(sum, _mm256_and_ps(v, signs)) }
    }

    #[inline(always)]
    unsafe fn put(codes: *mut u8, lane: usize, signs: __m256) {
        // SAFETY: the same contract, for two groups.
        unsafe {
            let bits = _mm256_movemask_ps(signs) as u32;
            put_nibble(codes, lane, bits);
            put_nibble(codes.add(16), lane, bits >> 4);
        }
    }

    #[inline(always)]
    unsafe fn bytes(at: *const u8) -> __m256i {
        // SAFETY: 32 bytes are readable.
        unsafe { _mm256_loadu_si256(at.cast()) }
    }

    #[inline(always)]
    unsafe fn look_up(table: __m256i, codes: __m256i) -> [__m256i; 2] {
        // SAFETY: AVX2 is there.
        unsafe {
            let nibble = _mm256_set1_epi8(15);
            let low = _mm256_and_si256(codes, nibble);
            let high = _mm256_and_si256(_mm256_srli_epi16::<4>(codes), nibble);
            [_mm256_shuffle_epi8(table, low), _mm256_shuffle_epi8(table, high)]
        }
    }

    #[inline(always)]
    unsafe fn add_bytes(a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: AVX2 is there.
        unsafe { _mm256_add_epi8(a, b) }
    }

    #[inline(always)]
    unsafe fn no_wide() -> [__m256i; 2] {
        // SAFETY: AVX2 is there.
        unsafe { [_mm256_setzero_si256(); 2] }
    }

    #[inline(always)]
    unsafe fn widen([both, odd]: [__m256i; 2], bytes: __m256i) -> [__m256i; 2] {
        // SAFETY: AVX2 is there.
        unsafe { [_mm256_add_epi16(both, bytes), _mm256_add_epi16(odd, _mm256_srli_epi16::<8>(bytes))] }
    }

    #[inline(always)]
    unsafe fn no_totals() -> [__m256i; 4] {
        // SAFETY: AVX2 is there.
        unsafe { [_mm256_setzero_si256(); 4] }
    }

    #[inline(always)]
    unsafe fn total([a, b, c, d]: [__m256i; 4], low_high: [[__m256i; 2]; 2]) -> [__m256i; 4] {
        // SAFETY: AVX2 is there.
        unsafe {
            let [low, high] = low_high.map(|[both, odd]| {
                let even = _mm256_sub_epi16(both, _mm256_slli_epi16::<8>(odd));
                let (first, last) = (_mm256_unpacklo_epi16(even, odd), _mm256_unpackhi_epi16(even, odd));
                _mm256_add_epi16(
                    _mm256_permute2x128_si256::<0x20>(first, last),
                    _mm256_permute2x128_si256::<0x31>(first, last),
                )
            });
            let first = |v| _mm256_cvtepu16_epi32(_mm256_castsi256_si128(v));
            let last = |v| _mm256_cvtepu16_epi32(_mm256_extracti128_si256::<1>(v));
            [
                _mm256_add_epi32(a, first(low)),
                _mm256_add_epi32(b, last(low)),
                _mm256_add_epi32(c, first(high)),
                _mm256_add_epi32(d, last(high)),
            ]
        }
    }

    #[inline(always)]
    unsafe fn floats(totals: &[__m256i; 4], part: usize) -> __m256 {
        // SAFETY: AVX2 is there.
        unsafe { _mm256_cvtepi32_ps(totals[part]) }
    }
}
