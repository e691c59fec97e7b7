//! One query against slots: the only way the graph learns a distance.

use bytemuck::pod_read_unaligned;
use vicinal_kernels::BatchFn;

use crate::arena::Arena;

/// Addresses gathered on the stack for one kernel call; longer batches take several.
const BATCH: usize = 64;

/// Scores slots for one query; lower is nearer. A batch is one hop: metric, code, instruction set and prefetch live
/// behind this call.
pub trait Scorer {
    /// The score of each slot. The slots were written.
    fn score(&self, slots: &[u32], out: &mut [f32]);

    /// Brings the row of a slot towards the caches.
    fn prefetch(&self, slot: u32);

    /// The score of one slot.
    fn score_one(&self, slot: u32) -> f32;
}

impl<S: Scorer> Scorer for &S {
    #[inline(always)]
    fn score(&self, slots: &[u32], out: &mut [f32]) {
        (**self).score(slots, out);
    }

    #[inline(always)]
    fn prefetch(&self, slot: u32) {
        (**self).prefetch(slot);
    }

    #[inline(always)]
    fn score_one(&self, slot: u32) -> f32 {
        (**self).score_one(slot)
    }
}

/// From a kernel's raw value to a score.
pub enum Adjust<'a> {
    /// The raw value.
    None,
    /// `-<q, x>`.
    Negate,
    /// `-cos`.
    Cosine { inverse_norms: &'a Arena, inverse_norm: f32 },
}

/// A [`Scorer`] over stored codes.
pub struct CodeScorer<'a> {
    kernel: BatchFn,
    query: &'a [u8],
    rows: &'a Arena,
    len: usize,
    adjust: Adjust<'a>,
}

impl<'a> CodeScorer<'a> {
    pub(super) fn new(kernel: BatchFn, query: &'a [u8], rows: &'a Arena, len: usize, adjust: Adjust<'a>) -> Self {
        CodeScorer { kernel, query, rows, len, adjust }
    }

    /// What makes the query a direction, under cosine; 1 otherwise.
    pub fn scale(&self) -> f32 {
        match self.adjust {
            Adjust::Cosine { inverse_norm, .. } => inverse_norm,
            _ => 1.0,
        }
    }

    fn adjust(&self, slots: &[u32], scores: &mut [f32]) {
        // SAFETY: the aux of a written row was written with it.
        let aux = |arena: &Arena, slot: u32| -> f32 { pod_read_unaligned(unsafe { arena.bytes(slot) }) };
        let pairs = slots.iter().zip(scores.iter_mut());
        match self.adjust {
            Adjust::None => {}
            Adjust::Negate => pairs.for_each(|(_, s)| *s = -*s),
            Adjust::Cosine { inverse_norms, inverse_norm } => {
                pairs.for_each(|(&slot, s)| *s *= -inverse_norm * aux(inverse_norms, slot));
            }
        }
    }
}

impl Scorer for CodeScorer<'_> {
    #[inline(always)]
    fn prefetch(&self, slot: u32) {
        vicinal_kernels::prefetch(self.rows.address(slot), self.rows.row_bytes());
    }

    #[inline]
    fn score_one(&self, slot: u32) -> f32 {
        let (address, mut out) = (self.rows.row(slot).cast_const(), [0.0]);
        // SAFETY: the address is of a written row with `len` elements, as is the query.
        unsafe { (self.kernel)(self.query.as_ptr(), &address, 1, self.len, out.as_mut_ptr()) };
        self.adjust(&[slot], &mut out);
        out[0]
    }

    #[inline]
    fn score(&self, slots: &[u32], out: &mut [f32]) {
        let mut addresses = [std::ptr::null::<u8>(); BATCH];
        for (slots, out) in slots.chunks(BATCH).zip(out.chunks_mut(BATCH)) {
            for (address, &slot) in addresses.iter_mut().zip(slots) {
                *address = self.rows.row(slot);
            }
            // SAFETY: the addresses are of written rows with `len` elements, as is the query; `out` has a place for each.
            unsafe {
                (self.kernel)(self.query.as_ptr(), addresses.as_ptr(), slots.len(), self.len, out.as_mut_ptr());
            }
            self.adjust(slots, out);
        }
    }
}
