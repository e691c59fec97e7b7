//! The kernels' ideas, each written once over the operations of an instruction set.
//!
//! Everything here is `#[inline(always)]` and carries no `#[target_feature]` of its own: it is
//! compiled into the functions that [`entries!`] makes, which do, and only there do the
//! intrinsics below it melt into single instructions.

pub(crate) mod bits;
pub(crate) mod bytes;
pub(crate) mod floats;

use core::array;

use crate::hint::{LINE, prefetch_line};

/// One form over one code on one instruction set: what happens in a step of the row.
///
/// # Safety
///
/// Of every method: the instruction set is there, and the pointers are readable for the
/// components spoken of ([`STEP`](Kernel::STEP) of them, or `n < STEP` in a tail).
pub(crate) trait Kernel {
    /// Components in a step.
    const STEP: usize;
    /// Bytes of a query component.
    const QUERY: usize;
    /// Bytes of a row component.
    const ROW: usize;
    /// A step of the query, in registers.
    type Query: Copy;
    /// A step of a row, in registers.
    type Row: Copy;
    /// The running sums of one row.
    type Sum: Copy;
    /// What is derived from the whole query, once per batch.
    type Whole: Copy;

    unsafe fn whole(query: *const u8, len: usize) -> Self::Whole;
    unsafe fn query(at: *const u8) -> Self::Query;
    unsafe fn query_tail(at: *const u8, n: usize) -> Self::Query;
    unsafe fn row(at: *const u8) -> Self::Row;
    unsafe fn row_tail(at: *const u8, n: usize) -> Self::Row;
    unsafe fn zero() -> Self::Sum;
    unsafe fn add(sum: Self::Sum, query: Self::Query, row: Self::Row) -> Self::Sum;
    unsafe fn merge(a: Self::Sum, b: Self::Sum) -> Self::Sum;
    /// The results of a group; together, because four registers are summed across their lanes
    /// in little more than the time of one.
    unsafe fn finish(sums: [Self::Sum; GROUP], whole: Self::Whole) -> [f32; GROUP];
}

/// Rows walked side by side: each step of the query is loaded, and prepared, once for all of
/// them, and their cache misses overlap. Two are slower; eight gain a little on long rows and
/// lose as much on short ones and on what remains of a batch.
pub(crate) const GROUP: usize = 4;

/// Cache lines asked for ahead of the group at work, at least.
const LINES_AHEAD: usize = 16;

/// A [`BatchFn`](crate::BatchFn), for one kernel.
///
/// While a group is walked, the same lines of a group to come are asked for, one line of each
/// row in turn. N.B. Asking for whole rows, one after the other, is up to a third slower on long
/// rows: the requests arrive in bursts, and pull in more of what follows each row.
///
/// # Safety
///
/// As `BatchFn`; and the kernel's instruction set is there.
#[inline(always)]
pub(crate) unsafe fn batch<K: Kernel>(query: *const u8, rows: *const *const u8, n: usize, len: usize, out: *mut f32) {
    debug_assert!(len <= crate::MAX_LEN);
    if n == 0 {
        return;
    }
    let bytes = len * K::ROW;
    let ahead = (LINES_AHEAD * LINE).div_ceil(bytes.max(1)).next_multiple_of(GROUP);
    // SAFETY: the caller vouches for the query, for rows[..n] and out[..n], and for the
    // instruction set; every index below is < n.
    unsafe {
        for at in (0..bytes).step_by(LINE) {
            for i in 0..ahead.min(n) {
                prefetch_line((*rows.add(i)).wrapping_add(at));
            }
        }
        let whole = K::whole(query, len);
        let mut i = 0;
        while i + 1 < n {
            // What is missing from the last group repeats the last row, which is at hand.
            let group = array::from_fn(|r| *rows.add((i + r).min(n - 1)));
            let next = array::from_fn(|r| *rows.add((i + ahead + r).min(n - 1)));
            let results = K::finish(walk::<K, GROUP, 2, GROUP>(query, group, next, len), whole);
            if n - i >= GROUP {
                // A length known beforehand: short rows would feel the call of `memcpy`.
                out.add(i).cast::<[f32; GROUP]>().write_unaligned(results);
            } else {
                results.as_ptr().copy_to_nonoverlapping(out.add(i), n - i);
            }
            i += GROUP;
        }
        if i < n {
            // A group of one would cost twice as much, which counts where batches are small.
            let [sum] = walk::<K, 1, 4, 0>(query, [*rows.add(i)], [], len);
            *out.add(i) = K::finish([sum; GROUP], whole)[0];
        }
    }
}

