//! Adding a batch: all of its rows, or none.

use std::ops::Range;
use std::sync::atomic::Ordering;

use super::Index;
use crate::error::{Error, Result};
use crate::hnsw::{Bulk, Inserter, Scratch, Undo};
use crate::run::Run;
use crate::types::{MAX_SLOTS, Matrix, Params};
use crate::vectors::check_rows;

/// Rows that are linked one after another before threads join in: in a graph of a handful, each would miss the others.
const SEED_ROWS: u32 = 256;

impl Index {
    /// Adds rows of the stored dtype: all of them, or none if anything is wrong or the run is cancelled. Returns their
    /// ids.
    pub fn add(&self, rows: Matrix<'_>, ids: Option<&[i64]>, run: &Run) -> Result<Vec<i64>> {
        if self.is_read_only() {
            return Err(Error::ReadOnly);
        }
        let Params { dim, metric, dtype, .. } = self.params;
        check_rows(rows, dim, metric, dtype, "row")?;
        let _writer = self.writing(run)?;
        let first = self.slots();
        let batch = self.ids.check(first, rows.rows, ids)?;
        let end = u64::from(first) + rows.rows as u64;
        if end > MAX_SLOTS {
            return Err(Error::Full { max: MAX_SLOTS });
        }
        let slots = first..end as u32;
        self.vectors.reserve(end as usize)?;
        let undo = Undo::new(&self.graph, first);
        let mut newly_stored = false;
        let added = self.graph.lay_out(slots.clone(), &self.law).and_then(|()| {
            newly_stored = self.ids.write_batch(first, &batch)?;
            self.laid_out.store(slots.end, Ordering::Release);
            self.link(rows, slots.clone(), &undo, run)
        });
        match added {
            Ok(()) => {
                self.ids.commit(first, &batch);
                self.committed.store(slots.end, Ordering::Release);
                Ok(batch.ids)
            }
            Err(error) => {
                let _nobody_searches = self.gate.write();
                undo.roll_back(&self.graph, &self.vectors);
                self.ids.forget(newly_stored);
                self.laid_out.store(first, Ordering::Release);
                Err(error)
            }
        }
    }

    /// Writes the rows, then links them.
    fn link(&self, rows: Matrix<'_>, slots: Range<u32>, undo: &Undo, run: &Run) -> Result<()> {
        run.for_each_uncounted(
            rows.rows,
            1024,
            || (),
            |(), i| {
                // SAFETY: the slot was reserved, and nobody knows it before it is linked.
                unsafe { self.vectors.write(slots.start + i as u32, rows.row(i)) };
                Ok(())
            },
        )?;
        let bulk = Bulk {
            graph: &self.graph,
            vectors: &self.vectors,
            ef_construction: self.params.ef_construction,
            first: slots.start,
            end: slots.end,
            undo,
            run,
        };
        if bulk.suits() {
            return bulk.link();
        }
        let inserter = Inserter {
            graph: &self.graph,
            vectors: &self.vectors,
            ef_construction: self.params.ef_construction,
            slots: slots.end as usize,
            undo,
        };
        let insert = |scratch: &mut Scratch, slot: u32| {
            inserter.insert(slot, scratch);
            Ok(())
        };
        let seeds = SEED_ROWS.clamp(slots.start, slots.end) - slots.start;
        let mut scratch = Scratch::default();
        for slot in slots.start..slots.start + seeds {
            if run.is_cancelled() {
                return Err(Error::Cancelled);
            }
            insert(&mut scratch, slot)?;
            run.advance(1);
        }
        let rest = slots.start + seeds;
        run.for_each((slots.end - rest) as usize, 16, Scratch::default, |scratch, i| insert(scratch, rest + i as u32))
    }
}
