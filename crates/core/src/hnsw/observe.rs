//! What a search tells of its way.
//!
//! The loops of a search speak to an [`Observer`]. Ordinary searches have one that hears nothing, `()`, and are compiled
//! without a word; a search that is to be explained has a [`Trace`]. So what is explained is the search, not a copy.

use super::pool::Candidate;

/// Why a walk on layer 0 ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum End {
    /// Nothing was left to go to: all candidates that were kept were gone to.
    #[default]
    Exhausted,
    /// The nearest candidate left lay beyond the bound.
    Bound,
    /// It had made as many hops as it may.
    Hops,
}

/// Hears of each hop, as it is made.
pub trait Observer {
    /// A hop from a node on a layer, while candidates beyond `bound` were not worth one. Its neighbours `slots` were
    /// given `scores`: measured, or estimated where edges have codes.
    #[inline(always)]
    fn hop(&mut self, _layer: usize, _node: Candidate, _bound: f32, _slots: &[u32], _scores: &[f32]) {}

    /// The walk on layer 0 ended.
    #[inline(always)]
    fn end(&mut self, _end: End) {}

    /// A candidate was measured from its full row.
    #[inline(always)]
    fn reranked(&mut self, _candidate: Candidate, _distance: f32) {}
}

/// Hears nothing.
impl Observer for () {}

/// One hop of a trace.
#[derive(Clone, Copy, Debug)]
pub struct Hop {
    /// Where it was made.
    pub layer: usize,
    /// The node, with its score.
    pub node: Candidate,
    /// The score beyond which candidates were not worth a hop.
    pub bound: f32,
    /// Where its neighbours end in [`Trace::seen`]; they begin where those of the hop before end.
    pub seen_end: usize,
}

/// The way of one search, in the order that it went.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// All hops, top layer first.
    pub hops: Vec<Hop>,
    /// Neighbours that were new at each hop (on layer 0 with codes, and above: all of them), with their scores.
    pub seen: Vec<Candidate>,
    /// Why it ended.
    pub end: End,
    /// Candidates in the order that the walk left them in, with the distances of their full rows.
    pub reranked: Vec<(Candidate, f32)>,
}

impl Observer for Trace {
    fn hop(&mut self, layer: usize, node: Candidate, bound: f32, slots: &[u32], scores: &[f32]) {
        self.seen.extend(slots.iter().zip(scores).map(|(&slot, &score)| Candidate::new(score, slot)));
        self.hops.push(Hop { layer, node: node.unexpanded(), bound, seen_end: self.seen.len() });
    }

    fn end(&mut self, end: End) {
        self.end = end;
    }

    fn reranked(&mut self, candidate: Candidate, distance: f32) {
        self.reranked.push((candidate.unexpanded(), distance));
    }
}
