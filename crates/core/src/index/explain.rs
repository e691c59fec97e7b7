//! One search, with the way that it went.

use super::Index;
use crate::error::{Error, Result};
use crate::filter::Filter;
use crate::hits;
use crate::hnsw::{Candidate, End, Trace};
use crate::run::Run;
use crate::types::{Hits, Matrix, Params, Plan, SearchOptions};
use crate::vectors::check_queries;

/// What a search found, and how.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// What [`Index::search`] answers, counters included.
    pub hits: Hits,
    /// What a scan, a walk, and one from match to match were expected to cost (`u64::MAX`: there is no filter), in about nanoseconds of the machine that was measured.
    pub expected: [u64; 3],
    /// The walk, if there was one.
    pub route: Option<Route>,
}

/// The way of a walk, in the user's ids and distances, in the order that it went. Distances are as the walk saw them:
/// of rounded rows or, where edges have codes, estimated.
#[derive(Clone, Debug, Default)]
pub struct Route {
    /// Layer of each hop.
    pub layers: Vec<u8>,
    /// The node that it was made from.
    pub ids: Vec<i64>,
    /// Its distance.
    pub distances: Vec<f32>,
    /// The distance beyond which candidates were not worth a hop then.
    pub bounds: Vec<f32>,
    /// Where the neighbours of each hop end; they begin where those of the hop before end.
    pub seen_ends: Vec<u64>,
    /// The neighbours that each hop gave a distance.
    pub seen_ids: Vec<i64>,
    /// Their distances.
    pub seen_distances: Vec<f32>,
    /// Why it ended: "exhausted", "bound" or "hops".
    pub end: &'static str,
    /// Candidates that were measured from their full rows, in the order that the walk left them in.
    pub reranked_ids: Vec<i64>,
    /// Their distances as the walk saw them.
    pub reranked_before: Vec<f32>,
    /// Their distances.
    pub reranked_after: Vec<f32>,
    /// The place of each by that distance.
    pub reranked_places: Vec<u32>,
}

impl Index {
    /// Answers one query as [`Index::search`] does, by the same code, and tells the way.
    pub fn explain(
        &self,
        query: Matrix<'_>,
        options: &SearchOptions,
        filter: Option<Filter<'_>>,
        run: &Run,
    ) -> Result<Explanation> {
        let Params { dim, metric, dtype, .. } = self.params;
        check_queries(query, dim, metric, dtype)?;
        if query.rows != 1 {
            return Err(Error::invalid(format!("one query is explained at a time, not {}", query.rows)));
        }
        let options = SearchOptions { counters: true, ..*options };
        let _slots_stay = self.readers.enter();
        let allowed = filter.map(|filter| self.allowed(filter)).transpose()?;
        let asked = self.ask(1, &options, allowed.as_deref());
        let expected = [
            asked.costs.scan as u64,
            asked.costs.walk as u64,
            if allowed.is_some() { asked.costs.two_hop as u64 } else { u64::MAX },
        ];
        if asked.plan == Plan::Scan {
            return Ok(Explanation { hits: self.scan(query, &asked, run)?, expected, route: None });
        }
        let mut hits = hits::room(1, options.k, true)?;
        let outputs = hits::outputs(&mut hits)?;
        let mut trace = Trace::default();
        let watching = std::slice::from_mut(&mut trace);
        self.walk_group(&[query.row(0)], &asked, &mut self.take_lanes(), &outputs, run, watching)?;
        drop(outputs);
        let route = self.route(&trace);
        self.undamaged()?;
        Ok(Explanation { hits, expected, route: Some(route) })
    }

    /// A trace in the user's words.
    fn route(&self, trace: &Trace) -> Route {
        // A removed vector that walks still pass keeps the id that it had.
        let id = |candidate: Candidate| {
            let slot = candidate.slot();
            self.name(slot).unwrap_or_else(|| self.ids.id(slot))
        };
        let distance = |score: f32| self.vectors.distance_of(score);
        let hops = &trace.hops;
        let reranked = &trace.reranked;
        let mut order: Vec<_> =
            (0u32..).zip(reranked).map(|(was, &(c, after))| (Candidate::new(after, c.slot()), was)).collect();
        order.sort_unstable();
        let mut places = vec![0; order.len()];
        (0u32..).zip(&order).for_each(|(place, &(_, was))| places[was as usize] = place);
        Route {
            layers: hops.iter().map(|hop| hop.layer as u8).collect(),
            ids: hops.iter().map(|hop| id(hop.node)).collect(),
            distances: hops.iter().map(|hop| distance(hop.node.score())).collect(),
            bounds: hops.iter().map(|hop| distance(hop.bound)).collect(),
            seen_ends: hops.iter().map(|hop| hop.seen_end as u64).collect(),
            seen_ids: trace.seen.iter().map(|&seen| id(seen)).collect(),
            seen_distances: trace.seen.iter().map(|seen| distance(seen.score())).collect(),
            end: match trace.end {
                End::Exhausted => "exhausted",
                End::Bound => "bound",
                End::Hops => "hops",
            },
            reranked_ids: reranked.iter().map(|&(candidate, _)| id(candidate)).collect(),
            reranked_before: reranked.iter().map(|(candidate, _)| distance(candidate.score())).collect(),
            reranked_after: reranked.iter().map(|&(_, after)| after).collect(),
            reranked_places: places,
        }
    }
}
