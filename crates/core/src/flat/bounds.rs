//! What a product of codes says about a distance.
//!
//! A row and a query are compared by a *key*: a number that orders rows as the distance does. From the product of the
//! codes follow a lowest and a highest key that the row can have, and from the highest key that is still of interest
//! follows the product that a row must reach, in the form that [`Tiles::sweep`](vicinal_kernels::tile::Tiles::sweep)
//! tests: `product + bias(row) + spread(row) * weight(query) >= threshold(query)`.
//!
//! Write `x` for the row in the frame it is coded in, `c` for its code and `r >= |x - c|` for its residual; `y`, `d`
//! and `s` for the same of the query.
//!
//! | what is compared | key | bounds |
//! | --- | --- | --- |
//! | floats, l2 and cosine | `\|y - x\|` | `\|d - c\| ± (r + s)`, by the triangle inequality |
//! | floats, inner product | `-<y, x>` | `-<d, c> ± (\|y\| r + s \|c\|)`, by Cauchy and Schwarz |
//! | integers, l2; bits, hamming | squared distance | exact |
//! | integers, inner product | `-<y, x>` | exact |
//! | integers, cosine | `-cos` | exact |
//! | bits, jaccard | the distance | exact |
//!
//! All of it is computed in floating point too, so every bound is moved outward by more than its own rounding.

use vicinal_kernels::tile::{Queries, Rows, Tiles};

use super::Space;
use crate::types::{Dtype, Metric};

/// What is compared, and how.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// Distances between float vectors, cosine included: between vectors of length 1, `1 - cos` is half the square.
    Distance,
    /// Inner products of float vectors with queries of length 1.
    Product,
    /// Squared distances between vectors of integers, or of bits.
    Squares,
    /// Inner products of vectors of integers.
    Integers,
    /// Cosines of vectors of integers.
    Cosine,
    /// Jaccard distances.
    Jaccard,
}

/// What is known of a query.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Asked {
    /// The norm of the query as the user gave it (inner product only).
    norm: f64,
    /// The inner product of the unit query and the centre that was taken off the rows.
    offset: f64,
    square: f64,
    residual: f64,
}

impl Asked {
    pub fn new(norm: f64, offset: f64) -> Self {
        Asked { norm, offset, ..Asked::default() }
    }
}

/// What is known of a coded row.
#[derive(Clone, Copy, Debug, Default)]
struct Coded {
    square: f32,
    residual: f32,
    spread: f32,
}

/// The worst of what is known of each of some rows.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sample(Coded);

impl Sample {
    /// Takes more rows in.
    pub fn add(&mut self, rows: &Rows) {
        let worst = |a: f32, of: &[f32]| of[..rows.len()].iter().fold(a, |a, &b| a.max(b));
        self.0.square = worst(self.0.square, &rows.squares);
        self.0.residual = worst(self.0.residual, &rows.residuals);
        self.0.spread = worst(self.0.spread, &rows.spread);
    }
}

/// The rules of one search, for one block of queries.
pub(super) struct Bounds {
    kind: Kind,
    space: Space,
    /// Power of two that rows were multiplied by.
    scale: f64,
    rounding: f64,
    queries: Vec<Asked>,
    /// The largest residual of a query: of unit queries, so relative.
    worst: f64,
}

/// Far more than f32 rounds off in a handful of operations.
const SLACK: f64 = 1e-6;
/// What a cosine distance in f64 may be off by.
const COSINE_ERROR: f64 = 2e-11;
/// Keeps bounds apart where all squares are too small for f32. Frames bring vectors to about length 1.
const TINY: f64 = 1e-30;

