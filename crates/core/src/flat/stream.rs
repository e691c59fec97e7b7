//! One query, or a few, against rows that lie one after the other.
//!
//! Coding a row costs more than comparing it with one query. So the rows are streamed through the kernels that the
//! graph uses; of f32 in two planes only the hi plane is read, half of the bytes, and of rows that were copied halves
//! ([`super::copies`]). What rounding may have done to a distance is bounded, and rows that may be among the nearest are
//! measured later, as in [`super::scan`]. Keys are the distances that the user sees.
//!
//! # Bounds
//!
//! Write `x` for a row, `h` for what is read of it, `q` for the query. Each component of the hi plane is the nearest
//! bf16: off by at most half a unit in its 8th bit, and not below the power of two that begins its binade, so by at
//! most 2^-8 of itself. Hence `|x - h| <= R |h|` with `R = 2^-8`, or 0 where rows are read whole, or what was measured
//! when halves were made of them ([`Reading`]).
//!
//! The kernels sum `|q - h|²`, `<q, h>` and `|h|²` with relative errors of at most `e`: of themselves, or of
//! `|q| |h|` for the product (`e` is [`Stream::rounding`]; products of tiny numbers lose [`TINY`] at most). Then
//!
//! | metric | bounds | because |
//! | --- | --- | --- |
//! | l2 | `\|q - h\| ± R (\|q\| + \|q - h\|)` | the triangle inequality, for `x` and for `\|h\|` |
//! | inner product | `-<q, h> ± \|q\| (R + e) \|h\|` | Cauchy and Schwarz |
//! | cosine | `1 - <q, h> / (\|q\| \|h\|) ± (asin R + 3 e)` | see below |
//! | bits | exact, but for the last rounding | |
//!
//! Cosine: the angle between `x` and `h` is at most `asin R`, and the cosine changes by no more than the angle to `q`
//! does. The computed product is `|q| |h| (c + a)` for the true cosine `c`, the computed norm `|h| (1 + b)`, with `a`
//! and `b` at most `e <= 1.1e-3`; their quotient is off by `|a - b c| / (1 + b) <= 2 e / (1 - e) < 3 e`.
//!
//! A square that overflows f32 is infinite: its row may be as near as the largest finite one says, and may be as far
//! as it likes. That of a row that is surely below the bar never does.

use vicinal_kernels::{BatchFn, Code, Form, Isa, Loops, batch_for, levels, vectorized};

use super::Space;
use super::copies::{Reading, Streamed, normed};
use super::frame::square;
use super::measure::query_floats;
use crate::types::Metric;
use crate::vectors::zeros;

/// Rows that one kernel call compares, at most.
const ROWS: usize = 128;
/// Rows of which the first look is whether one of them passes.
const GROUP: usize = 16;
/// Bytes of rows that all queries look at before the next ones: they stay in the first-level cache.
const BYTES: usize = 16 << 10;
/// More than underflow may take from a sum of products of f32, and from the square of a norm.
const TINY: f64 = 1e-36;
/// More than what that makes of the norm itself, and more than the length of a row all of whose components are too
/// small to be kept in 8 bits.
const FAINT: f64 = 1e-19;
/// Far more than f64 rounds off in a handful of operations, or f32 in a few.
const SLACK: f64 = 1e-6;

/// Queries, ready for rows of one layout.
pub(super) struct Stream<'q> {
    space: Space,
    /// Squared distances, inner products, or distances of bits.
    kernel: BatchFn,
    /// Compared with zero, a row whose norm is not known shows its square.
    norms: Option<BatchFn>,
    asked: Vec<Asked<'q>>,
    /// Relative error of the kernels' sums: `e` above.
    rounding: f64,
    /// How far a row may be from what is read of it, relative to that: `R` above.
    residual: f64,
    row_bytes: usize,
    len: usize,
    k: usize,
    rows: usize,
    /// Room for as many rows that are decoded before they are looked at.
    decoded: Vec<f32>,
}

/// [`levels::decode`], to be compiled for each instruction set.
struct Decode<'a>(&'a [u8], &'a mut [f32]);

impl Loops for Decode<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        levels::decode(self.0, self.1);
    }
}

struct Asked<'q> {
    query: &'q [u8],
    norm: f64,
    limit: Limit,
}

/// A row may be near enough only if `raw + weight |h| >= threshold`, where `raw` is the inner product, or the distance
/// of which less is nearer with its sign changed.
#[derive(Clone, Copy)]
struct Limit {
    weight: f32,
    threshold: f32,
}

impl Limit {
    const NONE: Limit = Limit { weight: 0.0, threshold: f32::NEG_INFINITY };
}

