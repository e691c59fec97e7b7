//! Rows abreast: a lane each, four products at a time by VNNI.

use core::arch::x86_64::*;

use super::Avx512;
use crate::abreast::ops::Abreast;
use crate::abreast::query::Four;

impl Abreast for Avx512 {
    type Dots = __m512i;

    #[inline(always)]
    unsafe fn no_dots() -> __m512i {
        // SAFETY: AVX-512 is there.
        unsafe { _mm512_setzero_si512() }
    }

    #[inline(always)]
    unsafe fn four(dots: __m512i, codes: *const u8, query: &Four) -> __m512i {
        // SAFETY: AVX-512 with VNNI is there, and 64 bytes are readable.
        unsafe {
            let query = _mm512_set1_epi32(i32::from_ne_bytes(query.bytes.map(|code| code as u8)));
            _mm512_dpbusd_epi32(dots, _mm512_loadu_si512(codes.cast()), query)
        }
    }

    #[inline(always)]
    unsafe fn squares(dots: &__m512i, _: usize, squares: *const u8, offset: i32) -> __m512 {
        // SAFETY: AVX-512 is there, and 64 bytes are readable.
        unsafe {
            let squares = _mm512_add_epi32(_mm512_loadu_si512(squares.cast()), _mm512_set1_epi32(offset));
            _mm512_cvtepi32_ps(_mm512_sub_epi32(squares, _mm512_slli_epi32::<1>(*dots)))
        }
    }

    #[inline(always)]
    unsafe fn sqrt(v: __m512) -> __m512 {
        // SAFETY: AVX-512 is there.
        unsafe { _mm512_sqrt_ps(v) }
    }
}
