//! Exact search: every row is visited, and the nearest `k` are the true ones.
//!
//! What holds for every answer, whatever the instruction set, the number of threads, the batch a query came in and
//! the blocks the rows lie in: a distance is computed in f64 (integers: exactly) by the fixed order of additions of
//! [`Measure`], and rounded to f32 once; neighbours are ordered by that f32, equal ones by slot.

mod bounds;
mod candidates;
mod copies;
mod frame;
mod measure;
mod nearest;
mod scan;
mod stream;
#[cfg(test)]
mod tests;

pub use copies::Copies;
pub use measure::{Measure, floats};
pub use nearest::Nearest;
pub use scan::{STREAM, source};

use std::ops::Range;

use parking_lot::Mutex;
use vicinal_kernels::levels;
use vicinal_kernels::tile::{Unit, unit};

use crate::error::{Error, Result};
use crate::hits;
use crate::run::Run;
use crate::types::{Counters, Dtype, Hits, MAX_DIM, Matrix, Metric, Plan, check_metric};
use crate::vectors::{check_queries, check_rows};
use scan::{Partial, Scan};

/// Consecutive rows of a store, in consecutive slots.
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    /// Slot of the first row.
    pub first_slot: u32,
    /// How many rows.
    pub rows: usize,
    /// Their bytes.
    pub plane: Plane<'a>,
}

/// How the rows of a [`Block`] lie in memory: one after the other, without gaps.
#[derive(Clone, Copy, Debug)]
pub enum Plane<'a> {
    /// Rows of the stored dtype.
    Whole(&'a [u8]),
    /// f32 rows as two 16-bit planes (see [`crate::vectors::split_f32`]).
    Split {
        /// The nearest bf16 of each component.
        hi: &'a [u8],
        /// The low half of each component's bits.
        lo: &'a [u8],
    },
    /// Rows of [`vicinal_kernels::levels`], which stand for f32.
    Levels(&'a [u8]),
}

impl<'a> Block<'a> {
    /// What few queries are compared with of some rows.
    fn rows_streamed(&self, rows: Range<usize>) -> &'a [u8] {
        let bytes = self.plane.streamed();
        let row_bytes = bytes.len() / self.rows;
        &bytes[rows.start * row_bytes..rows.end * row_bytes]
    }

    /// Row `i` of the block.
    fn row(&self, i: usize, space: Space) -> Plane<'a> {
        let part = |bytes: &'a [u8], len: usize| &bytes[i * len..(i + 1) * len];
        match self.plane {
            Plane::Whole(bytes) => Plane::Whole(part(bytes, space.dtype.row_bytes(space.dim))),
            Plane::Split { hi, lo } => Plane::Split { hi: part(hi, 2 * space.dim), lo: part(lo, 2 * space.dim) },
            Plane::Levels(bytes) => Plane::Levels(part(bytes, levels::row_bytes(space.dim))),
        }
    }
}

/// The slots to search among, of all that [`Block`]s have.
#[derive(Clone, Copy, Debug)]
pub struct Subset<'a> {
    /// Ascending; all are there.
    pub slots: &'a [u32],
    /// Copies of their rows, if somebody made them.
    pub rows: Option<&'a Copies>,
}

impl<'a> Plane<'a> {
    /// What few queries are compared with, before the nearest are measured.
    pub fn streamed(self) -> &'a [u8] {
        match self {
            Plane::Whole(bytes) | Plane::Levels(bytes) | Plane::Split { hi: bytes, .. } => bytes,
        }
    }
}

/// The space that rows and queries live in.
#[derive(Clone, Copy, Debug)]
pub struct Space {
    /// Components of a vector.
    pub dim: usize,
    /// The metric.
    pub metric: Metric,
    /// The stored dtype.
    pub dtype: Dtype,
}

/// The `k` nearest of `rows` for each query, without an index; ids are row numbers.
///
/// Rows are of `dtype`, queries f32 where that is a float and of `dtype` otherwise. Values are checked first.
pub fn knn(
    rows: Matrix<'_>,
    queries: Matrix<'_>,
    dim: usize,
    metric: Metric,
    dtype: Dtype,
    k: usize,
    run: &Run,
) -> Result<Hits> {
    if dim == 0 || dim > MAX_DIM {
        return Err(Error::invalid(format!("dim must be from 1 to {MAX_DIM}, not {dim}")));
    }
    if rows.rows > u32::MAX as usize {
        return Err(Error::invalid(format!("{} rows are too many; at most {} can be searched", rows.rows, u32::MAX)));
    }
    check_metric(metric, dtype)?;
    check_rows(rows, dim, metric, dtype, "row")?;
    check_queries(queries, dim, metric, dtype)?;
    let block = Block { first_slot: 0, rows: rows.rows, plane: Plane::Whole(rows.bytes) };
    search(&[block], None, Space { dim, metric, dtype }, queries, k, false, run)
}

