//! What becomes of one query: a proof, or as much of one as may be paid for.

use hashbrown::HashSet;

use super::Seen;
use crate::certify::{Probe, Screened, Table};
use crate::error::Result;
use crate::flat::{self, Measure, Nearest};
use crate::index::Index;
use crate::run::Run;
use crate::types::{Certificate, Guarantee, Matrix, Metric};

/// Rows that are measured first, to know how near the others have to be.
const FIRST: usize = 64;
/// More rows than this are faster streamed than measured one by one.
const FEW: usize = 2048;

/// One query, from what the walk found to what is proven.
pub(super) struct Prover<'a> {
    index: &'a Index,
    seen: &'a Seen<'a>,
    query: &'a [u8],
    /// What the walk found.
    walked: HashSet<u32>,
    nearest: Nearest,
    k: usize,
    pub(super) probe: Probe,
    epsilon: f64,
    /// Rows that may be measured.
    most: u64,
    certificate: Certificate,
}

impl<'a> Prover<'a> {
    pub(super) fn new(
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
    pub(super) fn settle(mut self, screened: Screened) -> Result<(Nearest, Certificate)> {
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
