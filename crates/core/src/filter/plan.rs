//! Which way to search: walk the graph, walk it from match to match, or compare all that may be answered.
//!
//! What each way costs is estimated in nanoseconds of the machine that the constants were measured on
//! (`cargo run --release -p vicinal-core --example filter`; figures in docs/experiments.md). They are constants so that
//! a choice never depends on the machine, and only their ratios matter.

use super::patience::Patience;
use crate::flat::STREAM;
use crate::types::{Layout, Params, Plan};
use crate::vectors::{Codes, Form};

/// What the ways to search cost a query, in about nanoseconds.
#[derive(Clone, Copy, Debug)]
pub struct Costs {
    /// Of comparing all that may be answered.
    pub scan: f32,
    /// Of a walk, where matches are spread evenly.
    pub walk: f32,
    /// Of a walk that all it comes to matches.
    near: f32,
    /// Of a walk from match to match.
    pub two_hop: f32,
    /// Of one hop of a walk.
    hop: f32,
    /// Hops that a walk makes, relative to the most nodes that it would come to ([`reach`]).
    hops_of_reach: f32,
}

/// What is to be reckoned with.
#[derive(Clone, Copy, Debug)]
pub struct Task {
    /// Vectors of the index.
    pub slots: usize,
    /// Those that may be answered.
    pub matching: usize,
    /// Whether a filter says which those are.
    pub filtered: bool,
    /// Whether their rows were copied, one after the other, or will be.
    pub gathered: bool,
    /// Queries that are asked together.
    pub queries: usize,
    /// Neighbours wanted.
    pub k: usize,
    /// Length of the candidate list, at least `k`.
    pub ef: usize,
}

/// Of any search, before the first row is looked at.
const SETUP: f32 = 5000.0;
/// How many times what a walk would cost if all matches were near, a scan has to cost for a walk to be tried.
const WORTH: f32 = 1.7;
/// Hops from match to match, relative to the length of the list.
const JUMPS: f32 = 1.6;
/// Of looking through the links of a node that does not match.
const LOOK: f32 = 100.0;
/// Of a byte of rows that lie in order: where they fit the caches, and how much more where they are many more than that.
const BYTE: f32 = 0.04;
const FAR_BYTE: f32 = 0.04;
/// Bytes of rows that are as many.
const FAR: f32 = 4e6;

impl Costs {
    /// The costs of each query of a task.
    pub fn new(params: &Params, task: Task) -> Self {
        let Task { slots, matching, filtered, gathered, queries, k, ef } = task;
        let form = Form::of(params);
        let codes = Codes::of(params);
        let [read, scanned] = [form.walk_bytes(params.dim), form.scan_bytes(params.dim)].map(|bytes| bytes as f32);
        let row = match (queries <= STREAM, gathered || matching == slots) {
            // Rows in order stream; scattered ones are waited for.
            (true, true) => 2.0 + (BYTE + FAR_BYTE * (matching as f32 * scanned / FAR).min(1.0)) * scanned,
            (true, false) => 8.0 + 0.1 * scanned,
            // Coded once for all queries, then multiplied in tiles: fast as that is where the machine has AMX, it is
            // reckoned at half the speed, since most have not.
            (false, _) => 0.6 + 0.013 * params.dim as f32 + (3.0 + 0.1 * scanned) / queries as f32,
        };
        let links = 2.0 * params.m as f32;
        let measure = 10.0 + 0.15 * read;
        // Estimates keep more candidates within the bound than distances do.
        let (hop, hops_of_reach) = match params.layout {
            Layout::Fast => (150.0 + 0.25 * (codes.edges + codes.own) as f32, 0.75),
            Layout::Compact => (300.0 + links * (25.0 + 0.06 * read), 0.36),
        };
        let share = matching as f32 / slots.max(1) as f32;
        let hops = |share| hops_of_reach * reach(filtered, share, k, ef).min(slots as f32);
        // Rows are looked through until there are as many matches as a row has links; many were looked through before,
        // and many matches are known.
        let looked = (1.0 - share) * (0.9 / share).min(0.55 * links);
        let met = links * share.sqrt();
        let jump = 300.0 + 2.0 * links + looked * LOOK + met * (30.0 + measure);
        Costs {
            scan: SETUP + row * matching as f32,
            walk: SETUP + hop * hops(share),
            near: SETUP + hop * hops(1.0),
            two_hop: SETUP + jump * JUMPS * ef as f32,
            hop,
            hops_of_reach,
        }
    }

    /// The cheaper way of those that have the recall whatever matches: a walk from match to match may not come to those
    /// that are nearest if all are far (docs/experiments.md), and is left to who knows better. Where a scan costs much
    /// more than a walk would if the matches were near the query, that is tried: a walk soon knows, and gives up.
    pub fn cheapest(&self) -> Plan {
        if self.scan <= self.walk && self.scan <= WORTH * self.near { Plan::Scan } else { Plan::Graph }
    }

    /// What a way costs.
    pub fn of(&self, plan: Plan) -> f32 {
        match plan {
            Plan::Scan => self.scan,
            Plan::TwoHop => self.two_hop,
            Plan::Graph | Plan::GraphThenScan => self.walk,
        }
    }

    /// How long a walk may take before a scan is the better way, if `share` may be answered.
    pub fn patience(&self, share: f32) -> Patience {
        Patience { share, hops: self.scan / self.hop, hops_of_reach: self.hops_of_reach }
    }
}

/// How many ranks a walk looks at least, relative to that of the k-th answer, where only some may be answered.
const BEYOND: f32 = 1.6;

/// How many ranks a walk looks, relative to that of the k-th answer. Where all may be answered that is what the list
/// says. Where some are, the k-th answer lies at a rank of k by their share. To find so many needs a longer list, but
/// fewer times as long: halfway between the same list and one that is longer by as much as the rank.
#[inline(always)]
pub fn beyond(share: f32, k: usize, ef: usize) -> f32 {
    (ef as f32 / k as f32 * share.sqrt()).max(BEYOND)
}

/// How many nodes a walk may come to, for a share that may be answered, before it goes on only to what is nearer than
/// its answer: three times its list where that is all, half of it where it is few. Under a filter two thirds more: there
/// recall has to hold with the list as it is, while a user who asks for everyone measures how long a list it takes.
#[inline(always)]
pub fn reach(filtered: bool, share: f32, k: usize, ef: usize) -> f32 {
    let lists = if filtered { 2.5 } else { 1.5 };
    lists * (1.0 + share) * beyond(share, k, ef) * k as f32 / share
}
