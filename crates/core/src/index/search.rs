//! Searching: by the graph, or every vector.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use parking_lot::Mutex;

use super::Index;
use crate::error::Result;
use crate::filter::{Admission, Admitted, Costs, Everyone, Filter, Patience, SlotSet, State, Task, TwoHop};
use crate::flat;
use crate::hits::{self, Output};
use crate::hnsw::{self, Found, INTERLEAVED, Lane, Observer, Query};
use crate::run::Run;
use crate::types::{Hits, Matrix, Metric, Params, Plan, PlanChoice, SearchOptions};
use crate::vectors::{Form, check_queries};

/// Queries that a thread claims at a time.
const QUERY_GRAIN: usize = 8;

/// What all queries of a call are answered by.
pub(super) struct Asked<'a> {
    options: &'a SearchOptions,
    /// The slots that the filter allows, if there is one.
    allowed: Option<&'a SlotSet>,
    pub(super) costs: Costs,
    /// The way.
    pub(super) plan: Plan,
    /// Whether a scan reads copies of the rows that are allowed.
    gathered: bool,
}

impl Index {
    /// The nearest neighbours of each query among those that the filter allows. Queries are f32 where the stored dtype
    /// is a float, of the stored dtype otherwise.
    pub fn search(
        &self,
        queries: Matrix<'_>,
        options: &SearchOptions,
        filter: Option<Filter<'_>>,
        run: &Run,
    ) -> Result<Hits> {
        let Params { dim, metric, dtype, .. } = self.params;
        check_queries(queries, dim, metric, dtype)?;
        // What the filter names must not become another vector meanwhile.
        let _slots_stay = filter.is_some().then(|| self.readers.enter());
        let allowed = filter.map(|filter| self.allowed(filter)).transpose()?;
        let asked = self.ask(queries.rows, options, allowed.as_deref());
        if asked.plan == Plan::Scan { self.scan(queries, &asked, run) } else { self.walk(queries, &asked, run) }
    }

