//! What a hop meets under a filter: the neighbours that match, and those that match behind neighbours that do not.
//!
//! A walk through all nodes comes to as many as lie nearer than its answer, whether they match or not: where one in
//! twenty does, to twenty times as many. ACORN-1 (Patel et al., *ACORN: Performant and Predicate-Agnostic Search Over
//! Vector Embeddings and Structured Data*, 2024) walks from match to match over two links: the links of a neighbour
//! that does not match are looked at, once, and it is not measured. Where even so few match, the graph of matches may
//! fall apart; then neighbours that do not match are measured too, and walked to: bridges.

use super::graph::Graph;
use super::row::{NONE, slot_of};
use super::scratch::Scratch;
use crate::filter::Admission;

/// Rows that are asked for ahead of the one that is looked through.
const AHEAD: usize = 6;
/// Rows with room in a batch: what a node links to and, looked through until there are as many matches as a row has
/// links, all that the last one links to, and the bridges.
const WIDE: usize = 4;

/// What a hop met.
#[derive(Clone, Copy, Debug)]
pub struct Met {
    /// Nodes that were new: the first so many of `scratch.batch`.
    pub new: usize,
    /// Nodes that were looked through.
    pub looked: usize,
}

/// Puts what a hop from `node` measures into `scratch.batch`.
pub fn meet<A: Admission>(graph: &Graph, admit: A, node: u32, scratch: &mut Scratch) -> Met {
    let Scratch { visited, links, behind, between, batch, scores, .. } = scratch;
    let capacity = graph.capacity(0);
    if batch.len() < WIDE * capacity {
        batch.resize(WIDE * capacity, 0);
        scores.resize(WIDE * capacity, 0.0);
    }
    behind.resize(capacity, 0);
    let degree = graph.row(node, 0).read(links);
    let mut met = Met { new: 0, looked: 0 };
    let mut matching = 0;
    between.clear();
    for &link in &links[..degree] {
        let slot = slot_of(link);
        if admit.admits(slot) {
            matching += 1;
            // Written always, kept if new; so too below.
            batch[met.new] = slot;
            met.new += usize::from(visited.insert(slot));
        } else if !visited.holds(slot) {
            between.push(slot);
        }
    }
    between.iter().take(AHEAD).for_each(|&slot| graph.prefetch_links(slot));
    let (mut next, mut bridges) = (0, 0);
    while next < between.len() && matching < capacity {
        between.get(next + AHEAD).into_iter().for_each(|&slot| graph.prefetch_links(slot));
        let slot = between[next];
        next += 1;
        if !visited.insert(slot) {
            // It came after the search began.
            continue;
        }
        met.looked += 1;
        let row = graph.row(slot, 0);
        if row.twin() != NONE && graph.twins(slot).any(|twin| admit.admits(twin)) {
            matching += 1;
            batch[met.new] = slot;
            met.new += 1;
        } else {
            between[bridges] = slot;
            bridges += 1;
        }
        let degree = row.read(behind);
        for &link in &behind[..degree] {
            let slot = slot_of(link);
            if admit.admits(slot) {
                matching += 1;
                batch[met.new] = slot;
                met.new += usize::from(visited.insert(slot));
            }
        }
    }
    if matching < capacity / 4 {
        batch[met.new..met.new + bridges].copy_from_slice(&between[..bridges]);
        met.new += bridges;
    }
    met
}
