//! Rows abreast: a lane each.
//!
//! Codes at even places, and those at odd ones, are widened to 16 bits where they are, by a mask and by a shift.
//! `vpmaddubsw` would take the bytes as they are, but adds two products in 16 bits, which these may leave.

use core::arch::x86_64::*;

use super::Avx2;
use crate::abreast::ops::Abreast;
use crate::abreast::query::Four;

/// Two codes of the query beside those of every row.
#[inline(always)]
unsafe fn every(two: [i16; 2]) -> __m256i {
    // SAFETY: AVX2 is there; two words of 16 bits and one of 32 are the same bytes.
    unsafe { _mm256_set1_epi32(core::mem::transmute::<[i16; 2], i32>(two)) }
}

impl Abreast for Avx2 {
    type Dots = [__m256i; 2];

    #[inline(always)]
    unsafe fn no_dots() -> Self::Dots {
        // SAFETY: AVX2 is there.
        unsafe { [_mm256_setzero_si256(); 2] }
    }

    #[inline(always)]
    unsafe fn four(dots: Self::Dots, codes: *const u8, query: &Four) -> Self::Dots {
        // SAFETY: AVX2 is there, and 64 bytes are readable.
        unsafe {
            let (even, odd) = (every(query.even), every(query.odd));
            core::array::from_fn(|half| {
                let codes = _mm256_loadu_si256(codes.cast::<__m256i>().add(half));
                let evens = _mm256_madd_epi16(_mm256_and_si256(codes, _mm256_set1_epi16(0xff)), even);
                let odds = _mm256_madd_epi16(_mm256_srli_epi16::<8>(codes), odd);
                _mm256_add_epi32(dots[half], _mm256_add_epi32(evens, odds))
            })
        }
    }

    #[inline(always)]
    unsafe fn squares(dots: &Self::Dots, part: usize, squares: *const u8, offset: i32) -> __m256 {
        // SAFETY: AVX2 is there, and 32 bytes are readable.
        unsafe {
            let squares = _mm256_add_epi32(_mm256_loadu_si256(squares.cast()), _mm256_set1_epi32(offset));
            _mm256_cvtepi32_ps(_mm256_sub_epi32(squares, _mm256_slli_epi32::<1>(dots[part])))
        }
    }

    #[inline(always)]
    unsafe fn sqrt(v: __m256) -> __m256 {
        // SAFETY: AVX2 is there.
        unsafe { _mm256_sqrt_ps(v) }
    }
}