impl<'q> Stream<'q> {
    /// `queries` are of the query dtype; `reading` is what is read of the rows to come, of which the nearest `k` are
    /// wanted.
    pub fn new(isa: Isa, space: Space, queries: impl Iterator<Item = &'q [u8]>, reading: Reading, k: usize) -> Self {
        let Space { dim, metric, dtype } = space;
        let coded = reading.code == Code::Levels;
        let code = if coded { Code::F32 } else { reading.code };
        let kernel = |form| batch_for(isa, form, code).expect("the unit's instruction set is there");
        let form = if metric == Metric::Cosine { Form::Dot } else { metric.form() };
        let ask = |query: &'q [u8]| {
            let norm = if metric.on_bits() { 0.0 } else { square(&query_floats(space, query)).sqrt() };
            Asked { query, norm, limit: Limit::NONE }
        };
        // See `vicinal_kernels`: sums of floats; sums of integers are rounded once.
        let sums = if dtype.is_float() { dim as f64 / 4.0 + 16.0 } else { 0.0 };
        let row_bytes = reading.row_bytes(space);
        let asked: Vec<Asked> = queries.map(ask).collect();
        // One query looks at a row but once.
        let looked_at = if coded { 4 * dim } else { row_bytes };
        let rows = if asked.len() == 1 { ROWS } else { (BYTES / looked_at).clamp(4, ROWS) };
        Stream {
            space,
            kernel: kernel(form),
            norms: normed(space).then(|| kernel(Form::SqL2)),
            asked,
            rounding: (sums + 2.0) * f64::from(f32::EPSILON / 2.0),
            residual: reading.residual,
            row_bytes,
            len: dtype.kernel_len(dim),
            k,
            rows,
            decoded: vec![0.0; if coded { rows * dim } else { 0 }],
        }
    }

    /// Calls `offer` with a query, the number of a row and its keys, for each of these rows that is not surely above
    /// the query's bar; `offer` returns the bar.
    pub fn run(&mut self, rows: Streamed<'_>, mut offer: impl FnMut(usize, usize, (f32, f32)) -> f32) {
        for (part, chunk) in rows.bytes.chunks(self.rows * self.row_bytes).enumerate() {
            let first = part * self.rows;
            let norms = rows.norms.map(|norms| &norms[first..]);
            self.look(chunk.chunks_exact(self.row_bytes), norms, first, &mut offer);
        }
    }

    /// As [`Stream::run`], for rows that lie anywhere.
    pub fn run_scattered<'r>(
        &mut self,
        rows: impl Iterator<Item = &'r [u8]>,
        mut offer: impl FnMut(usize, usize, (f32, f32)) -> f32,
    ) {
        let rows: Vec<&[u8]> = rows.collect();
        for (part, chunk) in rows.chunks(self.rows).enumerate() {
            self.look(chunk.iter().copied(), None, part * self.rows, &mut offer);
        }
    }

    /// Compares up to [`ROWS`] rows with each query; of `known` the first are theirs.
    fn look<'r>(
        &mut self,
        of_rows: impl Iterator<Item = &'r [u8]>,
        known: Option<&[f32]>,
        first: usize,
        offer: &mut impl FnMut(usize, usize, (f32, f32)) -> f32,
    ) {
        let (mut norms, mut raws) = ([0.0; ROWS], [0.0; ROWS]);
        let mut rows = [std::ptr::null(); ROWS];
        let mut n = 0;
        for (address, row) in rows.iter_mut().zip(of_rows) {
            debug_assert_eq!(row.len(), self.row_bytes);
            *address = row.as_ptr();
            if !self.decoded.is_empty() {
                let decoded = &mut self.decoded[n * self.space.dim..][..self.space.dim];
                vectorized(Decode(row, decoded));
                *address = decoded.as_ptr().cast();
            }
            n += 1;
        }
        let compare = |kernel: BatchFn, query: &[u8], out: &mut [f32; ROWS]| {
            // SAFETY: the query and each of the `n <= ROWS` rows hold `len` components.
            unsafe { kernel(query.as_ptr(), rows.as_ptr(), n, self.len, out.as_mut_ptr()) }
        };
        if let Some(known) = known {
            norms[..n].copy_from_slice(&known[..n]);
        } else if let Some(kernel) = self.norms {
            compare(kernel, zeros(self.asked[0].query.len()), &mut norms);
            norms.iter_mut().for_each(|norm| *norm = norm.sqrt());
        }
        for query in 0..self.asked.len() {
            let asked = &self.asked[query];
            compare(self.kernel, asked.query, &mut raws);
            if self.less_is_nearer() {
                raws.iter_mut().for_each(|raw| *raw = -*raw);
            }
            let mut limit = asked.limit;
            let passes = |limit: Limit, i: usize| raws[i] + limit.weight * norms[i] >= limit.threshold;
            let (mut near, mut count) = ([0; ROWS], 0);
            for group in (0..n).step_by(GROUP) {
                let group = group..n.min(group + GROUP);
                if group.clone().fold(false, |any, i| any | passes(limit, i)) {
                    for i in group {
                        // Written always, kept if it passes.
                        near[count] = i;
                        count += usize::from(passes(limit, i));
                    }
                }
            }
            let near = &mut near[..count];
            if count > self.k {
                // With the nearest first the bar sinks at once, and most of the others don't pass any more.
                near.select_nth_unstable_by(self.k, |&i, &j| raws[j].total_cmp(&raws[i]));
            }
            let mut bar = f32::INFINITY;
            for &i in &*near {
                if passes(limit, i) {
                    let (least, greatest) = self.keys(asked.norm, raws[i].into(), norms[i].into());
                    let sunk = offer(query, first + i, (down(least), up(greatest).next_up()));
                    if sunk < bar {
                        bar = sunk;
                        limit = self.limit(asked.norm, bar);
                    }
                }
            }
            self.asked[query].limit = limit;
        }
    }

    fn less_is_nearer(&self) -> bool {
        !matches!(self.space.metric, Metric::Cosine | Metric::Ip)
    }

    /// How far the cosine may be off.
    fn turn(&self) -> f64 {
        self.residual * 1.001 + 3.0 * self.rounding + 4.0 * SLACK
    }

    /// How far the inner product may be off, relative to the norm that was computed, which is itself off.
    fn reach(&self, norm: f64) -> f64 {
        norm * (self.residual + self.rounding) * (1.0 + self.rounding) + SLACK * norm
    }

    /// The least and the greatest distance that the user may see.
    fn keys(&self, of_query: f64, raw: f64, norm: f64) -> (f64, f64) {
        match self.space.metric {
            Metric::L2 | Metric::SqEuclidean => {
                let near = (-raw).min(f32::MAX.into()) * (1.0 - self.rounding) - TINY;
                let far = (TINY - raw * (1.0 + self.rounding)).sqrt();
                let off = self.residual * (of_query + far) * (1.0 + SLACK);
                let (near, far) = ((near.max(0.0).sqrt() - off).max(0.0), far + off);
                if self.space.metric == Metric::L2 { (near, far) } else { (near * near, far * far) }
            }
            Metric::Ip => {
                let off = self.reach(of_query) * (norm + FAINT) + TINY;
                (-raw - off, -raw + off)
            }
            Metric::Cosine => {
                let distance = 1.0 - raw / (of_query * norm);
                (distance - self.turn(), (distance + self.turn()).max(0.0))
            }
            Metric::Hamming => {
                (-raw / self.space.dim as f64 * (1.0 - SLACK), -raw / self.space.dim as f64 * (1.0 + SLACK))
            }
            Metric::Jaccard => (-raw * (1.0 - SLACK), -raw * (1.0 + SLACK)),
        }
    }

    /// What every row reaches whose least key is at most `bar`.
    fn limit(&self, of_query: f64, bar: f32) -> Limit {
        if bar == f32::INFINITY {
            return Limit::NONE;
        }
        let bar = f64::from(bar);
        let (weight, threshold) = match self.space.metric {
            Metric::L2 | Metric::SqEuclidean => {
                let bar = if self.space.metric == Metric::L2 { bar } else { bar.max(0.0).sqrt() };
                // The least key solved for the distance that was computed.
                let slope = 1.0 - self.rounding - self.residual * (1.0 + self.rounding) * (1.0 + SLACK);
                let far = (bar + self.residual * of_query + 2.0 * TINY.sqrt()) / slope * (1.0 + SLACK);
                (0.0, -far * far)
            }
            // `raw` and `norm` are added in f32, of which the slack of both knows.
            Metric::Ip => {
                let reach = self.reach(of_query);
                (reach, -bar - SLACK * bar.abs() - reach * FAINT - 2.0 * TINY)
            }
            Metric::Cosine => (-(1.0 - bar - 2.0 * self.turn()) * of_query, -TINY),
            Metric::Hamming => (0.0, -bar * self.space.dim as f64 * (1.0 + 4.0 * SLACK)),
            Metric::Jaccard => (0.0, -bar * (1.0 + 4.0 * SLACK)),
        };
        Limit { weight: weight as f32, threshold: down(threshold) }
    }
}

/// An f32 at or above `x`.
fn up(x: f64) -> f32 {
    (x as f32).next_up()
}

/// An f32 at or below `x`.
fn down(x: f64) -> f32 {
    (x as f32).next_down()
}
