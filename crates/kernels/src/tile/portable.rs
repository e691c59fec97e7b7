//! Plain loops over the queries of a tile, which the compiler vectorises.

use super::code::{self, Frame, Side, Source, f16s_portable};
use super::rows::{Queries, Rows};
use super::sweep::{self, Block, Hit, Kernel, Limits};
use super::{Coding, PAIR, STEP, TILE, TILE_BYTES, Tiles};

pub(super) fn code(tiles: &Tiles, side: Side, source: &Source<'_>, first: usize, frame: &Frame<'_>, out: &mut Rows) {
    code::code(tiles, side, source, first, frame, f16s_portable, out);
}

pub(super) fn sweep(coding: Coding, rows: &mut Rows, queries: &Queries, limits: &Limits, hits: &mut Vec<Hit>) {
    // SAFETY: this unit is always there; `Tiles::sweep` saw that the operands belong together.
    unsafe {
        match coding {
            Coding::Fixed => sweep::sweep::<Fixed>(rows, queries, limits, hits),
            Coding::Shorts { .. } => sweep::sweep::<Shorts>(rows, queries, limits, hits),
            Coding::Words => sweep::sweep::<Words>(rows, queries, limits, hits),
            Coding::Bf16 | Coding::Bytes { .. } | Coding::Spread => unreachable!("not a coding of this unit"),
        }
    }
}

struct Fixed;
struct Shorts;
struct Words;

impl Kernel for Fixed {
    type Sum = f32;

    #[inline(always)]
    unsafe fn multiply(rows: &Rows, row: usize, queries: &Queries, query: usize, both: bool, out: &mut Block<f32>) {
        for r in 0..PAIR {
            for c in 0..1 + usize::from(both) {
                // SAFETY: the caller's promise.
                let sums = unsafe { dot(rows, row + r, queries, query + c * TILE, [0; TILE], shorts) };
                let (scale, bias) = (rows.scales[row + r], rows.bias[row + r]);
                for (q, sum) in sums.into_iter().enumerate() {
                    let scaled = sum as f32 * queries.scales()[query + c * TILE + q] * scale;
                    out.0[r / TILE][c][r % TILE][q] = scaled + bias;
                }
            }
        }
    }
}

macro_rules! exact {
    ($kernel:ident, $add:ident) => {
        impl Kernel for $kernel {
            type Sum = i32;

            #[inline(always)]
            unsafe fn multiply(
                rows: &Rows,
                row: usize,
                queries: &Queries,
                query: usize,
                both: bool,
                out: &mut Block<i32>,
            ) {
                for r in 0..PAIR {
                    for c in 0..1 + usize::from(both) {
                        let begin = [rows.begin[row + r] as i32; TILE];
                        // SAFETY: the caller's promise.
                        let sums = unsafe { dot(rows, row + r, queries, query + c * TILE, begin, $add) };
                        out.0[r / TILE][c][r % TILE] = sums;
                    }
                }
            }
        }
    };
}
exact!(Shorts, shorts);
exact!(Words, ands);

/// The sums of one row and a tile of queries.
///
/// # Safety
///
/// The row, and the tile of the query, lie within their blocks.
#[inline(always)]
unsafe fn dot(
    rows: &Rows,
    row: usize,
    queries: &Queries,
    query: usize,
    begin: [i32; TILE],
    add: impl Fn(i32, u32, u32) -> i32,
) -> [i32; TILE] {
    let mut sums = begin;
    // SAFETY: a tile of words begins at each address below.
    unsafe {
        let mut a = rows.tile(row).add(row % TILE * STEP);
        let mut b = queries.tile(query);
        for _ in 0..rows.steps() {
            let x = &*a.cast::<[u32; TILE]>();
            let q = &*b.cast::<[[u32; TILE]; TILE]>();
            for (&x, q) in x.iter().zip(q) {
                for (sum, &q) in sums.iter_mut().zip(q) {
                    *sum = add(*sum, x, q);
                }
            }
            a = a.add(TILE_BYTES);
            b = b.add(TILE_BYTES);
        }
    }
    sums
}

/// The two products of shorts.
#[inline(always)]
fn shorts(sum: i32, x: u32, q: u32) -> i32 {
    let product = |x: u32, q: u32| i32::from(x as u16 as i16) * i32::from(q as u16 as i16);
    sum + product(x, q) + product(x >> 16, q >> 16)
}

/// How many bits are set in both.
#[inline(always)]
fn ands(sum: i32, x: u32, q: u32) -> i32 {
    sum + (x & q).count_ones() as i32
}
