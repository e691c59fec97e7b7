//! One block of 32 edges against one query.

use super::ops::Edges;
use super::table::{ENTRIES_IN_BYTE, ENTRIES_IN_WORD};
use super::{CODES, GROUP_BYTES, LANES, RESCALE, Table, functions, functions_for};
use crate::Isa;

/// Estimates of the 32 edges of a block: `out[j] = base + add[j] + rescale[j] · ⟨q, sgn_j⟩`, with
/// the inner product of the query and the lane's code from the table. All 32, whatever is in
/// them; a [cleared](super::clear_lane) lane gives +∞.
///
/// # Safety
///
/// `block` is readable for [`block_bytes`](super::block_bytes) of the length that the table was
/// filled for, and `out` writable for 32 values. Nothing needs to be aligned. Other threads may
/// write the block meanwhile: see [`edges`](super).
pub type EstimateFn = unsafe fn(table: &Table, block: *const u8, base: f32, out: *mut f32);

/// The estimates of this machine (see [`isa`](crate::isa)).
pub fn estimate() -> EstimateFn {
    functions().estimate
}

/// The estimates of one instruction set; `None` if this machine lacks it.
pub fn estimate_for(isa: Isa) -> Option<EstimateFn> {
    functions_for(isa).map(|functions| functions.estimate)
}

/// An [`EstimateFn`] over the operations `T`.
///
/// Sums begin in bytes, go on in 16 bits and end in 32, each as long as it can hold them.
///
/// # Safety
///
/// As `EstimateFn`; and the instruction set is there.
#[inline(always)]
pub(crate) unsafe fn estimate_with<T: Edges>(table: &Table, block: *const u8, base: f32, out: *mut f32) {
    let bytes = table.groups * GROUP_BYTES;
    // SAFETY: codes and entries are of `bytes` bytes, a multiple of 64 and so of a register;
    // there are 32 factors of each kind and 32 results.
    unsafe {
        let (codes, entries) = (block.add(CODES), table.entries());
        let look_up = |at: usize| T::look_up(T::bytes(entries.add(at)), T::bytes(codes.add(at)));
        let mut totals = T::no_totals();
        let mut at = 0;
        while at < bytes {
            let end = bytes.min(at + ENTRIES_IN_WORD * GROUP_BYTES);
            let (mut low, mut high) = (T::no_wide(), T::no_wide());
            while at + ENTRIES_IN_BYTE * T::BYTES <= end {
                let [mut l, mut h] = look_up(at);
                for i in 1..ENTRIES_IN_BYTE {
                    let [l2, h2] = look_up(at + i * T::BYTES);
                    (l, h) = (T::add_bytes(l, l2), T::add_bytes(h, h2));
                }
                (low, high) = (T::widen(low, l), T::widen(high, h));
                at += ENTRIES_IN_BYTE * T::BYTES;
            }
            while at < end {
                let [l, h] = look_up(at);
                (low, high) = (T::widen(low, l), T::widen(high, h));
                at += T::BYTES;
            }
            totals = T::total(totals, [low, high]);
        }

        let (base, offset, step) = (T::splat(base), T::splat(table.offset), T::splat(table.step));
        for part in 0..LANES / T::LANES {
            let at = part * T::LANES;
            let product = T::fma(T::floats(&totals, part), step, offset);
            let add = T::add(base, T::bf16(block.add(2 * at)));
            let rescale = T::bf16(block.add(RESCALE + 2 * at));
            T::store(out.add(at), T::fma(rescale, product, add));
        }
    }
}
