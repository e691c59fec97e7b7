//! SEARCH-LAYER over rows that carry codes of their edges: one pass estimates the distances of a whole hop.
//!
//! The walk goes by estimates and measures each node that it expands, so what it has found is ordered by distances. A
//! node's estimates differ from row to row, and it may wait among the candidates more than once: a good estimate makes
//! up for a bad one. It is marked as visited when it is expanded (after SymphonyQG, Gou et al. 2024).

use vicinal_kernels::Feed;
use vicinal_kernels::edges::LANES;

use super::gate::Gate;
use super::graph::Graph;
use super::observe::{End, Observer};
use super::pool::Candidate;
use super::row::slot_of;
use super::scratch::Scratch;
use crate::filter::Admission;
use crate::vectors::{EdgeCoder, Scorer};

/// A walk under way, one hop at a time: while the rows of one come from memory, another may hop.
pub struct CodeWalk<'a, S, A> {
    graph: &'a Graph,
    scorer: S,
    coder: &'a EdgeCoder,
    gate: Gate<A>,
    most: u32,
    /// Where the next hop is from. Its row was asked for.
    node: u32,
    hops: u32,
    estimates: u32,
}

impl<'a, S: Scorer, A: Admission> CodeWalk<'a, S, A> {
    /// A walk that begins at `start`. It goes to the nearest candidate by estimate, again and again, until that is
    /// farther than what `gate` says; at most `most` hops.
    /// `scratch.table` was filled for the query, `scratch.measured` was reset.
    pub fn new(
        graph: &'a Graph,
        scorer: S,
        coder: &'a EdgeCoder,
        start: Candidate,
        gate: Gate<A>,
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
            gate,
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

    /// Makes a hop, `alone` or while others take turns with it; says whether there is another to make.
    pub fn hop(&mut self, scratch: &mut Scratch, alone: bool, feed: &mut Feed, watch: &mut impl Observer) -> bool {
        // The candidate that is next unless this hop finds a nearer one. In company it pays not to ask for a row that
        // may not be wanted: what comes from memory at a time is what there is least of.
        if alone && let Some(runner_up) = scratch.frontier.peek() {
            self.prefetch(runner_up);
        }
        feed.some();
        self.hops += 1;
        let own = self.scorer.score_one(self.node);
        feed.some();
        self.gate.pass(self.graph, Candidate::new(own, self.node), &mut scratch.measured);
        let bound = self.gate.bound(&scratch.measured, self.hops);
        let (row, codes) = self.graph.coded_row(self.node);
        let estimator = self.coder.estimator(&scratch.table);
        let degree = loop {
            let (degree, version) = row.read_versioned(&mut scratch.links);
            for (block, estimates) in scratch.scores.as_chunks_mut().0[..degree.div_ceil(LANES)].iter_mut().enumerate()
            {
                // SAFETY: these are the codes of a layer-0 row, which has a block for each 32 links.
                unsafe { estimator.estimate(codes, block, own, estimates) };
                feed.some();
            }
            if row.is_at(version) {
                break degree;
            }
        };
        self.estimates += degree as u32;
        scratch.links[..degree].iter_mut().for_each(|link| *link = slot_of(*link));
        watch.hop(0, Candidate::new(own, self.node), bound, &scratch.links[..degree], &scratch.scores[..degree]);
        let blocks = scratch.scores.as_chunks().0.iter().zip(scratch.links.as_chunks().0);
        for ((estimates, slots), first) in blocks.zip((0..degree).step_by(LANES)) {
            feed.some();
            scratch.frontier.add(estimates, slots, (degree - first).min(LANES), bound, scratch.visited.bits());
            feed.some();
        }
        if self.hops == self.most || self.gate.gives_up() {
            scratch.cut_short = true;
            watch.end(End::Hops);
            return false;
        }
        let next = loop {
            let Some(slot) = scratch.frontier.pop(bound, scratch.visited.bits()) else {
                watch.end(if bound == f32::INFINITY { End::Exhausted } else { End::Bound });
                return false;
            };
            if scratch.visited.insert(slot) {
                break slot;
            }
        };
        if alone {
            self.prefetch(next);
        } else {
            self.scorer.prefetch(next);
            self.graph.feed(next, feed);
        }
        self.node = next;
        true
    }

    /// Ends the walk: `scratch.measured` holds the nearest of the nodes that it came to and that passed.
    pub fn end(self, scratch: &mut Scratch) {
        scratch.visited.clear();
        scratch.count(0, self.hops, self.hops);
        scratch.estimates += self.estimates;
    }
}
