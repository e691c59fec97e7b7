//! Beyond the paper: a graph that breaks its laws is mended, from the vectors and from what of it holds.
//!
//! Rows that hold stay as they are. One that does not is emptied, all links to its node are dropped, and the node is
//! inserted anew (Algorithm 1); what is left of the spanning tree is joined again. Levels are a function of the slot, and
//! so are the places of upper rows. Links, chains, tree, entry point and codes can so be made from nothing at all.

use std::collections::HashSet;

use super::adopt::{Forest, foster_homes};
use super::code_row::{code_row, edge_codes_are_right, own_code_is_right, write_own_code};
use super::edit::Editor;
use super::ends::EdgeCodes;
use super::gate::Gate;
use super::graph::EntryPoint;
use super::insert::Inserter;
use super::levels::LevelLaw;
use super::row::{NONE, PROTECTED, slot_of};
use super::scratch::Scratch;
use super::search_layer::{descend, search_layer};
use super::verify::most_unreturned;
use crate::bits::Bits;
use crate::error::Result;
use crate::filter::Everyone;
use crate::run::Run;
use crate::slots::Slots;

/// What a repair goes by.
pub struct Repair<'a> {
    /// The graph, whose `living` are right.
    pub editor: Editor<'a>,
    /// What gives a slot its level.
    pub law: LevelLaw,
    /// How many slots there are.
    pub slots: u32,
    /// Those that nothing may name.
    pub free: &'a Bits,
    /// Those whose rows are not to be believed, whatever they say.
    pub distrusted: &'a Bits,
    /// Candidates for the links of a node that is inserted anew.
    pub ef_construction: usize,
    /// Threads, and the wish to stop. A repair that was stopped can be begun again.
    pub run: &'a Run,
}

/// What was mended.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mended {
    /// Levels, or places of upper rows.
    pub places: u64,
    /// Slots on the chain of another vector than their own, or of none.
    pub chains: u64,
    /// Nodes whose links broke a law, and that were inserted anew.
    pub relinked: u64,
    /// Edges of the tree without one back, in a circle, or beyond what a node may have.
    pub untied: u64,
    /// Parts of the tree that were joined to the others.
    pub joined: u64,
    /// Whether the entry point was no node of the top layer.
    pub entry: bool,
    /// Slots with a code of another vector.
    pub own_codes: u64,
    /// Edges that were given to nodes with room for them, as the other end has them.
    pub returned: u64,
    /// Rows with codes of other edges.
    pub codes: u64,
    /// Nodes that turned out to be retired.
    pub retired: Vec<u32>,
}

impl Mended {
    /// Each thing in words.
    pub fn in_words(&self) -> Vec<String> {
        let counted = [
            (self.places, "levels, or places of upper rows, were put right"),
            (self.chains, "vectors were taken off the chain of a vector that they don't equal"),
            (self.relinked, "vectors whose links broke a law were inserted anew"),
            (self.untied, "protected edges that were no part of a tree lost their protection"),
            (self.joined, "parts of the spanning tree were joined to the others"),
            (u64::from(self.entry), "entry point was moved to a node of the top layer"),
            (self.own_codes, "vectors had codes of others"),
            (self.returned, "links that rows had lost were given back"),
            (self.codes, "rows had codes of other edges"),
        ];
        counted.into_iter().filter(|&(count, _)| count > 0).map(|(count, what)| format!("{count} {what}")).collect()
    }
}

