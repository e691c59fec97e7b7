//! Algorithm 1, INSERT, for many threads at once.

use super::adopt::foster_homes;
use super::edit::{Editor, Target, put};
use super::ends::EdgeCodes;
use super::gate::Gate;
use super::graph::{EntryPoint, Graph};
use super::knn_search::lowest_descent;
use super::pool::{Candidate, Pool};
use super::row::{LockedRow, NONE, PROTECTED, slot_of};
use super::scratch::Scratch;
use super::search_codes::CodeWalk;
use super::search_layer::{descend, search_layer};
use super::select_neighbors::select_neighbors;
use super::spread::Spread;
use super::turns::{INTERLEAVED, take_turns};
use crate::error::Result;
use crate::filter::Everyone;
use crate::run::Run;
use crate::slots::Slots;
use crate::vectors::{CodeScorer, Scorer, Vectors};

/// Rows that are linked one after another before threads join in: in a graph of a handful, each would miss the others.
const SEED_ROWS: usize = 256;
/// Groups of rows that a thread claims at a time.
const GROUPS: usize = 4;

/// Hops of a walk on layer 0 that go beyond half of the candidates that are asked for. The last candidates are hardly ever
/// chosen: what fewer hops lose, more links win back for less. Where few candidates are asked for, none is left out.
const HOPS: usize = 30;
/// Hops of a walk on a layer above, which has few nodes.
const HOPS_ABOVE: usize = 64;
/// A node may choose one link in so many more than M on layer 0, if so many lie in different directions.
const MORE: usize = 4;

/// Links new slots into a graph.
pub struct Inserter<'a> {
    editor: Editor<'a>,
    graph: &'a Graph,
    vectors: &'a Vectors,
    ef_construction: usize,
    slots: usize,
}

/// A row that is on its way in.
struct Newcomer<'a> {
    slot: u32,
    level: usize,
    query: &'a [u8],
    scorer: CodeScorer<'a>,
}

/// Candidates on a layer.
struct Gathered {
    /// Nearest first.
    nearest: Vec<Candidate>,
    /// Beyond it, others were left out.
    bound: f32,
}

impl Gathered {
    /// Adds a candidate that the walk did not come by. What lies beyond what was left out is none: it would be a stray
    /// one behind a gap.
    fn offer(&mut self, candidate: Candidate) {
        let slot = candidate.slot();
        if candidate.score() < self.bound && self.nearest.iter().all(|other| other.slot() != slot) {
            let place = self.nearest.partition_point(|&other| other < candidate);
            self.nearest.insert(place, candidate);
        }
    }
}

impl<'a> Inserter<'a> {
    /// Gathers `ef_construction` candidates on each layer; `slots` are in use once the batch is in.
    pub fn new(editor: Editor<'a>, ef_construction: usize, slots: usize) -> Self {
        Inserter { editor, graph: editor.graph, vectors: editor.vectors, ef_construction, slots }
    }

    /// Links slots into a graph of `there` nodes. See [`Inserter::insert`].
    pub fn insert_all(&self, slots: &Slots, there: usize, run: &Run) -> Result<()> {
        let seeds = SEED_ROWS.saturating_sub(there).min(slots.len());
        let insert = |lanes: &mut [Scratch; INTERLEAVED], first: usize, end: usize| {
            let group: Vec<u32> = (first..end.min(first + INTERLEAVED)).map(|i| slots.get(i)).collect();
            self.insert(&group, lanes);
            run.advance(group.len() as u64);
        };
        let mut lanes = Default::default();
        for first in (0..seeds).step_by(INTERLEAVED) {
            run.check()?;
            insert(&mut lanes, first, seeds);
        }
        let groups = (slots.len() - seeds).div_ceil(INTERLEAVED);
        run.for_each_uncounted(groups, GROUPS, Default::default, |lanes, group| {
            insert(lanes, seeds + group * INTERLEAVED, slots.len());
            Ok(())
        })
    }

    /// Links up to [`INTERLEAVED`] slots, whose rows were laid out by [`Graph::lay_out`]. Their walks take turns, then they
    /// are linked one after the other. Threads may insert different slots at once, and searches go on meanwhile: a node
    /// is linked to before anything links to it, and each row has its own lock.
    fn insert(&self, slots: &[u32], lanes: &mut [Scratch; INTERLEAVED]) {
        let graph = self.graph;
        let level = |slot: u32| graph.row(slot, 0).level();
        let mut rest = slots;
        while let Some(&first) = rest.first() {
            // A node that will be the new top moves the entry point; only one such node at a time, and alone.
            let rises = |entry: Option<EntryPoint>, slot| entry.is_none_or(|entry| level(slot) > entry.level);
            let mut entry = graph.entry();
            let top = rises(entry, first).then(|| graph.entry_lock.lock());
            if top.is_some() {
                entry = graph.entry();
            }
            let is_top = rises(entry, first);
            let together = if is_top { 1 } else { rest.iter().take_while(|&&slot| !rises(entry, slot)).count() };
            let (group, others) = rest.split_at(together);
            rest = others;
            let top = top.filter(|_| is_top);
            if let Some(entry) = entry {
                self.insert_from(entry, group, lanes);
                for (&slot, scratch) in group.iter().zip(lanes.iter_mut()) {
                    if Spread::asks(slot, self.slots) {
                        self.learn_spread(slot, scratch);
                    }
                }
            }
            // All links of the node are in: searches may start from it.
            if top.is_some() && !graph.row(first, 0).is_twin() {
                graph.set_entry(Some(EntryPoint { slot: first, level: level(first) }));
            }
        }
    }

