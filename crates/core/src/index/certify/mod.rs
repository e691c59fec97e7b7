//! Searches that prove what they answer.

mod prepare;
mod prover;

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use parking_lot::Mutex;

use super::Index;
use super::search::within;
use crate::certify::{Probe, Table, screen};
use crate::error::{Error, Result};
use crate::filter::{Filter, SlotSet};
use crate::flat::Block;
use crate::hits;
use crate::hnsw::INTERLEAVED;
use crate::run::Run;
use crate::types::{Budget, Certificate, Guarantee, Hits, Matrix, Metric, Params, PlanChoice, SearchOptions};
use crate::vectors::check_queries;
use prover::Prover;

/// Fewer rows than this are measured rather than coded.
const WORTH_CODES: usize = 4096;
/// One in so many rows must be among those that a filter allows for their codes to be worth looking at: in blocks of
/// sixteen rows the others are read, too.
const SPARSE: usize = 8;
/// More queries than this are multiplied with all rows in less time than their codes are held against each.
const MANY: usize = 16;

/// The rows that one search looks at, as they were at one moment.
struct Seen<'a> {
    runs: Vec<Range<u32>>,
    blocks: Vec<Block<'a>>,
    subset: Option<Cow<'a, [u32]>>,
    rows: usize,
}

impl Seen<'_> {
    fn holds(&self, slot: u32) -> bool {
        match &self.subset {
            Some(slots) => slots.binary_search(&slot).is_ok(),
            None => !within(&[slot], &self.runs).is_empty(),
        }
    }
}

impl Index {
    /// What [`Index::search`] finds, made better until the guarantee is proven, and what was proven of each query.
    pub fn search_guaranteed(
        &self,
        queries: Matrix<'_>,
        options: &SearchOptions,
        guarantee: &Guarantee,
        filter: Option<Filter<'_>>,
        run: &Run,
    ) -> Result<(Hits, Vec<Certificate>)> {
        let Params { dim, metric, dtype, .. } = self.params;
        check_queries(queries, dim, metric, dtype)?;
        check_guarantee(guarantee, metric)?;
        let _slots_stay = self.readers.enter();
        let allowed = filter.map(|filter| self.allowed(filter)).transpose()?;
        let allowed = allowed.as_deref();
        let matching = allowed.map_or(self.len(), SlotSet::len);
        let dense = queries.rows <= MANY && SPARSE * matching >= self.len();
        let worth = matching >= WORTH_CODES && (dense || guarantee.budget.is_some());
        let coded = match options.plan {
            PlanChoice::Auto => worth,
            PlanChoice::Graph | PlanChoice::TwoHop => true,
            PlanChoice::Scan => false,
        };
        match if coded { self.seen(allowed) } else { None } {
            Some((table, seen)) => {
                self.check_rows(allowed, run)?;
                self.walk_guaranteed(queries, options, guarantee, allowed, (&table, &seen), run)
            }
            None => self.scan_guaranteed(queries, options, guarantee, allowed, run),
        }
    }

