//! Writing an edge into a lane of a block.

use half::bf16;

use super::ops::{Edges, put_nibble};
use super::{CODES, GROUP, GROUP_BYTES, LANES, RESCALE, functions};

/// What the factors of an edge are made of: sums over the residual r = neighbour − node.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sums {
    /// Σ |rᵢ|, which is also the inner product of r with its code.
    pub l1: f32,
    /// Σ rᵢ².
    pub l2sq: f32,
    /// Σ nodeᵢ · sgn(rᵢ): the inner product of the node with the code.
    pub along: f32,
}

/// A [`write_code`].
///
/// # Safety
///
/// As `write_code`; the lengths are equal and a multiple of 16, the lane is one.
pub(crate) type WriteFn = unsafe fn(block: *mut u8, lane: usize, node: &[f32], neighbour: &[f32]) -> Sums;

/// Writes the signs of `neighbour − node` into a lane of the node's block, and returns the sums
/// for the lane's factors. Both vectors are rotated. The sign of zero is negative. The other
/// lanes stay as they are.
///
/// # Panics
///
/// If the vectors' lengths differ or aren't a multiple of 16, or there is no such lane.
///
/// # Safety
///
/// `block` is valid for [`block_bytes`](super::block_bytes) of the vectors' length and at an even
/// address, and no other thread writes it. Others may read it: see [`edges`](super).
pub unsafe fn write_code(block: *mut u8, lane: usize, node: &[f32], neighbour: &[f32]) -> Sums {
    check(lane, node, neighbour);
    // SAFETY: the same contract, checked as far as can be.
    unsafe { (functions().write_code)(block, lane, node, neighbour) }
}

fn check(lane: usize, node: &[f32], neighbour: &[f32]) {
    assert!(lane < LANES, "a block has 32 lanes");
    assert_eq!(node.len(), neighbour.len(), "node and neighbour differ in length");
    assert!(node.len().is_multiple_of(16), "rotated vectors have a multiple of 16 components");
}

/// Writes the factors of a lane, rounded to the nearest bf16 (ties to even).
///
/// # Safety
///
/// As of [`write_code`].
pub unsafe fn write_factors(block: *mut u8, lane: usize, add: f32, rescale: f32) {
    assert!(lane < LANES, "a block has 32 lanes");
    // SAFETY: within the factors of the block.
    unsafe {
        put_factor(block, lane, bf16::from_f32(add).to_bits());
        put_factor(block.add(RESCALE), lane, bf16::from_f32(rescale).to_bits());
    }
}

/// Empties a lane: its estimates are +∞ from now on.
///
/// # Safety
///
/// As of [`write_code`].
pub unsafe fn clear_lane(block: *mut u8, lane: usize) {
    // SAFETY: the same contract.
    unsafe { write_factors(block, lane, f32::INFINITY, 0.0) };
}

/// The factors of a lane: `add`, then `rescale`.
///
/// # Safety
///
/// `block` is readable for its factors.
pub unsafe fn factors(block: *const u8, lane: usize) -> (f32, f32) {
    assert!(lane < LANES, "a block has 32 lanes");
    // SAFETY: within the factors of the block.
    let factor = |of: usize| unsafe { block.add(of + 2 * lane).cast::<bf16>().read_unaligned() }.to_f32();
    (factor(0), factor(RESCALE))
}

/// What the lanes of a block are rescaled by.
///
/// # Safety
///
/// `block` is readable for its factors. Other threads may write it meanwhile: see [`edges`](super).
pub unsafe fn rescales(block: *const u8) -> [f32; LANES] {
    // SAFETY: within the factors of the block.
    let bits = |lane: usize| unsafe { block.add(RESCALE + 2 * lane).cast::<u16>().read_unaligned() };
    core::array::from_fn(|lane| f32::from_bits(u32::from(bits(lane)) << 16))
}

/// In how many components the codes of one lane differ between two blocks for vectors of length `padded`.
///
/// # Safety
///
/// Both blocks are readable for [`block_bytes`](super::block_bytes) of that length.
pub unsafe fn differing(a: *const u8, b: *const u8, lane: usize, padded: usize) -> u32 {
    assert!(lane < LANES, "a block has 32 lanes");
    let nibbles = (0..padded / GROUP).map(|group| {
        let at = CODES + group * GROUP_BYTES + lane % 16;
        // SAFETY: within the codes of the blocks.
        let both = unsafe { *a.add(at) ^ *b.add(at) };
        (both >> (lane / 16 * 4) & 0xf).count_ones()
    });
    nibbles.sum()
}

/// Copies the code and the factors of a lane to another, in the same block or another one of the
/// same node; `padded` is the length of the node's rotated vector.
///
/// # Safety
///
/// As of [`write_code`], for `to`; `from` is a block of that length too, and no other thread
/// writes it.
pub unsafe fn copy_lane(from: *const u8, from_lane: usize, to: *mut u8, to_lane: usize, padded: usize) {
    assert!(from_lane < LANES && to_lane < LANES, "a block has 32 lanes");
    let shift = from_lane / 16 * 4;
    // SAFETY: within the codes, then the factors, of the blocks.
    unsafe {
        for group in 0..padded / GROUP {
            let at = CODES + group * GROUP_BYTES;
            let nibble = *from.add(at + from_lane % 16) >> shift;
            put_nibble(to.add(at), to_lane, nibble.into());
        }
        for of in [0, RESCALE] {
            let factor = from.add(of + 2 * from_lane).cast::<u16>().read_unaligned();
            put_factor(to.add(of), to_lane, factor);
        }
    }
}

/// Writes one bf16 among 32, in one store: the bytes of two factors, mixed, might be those of a NaN.
///
/// # Safety
///
/// `factors` is valid for 64 bytes that no other thread writes, and even.
unsafe fn put_factor(factors: *mut u8, lane: usize, bits: u16) {
    // SAFETY: two of the 64 bytes, at an even address; as of `put_nibble`.
    unsafe { factors.cast::<u16>().add(lane).write_volatile(bits) };
}

/// A [`WriteFn`] over the operations `T`.
///
/// # Safety
///
/// As `WriteFn`; and the instruction set is there.
#[inline(always)]
pub(crate) unsafe fn write_code_with<T: Edges>(block: *mut u8, lane: usize, node: &[f32], neighbour: &[f32]) -> Sums {
    // SAFETY: registers have no more than 16 lanes, the vectors whole sixteens of components, and
    // the block 16 bytes for each group of four.
    unsafe {
        let codes = block.add(CODES);
        let (mut l1, mut l2sq) = (T::zero(), T::zero());
        // Σ node·sgn is twice the sum where the sign is positive, less the sum of all: one masked
        // addition and a plain one, where changing signs would take three operations.
        let (mut positives, mut all) = (T::zero(), T::zero());
        for at in (0..node.len()).step_by(T::LANES) {
            let own = T::f32(node.as_ptr().add(at).cast());
            let residual = T::sub(T::f32(neighbour.as_ptr().add(at).cast()), own);
            let signs = T::positive(residual);
            T::put(codes.add(at / GROUP * GROUP_BYTES), lane, signs);
            l1 = T::add(l1, T::abs(residual));
            l2sq = T::fma(residual, residual, l2sq);
            positives = T::add_where(positives, own, signs);
            all = T::add(all, own);
        }
        let [l1, l2sq, positives, all] = T::sums([l1, l2sq, positives, all]);
        Sums { l1, l2sq, along: 2.0 * positives - all }
    }
}
