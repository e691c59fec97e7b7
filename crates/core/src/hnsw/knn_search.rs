//! Algorithm 5, K-NN-SEARCH.

use super::gate::{Gate, Stop, WIDEN};
use super::graph::{EntryPoint, Graph};
use super::observe::Observer;
use super::pool::{Candidate, Pool};
use super::scratch::Scratch;
use super::search_codes::CodeWalk;
use super::search_layer::{descend, search_layer};
use super::turns::{INTERLEAVED, take_turns};
use crate::filter::{Admission, Patience};
use crate::flat::Measure;
use crate::live::Live;
use crate::types::Counters;
use crate::vectors::{CodeScorer, EdgeCoder, Vectors};

/// The most candidates beyond `k` that are measured again where the walk reads rounded rows. Rounding moves a neighbour
/// by a rank or two, rarely by more. What a filter lets through may lie far, at distances that rounding makes alike.
const MARGIN: usize = 8;
const MARGIN_FILTERED: usize = 32;
/// Candidates beyond `k` that are asked for before it is known which are needed.
const AHEAD: usize = 1;

/// The longest list of candidates of a walk that takes only some along.
const LONGEST: usize = 1 << 16;

/// What a search found.
#[derive(Debug, Default)]
pub struct Found {
    /// Distances and slots, nearest first.
    pub nearest: Vec<(f32, u32)>,
    /// What it cost.
    pub counters: Counters,
    /// Whether the walk made as many hops as it may, and might have found nearer ones.
    pub cut_short: bool,
    /// Distances and nodes, before twins are put in and those left out that are no answers.
    nodes: Vec<(f32, u32)>,
}

/// What is searched for.
#[derive(Clone, Copy)]
pub struct Query<'a, A> {
    /// The query, as [`Vectors::scorer`] takes it.
    pub bytes: &'a [u8],
    /// Neighbours wanted.
    pub k: usize,
    /// Length of the candidate list, at least `k`.
    pub ef: usize,
    /// Who may be answered, as far as it can be said on the way.
    pub admit: A,
    /// Who is part of the index when the answers are chosen.
    pub live: &'a Live,
    /// When a walk that takes only some along gives up.
    pub patience: Patience,
}

/// The `k` nearest of each query among slots below `slots`: greedy descent, SEARCH-LAYER with `ef` on layer
/// 0, then the nearest candidates measured from their full rows. At most [`INTERLEAVED`] queries, each with buffers and
/// an observer of its own.
pub fn knn_search<A: Admission, O: Observer>(
    graph: &Graph,
    vectors: &Vectors,
    queries: &[Query<'_, A>],
    slots: usize,
    lanes: &mut [Lane],
    watching: &mut [O],
) {
    let mut walks = [const { None }; INTERLEAVED];
    for (((walk, query), lane), watch) in walks.iter_mut().zip(queries).zip(lanes.iter_mut()).zip(watching.iter_mut()) {
        *walk = begin(graph, vectors, *query, slots, &mut lane.scratch, watch);
    }
    take_turns(&mut walks, lanes, watching);
    let (mut lanes, mut queries) = (lanes, queries);
    to_measure(vectors, queries, lanes).for_each(|slot| vectors.prefetch(slot));
    for watch in watching.iter_mut().take(queries.len()) {
        let ((lane, others), (query, later)) = lanes.split_first_mut().zip(queries.split_first()).expect("a lane each");
        finish(graph, vectors, *query, lane, to_measure(vectors, later, others), watch);
        (lanes, queries) = (others, later);
    }
}

/// The candidates that the first of these queries will be measured from, as far as that is known.
fn to_measure<A: Admission>(vectors: &Vectors, queries: &[Query<'_, A>], lanes: &[Lane]) -> impl Iterator<Item = u32> {
    let first = queries.first().zip(lanes.first());
    let candidates =
        first.map(|(query, lane)| walked::<A>(vectors, &lane.scratch).candidates().iter().take(query.k + AHEAD));
    candidates.into_iter().flatten().map(|candidate| candidate.slot())
}

/// What a walk came to and may answer, nearest first.
fn walked<'a, A: Admission>(vectors: &Vectors, scratch: &'a Scratch) -> &'a Pool {
    let all_in_pool = A::EVERYONE && vectors.coder().is_none();
    if all_in_pool { &scratch.pool } else { &scratch.measured }
}

/// What one of several searches at a time needs.
#[derive(Debug, Default)]
pub struct Lane {
    /// Its buffers.
    pub scratch: Scratch,
    /// What it found.
    pub found: Found,
}

impl AsMut<Scratch> for Lane {
    fn as_mut(&mut self) -> &mut Scratch {
        &mut self.scratch
    }
}

