//! The index: vectors, their graph and their ids, behind one door.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};

use crate::error::{Error, Result};
use crate::flat;
use crate::hits;
use crate::hnsw::{self, Found, Graph, Inserter, LevelLaw, Query, Scratch, Undo};
use crate::ids::Ids;
use crate::mapped::MappedFile;
use crate::run::Run;
use crate::types::{Hits, MAX_SLOTS, Matrix, Metric, Params, SearchOptions};
use crate::vectors::{Vectors, check_queries, check_rows};

/// Rows that are linked one after another before threads join in: in a graph of a handful, each would miss the others.
const SEED_ROWS: u32 = 256;
/// Queries that a thread claims at a time.
const QUERY_GRAIN: usize = 8;

/// An approximate nearest-neighbour index.
///
/// Any number of threads may search while one adds; adds wait for each other.
pub struct Index {
    params: Params,
    law: LevelLaw,
    pub(crate) vectors: Vectors,
    pub(crate) graph: Graph,
    pub(crate) ids: Ids,
    /// Slots that belong to the index: those below it.
    committed: AtomicU32,
    /// Slots that the graph may name: more than `committed` while a batch is being added.
    laid_out: AtomicU32,
    /// The snapshot that the parts are a map of; such an index can't be changed.
    mapped: Option<Arc<MappedFile>>,
    writer: Mutex<()>,
    /// Held for reading by each query; for writing while a batch is taken back, since slots vanish then.
    gate: RwLock<()>,
    scratches: Mutex<Vec<Scratch>>,
}

