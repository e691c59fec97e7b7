//! Bits, a 64-bit word at a time.

use super::Scalar;
use crate::generic::bits::Bits;
use crate::generic::{GROUP, partial16};

impl Bits for Scalar {
    const BYTES: usize = 8;
    type V = u64;
    type Sum = u32;

    #[inline(always)]
    unsafe fn zero() -> u32 {
        0
    }

    #[inline(always)]
    unsafe fn load(at: *const u8) -> u64 {
        // SAFETY: eight bytes are readable.
        unsafe { at.cast::<u64>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn tail(at: *const u8, n: usize) -> u64 {
        // SAFETY: the same contract.
        unsafe { partial16(at, n) as u64 }
    }

    #[inline(always)]
    unsafe fn xor(a: u64, b: u64) -> u64 {
        a ^ b
    }

    #[inline(always)]
    unsafe fn and(a: u64, b: u64) -> u64 {
        a & b
    }

    #[inline(always)]
    unsafe fn or(a: u64, b: u64) -> u64 {
        a | b
    }

    #[inline(always)]
    unsafe fn count(sum: u32, v: u64) -> u32 {
        sum + v.count_ones()
    }

    #[inline(always)]
    unsafe fn add(a: u32, b: u32) -> u32 {
        a + b
    }

    #[inline(always)]
    unsafe fn sums(v: [u32; GROUP]) -> [u32; GROUP] {
        v
    }
}
