//! From vectors to codes, written once over the units' registers of floats.

use super::rows::Rows;
use super::{Coding, STEP, Tiles, Unit};
use crate::levels;

/// Vectors in memory, row after row without gaps, as little-endian machines store them.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// f32.
    F32(&'a [u8]),
    /// IEEE half precision.
    F16(&'a [u8]),
    /// The high halves of f32.
    Bf16(&'a [u8]),
    /// f32 as two planes: the nearest bf16 (ties away from zero), and the low halves.
    Split {
        /// The nearest bf16.
        hi: &'a [u8],
        /// The low halves.
        lo: &'a [u8],
    },
    /// The hi plane of f32 alone: the codes are as near as can be told without the other.
    Hi(&'a [u8]),
    /// Unsigned bytes.
    U8(&'a [u8]),
    /// Signed bytes.
    I8(&'a [u8]),
    /// Packed bits.
    Bits(&'a [u8]),
    /// Rows of [`levels`].
    Levels(&'a [u8]),
}

impl Source<'_> {
    pub(super) fn check(&self, dim: usize, first: usize, n: usize) {
        let (bytes, row) = match *self {
            Source::F32(bytes) => (bytes, 4 * dim),
            Source::F16(bytes) | Source::Bf16(bytes) | Source::Hi(bytes) => (bytes, 2 * dim),
            Source::Split { hi, lo } => {
                assert_eq!(hi.len(), lo.len(), "planes of different lengths");
                (hi, 2 * dim)
            }
            Source::U8(bytes) | Source::I8(bytes) => (bytes, dim),
            Source::Bits(bytes) => (bytes, dim.div_ceil(8)),
            Source::Levels(bytes) => (bytes, levels::row_bytes(dim)),
        };
        assert!(bytes.len() >= (first + n) * row, "{} rows of {row} bytes in {}", first + n, bytes.len());
    }
}

/// What is done to a float vector before it is coded. Exact codes know none of it.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Multiplies the vector; a power of two.
    pub scale: f32,
    /// Whether the vector is first brought to length 1.
    pub unit: bool,
    /// Subtracted at last.
    pub centre: Option<&'a [f32]>,
}

impl Frame<'_> {
    /// Leaves vectors as they are.
    pub const PLAIN: Frame<'static> = Frame { scale: 1.0, unit: false, centre: None };
}

/// Which operand of a product a vector becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Rows,
    Queries,
}

/// A register of floats.
///
/// # Safety
///
/// Of every method: the unit is there, and pointers are good for `N` values.
pub(super) trait Lanes: Copy {
    /// Floats in a register; it divides `WIDE`.
    const N: usize;

    unsafe fn splat(x: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    unsafe fn sub(self, other: Self) -> Self;
    unsafe fn mul(self, other: Self) -> Self;
    /// `self · a + b`, rounded once or twice.
    unsafe fn mul_add(self, a: Self, b: Self) -> Self;
    /// The greater of `self` and `|other|`.
    unsafe fn max_abs(self, other: Self) -> Self;
    /// The sum of all floats.
    unsafe fn total(self) -> f32;
    /// The greatest of all floats.
    unsafe fn greatest(self) -> f32;
    /// Stores `N` bf16, rounded to nearest even; returns what they stand for.
    unsafe fn bf16(self, to: *mut u16) -> Self;
    /// Stores the nearest `N` shorts of numbers that fit; returns what they stand for.
    unsafe fn shorts(self, to: *mut u16) -> Self;
    /// Half precision to f32.
    unsafe fn halves(from: &[u8], to: &mut [f32]);
    /// The sum of the squares of bytes, and their sum.
    unsafe fn sums(bytes: &[u8], signed: bool) -> (u32, i32);
    /// How many bits are set.
    unsafe fn ones(bytes: &[u8]) -> u32;
    /// A byte of 0 or 1 for each bit.
    unsafe fn spread(bits: u64) -> [u8; 64];
}

/// Components of a step of 16-bit codes.
pub(super) const WIDE: usize = STEP / 2;

/// Squared norms beyond this are not coded: their sums could overflow.
const LARGEST_SQUARE: f32 = 1e30;

/// More than f32 sums over up to 65,536 components, in at least 4 lanes, can be off by.
const LOOSE: f32 = 1.002;

/// [`Tiles::code`], to be compiled for a unit.
///
/// # Safety
///
/// The unit of `L` is there, and `source` holds the vectors.
#[inline(always)]
pub(super) unsafe fn code<L: Lanes>(
    tiles: &Tiles,
    side: Side,
    source: &Source<'_>,
    first: usize,
    frame: &Frame<'_>,
    out: &mut Rows,
) {
    let n = out.len();
    // SAFETY: the caller's promise.
    unsafe {
        match (tiles.coding, *source) {
            (Coding::Bytes { signed }, Source::U8(bytes) | Source::I8(bytes)) => {
                // VNNI multiplies unsigned bytes (the queries) by signed ones (the rows); what
                // doesn't fit is shifted by half the range, and the sum corrected.
                let vnni = tiles.unit == Unit::Avx512;
                let shift = if vnni && signed == (side == Side::Queries) { 0x80 } else { 0 };
                let correction = match (vnni && signed != (side == Side::Queries), signed) {
                    (false, _) => 0,
                    (true, true) => -128,
                    (true, false) => 128,
                };
                for (i, row) in bytes.chunks_exact(tiles.dim).skip(first).take(n).enumerate() {
                    let (square, sum) = L::sums(row, signed);
                    (out.squares[i], out.residuals[i]) = (square as f32, 0.0);
                    out.corrections[i] = correction * sum;
                    // Zeros that fill up the last line stay zero.
                    for_lines(row, |step, line: [u8; STEP], used| {
                        let out = out.line(i, step);
                        *out = line.map(|x| x ^ shift);
                        out[used..].fill(0);
                    });
                }
            }
            (Coding::Shorts { signed }, Source::U8(bytes) | Source::I8(bytes)) => {
                for (i, row) in bytes.chunks_exact(tiles.dim).skip(first).take(n).enumerate() {
                    (out.squares[i], out.residuals[i]) = (L::sums(row, signed).0 as f32, 0.0);
                    for_lines(row, |step, half: [u8; WIDE], _| {
                        let line = out.line(i, step).as_chunks_mut::<2>().0;
                        if signed {
                            line.iter_mut().zip(half).for_each(|(s, x)| *s = i16::from(x as i8).to_le_bytes());
                        } else {
                            line.iter_mut().zip(half).for_each(|(s, x)| *s = i16::from(x).to_le_bytes());
                        }
                    });
                }
            }
            (Coding::Words, Source::Bits(bytes)) => {
                for (i, row) in bytes.chunks_exact(tiles.dim.div_ceil(8)).skip(first).take(n).enumerate() {
                    (out.squares[i], out.residuals[i]) = (L::ones(row) as f32, 0.0);
                    for_lines(row, |step, line: [u8; STEP], _| *out.line(i, step) = line);
                }
            }
            (Coding::Spread, Source::Bits(bytes)) => {
                for (i, row) in bytes.chunks_exact(tiles.dim.div_ceil(8)).skip(first).take(n).enumerate() {
                    (out.squares[i], out.residuals[i]) = (L::ones(row) as f32, 0.0);
                    for_lines(row, |step, word: [u8; STEP / 8], _| {
                        *out.line(i, step) = L::spread(u64::from_ne_bytes(word));
                    });
                }
            }
            (Coding::Float | Coding::Bf16 | Coding::Fixed, _) => code_floats::<L>(tiles, source, first, frame, out),
            (coding, source) => panic!("{source:?} does not go with {coding:?}"),
        }
    }
}

/// Calls `each` with the number of each line of `N` bytes, the line, filled up with zeros, and how
/// many of its bytes are of the row.
#[inline(always)]
fn for_lines<const N: usize>(row: &[u8], mut each: impl FnMut(usize, [u8; N], usize)) {
    let (whole, rest) = row.as_chunks::<N>();
    for (step, line) in whole.iter().enumerate() {
        each(step, *line, N);
    }
    if !rest.is_empty() {
        let mut line = [0; N];
        line[..rest.len()].copy_from_slice(rest);
        each(whole.len(), line, rest.len());
    }
}

/// # Safety
///
/// As of [`code`].
#[inline(always)]
unsafe fn code_floats<L: Lanes>(tiles: &Tiles, source: &Source<'_>, first: usize, frame: &Frame<'_>, out: &mut Rows) {
    let dim = tiles.dim;
    let mut row = vec![0.0; dim.next_multiple_of(WIDE)];
    let mut centre = vec![0.0; row.len()];
    centre[..dim].copy_from_slice(frame.centre.unwrap_or(&vec![0.0; dim]));
    // SAFETY: the caller's promise; all rows below are filled up to whole steps.
    unsafe {
        let centre_norm = square::<L>(&centre).sqrt();
        for i in 0..out.len() {
            read::<L>(source, first + i, &mut row[..dim]);
            let mut error = 0.0;
            let mut scale = frame.scale;
            let hi = matches!(source, Source::Hi(_));
            if frame.unit || hi {
                let norm = square::<L>(&row).sqrt();
                if frame.unit {
                    scale /= norm;
                    // Of the norm and of the quotient: half a term's error for each addition.
                    error += frame.scale * (dim as f32 / 8.0 + 16.0) * (f32::EPSILON / 2.0);
                }
                if hi {
                    // Rounding to 8 bits, and the little that the norm itself is off.
                    error += norm * scale * LOOSE / 256.0;
                }
            }
            let moved = scale != 1.0 || frame.centre.is_some();
            if moved {
                let scale = L::splat(scale);
                for j in (0..row.len()).step_by(L::N) {
                    let x = L::load(row.as_ptr().add(j));
                    x.mul(scale).sub(L::load(centre.as_ptr().add(j))).store(row.as_mut_ptr().add(j));
                }
            }
            let coded = match tiles.coding {
                Coding::Float => float_row::<L>(&row, i, out),
                Coding::Bf16 => bf16_row::<L>(&row, i, out),
                _ => fixed_row::<L>(&row, i, out),
            };
            let Coded { square, residual, scale: unit } = coded.unwrap_or_else(|square| {
                // Code 0, which is as far away as the vector is long.
                (0..out.steps()).for_each(|step| *out.line(i, step) = [0; STEP]);
                Coded { square: 0.0, residual: square.sqrt().min(1e18), scale: 0.0 }
            });
            error += residual * LOOSE;
            if moved {
                // Of the product and of the difference.
                error += LOOSE * f32::EPSILON * (2.0 * (square.sqrt() + residual) + centre_norm);
            }
            out.squares[i] = square;
            out.scales[i] = unit;
            // The last term stands for squares too small for f32.
            out.residuals[i] = error + 1e-19;
        }
    }
}

/// Row `i` as f32.
///
/// # Safety
///
/// The unit of `L` is there.
#[inline(always)]
unsafe fn read<'a, L: Lanes>(source: &Source<'a>, i: usize, out: &mut [f32]) {
    let dim = out.len();
    let part = |bytes: &'a [u8], size: usize| &bytes[i * size * dim..][..size * dim];
    let high = |pair: &[u8; 2]| f32::from_bits(u32::from(u16::from_le_bytes(*pair)) << 16);
    match *source {
        Source::F32(bytes) => {
            let words = part(bytes, 4).as_chunks::<4>().0;
            out.iter_mut().zip(words).for_each(|(x, word)| *x = f32::from_le_bytes(*word));
        }
        // SAFETY: the same contract.
        Source::F16(bytes) => unsafe { L::halves(part(bytes, 2), out) },
        Source::Bf16(bytes) | Source::Hi(bytes) => {
            out.iter_mut().zip(part(bytes, 2).as_chunks::<2>().0).for_each(|(x, pair)| *x = high(pair));
        }
        Source::Split { hi, lo } => {
            let (hi, lo) = (part(hi, 2).as_chunks::<2>().0, part(lo, 2).as_chunks::<2>().0);
            for ((x, hi), lo) in out.iter_mut().zip(hi).zip(lo) {
                let (hi, lo) = (u16::from_le_bytes(*hi), u16::from_le_bytes(*lo));
                *x = f32::from_bits(u32::from(hi.wrapping_sub(lo >> 15)) << 16 | u32::from(lo));
            }
        }
        Source::U8(bytes) => out.iter_mut().zip(part(bytes, 1)).for_each(|(x, &byte)| *x = f32::from(byte)),
        Source::I8(bytes) => out.iter_mut().zip(part(bytes, 1)).for_each(|(x, &byte)| *x = f32::from(byte as i8)),
        Source::Levels(bytes) => levels::decode(&bytes[i * levels::row_bytes(dim)..][..levels::row_bytes(dim)], out),
        Source::Bits(_) => panic!("bits are not numbers"),
    }
}

struct Coded {
    square: f32,
    residual: f32,
    scale: f32,
}

/// Copies a row; or returns its squared norm, which is too large.
///
/// # Safety
///
/// The unit of `L` is there, and the row is whole steps.
#[inline(always)]
unsafe fn float_row<L: Lanes>(row: &[f32], i: usize, out: &mut Rows) -> Result<Coded, f32> {
    // SAFETY: the caller's promise.
    let square = unsafe { square::<L>(row) };
    if square > LARGEST_SQUARE {
        return Err(square);
    }
    for (step, x) in row.as_chunks::<{ STEP / 4 }>().0.iter().enumerate().take(out.steps()) {
        let words = out.line(i, step).as_chunks_mut::<4>().0;
        words.iter_mut().zip(x).for_each(|(word, x)| *word = x.to_le_bytes());
    }
    Ok(Coded { square, residual: 0.0, scale: 1.0 })
}

/// Codes a row as bf16, rounded to nearest even; or returns its squared norm, which is too large.
///
/// # Safety
///
/// The unit of `L` is there, and the row is whole steps.
#[inline(always)]
unsafe fn bf16_row<L: Lanes>(row: &[f32], i: usize, out: &mut Rows) -> Result<Coded, f32> {
    // SAFETY: the caller's promise; a line holds `WIDE` codes.
    unsafe {
        let mut squares = [L::splat(0.0); 2];
        let mut errors = [L::splat(0.0); 2];
        for (step, x) in row.as_chunks::<WIDE>().0.iter().enumerate() {
            let line = out.line(i, step).as_mut_ptr().cast::<u16>();
            for j in 0..WIDE / L::N {
                let x = L::load(x.as_ptr().add(j * L::N));
                let code = x.bf16(line.add(j * L::N));
                let error = x.sub(code);
                squares[j % 2] = code.mul_add(code, squares[j % 2]);
                errors[j % 2] = error.mul_add(error, errors[j % 2]);
            }
        }
        let square = squares[0].total() + squares[1].total();
        if square > LARGEST_SQUARE {
            return Err(square);
        }
        Ok(Coded { square, residual: (errors[0].total() + errors[1].total()).sqrt(), scale: 1.0 })
    }
}

/// Codes a row as shorts; or returns its squared norm, which is too large.
///
/// # Safety
///
/// As of [`bf16_row`].
#[inline(always)]
unsafe fn fixed_row<L: Lanes>(row: &[f32], i: usize, out: &mut Rows) -> Result<Coded, f32> {
    /// The largest norm of a code, rounding included: its square fits in 31 bits, and so do the
    /// product of any two codes and each part of it (Cauchy and Schwarz).
    const NORM: f32 = 45_900.0;
    const COMPONENT: f32 = 32_700.0;
    // SAFETY: the caller's promise; a line holds `WIDE` codes.
    unsafe {
        let square = square::<L>(row);
        if square > LARGEST_SQUARE {
            return Err(square);
        }
        let mut largest = L::splat(0.0);
        for j in (0..row.len()).step_by(L::N) {
            largest = largest.max_abs(L::load(row.as_ptr().add(j)));
        }
        // The last term keeps the inverse finite.
        let scale = (square.sqrt() * LOOSE / NORM).max(largest.greatest() / COMPONENT).max(1e-25);
        let inverse = L::splat(1.0 / scale);
        let mut squares = [L::splat(0.0); 2];
        for (step, x) in row.as_chunks::<WIDE>().0.iter().enumerate() {
            let line = out.line(i, step).as_mut_ptr().cast::<u16>();
            for j in 0..WIDE / L::N {
                let code = L::load(x.as_ptr().add(j * L::N)).mul(inverse).shorts(line.add(j * L::N));
                squares[j % 2] = code.mul_add(code, squares[j % 2]);
            }
        }
        let square = (squares[0].total() + squares[1].total()) * scale * scale;
        // Half a unit each, and what multiplying by the inverse may add.
        let residual = 0.51 * (row.len() as f32).sqrt() * scale;
        Ok(Coded { square, residual, scale })
    }
}

/// The squared norm of a row of whole steps.
///
/// # Safety
///
/// The unit of `L` is there.
#[inline(always)]
unsafe fn square<L: Lanes>(row: &[f32]) -> f32 {
    // SAFETY: the caller's promise; `N` divides the length.
    unsafe {
        let mut squares = [L::splat(0.0); 2];
        for j in (0..row.len()).step_by(2 * L::N) {
            for (k, square) in squares.iter_mut().enumerate() {
                let x = L::load(row.as_ptr().add(j + k * L::N));
                *square = x.mul_add(x, *square);
            }
        }
        squares[0].total() + squares[1].total()
    }
}