/// Searches as far as layer 0, and that too where edges have no codes. Where they have, the walk is still to be made.
fn begin<'a, A: Admission>(
    graph: &'a Graph,
    vectors: &'a Vectors,
    query: Query<'a, A>,
    slots: usize,
    scratch: &mut Scratch,
    watch: &mut impl Observer,
) -> Option<CodeWalk<'a, CodeScorer<'a>, A>> {
    let Query { bytes, k, ef, admit, patience, .. } = query;
    scratch.prepare(slots, graph.capacity(0));
    let stop = vectors.zero_score().and_then(|zero| Some(Stop { zero, exponent: graph.spread.exponent()? }));
    let list = if stop.is_some() || vectors.coder().is_some() { WIDEN * ef } else { ef + ef / 2 };
    // A walk that takes only some along goes farther, until it is told that it would cost more than a scan.
    let most = if admit.is_open() { list } else { list.max(patience.most()) };
    let long = if A::TWO_HOP { 2 * list } else { most.min(LONGEST).max(list) };
    scratch.pool.reset(long);
    scratch.measured.reset(if stop.is_some() { k + margin(graph, vectors, admit) } else { list });
    let gate = Gate::new(admit, k, if stop.is_some() { ef } else { list }, stop).with_patience(patience);
    let entry = graph.entry()?;
    let scorer = vectors.scorer(bytes, graph.own_codes());
    let coder = vectors.coder().filter(|_| !A::TWO_HOP);
    let start = descend(graph, &scorer, entry, lowest_descent(coder, entry, 0), scratch, watch);
    let Some(coder) = coder else {
        scratch.pool.offer(start);
        scratch.visited.insert(start.slot());
        search_layer(graph, &scorer, 0, gate, if admit.is_open() { usize::MAX } else { most }, scratch, watch);
        scratch.visited.clear();
        return None;
    };
    coder.prepare(bytes, scorer.scale(), &mut scratch.rotated, &mut scratch.table);
    Some(CodeWalk::new(graph, scorer, coder, start, gate, most, scratch))
}

/// The layer to descend to on the way to `layer`. Where edges have codes, a hop on layer 0 reads what some four distances
/// do, and brings thirty estimates: the walk there finds the way from layer 2 for less than the descent on layer 1 costs.
pub(super) fn lowest_descent(coder: Option<&EdgeCoder>, entry: EntryPoint, layer: usize) -> usize {
    if layer == 0 && coder.is_some() { entry.level.min(1) } else { layer }
}

/// How many candidates beyond `k` are measured from their full rows.
fn margin(graph: &Graph, vectors: &Vectors, admit: impl Admission) -> usize {
    match vectors.walks_rounded(graph.codes()) {
        false => 0,
        true if admit.is_open() => MARGIN,
        true => MARGIN_FILTERED,
    }
}

/// Measures what was found on layer 0 from the full rows, and puts the twins of each node behind it. While it does,
/// those that are `ahead` are asked for.
fn finish<A: Admission>(
    graph: &Graph,
    vectors: &Vectors,
    query: Query<'_, A>,
    lane: &mut Lane,
    mut ahead: impl Iterator<Item = u32>,
    watch: &mut impl Observer,
) {
    let Query { bytes, k, admit, live, .. } = query;
    let Lane { scratch, found } = lane;
    let mut measure = Measure::new(vectors.space(), bytes);
    let candidates = walked::<A>(vectors, scratch).candidates().iter().take(k + margin(graph, vectors, admit));
    let Found { nearest, nodes, .. } = found;
    nodes.clear();
    let mut rounding = 0.0f32;
    for &candidate in candidates {
        let (slot, estimate) = (candidate.slot(), vectors.distance_of(candidate.score()));
        // One that rounding would not bring among the k nearest if it moved it by twice the most that it moved any of
        // those: nor the others.
        if nodes.get(k - 1).is_some_and(|&(kth, _)| estimate - 2.0 * rounding > kth) {
            break;
        }
        ahead.next().into_iter().for_each(|slot| vectors.prefetch(slot));
        // SAFETY: slots in the graph were written before they were linked.
        let distance = measure.distance(unsafe { vectors.plane(slot) });
        watch.reranked(candidate, distance);
        rounding = rounding.max((distance - estimate).abs());
        let key = Candidate::new(distance, slot);
        nodes.insert(nodes.partition_point(|&(distance, slot)| Candidate::new(distance, slot) < key), (distance, slot));
    }
    ahead.for_each(|slot| vectors.prefetch(slot));
    nearest.clear();
    live.see(|live| {
        for &(distance, node) in nodes.iter() {
            let chain = std::iter::once(node).chain(graph.twins(node));
            let answers = chain.filter(|&slot| live.get(slot) && admit.admits(slot));
            for slot in answers.take(k - nearest.len()) {
                check_twin(graph, vectors, node, slot);
                nearest.push((distance, slot));
            }
        }
    });
    found.counters = counters(scratch, found.nodes.len());
    found.cut_short = scratch.cut_short && !admit.is_open();
}

/// Checks of a mapped snapshot that a slot on the chain of a node is one of its twins.
#[inline]
fn check_twin(graph: &Graph, vectors: &Vectors, node: u32, slot: u32) {
    if let Some(rows) = graph.mapped()
        // SAFETY: the rows of a snapshot are all there.
        && !unsafe { vectors.equal(node, slot) }
    {
        rows.refuse(node, "its chain of equal vectors leads to another vector");
    }
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
        ..Counters::default()
    }
}
