//! A large batch is linked at once: the graph must be as good as one that was inserted row by row, and as sound.

mod support;

use proptest::prelude::*;
use support::{Numbers, cases_wanted};
use vicinal_core::{Dtype, Error, Index, Layout, Matrix, Metric, Params, PlanChoice, Run, SearchOptions, Store};

const DIM: usize = 24;
/// Batches of fewer rows are inserted one by one.
const LEAST: usize = 2_048;

fn params(metric: Metric, dtype: Dtype, layout: Layout) -> Params {
    Params { dim: DIM, metric, dtype, m: 16, ef_construction: 100, seed: 1, level_p: None, layout, store: Store::Given }
}

/// Rows around centres, as far apart as `spread` says.
fn clustered(numbers: &mut Numbers, rows: usize, clusters: usize, spread: f32) -> Vec<f32> {
    let centres: Vec<f32> = (0..clusters * DIM).map(|_| spread * numbers.normal()).collect();
    let around = |numbers: &mut Numbers| {
        let centre = numbers.next() as usize % clusters * DIM;
        centres[centre..centre + DIM].iter().map(|x| x + numbers.normal()).collect::<Vec<_>>()
    };
    (0..rows).flat_map(|_| around(numbers)).collect()
}

/// The values in a dtype, each of which holds them well enough.
fn encode(dtype: Dtype, values: &[f32]) -> Vec<u8> {
    match dtype {
        Dtype::F32 => bytemuck::cast_slice(values).to_vec(),
        Dtype::F16 => values.iter().flat_map(|&x| half::f16::from_f32(x).to_le_bytes()).collect(),
        Dtype::Bf16 => values.iter().flat_map(|&x| half::bf16::from_f32(x).to_le_bytes()).collect(),
        Dtype::I8 => values.iter().map(|&x| (8.0 * x).round() as i8 as u8).collect(),
        Dtype::U8 => values.iter().map(|&x| (8.0 * x + 128.0).round() as u8).collect(),
        Dtype::Bits => unreachable!("bits are inserted one by one"),
    }
}

fn add(index: &Index, bytes: &[u8], threads: usize) {
    let rows = bytes.len() / index.params().dtype.row_bytes(DIM);
    index.add(Matrix { bytes, rows }, None, &Run::new(threads)).unwrap();
}

/// Adds rows in batches too small to be linked at once.
fn insert(index: &Index, bytes: &[u8]) {
    bytes.chunks(500 * index.params().dtype.row_bytes(DIM)).for_each(|bytes| add(index, bytes, 1));
}

/// Recall, hops and distance evaluations a query.
fn quality(index: &Index, queries: &[u8], ef_search: usize) -> [f64; 3] {
    let Params { dtype, .. } = *index.params();
    let dtype = if dtype.is_float() { Dtype::F32 } else { dtype };
    let queries = Matrix { bytes: queries, rows: queries.len() / dtype.row_bytes(DIM) };
    let options = SearchOptions { k: 10, ef_search, counters: true, plan: PlanChoice::Graph };
    let found = index.search(queries, &options, None, &Run::new(0)).unwrap();
    let truth = index.search_exact(queries, 10, false, &Run::new(0)).unwrap();
    let pairs = found.distances.chunks(10).zip(truth.distances.chunks(10));
    let hits: usize = pairs.map(|(d, t)| d.iter().filter(|&&d| d <= t[9]).count()).sum();
    let counters = found.counters.unwrap();
    let mean = |sum: u64| sum as f64 / queries.rows as f64;
    [
        hits as f64 / found.distances.len() as f64,
        mean(counters.iter().map(|c| c.hops).sum()),
        mean(counters.iter().map(|c| c.distance_evaluations).sum()),
    ]
}

fn saved(index: &Index) -> Vec<u8> {
    let folder = support::folder();
    let path = folder.path().join("index.vicinal");
    index.save(&path).unwrap();
    std::fs::read(path).unwrap()
}

fn assert_sound(index: &Index) {
    let report = index.verify(&Run::new(0)).unwrap();
    assert!(report.ok(), "{report:?}");
}

#[test]
fn a_batch_makes_as_good_a_graph_as_row_by_row() {
    for layout in [Layout::Compact, Layout::Fast] {
        for (clusters, spread) in [(1, 0.0), (200, 1.0), (200, 4.0)] {
            let mut numbers = Numbers::new(11);
            let values = clustered(&mut numbers, 6_200, clusters, spread);
            let (queries, rows) = values.split_at(200 * DIM);
            let (queries, rows) = (encode(Dtype::F32, queries), encode(Dtype::F32, rows));
            let index = || Index::new(params(Metric::L2, Dtype::F32, layout)).unwrap();
            let (one_by_one, at_once, onto_some) = (index(), index(), index());
            insert(&one_by_one, &rows);
            add(&at_once, &rows, 1);
            let (some, rest) = rows.split_at(rows.len() / 3);
            insert(&onto_some, some);
            add(&onto_some, rest, 1);
            for ef_search in [16, 48] {
                let [expected, hops, evaluations] = quality(&one_by_one, &queries, ef_search);
                for index in [&at_once, &onto_some] {
                    let [recall, more_hops, more_evaluations] = quality(index, &queries, ef_search);
                    let what = format!("{layout:?}, {clusters} clusters {spread} apart, ef_search {ef_search}");
                    assert!(recall >= expected - 0.015, "{what}: recall {recall}, {expected} one by one");
                    assert!(more_hops <= 1.3 * hops, "{what}: {more_hops} hops, {hops} one by one");
                    assert!(
                        more_evaluations <= 1.3 * evaluations,
                        "{what}: {more_evaluations} evaluations, {evaluations} one by one"
                    );
                }
            }
        }
    }
}

