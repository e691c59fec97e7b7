//! Levels, 64 to a register, by VNNI.
//!
//! `vpdpbusd` multiplies unsigned by signed bytes: the levels of a row by two digits of the query, q = 256·h + l with l
//! from -128 to 127. Each product is summed by itself, and the two sums are put together at the end; that wraps at 2³²,
//! which is exact, since the whole fits.
//!
//! N.B. Rows widened to 16 bits for `vpdpwssd` need a shuffle for each 32 bytes; the digits are parted once for a group
//! of rows.

use core::arch::x86_64::*;

use crate::generic::{GROUP, Kernel};

/// q·x over rows of `u8` and queries of `i16`.
pub(crate) struct Digits;

/// The bytes at the even places of two registers, or with `odd` = 1 at the odd ones.
const fn places(odd: u8) -> [u8; 64] {
    let mut places = [0; 64];
    let mut i = 0;
    while i < 64 {
        places[i] = 2 * i as u8 + odd;
        i += 1;
    }
    places
}
const EVEN: [u8; 64] = places(0);
const ODD: [u8; 64] = places(1);

/// The digits of 64 components: high and low.
#[inline(always)]
unsafe fn digits(a: __m512i, b: __m512i) -> (__m512i, __m512i) {
    // SAFETY: AVX-512 with VBMI is there; the places are 64 bytes.
    unsafe {
        let (even, odd) = (_mm512_loadu_si512(EVEN.as_ptr().cast()), _mm512_loadu_si512(ODD.as_ptr().cast()));
        let low = _mm512_permutex2var_epi8(a, even, b);
        // What the low digit takes away where it is negative, the high one has more.
        let half = _mm512_set1_epi16(128);
        (_mm512_permutex2var_epi8(_mm512_add_epi16(a, half), odd, _mm512_add_epi16(b, half)), low)
    }
}

impl Kernel for Digits {
    const STEP: usize = 64;
    const QUERY: usize = 2;
    const ROW: usize = 1;
    type Query = (__m512i, __m512i);
    type Row = __m512i;
    type Sum = (__m512i, __m512i);
    type Whole = ();

    #[inline(always)]
    unsafe fn whole(_: *const u8, _: usize) {}

    #[inline(always)]
    unsafe fn query(at: *const u8) -> Self::Query {
        // SAFETY: 128 bytes are readable.
        unsafe { digits(_mm512_loadu_si512(at.cast()), _mm512_loadu_si512(at.add(64).cast())) }
    }

    #[inline(always)]
    unsafe fn query_tail(at: *const u8, n: usize) -> Self::Query {
        let mask = (1u64 << n) - 1;
        // SAFETY: 2n < 128 bytes are readable; masked lanes aren't accessed.
        unsafe {
            let first = _mm512_maskz_loadu_epi16(mask as u32, at.cast());
            digits(first, _mm512_maskz_loadu_epi16((mask >> 32) as u32, at.wrapping_add(64).cast()))
        }
    }

    #[inline(always)]
    unsafe fn row(at: *const u8) -> __m512i {
        // SAFETY: 64 bytes are readable.
        unsafe { _mm512_loadu_si512(at.cast()) }
    }

    #[inline(always)]
    unsafe fn row_tail(at: *const u8, n: usize) -> __m512i {
        // SAFETY: n < 64 bytes are readable; masked lanes aren't accessed.
        unsafe { _mm512_maskz_loadu_epi8((1 << n) - 1, at.cast()) }
    }

    #[inline(always)]
    unsafe fn zero() -> Self::Sum {
        // SAFETY: AVX-512 is there.
        unsafe { (_mm512_setzero_si512(), _mm512_setzero_si512()) }
    }

    #[inline(always)]
    unsafe fn add((high, low): Self::Sum, query: Self::Query, row: __m512i) -> Self::Sum {
        // SAFETY: AVX-512 with VNNI is there.
        unsafe { (_mm512_dpbusd_epi32(high, row, query.0), _mm512_dpbusd_epi32(low, row, query.1)) }
    }

    #[inline(always)]
    unsafe fn merge(a: Self::Sum, b: Self::Sum) -> Self::Sum {
        // SAFETY: AVX-512 is there.
        unsafe { (_mm512_add_epi32(a.0, b.0), _mm512_add_epi32(a.1, b.1)) }
    }

    #[inline(always)]
    unsafe fn finish(sums: [Self::Sum; GROUP], (): ()) -> [f32; GROUP] {
        // SAFETY: AVX-512 is there.
        let sums = unsafe { super::sums(sums.map(|(high, low)| _mm512_add_epi32(_mm512_slli_epi32::<8>(high), low))) };
        sums.map(|sum| sum as f32)
    }
}
