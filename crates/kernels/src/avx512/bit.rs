//! Bits, counted in 64-bit words by VPOPCNTDQ.

use core::arch::x86_64::*;

use super::Avx512;
use crate::generic::GROUP;
use crate::generic::bits::Bits;

impl Bits for Avx512 {
    const BYTES: usize = 64;
    type V = __m512i;
    type Sum = __m512i;

    #[inline(always)]
    unsafe fn zero() -> __m512i {
        // SAFETY: AVX-512 is there.
        unsafe { _mm512_setzero_si512() }
    }

    #[inline(always)]
    unsafe fn load(at: *const u8) -> __m512i {
        // SAFETY: 64 bytes are readable.
        unsafe { _mm512_loadu_si512(at.cast()) }
    }

    #[inline(always)]
    unsafe fn tail(at: *const u8, n: usize) -> __m512i {
        // SAFETY: n < 64 bytes are readable; masked lanes aren't accessed.
        unsafe { _mm512_maskz_loadu_epi8((1 << n) - 1, at.cast()) }
    }

    #[inline(always)]
    unsafe fn xor(a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: AVX-512 is there.
        unsafe { _mm512_xor_si512(a, b) }
    }

    #[inline(always)]
    unsafe fn and(a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: AVX-512 is there.
        unsafe { _mm512_and_si512(a, b) }
    }

    #[inline(always)]
    unsafe fn or(a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: AVX-512 is there.
        unsafe { _mm512_or_si512(a, b) }
    }

    #[inline(always)]
    unsafe fn count(sum: __m512i, v: __m512i) -> __m512i {
        // SAFETY: VPOPCNTDQ is there.
        unsafe { _mm512_add_epi64(sum, _mm512_popcnt_epi64(v)) }
    }

    #[inline(always)]
    unsafe fn add(a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: AVX-512 is there.
        unsafe { _mm512_add_epi64(a, b) }
    }

    #[inline(always)]
    unsafe fn sums(v: [__m512i; GROUP]) -> [u32; GROUP] {
        // SAFETY: AVX-512 is there. A 64-bit counter is its low half: the high one stays zero.
        unsafe { super::sums(v) }.map(|sum| sum as u32)
    }
}
