//! Algorithm 4, SELECT-NEIGHBORS-HEURISTIC, with keep-pruned. Its step for a row that is full is in [`super::edit`].

use super::pool::Candidate;
use crate::vectors::{Scorer, Vectors};

/// Candidates checked together: enough for a kernel call to be worth it, few enough that checking stops soon after
/// enough are selected.
const BLOCK: usize = 16;

/// Those of `candidates` (nearest first) that lie in different directions: a candidate nearer to one already selected than
/// to the new node is occluded, since the walk gets there through that one. At most
/// `most`; up to `fill` the nearest of the others fill in (the paper's `keepPrunedConnections`).
///
/// # Safety
/// All candidates' slots were written.
pub unsafe fn select_neighbors(
    vectors: &Vectors,
    candidates: &[Candidate],
    most: usize,
    fill: usize,
    queries: &mut Vec<u8>,
) -> Vec<u32> {
    queries.resize(most * vectors.query_bytes(), 0);
    let mut free = queries.chunks_exact_mut(vectors.query_bytes());
    let mut scorers = Vec::with_capacity(most);
    let mut selected = Vec::with_capacity(most);
    let mut occluded = Vec::new();
    let mut open = Vec::with_capacity(BLOCK);
    for block in candidates.chunks(BLOCK) {
        if selected.len() == most {
            break;
        }
        open.extend_from_slice(block);
        for (hits, scorer) in &mut scorers {
            *hits += occlude(scorer, &mut open, &mut occluded);
        }
        // Any of them may occlude a candidate: who did so most often is asked first.
        scorers.sort_by_key(|&(hits, _)| std::cmp::Reverse(hits));
        while selected.len() < most && !open.is_empty() {
            let nearest = open.remove(0).slot();
            let query = free.next().expect("there is one for each that is selected");
            // SAFETY: the caller's promise.
            unsafe { vectors.read_walked(nearest, query) };
            let scorer = vectors.scorer_from(nearest, query, None);
            scorers.push((occlude(&scorer, &mut open, &mut occluded), scorer));
            selected.push(nearest);
        }
        open.clear();
    }
    let missing = fill.saturating_sub(selected.len());
    if missing > 0 {
        occluded.sort_unstable();
        selected.extend(occluded.iter().take(missing).map(|c| c.slot()));
    }
    selected
}

/// Moves what a selected node, which `scorer` measures from, occludes from `open` to `occluded`; says how many.
fn occlude(scorer: &impl Scorer, open: &mut Vec<Candidate>, occluded: &mut Vec<Candidate>) -> usize {
    if open.is_empty() {
        return 0;
    }
    let mut slots = [0; BLOCK];
    let mut scores = [0.0; BLOCK];
    slots.iter_mut().zip(open.iter()).for_each(|(slot, c)| *slot = c.slot());
    scorer.score(&slots[..open.len()], &mut scores[..open.len()]);
    let mut scores = scores.into_iter();
    let before = open.len();
    occluded.extend(open.extract_if(.., |c| scores.next().is_some_and(|score| score < c.score())));
    before - open.len()
}
