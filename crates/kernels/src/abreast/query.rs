//! A query, and what sums are held against.

use super::block::{BIAS, FOUR};
use super::{MAX_WIDTH, Shape};

/// Four codes of a query, as instruction sets like them.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Four {
    /// As they are.
    pub bytes: [i8; FOUR],
    /// Those at even places, and those at odd ones.
    pub even: [i16; 2],
    pub odd: [i16; 2],
}

/// A query's codes, for blocks of a shape.
#[derive(Clone, Debug)]
pub struct Query {
    pub(super) shape: Shape,
    pub(super) fours: Vec<Four>,
    /// What the sum of squares has besides the square of the row and twice the products with biased codes.
    pub(super) offset: i32,
}

impl Query {
    /// Codes from -127 to 127.
    ///
    /// # Panics
    ///
    /// If there are not as many as the shape has.
    pub fn new(shape: Shape, codes: &[i8]) -> Self {
        assert_eq!(codes.len(), shape.width(), "a query of this shape has {} codes", shape.width());
        debug_assert!(codes.len() <= MAX_WIDTH);
        let fours = codes.chunks(FOUR).map(|codes| {
            let mut bytes = [0; FOUR];
            bytes[..codes.len()].copy_from_slice(codes);
            let [a, b, c, d] = bytes.map(i16::from);
            Four { bytes, even: [a, c], odd: [b, d] }
        });
        // (q - c)² = c² + q² - 2 q (c + 128) + 256 q
        let offset = codes.iter().map(|&code| i32::from(code)).map(|q| q * q + 2 * BIAS * q).sum();
        Query { shape, fours: fours.collect(), offset }
    }
}

/// What a row's sum is held against: the square of its reach.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// What the reach is made from, but for the row's error.
    pub bar: Bar,
    /// What a row's error is multiplied by before it is added.
    pub per_error: f32,
}

impl Limit {
    /// Whether a row is excluded, by its sum, error and term. What is no number excludes nothing.
    pub fn excludes(&self, sum: f32, error: f32, term: f32) -> bool {
        let reach = self.reach(error, term);
        sum > reach * reach
    }

    /// How far a row reaches, by its error and its term.
    pub(super) fn reach(&self, error: f32, term: f32) -> f32 {
        let reach = match self.bar {
            Bar::Reach(reach) => reach,
            Bar::Terms { bar, scale, reach } => (bar + term).max(0.0).sqrt() * scale + reach,
        };
        error * self.per_error + reach
    }
}

/// How far all rows reach.
#[derive(Clone, Copy, Debug)]
pub enum Bar {
    /// Equally far.
    Reach(f32),
    /// By their terms: `sqrt(max(bar + term, 0)) * scale + reach`.
    Terms {
        /// What the term is added to.
        bar: f32,
        /// What the root is multiplied by.
        scale: f32,
        /// What is added then.
        reach: f32,
    },
}
