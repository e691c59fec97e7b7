//! Blocks of queries against ranges of rows.

use std::sync::OnceLock;

use vicinal_kernels::prefetch;
use vicinal_kernels::tile::{Frame, Greatest, Limits, Queries, Rows, Source, Tiles, Unit};

use super::bounds::{Asked, Bounds, Sample};
use super::candidates::Candidates;
use super::copies::{Copies, Reading, Streamed};
use super::frame::Centre;
use super::measure::Measure;
use super::nearest::Nearest;
use super::stream::Stream;
use super::{Block, Plane, Space, Subset};
use crate::error::Result;
use crate::run::Run;
use crate::types::{Dtype, Matrix};

/// Bytes of coded rows that are multiplied together: the smaller part of a second-level cache.
const ROW_BYTES: usize = 256 << 10;
/// The least and greatest number of such rows.
const MIN_ROWS: usize = 64;
const MAX_ROWS: usize = 256;
/// Rows of the first block.
const FIRST_ROWS: usize = 32;
/// Bytes of coded queries that go through the rows together. They need not fit the second-level cache: each block of
/// rows reads them once, in order.
const QUERY_BYTES: usize = 2 << 20;
/// Rows that are looked at first for limits: a share of all, but not more than this.
const SAMPLE: usize = 2048;
const SAMPLE_SHARE: usize = 32;
/// More neighbours than this cost more to keep in order than their limits save.
const SAMPLE_K: usize = 64;
/// Queries that are streamed one by one and not coded.
pub const STREAM: usize = 6;
/// Bytes of rows that are streamed between two looks at whether the search was cancelled.
const STREAM_BYTES: usize = 1 << 20;
/// Candidates of a query that may wait to be measured, besides a few for each neighbour asked for.
const WAITING: usize = 1024;

/// What all parts of one search share.
pub(super) struct Scan<'a> {
    blocks: &'a [Block<'a>],
    /// The slots to search among; without them, all.
    subset: Option<Subset<'a>>,
    space: Space,
    queries: Matrix<'a>,
    k: usize,
    unit: Unit,
    tiles: Tiles,
    /// The frame of floats, once it was asked for; nothing else has one.
    centre: OnceLock<Option<Centre>>,
}

/// What a range of rows has for one query: the nearest of those measured so far, and rows that may be nearer.
pub(super) struct Partial {
    candidates: Candidates,
    nearest: Nearest,
    measured: u32,
}

/// Rows that are looked at together.
#[derive(Clone, Copy)]
enum Part<'a> {
    /// `count` rows of a block from `row` on.
    Run { block: &'a Block<'a>, row: usize, count: usize },
    /// The rows of these slots, and copies of them if there are any.
    Scattered(&'a [u32], Option<Streamed<'a>>),
}

impl Part<'_> {
    fn len(self) -> usize {
        match self {
            Part::Run { count, .. } => count,
            Part::Scattered(slots, _) => slots.len(),
        }
    }

    /// The slot of row `i` of the part.
    #[inline]
    fn slot(self, i: usize) -> u32 {
        match self {
            Part::Run { block, row, .. } => block.first_slot + (row + i) as u32,
            Part::Scattered(slots, _) => slots[i],
        }
    }
}

/// Copies of scattered rows, one after the other.
#[derive(Default)]
struct Gathered {
    hi: Vec<u8>,
    lo: Vec<u8>,
}

impl Gathered {
    /// Copies rows, at least one, and all of one kind.
    fn copy<'a>(&mut self, rows: impl Iterator<Item = Plane<'a>>) -> Plane<'_> {
        let mut like = Plane::Whole(&[]);
        self.hi.clear();
        self.lo.clear();
        for row in rows {
            like = row;
            match row {
                Plane::Whole(bytes) | Plane::Levels(bytes) => self.hi.extend_from_slice(bytes),
                Plane::Split { hi, lo } => {
                    self.hi.extend_from_slice(hi);
                    self.lo.extend_from_slice(lo);
                }
            }
        }
        match like {
            Plane::Split { .. } => Plane::Split { hi: &self.hi, lo: &self.lo },
            Plane::Levels(_) => Plane::Levels(&self.hi),
            Plane::Whole(_) => Plane::Whole(&self.hi),
        }
    }
}

