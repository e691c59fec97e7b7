//! A vector in bytes: each component is one of 256 levels, evenly spaced from the vector's least component to its
//! greatest.
//!
//! x ≈ low + step · c with c from 0 to 255, off by at most half a step. *low* and *step* are the vector's own: nothing is
//! learned from other vectors, so there is nothing that could cease to fit when the data changes.
//!
//! A row is the `dim` levels and behind them three f32: low, step, and one that its owner may use. So all that a
//! comparison needs of a vector lies together.
//!
//! Queries become whole numbers of up to 16 bits ([`Query`]), q ≈ unit · Q, small enough for a sum of products with
//! levels to fit 32 bits. ⟨q, x⟩ is then low · Σq + step · unit · ΣQc, and [`Code::Levels`](crate::Code::Levels) computes
//! the last sum exactly: scores are equal, to the bit, on every instruction set.

use crate::{Loops, vectorized};

/// Bytes behind the levels of a row.
const TAIL: usize = 12;

/// The largest number that stands for a component of a query: its high digit fits a signed byte.
pub const LARGEST: i16 = 32_512;

/// What the numbers of a query may add up to, signs left out, for 255 times that to fit an `i32`.
const MOST: f32 = (i32::MAX / 255) as f32;

/// Components that are looked at side by side.
const LANES: usize = 16;

/// Bytes of a row.
pub const fn row_bytes(dim: usize) -> usize {
    dim + TAIL
}

/// What turns the levels of a row into components, and the row's own number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tail {
    /// The component of level 0.
    pub low: f32,
    /// From a level to the next.
    pub step: f32,
    /// The owner's.
    pub own: f32,
}

impl Tail {
    /// That of a row.
    #[inline(always)]
    pub fn of(row: &[u8]) -> Tail {
        let tail = row.last_chunk::<TAIL>().expect("a row ends with its tail").as_chunks::<4>().0;
        let [low, step, own] = [tail[0], tail[1], tail[2]].map(f32::from_ne_bytes);
        Tail { low, step, own }
    }

    /// Makes it that of a row.
    pub fn write(self, row: &mut [u8]) {
        let tail = row.last_chunk_mut::<TAIL>().expect("a row ends with its tail").as_chunks_mut::<4>().0;
        tail.iter_mut().zip([self.low, self.step, self.own]).for_each(|(to, x)| *to = x.to_ne_bytes());
    }
}

/// Writes the row of a vector of finite numbers, without what is the owner's; returns the squared norm of what the row
/// stands for. The same bytes on every machine.
pub fn encode(vector: &[f32], row: &mut [u8]) -> f64 {
    assert_eq!(row.len(), row_bytes(vector.len()));
    vectorized(Encode { vector, row });
    square(row)
}

struct Encode<'a> {
    vector: &'a [f32],
    row: &'a mut [u8],
}

impl Loops for Encode<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Encode { vector, row } = self;
        let (mut least, mut greatest) = ([f32::MAX; LANES], [f32::MIN; LANES]);
        let (lines, rest) = vector.as_chunks::<LANES>();
        let mut look = |lane: usize, x: f32| {
            least[lane] = if x < least[lane] { x } else { least[lane] };
            greatest[lane] = if x > greatest[lane] { x } else { greatest[lane] };
        };
        for line in lines {
            (0..LANES).for_each(|lane| look(lane, line[lane]));
        }
        rest.iter().enumerate().for_each(|(lane, &x)| look(lane, x));
        let low = least.into_iter().fold(f32::MAX, f32::min);
        let range = greatest.into_iter().fold(f32::MIN, f32::max) - low;
        // A range too small to be divided is none.
        let inverse = if range > 1e-30 { 255.0 / range } else { 0.0 };
        for (level, &x) in row.iter_mut().zip(vector) {
            *level = (((x - low) * inverse + 0.5) as i32).min(255) as u8;
        }
        let step = if inverse > 0.0 { range / 255.0 } else { 0.0 };
        // Not -0.0, or equal vectors could have rows that differ.
        Tail { low: low + 0.0, step, own: 0.0 }.write(row);
    }
}

/// The vector that a row stands for.
#[inline(always)]
pub fn decode(row: &[u8], out: &mut [f32]) {
    let Tail { low, step, .. } = Tail::of(row);
    // Two roundings: the same on every machine.
    out.iter_mut().zip(row).for_each(|(x, &level)| *x = low + step * f32::from(level));
}

/// The squared norm of the vector that a row stands for.
pub fn square(row: &[u8]) -> f64 {
    let Tail { low, step, .. } = Tail::of(row);
    let levels = &row[..row.len() - TAIL];
    let (sum, squares) = vectorized(Sums(levels));
    let (low, step) = (f64::from(low), f64::from(step));
    low * low * levels.len() as f64 + 2.0 * low * step * f64::from(sum) + step * step * f64::from(squares)
}

struct Sums<'a>(&'a [u8]);

impl Loops for Sums<'_> {
    /// Of the levels, and of their squares: 65,536 of them fit.
    type Output = (u32, u32);

    #[inline(always)]
    fn run(self) -> (u32, u32) {
        let levels = self.0.iter().map(|&level| u32::from(level));
        levels.fold((0, 0), |(sum, squares), level| (sum + level, squares + level * level))
    }
}

/// A query as whole numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    /// The numbers: what a kernel takes for [`Code::Levels`](crate::Code::Levels).
    pub numbers: Vec<i16>,
    /// What a number is multiplied by.
    pub unit: f32,
    /// The sum of the components that the numbers stand for.
    pub sum: f32,
    /// The sum of their squares.
    pub square: f32,
}

impl Query {
    /// The nearest to a vector of finite numbers. The same on every machine.
    pub fn of(vector: &[f32]) -> Self {
        vectorized(Quantize(vector))
    }
}

struct Quantize<'a>(&'a [f32]);

impl Loops for Quantize<'_> {
    type Output = Query;

    #[inline(always)]
    fn run(self) -> Query {
        let vector = self.0;
        let (mut largest, mut total) = ([0.0f32; LANES], [0.0f32; LANES]);
        let (lines, rest) = vector.as_chunks::<LANES>();
        let mut look = |lane: usize, x: f32| {
            let x = x.abs();
            largest[lane] = if x > largest[lane] { x } else { largest[lane] };
            total[lane] += x;
        };
        for line in lines {
            (0..LANES).for_each(|lane| look(lane, line[lane]));
        }
        rest.iter().enumerate().for_each(|(lane, &x)| look(lane, x));
        let largest = largest.into_iter().fold(0.0, f32::max);
        // A little more than it is, for what f32 rounds off in the sum; and each number may be half a unit more.
        let total = total.into_iter().sum::<f32>() * 1.001;
        let most = MOST - vector.len() as f32;
        // A query of nothing but zeros has a unit as well.
        let unit = (largest / f32::from(LARGEST) * 1.000_001).max(total / most).max(1e-30);
        let inverse = 1.0 / unit;
        let number = |&x: &f32| (x * inverse + 0.5f32.copysign(x)) as i32 as i16;
        let numbers: Vec<i16> = vector.iter().map(number).collect();
        let sum: i64 = numbers.iter().map(|&q| i64::from(q)).sum();
        let squares: i64 = numbers.iter().map(|&q| i64::from(i32::from(q) * i32::from(q))).sum();
        let of = f64::from(unit);
        Query { numbers, unit, sum: (of * sum as f64) as f32, square: (of * of * squares as f64) as f32 }
    }
}
