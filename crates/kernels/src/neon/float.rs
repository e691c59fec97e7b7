//! Floats, four to a register.

use core::arch::aarch64::*;

use super::Neon;
use crate::generic::floats::Floats;
use crate::generic::{GROUP, partial16};

type Pair = (float32x4_t, float32x4_t);

/// Four halves as floats. Rust has no stable type for vectors of halves, but the instruction that
/// converts them has been in every 64-bit Arm from the start.
#[inline(always)]
unsafe fn widen_f16(v: uint16x4_t) -> float32x4_t {
    let wide: float32x4_t;
    // SAFETY: NEON is there; the instruction only touches the two registers.
    unsafe {
        core::arch::asm!(
            "fcvtl {wide:v}.4s, {v:v}.4h",
            wide = lateout(vreg) wide,
            v = in(vreg) v,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    wide
}

/// The two floats whose high halves make up each word.
#[inline(always)]
unsafe fn split(words: uint32x4_t) -> Pair {
    // SAFETY: NEON is there.
    unsafe {
        let odd = vandq_u32(words, vdupq_n_u32(0xffff_0000));
        (vreinterpretq_f32_u32(vshlq_n_u32::<16>(words)), vreinterpretq_f32_u32(odd))
    }
}

/// The lanes of two registers in a row at even, and at odd places.
#[inline(always)]
unsafe fn unzip(low: float32x4_t, high: float32x4_t) -> Pair {
    // SAFETY: NEON is there.
    unsafe { (vuzp1q_f32(low, high), vuzp2q_f32(low, high)) }
}

/// `n < 4` halves, then zeros.
#[inline(always)]
unsafe fn halves(at: *const u8, n: usize) -> uint16x4_t {
    // SAFETY: 2n < 8 bytes are readable.
    unsafe { vcreate_u16(partial16(at, 2 * n) as u64) }
}

impl Floats for Neon {
    const LANES: usize = 4;
    type V = float32x4_t;

    #[inline(always)]
    unsafe fn zero() -> float32x4_t {
        // SAFETY: NEON is there.
        unsafe { vdupq_n_f32(0.0) }
    }

    #[inline(always)]
    unsafe fn f32(at: *const u8) -> float32x4_t {
        // SAFETY: 16 bytes are readable. Loaded as bytes, which need no alignment.
        unsafe { vreinterpretq_f32_u8(vld1q_u8(at)) }
    }

    #[inline(always)]
    unsafe fn f32_tail(at: *const u8, n: usize) -> float32x4_t {
        // SAFETY: 4n < 16 bytes are readable; any 128 bits make a register.
        unsafe { core::mem::transmute::<u128, float32x4_t>(partial16(at, 4 * n)) }
    }

    #[inline(always)]
    unsafe fn f16(at: *const u8) -> float32x4_t {
        // SAFETY: eight bytes are readable.
        unsafe { widen_f16(vreinterpret_u16_u8(vld1_u8(at))) }
    }

    #[inline(always)]
    unsafe fn f16_tail(at: *const u8, n: usize) -> float32x4_t {
        // SAFETY: the same contract.
        unsafe { widen_f16(halves(at, n)) }
    }

    #[inline(always)]
    unsafe fn f32_pair(at: *const u8) -> Pair {
        // SAFETY: 32 bytes are readable.
        unsafe { unzip(Self::f32(at), Self::f32(at.add(16))) }
    }

    #[inline(always)]
    unsafe fn f32_pair_tail(at: *const u8, n: usize) -> Pair {
        // SAFETY: 4n < 32 bytes are readable.
        unsafe {
            match n {
                4.. => unzip(Self::f32(at), Self::f32_tail(at.add(16), n - 4)),
                _ => unzip(Self::f32_tail(at, n), Self::zero()),
            }
        }
    }

    #[inline(always)]
    unsafe fn bf16_pair(at: *const u8) -> Pair {
        // SAFETY: 16 bytes are readable.
        unsafe { split(vreinterpretq_u32_u8(vld1q_u8(at))) }
    }

    #[inline(always)]
    unsafe fn bf16_pair_tail(at: *const u8, n: usize) -> Pair {
        // SAFETY: 2n < 16 bytes are readable; any 128 bits make a register.
        unsafe { split(core::mem::transmute::<u128, uint32x4_t>(partial16(at, 2 * n))) }
    }

    #[inline(always)]
    unsafe fn add(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: NEON is there.
        unsafe { vaddq_f32(a, b) }
    }

    #[inline(always)]
    unsafe fn sub(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: NEON is there.
        unsafe { vsubq_f32(a, b) }
    }

    #[inline(always)]
    unsafe fn fma(a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
        // SAFETY: NEON is there.
        unsafe { vfmaq_f32(c, a, b) }
    }

    #[inline(always)]
    unsafe fn sums(v: [float32x4_t; GROUP]) -> [f32; GROUP] {
        // SAFETY: NEON is there.
        v.map(|v| unsafe { vaddvq_f32(v) })
    }
}
