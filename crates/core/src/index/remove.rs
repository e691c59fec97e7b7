//! Removing: at once for those who search, then the graph is mended, and by and by the slots are free again.

use std::ops::Range;

use hashbrown::HashSet;

use super::Index;
use super::spare::Spare;
use crate::error::{Error, Result};
use crate::hnsw::{self, Editor, Removed, Scratch, Undo};
use crate::run::Run;
use crate::slots::Slots;

impl Index {
    /// Removes vectors: all of them, or none if the run is cancelled. Ids that are not there are an error, or are passed
    /// over. Returns how many were removed.
    pub fn remove(&self, ids: &[i64], ignore_missing: bool, run: &Run) -> Result<usize> {
        self.check_writable()?;
        let _writer = self.writing(run)?;
        let (mut removed, mut missing) = (Vec::with_capacity(ids.len()), Vec::new());
        let mut seen = HashSet::with_capacity(ids.len());
        for &id in ids {
            match self.ids.slot(id, &self.live) {
                Some(slot) if seen.insert(slot) => removed.push(slot),
                None => missing.push(id),
                _ => {}
            }
        }
        if !missing.is_empty() && !ignore_missing {
            return Err(Error::Missing { ids: missing });
        }
        let nothing = Slots::new(Vec::new(), self.end()..self.end());
        let undo = Undo::new(&self.graph, self.end(), &nothing);
        let editor = Editor { graph: &self.graph, vectors: &self.vectors, undo: Some(&undo) };
        let left = hnsw::doom(&editor, &removed);
        match self.take_out(&editor, &left, run) {
            Ok(()) => self.commit(&nothing, &[], &removed, left, run),
            Err(error) => {
                undo.roll_back(&self.graph, &self.vectors);
                return Err(error);
            }
        }
        Ok(removed.len())
    }

    /// Takes doomed nodes out of the graph, and closes the gaps.
    pub(super) fn take_out(&self, editor: &Editor<'_>, left: &Removed, run: &Run) -> Result<()> {
        hnsw::retire(editor, &left.retired, self.laid_out(), run)?;
        let slots = self.laid_out() as usize;
        run.for_each(left.retired.len(), 4, Scratch::default, |scratch, i| {
            hnsw::mend(editor, left.retired[i], slots, scratch);
            Ok(())
        })
    }

    /// Lets a batch be seen, and keeps up with the sweep of what it removed.
    pub(super) fn commit(&self, added: &Slots, ids: &[i64], removed: &[u32], left: Removed, run: &Run) {
        self.ids.commit(added, ids, removed);
        self.set_end(added.end());
        self.live.change(added, removed);
        self.graph.spread.forget(self.live.count());
        let mut spare = self.spare.lock();
        spare.put_removed(left, &self.readers);
        // What a cancelled sweep leaves is made up for by the next one.
        let _ = self.sweep(&mut spare, run);
    }

    /// Sweeps as many rows as are due. Says how many links were replaced and how many slots became free.
    pub(super) fn sweep(&self, spare: &mut Spare, run: &Run) -> Result<(u64, u64)> {
        let (mut mended, mut freed) = (0, 0);
        let slots = self.end();
        while let Some((rows, sought)) = spare.step(slots) {
            mended += self.sweep_rows(rows.clone(), sought, run)?;
            let unnamed = spare.swept(rows, slots, &self.readers);
            unnamed.iter().for_each(|&slot| _ = self.graph.retired.remove(slot));
            freed += unnamed.len() as u64;
        }
        Ok((mended, freed))
    }

    /// Mends the links of these rows to retired nodes; says how many there were.
    fn sweep_rows(&self, rows: Range<u32>, sought: &[u32], run: &Run) -> Result<u64> {
        let editor = Editor { graph: &self.graph, vectors: &self.vectors, undo: None };
        let sought: HashSet<u32> = sought.iter().copied().collect();
        let mended = std::sync::atomic::AtomicU64::new(0);
        run.for_each(
            rows.len(),
            256,
            || (),
            |(), i| {
                let count = hnsw::sweep(&editor, rows.start + i as u32, &sought);
                if count > 0 {
                    mended.fetch_add(count as u64, std::sync::atomic::Ordering::Relaxed);
                }
                Ok(())
            },
        )?;
        Ok(mended.into_inner())
    }

    /// Removes all vectors, and forgets the ids that were.
    pub fn clear(&self, run: &Run) -> Result<()> {
        self.check_writable()?;
        let _writer = self.writing(run)?;
        let slots = self.end();
        let all: Vec<u32> = self.live.see(|live| live.iter(slots).collect());
        self.live.change(&Slots::new(Vec::new(), 0..0), &all);
        self.ids.clear();
        self.graph.clear(slots);
        *self.table.write() = None;
        self.set_end(0);
        self.set_laid_out(0);
        let mut spare = self.spare.lock();
        *spare = Spare::default();
        spare.haunt(&self.readers);
        self.give_back(&mut spare);
        Ok(())
    }
}
