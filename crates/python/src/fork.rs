//! What `fork` leaves behind of an index that another thread was changing.

use std::process;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::SeqCst};

use pyo3::prelude::*;

use crate::errors::ForkedError;

/// Knows whether this process was forked while an add ran. The thread that ran it does not exist in
/// the child, so its locks would never open, and what it was writing stays half-written.
#[derive(Default)]
pub struct Writers {
    running: AtomicUsize,
    process: AtomicU32,
}

/// One running add.
pub struct Writing<'a>(&'a Writers);

impl Writers {
    /// Refuses an index that the fork spoiled. While nobody adds, this is one load.
    pub fn check(&self) -> PyResult<()> {
        if self.running.load(SeqCst) == 0 || self.process.load(SeqCst) == process::id() {
            return Ok(());
        }
        Err(ForkedError::new_err(
            "this process was forked while another thread was adding to the index, whose copy here is \
             half-written; open a saved file instead, or fork while nobody adds",
        ))
    }

    /// Marks an add as running until the mark is dropped.
    pub fn enter(&self) -> PyResult<Writing<'_>> {
        self.check()?;
        self.process.store(process::id(), SeqCst);
        self.running.fetch_add(1, SeqCst);
        Ok(Writing(self))
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, SeqCst);
    }
}
