//! One node's links on one layer: a row of words that readers copy without a lock and writers change under one.
//!
//! | word | holds |
//! | --- | --- |
//! | 0 | version: odd while a writer changes the row (a seqlock) |
//! | 1 | degree (low 16 bits), the slot's level (next 8), whether it hangs on a chain (next bit) |
//! | 2 | layer 0: the slot's first row among the upper rows |
//! | 3 | layer 0: the next slot of the chain of equal vectors, or [`NONE`] |
//! | 4… | `degree` neighbours; the top bit marks a protected edge. On a chain: the slot before |
//!
//! Only [`Row`] touches these words. All are atomics, so a racing read is a stale value at worst, and the version tells.

use crate::sync::{AtomicU32, Ordering, fence, spin_loop, yield_now};

/// No slot.
pub const NONE: u32 = u32::MAX;
/// Marks an edge that must not be pruned: it belongs to the spanning tree that keeps nodes reachable.
pub const PROTECTED: u32 = 1 << 31;
/// In the degree word: the slot is a twin, no node of the graph.
const TWIN: u32 = 1 << 24;
/// Bits of the degree word that mean nothing yet.
const UNKNOWN: u32 = !(0xffff | 0xff << 16 | TWIN);
/// Words before the neighbours.
pub const HEADER: usize = 4;

/// The slot of a link, without its mark.
#[inline(always)]
pub fn slot_of(link: u32) -> u32 {
    link & !PROTECTED
}

/// A row as readers see it.
#[derive(Clone, Copy)]
pub struct Row<'a>(&'a [AtomicU32]);

impl<'a> Row<'a> {
    /// The row in these words.
    pub fn new(words: &'a [AtomicU32]) -> Self {
        Row(words)
    }

    /// Most neighbours that fit.
    pub fn capacity(self) -> usize {
        self.0.len() - HEADER
    }

    /// The node's level (layer 0 rows).
    pub fn level(self) -> usize {
        (self.0[1].load(Ordering::Relaxed) >> 16) as usize & 0xff
    }

    /// Neighbours now.
    pub fn degree(self) -> usize {
        // A hostile file may claim any degree; the row's length is the truth.
        ((self.0[1].load(Ordering::Relaxed) & 0xffff) as usize).min(self.capacity())
    }

    /// First upper row of the node (layer 0 rows of nodes above level 0).
    pub fn upper(self) -> u32 {
        self.0[2].load(Ordering::Relaxed)
    }

    /// Next slot of the chain of equal vectors.
    pub fn twin(self) -> u32 {
        self.0[3].load(Ordering::Acquire)
    }

    /// The slot before this one on the chain of equal vectors. Only writers know it.
    pub fn previous(self) -> u32 {
        self.0[HEADER].load(Ordering::Relaxed)
    }

    /// Whether the slot hangs on the chain of an equal vector instead of being a node.
    pub fn is_twin(self) -> bool {
        self.0[1].load(Ordering::Relaxed) & TWIN != 0
    }

    /// Copies the row as snapshots hold it: whatever depends on the history of the row, not its state, is zero. Of the
    /// row of a `free` slot only the level and the place of its upper rows are left. Nobody writes the row meanwhile.
    pub fn copy_canonical(self, free: bool, out: &mut [u32]) {
        let used = HEADER + if free { 0 } else { self.degree() };
        for (i, (out, word)) in out.iter_mut().zip(self.0).enumerate() {
            *out = if (1..used).contains(&i) { word.load(Ordering::Relaxed) } else { 0 };
        }
        if free {
            (out[1], out[3]) = ((self.level() as u32) << 16, NONE);
        }
    }

    /// Makes nobody hold the lock of a row that came from a snapshot, whatever it says. Nobody else knows the row.
    pub fn unlock(self) {
        self.0[0].store(0, Ordering::Relaxed);
    }