impl<'a> Scan<'a> {
    /// Of at least one row, for at least one neighbour.
    pub fn new(
        unit: Unit,
        blocks: &'a [Block<'a>],
        subset: Option<Subset<'a>>,
        space: Space,
        queries: Matrix<'a>,
        k: usize,
    ) -> Self {
        let tiles = Tiles::new(unit, space.dtype.code(), space.dim);
        Scan { blocks, subset, space, queries, k, unit, tiles, centre: OnceLock::new() }
    }

    fn centre(&self) -> Option<&Centre> {
        let of = || (!self.tiles.exact()).then(|| Centre::of(self.blocks, self.space));
        self.centre.get_or_init(of).as_ref()
    }

    /// Queries to scan for at once, at most.
    pub fn queries_at_once(&self) -> usize {
        (QUERY_BYTES / self.tiles.code_bytes()).clamp(64, 8192)
    }

    /// What the rows `from..to`, counted over all blocks or over the subset, have for each of the queries
    /// `first..first + n`.
    pub fn scan(&self, first: usize, n: usize, from: usize, to: usize, run: &Run) -> Result<Vec<Partial>> {
        if n <= STREAM {
            return self.stream(first, n, from, to, run);
        }
        let (queries, bounds) = self.ask(first, n);
        let mut partials = self.partials(n);
        let mut limits = Limits::new(n);
        let sample = ((to - from) / SAMPLE_SHARE).min(SAMPLE).next_multiple_of(FIRST_ROWS);
        if self.k <= sample.min(SAMPLE_K) && sample < to - from {
            // A first look at some rows, only to know how near the others have to be.
            let mut greatest = Greatest::new(n, self.k);
            let mut seen = Sample::default();
            self.each_block(from, from + sample, &bounds, run, |rows, _| {
                seen.add(rows);
                self.tiles.gather(rows, &queries, &mut greatest);
            })?;
            for (query, partial) in partials.iter_mut().enumerate() {
                partial.candidates.lower(bounds.greatest(query, &seen, greatest.least(query)));
                let (weight, threshold) = bounds.limit(query, partial.candidates.bar());
                limits.set(query, weight, threshold);
            }
        }
        self.each_block(from, to, &bounds, run, |rows, part| {
            self.tiles.sweep(rows, &queries, &mut limits, &mut |rows, hits, limits| {
                let query = hits[0].query as usize;
                let partial = &mut partials[query];
                let mut sank = false;
                for hit in hits {
                    let keys = bounds.keys(query, rows, hit.row as usize, hit.value);
                    sank |= partial.candidates.offer(keys, part.slot(hit.row as usize));
                }
                if partial.candidates.len() > WAITING + 4 * self.k {
                    sank |= self.relieve(first + query, partial, |distance| bounds.key(query, distance));
                }
                if sank {
                    let (weight, threshold) = bounds.limit(query, partial.candidates.bar());
                    limits.set(query, weight, threshold);
                }
            });
        })?;
        Ok(partials)
    }

    /// Codes the rows `from..to`, as many at a time as suits the caches, and hands them on with their slots.
    fn each_block(
        &self,
        from: usize,
        to: usize,
        bounds: &Bounds,
        run: &Run,
        mut work: impl FnMut(&mut Rows, Part<'_>),
    ) -> Result<()> {
        let at_once = (ROW_BYTES / self.tiles.code_bytes()).clamp(MIN_ROWS, MAX_ROWS).next_multiple_of(FIRST_ROWS);
        let frame = self.centre().map_or(Frame::PLAIN, Centre::frame);
        let mut rows = self.tiles.rows(at_once.min(to - from));
        let mut gathered = Gathered::default();
        // Few at first: until there is a limit every row is a hit.
        let count = |row: usize, end: usize| (end - row).min(if row == from { FIRST_ROWS } else { at_once });
        self.each_part(from, to, count, run, |part| {
            let (plane, row) = match part {
                Part::Run { block, row, .. } => (block.plane, row),
                Part::Scattered(slots, _) => (gathered.copy(slots.iter().map(|&slot| self.row(slot))), 0),
            };
            self.tiles.code(&source(self.space.dtype, plane), row, part.len(), &frame, &mut rows);
            bounds.set_rows(&mut rows);
            work(&mut rows, part);
        })
    }

    /// Hands on the rows `from..to` in order, in parts of as many as `count` says for what is left, given where that
    /// begins and ends.
    fn each_part(
        &self,
        from: usize,
        to: usize,
        count: impl Fn(usize, usize) -> usize,
        run: &Run,
        mut work: impl FnMut(Part<'a>),
    ) -> Result<()> {
        let not_cancelled = || run.check();
        if let Some(Subset { slots, rows }) = self.subset {
            let mut row = from;
            while row < to {
                not_cancelled()?;
                let count = count(row, to);
                let part = |copies: &'a Copies| copies.part(row..row + count, self.space);
                work(Part::Scattered(&slots[row..row + count], rows.map(part)));
                row += count;
            }
            return Ok(());
        }
        let mut start = 0;
        for block in self.blocks {
            let mut row = from.saturating_sub(start).min(block.rows);
            let end = to.saturating_sub(start).min(block.rows);
            while row < end {
                not_cancelled()?;
                let count = count(start + row, start + end);
                work(Part::Run { block, row, count });
                row += count;
            }
            start += block.rows;
        }
        Ok(())
    }

    /// As [`Scan::scan`], with rows that are not coded.
    fn stream(&self, first: usize, n: usize, from: usize, to: usize, run: &Run) -> Result<Vec<Partial>> {
        let mut partials = self.partials(n);
        self.each_streamed(first, n, from, to, run, |query, slot, keys| {
            let partial = &mut partials[query];
            partial.candidates.offer(keys, slot);
            if partial.candidates.len() > WAITING + 4 * self.k {
                self.relieve(first + query, partial, f32::next_up);
            }
            partial.candidates.bar()
        })?;
        Ok(partials)
    }

    /// Calls `offer` with a query, a slot and its keys for each of the rows `from..to` that is not surely above the
    /// query's bar, which `offer` returns.
    fn each_streamed(
        &self,
        first: usize,
        n: usize,
        from: usize,
        to: usize,
        run: &Run,
        mut offer: impl FnMut(usize, u32, (f32, f32)) -> f32,
    ) -> Result<()> {
        let row_bytes = self.space.dtype.row_bytes(self.space.dim);
        let at_once = (STREAM_BYTES / row_bytes).max(1);
        let copied = self.subset.and_then(|subset| subset.rows).map(|copies| copies.reading);
        let reading = copied.unwrap_or_else(|| {
            let block = self.blocks.iter().find(|block| block.rows > 0).expect("there are rows");
            Reading::of(self.space, block.plane)
        });
        let queries = (first..first + n).map(|i| self.queries.row(i));
        let mut stream = Stream::new(self.unit.isa(), self.space, queries, reading, self.k);
        let count = |row: usize, end: usize| (end - row).min(at_once);
        self.each_part(from, to, count, run, |part| {
            let offer = |query: usize, row: usize, keys: (f32, f32)| offer(query, part.slot(row), keys);
            match part {
                Part::Run { block, row, count } => {
                    stream.run(Streamed { bytes: block.rows_streamed(row..row + count), norms: None }, offer);
                }
                Part::Scattered(_, Some(rows)) => stream.run(rows, offer),
                Part::Scattered(slots, None) => {
                    stream.run_scattered(slots.iter().map(|&slot| self.row(slot).streamed()), offer);
                }
            }
        })
    }

    /// Those of the rows `0..rows` whose distance from each of the queries `first..first + n` is at most `radius`,
    /// nearest first: what [`Scan::stream`] does, with a bar that does not move.
    pub fn within(&self, first: usize, n: usize, rows: usize, radius: f64, run: &Run) -> Result<Vec<Vec<(f32, u32)>>> {
        let mut near = vec![Vec::new(); n];
        // Distances are rounded to f32, and so may this be: no distance that is at most the radius is above it.
        let bar = (radius as f32).next_up();
        self.each_streamed(first, n, 0, rows, run, |query, slot, (least, _)| {
            if least <= bar {
                near[query].push((0.0, slot));
            }
            bar
        })?;
        for (query, near) in near.iter_mut().enumerate() {
            let mut measure = Measure::new(self.space, self.queries.row(first + query));
            near.iter_mut().for_each(|(distance, slot)| *distance = measure.distance(self.row(*slot)));
            near.retain(|&(distance, _)| f64::from(distance) <= radius);
            near.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        }
        Ok(near)
    }

    /// The row of a slot.
    fn row(&self, slot: u32) -> Plane<'a> {
        let block = &self.blocks[self.blocks.partition_point(|block| block.first_slot <= slot) - 1];
        block.row((slot - block.first_slot) as usize, self.space)
    }

    fn partials(&self, n: usize) -> Vec<Partial> {
        let partial = || Partial { candidates: Candidates::new(self.k), nearest: Nearest::new(self.k), measured: 0 };
        std::iter::repeat_with(partial).take(n).collect()
    }

    /// Codes queries.
    fn ask(&self, first: usize, n: usize) -> (Queries, Bounds) {
        let Space { dim, dtype, .. } = self.space;
        let Some(centre) = self.centre() else {
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
    fn relieve(&self, query: usize, partial: &mut Partial, key: impl Fn(f32) -> f32) -> bool {
        partial.candidates.sift();
        if partial.candidates.len() <= WAITING / 2 + 2 * self.k {
            return false;
        }
        self.measure(query, partial);
        partial.nearest.worst().is_some_and(|worst| partial.candidates.lower(key(worst)))
    }

    /// Measures all candidates that are left.
    fn measure(&self, query: usize, partial: &mut Partial) {
        let mut rows: Vec<(u32, Plane<'_>)> = Vec::with_capacity(partial.candidates.len());
        rows.extend(partial.candidates.take().map(|slot| (slot, self.row(slot))));
        for (_, row) in &rows {
            match row {
                Plane::Whole(bytes) | Plane::Levels(bytes) => prefetch(bytes.as_ptr(), bytes.len()),
                Plane::Split { hi, lo } => {
                    prefetch(hi.as_ptr(), hi.len());
                    prefetch(lo.as_ptr(), lo.len());
                }
            }
        }
        let mut measure = Measure::new(self.space, self.queries.row(query));
        for &(slot, row) in &rows {
            partial.nearest.offer(measure.distance(row), slot);
        }
        partial.measured += rows.len() as u32;
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

/// Rows as what codes them takes them.
pub fn source(dtype: Dtype, plane: Plane<'_>) -> Source<'_> {
    match (dtype, plane) {
        (Dtype::F32, Plane::Whole(bytes)) => Source::F32(bytes),
        (Dtype::F32, Plane::Split { hi, lo }) => Source::Split { hi, lo },
        (Dtype::F16, Plane::Whole(bytes)) => Source::F16(bytes),
        (Dtype::Bf16, Plane::Whole(bytes)) => Source::Bf16(bytes),
        (Dtype::I8, Plane::Whole(bytes)) => Source::I8(bytes),
        (Dtype::U8, Plane::Whole(bytes)) => Source::U8(bytes),
        (Dtype::Bits, Plane::Whole(bytes)) => Source::Bits(bytes),
        (Dtype::F32, Plane::Levels(bytes)) => Source::Levels(bytes),
        (dtype, plane) => unreachable!("{dtype:?} is not kept as {plane:?}"),
    }
}
