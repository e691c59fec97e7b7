//! Changes of one row: worked out from a copy of it, made under its lock if nobody changed it since.

use vicinal_kernels::edges::LANES;

use super::adopt::has_room;
use super::graph::Graph;
use super::row::{LockedRow, PROTECTED, slot_of};
use super::undo::Undo;
use crate::vectors::{Estimator, Scorer, Vectors};

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

/// A node that rows get links to.
pub struct Target<'a, S> {
    /// The node.
    pub slot: u32,
    /// Measures from it.
    pub scorer: &'a S,
    /// Estimates from it, where edges have codes of which that can be told, and it was readied for the node.
    pub estimator: Option<Estimator<'a>>,
}

/// What links are weighed up in, kept for its memory.
#[derive(Debug, Default)]
pub struct Room {
    links: Vec<u32>,
    slots: Vec<u32>,
    /// Places of links.
    places: Vec<usize>,
    /// Scores of the links, or nearly so.
    from_node: Vec<f32>,
    from_new: Vec<f32>,
    query: Vec<u8>,
}

/// What writes the code of an edge into a row whose lock is held, if edges have codes: asked for the place.
pub trait WriteCode: Fn(usize) {}
impl<F: Fn(usize)> WriteCode for F {}

impl<'a> Editor<'a> {
    /// The distances from `node` to its neighbours.
    pub fn scores(&self, node: u32, links: &[u32]) -> Vec<f32> {
        let slots: Vec<u32> = links.iter().map(|&link| slot_of(link)).collect();
        let mut scores = vec![0.0; slots.len()];
        self.score(node, &slots, &mut Vec::new(), &mut scores);
        scores
    }

    /// Writes the distances from `node` to other nodes to `scores`, by way of `query`.
    fn score(&self, node: u32, slots: &[u32], query: &mut Vec<u8>, scores: &mut [f32]) {
        query.resize(self.vectors.query_bytes(), 0);
        // SAFETY: nodes of the graph were written.
        unsafe { self.vectors.read_walked(node, query) };
        self.vectors.scorer_from(node, query, None).score(slots, scores);
    }

    /// The place of the farthest unprotected link of `node`.
    fn farthest(&self, node: u32, links: &[u32]) -> usize {
        let scores = self.scores(node, links);
        farthest(&scores, (0..links.len()).filter(|&i| links[i] & PROTECTED == 0))
            .expect("a row keeps room for links that are not protected")
    }

    /// Adds a link to the row of `node`. A full row gives up one: the farthest of those that the new one occludes
    /// (Algorithm 4 seen from `node`), or the new one itself if one of the others occludes it, or else the farthest.
    /// That is one step of the heuristic instead of the whole of it.
    pub fn link(
        &self,
        node: u32,
        layer: usize,
        target: &Target<'_, impl Scorer>,
        room: &mut Room,
        write: &impl WriteCode,
    ) {
        let capacity = self.graph.capacity(layer);
        room.links.resize(capacity, 0);
        loop {
            let (degree, version) = self.graph.row(node, layer).read_versioned(&mut room.links);
            if room.links[..degree].iter().any(|&link| slot_of(link) == target.slot) {
                return;
            }
            let victim = if degree < capacity {
                None
            } else {
                match self.victim(node, layer, target, room) {
                    Some(victim) => Some(victim),
                    None => return,
                }
            };
            if self.change(node, layer, version, victim, target.slot, write) {
                return;
            }
        }
    }

    /// Whether a link is one to a retired node that nothing keeps.
    fn leads_nowhere(&self, link: u32) -> bool {
        link & PROTECTED == 0 && self.graph.retired.get(link)
    }

    /// The place of the link of `room.links` that gives way to the new one; nothing if the new one does.
    fn victim(&self, node: u32, layer: usize, target: &Target<'_, impl Scorer>, room: &mut Room) -> Option<usize> {
        if let Some(place) = room.links.iter().position(|&link| self.leads_nowhere(link)) {
            return Some(place);
        }
        let new = target.scorer.score_one(node);
        let estimated = self.measure(node, layer, new, target, room);
        let Room { links, from_node, from_new, places, .. } = room;
        let nearer = |i: usize| from_node[i] < new;
        // An estimate says where to look; one of thirty that is wrong would refuse the new one.
        let ends_within = |i: usize, score: f32| {
            from_new[i] < score && (!estimated || target.scorer.score_one(slot_of(links[i])) < score)
        };
        let new_is_occluded = (0..links.len()).any(|i| nearer(i) && ends_within(i, new));
        let unprotected = || (0..links.len()).filter(|&i| links[i] & PROTECTED == 0);
        places.clear();
        places.extend(unprotected().filter(|&i| !nearer(i) && from_new[i] < from_node[i]));
        places.sort_unstable_by(|&a, &b| from_node[b].total_cmp(&from_node[a]));
        let occluded = places.iter().copied().find(|&i| ends_within(i, from_node[i]));
        match (occluded, new_is_occluded) {
            (Some(victim), false) => Some(victim),
            (Some(victim), true) if from_node[victim] > new => Some(victim),
            (_, true) => None,
            (None, false) => farthest(from_node, unprotected()).filter(|&i| from_node[i] > new),
        }
    }

    /// Measures the links of a row from its node and from the target of a new link, which scores `new` itself. Where the
    /// row has codes of its edges, they tell both well enough to choose by, and no vector is read. Says whether it was so.
    fn measure(&self, node: u32, layer: usize, new: f32, target: &Target<'_, impl Scorer>, room: &mut Room) -> bool {
        let Room { links, slots, from_node, from_new, query, .. } = room;
        let padded = links.len().next_multiple_of(LANES);
        from_node.resize(padded, 0.0);
        from_new.resize(padded, 0.0);
        if let (0, Some(estimator)) = (layer, target.estimator) {
            let codes = self.graph.coded_row(node).1;
            let blocks = from_node.as_chunks_mut().0.iter_mut().zip(from_new.as_chunks_mut().0);
            for (block, (from_node, from_new)) in blocks.enumerate() {
                // SAFETY: these are the codes of a layer-0 row, which has a block for each 32 links. If they change
                // meanwhile, so does the version of the row, and what was worked out from them is of no use.
                unsafe {
                    estimator.lengths(codes, block, from_node);
                    estimator.estimate(codes, block, new, from_new);
                }
            }
            return true;
        }
        slots.clear();
        slots.extend(links.iter().map(|&link| slot_of(link)));
        target.scorer.score(slots, from_new);
        self.score(node, slots, query, from_node);
        false
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

/// The farthest of some places.
fn farthest(scores: &[f32], places: impl Iterator<Item = usize>) -> Option<usize> {
    places.max_by(|&a, &b| scores[a].total_cmp(&scores[b]))
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
