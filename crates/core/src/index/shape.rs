//! The graph in bulk, for those who draw or analyse it.

use super::Index;
use crate::error::Result;
use crate::hnsw::slot_of;

/// All nodes and links, by place: the order in which vectors were added.
#[derive(Clone, Debug, Default)]
pub struct Shape {
    /// The id of each place.
    pub ids: Vec<i64>,
    /// The level of each node: the highest layer that it is on.
    pub levels: Vec<u8>,
    /// The place of the node that stands for each vector: its own, or that of an equal vector.
    pub nodes: Vec<u32>,
    /// The links of each layer, layer 0 first.
    pub layers: Vec<Links>,
}

/// The links of a layer, in the manner of sparse matrices.
#[derive(Clone, Debug, Default)]
pub struct Links {
    /// Places of the layer's nodes, ascending.
    pub nodes: Vec<u32>,
    /// Where the links of each node begin in `neighbors`, and where those of the last end.
    pub offsets: Vec<u64>,
    /// Places of the neighbours.
    pub neighbors: Vec<u32>,
}

impl Index {
    /// The whole graph, as of one moment.
    pub fn shape(&self) -> Result<Shape> {
        let _writer = self.writer.lock();
        let slots = self.slots();
        let is_node = |&slot: &u32| !self.graph.row(slot, 0).is_twin();
        let mut shape = Shape {
            ids: (0..slots).map(|slot| self.ids.id(slot)).collect(),
            levels: (0..slots).map(|slot| self.graph.row(slot, 0).level() as u8).collect(),
            nodes: (0..slots).collect(),
            layers: Vec::new(),
        };
        for node in (0..slots).filter(is_node) {
            // A chain of a damaged map may run in a circle.
            let twins = self.graph.twins(node).take(slots as usize);
            twins.filter(|&twin| twin < slots).for_each(|twin| shape.nodes[twin as usize] = node);
            self.undamaged()?;
        }
        let top = self.graph.entry().map_or(0, |entry| entry.level + 1);
        let mut links = vec![0; self.graph.capacity(0)];
        for layer in 0..top {
            let mut all = Links { offsets: vec![0], ..Links::default() };
            let reaches = |&slot: &u32| usize::from(shape.levels[slot as usize]) >= layer;
            for node in (0..slots).filter(is_node).filter(reaches) {
                let degree = self.graph.row(node, layer).read(&mut links);
                all.nodes.push(node);
                all.neighbors.extend(links[..degree].iter().map(|&link| slot_of(link)));
                all.offsets.push(all.neighbors.len() as u64);
            }
            shape.layers.push(all);
        }
        self.undamaged().map(|()| shape)
    }
}
