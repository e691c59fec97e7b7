//! What `fork` leaves behind of an index that another thread was changing.

use std::process;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::SeqCst};

use pyo3::prelude::*;

use crate::errors::ForkedError;
use crate::wait::Cost;

/// Knows whether this process was forked while a call held the writers' lock. The thread that held
/// it does not exist in the child: the lock would never open, and what an add was writing stays
/// half-written.
#[derive(Default)]
pub struct Writers {
    running: AtomicUsize,
    process: AtomicU32,
}

/// One running call that locks writers out.
pub struct Writing<'a> {
    writers: &'a Writers,
    waits: bool,
}

impl Writing<'_> {
    /// What the call costs, which may have to wait for others.
    pub fn cost(&self, alone: Cost) -> Cost {
        if self.waits { Cost::unknown() } else { alone }
    }
}

impl Writers {
    /// Refuses an index that the fork spoiled. While nobody holds the lock, this is one load.
    pub fn check(&self) -> PyResult<()> {
        if self.running.load(SeqCst) == 0 || self.process.load(SeqCst) == process::id() {
            return Ok(());
        }
        Err(ForkedError::new_err(
            "this process was forked while another thread was adding to the index or saving it, so that \
             the copy here is locked for good; open a saved file instead, or fork while no such call runs",
        ))
    }

    /// Marks a call as running until the mark is dropped.
    pub fn enter(&self) -> PyResult<Writing<'_>> {
        self.check()?;
        self.process.store(process::id(), SeqCst);
        Ok(Writing { waits: self.running.fetch_add(1, SeqCst) > 0, writers: self })
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        self.writers.running.fetch_sub(1, SeqCst);
    }
}
