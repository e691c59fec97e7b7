//! AVX-512 with VNNI and VPOPCNTDQ: registers of 64 bytes, masked loads for tails.

mod abreast;
mod bit;
mod byte;
mod edges;
mod float;
mod level;

use core::arch::x86_64::*;

use crate::abreast::pass_function;
use crate::edges::edge_functions;
use crate::generic::{GROUP, entries};
use byte::Vnni;
use level::Digits;

/// The operations on AVX-512.
pub(crate) struct Avx512;

entries!(Avx512, Vnni, Digits, [
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512cd")]
    #[target_feature(enable = "avx512vbmi,avx512vnni,avx512vpopcntdq,avx2,fma,f16c")]
]);
edge_functions!(Avx512, [
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512cd")]
    #[target_feature(enable = "avx512vbmi,avx512vnni,avx512vpopcntdq,avx2,fma,f16c")]
]);
pass_function!(Avx512, 4, [
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512cd")]
    #[target_feature(enable = "avx512vbmi,avx512vnni,avx512vpopcntdq,avx2,fma,f16c")]
]);

/// The sum of each register's 32-bit lanes, wrapping.
///
/// # Safety
///
/// AVX-512 is there.
#[inline(always)]
unsafe fn sums([a, b, c, d]: [__m512i; GROUP]) -> [i32; GROUP] {
    // SAFETY: AVX-512 is there; four lanes and an array of four are the same bytes.
    unsafe {
        let ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
        let cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
        let abcd = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
        let half = _mm256_add_epi32(_mm512_castsi512_si256(abcd), _mm512_extracti64x4_epi64::<1>(abcd));
        let all = _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256::<1>(half));
        core::mem::transmute::<__m128i, [i32; GROUP]>(all)
    }
}
