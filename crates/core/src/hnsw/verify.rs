//! What must hold of a graph, found by walking all of it.

use super::adopt::protected;
use super::code_row::codes_are_right;
use super::graph::Graph;
use super::row::{NONE, PROTECTED, slot_of};
use crate::bits::Bits;
use crate::error::Result;
use crate::run::Run;
use crate::vectors::Vectors;

/// What [`verify`] found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Slots of vectors that a search can come to.
    pub reachable: u64,
    /// Slots of those that it can't.
    pub unreachable: Vec<u32>,
    /// Edges of layer 0.
    pub links: u64,
    /// Edges of layer 0 without an edge back; pruning makes them, and it may.
    pub one_way_links: u64,
    /// Those of them to a node that has room for one back; see [`most_unreturned`].
    pub unreturned_links: u64,
    /// Links of layer 0 to nodes that were removed: walked, until they are swept.
    pub dangling_links: u64,
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

/// Fewest nodes of a graph whose share of unreturned links tells anything.
const MANY: u64 = 1000;

/// How many edges may lead to nodes that have room for an edge back, and have none: of how many edges and nodes.
///
/// Pruning takes an edge back only from a full row, which stays full. So as long as nothing is removed there are none.
/// A row that loses an edge to a removed node may be left with room, and then all that were pruned from it before count:
/// 3 to 5% of the edges after two turnovers, 10% where few nodes attract most edges (docs/experiments.md). Where it is
/// a quarter, rows have lost edges in another way.
pub fn most_unreturned(links: u64, nodes: u64) -> u64 {
    if nodes < MANY { links } else { links / 4 }
}

/// Walks layer 0 from the entry point over the links that search uses, and checks each row: links in range, none to
/// itself, none twice, none to a `free` slot, degrees within `M_max`, levels that fit; protected edges in both
/// directions, and a tree over all nodes that were not removed.
///
/// Where edges have codes, those must be the codes of the row's edges.
pub fn verify(graph: &Graph, vectors: &Vectors, slots: u32, free: &Bits, run: &Run) -> Result<Report> {
    let mut report = Report::default();
    let living = |slot: &u32| graph.living.get(*slot);
    let Some(entry) = graph.entry() else {
        report.unreachable = (0..slots).filter(living).collect();
        return Ok(report);
    };
    if entry.slot >= slots || !graph.is_node(entry.slot) || graph.row(entry.slot, 0).level() != entry.level {
        report.complain(|| format!("entry point: slot {} at level {} is no such node", entry.slot, entry.level));
        report.unreachable = (0..slots).filter(living).collect();
        return Ok(report);
    }
    let checks = Checks { graph, slots, free };
    let mut sound = Vec::with_capacity(slots as usize);
    let mut nodes = 0;
    for slot in 0..slots {
        run.check()?;
        nodes += u64::from(graph.is_node(slot));
        sound.push(checks.slot(slot, &mut report));
    }
    let (lost, links) = (report.unreturned_links, report.links);
    if lost > most_unreturned(links, nodes) {
        report.complain(|| format!("{lost} of {links} links lead to nodes that have room for one back, and have none"));
    }

    let mut reached = vec![false; slots as usize];
    let mut stack = vec![entry.slot];
    reached[entry.slot as usize] = true;
    let mut links = vec![0; graph.capacity(0)];
    while let Some(node) = stack.pop() {
        run.check()?;
        report.reachable += u64::from(graph.living.get(node));
        if !sound[node as usize] {
            continue;
        }
        let row = graph.row(node, 0);
        let degree = if row.is_twin() { 0 } else { row.read(&mut links) };
        let twin = Some(row.twin()).filter(|&twin| twin != NONE);
        if !codes_are_right(graph, vectors, node) {
            report.complain(|| format!("slot {node}: it or its edges have codes of others"));
        }
        for slot in links[..degree].iter().map(|&link| slot_of(link)).chain(twin) {
            if !std::mem::replace(&mut reached[slot as usize], true) {
                stack.push(slot);
            }
        }
    }
    report.unreachable = (0..slots).filter(|slot| living(slot) && !reached[*slot as usize]).collect();
    let parts = parts(graph, slots);
    if parts != 1 {
        report.complain(|| format!("the protected edges are no tree over all nodes: they leave {parts} parts"));
    }
    Ok(report)
}

