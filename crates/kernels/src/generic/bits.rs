//! Forms over packed bits: counts of the bits set in some combination of query and row.

use core::marker::PhantomData;

use super::{GROUP, Kernel};

/// The operations on a register of bits.
///
/// # Safety
///
/// Of every method: the instruction set is there, and pointers are readable for `BYTES` bytes,
/// or for `n < BYTES` of them in a tail, the rest of which is zero.
pub(crate) trait Bits {
    const BYTES: usize;
    type V: Copy;
    /// Counters, none of which can overflow at [`MAX_LEN`](crate::MAX_LEN) bytes.
    type Sum: Copy;

    unsafe fn zero() -> Self::Sum;
    unsafe fn load(at: *const u8) -> Self::V;
    unsafe fn tail(at: *const u8, n: usize) -> Self::V;
    unsafe fn xor(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn and(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn or(a: Self::V, b: Self::V) -> Self::V;
    /// sum + the bits set in v.
    unsafe fn count(sum: Self::Sum, v: Self::V) -> Self::Sum;
    unsafe fn add(a: Self::Sum, b: Self::Sum) -> Self::Sum;
    /// The total of each register's counters.
    unsafe fn sums(v: [Self::Sum; GROUP]) -> [u32; GROUP];
}

/// Which bits a form counts, and what it makes of the counts.
///
/// # Safety
///
/// The instruction set is there.
pub(crate) trait Term {
    type Sum<T: Bits>: Copy;
    unsafe fn zero<T: Bits>() -> Self::Sum<T>;
    unsafe fn add<T: Bits>(sum: Self::Sum<T>, q: T::V, x: T::V) -> Self::Sum<T>;
    unsafe fn merge<T: Bits>(a: Self::Sum<T>, b: Self::Sum<T>) -> Self::Sum<T>;
    unsafe fn read<T: Bits>(sums: [Self::Sum<T>; GROUP]) -> [f32; GROUP];
}

/// |q ⊕ x|
pub(crate) struct Hamming;

impl Term for Hamming {
    type Sum<T: Bits> = T::Sum;

    #[inline(always)]
    unsafe fn zero<T: Bits>() -> T::Sum {
        // SAFETY: the same contract.
        unsafe { T::zero() }
    }

    #[inline(always)]
    unsafe fn add<T: Bits>(sum: T::Sum, q: T::V, x: T::V) -> T::Sum {
        // SAFETY: the same contract.
        unsafe { T::count(sum, T::xor(q, x)) }
    }

    #[inline(always)]
    unsafe fn merge<T: Bits>(a: T::Sum, b: T::Sum) -> T::Sum {
        // SAFETY: the same contract.
        unsafe { T::add(a, b) }
    }

    #[inline(always)]
    unsafe fn read<T: Bits>(sums: [T::Sum; GROUP]) -> [f32; GROUP] {
        // SAFETY: the same contract.
        unsafe { T::sums(sums) }.map(|differing| differing as f32)
    }
}

/// 1 − |q ∧ x| / |q ∨ x|
pub(crate) struct Jaccard;

impl Term for Jaccard {
    /// |q ∧ x| and |q ∨ x|.
    type Sum<T: Bits> = (T::Sum, T::Sum);

    #[inline(always)]
    unsafe fn zero<T: Bits>() -> Self::Sum<T> {
        // SAFETY: the same contract.
        unsafe { (T::zero(), T::zero()) }
    }

    #[inline(always)]
    unsafe fn add<T: Bits>((both, either): Self::Sum<T>, q: T::V, x: T::V) -> Self::Sum<T> {
        // SAFETY: the same contract.
        unsafe { (T::count(both, T::and(q, x)), T::count(either, T::or(q, x))) }
    }

    #[inline(always)]
    unsafe fn merge<T: Bits>(a: Self::Sum<T>, b: Self::Sum<T>) -> Self::Sum<T> {
        // SAFETY: the same contract.
        unsafe { (T::add(a.0, b.0), T::add(a.1, b.1)) }
    }

    #[inline(always)]
    unsafe fn read<T: Bits>(sums: [Self::Sum<T>; GROUP]) -> [f32; GROUP] {
        // SAFETY: the same contract.
        let (both, either) = unsafe { (T::sums(sums.map(|sum| sum.0)), T::sums(sums.map(|sum| sum.1))) };
        // The quotient of two whole numbers below 2²⁴ is rounded once.
        core::array::from_fn(|r| match either[r] {
            0 => 0.0,
            either => (either - both[r]) as f32 / either as f32,
        })
    }
}

/// The form `F`, with the operations `T`.
pub(crate) struct Bit<T, F>(PhantomData<(T, F)>);

impl<T: Bits, F: Term> Kernel for Bit<T, F> {
    const STEP: usize = T::BYTES;
    const QUERY: usize = 1;
    const ROW: usize = 1;
    type Query = T::V;
    type Row = T::V;
    type Sum = F::Sum<T>;
    type Whole = ();

    #[inline(always)]
    unsafe fn whole(_: *const u8, _: usize) {}

    #[inline(always)]
    unsafe fn query(at: *const u8) -> T::V {
        // SAFETY: the same contract.
        unsafe { T::load(at) }
    }

    #[inline(always)]
    unsafe fn query_tail(at: *const u8, n: usize) -> T::V {
        // SAFETY: the same contract.
        unsafe { T::tail(at, n) }
    }

    #[inline(always)]
    unsafe fn row(at: *const u8) -> T::V {
        // SAFETY: the same contract.
        unsafe { T::load(at) }
    }

    #[inline(always)]
    unsafe fn row_tail(at: *const u8, n: usize) -> T::V {
        // SAFETY: the same contract. What follows a tail is zero on both sides: nothing to count.
        unsafe { T::tail(at, n) }
    }

    #[inline(always)]
    unsafe fn zero() -> Self::Sum {
        // SAFETY: the same contract.
        unsafe { F::zero::<T>() }
    }

    #[inline(always)]
    unsafe fn add(sum: Self::Sum, query: T::V, row: T::V) -> Self::Sum {
        // SAFETY: the same contract.
        unsafe { F::add::<T>(sum, query, row) }
    }

    #[inline(always)]
    unsafe fn merge(a: Self::Sum, b: Self::Sum) -> Self::Sum {
        // SAFETY: the same contract.
        unsafe { F::merge::<T>(a, b) }
    }

    #[inline(always)]
    unsafe fn finish(sums: [Self::Sum; GROUP], (): ()) -> [f32; GROUP] {
        // SAFETY: the same contract.
        unsafe { F::read::<T>(sums) }
    }
}
