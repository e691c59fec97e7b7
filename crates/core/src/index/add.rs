//! Adding a batch, or putting it in the place of what was there: all of its rows, or none.

use std::time::Duration;

use super::Index;
use crate::error::{Error, Result};
use crate::hnsw::{self, Bulk, Editor, Inserter, Removed, Undo};
use crate::run::Run;
use crate::slots::Slots;
use crate::types::{MAX_SLOTS, Matrix, Params};
use crate::vectors::{check_kept, check_rows};

impl Index {
    /// Adds rows of the stored dtype: all of them, or none if anything is wrong or the run is cancelled. Returns their
    /// ids.
    pub fn add(&self, rows: Matrix<'_>, ids: Option<&[i64]>, run: &Run) -> Result<Vec<i64>> {
        self.put(rows, ids, false, run)
    }

    /// Adds rows, or puts them in the place of those that have the id already: all of them, or none.
    pub fn upsert(&self, rows: Matrix<'_>, ids: &[i64], run: &Run) -> Result<()> {
        self.put(rows, Some(ids), true, run).map(drop)
    }

    /// Adds rows under new ids, or with `replace` under any. A vector in a slot never changes: that of an id that is
    /// there already comes in a new slot, and the old one is retired.
    fn put(&self, rows: Matrix<'_>, ids: Option<&[i64]>, replace: bool, run: &Run) -> Result<Vec<i64>> {
        self.check_writable()?;
        let Params { dim, metric, dtype, store, .. } = self.params;
        check_rows(rows, dim, metric, dtype, "row")?;
        check_kept(rows, dim, metric, store)?;
        let _writer = self.writing(run)?;
        let ids = self.ids.check(rows.rows, ids)?;
        if !replace {
            self.ids.check_new(&ids, &self.live)?;
        }
        let replaced: Vec<Option<u32>> = ids.iter().map(|&id| self.ids.slot(id, &self.live)).collect();
        let slots = self.allot(rows.rows, run)?;
        // SAFETY: the slot was reserved, and nobody knows it before it is linked.
        let write = |i: usize| unsafe { self.vectors.write(slots.get(i), rows.row(i)) };
        let together = if 4 * replaced.iter().flatten().count() < self.len() { usize::MAX } else { self.share() };
        self.exchange(&slots, &ids, &replaced, together, &write, run)?;
        Ok(ids)
    }

    /// How many vectors may be replaced together if others are to be left among which their successors find neighbours.
    pub(super) fn share(&self) -> usize {
        (self.len() / 16).max(16)
    }

    /// Puts vectors in new slots, which `write` writes by their place in the batch, and takes out what they replace: all
    /// of it, or nothing. So many at a time leave the graph that those which follow are linked into.
    pub(super) fn exchange(
        &self,
        slots: &Slots,
        ids: &[i64],
        replaced: &[Option<u32>],
        together: usize,
        write: &(impl Fn(usize) + Sync),
        run: &Run,
    ) -> Result<()> {
        let undo = Undo::new(&self.graph, self.end(), slots);
        let editor = Editor { graph: &self.graph, vectors: &self.vectors, undo: Some(&undo) };
        let exchanged = self.make_room(slots, ids).and_then(|()| {
            let left = self.link(write, slots, replaced, together, &editor, run)?;
            self.take_out(&editor, &left, run)?;
            Ok(left)
        });
        match exchanged {
            Ok(left) => {
                let removed: Vec<u32> = replaced.iter().flatten().copied().collect();
                self.commit(slots, ids, &removed, left, run);
                Ok(())
            }
            Err(error) => {
                undo.roll_back(&self.graph, &self.vectors);
                self.set_laid_out(self.end());
                let mut spare = self.spare.lock();
                spare.put(slots.reused().collect(), &self.readers);
                spare.haunt(&self.readers);
                Err(error)
            }
        }
    }

    /// Slots for so many rows: free ones, and then new ones.
    fn allot(&self, rows: usize, run: &Run) -> Result<Slots> {
        let mut spare = self.spare.lock();
        let first = self.end();
        let reused = spare.take(rows, &self.readers);
        let end = u64::from(first) + (rows - reused.len()) as u64;
        let slots = Slots::new(reused, first..end.min(MAX_SLOTS) as u32);
        // Where an add was cancelled, readers may still look at what it left: for a moment.
        while end > u64::from(first) && spare.is_haunted(&self.readers) && !run.is_cancelled() {
            std::thread::sleep(Duration::from_micros(100));
        }
        let refused = match end {
            _ if run.is_cancelled() => Error::Cancelled,
            end if end > MAX_SLOTS => Error::Full { max: MAX_SLOTS },
            _ => return Ok(slots),
        };
        spare.put(slots.reused().collect(), &self.readers);
        Err(refused)
    }

    /// Makes room for the rows of slots, and lays out those of the graph and the ids.
    fn make_room(&self, slots: &Slots, ids: &[i64]) -> Result<()> {
        self.vectors.reserve(slots.end() as usize)?;
        if let Some(table) = self.table() {
            table.reserve(slots.end() as usize)?;
        }
        self.graph.lay_out(slots, &self.law)?;
        self.ids.write_batch(slots, ids, &self.live)?;
        self.set_laid_out(slots.end());
        Ok(())
    }

    /// Writes the rows, then links them, each after nothing is linked any more to what it replaces. Walks pass by that as
    /// they did before, so if all were replaced together they would meet nothing else.
    fn link(
        &self,
        write: &(impl Fn(usize) + Sync),
        slots: &Slots,
        replaced: &[Option<u32>],
        together: usize,
        editor: &Editor<'_>,
        run: &Run,
    ) -> Result<Removed> {
        run.for_each_uncounted(
            slots.len(),
            1024,
            || (),
            |(), i| {
                write(i);
                // SAFETY: the vector was just written, and nobody knows the slot before it is linked.
                unsafe { hnsw::write_own_code(&self.graph, &self.vectors, slots.get(i)) };
                Ok(())
            },
        )?;
        self.code_rows(slots.len(), |i| slots.get(i), run)?;
        let bulk = Bulk {
            editor: *editor,
            ef_construction: self.params.ef_construction,
            first: slots.fresh().start,
            end: slots.end(),
            run,
        };
        // It takes all slots before the batch for vectors that stay.
        let nothing_was_removed = replaced.iter().all(Option::is_none)
            && slots.len() == slots.fresh().len()
            && self.len() == bulk.first as usize;
        let mut left = Removed::default();
        if nothing_was_removed && bulk.suits() {
            bulk.link()?;
            return Ok(left);
        }
        let inserter = Inserter::new(*editor, self.params.ef_construction, slots.end() as usize);
        for (part, replaced) in slots.parts(together).zip(replaced.chunks(together)) {
            let removed: Vec<u32> = replaced.iter().flatten().copied().collect();
            left.join(hnsw::doom(editor, &removed));
            inserter.insert_all(&part, self.len(), run)?;
        }
        Ok(left)
    }
}
