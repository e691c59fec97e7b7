//! Many queries against many consecutive rows, as products of small matrices.
//!
//! One query against one row reads the row from memory for a handful of operations. A block of
//! rows against a block of queries reads each number once and uses it dozens of times, so that
//! arithmetic is the limit; and then the cheapest arithmetic wins. So rows and queries are first
//! *coded*: rounded to numbers that the machine multiplies fastest. What the rounding cost is
//! known for each vector, as a bound and not as an estimate ([`Rows::residuals`]), and the caller
//! can tell from a product of codes what the product of the vectors is at least and at most. It
//! looks closer only where that decides nothing, and so ends with the exact answer.
//!
//! | unit | floats as | bytes as | bits as |
//! | --- | --- | --- | --- |
//! | AMX | bf16, `tdpbf16ps` | bytes, `tdpbuud`, `tdpbssd` | bytes of 0 and 1, `tdpbuud` |
//! | AVX-512 | fixed point of 16 bits, `vpdpwssd` | bytes, `vpdpbusd` | words, `vpopcntd` |
//! | AVX2 | fixed point of 16 bits, `vpmaddwd` | shorts, `vpmaddwd` | words, `vpshufb` |
//! | portable | f32 | f32 | words |
//!
//! One layout serves all of them. Its atom is a *word* of 4 bytes: an f32, two bf16, two shorts,
//! four bytes or 32 bits. A *tile* is 16 × 16 words: 16 rows by 16 words of each, or 16 words by 16
//! queries. A product of two tiles adds to 16 × 16 sums. The words of a vector beyond 16 lie in
//! further tiles, one per *step*.
//!
//! [`Tiles::sweep`] multiplies and screens in one go: the sums never leave the first-level cache,
//! and only those that pass the caller's limits are handed out.
//!
//! `VICINAL_AMX=0` keeps AMX out of use; `VICINAL_ISA` chooses among the others.

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod amx;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod code;
mod portable;
mod rows;
mod sweep;
#[cfg(test)]
mod tests;
mod unit;

pub use code::{Frame, Source};
pub use rows::{Queries, Rows};
pub use sweep::{Greatest, Hit, Limits};
pub use unit::{Unit, unit, units};

use crate::Code;
use code::Side;
use sweep::Work;

/// Rows or queries side by side in a tile, and words of each.
pub const TILE: usize = 16;
/// Bytes of a tile.
const TILE_BYTES: usize = TILE * TILE * 4;
/// Bytes that one step takes from each vector.
const STEP: usize = TILE * 4;
/// Rows, and queries, that a kernel call multiplies: two tiles by two.
const PAIR: usize = 2 * TILE;

/// What a word of a coded vector holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    /// An f32.
    Float,
    /// Two bf16.
    Bf16,
    /// Two shorts: a float divided by the vector's scale.
    Fixed,
    /// Four bytes as they are, signed or not.
    Bytes { signed: bool },
    /// Two bytes as they are, widened.
    Shorts { signed: bool },
    /// 32 bits as they are.
    Words,
    /// Four bits, each widened to a byte.
    Spread,
}

/// One way to multiply blocks of vectors: which unit, and how rows of a given code are coded for
/// it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tiles {
    unit: Unit,
    coding: Coding,
    dim: usize,
    steps: usize,
}

impl Tiles {
    /// The way of a unit, which must be one of [`units`], with rows of `dim` components.
    pub fn new(unit: Unit, code: Code, dim: usize) -> Self {
        assert!(units().contains(&unit), "this machine has no {unit:?} unit");
        let signed = code == Code::I8;
        let largest = if signed { 128 * 128 } else { 255 * 255 };
        let coding = match (code, unit) {
            (Code::Bits, Unit::Amx) => Coding::Spread,
            (Code::Bits, _) => Coding::Words,
            // Sums must fit in 31 bits. Longer rows are multiplied as floats, like the others.
            (Code::I8 | Code::U8, Unit::Amx | Unit::Avx512) if dim <= i32::MAX as usize / largest => {
                Coding::Bytes { signed }
            }
            (Code::I8 | Code::U8, Unit::Avx2) if dim <= i32::MAX as usize / largest => Coding::Shorts { signed },
            (_, Unit::Portable) => Coding::Float,
            (_, Unit::Amx) => Coding::Bf16,
            _ => Coding::Fixed,
        };
        let per_step = match coding {
            Coding::Float => STEP / 4,
            Coding::Bf16 | Coding::Fixed | Coding::Shorts { .. } => STEP / 2,
            Coding::Bytes { .. } | Coding::Spread => STEP,
            Coding::Words => STEP * 8,
        };
        Tiles { unit, coding, dim, steps: dim.div_ceil(per_step).max(1) }
    }

