//! What an instruction set has to offer for the arithmetic of edges.

pub(crate) use super::code::write_code_with as write_code;
pub(crate) use super::estimate::estimate_with as estimate;
pub(crate) use super::frontier::{add_with as add, shift_with as shift};
pub(crate) use super::rotation::rotate_with as rotate;
pub(crate) use super::table::fill_with as fill;

use super::frontier::{self, Nearest};
use crate::generic::floats::Floats;

/// Operations on registers of floats and of bytes.
///
/// # Safety
///
/// Of every method: the instruction set is there, and pointers are good for a register, or for
/// what the method speaks of.
pub(crate) trait Edges: Floats {
    /// Registers of floats among which a step of the rotation takes place: as many as leave some
    /// to work with.
    const RADIX: usize;
    /// Bytes of a register: as many as a whole number of groups has, up to four.
    const BYTES: usize;
    /// Signs of the lanes of a register of floats.
    type Signs: Copy;
    /// A register of bytes.
    type Bytes: Copy;
    /// Sums in 16 bits over registers of bytes, place by place.
    type Wide: Copy;
    /// Sums in 32 bits of the 32 edges of a block.
    type Totals: Copy;

    unsafe fn store(at: *mut f32, v: Self::V);
    unsafe fn splat(x: f32) -> Self::V;
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn abs(v: Self::V) -> Self::V;
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn largest(v: Self::V) -> f32;
    /// A bit for each lane: whether it is below x.
    unsafe fn less(v: Self::V, x: Self::V) -> u32;
    /// As many components of bf16 as a register has floats.
    unsafe fn bf16(at: *const u8) -> Self::V;

    /// The Hadamard transform of the lanes, without its factor.
    unsafe fn hadamard(v: Self::V) -> Self::V;
    /// In each lane the sum (a + b) + (c + d) of the group that it belongs to.
    unsafe fn group_sums(v: Self::V) -> Self::V;
    /// The lowest bytes of the 16 words in the first so many registers.
    unsafe fn lowest_bytes(v: [Self::V; 4], to: *mut u8);

    /// Which lanes are greater than zero.
    unsafe fn positive(v: Self::V) -> Self::Signs;
    /// sum + v where the sign is set, sum elsewhere.
    unsafe fn add_where(sum: Self::V, v: Self::V, signs: Self::Signs) -> Self::V;
    /// Writes signs as nibbles of the given lane, into as many groups as a register has.
    unsafe fn put(codes: *mut u8, lane: usize, signs: Self::Signs);

    unsafe fn bytes(at: *const u8) -> Self::Bytes;
    /// The entries of the table that the low, and that the high nibbles of the codes name.
    unsafe fn look_up(table: Self::Bytes, codes: Self::Bytes) -> [Self::Bytes; 2];
    unsafe fn add_bytes(a: Self::Bytes, b: Self::Bytes) -> Self::Bytes;
    unsafe fn no_wide() -> Self::Wide;
    unsafe fn widen(sums: Self::Wide, bytes: Self::Bytes) -> Self::Wide;
    unsafe fn no_totals() -> Self::Totals;
    /// Adds the sums of the low and of the high nibbles over all groups of a register. They fit
    /// in 16 bits.
    unsafe fn total(totals: Self::Totals, low_high: [Self::Wide; 2]) -> Self::Totals;
    /// Register `part` of the totals, as floats.
    unsafe fn floats(totals: &Self::Totals, part: usize) -> Self::V;

    /// See [`frontier::insert`].
    #[inline(always)]
    unsafe fn insert(nearest: &mut Nearest, estimate: f32, id: u32) -> (f32, u32) {
        frontier::insert(nearest, estimate, id)
    }

    /// See [`frontier::shift`].
    #[inline(always)]
    unsafe fn shift(nearest: &mut Nearest) {
        frontier::shift(nearest);
    }

    /// See [`frontier::append`]; may write a register beyond what is kept.
    #[inline(always)]
    unsafe fn append(to_values: *mut f32, to_ids: *mut u32, values: *const f32, ids: *const u32, which: u32) -> usize {
        // SAFETY: the same contract.
        unsafe { frontier::append(to_values, to_ids, values, ids, which) }
    }
}

/// Writes the lowest four bits of `signs` as a nibble of the lane.
///
/// # Safety
///
/// `group` is the first byte of a group of a block that no other thread writes, `lane < 32`.
#[inline(always)]
pub(crate) unsafe fn put_nibble(group: *mut u8, lane: usize, signs: u32) {
    let shift = lane / 16 * 4;
    // SAFETY: byte lane % 16 of the group. Others may read it meanwhile: a volatile store of a
    // byte is one store of that byte, which they see before or after.
    unsafe {
        let byte = group.add(lane % 16);
        let others = byte.read() & !(15 << shift);
        byte.write_volatile(others | ((signs & 15) as u8) << shift);
    }
}
