//! Algorithm 2, SEARCH-LAYER, and its case `ef = 1`, the greedy descent.

use super::graph::{EntryPoint, Graph};
use super::pool::Candidate;
use super::row::slot_of;
use super::scratch::Scratch;
use crate::vectors::Scorer;

/// When to stop before the whole pool is expanded: at a candidate whose value is above `factor` times that of the k-th.
/// See [`super::spread`].
#[derive(Clone, Copy, Debug)]
pub struct Stop {
    /// Neighbours wanted.
    pub k: usize,
    /// The bound, in values.
    pub factor: f32,
    /// The score of distance 0; a value is a score above it.
    pub zero: f32,
}

impl Stop {
    /// The score beyond which candidates are not worth a hop, by the nearest found so far.
    #[inline]
    pub(super) fn bound(self, found: &[Candidate]) -> f32 {
        found.get(self.k - 1).map_or(f32::INFINITY, |kth| self.zero + self.factor * (kth.score() - self.zero))
    }
}

/// Expands candidates of `scratch.pool`, nearest first, until all that it holds are expanded or `stop` says so. The
/// pool holds the entry points when called, and the result after.
pub fn search_layer(graph: &Graph, scorer: &impl Scorer, layer: usize, stop: Option<Stop>, scratch: &mut Scratch) {
    let (mut hops, mut evaluations) = (0, 0);
    while let Some(candidate) = scratch.pool.pop() {
        if stop.is_some_and(|stop| candidate.score() > stop.bound(scratch.pool.candidates())) {
            break;
        }
        let node = candidate.slot();
        hops += 1;
        let degree = graph.row(node, layer).read(&mut scratch.links);
        if let Some(next) = scratch.pool.peek() {
            graph.prefetch(next);
        }
        let new = scratch.visited.insert_all(&scratch.links[..degree], &mut scratch.batch);
        evaluations += new as u32;
        scorer.score(&scratch.batch[..new], &mut scratch.scores[..new]);
        for (&slot, &score) in scratch.batch[..new].iter().zip(&scratch.scores) {
            scratch.pool.offer(Candidate::new(score, slot));
        }
    }
    scratch.count(layer, hops, evaluations);
}

/// Walks from `entry` down to `bottom`, on each layer above it to a node none of whose neighbours is nearer. Returns
/// where it arrived, to enter layer `bottom` from.
pub fn descend(
    graph: &Graph,
    scorer: &impl Scorer,
    entry: EntryPoint,
    bottom: usize,
    scratch: &mut Scratch,
) -> Candidate {
    let mut best = Candidate::new(scorer.score_one(entry.slot), entry.slot);
    scratch.count(entry.level, 0, 1);
    for layer in (bottom + 1..=entry.level).rev() {
        let (mut hops, mut evaluations) = (0, 0);
        loop {
            hops += 1;
            let degree = graph.row(best.slot(), layer).read(&mut scratch.links);
            scratch.batch.iter_mut().zip(&scratch.links[..degree]).for_each(|(slot, &link)| *slot = slot_of(link));
            scorer.score(&scratch.batch[..degree], &mut scratch.scores[..degree]);
            evaluations += degree as u32;
            let nearest =
                scratch.batch[..degree].iter().zip(&scratch.scores).map(|(&s, &d)| Candidate::new(d, s)).min();
            match nearest {
                Some(nearer) if nearer < best => best = nearer,
                _ => break,
            }
        }
        scratch.count(layer, hops, evaluations);
    }
    best
}
