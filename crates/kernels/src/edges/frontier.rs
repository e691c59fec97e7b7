//! The candidates of a walk: those to go to next in order, the others as they came.
//!
//! A hop brings up to 2M candidates and takes one, so to put each in its place costs more than the estimates do. Here
//! the sixteen nearest are kept in order, in registers where they fit. What is farther, or pushed out by a nearer one,
//! goes to the rest, in no order, which is looked through when the sixteen are used up. Where that grows to many, a
//! horizon is drawn so that few lie before it, and those beyond are only looked at again when these are used up too.

use super::ops::Edges;
use super::{Functions, LANES, functions};

/// The nearest candidates that are kept in order.
pub(crate) const NEAREST: usize = 16;

/// Adds candidates: those of 32 whose bit is set in `which`, whose estimate is below `bound`, and whose bit in `seen` is
/// there and clear.
///
/// # Safety
///
/// `estimates` and `ids` are readable for 32 values, no estimate is NaN, and there is room for 48 more in `rest` and in
/// `beyond`.
pub(crate) type AddFn =
    unsafe fn(frontier: &mut Frontier, estimates: *const f32, ids: *const u32, which: u32, bound: f32, seen: &[u64]);

/// Takes the first of the nearest away.
///
/// # Safety
///
/// The instruction set is there.
pub(crate) type ShiftFn = unsafe fn(nearest: &mut Nearest);

/// Up to sixteen candidates in order of their estimates; +∞ where there is none.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(crate) struct Nearest {
    pub estimates: [f32; NEAREST],
    pub ids: [u32; NEAREST],
}

const NONE: Nearest = Nearest { estimates: [f32::INFINITY; NEAREST], ids: [0; NEAREST] };

/// More of the rest than this draw a horizon, before which about so many of them lie.
const MANY: usize = 512;
const BEFORE: usize = 256;
/// Estimates by which it is drawn.
const SAMPLE: usize = 64;

/// Candidates in no order. What lies beyond `used` is room.
#[derive(Debug, Default)]
pub(crate) struct Rest {
    pub estimates: Vec<f32>,
    pub ids: Vec<u32>,
    pub used: usize,
}

impl Rest {
    /// Makes room for those that come at a time, and the register that writes them.
    #[inline]
    fn reserve(&mut self) {
        let room = self.used + LANES + NEAREST;
        if room > self.ids.len() {
            self.estimates.resize(2 * room, 0.0);
            self.ids.resize(2 * room, 0);
        }
    }

    /// An estimate that [`BEFORE`] of them are below, more or less; infinity if there are few.
    fn horizon(&self) -> f32 {
        if self.used <= MANY {
            return f32::INFINITY;
        }
        let mut sample: [f32; SAMPLE] = core::array::from_fn(|i| self.estimates[i * self.used / SAMPLE]);
        *sample.select_nth_unstable_by(SAMPLE * BEFORE / self.used, f32::total_cmp).1
    }
}

/// Candidates with their estimates.
pub struct Frontier {
    pub(super) nearest: Nearest,
    /// No estimate of `nearest` is above it, none of `rest` below.
    pub(super) limit: f32,
    pub(super) rest: Rest,
    /// None of those in `beyond` is below it, and all of `nearest` are.
    pub(super) horizon: f32,
    pub(super) beyond: Rest,
    add: AddFn,
    shift: ShiftFn,
}

impl Default for Frontier {
    fn default() -> Self {
        Frontier::on(functions())
    }
}

impl std::fmt::Debug for Frontier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Frontier").field("nearest", &self.nearest).field("rest", &self.rest.used).finish()
    }
}

impl Frontier {
    pub(super) fn on(functions: &Functions) -> Self {
        let Functions { add, shift, .. } = *functions;
        let (rest, beyond) = Default::default();
        Frontier { nearest: NONE, limit: f32::INFINITY, rest, horizon: f32::INFINITY, beyond, add, shift }
    }

    /// Forgets all candidates.
    pub fn clear(&mut self) {
        self.nearest = NONE;
        self.limit = f32::INFINITY;
        self.rest.used = 0;
        self.horizon = f32::INFINITY;
        self.beyond.used = 0;
    }

