//! Snapshots: an index as one file. The bytes are described in `docs/format.md`.
//!
//! Nothing of a file is believed before it was checked: a length against the file's, a block against its sum, a row
//! against the graph it belongs to. What does not hold is [`Error::Corruption`] with the block's name.

mod format;
mod read;
mod structure;
mod write;

use std::path::Path;

use crate::error::{Error, Result};
use crate::index::Index;

impl Index {
    /// Writes the index to a file, all of it or nothing: a file that is already there stays as it is until the new one
    /// is whole and on the disk. Searches go on meanwhile, adds wait.
    pub fn save(&self, path: &Path) -> Result<()> {
        check_endian()?;
        write::save(self, path)
    }

    /// Reads an index from a file that [`Index::save`] wrote, and checks every byte of it.
    pub fn open(path: &Path, mmap: bool) -> Result<Index> {
        check_endian()?;
        read::open(path)
    }
}

/// Rows lie in the file as they lie in the memory of a little-endian machine.
fn check_endian() -> Result<()> {
    if cfg!(target_endian = "big") {
        return Err(Error::invalid("snapshots are little-endian and can't be used on this big-endian machine"));
    }
    Ok(())
}

/// Words an I/O error.
fn io<'a>(path: &'a Path, action: &'static str) -> impl Fn(std::io::Error) -> Error + 'a {
    move |source| Error::Io { path: path.to_owned(), action, source }
}
