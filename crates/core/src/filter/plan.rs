//! Which way to search: walk the graph, or compare all that may be answered.
//!
//! Either way's cost is estimated in nanoseconds of the machine that the constants were measured on
//! (docs/experiments.md). They are constants so that a choice never depends on the machine, and only their ratios
//! matter.

use crate::flat::STREAM;
use crate::types::{Dtype, Layout, Params};

/// What the ways to search cost a query, in about nanoseconds.
#[derive(Clone, Copy, Debug)]
pub struct Costs {
    /// Of comparing all that may be answered.
    pub scan: f32,
    /// Of one hop.
    hop: f32,
    /// Of a walk.
    pub walk: f32,
}

/// What is to be reckoned with.
#[derive(Clone, Copy, Debug)]
pub struct Task {
    /// Vectors of the index.
    pub slots: usize,
    /// Those that may be answered.
    pub matching: usize,
    /// Queries that are asked together.
    pub queries: usize,
    /// Neighbours wanted.
    pub k: usize,
    /// Length of the candidate list, at least `k`.
    pub ef: usize,
}

/// Of any search, before the first row is looked at.
const SETUP: f32 = 5000.0;
/// Hops that a walk makes, relative to the most that it would let it come to.
const HOPS: f32 = 0.8;

impl Costs {
    /// The costs of each query of a task.
    pub fn new(params: &Params, task: Task) -> Self {
        let Task { slots, matching, queries, k, ef } = task;
        let read = match params.dtype {
            Dtype::F32 => 2 * params.dim,
            dtype => dtype.row_bytes(params.dim),
        } as f32;
        let row = match (queries <= STREAM, matching == slots) {
            // Rows in order stream; scattered ones are waited for.
            (true, true) => 4.0 + 0.06 * read,
            (true, false) => 8.0 + 0.1 * read,
            // Coded once for all queries, then multiplied in tiles: fast as that is where the machine has AMX, it is
            // reckoned at half the speed, since most have not.
            (false, _) => 0.6 + 0.013 * params.dim as f32 + (3.0 + 0.1 * read) / queries as f32,
        };
        let links = 2.0 * params.m as f32;
        let hop = match params.layout {
            Layout::Fast => 150.0 + 0.25 * (params.code_bytes() as f32 + read),
            Layout::Compact => 100.0 + links * (4.0 + 0.35 * (10.0 + 0.15 * read)),
        };
        let share = matching as f32 / slots.max(1) as f32;
        let hops = HOPS * reach(share, k, ef).min(slots as f32);
        Costs { scan: SETUP + row * matching as f32, hop, walk: SETUP + hop * hops }
    }

    /// Whether a scan is the cheaper way.
    pub fn favour_scan(&self) -> bool {
        self.scan <= self.walk
    }

    /// Hops after which a walk gives up and a scan is made: when it has cost half as much again.
    pub fn most_hops(&self) -> usize {
        (1.5 * self.scan / self.hop) as usize
    }
}

/// How many ranks a walk looks at least, relative to that of the k-th answer, where only some may be answered.
const BEYOND: f32 = 1.4;

/// How many ranks a walk looks, relative to that of the k-th answer. Where all may be answered that is what the list
/// says. Where some are, the k-th answer lies at a rank of k by their share. To find so many needs a longer list, but
/// fewer times as long: halfway between the same list and one that is longer by as much as the rank.
#[inline(always)]
pub fn beyond(share: f32, k: usize, ef: usize) -> f32 {
    (ef as f32 / k as f32 * share.sqrt()).max(BEYOND)
}

/// How many nodes a walk may come to, for a share that may be answered, before it goes on only to what is nearer than
/// its answer: three times its list where that is all, half of it where it is few.
#[inline(always)]
pub fn reach(share: f32, k: usize, ef: usize) -> f32 {
    (1.5 + 1.5 * share) * beyond(share, k, ef) * k as f32 / share
}
