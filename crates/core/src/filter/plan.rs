//! Which way to search: walk the graph, or compare all that may be answered.
//!
//! Either way's cost is estimated in nanoseconds of the machine that the constants were measured on
//! (docs/experiments.md). They are constants so that a choice never depends on the machine, and only their ratios
//! matter.

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

/// Share of `ef` that an early stop leaves of the hops.
const HOPS: f32 = 0.7;

impl Costs {
    /// For `queries` asked at once of an index of `slots` vectors, of which `matching` may be answered; `ef` is what a
    /// walk would take.
    pub fn new(params: &Params, slots: usize, matching: usize, queries: usize, ef: usize) -> Self {
        let read = match params.dtype {
            Dtype::F32 => 2 * params.dim,
            dtype => dtype.row_bytes(params.dim),
        } as f32;
        let row = match (queries, matching == slots) {
            // Rows in order stream; scattered ones are waited for.
            (0..=6, true) => 3.0 + read / 20.0,
            (0..=6, false) => 8.0 + read / 10.0,
            // Coded once for all queries, then multiplied in tiles.
            _ => 1.0 + 0.01 * params.dim as f32 + read / queries as f32,
        };
        let links = 2.0 * params.m as f32;
        let hop = match params.layout {
            Layout::Fast => 120.0 + params.code_bytes() as f32 / 10.0 + read / 10.0,
            Layout::Compact => 60.0 + links * (4.0 + 0.4 * (10.0 + read / 10.0)),
        };
        Costs { scan: 1000.0 + row * matching as f32, hop, walk: hop * HOPS * ef as f32 }
    }

    /// Whether a scan is the cheaper way.
    pub fn favour_scan(&self) -> bool {
        self.scan <= self.walk
    }

    /// Hops after which a walk has cost what a scan would have.
    pub fn most_hops(&self) -> usize {
        (self.scan / self.hop) as usize
    }
}
