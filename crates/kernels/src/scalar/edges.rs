//! Edges, in arrays that the compiler makes of them what the target allows.

use core::array;

use half::bf16;

use super::Scalar;
use super::float::LANES;
use crate::edges::ops::{Edges, put_nibble};

impl Edges for Scalar {
    const RADIX: usize = 4;
    const BYTES: usize = 16;
    type Signs = u32;
    type Bytes = [u8; 16];
    type Wide = [u16; 16];
    type Totals = [u32; 32];

    #[inline(always)]
    unsafe fn store(at: *mut f32, v: Self::V) {
        // SAFETY: a register's worth is writable.
        unsafe { at.cast::<Self::V>().write_unaligned(v) }
    }

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self::V {
        [x; LANES]
    }

    #[inline(always)]
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V {
        array::from_fn(|i| a[i] * b[i])
    }

    #[inline(always)]
    unsafe fn abs(v: Self::V) -> Self::V {
        v.map(f32::abs)
    }

    #[inline(always)]
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V {
        array::from_fn(|i| a[i].max(b[i]))
    }

    #[inline(always)]
    unsafe fn largest(v: Self::V) -> f32 {
        v.into_iter().fold(f32::NEG_INFINITY, f32::max)
    }

    #[inline(always)]
    unsafe fn less(v: Self::V, x: Self::V) -> u32 {
        (0..LANES).map(|i| u32::from(v[i] < x[i]) << i).sum()
    }

    #[inline(always)]
    unsafe fn bf16(at: *const u8) -> Self::V {
        // SAFETY: a register's worth of halves is readable.
        let bits = unsafe { at.cast::<[u16; LANES]>().read_unaligned() };
        bits.map(|bits| bf16::from_bits(bits).to_f32())
    }

    #[inline(always)]
    unsafe fn hadamard(v: Self::V) -> Self::V {
        [1, 2, 4]
            .into_iter()
            .fold(v, |v, h| array::from_fn(|i| if i & h == 0 { v[i] + v[i ^ h] } else { v[i ^ h] - v[i] }))
    }

    #[inline(always)]
    unsafe fn group_sums(v: Self::V) -> Self::V {
        let group = |i: usize| i & !3;
        array::from_fn(|i| (v[group(i)] + v[group(i) + 1]) + (v[group(i) + 2] + v[group(i) + 3]))
    }

    #[inline(always)]
    unsafe fn lowest_bytes(v: [Self::V; 4], to: *mut u8) {
        for i in 0..16 / LANES {
            let bytes = v[i].map(|v| v.to_bits() as u8);
            // SAFETY: 16 bytes are writable.
            unsafe { to.add(i * LANES).cast::<[u8; LANES]>().write_unaligned(bytes) };
        }
    }

    #[inline(always)]
    unsafe fn positive(v: Self::V) -> u32 {
        v.into_iter().enumerate().fold(0, |bits, (i, v)| bits | u32::from(v > 0.0) << i)
    }

    #[inline(always)]
    unsafe fn add_where(sum: Self::V, v: Self::V, signs: u32) -> Self::V {
        array::from_fn(|i| if signs >> i & 1 == 1 { sum[i] + v[i] } else { sum[i] })
    }

    #[inline(always)]
    unsafe fn put(codes: *mut u8, lane: usize, signs: u32) {
        for group in 0..LANES / 4 {
            // SAFETY: the same contract.
            unsafe { put_nibble(codes.add(16 * group), lane, signs >> (4 * group)) };
        }
    }

    #[inline(always)]
    unsafe fn bytes(at: *const u8) -> Self::Bytes {
        // SAFETY: 16 bytes are readable.
        unsafe { at.cast::<Self::Bytes>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn look_up(table: Self::Bytes, codes: Self::Bytes) -> [Self::Bytes; 2] {
        [codes.map(|c| table[usize::from(c & 15)]), codes.map(|c| table[usize::from(c >> 4)])]
    }

    #[inline(always)]
    unsafe fn add_bytes(a: Self::Bytes, b: Self::Bytes) -> Self::Bytes {
        array::from_fn(|i| a[i] + b[i])
    }

    #[inline(always)]
    unsafe fn no_wide() -> Self::Wide {
        [0; 16]
    }

    #[inline(always)]
    unsafe fn widen(sums: Self::Wide, bytes: Self::Bytes) -> Self::Wide {
        array::from_fn(|i| sums[i] + u16::from(bytes[i]))
    }

    #[inline(always)]
    unsafe fn no_totals() -> Self::Totals {
        [0; 32]
    }

    #[inline(always)]
    unsafe fn total(totals: Self::Totals, low_high: [Self::Wide; 2]) -> Self::Totals {
        array::from_fn(|i| totals[i] + u32::from(low_high[i / 16][i % 16]))
    }

    #[inline(always)]
    unsafe fn floats(totals: &Self::Totals, part: usize) -> Self::V {
        array::from_fn(|i| totals[part * LANES + i] as f32)
    }
}
