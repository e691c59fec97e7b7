//! Algorithm 4, SELECT-NEIGHBORS-HEURISTIC, with keep-pruned. Its step for a row that is full is in [`super::insert`].

use super::pool::Candidate;
use crate::vectors::{Scorer, Vectors};

/// Candidates checked together: enough for a kernel call to be worth it, few enough that checking stops soon after
/// `m` are selected.
const BLOCK: usize = 16;

/// Up to `m` of `candidates` (nearest first) that lie in different directions: a candidate nearer to one already
/// selected than to the new node is occluded, since the walk gets there through that one. With `keep_pruned` (the paper's
/// `keepPrunedConnections`) occluded ones fill what is left, nearest first.
///
/// # Safety
/// All candidates' slots were written.
pub unsafe fn select_neighbors(vectors: &Vectors, candidates: &[Candidate], m: usize, keep_pruned: bool) -> Vec<u32> {
    let mut selected: Vec<(u32, Vec<u8>)> = Vec::with_capacity(m);
    let mut occluded = Vec::new();
    for block in candidates.chunks(BLOCK) {
        if selected.len() == m {
            break;
        }
        let mut open = block.to_vec();
        for (_, query) in &selected {
            occlude(vectors, query, &mut open, &mut occluded);
        }
        while selected.len() < m && !open.is_empty() {
            let nearest = open.remove(0).slot();
            let mut query = Vec::new();
            // SAFETY: the caller's promise.
            unsafe { vectors.read_query(nearest, &mut query) };
            occlude(vectors, &query, &mut open, &mut occluded);
            selected.push((nearest, query));
        }
    }
    let mut result: Vec<u32> = selected.into_iter().map(|(slot, _)| slot).collect();
    if keep_pruned {
        occluded.sort_unstable();
        result.extend(occluded.iter().take(m - result.len()).map(|c| c.slot()));
    }
    result
}

/// Moves what a selected node (its row is `query`) occludes from `open` to `occluded`.
fn occlude(vectors: &Vectors, query: &[u8], open: &mut Vec<Candidate>, occluded: &mut Vec<Candidate>) {
    let mut slots = [0; BLOCK];
    let mut scores = [0.0; BLOCK];
    slots.iter_mut().zip(open.iter()).for_each(|(slot, c)| *slot = c.slot());
    vectors.scorer(query).score(&slots[..open.len()], &mut scores[..open.len()]);
    let mut scores = scores.into_iter();
    occluded.extend(open.extract_if(.., |c| scores.next().is_some_and(|score| score < c.score())));
}