impl Repair<'_> {
    /// Mends all that breaks a law. No other thread changes the graph meanwhile; searches may go on.
    pub fn run(&self) -> Result<Mended> {
        let mut mended = Mended::default();
        self.put_places(&mut mended)?;
        self.code_own(&mut mended)?;
        let anew = self.unsound(&mut mended)?;
        self.empty(&anew);
        self.retire(&mut mended);
        let mut forest = self.tree(&anew, &mut mended);
        self.enter(&anew, &mut mended);
        self.join(&anew, &mut forest, &mut mended);
        self.insert(&anew, &mut mended)?;
        self.return_links(&mut mended)?;
        self.code(&mut mended)?;
        Ok(mended)
    }

    /// Levels by the law, and upper rows in the order of the slots.
    fn put_places(&self, mended: &mut Mended) -> Result<()> {
        let graph = self.editor.graph;
        let upper = (0..self.slots).map(|slot| self.law.level(slot) as u32).sum();
        graph.reserve_upper(upper)?;
        let mut next = 0;
        for slot in 0..self.slots {
            let (row, level) = (graph.row(slot, 0), self.law.level(slot));
            if (row.level(), row.upper()) != (level, next) {
                row.lock().put_place(level, next);
                mended.places += 1;
            }
            next += level as u32;
        }
        Ok(())
    }

    /// Writes the codes that slots have of themselves, where they are of other vectors: what follows walks by them.
    fn code_own(&self, mended: &mut Mended) -> Result<()> {
        let Editor { graph, vectors, .. } = self.editor;
        for slot in (0..self.slots).filter(|&slot| !self.free.get(slot)) {
            self.run.check()?;
            if !own_code_is_right(graph, vectors, slot) {
                // SAFETY: slots that are not free were written. A walk meanwhile measures some mix of old and new.
                unsafe { write_own_code(graph, vectors, slot) };
                mended.own_codes += 1;
            }
        }
        Ok(())
    }

    /// The slots that are to be inserted anew: their own row breaks a law, or they hang on a chain that does.
    fn unsound(&self, mended: &mut Mended) -> Result<Bits> {
        let graph = self.editor.graph;
        let anew = Bits::default();
        self.check_chains(&anew, mended)?;
        let nodes = (0..self.slots).filter(|&slot| graph.is_node(slot)).count();
        for slot in (0..self.slots).filter(|&slot| !self.free.get(slot) && !graph.row(slot, 0).is_twin()) {
            self.run.check()?;
            let alone = nodes > 1 && graph.is_node(slot) && graph.row(slot, 0).degree() == 0;
            if self.distrusted.get(slot) || alone || !self.links_hold(slot) {
                anew.insert(slot);
                graph.twins(slot).for_each(|twin| _ = anew.insert(twin));
            }
        }
        Ok(anew)
    }

    /// Cuts chains where they leave the equal vectors, and says who is left without one.
    fn check_chains(&self, anew: &Bits, mended: &mut Mended) -> Result<()> {
        let graph = self.editor.graph;
        let hanging = Bits::default();
        for head in (0..self.slots).filter(|&slot| !self.free.get(slot) && !graph.row(slot, 0).is_twin()) {
            self.run.check()?;
            let mut last = head;
            loop {
                let twin = graph.row(last, 0).twin();
                if twin == NONE {
                    break;
                }
                let fits = twin < self.slots
                    && !self.distrusted.get(twin)
                    && graph.living.get(twin)
                    && graph.row(twin, 0).is_twin()
                    && self.words_hold(twin)
                    // SAFETY: slots that are not free were written.
                    && unsafe { self.editor.vectors.equal(head, twin) }
                    && hanging.insert(twin);
                if !fits {
                    graph.row(last, 0).lock().set_twin(NONE);
                    mended.chains += 1;
                    break;
                }
                graph.row(twin, 0).lock().set_previous(last);
                last = twin;
            }
        }
        let lost = |&slot: &u32| !self.free.get(slot) && graph.row(slot, 0).is_twin() && !hanging.get(slot);
        for slot in (0..self.slots).filter(lost) {
            anew.insert(slot);
            mended.chains += 1;
        }
        Ok(())
    }

    /// Whether each row of a slot could be one, by itself.
    fn words_hold(&self, slot: u32) -> bool {
        let graph = self.editor.graph;
        let level = graph.row(slot, 0).level();
        let holds = |layer| {
            let row = graph.row(slot, layer);
            row.check_words(self.slots).is_ok() && row.level() == level
        };
        (0..=level).all(holds)
    }

    /// Whether the links of a slot that is on no chain lead where links may, on all of its layers.
    fn links_hold(&self, slot: u32) -> bool {
        let graph = self.editor.graph;
        let level = graph.row(slot, 0).level();
        let mut links = vec![0; graph.capacity(0)];
        let mut layers = 0..=level;
        self.words_hold(slot)
            && layers.all(|layer| {
                let degree = graph.row(slot, layer).read(&mut links);
                let mut seen = HashSet::with_capacity(degree);
                let leads_well = |link: &u32| {
                    let (to, tied) = (slot_of(*link), link & PROTECTED != 0);
                    to != slot
                        && to < self.slots
                        && !self.free.get(to)
                        && !graph.row(to, 0).is_twin()
                        && graph.row(to, 0).level() >= layer
                        && !(tied && (layer > 0 || !graph.is_node(slot)))
                        && seen.insert(to)
                };
                links[..degree].iter().all(leads_well)
            })
    }

    /// Empties the rows of these slots and of free ones, and drops all links to them.
    fn empty(&self, anew: &Bits) {
        let graph = self.editor.graph;
        for slot in (0..self.slots).filter(|&slot| anew.get(slot) || self.free.get(slot)) {
            graph.clear_slot(slot, self.law.level(slot), graph.row(slot, 0).upper());
        }
        if anew.count(self.slots) == 0 {
            return;
        }
        for slot in (0..self.slots).filter(|&slot| !self.free.get(slot) && !graph.row(slot, 0).is_twin()) {
            for layer in 0..=graph.row(slot, 0).level() {
                let row = graph.row(slot, layer).lock();
                let kept: Vec<u32> = row.links().filter(|&link| !anew.get(slot_of(link))).collect();
                if kept.len() < row.links().count() {
                    row.set_all(&kept);
                    if layer == 0 {
                        code_row(graph, self.editor.vectors, slot, &row);
                    }
                }
            }
        }
    }

    /// Marks the nodes that are retired. What is inserted from here on must not be linked to them.
    fn retire(&self, mended: &mut Mended) {
        let graph = self.editor.graph;
        for slot in (0..self.slots).filter(|&slot| !self.free.get(slot)) {
            if !graph.row(slot, 0).is_twin() && !graph.is_node(slot) && graph.retired.insert(slot) {
                mended.retired.push(slot);
            }
        }
    }

    /// The nodes that keep their rows.
    fn sound(&self, anew: &Bits) -> impl Iterator<Item = u32> {
        (0..self.slots).filter(|&slot| !anew.get(slot) && self.editor.graph.is_node(slot))
    }

    /// What of the protected edges is a tree, or several; the others lose their protection.
    fn tree(&self, anew: &Bits, mended: &mut Mended) -> Forest {
        let graph = self.editor.graph;
        let mut forest = Forest::new(graph, self.slots as usize);
        let mut links = vec![0; graph.capacity(0)];
        let mut ends = HashSet::new();
        for slot in self.sound(anew) {
            let degree = graph.row(slot, 0).read(&mut links);
            ends.extend(
                links[..degree].iter().filter(|&&link| link & PROTECTED != 0).map(|&link| (slot, slot_of(link))),
            );
        }
        for slot in self.sound(anew) {
            let row = graph.row(slot, 0).lock();
            for (place, link) in row.links().enumerate().filter(|(_, link)| link & PROTECTED != 0) {
                let to = slot_of(link);
                // Either end asks; the lower one is asked first, and joins the two if it can be.
                let stays = ends.contains(&(to, slot)) && (to < slot || forest.join(slot, to));
                if !stays {
                    ends.remove(&(slot, to));
                    row.set(place, to);
                    mended.untied += 1;
                }
            }
        }
        forest
    }

    /// Moves the entry point if it is not the node that it should be.
    fn enter(&self, anew: &Bits, mended: &mut Mended) {
        let graph = self.editor.graph;
        let level = |slot: u32| graph.row(slot, 0).level();
        let top = self.sound(anew).map(level).max();
        let entry = graph.entry();
        let is_top = |entry: EntryPoint| {
            entry.slot < self.slots
                && graph.is_node(entry.slot)
                && !anew.get(entry.slot)
                && level(entry.slot) == entry.level
                && Some(entry.level) == top
        };
        if entry.is_some_and(is_top) || (entry.is_none() && top.is_none()) {
            return;
        }
        let highest = self.sound(anew).find(|&slot| Some(level(slot)) == top);
        graph.set_entry(highest.map(|slot| EntryPoint { slot, level: level(slot) }));
        mended.entry = true;
    }

    /// Joins the parts of the tree: by edges that are there, or else each by the nearest node that can be come to.
    fn join(&self, anew: &Bits, forest: &mut Forest, mended: &mut Mended) {
        let graph = self.editor.graph;
        let Some(entry) = graph.entry() else { return };
        let mut links = vec![0; graph.capacity(0)];
        for slot in self.sound(anew) {
            let degree = graph.row(slot, 0).read(&mut links);
            for to in links[..degree].iter().map(|&link| slot_of(link)).filter(|&to| graph.is_node(to)) {
                if forest.join(slot, to) {
                    self.tie(slot, to);
                    mended.joined += 1;
                }
            }
        }
        let mut scratch = Scratch::default();
        for slot in self.sound(anew) {
            // A tree has leaves: if this node has no room, a later one of its part has.
            if forest.root(slot) == forest.root(entry.slot) || !forest.has_room(slot) {
                continue;
            }
            let near = self.near(slot, entry, &mut scratch);
            let main = forest.root(entry.slot);
            let mut near: Vec<u32> = near.into_iter().filter(|&node| forest.root(node) == main).collect();
            near.push(entry.slot);
            let home = foster_homes(graph, &near).find(|&home| forest.has_room(home)).expect("a tree has leaves");
            assert!(forest.join(slot, home), "two parts with room are joined");
            self.tie(slot, home);
            mended.joined += 1;
        }
    }

    /// The nodes around a slot that can be come to from the entry point, nearest first.
    fn near(&self, slot: u32, entry: EntryPoint, scratch: &mut Scratch) -> Vec<u32> {
        let Editor { graph, vectors, .. } = self.editor;
        scratch.prepare(self.slots as usize, graph.capacity(0));
        let mut query = Vec::new();
        // SAFETY: nodes of the graph were written.
        unsafe { vectors.read_query(slot, &mut query) };
        let scorer = vectors.scorer_from(slot, &query, None);
        let start = descend(graph, &scorer, entry, 0, scratch, &mut ());
        scratch.pool.reset(self.ef_construction);
        scratch.pool.offer(start);
        scratch.visited.insert(start.slot());
        let gate = Gate::new(Everyone, self.ef_construction, self.ef_construction, None);
        search_layer(graph, &scorer, 0, gate, usize::MAX, scratch, &mut ());
        scratch.visited.clear();
        scratch.pool.candidates().iter().map(|candidate| candidate.slot()).filter(|&s| graph.is_node(s)).collect()
    }

    /// Protects the edge between two nodes with room, at both ends.
    fn tie(&self, a: u32, b: u32) {
        let Editor { graph, vectors, .. } = self.editor;
        let mut codes = EdgeCodes::new(vectors);
        codes.rotate([a, b]);
        for (node, to) in [(a, b), (b, a)] {
            let tied = self.editor.protect(node, to, &|place| codes.write(graph, node, place, to));
            assert!(tied, "the node has room for a protected edge");
        }
    }

    /// Inserts the slots with a vector whose rows were emptied.
    fn insert(&self, anew: &Bits, mended: &mut Mended) -> Result<()> {
        let graph = self.editor.graph;
        let slots = anew.iter(self.slots).filter(|&slot| graph.living.get(slot)).collect();
        let slots = Slots::new(slots, self.slots..self.slots);
        mended.relinked = slots.len() as u64;
        graph.spread.forget(graph.living.count(self.slots) - slots.len() as u64);
        let inserter = Inserter::new(self.editor, self.ef_construction, self.slots as usize);
        let there = self.sound(anew).count();
        inserter.insert_all(&slots, there, self.run)
    }

    /// Gives rows that have lost more links than pruning takes from them those that others have to their nodes.
    fn return_links(&self, mended: &mut Mended) -> Result<()> {
        let Editor { graph, vectors, .. } = self.editor;
        let (mut own, mut theirs) = (vec![0; graph.capacity(0)], vec![0; graph.capacity(0)]);
        let (mut nodes, mut links, mut lost) = (0, 0, Vec::new());
        for slot in (0..self.slots).filter(|&slot| graph.is_node(slot)) {
            self.run.check()?;
            let degree = graph.row(slot, 0).read(&mut own);
            (nodes, links) = (nodes + 1, links + degree as u64);
            for to in own[..degree].iter().map(|&link| slot_of(link)).filter(|&to| graph.is_node(to)) {
                let degree = graph.row(to, 0).read(&mut theirs);
                if degree < theirs.len() && !theirs[..degree].iter().any(|&link| slot_of(link) == slot) {
                    lost.push((to, slot));
                }
            }
        }
        if lost.len() as u64 <= most_unreturned(links, nodes) {
            return Ok(());
        }
        for (node, to) in lost {
            let row = graph.row(node, 0).lock();
            if row.links().count() < graph.capacity(0) {
                row.push(to);
                code_row(graph, vectors, node, &row);
                mended.returned += 1;
            }
        }
        Ok(())
    }

    /// Writes the codes of rows that have those of other edges.
    fn code(&self, mended: &mut Mended) -> Result<()> {
        let Editor { graph, vectors, .. } = self.editor;
        if vectors.coder().is_none() {
            return Ok(());
        }
        let wrong = Bits::default();
        self.run.for_each_uncounted(
            self.slots as usize,
            256,
            || (),
            |(), slot| {
                let slot = slot as u32;
                let row = graph.row(slot, 0);
                if !self.free.get(slot) && !row.is_twin() && !edge_codes_are_right(graph, vectors, slot) {
                    code_row(graph, vectors, slot, &row.lock());
                    wrong.insert(slot);
                }
                Ok(())
            },
        )?;
        mended.codes = wrong.count(self.slots);
        Ok(())
    }
}
