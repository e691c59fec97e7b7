//! Algorithm 1, INSERT, for many threads at once.

use super::adopt::foster_homes;
use super::edit::{Editor, put};
use super::ends::EdgeCodes;
use super::gate::Gate;
use super::graph::{EntryPoint, Graph};
use super::knn_search::lowest_descent;
use super::pool::Candidate;
use super::row::{LockedRow, NONE, PROTECTED, slot_of};
use super::scratch::Scratch;
use super::search_codes::CodeWalk;
use super::search_layer::{descend, search_layer};
use super::select_neighbors::select_neighbors;
use super::spread::Spread;
use crate::error::Result;
use crate::filter::Everyone;
use crate::run::Run;
use crate::slots::Slots;
use crate::vectors::{Scorer, Vectors};

/// Rows that are linked one after another before threads join in: in a graph of a handful, each would miss the others.
const SEED_ROWS: usize = 256;

/// Links new slots into a graph.
pub struct Inserter<'a> {
    editor: Editor<'a>,
    graph: &'a Graph,
    vectors: &'a Vectors,
    ef_construction: usize,
    slots: usize,
}

impl<'a> Inserter<'a> {
    /// Gathers `ef_construction` candidates on each layer; `slots` are in use once the batch is in.
    pub fn new(editor: Editor<'a>, ef_construction: usize, slots: usize) -> Self {
        Inserter { editor, graph: editor.graph, vectors: editor.vectors, ef_construction, slots }
    }

