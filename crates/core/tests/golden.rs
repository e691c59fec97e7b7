//! Snapshots of every released format open, and say what they said when they were made.

mod support;

use std::fs;

use support::golden::{describe, folder, golden_cases};
use vicinal_core::Index;

#[test]
fn every_golden_file_opens_and_answers_as_ever() {
    let mut found = 0;
    for format in fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
        for (name, _) in golden_cases() {
            let path = format.join(&name).with_extension("vicinal");
            let expected = fs::read_to_string(path.with_extension("txt")).unwrap();
            for mmap in [false, true] {
                let index = Index::open(&path, mmap).unwrap_or_else(|e| panic!("{e}"));
                assert_eq!(describe(&index), expected, "{}, mmap {mmap}", path.display());
            }
            found += 1;
        }
    }
    assert!(found >= golden_cases().len());
}

#[test]
fn a_golden_file_of_the_present_format_is_saved_as_it_was() {
    let scratch = tempfile::tempdir().unwrap();
    let again = scratch.path().join("again.vicinal");
    for (name, _) in golden_cases() {
        let golden = folder().join("1").join(&name).with_extension("vicinal");
        Index::open(&golden, false).unwrap().save(&again).unwrap();
        assert!(fs::read(&golden).unwrap() == fs::read(&again).unwrap(), "{name}");
    }
}
