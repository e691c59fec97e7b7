//! Golden files: snapshots of each format that was ever released, and what they answered when they were made.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use vicinal_core::{Index, Layout, Metric, Params, Store};

use super::{Case, QUERIES, cases, matrix, one_thread, queries};

/// Where those of a case are, in the folders of the formats that it was ever written in; the last is the present one.
pub fn places(name: &str, case: &Case) -> Vec<PathBuf> {
    let first = if case.store == Store::Given { "1" } else { "2" };
    let later = (case.layout == Layout::Fast).then_some("3");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden");
    let place = |format| folder.join(format).join(name).with_extension("vicinal");
    std::iter::once(first).chain(later).map(place).collect()
}

/// What golden files are made of: each dtype, metric and store, with and without ids, and an empty one.
pub fn golden_cases() -> Vec<(String, Case)> {
    let mut golden: Vec<(String, Case)> = cases()
        .into_iter()
        .enumerate()
        .filter(|(_, case)| !matches!(case.metric, Metric::SqEuclidean))
        .map(|(i, case)| {
            let mut name = vec![case.metric.as_str(), case.dtype.as_str(), case.layout.as_str()];
            if case.store != Store::Given {
                name.push(case.store.name(case.dtype));
            }
            (name.join("-"), case, i)
        })
        .map(|(name, case, i)| (name, Case { dim: 5 + i, rows: 50, seed: i as u64, ids: i % 2 == 0, ..case }))
        .collect();
    golden.push(("empty".into(), Case { rows: 0, ..golden[0].1 }));
    golden
}

/// Everything that an index says, in words: it must be the same for ever.
pub fn describe(index: &Index) -> String {
    let Params { dim, metric, dtype, m, ef_construction, seed, level_p, layout, store } = *index.params();
    let ids = index.ids().unwrap();
    let report = index.verify(&one_thread()).unwrap();
    assert!(report.ok(), "{report:?}");
    let mut text = format!(
        "{} {} {} dim {dim} M {m} ef_construction {ef_construction} seed {seed} level_p {level_p:?}\n",
        metric.as_str(),
        dtype.as_str(),
        layout.as_str()
    );
    if store != Store::Given {
        writeln!(text, "store {}", store.name(dtype)).unwrap();
    }
    let stats = index.stats(&one_thread()).unwrap();
    writeln!(text, "nodes {:?} degrees {:?}", stats.nodes_per_layer, stats.degree_histogram).unwrap();
    writeln!(text, "entry {:?} links {} duplicates {}", stats.entry_point, report.links, report.duplicates).unwrap();
    writeln!(text, "ids {ids:?}").unwrap();
    writeln!(text, "vectors {:08x}", crc32c::crc32c(&index.get(&ids).unwrap())).unwrap();
    let queries = queries(&Case { dim, metric, dtype, layout, store, rows: 0, seed: 77, ids: false });
    let hits = index.search_exact(matrix(&queries, QUERIES), 5, false, &one_thread()).unwrap();
    for (ids, distances) in hits.ids.chunks(5).zip(hits.distances.chunks(5)) {
        writeln!(text, "nearest {ids:?} at {distances:?}").unwrap();
    }
    text
}