    /// Links slots into a graph of `there` nodes. See [`Inserter::insert`].
    pub fn insert_all(&self, slots: &Slots, there: usize, run: &Run) -> Result<()> {
        let seeds = SEED_ROWS.saturating_sub(there).min(slots.len());
        let mut scratch = Scratch::default();
        for i in 0..seeds {
            run.check()?;
            self.insert(slots.get(i), &mut scratch);
            run.advance(1);
        }
        run.for_each(slots.len() - seeds, 16, Scratch::default, |scratch, i| {
            self.insert(slots.get(seeds + i), scratch);
            Ok(())
        })
    }

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
        let coder = self.vectors.coder();
        let bottom = lowest_descent(coder, entry, highest);
        let start = descend(self.graph, &scorer, entry, bottom, scratch, &mut ());
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
            // Retired nodes are walked through, but not linked to.
            let stays = |candidate: &&Candidate| !self.graph.retired.get(candidate.slot());
            let candidates: Vec<Candidate> = scratch.pool.candidates().iter().filter(stays).copied().collect();
            // On the upper layers a walk is after the direction, and links to what lies in one already cost it more than
            // they bring.
            let keep_pruned = layer == 0;
            // SAFETY: nodes of the graph were written.
            neighbors[layer] = unsafe { select_neighbors(self.vectors, &candidates, self.graph.m(), keep_pruned) };
            if layer == 0 {
                near = candidates.iter().map(|c| c.slot()).collect();
                // SAFETY: as above.
                twin_of = near.iter().copied().find(|&other| unsafe { self.vectors.equal(slot, other) });
                if near.is_empty() {
                    // All around here is being removed; what is far adopts as well.
                    near.push(entry.slot);
                }
            }
        }

        match twin_of {
            // 3a. The vector is there already: hang the slot on its chain.
            Some(node) => chain(&self.editor, slot, node),
            None => {
                // 3b. The node's own links first, then a protected edge that makes it reachable, then the links back.
                let mut codes = EdgeCodes::new(self.vectors);
                codes.take(slot, &scratch.rotated);
                codes.rotate(neighbors[0].iter().copied());
                for (layer, neighbors) in neighbors.iter().enumerate() {
                    self.graph.row(slot, layer).lock().set_all(neighbors);
                }
                for (place, &neighbor) in neighbors[0].iter().enumerate() {
                    codes.write(self.graph, slot, place, neighbor);
                }
                let parent = self.find_home(slot, &near, &mut codes);
                for (layer, neighbors) in neighbors.iter().enumerate() {
                    for &neighbor in neighbors.iter().filter(|&&n| layer > 0 || n != parent) {
                        let write = |place: usize| codes.write(self.graph, neighbor, place, slot);
                        self.editor.link(neighbor, slot, layer, &scorer, &write);
                    }
                }
                // 4. All links of the node are in: searches may start from it.
                if top.is_some() {
                    self.graph.set_entry(Some(EntryPoint { slot, level }));
                }
            }
        }
        scratch.query = query;
        if Spread::asks(slot, self.slots) {
            self.learn_spread(slot, scratch);
        }
    }

    /// Learns how neighbourhoods widen from a node that is drawn for `slot`, by a walk that begins there.
    fn learn_spread(&self, slot: u32, scratch: &mut Scratch) {
        let Self { graph, vectors, .. } = *self;
        let Some(zero) = vectors.zero_score() else { return };
        let drawn = (u64::from(slot) + graph.spread.parts().0).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        let node = (drawn % self.slots as u64) as u32;
        if !graph.is_node(node) {
            return;
        }
        let mut query = std::mem::take(&mut scratch.query);
        // SAFETY: nodes of the graph were written.
        unsafe { vectors.read_query(node, &mut query) };
        let scorer = vectors.scorer(&query);
        // The node is the first that its own walk finds.
        let wanted = Spread::farthest(self.ef_construction) + 1;
        scratch.pool.reset(wanted);
        scratch.pool.offer(Candidate::new(scorer.score_one(node), node));
        scratch.visited.insert(node);
        let gate = Gate::new(Everyone, wanted, wanted, None);
        search_layer(graph, &scorer, 0, gate, usize::MAX, scratch, &mut ());
        scratch.visited.clear();
        let stays = |candidate: &&Candidate| candidate.slot() != node && !graph.retired.get(candidate.slot());
        let neighbors: Vec<Candidate> = scratch.pool.candidates().iter().filter(stays).copied().collect();
        graph.spread.learn(&neighbors, zero);
        scratch.query = query;
    }

    /// Finds the node that adopts `slot` and links the two by a protected edge. See [`super::adopt`].
    fn find_home(&self, slot: u32, near: &[u32], codes: &mut EdgeCodes<'_>) -> u32 {
        foster_homes(self.graph, near)
            .find(|&parent| self.adopt(parent, slot, codes))
            .expect("the protected edges are a tree over all nodes, and a tree has leaves with room")
    }

    /// Adds protected edges parent → slot and slot → parent, unless the parent has no room. Nobody else knows `slot`
    /// until the parent's row names it.
    fn adopt(&self, parent: u32, slot: u32, codes: &mut EdgeCodes<'_>) -> bool {
        codes.rotate([parent]);
        let own = self.graph.row(slot, 0).lock();
        let before = own.save();
        let place = protect(&own, parent);
        codes.write(self.graph, slot, place, parent);
        drop(own);
        let adopted = self.editor.protect(parent, slot, &|place| codes.write(self.graph, parent, place, slot));
        if !adopted {
            self.graph.row(slot, 0).lock().restore(&before);
        }
        adopted
    }
}

/// Puts `slot` on the chain of `node`, which holds an equal vector.
pub(super) fn chain(editor: &Editor<'_>, slot: u32, node: u32) {
    let graph = editor.graph;
    let head = editor.lock(node, 0);
    let next = graph.row(node, 0).twin();
    graph.row(slot, 0).lock().make_twin(node, next);
    if next != NONE {
        editor.lock(next, 0).set_previous(slot);
    }
    head.set_twin(slot);
}

/// Marks the link to `parent` in an unpublished row as protected; adds it if it is not there. Says where it is.
fn protect(row: &LockedRow<'_>, parent: u32) -> usize {
    let place = row.links().position(|link| slot_of(link) == parent);
    // A row that is not yet published holds the M links of its choice, so there is room for one more.
    put(row, place, parent | PROTECTED)
}
