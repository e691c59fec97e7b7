//! Blocks of queries against ranges of rows.

use vicinal_kernels::prefetch;
use vicinal_kernels::tile::{Frame, Hit, Limits, Queries, Source, Tiles, Unit};

use super::bounds::{Asked, Bounds};
use super::candidates::Candidates;
use super::frame::Centre;
use super::measure::Measure;
use super::nearest::Nearest;
use super::{Block, Plane, Space};
use crate::error::{Error, Result};
use crate::run::Run;
use crate::types::{Dtype, Matrix};

/// Rows that are coded at once: with a pair of tiles of queries they fit the first-level cache.
const ROWS: usize = 64;
/// Rows of the first block, every one of which is a hit.
const FIRST_ROWS: usize = 32;
/// Bytes of coded queries that go through the rows together: a part of the second-level cache.
const QUERY_BYTES: usize = 512 << 10;
/// Candidates of a query that may wait to be measured, besides a few for each neighbour asked for.
const WAITING: usize = 1024;

/// What all parts of one search share.
pub(super) struct Scan<'a> {
    blocks: &'a [Block<'a>],
    space: Space,
    queries: Matrix<'a>,
    k: usize,
    tiles: Tiles,
    /// The frame of floats; nothing else has one.
    centre: Option<Centre>,
}

/// What a range of rows has for one query: the nearest of those measured so far, and rows that may be nearer.
pub(super) struct Partial {
    candidates: Candidates,
    nearest: Nearest,
    measured: u32,
}

