//! Bytes, widened to 16 bits.

use core::array;

use super::Scalar;
use crate::generic::GROUP;
use crate::generic::bytes::Bytes;

const LANES: usize = 8;

/// Reads `n ≤ LANES` bytes, converted; zeros follow.
///
/// # Safety
///
/// `at` is readable for `n` bytes.
#[inline(always)]
unsafe fn read(at: *const u8, n: usize, convert: impl Fn(u8) -> i16) -> [i16; LANES] {
    let mut v = [0; LANES];
    for (i, lane) in v.iter_mut().enumerate().take(n) {
        // SAFETY: i < n.
        *lane = convert(unsafe { *at.add(i) });
    }
    v
}

#[inline(always)]
fn unsigned(x: u8) -> i16 {
    i16::from(x)
}

#[inline(always)]
fn signed(x: u8) -> i16 {
    i16::from(x as i8)
}

impl Bytes for Scalar {
    const LANES: usize = LANES;
    type V = [i16; LANES];
    type Sum = [i32; LANES];

    #[inline(always)]
    unsafe fn zero() -> Self::Sum {
        [0; LANES]
    }

    #[inline(always)]
    unsafe fn u8(at: *const u8) -> Self::V {
        // SAFETY: the same contract.
        unsafe { read(at, LANES, unsigned) }
    }

    #[inline(always)]
    unsafe fn u8_tail(at: *const u8, n: usize) -> Self::V {
        // SAFETY: the same contract.
        unsafe { read(at, n, unsigned) }
    }

    #[inline(always)]
    unsafe fn i8(at: *const u8) -> Self::V {
        // SAFETY: the same contract.
        unsafe { read(at, LANES, signed) }
    }

    #[inline(always)]
    unsafe fn i8_tail(at: *const u8, n: usize) -> Self::V {
        // SAFETY: the same contract.
        unsafe { read(at, n, signed) }
    }

    #[inline(always)]
    unsafe fn i16(at: *const u8) -> Self::V {
        // SAFETY: the same contract.
        unsafe { Self::i16_tail(at, LANES) }
    }

    #[inline(always)]
    unsafe fn i16_tail(at: *const u8, n: usize) -> Self::V {
        // SAFETY: n of them are readable.
        array::from_fn(|i| if i < n { unsafe { at.cast::<i16>().add(i).read_unaligned() } } else { 0 })
    }

    #[inline(always)]
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V {
        array::from_fn(|i| a[i] - b[i])
    }

    #[inline(always)]
    unsafe fn dot(sum: Self::Sum, a: Self::V, b: Self::V) -> Self::Sum {
        array::from_fn(|i| sum[i].wrapping_add(i32::from(a[i]) * i32::from(b[i])))
    }

    #[inline(always)]
    unsafe fn add(a: Self::Sum, b: Self::Sum) -> Self::Sum {
        array::from_fn(|i| a[i].wrapping_add(b[i]))
    }

    #[inline(always)]
    unsafe fn sums(v: [Self::Sum; GROUP]) -> [i32; GROUP] {
        v.map(|v| v.into_iter().fold(0, i32::wrapping_add))
    }
}