    /// Adds the first `count` of 32 candidates, as far as their estimates are below `bound` and their ids are not in
    /// `seen`, a bit for each id; ids beyond its end are left out.
    #[inline]
    pub fn add(&mut self, estimates: &[f32; LANES], ids: &[u32; LANES], count: usize, bound: f32, seen: &[u64]) {
        self.rest.reserve();
        self.beyond.reserve();
        let which = u32::MAX.checked_shr((LANES - count.min(LANES)) as u32).unwrap_or(0);
        // SAFETY: there are 32 of each, and there is room.
        unsafe { (self.add)(self, estimates.as_ptr(), ids.as_ptr(), which, bound, seen) }
    }

    /// The candidate that [`Frontier::pop`] would take next if nothing nearer came, where that is known.
    #[inline(always)]
    pub fn peek(&self) -> Option<u32> {
        (self.nearest.estimates[0] < f32::INFINITY).then(|| self.nearest.ids[0])
    }

    /// Takes the nearest candidate, if its estimate is below `bound`. It may have been seen since it was added. Bounds
    /// only shrink until [`Frontier::clear`].
    #[inline(always)]
    pub fn pop(&mut self, bound: f32, seen: &[u64]) -> Option<u32> {
        if self.is_empty() {
            self.refill(bound, seen);
        }
        if self.nearest.estimates[0] >= bound {
            return None;
        }
        let id = self.nearest.ids[0];
        // SAFETY: the functions are of an instruction set that is there.
        unsafe { (self.shift)(&mut self.nearest) };
        Some(id)
    }

    /// Puts the nearest of the rest in order.
    #[cold]
    fn refill(&mut self, bound: f32, seen: &[u64]) {
        self.sift(bound, seen, self.rest.horizon().min(self.horizon));
        if self.is_empty() && self.beyond.used > 0 {
            std::mem::swap(&mut self.rest, &mut self.beyond);
            self.sift(bound, seen, self.rest.horizon());
        }
        // So many may be equally far that none is before the horizon.
        if self.is_empty() && self.beyond.used > 0 {
            std::mem::swap(&mut self.rest, &mut self.beyond);
            self.sift(bound, seen, f32::INFINITY);
        }
    }

    fn is_empty(&self) -> bool {
        self.nearest.estimates[0] == f32::INFINITY
    }

    /// Adds those of the rest anew, and so drops what is no candidate any more.
    fn sift(&mut self, bound: f32, seen: &[u64], horizon: f32) {
        let count = std::mem::take(&mut self.rest.used);
        self.limit = f32::INFINITY;
        self.horizon = horizon;
        let (mut estimates, mut ids) = ([0.0; LANES], [0; LANES]);
        // What comes back to the rest takes fewer places than were read.
        for at in (0..count).step_by(LANES) {
            let here = LANES.min(count - at);
            estimates[..here].copy_from_slice(&self.rest.estimates[at..at + here]);
            ids[..here].copy_from_slice(&self.rest.ids[at..at + here]);
            self.add(&estimates, &ids, here, bound, seen);
        }
    }
}

/// An [`AddFn`] over the operations `T`.
///
/// # Safety
///
/// As `AddFn`; and the instruction set is there.
#[inline(always)]
pub(crate) unsafe fn add_with<T: Edges>(
    frontier: &mut Frontier,
    estimates: *const f32,
    ids: *const u32,
    which: u32,
    bound: f32,
    seen: &[u64],
) {
    let Frontier { nearest, limit, rest, horizon, beyond, .. } = frontier;
    let mut sorted = *nearest;
    let last = |sorted: &Nearest| sorted.estimates[NEAREST - 1];
    // SAFETY: 32 of each are readable; each is written to the rest at most once, and there is room for them and the
    // register that writes them.
    unsafe {
        let candidates = below::<T>(estimates, bound) & which;
        let before = below::<T>(estimates, *horizon) & candidates;
        let mut near = below::<T>(estimates, limit.min(last(&sorted))) & before;
        let (rest_estimates, rest_ids) = (rest.estimates.as_mut_ptr(), rest.ids.as_mut_ptr());
        let mut used = rest.used;
        used += T::append(rest_estimates.add(used), rest_ids.add(used), estimates, ids, before & !near);
        if before != candidates {
            let (far_estimates, far_ids) = (beyond.estimates.as_mut_ptr(), beyond.ids.as_mut_ptr());
            let far = candidates & !before;
            let at = beyond.used;
            beyond.used += T::append(far_estimates.add(at), far_ids.add(at), estimates, ids, far);
        }
        // Most of what is near was seen before when a walk has gone on for long. All are asked first, so that the loop
        // below, of which each turn waits for the one before, has only new ones.
        let mut new = 0;
        while near != 0 {
            let lane = near.trailing_zeros() as usize;
            near &= near - 1;
            let id = *ids.add(lane);
            let word = seen.get(id as usize / 64).copied().unwrap_or(u64::MAX);
            new |= ((!word >> (id % 64) & 1) as u32) << lane;
        }
        while new != 0 {
            let lane = new.trailing_zeros() as usize;
            new &= new - 1;
            let (out, out_id) = T::insert(&mut sorted, *estimates.add(lane), *ids.add(lane));
            *rest_estimates.add(used) = out;
            *rest_ids.add(used) = out_id;
            used += usize::from(out < f32::INFINITY);
        }
        rest.used = used;
    }
    *limit = limit.min(last(&sorted));
    *nearest = sorted;
}