    /// Settles how so many queries are answered.
    pub(super) fn ask<'a>(
        &self,
        queries: usize,
        options: &'a SearchOptions,
        allowed: Option<&'a SlotSet>,
    ) -> Asked<'a> {
        let matching = allowed.map_or(self.len(), SlotSet::len);
        let k = options.k.clamp(1, matching.max(1));
        let gathered = queries <= flat::STREAM && allowed.is_some_and(|set| self.copies_pay(set));
        let task = Task {
            slots: self.len(),
            matching,
            filtered: allowed.is_some(),
            gathered,
            queries,
            k,
            ef: options.ef_search.max(k),
        };
        let costs = Costs::new(&self.params, task);
        let plan = match options.plan {
            _ if matching == 0 => Plan::Scan,
            PlanChoice::Scan => Plan::Scan,
            PlanChoice::Auto => costs.cheapest(),
            PlanChoice::TwoHop if allowed.is_some() => Plan::TwoHop,
            PlanChoice::TwoHop | PlanChoice::Graph => Plan::Graph,
        };
        Asked { options, allowed, costs, plan, gathered }
    }

    /// The true nearest neighbours of each query: every vector is visited.
    pub fn search_exact(&self, queries: Matrix<'_>, k: usize, counters: bool, run: &Run) -> Result<Hits> {
        self.search(queries, &SearchOptions { k, ef_search: k, counters, plan: PlanChoice::Scan }, None, run)
    }

    /// The slots that a filter allows.
    pub(super) fn allowed(&self, filter: Filter<'_>) -> Result<Arc<SlotSet>> {
        let changes = self.ids.changes();
        let state = State { index: self.number, changes, slots: self.end() };
        let allowed = filter.ids.resolve(&self.ids, &self.live, state, filter.missing);
        self.undamaged()?;
        allowed
    }

    /// Answers by the graph.
    pub(super) fn walk(&self, queries: Matrix<'_>, asked: &Asked<'_>, run: &Run) -> Result<Hits> {
        let mut hits = hits::room(queries.rows, asked.options.k, asked.options.counters)?;
        let outputs = hits::outputs(&mut hits)?;
        // Few queries are spread over the threads; many are interleaved on each.
        let together = queries.rows.div_ceil(run.threads_for(queries.rows)).clamp(1, hnsw::interleaved());
        let state = || self.take_lanes();
        run.for_each(queries.rows.div_ceil(together), QUERY_GRAIN / together, state, |pooled, group| {
            let first = group * together;
            let rows: Vec<&[u8]> = (first..queries.rows.min(first + together)).map(|i| queries.row(i)).collect();
            self.walk_group(&rows, asked, pooled, &outputs[first..], run, &mut [(); INTERLEAVED])
        })?;
        drop(outputs);
        Ok(hits)
    }

    /// Answers up to [`INTERLEAVED`] queries, each in a lane, with an output and an observer.
    pub(super) fn walk_group<O: Observer>(
        &self,
        queries: &[&[u8]],
        asked: &Asked<'_>,
        pooled: &mut PooledLanes<'_>,
        outputs: &[Mutex<Output<'_>>],
        run: &Run,
        watching: &mut [O],
    ) -> Result<()> {
        let _slots_stay = self.readers.enter();
        self.walk_lanes(queries, asked, &mut pooled.lanes, watching)?;
        for (lane, output) in pooled.lanes.iter().zip(outputs).take(queries.len()) {
            self.check_given(&lane.found.nearest);
            let nearest = lane.found.nearest.iter().map(|&(distance, slot)| (self.ids.id(slot), distance));
            output.lock().write(nearest, &lane.found.counters, run)?;
        }
        self.undamaged()
    }

    /// Walks for up to [`INTERLEAVED`] queries; what they found is left in their lanes. The caller is among the readers.
    pub(super) fn walk_lanes<O: Observer>(
        &self,
        queries: &[&[u8]],
        asked: &Asked<'_>,
        lanes: &mut [Lane],
        watching: &mut [O],
    ) -> Result<()> {
        let slots = self.laid_out();
        match asked.allowed {
            None if self.live.count() == u64::from(slots) => {
                self.walk_together(queries, Everyone, slots, asked, lanes, watching)
            }
            set => {
                let admit = Admitted { live: &self.live, allowed: set.map(SlotSet::words) };
                match asked.plan {
                    Plan::TwoHop => self.walk_together(queries, TwoHop(admit), slots, asked, lanes, watching),
                    _ => self.walk_together(queries, admit, slots, asked, lanes, watching),
                }
            }
        }
    }

    /// Walks for up to [`INTERLEAVED`] queries.
    fn walk_together<A: Admission, O: Observer>(
        &self,
        queries: &[&[u8]],
        admit: A,
        slots: u32,
        asked: &Asked<'_>,
        lanes: &mut [Lane],
        watching: &mut [O],
    ) -> Result<()> {
        let &Asked { options, allowed, ref costs, plan, gathered } = asked;
        let (slots, forced) = (slots as usize, options.plan != PlanChoice::Auto);
        let ef = options.ef_search.max(options.k).min(slots.max(1));
        let k = options.k.min(slots.max(1));
        let matching = || allowed.map_or(self.len(), SlotSet::len);
        let before = matching();
        let share = before as f32 / self.len().max(1) as f32;
        let patience = if forced { Patience::ENDLESS } else { costs.patience(share) };
        let query =
            |i: usize| Query { bytes: queries[i.min(queries.len() - 1)], k, ef, admit, live: &self.live, patience };
        let group: [Query<'_, A>; INTERLEAVED] = std::array::from_fn(query);
        hnsw::knn_search(&self.graph, &self.vectors, &group[..queries.len()], slots, lanes, watching);
        let matching = before.min(matching());
        for (query, Lane { found, .. }) in queries.iter().zip(lanes) {
            found.counters.matching = matching as u64;
            found.counters.plan = plan;
            found.counters.expected_cost = costs.of(plan) as u64;
            let farthest = found.nearest.last();
            let no_road = self.params.metric == Metric::Ip && farthest.is_some_and(|&(distance, _)| distance >= 0.0);
            if no_road || found.cut_short || found.nearest.len() < k.min(matching) {
                self.scan_after(query, allowed.map(|set| (set, gathered)), k, found)?;
            }
        }
        Ok(())
    }

    /// Finds by a scan what the graph may not lead to. The edges of a graph of inner products lead to long vectors that
    /// point the same way; where too few have a positive product with the query, the answers are the short ones. Vectors
    /// that are not yet part of the index, or no longer, may fill the whole candidate list. And where all that a filter
    /// allows lies far from the query, a walk would come to everything else first.
    fn scan_after(&self, query: &[u8], allowed: Option<(&SlotSet, bool)>, k: usize, found: &mut Found) -> Result<()> {
        let hits = self.scan_slots(Matrix { bytes: query, rows: 1 }, allowed, k, false, &Run::new(1))?;
        let slots = hits.ids.iter().take_while(|&&slot| slot >= 0).map(|&slot| slot as u32);
        found.nearest.clear();
        found.nearest.extend(hits.distances.iter().copied().zip(slots));
        found.counters.distance_evaluations += allowed.map_or(self.len(), |(set, _)| set.len()) as u64;
        found.counters.plan = Plan::GraphThenScan;
        Ok(())
    }

    /// Answers by comparing all that is allowed.
    pub(super) fn scan(&self, queries: Matrix<'_>, asked: &Asked<'_>, run: &Run) -> Result<Hits> {
        let &Asked { options, allowed, ref costs, gathered, .. } = asked;
        let _slots_stay = self.readers.enter();
        let mut hits =
            self.scan_slots(queries, allowed.map(|set| (set, gathered)), options.k, options.counters, run)?;
        for id in hits.ids.iter_mut().filter(|id| **id >= 0) {
            self.vectors.check_given(*id as u32);
            *id = self.ids.id(*id as u32);
        }
        hits.counters.iter_mut().flatten().for_each(|one| one.expected_cost = costs.scan as u64);
        self.undamaged()?;
        Ok(hits)
    }

    /// Whether a scan should read copies of the rows that are allowed, which are made when it does.
    pub(super) fn copies_pay(&self, set: &SlotSet) -> bool {
        set.is_worth_copies(Form::of(&self.params).scan_bytes(self.params.dim))
    }

    /// The nearest of all slots that are allowed, as slots; of a filter, whether copies are read. The caller is among
    /// the readers until it knows their ids.
    fn scan_slots(
        &self,
        queries: Matrix<'_>,
        allowed: Option<(&SlotSet, bool)>,
        k: usize,
        counters: bool,
        run: &Run,
    ) -> Result<Hits> {
        self.check_rows(allowed.map(|(set, _)| set), run)?;
        self.with_rows_to_scan(allowed, |blocks, subset| {
            flat::search(blocks, subset, self.vectors.space(), queries, k, counters, run)
        })
    }

    /// Shows the rows of all live slots, and those of them that are allowed, with copies if so said. The caller is among
    /// the readers since before it knew what is allowed, and of a map the rows were checked.
    pub(super) fn with_rows_to_scan<T>(
        &self,
        allowed: Option<(&SlotSet, bool)>,
        look: impl FnOnce(&[flat::Block<'_>], Option<flat::Subset<'_>>) -> T,
    ) -> T {
        let runs = self.live.runs(|| self.end());
        let slots = allowed.map(|(set, _)| within(set.list(), &runs));
        // SAFETY: live slots were written and rows are immutable; none is written anew while a reader may know it.
        let row = |&slot: &u32| unsafe { self.vectors.plane(slot) };
        let copy = |slots: &[u32]| flat::Copies::of(self.vectors.space(), slots.iter().map(row));
        let subset = allowed.zip(slots.as_ref()).map(|((set, gathered), slots)| {
            let all = gathered && matches!(slots, Cow::Borrowed(_));
            flat::Subset { slots, rows: all.then(|| set.gathered(copy)) }
        });
        // SAFETY: as above.
        look(&unsafe { self.vectors.blocks(runs) }, subset)
    }

    /// Checks the rows of a mapped snapshot that a scan will read.
    pub(super) fn check_rows(&self, allowed: Option<&SlotSet>, run: &Run) -> Result<()> {
        let Some(set) = allowed else { return self.vectors.check_mapped(&self.live, run) };
        if self.is_read_only() {
            set.list().iter().for_each(|&slot| self.vectors.check_given(slot));
        }
        Ok(())
    }

    /// Checks what a search of a mapped snapshot found: each is a vector, none is there twice, as it would be if chains
    /// of equal vectors ran in a circle or into each other.
    pub(super) fn check_given(&self, nearest: &[(f32, u32)]) {
        let Some(rows) = self.graph.mapped() else { return };
        let mut slots: Vec<u32> = nearest.iter().map(|&(_, slot)| slot).collect();
        slots.iter().for_each(|&slot| self.vectors.check_given(slot));
        slots.sort_unstable();
        if let Some(pair) = slots.windows(2).find(|pair| pair[0] == pair[1]) {
            rows.refuse(pair[0], "it is found twice: its chain of equal vectors runs in a circle or into another");
        }
    }

    pub(super) fn take_lanes(&self) -> PooledLanes<'_> {
        PooledLanes { pool: &self.lanes, lanes: self.lanes.lock().pop().unwrap_or_default() }
    }
}

/// Buffers that go back to the pool.
pub(super) struct PooledLanes<'a> {
    pool: &'a Mutex<Vec<[Lane; INTERLEAVED]>>,
    pub(super) lanes: [Lane; INTERLEAVED],
}

impl Drop for PooledLanes<'_> {
    fn drop(&mut self) {
        self.pool.lock().push(std::mem::take(&mut self.lanes));
    }
}

/// Those of some slots that lie in these runs; both ascend.
pub(super) fn within<'a>(slots: &'a [u32], runs: &[Range<u32>]) -> Cow<'a, [u32]> {
    let is_in = |slot: &u32| {
        let place = runs.partition_point(|run| run.end <= *slot);
        runs.get(place).is_some_and(|run| run.start <= *slot)
    };
    if runs.len() == 1 && slots.last().is_none_or(|last| is_in(last) && is_in(&slots[0])) {
        return Cow::Borrowed(slots);
    }
    Cow::Owned(slots.iter().copied().filter(is_in).collect())
}
