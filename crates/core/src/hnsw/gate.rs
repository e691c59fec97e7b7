//! What a walk takes along, and how far it goes: the test of what may be answered, and the stop that follows from how
//! often it is passed.

use super::graph::Graph;
use super::pool::{Candidate, Pool};
use super::row::NONE;
use crate::filter::{Admission, Patience, beyond, reach};

/// How many times `ef` candidates a query may keep that the early stop leaves running. Without that rule (under ip)
/// half as many again are kept, so that the same `ef` stands for about the same recall.
pub const WIDEN: usize = 3;

/// When to stop before all candidates are expanded: at one whose value is above a multiple of that of the k-th found.
/// See [`super::spread`].
#[derive(Clone, Copy, Debug)]
pub struct Stop {
    /// The score of distance 0; a value is a score above it.
    pub zero: f32,
    /// `s` in `value(rank) ~ rank^s`.
    pub exponent: f64,
}

/// The least exponent in the first `ef` hops: squared distances of four dimensions. Without any bound the walk over codes
/// would keep all that it sees, and looking through that costs more than the hops do.
const EARLY: f64 = 0.5;

/// The door that nodes pass on their way to the answer.
#[derive(Clone, Copy, Debug)]
pub struct Gate<A> {
    /// Who may pass.
    pub(super) admit: A,
    /// Neighbours wanted.
    k: usize,
    /// Length of the candidate list.
    ef: usize,
    stop: Option<Stop>,
    /// The factor of the stop where everyone passes who is walked to, and that of the first `ef` hops.
    factor: f32,
    early: f32,
    /// Nodes that came, and those of them that passed.
    came: u32,
    passed: u32,
    patience: Patience,
}

impl<A: Admission> Gate<A> {
    /// A gate for a search of `k` neighbours with a list of `ef` candidates; without `stop`, the list has to be full.
    pub fn new(admit: A, k: usize, ef: usize, stop: Option<Stop>) -> Self {
        let factor = |least: f64| stop.map_or(0.0, |stop| (ef as f64 / k as f64).powf(stop.exponent.max(least)) as f32);
        let (factor, early) = (factor(0.0), factor(EARLY));
        Gate { admit, k, ef, stop, factor, early, patience: Patience::ENDLESS, came: 0, passed: 0 }
    }

    /// The same gate, for a walk that may be given up.
    pub fn with_patience(self, patience: Patience) -> Self {
        Gate { patience, ..self }
    }

    /// Keeps a node in `found` if it, or one of its twins, may be answered.
    #[inline(always)]
    pub fn pass(&mut self, graph: &Graph, node: Candidate, found: &mut Pool) {
        if !A::EVERYONE {
            self.came += 1;
            let slot = node.slot();
            let twins = || graph.row(slot, 0).twin() != NONE && graph.twins(slot).any(|twin| self.admit.admits(twin));
            if !(self.admit.admits(slot) || twins()) {
                return;
            }
            self.passed += 1;
        }
        found.offer(node);
    }

    /// The share of those who passed.
    #[inline(always)]
    fn share(&self) -> f32 {
        if A::EVERYONE { 1.0 } else { self.passed.max(1) as f32 / self.came.max(1) as f32 }
    }

    /// The score beyond which candidates are not worth a hop, by the nearest found so far, after so many hops.
    ///
    /// The exponent of the early stop is a mean over all of the data. Where neighbourhoods widen faster than that, in a
    /// dense cluster amid wide data, the factor is too small, and the rule would end a walk as soon as it had found `k`.
    /// So in the first `ef` hops, which the paper's search always makes, they are taken to widen at least by [`EARLY`].
    #[inline(always)]
    pub fn bound(&self, found: &Pool, hops: u32) -> f32 {
        let is_early = (hops as usize) < self.ef;
        if A::TWO_HOP || self.admit.is_open() {
            return match self.stop {
                Some(stop) => self.times_the_kth(stop, if is_early { self.early } else { self.factor }, found),
                None => found.bound(),
            };
        }
        let share = self.share();
        let beyond = beyond(share, self.k, self.ef);
        // A walk that came to as many as a full list would have let it, goes on only to what is nearer than its answer:
        // those may all lie beyond a crowd that may not be answered.
        let is_long = self.came as f32 >= reach(true, share, self.k, self.ef);
        match self.stop {
            Some(stop) => {
                let exponent = if is_early { stop.exponent.max(EARLY) } else { stop.exponent };
                self.times_the_kth(stop, if is_long { 1.0 } else { beyond.powf(exponent as f32) }, found)
            }
            None => {
                let enough = if is_long { self.k } else { (beyond * self.k as f32) as usize };
                found.candidates().get(enough - 1).map_or(f32::INFINITY, |last| last.score())
            }
        }
    }

    /// Whether a scan is expected to be cheaper by now.
    #[inline(always)]
    pub fn gives_up(&self) -> bool {
        !self.admit.is_open() && self.patience.is_over(self.came, self.passed, self.k, self.ef)
    }

    #[inline(always)]
    fn times_the_kth(&self, stop: Stop, factor: f32, found: &Pool) -> f32 {
        let kth = found.candidates().get(self.k - 1);
        kth.map_or(f32::INFINITY, |kth| stop.zero + factor * (kth.score() - stop.zero))
    }
}
