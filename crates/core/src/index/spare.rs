//! Slots without a vector: the way from removed to free.

use std::ops::Range;

use crate::bits::Bits;
use crate::hnsw::Removed;
use crate::readers::Readers;

/// Rows that are swept for each node that is retired. One slot in so many, about, waits for a round over all rows, and
/// as many again for the next one.
const PACE: u64 = 128;

/// A node waits until all rows were swept, so that none names it. Then any slot waits until no reader can be at it.
#[derive(Debug, Default)]
pub struct Spare {
    /// Can be used at once; the lowest last.
    free: Vec<u32>,
    /// Named by nothing any more; free once the readers of an epoch are gone.
    unnamed: Vec<(u64, Vec<u32>)>,
    /// Nodes that the round under way frees.
    sought: Vec<u32>,
    /// Rows below it were swept for those.
    cursor: u32,
    /// Nodes that were retired since the round began.
    retired: Vec<u32>,
    /// Rows that should have been swept by now.
    due: u64,
    /// Slots above the last one in use may be known to the readers of an epoch, since a batch was taken back.
    haunted: Option<u64>,
}

impl Spare {
    /// The free slots of a snapshot, and nodes that rows may still name.
    pub fn new(mut free: Vec<u32>, retired: Vec<u32>) -> Self {
        free.sort_unstable_by(|a, b| b.cmp(a));
        Spare { free, retired, ..Spare::default() }
    }

    /// Takes up to `count` free slots, lowest first.
    pub fn take(&mut self, count: usize, readers: &Readers) -> Vec<u32> {
        self.settle(readers);
        let taken = self.free.len() - count.min(self.free.len());
        let mut slots = self.free.split_off(taken);
        slots.reverse();
        slots
    }

    /// Finds out which slots no reader can be at any more. Says whether that holds of all that nothing names.
    pub fn settle(&mut self, readers: &Readers) -> bool {
        let before = self.free.len();
        for (_, slots) in self.unnamed.extract_if(.., |(epoch, _)| readers.gone(*epoch)) {
            self.free.extend(slots);
        }
        if self.free.len() > before {
            self.free.sort_unstable_by(|a, b| b.cmp(a));
        }
        self.unnamed.is_empty()
    }

    /// How many slots can be used at once.
    pub fn free(&self) -> usize {
        self.free.len()
    }

    /// Forgets the free slots that no other one comes after, of `slots` slots. Returns how many are left.
    pub fn trim(&mut self, slots: u32) -> u32 {
        debug_assert!(self.sought.is_empty(), "a round is over");
        let last = (0..slots).rev().zip(&self.free).take_while(|(slot, free)| slot == *free).count();
        self.free.drain(..last);
        slots - last as u32
    }

    /// Takes in slots that nothing names any more.
    pub fn put(&mut self, slots: Vec<u32>, readers: &Readers) {
        if !slots.is_empty() {
            self.unnamed.push((readers.epoch(), slots));
        }
    }

    /// Takes in what was removed.
    pub fn put_removed(&mut self, removed: Removed, readers: &Readers) {
        self.put(removed.unnamed, readers);
        self.due += PACE * removed.retired.len() as u64;
        self.retired.extend(removed.retired);
    }

    /// How many slots nothing names.
    pub fn count(&self) -> usize {
        self.free.len() + self.unnamed.iter().map(|(_, slots)| slots.len()).sum::<usize>()
    }

    /// The slots that nothing names.
    pub fn bits(&self) -> Bits {
        let bits = Bits::default();
        let all = self.free.iter().chain(self.unnamed.iter().flat_map(|(_, slots)| slots));
        all.for_each(|&slot| _ = bits.insert(slot));
        bits
    }

    /// Begins a round for all retired nodes, if there are any.
    pub fn begin_round(&mut self) -> bool {
        self.sought.append(&mut self.retired);
        self.cursor = 0;
        !self.sought.is_empty()
    }

    /// Asks for all rows to be swept now.
    pub fn all_due(&mut self, slots: u32) {
        self.due = u64::from(slots);
    }

    /// The rows to sweep next, and the nodes to look for, of an index of `slots` slots; nothing if enough was swept.
    pub fn step(&mut self, slots: u32) -> Option<(Range<u32>, &[u32])> {
        if self.sought.is_empty() && !self.begin_round() {
            self.due = 0;
        }
        let rows = u64::from(slots - self.cursor).min(self.due);
        (rows > 0).then_some((self.cursor..self.cursor + rows as u32, &self.sought))
    }

    /// Notes that rows were swept. Returns the nodes that nothing names any more, if that ends the round.
    pub fn swept(&mut self, rows: Range<u32>, slots: u32, readers: &Readers) -> Vec<u32> {
        self.due = self.due.saturating_sub(rows.len() as u64);
        self.cursor = rows.end;
        if self.cursor < slots {
            return Vec::new();
        }
        let unnamed = std::mem::take(&mut self.sought);
        self.put(unnamed.clone(), readers);
        unnamed
    }

    /// Marks the slots above the last one in use as known to present readers.
    pub fn haunt(&mut self, readers: &Readers) {
        self.haunted = Some(readers.epoch());
    }

    /// Whether the slots above the last one in use may be known to a reader.
    pub fn is_haunted(&mut self, readers: &Readers) -> bool {
        self.haunted = self.haunted.filter(|&epoch| !readers.gone(epoch));
        self.haunted.is_some()
    }
}
