//! The best `k` seen so far.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// A row and its distance, ordered by distance, equal ones by slot.
#[derive(Clone, Copy, PartialEq)]
struct Found {
    distance: f32,
    slot: u32,
}

impl Eq for Found {}
impl PartialOrd for Found {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Found {
    fn cmp(&self, other: &Self) -> Ordering {
        self.distance.total_cmp(&other.distance).then(self.slot.cmp(&other.slot))
    }
}

/// Keeps the `k` nearest of all rows offered.
pub struct Nearest {
    k: usize,
    heap: BinaryHeap<Found>,
}

impl Nearest {
    /// Keeps none yet.
    pub fn new(k: usize) -> Self {
        Nearest { k, heap: BinaryHeap::with_capacity(k) }
    }

    /// Keeps the row if it belongs to the best.
    pub fn offer(&mut self, distance: f32, slot: u32) {
        let found = Found { distance, slot };
        if self.heap.len() < self.k {
            self.heap.push(found);
        } else if let Some(mut worst) = self.heap.peek_mut()
            && found < *worst
        {
            *worst = found;
        }
    }

    /// The distance of the last of them, if there are `k`.
    pub fn worst(&self) -> Option<f32> {
        if self.heap.len() < self.k { None } else { self.heap.peek().map(|found| found.distance) }
    }

    /// Keeps the best of both.
    pub fn merge(&mut self, other: Nearest) {
        other.heap.into_iter().for_each(|found| self.offer(found.distance, found.slot));
    }

    /// Distances and slots, nearest first.
    pub fn into_sorted(self) -> impl ExactSizeIterator<Item = (f32, u32)> {
        self.heap.into_sorted_vec().into_iter().map(|found| (found.distance, found.slot))
    }
}