#[test]
fn every_metric_dtype_and_store_has_sound_batches() {
    for metric in [Metric::L2, Metric::SqEuclidean, Metric::Cosine, Metric::Ip] {
        let given = [Dtype::F32, Dtype::F16, Dtype::Bf16, Dtype::I8, Dtype::U8].map(|dtype| (dtype, Store::Given));
        for (dtype, store) in given.into_iter().chain([Store::F16, Store::None].map(|store| (Dtype::F32, store))) {
            let mut numbers = Numbers::new(12);
            let values = clustered(&mut numbers, LEAST + 150, 20, 1.0);
            let (queries, rows) = values.split_at(100 * DIM);
            let index = Index::new(Params { store, ..params(metric, dtype, Layout::Fast) }).unwrap();
            add(&index, &encode(dtype, rows), 2);
            assert_sound(&index);
            let [recall, ..] =
                quality(&index, &encode(if dtype.is_float() { Dtype::F32 } else { dtype }, queries), 100);
            assert!(recall > 0.97, "{metric:?} of {dtype:?}, {store:?}: {recall}");
            // Inserting goes on from there.
            insert(&index, &encode(dtype, queries));
            assert_sound(&index);
        }
    }
}

#[test]
fn equal_vectors_of_a_batch_are_one_node() {
    for layout in [Layout::Compact, Layout::Fast] {
        let mut numbers = Numbers::new(13);
        let values = clustered(&mut numbers, 300, 3, 1.0);
        let index = Index::new(params(Metric::L2, Dtype::F32, layout)).unwrap();
        // Some are there before, and 10,000 copies come at once.
        insert(&index, &encode(Dtype::F32, &values[..100 * DIM]));
        let copies: Vec<f32> = (0..10_000).flat_map(|i| values[i % 300 * DIM..][..DIM].to_vec()).collect();
        add(&index, &encode(Dtype::F32, &copies), 2);
        assert_sound(&index);
        assert_eq!(index.verify(&Run::new(0)).unwrap().duplicates, 9_800);
        let options = SearchOptions { k: 30, ef_search: 30, counters: false, plan: PlanChoice::Graph };
        let query = encode(Dtype::F32, &values[..DIM]);
        let found = index.search(Matrix { bytes: &query, rows: 1 }, &options, None, &Run::new(1)).unwrap();
        assert_eq!(found.distances, [0.0; 30]);
    }
}

#[test]
fn a_cancelled_batch_leaves_no_trace() {
    for layout in [Layout::Compact, Layout::Fast] {
        let mut numbers = Numbers::new(14);
        let values = encode(Dtype::F32, &clustered(&mut numbers, 6_000, 20, 1.0));
        for (before, threads, done) in [(0, 1, 1), (1_500, 2, 3_000), (1_500, 1, 4_000)] {
            let (old, new) = values.split_at(before * DIM * 4);
            let index = Index::new(params(Metric::L2, Dtype::F32, layout)).unwrap();
            insert(&index, old);
            let bytes = saved(&index);
            let run = Run::new(threads);
            let rows = 6_000 - before;
            let result = std::thread::scope(|scope| {
                let adding = scope.spawn(|| index.add(Matrix { bytes: new, rows }, None, &run));
                while run.done() < done && !adding.is_finished() {
                    std::hint::spin_loop();
                }
                run.cancel();
                adding.join().unwrap()
            });
            assert!(matches!(result, Err(Error::Cancelled)));
            assert!(saved(&index) == bytes, "{before} before, cancelled at {done}");
            let run = Run::new(2);
            index.add(Matrix { bytes: new, rows }, None, &run).unwrap();
            assert_eq!(run.done(), rows as u64);
            assert_sound(&index);
        }
    }
}

#[test]
fn one_thread_builds_the_same_bytes_again() {
    let mut numbers = Numbers::new(15);
    let values = encode(Dtype::F32, &clustered(&mut numbers, 5_000, 20, 1.0));
    let build = || {
        let index = Index::new(params(Metric::Cosine, Dtype::F32, Layout::Compact)).unwrap();
        add(&index, &values, 1);
        saved(&index)
    };
    assert!(build() == build());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases_wanted(12)))]

    /// Few values make many equal vectors and many equal distances; one value makes all vectors equal.
    #[test]
    fn any_batch_is_sound(
        old in 0usize..2_500,
        new in LEAST - 2..LEAST + 1_000,
        values in 1u64..6,
        scale in prop::sample::select(vec![1.0f32, 1e15, 1e-12]),
        m in prop::sample::select(vec![2usize, 5, 16]),
        (metric, layout) in prop::sample::select(vec![
            (Metric::L2, Layout::Compact),
            (Metric::L2, Layout::Fast),
            (Metric::Cosine, Layout::Compact),
            (Metric::Cosine, Layout::Fast),
        ]),
        threads in 1usize..3,
    ) {
        let mut numbers = Numbers::new(values);
        let few = |numbers: &mut Numbers| scale * (1 + numbers.next() % values) as f32;
        let params = Params { dim: 3, m, ef_construction: 40, ..params(metric, Dtype::F32, layout) };
        let index = Index::new(params).unwrap();
        for (rows, batch) in [(old, 400), (new, new)] {
            let rows: Vec<f32> = (0..rows * 3).map(|_| few(&mut numbers)).collect();
            for rows in rows.chunks(batch * 3) {
                let matrix = Matrix { bytes: bytemuck::cast_slice(rows), rows: rows.len() / 3 };
                index.add(matrix, None, &Run::new(threads)).unwrap();
            }
        }
        let report = index.verify(&Run::new(1)).unwrap();
        prop_assert!(report.ok(), "{:?}", report);
        prop_assert_eq!(report.reachable, (old + new) as u64);
    }
}
