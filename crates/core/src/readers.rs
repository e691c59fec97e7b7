//! When a slot that nothing leads to any more can be used again: once all who may have come to it before have left.
//!
//! Readers enter and leave and never wait. A writer that unlinks something notes the [`Readers::epoch`]; everyone who
//! entered before it did so in that epoch or an earlier one. An epoch begins only when nobody is left of the one before
//! the present, so two epochs later nobody is left who could have seen it (K. Fraser, *Practical lock-freedom*, 2004).
//! Writers don't wait either: they look whether it is that late yet.

use crate::sync::{AtomicU64, Ordering::SeqCst, spin_loop};

/// Who is reading.
#[derive(Default)]
pub struct Readers {
    epoch: AtomicU64,
    /// Readers of the even and the odd epoch.
    inside: [AtomicU64; 2],
}

/// One reader, until dropped.
pub struct Reading<'a>(&'a AtomicU64);

impl Readers {
    /// Keeps what can be come to from now on in place until the guard is dropped.
    pub fn enter(&self) -> Reading<'_> {
        loop {
            let epoch = self.epoch.load(SeqCst);
            let reading = self.inside(epoch);
            reading.fetch_add(1, SeqCst);
            if self.epoch.load(SeqCst) == epoch {
                return Reading(reading);
            }
            // The epoch ended before it could know of us.
            reading.fetch_sub(1, SeqCst);
            spin_loop();
        }
    }

    /// The present epoch, for [`Readers::gone`].
    pub fn epoch(&self) -> u64 {
        self.epoch.load(SeqCst)
    }

    /// Whether all have left who entered in an epoch or before it. Only one thread asks at a time.
    pub fn gone(&self, since: u64) -> bool {
        while self.epoch() < since + 2 {
            let epoch = self.epoch();
            if self.inside(epoch + 1).load(SeqCst) != 0 {
                return false;
            }
            self.epoch.store(epoch + 1, SeqCst);
        }
        true
    }

    fn inside(&self, epoch: u64) -> &AtomicU64 {
        &self.inside[(epoch % 2) as usize]
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}
