//! A spanning tree that pruning may not cut: the proof that every node can be reached.
//!
//! Pruning keeps the near and diverse edges of a row and can so drop the last edge that leads to some node; the paper
//! has no answer to that, and libraries lose points by it. Here each new node is *adopted* by one that is in the graph
//! already: the edge between the two is marked as protected in both rows, and pruning passes it over. By induction the
//! protected edges are a tree over all nodes of layer 0, walked in either direction, so each node can be reached from
//! each other. A node adopts at most `M` others (its row keeps room for `M` edges of its own choice); the nearest
//! candidate with room adopts, and as a tree has leaves, one with room is always found.

use std::collections::{HashSet, VecDeque};

use super::graph::Graph;
use super::row::{PROTECTED, slot_of};

/// Protected edges among `links`.
pub fn protected(links: &[u32]) -> usize {
    links.iter().filter(|&&link| link & PROTECTED != 0).count()
}

/// The most protected edges of a node: `M` of the `2M` of a row, but 3 at least. With 2 the tree would be a path, and
/// the one leaf with room farther away with each node.
pub fn most_protected(graph: &Graph) -> usize {
    graph.m().max(3)
}

/// Whether a node with these links may take one more protected edge.
pub fn has_room(graph: &Graph, links: &[u32]) -> bool {
    protected(links) < most_protected(graph)
}

/// Nodes in the order in which they are asked to adopt: `near` (nearest first), then those that protected edges lead
/// to from there, nearest in edges first.
pub fn foster_homes<'a>(graph: &'a Graph, near: &'a [u32]) -> impl Iterator<Item = u32> + 'a {
    // The first has room nearly always.
    near.iter().copied().chain(std::iter::once_with(|| beyond(graph, near)).flatten())
}

/// The nodes that protected edges lead to from some, nearest in edges first.
fn beyond(graph: &Graph, near: &[u32]) -> impl Iterator<Item = u32> {
    let mut queue: VecDeque<u32> = near.iter().copied().collect();
    let mut seen: HashSet<u32> = near.iter().copied().collect();
    let mut links = vec![0; graph.capacity(0)];
    let children = move || {
        let node = queue.pop_front()?;
        let degree = graph.row(node, 0).read(&mut links);
        let children = links[..degree].iter().filter(|&&link| link & PROTECTED != 0).map(|&link| slot_of(link));
        let new: Vec<u32> = children.filter(|&child| seen.insert(child)).collect();
        queue.extend(&new);
        Some(new)
    };
    std::iter::from_fn(children).flatten()
}

/// The trees so far: of each slot the way to the root of its tree, and how many edges it has.
pub struct Forest {
    toward: Vec<u32>,
    edges: Vec<u16>,
    most: usize,
    joined: Vec<(u32, u32)>,
}

impl Forest {
    /// No edges yet, between `slots` slots.
    pub fn new(graph: &Graph, slots: usize) -> Self {
        Forest {
            toward: (0..slots as u32).collect(),
            edges: vec![0; slots],
            most: most_protected(graph),
            joined: Vec::new(),
        }
    }

    /// Takes in a slot of a tree that is there, with its root and how many edges it has.
    pub fn take(&mut self, slot: u32, root: u32, edges: usize) {
        self.toward[slot as usize] = root;
        self.edges[slot as usize] = edges as u16;
    }

    /// The edges that were joined, from both ends.
    pub fn into_joined(self) -> Vec<(u32, u32)> {
        self.joined
    }

    /// The root of a slot's tree.
    pub fn root(&mut self, mut slot: u32) -> u32 {
        while self.toward[slot as usize] != slot {
            let next = self.toward[self.toward[slot as usize] as usize];
            self.toward[slot as usize] = next;
            slot = next;
        }
        slot
    }

    /// Whether a slot may have one more edge.
    pub fn has_room(&self, slot: u32) -> bool {
        usize::from(self.edges[slot as usize]) < self.most
    }

    /// Joins the trees of two slots by an edge between them, if they are two and the slots have room; says whether.
    pub fn join(&mut self, a: u32, b: u32) -> bool {
        let (root_a, root_b) = (self.root(a), self.root(b));
        let joins = root_a != root_b && self.has_room(a) && self.has_room(b);
        if joins {
            // The older root stays.
            self.toward[root_a.max(root_b) as usize] = root_a.min(root_b);
            self.edges[a as usize] += 1;
            self.edges[b as usize] += 1;
            self.joined.extend([(a, b), (b, a)]);
        }
        joins
    }
}
