//! Compacting: nothing leads to removed vectors any more, and if they were most, what is left moves together and the
//! memory goes back to the system.
//!
//! A vector moves as an update does: it is put in a new slot, and taken out of the old one. So a search finds it in the
//! one or in the other, and all that holds of updates holds. It costs as much, too. That is why vectors move only if half
//! of the slots are free: then no more of them move than were removed since they last did.

use std::collections::HashSet;
use std::time::Duration;

use super::Index;
use super::spare::Spare;
use crate::error::Result;
use crate::run::Run;
use crate::slots::Slots;

/// Vectors that move at a time at most, about.
const BATCH: usize = 1024;
/// How often to look whether readers have left, and for how long.
const LOOK: Duration = Duration::from_micros(100);
const LOOKS: usize = 2_000;

/// What [`Index::compact`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compacted {
    /// Links to removed vectors that were replaced.
    pub mended: u64,
    /// Slots of removed vectors that became free.
    pub freed: u64,
    /// Vectors that moved to slots nearer to the first.
    pub moved: u64,
}

impl Index {
    /// Sweeps all rows for links to removed vectors, and frees the slots of those. If half of all slots are free then,
    /// the vectors behind move to the front, and the memory behind the last goes back to the system. Stopped, it leaves
    /// what it has done.
    pub fn compact(&self, run: &Run) -> Result<Compacted> {
        self.check_writable()?;
        let _writer = self.writing(run)?;
        let (mended, freed) = self.sweep_all(run)?;
        let moved = self.draw_together(run)?;
        self.ids.shrink();
        let mut spare = self.spare.lock();
        let end = spare.trim(self.end());
        self.graph.truncate(end);
        self.set_end(end);
        self.set_laid_out(end);
        self.give_back(&mut spare);
        Ok(Compacted { mended, freed, moved })
    }

    /// How many vectors [`Index::compact`] would move, about.
    pub fn movable(&self) -> usize {
        let (end, left) = (self.end(), self.len() as u32);
        if is_sparse(left, end) { self.live.see(|live| live.iter(end).filter(|&slot| slot >= left).count()) } else { 0 }
    }

    /// Gives back memory behind the last slot, unless a reader may still be there. The caller keeps changes away.
    pub(super) fn give_back(&self, spare: &mut Spare) {
        if spare.is_haunted(&self.readers) {
            return;
        }
        let (end, upper_rows) = (self.end() as usize, self.graph.upper_rows() as usize);
        let (layer0, upper) = self.graph.arenas();
        let by_slot =
            self.vectors.arenas().into_iter().filter_map(|(_, arena)| arena).chain([layer0, self.ids.by_slot()]);
        // SAFETY: no slot from `end` on is in use, and what is to be used is written first. Nobody is left who came to
        // one while it was.
        unsafe {
            by_slot.for_each(|arena| arena.give_back(end));
            upper.give_back(upper_rows);
            if let Some(table) = self.table() {
                table.give_back(end);
            }
        }
    }

    /// Sweeps all rows for links to nodes that are retired by now; waits a moment for readers that may be at one. Says
    /// how many links were replaced, and how many slots became free.
    fn sweep_all(&self, run: &Run) -> Result<(u64, u64)> {
        run.check()?;
        let mut spare = self.spare.lock();
        let mut swept = (0, 0);
        if spare.begin_round() {
            spare.all_due(self.end());
            swept = self.sweep(&mut spare, run)?;
        }
        for _ in 0..LOOKS {
            if spare.settle(&self.readers) {
                break;
            }
            run.check()?;
            std::thread::sleep(LOOK);
        }
        Ok(swept)
    }

    /// Moves the vectors behind into the free slots before them, if there are many. Says how many moved.
    fn draw_together(&self, run: &Run) -> Result<u64> {
        let (end, free) = (self.end(), self.spare.lock().free());
        let left = end - free as u32;
        if !is_sparse(left, end) {
            return Ok(0);
        }
        let batches = self.batches_behind(left);
        batches.iter().try_for_each(|batch| self.relocate(batch, run))?;
        self.sweep_all(run)?;
        Ok(batches.iter().map(|batch| batch.len() as u64).sum())
    }

    /// The vectors in slots from `first` on, in batches, and with each node those that hang on it: their slots keep that
    /// of the node in use.
    fn batches_behind(&self, first: u32) -> Vec<Vec<u32>> {
        let free = self.spare.lock().bits();
        let used = |&slot: &u32| !free.get(slot);
        let is_twin = |slot: u32| self.graph.row(slot, 0).is_twin();
        let most = self.share().min(BATCH);
        let mut batches = vec![Vec::new()];
        let mut listed = HashSet::new();
        let mut put = |all: &mut dyn Iterator<Item = u32>| {
            let batch = batches.last_mut().expect("there is one");
            batch.extend(all.filter(|&slot| self.live.now(slot) && listed.insert(slot)));
            if batch.len() >= most {
                batches.push(Vec::new());
            }
        };
        for node in (first..self.end()).filter(used).filter(|&slot| !is_twin(slot)) {
            put(&mut std::iter::once(node).chain(self.graph.twins(node)));
        }
        for twin in (first..self.end()).filter(used).filter(|&slot| is_twin(slot)) {
            put(&mut std::iter::once(twin));
        }
        batches.retain(|batch| !batch.is_empty());
        batches
    }

    /// Moves vectors to the first free slots.
    fn relocate(&self, from: &[u32], run: &Run) -> Result<()> {
        let end = self.end();
        // As many slots are free as are used at least, and none moves twice.
        let to = Slots::new(self.spare.lock().take(from.len(), &self.readers), end..end);
        let ids: Vec<i64> = from.iter().map(|&slot| self.ids.id(slot)).collect();
        // SAFETY: slots of the index were written; those that were free are nobody's before they are linked.
        let write = |i: usize| unsafe { self.vectors.copy(from[i], to.get(i)) };
        let replaced: Vec<Option<u32>> = from.iter().copied().map(Some).collect();
        self.exchange(&to, &ids, &replaced, usize::MAX, &write, run)
    }
}

/// Whether at least half of the slots have nothing in them.
fn is_sparse(used: u32, slots: u32) -> bool {
    used <= slots / 2 && used < slots
}
