//! The sums that a query looks up.

use super::ops::Edges;
use super::{GROUP, GROUP_BYTES, functions};

/// Entries are −LEVELS..=LEVELS, stored with LEVELS added. Four of them can then be added as bytes
/// before they must be widened, which saves a quarter of the instructions of a scan. RaBitQ
/// (§3.3.1) finds four bits for a *component* of the query enough; here nearly six for a sum of
/// four components add less than 1% to the variance of an estimate.
const LEVELS: f32 = 31.0;

/// Entries that can be added in a byte.
pub(super) const ENTRIES_IN_BYTE: usize = 4;
/// Entries that can be added in 16 bits.
pub(super) const ENTRIES_IN_WORD: usize = 1024;
const _: () = assert!(2 * LEVELS as usize * ENTRIES_IN_BYTE <= u8::MAX as usize);
const _: () = assert!(2 * LEVELS as usize * ENTRIES_IN_WORD <= u16::MAX as usize);

/// Added to a float, leaves its nearest integer (ties to even), with `LEVELS` added, in the lowest
/// byte: floats from 2²³ to 2²⁴ are integers, and 1.5 · 2²³ is a multiple of 256.
const ROUND: f32 = 12_582_912.0 + LEVELS;

/// The signs of four components in the order of the nibble that stands for them.
static SIGNS: [[f32; 16]; GROUP] = {
    let mut signs = [[-1.0; 16]; GROUP];
    let mut i = 0;
    while i < 16 * GROUP {
        if (i % 16) >> (i / 16) & 1 == 1 {
            signs[i / 16][i % 16] = 1.0;
        }
        i += 1;
    }
    signs
};

/// The part of [`Table::fill`] that instruction sets do.
///
/// # Safety
///
/// The table has room for the query, whose length is a multiple of 16.
pub(crate) type FillFn = unsafe fn(table: &mut Table, query: &[f32]);

/// A cache line of entries: those of four groups.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct Line(pub(super) [u8; 64]);

/// One query's lookup table: for each group of four components the sums ±q₀ ±q₁ ±q₂ ±q₃, in small
/// integers, one for each value of a nibble.
///
/// The inner product of the query with the signs of a code is `offset + step · Σ entries`. Filled
/// again and again it allocates only where a query is longer than all before.
#[derive(Clone, Debug, Default)]
pub struct Table {
    pub(super) lines: Vec<Line>,
    pub(super) groups: usize,
    pub(super) step: f32,
    pub(super) offset: f32,
}

impl Table {
    /// Fills the table for a query that was rotated as the codes were.
    ///
    /// # Panics
    ///
    /// If the query's length isn't a multiple of 16.
    pub fn fill(&mut self, rotated_query: &[f32]) {
        self.fill_with(functions().fill, rotated_query);
    }

    /// [`fill`](Self::fill) on the instruction set that `fill` is of.
    pub(super) fn fill_with(&mut self, fill: FillFn, query: &[f32]) {
        assert!(query.len().is_multiple_of(16), "a rotated query has a multiple of 16 components");
        self.groups = query.len() / GROUP;
        self.lines.resize(self.groups * GROUP_BYTES / 64, Line([0; 64]));
        // SAFETY: there is room now.
        unsafe { fill(self, query) };
    }

    /// The entries, 16 for each group.
    pub(super) fn entries(&self) -> *const u8 {
        self.lines.as_ptr().cast()
    }
}

/// A [`FillFn`] over the operations `T`.
///
/// Every instruction set makes the same entries, to the bit: what is added is added in the same
/// order, and multiplied by signs only.
///
/// # Safety
///
/// As `FillFn`; and the instruction set is there.
#[inline(always)]
pub(crate) unsafe fn fill_with<T: Edges>(table: &mut Table, query: &[f32]) {
    // SAFETY: registers have no more than 16 lanes, and the query whole sixteens of components;
    // the table has room for 16 entries for each four of them.
    unsafe {
        let mut largest = T::zero();
        for at in (0..query.len()).step_by(T::LANES) {
            let v = T::f32(query.as_ptr().add(at).cast());
            largest = T::max(largest, T::group_sums(T::abs(v)));
        }
        // A query of zeros, or as good as zeros, has a step of zero and sums of zero.
        let largest = T::largest(largest);
        let scale = LEVELS / largest;
        let (scale, step) = if scale.is_finite() { (scale, largest / LEVELS) } else { (0.0, 0.0) };
        table.step = step;
        table.offset = -(LEVELS * table.groups as f32) * step;

        let (scale, round) = (T::splat(scale), T::splat(ROUND));
        for (group, q) in query.chunks_exact(GROUP).enumerate() {
            let [a, b, c, d] = [q[0], q[1], q[2], q[3]].map(|q| T::splat(q));
            // As many registers as 16 sums take.
            let mut sums = [T::zero(); 4];
            for (part, sums) in sums[..16 / T::LANES].iter_mut().enumerate() {
                let [i, j, k, l] = SIGNS.each_ref().map(|sign| sign.as_ptr().add(part * T::LANES).cast());
                let ab = T::fma(b, T::f32(j), T::mul(a, T::f32(i)));
                let cd = T::fma(d, T::f32(l), T::mul(c, T::f32(k)));
                *sums = T::add(T::mul(T::add(ab, cd), scale), round);
            }
            T::lowest_bytes(sums, table.lines.as_mut_ptr().cast::<u8>().add(group * GROUP_BYTES));
        }
    }
}
