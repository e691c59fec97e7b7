//! Equal vectors of a batch, found by their bytes.

use std::hash::{DefaultHasher, Hasher};

use parking_lot::Mutex;

use super::super::graph::Graph;
use super::order::in_order;
use crate::error::Result;
use crate::run::Run;
use crate::vectors::Vectors;

/// Slots hashed between two looks at whether the build was cancelled.
const BLOCK: usize = 1024;

/// What the slots of a batch become.
pub struct Slots {
    /// The nodes of the graph, old and new, by slot.
    pub nodes: Vec<u32>,
    /// New slots that hang on a node, and that node.
    pub twins: Vec<(u32, u32)>,
}

/// Parts the slots from `first` on into nodes and twins; of those before, the graph knows.
pub fn find_twins(graph: &Graph, vectors: &Vectors, first: u32, end: u32, run: &Run) -> Result<Slots> {
    let slots: Vec<u32> = (0..end).filter(|&slot| slot >= first || !graph.row(slot, 0).is_twin()).collect();
    let hashed: Vec<Mutex<Vec<(u64, u32)>>> = slots.chunks(BLOCK).map(|_| Mutex::default()).collect();
    run.for_each_uncounted(
        hashed.len(),
        1,
        || (),
        |(), i| {
            let block = &slots[i * BLOCK..slots.len().min((i + 1) * BLOCK)];
            let hash = |&slot: &u32| {
                let mut hasher = DefaultHasher::new();
                // SAFETY: slots of the index and of the batch were written.
                unsafe { vectors.hash(slot, &mut hasher) };
                (hasher.finish(), slot)
            };
            *hashed[i].lock() = block.iter().map(hash).collect();
            Ok(())
        },
    )?;
    let hashed = hashed.into_iter().flat_map(Mutex::into_inner).collect();
    let mut found = Slots { nodes: Vec::with_capacity(slots.len()), twins: Vec::new() };
    // The nodes with this hash: nearly always one.
    let mut heads: (u64, Vec<u32>) = (0, Vec::new());
    in_order(hashed, run, |(hash, slot)| {
        if heads.0 != hash {
            heads = (hash, Vec::new());
        }
        // SAFETY: as above.
        match heads.1.iter().copied().find(|&node| slot >= first && unsafe { vectors.equal(node, slot) }) {
            Some(node) => found.twins.push((slot, node)),
            None => {
                heads.1.push(slot);
                found.nodes.push(slot);
            }
        }
    })?;
    found.nodes.sort_unstable();
    found.twins.sort_unstable();
    Ok(found)
}
