//! The promises of the graph, held against exact search.

mod support;

use std::sync::atomic::{AtomicBool, Ordering};

use support::Numbers;
use vicinal_core::{Dtype, Error, Hits, Index, Layout, Matrix, Metric, Params, PlanChoice, Run, SearchOptions, Store};

const DIM: usize = 24;

const LAYOUTS: [Layout; 2] = [Layout::Compact, Layout::Fast];

fn params(metric: Metric, dim: usize, layout: Layout) -> Params {
    Params {
        dim,
        metric,
        dtype: Dtype::F32,
        m: 16,
        ef_construction: 100,
        seed: 1,
        level_p: None,
        layout,
        store: Store::Given,
    }
}

/// Rows around a few hundred centres.
fn clustered(numbers: &mut Numbers, rows: usize, dim: usize) -> Vec<f32> {
    let centres: Vec<f32> = (0..200 * dim).map(|_| 4.0 * numbers.normal()).collect();
    (0..rows)
        .flat_map(|_| {
            let centre = numbers.next() as usize % 200 * dim;
            (centre..centre + dim).map(|i| centres[i] + numbers.normal()).collect::<Vec<_>>()
        })
        .collect()
}

fn matrix(values: &[f32], dim: usize) -> Matrix<'_> {
    Matrix { bytes: bytemuck::cast_slice(values), rows: values.len() / dim }
}

fn built(params: Params, values: &[f32], threads: usize) -> Index {
    let dim = params.dim;
    let index = Index::new(params).unwrap();
    index.add(matrix(values, dim), None, &Run::new(threads)).unwrap();
    index
}

fn search(index: &Index, queries: &[f32], k: usize, ef_search: usize) -> Hits {
    let options = SearchOptions { k, ef_search, counters: true, plan: PlanChoice::Graph };
    index.search(matrix(queries, index.params().dim), &options, None, &Run::new(0)).unwrap()
}

fn recall(index: &Index, queries: &[f32], k: usize, ef_search: usize) -> f64 {
    let found = search(index, queries, k, ef_search);
    let truth = index.search_exact(matrix(queries, index.params().dim), k, false, &Run::new(0)).unwrap();
    let pairs = found.distances.chunks(k).zip(truth.distances.chunks(k));
    let hits: usize = pairs.map(|(d, t)| d.iter().filter(|&&d| d <= t[k - 1]).count()).sum();
    hits as f64 / found.distances.len() as f64
}

fn saved(index: &Index) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index.vicinal");
    index.save(&path).unwrap();
    std::fs::read(path).unwrap()
}

#[test]
fn recall_goes_to_one_as_ef_search_grows() {
    for layout in LAYOUTS {
        let mut numbers = Numbers::new(1);
        let values = clustered(&mut numbers, 6_100, DIM);
        let (queries, rows) = values.split_at(100 * DIM);
        let index = built(params(Metric::L2, DIM, layout), rows, 0);
        let recalls: Vec<f64> = [10, 40, 160, 640].iter().map(|&ef| recall(&index, queries, 10, ef)).collect();
        assert!(recalls.windows(2).all(|pair| pair[0] <= pair[1] + 0.005), "{recalls:?}");
        assert!(recalls[1] >= 0.97 && recalls[3] >= 0.9999, "{recalls:?}");
    }
}

#[test]
fn every_vector_can_be_reached_and_no_law_is_broken() {
    for layout in LAYOUTS {
        let mut numbers = Numbers::new(2);
        let values = clustered(&mut numbers, 5_000, DIM);
        for m in [2, 4, 16] {
            let index = built(Params { m, ..params(Metric::L2, DIM, layout) }, &values, 0);
            let report = index.verify(&Run::new(0)).unwrap();
            assert!(report.ok(), "M = {m}: {} unreachable, {:?}", report.unreachable.len(), report.broken);
            assert_eq!(report.reachable, 5_000);
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("index.vicinal");
            index.save(&path).unwrap();
            assert_eq!(Index::open(&path, false).unwrap().len(), 5_000, "M = {m}");
            let stats = index.stats(&Run::new(1)).unwrap();
            assert_eq!(stats.degree_histogram[0].len(), 2 * m + 1);
        }
    }
}

#[test]
fn one_thread_and_one_seed_build_the_same_bytes() {
    for layout in LAYOUTS {
        let mut numbers = Numbers::new(3);
        let values = clustered(&mut numbers, 2_000, DIM);
        let build = |seed| saved(&built(Params { seed, ..params(Metric::Cosine, DIM, layout) }, &values, 1));
        assert!(build(5) == build(5));
        assert!(build(5) != build(6));
    }
}

#[test]
fn parallel_insertion_is_as_good_as_sequential() {
    for layout in LAYOUTS {
        let mut numbers = Numbers::new(4);
        let values = clustered(&mut numbers, 8_200, DIM);
        let (queries, rows) = values.split_at(200 * DIM);
        let of = |threads| recall(&built(params(Metric::L2, DIM, layout), rows, threads), queries, 10, 24);
        let (sequential, parallel) = (of(1), of(8));
        assert!(parallel >= sequential - 0.01, "{parallel} in parallel, {sequential} one by one");
    }
}

