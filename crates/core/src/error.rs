//! Everything that can go wrong in the engine. The bindings map each variant to one Python exception.

use std::path::PathBuf;

/// What went wrong, where, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A value that the engine refuses. Nothing was written.
    #[error("{0}")]
    Invalid(String),
    /// An id given to `add` is already in the index, or twice in the batch.
    #[error("{message}")]
    Duplicate {
        /// The sentence for a person.
        message: String,
        /// The first bad row of the batch.
        row: usize,
        /// Its id.
        id: i64,
    },
    /// An id that is not in the index.
    #[error("id {id} is not in the index; `id in index` tells, `index.ids()` lists those that are")]
    NotFound {
        /// The missing id.
        id: i64,
    },
    /// An id of a filter that is not in the index.
    #[error("filter: id {id} is not in the index; missing=\"ignore\" leaves such ids out")]
    UnknownInFilter {
        /// The first missing id.
        id: i64,
    },
    /// Ids to be removed that are not in the index. Nothing was removed.
    #[error("{} not in the index; missing=\"ignore\" passes over such ids", listed(ids))]
    Missing {
        /// The missing ids, in the order in which they were given.
        ids: Vec<i64>,
    },
    /// A file whose bytes contradict their checksums or each other.
    #[error("{}: damaged at {block}: {message}. Restore the file from a copy, or build it anew", path.display())]
    Corruption {
        /// The damaged file.
        path: PathBuf,
        /// The damaged part: a section's name and a block number.
        block: String,
        /// What contradicts what.
        message: String,
    },
    /// A file that another program, or a newer version of this one, wrote.
    #[error("{}: {message}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What was found, and what is read by this version.
        message: String,
    },
    /// The operating system refused a file operation.
    #[error("{}: {action}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was being done to it.
        action: &'static str,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The index was opened as a read-only map.
    #[error("this index is a read-only memory map; open it with mmap=False to change it")]
    ReadOnly,
    /// The caller asked to stop. Nothing was written.
    #[error("stopped before the end; the index is as it was before the call")]
    Cancelled,
    /// No slot is left.
    #[error("an index holds at most {max} vectors; split the data over several indexes")]
    Full {
        /// The largest number of vectors.
        max: u64,
    },
    /// Memory could not be had.
    #[error("out of memory: {0}; nothing was written")]
    OutOfMemory(String),
}

/// The first few of some ids, as the subject of a sentence.
fn listed(ids: &[i64]) -> String {
    let first: Vec<String> = ids.iter().take(5).map(i64::to_string).collect();
    match (ids.len(), ids.len() - first.len()) {
        (1, _) => format!("id {} is", first[0]),
        (_, 0) => format!("ids {} are", first.join(", ")),
        (_, others) => format!("ids {} and {others} more are", first.join(", ")),
    }
}

impl Error {
    /// An [`Error::Invalid`] from anything printable.
    pub fn invalid(message: impl Into<String>) -> Self {
        Error::Invalid(message.into())
    }
}

/// Shorthand for the engine's results.
pub type Result<T, E = Error> = std::result::Result<T, E>;
