//! SEARCH-LAYER over rows that carry codes of their edges: one pass estimates the distances of a whole hop.
//!
//! The walk goes by estimates and measures each node that it expands, so what it has found is ordered by distances. A
//! node's estimates differ from row to row, and it may wait among the candidates more than once: a good estimate makes
//! up for a bad one. It is marked as visited when it is expanded (after SymphonyQG, Gou et al. 2024).

use vicinal_kernels::edges::LANES;

use super::graph::Graph;
use super::pool::Candidate;
use super::scratch::Scratch;
use super::search_layer::Stop;
use crate::vectors::{Estimator, Scorer};

/// Walks from `start` to the nearest candidate by estimate, again and again, until that is farther than what `stop`
/// says, or without it, than all of a full `scratch.measured`; at most `most` hops. `scratch.measured` then holds the
/// nearest of the nodes that the walk came to.
pub fn search_codes(
    graph: &Graph,
    scorer: &impl Scorer,
    estimator: &Estimator<'_>,
    start: Candidate,
    stop: Option<Stop>,
    most: usize,
    scratch: &mut Scratch,
) {
    let (mut hops, mut estimates) = (0, 0);
    scratch.frontier.clear();
    let mut node = start.slot();
    scratch.visited.insert(node);
    loop {
        // The candidate that is next unless this hop finds a nearer one.
        if let Some(runner_up) = scratch.frontier.peek() {
            graph.prefetch(runner_up);
            scorer.prefetch(runner_up);
        }
        hops += 1;
        let own = scorer.score_one(node);
        scratch.measured.offer(Candidate::new(own, node));
        let found = scratch.measured.candidates();
        let bound = match stop {
            Some(stop) => stop.bound(found),
            None => scratch.measured.bound(),
        };
        let (row, codes) = graph.coded_row(node);
        let degree = loop {
            let (degree, version) = row.read_versioned(&mut scratch.links);
            for (i, links) in scratch.links[..degree].chunks(LANES).enumerate() {
                let estimates = scratch.frontier.fill(i, links);
                // SAFETY: these are the codes of a layer-0 row, which has a block for each 32 links.
                unsafe { estimator.estimate(codes, i, own, estimates) };
            }
            if row.is_at(version) {
                break degree;
            }
        };
        estimates += degree as u32;
        scratch.frontier.add(degree, bound, &scratch.visited);
        if hops as usize == most {
            break;
        }
        let Some(next) = scratch.frontier.pop(bound, &mut scratch.visited) else { break };
        graph.prefetch(next);
        scorer.prefetch(next);
        node = next;
    }
    scratch.visited.clear();
    scratch.count(0, hops, hops);
    scratch.estimates += estimates;
}