/// The `k` nearest rows of `blocks` for each query, as slots: of all rows, or of those in `subset`. Rows and queries passed the checks of [`crate::vectors`], and their
/// buffers have the lengths that `space` asks for.
pub fn search(
    blocks: &[Block<'_>],
    subset: Option<Subset<'_>>,
    space: Space,
    queries: Matrix<'_>,
    k: usize,
    counters: bool,
    run: &Run,
) -> Result<Hits> {
    search_on(unit(), blocks, subset, space, queries, k, counters, run)
}

/// The rows of `blocks`, as slots, whose distance from each query is at most `radius`, nearest first. Otherwise as
/// [`search`].
pub fn within(
    blocks: &[Block<'_>],
    subset: Option<Subset<'_>>,
    space: Space,
    queries: Matrix<'_>,
    radius: f64,
    run: &Run,
) -> Result<Vec<Vec<(f32, u32)>>> {
    let rows = subset.map_or_else(|| blocks.iter().map(|block| block.rows).sum(), |subset| subset.slots.len());
    if rows == 0 {
        return Ok(vec![Vec::new(); queries.rows]);
    }
    let scan = Scan::new(unit(), blocks, subset, space, queries, 1);
    let together = queries.rows.div_ceil(run.threads_for(usize::MAX)).clamp(1, STREAM);
    let found: Vec<Mutex<Vec<_>>> = (0..queries.rows.div_ceil(together)).map(|_| Mutex::default()).collect();
    run.for_each_uncounted(
        found.len(),
        1,
        || (),
        |(), group| {
            let (first, n) = (group * together, together.min(queries.rows - group * together));
            *found[group].lock() = scan.within(first, n, rows, radius, run)?;
            run.advance(n as u64);
            Ok(())
        },
    )?;
    Ok(found.into_iter().flat_map(Mutex::into_inner).collect())
}

/// [`search`], with the products computed by a given unit.
#[allow(clippy::too_many_arguments)] // one call, from one place and the tests
fn search_on(
    unit: Unit,
    blocks: &[Block<'_>],
    subset: Option<Subset<'_>>,
    space: Space,
    queries: Matrix<'_>,
    k: usize,
    counters: bool,
    run: &Run,
) -> Result<Hits> {
    let mut hits = hits::room(queries.rows, k, counters)?;
    let outputs = hits::outputs(&mut hits)?;
    let rows = subset.map_or_else(|| blocks.iter().map(|block| block.rows).sum(), |subset| subset.slots.len());
    let write = |query: usize, nearest: Nearest, reranked: u32| {
        let nearest = nearest.into_sorted().map(|(distance, slot)| (i64::from(slot), distance));
        let cost = Counters {
            distance_evaluations: rows as u64,
            reranked,
            matching: rows as u64,
            plan: Plan::Scan,
            ..Counters::default()
        };
        outputs[query].lock().write(nearest, &cost, run)
    };
    if rows > 0 {
        let scan = Scan::new(unit, blocks, subset, space, queries, k.min(rows));
        search_all(&scan, rows, queries, run, &write)?;
    } else {
        run.for_each(queries.rows, 1, || (), |(), query| write(query, Nearest::new(1), 0))?;
    }
    drop(outputs);
    Ok(hits)
}

/// Fewer rows than this for each range are not worth a range of their own.
const RANGE: usize = 4096;
/// Blocks of queries for each thread between two meetings of all threads.
const ROUND: usize = 4;

/// Hands the nearest of each query to `write`, with how many rows were measured for it.
fn search_all(
    scan: &Scan<'_>,
    rows: usize,
    queries: Matrix<'_>,
    run: &Run,
    write: &(impl Fn(usize, Nearest, u32) -> Result<()> + Sync),
) -> Result<()> {
    let threads = run.threads_for(usize::MAX);
    // Blocks of queries first: each has to code all rows, but shares the thresholds that it finds. If there are not
    // enough of them, they are made smaller, but not small; then rows are divided.
    let block = scan.queries_at_once().min(queries.rows.div_ceil(threads).max(256)).min(queries.rows).max(1);
    let query_blocks = queries.rows.div_ceil(block);
    let ranges = threads.div_ceil(query_blocks.max(1)).min(rows.div_ceil(RANGE));
    let range = rows.div_ceil(ranges);
    let mut first_block = 0;
    while first_block < query_blocks {
        let round = (query_blocks - first_block).min(ROUND * threads);
        let partials: Vec<Mutex<Vec<Option<Partial>>>> = (0..round * ranges).map(|_| Mutex::default()).collect();
        let first_query = |i: usize| (first_block + i) * block;
        let of_block = |i: usize| block.min(queries.rows - first_query(i));
        run.for_each_uncounted(
            round * ranges,
            1,
            || (),
            |(), item| {
                let (i, r) = (item / ranges, item % ranges);
                let (from, to) = (r * range, ((r + 1) * range).min(rows));
                let found = scan.scan(first_query(i), of_block(i), from, to, run)?;
                *partials[item].lock() = found.into_iter().map(Some).collect();
                Ok(())
            },
        )?;
        let queries_of_round = (0..round).map(of_block).sum();
        run.for_each(
            queries_of_round,
            16,
            || (),
            |(), place| {
                let (i, q) = (place / block, place % block);
                let parts = (0..ranges).filter_map(|r| partials[i * ranges + r].lock()[q].take());
                let (nearest, measured) = scan.finish(first_query(i) + q, parts);
                write(first_query(i) + q, nearest, measured)
            },
        )?;
        first_block += round;
    }
    Ok(())
}