/// Figures of an index that say how it is doing.
#[derive(Clone, Debug)]
pub struct Stats {
    /// Nodes of each layer, layer 0 first; copies of a vector count once.
    pub nodes_per_layer: Vec<u64>,
    /// For each layer, how many nodes have each degree.
    pub degree_histogram: Vec<Vec<u64>>,
    /// Bytes in use, by part.
    pub bytes: Vec<(&'static str, u64)>,
    /// The id where searches start.
    pub entry_point: Option<i64>,
}

/// What [`Index::verify`] found, in the user's ids.
#[derive(Clone, Debug)]
pub struct Report {
    /// Vectors that a search can come to.
    pub reachable: u64,
    /// Ids that it can't.
    pub unreachable: Vec<i64>,
    /// Edges of layer 0.
    pub links: u64,
    /// Edges of layer 0 without an edge back; pruning makes them, and it may.
    pub one_way_links: u64,
    /// Vectors that equal another one and hang on it.
    pub duplicates: u64,
    /// Laws that are broken, each in words.
    pub broken: Vec<String>,
}

impl Report {
    /// Whether everything holds.
    pub fn ok(&self) -> bool {
        self.unreachable.is_empty() && self.broken.is_empty()
    }
}

/// Everything an index is made of, as a snapshot holds it.
pub(crate) struct Parts {
    pub params: Params,
    pub vectors: Vectors,
    pub graph: Graph,
    pub ids: Ids,
    pub slots: u32,
    pub mapped: Option<Arc<MappedFile>>,
}

impl Index {
    /// An empty index.
    pub fn new(params: Params) -> Result<Index> {
        params.check()?;
        let Params { dim, metric, dtype, m, .. } = params;
        let vectors = Vectors::new(dim, metric, dtype).with_layout(&params);
        Ok(Index::from_parts(Parts {
            vectors,
            graph: Graph::new(m, params.code_bytes()),
            ids: Ids::new(),
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
            committed: AtomicU32::new(parts.slots),
            laid_out: AtomicU32::new(parts.slots),
            mapped: parts.mapped,
            writer: Mutex::new(()),
            gate: RwLock::new(()),
            scratches: Mutex::new(Vec::new()),
        }
    }

    /// What the index was made with.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// How many vectors it holds.
    pub fn len(&self) -> usize {
        self.slots() as usize
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

    pub(crate) fn slots(&self) -> u32 {
        self.committed.load(Ordering::Acquire)
    }

    /// Whether an id is there.
    pub fn contains(&self, id: i64) -> Result<bool> {
        let found = self.ids.slot(id, self.slots()).is_some();
        self.undamaged().map(|()| found)
    }

    /// All ids, in the order they were added.
    pub fn ids(&self) -> Result<Vec<i64>> {
        let ids = (0..self.slots()).map(|slot| self.ids.id(slot)).collect();
        self.undamaged().map(|()| ids)
    }

    /// The stored bytes of each id's vector, one after another.
    pub fn get(&self, ids: &[i64]) -> Result<Vec<u8>> {
        let slots = self.slots();
        let row_bytes = self.params.dtype.row_bytes(self.params.dim);
        let too_many = || Error::OutOfMemory(format!("{} vectors of {row_bytes} bytes", ids.len()));
        let length = ids.len().checked_mul(row_bytes).ok_or_else(too_many)?;
        let mut out = Vec::new();
        out.try_reserve_exact(length).map_err(|_| too_many())?;
        out.resize(length, 0);
        for (&id, row) in ids.iter().zip(out.chunks_exact_mut(row_bytes)) {
            let slot = self.ids.slot(id, slots);
            self.undamaged()?;
            let slot = slot.ok_or(Error::NotFound { id })?;
            self.vectors.check_given(slot);
            // SAFETY: slots of the index were written.
            unsafe { self.vectors.read(slot, row) }
        }
        self.undamaged()?;
        Ok(out)
    }

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

    /// The nearest neighbours of each query by the graph. Queries are f32 where the stored dtype is a float, of the
    /// stored dtype otherwise.
    pub fn search(&self, queries: Matrix<'_>, options: &SearchOptions, run: &Run) -> Result<Hits> {
        let Params { dim, metric, dtype, .. } = self.params;
        check_queries(queries, dim, metric, dtype)?;
        let mut hits = hits::room(queries.rows, options.k, options.counters)?;
        let outputs = hits::outputs(&mut hits)?;
        let state = || (PooledScratch { pool: &self.scratches, scratch: self.take_scratch() }, Found::default());
        run.for_each(queries.rows, QUERY_GRAIN, state, |(pooled, found), i| {
            let _no_slot_vanishes = self.gate.read();
            let slots = self.laid_out.load(Ordering::Acquire) as usize;
            let ef = options.ef_search.max(options.k).min(slots.max(1));
            let k = options.k.min(slots.max(1));
            let visible = self.slots();
            let query = Query { bytes: queries.row(i), k, ef, visible };
            hnsw::knn_search(&self.graph, &self.vectors, query, slots, &mut pooled.scratch, found);
            let no_road = metric == Metric::Ip && found.nearest.last().is_some_and(|&(distance, _)| distance >= 0.0);
            let hidden_by_an_add = found.nearest.len() < k.min(visible as usize);
            if no_road || hidden_by_an_add {
                self.scan(query, found)?;
            }
            self.check_given(&found.nearest);
            let nearest = found.nearest.iter().map(|&(distance, slot)| (self.ids.id(slot), distance));
            outputs[i].lock().write(nearest, &found.counters, run)?;
            self.undamaged()
        })?;
        drop(outputs);
        Ok(hits)
    }

    /// Finds by a scan what the graph may not lead to. The edges of a graph of inner products lead to long vectors that
    /// point the same way; where too few have a positive product with the query, the answers are the short ones. And
    /// in an index that is being loaded, vectors that are not yet part of it may fill the whole candidate list.
    fn scan(&self, query: Query<'_>, found: &mut Found) -> Result<()> {
        let run = Run::new(1);
        self.vectors.check_mapped(&run)?;
        // SAFETY: the slots of the index were written, and rows are immutable; those of a map were just checked.
        let blocks = unsafe { self.vectors.blocks(self.len()) };
        let one = Matrix { bytes: query.bytes, rows: 1 };
        let hits = flat::search(&blocks, self.vectors.space(), one, query.k, false, &run)?;
        let slots = hits.ids.iter().take_while(|&&slot| slot >= 0).map(|&slot| slot as u32);
        found.nearest.clear();
        found.nearest.extend(hits.distances.iter().copied().zip(slots));
        found.counters.distance_evaluations += self.len() as u64;
        Ok(())
    }

    /// Checks what a search of a mapped snapshot found: each is a vector, none is there twice, as it would be if chains
    /// of equal vectors ran in a circle or into each other.
    fn check_given(&self, nearest: &[(f32, u32)]) {
        let Some(rows) = self.graph.mapped() else { return };
        let mut slots: Vec<u32> = nearest.iter().map(|&(_, slot)| slot).collect();
        slots.iter().for_each(|&slot| self.vectors.check_given(slot));
        slots.sort_unstable();
        if let Some(pair) = slots.windows(2).find(|pair| pair[0] == pair[1]) {
            rows.refuse(pair[0], "it is found twice: its chain of equal vectors runs in a circle or into another");
        }
    }

    /// The true nearest neighbours of each query: every vector is visited.
    pub fn search_exact(&self, queries: Matrix<'_>, k: usize, counters: bool, run: &Run) -> Result<Hits> {
        let Params { dim, metric, dtype, .. } = self.params;
        check_queries(queries, dim, metric, dtype)?;
        self.vectors.check_mapped(run)?;
        // SAFETY: the slots of the index were written, and rows are immutable; those of a map were just checked.
        let blocks = unsafe { self.vectors.blocks(self.len()) };
        let mut hits = flat::search(&blocks, self.vectors.space(), queries, k, counters, run)?;
        for id in hits.ids.iter_mut().filter(|id| **id >= 0) {
            self.vectors.check_given(*id as u32);
            *id = self.ids.id(*id as u32);
        }
        self.undamaged()?;
        Ok(hits)
    }

    fn take_scratch(&self) -> Scratch {
        self.scratches.lock().pop().unwrap_or_default()
    }

    /// Figures of the index.
    pub fn stats(&self) -> Result<Stats> {
        let _writer = self.writer.lock();
        let slots = self.slots();
        let of = |bytes: usize, rows: u32| bytes as u64 * u64::from(rows);
        let (layer0, upper) = self.graph.arenas();
        let mut bytes: Vec<_> = self
            .vectors
            .arenas()
            .into_iter()
            .filter_map(|(name, arena)| Some((name, of(arena?.row_bytes(), slots))))
            .collect();
        bytes.push(("links", of(layer0.row_bytes(), slots)));
        bytes.push(("upper links", of(upper.row_bytes(), self.graph.upper_rows())));
        bytes.push(("ids", self.ids.bytes(slots)));
        let stats = Stats {
            nodes_per_layer: hnsw::nodes_per_layer(&self.graph, slots),
            degree_histogram: hnsw::degree_histogram(&self.graph, slots),
            bytes,
            entry_point: self.graph.entry().map(|entry| self.ids.id(entry.slot)),
        };
        self.undamaged().map(|()| stats)
    }

    /// Walks the graph as search does, and checks each row of it. Of a mapped snapshot every block is read and checked
    /// first.
    pub fn verify(&self, run: &Run) -> Result<Report> {
        let _writer = self.writing(run)?;
        self.check_snapshot(run)?;
        let found = hnsw::verify(&self.graph, &self.vectors, self.slots());
        let report = Report {
            reachable: found.reachable,
            unreachable: found.unreachable.iter().map(|&slot| self.ids.id(slot)).collect(),
            links: found.links,
            one_way_links: found.one_way_links,
            duplicates: found.twins,
            broken: found.broken,
        };
        self.undamaged().map(|()| report)
    }

    /// Waits for the add under way, unless the run is cancelled meanwhile.
    fn writing(&self, run: &Run) -> Result<parking_lot::MutexGuard<'_, ()>> {
        loop {
            if let Some(guard) = self.writer.try_lock_for(Duration::from_millis(20)) {
                return Ok(guard);
            }
            if run.is_cancelled() {
                return Err(Error::Cancelled);
            }
        }
    }

    /// Keeps adds away while a snapshot is taken.
    pub(crate) fn hold_writers(&self) -> parking_lot::MutexGuard<'_, ()> {
        self.writer.lock()
    }
}

/// Scratch that goes back to the pool.
struct PooledScratch<'a> {
    pool: &'a Mutex<Vec<Scratch>>,
    scratch: Scratch,
}

impl Drop for PooledScratch<'_> {
    fn drop(&mut self) {
        self.pool.lock().push(std::mem::take(&mut self.scratch));
    }
}
