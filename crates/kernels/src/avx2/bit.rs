//! Bits, counted by a shuffle that looks up each half byte (Muła).

use core::arch::x86_64::*;

use super::Avx2;
use crate::generic::GROUP;
use crate::generic::bits::Bits;

impl Bits for Avx2 {
    const BYTES: usize = 32;
    type V = __m256i;
    type Sum = __m256i;

    #[inline(always)]
    unsafe fn zero() -> __m256i {
        // SAFETY: AVX2 is there.
        unsafe { _mm256_setzero_si256() }
    }

    #[inline(always)]
    unsafe fn load(at: *const u8) -> __m256i {
        // SAFETY: 32 bytes are readable.
        unsafe { _mm256_loadu_si256(at.cast()) }
    }

    #[inline(always)]
    unsafe fn tail(at: *const u8, n: usize) -> __m256i {
        // SAFETY: n < 32 bytes are readable.
        unsafe { super::tail(at, n) }
    }

    #[inline(always)]
    unsafe fn xor(a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: AVX2 is there.
        unsafe { _mm256_xor_si256(a, b) }
    }

    #[inline(always)]
    unsafe fn and(a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: AVX2 is there.
        unsafe { _mm256_and_si256(a, b) }
    }

    #[inline(always)]
    unsafe fn or(a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: AVX2 is there.
        unsafe { _mm256_or_si256(a, b) }
    }

    #[inline(always)]
    unsafe fn count(sum: __m256i, v: __m256i) -> __m256i {
        // SAFETY: AVX2 is there.
        unsafe {
            let ones = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
            let nibble = _mm256_set1_epi8(0x0f);
            let low = _mm256_and_si256(v, nibble);
            let high = _mm256_and_si256(_mm256_srli_epi16::<4>(v), nibble);
            let of_bytes = _mm256_add_epi8(_mm256_shuffle_epi8(ones, low), _mm256_shuffle_epi8(ones, high));
            _mm256_add_epi64(sum, _mm256_sad_epu8(of_bytes, _mm256_setzero_si256()))
        }
    }

    #[inline(always)]
    unsafe fn add(a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: AVX2 is there.
        unsafe { _mm256_add_epi64(a, b) }
    }

    #[inline(always)]
    unsafe fn sums(v: [__m256i; GROUP]) -> [u32; GROUP] {
        // SAFETY: AVX2 is there. A 64-bit counter is its low half: the high one stays zero.
        unsafe { super::sums(v) }.map(|sum| sum as u32)
    }
}
