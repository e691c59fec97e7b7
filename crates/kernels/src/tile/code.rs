//! From vectors to codes.
//!
//! Written once, in loops of fixed width that the compiler vectorises for the unit they are
//! compiled for.

use half::f16;

use super::rows::Rows;
use super::{Coding, STEP, Tiles, Unit};

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

/// Components a loop handles at once: a step of 16-bit codes.
const WIDE: usize = STEP / 2;

/// Squared norms beyond this are not coded: their sums could overflow.
const LARGEST_SQUARE: f32 = 1e30;

/// What `f32` sums over up to 65,536 components in `WIDE` lanes can be off by, and a little more.
const LOOSE: f32 = 1.001;

/// [`Tiles::code`], to be compiled for a unit.
#[inline(always)]
pub(super) fn code(
    tiles: &Tiles,
    side: Side,
    source: &Source<'_>,
    first: usize,
    frame: &Frame<'_>,
    f16s: impl Fn(&[u8], &mut [f32]),
    out: &mut Rows,
) {
    let n = out.len();
    match (tiles.coding, *source) {
        (Coding::Bytes { signed }, Source::U8(bytes) | Source::I8(bytes)) => {
            // VNNI multiplies unsigned bytes (the queries) by signed ones (the rows); what doesn't
            // fit is shifted by half the range, and the sum corrected.
            let vnni = tiles.unit == Unit::Avx512;
            let shifted = vnni && signed == (side == Side::Queries);
            for (i, row) in bytes.chunks_exact(tiles.dim).skip(first).take(n).enumerate() {
                out.squares[i] = if signed { square_i8(row) } else { square_u8(row) } as f32;
                out.corrections[i] = match (vnni && signed != (side == Side::Queries), signed) {
                    (false, _) => 0,
                    (true, true) => -128 * row.iter().map(|&x| i32::from(x as i8)).sum::<i32>(),
                    (true, false) => 128 * row.iter().map(|&x| i32::from(x)).sum::<i32>(),
                };
                out.residuals[i] = 0.0;
                for (step, part) in row.chunks(STEP).enumerate() {
                    let line = out.line(i, step);
                    line[..part.len()].copy_from_slice(part);
                    line[part.len()..].fill(0);
                    if shifted {
                        line[..part.len()].iter_mut().for_each(|x| *x ^= 0x80);
                    }
                }
            }
        }
        (Coding::Shorts { signed }, Source::U8(bytes) | Source::I8(bytes)) => {
            for (i, row) in bytes.chunks_exact(tiles.dim).skip(first).take(n).enumerate() {
                out.squares[i] = if signed { square_i8(row) } else { square_u8(row) } as f32;
                out.residuals[i] = 0.0;
                for (step, part) in row.chunks(WIDE).enumerate() {
                    let mut shorts = [0; WIDE];
                    for (short, &x) in shorts.iter_mut().zip(part) {
                        *short = if signed { i16::from(x as i8) } else { i16::from(x) };
                    }
                    put(out.line(i, step), shorts.map(|x| x as u16));
                }
            }
        }
        (Coding::Words, Source::Bits(bytes)) => {
            for (i, row) in bytes.chunks_exact(tiles.dim.div_ceil(8)).skip(first).take(n).enumerate() {
                out.squares[i] = ones(row);
                out.residuals[i] = 0.0;
                for (step, part) in row.chunks(STEP).enumerate() {
                    let line = out.line(i, step);
                    line[..part.len()].copy_from_slice(part);
                    line[part.len()..].fill(0);
                }
            }
        }
        (Coding::Spread, Source::Bits(bytes)) => {
            for (i, row) in bytes.chunks_exact(tiles.dim.div_ceil(8)).skip(first).take(n).enumerate() {
                out.squares[i] = ones(row);
                out.residuals[i] = 0.0;
                for (step, part) in row.chunks(STEP / 8).enumerate() {
                    let mut bits = [0; STEP / 8];
                    bits[..part.len()].copy_from_slice(part);
                    // Which bit goes where is of no matter, as long as all vectors do the same.
                    for (j, eight) in out.line(i, step).chunks_exact_mut(bits.len()).enumerate() {
                        for (wide, bits) in eight.iter_mut().zip(bits) {
                            *wide = bits >> j & 1;
                        }
                    }
                }
            }
        }
        (Coding::Bf16 | Coding::Fixed, _) => {
            let mut row = vec![0.0; tiles.dim.next_multiple_of(WIDE)];
            let (dim, coding) = (tiles.dim, tiles.coding);
            for i in 0..n {
                read(source, first + i, &f16s, &mut row[..dim]);
                let error = enter(frame, &mut row[..dim], matches!(source, Source::Hi(_)));
                let coded = match coding {
                    Coding::Bf16 => bf16_row(&row, i, out),
                    _ => fixed_row(&row, i, out),
                };
                let Coded { square, residual, scale } = coded.unwrap_or_else(|square| {
                    // Code 0, which is as far away as the vector is long.
                    (0..out.steps()).for_each(|step| *out.line(i, step) = [0; STEP]);
                    Coded { square: 0.0, residual: f64::from(square).sqrt().min(1e18) as f32, scale: 0.0 }
                });
                out.squares[i] = square;
                out.scales[i] = scale;
                // The last term stands for squares too small for f32.
                out.residuals[i] = residual * LOOSE + error + 1e-19;
            }
        }
        (coding, source) => panic!("{source:?} does not go with {coding:?}"),
    }
}