/// A bit for each of 32 estimates that is below `bound`. No closure: it would not be compiled for the instruction set, and
/// each of its instructions would be a call.
///
/// # Safety
///
/// There are 32; and the instruction set is there.
#[inline(always)]
unsafe fn below<T: Edges>(estimates: *const f32, bound: f32) -> u32 {
    let mut bits = 0;
    // SAFETY: the caller's promise.
    unsafe {
        let bound = T::splat(bound);
        for at in (0..LANES).step_by(T::LANES) {
            bits |= T::less(T::f32(estimates.add(at).cast()), bound) << at;
        }
    }
    bits
}

/// A [`ShiftFn`] over the operations `T`.
///
/// # Safety
///
/// As `ShiftFn`; and the instruction set is there.
#[inline(always)]
pub(crate) unsafe fn shift_with<T: Edges>(nearest: &mut Nearest) {
    // SAFETY: the caller's promise.
    unsafe { T::shift(nearest) }
}

/// Puts a candidate in its place, behind equals; returns the last of the then seventeen.
#[inline(always)]
pub(crate) fn insert(nearest: &mut Nearest, estimate: f32, id: u32) -> (f32, u32) {
    let old = *nearest;
    let farther = |i: usize| old.estimates[i] > estimate;
    // Each place from its own old values and those before it: no loop from place to place, so that it vectorises.
    for i in (1..NEAREST).rev() {
        nearest.estimates[i] = if !farther(i) { old.estimates[i] } else { estimate.max(old.estimates[i - 1]) };
        nearest.ids[i] = match (farther(i), farther(i - 1)) {
            (false, _) => old.ids[i],
            (true, false) => id,
            (true, true) => old.ids[i - 1],
        };
    }
    if farther(0) {
        (nearest.estimates[0], nearest.ids[0]) = (estimate, id);
    }
    if farther(NEAREST - 1) { (old.estimates[NEAREST - 1], old.ids[NEAREST - 1]) } else { (estimate, id) }
}

/// Takes the first away.
#[inline(always)]
pub(crate) fn shift(nearest: &mut Nearest) {
    nearest.estimates.copy_within(1.., 0);
    nearest.ids.copy_within(1.., 0);
    nearest.estimates[NEAREST - 1] = f32::INFINITY;
}

