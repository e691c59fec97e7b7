//! Searches that prove what they answer.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use hashbrown::HashSet;
use parking_lot::Mutex;

use super::Index;
use super::search::within;
use crate::certify::{Basis, Probe, Scratch, Screened, TOGETHER, Table, screen};
use crate::error::{Error, Result};
use crate::filter::{Filter, SlotSet};
use crate::flat::{self, Block, Measure, Nearest, Space, floats};
use crate::hits;
use crate::hnsw::INTERLEAVED;
use crate::run::Run;
use crate::types::{Budget, Certificate, Guarantee, Hits, Matrix, Metric, Params, PlanChoice, SearchOptions};
use crate::vectors::check_queries;

/// Fewer rows than this are measured rather than coded.
const WORTH_CODES: usize = 4096;
/// Rows that tell how codes should be.
const SAMPLE: usize = 1024;
/// A table is made anew when there are so many times the rows it was made for.
const OUTGROWN: usize = 2;
/// Rows that are measured first, to know how near the others have to be.
const FIRST: usize = 64;
/// More rows than this are faster streamed than measured one by one.
const FEW: usize = 2048;

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
    pub(super) fn code_rows(&self, rows: usize, slot: impl Fn(usize) -> u32 + Sync, run: &Run) -> Result<()> {
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
    pub(super) fn table(&self) -> Option<Arc<Table>> {
        self.table.read().clone()
    }

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
        // Many queries are multiplied with all rows in less time than their codes can be held against each.
        let worth = matching >= WORTH_CODES && (queries.rows <= flat::STREAM || guarantee.budget.is_some());
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
            let runs = self.live.runs(self.end());
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

/// What becomes of one query.
struct Prover<'a> {
    index: &'a Index,
    seen: &'a Seen<'a>,
    query: &'a [u8],
    /// What the walk found.
    walked: HashSet<u32>,
    nearest: Nearest,
    k: usize,
    probe: Probe,
    epsilon: f64,
    /// Rows that may be measured.
    most: u64,
    certificate: Certificate,
}

impl<'a> Prover<'a> {
    fn new(
        index: &'a Index,
        (table, seen): (&Table, &'a Seen<'a>),
        query: &'a [u8],
        walked: Vec<(f32, u32)>,
        k: usize,
        guarantee: &Guarantee,
    ) -> Self {
        let rows = seen.rows as u64;
        let mut nearest = Nearest::new(k);
        walked.iter().for_each(|&(distance, slot)| nearest.offer(distance, slot));
        let mut prover = Prover {
            index,
            seen,
            query,
            walked: walked.iter().map(|&(_, slot)| slot).collect(),
            nearest,
            k,
            probe: Probe::new(table, query),
            epsilon: guarantee.epsilon,
            most: guarantee.budget.map_or(u64::MAX, |budget| budget.of(rows)),
            certificate: Certificate { rows, ..Certificate::default() },
        };
        prover.lower();
        prover
    }

    /// Takes the present `k`-th distance for the bar.
    fn lower(&mut self) {
        if let Some(worst) = self.nearest.worst() {
            self.probe.lower(worst, self.epsilon);
        }
    }

    /// Measures what the codes left, until nothing is left or no more may be measured.
    fn settle(mut self, screened: Screened) -> Result<(Nearest, Certificate)> {
        self.certificate.bounded = screened.bounded;
        let mut left = screened.left;
        left.retain(|(_, slot)| !self.walked.contains(slot));
        if screened.given_up {
            let subset = self.seen.subset.as_deref();
            return if self.certificate.rows <= self.most {
                self.stream(subset, self.seen.rows)?;
                Ok(self.proven(None))
            } else {
                Ok(self.proven(Some(0.0)))
            };
        }
        if left.len() > FEW {
            left.select_nth_unstable_by(FIRST, |a, b| a.0.total_cmp(&b.0));
            let rest = left.split_off(FIRST);
            if let Some(least) = self.measure(&mut left) {
                return Ok(self.proven(Some(least)));
            }
            left = rest;
            left.retain(|&(least, _)| self.probe.wants(least));
        }
        if left.len() > FEW && self.certificate.measured + left.len() as u64 <= self.most {
            let mut slots: Vec<u32> = left.iter().map(|&(_, slot)| slot).collect();
            slots.sort_unstable();
            self.stream(Some(&slots), slots.len())?;
            return Ok(self.proven(None));
        }
        let unproven = self.measure(&mut left);
        Ok(self.proven(unproven))
    }

    /// Measures rows, those that may be nearest first, until none of the others can matter. If it may not measure as
    /// many, returns the least distance that one of the others may have.
    fn measure(&mut self, left: &mut [(f32, u32)]) -> Option<f32> {
        left.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let mut measure = Measure::new(self.index.vectors.space(), self.query);
        for &(least, slot) in &*left {
            if !self.probe.wants(least) {
                break;
            }
            if self.certificate.measured == self.most {
                return Some(least);
            }
            // SAFETY: what is seen was written, and we are among the readers.
            self.nearest.offer(measure.distance(unsafe { self.index.vectors.plane(slot) }), slot);
            self.certificate.measured += 1;
            self.lower();
        }
        None
    }

    /// Measures all rows of these slots, or all rows.
    fn stream(&mut self, subset: Option<&[u32]>, rows: usize) -> Result<()> {
        let query = Matrix { bytes: self.query, rows: 1 };
        let space = self.index.vectors.space();
        let subset = subset.map(|slots| flat::Subset { slots, rows: None });
        let found = flat::search(&self.seen.blocks, subset, space, query, self.k.max(1), false, &Run::new(1))?;
        let hits = found.ids.iter().zip(&found.distances).take(found.counts[0] as usize);
        for (&slot, &distance) in hits.filter(|(slot, _)| !self.walked.contains(&(**slot as u32))) {
            self.nearest.offer(distance, slot as u32);
        }
        self.certificate.measured += rows as u64;
        Ok(())
    }

    /// What was proven, if all rows that were not measured lie beyond the bar, but for some that are at least so far.
    fn proven(mut self, unproven: Option<f32>) -> (Nearest, Certificate) {
        let worst = self.nearest.worst().map_or(f64::INFINITY, f64::from);
        self.certificate.certified = unproven.is_none();
        self.certificate.epsilon = match unproven {
            None if worst <= 0.0 => 0.0,
            None => self.epsilon,
            Some(least) if least > 0.0 && self.index.params.metric != Metric::Ip => {
                ((worst / f64::from(least) - 1.0) * (1.0 + 1e-9) + 1e-7).max(self.epsilon)
            }
            Some(_) => f64::INFINITY,
        };
        (self.nearest, self.certificate)
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
