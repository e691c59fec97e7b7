//! A set of slots, in the forms that its users want.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use roaring::RoaringBitmap;

use crate::flat::Copies;

/// Slots, compressed; spread out on demand.
#[derive(Debug, Default)]
pub struct SlotSet {
    slots: RoaringBitmap,
    words: OnceLock<Vec<u64>>,
    list: OnceLock<Vec<u32>>,
    /// Whether a search asked for the set, and copies of the rows for those that come after.
    asked: AtomicBool,
    rows: OnceLock<Copies>,
}

/// Bytes of rows that are copied, at most: of more of them, to be one after the other saves little.
const GATHERED: usize = 16 << 20;

impl SlotSet {
    /// The set of these slots.
    pub fn new(slots: RoaringBitmap) -> Self {
        SlotSet { slots, ..SlotSet::default() }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.slots.len() as usize
    }

    /// Whether to copy rows for a search: from the second one on, unless they are too many.
    pub fn is_worth_copies(&self, row_bytes: usize) -> bool {
        self.asked.swap(true, Ordering::Relaxed) && self.len() * row_bytes <= GATHERED
    }

    /// Copies of the rows of all slots in order, which `copy` makes the first time.
    pub fn gathered(&self, copy: impl FnOnce(&[u32]) -> Copies) -> &Copies {
        self.rows.get_or_init(|| copy(self.list()))
    }

    /// One bit a slot: a walk asks for any slot, at random.
    pub fn words(&self) -> &[u64] {
        self.words.get_or_init(|| {
            let mut words = vec![0; self.slots.max().map_or(0, |last| last as usize / 64 + 1)];
            self.slots.iter().for_each(|slot| words[slot as usize / 64] |= 1 << (slot % 64));
            words
        })
    }

    /// The slots one by one, ascending: a scan visits them all.
    pub fn list(&self) -> &[u32] {
        self.list.get_or_init(|| self.slots.iter().collect())
    }
}
