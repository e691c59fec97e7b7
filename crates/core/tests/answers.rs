//! Room for answers is not written before there are any.

use vicinal_core::{Dtype, Error, Index, Layout, Matrix, Metric, Params, PlanChoice, Run, SearchOptions, Store};

fn index() -> Index {
    let params = Params {
        dim: 1,
        metric: Metric::L2,
        dtype: Dtype::U8,
        m: 4,
        ef_construction: 10,
        seed: 0,
        level_p: None,
        layout: Layout::Compact,
        store: Store::Given,
    };
    let index = Index::new(params).unwrap();
    index.add(Matrix { bytes: &[1, 2, 3], rows: 3 }, None, &Run::new(1)).unwrap();
    index
}

/// The most memory that this process ever had in use.
#[cfg(target_os = "linux")]
fn peak_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
#[cfg(target_os = "linux")]
fn a_cancelled_search_touched_little_of_a_large_answer() {
    let index = index();
    let run = Run::new(2);
    run.cancel();
    let before = peak_kib();
    let options = SearchOptions { k: 30_000_000, ef_search: 10, counters: false, plan: PlanChoice::Graph };
    let answer = index.search(Matrix { bytes: &[1, 2], rows: 2 }, &options, None, &run);
    assert!(matches!(answer, Err(Error::Cancelled)));
    let grown = peak_kib() - before;
    assert!(grown < 100 << 10, "{grown} KiB, of 703,125 for the whole answer");
}

#[test]
fn places_without_a_hit_are_marked() {
    let options = SearchOptions { k: 5, ef_search: 10, counters: true, plan: PlanChoice::Graph };
    let hits = index().search(Matrix { bytes: &[1, 3], rows: 2 }, &options, None, &Run::new(1)).unwrap();
    assert_eq!(hits.ids, [0, 1, 2, -1, -1, 2, 1, 0, -1, -1]);
    assert_eq!(hits.distances, [0.0, 1.0, 2.0, f32::INFINITY, f32::INFINITY].repeat(2));
    assert_eq!(hits.counts, [3, 3]);
    assert!(hits.counters.unwrap().iter().all(|cost| cost.distance_evaluations >= 3));
}

#[test]
fn what_memory_cannot_hold_is_said() {
    let queries = vec![0; 1 << 20];
    for counters in [false, true] {
        let options = SearchOptions { k: 1 << 40, ef_search: 10, counters, plan: PlanChoice::Graph };
        let answer = index().search(Matrix { bytes: &queries, rows: queries.len() }, &options, None, &Run::new(1));
        let Err(Error::OutOfMemory(what)) = answer else { panic!("{answer:?}") };
        assert_eq!(what, "1048576 queries x 1099511627776 hits");
    }
}