    /// The unit.
    pub fn unit(&self) -> Unit {
        self.unit
    }

    /// Whether codes are the vectors themselves and sums of products are exact.
    pub fn exact(&self) -> bool {
        !matches!(self.coding, Coding::Float | Coding::Bf16 | Coding::Fixed)
    }

    /// Bytes of a coded vector.
    pub fn code_bytes(&self) -> usize {
        self.steps * STEP
    }

    /// The relative error of a sum of products of codes, and of [`Rows::squares`]: the first is
    /// off by no more than this times the product of the norms of the two codes and the bias, the
    /// second by no more than this times itself.
    pub fn rounding(&self) -> f32 {
        // Any order of `dim + 1` additions, and the few operations that scale the sum.
        (self.dim + 16) as f32 * (f32::EPSILON / 2.0)
    }

    /// Room for `capacity` coded rows.
    pub fn rows(&self, capacity: usize) -> Rows {
        Rows::new(self.steps, capacity)
    }

    /// Codes the vectors `first..first + n` of `source` into `out`, instead of what was there.
    pub fn code(&self, source: &Source<'_>, first: usize, n: usize, frame: &Frame<'_>, out: &mut Rows) {
        self.code_side(Side::Rows, source, first, n, frame, out);
    }

    /// Codes the vectors `first..first + n` of `source` as queries.
    pub fn queries(&self, source: &Source<'_>, first: usize, n: usize, frame: &Frame<'_>) -> Queries {
        let mut rows = self.rows(n);
        self.code_side(Side::Queries, source, first, n, frame, &mut rows);
        Queries::from_rows(rows)
    }

    // Without the units of x86-64 nothing in it is unsafe.
    #[cfg_attr(not(target_arch = "x86_64"), allow(unused_unsafe))]
    fn code_side(&self, side: Side, source: &Source<'_>, first: usize, n: usize, frame: &Frame<'_>, out: &mut Rows) {
        out.start(self.steps, n);
        source.check(self.dim, first, n);
        assert!(frame.centre.is_none_or(|centre| centre.len() == self.dim));
        // SAFETY: `new` saw that the unit is there.
        unsafe {
            match self.unit {
                Unit::Portable => portable::code(self, side, source, first, frame, out),
                #[cfg(target_arch = "x86_64")]
                Unit::Avx2 => avx2::code(self, side, source, first, frame, out),
                #[cfg(target_arch = "x86_64")]
                Unit::Avx512 => avx512::code(self, side, source, first, frame, out),
                #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
                Unit::Amx => amx::code(self, side, source, first, frame, out),
                #[allow(unreachable_patterns)] // the units of other targets
                unit => unreachable!("{unit:?} is not a unit of this machine"),
            }
        }
    }

    /// Hands to `take` every row that passes a query's limit:
    ///
    /// `product(row, query) + rows.bias[row] + rows.spread[row] · weight(query) ≥ threshold(query)`
    ///
    /// where the sum of the first two is the hit's value. Hits come a few at a time, those of one
    /// query in the order of rows, and for limits as they were shortly before: a limit that `take`
    /// raises holds for most of what follows.
    pub fn sweep(
        &self,
        rows: &mut Rows,
        queries: &Queries,
        limits: &mut Limits,
        take: &mut dyn FnMut(&Rows, &[Hit], &mut Limits),
    ) {
        limits.check(queries);
        self.work(rows, queries, Work::Sweep(limits, take));
    }

    /// Keeps the greatest values of each query: those of these rows, and those already there.
    /// Values are those of hits. A cheap way to good limits, from a few rows.
    pub fn gather(&self, rows: &mut Rows, queries: &Queries, greatest: &mut Greatest) {
        greatest.check(queries);
        self.work(rows, queries, Work::Gather(greatest));
    }

    // Without the units of x86-64 nothing in it is unsafe.
    #[cfg_attr(not(target_arch = "x86_64"), allow(unused_unsafe))]
    fn work(&self, rows: &mut Rows, queries: &Queries, work: Work<'_>) {
        rows.check(self.steps);
        assert_eq!(queries.steps(), self.steps);
        // SAFETY: `new` saw that the unit is there; the lengths were checked above.
        unsafe {
            match self.unit {
                Unit::Portable => portable::work(self.coding, rows, queries, work),
                #[cfg(target_arch = "x86_64")]
                Unit::Avx2 => avx2::work(self.coding, rows, queries, work),
                #[cfg(target_arch = "x86_64")]
                Unit::Avx512 => avx512::work(self.coding, rows, queries, work),
                #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
                Unit::Amx => amx::work(self.coding, rows, queries, work),
                #[allow(unreachable_patterns)] // the units of other targets
                unit => unreachable!("{unit:?} is not a unit of this machine"),
            }
        }
    }
}
