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
use crate::vectors::{EdgeCoder, Scorer};

/// A walk under way, one hop at a time: while the rows of one come from memory, another may hop.
pub struct CodeWalk<'a, S> {
    graph: &'a Graph,
    scorer: S,
    coder: &'a EdgeCoder,
    stop: Option<Stop>,
    most: u32,
    /// Where the next hop is from. Its row was asked for.
    node: u32,
    hops: u32,
    estimates: u32,
}

impl<'a, S: Scorer> CodeWalk<'a, S> {
    /// A walk that begins at `start`. It goes to the nearest candidate by estimate, again and again, until that is
    /// farther than what `stop` says, or without it, than all of a full `scratch.measured`; at most `most` hops.
    /// `scratch.table` was filled for the query, `scratch.measured` was reset.
    pub fn new(
        graph: &'a Graph,
        scorer: S,
        coder: &'a EdgeCoder,
        start: Candidate,
        stop: Option<Stop>,
        most: usize,
        scratch: &mut Scratch,
    ) -> Self {
        scratch.frontier.clear();
        let node = start.slot();
        scratch.visited.insert(node);
        let walk = CodeWalk {
            graph,
            scorer,
            coder,
            stop,
            most: u32::try_from(most).unwrap_or(u32::MAX),
            node,
            hops: 0,
            estimates: 0,
        };
        walk.prefetch(node);
        walk
    }

    /// Brings what a hop from a node reads towards the caches.
    #[inline(always)]
    fn prefetch(&self, node: u32) {
        self.graph.prefetch(node);
        self.scorer.prefetch(node);
    }

    /// Makes a hop; says whether there is another to make.
    pub fn hop(&mut self, scratch: &mut Scratch) -> bool {
        // The candidate that is next unless this hop finds a nearer one.
        if let Some(runner_up) = scratch.frontier.peek() {
            self.prefetch(runner_up);
        }
        self.hops += 1;
        let own = self.scorer.score_one(self.node);
        scratch.measured.offer(Candidate::new(own, self.node));
        let bound = match self.stop {
            Some(stop) => stop.bound(scratch.measured.candidates()),
            None => scratch.measured.bound(),
        };
        let (row, codes) = self.graph.coded_row(self.node);
        let estimator = self.coder.estimator(&scratch.table);
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
        self.estimates += degree as u32;
        scratch.frontier.add(degree, bound, &scratch.visited);
        if self.hops == self.most {
            return false;
        }
        let Some(next) = scratch.frontier.pop(bound, &mut scratch.visited) else { return false };
        self.prefetch(next);
        self.node = next;
        true
    }

    /// Ends the walk: `scratch.measured` holds the nearest of the nodes that it came to.
    pub fn end(self, scratch: &mut Scratch) {
        scratch.visited.clear();
        scratch.count(0, self.hops, self.hops);
        scratch.estimates += self.estimates;
    }

    /// Makes all hops, then ends.
    pub fn finish(mut self, scratch: &mut Scratch) {
        while self.hop(scratch) {}
        self.end(scratch);
    }
}
