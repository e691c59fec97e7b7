//! The index: vectors, their graph and their ids, behind one door.

mod add;
mod certify;
mod compact;
mod explain;
mod near;
mod remove;
mod report;
mod search;
mod shape;
mod spare;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};

use crate::certify::Table;
use crate::error::{Error, Result};
use crate::hnsw::{Graph, INTERLEAVED, Lane, LevelLaw};
use crate::ids::Ids;
use crate::live::Live;
use crate::mapped::MappedFile;
use crate::readers::Readers;
use crate::run::Run;
use crate::types::Params;
use crate::vectors::{Codes, Vectors};

pub use compact::Compacted;
pub use explain::{Explanation, Route};
pub use near::Ragged;
pub use report::{Report, Stats};
pub use shape::{Links, Shape};
pub(crate) use spare::Spare;

/// An approximate nearest-neighbour index.
///
/// Any number of threads may search while one adds or removes; those wait for each other.
pub struct Index {
    params: Params,
    law: LevelLaw,
    pub(crate) vectors: Vectors,
    pub(crate) graph: Graph,
    pub(crate) ids: Ids,
    /// Slots that may be answers.
    pub(crate) live: Live,
    /// Slots that were ever used.
    committed: AtomicU32,
    /// Slots that the graph may name: more than `committed` while a batch is being added.
    laid_out: AtomicU32,
    /// Slots that can be used again, or will be.
    pub(crate) spare: Mutex<Spare>,
    /// The snapshot that the parts are a map of; such an index can't be changed.
    mapped: Option<Arc<MappedFile>>,
    writer: Mutex<()>,
    /// Codes of all live rows, for proofs, once they were asked for. Changed by writers only.
    table: RwLock<Option<Arc<Table>>>,
    /// Who may be at a slot that nothing leads to any more.
    readers: Readers,
    lanes: Mutex<Vec<[Lane; INTERLEAVED]>>,
    /// No other index of this process has it: filters remember the slots of an index by its number.
    number: u64,
}

/// How many indexes there were.
static NUMBERS: AtomicU64 = AtomicU64::new(0);

/// Everything an index is made of, as a snapshot holds it.
pub(crate) struct Parts {
    pub params: Params,
    pub vectors: Vectors,
    pub graph: Graph,
    pub ids: Ids,
    pub live: Live,
    pub spare: Spare,
    pub slots: u32,
    pub mapped: Option<Arc<MappedFile>>,
}

impl Index {
    /// An empty index.
    pub fn new(params: Params) -> Result<Index> {
        params.check()?;
        Ok(Index::from_parts(Parts {
            vectors: Vectors::new(&params),
            graph: Graph::new(params.m, Codes::of(&params)),
            ids: Ids::new(0),
            live: Live::default(),
            spare: Spare::default(),
            slots: 0,
            mapped: None,
            params,
        }))
    }

    /// An index of parts that were checked.
    pub(crate) fn from_parts(parts: Parts) -> Index {
        Index {
            law: LevelLaw::new(parts.params.seed, parts.params.p()),
            params: parts.params,
            vectors: parts.vectors,
            graph: parts.graph,
            ids: parts.ids,
            live: parts.live,
            spare: Mutex::new(parts.spare),
            committed: AtomicU32::new(parts.slots),
            laid_out: AtomicU32::new(parts.slots),
            mapped: parts.mapped,
            writer: Mutex::new(()),
            table: RwLock::new(None),
            readers: Readers::default(),
            lanes: Mutex::new(Vec::new()),
            number: NUMBERS.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// What the index was made with.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// How many vectors it holds.
    pub fn len(&self) -> usize {
        self.live.count() as usize
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it is a memory map that can't be added to.
    pub fn is_read_only(&self) -> bool {
        self.mapped.is_some()
    }

    /// The snapshot that this index is a map of.
    pub(crate) fn mapped(&self) -> Option<&Arc<MappedFile>> {
        self.mapped.as_ref()
    }

    /// To be asked before anything that was read leaves: a mapped snapshot may have turned out to be damaged.
    fn undamaged(&self) -> Result<()> {
        self.mapped.as_ref().map_or(Ok(()), |file| file.undamaged())
    }

    /// How many rows there are: those of vectors, and those of removed ones whose place was not yet taken.
    pub fn slots(&self) -> usize {
        self.end() as usize
    }

    /// The slot after the last that was ever used.
    pub(crate) fn end(&self) -> u32 {
        self.committed.load(Ordering::Acquire)
    }

    fn set_end(&self, slots: u32) {
        self.committed.store(slots, Ordering::Release);
    }

    /// The slot after the last that the graph may name.
    fn laid_out(&self) -> u32 {
        self.laid_out.load(Ordering::Acquire)
    }

    fn set_laid_out(&self, slots: u32) {
        self.laid_out.store(slots, Ordering::Release);
    }

    fn check_writable(&self) -> Result<()> {
        if self.is_read_only() { Err(Error::ReadOnly) } else { Ok(()) }
    }

    /// Whether an id is there.
    pub fn contains(&self, id: i64) -> Result<bool> {
        let found = self.ids.slot(id, &self.live).is_some();
        self.undamaged().map(|()| found)
    }

    /// All ids, in the order they were added, but that those which took the place of removed ones are in that place.
    pub fn ids(&self) -> Result<Vec<i64>> {
        let _slots_stay = self.readers.enter();
        let ids = self.live.see(|live| live.iter(self.end()).map(|slot| self.ids.id(slot)).collect());
        self.undamaged().map(|()| ids)
    }

    /// The stored bytes of each id's vector, one after another.
    pub fn get(&self, ids: &[i64]) -> Result<Vec<u8>> {
        let row_bytes = self.params.dtype.row_bytes(self.params.dim);
        let too_many = || Error::OutOfMemory(format!("{} vectors of {row_bytes} bytes", ids.len()));
        let length = ids.len().checked_mul(row_bytes).ok_or_else(too_many)?;
        let mut out = Vec::new();
        out.try_reserve_exact(length).map_err(|_| too_many())?;
        out.resize(length, 0);
        let _slots_stay = self.readers.enter();
        for (&id, row) in ids.iter().zip(out.chunks_exact_mut(row_bytes)) {
            let slot = self.ids.slot(id, &self.live);
            self.undamaged()?;
            let slot = slot.ok_or(Error::NotFound { id })?;
            self.vectors.check_given(slot);
            // SAFETY: slots of the index were written.
            unsafe { self.vectors.read(slot, row) }
        }
        self.undamaged()?;
        Ok(out)
    }

    /// Keeps other changes away: waits for one that is under way, unless the run is cancelled meanwhile.
    pub(crate) fn writing(&self, run: &Run) -> Result<parking_lot::MutexGuard<'_, ()>> {
        loop {
            if let Some(guard) = self.writer.try_lock_for(Duration::from_millis(20)) {
                return Ok(guard);
            }
            run.check()?;
        }
    }
}
