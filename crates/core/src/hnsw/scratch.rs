//! What one thread needs for a search or an insertion, kept between calls so that neither allocates.

use super::edit::Room;
use super::ends::Rotated;
use super::pool::Pool;
use super::row::slot_of;
use vicinal_kernels::edges::{Frontier, LANES, Table};

/// Buffers of one search or insertion.
#[derive(Debug, Default)]
pub struct Scratch {
    /// Slots whose distance is known.
    pub(super) visited: Visited,
    /// Candidates of the layer being searched.
    pub(super) pool: Pool,
    /// Links of the node being expanded.
    pub(super) links: Vec<u32>,
    /// Links of a node that is looked through, and the nodes that are.
    pub(super) behind: Vec<u32>,
    pub(super) between: Vec<u32>,
    /// Slots to score, and their scores.
    pub(super) batch: Vec<u32>,
    pub(super) scores: Vec<f32>,
    /// A stored row as a query.
    pub(super) query: Vec<u8>,
    /// What a new node's links are weighed up in, and coded.
    pub(super) room: Room,
    pub(super) ends: Rotated,
    /// Those that were selected, as queries.
    pub(super) selected: Vec<u8>,
    /// Hops and evaluations by layer.
    pub(super) hops: Vec<u32>,
    pub(super) evaluations: Vec<u32>,
    /// What is needed where edges have codes.
    pub(super) frontier: Frontier,
    /// What a walk came to and may answer.
    pub(super) measured: Pool,
    pub(super) rotated: Vec<f32>,
    pub(super) table: Table,
    pub(super) estimates: u32,
    /// Whether a walk ended because it had made as many hops as it may.
    pub(super) cut_short: bool,
}

impl AsMut<Scratch> for Scratch {
    fn as_mut(&mut self) -> &mut Scratch {
        self
    }
}

impl Scratch {
    /// Readies the buffers for a graph whose slots lie below `slots` and whose rows have up to `links` links.
    pub(super) fn prepare(&mut self, slots: usize, links: usize) {
        self.visited.grow(slots);
        // Codes of edges come in blocks.
        let links = links.next_multiple_of(LANES);
        self.links.resize(links, 0);
        self.batch.resize(links, 0);
        self.scores.resize(links, 0.0);
        self.estimates = 0;
        self.cut_short = false;
        self.hops.clear();
        self.evaluations.clear();
    }

    /// Counts hops and evaluations on a layer.
    pub(super) fn count(&mut self, layer: usize, hops: u32, evaluations: u32) {
        if self.hops.len() <= layer {
            self.hops.resize(layer + 1, 0);
            self.evaluations.resize(layer + 1, 0);
        }
        self.hops[layer] += hops;
        self.evaluations[layer] += evaluations;
    }
}

/// A set of slots: one bit each (125 KB for a million slots stays in the L2 cache), cleared by undoing what was set.
#[derive(Debug, Default)]
pub struct Visited {
    bits: Vec<u64>,
    touched: Vec<u32>,
}

impl Visited {
    /// Makes room for slots below `slots`.
    pub fn grow(&mut self, slots: usize) {
        if self.bits.len() * 64 < slots {
            self.bits.resize(slots.div_ceil(64), 0);
        }
    }

    /// A bit for each slot of its room: whether it is in the set.
    #[inline(always)]
    pub fn bits(&self) -> &[u64] {
        &self.bits
    }

    /// Whether a slot is in the set.
    #[inline(always)]
    pub fn holds(&self, slot: u32) -> bool {
        self.bits.get(slot as usize / 64).is_some_and(|word| word >> (slot % 64) & 1 == 1)
    }

    /// Adds a slot; says whether it was new. Slots beyond the set's room are never new: they came after the search
    /// began.
    #[inline]
    pub fn insert(&mut self, slot: u32) -> bool {
        let Some(word) = self.bits.get_mut(slot as usize / 64) else { return false };
        let bit = 1 << (slot % 64);
        let new = *word & bit == 0;
        if new {
            *word |= bit;
            self.touched.push(slot);
        }
        new
    }

    /// Adds the slots of `links` and writes the new ones to `out`; says how many.
    #[inline]
    pub fn insert_all(&mut self, links: &[u32], out: &mut [u32]) -> usize {
        let mut count = 0;
        for &link in links {
            let slot = slot_of(link);
            // Written always, kept if new: no branch to mispredict.
            out[count] = slot;
            let Some(word) = self.bits.get_mut(slot as usize / 64) else { continue };
            count += usize::from(*word >> (slot % 64) & 1 == 0);
            *word |= 1 << (slot % 64);
        }
        self.touched.extend_from_slice(&out[..count]);
        count
    }

    /// Empties the set in time proportional to what it holds.
    pub fn clear(&mut self) {
        for slot in self.touched.drain(..) {
            self.bits[slot as usize / 64] = 0;
        }
    }
}
