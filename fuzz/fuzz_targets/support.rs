//! What both targets do with a file.

#[path = "../../crates/core/tests/support/mod.rs"]
mod tests;

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

pub use tests::file::Snapshot;
use tests::{Case, answers_are_true, one_thread};
use vicinal_core::{Error, Index, Params};

/// The golden files of all formats.
pub static GOLDEN: LazyLock<Vec<Snapshot>> = LazyLock::new(|| {
    let folders = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden")).unwrap();
    let paths = folders.flat_map(|folder| fs::read_dir(folder.unwrap().path()).unwrap()).map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|e| e == "vicinal")).collect();
    paths.sort();
    paths.iter().map(|path| Snapshot { bytes: fs::read(path).unwrap() }).collect()
});

/// Opens a file in both ways and asks it everything. It may be refused; what it answers must be true.
pub fn open(bytes: &[u8]) {
    static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(tests::folder);
    let path = FOLDER.path().join("fuzzed.vicinal");
    fs::write(&path, bytes).unwrap();
    for mmap in [true, false] {
        match Index::open(&path, mmap).and_then(|index| ask(&index, mmap)) {
            Ok(()) | Err(Error::Corruption { .. } | Error::Format { .. }) => {}
            Err(error) => panic!("mmap {mmap}: {error:?}"),
        }
    }
}

fn ask(index: &Index, mmap: bool) -> Result<(), Error> {
    let Params { dim, metric, dtype, layout, store, .. } = *index.params();
    let case = Case { metric, dtype, layout, store, dim, rows: 30, seed: 7, ids: false };
    answers_are_true(index, &case)?;
    let report = index.verify(&one_thread())?;
    assert!(report.ok(), "{report:?}");
    if !mmap {
        // An index that was believed is as good as any other.
        let rows = tests::rows(&case);
        let first = index.ids()?.into_iter().max().unwrap_or(-1);
        if let Some(ids) = (1..=30).map(|i| first.checked_add(i)).collect::<Option<Vec<i64>>>() {
            index.add(tests::matrix(&rows, 30), Some(&ids), &one_thread()).unwrap();
            assert!(index.verify(&one_thread())?.ok());
        }
    }
    Ok(())
}
