//! The spanning tree of a batch: edges that pruning may not cut. See [`super::super::adopt`].
//!
//! Inserting one by one, each node is adopted by the nearest that is in. Here all edges are known at once, and the
//! shortest that join what was apart make the tree (Kruskal's): those that the occlusion rule spares in any case.

use super::super::adopt::{Forest, protected};
use super::super::graph::Graph;
use super::super::pool::Candidate;
use super::order::in_order;
use crate::error::{Error, Result};
use crate::run::Run;
use crate::vectors::{Scorer, Vectors};

/// Edges of each node, nearest first, that are tried before all others: most of the tree is among them.
const FIRST: usize = 4;
/// Nodes that are asked to adopt one that no edge joins to the others.
const ASKED: usize = 1024;

/// Protected edges, from both ends, by slot.
pub struct Tree(Vec<(u32, u32)>);

impl Tree {
    /// The slots that protected edges of the batch join to this one.
    pub fn of(&self, slot: u32) -> impl Iterator<Item = u32> {
        let start = self.0.partition_point(|&(from, _)| from < slot);
        self.0[start..].iter().take_while(move |&&(from, _)| from == slot).map(|&(_, to)| to)
    }
}

/// Joins the new among `nodes`, which are those from `first` on, to each other and to the old, which are a tree
/// already. `edges_of` are the edges that a new node chose, nearest first.
pub fn plant(
    graph: &Graph,
    vectors: &Vectors,
    nodes: &[u32],
    first: u32,
    edges_of: impl Fn(u32) -> Vec<Candidate>,
    run: &Run,
) -> Result<Tree> {
    let slots = nodes.last().map_or(0, |&slot| slot as usize + 1);
    let (old, new) = nodes.split_at(nodes.partition_point(|&slot| slot < first));
    let mut forest = Forest::new(graph, slots);
    let mut links = vec![0; graph.capacity(0)];
    for &slot in old {
        let degree = graph.row(slot, 0).read(&mut links);
        forest.take(slot, old[0], protected(&links[..degree]));
    }
    for range in [0..FIRST, FIRST..usize::MAX] {
        let mut edges = Vec::new();
        for (i, &slot) in new.iter().enumerate() {
            if i % 1024 == 0 && run.is_cancelled() {
                return Err(Error::Cancelled);
            }
            let candidates = edges_of(slot).into_iter().take(range.end).skip(range.start);
            let root = forest.root(slot);
            edges.extend(candidates.filter(|c| forest.root(c.slot()) != root).map(|c| (c, slot)));
        }
        in_order(edges, run, |(candidate, slot)| _ = forest.join(slot, candidate.slot()))?;
    }
    join_the_rest(vectors, nodes, &mut forest, run)?;
    let joined = forest.into_joined();
    let mut tree = Tree(Vec::with_capacity(joined.len()));
    in_order(joined, run, |edge| tree.0.push(edge))?;
    Ok(tree)
}

/// Joins what no edge joins: tight clusters of more nodes than a node has candidates, or nodes whose neighbours have
/// adopted as many as they may.
fn join_the_rest(vectors: &Vectors, nodes: &[u32], forest: &mut Forest, run: &Run) -> Result<()> {
    let mut query = Vec::new();
    for (i, &slot) in nodes.iter().enumerate() {
        if i % 1024 == 0 && run.is_cancelled() {
            return Err(Error::Cancelled);
        }
        // A tree has leaves: if this node has no room, a later one of its tree has.
        if forest.root(slot) == nodes[0] || !forest.has_room(slot) {
            continue;
        }
        if run.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let mut may_adopt = |&node: &u32| forest.root(node) == nodes[0] && forest.has_room(node);
        let step = nodes.len().div_ceil(ASKED);
        let mut homes: Vec<u32> = nodes.iter().copied().step_by(step).filter(|node| may_adopt(node)).collect();
        if homes.is_empty() {
            homes.extend(nodes.iter().copied().find(|node| may_adopt(node)));
        }
        // SAFETY: the slots of the batch were written.
        unsafe { vectors.read_query(slot, &mut query) };
        let mut scores = vec![0.0; homes.len()];
        vectors.scorer_from(slot, &query, None).score(&homes, &mut scores);
        let nearest = homes.iter().zip(scores).map(|(&slot, score)| Candidate::new(score, slot)).min();
        forest.join(slot, nearest.expect("a tree has leaves, and leaves have room").slot());
    }
    Ok(())
}
