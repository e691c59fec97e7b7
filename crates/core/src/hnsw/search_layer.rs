//! Algorithm 2, SEARCH-LAYER, and its case `ef = 1`, the greedy descent.

use super::gate::Gate;
use super::graph::{EntryPoint, Graph};
use super::observe::{End, Observer};
use super::pool::Candidate;
use super::row::slot_of;
use super::scratch::Scratch;
use super::two_hop::meet;
use crate::filter::Admission;
use crate::vectors::Scorer;

/// Expands candidates of `scratch.pool`, nearest first, until all that it holds are expanded or the gate says that what
/// is left lies too far, or that it takes too long; at most `most`. The pool holds the entry points when called. After, it holds the result if
/// everyone passes the gate; `scratch.measured` has those who passed otherwise.
pub fn search_layer<A: Admission>(
    graph: &Graph,
    scorer: &impl Scorer,
    layer: usize,
    mut gate: Gate<A>,
    most: usize,
    scratch: &mut Scratch,
    watch: &mut impl Observer,
) {
    let (mut hops, mut looked, mut evaluations) = (0, 0, 0);
    let mut end = End::Exhausted;
    while let Some(candidate) = scratch.pool.pop() {
        let found = if A::EVERYONE { &scratch.pool } else { &scratch.measured };
        let bound = gate.bound(found, hops);
        if candidate.score() > bound {
            end = End::Bound;
            break;
        }
        if !A::EVERYONE {
            gate.pass(graph, candidate, &mut scratch.measured);
        }
        let node = candidate.slot();
        hops += 1;
        let new = if A::TWO_HOP {
            let met = meet(graph, gate.admit, node, scratch);
            looked += met.looked as u32;
            met.new
        } else {
            let degree = graph.row(node, layer).read(&mut scratch.links);
            if let Some(next) = scratch.pool.peek() {
                graph.prefetch(next);
            }
            scratch.visited.insert_all(&scratch.links[..degree], &mut scratch.batch)
        };
        evaluations += new as u32;
        scorer.score(&scratch.batch[..new], &mut scratch.scores[..new]);
        watch.hop(layer, candidate, bound, &scratch.batch[..new], &scratch.scores[..new]);
        for (&slot, &score) in scratch.batch[..new].iter().zip(&scratch.scores) {
            scratch.pool.offer(Candidate::new(score, slot));
        }
        if hops as usize == most || gate.gives_up() {
            scratch.cut_short = true;
            end = End::Hops;
            break;
        }
    }
    watch.end(end);
    scratch.count(layer, hops + looked, evaluations);
}

/// Walks from `entry` down to `bottom`, on each layer above it to a node none of whose neighbours is nearer. Returns
/// where it arrived, to enter layer `bottom` from.
pub fn descend(
    graph: &Graph,
    scorer: &impl Scorer,
    entry: EntryPoint,
    bottom: usize,
    scratch: &mut Scratch,
    watch: &mut impl Observer,
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
            watch.hop(layer, best, best.score(), &scratch.batch[..degree], &scratch.scores[..degree]);
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
