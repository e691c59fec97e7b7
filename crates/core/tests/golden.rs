//! Snapshots of every released format open, and say what they said when they were made.

mod support;

use std::fs;

use support::golden::{describe, golden_cases, places};
use vicinal_core::Index;

#[test]
fn every_golden_file_opens_and_answers_as_ever() {
    for path in golden_cases().iter().flat_map(|(name, case)| places(name, case)) {
        let expected = fs::read_to_string(path.with_extension("txt")).unwrap();
        for mmap in [false, true] {
            let index = Index::open(&path, mmap).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(describe(&index), expected, "{}, mmap {mmap}", path.display());
        }
    }
}

#[test]
fn a_golden_file_is_saved_as_it_was() {
    let scratch = tempfile::tempdir().unwrap();
    let again = scratch.path().join("again.vicinal");
    for golden in golden_cases().iter().flat_map(|(name, case)| places(name, case)) {
        Index::open(&golden, false).unwrap().save(&again).unwrap();
        assert!(fs::read(&golden).unwrap() == fs::read(&again).unwrap(), "{}", golden.display());
    }
}