    /// Links slots of which none reaches above the entry point, or one that does.
    fn insert_from(&self, entry: EntryPoint, slots: &[u32], lanes: &mut [Scratch; INTERLEAVED]) {
        let mut queries = lanes.each_mut().map(|scratch| std::mem::take(&mut scratch.query));
        // SAFETY: the batch's rows were all written before the first is linked.
        slots.iter().zip(&mut queries).for_each(|(&slot, query)| unsafe { self.vectors.read_query(slot, query) });
        let rows: Vec<Newcomer<'_>> =
            slots.iter().zip(&queries).map(|(&slot, query)| self.newcomer(slot, query)).collect();
        // 1. Descend to the node's own level, then gather ef_construction candidates on each layer below.
        let mut walks = [const { None }; INTERLEAVED];
        let mut gathered: [Vec<Gathered>; INTERLEAVED] = Default::default();
        for (((row, walk), gathered), scratch) in rows.iter().zip(&mut walks).zip(&mut gathered).zip(lanes.iter_mut()) {
            *walk = self.begin(row, entry, gathered, scratch);
        }
        take_turns(&mut walks, lanes, &mut [(); INTERLEAVED]);
        // 2. Link one after the other. Their walks did not come by each other: who is in already is a candidate.
        let coded = self.vectors.coder().is_some();
        let mut nodes: Vec<u32> = Vec::with_capacity(slots.len());
        for ((row, mut gathered), scratch) in rows.iter().zip(gathered).zip(lanes.iter_mut()) {
            gathered.insert(0, self.gathered(if coded { &scratch.measured } else { &scratch.pool }));
            for &node in &nodes {
                let mate = Candidate::new(row.scorer.score_one(node), node);
                let level = self.graph.row(node, 0).level();
                gathered.iter_mut().take(level + 1).for_each(|candidates| candidates.offer(mate));
            }
            nodes.push(self.link(row, &gathered, entry, scratch));
        }
        drop(rows);
        lanes.iter_mut().zip(queries).for_each(|(scratch, query)| scratch.query = query);
    }

    fn newcomer<'b>(&'b self, slot: u32, query: &'b [u8]) -> Newcomer<'b> {
        Newcomer {
            slot,
            level: self.graph.row(slot, 0).level(),
            query,
            scorer: self.vectors.scorer_from(slot, query, self.graph.own_codes()),
        }
    }