/// Row `i` as f32.
#[inline(always)]
fn read<'a>(source: &Source<'a>, i: usize, f16s: impl Fn(&[u8], &mut [f32]), out: &mut [f32]) {
    let dim = out.len();
    let part = |bytes: &'a [u8], size: usize| &bytes[i * size * dim..][..size * dim];
    let high = |pair: &[u8; 2]| f32::from_bits(u32::from(u16::from_le_bytes(*pair)) << 16);
    match *source {
        Source::F32(bytes) => {
            let words = part(bytes, 4).as_chunks::<4>().0;
            out.iter_mut().zip(words).for_each(|(x, word)| *x = f32::from_le_bytes(*word));
        }
        Source::F16(bytes) => f16s(part(bytes, 2), out),
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
        Source::Bits(_) => panic!("bits are not numbers"),
    }
}

/// Half precision to f32, where there is no instruction for it.
pub(super) fn f16s_portable(bytes: &[u8], out: &mut [f32]) {
    let halves = bytes.as_chunks::<2>().0;
    out.iter_mut().zip(halves).for_each(|(x, half)| *x = f16::from_le_bytes(*half).to_f32());
}

/// Takes a vector into the frame; returns how far it may be from where it should be. `hi` says
/// that only the high halves of its components are known.
#[inline(always)]
fn enter(frame: &Frame<'_>, row: &mut [f32], hi: bool) -> f32 {
    const ROUNDING: f32 = f32::EPSILON / 2.0;
    let mut error = 0.0;
    let mut scale = frame.scale;
    if frame.unit || hi {
        let norm = square(row).sqrt();
        if frame.unit {
            scale /= norm;
            // Of the norm and of the quotient: half a term's error for each of its additions.
            error += frame.scale * (row.len() as f32 / 16.0 + 16.0) * ROUNDING;
        }
        if hi {
            // Rounding to 8 bits, and the little that the norm itself is off.
            error += norm * scale * LOOSE / 256.0;
        }
    }
    if frame.unit || frame.centre.is_some() {
        let mut before = square(row).sqrt() * scale;
        match frame.centre {
            None => row.iter_mut().for_each(|x| *x *= scale),
            Some(centre) => {
                row.iter_mut().zip(centre).for_each(|(x, c)| *x = *x * scale - c);
                before += square(row).sqrt();
            }
        }
        error += 2.0 * ROUNDING * LOOSE * before;
    } else if scale != 1.0 {
        row.iter_mut().for_each(|x| *x *= scale);
    }
    error
}

struct Coded {
    square: f32,
    residual: f32,
    scale: f32,
}

