//! How fast neighbourhoods widen with rank, and the early stop that follows from it.
//!
//! The textbook search stops when the `ef` nearest found are all expanded: at the distance of rank `ef`. Where data has
//! intrinsic dimension `d`, distances grow as `rank^(1/d)`, so that distance is about `(ef/k)^(1/d)` times the k-th,
//! and a search may as well stop there: the rule of Al-Jazzazi et al., *Distance Adaptive Beam Search* (2025), with the
//! factor taken from `ef` instead of a new knob. It spends less on queries whose neighbours stand out and more on those
//! whose neighbours hide in a crowd; at equal mean recall that saves a tenth to a third of the distance evaluations.
//!
//! The growth is measured, not assumed: of some nodes the neighbours are looked at by rank. Which nodes makes a
//! difference. One that has just been inserted may lie where the data are going, with all neighbours on one side; and
//! early ones had few others around them. So one that is inserted asks a node drawn from all that are there by then, and
//! only what was learned of late counts.

use std::sync::atomic::{AtomicU64, Ordering};

use super::pool::Candidate;

/// Growth is measured from this rank, around a usual `k`, to this one, around a usual `ef`.
const NEAR: usize = 10;
const FAR: usize = 100;
/// Fewest neighbours that tell of growth.
const ENOUGH: usize = 40;
/// Nodes that must have been seen before the mean is used.
const NODES: u64 = 100;
/// One in so many nodes is looked at; every other one as long as there are few.
const ASKED: u32 = 8;
const FEW: u32 = 4096;
/// Of those, as many count as one in so many of the nodes, the latest, but at least some.
const LATEST: u64 = 16;
const LEAST: u64 = 250;
/// Largest exponent that is believed.
const STEEPEST: f64 = 16.0;
/// Exponents are summed in units of 2^-20: whole numbers sum to the same in any order of threads.
const UNIT: f64 = (1 << 20) as f64;

/// The mean `s` in `value(rank) ~ rank^s`.
#[derive(Debug, Default)]
pub struct Spread {
    sum: AtomicU64,
    nodes: AtomicU64,
}

impl Spread {
    /// The farthest rank that is looked at, where so many candidates are gathered for a node.
    pub(super) fn farthest(ef_construction: usize) -> usize {
        ef_construction.clamp(64, FAR)
    }

    /// Whether a node is to be looked at for this one, in a graph of so many.
    pub(super) fn asks(slot: u32, slots: usize) -> bool {
        slot.is_multiple_of(if slots < FEW as usize { 2 } else { ASKED })
    }

    /// A mean of that sum and number of nodes.
    pub fn from_parts((sum, nodes): (u64, u64)) -> Self {
        Spread { sum: AtomicU64::new(sum), nodes: AtomicU64::new(nodes) }
    }

    /// Sum and number of nodes.
    pub fn parts(&self) -> (u64, u64) {
        (self.sum.load(Ordering::Relaxed), self.nodes.load(Ordering::Relaxed))
    }

    /// Whether a graph of so many slots can have come to these parts.
    pub fn is_possible((sum, nodes): (u64, u64), slots: u32) -> bool {
        nodes <= u64::from(slots) && sum as f64 <= nodes as f64 * STEEPEST * UNIT
    }

    /// Puts back what [`Spread::parts`] returned.
    pub(super) fn restore(&self, (sum, nodes): (u64, u64)) {
        self.sum.store(sum, Ordering::Relaxed);
        self.nodes.store(nodes, Ordering::Relaxed);
    }

    /// Learns from a node's neighbours, nearest first; `zero` is the score of distance 0.
    pub(super) fn learn(&self, neighbors: &[Candidate], zero: f32) {
        if neighbors.len() < ENOUGH {
            return;
        }
        let far = neighbors.len().min(FAR);
        let value = |rank: usize| f64::from(neighbors[rank - 1].score() - zero);
        let exponent = (value(far) / value(NEAR)).ln() / (far as f64 / NEAR as f64).ln();
        if exponent.is_finite() {
            self.sum.fetch_add((exponent.clamp(0.0, STEEPEST) * UNIT) as u64, Ordering::Relaxed);
            self.nodes.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Makes what was learned count for no more than a share of the `living`, so that the mean follows data that drift
    /// or are replaced, and an index that grows: among few vectors the farthest ranks lie at the edge of all data, and
    /// neighbourhoods seem to widen faster than they will.
    pub fn forget(&self, living: u64) {
        let (sum, nodes) = self.parts();
        let left = (living / LATEST).max(LEAST).min(living);
        if left < nodes {
            self.restore(((u128::from(sum) * u128::from(left) / u128::from(nodes)) as u64, left));
        }
    }

    /// The mean; nothing while too few nodes were seen.
    pub(super) fn exponent(&self) -> Option<f64> {
        let (sum, nodes) = self.parts();
        (nodes >= NODES).then(|| sum as f64 / UNIT / nodes as f64)
    }
}
