//! Snapshots: an index as one file. The bytes are described in `docs/format.md`.
//!
//! Nothing of a file is believed before it was checked: a length against the file's, a block against its sum, a row
//! against the graph it belongs to. What does not hold is [`Error::Corruption`] with the block's name.

mod format;
mod map;
mod read;
mod states;
mod structure;
mod write;

use std::path::Path;

use crate::error::{Error, Result};
use crate::index::Index;
use crate::run::Run;

impl Index {
    /// Writes the index to a file, all of it or nothing: a file that is already there stays as it is until the new one
    /// is whole and on the disk. Searches go on meanwhile, adds wait.
    pub fn save(&self, path: &Path) -> Result<()> {
        self.save_watched(path, &Run::new(0))
    }

    /// As [`Index::save`], unless it is cancelled.
    pub fn save_watched(&self, path: &Path, run: &Run) -> Result<()> {
        check_endian()?;
        write::save(self, path, run)
    }

    /// Opens a file that [`Index::save`] wrote: reads all of it and checks every byte, or, with `mmap`, maps it.
    ///
    /// A mapped index can't be added to. Opening it reads next to nothing; a block is checked when it is first touched,
    /// and processes share the memory. Damage turns up as [`Error::Corruption`] of the search that comes to it, and of
    /// every one after that. The file may be replaced meanwhile (as [`Index::save`] does, by rename) but not written to
    /// in place or cut short: no program can notice that in time.
    pub fn open(path: &Path, mmap: bool) -> Result<Index> {
        Index::open_watched(path, mmap, &Run::new(0))
    }

    /// As [`Index::open`], unless it is cancelled.
    pub fn open_watched(path: &Path, mmap: bool, run: &Run) -> Result<Index> {
        check_endian()?;
        if mmap { map::open(path, run) } else { read::open(path, run) }
    }

    /// Opens a damaged file, and mends what can be made anew: links, their codes, chains of equal vectors, the levels, the
    /// entry point, and norms. Says what was mended, in words. What only the file knows, vectors and ids and which of
    /// them were removed, must be whole: damage there is [`Error::Corruption`] as ever. The file stays as it is.
    pub fn salvage(path: &Path, run: &Run) -> Result<(Index, Vec<String>)> {
        check_endian()?;
        read::salvage(path, run)
    }

    /// What opening a snapshot checks of all of it when it is read, caught up for one that was mapped.
    pub(crate) fn check_snapshot(&self, run: &Run) -> Result<()> {
        let Some(file) = self.mapped() else { return Ok(()) };
        file.check_all(run)?;
        if let Some((by_slot, order)) = self.ids.arenas() {
            let ids = structure::StoredIds { by_slot, order, next: self.ids.next() };
            structure::check_ids(file.path(), file.layout(), &ids, &self.live, self.end(), run)?;
        }
        let free = self.spare.lock().bits();
        let Index { graph, vectors, live, .. } = self;
        let (path, layout, slots) = (file.path(), file.layout(), self.end());
        structure::check(&structure::Snapshot { path, layout, graph, vectors, live, slots, run }, &free)
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
