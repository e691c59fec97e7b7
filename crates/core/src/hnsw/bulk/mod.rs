//! Linking a large batch at once, instead of inserting its vectors one by one.
//!
//! Searching for the neighbours of each new node in turn touches memory at random. Here the vectors are carved into
//! parts that overlap ([`carve`]), within a part all are compared with all as products of blocks ([`near`]), and each
//! new node chooses among the nearest that it met (after PiPNN, 2026). Those may all be of one cluster, so two kinds of
//! nodes farther away are candidates too: the leaders of a node's parts, and, since layers are built from the top, what
//! it chose on the layer above. From each region some edges lead far away, as those of nodes inserted early do.
//!
//! The rest is as in [`super::insert`]: SELECT-NEIGHBORS, links back, a spanning tree of protected edges ([`tree`]),
//! chains of equal vectors ([`twins`]), and rows that can be put back. The graph is one that insertion could go on from,
//! and that is what happens next.

mod carve;
mod frame;
mod layer;
mod local;
mod near;
mod order;
mod progress;
mod tree;
mod twins;

use hashbrown::HashMap;

use super::edit::Editor;
use super::graph::EntryPoint;
use super::insert::chain;
use crate::error::Result;
use crate::run::Run;
use crate::types::{Dtype, Metric};
use frame::Shared;
use layer::Layer;
use progress::Progress;
use twins::find_twins;

/// Fewest rows of a batch that is built in bulk.
const LEAST: usize = 2048;

/// Links the new slots of a batch into a graph.
pub struct Bulk<'a> {
    /// Of the graph in which the new slots were laid out, with the vectors, those of the new slots included.
    pub editor: Editor<'a>,
    /// Two fifths as many candidates are kept of each node, and it decides how many parts a node is in.
    pub ef_construction: usize,
    /// The first of the new slots.
    pub first: u32,
    /// The slot behind the last.
    pub end: u32,
    /// Threads, progress, and whether to stop.
    pub run: &'a Run,
}

impl Bulk<'_> {
    /// Whether this way is the better one. The index must be small beside the batch, since its vectors are compared
    /// too. Neighbours by inner product are not near each other, so balls don't hold them; and bits have no products.
    pub fn suits(&self) -> bool {
        let (old, new) = (self.first as usize, (self.end - self.first) as usize);
        let space = self.editor.vectors.space();
        new >= LEAST.max(old) && space.metric != Metric::Ip && space.dtype != Dtype::Bits
    }

    /// Links all of the batch. Searches may go on: nothing leads to a new node before its own links are in.
    pub fn link(&self) -> Result<()> {
        let progress = Progress::new(self.run, u64::from(self.end - self.first));
        let slots = find_twins(self.editor.graph, self.editor.vectors, self.first, self.end, self.run)?;
        let level = |slot: u32| self.editor.graph.row(slot, 0).level();
        let shared = Shared::new(self.editor.vectors, &slots.nodes);
        let top = slots.nodes.iter().map(|&slot| level(slot)).max().unwrap_or(0);
        let mut chosen_above = HashMap::new();
        let mut layers = Vec::new();
        for layer in (0..=top).rev() {
            let nodes = slots.nodes.iter().copied().filter(|&slot| level(slot) >= layer).collect();
            let layer = Layer::build(self, &shared, layer, nodes, &chosen_above, &progress)?;
            chosen_above = if layer.number() > 0 { layer.chosen() } else { HashMap::new() };
            layers.push(layer);
        }
        // From the bottom: what can be found on a layer has its links on those below.
        for layer in layers.iter().rev() {
            layer.write(&progress)?;
        }
        for (slot, node) in slots.twins {
            chain(&self.editor, slot, node);
        }
        if self.editor.graph.entry().is_none_or(|entry| entry.level < top) {
            let slot = slots.nodes.into_iter().find(|&slot| level(slot) == top);
            self.editor.graph.set_entry(slot.map(|slot| EntryPoint { slot, level: top }));
        }
        progress.finish();
        Ok(())
    }
}
