//! Beyond the paper: taking nodes out of a graph that is searched meanwhile. First their names and their places in what
//! must never break: chains, tree, entry point. [`mod@super::mend`] then closes the gaps that they leave.
//!
//! A node is *retired* when it and all twins on its chain were removed. Its tree edges are contracted: the nodes that
//! hung together through it are joined by edges of their own, so that the protected edges are a tree over all nodes that
//! stay (see [`super::adopt`]), and each of them can be reached from each other after any history. The node's own row
//! stays as it is: walks that are on their way through it, or come by a link not yet mended, go on from there.
//!
//! A node that is removed while an equal vector lives on stays in the graph, without an answer of its own: the vector is
//! still there, and all that names it.

use super::adopt::{foster_homes, has_room};
use super::edit::Editor;
use super::ends::EdgeCodes;
use super::graph::{EntryPoint, Graph};
use super::row::{NONE, PROTECTED, slot_of};
use crate::error::Result;
use crate::run::Run;

/// What removing slots left behind.
#[derive(Debug, Default)]
pub struct Removed {
    /// Nodes whose neighbours are to be mended, and that rows may still name.
    pub retired: Vec<u32>,
    /// Twins that nothing names any more.
    pub unnamed: Vec<u32>,
}

impl Removed {
    /// Takes in what others left behind.
    pub fn join(&mut self, other: Removed) {
        self.retired.extend(other.retired);
        self.unnamed.extend(other.unnamed);
    }
}

/// Takes slots out of the living: unhangs twins, and marks the nodes that are to be retired, so that nothing is linked to
/// them any more. One thread does it, for all slots of a batch; searches go on.
pub fn doom(editor: &Editor<'_>, removed: &[u32]) -> Removed {
    let graph = editor.graph;
    for &slot in removed {
        graph.living.remove(slot);
        if let Some(undo) = editor.undo {
            undo.note_removed(slot);
        }
    }
    let mut left = Removed::default();
    for &slot in removed {
        let mut node = Some(slot);
        if graph.row(slot, 0).is_twin() {
            left.unnamed.push(slot);
            node = unhang(editor, slot);
        }
        if let Some(node) = node
            && !graph.living.get(node)
            && !graph.has_twins(node)
            && graph.retired.insert(node)
        {
            if let Some(undo) = editor.undo {
                undo.note_retired(node);
            }
            left.retired.push(node);
        }
    }
    left
}

/// Takes doomed nodes out of the tree, one after another, and moves the entry point if it is among them. `slots` is how
/// many the graph may name.
pub fn retire(editor: &Editor<'_>, doomed: &[u32], slots: u32, run: &Run) -> Result<()> {
    let graph = editor.graph;
    for &node in doomed {
        run.check()?;
        contract(editor, node);
    }
    if let Some(entry) = graph.entry().filter(|entry| graph.retired.get(entry.slot)) {
        graph.set_entry(beside(graph, entry).or_else(|| highest(graph, slots)));
    }
    Ok(())
}

/// Takes a twin off its chain. Returns the node if the chain is empty now.
fn unhang(editor: &Editor<'_>, twin: u32) -> Option<u32> {
    let row = editor.graph.row(twin, 0);
    let (previous, next) = (row.previous(), row.twin());
    if next != NONE {
        editor.lock(next, 0).set_previous(previous);
    }
    editor.lock(previous, 0).set_twin(next);
    (next == NONE && !editor.graph.row(previous, 0).is_twin()).then_some(previous)
}

/// Takes a node out of the tree, and joins its neighbours there by protected edges of their own: each to the nearest
/// that has room among those already joined.
fn contract(editor: &Editor<'_>, node: u32) {
    let graph = editor.graph;
    let mut apart = Vec::new();
    let row = editor.lock(node, 0);
    for (place, link) in row.links().enumerate().filter(|(_, link)| link & PROTECTED != 0) {
        row.set(place, slot_of(link));
        apart.push(slot_of(link));
    }
    drop(row);
    for &neighbor in &apart {
        let row = editor.lock(neighbor, 0);
        let place = row.links().position(|link| link == node | PROTECTED);
        row.set(place.expect("protected edges are protected at both ends"), node);
    }
    let Some(first) = apart.pop() else { return };
    let mut joined = vec![first];
    let mut codes = EdgeCodes::new(editor.vectors);
    while !apart.is_empty() {
        let (place, child) = nearest_pair(editor, &apart, &joined);
        apart.swap_remove(place);
        let mut homes: Vec<(f32, u32)> =
            editor.scores(child, &joined).into_iter().zip(joined.iter().copied()).collect();
        homes.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let homes: Vec<u32> = homes.into_iter().map(|(_, home)| home).collect();
        let parent = foster_homes(graph, &homes)
            .find(|&parent| {
                codes.rotate([parent, child]);
                editor.protect(parent, child, &|place| codes.write(graph, parent, place, child))
            })
            .expect("a tree has leaves with room");
        let tied = editor.protect(child, parent, &|place| codes.write(graph, child, place, parent));
        assert!(tied, "a node that lost a protected edge has room for another");
        joined.push(child);
    }
}

/// The place in `apart` of the node that is nearest to one of `joined` with room, and the node.
fn nearest_pair(editor: &Editor<'_>, apart: &[u32], joined: &[u32]) -> (usize, u32) {
    let mut links = vec![0; editor.graph.capacity(0)];
    let mut roomy: Vec<u32> = Vec::new();
    for &node in joined {
        let degree = editor.graph.row(node, 0).read(&mut links);
        if has_room(editor.graph, &links[..degree]) {
            roomy.push(node);
        }
    }
    let least = |node: u32| editor.scores(node, &roomy).into_iter().fold(f32::INFINITY, f32::min);
    let (place, _) = apart
        .iter()
        .map(|&node| least(node))
        .enumerate()
        .min_by(|a, b| a.1.total_cmp(&b.1))
        .expect("there are nodes to join");
    (place, apart[place])
}

/// A neighbour of the entry point on the top layer that stays.
fn beside(graph: &Graph, entry: EntryPoint) -> Option<EntryPoint> {
    let mut links = vec![0; graph.capacity(entry.level)];
    let degree = graph.row(entry.slot, entry.level).read(&mut links);
    let neighbors = links[..degree].iter().map(|&link| slot_of(link));
    neighbors.filter(|&slot| graph.is_node(slot)).min().map(|slot| EntryPoint { slot, ..entry })
}

/// A node of the highest level among those that stay.
fn highest(graph: &Graph, slots: u32) -> Option<EntryPoint> {
    let nodes = (0..slots).filter(|&slot| graph.is_node(slot));
    let level = |slot: u32| graph.row(slot, 0).level();
    nodes.max_by_key(|&slot| (level(slot), std::cmp::Reverse(slot))).map(|slot| EntryPoint { slot, level: level(slot) })
}
