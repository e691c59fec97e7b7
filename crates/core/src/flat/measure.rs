//! The distance of one row, the same bits on every machine.
//!
//! Floats are widened to f64, where the difference or product of two f32 has no rounding worth speaking of; the sum
//! runs in eight lanes (component `i` in lane `i % 8`) that are added pairwise at the end. That order is fixed, so it
//! vectorises without leave to reorder, and its error, about `dim` times 2^-53, is far below the final rounding.

use std::borrow::Cow;

use bytemuck::pod_read_unaligned;
use half::f16;
use vicinal_kernels::{Loops, levels, vectorized};

use super::{Plane, Space};
use crate::types::{Dtype, Metric};
use crate::vectors::join_f32;

const LANES: usize = 8;
/// Components that one of two sums takes before the other's turn. Both loops are unrolled then, so that neither waits for
/// its own additions alone; in one loop the compiler would mix their lanes.
const TURN: usize = 8 * LANES;

/// One query, ready to be compared with full rows.
pub struct Measure<'a> {
    space: Space,
    bytes: &'a [u8],
    /// The query and the row in hand, as f32; empty for integers and bits.
    query: Cow<'a, [f32]>,
    row: Vec<f32>,
    /// Squared norm of the query, under cosine.
    squared_norm: f64,
}

impl<'a> Measure<'a> {
    /// `query` is f32 where the stored dtype is a float, of the stored dtype otherwise.
    pub fn new(space: Space, query: &'a [u8]) -> Self {
        let is_float = space.dtype.is_float();
        let row = vec![0.0; if is_float { space.dim } else { 0 }];
        let decoded = if is_float { query_floats(space, query) } else { Cow::default() };
        let mut measure = Measure { space, bytes: query, query: decoded, row, squared_norm: 0.0 };
        if space.metric == Metric::Cosine {
            measure.squared_norm = match space.dtype {
                Dtype::U8 => sum_u8(query, query, |q, _| q * q),
                Dtype::I8 => sum_i8(query, query, |q, _| q * q),
                _ => vectorized(Square(&measure.query)),
            };
        }
        measure
    }

    /// The user's distance of a row.
    pub fn distance(&mut self, row: Plane<'_>) -> f32 {
        vectorized(Distance { measure: self, row })
    }

    #[inline(always)]
    fn plain_distance(&mut self, row: Plane<'_>) -> f32 {
        let bytes = row.streamed();
        if self.space.dtype.is_float() {
            floats(self.space.dtype, row, &mut self.row);
        }
        match self.space.metric {
            Metric::L2 => self.squared_distance(bytes).sqrt() as f32,
            Metric::SqEuclidean => self.squared_distance(bytes) as f32,
            // Not `-dot`, which would make the 0 of orthogonal vectors a -0.
            Metric::Ip => (0.0 - self.dot(bytes)) as f32,
            Metric::Cosine => {
                let (dot, squared_row) = self.dot_and_square(bytes);
                let norms = (self.squared_norm * squared_row).sqrt();
                // Rounding can leave the cosine a hair above 1; a distance below 0 would surprise.
                (1.0 - dot / norms).max(0.0) as f32
            }
            Metric::Hamming => {
                let differing = count(self.bytes, bytes, |q, x| q ^ x);
                (f64::from(differing) / self.space.dim as f64) as f32
            }
            Metric::Jaccard => {
                let union = count(self.bytes, bytes, |q, x| q | x);
                let differing = count(self.bytes, bytes, |q, x| q ^ x);
                if union == 0 { 0.0 } else { (f64::from(differing) / f64::from(union)) as f32 }
            }
        }
    }

    #[inline(always)]
    fn squared_distance(&self, bytes: &[u8]) -> f64 {
        match self.space.dtype {
            Dtype::U8 => sum_u8(self.bytes, bytes, |q, x| (q - x) * (q - x)),
            Dtype::I8 => sum_i8(self.bytes, bytes, |q, x| (q - x) * (q - x)),
            _ => sum_f32(&self.query, &self.row, |q, x| (q - x) * (q - x)),
        }
    }

    #[inline(always)]
    fn dot(&self, bytes: &[u8]) -> f64 {
        match self.space.dtype {
            Dtype::U8 => sum_u8(self.bytes, bytes, |q, x| q * x),
            Dtype::I8 => sum_i8(self.bytes, bytes, |q, x| q * x),
            _ => sum_f32(&self.query, &self.row, |q, x| q * x),
        }
    }

    #[inline(always)]
    fn dot_and_square(&self, bytes: &[u8]) -> (f64, f64) {
        match self.space.dtype {
            Dtype::U8 => (self.dot(bytes), sum_u8(bytes, bytes, |x, _| x * x)),
            Dtype::I8 => (self.dot(bytes), sum_i8(bytes, bytes, |x, _| x * x)),
            _ => {
                let (mut dot, mut square) = ([0.0; LANES], [0.0; LANES]);
                let (q, q_rest) = self.query.as_chunks::<TURN>();
                let (x, x_rest) = self.row.as_chunks::<TURN>();
                for (q, x) in q.iter().zip(x) {
                    add_f32(&mut dot, q, x, |q, x| q * x);
                    add_f32(&mut square, x, x, |x, _| x * x);
                }
                add_f32(&mut dot, q_rest, x_rest, |q, x| q * x);
                add_f32(&mut square, x_rest, x_rest, |x, _| x * x);
                (together(dot), together(square))
            }
        }
    }
}

/// [`Measure::distance`], to be compiled for each instruction set.
struct Distance<'a, 'b, 'c> {
    measure: &'a mut Measure<'b>,
    row: Plane<'c>,
}

