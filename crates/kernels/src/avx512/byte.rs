//! Bytes, 64 to a register, by VNNI.
//!
//! `vpdpbusd` multiplies unsigned by signed bytes. A byte read as unsigned, `x⁺`, and as signed,
//! `x⁻ = x⁺ − 128`, differ by the top bit: one of the two is the stored byte and the other costs
//! one XOR. With that everything is a sum of unsigned × signed products:
//!
//! - Σ(x − q)² = Σ(x⁺ − q⁺)(x⁻ − q⁻) = Σx⁺x⁻ − Σx⁺q⁻ − Σq⁺x⁻ + Σq⁺q⁻;
//! - Σq·x over `u8` is Σq⁺x⁻ + 128·Σq⁺, over `i8` it is Σx⁺q⁻ − 128·Σq⁻.
//!
//! Sums wrap at 2³², which is exact (see `generic::bytes`). Bytes beyond a tail are stored as
//! zero, so that on both sides the same one of `x⁺` and `x⁻` is zero, as is every product above.
//!
//! N.B. Widening to 16 bits and `vpdpwssd` takes half as many instructions again, and a shuffle
//! for each 32 bytes.

use core::arch::x86_64::*;
use core::marker::PhantomData;

use crate::generic::bytes::{Dot, I8, Load, SqL2, Term, U8};
use crate::generic::{GROUP, Kernel};

/// A register of bytes, read as unsigned and as signed.
#[derive(Clone, Copy)]
pub(crate) struct Both {
    unsigned: __m512i,
    signed: __m512i,
}

/// What depends on whether the stored bytes are signed.
///
/// # Safety
///
/// Of every method: AVX-512 with VNNI is there.
pub(crate) trait Sign: Load {
    unsafe fn both(stored: __m512i) -> Both;
    /// sum + the unsigned factor × the signed one: Σq·x, but for a part of the query's own.
    unsafe fn dot(sum: __m512i, q: Both, x: Both) -> __m512i;
    /// sum + the query's components times 128, with the sign of that part.
    unsafe fn rest(sum: __m512i, q: Both) -> __m512i;
}

#[inline(always)]
unsafe fn flip(v: __m512i) -> __m512i {
    // SAFETY: AVX-512 is there.
    unsafe { _mm512_xor_si512(v, _mm512_set1_epi8(-128)) }
}

impl Sign for U8 {
    #[inline(always)]
    unsafe fn both(stored: __m512i) -> Both {
        // SAFETY: the same contract.
        Both { unsigned: stored, signed: unsafe { flip(stored) } }
    }

    #[inline(always)]
    unsafe fn dot(sum: __m512i, q: Both, x: Both) -> __m512i {
        // SAFETY: the same contract.
        unsafe { _mm512_dpbusd_epi32(sum, q.unsigned, x.signed) }
    }

    #[inline(always)]
    unsafe fn rest(sum: __m512i, q: Both) -> __m512i {
        // SAFETY: the same contract. 128 is not a signed byte, twice 64 is.
        unsafe {
            let half = _mm512_set1_epi8(64);
            _mm512_dpbusd_epi32(_mm512_dpbusd_epi32(sum, q.unsigned, half), q.unsigned, half)
        }
    }
}

impl Sign for I8 {
    #[inline(always)]
    unsafe fn both(stored: __m512i) -> Both {
        // SAFETY: the same contract.
        Both { unsigned: unsafe { flip(stored) }, signed: stored }
    }

    #[inline(always)]
    unsafe fn dot(sum: __m512i, q: Both, x: Both) -> __m512i {
        // SAFETY: the same contract.
        unsafe { _mm512_dpbusd_epi32(sum, x.unsigned, q.signed) }
    }

    #[inline(always)]
    unsafe fn rest(sum: __m512i, q: Both) -> __m512i {
        // SAFETY: the same contract.
        unsafe {
            let part = _mm512_dpbusd_epi32(_mm512_setzero_si512(), _mm512_set1_epi8(-128), q.signed);
            _mm512_sub_epi32(sum, part)
        }
    }
}

/// The term `F` over bytes that `S` reads.
pub(crate) struct Vnni<F, S>(PhantomData<(F, S)>);

/// What the two terms do differently.
///
/// # Safety
///
/// As of [`Sign`].
pub(crate) trait Parts: Term {
    /// What is added, and what is taken away again.
    type Sum: Copy;
    unsafe fn zero() -> Self::Sum;
    unsafe fn accumulate<S: Sign>(sum: Self::Sum, q: Both, x: Both) -> Self::Sum;
    unsafe fn merge(a: Self::Sum, b: Self::Sum) -> Self::Sum;
    unsafe fn total(sum: Self::Sum) -> __m512i;
    /// The part of the sum that is the query's own.
    unsafe fn of_query<S: Sign>(sum: __m512i, q: Both) -> __m512i;
}

impl Parts for SqL2 {
    type Sum = (__m512i, __m512i);

