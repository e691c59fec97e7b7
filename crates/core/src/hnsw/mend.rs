//! Beyond the paper: closing the gaps that retired nodes leave, in the manner of IP-DiskANN (H. Xu et al., *In-Place
//! Updates of a Graph Index for Streaming Approximate Nearest Neighbor Search*, 2025, arXiv:2502.13826).
//!
//! A node does not know who links to it. A search for its vector comes by most of those that do, since links lead to
//! near nodes; each drops its link and gets another one instead, to one of the nearest that SELECT-NEIGHBORS would take.
//! The few that are not come by are found when all rows are swept: a retired node's slot is free only after that.

use hashbrown::HashSet;

use super::edit::{Editor, Room, Target};
use super::ends::EdgeCodes;
use super::gate::Gate;
use super::pool::Candidate;
use super::row::{PROTECTED, slot_of};
use super::scratch::Scratch;
use super::search_layer::search_layer;
use crate::filter::Everyone;
use crate::vectors::Scorer;

/// Nodes gathered around a retired one, for each link that a row has room for. The nearest M of those that stay may take
/// its place.
const GATHER: usize = 2;
/// Replacements that are looked at for one link: `c` of IP-DiskANN.
const TRIES: usize = 3;

/// Mends the rows around a retired node, on each of its layers. Several threads may mend around different nodes at once.
pub fn mend(editor: &Editor<'_>, retired: u32, slots: usize, scratch: &mut Scratch) {
    let Editor { graph, vectors, .. } = *editor;
    scratch.prepare(slots, graph.capacity(0));
    let mut query = std::mem::take(&mut scratch.query);
    // SAFETY: slots of the graph were written.
    unsafe { vectors.read_query(retired, &mut query) };
    let scorer = vectors.scorer_from(retired, &query, None);
    let mut codes = EdgeCodes::new(vectors);
    for layer in (0..=graph.row(retired, 0).level()).rev() {
        let wanted = GATHER * graph.capacity(layer);
        scratch.pool.reset(wanted);
        scratch.pool.offer(Candidate::new(scorer.score_one(retired), retired));
        scratch.visited.insert(retired);
        let gate = Gate::new(Everyone, wanted, wanted, None);
        search_layer(graph, &scorer, layer, gate, usize::MAX, scratch, &mut ());
        scratch.visited.clear();
        let around: Vec<u32> = scratch.pool.candidates().iter().map(|c| c.slot()).collect();
        let stays = |slot: &u32| !graph.retired.get(*slot);
        let offered: Vec<u32> = around.iter().copied().filter(stays).take(graph.m()).collect();
        for &node in around.iter().filter(|node| stays(node)) {
            replace(editor, node, layer, |link| link == retired, &offered, &mut codes);
        }
    }
    scratch.query = query;
}

/// Mends all links of a slot's row to retired nodes: what [`mend`] has not come by. A retired node's own row loses those
/// to the nodes that are sought, whose slots will be used again. Says how many there were.
pub fn sweep(editor: &Editor<'_>, slot: u32, sought: &HashSet<u32>) -> usize {
    let graph = editor.graph;
    let retired = graph.retired.get(slot);
    if !graph.is_node(slot) && (!retired || sought.contains(&slot)) {
        return 0;
    }
    let mut links = vec![0; graph.capacity(0)];
    let mut theirs = links.clone();
    let mut mended = 0;
    for layer in 0..=graph.row(slot, 0).level() {
        let gone = |link: u32| graph.retired.get(link) && (!retired || sought.contains(&link));
        let degree = graph.row(slot, layer).read(&mut links);
        let lost: Vec<u32> = links[..degree].iter().map(|&link| slot_of(link)).filter(|&link| gone(link)).collect();
        if lost.is_empty() {
            continue;
        }
        mended += lost.len();
        let mut offered: Vec<u32> = Vec::new();
        for node in lost.into_iter().filter(|_| !retired) {
            let degree = graph.row(node, layer).read(&mut theirs);
            offered.extend(theirs[..degree].iter().map(|&link| slot_of(link)).filter(|&s| !graph.retired.get(s)));
        }
        offered.sort_unstable();
        offered.dedup();
        replace(editor, slot, layer, gone, &offered, &mut EdgeCodes::new(editor.vectors));
    }
    mended
}

/// Replaces the links of a node that are `gone` by some of those `offered`.
fn replace(
    editor: &Editor<'_>,
    node: u32,
    layer: usize,
    gone: impl Fn(u32) -> bool,
    offered: &[u32],
    codes: &mut EdgeCodes<'_>,
) {
    let graph = editor.graph;
    let mut links = vec![0; graph.capacity(layer)];
    let mut room = Room::default();
    loop {
        let (degree, version) = graph.row(node, layer).read_versioned(&mut links);
        let links = &links[..degree];
        // Tree edges never lead to a retired node.
        let Some(place) = links.iter().position(|&link| gone(slot_of(link)) && link & PROTECTED == 0) else { return };
        let kept: Vec<u32> = links.iter().map(|&link| slot_of(link)).filter(|&link| !gone(link)).collect();
        match replacement(editor, node, layer, &kept, offered) {
            Some(new) => {
                codes.rotate([node, new]);
                if editor.change(node, layer, version, Some(place), new, &|place| codes.write(graph, node, place, new))
                {
                    let mut query = Vec::new();
                    // SAFETY: nodes of the graph were written.
                    unsafe { editor.vectors.read_query(node, &mut query) };
                    let scorer = editor.vectors.scorer_from(node, &query, None);
                    let target = Target { slot: node, scorer: &scorer, estimator: None };
                    editor.link(new, layer, &target, &mut room, &|place| codes.write(graph, new, place, node));
                }
            }
            None => {
                if let Some(row) = editor.lock_if(node, layer, version) {
                    let last = row.swap_remove(place);
                    if layer == 0 {
                        codes.shift(graph, node, last, place);
                    }
                }
            }
        }
    }
}

/// The nearest of those offered that none of the kept neighbours occludes. Without one, the nearest, on layer 0 unless
/// the row is nearly full: rows that lost a link at each removal would grow bare, and recall fall.
fn replacement(editor: &Editor<'_>, node: u32, layer: usize, kept: &[u32], offered: &[u32]) -> Option<u32> {
    let new: Vec<u32> = offered.iter().copied().filter(|slot| *slot != node && !kept.contains(slot)).collect();
    let mut nearest: Vec<Candidate> =
        editor.scores(node, &new).into_iter().zip(new).map(|(score, slot)| Candidate::new(score, slot)).collect();
    nearest.sort_unstable();
    nearest.truncate(TRIES);
    let from_node = editor.scores(node, kept);
    let open = |candidate: &&Candidate| {
        let from_new = editor.scores(candidate.slot(), kept);
        let occludes = |(&own, &other): (&f32, &f32)| own < candidate.score() && other < candidate.score();
        !from_node.iter().zip(&from_new).any(occludes)
    };
    let fill = layer == 0 && 8 * kept.len() < 7 * editor.graph.capacity(layer);
    let chosen = nearest.iter().find(open).or_else(|| nearest.first().filter(|_| fill));
    chosen.map(|candidate| candidate.slot())
}
