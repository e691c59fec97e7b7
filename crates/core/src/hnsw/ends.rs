//! Codes of edges that are about to be written.

use hashbrown::HashMap;

use super::graph::Graph;
use crate::vectors::{EdgeCoder, Vectors};

/// Rotated nodes of a neighbourhood, kept for their memory.
#[derive(Debug, Default)]
pub struct Rotated {
    /// Where in `vectors` a node's begins.
    places: HashMap<u32, usize>,
    vectors: Vec<f32>,
    query: Vec<u8>,
}

/// Codes of edges between any nodes of a neighbourhood, each rotated once. Does nothing where edges have no codes.
pub struct EdgeCodes<'a> {
    vectors: &'a Vectors,
    coder: Option<&'a EdgeCoder>,
    rotated: Rotated,
}

impl<'a> EdgeCodes<'a> {
    /// No node is rotated yet.
    pub fn new(vectors: &'a Vectors) -> Self {
        Self::within(vectors, Rotated::default())
    }

    /// The same, in memory that [`EdgeCodes::into_room`] gave back.
    pub fn within(vectors: &'a Vectors, mut room: Rotated) -> Self {
        room.places.clear();
        room.vectors.clear();
        EdgeCodes { vectors, coder: vectors.coder(), rotated: room }
    }

    /// The memory, for other edges.
    pub fn into_room(self) -> Rotated {
        self.rotated
    }

    /// Takes a node that was rotated already.
    pub fn take(&mut self, node: u32, rotated: &[f32]) {
        if self.coder.is_some() {
            self.rotated.places.insert(node, self.rotated.vectors.len());
            self.rotated.vectors.extend_from_slice(rotated);
        }
    }

    /// Rotates nodes ahead of [`EdgeCodes::write`], which happens under a lock.
    pub fn rotate(&mut self, nodes: impl IntoIterator<Item = u32>) {
        let Some(coder) = self.coder else { return };
        let Rotated { places, vectors, query } = &mut self.rotated;
        for node in nodes {
            places.entry(node).or_insert_with(|| {
                let place = vectors.len();
                // SAFETY: nodes of the graph were written.
                unsafe { self.vectors.rotate(coder, node, query, vectors) };
                place
            });
        }
    }

    /// Writes the code of edge `place` of `node`, which leads to `neighbor`. Both were rotated, and the caller holds the
    /// lock of the node's row.
    pub fn write(&self, graph: &Graph, node: u32, place: usize, neighbor: u32) {
        let Some(coder) = self.coder else { return };
        let Rotated { places, vectors, .. } = &self.rotated;
        let rotated = |node: u32| &vectors[places[&node]..][..coder.padded()];
        // SAFETY: the codes of a row that only the caller writes.
        unsafe { coder.write(graph.coded_row(node).1, place, rotated(node), rotated(neighbor)) };
    }

    /// Moves the code of edge `from` of `node` to place `to`. The caller holds the lock of the row.
    pub fn shift(&self, graph: &Graph, node: u32, from: usize, to: usize) {
        let Some(coder) = self.coder else { return };
        // SAFETY: as above.
        unsafe { coder.shift(graph.coded_row(node).1, from, to) };
    }
}
