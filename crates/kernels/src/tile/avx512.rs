//! AVX-512: 8 rows by 32 queries of sums in registers, words of rows broadcast from memory.

use core::arch::x86_64::*;

use super::code::{self, Frame, Lanes, Side, Source};
use super::rows::{Queries, Rows};
use super::sweep::{self, Block, Kernel, Sums, Work};
use super::{Coding, PAIR, STEP, TILE, TILE_BYTES, Tiles};

/// [`code::code`] on this unit.
///
/// # Safety
///
/// AVX-512 is there, and `source` holds the vectors.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512cd")]
#[target_feature(enable = "avx512vbmi,avx512vnni,avx512vpopcntdq,avx2,fma,f16c")]
pub(super) unsafe fn code(
    tiles: &Tiles,
    side: Side,
    source: &Source<'_>,
    first: usize,
    frame: &Frame<'_>,
    out: &mut Rows,
) {
    // SAFETY: the same contract.
    unsafe { code::code::<Floats<false>>(tiles, side, source, first, frame, out) }
}

/// 16 floats, with instructions for bf16 or without.
#[derive(Clone, Copy)]
pub(super) struct Floats<const BF16: bool>(__m512);

impl<const BF16: bool> Lanes for Floats<BF16> {
    const N: usize = 16;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        // SAFETY: AVX-512 is there (as in all methods).
        Floats(unsafe { _mm512_set1_ps(x) })
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: readable for 16 floats.
        Floats(unsafe { _mm512_loadu_ps(from) })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: writable for 16 floats.
        unsafe { _mm512_storeu_ps(to, self.0) }
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        // SAFETY: as above.
        Floats(unsafe { _mm512_sub_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        // SAFETY: as above.
        Floats(unsafe { _mm512_mul_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn mul_add(self, a: Self, b: Self) -> Self {
        // SAFETY: as above.
        Floats(unsafe { _mm512_fmadd_ps(self.0, a.0, b.0) })
    }

    #[inline(always)]
    unsafe fn max_abs(self, other: Self) -> Self {
        // SAFETY: as above.
        Floats(unsafe { _mm512_max_ps(self.0, _mm512_abs_ps(other.0)) })
    }

    #[inline(always)]
    unsafe fn total(self) -> f32 {
        // SAFETY: as above.
        unsafe { _mm512_reduce_add_ps(self.0) }
    }

    #[inline(always)]
    unsafe fn greatest(self) -> f32 {
        // SAFETY: as above.
        unsafe { _mm512_reduce_max_ps(self.0) }
    }

    #[inline(always)]
    unsafe fn bf16(self, to: *mut u16) -> Self {
        // SAFETY: as above; writable for 16 codes.
        unsafe {
            if BF16 {
                let codes = core::mem::transmute::<__m256bh, __m256i>(_mm512_cvtneps_pbh(self.0));
                _mm256_storeu_si256(to.cast(), codes);
                return Floats(_mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(codes))));
            }
            let bits = _mm512_castps_si512(self.0);
            let odd = _mm512_and_si512(_mm512_srli_epi32::<16>(bits), _mm512_set1_epi32(1));
            let rounded = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff)), odd);
            _mm256_storeu_si256(to.cast(), _mm512_cvtepi32_epi16(_mm512_srli_epi32::<16>(rounded)));
            Floats(_mm512_castsi512_ps(_mm512_and_si512(rounded, _mm512_set1_epi32(-0x10000))))
        }
    }

    #[inline(always)]
    unsafe fn shorts(self, to: *mut u16) -> Self {
        // SAFETY: as above; writable for 16 codes.
        unsafe {
            let whole = _mm512_cvtps_epi32(self.0);
            _mm256_storeu_si256(to.cast(), _mm512_cvtepi32_epi16(whole));
            Floats(_mm512_cvtepi32_ps(whole))
        }
    }

    #[inline(always)]
    unsafe fn halves(from: &[u8], to: &mut [f32]) {
        let n = to.len().min(from.len() / 2);
        for i in (0..n).step_by(16) {
            let mask = ((1u32 << (n - i).min(16)) - 1) as u16;
            // SAFETY: as above; lanes beyond `n` are masked out.
            unsafe {
                let halves = _mm256_maskz_loadu_epi16(mask, from.as_ptr().cast::<i16>().add(i));
                _mm512_mask_storeu_ps(to.as_mut_ptr().add(i), mask, _mm512_cvtph_ps(halves));
            }
        }
    }

    #[inline(always)]
    unsafe fn sums(bytes: &[u8], signed: bool) -> (u32, i32) {
        // SAFETY: as above; bytes beyond the end are masked out.
        unsafe {
            let (mut square, mut sum) = (_mm512_setzero_si512(), _mm512_setzero_si512());
            let ones = _mm512_set1_epi16(1);
            for i in (0..bytes.len()).step_by(32) {
                let mask = u32::MAX >> (32 - (bytes.len() - i).min(32));
                let half = _mm256_maskz_loadu_epi8(mask, bytes.as_ptr().cast::<i8>().add(i));
                let wide = if signed { _mm512_cvtepi8_epi16(half) } else { _mm512_cvtepu8_epi16(half) };
                square = _mm512_dpwssd_epi32(square, wide, wide);
                sum = _mm512_dpwssd_epi32(sum, wide, ones);
            }
            (_mm512_reduce_add_epi32(square) as u32, _mm512_reduce_add_epi32(sum))
        }
    }

    #[inline(always)]
    unsafe fn ones(bytes: &[u8]) -> u32 {
        // SAFETY: as above; bytes beyond the end are masked out.
        unsafe {
            let mut ones = _mm512_setzero_si512();
            for i in (0..bytes.len()).step_by(64) {
                let mask = u64::MAX >> (64 - (bytes.len() - i).min(64));
                let line = _mm512_maskz_loadu_epi8(mask, bytes.as_ptr().cast::<i8>().add(i));
                ones = _mm512_add_epi64(ones, _mm512_popcnt_epi64(line));
            }
            _mm512_reduce_add_epi64(ones) as u32
        }
    }

    #[inline(always)]
    unsafe fn spread(bits: u64) -> [u8; 64] {
        // SAFETY: as above; a register is 64 bytes.
        unsafe { core::mem::transmute(_mm512_maskz_set1_epi8(bits, 1)) }
    }
}

