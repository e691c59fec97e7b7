//! The graph in bulk, for those who draw or analyse it.

use super::Index;
use crate::error::Result;
use crate::hnsw::slot_of;
use crate::run::Run;

/// The place of what has none.
const NOWHERE: u32 = u32::MAX;

/// All nodes and links, by place: the order in which vectors were added, but that some took the place of removed ones.
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
    pub fn shape(&self, run: &Run) -> Result<Shape> {
        let _writer = self.writing(run)?;
        let slots = self.end();
        let live: Vec<u32> = self.live.see(|live| live.iter(slots).collect());
        // A twin has a level for when its slot is used again, but is no node on it.
        let level = |slot: u32| if self.graph.is_node(slot) { self.graph.row(slot, 0).level() } else { 0 };
        let mut shape = Shape {
            ids: live.iter().map(|&slot| self.ids.id(slot)).collect(),
            levels: live.iter().map(|&slot| level(slot) as u8).collect(),
            nodes: (0..live.len() as u32).collect(),
            layers: Vec::new(),
        };
        let mut places = vec![NOWHERE; slots as usize];
        (0u32..).zip(&live).for_each(|(place, &slot)| places[slot as usize] = place);
        let mut nodes: Vec<(u32, u32)> = Vec::new();
        for node in (0..slots).filter(|&slot| self.graph.is_node(slot)) {
            run.check()?;
            // A chain of a damaged map may run in a circle, or to what is not there.
            let twins: Vec<u32> = self.graph.twins(node).filter(|&twin| self.live.now(twin)).collect();
            self.undamaged()?;
            if places[node as usize] == NOWHERE {
                // The node was removed: the first of its twins stands for it.
                let Some(&first) = twins.first() else { continue };
                places[node as usize] = places[first as usize];
                shape.levels[places[first as usize] as usize] = level(node) as u8;
            }
            let place = places[node as usize];
            twins.into_iter().for_each(|twin| shape.nodes[places[twin as usize] as usize] = place);
            nodes.push((place, node));
        }
        nodes.sort_unstable();
        let top = self.graph.entry().map_or(0, |entry| entry.level + 1);
        let mut links = vec![0; self.graph.capacity(0)];
        for layer in 0..top {
            let mut all = Links { offsets: vec![0], ..Links::default() };
            for &(place, node) in nodes.iter().filter(|&&(_, node)| level(node) >= layer) {
                run.check()?;
                let degree = self.graph.row(node, layer).read(&mut links);
                all.nodes.push(place);
                // Links to removed vectors are on their way out.
                let there = links[..degree].iter().map(|&link| places[slot_of(link) as usize]);
                all.neighbors.extend(there.filter(|&place| place != NOWHERE));
                all.offsets.push(all.neighbors.len() as u64);
            }
            shape.layers.push(all);
        }
        self.undamaged().map(|()| shape)
    }
}
