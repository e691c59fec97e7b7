//! Edges: four groups to a register of bytes.

use core::arch::x86_64::*;

use super::Avx512;
use crate::edges::frontier::Nearest;
use crate::edges::ops::Edges;

/// Each lane with the one whose number differs by 1, 2, 4 or 8.
macro_rules! exchange {
    (1, $v:expr) => {
        _mm512_permute_ps::<0b_10_11_00_01>($v)
    };
    (2, $v:expr) => {
        _mm512_permute_ps::<0b_01_00_11_10>($v)
    };
    (4, $v:expr) => {
        _mm512_shuffle_f32x4::<0b_10_11_00_01>($v, $v)
    };
    (8, $v:expr) => {
        _mm512_shuffle_f32x4::<0b_01_00_11_10>($v, $v)
    };
}

/// One step of a Hadamard transform: sums where the bit of the lane's number is clear,
/// differences where it is set.
macro_rules! step {
    ($h:tt, $v:expr) => {{
        const SIGN: [f32; 16] = {
            let mut sign = [1.0; 16];
            let mut i = 0;
            while i < 16 {
                if i & $h != 0 {
                    sign[i] = -1.0;
                }
                i += 1;
            }
            sign
        };
        let v = $v;
        _mm512_fmadd_ps(v, core::mem::transmute::<[f32; 16], __m512>(SIGN), exchange!($h, v))
    }};
}

impl Edges for Avx512 {
    const RADIX: usize = 16;
    const BYTES: usize = 64;
    type Signs = __mmask16;
    type Bytes = __m512i;
    /// Bytes at even places, with those at odd ones on top of them, and bytes at odd places.
    type Wide = [__m512i; 2];
    type Totals = [__m512i; 2];

    #[inline(always)]
    unsafe fn store(at: *mut f32, v: __m512) {
        // SAFETY: 64 bytes are writable.
        unsafe { _mm512_storeu_ps(at, v) }
    }

    #[inline(always)]
    unsafe fn splat(x: f32) -> __m512 {
        // SAFETY: AVX-512 is there.
        unsafe { _mm512_set1_ps(x) }
    }

