//! Multiply and screen, written once over the units' kernels.

use std::array;

use super::rows::{Queries, Rows};
use super::{PAIR, TILE};

/// A row and a query that passed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// The row, counted within its block.
    pub row: u32,
    /// The query, counted within its block.
    pub query: u32,
    /// Product and bias.
    pub value: f32,
}

/// What a row must reach for each query. See [`Tiles::sweep`](super::Tiles::sweep).
pub struct Limits {
    len: usize,
    weight: Vec<f32>,
    threshold: Vec<f32>,
}

impl Limits {
    /// Limits for `len` queries that every row reaches.
    pub fn new(len: usize) -> Self {
        let padded = len.next_multiple_of(PAIR);
        let mut threshold = vec![f32::INFINITY; padded];
        threshold[..len].fill(f32::NEG_INFINITY);
        Limits { len, weight: vec![0.0; padded], threshold }
    }

    /// Sets the limit of a query.
    pub fn set(&mut self, query: usize, weight: f32, threshold: f32) {
        assert!(query < self.len);
        self.weight[query] = weight;
        self.threshold[query] = threshold;
    }

    pub(super) fn check(&self, queries: &Queries) {
        assert_eq!(self.len, queries.len());
    }
}

/// The type of a kernel's sums.
pub(super) trait Sum: Copy {
    fn to_f32(self) -> f32;
    /// The bits of what a row's sums begin with.
    fn begin(bias: f32, correction: i32) -> u32;
    fn max(self, other: Self) -> Self;
}

impl Sum for f32 {
    #[inline(always)]
    fn to_f32(self) -> f32 {
        self
    }

    #[inline(always)]
    fn begin(bias: f32, _: i32) -> u32 {
        bias.to_bits()
    }

    #[inline(always)]
    fn max(self, other: f32) -> f32 {
        // One instruction, unlike `f32::max`, which minds NaN: there is none.
        if self > other { self } else { other }
    }
}

impl Sum for i32 {
    #[inline(always)]
    fn to_f32(self) -> f32 {
        self as f32
    }

    #[inline(always)]
    fn begin(bias: f32, correction: i32) -> u32 {
        (bias as i32).wrapping_add(correction) as u32
    }

    #[inline(always)]
    fn max(self, other: i32) -> i32 {
        Ord::max(self, other)
    }
}

/// The sums of one tile: a line for each row.
pub(super) type Sums<S> = [[S; TILE]; TILE];

/// Two tiles of rows by two of queries: `[of rows][of queries]`.
#[repr(C, align(64))]
pub(super) struct Block<S>(pub(super) [[Sums<S>; 2]; 2]);

/// One coding on one unit.
pub(super) trait Kernel {
    type Sum: Sum;

    /// The products of the rows `row..row + PAIR` and the queries `query..query + PAIR`; the
    /// second tile of queries is only wanted if `both`.
    ///
    /// # Safety
    ///
    /// The unit is there and ready, and both pairs lie within the blocks.
    unsafe fn multiply(
        rows: &Rows,
        row: usize,
        queries: &Queries,
        query: usize,
        both: bool,
        out: &mut Block<Self::Sum>,
    );

    /// Which queries of a tile some row may pass for: a bit each. `spread` is the least and the
    /// greatest of the tile's rows.
    ///
    /// # Safety
    ///
    /// The unit is there.
    #[inline(always)]
    unsafe fn screen(sums: &Sums<Self::Sum>, spread: [f32; 2], weight: &[f32; TILE], threshold: &[f32; TILE]) -> u32 {
        let mut best = sums[0];
        for sums in &sums[1..] {
            for (best, &sum) in best.iter_mut().zip(sums) {
                *best = best.max(sum);
            }
        }
        let passes: [bool; TILE] = array::from_fn(|q| {
            let reach = (weight[q] * spread[0]).max(weight[q] * spread[1]);
            best[q].to_f32() + reach >= threshold[q]
        });
        if passes.iter().fold(false, |any, &pass| any | pass) {
            passes.iter().enumerate().fold(0, |mask, (q, &pass)| mask | u32::from(pass) << q)
        } else {
            0
        }
    }
}

/// The whole of [`Tiles::sweep`](super::Tiles::sweep).
///
/// # Safety
///
/// The kernel's unit is there and ready, and `rows`, `queries` and `limits` belong together.
#[inline(always)]
pub(super) unsafe fn sweep<K: Kernel>(rows: &mut Rows, queries: &Queries, limits: &Limits, hits: &mut Vec<Hit>) {
    let spreads = prepare::<K::Sum>(rows);
    let rows = &*rows;
    // SAFETY: zeros are sums.
    let mut block: Block<K::Sum> = unsafe { std::mem::zeroed() };
    // A pair of queries stays in the first-level cache while the rows pass by.
    for query in (0..queries.len()).step_by(PAIR) {
        let both = query + TILE < queries.len();
        for row in (0..rows.len()).step_by(PAIR) {
            // SAFETY: the caller's promise; blocks are padded to whole pairs.
            unsafe { K::multiply(rows, row, queries, query, both, &mut block) };
            for (tile, sums) in block.0.iter().enumerate() {
                let row = row + tile * TILE;
                for (tile, sums) in sums.iter().enumerate().take(1 + usize::from(both)) {
                    let query = query + tile * TILE;
                    let weight = limits.weight[query..].first_chunk().expect("limits are padded");
                    let threshold = limits.threshold[query..].first_chunk().expect("limits are padded");
                    // SAFETY: the unit is there.
                    let passed = unsafe { K::screen(sums, spreads[row / TILE], weight, threshold) };
                    if passed != 0 {
                        collect(passed, sums, rows, row, limits, query, hits);
                    }
                }
            }
        }
    }
}

/// Fills what the rows' sums begin with; returns the least and greatest spread of each tile.
#[inline(always)]
fn prepare<S: Sum>(rows: &mut Rows) -> Vec<[f32; 2]> {
    for ((begin, &bias), &correction) in rows.begin.iter_mut().zip(&rows.bias).zip(&rows.corrections) {
        *begin = S::begin(bias, correction);
    }
    rows.begin_lines.clear();
    rows.begin_lines.extend(rows.begin.iter().map(|&begin| [begin; TILE]));
    let tiles = rows.spread[..rows.len().next_multiple_of(PAIR)].chunks_exact(TILE);
    let least = |tile: &[f32]| tile.iter().fold(f32::INFINITY, |a, &b| a.min(b));
    let greatest = |tile: &[f32]| tile.iter().fold(f32::NEG_INFINITY, |a, &b| a.max(b));
    tiles.map(|tile| [least(tile), greatest(tile)]).collect()
}

/// Looks at each row of a tile for the queries that some of them may have passed for.
#[inline(always)]
fn collect<S: Sum>(
    mut passed: u32,
    sums: &Sums<S>,
    rows: &Rows,
    row: usize,
    limits: &Limits,
    query: usize,
    hits: &mut Vec<Hit>,
) {
    let there = TILE.min(rows.len().saturating_sub(row));
    let spread = &rows.spread[row..row + there];
    while passed != 0 {
        let q = passed.trailing_zeros() as usize;
        passed &= passed - 1;
        let (weight, threshold) = (limits.weight[query + q], limits.threshold[query + q]);
        for (r, (sums, &spread)) in sums.iter().zip(spread).enumerate() {
            let value = sums[q].to_f32();
            if value + weight * spread >= threshold {
                hits.push(Hit { row: (row + r) as u32, query: (query + q) as u32, value });
            }
        }
    }
}
