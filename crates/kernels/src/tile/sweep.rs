//! Multiply and screen, written once over the units' kernels.

use std::array;

use super::rows::{BeginLine, Queries, Rows};
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

    /// Sets the limit of a query, also while a sweep is under way.
    pub fn set(&mut self, query: usize, weight: f32, threshold: f32) {
        assert!(query < self.len);
        self.weight[query] = weight;
        self.threshold[query] = threshold;
    }

    pub(super) fn check(&self, queries: &Queries) {
        assert_eq!(self.len, queries.len());
    }

    /// Weights and thresholds of a tile of queries.
    #[inline(always)]
    fn tile(&self, query: usize) -> (&[f32; TILE], &[f32; TILE]) {
        let tile = |of| <[f32]>::first_chunk(of).expect("limits are padded");
        (tile(&self.weight[query..]), tile(&self.threshold[query..]))
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

/// Who takes the hits of a sweep, and may raise the limits on the way.
pub(super) type Take<'a> = &'a mut dyn FnMut(&Rows, &[Hit], &mut Limits);

/// What is to be done with the products of a block of rows and a block of queries.
pub(super) enum Work<'a> {
    /// See [`Tiles::sweep`](super::Tiles::sweep).
    Sweep(&'a mut Limits, Take<'a>),
    /// See [`Tiles::gather`](super::Tiles::gather).
    Gather(&'a mut Greatest),
}

/// Does the work with a kernel.
///
/// # Safety
///
/// The kernel's unit is there and ready, and the operands belong together.
#[inline(always)]
pub(super) unsafe fn work<K: Kernel>(rows: &mut Rows, queries: &Queries, work: Work<'_>) {
    // SAFETY: the same contract.
    unsafe {
        match work {
            Work::Sweep(limits, take) => sweep::<K>(rows, queries, limits, take),
            Work::Gather(greatest) => gather::<K>(rows, queries, greatest),
        }
    }
}

/// # Safety
///
/// As of [`work`].
#[inline(always)]
unsafe fn sweep<K: Kernel>(rows: &mut Rows, queries: &Queries, limits: &mut Limits, take: Take<'_>) {
    let spreads = prepare::<K::Sum>(rows);
    let rows = &*rows;
    // SAFETY: zeros are sums.
    let mut block: Block<K::Sum> = unsafe { std::mem::zeroed() };
    // A pair of tiles of queries stays in the first-level cache while the rows pass by.
    for query in (0..queries.len()).step_by(PAIR) {
        let both = query + TILE < queries.len();
        for (pair, spread) in spreads.iter().enumerate() {
            let row = pair * PAIR;
            // SAFETY: the caller's promise; blocks are padded to whole pairs.
            unsafe { K::multiply(rows, row, queries, query, both, &mut block) };
            for (i, (sums, &spread)) in block.0.iter().zip(spread).enumerate() {
                for (j, sums) in sums.iter().enumerate() {
                    let (row, query) = (row + i * TILE, query + j * TILE);
                    let (weight, threshold) = limits.tile(query);
                    // SAFETY: the unit is there. Nothing passes where there is no query.
                    let passed = unsafe { K::screen(sums, spread, weight, threshold) };
                    if passed != 0 {
                        collect(passed, sums, rows, row, limits, query, take);
                    }
                }
            }
        }
    }
}

/// The greatest values so far of each query of a block, in the order of their size.
pub struct Greatest {
    len: usize,
    k: usize,
    /// For each tile of queries `k` lines of one value a query, the greatest first.
    lines: Vec<[f32; TILE]>,
}

impl Greatest {
    /// Room for `k` values of each of `len` queries.
    pub fn new(len: usize, k: usize) -> Self {
        Greatest { len, k, lines: vec![[f32::NEG_INFINITY; TILE]; len.next_multiple_of(PAIR) / TILE * k] }
    }

    /// The last, and least, of a query's values.
    pub fn least(&self, query: usize) -> f32 {
        self.lines[(query / TILE + 1) * self.k - 1][query % TILE]
    }

    pub(super) fn check(&self, queries: &Queries) {
        assert_eq!(self.len, queries.len());
    }
}

/// # Safety
///
/// As of [`work`].
#[inline(always)]
unsafe fn gather<K: Kernel>(rows: &mut Rows, queries: &Queries, greatest: &mut Greatest) {
    prepare::<K::Sum>(rows);
    let rows = &*rows;
    let k = greatest.k;
    // SAFETY: zeros are sums.
    let mut block: Block<K::Sum> = unsafe { std::mem::zeroed() };
    for query in (0..queries.len()).step_by(PAIR) {
        for row in (0..rows.len()).step_by(PAIR) {
            // SAFETY: the caller's promise; blocks are padded to whole pairs.
            unsafe { K::multiply(rows, row, queries, query, true, &mut block) };
            for (i, sums) in block.0.iter().enumerate() {
                let there = TILE.min(rows.len().saturating_sub(row + i * TILE));
                for (j, sums) in sums.iter().enumerate() {
                    let lines = &mut greatest.lines[(query / TILE + j) * k..][..k];
                    for sums in &sums[..there] {
                        insert(lines, sums.map(K::Sum::to_f32));
                    }
                }
            }
        }
    }
}

/// Inserts a value for each query of a tile: each sinks until it meets a smaller one, which sinks
/// on in its place.
#[inline(always)]
fn insert(lines: &mut [[f32; TILE]], mut values: [f32; TILE]) {
    let last = lines.last().expect("k is at least 1");
    if values.iter().zip(last).all(|(value, last)| value <= last) {
        return;
    }
    for line in lines {
        for (kept, value) in line.iter_mut().zip(&mut values) {
            (*kept, *value) = if *value > *kept { (*value, *kept) } else { (*kept, *value) };
        }
    }
}

/// Fills what the rows' sums begin with; returns the least and greatest spread of the tiles of
/// each pair.
#[inline(always)]
fn prepare<S: Sum>(rows: &mut Rows) -> Vec<[[f32; 2]; 2]> {
    for ((begin, &bias), &correction) in rows.begin.iter_mut().zip(&rows.bias).zip(&rows.corrections) {
        *begin = S::begin(bias, correction);
    }
    rows.begin_lines.clear();
    rows.begin_lines.extend(rows.begin.iter().map(|&begin| BeginLine([begin; TILE])));
    let tiles = rows.spread[..rows.len().next_multiple_of(PAIR)].as_chunks::<TILE>().0;
    let least = |tile: &[f32; TILE]| halve(*tile, |a, b| if a < b { a } else { b });
    let greatest = |tile: &[f32; TILE]| halve(*tile, |a, b| if a > b { a } else { b });
    tiles.as_chunks::<2>().0.iter().map(|pair| [0, 1].map(|i| [least(&pair[i]), greatest(&pair[i])])).collect()
}

/// Folds a tile's values, the halves onto each other until one is left.
#[inline(always)]
fn halve(mut values: [f32; TILE], fold: impl Fn(f32, f32) -> f32) -> f32 {
    for half in [8, 4, 2, 1] {
        for i in 0..half {
            values[i] = fold(values[i], values[i + half]);
        }
    }
    values[0]
}

/// Looks at each row of a tile for the queries that some of them may have passed for. Rare, and
/// so kept out of the loop that multiplies.
#[inline(never)]
fn collect<S: Sum>(
    mut passed: u32,
    sums: &Sums<S>,
    rows: &Rows,
    row: usize,
    limits: &mut Limits,
    query: usize,
    take: Take<'_>,
) {
    let there = TILE.min(rows.len().saturating_sub(row));
    let spread = &rows.spread[row..row + there];
    while passed != 0 {
        let q = passed.trailing_zeros() as usize;
        passed &= passed - 1;
        let (weight, threshold) = (limits.weight[query + q], limits.threshold[query + q]);
        let mut hits = [Hit { row: 0, query: (query + q) as u32, value: 0.0 }; TILE];
        let mut found = 0;
        for (r, (sums, &spread)) in sums.iter().zip(spread).enumerate() {
            let value = sums[q].to_f32();
            hits[found].row = (row + r) as u32;
            hits[found].value = value;
            // No branch: which of the rows it is can't be foreseen.
            found += usize::from(value + weight * spread >= threshold);
        }
        if found > 0 {
            take(rows, &hits[..found], limits);
        }
    }
}
