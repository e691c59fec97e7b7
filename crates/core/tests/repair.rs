//! What damage leaves of an index is enough to mend it, if the vectors and the ids are whole.

mod support;

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use proptest::prelude::*;
use support::file::{BLOCK, Snapshot};
use support::{Case, build, folder, ids, matrix, one_thread, queries};
use vicinal_core::{Dtype, Error, Index, Layout, Metric, PlanChoice, Run, SearchOptions, Store};

/// With every section there is: both planes, norms, upper rows, ids, chains, and slots that are free or have a removed
/// vector.
const WHOLE: Case = Case {
    metric: Metric::Cosine,
    dtype: Dtype::F32,
    layout: Layout::Fast,
    store: Store::Given,
    dim: 3,
    rows: 300,
    seed: 5,
    ids: true,
};

fn snapshot(case: &Case) -> Snapshot {
    let folder = folder();
    let path = folder.path().join("whole.vicinal");
    let index = build(case);
    let ids = ids(case).unwrap();
    index.remove(&ids[10..20], false, &one_thread()).unwrap();
    index.compact(&one_thread()).unwrap();
    index.remove(&ids[40..44], false, &one_thread()).unwrap();
    index.save(&path).unwrap();
    Snapshot { bytes: fs::read(path).unwrap() }
}

static SNAPSHOTS: LazyLock<[(Case, Snapshot); 2]> = LazyLock::new(|| {
    [Layout::Compact, Layout::Fast].map(|layout| {
        let case = Case { layout, ..WHOLE };
        (case, snapshot(&case))
    })
});

fn salvaged(folder: &Path, file: &Snapshot) -> Result<(Index, Vec<String>), Error> {
    let path = folder.join("damaged.vicinal");
    fs::write(&path, &file.bytes).unwrap();
    Index::salvage(&path, &one_thread())
}

/// All laws hold, all is there that was there, all of it is found, and the index goes on living.
fn is_whole(index: &Index, case: &Case, folder: &Path) {
    let report = index.verify(&one_thread()).unwrap();
    assert!(report.ok(), "{report:?}");
    assert_eq!(report.reachable, index.len() as u64);
    let mut expected = ids(case).unwrap();
    expected.drain(40..44);
    expected.drain(10..20);
    expected.sort_unstable();
    let mut there = index.ids().unwrap();
    there.sort_unstable();
    assert_eq!(there, expected);
    let queries = queries(case);
    let queries = matrix(&queries, support::QUERIES);
    let options = SearchOptions { k: expected.len(), ef_search: 400, counters: false, plan: PlanChoice::Graph };
    let by_graph = index.search(queries, &options, None, &one_thread()).unwrap();
    let exact = index.search_exact(queries, expected.len(), false, &one_thread()).unwrap();
    assert_eq!(by_graph.distances, exact.distances);
    // What was written is read again, without any complaint.
    let path = folder.join("mended.vicinal");
    index.save(&path).unwrap();
    let again = Index::open(&path, false).unwrap();
    let rows = support::rows(&Case { seed: 6, ..*case });
    again.upsert(matrix(&rows, case.rows), &ids(case).unwrap(), &Run::new(2)).unwrap();
    again.remove(&expected[..200], false, &one_thread()).unwrap();
    again.compact(&one_thread()).unwrap();
    assert!(again.verify(&one_thread()).unwrap().ok());
}

#[test]
fn what_is_whole_is_left_as_it_is() {
    let folder = folder();
    for (_, whole) in SNAPSHOTS.iter() {
        let (index, mended) = salvaged(folder.path(), whole).unwrap();
        assert_eq!(mended, [] as [String; 0]);
        assert_eq!(index.repair(&one_thread()).unwrap(), [] as [String; 0]);
        let path = folder.path().join("same.vicinal");
        index.save(&path).unwrap();
        assert!(fs::read(path).unwrap() == whole.bytes);
    }
}

#[test]
fn a_mapped_index_is_not_repaired() {
    let folder = folder();
    let path = folder.path().join("a.vicinal");
    fs::write(&path, &SNAPSHOTS[0].1.bytes).unwrap();
    let mapped = Index::open(&path, true).unwrap();
    assert!(matches!(mapped.repair(&one_thread()), Err(Error::ReadOnly)));
}

/// Whole sections are gone, sums and all: links are made from nothing.
#[test]
fn links_that_are_all_gone_are_made_anew() {
    let folder = folder();
    for (case, whole) in SNAPSHOTS.iter() {
        for (names, byte) in [(&["links", "upper", "aux"][..], 0), (&["links"], 0xff), (&["upper"], 7), (&["aux"], 1)] {
            for seal in [false, true] {
                let mut file = whole.clone();
                for name in names {
                    let section = file.section(name);
                    let end = section.offset + section.rows * section.row_bytes;
                    file.bytes[section.offset..end].fill(byte);
                }
                if seal {
                    file.seal(&whole.section("sums"));
                }
                let (index, mended) = salvaged(folder.path(), &file).unwrap();
                assert!(!mended.is_empty());
                is_whole(&index, case, folder.path());
            }
        }
    }
}