#[test]
fn a_cancelled_add_leaves_the_index_as_it_was() {
    for layout in LAYOUTS {
        let mut numbers = Numbers::new(5);
        let values = clustered(&mut numbers, 6_000, DIM);
        for before in [0, 300, 3_000] {
            let (old, new) = values.split_at(before * DIM);
            let index = built(params(Metric::Ip, DIM, layout), old, 1);
            let (bytes, ids) = (saved(&index), index.ids().unwrap());
            let run = Run::new(2);
            let result = std::thread::scope(|scope| {
                let adding = scope.spawn(|| index.add(matrix(new, DIM), None, &run));
                while run.done() < 500 && !adding.is_finished() {
                    std::hint::spin_loop();
                }
                run.cancel();
                adding.join().unwrap()
            });
            assert!(matches!(result, Err(Error::Cancelled)));
            assert_eq!(index.ids().unwrap(), ids);
            assert!(saved(&index) == bytes, "cancelled after {before} vectors");
            // Slots and rows of the cancelled batch serve the next one.
            index.add(matrix(new, DIM), None, &Run::new(2)).unwrap();
            assert!(index.verify(&Run::new(0)).unwrap().ok());
            assert_eq!(index.len(), 6_000);
        }
    }
}

#[test]
fn inner_product_stays_navigable_when_norms_differ_a_hundredfold() {
    for layout in LAYOUTS {
        let mut numbers = Numbers::new(6);
        let mut vectors = |rows: usize, spread: f32| -> Vec<f32> {
            (0..rows)
                .flat_map(|_| {
                    let length = 100f32.powf(spread * numbers.uniform());
                    (0..64).map(|_| length * numbers.normal()).collect::<Vec<_>>()
                })
                .collect()
        };
        let (rows, queries) = (vectors(50_000, 1.0), vectors(100, 0.0));
        let index = built(Params { ef_construction: 200, ..params(Metric::Ip, 64, layout) }, &rows, 0);
        assert!(index.verify(&Run::new(0)).unwrap().ok());
        let found = recall(&index, &queries, 10, 100);
        assert!(found >= 0.95, "{found}");
    }
}

#[test]
fn inner_products_that_are_all_negative_are_answered_too() {
    for layout in LAYOUTS {
        let mut numbers = Numbers::new(10);
        let rows: Vec<f32> = (0..3_000 * DIM).map(|_| numbers.normal().abs() + 0.1).collect();
        let queries: Vec<f32> = rows[..20 * DIM].iter().map(|x| -x).collect();
        let index = built(params(Metric::Ip, DIM, layout), &rows, 0);
        assert_eq!(recall(&index, &queries, 10, 50), 1.0);
    }
}

#[test]
fn equal_vectors_are_no_sink() {
    for layout in LAYOUTS {
        let mut numbers = Numbers::new(7);
        let mut values = clustered(&mut numbers, 10_000, DIM);
        let copy = values[..DIM].to_vec();
        values.extend((0..5_000).flat_map(|_| copy.iter().copied()));
        let index = built(params(Metric::L2, DIM, layout), &values, 0);
        let report = index.verify(&Run::new(0)).unwrap();
        assert!(report.ok());
        assert!(report.duplicates >= 4_990, "{} of 5,000 copies hang on a node", report.duplicates);
        // Each vector finds itself.
        let found = search(&index, &values[..10_000 * DIM], 1, 32);
        let missed = found.distances.iter().filter(|&&d| d > 0.0).count();
        assert!(missed <= 5, "{missed} of 10,000 do not find themselves");
        // The copies find as many of each other as they are asked for, each once.
        let copies = search(&index, &copy, 1_000, 10);
        let ids: std::collections::HashSet<_> = copies.ids.iter().collect();
        assert!(ids.len() == 1_000 && copies.distances.iter().all(|&d| d == 0.0));
    }
}

#[test]
fn searching_goes_on_while_another_thread_adds() {
    for layout in LAYOUTS {
        let mut numbers = Numbers::new(8);
        let values = clustered(&mut numbers, 6_000, DIM);
        let (old, new) = values.split_at(2_000 * DIM);
        let index = built(params(Metric::L2, DIM, layout), old, 1);
        let done = AtomicBool::new(false);
        let searches = std::thread::scope(|scope| {
            let searcher = scope.spawn(|| {
                let mut searches = 0;
                while !done.load(Ordering::Relaxed) || searches < 100 {
                    let hits = search(&index, &old[..10 * DIM], 10, 64);
                    for (i, row) in hits.ids.chunks(10).enumerate() {
                        assert_eq!(
                            (row[0], hits.distances[i * 10]),
                            (i as i64, 0.0),
                            "a vector that was there is gone"
                        );
                        let after = index.len() as i64;
                        assert!(row.iter().all(|&id| (0..after).contains(&id)), "{row:?} of {after}");
                    }
                    searches += 1;
                }
                searches
            });
            index.add(matrix(new, DIM), None, &Run::new(2)).unwrap();
            done.store(true, Ordering::Relaxed);
            searcher.join().unwrap()
        });
        assert!(searches >= 100);
        assert!(index.verify(&Run::new(0)).unwrap().ok());
    }
}

#[test]
fn counters_say_what_a_search_cost() {
    for layout in LAYOUTS {
        let mut numbers = Numbers::new(9);
        let values = clustered(&mut numbers, 4_000, DIM);
        let index = built(params(Metric::L2, DIM, layout), &values, 1);
        let hits = search(&index, &values[..50 * DIM], 10, 40);
        for counters in hits.counters.unwrap() {
            let sum = |layers: &[u32]| layers.iter().map(|&n| u64::from(n)).sum::<u64>();
            assert_eq!(counters.hops, sum(&counters.hops_per_layer));
            assert_eq!(
                counters.distance_evaluations,
                sum(&counters.evaluations_per_layer) + u64::from(counters.reranked)
            );
            assert!(counters.distance_evaluations < 2_000, "no better than half a scan: {counters:?}");
        }
    }
}
