//! Floats, four to a register.

use core::arch::aarch64::*;

use super::Neon;
use crate::generic::floats::Floats;
use crate::generic::partial16;

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

#[inline(always)]
unsafe fn widen_bf16(v: uint16x4_t) -> float32x4_t {
    // SAFETY: NEON is there.
    unsafe { vreinterpretq_f32_u32(vshll_n_u16::<16>(v)) }
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
    unsafe fn bf16(at: *const u8) -> float32x4_t {
        // SAFETY: eight bytes are readable.
        unsafe { widen_bf16(vreinterpret_u16_u8(vld1_u8(at))) }
    }

    #[inline(always)]
    unsafe fn bf16_tail(at: *const u8, n: usize) -> float32x4_t {
        // SAFETY: the same contract.
        unsafe { widen_bf16(halves(at, n)) }
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
    unsafe fn sum(v: float32x4_t) -> f32 {
        // SAFETY: NEON is there.
        unsafe { vaddvq_f32(v) }
    }
}
