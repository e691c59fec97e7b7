//! Searching: by the graph, or every vector.

use std::sync::atomic::Ordering;

use parking_lot::Mutex;

use super::Index;
use crate::error::Result;
use crate::flat;
use crate::hits;
use crate::hnsw::{self, Found, INTERLEAVED, Lane, Query};
use crate::run::Run;
use crate::types::{Hits, Matrix, Metric, Params, SearchOptions};
use crate::vectors::check_queries;

/// Queries that a thread claims at a time.
const QUERY_GRAIN: usize = 8;

impl Index {
    /// The nearest neighbours of each query by the graph. Queries are f32 where the stored dtype is a float, of the
    /// stored dtype otherwise.
    pub fn search(&self, queries: Matrix<'_>, options: &SearchOptions, run: &Run) -> Result<Hits> {
        let Params { dim, metric, dtype, .. } = self.params;
        check_queries(queries, dim, metric, dtype)?;
        let mut hits = hits::room(queries.rows, options.k, options.counters)?;
        let outputs = hits::outputs(&mut hits)?;
        // Few queries are spread over the threads; many are interleaved on each.
        let together = queries.rows.div_ceil(run.threads_for(queries.rows)).clamp(1, INTERLEAVED);
        let state = || PooledLanes { pool: &self.lanes, lanes: self.take_lanes() };
        run.for_each(queries.rows.div_ceil(together), QUERY_GRAIN / together, state, |pooled, group| {
            let _no_slot_vanishes = self.gate.read();
            let slots = self.laid_out.load(Ordering::Acquire) as usize;
            let ef = options.ef_search.max(options.k).min(slots.max(1));
            let k = options.k.min(slots.max(1));
            let visible = self.slots();
            let first = group * together;
            let count = together.min(queries.rows - first);
            let query = |i: usize| Query { bytes: queries.row(first + i.min(count - 1)), k, ef, visible };
            let group: [Query<'_>; INTERLEAVED] = std::array::from_fn(query);
            hnsw::knn_search(&self.graph, &self.vectors, &group[..count], slots, &mut pooled.lanes);
            for (i, Lane { found, .. }) in pooled.lanes.iter_mut().enumerate().take(count) {
                let farthest = found.nearest.last();
                let no_road = metric == Metric::Ip && farthest.is_some_and(|&(distance, _)| distance >= 0.0);
                let hidden_by_an_add = found.nearest.len() < k.min(visible as usize);
                if no_road || hidden_by_an_add {
                    self.scan(group[i], found)?;
                }
                self.check_given(&found.nearest);
                let nearest = found.nearest.iter().map(|&(distance, slot)| (self.ids.id(slot), distance));
                outputs[first + i].lock().write(nearest, &found.counters, run)?;
            }
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

    fn take_lanes(&self) -> [Lane; INTERLEAVED] {
        self.lanes.lock().pop().unwrap_or_default()
    }
}

/// Buffers that go back to the pool.
struct PooledLanes<'a> {
    pool: &'a Mutex<Vec<[Lane; INTERLEAVED]>>,
    lanes: [Lane; INTERLEAVED],
}

impl Drop for PooledLanes<'_> {
    fn drop(&mut self) {
        self.pool.lock().push(std::mem::take(&mut self.lanes));
    }
}
