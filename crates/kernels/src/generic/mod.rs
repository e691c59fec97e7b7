//! The kernels' ideas, each written once over the operations of an instruction set.
//!
//! Everything here is `#[inline(always)]` and carries no `#[target_feature]` of its own: it is
//! compiled into the functions that [`entries!`] makes, which do, and only there do the
//! intrinsics below it melt into single instructions.

pub(crate) mod bits;
pub(crate) mod bytes;
pub(crate) mod floats;

use crate::hint::prefetch;

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
    unsafe fn finish(sum: Self::Sum, whole: Self::Whole) -> f32;
}

/// Rows walked side by side: each step of the query is loaded, and widened, once for all of them.
const GROUP: usize = 4;

/// Cache lines asked for ahead of the row at work.
const LINES_AHEAD: usize = 16;

/// A [`BatchFn`](crate::BatchFn), for one kernel.
///
/// # Safety
///
/// As `BatchFn`; and the kernel's instruction set is there.
#[inline(always)]
pub(crate) unsafe fn batch<K: Kernel>(query: *const u8, rows: *const *const u8, n: usize, len: usize, out: *mut f32) {
    debug_assert!(len <= crate::MAX_LEN);
    let bytes = len * K::ROW;
    let ahead = (LINES_AHEAD * 64).div_ceil(bytes.max(1)).max(2);
    // SAFETY: the caller vouches for the query, for rows[..n] and out[..n], and for the
    // instruction set; every index below is < n.
    unsafe {
        for i in 0..ahead.min(n) {
            prefetch(*rows.add(i), bytes);
        }
        let whole = K::whole(query, len);
        let mut i = 0;
        while i + GROUP <= n {
            for next in (i + ahead).min(n)..(i + ahead + GROUP).min(n) {
                prefetch(*rows.add(next), bytes);
            }
            let group: [*const u8; GROUP] = core::array::from_fn(|r| *rows.add(i + r));
            let sums = walk::<K, GROUP, 1>(query, group, len);
            for (r, sum) in sums.into_iter().enumerate() {
                *out.add(i + r) = K::finish(sum, whole);
            }
            i += GROUP;
        }
        while i < n {
            let [sum] = walk::<K, 1, 4>(query, [*rows.add(i)], len);
            *out.add(i) = K::finish(sum, whole);
            i += 1;
        }
    }
}

/// Walks `R` rows side by side, each with `U` independent sums.
#[inline(always)]
unsafe fn walk<K: Kernel, const R: usize, const U: usize>(
    query: *const u8,
    rows: [*const u8; R],
    len: usize,
) -> [K::Sum; R] {
    // SAFETY: as of `batch`; `at` never passes `len`.
    unsafe {
        let mut sums = [[K::zero(); U]; R];
        let mut at = 0;
        while at + U * K::STEP <= len {
            for u in 0..U {
                let here = at + u * K::STEP;
                let q = K::query(query.add(here * K::QUERY));
                for r in 0..R {
                    sums[r][u] = K::add(sums[r][u], q, K::row(rows[r].add(here * K::ROW)));
                }
            }
            at += U * K::STEP;
        }
        while at + K::STEP <= len {
            let q = K::query(query.add(at * K::QUERY));
            for r in 0..R {
                sums[r][0] = K::add(sums[r][0], q, K::row(rows[r].add(at * K::ROW)));
            }
            at += K::STEP;
        }
        if at < len {
            let q = K::query_tail(query.add(at * K::QUERY), len - at);
            for r in 0..R {
                sums[r][0] = K::add(sums[r][0], q, K::row_tail(rows[r].add(at * K::ROW), len - at));
            }
        }
        sums.map(|of_row| {
            let mut sum = of_row[0];
            for &other in &of_row[1..] {
                sum = K::merge(sum, other);
            }
            sum
        })
    }
}

/// The `n < 32` bytes at `ptr`, then zeros, read by overlapping words and nothing beyond.
///
/// # Safety
///
/// `ptr` is readable for `n` bytes, and `n < 32`.
#[inline(always)]
pub(crate) unsafe fn partial32(ptr: *const u8, n: usize) -> [u128; 2] {
    // SAFETY: the second word ends at ptr + n.
    unsafe {
        if n < 16 {
            [partial16(ptr, n), 0]
        } else {
            let last = ptr.add(n - 16).cast::<u128>().read_unaligned();
            let high = if n == 16 { 0 } else { last >> (8 * (32 - n)) };
            [ptr.cast::<u128>().read_unaligned(), high]
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

/// Makes `batch(form, code)` for the operations `$ops`: a function for each pair that means
/// something, compiled with the given attributes.
macro_rules! entries {
    ($ops:ty, $attributes:tt) => {
        /// The kernel of a form over a code on this instruction set, which must be there.
        pub(crate) fn batch(form: crate::Form, code: crate::Code) -> Option<crate::BatchFn> {
            use crate::generic::bits::{self, Bit};
            use crate::generic::bytes::{self, Byte};
            use crate::generic::entry;
            use crate::generic::floats::{self, Float};
            use crate::{Code, Form};
            Some(match (form, code) {
                (Form::SqL2, Code::F32) => {
                    entry!($attributes Float<$ops, floats::SqL2, floats::F32>)
                }
                (Form::SqL2, Code::F16) => {
                    entry!($attributes Float<$ops, floats::SqL2, floats::F16>)
                }
                (Form::SqL2, Code::Bf16) => {
                    entry!($attributes Float<$ops, floats::SqL2, floats::Bf16>)
                }
                (Form::SqL2, Code::I8) => entry!($attributes Byte<$ops, bytes::SqL2, bytes::I8>),
                (Form::SqL2, Code::U8) => entry!($attributes Byte<$ops, bytes::SqL2, bytes::U8>),
                (Form::Dot, Code::F32) => entry!($attributes Float<$ops, floats::Dot, floats::F32>),
                (Form::Dot, Code::F16) => entry!($attributes Float<$ops, floats::Dot, floats::F16>),
                (Form::Dot, Code::Bf16) => {
                    entry!($attributes Float<$ops, floats::Dot, floats::Bf16>)
                }
                (Form::Dot, Code::I8) => entry!($attributes Byte<$ops, bytes::Dot, bytes::I8>),
                (Form::Dot, Code::U8) => entry!($attributes Byte<$ops, bytes::Dot, bytes::U8>),
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