    /// Checks a row that came from a snapshot of `slots` slots: nothing in it must keep a reader waiting or lead it
    /// outside.
    pub fn check_stored(self, slots: u32) -> Result<(), &'static str> {
        if self.0[0].load(Ordering::Relaxed) != 0 {
            return Err("its version is not zero");
        }
        self.check_words(slots)
    }

    /// What [`Row::check_stored`] checks of all but the version.
    pub fn check_words(self, slots: u32) -> Result<(), &'static str> {
        let word = |i: usize| self.0[i].load(Ordering::Relaxed);
        if word(1) & UNKNOWN != 0 || (word(1) & 0xffff) as usize > self.capacity() {
            return Err("its degree is more than a row holds");
        }
        if self.is_twin() && self.degree() > 0 {
            return Err("it is on a chain of equal vectors and has links of its own");
        }
        if word(3) != NONE && word(3) >= slots {
            return Err("its chain of equal vectors leads to a slot that does not exist");
        }
        // One flag for all links, so that the loop has no branch.
        let outside = self.0[HEADER..HEADER + self.degree()]
            .iter()
            .fold(false, |outside, link| outside | (slot_of(link.load(Ordering::Relaxed)) >= slots));
        if outside { Err("it links to a slot that does not exist") } else { Ok(()) }
    }

    /// Copies the links, marks included, to `out` as one consistent state; says how many.
    #[inline]
    pub fn read(self, out: &mut [u32]) -> usize {
        self.read_versioned(out).0
    }

    /// As [`Row::read`], with the version for [`Row::lock_if`].
    #[inline]
    pub fn read_versioned(self, out: &mut [u32]) -> (usize, u32) {
        let mut spins = 0u32;
        loop {
            let before = self.0[0].load(Ordering::Acquire);
            if before & 1 == 0 {
                let degree = self.degree();
                for (out, link) in out.iter_mut().zip(&self.0[HEADER..HEADER + degree]) {
                    *out = link.load(Ordering::Relaxed);
                }
                if self.is_at(before) {
                    return (degree, before);
                }
            }
            wait(&mut spins);
        }
    }

    /// Whether nobody has changed the row since it had this version. To be asked after what was read beside the links.
    #[inline(always)]
    pub fn is_at(self, version: u32) -> bool {
        fence(Ordering::Acquire);
        self.0[0].load(Ordering::Relaxed) == version
    }

    /// Takes the row's lock.
    pub fn lock(self) -> LockedRow<'a> {
        let mut spins = 0u32;
        loop {
            let version = self.0[0].load(Ordering::Relaxed);
            if version & 1 == 0
                && let Some(locked) = self.lock_if(version)
            {
                return locked;
            }
            wait(&mut spins);
        }
    }

    /// Takes the row's lock if nobody changed it since it had this (even) version. What to change can so be worked out
    /// without keeping readers waiting.
    pub fn lock_if(self, version: u32) -> Option<LockedRow<'a>> {
        self.0[0].compare_exchange(version, version | 1, Ordering::Acquire, Ordering::Relaxed).ok()?;
        // The odd version must be seen before any of the changes that follow it.
        fence(Ordering::Release);
        Some(LockedRow { row: self, version })
    }
}

/// Holders work for a microsecond or so: spin first, then let others run (the holder may have lost its core).
fn wait(spins: &mut u32) {
    *spins += 1;
    if *spins < 64 {
        spin_loop();
    } else {
        yield_now();
    }
}

/// A row whose lock is held; dropping it publishes the changes.
pub struct LockedRow<'a> {
    row: Row<'a>,
    version: u32,
}

impl LockedRow<'_> {
    /// All links, marks included.
    pub fn links(&self) -> impl Iterator<Item = u32> {
        self.row.0[HEADER..HEADER + self.row.degree()].iter().map(|link| link.load(Ordering::Relaxed))
    }

    /// Changes link `i`.
    pub fn set(&self, i: usize, link: u32) {
        self.row.0[HEADER + i].store(link, Ordering::Relaxed);
    }

    /// Adds a link, and says at which place; there is room.
    pub fn push(&self, link: u32) -> usize {
        let degree = self.row.degree();
        assert!(degree < self.row.capacity(), "push into a full row");
        self.set(degree, link);
        self.set_header(degree + 1, self.row.level());
        degree
    }

    /// Makes the row that of a new node without links.
    pub fn init(&self, level: usize, upper: u32) {
        self.row.0[2].store(upper, Ordering::Relaxed);
        self.row.0[3].store(NONE, Ordering::Relaxed);
        self.set_header(0, level);
    }

    /// Sets the level, and the first of the upper rows.
    pub fn put_place(&self, level: usize, upper: u32) {
        let rest = self.row.0[1].load(Ordering::Relaxed) & (0xffff | TWIN);
        self.row.0[1].store(rest | (level as u32) << 16, Ordering::Relaxed);
        self.row.0[2].store(upper, Ordering::Relaxed);
    }

    /// Replaces all links of a row.
    pub fn set_all(&self, links: &[u32]) {
        links.iter().enumerate().for_each(|(i, &link)| self.set(i, link));
        self.set_header(links.len(), self.row.level());
    }

    /// Sets the next slot of the chain of equal vectors.
    pub fn set_twin(&self, slot: u32) {
        self.row.0[3].store(slot, Ordering::Release);
    }

    /// Makes the slot a twin that comes after `previous` on the chain, and before `next`.
    pub fn make_twin(&self, previous: u32, next: u32) {
        self.row.0[1].store(TWIN | (self.row.level() as u32) << 16, Ordering::Relaxed);
        self.set_previous(previous);
        self.set_twin(next);
    }

    /// Sets the slot before this twin on the chain.
    pub fn set_previous(&self, slot: u32) {
        self.set(0, slot);
    }

    /// Takes away link `i`, in whose place the last one comes; says what the last place was.
    pub fn swap_remove(&self, i: usize) -> usize {
        let last = self.row.degree() - 1;
        self.set(i, self.row.0[HEADER + last].load(Ordering::Relaxed));
        self.set_header(last, self.row.level());
        last
    }

    /// Appends the words after the version, for the undo log.
    pub fn save(&self, words: &mut Vec<u32>) {
        words.extend(self.row.0[1..].iter().map(|word| word.load(Ordering::Relaxed)));
    }

    /// Puts back what [`LockedRow::save`] returned.
    pub fn restore(&self, words: &[u32]) {
        for (word, &value) in self.row.0[1..].iter().zip(words) {
            word.store(value, Ordering::Relaxed);
        }
    }

    fn set_header(&self, degree: usize, level: usize) {
        self.row.0[1].store(degree as u32 | (level as u32) << 16, Ordering::Relaxed);
    }
}

impl Drop for LockedRow<'_> {
    fn drop(&mut self) {
        self.row.0[0].store(self.version.wrapping_add(2), Ordering::Release);
    }
}