    #[inline(always)]
    unsafe fn mul(a: __m512, b: __m512) -> __m512 {
        // SAFETY: AVX-512 is there.
        unsafe { _mm512_mul_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn abs(v: __m512) -> __m512 {
        // SAFETY: AVX-512 is there.
        unsafe { _mm512_abs_ps(v) }
    }

    #[inline(always)]
    unsafe fn max(a: __m512, b: __m512) -> __m512 {
        // SAFETY: AVX-512 is there.
        unsafe { _mm512_max_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn largest(v: __m512) -> f32 {
        // SAFETY: AVX-512 is there.
        unsafe { _mm512_reduce_max_ps(v) }
    }

    #[inline(always)]
    unsafe fn less(v: __m512, x: __m512) -> u32 {
        // SAFETY: AVX-512 is there.
        unsafe { _mm512_cmp_ps_mask::<_CMP_LT_OQ>(v, x).into() }
    }

    #[inline(always)]
    unsafe fn bf16(at: *const u8) -> __m512 {
        // SAFETY: 32 bytes are readable.
        unsafe {
            let halves = _mm512_cvtepu16_epi32(_mm256_loadu_si256(at.cast()));
            _mm512_castsi512_ps(_mm512_slli_epi32::<16>(halves))
        }
    }

    #[inline(always)]
    unsafe fn hadamard(v: __m512) -> __m512 {
        // SAFETY: AVX-512 is there; sixteen floats and a register are the same bytes.
        unsafe { step!(8, step!(4, step!(2, step!(1, v)))) }
    }

    #[inline(always)]
    unsafe fn group_sums(v: __m512) -> __m512 {
        // SAFETY: AVX-512 is there.
        unsafe {
            let pairs = _mm512_add_ps(v, exchange!(1, v));
            _mm512_add_ps(pairs, exchange!(2, pairs))
        }
    }

    #[inline(always)]
    unsafe fn lowest_bytes(v: [__m512; 4], to: *mut u8) {
        // SAFETY: 16 bytes are writable.
        unsafe { _mm_storeu_si128(to.cast(), _mm512_cvtepi32_epi8(_mm512_castps_si512(v[0]))) }
    }

    #[inline(always)]
    unsafe fn positive(v: __m512) -> __mmask16 {
        // SAFETY: AVX-512 is there.
        unsafe { _mm512_cmp_ps_mask::<_CMP_GT_OQ>(v, _mm512_setzero_ps()) }
    }

    #[inline(always)]
    unsafe fn add_where(sum: __m512, v: __m512, signs: __mmask16) -> __m512 {
        // SAFETY: AVX-512 is there.
        unsafe { _mm512_mask_add_ps(sum, signs, sum, v) }
    }

    /// The sixteen signs go to every word; each byte takes the nibble it needs out of them; and
    /// of all those only the lane's replace what was there.
    ///
    /// N.B. What is stored covers the other lanes' nibbles too. Nobody else writes them, and who
    /// reads them meanwhile sees the values they had.
    #[inline(always)]
    unsafe fn put(codes: *mut u8, lane: usize, signs: __mmask16) {
        /// Where in the word the nibble of each byte begins: to be the low one, or the high one.
        static SHIFTS: [[u8; 64]; 2] = {
            let mut shifts = [[0; 64]; 2];
            let mut i = 0;
            while i < 64 {
                let group = (i / 16) as u8;
                shifts[0][i] = 4 * group;
                shifts[1][i] = (4 * group + 60) % 64;
                i += 1;
            }
            shifts
        };
        // SAFETY: AVX-512 is there; four groups are 64 bytes.
        unsafe {
            let high = lane / 16;
            let shifts = _mm512_loadu_si512(SHIFTS[high].as_ptr().cast());
            let nibbles = _mm512_multishift_epi64_epi8(shifts, _mm512_broadcastmw_epi32(signs));
            let of_lane = _mm512_maskz_set1_epi8(0x0001_0001_0001_0001 << (lane % 16), (0x0f << (4 * high)) as i8);
            let others = _mm512_loadu_si512(codes.cast());
            _mm512_storeu_si512(codes.cast(), _mm512_ternarylogic_epi32::<0xca>(of_lane, nibbles, others));
        }
    }

    #[inline(always)]
    unsafe fn bytes(at: *const u8) -> __m512i {
        // SAFETY: 64 bytes are readable.
        unsafe { _mm512_loadu_si512(at.cast()) }
    }

    #[inline(always)]
    unsafe fn look_up(table: __m512i, codes: __m512i) -> [__m512i; 2] {
        // SAFETY: AVX-512 is there.
        unsafe {
            let nibble = _mm512_set1_epi8(15);
            let low = _mm512_and_si512(codes, nibble);
            let high = _mm512_and_si512(_mm512_srli_epi16::<4>(codes), nibble);
            [_mm512_shuffle_epi8(table, low), _mm512_shuffle_epi8(table, high)]
        }
    }

    #[inline(always)]
    unsafe fn add_bytes(a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: AVX-512 is there.
        unsafe { _mm512_add_epi8(a, b) }
    }

    #[inline(always)]
    unsafe fn no_wide() -> [__m512i; 2] {
        // SAFETY: AVX-512 is there.
        unsafe { [_mm512_setzero_si512(); 2] }
    }

    #[inline(always)]
    unsafe fn widen([both, odd]: [__m512i; 2], bytes: __m512i) -> [__m512i; 2] {
        // SAFETY: AVX-512 is there.
        unsafe { [_mm512_add_epi16(both, bytes), _mm512_add_epi16(odd, _mm512_srli_epi16::<8>(bytes))] }
    }

    #[inline(always)]
    unsafe fn no_totals() -> [__m512i; 2] {
        // SAFETY: AVX-512 is there.
        unsafe { [_mm512_setzero_si512(); 2] }
    }

    #[inline(always)]
    unsafe fn total(totals: [__m512i; 2], low_high: [[__m512i; 2]; 2]) -> [__m512i; 2] {
        /// Makes words of edges i and 16 + i out of quarters of even and odd edges below and above 16.
        static PAIRS: [u16; 32] = {
            let mut pairs = [0; 32];
            let mut i = 0;
            while i < 16 {
                pairs[2 * i] = (i / 2 + 8 * (i % 2)) as u16;
                pairs[2 * i + 1] = pairs[2 * i] + 16;
                i += 1;
            }
            pairs
        };
        // SAFETY: AVX-512 is there.
        unsafe {
            // Even edges and odd ones, below 16 and above, in every quarter of a register; then the
            // quarters added up, each kind in one of its own.
            let [[a, b], [c, d]] =
                low_high.map(|[both, odd]| [_mm512_sub_epi16(both, _mm512_slli_epi16::<8>(odd)), odd]);
            let ab = _mm512_add_epi16(
                _mm512_shuffle_i32x4::<0b_01_00_01_00>(a, b),
                _mm512_shuffle_i32x4::<0b_11_10_11_10>(a, b),
            );
            let cd = _mm512_add_epi16(
                _mm512_shuffle_i32x4::<0b_01_00_01_00>(c, d),
                _mm512_shuffle_i32x4::<0b_11_10_11_10>(c, d),
            );
            let all = _mm512_add_epi16(
                _mm512_shuffle_i32x4::<0b_10_00_10_00>(ab, cd),
                _mm512_shuffle_i32x4::<0b_11_01_11_01>(ab, cd),
            );
            let pairs = _mm512_permutexvar_epi16(_mm512_loadu_si512(PAIRS.as_ptr().cast()), all);
            let low = _mm512_and_si512(pairs, _mm512_set1_epi32(0xffff));
            [_mm512_add_epi32(totals[0], low), _mm512_add_epi32(totals[1], _mm512_srli_epi32::<16>(pairs))]
        }
    }

    #[inline(always)]
    unsafe fn floats(totals: &[__m512i; 2], part: usize) -> __m512 {
        // SAFETY: AVX-512 is there.
        unsafe { _mm512_cvtepi32_ps(totals[part]) }
    }

    #[inline(always)]
    unsafe fn insert(nearest: &mut Nearest, estimate: f32, id: u32) -> (f32, u32) {
        // SAFETY: AVX-512 is there; sixteen words are a register.
        unsafe {
            let values = _mm512_load_ps(nearest.estimates.as_ptr());
            let ids = _mm512_load_si512(nearest.ids.as_ptr().cast());
            let new = _mm512_set1_ps(estimate);
            let farther = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(values, new);
            let place = farther & !(farther << 1);
            // Each word where the next one was, the last one first.
            let bits = _mm512_castps_si512(values);
            let values_up = _mm512_alignr_epi32::<15>(bits, bits);
            let ids_up = _mm512_alignr_epi32::<15>(ids, ids);
            let moved = _mm512_mask_mov_epi32(bits, farther, values_up);
            let moved_ids = _mm512_mask_mov_epi32(ids, farther, ids_up);
            _mm512_store_ps(nearest.estimates.as_mut_ptr(), _mm512_mask_mov_ps(_mm512_castsi512_ps(moved), place, new));
            _mm512_store_si512(nearest.ids.as_mut_ptr().cast(), _mm512_mask_set1_epi32(moved_ids, place, id as i32));
            let last = f32::from_bits(_mm512_cvtsi512_si32(values_up) as u32);
            let last_id = _mm512_cvtsi512_si32(ids_up) as u32;
            if farther != 0 { (last, last_id) } else { (estimate, id) }
        }
    }

    #[inline(always)]
    unsafe fn shift(nearest: &mut Nearest) {
        // SAFETY: AVX-512 is there; sixteen words are a register.
        unsafe {
            let values = _mm512_load_si512(nearest.estimates.as_ptr().cast());
            let ids = _mm512_load_si512(nearest.ids.as_ptr().cast());
            let none = _mm512_castps_si512(_mm512_set1_ps(f32::INFINITY));
            _mm512_store_si512(nearest.estimates.as_mut_ptr().cast(), _mm512_alignr_epi32::<1>(none, values));
            _mm512_store_si512(nearest.ids.as_mut_ptr().cast(), _mm512_alignr_epi32::<1>(ids, ids));
        }
    }

    #[inline(always)]
    unsafe fn append(to_values: *mut f32, to_ids: *mut u32, values: *const f32, ids: *const u32, which: u32) -> usize {
        let (low, high) = (which as u16, (which >> 16) as u16);
        let half = low.count_ones() as usize;
        // SAFETY: AVX-512 is there; two registers of each are readable, and one more is writable than is kept.
        unsafe {
            // N.B. Compressing into memory is slow where it is microcoded; into a register it is not.
            _mm512_storeu_ps(to_values, _mm512_maskz_compress_ps(low, _mm512_loadu_ps(values)));
            _mm512_storeu_si512(to_ids.cast(), _mm512_maskz_compress_epi32(low, _mm512_loadu_si512(ids.cast())));
            let (values, ids) = (_mm512_loadu_ps(values.add(16)), _mm512_loadu_si512(ids.add(16).cast()));
            _mm512_storeu_ps(to_values.add(half), _mm512_maskz_compress_ps(high, values));
            _mm512_storeu_si512(to_ids.add(half).cast(), _mm512_maskz_compress_epi32(high, ids));
        }
        which.count_ones() as usize
    }
}
