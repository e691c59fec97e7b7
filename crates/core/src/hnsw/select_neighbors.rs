//! Algorithm 4, SELECT-NEIGHBORS-HEURISTIC, with keep-pruned; and its step for a row that is full.

use super::pool::Candidate;
use crate::vectors::{Scorer, Vectors};

/// Candidates checked together: enough for a kernel call to be worth it, few enough that checking stops soon after
/// `m` are selected.
const BLOCK: usize = 16;

/// Up to `m` of `candidates` (nearest first) that lie in different directions: a candidate nearer to one already
/// selected than to the new node is occluded, since the walk gets there through that one. Occluded ones fill what is
/// left, nearest first (the paper's `keepPrunedConnections`).
///
/// # Safety
/// All candidates' slots were written.
pub unsafe fn select_neighbors(vectors: &Vectors, candidates: &[Candidate], m: usize) -> Vec<u32> {
    let mut selected: Vec<(u32, Vec<u8>)> = Vec::with_capacity(m);
    let mut occluded = Vec::new();
    let mut scores = [0.0; BLOCK];
    for block in candidates.chunks(BLOCK) {
        if selected.len() == m {
            break;
        }
        let mut open: Vec<Candidate> = block.to_vec();
        let mut hidden = Vec::new();
        // SAFETY: selected slots come from the candidates.
        let occlude =
            |by: u32, query: &[u8], open: &mut Vec<Candidate>, hidden: &mut Vec<Candidate>, scores: &mut [f32]| {
                let slots: Vec<u32> = open.iter().map(|c| c.slot()).collect();
                let scorer = unsafe { vectors.build_scorer(by, query) };
                scorer.score(&slots, &mut scores[..slots.len()]);
                let mut i = 0;
                open.retain(|c| {
                    let keep = scores[i] >= c.score();
                    i += 1;
                    if !keep {
                        hidden.push(*c);
                    }
                    keep
                });
            };
        for (slot, query) in &selected {
            occlude(*slot, query, &mut open, &mut hidden, &mut scores);
        }
        while selected.len() < m && !open.is_empty() {
            let nearest = open.remove(0);
            let mut query = Vec::new();
            // SAFETY: the caller's promise.
            unsafe { vectors.read_query(nearest.slot(), &mut query) };
            occlude(nearest.slot(), &query, &mut open, &mut hidden, &mut scores);
            selected.push((nearest.slot(), query));
        }
        occluded.append(&mut hidden);
    }
    let mut result: Vec<u32> = selected.into_iter().map(|(slot, _)| slot).collect();
    occluded.sort_unstable();
    result.extend(occluded.iter().take(m - result.len()).map(|c| c.slot()));
    result
}