impl Bounds {
    /// `asked` holds what [`Asked`] says of each of `queries`.
    pub fn new(space: Space, tiles: &Tiles, scale: f32, queries: &Queries, mut asked: Vec<Asked>) -> Self {
        let kind = match (space.metric, tiles.exact()) {
            (Metric::L2 | Metric::SqEuclidean | Metric::Cosine, false) => Kind::Distance,
            (Metric::Ip, false) => Kind::Product,
            (Metric::L2 | Metric::SqEuclidean | Metric::Hamming, _) => Kind::Squares,
            (Metric::Ip, true) => Kind::Integers,
            (Metric::Cosine, true) => Kind::Cosine,
            (Metric::Jaccard, _) => Kind::Jaccard,
        };
        for ((asked, &square), &residual) in asked.iter_mut().zip(queries.squares()).zip(queries.residuals()) {
            asked.square = f64::from(square);
            // Queries enter their frame in f64 and were rounded once.
            asked.residual = f64::from(residual) + 1e-7 * (f64::from(square).sqrt() + f64::from(residual));
        }
        let worst = asked.iter().fold(0.0, |worst: f64, asked| worst.max(asked.residual));
        Bounds { kind, space, scale: scale.into(), rounding: tiles.rounding().into(), queries: asked, worst }
    }

    /// Sets bias and spread of coded rows.
    pub fn set_rows(&self, rows: &mut Rows) {
        for i in 0..rows.len() {
            let (square, residual) = (rows.squares[i], rows.residuals[i]);
            (rows.bias[i], rows.spread[i]) = match self.kind {
                Kind::Distance => {
                    let far = residual * residual;
                    (0.5 * (far - square) + self.row_slack(square, far), residual)
                }
                Kind::Product => {
                    let norm = square.sqrt();
                    let relative = (self.worst + 2.0 * self.rounding + SLACK) as f32;
                    (0.0, (residual + relative * norm) * (1.0 + SLACK as f32))
                }
                Kind::Squares => (-(square * 0.5).floor(), 0.0),
                Kind::Integers => (0.0, 0.0),
                Kind::Cosine => (0.0, square.sqrt()),
                Kind::Jaccard => (0.0, square),
            };
        }
    }

    /// What rounding may take from a row's half of a squared distance.
    fn row_slack(&self, square: f32, far: f32) -> f32 {
        4.0 * self.rounding as f32 * (square + far) + TINY as f32
    }

    /// As [`Bounds::row_slack`], for the query's half.
    fn query_slack(&self, asked: &Asked) -> f64 {
        4.0 * self.rounding * (asked.square + asked.residual * asked.residual) + TINY
    }

    /// What sums of integers beyond 2^24 lose in f32.
    fn integer_slack(&self) -> f64 {
        let largest = match self.space.dtype {
            Dtype::Bits => 1.0,
            Dtype::I8 => 128.0 * 128.0,
            _ => 255.0 * 255.0,
        } * self.space.dim as f64;
        if largest < f64::from(1 << 22) { 0.0 } else { SLACK * largest }
    }

    /// The least key that a row may have, by the value of its hit, and the greatest that it may have or tie with: rows
    /// tie by the f32 that the user sees.
    pub fn keys(&self, query: usize, rows: &Rows, row: usize, value: f32) -> (f32, f32) {
        let of = Coded { square: rows.squares[row], residual: rows.residuals[row], spread: rows.spread[row] };
        self.keys_of(query, of, value)
    }

    /// The greatest key of those rows of a sample whose value is no less than `value`.
    pub fn greatest(&self, query: usize, sample: &Sample, value: f32) -> f32 {
        match self.kind {
            // Of all norms the greatest makes the cosine smallest, if it is positive.
            Kind::Cosine if value < 0.0 => f32::INFINITY,
            // An odd square, which costs the most when halved.
            Kind::Squares => self.keys_of(query, Coded { square: 1.0, ..sample.0 }, value).1,
            _ => self.keys_of(query, sample.0, value).1,
        }
    }

