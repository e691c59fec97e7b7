//! The rows that may be among the nearest of one query.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// A finite f32 in its order.
#[derive(Clone, Copy, PartialEq)]
struct Key(f32);

impl Eq for Key {}
impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// Rows whose least key is not above the greatest keys of `k` others.
pub(super) struct Candidates {
    k: usize,
    /// The `k` smallest of the greatest keys.
    greatest: BinaryHeap<Key>,
    /// Least key and slot.
    rows: Vec<(f32, u32)>,
    /// The highest key that can still be among the nearest.
    bar: f32,
}

impl Candidates {
    pub fn new(k: usize) -> Self {
        Candidates { k, greatest: BinaryHeap::with_capacity(k), rows: Vec::with_capacity(2 * k), bar: f32::INFINITY }
    }

    /// The highest key that can still be among the nearest.
    pub fn bar(&self) -> f32 {
        self.bar
    }

    /// Takes the row unless its least key is above the bar; tells whether the bar sank.
    #[inline]
    pub fn offer(&mut self, (least, greatest): (f32, f32), slot: u32) -> bool {
        if least > self.bar {
            return false;
        }
        self.rows.push((least, slot));
        self.bound(Key(greatest))
    }

    /// Notes the greatest key of one more row; tells whether the bar sank.
    #[inline]
    fn bound(&mut self, greatest: Key) -> bool {
        if self.greatest.len() < self.k {
            self.greatest.push(greatest);
        } else if let Some(mut top) = self.greatest.peek_mut()
            && greatest < *top
        {
            *top = greatest;
        } else {
            return false;
        }
        match self.greatest.peek() {
            Some(&Key(top)) if self.greatest.len() == self.k => self.lower(top),
            _ => false,
        }
    }

    /// Takes over the candidates of another range of rows.
    pub fn merge(&mut self, other: Candidates) {
        self.rows.extend(other.rows);
        self.lower(other.bar);
        for greatest in other.greatest {
            self.bound(greatest);
        }
    }

    /// Lowers the bar; tells whether it sank.
    pub fn lower(&mut self, bar: f32) -> bool {
        let sank = bar < self.bar;
        self.bar = self.bar.min(bar);
        sank
    }

    /// How many rows there are. Some may have been left behind by the bar.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Drops the rows above the bar.
    pub fn sift(&mut self) {
        let bar = self.bar;
        self.rows.retain(|&(least, _)| least <= bar);
    }

    /// Takes out all rows at or below the bar.
    pub fn take(&mut self) -> impl Iterator<Item = u32> {
        let bar = self.bar;
        self.rows.drain(..).filter(move |&(least, _)| least <= bar).map(|(_, slot)| slot)
    }
}
