//! Algorithm 5, K-NN-SEARCH.

use super::graph::Graph;
use super::pool::Candidate;
use super::scratch::Scratch;
use super::search_codes::search_codes;
use super::search_layer::{Stop, descend, search_layer};
use crate::flat::Measure;
use crate::types::Counters;
use crate::vectors::Vectors;

/// Candidates beyond `k` that are measured again where the walk reads rounded rows: rounding moves a neighbour by a
/// rank or two, rarely by more.
const RERANK_MARGIN: usize = 8;

/// How many times `ef` candidates a query may keep that the early stop leaves running. Without that rule (under ip)
/// half as many again are kept, so that the same `ef` stands for about the same recall.
const WIDEN: usize = 3;

/// What a search found.
#[derive(Debug, Default)]
pub struct Found {
    /// Distances and slots, nearest first.
    pub nearest: Vec<(f32, u32)>,
    /// What it cost.
    pub counters: Counters,
}

/// What is searched for.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// The query, as [`Vectors::scorer`] takes it.
    pub bytes: &'a [u8],
    /// Neighbours wanted.
    pub k: usize,
    /// Length of the candidate list, at least `k`.
    pub ef: usize,
    /// Slots that may be answers: those below it. The walk may pass others, of an add that is under way.
    pub visible: u32,
}

/// The `k` nearest of a query among slots below `slots`: greedy descent to layer 1, SEARCH-LAYER with `ef` on layer 0,
/// then the nearest candidates measured from their full rows.
pub fn knn_search(
    graph: &Graph,
    vectors: &Vectors,
    query: Query<'_>,
    slots: usize,
    scratch: &mut Scratch,
    found: &mut Found,
) {
    let Query { bytes, k, ef, visible } = query;
    found.nearest.clear();
    scratch.prepare(slots, graph.capacity(0));
    let Some(entry) = graph.entry() else { return };
    let scorer = vectors.scorer(bytes);
    let start = descend(graph, &scorer, entry, 0, scratch);
    let stop = vectors.zero_score().and_then(|zero| Some(Stop { k, factor: graph.spread.factor(k, ef)?, zero }));
    let list = if stop.is_some() || vectors.coder().is_some() { WIDEN * ef } else { ef + ef / 2 };
    let margin = if vectors.walks_rounded() { RERANK_MARGIN } else { 0 };
    let walked = match vectors.coder() {
        None => {
            scratch.pool.reset(list);
            scratch.pool.offer(start);
            scratch.visited.insert(start.slot());
            search_layer(graph, &scorer, 0, stop, scratch);
            scratch.visited.clear();
            scratch.pool.candidates()
        }
        Some(coder) => {
            scratch.measured.reset(if stop.is_some() { k + margin } else { list });
            coder.prepare(bytes, &mut scratch.rotated, &mut scratch.table);
            let table = std::mem::take(&mut scratch.table);
            search_codes(graph, &scorer, &coder.estimator(&table), start, stop, list, scratch);
            scratch.table = table;
            scratch.measured.candidates()
        }
    };

    let mut measure = Measure::new(vectors.space(), bytes);
    let candidates = walked.iter().map(|c| c.slot()).filter(|&slot| slot < visible);
    for slot in candidates.take(k + margin) {
        // SAFETY: slots in the graph were written before they were linked.
        found.nearest.push((measure.distance(unsafe { vectors.plane(slot) }), slot));
    }
    found.nearest.sort_unstable_by_key(|&(distance, slot)| Candidate::new(distance, slot));
    found.counters = counters(scratch, found.nearest.len());
    add_twins(graph, vectors, k, visible, &mut found.nearest);
}

/// Puts the twins of each node behind it, and cuts the list at `k`.
fn add_twins(graph: &Graph, vectors: &Vectors, k: usize, visible: u32, nearest: &mut Vec<(f32, u32)>) {
    let mut i = 0;
    while i < nearest.len().min(k) {
        let (distance, slot) = nearest[i];
        let twins = graph.twins(slot).filter(|&twin| twin < visible);
        let twins: Vec<_> = twins.take(k - i - 1).map(|twin| (distance, twin)).collect();
        // SAFETY: the rows of a snapshot are all there.
        let is_twin = |&(_, twin): &(f32, u32)| unsafe { vectors.equal(slot, twin) };
        if let Some(rows) = graph.mapped()
            && !twins.iter().all(is_twin)
        {
            rows.refuse(slot, "its chain of equal vectors leads to another vector");
        }
        let count = twins.len();
        nearest.splice(i + 1..i + 1, twins);
        i += 1 + count;
    }
    nearest.truncate(k);
}

fn counters(scratch: &Scratch, reranked: usize) -> Counters {
    let sum = |counts: &[u32]| counts.iter().map(|&c| u64::from(c)).sum::<u64>();
    Counters {
        distance_evaluations: sum(&scratch.evaluations) + reranked as u64,
        hops: sum(&scratch.hops),
        hops_per_layer: scratch.hops.clone(),
        evaluations_per_layer: scratch.evaluations.clone(),
        reranked: reranked as u32,
        estimates: scratch.estimates,
    }
}