/// [`sweep::work`] on this unit.
///
/// # Safety
///
/// AVX-512 is there, and the operands belong together.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512cd")]
#[target_feature(enable = "avx512vbmi,avx512vnni,avx512vpopcntdq,avx2,fma,f16c")]
pub(super) unsafe fn work(coding: Coding, rows: &mut Rows, queries: &Queries, work: Work<'_>) {
    // SAFETY: the same contract.
    unsafe {
        match coding {
            Coding::Fixed => sweep::work::<Fixed>(rows, queries, work),
            Coding::Bytes { .. } => sweep::work::<Bytes>(rows, queries, work),
            Coding::Words => sweep::work::<Words>(rows, queries, work),
            coding => unreachable!("{coding:?} is not a coding of this unit"),
        }
    }
}

struct Fixed;
struct Bytes;
struct Words;

/// Rows whose sums are kept in registers at once, for each of two tiles of queries.
const DEEP: usize = 8;

/// How a row's word and a line of the queries' words add to a sum. A type and not a closure: closures
/// can't be made to melt into the function that has AVX-512, and outside of it each instruction is a
/// call.
///
/// # Safety
///
/// AVX-512 is there.
trait Word {
    unsafe fn add(sum: __m512i, x: __m512i, q: __m512i) -> __m512i;
}

impl Word for Fixed {
    #[inline(always)]
    unsafe fn add(sum: __m512i, x: __m512i, q: __m512i) -> __m512i {
        // SAFETY: the same contract.
        unsafe { _mm512_dpwssd_epi32(sum, x, q) }
    }
}

