//! AVX2: 4 rows by 16 queries of sums in registers, words of rows broadcast from memory.

use core::arch::x86_64::*;

use super::code::{self, Frame, Side, Source};
use super::rows::{Queries, Rows};
use super::sweep::{self, Block, Hit, Kernel, Limits};
use super::{Coding, PAIR, STEP, TILE, TILE_BYTES, Tiles};

/// [`code::code`] on this unit.
///
/// # Safety
///
/// AVX2 and F16C are there.
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) unsafe fn code(
    tiles: &Tiles,
    side: Side,
    source: &Source<'_>,
    first: usize,
    frame: &Frame<'_>,
    out: &mut Rows,
) {
    // SAFETY: AVX2 and F16C are there.
    code::code(tiles, side, source, first, frame, |bytes, out| unsafe { f16s(bytes, out) }, out);
}

/// Half precision to f32.
#[inline(always)]
unsafe fn f16s(bytes: &[u8], out: &mut [f32]) {
    let (eights, rest) = out.as_chunks_mut::<8>();
    let (of_eights, of_rest) = bytes.as_chunks::<16>();
    for (eight, bytes) in eights.iter_mut().zip(of_eights) {
        // SAFETY: F16C is there; 8 halves are 16 bytes.
        unsafe { _mm256_storeu_ps(eight.as_mut_ptr(), _mm256_cvtph_ps(_mm_loadu_si128(bytes.as_ptr().cast()))) };
    }
    code::f16s_portable(of_rest, rest);
}