/// Writes the values and ids of 32 whose bit is set, one after another; says how many.
///
/// # Safety
///
/// There are 32 of each, and room for as many.
#[inline(always)]
pub(crate) unsafe fn append(
    to_values: *mut f32,
    to_ids: *mut u32,
    values: *const f32,
    ids: *const u32,
    mut which: u32,
) -> usize {
    let mut count = 0;
    while which != 0 {
        let lane = which.trailing_zeros() as usize;
        which &= which - 1;
        // SAFETY: the caller's promise.
        unsafe {
            *to_values.add(count) = *values.add(lane);
            *to_ids.add(count) = *ids.add(lane);
        }
        count += 1;
    }
    count
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::available;
    use crate::edges::functions_for;

    proptest! {
        /// Against a plain list: what is popped is the nearest that is left, whatever came in which order.
        #[test]
        fn the_nearest_is_popped(hops in prop::collection::vec((prop::collection::vec((0i8..100, 0u32..300), 0..=32), 0usize..6, 20i8..120), 1..120)) {
            for &isa in available() {
                let mut frontier = Frontier::on(functions_for(isa).unwrap());
                frontier.clear();
                let mut seen = [0u64; 4];
                let mut left: Vec<(i8, u32)> = Vec::new();
                let mut least_bound = f32::INFINITY;
                for (candidates, pops, bound) in &hops {
                    let bound = least_bound.min(f32::from(*bound));
                    least_bound = bound;
                    let (mut estimates, mut ids) = ([0.0; LANES], [0; LANES]);
                    for (i, &(estimate, id)) in candidates.iter().enumerate() {
                        (estimates[i], ids[i]) = (f32::from(estimate), id);
                    }
                    frontier.add(&estimates, &ids, candidates.len(), bound, &seen);
                    left.extend(candidates.iter().filter(|&&(estimate, id)| {
                        f32::from(estimate) < bound && id < 256 && seen[id as usize / 64] >> (id % 64) & 1 == 0
                    }));
                    for _ in 0..*pops {
                        // What was seen since may or may not have been dropped on the way.
                        let is_new = |id: u32, seen: &[u64; 4]| seen[id as usize / 64] >> (id % 64) & 1 == 0;
                        let popped = std::iter::from_fn(|| frontier.pop(bound, &seen)).find(|&id| is_new(id, &seen));
                        left.retain(|&(_, id)| is_new(id, &seen));
                        let least = left.iter().map(|&(estimate, _)| estimate).min().filter(|&e| f32::from(e) < bound);
                        prop_assert_eq!(popped.is_some(), least.is_some(), "{:?}", isa);
                        let Some(id) = popped else { break };
                        prop_assert!(left.contains(&(least.unwrap(), id)), "{:?}: {} is not at {:?}", isa, id, least);
                        seen[id as usize / 64] |= 1 << (id % 64);
                    }
                }
            }
        }

        /// The same order, however many wait: those beyond the horizon too, and where no horizon parts them.
        #[test]
        fn all_come_in_order(values in 1u16..3000, count in 1usize..5000) {
            for &isa in available() {
                let mut frontier = Frontier::on(functions_for(isa).unwrap());
                let value = |id: usize| (id * 7919 % usize::from(values)) as f32;
                for first in (0..count).step_by(LANES) {
                    let estimates = core::array::from_fn(|lane| value(first + lane));
                    let ids = core::array::from_fn(|lane| (first + lane) as u32);
                    frontier.add(&estimates, &ids, count - first, f32::INFINITY, &[0; 80]);
                }
                let popped: Vec<_> = std::iter::from_fn(|| frontier.pop(f32::INFINITY, &[0; 80])).collect();
                prop_assert!(popped.is_sorted_by_key(|&id| value(id as usize)), "{:?}", isa);
                let unique: std::collections::HashSet<_> = popped.iter().collect();
                prop_assert_eq!((popped.len(), unique.len()), (count, count), "{:?}", isa);
            }
        }

        #[test]
        fn operations_are_the_plain_ones(values in prop::array::uniform32(-90i8..90), which: u32, more in prop::collection::vec(-90i8..90, 0..60)) {
            for &isa in available() {
                let functions = functions_for(isa).unwrap();
                let mut frontier = Frontier::on(functions);
                let mut plain = NONE;
                let all = values.iter().enumerate().filter(|(i, _)| which >> i & 1 == 1).map(|(_, &v)| v).chain(more.iter().copied());
                for (id, value) in all.enumerate() {
                    let (mut estimates, mut ids) = ([0.0; LANES], [0; LANES]);
                    (estimates[0], ids[0]) = (f32::from(value), id as u32);
                    frontier.add(&estimates, &ids, 1, f32::INFINITY, &[0; 2]);
                    insert(&mut plain, f32::from(value), id as u32);
                }
                prop_assert_eq!(frontier.nearest.estimates, plain.estimates, "{:?}", isa);
                // SAFETY: the set is there.
                unsafe { (functions.shift)(&mut frontier.nearest) };
                shift(&mut plain);
                prop_assert_eq!(frontier.nearest.estimates, plain.estimates, "{:?}", isa);
            }
        }
    }
}
