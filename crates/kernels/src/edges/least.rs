//! Which of many estimates are worth a look, and which is the least: what a walk asks between hops.

use super::ops::Edges;
use super::{LANES, functions};

/// The place of a least value; the first of equal ones.
///
/// # Safety
///
/// `values` is readable for `n` floats, none of them NaN; `n` is a multiple of 64, and not 0.
pub type LeastFn = unsafe fn(values: *const f32, n: usize) -> usize;

/// A bit for each of 32 values, from the lowest on: whether it is below a bound.
///
/// # Safety
///
/// `values` is readable for 32 floats.
pub type BelowFn = unsafe fn(values: *const f32, bound: f32) -> u32;

/// The place of a least value among those of 32 whose bit is set; any place if none is.
///
/// # Safety
///
/// `values` is readable for 32 floats, none of them NaN.
pub type LeastOfFn = unsafe fn(values: *const f32, of: u32) -> u32;

/// The least of some of 32, on this machine.
pub fn least_of() -> LeastOfFn {
    functions().least_of
}

/// The least of many, on this machine (see [`isa`](crate::isa)).
pub fn least() -> LeastFn {
    functions().least
}

/// Those below a bound, on this machine.
pub fn below() -> BelowFn {
    functions().below
}

/// A [`LeastFn`] over the operations `T`.
///
/// # Safety
///
/// As `LeastFn`; and the instruction set is there.
#[inline(always)]
pub(crate) unsafe fn least_with<T: Edges>(values: *const f32, n: usize) -> usize {
    // SAFETY: a register holds a part of 64 floats.
    unsafe {
        // Sixty-four at a time, four chains side by side.
        let quarter = |at: usize| {
            let mut least = T::f32(values.add(at).cast());
            for part in (T::LANES..16).step_by(T::LANES) {
                least = T::min(least, T::f32(values.add(at + part).cast()));
            }
            least
        };
        let mut least = [quarter(0), quarter(16), quarter(32), quarter(48)];
        for at in (64..n).step_by(64) {
            for (i, least) in least.iter_mut().enumerate() {
                *least = T::min(*least, quarter(at + 16 * i));
            }
        }
        let least = T::min(T::min(least[0], least[1]), T::min(least[2], least[3]));
        let least = T::splat(T::smallest(least));
        // Where the least is can't be foretold, so a branch should be rare.
        for at in (0..n).step_by(64) {
            let mut equal = 0;
            for part in (0..64).step_by(T::LANES) {
                equal |= u64::from(T::equal(T::f32(values.add(at + part).cast()), least)) << part;
            }
            if equal != 0 {
                return at + equal.trailing_zeros() as usize;
            }
        }
        0
    }
}

/// A [`LeastOfFn`] over the operations `T`.
///
/// # Safety
///
/// As `LeastOfFn`; and the instruction set is there.
#[inline(always)]
pub(crate) unsafe fn least_of_with<T: Edges>(values: *const f32, of: u32) -> u32 {
    // SAFETY: a register holds a part of 32 floats.
    unsafe {
        let part = |at: usize| T::only(T::f32(values.add(at).cast()), of >> at);
        let mut least = part(0);
        for at in (T::LANES..LANES).step_by(T::LANES) {
            least = T::min(least, part(at));
        }
        let least = T::splat(T::smallest(least));
        let mut equal = 0;
        for at in (0..LANES).step_by(T::LANES) {
            equal |= T::equal(part(at), least) << at;
        }
        equal.trailing_zeros()
    }
}

/// A [`BelowFn`] over the operations `T`.
///
/// # Safety
///
/// As `BelowFn`; and the instruction set is there.
#[inline(always)]
pub(crate) unsafe fn below_with<T: Edges>(values: *const f32, bound: f32) -> u32 {
    // SAFETY: a register holds a part of 32 floats.
    unsafe {
        let bound = T::splat(bound);
        let mut bits = 0;
        for at in (0..LANES).step_by(T::LANES) {
            bits |= T::less(T::f32(values.add(at).cast()), bound) << at;
        }
        bits
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::available;
    use crate::edges::functions_for;

    proptest! {
        #[test]
        fn the_first_of_the_least_is_found(parts in prop::collection::vec(prop::array::uniform32(-90i8..90), 1..20), bound in -90i8..90, of: u32) {
            let mut values: Vec<f32> = parts.concat().into_iter().map(f32::from).collect();
            values.resize(values.len().next_multiple_of(64), 90.0);
            let least = values.iter().copied().fold(f32::INFINITY, f32::min);
            let expected = values.iter().position(|&value| value == least);
            let below = (0..32).filter(|&i| values[i] < f32::from(bound)).fold(0u32, |bits, i| bits | 1 << i);
            for &isa in available() {
                let functions = functions_for(isa).unwrap();
                // SAFETY: the length is that of the values, and a multiple of 64.
                let found = unsafe { (functions.least)(values.as_ptr(), values.len()) };
                prop_assert_eq!(Some(found), expected, "{:?}", isa);
                // SAFETY: there are 32 values at least. So too below.
                let found = unsafe { (functions.least_of)(values.as_ptr(), of) };
                let first = (0..32).filter(|&i| of >> i & 1 == 1).min_by(|&a, &b| values[a].total_cmp(&values[b]));
                prop_assert!(first.is_none_or(|first| found as usize == first), "{:?}", isa);
                // SAFETY: as above.
                prop_assert_eq!(unsafe { (functions.below)(values.as_ptr(), bound.into()) }, below, "{:?}", isa);
            }
        }
    }
}
