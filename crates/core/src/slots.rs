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