    fn keys_of(&self, query: usize, row: Coded, value: f32) -> (f32, f32) {
        let asked = &self.queries[query];
        let (value, square) = (f64::from(value), f64::from(row.square));
        let (low, high) = match self.kind {
            Kind::Distance => {
                let residual = f64::from(row.residual);
                let far = row.residual * row.residual;
                let slack = f64::from(self.row_slack(row.square, far)) + self.query_slack(asked);
                let middle = asked.square - 2.0 * value + residual * residual;
                let reach = residual + asked.residual;
                ((middle - slack).max(0.0).sqrt() - reach, (middle + 4.0 * slack).max(0.0).sqrt() + reach)
            }
            Kind::Product => {
                let reach = f64::from(row.spread) + TINY;
                (-value - reach, -value + reach)
            }
            Kind::Squares => {
                let distance = asked.square + (square - 2.0 * (square * 0.5).floor()) - 2.0 * value;
                (distance - 4.0 * self.integer_slack(), distance + 4.0 * self.integer_slack())
            }
            Kind::Integers => (-value - self.integer_slack(), -value + self.integer_slack()),
            Kind::Cosine => {
                let cosine = value / (asked.square * square).sqrt();
                (-cosine - SLACK, -cosine + SLACK)
            }
            Kind::Jaccard => {
                let union = asked.square + square - value;
                let distance = if union > 0.0 { 1.0 - value / union } else { 0.0 };
                (distance - SLACK, distance + SLACK)
            }
        };
        (down(low), self.key(query, self.distance(asked, high) as f32))
    }

    /// Weight and threshold that every row reaches whose key is at most `key`.
    pub fn limit(&self, query: usize, key: f32) -> (f32, f32) {
        let everything = (0.0, f32::NEG_INFINITY);
        if key == f32::INFINITY {
            return everything;
        }
        let asked = &self.queries[query];
        let key = f64::from(key);
        let (weight, threshold) = match self.kind {
            Kind::Distance => {
                let reach = (key + asked.residual) * (1.0 + SLACK);
                (reach, 0.5 * (asked.square - reach * reach * (1.0 + SLACK)) - self.query_slack(asked))
            }
            Kind::Product => (1.0, -key - SLACK * key.abs() - TINY),
            Kind::Squares => (0.0, 0.5 * (asked.square - key) - 4.0 * self.integer_slack()),
            Kind::Integers => (0.0, -key - self.integer_slack()),
            Kind::Cosine => ((key + 4.0 * SLACK) * asked.square.sqrt(), -self.integer_slack()),
            Kind::Jaccard => {
                let similarity = 1.0 - key - 4.0 * SLACK;
                if similarity <= 0.0 {
                    return everything;
                }
                let share = similarity / (1.0 + similarity);
                (-share, share * asked.square - SLACK * self.space.dim as f64)
            }
        };
        (weight as f32, down(threshold))
    }

    /// The highest key of a row at the given distance.
    pub fn key(&self, query: usize, distance: f32) -> f32 {
        let asked = &self.queries[query];
        let distance = f64::from(distance.next_up().next_up());
        up(match (self.kind, self.space.metric) {
            (Kind::Distance, Metric::SqEuclidean) => distance.max(0.0).sqrt() * self.scale,
            (Kind::Distance, Metric::Cosine) => (2.0 * distance.max(0.0) + COSINE_ERROR).sqrt(),
            (Kind::Distance, _) => distance * self.scale,
            (Kind::Product, _) if asked.norm == 0.0 => 0.0,
            (Kind::Product, _) => distance * self.scale / asked.norm + asked.offset,
            (Kind::Squares, Metric::L2) => distance * distance,
            (Kind::Squares, Metric::Hamming) => distance * self.space.dim as f64,
            (Kind::Cosine, _) => distance - 1.0 + COSINE_ERROR,
            (Kind::Squares | Kind::Integers | Kind::Jaccard, _) => distance,
        })
    }

    /// The distance of a key.
    fn distance(&self, asked: &Asked, key: f64) -> f64 {
        match (self.kind, self.space.metric) {
            (Kind::Distance, Metric::SqEuclidean) => (key / self.scale).powi(2),
            (Kind::Distance, Metric::Cosine) => 0.5 * key * key,
            (Kind::Distance, _) => key / self.scale,
            (Kind::Product, _) => (key - asked.offset) / self.scale * asked.norm,
            (Kind::Squares, Metric::L2) => key.max(0.0).sqrt(),
            (Kind::Squares, Metric::Hamming) => key / self.space.dim as f64,
            (Kind::Cosine, _) => key + 1.0,
            (Kind::Squares | Kind::Integers | Kind::Jaccard, _) => key,
        }
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
