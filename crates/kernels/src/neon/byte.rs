//! Bytes, widened to eight 16-bit lanes.

use core::arch::aarch64::*;

use super::Neon;
use crate::generic::bytes::Bytes;
use crate::generic::{GROUP, partial16};

/// `n < 8` bytes, then zeros.
#[inline(always)]
unsafe fn tail(at: *const u8, n: usize) -> u64 {
    // SAFETY: the same contract.
    unsafe { partial16(at, n) as u64 }
}

impl Bytes for Neon {
    const LANES: usize = 8;
    type V = int16x8_t;
    type Sum = int32x4_t;

    #[inline(always)]
    unsafe fn zero() -> int32x4_t {
        // SAFETY: NEON is there.
        unsafe { vdupq_n_s32(0) }
    }

    #[inline(always)]
    unsafe fn u8(at: *const u8) -> int16x8_t {
        // SAFETY: eight bytes are readable.
        unsafe { vreinterpretq_s16_u16(vmovl_u8(vld1_u8(at))) }
    }

    #[inline(always)]
    unsafe fn u8_tail(at: *const u8, n: usize) -> int16x8_t {
        // SAFETY: the same contract.
        unsafe { vreinterpretq_s16_u16(vmovl_u8(vcreate_u8(tail(at, n)))) }
    }

    #[inline(always)]
    unsafe fn i8(at: *const u8) -> int16x8_t {
        // SAFETY: eight bytes are readable.
        unsafe { vmovl_s8(vld1_s8(at.cast())) }
    }

    #[inline(always)]
    unsafe fn i8_tail(at: *const u8, n: usize) -> int16x8_t {
        // SAFETY: the same contract.
        unsafe { vmovl_s8(vcreate_s8(tail(at, n))) }
    }

    #[inline(always)]
    unsafe fn i16(at: *const u8) -> int16x8_t {
        // SAFETY: sixteen bytes are readable.
        unsafe { vreinterpretq_s16_u8(vld1q_u8(at)) }
    }

    #[inline(always)]
    unsafe fn i16_tail(at: *const u8, n: usize) -> int16x8_t {
        // SAFETY: 2n < 16 bytes are readable; any 128 bits make a register.
        unsafe { core::mem::transmute::<u128, int16x8_t>(partial16(at, 2 * n)) }
    }

    #[inline(always)]
    unsafe fn sub(a: int16x8_t, b: int16x8_t) -> int16x8_t {
        // SAFETY: NEON is there.
        unsafe { vsubq_s16(a, b) }
    }

    #[inline(always)]
    unsafe fn dot(sum: int32x4_t, a: int16x8_t, b: int16x8_t) -> int32x4_t {
        // SAFETY: NEON is there.
        unsafe { vmlal_high_s16(vmlal_s16(sum, vget_low_s16(a), vget_low_s16(b)), a, b) }
    }

    #[inline(always)]
    unsafe fn add(a: int32x4_t, b: int32x4_t) -> int32x4_t {
        // SAFETY: NEON is there.
        unsafe { vaddq_s32(a, b) }
    }

    #[inline(always)]
    unsafe fn sums(v: [int32x4_t; GROUP]) -> [i32; GROUP] {
        // SAFETY: NEON is there.
        v.map(|v| unsafe { vaddvq_s32(v) })
    }
}
