//! Codes of all rows, which proofs need.

use std::sync::Arc;

use super::WORTH_CODES;
use crate::certify::{Basis, Scratch, TOGETHER, Table};
use crate::error::{Error, Result};
use crate::flat::{Space, floats};
use crate::index::Index;
use crate::run::Run;
use crate::types::Metric;

/// Rows that tell how codes should be.
const SAMPLE: usize = 1024;
/// A table is made anew when there are so many times the rows it was made for.
const OUTGROWN: usize = 2;

impl Index {
    /// Whether [`Index::prepare_guarantees`] would be of use: there are enough rows for it, and it was not called yet,
    /// or of much fewer.
    pub fn guarantees_due(&self) -> bool {
        let outgrown = |table: Arc<Table>| self.len() > OUTGROWN * table.made_for();
        !self.params.metric.on_bits() && self.len() >= WORTH_CODES && self.table().is_none_or(outgrown)
    }

    /// Up to `rows` vectors of the index, from all over it, as floats; of length 1 under cosine.
    pub fn sample(&self, rows: usize, run: &Run) -> Result<Vec<f32>> {
        let Space { dim, metric, dtype } = self.vectors.space();
        if metric.on_bits() {
            return Err(Error::invalid("bits are no floats"));
        }
        let _slots_stay = self.readers.enter();
        self.check_rows(None, run)?;
        let live: Vec<u32> = self.live.see(|live| live.iter(self.end()).collect());
        let step = live.len().div_ceil(rows.max(1)).max(1);
        let mut out = vec![0.0; live.len().div_ceil(step) * dim];
        for (&slot, row) in live.iter().step_by(step).zip(out.chunks_exact_mut(dim)) {
            // SAFETY: live slots were written.
            floats(dtype, unsafe { self.vectors.plane(slot) }, row);
            if metric == Metric::Cosine {
                let norm = row.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt();
                row.iter_mut().for_each(|x| *x = (f64::from(*x) / norm) as f32);
            }
        }
        self.undamaged().map(|()| out)
    }

    /// Codes all rows, so that searches with a guarantee need not measure most of them; rows that are added later are
    /// coded as they come. Waits for a change of the index under way, or does nothing then.
    pub fn prepare_guarantees(&self, basis: Basis<'_>, wait: bool, run: &Run) -> Result<()> {
        let _writer = match (self.writer.try_lock(), wait) {
            (Some(guard), _) => guard,
            (None, true) => self.writing(run)?,
            (None, false) => return Ok(()),
        };
        let sample = self.sample(SAMPLE, run)?;
        let table = Table::new(self.vectors.space(), basis, &sample, self.len())?;
        table.reserve(self.end() as usize)?;
        let live: Vec<u32> = self.live.see(|live| live.iter(self.end()).collect());
        self.code_into(&table, live.len(), |i| live[i], run)?;
        *self.table.write() = Some(Arc::new(table));
        Ok(())
    }

    /// Codes rows that were just written, where there is a table. The caller is the writer.
    pub(in crate::index) fn code_rows(&self, rows: usize, slot: impl Fn(usize) -> u32 + Sync, run: &Run) -> Result<()> {
        self.table().map_or(Ok(()), |table| self.code_into(&table, rows, slot, run))
    }

    fn code_into(&self, table: &Table, rows: usize, slot: impl Fn(usize) -> u32 + Sync, run: &Run) -> Result<()> {
        run.for_each_uncounted(rows.div_ceil(TOGETHER), 64, Scratch::default, |scratch, group| {
            let slots: Vec<u32> = (TOGETHER * group..rows.min(TOGETHER * (group + 1))).map(&slot).collect();
            // SAFETY: the rows were written. Those of the table were reserved, and nobody reads them: it is not yet
            // known, or the slots are not yet live.
            unsafe {
                let planes: Vec<_> = slots.iter().map(|&slot| self.vectors.plane(slot)).collect();
                table.write(&slots, &planes, scratch);
            }
            Ok(())
        })
    }

    /// The codes of all live rows.
    pub(in crate::index) fn table(&self) -> Option<Arc<Table>> {
        self.table.read().clone()
    }
}
