//! Snapshots: what is saved is what is opened.

mod support;

use proptest::prelude::*;
use support::{Case, answers, build, cases, folder};
use vicinal_core::{Error, Index};

fn case() -> impl Strategy<Value = Case> {
    let spaces = cases();
    (0..spaces.len(), 1usize..40, prop_oneof![0usize..3, 3usize..400], any::<u64>(), any::<bool>())
        .prop_map(move |(space, dim, rows, seed, ids)| Case { dim, rows, seed, ids, ..spaces[space] })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn an_opened_index_gives_the_same_answers_and_saves_the_same_bytes(case in case()) {
        let folder = folder();
        let (first, second) = (folder.path().join("first.vicinal"), folder.path().join("second.vicinal"));
        let index = build(&case);
        index.save(&first).unwrap();
        let opened = Index::open(&first, false).unwrap();
        prop_assert_eq!(answers(&opened, &case), answers(&index, &case));
        opened.save(&second).unwrap();
        prop_assert!(std::fs::read(&first).unwrap() == std::fs::read(&second).unwrap());
    }
}

#[test]
fn equal_builds_give_equal_bytes() {
    let folder = folder();
    let case = Case { dim: 7, rows: 700, seed: 3, ..cases()[0] };
    let [a, b] = ["a", "b"].map(|name| folder.path().join(name));
    build(&case).save(&a).unwrap();
    build(&case).save(&b).unwrap();
    assert!(std::fs::read(a).unwrap() == std::fs::read(b).unwrap());
}

#[test]
fn an_opened_index_can_be_added_to() {
    let folder = folder();
    let path = folder.path().join("a.vicinal");
    let case = Case { dim: 5, rows: 300, seed: 1, ids: true, ..cases()[0] };
    build(&case).save(&path).unwrap();
    let opened = Index::open(&path, false).unwrap();
    let more = Case { seed: 2, ..case };
    let rows = support::rows(&more);
    let ids: Vec<i64> = (1_000_000..1_000_300).collect();
    opened.add(support::matrix(&rows, 300), Some(&ids), &support::one_thread()).unwrap();
    assert_eq!(opened.len(), 600);
    let report = opened.verify();
    assert!(report.ok(), "{report:?}");
    assert!(matches!(
        opened.add(support::matrix(&rows, 300), Some(&ids), &support::one_thread()),
        Err(Error::Duplicate { row: 0, .. })
    ));
}