/// Rows of which only the tree is left break no law of a row, and all sums are right: links that are not returned tell.
#[test]
fn rows_that_lost_their_links_get_them_back() {
    let case = Case { layout: Layout::Compact, dim: 8, rows: 3_000, ids: false, ..WHOLE };
    let (folder, index) = (folder(), build(&case));
    let path = folder.path().join("whole.vicinal");
    index.save(&path).unwrap();
    let before = index.verify(&one_thread()).unwrap();
    assert!(before.ok() && before.one_way_links > 0 && before.unreturned_links == 0, "{before:?}");
    let mut file = Snapshot { bytes: fs::read(&path).unwrap() };
    let section = file.section("links");
    for row in (0..case.rows).step_by(2).map(|slot| section.offset + slot * section.row_bytes) {
        let degree = file.u32(row + 4) & 0xffff;
        let links: Vec<u32> = (0..degree as usize).map(|i| file.u32(row + 16 + 4 * i)).collect();
        let tree: Vec<u32> = links.iter().copied().filter(|link| link >> 31 == 1).collect();
        file.put_u32(row + 4, file.u32(row + 4) - degree + tree.len() as u32);
        (0..links.len()).for_each(|i| file.put_u32(row + 16 + 4 * i, tree.get(i).copied().unwrap_or(0)));
    }
    let sums = file.section("sums");
    file.seal(&sums);
    fs::write(&path, &file.bytes).unwrap();

    let damaged = Index::open(&path, false).unwrap();
    let report = damaged.verify(&one_thread()).unwrap();
    assert!(report.unreachable.is_empty() && report.broken.len() == 1, "{report:?}");
    assert!(report.broken[0].ends_with("links lead to nodes that have room for one back, and have none"), "{report:?}");
    let mended = damaged.repair(&one_thread()).unwrap();
    assert!(mended.len() == 1 && mended[0].ends_with("links that rows had lost were given back"), "{mended:?}");
    let after = damaged.verify(&one_thread()).unwrap();
    assert!(after.ok() && after.unreturned_links == 0, "{after:?}");
    assert!(after.links > report.links + (before.links - report.links) / 4, "{after:?}");
    // A small graph may have any share of them: what removals leave of a few rows tells nothing.
    let few: Vec<i64> = (0..2_100).collect();
    let thinned = Index::open(&path, false).unwrap();
    thinned.remove(&few, false, &one_thread()).unwrap();
    assert!(thinned.verify(&one_thread()).unwrap().ok());
}

#[test]
fn what_only_the_file_knew_is_refused_where_it_is_damaged() {
    let folder = folder();
    let whole = &SNAPSHOTS[1].1;
    for name in ["walk", "lo", "ids", "order", "state", "sums"] {
        let mut file = whole.clone();
        let at = file.section(name).offset;
        file.bytes[at] ^= 1;
        let error = salvaged(folder.path(), &file).err().unwrap();
        assert!(matches!(&error, Error::Corruption { block, .. } if block.contains(name)), "{name}: {error}");
    }
    let mut file = whole.clone();
    file.bytes[48] ^= 1;
    let error = salvaged(folder.path(), &file).err().unwrap();
    assert!(matches!(&error, Error::Corruption { block, .. } if block.contains("header")), "{error}");
}

/// Where to write what in the sections that can be made anew.
fn edit() -> impl Strategy<Value = (usize, usize, u32)> {
    let value = prop_oneof![
        any::<u32>(),
        0u32..300,
        (0u32..300).prop_map(|link| link | 1 << 31),
        Just(u32::MAX),
        (0u32..12, 0u32..4).prop_map(|(degree, level)| degree | level << 16),
        (0u32..2).prop_map(|degree| degree | 1 << 24),
    ];
    (0usize..4, any::<usize>(), value)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(support::cases_wanted(150)))]

    /// Any words of any rows, under right sums or wrong ones; and an entry point that is anywhere.
    #[test]
    fn any_damage_of_the_graph_is_mended(
        which in 0usize..2,
        edits in prop::collection::vec(edit(), 1..40),
        entry in prop::option::of(0u32..300),
        seal in any::<bool>(),
    ) {
        let (case, whole) = &SNAPSHOTS[which];
        let folder = folder();
        let mut file = whole.clone();
        for (section, place, value) in edits {
            let section = whole.section(["links", "links", "upper", "aux"][section]);
            let words = section.rows * section.row_bytes / 4;
            file.put_u32(section.offset + place % words * 4, value);
        }
        if let Some(slot) = entry {
            file.put_u32(84, slot);
            file.seal_header();
        }
        if seal {
            file.seal(&whole.section("sums"));
        }
        let (index, _) = salvaged(folder.path(), &file).unwrap();
        is_whole(&index, case, folder.path());
    }

    /// A file of which some blocks were overwritten is mended, unless they held what nothing else tells.
    #[test]
    fn lost_blocks_are_mended_or_named(which in 0usize..2, blocks in prop::collection::vec(any::<usize>(), 1..4)) {
        let (case, whole) = &SNAPSHOTS[which];
        let folder = folder();
        let mut file = whole.clone();
        for block in blocks {
            let at = block % (file.bytes.len() / BLOCK) * BLOCK;
            file.bytes[at..at + BLOCK].fill(0xa5);
        }
        match salvaged(folder.path(), &file) {
            Ok((index, _)) => is_whole(&index, case, folder.path()),
            Err(error) => prop_assert!(matches!(error, Error::Corruption { .. } | Error::Format { .. }), "{}", error),
        }
    }
}
