//! How fast neighbourhoods widen with rank, and the early stop that follows from it.
//!
//! The textbook search stops when the `ef` nearest found are all expanded: at the distance of rank `ef`. Where data has
//! intrinsic dimension `d`, distances grow as `rank^(1/d)`, so that distance is about `(ef/k)^(1/d)` times the k-th,
//! and a search may as well stop there: the rule of Al-Jazzazi et al., *Distance Adaptive Beam Search* (2025), with the
//! factor taken from `ef` instead of a new knob. It spends less on queries whose neighbours stand out and more on those
//! whose neighbours hide in a crowd; at equal mean recall that saves a tenth to a third of the distance evaluations.
//!
//! The growth is measured, not assumed: each inserted node sees its own neighbours by rank.

use std::sync::atomic::{AtomicU64, Ordering};

use super::pool::Candidate;

/// Growth is measured from this rank, around a usual `k`, to [`Spread::FAR`], around a usual `ef`.
const NEAR: usize = 10;
/// Fewest neighbours that tell of growth.
const ENOUGH: usize = 40;
/// Nodes that must have been seen before the mean is used.
const NODES: u64 = 100;
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
    /// The farthest rank that is looked at.
    pub(super) const FAR: usize = 100;

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
        let far = neighbors.len().min(Self::FAR);
        let value = |rank: usize| f64::from(neighbors[rank - 1].score() - zero);
        let exponent = (value(far) / value(NEAR)).ln() / (far as f64 / NEAR as f64).ln();
        if exponent.is_finite() {
            self.sum.fetch_add((exponent.clamp(0.0, STEEPEST) * UNIT) as u64, Ordering::Relaxed);
            self.nodes.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Forgets the share of the nodes that was removed, `removed` of `all`: those that come after them count for more,
    /// and the mean follows the data. (Not as many nodes as were removed: not every one was learned from.)
    pub fn forget(&self, removed: u64, all: u64) {
        let (sum, nodes) = self.parts();
        let left = (u128::from(nodes) * u128::from(all - removed) / u128::from(all.max(1))) as u64;
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
