//! Floats, eight sums side by side.

use core::array;

use super::Scalar;
use crate::generic::GROUP;
use crate::generic::floats::Floats;

pub(super) const LANES: usize = 8;

/// Reads `n ≤ LANES` components of type `S`, converted; zeros follow.
///
/// # Safety
///
/// `at` is readable for `n` components.
#[inline(always)]
unsafe fn read<S>(at: *const u8, n: usize, convert: impl Fn(S) -> f32) -> [f32; LANES] {
    let mut v = [0.0; LANES];
    for (i, lane) in v.iter_mut().enumerate().take(n) {
        // SAFETY: i < n.
        *lane = convert(unsafe { at.cast::<S>().add(i).read_unaligned() });
    }
    v
}

/// A half as a float, without branches: move the bits into place, then let a multiplication by
/// 2¹¹² mend the exponent, subnormals included. Exact.
#[inline(always)]
fn from_f16(h: u16) -> f32 {
    let magnitude = f32::from_bits(u32::from(h & 0x7fff) << 13) * f32::from_bits(0x7780_0000);
    f32::from_bits(magnitude.to_bits() | (u32::from(h & 0x8000) << 16))
}

/// Components of type `S` at even and at odd places, `n ≤ 2 · LANES` of them; zeros follow.
///
/// # Safety
///
/// `at` is readable for `n` components.
#[inline(always)]
unsafe fn read_pair<S>(at: *const u8, n: usize, convert: impl Fn(S) -> f32 + Copy) -> Pair {
    let component = |place: usize| {
        if place < n {
            // SAFETY: place < n.
            convert(unsafe { at.cast::<S>().add(place).read_unaligned() })
        } else {
            0.0
        }
    };
    (array::from_fn(|i| component(2 * i)), array::from_fn(|i| component(2 * i + 1)))
}

type Pair = ([f32; LANES], [f32; LANES]);

#[inline(always)]
fn from_bf16(h: u16) -> f32 {
    f32::from_bits(u32::from(h) << 16)
}

impl Floats for Scalar {
    const LANES: usize = LANES;
    type V = [f32; LANES];

    #[inline(always)]
    unsafe fn zero() -> Self::V {
        [0.0; LANES]
    }

    #[inline(always)]
    unsafe fn f32(at: *const u8) -> Self::V {
        // SAFETY: 32 bytes are readable.
        unsafe { at.cast::<Self::V>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn f32_tail(at: *const u8, n: usize) -> Self::V {
        // SAFETY: the same contract.
        unsafe { read(at, n, |x: f32| x) }
    }

    #[inline(always)]
    unsafe fn f16(at: *const u8) -> Self::V {
        // SAFETY: 16 bytes are readable.
        unsafe { at.cast::<[u16; LANES]>().read_unaligned() }.map(from_f16)
    }

    #[inline(always)]
    unsafe fn f16_tail(at: *const u8, n: usize) -> Self::V {
        // SAFETY: the same contract.
        unsafe { read(at, n, from_f16) }
    }

    #[inline(always)]
    unsafe fn f32_pair(at: *const u8) -> Pair {
        // SAFETY: the same contract.
        unsafe { read_pair(at, 2 * LANES, |x: f32| x) }
    }

    #[inline(always)]
    unsafe fn f32_pair_tail(at: *const u8, n: usize) -> Pair {
        // SAFETY: the same contract.
        unsafe { read_pair(at, n, |x: f32| x) }
    }

    #[inline(always)]
    unsafe fn bf16_pair(at: *const u8) -> Pair {
        // SAFETY: the same contract.
        unsafe { read_pair(at, 2 * LANES, from_bf16) }
    }

    #[inline(always)]
    unsafe fn bf16_pair_tail(at: *const u8, n: usize) -> Pair {
        // SAFETY: the same contract.
        unsafe { read_pair(at, n, from_bf16) }
    }

    #[inline(always)]
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
        array::from_fn(|i| a[i] + b[i])
    }

    #[inline(always)]
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V {
        array::from_fn(|i| a[i] - b[i])
    }

    #[inline(always)]
    unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        // Not `mul_add`: without the instruction that is a call of a library function.
        array::from_fn(|i| a[i] * b[i] + c[i])
    }

    #[inline(always)]
    unsafe fn sums(v: [Self::V; GROUP]) -> [f32; GROUP] {
        v.map(|v| {
            let half: [f32; 4] = array::from_fn(|i| v[i] + v[i + 4]);
            (half[0] + half[2]) + (half[1] + half[3])
        })
    }
}
