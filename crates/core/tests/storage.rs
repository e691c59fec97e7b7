//! Snapshots: what is saved is what is opened.

mod support;

use std::fs;

use proptest::prelude::*;
use support::{Case, answers, build, cases, folder, matrix, one_thread};
use vicinal_core::{Error, Index, Metric};

fn case() -> impl Strategy<Value = Case> {
    let spaces = cases();
    (0..spaces.len(), 1usize..40, prop_oneof![0usize..3, 3usize..400], any::<u64>(), any::<bool>())
        .prop_map(move |(space, dim, rows, seed, ids)| Case { dim, rows, seed, ids, ..spaces[space] })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(support::cases_wanted(64)))]

    #[test]
    fn an_opened_index_gives_the_same_answers_and_saves_the_same_bytes(case in case()) {
        let folder = folder();
        let path = folder.path().join("first.vicinal");
        let index = build(&case);
        index.save(&path).unwrap();
        for mmap in [false, true] {
            let opened = Index::open(&path, mmap).unwrap();
            prop_assert_eq!(opened.is_read_only(), mmap);
            prop_assert_eq!(opened.params(), index.params());
            prop_assert_eq!(answers(&opened, &case).unwrap(), answers(&index, &case).unwrap());
            prop_assert!(opened.verify(&one_thread()).unwrap().ok());
            let again = folder.path().join("again.vicinal");
            opened.save(&again).unwrap();
            prop_assert!(fs::read(&path).unwrap() == fs::read(&again).unwrap());
        }
    }
}

#[test]
fn equal_builds_give_equal_bytes() {
    let folder = folder();
    let case = Case { dim: 7, rows: 700, seed: 3, ..cases()[0] };
    let [a, b] = ["a", "b"].map(|name| folder.path().join(name));
    build(&case).save(&a).unwrap();
    build(&case).save(&b).unwrap();
    assert!(fs::read(a).unwrap() == fs::read(b).unwrap());
}

/// What a row held before it was rolled back must not show.
#[test]
fn an_add_that_was_taken_back_leaves_no_trace() {
    let folder = folder();
    let case = Case { dim: 7, rows: 700, seed: 3, ids: true, ..cases()[0] };
    let [a, b] = ["a", "b"].map(|name| folder.path().join(name));
    let index = build(&case);
    index.save(&a).unwrap();
    let run = one_thread();
    let rows = support::rows(&Case { seed: 4, rows: 50_000, ..case });
    std::thread::scope(|scope| {
        let add = scope.spawn(|| index.add(matrix(&rows, 50_000), None, &run));
        while run.done() < 500 && !add.is_finished() {
            std::thread::yield_now();
        }
        run.cancel();
        assert!(matches!(add.join().unwrap(), Err(Error::Cancelled)));
    });
    index.save(&b).unwrap();
    assert!(fs::read(a).unwrap() == fs::read(b).unwrap());
}

#[test]
fn an_index_that_was_read_can_be_added_to_and_a_map_can_not() {
    let folder = folder();
    let path = folder.path().join("a.vicinal");
    let case = Case { dim: 5, rows: 300, seed: 1, ids: true, ..cases()[0] };
    build(&case).save(&path).unwrap();
    let rows = support::rows(&Case { seed: 2, ..case });
    let ids: Vec<i64> = (0..300).collect();

    let mapped = Index::open(&path, true).unwrap();
    assert!(matches!(mapped.add(matrix(&rows, 300), Some(&ids), &one_thread()), Err(Error::ReadOnly)));

    let read = Index::open(&path, false).unwrap();
    read.add(matrix(&rows, 300), Some(&ids), &one_thread()).unwrap();
    assert_eq!(read.len(), 600);
    let report = read.verify(&one_thread()).unwrap();
    assert!(report.ok(), "{report:?}");
    let twice = read.add(matrix(&rows, 300), Some(&ids), &one_thread());
    assert!(matches!(twice, Err(Error::Duplicate { row: 0, id: 0, .. })));
}

#[test]
fn a_map_keeps_its_view_when_the_file_is_replaced() {
    let folder = folder();
    let path = folder.path().join("a.vicinal");
    let old = Case { dim: 5, rows: 300, seed: 1, ..cases()[0] };
    let new = Case { rows: 100, seed: 2, ..old };
    build(&old).save(&path).unwrap();
    let mapped = Index::open(&path, true).unwrap();
    build(&new).save(&path).unwrap();
    assert_eq!(answers(&mapped, &old).unwrap(), answers(&build(&old), &old).unwrap());
    // Also by the map itself.
    mapped.save(&path).unwrap();
    assert_eq!(Index::open(&path, false).unwrap().len(), 300);
}

#[test]
fn threads_share_a_map_from_its_first_touch_on() {
    let folder = folder();
    let path = folder.path().join("a.vicinal");
    let case = Case { metric: Metric::Cosine, dim: 30, rows: 3000, seed: 1, ids: true, ..cases()[0] };
    let index = build(&case);
    index.save(&path).unwrap();
    let expected = answers(&index, &case).unwrap();
    for _ in 0..5 {
        let mapped = Index::open(&path, true).unwrap();
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| answers(&mapped, &case).unwrap())).collect();
            threads.into_iter().for_each(|thread| assert!(thread.join().unwrap() == expected));
        });
    }
}

#[test]
fn saving_goes_on_beside_searches_and_adds() {
    let folder = folder();
    let path = folder.path().join("a.vicinal");
    let case = Case { dim: 8, rows: 2000, seed: 1, ..cases()[0] };
    let rows = support::rows(&case);
    let index = Index::new(build(&Case { rows: 0, ..case }).params().clone()).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for batch in rows.chunks(rows.len() / 20) {
                index.add(matrix(batch, 100), None, &one_thread()).unwrap();
            }
        });
        for _ in 0..20 {
            index.save(&path).unwrap();
            let opened = Index::open(&path, false).unwrap();
            assert_eq!(opened.len() % 100, 0, "a batch is in the file whole or not at all");
            assert!(opened.verify(&one_thread()).unwrap().ok());
        }
    });
}
