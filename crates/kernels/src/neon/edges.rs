//! Edges: a group to a register of bytes.

use core::arch::aarch64::*;

use super::Neon;
use crate::edges::ops::{Edges, put_nibble};

/// Lanes with their neighbours.
#[inline(always)]
unsafe fn exchange1(v: float32x4_t) -> float32x4_t {
    // SAFETY: NEON is there.
    unsafe { vrev64q_f32(v) }
}

/// Lanes with the next but one.
#[inline(always)]
unsafe fn exchange2(v: float32x4_t) -> float32x4_t {
    // SAFETY: NEON is there.
    unsafe { vextq_f32::<2>(v, v) }
}

impl Edges for Neon {
    const RADIX: usize = 16;
    const BYTES: usize = 16;
    /// All bits of a lane whose sign is set.
    type Signs = uint32x4_t;
    type Bytes = uint8x16_t;
    /// The first eight bytes, and the last.
    type Wide = [uint16x8_t; 2];
    type Totals = [uint32x4_t; 8];

    #[inline(always)]
    unsafe fn store(at: *mut f32, v: float32x4_t) {
        // SAFETY: 16 bytes are writable.
        unsafe { vst1q_f32(at, v) }
    }

    #[inline(always)]
    unsafe fn splat(x: f32) -> float32x4_t {
        // SAFETY: NEON is there.
        unsafe { vdupq_n_f32(x) }
    }

    #[inline(always)]
    unsafe fn mul(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: NEON is there.
        unsafe { vmulq_f32(a, b) }
    }

    #[inline(always)]
    unsafe fn abs(v: float32x4_t) -> float32x4_t {
        // SAFETY: NEON is there.
        unsafe { vabsq_f32(v) }
    }

    #[inline(always)]
    unsafe fn max(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: NEON is there.
        unsafe { vmaxq_f32(a, b) }
    }

    #[inline(always)]
    unsafe fn largest(v: float32x4_t) -> f32 {
        // SAFETY: NEON is there.
        unsafe { vmaxvq_f32(v) }
    }

    #[inline(always)]
    unsafe fn less(v: float32x4_t, x: float32x4_t) -> u32 {
        // SAFETY: NEON is there.
        unsafe { vaddvq_u32(vandq_u32(vcltq_f32(v, x), vld1q_u32([1, 2, 4, 8].as_ptr()))) }
    }

    #[inline(always)]
    unsafe fn bf16(at: *const u8) -> float32x4_t {
        // SAFETY: 8 bytes are readable.
        unsafe { vreinterpretq_f32_u32(vshll_n_u16::<16>(vreinterpret_u16_u8(vld1_u8(at)))) }
    }

    #[inline(always)]
    unsafe fn hadamard(v: float32x4_t) -> float32x4_t {
        // SAFETY: NEON is there; four floats are readable.
        unsafe {
            let v = vfmaq_f32(exchange1(v), v, vld1q_f32([1.0, -1.0, 1.0, -1.0].as_ptr()));
            vfmaq_f32(exchange2(v), v, vld1q_f32([1.0, 1.0, -1.0, -1.0].as_ptr()))
        }
    }

    #[inline(always)]
    unsafe fn group_sums(v: float32x4_t) -> float32x4_t {
        // SAFETY: NEON is there.
        unsafe {
            let pairs = vaddq_f32(v, exchange1(v));
            vaddq_f32(pairs, exchange2(pairs))
        }
    }

    #[inline(always)]
    unsafe fn lowest_bytes(v: [float32x4_t; 4], to: *mut u8) {
        // SAFETY: NEON is there; 16 bytes are writable.
        unsafe {
            let [a, b, c, d] = v.map(|v| vreinterpretq_u16_f32(v));
            let (low, high) = (vuzp1q_u16(a, b), vuzp1q_u16(c, d));
            vst1q_u8(to, vuzp1q_u8(vreinterpretq_u8_u16(low), vreinterpretq_u8_u16(high)));
        }
    }

    #[inline(always)]
    unsafe fn positive(v: float32x4_t) -> uint32x4_t {
        // SAFETY: NEON is there.
        unsafe { vcgtzq_f32(v) }
    }

    #[inline(always)]
    unsafe fn add_where(sum: float32x4_t, v: float32x4_t, signs: uint32x4_t) -> float32x4_t {
        // SAFETY: NEON is there.
        unsafe { vaddq_f32(sum, vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(v), signs))) }
    }

    #[inline(always)]
    unsafe fn put(codes: *mut u8, lane: usize, signs: uint32x4_t) {
        // SAFETY: the same contract, for one group; four words are readable.
        unsafe {
            let bits = vandq_u32(signs, vld1q_u32([1, 2, 4, 8].as_ptr()));
            put_nibble(codes, lane, vaddvq_u32(bits));
        }
    }

    #[inline(always)]
    unsafe fn bytes(at: *const u8) -> uint8x16_t {
        // SAFETY: 16 bytes are readable.
        unsafe { vld1q_u8(at) }
    }

    #[inline(always)]
    unsafe fn look_up(table: uint8x16_t, codes: uint8x16_t) -> [uint8x16_t; 2] {
        // SAFETY: NEON is there.
        unsafe {
            let low = vandq_u8(codes, vdupq_n_u8(15));
            [vqtbl1q_u8(table, low), vqtbl1q_u8(table, vshrq_n_u8::<4>(codes))]
        }
    }

    #[inline(always)]
    unsafe fn add_bytes(a: uint8x16_t, b: uint8x16_t) -> uint8x16_t {
        // SAFETY: NEON is there.
        unsafe { vaddq_u8(a, b) }
    }

    #[inline(always)]
    unsafe fn no_wide() -> [uint16x8_t; 2] {
        // SAFETY: NEON is there.
        unsafe { [vdupq_n_u16(0); 2] }
    }

    #[inline(always)]
    unsafe fn widen([first, last]: [uint16x8_t; 2], bytes: uint8x16_t) -> [uint16x8_t; 2] {
        // SAFETY: NEON is there.
        unsafe { [vaddw_u8(first, vget_low_u8(bytes)), vaddw_high_u8(last, bytes)] }
    }

    #[inline(always)]
    unsafe fn no_totals() -> [uint32x4_t; 8] {
        // SAFETY: NEON is there.
        unsafe { [vdupq_n_u32(0); 8] }
    }

    #[inline(always)]
    unsafe fn total(mut totals: [uint32x4_t; 8], [low, high]: [[uint16x8_t; 2]; 2]) -> [uint32x4_t; 8] {
        for (two, words) in totals.chunks_exact_mut(2).zip([low[0], low[1], high[0], high[1]]) {
            // SAFETY: NEON is there.
            unsafe {
                two[0] = vaddw_u16(two[0], vget_low_u16(words));
                two[1] = vaddw_high_u16(two[1], words);
            }
        }
        totals
    }

    #[inline(always)]
    unsafe fn floats(totals: &[uint32x4_t; 8], part: usize) -> float32x4_t {
        // SAFETY: NEON is there.
        unsafe { vcvtq_f32_u32(totals[part]) }
    }
}
