//! Forms over float rows: an `f32` query against `f32`, `f16` or `bf16` rows, summed in `f32`.

use core::marker::PhantomData;

use super::{GROUP, Kernel};

/// The operations on a register of floats.
///
/// # Safety
///
/// Of every method: the instruction set is there, and pointers are readable for `LANES`
/// components, or for `n < LANES` of them in a tail, whose other lanes are zero.
pub(crate) trait Floats {
    const LANES: usize;
    type V: Copy;

    unsafe fn zero() -> Self::V;
    unsafe fn f32(at: *const u8) -> Self::V;
    unsafe fn f32_tail(at: *const u8, n: usize) -> Self::V;
    unsafe fn f16(at: *const u8) -> Self::V;
    unsafe fn f16_tail(at: *const u8, n: usize) -> Self::V;
    /// `2 · LANES` components: those at even places, and those at odd ones.
    unsafe fn f32_pair(at: *const u8) -> (Self::V, Self::V);
    /// `n < 2 · LANES` components.
    unsafe fn f32_pair_tail(at: *const u8, n: usize) -> (Self::V, Self::V);
    unsafe fn bf16_pair(at: *const u8) -> (Self::V, Self::V);
    unsafe fn bf16_pair_tail(at: *const u8, n: usize) -> (Self::V, Self::V);
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V;
    /// a·b + c.
    unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// The sum of each register's lanes.
    unsafe fn sums(v: [Self::V; GROUP]) -> [f32; GROUP];
}

/// How a row's floats are loaded.
///
/// # Safety
///
/// As of [`Floats`].
pub(crate) trait Load {
    const BYTES: usize;
    unsafe fn load<T: Floats>(at: *const u8) -> T::V;
    unsafe fn tail<T: Floats>(at: *const u8, n: usize) -> T::V;
}

macro_rules! load {
    ($name:ident, $bytes:literal, $full:ident, $tail:ident) => {
        pub(crate) struct $name;

        impl Load for $name {
            const BYTES: usize = $bytes;

            #[inline(always)]
            unsafe fn load<T: Floats>(at: *const u8) -> T::V {
                // SAFETY: the same contract.
                unsafe { T::$full(at) }
            }

            #[inline(always)]
            unsafe fn tail<T: Floats>(at: *const u8, n: usize) -> T::V {
                // SAFETY: the same contract.
                unsafe { T::$tail(at, n) }
            }
        }
    };
}
load!(F32, 4, f32, f32_tail);
load!(F16, 2, f16, f16_tail);

/// How one component adds to the sum.
///
/// # Safety
///
/// The instruction set is there.
pub(crate) trait Term {
    unsafe fn add<T: Floats>(sum: T::V, q: T::V, x: T::V) -> T::V;
}

/// (q − x)²
pub(crate) struct SqL2;

impl Term for SqL2 {
    #[inline(always)]
    unsafe fn add<T: Floats>(sum: T::V, q: T::V, x: T::V) -> T::V {
        // SAFETY: the same contract.
        unsafe {
            let d = T::sub(q, x);
            T::fma(d, d, sum)
        }
    }
}

/// q·x
pub(crate) struct Dot;

impl Term for Dot {
    #[inline(always)]
    unsafe fn add<T: Floats>(sum: T::V, q: T::V, x: T::V) -> T::V {
        // SAFETY: the same contract.
        unsafe { T::fma(q, x, sum) }
    }
}

/// The term `F` over rows that `L` loads, with the operations `T`.
pub(crate) struct Float<T, F, L>(PhantomData<(T, F, L)>);

impl<T: Floats, F: Term, L: Load> Kernel for Float<T, F, L> {
    const STEP: usize = T::LANES;
    const QUERY: usize = 4;
    const ROW: usize = L::BYTES;
    type Query = T::V;
    type Row = T::V;
    type Sum = T::V;
    type Whole = ();

    #[inline(always)]
    unsafe fn whole(_: *const u8, _: usize) {}