    /// Descends, and gathers candidates on the upper layers that the node reaches, into a list for each from layer 1 up,
    /// and on layer 0 too where edges have no codes. Where they have, the walk there is still to be made.
    fn begin<'b>(
        &'b self,
        row: &'b Newcomer<'b>,
        entry: EntryPoint,
        gathered: &mut Vec<Gathered>,
        scratch: &mut Scratch,
    ) -> Option<CodeWalk<'b, &'b CodeScorer<'b>, Everyone>> {
        let ef = self.ef_construction;
        let few = (ef > 2 * HOPS).then_some(ef / 2 + HOPS);
        let gate = Gate::new(Everyone, ef, ef, None);
        scratch.prepare(self.slots, self.graph.capacity(0));
        let highest = row.level.min(entry.level);
        let coder = self.vectors.coder();
        let start = descend(self.graph, &row.scorer, entry, lowest_descent(coder, entry, highest), scratch, &mut ());
        let mut found = vec![start];
        for layer in (1..=highest).rev() {
            self.walk_layer(&row.scorer, layer, &found, (ef, HOPS_ABOVE), scratch);
            found.clear();
            found.extend_from_slice(scratch.pool.candidates());
            gathered.insert(0, self.gathered(&scratch.pool));
        }
        let Some(coder) = coder else {
            self.walk_layer(&row.scorer, 0, &found, (ef, few.unwrap_or(usize::MAX)), scratch);
            return None;
        };
        coder.prepare(row.query, row.scorer.scale(), &mut scratch.rotated, &mut scratch.table);
        let most = few.unwrap_or(ef);
        scratch.measured.reset(most);
        Some(CodeWalk::new(self.graph, &row.scorer, coder, found[0], gate, most, scratch))
    }

    /// Walks on a layer from some candidates, to gather `ef` there by at most `most` hops.
    fn walk_layer(
        &self,
        scorer: &CodeScorer<'_>,
        layer: usize,
        from: &[Candidate],
        (ef, most): (usize, usize),
        scratch: &mut Scratch,
    ) {
        scratch.pool.reset(ef);
        from.iter().for_each(|candidate| scratch.pool.offer(candidate.unexpanded()));
        from.iter().for_each(|candidate| _ = scratch.visited.insert(candidate.slot()));
        let gate = Gate::new(Everyone, ef, ef, None);
        search_layer(self.graph, scorer, layer, gate, most, scratch, &mut ());
        scratch.visited.clear();
    }

    /// What a walk gathered, without retired nodes, which are walked through, but not linked to.
    fn gathered(&self, found: &Pool) -> Gathered {
        let stays = |candidate: &&Candidate| !self.graph.retired.get(candidate.slot());
        Gathered { nearest: found.candidates().iter().filter(stays).copied().collect(), bound: found.bound() }
    }

    /// Links a row, given candidates on each layer, nearest first. Says which node has its vector then.
    fn link(&self, row: &Newcomer<'_>, gathered: &[Gathered], entry: EntryPoint, scratch: &mut Scratch) -> u32 {
        let &Newcomer { slot, level, ref scorer, .. } = row;
        let nearest = &gathered[0].nearest;
        let mut near: Vec<u32> = nearest.iter().map(|candidate| candidate.slot()).collect();
        // SAFETY: nodes of the graph were written, as was the slot.
        if let Some(node) = near.iter().copied().find(|&other| unsafe { self.vectors.equal(slot, other) }) {
            // The vector is there already: hang the slot on its chain.
            chain(&self.editor, slot, node);
            return node;
        }
        if near.is_empty() {
            // All around here is being removed; what is far adopts as well.
            near.push(entry.slot);
        }
        // On the upper layers a walk is after the direction, and links to what lies in one already cost it more than they
        // bring.
        let m = self.graph.m();
        let wanted = |layer: usize| if layer == 0 { (m + m / MORE, m) } else { (m, 0) };
        let mut neighbors: Vec<Vec<u32>> = gathered
            .iter()
            .enumerate()
            .map(|(layer, Gathered { nearest, .. })| {
                let (most, fill) = wanted(layer);
                // SAFETY: as above.
                unsafe { select_neighbors(self.vectors, nearest, most, fill, &mut scratch.selected) }
            })
            .collect();
        if self.vectors.coder().is_some() {
            // They are about to be rotated, of which more is read than the walk did.
            neighbors[0].iter().for_each(|&neighbor| self.vectors.prefetch(neighbor));
        }
        neighbors.resize(level + 1, Vec::new());
        // The node's own links first, then a protected edge that makes it reachable, then the links back.
        let mut codes = EdgeCodes::within(self.vectors, std::mem::take(&mut scratch.ends));
        codes.take(slot, &scratch.rotated);
        codes.rotate(neighbors[0].iter().copied());
        for (layer, neighbors) in neighbors.iter().enumerate() {
            self.graph.row(slot, layer).lock().set_all(neighbors);
        }
        for (place, &neighbor) in neighbors[0].iter().enumerate() {
            codes.write(self.graph, slot, place, neighbor);
        }
        let parent = self.find_home(slot, &near, &mut codes);
        let coder = self.vectors.coder().filter(|_| self.vectors.zero_score().is_some());
        let estimator = coder.map(|coder| coder.estimator(&scratch.table));
        let target = Target { slot, scorer, estimator };
        for (layer, neighbors) in neighbors.iter().enumerate() {
            for &neighbor in neighbors.iter().filter(|&&n| layer > 0 || n != parent) {
                let write = |place: usize| codes.write(self.graph, neighbor, place, slot);
                self.editor.link(neighbor, layer, &target, &mut scratch.room, &write);
            }
        }
        scratch.ends = codes.into_room();
        slot
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
        let scorer = vectors.scorer_from(node, &query, None);
        // The node is the first that its own walk finds.
        let wanted = Spread::farthest(self.ef_construction) + 1;
        let own = Candidate::new(scorer.score_one(node), node);
        self.walk_layer(&scorer, 0, &[own], (wanted, usize::MAX), scratch);
        let mut neighbors = self.gathered(&scratch.pool).nearest;
        neighbors.retain(|candidate| candidate.slot() != node);
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
        let mut before = Vec::new();
        own.save(&mut before);
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
    // A row that is not yet published holds the links of its choice, 5M/4 at most, so there is room for one more.
    put(row, place, parent | PROTECTED)
}
