//! Which slots may be answers.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;

use crate::bits::Bits;
use crate::slots::Slots;

/// The slots whose vectors belong to the index. A batch is seen whole or not at all: who looks keeps batches from
/// becoming visible for that moment, which comes after the walk, and is a bit test for each candidate.
#[derive(Default)]
pub struct Live {
    bits: Bits,
    count: AtomicU64,
    seen: RwLock<()>,
}

impl Live {
    /// The set of a snapshot.
    pub fn from_bits(bits: Bits, slots: u32) -> Self {
        Live { count: AtomicU64::new(bits.count(slots)), bits, seen: RwLock::new(()) }
    }

    /// Shows the set as it is at one moment.
    #[inline]
    pub fn see<T>(&self, look: impl FnOnce(&Bits) -> T) -> T {
        let _no_batch_comes_in = self.seen.read();
        look(&self.bits)
    }

    /// Whether a slot is live by now: half of a batch may be, and the rest in a moment. For walks, whose answers are
    /// then chosen by [`Live::see`].
    #[inline(always)]
    pub fn now(&self, slot: u32) -> bool {
        self.bits.get(slot)
    }

    /// The runs of live slots below `end`, in order. The end is asked for while no batch comes in: one from before would
    /// equal the count after as many slots were added as were removed till then, and all would pass for live.
    pub fn runs(&self, end: impl FnOnce() -> u32) -> Vec<Range<u32>> {
        self.see(|live| {
            let end = end();
            let all = || std::iter::once(0..end).collect();
            if self.count() == u64::from(end) { all() } else { live.runs(end) }
        })
    }

    /// How many slots are live.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }

    /// Lets a batch be seen: what it adds and what it removes.
    pub fn change(&self, added: &Slots, removed: &[u32]) {
        let _nobody_looks = self.seen.write();
        added.reused().for_each(|slot| _ = self.bits.insert(slot));
        self.bits.insert_range(added.fresh());
        removed.iter().for_each(|&slot| _ = self.bits.remove(slot));
        self.count.store(self.count() + added.len() as u64 - removed.len() as u64, Ordering::Release);
    }
}