impl Loops for Distance<'_, '_, '_> {
    type Output = f32;

    #[inline(always)]
    fn run(self) -> f32 {
        self.measure.plain_distance(self.row)
    }
}

/// The squared norm of a query of floats.
struct Square<'a>(&'a [f32]);

impl Loops for Square<'_> {
    type Output = f64;

    #[inline(always)]
    fn run(self) -> f64 {
        sum_f32(self.0, self.0, |q, _| q * q)
    }
}

/// The components of a query, copied where they don't lie as f32 do.
pub(super) fn query_floats(space: Space, query: &[u8]) -> Cow<'_, [f32]> {
    let dtype = if space.dtype.is_float() { Dtype::F32 } else { space.dtype };
    if dtype == Dtype::F32
        && let Ok(floats) = bytemuck::try_cast_slice(query)
    {
        return Cow::Borrowed(floats);
    }
    let mut decoded = vec![0.0; space.dim];
    floats(dtype, Plane::Whole(query), &mut decoded);
    Cow::Owned(decoded)
}

/// The components of a row, or of a query as a [`Dtype::F32`] row.
#[inline(always)]
pub fn floats(dtype: Dtype, row: Plane<'_>, out: &mut [f32]) {
    match (dtype, row) {
        (Dtype::F32, Plane::Whole(bytes)) => {
            out.iter_mut().zip(bytes.chunks_exact(4)).for_each(|(x, bytes)| *x = pod_read_unaligned(bytes));
        }
        (Dtype::F32, Plane::Split { hi, lo }) => {
            let halves = hi.chunks_exact(2).zip(lo.chunks_exact(2));
            for (x, (hi, lo)) in out.iter_mut().zip(halves) {
                *x = join_f32(pod_read_unaligned(hi), pod_read_unaligned(lo));
            }
        }
        (Dtype::F32, Plane::Levels(row)) => levels::decode(row, out),
        (Dtype::F16, Plane::Whole(bytes)) => {
            let halves = bytes.chunks_exact(2);
            out.iter_mut().zip(halves).for_each(|(x, half)| *x = pod_read_unaligned::<f16>(half).to_f32());
        }
        (Dtype::Bf16, Plane::Whole(bytes)) => {
            let halves = bytes.chunks_exact(2);
            out.iter_mut().zip(halves).for_each(|(x, half)| *x = join_f32(pod_read_unaligned(half), 0));
        }
        (Dtype::U8, Plane::Whole(bytes)) => out.iter_mut().zip(bytes).for_each(|(x, &byte)| *x = byte.into()),
        (Dtype::I8, Plane::Whole(bytes)) => out.iter_mut().zip(bytes).for_each(|(x, &byte)| *x = (byte as i8).into()),
        (dtype, plane) => unreachable!("{dtype:?} has no floats in {plane:?}"),
    }
}

#[inline(always)]
fn sum_f32(q: &[f32], x: &[f32], term: impl Fn(f64, f64) -> f64) -> f64 {
    let mut lanes = [0.0; LANES];
    add_f32(&mut lanes, q, x, term);
    together(lanes)
}

/// Adds what components come to to the sums in their lanes; but for the last of a row their number is one of whole lanes.
#[inline(always)]
fn add_f32(lanes: &mut [f64; LANES], q: &[f32], x: &[f32], term: impl Fn(f64, f64) -> f64) {
    let (q8, q_rest) = q.as_chunks::<LANES>();
    let (x8, x_rest) = x.as_chunks::<LANES>();
    for (q, x) in q8.iter().zip(x8) {
        for lane in 0..LANES {
            lanes[lane] += term(f64::from(q[lane]), f64::from(x[lane]));
        }
    }
    for ((lane, &q), &x) in lanes.iter_mut().zip(q_rest).zip(x_rest) {
        *lane += term(f64::from(q), f64::from(x));
    }
}

#[inline(always)]
fn together(lanes: [f64; LANES]) -> f64 {
    // As one value, or the compiler keeps the lanes in pairs, as they are wanted here.
    let lanes = std::hint::black_box(lanes);
    let four: [f64; 4] = std::array::from_fn(|i| lanes[i] + lanes[i + 4]);
    (four[0] + four[2]) + (four[1] + four[3])
}

/// 255^2 * 65536, the largest sum, fits in 32 bits without a sign.
#[inline(always)]
fn sum_u8(q: &[u8], x: &[u8], term: impl Fn(i32, i32) -> i32) -> f64 {
    f64::from(q.iter().zip(x).fold(0, |sum, (&q, &x)| sum + term(q.into(), x.into()) as u32))
}

/// As [`sum_u8`]; a product has a sign and needs no more than 2^30, a square needs no sign.
#[inline(always)]
fn sum_i8(q: &[u8], x: &[u8], term: impl Fn(i32, i32) -> i32) -> f64 {
    q.chunks(1 << 14)
        .zip(x.chunks(1 << 14))
        .map(|(q, x)| q.iter().zip(x).map(|(&q, &x)| term((q as i8).into(), (x as i8).into())).sum::<i32>())
        .map(f64::from)
        .sum()
}

#[inline(always)]
fn count(q: &[u8], x: &[u8], term: impl Fn(u64, u64) -> u64) -> u32 {
    let (q8, q_rest) = q.as_chunks::<8>();
    let (x8, x_rest) = x.as_chunks::<8>();
    let words = q8.iter().zip(x8).map(|(q, x)| term(u64::from_ne_bytes(*q), u64::from_ne_bytes(*x)).count_ones());
    let bytes = q_rest.iter().zip(x_rest).map(|(&q, &x)| term(q.into(), x.into()).count_ones());
    words.sum::<u32>() + bytes.sum::<u32>()
}
