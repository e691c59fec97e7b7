//! AVX2, FMA and F16C: registers of 32 bytes.

mod abreast;
mod bit;
mod byte;
mod edges;
mod float;

use core::arch::x86_64::*;

use crate::abreast::pass_function;
use crate::edges::edge_functions;
use crate::generic::bytes::{Byte, Dot, Levels};
use crate::generic::{GROUP, entries, partial16};

/// The operations on AVX2.
pub(crate) struct Avx2;

type Bytes<F, L> = Byte<Avx2, F, L>;

entries!(Avx2, Bytes, Byte<Avx2, Dot, Levels>, [#[target_feature(enable = "avx2,fma,f16c")]]);
edge_functions!(Avx2, [#[target_feature(enable = "avx2,fma,f16c")]]);
pass_function!(Avx2, 2, [#[target_feature(enable = "avx2,fma,f16c")]]);

/// The `n < 16` bytes at `at`, then zeros.
///
/// # Safety
///
/// `at` is readable for `n` bytes.
#[inline(always)]
unsafe fn half_tail(at: *const u8, n: usize) -> __m128i {
    // SAFETY: any 128 bits make a register.
    unsafe { core::mem::transmute::<u128, __m128i>(partial16(at, n)) }
}

/// The `n < 32` bytes at `at`, then zeros.
///
/// # Safety
///
/// `at` is readable for `n` bytes, and AVX2 is there.
#[inline(always)]
unsafe fn tail(at: *const u8, n: usize) -> __m256i {
    // SAFETY: what is read ends at `at + n`.
    unsafe {
        if n < 16 {
            _mm256_zextsi128_si256(half_tail(at, n))
        } else {
            let high = half_tail(at.add(16), n - 16);
            _mm256_set_m128i(high, _mm_loadu_si128(at.cast()))
        }
    }
}

/// The sum of each register's 32-bit lanes, wrapping.
///
/// # Safety
///
/// AVX2 is there.
#[inline(always)]
unsafe fn sums([a, b, c, d]: [__m256i; GROUP]) -> [i32; GROUP] {
    // SAFETY: AVX2 is there; four lanes and an array of four are the same bytes.
    unsafe {
        let ab = _mm256_add_epi32(_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
        let cd = _mm256_add_epi32(_mm256_unpacklo_epi32(c, d), _mm256_unpackhi_epi32(c, d));
        let abcd = _mm256_add_epi32(_mm256_unpacklo_epi64(ab, cd), _mm256_unpackhi_epi64(ab, cd));
        let all = _mm_add_epi32(_mm256_castsi256_si128(abcd), _mm256_extracti128_si256::<1>(abcd));
        core::mem::transmute::<__m128i, [i32; GROUP]>(all)
    }
}
