//! Changes of one row: worked out from a copy of it, made under its lock if nobody changed it since.

use super::adopt::has_room;
use super::graph::Graph;
use super::row::{LockedRow, PROTECTED, slot_of};
use super::undo::Undo;
use crate::vectors::{Scorer, Vectors};

/// Changes rows of a graph, and keeps what they were.
#[derive(Clone, Copy)]
pub struct Editor<'a> {
    /// The graph.
    pub graph: &'a Graph,
    /// The vectors, those of new slots included.
    pub vectors: &'a Vectors,
    /// The state to go back to, if there is a way back.
    pub undo: Option<&'a Undo>,
}

/// What writes the code of an edge into a row whose lock is held, if edges have codes: asked for the place.
pub trait WriteCode: Fn(usize) {}
impl<F: Fn(usize)> WriteCode for F {}

impl<'a> Editor<'a> {
    /// The distances from `node` to its neighbours.
    pub fn scores(&self, node: u32, links: &[u32]) -> Vec<f32> {
        let slots: Vec<u32> = links.iter().map(|&link| slot_of(link)).collect();
        let mut scores = vec![0.0; slots.len()];
        let mut query = Vec::new();
        // SAFETY: nodes of the graph were written.
        unsafe { self.vectors.read_query(node, &mut query) };
        self.vectors.scorer_from(node, &query).score(&slots, &mut scores);
        scores
    }

    /// The place of the farthest unprotected link of `node`.
    fn farthest(&self, node: u32, links: &[u32]) -> usize {
        let scores = self.scores(node, links);
        let unprotected = (0..links.len()).filter(|&i| links[i] & PROTECTED == 0);
        unprotected
            .max_by(|&a, &b| scores[a].total_cmp(&scores[b]))
            .expect("a row keeps room for links that are not protected")
    }

    /// Adds `slot` to the row of `node`. A full row gives up one link: the farthest of those that the new one occludes
    /// (Algorithm 4 seen from `node`), or the new one itself if one of the others occludes it, or else the farthest.
    /// That is one step of the heuristic instead of the whole of it: 2 * 2M distances instead of 2M² / 2. `scorer`
    /// measures from `slot`.
    pub fn link(&self, node: u32, slot: u32, layer: usize, scorer: &impl Scorer, write: &impl WriteCode) {
        let capacity = self.graph.capacity(layer);
        let mut links = vec![0; capacity];
        loop {
            let (degree, version) = self.graph.row(node, layer).read_versioned(&mut links);
            let links = &links[..degree];
            if links.iter().any(|&link| slot_of(link) == slot) {
                return;
            }
            let victim = if degree < capacity {
                None
            } else {
                match self.victim(node, links, scorer) {
                    Some(victim) => Some(victim),
                    None => return,
                }
            };
            if self.change(node, layer, version, victim, slot, write) {
                return;
            }
        }
    }

    /// Whether a link is one to a retired node that nothing keeps.
    fn leads_nowhere(&self, link: u32) -> bool {
        link & PROTECTED == 0 && self.graph.retired.get(link)
    }

    /// The place of the link that gives way to the new node that `scorer` measures from; nothing if the new one does.
    fn victim(&self, node: u32, links: &[u32], scorer: &impl Scorer) -> Option<usize> {
        if let Some(place) = links.iter().position(|&link| self.leads_nowhere(link)) {
            return Some(place);
        }
        let from_node = self.scores(node, links);
        let slots: Vec<u32> = links.iter().map(|&link| slot_of(link)).collect();
        let mut from_new = vec![0.0; slots.len()];
        scorer.score(&slots, &mut from_new);
        let new = scorer.score_one(node);
        let nearer = |i: usize| from_node[i] < new;
        let new_is_occluded = (0..links.len()).any(|i| nearer(i) && from_new[i] < new);
        let unprotected = || (0..links.len()).filter(|&i| links[i] & PROTECTED == 0);
        let farthest =
            |places: &mut dyn Iterator<Item = usize>| places.max_by(|&a, &b| from_node[a].total_cmp(&from_node[b]));
        let occluded = farthest(&mut unprotected().filter(|&i| !nearer(i) && from_new[i] < from_node[i]));
        match (occluded, new_is_occluded) {
            (Some(victim), false) => Some(victim),
            (Some(victim), true) if from_node[victim] > new => Some(victim),
            (_, true) => None,
            (None, false) => farthest(&mut unprotected()).filter(|&i| from_node[i] > new),
        }
    }

    /// Adds a protected link from `node` to `slot` on layer 0, or protects the one that is there, unless the node has
    /// no room for more of them.
    pub fn protect(&self, node: u32, slot: u32, write: &impl WriteCode) -> bool {
        let mut links = vec![0; self.graph.capacity(0)];
        loop {
            let (degree, version) = self.graph.row(node, 0).read_versioned(&mut links);
            let links = &links[..degree];
            if !has_room(self.graph, links) {
                return false;
            }
            let there = links.iter().position(|&link| slot_of(link) == slot);
            let retired = || links.iter().position(|&link| self.leads_nowhere(link));
            let full = || (degree == self.graph.capacity(0)).then(|| self.farthest(node, links));
            let place = there.or_else(retired).or_else(full);
            if self.change(node, 0, version, place, slot | PROTECTED, write) {
                return true;
            }
        }
    }

    /// Adds a link to a row, in the place of `victim` if there is one, unless somebody changed the row since it was read.
    pub fn change(
        &self,
        node: u32,
        layer: usize,
        version: u32,
        victim: Option<usize>,
        link: u32,
        write: &impl WriteCode,
    ) -> bool {
        let Some(row) = self.lock_if(node, layer, version) else { return false };
        let place = put(&row, victim, link);
        if layer == 0 {
            write(place);
        }
        true
    }

    /// Locks a row for a change, and keeps what it was, unless somebody changed it since it was read.
    pub fn lock_if(&self, node: u32, layer: usize, version: u32) -> Option<LockedRow<'a>> {
        let row = self.graph.row(node, layer).lock_if(version)?;
        self.note(node, layer, &row);
        Some(row)
    }

    /// Locks a row for a change, and keeps what it was.
    pub fn lock(&self, node: u32, layer: usize) -> LockedRow<'a> {
        let row = self.graph.row(node, layer).lock();
        self.note(node, layer, &row);
        row
    }

    fn note(&self, node: u32, layer: usize, row: &LockedRow<'_>) {
        if let Some(undo) = self.undo {
            undo.note(self.graph.row_name(node, layer), row);
        }
    }
}

/// Replaces link `victim`, or adds a link; says at which place.
pub fn put(row: &LockedRow<'_>, victim: Option<usize>, link: u32) -> usize {
    match victim {
        Some(i) => {
            row.set(i, link);
            i
        }
        None => row.push(link),
    }
}
