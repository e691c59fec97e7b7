//! How far a build is, in rows: each step of it counts for a share of them.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::run::Run;

/// Counts steps as rows.
pub struct Progress<'a> {
    run: &'a Run,
    rows: u64,
    reported: AtomicU64,
}

impl<'a> Progress<'a> {
    /// Of a batch of `rows`.
    pub fn new(run: &'a Run, rows: u64) -> Self {
        Progress { run, rows, reported: AtomicU64::new(0) }
    }

    /// A step that is `percent` of the build, and has so many items.
    pub fn step(&self, percent: u64, items: usize) -> Step<'_> {
        Step { progress: self, rows: self.rows * percent / 100, items: items as u64, done: AtomicU64::new(0) }
    }

    /// Reports all rows that were not yet.
    pub fn finish(self) {
        self.run.advance(self.rows - self.reported.into_inner());
    }
}

/// One step of a build.
pub struct Step<'a> {
    progress: &'a Progress<'a>,
    rows: u64,
    items: u64,
    done: AtomicU64,
}

impl Step<'_> {
    /// One more item is done.
    pub fn advance(&self) {
        let done = self.done.fetch_add(1, Relaxed);
        let rows = |items: u64| self.rows * items / self.items;
        let new = rows(done + 1) - rows(done);
        self.progress.reported.fetch_add(new, Relaxed);
        self.progress.run.advance(new);
    }
}
