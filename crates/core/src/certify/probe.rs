//! A query, held against codes.

use vicinal_kernels::abreast::{Bar, Limit, Query};

use super::table::{Coded, Table};
use super::{down, up};
use crate::types::Metric;

/// More than sums of squares of codes lose in f32, with what comparing them loses.
const SLACK: f64 = 4e-6;
/// Far more than f64 rounds off in a handful of operations.
const HAIR: f64 = 1e-9;
/// What a cosine distance in f64 may be off by.
const COSINE_ERROR: f64 = 2e-11;
/// What an inner product in f64 may be off by, relative to the squares of the norms.
pub(super) const PRODUCT_ERROR: f64 = 1e-11;

/// What is known of a query, and what it is looking for.
pub struct Probe {
    /// The first coordinates, and all.
    pub(super) first: Query,
    pub(super) codes: Vec<i8>,
    /// How far the coordinates up to the end of each stage may be from the code.
    errors: Vec<f64>,
    metric: Metric,
    step: f64,
    stretch: f64,
    /// What the query was multiplied by, of inner products.
    factor: f64,
    /// At least its squared norm, then.
    square: f64,
    /// Distances above this are of no interest.
    bar: f64,
}

impl Probe {
    /// A query as its dtype has it. It looks for everything yet.
    pub fn new(table: &Table, query: &[u8]) -> Self {
        let Coded { codes, errors, square, factor } = table.code_query(query);
        let square = square * factor * factor * (1.0 + PRODUCT_ERROR);
        let (metric, stretch) = (table.space().metric, table.frame.stretch());
        let shape = table.first.shape;
        let first = Query::new(shape, &codes[..shape.width()]);
        Probe { first, codes, errors, metric, step: table.step, stretch, factor, square, bar: f64::INFINITY }
    }

    /// What is of interest from now on: rows that someone who measures would find at `distance / (1 + epsilon)` or
    /// nearer.
    pub fn lower(&mut self, distance: f32, epsilon: f64) {
        // Distances were rounded to f32 once.
        self.bar = f64::from(distance.next_up().next_up()) / (1.0 + epsilon);
    }

    /// Whether a row that is at least so far is of interest.
    pub fn wants(&self, least: f32) -> bool {
        f64::from(least) <= self.bar
    }

    /// What the sums of a stage, and of those before it, are held against, in steps of codes. What is above it is
    /// excluded.
    pub(super) fn limit(&self, stage: usize) -> Limit {
        let (bar, error, stretch) = (self.bar, self.errors[stage], self.stretch * (1.0 + HAIR));
        // Half the slack, since reaches are squared.
        let per_step = (1.0 + HAIR + SLACK / 2.0) / self.step;
        let key = match self.metric {
            Metric::SqEuclidean => bar.max(0.0).sqrt(),
            Metric::Cosine => (2.0 * bar.max(0.0) + COSINE_ERROR).sqrt(),
            Metric::Ip => {
                let bar = 2.0 * self.factor * bar;
                let bar = up(bar + PRODUCT_ERROR * bar.abs() + self.square * (1.0 + PRODUCT_ERROR));
                let bar = Bar::Terms { bar, scale: up(stretch * per_step), reach: up(error * per_step) };
                return Limit { bar, per_error: up(per_step) };
            }
            _ => bar,
        };
        Limit { bar: Bar::Reach(up((key * stretch + error) * per_step)), per_error: up(per_step) }
    }

    /// A distance that a row has at least, by the sum of squares over all coordinates.
    pub(super) fn least(&self, sum: f32, error: f32, term: f32) -> f32 {
        let off = self.errors[self.errors.len() - 1] + f64::from(error);
        let key = ((f64::from(sum) * (1.0 - SLACK)).sqrt() * self.step - off) / self.stretch * (1.0 - HAIR);
        let key = key.max(0.0);
        down(match self.metric {
            Metric::SqEuclidean => key * key * (1.0 - HAIR),
            Metric::Cosine => (0.5 * key * key * (1.0 - HAIR) - COSINE_ERROR).max(0.0),
            Metric::Ip => {
                let squares = (self.square + f64::from(term)) * (1.0 + 2.0 * PRODUCT_ERROR);
                (key * key * (1.0 - HAIR) - squares) / (2.0 * self.factor)
            }
            _ => key,
        })
    }
}
