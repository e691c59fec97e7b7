//! Forms over `i8` and `u8` rows by widening to 16 bits, summed exactly in 32.
//!
//! Sums wrap, and that is exact: at 65,536 components a sum of squares is at most
//! 65,536 · 255² < 2³², as is an unsigned dot product, and a signed one is at most 2³⁰.
//! So sums of squares and unsigned products are read as `u32`, signed products as `i32`.

use core::marker::PhantomData;

use super::{GROUP, Kernel};

/// The operations on a register of widened bytes.
///
/// # Safety
///
/// Of every method: the instruction set is there, and pointers are readable for `LANES` bytes,
/// or for `n < LANES` of them in a tail, whose other lanes are zero.
pub(crate) trait Bytes {
    const LANES: usize;
    /// 16-bit lanes.
    type V: Copy;
    /// 32-bit lanes.
    type Sum: Copy;

    unsafe fn zero() -> Self::Sum;
    unsafe fn u8(at: *const u8) -> Self::V;
    unsafe fn u8_tail(at: *const u8, n: usize) -> Self::V;
    unsafe fn i8(at: *const u8) -> Self::V;
    unsafe fn i8_tail(at: *const u8, n: usize) -> Self::V;
    /// Lanes that are 16 bits wide already: `at` is readable for twice as many bytes.
    unsafe fn i16(at: *const u8) -> Self::V;
    unsafe fn i16_tail(at: *const u8, n: usize) -> Self::V;
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V;
    /// sum + a·b, over the lanes in whatever order.
    unsafe fn dot(sum: Self::Sum, a: Self::V, b: Self::V) -> Self::Sum;
    unsafe fn add(a: Self::Sum, b: Self::Sum) -> Self::Sum;
    /// The sum of each register's lanes, modulo 2³².
    unsafe fn sums(v: [Self::Sum; GROUP]) -> [i32; GROUP];
}

/// What rows and queries are made of.
///
/// # Safety
///
/// As of [`Bytes`].
pub(crate) trait Load {
    /// Bytes of a component of a query.
    const QUERY: usize;
    unsafe fn query<T: Bytes>(at: *const u8) -> T::V;
    unsafe fn query_tail<T: Bytes>(at: *const u8, n: usize) -> T::V;
    unsafe fn load<T: Bytes>(at: *const u8) -> T::V;
    unsafe fn tail<T: Bytes>(at: *const u8, n: usize) -> T::V;
    /// Reads a dot product modulo 2³².
    fn read_dot(sum: i32) -> f32;
}

macro_rules! load {
    ($(#[$doc:meta])* $name:ident, $size:literal $query:ident $query_tail:ident, $full:ident $tail:ident, $read:expr) => {
        $(#[$doc])*
        pub(crate) struct $name;

        impl Load for $name {
            const QUERY: usize = $size;

            #[inline(always)]
            unsafe fn query<T: Bytes>(at: *const u8) -> T::V {
                // SAFETY: the same contract.
                unsafe { T::$query(at) }
            }

            #[inline(always)]
            unsafe fn query_tail<T: Bytes>(at: *const u8, n: usize) -> T::V {
                // SAFETY: the same contract.
                unsafe { T::$query_tail(at, n) }
            }

            #[inline(always)]
            unsafe fn load<T: Bytes>(at: *const u8) -> T::V {
                // SAFETY: the same contract.
                unsafe { T::$full(at) }
            }

            #[inline(always)]
            unsafe fn tail<T: Bytes>(at: *const u8, n: usize) -> T::V {
                // SAFETY: the same contract.
                unsafe { T::$tail(at, n) }
            }

            #[inline(always)]
            fn read_dot(sum: i32) -> f32 {
                $read(sum)
            }
        }
    };
}
load!(U8, 1 u8 u8_tail, u8 u8_tail, |sum: i32| sum as u32 as f32);
load!(I8, 1 i8 i8_tail, i8 i8_tail, |sum: i32| sum as f32);
load!(
    /// Rows of `u8` and queries of `i16`. The caller sees to it that 255·Σ|q| fits an `i32`, so that no order of
    /// additions leaves it.
    Levels, 2 i16 i16_tail, u8 u8_tail, |sum: i32| sum as f32
);

/// How one component adds to the sum.
///
/// # Safety
///
/// The instruction set is there.
pub(crate) trait Term {
    unsafe fn add<T: Bytes>(sum: T::Sum, q: T::V, x: T::V) -> T::Sum;
    /// Reads the sum modulo 2³².
    fn read<L: Load>(sum: i32) -> f32;
}

/// (q − x)²
pub(crate) struct SqL2;

impl Term for SqL2 {
    #[inline(always)]
    unsafe fn add<T: Bytes>(sum: T::Sum, q: T::V, x: T::V) -> T::Sum {
        // SAFETY: the same contract.
        unsafe {
            let d = T::sub(q, x);
            T::dot(sum, d, d)
        }
    }

    #[inline(always)]
    fn read<L: Load>(sum: i32) -> f32 {
        sum as u32 as f32
    }
}

/// q·x
pub(crate) struct Dot;

impl Term for Dot {
    #[inline(always)]
    unsafe fn add<T: Bytes>(sum: T::Sum, q: T::V, x: T::V) -> T::Sum {
        // SAFETY: the same contract.
        unsafe { T::dot(sum, q, x) }
    }

    #[inline(always)]
    fn read<L: Load>(sum: i32) -> f32 {
        L::read_dot(sum)
    }
}

/// The term `F` over rows that `L` loads, with the operations `T`.
pub(crate) struct Byte<T, F, L>(PhantomData<(T, F, L)>);

impl<T: Bytes, F: Term, L: Load> Kernel for Byte<T, F, L> {
    const STEP: usize = T::LANES;
    const QUERY: usize = L::QUERY;
    const ROW: usize = 1;
    type Query = T::V;
    type Row = T::V;
    type Sum = T::Sum;
    type Whole = ();

    #[inline(always)]
    unsafe fn whole(_: *const u8, _: usize) {}

    #[inline(always)]
    unsafe fn query(at: *const u8) -> T::V {
        // SAFETY: the same contract.
        unsafe { L::query::<T>(at) }
    }

    #[inline(always)]
    unsafe fn query_tail(at: *const u8, n: usize) -> T::V {
        // SAFETY: the same contract.
        unsafe { L::query_tail::<T>(at, n) }
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
    unsafe fn zero() -> T::Sum {
        // SAFETY: the same contract.
        unsafe { T::zero() }
    }

    #[inline(always)]
    unsafe fn add(sum: T::Sum, query: T::V, row: T::V) -> T::Sum {
        // SAFETY: the same contract.
        unsafe { F::add::<T>(sum, query, row) }
    }

    #[inline(always)]
    unsafe fn merge(a: T::Sum, b: T::Sum) -> T::Sum {
        // SAFETY: the same contract.
        unsafe { T::add(a, b) }
    }

    #[inline(always)]
    unsafe fn finish(sums: [T::Sum; GROUP], (): ()) -> [f32; GROUP] {
        // SAFETY: the same contract.
        unsafe { T::sums(sums) }.map(F::read::<L>)
    }
}
