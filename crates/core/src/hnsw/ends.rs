//! Codes of edges that are about to be written: of a node that is being inserted, and of nodes that are being mended.

use hashbrown::HashMap;

use super::graph::Graph;
use crate::vectors::{EdgeCoder, Vectors};

/// The ends of a new node's edges, rotated once for all codes that need them. Empty where edges have no codes.
pub struct Ends<'a> {
    vectors: &'a Vectors,
    coder: Option<&'a EdgeCoder>,
    node: &'a [f32],
    neighbors: Vec<(u32, Vec<f32>)>,
}

impl<'a> Ends<'a> {
    /// The ends of the edges between a new node, given rotated, and its neighbours on layer 0.
    pub fn new(vectors: &'a Vectors, node: &'a [f32], neighbors: &[u32]) -> Self {
        let coder = vectors.coder();
        // SAFETY: nodes of the graph were written.
        let rotated = coder.map(|coder| neighbors.iter().map(|&n| (n, unsafe { vectors.rotated(coder, n) })).collect());
        Ends { vectors, coder, node, neighbors: rotated.unwrap_or_default() }
    }

    /// Writes the code of the new node's edge `place`, which leads to `neighbor`. Nobody else writes the node's row.
    pub fn write_out(&self, graph: &Graph, node: u32, place: usize, neighbor: u32) {
        self.write(neighbor, |coder, rotated| {
            // SAFETY: the codes of a row that only the caller writes.
            unsafe { coder.write(graph.coded_row(node).1, place, self.node, rotated) }
        });
    }

    /// Writes the code of edge `place` of `neighbor`, which leads to the new node. The caller holds the lock of the
    /// neighbour's row.
    pub fn write_in(&self, graph: &Graph, neighbor: u32, place: usize) {
        self.write(neighbor, |coder, rotated| {
            // SAFETY: as above.
            unsafe { coder.write(graph.coded_row(neighbor).1, place, rotated, self.node) }
        });
    }

    fn write(&self, neighbor: u32, write: impl FnOnce(&EdgeCoder, &[f32])) {
        let Some(coder) = self.coder else { return };
        match self.neighbors.iter().find(|(slot, _)| *slot == neighbor) {
            Some((_, rotated)) => write(coder, rotated),
            // SAFETY: nodes of the graph were written.
            None => write(coder, &unsafe { self.vectors.rotated(coder, neighbor) }),
        }
    }
}

/// Codes of edges between any nodes of a neighbourhood, each rotated once. Does nothing where edges have no codes.
pub struct EdgeCodes<'a> {
    vectors: &'a Vectors,
    coder: Option<&'a EdgeCoder>,
    rotated: HashMap<u32, Vec<f32>>,
}

impl<'a> EdgeCodes<'a> {
    /// No node is rotated yet.
    pub fn new(vectors: &'a Vectors) -> Self {
        EdgeCodes { vectors, coder: vectors.coder(), rotated: HashMap::new() }
    }

    /// Rotates nodes ahead of [`EdgeCodes::write`], which happens under a lock.
    pub fn rotate(&mut self, nodes: impl IntoIterator<Item = u32>) {
        let Some(coder) = self.coder else { return };
        for node in nodes {
            // SAFETY: nodes of the graph were written.
            self.rotated.entry(node).or_insert_with(|| unsafe { self.vectors.rotated(coder, node) });
        }
    }

    /// Writes the code of edge `place` of `node`, which leads to `neighbor`. Both were rotated, and the caller holds the
    /// lock of the node's row.
    pub fn write(&self, graph: &Graph, node: u32, place: usize, neighbor: u32) {
        let Some(coder) = self.coder else { return };
        // SAFETY: the codes of a row that only the caller writes.
        unsafe { coder.write(graph.coded_row(node).1, place, &self.rotated[&node], &self.rotated[&neighbor]) };
    }

    /// Moves the code of edge `from` of `node` to place `to`. The caller holds the lock of the row.
    pub fn shift(&self, graph: &Graph, node: u32, from: usize, to: usize) {
        let Some(coder) = self.coder else { return };
        // SAFETY: as above.
        unsafe { coder.shift(graph.coded_row(node).1, from, to) };
    }
}
