//! What an instruction set has to offer for rows abreast, and the loop over blocks.

use super::block::{ERRORS, STRIPE, TERMS};
use super::query::Four;
use super::{Bar, LANES, Limit, Query};
use crate::edges::ops::Edges;

/// Operations on four codes of each of sixteen rows.
///
/// # Safety
///
/// Of every method: the instruction set is there, and pointers are readable for 64 bytes.
pub(crate) trait Abreast: Edges {
    /// Running sums of sixteen rows.
    type Dots: Copy;

    unsafe fn no_dots() -> Self::Dots;
    /// Adds the products of the query's four codes with those of each row.
    unsafe fn four(dots: Self::Dots, codes: *const u8, query: &Four) -> Self::Dots;
    /// `square + offset − 2·dot` of the rows of register `part`, as floats.
    unsafe fn squares(dots: &Self::Dots, part: usize, squares: *const u8, offset: i32) -> Self::V;
    unsafe fn sqrt(v: Self::V) -> Self::V;
}

/// A [`PassFn`](super::PassFn) over the operations `T`, `N` blocks side by side, so that sums need not wait for each
/// other.
///
/// # Safety
///
/// As of `PassFn`; and the instruction set is there.
#[inline(always)]
pub(crate) unsafe fn pass<T: Abreast, const N: usize>(
    query: &Query,
    limit: &Limit,
    blocks: *const u8,
    n: usize,
    sums: *mut f32,
    passed: *mut u16,
) {
    let block_bytes = query.shape.bytes();
    // SAFETY: the caller's promise; every block named is one of the n.
    unsafe {
        let of_block = |i: usize| (blocks.add(i * block_bytes), sums.add(i * LANES), passed.add(i));
        // One loop for each kind, without a choice in it.
        match limit.bar {
            Bar::Reach(reach) => {
                let reach = T::splat(reach);
                every::<T, N>(query, limit, n, of_block, |_, _| reach);
            }
            Bar::Terms { bar, scale, reach } => {
                let (bar, scale, reach) = (T::splat(bar), T::splat(scale), T::splat(reach));
                every::<T, N>(query, limit, n, of_block, |block, part| {
                    let term = T::f32(block.add(TERMS + 4 * part * T::LANES));
                    T::fma(T::sqrt(T::max(T::add(bar, term), T::splat(0.0))), scale, reach)
                });
            }
        }
    }
}

/// Looks at all blocks.
///
/// # Safety
///
/// As of [`pass`]: `of_block` says where each of the `n` blocks is, and where its results go; `reach` is that of the
/// rows of a register.
#[inline(always)]
unsafe fn every<T: Abreast, const N: usize>(
    query: &Query,
    limit: &Limit,
    n: usize,
    of_block: impl Fn(usize) -> (*const u8, *mut f32, *mut u16),
    reach: impl Fn(*const u8, usize) -> T::V,
) {
    let mut i = 0;
    // SAFETY: the caller's promise.
    unsafe {
        while i + N <= n {
            some::<T, N>(query, limit, core::array::from_fn(|j| of_block(i + j)), &reach);
            i += N;
        }
        while i < n {
            some::<T, 1>(query, limit, [of_block(i)], &reach);
            i += 1;
        }
    }
}

/// Looks at some blocks.
///
/// # Safety
///
/// As of [`every`].
#[inline(always)]
unsafe fn some<T: Abreast, const N: usize>(
    query: &Query,
    limit: &Limit,
    blocks: [(*const u8, *mut f32, *mut u16); N],
    reach: &impl Fn(*const u8, usize) -> T::V,
) {
    let codes = query.shape.codes();
    // SAFETY: the caller's promise; a block has as many stripes of codes as the query.
    unsafe {
        let mut dots = [T::no_dots(); N];
        for (i, four) in query.fours.iter().enumerate() {
            for (dots, (block, ..)) in dots.iter_mut().zip(blocks) {
                *dots = T::four(*dots, block.add(codes + i * STRIPE), four);
            }
        }
        let per_error = T::splat(limit.per_error);
        for (dots, (block, sums, passed)) in dots.iter().zip(blocks) {
            let mut above = 0;
            for part in 0..LANES / T::LANES {
                let at = part * T::LANES;
                let sum = T::squares(dots, part, block.add(4 * at), query.offset);
                let reach = T::fma(T::f32(block.add(ERRORS + 4 * at)), per_error, reach(block, part));
                // What is no number is above nothing.
                above |= T::less(T::mul(reach, reach), sum) << at;
                T::store(sums.add(at), sum);
            }
            *passed = !above as u16;
        }
    }
}
