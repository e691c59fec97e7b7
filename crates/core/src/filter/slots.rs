//! A set of slots, in the forms that its users want.

use std::sync::OnceLock;

use roaring::RoaringBitmap;

/// Slots, compressed; spread out on demand.
#[derive(Debug, Default)]
pub struct SlotSet {
    slots: RoaringBitmap,
    words: OnceLock<Vec<u64>>,
    list: OnceLock<Vec<u32>>,
}

impl SlotSet {
    /// The set of these slots.
    pub fn new(slots: RoaringBitmap) -> Self {
        SlotSet { slots, ..SlotSet::default() }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.slots.len() as usize
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