impl Word for Bytes {
    #[inline(always)]
    unsafe fn add(sum: __m512i, x: __m512i, q: __m512i) -> __m512i {
        // SAFETY: the same contract.
        unsafe { _mm512_dpbusd_epi32(sum, q, x) }
    }
}

impl Word for Words {
    #[inline(always)]
    unsafe fn add(sum: __m512i, x: __m512i, q: __m512i) -> __m512i {
        // SAFETY: the same contract.
        unsafe { _mm512_add_epi32(sum, _mm512_popcnt_epi32(_mm512_and_si512(x, q))) }
    }
}

/// Adds up the products of `DEEP` rows and one or two tiles of queries.
///
/// # Safety
///
/// AVX-512 is there; the rows lie within one tile of theirs, and all within their blocks.
#[inline(always)]
unsafe fn dot<W: Word, const TILES: usize>(
    rows: &Rows,
    row: usize,
    queries: &Queries,
    query: usize,
    mut sums: [[__m512i; TILES]; DEEP],
) -> [[__m512i; TILES]; DEEP] {
    // SAFETY: the caller's promise; each step of a tile is `TILE` lines.
    unsafe {
        let a = rows.tile(row).add(row % TILE * STEP);
        let b = queries.tile(query);
        for word in 0..rows.steps() * TILE {
            let a = a.add(word / TILE * TILE_BYTES + word % TILE * 4);
            let mut q = [_mm512_setzero_si512(); TILES];
            for (t, q) in q.iter_mut().enumerate() {
                *q = _mm512_load_si512(b.add(t * rows.steps() * TILE_BYTES + word * STEP).cast());
            }
            for (r, sums) in sums.iter_mut().enumerate() {
                let x = _mm512_set1_epi32(a.add(r * STEP).cast::<i32>().read_unaligned());
                for (sum, &q) in sums.iter_mut().zip(&q) {
                    *sum = W::add(*sum, x, q);
                }
            }
        }
    }
    sums
}

/// Walks a block in groups of rows that fit the registers.
macro_rules! groups {
    ($both:expr, $group:ident) => {
        for group in 0..PAIR / DEEP {
            if $both { $group!(2, group * DEEP) } else { $group!(1, group * DEEP) }
        }
    };
}

impl Kernel for Fixed {
    type Sum = f32;

    #[inline(always)]
    unsafe fn multiply(rows: &Rows, row: usize, queries: &Queries, query: usize, both: bool, out: &mut Block<f32>) {
        macro_rules! group {
            ($tiles:literal, $at:expr) => {{
                let zero = [[_mm512_setzero_si512(); $tiles]; DEEP];
                let sums = dot::<Fixed, $tiles>(rows, row + $at, queries, query, zero);
                let mut scales = [_mm512_setzero_ps(); $tiles];
                for (t, scales) in scales.iter_mut().enumerate() {
                    *scales = _mm512_loadu_ps(queries.scales()[query + t * TILE..].as_ptr());
                }
                for (r, sums) in sums.iter().enumerate() {
                    let r = $at + r;
                    let scale = _mm512_set1_ps(rows.scales[row + r]);
                    let bias = _mm512_set1_ps(rows.bias[row + r]);
                    for (t, &sum) in sums.iter().enumerate() {
                        let sum = _mm512_mul_ps(_mm512_cvtepi32_ps(sum), scales[t]);
                        let line = out.0[r / TILE][t][r % TILE].as_mut_ptr();
                        _mm512_store_ps(line, _mm512_fmadd_ps(sum, scale, bias));
                    }
                }
            }};
        }
        // SAFETY: AVX-512 is there; the lines of a block of sums are aligned.
        unsafe { groups!(both, group) }
    }

    #[inline(always)]
    unsafe fn screen(sums: &Sums<f32>, spread: [f32; 2], weight: &[f32; TILE], threshold: &[f32; TILE]) -> u32 {
        // SAFETY: the same contract.
        unsafe { screen_f32(sums, spread, weight, threshold) }
    }
}