/// [`Tiles::sweep`] on this unit.
///
/// # Safety
///
/// AVX2 is there, and the operands belong together.
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) unsafe fn sweep(coding: Coding, rows: &mut Rows, queries: &Queries, limits: &Limits, hits: &mut Vec<Hit>) {
    // SAFETY: the same contract.
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

/// Rows whose sums are kept in registers at once.
const DEEP: usize = 4;
/// Registers that hold the sums of a row and a tile of queries.
const WIDE: usize = 2;

type Group = [[__m256i; WIDE]; DEEP];

/// Adds up the products of `DEEP` rows and a tile of queries. After each step of `TILE` words,
/// `fold` may make sums of what `add` gathered.
///
/// # Safety
///
/// AVX2 is there; the rows lie within one tile of theirs, and all within their blocks.
#[inline(always)]
unsafe fn dot(
    rows: &Rows,
    row: usize,
    queries: &Queries,
    query: usize,
    mut sums: Group,
    step: impl Fn(&mut Group, *const u8, *const u8),
) -> Group {
    // SAFETY: the caller's promise; each step of a tile is `TILE` lines.
    unsafe {
        let mut a = rows.tile(row).add(row % TILE * STEP);
        let mut b = queries.tile(query);
        for _ in 0..rows.steps() {
            step(&mut sums, a, b);
            a = a.add(TILE_BYTES);
            b = b.add(TILE_BYTES);
        }
    }
    sums
}

/// Calls `add(sum, row's word, queries' words)` for each word of a step.
///
/// # Safety
///
/// As of [`dot`]; a step of the rows begins at `a`, one of the queries at `b`.
#[inline(always)]
unsafe fn each_word(sums: &mut Group, a: *const u8, b: *const u8, add: impl Fn(__m256i, __m256i, __m256i) -> __m256i) {
    // SAFETY: the caller's promise.
    unsafe {
        for word in 0..TILE {
            let q: [__m256i; WIDE] =
                core::array::from_fn(|w| _mm256_load_si256(b.add(word * STEP + w * STEP / WIDE).cast()));
            for (r, sums) in sums.iter_mut().enumerate() {
                let x = _mm256_set1_epi32(a.add(r * STEP + word * 4).cast::<i32>().read_unaligned());
                for (sum, &q) in sums.iter_mut().zip(&q) {
                    *sum = add(*sum, x, q);
                }
            }
        }
    }
}

/// # Safety
///
/// As of [`each_word`].
#[inline(always)]
unsafe fn shorts(sums: &mut Group, a: *const u8, b: *const u8) {
    // SAFETY: the same contract.
    unsafe { each_word(sums, a, b, |sum, x, q| _mm256_add_epi32(sum, _mm256_madd_epi16(x, q))) }
}

/// # Safety
///
/// As of [`each_word`].
#[inline(always)]
unsafe fn ands(sums: &mut Group, a: *const u8, b: *const u8) {
    // SAFETY: the same contract.
    unsafe {
        let nibble = _mm256_set1_epi8(15);
        let ones = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
        // Bytes count up to 8 · TILE = 128 in a step, and are added up after it.
        let mut counts = [[_mm256_setzero_si256(); WIDE]; DEEP];
        each_word(&mut counts, a, b, |count, x, q| {
            let and = _mm256_and_si256(x, q);
            let low = _mm256_shuffle_epi8(ones, _mm256_and_si256(and, nibble));
            let high = _mm256_shuffle_epi8(ones, _mm256_and_si256(_mm256_srli_epi16::<4>(and), nibble));
            _mm256_add_epi8(count, _mm256_add_epi8(low, high))
        });
        for (sums, counts) in sums.iter_mut().zip(&counts) {
            for (sum, &count) in sums.iter_mut().zip(counts) {
                let pairs = _mm256_maddubs_epi16(count, _mm256_set1_epi8(1));
                *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
            }
        }
    }
}

impl Kernel for Fixed {
    type Sum = f32;

    #[inline(always)]
    unsafe fn multiply(rows: &Rows, row: usize, queries: &Queries, query: usize, both: bool, out: &mut Block<f32>) {
        // SAFETY: AVX2 is there, and the pairs lie within their blocks.
        unsafe {
            for at in (0..PAIR).step_by(DEEP) {
                for t in 0..1 + usize::from(both) {
                    let query = query + t * TILE;
                    let zero = [[_mm256_setzero_si256(); WIDE]; DEEP];
                    let sums = dot(rows, row + at, queries, query, zero, |s, a, b| shorts(s, a, b));
                    for (r, sums) in sums.iter().enumerate() {
                        let r = at + r;
                        let scale = _mm256_set1_ps(rows.scales[row + r]);
                        let bias = _mm256_set1_ps(rows.bias[row + r]);
                        for (w, &sum) in sums.iter().enumerate() {
                            let theirs = _mm256_loadu_ps(queries.scales()[query + w * 8..].as_ptr());
                            let sum = _mm256_mul_ps(_mm256_cvtepi32_ps(sum), theirs);
                            let line = out.0[r / TILE][t][r % TILE][w * 8..].as_mut_ptr();
                            _mm256_storeu_ps(line, _mm256_fmadd_ps(sum, scale, bias));
                        }
                    }
                }
            }
        }
    }
}

macro_rules! exact {
    ($kernel:ident, $step:ident) => {
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
                // SAFETY: AVX2 is there, and the pairs lie within their blocks.
                unsafe {
                    for at in (0..PAIR).step_by(DEEP) {
                        for t in 0..1 + usize::from(both) {
                            let begin =
                                core::array::from_fn(|r| [_mm256_set1_epi32(rows.begin[row + at + r] as i32); WIDE]);
                            let query = query + t * TILE;
                            let sums = dot(rows, row + at, queries, query, begin, |s, a, b| $step(s, a, b));
                            for (r, sums) in sums.iter().enumerate() {
                                let r = at + r;
                                for (w, &sum) in sums.iter().enumerate() {
                                    let line = out.0[r / TILE][t][r % TILE][w * 8..].as_mut_ptr();
                                    _mm256_storeu_si256(line.cast(), sum);
                                }
                            }
                        }
                    }
                }
            }
        }
    };
}
exact!(Shorts, shorts);
exact!(Words, ands);
