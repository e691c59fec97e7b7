//! The test whether a slot may be answered. A walk goes through every node either way; the test decides what it takes
//! along.

use crate::live::Live;

/// Says which slots may be answered. Walks are compiled for each kind, so that one without conditions costs nothing.
pub trait Admission: Copy + Sync {
    /// Whether all slots may be.
    const EVERYONE: bool;
    /// Whether a walk looks through nodes that may not be answered for what lies behind them.
    const TWO_HOP: bool;

    /// Whether this slot may be.
    fn admits(self, slot: u32) -> bool;

    /// Whether all may be but those that don't belong to the index: they are few, and the walk is the same.
    #[inline(always)]
    fn is_open(self) -> bool {
        Self::EVERYONE
    }
}

/// All slots.
#[derive(Clone, Copy, Debug)]
pub struct Everyone;

impl Admission for Everyone {
    const EVERYONE: bool = true;
    const TWO_HOP: bool = false;

    #[inline(always)]
    fn admits(self, _: u32) -> bool {
        true
    }
}

/// Slots that belong to the index, and that the filter allows if there is one.
#[derive(Clone, Copy)]
pub struct Admitted<'a> {
    /// Those that belong to the index; others are of an add under way, or were removed.
    pub live: &'a Live,
    /// A bit for each slot that is allowed; none for those beyond its end.
    pub allowed: Option<&'a [u64]>,
}

impl Admission for Admitted<'_> {
    const EVERYONE: bool = false;
    const TWO_HOP: bool = false;

    #[inline(always)]
    fn admits(self, slot: u32) -> bool {
        let allowed = |words: &[u64]| words.get(slot as usize / 64).is_some_and(|word| word >> (slot % 64) & 1 == 1);
        self.allowed.is_none_or(allowed) && self.live.now(slot)
    }

    #[inline(always)]
    fn is_open(self) -> bool {
        self.allowed.is_none()
    }
}

/// As [`Admitted`], for a walk from match to match: what may not be answered is looked through, and not walked to.
#[derive(Clone, Copy)]
pub struct TwoHop<'a>(pub Admitted<'a>);

impl Admission for TwoHop<'_> {
    const EVERYONE: bool = false;
    const TWO_HOP: bool = true;

    #[inline(always)]
    fn admits(self, slot: u32) -> bool {
        self.0.admits(slot)
    }
}
