//! Exact search: every row is visited, and the nearest `k` are the true ones.
//!
//! What holds for every answer, whatever the instruction set, the number of threads, the batch a query came in and
//! the blocks the rows lie in: a distance is computed in f64 (integers: exactly) by the fixed order of additions of
//! [`Measure`], and rounded to f32 once; neighbours are ordered by that f32, equal ones by slot.

mod measure;
mod nearest;
#[cfg(test)]
mod tests;

pub use measure::Measure;

use crate::error::{Error, Result};
use crate::run::Run;
use crate::types::{Counters, Dtype, Hits, MAX_DIM, Matrix, Metric, check_metric};
use crate::vectors::{check_queries, check_rows};
use nearest::Nearest;

/// Queries that share one walk over the rows.
const QUERIES: usize = 64;
/// Rows between two looks at the cancel flag.
const ROWS: usize = 4096;

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
}

impl<'a> Block<'a> {
    /// Row `i` of the block.
    fn row(&self, i: usize, row_bytes: usize) -> Plane<'a> {
        let part = |bytes: &'a [u8], len: usize| &bytes[i * len..(i + 1) * len];
        match self.plane {
            Plane::Whole(bytes) => Plane::Whole(part(bytes, row_bytes)),
            Plane::Split { hi, lo } => Plane::Split { hi: part(hi, row_bytes / 2), lo: part(lo, row_bytes / 2) },
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
    search(&[block], Space { dim, metric, dtype }, queries, k, false, run)
}

/// The `k` nearest rows of `blocks` for each query, as slots. Rows and queries passed the checks of
/// [`crate::vectors`], and their buffers have the lengths that `space` asks for.
pub fn search(
    blocks: &[Block<'_>],
    space: Space,
    queries: Matrix<'_>,
    k: usize,
    counters: bool,
    run: &Run,
) -> Result<Hits> {
    if k == 0 {
        return Err(Error::invalid("k must be at least 1"));
    }
    let rows: usize = blocks.iter().map(|block| block.rows).sum();
    let found = k.min(rows);
    let length =
        queries.rows.checked_mul(k).ok_or_else(|| Error::OutOfMemory(format!("{} x {k} hits", queries.rows)))?;
    let mut ids = Vec::new();
    let mut distances = Vec::new();
    ids.try_reserve_exact(length)
        .and_then(|()| distances.try_reserve_exact(length))
        .map_err(|e| Error::OutOfMemory(format!("{} queries x {k} hits: {e}", queries.rows)))?;
    ids.resize(length, -1);
    distances.resize(length, f32::INFINITY);

    let outputs: Vec<_> =
        ids.chunks_mut(k).zip(distances.chunks_mut(k)).map(|pair| parking_lot::Mutex::new(pair)).collect();
    let row_bytes = space.dtype.row_bytes(space.dim);
    run.for_each(
        queries.rows,
        QUERIES.min(queries.rows.div_ceil(run.threads_for(queries.rows))),
        || (),
        |(), query| {
            let mut measure = Measure::new(space, queries.row(query));
            let mut nearest = Nearest::new(found);
            for block in blocks {
                for start in (0..block.rows).step_by(ROWS) {
                    if run.is_cancelled() {
                        return Err(Error::Cancelled);
                    }
                    for i in start..(start + ROWS).min(block.rows) {
                        nearest.offer(measure.distance(block.row(i, row_bytes)), block.first_slot + i as u32);
                    }
                }
            }
            let mut output = outputs[query].lock();
            for (place, (distance, slot)) in nearest.into_sorted().into_iter().enumerate() {
                output.0[place] = i64::from(slot);
                output.1[place] = distance;
            }
            Ok(())
        },
    )?;
    drop(outputs);
    let counters = counters.then(|| {
        let one = Counters { distance_evaluations: rows as u64, ..Counters::default() };
        vec![one; queries.rows]
    });
    Ok(Hits { ids, distances, counts: vec![found as u32; queries.rows], k, counters })
}
