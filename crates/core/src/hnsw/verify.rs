//! What must hold of a graph, found by walking all of it.

use super::code_row::codes_are_right;
use super::graph::Graph;
use super::row::{NONE, PROTECTED, slot_of};
use crate::vectors::Vectors;

/// What [`verify`] found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Slots that a search can come to.
    pub reachable: u64,
    /// Slots that it can't.
    pub unreachable: Vec<u32>,
    /// Edges of layer 0.
    pub links: u64,
    /// Edges of layer 0 without an edge back; pruning makes them, and it may.
    pub one_way_links: u64,
    /// Slots on the chain of an equal vector.
    pub twins: u64,
    /// Rows that break a law, each in words; at most [`MOST`].
    pub broken: Vec<String>,
}

/// Most sentences of a report.
const MOST: usize = 100;

impl Report {
    fn complain(&mut self, what: impl FnOnce() -> String) {
        if self.broken.len() < MOST {
            self.broken.push(what());
        }
    }
}

/// Walks layer 0 from the entry point over the links that search uses, and checks each row: links in range, none to
/// itself, none twice, degrees within `M_max`, levels that fit, protected edges in both directions.
///
/// Where edges have codes, those must be the codes of the row's edges.
pub fn verify(graph: &Graph, vectors: &Vectors, slots: u32) -> Report {
    let mut report = Report::default();
    let Some(entry) = graph.entry() else {
        report.unreachable = (0..slots).collect();
        return report;
    };
    if entry.slot >= slots || graph.row(entry.slot, 0).level() != entry.level {
        report.complain(|| format!("entry point: slot {} at level {} is no such node", entry.slot, entry.level));
        report.unreachable = (0..slots).collect();
        return report;
    }
    let sound: Vec<bool> = (0..slots).map(|slot| check_node(graph, slot, slots, &mut report)).collect();

    let mut reached = vec![false; slots as usize];
    let mut stack = vec![entry.slot];
    reached[entry.slot as usize] = true;
    let mut links = vec![0; graph.capacity(0)];
    while let Some(node) = stack.pop() {
        report.reachable += 1;
        if !sound[node as usize] {
            continue;
        }
        let degree = graph.row(node, 0).read(&mut links);
        let twin = Some(graph.row(node, 0).twin()).filter(|&twin| twin != NONE);
        if !codes_are_right(graph, vectors, node) {
            report.complain(|| format!("slot {node}: its edges have codes of others"));
        }
        for slot in links[..degree].iter().map(|&link| slot_of(link)).chain(twin) {
            if !std::mem::replace(&mut reached[slot as usize], true) {
                stack.push(slot);
            }
        }
    }
    report.unreachable = (0..slots).filter(|&slot| !reached[slot as usize]).collect();
    report
}

/// Checks a slot's rows; says whether its layer-0 row can be followed.
fn check_node(graph: &Graph, slot: u32, slots: u32, report: &mut Report) -> bool {
    let row = graph.row(slot, 0);
    let twin = row.twin();
    if twin != NONE && (twin >= slots || !graph.row(twin, 0).is_twin()) {
        report.complain(|| format!("slot {slot}: its chain of equal vectors goes to {twin}, which hangs on no chain"));
        return false;
    }
    if row.is_twin() {
        report.twins += 1;
        return true;
    }
    let level = row.level();
    if level > 0 && row.upper().checked_add(level as u32).is_none_or(|end| end > graph.upper_rows()) {
        report.complain(|| format!("slot {slot}: its {level} upper rows lie outside the upper rows"));
        return false;
    }
    let mut sound = true;
    let mut links = vec![0; graph.capacity(0)];
    let mut back = links.clone();
    for layer in 0..=level {
        let degree = graph.row(slot, layer).read(&mut links);
        let mut seen: Vec<u32> = links[..degree].iter().map(|&link| slot_of(link)).collect();
        for (&neighbor, &link) in seen.iter().zip(&links) {
            let exists = neighbor < slots && {
                let other = graph.row(neighbor, 0);
                other.level() >= layer && !other.is_twin()
            };
            if neighbor == slot || !exists {
                report.complain(|| format!("slot {slot}, layer {layer}: links to {neighbor}, which is no node there"));
                sound = false;
            } else if layer == 0 {
                let degree = graph.row(neighbor, 0).read(&mut back);
                let mutual = back[..degree].iter().find(|&&link| slot_of(link) == slot);
                report.links += 1;
                report.one_way_links += u64::from(mutual.is_none());
                if link & PROTECTED != 0 && mutual.is_none_or(|&other| other & PROTECTED == 0) {
                    report.complain(|| format!("slot {slot}: its protected edge to {neighbor} has none back"));
                }
            }
        }
        seen.sort_unstable();
        if seen.windows(2).any(|pair| pair[0] == pair[1]) {
            report.complain(|| format!("slot {slot}, layer {layer}: links twice to one node"));
        }
    }
    sound
}

/// Nodes of each layer, layer 0 first.
pub fn nodes_per_layer(graph: &Graph, slots: u32) -> Vec<u64> {
    let mut nodes = vec![0; graph.entry().map_or(0, |entry| entry.level + 1)];
    for row in (0..slots).map(|slot| graph.row(slot, 0)).filter(|row| !row.is_twin()) {
        let layers = nodes.len().min(row.level() + 1);
        nodes[..layers].iter_mut().for_each(|count| *count += 1);
    }
    nodes
}

/// For each layer, how many nodes have each degree.
pub fn degree_histogram(graph: &Graph, slots: u32) -> Vec<Vec<u64>> {
    let layers = graph.entry().map_or(0, |entry| entry.level + 1);
    let mut histogram: Vec<Vec<u64>> = (0..layers).map(|layer| vec![0; graph.capacity(layer) + 1]).collect();
    for slot in 0..slots {
        let base = graph.row(slot, 0);
        if !base.is_twin() {
            for (layer, counts) in histogram.iter_mut().enumerate().take(base.level() + 1) {
                counts[graph.row(slot, layer).degree()] += 1;
            }
        }
    }
    histogram
}