    /// The table, and the rows of a moment: it has coded all of them. The caller is among the readers.
    fn seen<'a>(&'a self, allowed: Option<&'a SlotSet>) -> Option<(Arc<Table>, Seen<'a>)> {
        let mut table = self.table()?;
        loop {
            let runs = self.live.runs(|| self.end());
            // A row is coded before it becomes live, by the table of that time.
            let now = self.table()?;
            if !Arc::ptr_eq(&now, &table) {
                table = now;
                continue;
            }
            let subset = allowed.map(|set| within(set.list(), &runs));
            let rows = subset.as_ref().map_or_else(|| runs.iter().map(|run| run.len()).sum(), |slots| slots.len());
            // SAFETY: live slots were written; none is written anew while a reader may know it.
            let blocks = unsafe { self.vectors.blocks(runs.clone()) };
            return Some((table, Seen { runs, blocks, subset, rows }));
        }
    }

    /// Proves by measuring all rows, or nothing if that is more than may be.
    fn scan_guaranteed(
        &self,
        queries: Matrix<'_>,
        options: &SearchOptions,
        guarantee: &Guarantee,
        allowed: Option<&SlotSet>,
        run: &Run,
    ) -> Result<(Hits, Vec<Certificate>)> {
        let rows = allowed.map_or(self.len(), SlotSet::len) as u64;
        let scan = guarantee.budget.is_none_or(|budget| rows <= budget.of(rows));
        let plan = if scan { PlanChoice::Scan } else { PlanChoice::Graph };
        let counted = SearchOptions { counters: true, plan, ..*options };
        let asked = self.ask(queries.rows, &counted, allowed);
        let mut hits = if scan { self.scan(queries, &asked, run)? } else { self.walk(queries, &asked, run)? };
        let counters = hits.counters.take().unwrap_or_default();
        let proven = counters.iter().map(|one| match scan {
            true => {
                Certificate { certified: true, measured: one.matching, rows: one.matching, ..Certificate::default() }
            }
            false => Certificate { epsilon: f64::INFINITY, rows, ..Certificate::default() },
        });
        let proven = proven.collect();
        hits.counters = options.counters.then_some(counters);
        Ok((hits, proven))
    }

    /// Proves by codes, and measures what they can't exclude.
    fn walk_guaranteed(
        &self,
        queries: Matrix<'_>,
        options: &SearchOptions,
        guarantee: &Guarantee,
        allowed: Option<&SlotSet>,
        (table, seen): (&Table, &Seen<'_>),
        run: &Run,
    ) -> Result<(Hits, Vec<Certificate>)> {
        let asked = self.ask(queries.rows, options, allowed);
        let mut hits = hits::room(queries.rows, options.k, options.counters)?;
        let outputs = hits::outputs(&mut hits)?;
        let proven: Vec<_> = (0..queries.rows).map(|_| Mutex::new(Certificate::default())).collect();
        let k = options.k.min(seen.rows);
        let together = queries.rows.div_ceil(run.threads_for(queries.rows)).clamp(1, INTERLEAVED);
        run.for_each_uncounted(
            queries.rows.div_ceil(together),
            1,
            || self.take_lanes(),
            |pooled, group| {
                let first = group * together;
                let rows: Vec<&[u8]> = (first..queries.rows.min(first + together)).map(|i| queries.row(i)).collect();
                self.walk_lanes(&rows, &asked, &mut pooled.lanes, &mut [(); INTERLEAVED])?;
                let mut provers = Vec::new();
                for (&query, lane) in rows.iter().zip(&mut pooled.lanes) {
                    self.check_given(&lane.found.nearest);
                    let walked = lane.found.nearest.iter().copied().filter(|&(_, slot)| seen.holds(slot)).collect();
                    provers.push(Prover::new(self, (table, seen), query, walked, k, guarantee));
                }
                let probes: Vec<&Probe> = provers.iter().map(|prover| &prover.probe).collect();
                // SAFETY: the table has coded what is seen, and we are among the readers.
                let screened = unsafe { screen(table, &seen.runs, seen.subset.as_deref(), &probes, run)? };
                for (i, (prover, screened)) in provers.into_iter().zip(screened).enumerate() {
                    let (nearest, certificate) = prover.settle(screened)?;
                    let nearest = nearest.into_sorted().map(|(distance, slot)| (self.ids.id(slot), distance));
                    let counters = &mut pooled.lanes[i].found.counters;
                    counters.distance_evaluations += certificate.measured;
                    outputs[first + i].lock().write(nearest, counters, run)?;
                    *proven[first + i].lock() = certificate;
                    run.advance(1);
                }
                self.undamaged()
            },
        )?;
        drop(outputs);
        Ok((hits, proven.into_iter().map(Mutex::into_inner).collect()))
    }
}

/// Refuses what can't be proven of anything.
fn check_guarantee(guarantee: &Guarantee, metric: Metric) -> Result<()> {
    let Guarantee { epsilon, budget } = *guarantee;
    if !(epsilon >= 0.0 && epsilon.is_finite()) {
        return Err(Error::invalid(format!("epsilon must be a number from 0 up, not {epsilon}")));
    }
    if metric == Metric::Ip && epsilon > 0.0 {
        return Err(Error::invalid(
            "a guarantee of (1 + epsilon) times the true distance means nothing of inner products, which may be \
             negative; ask for guarantee=\"exact\"",
        ));
    }
    match budget {
        Some(Budget::Share(share)) if !(0.0..=1.0).contains(&share) => {
            Err(Error::invalid(format!("a budget as a share must be from 0 to 1, not {share}")))
        }
        _ => Ok(()),
    }
}