    #[inline(always)]
    unsafe fn zero() -> Self::Sum {
        // SAFETY: the same contract.
        unsafe { (_mm512_setzero_si512(), _mm512_setzero_si512()) }
    }

    #[inline(always)]
    unsafe fn accumulate<S: Sign>((plus, minus): Self::Sum, q: Both, x: Both) -> Self::Sum {
        // SAFETY: the same contract.
        unsafe {
            let minus = _mm512_dpbusd_epi32(minus, x.unsigned, q.signed);
            (_mm512_dpbusd_epi32(plus, x.unsigned, x.signed), _mm512_dpbusd_epi32(minus, q.unsigned, x.signed))
        }
    }

    #[inline(always)]
    unsafe fn merge(a: Self::Sum, b: Self::Sum) -> Self::Sum {
        // SAFETY: the same contract.
        unsafe { (_mm512_add_epi32(a.0, b.0), _mm512_add_epi32(a.1, b.1)) }
    }

    #[inline(always)]
    unsafe fn total((plus, minus): Self::Sum) -> __m512i {
        // SAFETY: the same contract.
        unsafe { _mm512_sub_epi32(plus, minus) }
    }

    #[inline(always)]
    unsafe fn of_query<S: Sign>(sum: __m512i, q: Both) -> __m512i {
        // SAFETY: the same contract.
        unsafe { _mm512_dpbusd_epi32(sum, q.unsigned, q.signed) }
    }
}

impl Parts for Dot {
    type Sum = __m512i;

    #[inline(always)]
    unsafe fn zero() -> __m512i {
        // SAFETY: the same contract.
        unsafe { _mm512_setzero_si512() }
    }

    #[inline(always)]
    unsafe fn accumulate<S: Sign>(sum: __m512i, q: Both, x: Both) -> __m512i {
        // SAFETY: the same contract.
        unsafe { S::dot(sum, q, x) }
    }

    #[inline(always)]
    unsafe fn merge(a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: the same contract.
        unsafe { _mm512_add_epi32(a, b) }
    }

    #[inline(always)]
    unsafe fn total(sum: __m512i) -> __m512i {
        sum
    }

    #[inline(always)]
    unsafe fn of_query<S: Sign>(sum: __m512i, q: Both) -> __m512i {
        // SAFETY: the same contract.
        unsafe { S::rest(sum, q) }
    }
}

impl<F: Parts, S: Sign> Kernel for Vnni<F, S> {
    const STEP: usize = 64;
    const QUERY: usize = 1;
    const ROW: usize = 1;
    type Query = Both;
    type Row = Both;
    type Sum = F::Sum;
    type Whole = i32;

    #[inline(always)]
    unsafe fn whole(query: *const u8, len: usize) -> i32 {
        // SAFETY: the same contract; `at` never passes `len`.
        unsafe {
            let mut sum = _mm512_setzero_si512();
            for at in (0..len).step_by(64) {
                let q = match len - at {
                    64.. => Self::query(query.add(at)),
                    n => Self::query_tail(query.add(at), n),
                };
                sum = F::of_query::<S>(sum, q);
            }
            _mm512_reduce_add_epi32(sum)
        }
    }

    #[inline(always)]
    unsafe fn query(at: *const u8) -> Both {
        // SAFETY: 64 bytes are readable.
        unsafe { S::both(_mm512_loadu_si512(at.cast())) }
    }

    #[inline(always)]
    unsafe fn query_tail(at: *const u8, n: usize) -> Both {
        // SAFETY: n < 64 bytes are readable; masked lanes aren't accessed.
        unsafe { S::both(_mm512_maskz_loadu_epi8((1 << n) - 1, at.cast())) }
    }

    #[inline(always)]
    unsafe fn row(at: *const u8) -> Both {
        // SAFETY: the same contract.
        unsafe { Self::query(at) }
    }

    #[inline(always)]
    unsafe fn row_tail(at: *const u8, n: usize) -> Both {
        // SAFETY: the same contract.
        unsafe { Self::query_tail(at, n) }
    }

    #[inline(always)]
    unsafe fn zero() -> F::Sum {
        // SAFETY: the same contract.
        unsafe { F::zero() }
    }

    #[inline(always)]
    unsafe fn add(sum: F::Sum, query: Both, row: Both) -> F::Sum {
        // SAFETY: the same contract.
        unsafe { F::accumulate::<S>(sum, query, row) }
    }

    #[inline(always)]
    unsafe fn merge(a: F::Sum, b: F::Sum) -> F::Sum {
        // SAFETY: the same contract.
        unsafe { F::merge(a, b) }
    }

    #[inline(always)]
    unsafe fn finish(sums: [F::Sum; GROUP], whole: i32) -> [f32; GROUP] {
        // SAFETY: the same contract.
        let sums = unsafe { super::sums(sums.map(|sum| F::total(sum))) };
        sums.map(|sum| F::read::<S>(sum.wrapping_add(whole)))
    }
}
