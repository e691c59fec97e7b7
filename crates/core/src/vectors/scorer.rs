//! One query against slots: the only way the graph learns a distance.

use bytemuck::pod_read_unaligned;
use vicinal_kernels::BatchFn;
use vicinal_kernels::levels::{self, Tail};

use crate::arena::Arena;
use crate::types::Metric;

/// Addresses gathered on the stack for one kernel call; longer batches take several.
const BATCH: usize = 64;

/// Scores slots for one query; lower is nearer. A batch is one hop: metric, code, instruction set and prefetch live
/// behind this call.
pub trait Scorer {
    /// The score of each slot. The slots were written.
    fn score(&self, slots: &[u32], out: &mut [f32]);

    /// Brings what it reads of a slot towards the caches, as far as that is not part of the slot's row in the graph.
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
    /// Raw values are of levels.
    Levels(LevelScores),
}

/// Scores from products of a query's numbers with levels.
pub struct LevelScores {
    query: levels::Query,
    metric: Metric,
    inverse_norm: f32,
    /// What *low* and the product are multiplied by: both together are -⟨q, x⟩, twice that for squares of distances.
    of_low: f32,
    of_product: f32,
}

impl LevelScores {
    /// Of a query, and what makes it a direction.
    pub fn new(query: &[f32], metric: Metric, inverse_norm: f32) -> Self {
        let query = levels::Query::of(query);
        let factor = match metric {
            Metric::L2 | Metric::SqEuclidean => -2.0,
            _ => -inverse_norm,
        };
        LevelScores { metric, inverse_norm, of_low: factor * query.sum, of_product: factor * query.unit, query }
    }

    /// # Safety
    /// The addresses are those of rows of levels of the query's length.
    unsafe fn adjust(&self, rows: &[*const u8], scores: &mut [f32]) {
        let row_bytes = levels::row_bytes(self.query.numbers.len());
        let pairs = rows.iter().zip(scores).map(|(&row, score)| {
            // SAFETY: the caller's promise; written rows are immutable.
            let tail = Tail::of(unsafe { std::slice::from_raw_parts(row, row_bytes) });
            let along = tail.low * self.of_low + tail.step * (self.of_product * *score);
            (score, tail.own, along)
        });
        match self.metric {
            Metric::Cosine => pairs.for_each(|(score, inverse_norm, along)| *score = along * inverse_norm),
            Metric::Ip => pairs.for_each(|(score, _, along)| *score = along),
            _ => pairs.for_each(|(score, square, along)| *score = (self.query.square + square + along).max(0.0)),
        }
    }
}

/// Where codes lie: from byte `start` of the rows of an arena.
#[derive(Clone, Copy)]
pub struct Rows<'a> {
    /// The arena.
    pub arena: &'a Arena,
    /// Where a code begins in its row.
    pub start: usize,
}

impl Rows<'_> {
    /// Address of the code of a slot.
    #[inline(always)]
    fn row(self, slot: u32) -> *const u8 {
        self.arena.row(slot).wrapping_add(self.start).cast_const()
    }
}

/// A [`Scorer`] over stored codes.
pub struct CodeScorer<'a> {
    pub(super) kernel: BatchFn,
    pub(super) query: &'a [u8],
    pub(super) rows: Rows<'a>,
    /// Elements of a code, and its bytes.
    pub(super) len: usize,
    pub(super) bytes: usize,
    pub(super) adjust: Adjust<'a>,
}

impl CodeScorer<'_> {
    /// What makes the query a direction, under cosine; 1 otherwise.
    pub fn scale(&self) -> f32 {
        match self.adjust {
            Adjust::Cosine { inverse_norm, .. } => inverse_norm,
            Adjust::Levels(LevelScores { inverse_norm, .. }) => inverse_norm,
            Adjust::None | Adjust::Negate => 1.0,
        }
    }

    /// The query as the kernel takes it.
    #[inline(always)]
    fn query(&self) -> *const u8 {
        match &self.adjust {
            Adjust::Levels(scores) => scores.query.numbers.as_ptr().cast(),
            _ => self.query.as_ptr(),
        }
    }

    /// Brings the norm of a slot towards the caches, where it lies apart.
    #[inline(always)]
    fn prefetch_norm(&self, slot: u32) {
        if let Adjust::Cosine { inverse_norms, .. } = self.adjust {
            vicinal_kernels::prefetch(inverse_norms.address(slot), inverse_norms.row_bytes());
        }
    }

    /// # Safety
    /// The slots were written, and these are the addresses of their rows.
    #[inline(always)]
    unsafe fn adjust(&self, slots: &[u32], rows: &[*const u8], scores: &mut [f32]) {
        // SAFETY: the aux of a written row was written with it.
        let aux = |arena: &Arena, slot: u32| -> f32 { pod_read_unaligned(unsafe { arena.bytes(slot) }) };
        match &self.adjust {
            Adjust::None => {}
            Adjust::Negate => scores.iter_mut().for_each(|s| *s = -*s),
            Adjust::Cosine { inverse_norms, inverse_norm } => {
                let pairs = slots.iter().zip(scores.iter_mut());
                pairs.for_each(|(&slot, s)| *s *= -inverse_norm * aux(inverse_norms, slot));
            }
            // SAFETY: the caller's promise.
            Adjust::Levels(levels) => unsafe { levels.adjust(rows, scores) },
        }
    }
}

impl Scorer for CodeScorer<'_> {
    #[inline(always)]
    fn prefetch(&self, slot: u32) {
        // What lies in a row of the graph comes with it.
        if self.rows.start == 0 {
            vicinal_kernels::prefetch(self.rows.arena.address(slot), self.bytes);
        }
        self.prefetch_norm(slot);
    }

    #[inline]
    fn score_one(&self, slot: u32) -> f32 {
        let (address, mut out) = ([self.rows.row(slot)], [0.0]);
        // SAFETY: the address is of a written row with `len` elements, as is the query.
        unsafe {
            (self.kernel)(self.query(), address.as_ptr(), 1, self.len, out.as_mut_ptr());
            self.adjust(&[slot], &address, &mut out);
        }
        out[0]
    }

    #[inline]
    fn score(&self, slots: &[u32], out: &mut [f32]) {
        let mut addresses = [std::ptr::null::<u8>(); BATCH];
        for (slots, out) in slots.chunks(BATCH).zip(out.chunks_mut(BATCH)) {
            for (address, &slot) in addresses.iter_mut().zip(slots) {
                *address = self.rows.row(slot);
                self.prefetch_norm(slot);
                if let Adjust::Levels(_) = self.adjust {
                    // What lies behind the levels; the kernel asks for those.
                    vicinal_kernels::prefetch(address.wrapping_add(self.len), self.bytes - self.len);
                }
            }
            // SAFETY: the addresses are of written rows with `len` elements, as is the query; `out` has a place for each.
            unsafe {
                (self.kernel)(self.query(), addresses.as_ptr(), slots.len(), self.len, out.as_mut_ptr());
                self.adjust(slots, &addresses[..slots.len()], out);
            }
        }
    }
}
