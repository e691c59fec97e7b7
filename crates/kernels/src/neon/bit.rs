//! Bits, counted byte by byte.

use core::arch::aarch64::*;

use super::Neon;
use crate::generic::bits::Bits;
use crate::generic::{GROUP, partial16};

impl Bits for Neon {
    const BYTES: usize = 16;
    type V = uint8x16_t;
    type Sum = uint32x4_t;

    #[inline(always)]
    unsafe fn zero() -> uint32x4_t {
        // SAFETY: NEON is there.
        unsafe { vdupq_n_u32(0) }
    }

    #[inline(always)]
    unsafe fn load(at: *const u8) -> uint8x16_t {
        // SAFETY: 16 bytes are readable.
        unsafe { vld1q_u8(at) }
    }

    #[inline(always)]
    unsafe fn tail(at: *const u8, n: usize) -> uint8x16_t {
        // SAFETY: n < 16 bytes are readable; any 128 bits make a register.
        unsafe { core::mem::transmute::<u128, uint8x16_t>(partial16(at, n)) }
    }

    #[inline(always)]
    unsafe fn xor(a: uint8x16_t, b: uint8x16_t) -> uint8x16_t {
        // SAFETY: NEON is there.
        unsafe { veorq_u8(a, b) }
    }

    #[inline(always)]
    unsafe fn and(a: uint8x16_t, b: uint8x16_t) -> uint8x16_t {
        // SAFETY: NEON is there.
        unsafe { vandq_u8(a, b) }
    }

    #[inline(always)]
    unsafe fn or(a: uint8x16_t, b: uint8x16_t) -> uint8x16_t {
        // SAFETY: NEON is there.
        unsafe { vorrq_u8(a, b) }
    }

    #[inline(always)]
    unsafe fn count(sum: uint32x4_t, v: uint8x16_t) -> uint32x4_t {
        // SAFETY: NEON is there.
        unsafe { vpadalq_u16(sum, vpaddlq_u8(vcntq_u8(v))) }
    }

    #[inline(always)]
    unsafe fn add(a: uint32x4_t, b: uint32x4_t) -> uint32x4_t {
        // SAFETY: NEON is there.
        unsafe { vaddq_u32(a, b) }
    }

    #[inline(always)]
    unsafe fn sums(v: [uint32x4_t; GROUP]) -> [u32; GROUP] {
        // SAFETY: NEON is there.
        v.map(|v| unsafe { vaddvq_u32(v) })
    }
}
