//! A set of slots that readers ask while a writer changes it: one bit each, in chunks that never move.

use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

const FIRST_BITS: u32 = 12;
/// Bits of the first chunk; each chunk after it has twice as many.
const FIRST: usize = 1 << FIRST_BITS;
/// Enough chunks for 2^31 slots.
const CHUNKS: usize = 20;

/// A set of slots.
#[derive(Default)]
pub struct Bits {
    chunks: [OnceLock<Box<[AtomicU64]>>; CHUNKS],
}

/// Chunk of a slot, its word there, its bit.
#[inline(always)]
fn locate(slot: u32) -> (usize, usize, u64) {
    let biased = slot as usize + FIRST;
    let chunk = (biased.ilog2() - FIRST_BITS) as usize;
    let place = biased - (FIRST << chunk);
    (chunk, place / 64, 1 << (place % 64))
}

impl Bits {
    /// The set of the slots that these words have bits for, lowest first.
    pub fn from_words(words: impl Iterator<Item = u64>) -> Self {
        let bits = Bits::default();
        for (i, word) in words.enumerate().filter(|&(_, word)| word != 0) {
            let (chunk, place, _) = locate(64 * i as u32);
            bits.chunk(chunk)[place].store(word, Ordering::Relaxed);
        }
        bits
    }

    /// The set of those of these slots that are below `end`.
    pub fn copy(&self, end: u32) -> Self {
        Bits::from_words((0..(end as usize).div_ceil(64)).map(|i| self.word(i)))
    }

    fn chunk(&self, chunk: usize) -> &[AtomicU64] {
        self.chunks[chunk].get_or_init(|| (0..FIRST << chunk >> 6).map(|_| AtomicU64::new(0)).collect())
    }

    /// Whether a slot is in the set. What was written before it was put there is seen.
    #[inline(always)]
    pub fn get(&self, slot: u32) -> bool {
        let (chunk, word, bit) = locate(slot);
        self.chunks[chunk].get().is_some_and(|words| words[word].load(Ordering::Acquire) & bit != 0)
    }

    /// Puts a slot in the set; says whether it is new there.
    pub fn insert(&self, slot: u32) -> bool {
        let (chunk, word, bit) = locate(slot);
        self.chunk(chunk)[word].fetch_or(bit, Ordering::AcqRel) & bit == 0
    }

    /// Puts slots that follow each other in the set.
    pub fn insert_range(&self, slots: Range<u32>) {
        let mut slot = slots.start;
        while slot < slots.end {
            let (chunk, word, bit) = locate(slot);
            let count = (64 - bit.trailing_zeros()).min(slots.end - slot);
            let bits = (u64::MAX >> (64 - count)) << bit.trailing_zeros();
            self.chunk(chunk)[word].fetch_or(bits, Ordering::AcqRel);
            slot += count;
        }
    }

    /// Takes a slot out; says whether it was in.
    pub fn remove(&self, slot: u32) -> bool {
        let (chunk, word, bit) = locate(slot);
        self.chunks[chunk].get().is_some_and(|words| words[word].fetch_and(!bit, Ordering::AcqRel) & bit != 0)
    }

    /// The bits of slots `64 * i` to `64 * i + 63`.
    #[inline]
    pub fn word(&self, i: usize) -> u64 {
        let (chunk, word, _) = locate(64 * i as u32);
        self.chunks[chunk].get().map_or(0, |words| words[word].load(Ordering::Acquire))
    }

    /// The slots of the set below `end`, in order.
    pub fn iter(&self, end: u32) -> impl Iterator<Item = u32> {
        (0..(end as usize).div_ceil(64))
            .flat_map(move |i| {
                let word = self.word(i);
                let rest = std::iter::successors(Some(word), |&word| Some(word & word.wrapping_sub(1)));
                rest.take_while(|&word| word != 0).map(move |word| 64 * i as u32 + word.trailing_zeros())
            })
            .take_while(move |&slot| slot < end)
    }

    /// The runs of slots below `end` that follow each other in the set, in order.
    pub fn runs(&self, end: u32) -> Vec<Range<u32>> {
        let mut runs: Vec<Range<u32>> = Vec::new();
        for i in 0..(end as usize).div_ceil(64) {
            let mut slot = 64 * i as u32;
            let here = (end - slot).min(64);
            let mut word = self.word(i) & u64::MAX >> (64 - here);
            while word != 0 {
                let gap = word.trailing_zeros();
                word >>= gap;
                let ones = word.trailing_ones();
                word = word.checked_shr(ones).unwrap_or(0);
                let start = slot + gap;
                slot = start + ones;
                match runs.last_mut() {
                    Some(last) if last.end == start => last.end = slot,
                    _ => runs.push(start..slot),
                }
            }
        }
        runs
    }

    /// How many slots below `end` are in the set.
    pub fn count(&self, end: u32) -> u64 {
        self.iter(end).count() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn a_set_of_bits_is_a_set(steps in prop::collection::vec((any::<bool>(), prop_oneof![0u32..300, 4000u32..4200, 12_200u32..12_400]), 0..400)) {
            let (bits, mut model) = (Bits::default(), BTreeSet::new());
            for (put, slot) in steps {
                if put {
                    prop_assert_eq!(bits.insert(slot), model.insert(slot));
                } else {
                    prop_assert_eq!(bits.remove(slot), model.remove(&slot));
                }
                prop_assert_eq!(bits.get(slot), put);
            }
            for end in [0, 1, 64, 299, 4100, 12_288, 13_000] {
                let expected: Vec<u32> = model.range(..end).copied().collect();
                prop_assert_eq!(bits.count(end), expected.len() as u64);
                prop_assert_eq!(bits.iter(end).collect::<Vec<_>>(), expected);
            }
            let runs: Vec<u32> = bits.runs(12_300).into_iter().inspect(|run| assert!(run.start < run.end)).flatten().collect();
            prop_assert_eq!(runs, bits.iter(12_300).collect::<Vec<_>>());
            let words: Vec<u64> = (0..200).map(|i| bits.word(i)).collect();
            let again = Bits::from_words(words.into_iter());
            prop_assert_eq!(again.iter(1 << 14).collect::<Vec<_>>(), bits.iter(1 << 14).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_range_is_put_in_as_its_slots_are() {
        for range in [0..0, 5..6, 0..64, 63..65, 100..9000, 4000..4096, 4096..4097, 12_200..12_400] {
            let bits = Bits::default();
            bits.insert_range(range.clone());
            assert_eq!(bits.iter(20_000).collect::<Vec<_>>(), range.collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_last_slot_has_a_bit() {
        let (chunk, word, _) = locate((1 << 31) - 1);
        assert!(chunk < CHUNKS && word < FIRST << chunk >> 6);
    }
}
