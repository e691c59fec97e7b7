//! AVX2: 4 rows by 16 queries of sums in registers, words of rows broadcast from memory.

use core::arch::x86_64::*;

use super::code::{self, Frame, Lanes, Side, Source};
use super::portable::{halves_portable, ones_portable, spread_portable, sums_portable};
use super::rows::{Queries, Rows};
use super::sweep::{self, Block, Kernel, Work};
use super::{Coding, PAIR, STEP, TILE, TILE_BYTES, Tiles};

/// [`code::code`] on this unit.
///
/// # Safety
///
/// AVX2, FMA and F16C are there, and `source` holds the vectors.
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) unsafe fn code(
    tiles: &Tiles,
    side: Side,
    source: &Source<'_>,
    first: usize,
    frame: &Frame<'_>,
    out: &mut Rows,
) {
    // SAFETY: the same contract.
    unsafe { code::code::<Floats>(tiles, side, source, first, frame, out) }
}

/// 8 floats.
#[derive(Clone, Copy)]
struct Floats(__m256);

impl Lanes for Floats {
    const N: usize = 8;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        // SAFETY: AVX2, FMA and F16C are there (as in all methods).
        Floats(unsafe { _mm256_set1_ps(x) })
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: readable for 8 floats.
        Floats(unsafe { _mm256_loadu_ps(from) })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: writable for 8 floats.
        unsafe { _mm256_storeu_ps(to, self.0) }
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        // SAFETY: as above.
        Floats(unsafe { _mm256_sub_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        // SAFETY: as above.
        Floats(unsafe { _mm256_mul_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn mul_add(self, a: Self, b: Self) -> Self {
        // SAFETY: as above.
        Floats(unsafe { _mm256_fmadd_ps(self.0, a.0, b.0) })
    }

    #[inline(always)]
    unsafe fn max_abs(self, other: Self) -> Self {
        // SAFETY: as above.
        Floats(unsafe { _mm256_max_ps(self.0, _mm256_andnot_ps(_mm256_set1_ps(-0.0), other.0)) })
    }

    #[inline(always)]
    unsafe fn total(self) -> f32 {
        // SAFETY: as above.
        unsafe {
            let four = _mm_add_ps(_mm256_castps256_ps128(self.0), _mm256_extractf128_ps::<1>(self.0));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
        }
    }

    #[inline(always)]
    unsafe fn greatest(self) -> f32 {
        // SAFETY: as above.
        unsafe {
            let four = _mm_max_ps(_mm256_castps256_ps128(self.0), _mm256_extractf128_ps::<1>(self.0));
            let two = _mm_max_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)))
        }
    }

    #[inline(always)]
    unsafe fn bf16(self, to: *mut u16) -> Self {
        // SAFETY: as above; writable for 8 codes.
        unsafe {
            let bits = _mm256_castps_si256(self.0);
            let odd = _mm256_and_si256(_mm256_srli_epi32::<16>(bits), _mm256_set1_epi32(1));
            let rounded = _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7fff)), odd);
            let codes = _mm256_srli_epi32::<16>(rounded);
            let low = _mm256_castsi256_si128(codes);
            _mm_storeu_si128(to.cast(), _mm_packus_epi32(low, _mm256_extracti128_si256::<1>(codes)));
            Floats(_mm256_castsi256_ps(_mm256_slli_epi32::<16>(codes)))
        }
    }

    #[inline(always)]
    unsafe fn shorts(self, to: *mut u16) -> Self {
        // SAFETY: as above; writable for 8 codes.
        unsafe {
            let whole = _mm256_cvtps_epi32(self.0);
            let low = _mm256_castsi256_si128(whole);
            _mm_storeu_si128(to.cast(), _mm_packs_epi32(low, _mm256_extracti128_si256::<1>(whole)));
            Floats(_mm256_cvtepi32_ps(whole))
        }
    }

    #[inline(always)]
    unsafe fn halves(from: &[u8], to: &mut [f32]) {
        let (eights, rest) = to.as_chunks_mut::<8>();
        let (of_eights, of_rest) = from.as_chunks::<16>();
        for (eight, bytes) in eights.iter_mut().zip(of_eights) {
            // SAFETY: as above; 8 halves are 16 bytes.
            unsafe { _mm256_storeu_ps(eight.as_mut_ptr(), _mm256_cvtph_ps(_mm_loadu_si128(bytes.as_ptr().cast()))) };
        }
        halves_portable(of_rest, rest);
    }

    #[inline(always)]
    unsafe fn sums(bytes: &[u8], signed: bool) -> (u32, i32) {
        let (sixteens, rest) = bytes.as_chunks::<16>();
        let (of_rest, sum_of_rest) = sums_portable(rest, signed);
        let (mut squares, mut sums) = ([0; 8], [0; 8]);
        // SAFETY: as above.
        unsafe {
            let (mut square, mut sum) = (_mm256_setzero_si256(), _mm256_setzero_si256());
            for sixteen in sixteens {
                let half = _mm_loadu_si128(sixteen.as_ptr().cast());
                let wide = if signed { _mm256_cvtepi8_epi16(half) } else { _mm256_cvtepu8_epi16(half) };
                square = _mm256_add_epi32(square, _mm256_madd_epi16(wide, wide));
                sum = _mm256_add_epi32(sum, _mm256_madd_epi16(wide, _mm256_set1_epi16(1)));
            }
            _mm256_storeu_si256((&raw mut squares).cast(), square);
            _mm256_storeu_si256((&raw mut sums).cast(), sum);
        }
        (squares.iter().sum::<u32>() + of_rest, sums.iter().sum::<i32>() + sum_of_rest)
    }

    #[inline(always)]
    unsafe fn ones(bytes: &[u8]) -> u32 {
        ones_portable(bytes)
    }

    #[inline(always)]
    unsafe fn spread(bits: u64) -> [u8; 64] {
        spread_portable(bits)
    }
}