/// Codes a row as bf16, rounded to nearest even; or returns its squared norm, which is too large.
#[inline(always)]
fn bf16_row(row: &[f32], i: usize, out: &mut Rows) -> Result<Coded, f32> {
    let mut squares = [0.0; WIDE];
    let mut errors = [0.0; WIDE];
    for (step, x) in row.as_chunks::<WIDE>().0.iter().enumerate() {
        let mut high = [0; WIDE];
        for j in 0..WIDE {
            let bits = x[j].to_bits();
            let rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
            let code = f32::from_bits(rounded << 16);
            high[j] = rounded as u16;
            squares[j] += code * code;
            errors[j] += (x[j] - code) * (x[j] - code);
        }
        put(out.line(i, step), high);
    }
    let square = squares.iter().sum();
    if square > LARGEST_SQUARE {
        return Err(square);
    }
    Ok(Coded { square, residual: errors.iter().sum::<f32>().sqrt(), scale: 1.0 })
}

/// Codes a row as shorts; or returns its squared norm, which is too large.
#[inline(always)]
fn fixed_row(row: &[f32], i: usize, out: &mut Rows) -> Result<Coded, f32> {
    /// The largest norm of a code, rounding included: its square fits in 31 bits, and so do the
    /// product of any two codes and each part of it (Cauchy and Schwarz).
    const NORM: f32 = 45_900.0;
    const COMPONENT: f32 = 32_700.0;
    /// 1.5 · 2^23: added to a small number, it leaves the nearest integer in the low bits.
    const MAGIC: f32 = 12_582_912.0;
    let square = square(row);
    if square > LARGEST_SQUARE {
        return Err(square);
    }
    let largest = lanes(row, |max: f32, x| if x.abs() > max { x.abs() } else { max });
    let largest = largest.iter().fold(0.0, |a: f32, &b| a.max(b));
    // The last term keeps the inverse finite.
    let scale = (square.sqrt() * LOOSE / NORM).max(largest / COMPONENT).max(1e-25);
    let inverse = 1.0 / scale;
    let mut squares = [0; WIDE];
    for (step, x) in row.as_chunks::<WIDE>().0.iter().enumerate() {
        let codes: [u16; WIDE] = std::array::from_fn(|j| (x[j] * inverse + MAGIC).to_bits() as u16);
        for j in 0..WIDE {
            let code = i32::from(codes[j] as i16);
            squares[j] += code * code;
        }
        put(out.line(i, step), codes);
    }
    let square = squares.iter().sum::<i32>() as f32 * scale * scale;
    // Half a unit each, and what multiplying by the inverse may add.
    let residual = 0.51 * (row.len() as f32).sqrt() * scale;
    Ok(Coded { square, residual, scale })
}

#[inline(always)]
fn put(line: &mut [u8; STEP], codes: [u16; WIDE]) {
    for (bytes, code) in line.as_chunks_mut::<2>().0.iter_mut().zip(codes) {
        *bytes = code.to_le_bytes();
    }
}

/// Folds the components at places `j`, `j + WIDE`, … into lane `j`.
#[inline(always)]
fn lanes(row: &[f32], fold: impl Fn(f32, f32) -> f32) -> [f32; WIDE] {
    let mut lanes = [0.0; WIDE];
    let (wide, rest) = row.as_chunks::<WIDE>();
    for x in wide {
        for j in 0..WIDE {
            lanes[j] = fold(lanes[j], x[j]);
        }
    }
    lanes.iter_mut().zip(rest).for_each(|(lane, &x)| *lane = fold(*lane, x));
    lanes
}

#[inline(always)]
fn square(row: &[f32]) -> f32 {
    lanes(row, |sum, x| sum + x * x).iter().sum()
}

#[inline(always)]
fn square_u8(row: &[u8]) -> u32 {
    row.iter().map(|&x| u32::from(u16::from(x) * u16::from(x))).sum()
}

#[inline(always)]
fn square_i8(row: &[u8]) -> u32 {
    row.iter().map(|&x| u32::from(u16::from((x as i8).unsigned_abs()).pow(2))).sum()
}

#[inline(always)]
fn ones(row: &[u8]) -> f32 {
    let (words, rest) = row.as_chunks::<8>();
    let words: u32 = words.iter().map(|word| u64::from_ne_bytes(*word).count_ones()).sum();
    (words + rest.iter().map(|byte| byte.count_ones()).sum::<u32>()) as f32
}
