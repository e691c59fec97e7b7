//! Where the rows of a batch go: slots that are free again, then new ones.

use std::ops::Range;

/// The slots of a batch, in the order of its rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Slots {
    reused: Vec<u32>,
    fresh: Range<u32>,
}

impl Slots {
    /// The slots `reused`, which others had before, then those of `fresh`, which follow the last one so far.
    pub fn new(reused: Vec<u32>, fresh: Range<u32>) -> Self {
        Slots { reused, fresh }
    }

    /// The slot of row `i` of the batch.
    pub fn get(&self, i: usize) -> u32 {
        self.reused.get(i).copied().unwrap_or_else(|| self.fresh.start + (i - self.reused.len()) as u32)
    }

    /// All of them in order, so many at a time.
    pub fn parts(&self, most: usize) -> impl Iterator<Item = Slots> {
        let reused = self.reused.len();
        (0..self.len()).step_by(most.min(self.len()).max(1)).map(move |from| {
            let to = from.saturating_add(most).min(self.len());
            let fresh = |place: usize| self.fresh.start + place.saturating_sub(reused) as u32;
            Slots::new(self.reused[from.min(reused)..to.min(reused)].to_vec(), fresh(from)..fresh(to))
        })
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.reused.len() + self.fresh.len()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        self.reused().chain(self.fresh())
    }

    /// Those that others had before.
    pub fn reused(&self) -> impl Iterator<Item = u32> {
        self.reused.iter().copied()
    }

    /// Those that nobody had.
    pub fn fresh(&self) -> Range<u32> {
        self.fresh.clone()
    }

    /// The slot after the last that is ever used, once the batch is in.
    pub fn end(&self) -> u32 {
        self.fresh.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_all_of_it_in_order() {
        for (reused, fresh) in [(vec![3, 5, 8], 20..27), (vec![], 4..9), (vec![1, 2], 9..9), (vec![], 0..0)] {
            let slots = Slots::new(reused, fresh);
            for most in [1, 2, 3, 4, 100, usize::MAX] {
                let parts: Vec<Slots> = slots.parts(most).collect();
                assert!(parts.iter().flat_map(Slots::iter).eq(slots.iter()), "{slots:?} by {most}");
                assert!(parts.iter().all(|part| part.len() <= most));
                assert_eq!(parts.len(), slots.len().div_ceil(most));
            }
        }
    }
}
