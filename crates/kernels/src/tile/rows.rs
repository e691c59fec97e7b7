//! Blocks of coded vectors.

use super::{PAIR, STEP, TILE, TILE_BYTES};

/// 64 bytes of codes, aligned to a cache line.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Line(pub(super) [u8; STEP]);

/// What the sums of a row begin with, once for each query of a tile.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct BeginLine(pub(super) [u32; TILE]);

/// A block of coded rows: tile by tile, and within those step by step.
pub struct Rows {
    steps: usize,
    len: usize,
    codes: Vec<Line>,
    /// Squared norm of each code; of exact codes the squared norm of the row, or its set bits.
    pub squares: Vec<f32>,
    /// How far the code may be from what it stands for, as the norm of the difference.
    pub residuals: Vec<f32>,
    /// Added to every product of the row. To be set before a sweep; integral if codes are exact.
    pub bias: Vec<f32>,
    /// See [`Tiles::sweep`](super::Tiles::sweep). To be set before a sweep.
    pub spread: Vec<f32>,
    /// What a product of codes is to be multiplied by, for this side of it.
    pub(super) scales: Vec<f32>,
    /// What is to be added to a sum of products because codes were shifted into another range.
    pub(super) corrections: Vec<i32>,
    /// What sums begin with, as bits of the kernel's type of sums; and the same, once for each
    /// query of a tile.
    pub(super) begin: Vec<u32>,
    pub(super) begin_lines: Vec<BeginLine>,
}

impl Rows {
    pub(super) fn new(steps: usize, capacity: usize) -> Self {
        let padded = capacity.next_multiple_of(PAIR);
        Rows {
            steps,
            len: 0,
            codes: vec![Line([0; STEP]); padded * steps],
            squares: vec![0.0; padded],
            residuals: vec![0.0; padded],
            bias: vec![0.0; padded],
            spread: vec![0.0; padded],
            scales: vec![0.0; padded],
            corrections: vec![0; padded],
            begin: vec![0; padded],
            begin_lines: Vec::new(),
        }
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Begins anew with `len` rows. What remains in the places after them is finite, and is never
    /// a hit.
    pub(super) fn start(&mut self, steps: usize, len: usize) {
        assert_eq!(steps, self.steps, "rows were made for other tiles");
        assert!(len <= self.squares.len(), "{len} rows where there is room for {}", self.squares.len());
        self.len = len;
    }

    pub(super) fn check(&self, steps: usize) {
        assert_eq!(steps, self.steps, "rows were made for other tiles");
        let padded = self.codes.len() / self.steps;
        assert!(self.len <= padded && self.bias.len() == padded && self.spread.len() == padded);
    }

    pub(super) fn steps(&self) -> usize {
        self.steps
    }

    /// The line of a row's code at a step.
    #[inline(always)]
    pub(super) fn line(&mut self, row: usize, step: usize) -> &mut [u8; STEP] {
        &mut self.codes[(row / TILE * self.steps + step) * TILE + row % TILE].0
    }

    /// The code of the tile that begins with `row`.
    #[inline(always)]
    pub(super) fn tile(&self, row: usize) -> *const u8 {
        self.codes.as_ptr().wrapping_add(row / TILE * self.steps * TILE).cast()
    }
}

/// A block of coded queries: as [`Rows`], but with each tile transposed.
pub struct Queries(Rows);

impl Queries {
    pub(super) fn from_rows(mut rows: Rows) -> Self {
        const WORDS: usize = TILE_BYTES / STEP;
        for tile in rows.codes.chunks_exact_mut(WORDS) {
            let word = |line: &Line, w: usize| -> [u8; 4] { std::array::from_fn(|i| line.0[4 * w + i]) };
            let words: [[[u8; 4]; TILE]; TILE] = std::array::from_fn(|w| std::array::from_fn(|q| word(&tile[q], w)));
            for (line, words) in tile.iter_mut().zip(&words) {
                line.0.copy_from_slice(words.as_flattened());
            }
        }
        Queries(rows)
    }

    /// How many queries there are.
    pub fn len(&self) -> usize {
        self.0.len
    }

    /// Whether there is no query.
    pub fn is_empty(&self) -> bool {
        self.0.len == 0
    }

    /// As [`Rows::squares`].
    pub fn squares(&self) -> &[f32] {
        &self.0.squares[..self.0.len]
    }

    /// As [`Rows::residuals`].
    pub fn residuals(&self) -> &[f32] {
        &self.0.residuals[..self.0.len]
    }

    pub(super) fn steps(&self) -> usize {
        self.0.steps
    }

    /// As [`Rows::tile`].
    #[inline(always)]
    pub(super) fn tile(&self, query: usize) -> *const u8 {
        self.0.tile(query)
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    pub(super) fn scales(&self) -> &[f32] {
        &self.0.scales
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    pub(super) fn corrections(&self) -> &[i32] {
        &self.0.corrections
    }
}