macro_rules! exact {
    ($kernel:ident) => {
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
                macro_rules! group {
                    ($tiles:literal, $at:expr) => {{
                        let mut begin = [[_mm512_setzero_si512(); $tiles]; DEEP];
                        for (begin, &bits) in begin.iter_mut().zip(&rows.begin[row + $at..]) {
                            for (t, begin) in begin.iter_mut().enumerate() {
                                let shift =
                                    _mm512_loadu_si512(queries.corrections()[query + t * TILE..].as_ptr().cast());
                                *begin = _mm512_add_epi32(_mm512_set1_epi32(bits as i32), shift);
                            }
                        }
                        let sums = dot::<$kernel, $tiles>(rows, row + $at, queries, query, begin);
                        for (r, sums) in sums.iter().enumerate() {
                            let r = $at + r;
                            for (t, &sum) in sums.iter().enumerate() {
                                _mm512_store_si512(out.0[r / TILE][t][r % TILE].as_mut_ptr().cast(), sum);
                            }
                        }
                    }};
                }
                // SAFETY: AVX-512 is there; the lines of a block of sums are aligned.
                unsafe { groups!(both, group) }
            }

            #[inline(always)]
            unsafe fn screen(sums: &Sums<i32>, spread: [f32; 2], weight: &[f32; TILE], threshold: &[f32; TILE]) -> u32 {
                // SAFETY: the same contract.
                unsafe { screen_i32(sums, spread, weight, threshold) }
            }
        }
    };
}
exact!(Bytes);
exact!(Words);

/// [`Kernel::screen`] for sums that are f32.
///
/// # Safety
///
/// AVX-512 is there.
#[inline(always)]
pub(super) unsafe fn screen_f32(
    sums: &Sums<f32>,
    spread: [f32; 2],
    weight: &[f32; TILE],
    threshold: &[f32; TILE],
) -> u32 {
    // SAFETY: AVX-512 is there; a line is 16 sums.
    unsafe {
        let line = |r: usize| _mm512_loadu_ps(sums[r].as_ptr());
        // Four chains: a maximum takes four cycles.
        let mut best: [__m512; 4] = core::array::from_fn(line);
        for r in 4..TILE {
            best[r % 4] = _mm512_max_ps(best[r % 4], line(r));
        }
        let best = _mm512_max_ps(_mm512_max_ps(best[0], best[1]), _mm512_max_ps(best[2], best[3]));
        passes(best, spread, weight, threshold)
    }
}

/// [`Kernel::screen`] for sums that are i32.
///
/// # Safety
///
/// AVX-512 is there.
#[inline(always)]
pub(super) unsafe fn screen_i32(
    sums: &Sums<i32>,
    spread: [f32; 2],
    weight: &[f32; TILE],
    threshold: &[f32; TILE],
) -> u32 {
    // SAFETY: AVX-512 is there; a line is 16 sums.
    unsafe {
        let line = |r: usize| _mm512_loadu_si512(sums[r].as_ptr().cast());
        let mut best: [__m512i; 4] = core::array::from_fn(line);
        for r in 4..TILE {
            best[r % 4] = _mm512_max_epi32(best[r % 4], line(r));
        }
        let best = _mm512_max_epi32(_mm512_max_epi32(best[0], best[1]), _mm512_max_epi32(best[2], best[3]));
        passes(_mm512_cvtepi32_ps(best), spread, weight, threshold)
    }
}

#[inline(always)]
unsafe fn passes(best: __m512, spread: [f32; 2], weight: &[f32; TILE], threshold: &[f32; TILE]) -> u32 {
    // SAFETY: AVX-512 is there; weights and thresholds are one for each lane.
    unsafe {
        let (weight, threshold) = (_mm512_loadu_ps(weight.as_ptr()), _mm512_loadu_ps(threshold.as_ptr()));
        let reach = _mm512_max_ps(
            _mm512_mul_ps(weight, _mm512_set1_ps(spread[0])),
            _mm512_mul_ps(weight, _mm512_set1_ps(spread[1])),
        );
        u32::from(_mm512_cmp_ps_mask::<_CMP_GE_OQ>(_mm512_add_ps(best, reach), threshold))
    }
}