impl<'a> Scan<'a> {
    /// Of at least one row, for at least one neighbour.
    pub fn new(unit: Unit, blocks: &'a [Block<'a>], space: Space, queries: Matrix<'a>, k: usize) -> Self {
        let tiles = Tiles::new(unit, space.dtype.code(), space.dim);
        let centre = (!tiles.exact()).then(|| Centre::of(blocks, space));
        Scan { blocks, space, queries, k, tiles, centre }
    }

    /// Queries to scan for at once, at most.
    pub fn queries_at_once(&self) -> usize {
        (QUERY_BYTES / self.tiles.code_bytes()).clamp(64, 4096)
    }

    /// What the rows `from..to`, counted over all blocks, have for each of the queries `first..first + n`.
    pub fn scan(&self, first: usize, n: usize, from: usize, to: usize, run: &Run) -> Result<Vec<Partial>> {
        let (queries, bounds) = self.ask(first, n);
        let partial = || Partial { candidates: Candidates::new(self.k), nearest: Nearest::new(self.k), measured: 0 };
        let mut partials: Vec<Partial> = std::iter::repeat_with(partial).take(n).collect();
        let mut limits = Limits::new(n);
        let mut rows = self.tiles.rows(ROWS);
        let mut hits = Vec::new();
        let frame = self.centre.as_ref().map_or(Frame::PLAIN, Centre::frame);
        let mut start = 0;
        for block in self.blocks {
            let source = source(self.space.dtype, block.plane);
            let mut row = from.saturating_sub(start).min(block.rows);
            let end = to.saturating_sub(start).min(block.rows);
            while row < end {
                if run.is_cancelled() {
                    return Err(Error::Cancelled);
                }
                let count = (end - row).min(if start + row == from { FIRST_ROWS } else { ROWS });
                self.tiles.code(&source, row, count, &frame, &mut rows);
                bounds.set_rows(&mut rows);
                hits.clear();
                self.tiles.sweep(&mut rows, &queries, &limits, &mut hits);
                let slot = block.first_slot + row as u32;
                for &Hit { row, query, value } in &hits {
                    let partial = &mut partials[query as usize];
                    let keys = bounds.keys(query as usize, &rows, row as usize, value);
                    let mut sank = partial.candidates.offer(keys, slot + row);
                    if partial.candidates.len() > WAITING + 4 * self.k {
                        sank |= self.relieve(first, query as usize, partial, &bounds);
                    }
                    if sank {
                        let (weight, threshold) = bounds.limit(query as usize, partial.candidates.bar());
                        limits.set(query as usize, weight, threshold);
                    }
                }
                row += count;
            }
            start += block.rows;
        }
        Ok(partials)
    }

    /// Codes queries.
    fn ask(&self, first: usize, n: usize) -> (Queries, Bounds) {
        let Space { dim, dtype, .. } = self.space;
        let Some(centre) = &self.centre else {
            let queries = self.tiles.queries(&source(dtype, Plane::Whole(self.queries.bytes)), first, n, &Frame::PLAIN);
            let bounds = Bounds::new(self.space, &self.tiles, 1.0, &queries, vec![Asked::default(); n]);
            return (queries, bounds);
        };
        let mut floats = vec![0.0; n * dim];
        let dtype = if dtype.is_float() { Dtype::F32 } else { dtype };
        let enter = |(i, out)| centre.enter(dtype, self.queries.row(first + i), out);
        let asked = floats.chunks_exact_mut(dim).enumerate().map(enter).collect();
        let queries = self.tiles.queries(&Source::F32(bytemuck::cast_slice(&floats)), 0, n, &Frame::PLAIN);
        let bounds = Bounds::new(self.space, &self.tiles, centre.scale(), &queries, asked);
        (queries, bounds)
    }

    /// Too many candidates wait, because the codes can't tell them apart: measures them.
    #[cold]
    fn relieve(&self, first: usize, query: usize, partial: &mut Partial, bounds: &Bounds) -> bool {
        partial.candidates.sift();
        if partial.candidates.len() <= WAITING / 2 + 2 * self.k {
            return false;
        }
        self.measure(first + query, partial);
        partial.nearest.worst().is_some_and(|worst| partial.candidates.lower(bounds.key(query, worst)))
    }

    /// Measures all candidates that are left.
    fn measure(&self, query: usize, partial: &mut Partial) {
        let row_bytes = self.space.dtype.row_bytes(self.space.dim);
        let row = |slot: u32| {
            let block = &self.blocks[self.blocks.partition_point(|block| block.first_slot <= slot) - 1];
            block.row((slot - block.first_slot) as usize, row_bytes)
        };
        let slots: Vec<u32> = partial.candidates.take().collect();
        for &slot in &slots {
            match row(slot) {
                Plane::Whole(bytes) => prefetch(bytes.as_ptr(), bytes.len()),
                Plane::Split { hi, lo } => {
                    prefetch(hi.as_ptr(), hi.len());
                    prefetch(lo.as_ptr(), lo.len());
                }
            }
        }
        let mut measure = Measure::new(self.space, self.queries.row(query));
        for &slot in &slots {
            partial.nearest.offer(measure.distance(row(slot)), slot);
        }
        partial.measured += slots.len() as u32;
    }

    /// The nearest of all ranges of rows for a query, and how many rows were measured for it.
    pub fn finish(&self, query: usize, partials: impl Iterator<Item = Partial>) -> (Nearest, u32) {
        let merged = partials.reduce(|mut merged, partial| {
            merged.candidates.merge(partial.candidates);
            merged.nearest.merge(partial.nearest);
            merged.measured += partial.measured;
            merged
        });
        let mut merged = merged.expect("there is at least one range of rows");
        self.measure(query, &mut merged);
        (merged.nearest, merged.measured)
    }
}

fn source(dtype: Dtype, plane: Plane<'_>) -> Source<'_> {
    match (dtype, plane) {
        (Dtype::F32, Plane::Whole(bytes)) => Source::F32(bytes),
        (Dtype::F32, Plane::Split { hi, lo }) => Source::Split { hi, lo },
        (Dtype::F16, Plane::Whole(bytes)) => Source::F16(bytes),
        (Dtype::Bf16, Plane::Whole(bytes)) => Source::Bf16(bytes),
        (Dtype::I8, Plane::Whole(bytes)) => Source::I8(bytes),
        (Dtype::U8, Plane::Whole(bytes)) => Source::U8(bytes),
        (Dtype::Bits, Plane::Whole(bytes)) => Source::Bits(bytes),
        (dtype, Plane::Split { .. }) => unreachable!("only f32 is kept in two planes, not {dtype:?}"),
    }
}