    #[inline(always)]
    unsafe fn query(at: *const u8) -> T::V {
        // SAFETY: the same contract.
        unsafe { T::f32(at) }
    }

    #[inline(always)]
    unsafe fn query_tail(at: *const u8, n: usize) -> T::V {
        // SAFETY: the same contract.
        unsafe { T::f32_tail(at, n) }
    }

    #[inline(always)]
    unsafe fn row(at: *const u8) -> T::V {
        // SAFETY: the same contract.
        unsafe { L::load::<T>(at) }
    }

    #[inline(always)]
    unsafe fn row_tail(at: *const u8, n: usize) -> T::V {
        // SAFETY: the same contract. Lanes beyond n are zero on both sides and add nothing.
        unsafe { L::tail::<T>(at, n) }
    }

    #[inline(always)]
    unsafe fn zero() -> T::V {
        // SAFETY: the same contract.
        unsafe { T::zero() }
    }

    #[inline(always)]
    unsafe fn add(sum: T::V, query: T::V, row: T::V) -> T::V {
        // SAFETY: the same contract.
        unsafe { F::add::<T>(sum, query, row) }
    }

    #[inline(always)]
    unsafe fn merge(a: T::V, b: T::V) -> T::V {
        // SAFETY: the same contract.
        unsafe { T::add(a, b) }
    }

    #[inline(always)]
    unsafe fn finish(sums: [T::V; GROUP], (): ()) -> [f32; GROUP] {
        // SAFETY: the same contract.
        unsafe { T::sums(sums) }
    }
}

/// The term `F` over `bf16` rows, with the operations `T`.
///
/// A `bf16` is the high half of a float. So a 32-bit word of a row is the float at an odd place
/// once its low half is cleared, and the float at an even place once shifted up: cheaper than
/// widening, which moves halves across lanes. The query is taken apart in the same way, once for
/// a whole group of rows.
pub(crate) struct Pair<T, F>(PhantomData<(T, F)>);

impl<T: Floats, F: Term> Kernel for Pair<T, F> {
    const STEP: usize = 2 * T::LANES;
    const QUERY: usize = 4;
    const ROW: usize = 2;
    type Query = (T::V, T::V);
    type Row = (T::V, T::V);
    type Sum = T::V;
    type Whole = ();

    #[inline(always)]
    unsafe fn whole(_: *const u8, _: usize) {}

    #[inline(always)]
    unsafe fn query(at: *const u8) -> Self::Query {
        // SAFETY: the same contract.
        unsafe { T::f32_pair(at) }
    }

    #[inline(always)]
    unsafe fn query_tail(at: *const u8, n: usize) -> Self::Query {
        // SAFETY: the same contract.
        unsafe { T::f32_pair_tail(at, n) }
    }

    #[inline(always)]
    unsafe fn row(at: *const u8) -> Self::Row {
        // SAFETY: the same contract.
        unsafe { T::bf16_pair(at) }
    }

    #[inline(always)]
    unsafe fn row_tail(at: *const u8, n: usize) -> Self::Row {
        // SAFETY: the same contract. Lanes beyond n are zero on both sides and add nothing.
        unsafe { T::bf16_pair_tail(at, n) }
    }

    #[inline(always)]
    unsafe fn zero() -> T::V {
        // SAFETY: the same contract.
        unsafe { T::zero() }
    }

    #[inline(always)]
    unsafe fn add(sum: T::V, query: Self::Query, row: Self::Row) -> T::V {
        // SAFETY: the same contract.
        unsafe { F::add::<T>(F::add::<T>(sum, query.0, row.0), query.1, row.1) }
    }

    #[inline(always)]
    unsafe fn merge(a: T::V, b: T::V) -> T::V {
        // SAFETY: the same contract.
        unsafe { T::add(a, b) }
    }

    #[inline(always)]
    unsafe fn finish(sums: [T::V; GROUP], (): ()) -> [f32; GROUP] {
        // SAFETY: the same contract.
        unsafe { T::sums(sums) }
    }
}
