//! Rows abreast: two lanes each, summed at the end.

use core::arch::aarch64::*;

use super::Neon;
use crate::abreast::ops::Abreast;
use crate::abreast::query::Four;

/// Two codes of the query beside those of every row.
#[inline(always)]
unsafe fn every(two: [i16; 2]) -> int16x8_t {
    // SAFETY: NEON is there; two words of 16 bits and one of 32 are the same bytes.
    unsafe { vreinterpretq_s16_s32(vdupq_n_s32(core::mem::transmute::<[i16; 2], i32>(two))) }
}

impl Abreast for Neon {
    /// Two registers for each four rows.
    type Dots = [[int32x4_t; 2]; 4];

    #[inline(always)]
    unsafe fn no_dots() -> Self::Dots {
        // SAFETY: NEON is there.
        unsafe { [[vdupq_n_s32(0); 2]; 4] }
    }

    #[inline(always)]
    unsafe fn four(dots: Self::Dots, codes: *const u8, query: &Four) -> Self::Dots {
        // SAFETY: NEON is there, and 64 bytes are readable.
        unsafe {
            let (even, odd) = (every(query.even), every(query.odd));
            core::array::from_fn(|part| {
                let codes = vreinterpretq_u16_u8(vld1q_u8(codes.add(16 * part)));
                let evens = vreinterpretq_s16_u16(vandq_u16(codes, vdupq_n_u16(0xff)));
                let odds = vreinterpretq_s16_u16(vshrq_n_u16::<8>(codes));
                let [low, high] = dots[part];
                let low = vmlal_s16(low, vget_low_s16(evens), vget_low_s16(even));
                let low = vmlal_s16(low, vget_low_s16(odds), vget_low_s16(odd));
                let high = vmlal_high_s16(high, evens, even);
                [low, vmlal_high_s16(high, odds, odd)]
            })
        }
    }

    #[inline(always)]
    unsafe fn squares(dots: &Self::Dots, part: usize, squares: *const u8, offset: i32) -> float32x4_t {
        // SAFETY: NEON is there, and 16 bytes are readable.
        unsafe {
            let [low, high] = dots[part];
            let squares = vreinterpretq_s32_u8(vld1q_u8(squares));
            let squares = vaddq_s32(squares, vdupq_n_s32(offset));
            vcvtq_f32_s32(vsubq_s32(squares, vshlq_n_s32::<1>(vpaddq_s32(low, high))))
        }
    }

    #[inline(always)]
    unsafe fn sqrt(v: float32x4_t) -> float32x4_t {
        // SAFETY: NEON is there.
        unsafe { vsqrtq_f32(v) }
    }
}
