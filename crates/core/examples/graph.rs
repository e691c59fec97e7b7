//! Builds an index over a .npy file of vectors and prints recall, queries a second and counters by `ef_search`.
//!
//! `cargo run --release -p vicinal-core --example graph -- BASE.npy QUERIES.npy l2 [rows] [threads] [layout] [ef_search,…] [store]`

mod common;

use common::{cpu_seconds, read_npy};
use vicinal_core::{Dtype, Hits, Index, Layout, Matrix, Metric, Params, PlanChoice, Run, SearchOptions, Store, knn};

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let metric: Metric = args[3].parse().unwrap();
    let (mut base, dim) = read_npy(&args[1]);
    let (queries, _) = read_npy(&args[2]);
    let rows = args.get(4).map_or(base.len() / dim, |n| n.parse().unwrap());
    let threads = args.get(5).map_or(1, |n| n.parse().unwrap());
    let layout = args.get(6).map_or(Layout::Compact, |name| name.parse().unwrap());
    let store = args.get(8).map(String::as_str);
    let store = Store::named(store, Dtype::F32).unwrap();
    base.truncate(rows * dim);
    let base = Matrix { bytes: bytemuck::cast_slice(&base), rows };
    let queries = Matrix { bytes: bytemuck::cast_slice(&queries), rows: queries.len() / dim };

    let params =
        Params { dim, metric, dtype: Dtype::F32, m: 16, ef_construction: 200, seed: 0, level_p: None, layout, store };
    let index = Index::new(params).unwrap();
    let start = cpu_seconds();
    index.add(base, None, &Run::new(threads)).unwrap();
    let stats = index.stats(&Run::new(1)).unwrap();
    let bytes: u64 = stats.bytes.iter().map(|(_, bytes)| bytes).sum();
    println!("{rows} x {dim} {}: built in {:.2} s on {threads} threads", metric.as_str(), (cpu_seconds() - start));
    println!("{} bytes a vector, layers {:?}", bytes / rows as u64, stats.nodes_per_layer);
    let report = index.verify(&Run::new(1)).unwrap();
    println!(
        "reachable {} of {rows}, broken {:?}, one-way {:.1}%, degree {:.1}",
        report.reachable,
        report.broken.first(),
        100.0 * report.one_way_links as f64 / report.links as f64,
        report.links as f64 / rows as f64
    );

    let start = cpu_seconds();
    let exact = index.search_exact(queries, 10, false, &Run::new(1)).unwrap();
    let seconds = cpu_seconds() - start;
    let truth = knn(base, queries, dim, metric, Dtype::F32, 10, &Run::new(1)).unwrap();
    let recall = |hits: &Hits| recall(hits, &truth, base, queries, metric);
    println!("exact: {:.0} queries/s, recall {:.4}", queries.rows as f64 / seconds, recall(&exact));
    println!("{:>6} {:>8} {:>9} {:>8} {:>8}", "ef", "recall", "queries/s", "hops", "evals");
    let efs = args.get(7).map_or("10,16,24,32,40,48,64,80,100,128,160,200,300,400", |list| list);
    for ef in efs.split(',').map(|ef| ef.parse().unwrap()) {
        let options = SearchOptions { k: 10, ef_search: ef, counters: true, plan: PlanChoice::Graph };
        let mut seconds: Vec<f64> = (0..5)
            .map(|_| {
                let start = cpu_seconds();
                index.search(queries, &options, None, &Run::new(1)).unwrap();
                cpu_seconds() - start
            })
            .collect();
        seconds.sort_unstable_by(f64::total_cmp);
        let hits = index.search(queries, &options, None, &Run::new(1)).unwrap();
        let counters = hits.counters.as_ref().unwrap();
        let mean = |sum: u64| sum as f64 / queries.rows as f64;
        println!(
            "{ef:>6} {:>8.4} {:>9.0} {:>8.1} {:>8.1}",
            recall(&hits),
            queries.rows as f64 / seconds[2],
            mean(counters.iter().map(|c| c.hops).sum()),
            mean(counters.iter().map(|c| c.distance_evaluations).sum()),
        );
    }
}

/// The share of the true neighbours among the vectors as given that were found; a tie with the farthest counts.
fn recall(hits: &Hits, truth: &Hits, base: Matrix<'_>, queries: Matrix<'_>, metric: Metric) -> f64 {
    let k = truth.k;
    let of_query = |i: usize| {
        let rows: Vec<u8> =
            hits.ids[i * k..(i + 1) * k].iter().flat_map(|&id| base.row(id as usize)).copied().collect();
        let (rows, query) = (Matrix { bytes: &rows, rows: k }, Matrix { bytes: queries.row(i), rows: 1 });
        let found = knn(rows, query, queries.row(i).len() / 4, metric, Dtype::F32, k, &Run::new(1)).unwrap();
        found.distances.iter().filter(|&&distance| distance <= truth.distances[(i + 1) * k - 1]).count()
    };
    (0..queries.rows).map(of_query).sum::<usize>() as f64 / truth.ids.len() as f64
}