/// In how many parts the protected edges leave the nodes that were not removed, if they run in no circles: 1 when each
/// node can be reached from each other. A count of rows, without a walk.
pub fn parts(graph: &Graph, slots: u32) -> i64 {
    let mut links = vec![0; graph.capacity(0)];
    let (mut nodes, mut ends) = (0, 0);
    for slot in (0..slots).filter(|&slot| graph.is_node(slot)) {
        let degree = graph.row(slot, 0).read(&mut links);
        nodes += 1;
        ends += protected(&links[..degree]) as i64;
    }
    nodes - ends / 2
}

/// What a slot's rows are held against.
struct Checks<'a> {
    graph: &'a Graph,
    slots: u32,
    free: &'a Bits,
}

impl Checks<'_> {
    /// Checks a slot's rows; says whether its layer-0 row can be followed.
    fn slot(&self, slot: u32, report: &mut Report) -> bool {
        let Checks { graph, slots, .. } = *self;
        let row = graph.row(slot, 0);
        if self.free.get(slot) {
            return false;
        }
        let twin = row.twin();
        let living_twin = |twin: u32| twin < slots && graph.row(twin, 0).is_twin() && graph.living.get(twin);
        if twin != NONE && !living_twin(twin) {
            report.complain(|| {
                format!("slot {slot}: its chain of equal vectors goes to {twin}, which hangs on no chain")
            });
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
        (0..=level).all(|layer| self.links(slot, layer, report))
    }

    /// Checks the links of a node on one layer.
    fn links(&self, slot: u32, layer: usize, report: &mut Report) -> bool {
        let graph = self.graph;
        let mut sound = true;
        let mut links = vec![0; graph.capacity(layer)];
        let mut back = vec![0; graph.capacity(0)];
        let degree = graph.row(slot, layer).read(&mut links);
        let links = &links[..degree];
        let stays = graph.is_node(slot);
        for (neighbor, kept) in links.iter().map(|&link| (slot_of(link), link & PROTECTED != 0)) {
            if neighbor == slot || !self.is_there(neighbor, layer) {
                report.complain(|| format!("slot {slot}, layer {layer}: links to {neighbor}, which is no node there"));
                sound = false;
                continue;
            }
            if kept && !(layer == 0 && stays && graph.is_node(neighbor)) {
                report.complain(|| format!("slot {slot}, layer {layer}: its edge to {neighbor} can't be protected"));
            }
            if layer == 0 && stays {
                let degree = graph.row(neighbor, 0).read(&mut back);
                let mutual = back[..degree].iter().find(|&&link| slot_of(link) == slot);
                report.links += 1;
                report.one_way_links += u64::from(mutual.is_none());
                let has_room = degree < back.len() && graph.is_node(neighbor);
                report.unreturned_links += u64::from(mutual.is_none() && has_room);
                report.dangling_links += u64::from(!graph.is_node(neighbor));
                if kept && mutual.is_none_or(|&other| other & PROTECTED == 0) {
                    report.complain(|| format!("slot {slot}: its protected edge to {neighbor} has none back"));
                }
            }
        }
        let mut seen: Vec<u32> = links.iter().map(|&link| slot_of(link)).collect();
        seen.sort_unstable();
        if seen.windows(2).any(|pair| pair[0] == pair[1]) {
            report.complain(|| format!("slot {slot}, layer {layer}: links twice to one node"));
        }
        sound
    }

    /// Whether a link on that layer may lead to a slot.
    fn is_there(&self, slot: u32, layer: usize) -> bool {
        let row = |slot| self.graph.row(slot, 0);
        slot < self.slots && !self.free.get(slot) && row(slot).level() >= layer && !row(slot).is_twin()
    }
}

/// Nodes of each layer, layer 0 first.
pub fn nodes_per_layer(graph: &Graph, slots: u32) -> Vec<u64> {
    let mut nodes = vec![0; graph.entry().map_or(0, |entry| entry.level + 1)];
    for slot in (0..slots).filter(|&slot| graph.is_node(slot)) {
        let layers = nodes.len().min(graph.row(slot, 0).level() + 1);
        nodes[..layers].iter_mut().for_each(|count| *count += 1);
    }
    nodes
}

/// For each layer, how many nodes have each degree.
pub fn degree_histogram(graph: &Graph, slots: u32) -> Vec<Vec<u64>> {
    let layers = graph.entry().map_or(0, |entry| entry.level + 1);
    let mut histogram: Vec<Vec<u64>> = (0..layers).map(|layer| vec![0; graph.capacity(layer) + 1]).collect();
    for slot in 0..slots {
        if graph.is_node(slot) {
            let level = graph.row(slot, 0).level();
            for (layer, counts) in histogram.iter_mut().enumerate().take(level + 1) {
                counts[graph.row(slot, layer).degree()] += 1;
            }
        }
    }
    histogram
}
