//! Algorithm 1, INSERT, for many threads at once.

use super::adopt::{foster_homes, has_room};
use super::ends::Ends;
use super::gate::Gate;
use super::graph::{EntryPoint, Graph};
use super::pool::Candidate;
use super::row::{LockedRow, PROTECTED, slot_of};
use super::scratch::Scratch;
use super::search_codes::CodeWalk;
use super::search_layer::{descend, search_layer};
use super::select_neighbors::select_neighbors;
use super::undo::{RowName, Undo};
use crate::filter::Everyone;
use crate::vectors::{Scorer, Vectors};

/// Links new slots into a graph.
pub struct Inserter<'a> {
    /// The graph.
    pub graph: &'a Graph,
    /// The vectors, those of the new slots included.
    pub vectors: &'a Vectors,
    /// Candidates gathered on each layer.
    pub ef_construction: usize,
    /// Slots in use once the batch is in.
    pub slots: usize,
    /// The state to go back to.
    pub undo: &'a Undo,
}

impl Inserter<'_> {
    /// Links `slot`, whose rows were laid out by [`Graph::lay_out`]. Threads may insert different slots at once, and
    /// searches go on meanwhile: a node is linked to before anything links to it, and each row has its own lock.
    pub fn insert(&self, slot: u32, scratch: &mut Scratch) {
        let level = self.graph.row(slot, 0).level();
        // 1. A node that will be the new top moves the entry point; only one such node at a time.
        let mut top = None;
        let mut entry = self.graph.entry();
        if entry.is_none_or(|entry| level > entry.level) {
            top = Some(self.graph.entry_lock.lock());
            entry = self.graph.entry();
        }
        let Some(entry) = entry else {
            return self.graph.set_entry(Some(EntryPoint { slot, level }));
        };
        if level <= entry.level {
            top = None;
        }

        // 2. Descend to the node's own level, then gather ef_construction candidates on each layer below.
        scratch.prepare(self.slots, self.graph.capacity(0));
        let mut query = std::mem::take(&mut scratch.query);
        // SAFETY: the batch's rows were all written before the first is linked.
        unsafe { self.vectors.read_query(slot, &mut query) };
        let scorer = self.vectors.scorer(&query);
        let highest = level.min(entry.level);
        let start = descend(self.graph, &scorer, entry, highest, scratch, &mut ());
        let coder = self.vectors.coder();
        scratch.pool.reset(self.ef_construction);
        scratch.pool.offer(start);
        let mut neighbors = vec![Vec::new(); level + 1];
        let mut near = Vec::new();
        let mut twin_of = None;
        for layer in (0..=highest).rev() {
            let found: Vec<Candidate> = scratch.pool.candidates().to_vec();
            scratch.pool.reset(self.ef_construction);
            let gate = Gate::new(Everyone, self.ef_construction, self.ef_construction, None);
            match coder.filter(|_| layer == 0) {
                None => {
                    found.iter().for_each(|candidate| scratch.pool.offer(candidate.unexpanded()));
                    found.iter().for_each(|candidate| _ = scratch.visited.insert(candidate.slot()));
                    search_layer(self.graph, &scorer, layer, gate, usize::MAX, scratch, &mut ());
                    scratch.visited.clear();
                }
                Some(coder) => {
                    coder.prepare(&query, scorer.scale(), &mut scratch.rotated, &mut scratch.table);
                    scratch.measured.reset(self.ef_construction);
                    let most = self.ef_construction;
                    CodeWalk::new(self.graph, &scorer, coder, found[0], gate, most, scratch).finish(scratch);
                    std::mem::swap(&mut scratch.pool, &mut scratch.measured);
                }
            }
            // On the upper layers a walk is after the direction, and links to what lies in one already cost it more than
            // they bring.
            let keep_pruned = layer == 0;
            let candidates = scratch.pool.candidates();
            // SAFETY: nodes of the graph were written.
            neighbors[layer] = unsafe { select_neighbors(self.vectors, candidates, self.graph.m(), keep_pruned) };
            if layer == 0 {
                if let Some(zero) = self.vectors.zero_score() {
                    self.graph.spread.learn(scratch.pool.candidates(), zero);
                }
                near = scratch.pool.candidates().iter().map(|c| c.slot()).collect();
                // SAFETY: as above.
                twin_of = near.iter().copied().find(|&other| unsafe { self.vectors.equal(slot, other) });
            }
        }

        match twin_of {
            // 3a. The vector is there already: hang the slot on its chain.
            Some(node) => chain(self.graph, self.undo, slot, node),
            None => {
                // 3b. The node's own links first, then a protected edge that makes it reachable, then the links back.
                let rotated = std::mem::take(&mut scratch.rotated);
                let ends = Ends::new(self.vectors, &rotated, &neighbors[0]);
                for (layer, neighbors) in neighbors.iter().enumerate() {
                    self.graph.row(slot, layer).lock().set_all(neighbors);
                }
                for (place, &neighbor) in neighbors[0].iter().enumerate() {
                    ends.write_out(self.graph, slot, place, neighbor);
                }
                let parent = self.find_home(slot, &near, &ends);
                for (layer, neighbors) in neighbors.iter().enumerate() {
                    for &neighbor in neighbors.iter().filter(|&&n| layer > 0 || n != parent) {
                        self.link_back(neighbor, slot, layer, &scorer, &ends, scratch);
                    }
                }
                scratch.rotated = rotated;
                // 4. All links of the node are in: searches may start from it.
                if top.is_some() {
                    self.graph.set_entry(Some(EntryPoint { slot, level }));
                }
            }
        }
        scratch.query = query;
    }

    /// Finds the node that adopts `slot` and links the two by a protected edge. See [`super::adopt`].
    fn find_home(&self, slot: u32, near: &[u32], ends: &Ends<'_>) -> u32 {
        foster_homes(self.graph, near)
            .find(|&parent| self.adopt(parent, slot, ends))
            .expect("the protected edges are a tree over all nodes, and a tree has leaves with room")
    }

    /// Adds protected edges parent → slot and slot → parent, unless the parent has no room. Nobody else knows `slot`
    /// until the parent's row names it.
    fn adopt(&self, parent: u32, slot: u32, ends: &Ends<'_>) -> bool {
        let mut links = vec![0; self.graph.capacity(0)];
        loop {
            let (degree, version) = self.graph.row(parent, 0).read_versioned(&mut links);
            let links = &links[..degree];
            if !has_room(self.graph, links) {
                return false;
            }
            let victim = (degree == self.graph.capacity(0)).then(|| self.farthest(parent, links));
            let own = self.graph.row(slot, 0).lock();
            let before = own.save();
            let place = protect(&own, parent);
            ends.write_out(self.graph, slot, place, parent);
            drop(own);
            if self.change(parent, 0, version, victim, slot | PROTECTED, ends) {
                return true;
            }
            self.graph.row(slot, 0).lock().restore(&before);
        }
    }

    /// The place of the farthest unprotected link of `node`.
    fn farthest(&self, node: u32, links: &[u32]) -> usize {
        let scores = self.scores(node, links);
        let unprotected = (0..links.len()).filter(|&i| links[i] & PROTECTED == 0);
        unprotected
            .max_by(|&a, &b| scores[a].total_cmp(&scores[b]))
            .expect("a row keeps room for links that are not protected")
    }

    /// The distances from `node` to its neighbours.
    fn scores(&self, node: u32, links: &[u32]) -> Vec<f32> {
        let slots: Vec<u32> = links.iter().map(|&link| slot_of(link)).collect();
        let mut scores = vec![0.0; slots.len()];
        let mut query = Vec::new();
        // SAFETY: nodes of the graph were written.
        unsafe { self.vectors.read_query(node, &mut query) };
        self.vectors.scorer(&query).score(&slots, &mut scores);
        scores
    }

    /// Adds `slot` to the row of `node`. A full row gives up one link: the farthest of those that the new one occludes
    /// (Algorithm 4 seen from `node`), or the new one itself if one of the others occludes it, or else the farthest.
    /// That is one step of the heuristic instead of the whole of it: 2 * 2M distances instead of 2M² / 2.
    fn link_back(
        &self,
        node: u32,
        slot: u32,
        layer: usize,
        scorer: &impl Scorer,
        ends: &Ends<'_>,
        scratch: &mut Scratch,
    ) {
        let capacity = self.graph.capacity(layer);
        loop {
            let (degree, version) = self.graph.row(node, layer).read_versioned(&mut scratch.links);
            let links = &scratch.links[..degree];
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
            if self.change(node, layer, version, victim, slot, ends) {
                return;
            }
        }
    }

    /// The place of the link that gives way to the new node that `scorer` measures from; nothing if the new one does.
    fn victim(&self, node: u32, links: &[u32], scorer: &impl Scorer) -> Option<usize> {
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

    /// Adds a link to a row, in the place of `victim` if there is one, unless somebody changed the row since it was read.
    fn change(&self, node: u32, layer: usize, version: u32, victim: Option<usize>, link: u32, ends: &Ends<'_>) -> bool {
        let Some(row) = self.graph.row(node, layer).lock_if(version) else { return false };
        self.undo.note(self.graph.row_name(node, layer), &row);
        let place = put(&row, victim, link);
        if layer == 0 {
            ends.write_in(self.graph, node, place);
        }
        true
    }
}

/// Puts `slot` on the chain of `node`, which holds an equal vector.
pub(super) fn chain(graph: &Graph, undo: &Undo, slot: u32, node: u32) {
    let row = graph.row(node, 0);
    let locked = row.lock();
    undo.note(RowName::Layer0(node), &locked);
    graph.row(slot, 0).lock().make_twin(row.twin());
    locked.set_twin(slot);
}

/// Replaces link `victim`, or adds a link; says at which place.
fn put(row: &LockedRow<'_>, victim: Option<usize>, link: u32) -> usize {
    match victim {
        Some(i) => {
            row.set(i, link);
            i
        }
        None => row.push(link),
    }
}

/// Marks the link to `parent` in an unpublished row as protected; adds it if it is not there. Says where it is.
fn protect(row: &LockedRow<'_>, parent: u32) -> usize {
    let place = row.links().position(|link| slot_of(link) == parent);
    // A row that is not yet published holds the M links of its choice, so there is room for one more.
    put(row, place, parent | PROTECTED)
}
