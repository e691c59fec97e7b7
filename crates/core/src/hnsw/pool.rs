//! The candidate list of a search: one sorted array, the paper's `W` and `C` in one.

/// A score and a slot as one integer that orders as the pair does, with a low bit for "expanded".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Candidate(u64);

const EXPANDED: u64 = 1;

impl Candidate {
    /// An unexpanded candidate. Slots have 31 bits.
    #[inline(always)]
    pub fn new(score: f32, slot: u32) -> Self {
        Candidate(u64::from(ordered(score)) << 32 | u64::from(slot) << 1)
    }

    /// The same candidate, to be expanded again (on another layer).
    pub fn unexpanded(self) -> Self {
        Candidate(self.0 & !EXPANDED)
    }

    /// Its slot.
    #[inline(always)]
    pub fn slot(self) -> u32 {
        (self.0 as u32) >> 1
    }

    /// Its score.
    #[inline(always)]
    pub fn score(self) -> f32 {
        let bits = (self.0 >> 32) as u32;
        f32::from_bits(if bits >> 31 == 1 { bits ^ (1 << 31) } else { !bits })
    }
}

/// Bits that order as the floats do, negatives included.
#[inline(always)]
fn ordered(x: f32) -> u32 {
    let bits = x.to_bits();
    bits ^ ((bits as i32 >> 31) as u32 | 1 << 31)
}

/// The `ef` nearest candidates so far, nearest first. A sorted array beats the two binary heaps of the textbook: at
/// `ef` in the hundreds an insertion is one short `memmove`, and "nearest not yet expanded" is a cursor.
#[derive(Debug, Default)]
pub struct Pool {
    candidates: Vec<Candidate>,
    ef: usize,
    /// All candidates before it are expanded.
    cursor: usize,
}

impl Pool {
    /// Empties the pool for a search with this `ef`.
    pub fn reset(&mut self, ef: usize) {
        self.candidates.clear();
        self.candidates.reserve(ef + 1);
        self.ef = ef;
        self.cursor = 0;
    }

    /// Offers a candidate; it stays if it is among the `ef` nearest.
    #[inline]
    pub fn offer(&mut self, candidate: Candidate) {
        let full = self.candidates.len() == self.ef;
        if full && self.candidates.last().is_some_and(|&worst| candidate > worst) {
            return;
        }
        let place = self.candidates.partition_point(|&c| c < candidate);
        if full {
            self.candidates.pop();
        }
        self.candidates.insert(place, candidate);
        self.cursor = self.cursor.min(place);
    }

    /// The nearest candidate not yet expanded, marked as expanded.
    #[inline]
    pub fn pop(&mut self) -> Option<Candidate> {
        self.cursor += self.candidates[self.cursor..].iter().position(|c| c.0 & EXPANDED == 0)?;
        let candidate = &mut self.candidates[self.cursor];
        candidate.0 |= EXPANDED;
        Some(*candidate)
    }

    /// The candidate that [`Pool::pop`] would return next if nothing nearer came.
    #[inline]
    pub fn peek(&self) -> Option<u32> {
        self.candidates[self.cursor..].iter().find(|c| c.0 & EXPANDED == 0).map(|c| c.slot())
    }

    /// The score below which a candidate would stay.
    #[inline]
    pub fn bound(&self) -> f32 {
        match self.candidates.last() {
            Some(worst) if self.candidates.len() == self.ef => worst.score(),
            _ => f32::INFINITY,
        }
    }

    /// The candidates, nearest first.
    pub fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn candidates_order_as_score_and_slot_do(a in -1e9f32..1e9, b in -1e9f32..1e9, s in 0u32..1 << 31, t in 0u32..1 << 31) {
            let (x, y) = (Candidate::new(a, s), Candidate::new(b, t));
            prop_assert_eq!(x.cmp(&y), a.total_cmp(&b).then(s.cmp(&t)));
            prop_assert_eq!((x.score(), x.slot()), (a, s));
        }

        #[test]
        fn the_pool_keeps_the_nearest_and_pops_each_once(scores in prop::collection::vec(-100i32..100, 0..200), ef in 1usize..40) {
            let mut pool = Pool::default();
            pool.reset(ef);
            let mut popped = Vec::new();
            for (slot, &score) in scores.iter().enumerate() {
                pool.offer(Candidate::new(score as f32, slot as u32));
                if slot % 3 == 0 {
                    popped.extend(pool.pop().map(|c| c.slot()));
                }
            }
            popped.extend(std::iter::from_fn(|| pool.pop()).map(|c| c.slot()));
            let mut all: Vec<_> = scores.iter().enumerate().map(|(slot, &score)| (score, slot as u32)).collect();
            all.sort_unstable();
            all.truncate(ef);
            let kept: Vec<_> = pool.candidates().iter().map(|c| (c.score() as i32, c.slot())).collect();
            prop_assert_eq!(&kept, &all);
            let unique: std::collections::HashSet<_> = popped.iter().collect();
            prop_assert_eq!(unique.len(), popped.len());
            prop_assert!(kept.iter().all(|(_, slot)| unique.contains(slot)));
        }
    }
}