/// [`sweep::work`] on this unit.
///
/// # Safety
///
/// AVX2 is there, and the operands belong together.
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) unsafe fn work(coding: Coding, rows: &mut Rows, queries: &Queries, work: Work<'_>) {
    // SAFETY: the same contract.
    unsafe {
        match coding {
            Coding::Fixed => sweep::work::<Fixed>(rows, queries, work),
            Coding::Shorts { .. } => sweep::work::<Shorts>(rows, queries, work),
            Coding::Words => sweep::work::<Words>(rows, queries, work),
            coding => unreachable!("{coding:?} is not a coding of this unit"),
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

/// How a step of `TILE` words adds to sums. A type and not a closure: closures can't be made to melt
/// into the function that has AVX2, and outside of it each instruction is a call.
///
/// # Safety
///
/// AVX2 is there; a step of the rows begins at `a`, one of the queries at `b`.
trait Step {
    unsafe fn step(sums: &mut Group, a: *const u8, b: *const u8);
}

/// How a row's word and a register of the queries' words add to a sum; a type for the same reason.
///
/// # Safety
///
/// AVX2 is there.
trait Word {
    unsafe fn add(sum: __m256i, x: __m256i, q: __m256i) -> __m256i;
}

/// Adds up the products of `DEEP` rows and a tile of queries.
///
/// # Safety
///
/// AVX2 is there; the rows lie within one tile of theirs, and all within their blocks.
#[inline(always)]
unsafe fn dot<S: Step>(rows: &Rows, row: usize, queries: &Queries, query: usize, mut sums: Group) -> Group {
    // SAFETY: the caller's promise; each step of a tile is `TILE` lines.
    unsafe {
        let mut a = rows.tile(row).add(row % TILE * STEP);
        let mut b = queries.tile(query);
        for _ in 0..rows.steps() {
            S::step(&mut sums, a, b);
            a = a.add(TILE_BYTES);
            b = b.add(TILE_BYTES);
        }
    }
    sums
}

/// Adds each word of a step.
///
/// # Safety
///
/// As of [`Step`].
#[inline(always)]
unsafe fn each_word<W: Word>(sums: &mut Group, a: *const u8, b: *const u8) {
    // SAFETY: the caller's promise.
    unsafe {
        for word in 0..TILE {
            let q = b.add(word * STEP).cast::<__m256i>();
            let q: [__m256i; WIDE] = [_mm256_load_si256(q), _mm256_load_si256(q.add(1))];
            for (r, sums) in sums.iter_mut().enumerate() {
                let x = _mm256_set1_epi32(a.add(r * STEP + word * 4).cast::<i32>().read_unaligned());
                for (sum, &q) in sums.iter_mut().zip(&q) {
                    *sum = W::add(*sum, x, q);
                }
            }
        }
    }
}

/// Products of shorts.
struct Products;

impl Word for Products {
    #[inline(always)]
    unsafe fn add(sum: __m256i, x: __m256i, q: __m256i) -> __m256i {
        // SAFETY: the same contract.
        unsafe { _mm256_add_epi32(sum, _mm256_madd_epi16(x, q)) }
    }
}

impl Step for Products {
    #[inline(always)]
    unsafe fn step(sums: &mut Group, a: *const u8, b: *const u8) {
        // SAFETY: the same contract.
        unsafe { each_word::<Products>(sums, a, b) }
    }
}

/// Bits set in both.
struct Ands;

impl Word for Ands {
    /// Adds to a count for each byte.
    #[inline(always)]
    unsafe fn add(count: __m256i, x: __m256i, q: __m256i) -> __m256i {
        // SAFETY: the same contract.
        unsafe {
            let nibble = _mm256_set1_epi8(15);
            let ones = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
            let and = _mm256_and_si256(x, q);
            let low = _mm256_shuffle_epi8(ones, _mm256_and_si256(and, nibble));
            let high = _mm256_shuffle_epi8(ones, _mm256_and_si256(_mm256_srli_epi16::<4>(and), nibble));
            _mm256_add_epi8(count, _mm256_add_epi8(low, high))
        }
    }
}

impl Step for Ands {
    #[inline(always)]
    unsafe fn step(sums: &mut Group, a: *const u8, b: *const u8) {
        // SAFETY: the same contract.
        unsafe {
            // Bytes count up to 8 · TILE = 128 in a step, and are added up after it.
            let mut counts = [[_mm256_setzero_si256(); WIDE]; DEEP];
            each_word::<Ands>(&mut counts, a, b);
            for (sums, counts) in sums.iter_mut().zip(&counts) {
                for (sum, &count) in sums.iter_mut().zip(counts) {
                    let pairs = _mm256_maddubs_epi16(count, _mm256_set1_epi8(1));
                    *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
                }
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
                    let sums = dot::<Products>(rows, row + at, queries, query, zero);
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
    ($kernel:ident, $step:ty) => {
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
                            let mut begin = [[_mm256_setzero_si256(); WIDE]; DEEP];
                            for (begin, &bits) in begin.iter_mut().zip(&rows.begin[row + at..]) {
                                *begin = [_mm256_set1_epi32(bits as i32); WIDE];
                            }
                            let query = query + t * TILE;
                            let sums = dot::<$step>(rows, row + at, queries, query, begin);
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
exact!(Shorts, Products);
exact!(Words, Ands);