/// Walks `R` rows side by side, each with `U` independent sums to hide the latency of addition,
/// and asks for the same lines of the `A` rows that come next.
#[inline(always)]
unsafe fn walk<K: Kernel, const R: usize, const U: usize, const A: usize>(
    query: *const u8,
    rows: [*const u8; R],
    next: [*const u8; A],
    len: usize,
) -> [K::Sum; R] {
    let ask = |at: usize| {
        for row in next {
            prefetch_line(row.wrapping_add(at));
        }
    };
    // SAFETY: as of `batch`; `at` never passes `len`.
    unsafe {
        let mut sums = [[K::zero(); U]; R];
        let mut at = 0;
        while at + U * K::STEP <= len {
            for line in (0..U * K::STEP * K::ROW).step_by(LINE) {
                ask(at * K::ROW + line);
            }
            for u in 0..U {
                step::<K, R, U>(&mut sums, u, query, rows, at + u * K::STEP);
            }
            at += U * K::STEP;
        }
        while at + K::STEP <= len {
            ask(at * K::ROW);
            step::<K, R, U>(&mut sums, 0, query, rows, at);
            at += K::STEP;
        }
        if at < len {
            ask(at * K::ROW);
            let q = K::query_tail(query.add(at * K::QUERY), len - at);
            for (of_row, row) in sums.iter_mut().zip(rows) {
                let row = K::row_tail(row.add(at * K::ROW), len - at);
                of_row[0] = K::add(of_row[0], q, row);
            }
        }
        // A row that isn't aligned ends a line later than it began.
        ask((len * K::ROW).saturating_sub(1));
        sums.map(|of_row| of_row.into_iter().reduce(|a, b| K::merge(a, b)).expect("U > 0"))
    }
}

/// Adds one step of each row to sum `u` of that row.
#[inline(always)]
unsafe fn step<K: Kernel, const R: usize, const U: usize>(
    sums: &mut [[K::Sum; U]; R],
    u: usize,
    query: *const u8,
    rows: [*const u8; R],
    at: usize,
) {
    // SAFETY: as of `batch`; a whole step is left at `at`.
    unsafe {
        let q = K::query(query.add(at * K::QUERY));
        for (of_row, row) in sums.iter_mut().zip(rows) {
            of_row[u] = K::add(of_row[u], q, K::row(row.add(at * K::ROW)));
        }
    }
}

/// The `n < 16` bytes at `ptr`, then zeros.
///
/// # Safety
///
/// `ptr` is readable for `n` bytes, and `n < 16`.
#[inline(always)]
pub(crate) unsafe fn partial16(ptr: *const u8, n: usize) -> u128 {
    macro_rules! two {
        ($word:ty) => {{
            const SIZE: usize = size_of::<$word>();
            // SAFETY: n ≥ SIZE, so both words lie within the n bytes.
            let (first, last) = unsafe {
                let last = ptr.add(n - SIZE).cast::<$word>().read_unaligned();
                (ptr.cast::<$word>().read_unaligned(), last)
            };
            // Where the words overlap they hold the same bytes.
            u128::from(first) | (u128::from(last) << (8 * (n - SIZE)))
        }};
    }
    match n {
        0 => 0,
        1 => two!(u8),
        2..4 => two!(u16),
        4..8 => two!(u32),
        _ => two!(u64),
    }
}

/// Makes `batch(form, code)` for the operations `$ops`, with `$byte` over bytes and `$level` over levels: a
/// function for each pair that means something, compiled with the given attributes.
macro_rules! entries {
    ($ops:ty, $byte:ident, $level:ty, $attributes:tt) => {
        /// The kernel of a form over a code on this instruction set, which must be there.
        pub(crate) fn batch(form: crate::Form, code: crate::Code) -> Option<crate::BatchFn> {
            use crate::generic::bits::{self, Bit};
            use crate::generic::bytes;
            use crate::generic::entry;
            use crate::generic::floats::{self, Float, Pair};
            use crate::{Code, Form};
            Some(match (form, code) {
                (Form::SqL2, Code::F32) => {
                    entry!($attributes Float<$ops, floats::SqL2, floats::F32>)
                }
                (Form::SqL2, Code::F16) => {
                    entry!($attributes Float<$ops, floats::SqL2, floats::F16>)
                }
                (Form::SqL2, Code::Bf16) => {
                    entry!($attributes Pair<$ops, floats::SqL2>)
                }
                (Form::SqL2, Code::I8) => entry!($attributes $byte<bytes::SqL2, bytes::I8>),
                (Form::SqL2, Code::U8) => entry!($attributes $byte<bytes::SqL2, bytes::U8>),
                (Form::Dot, Code::F32) => entry!($attributes Float<$ops, floats::Dot, floats::F32>),
                (Form::Dot, Code::F16) => entry!($attributes Float<$ops, floats::Dot, floats::F16>),
                (Form::Dot, Code::Bf16) => {
                    entry!($attributes Pair<$ops, floats::Dot>)
                }
                (Form::Dot, Code::I8) => entry!($attributes $byte<bytes::Dot, bytes::I8>),
                (Form::Dot, Code::U8) => entry!($attributes $byte<bytes::Dot, bytes::U8>),
                (Form::Dot, Code::Levels) => entry!($attributes $level),
                (Form::Hamming, Code::Bits) => entry!($attributes Bit<$ops, bits::Hamming>),
                (Form::Jaccard, Code::Bits) => entry!($attributes Bit<$ops, bits::Jaccard>),
                _ => return None,
            })
        }
    };
}
pub(crate) use entries;

/// One `BatchFn`, with the attributes that its instruction set needs.
macro_rules! entry {
    ([$($attribute:tt)*] $kernel:ty) => {{
        $($attribute)*
        unsafe fn entry(
            query: *const u8,
            rows: *const *const u8,
            n: usize,
            len: usize,
            out: *mut f32,
        ) {
            // SAFETY: the contract of `BatchFn`; `batch_for` hands this function out only where
            // the instruction set has been found.
            unsafe { crate::generic::batch::<$kernel>(query, rows, n, len, out) }
        }
        entry
    }};
}
pub(crate) use entry;
