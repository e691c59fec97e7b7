//! Codes of edges that are about to be written.

use hashbrown::HashMap;

use super::graph::Graph;
use crate::vectors::{EdgeCoder, Vectors};

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

    /// Takes a node that was rotated already.
    pub fn take(&mut self, node: u32, rotated: &[f32]) {
        if self.coder.is_some() {
            self.rotated.insert(node, rotated.to_vec());
        }
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
