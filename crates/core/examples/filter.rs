//! Searches under filters that match at random, near each query, or far from it, each way of searching in turn: what
//! the cost model of `filter/plan.rs` is measured with.
//!
//! `cargo run --release -p vicinal-core --example filter -- BASE.npy QUERIES.npy l2 [rows] [layout] [shares] [plans]
//! [kinds] [queries]`, one query at a time on one thread. Times are microseconds, medians of five rounds in turns.

use std::sync::Arc;

mod common;

use common::{cpu_seconds, read_npy};
use vicinal_core::{
    Counters, Dtype, Filter, Hits, IdSet, Index, Layout, Matrix, Metric, Missing, Params, PlanChoice, Run,
    SearchOptions, Store,
};

const K: usize = 10;
const ROUNDS: usize = 5;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let arg = |i: usize, default: &str| args.get(i).map_or(default, String::as_str).to_owned();
    let metric: Metric = args[3].parse().unwrap();
    let (mut base, dim) = read_npy(&args[1]);
    let (queries, _) = read_npy(&args[2]);
    let rows: usize = arg(4, "100000").parse().unwrap();
    let layout: Layout = arg(5, "fast").parse().unwrap();
    base.truncate(rows * dim);
    let params = Params {
        dim,
        metric,
        dtype: Dtype::F32,
        m: 16,
        ef_construction: 200,
        seed: 0,
        level_p: None,
        layout,
        store: Store::Given,
    };
    let index = Index::new(params).unwrap();
    let rows = base.len() / dim;
    index.add(Matrix { bytes: bytemuck::cast_slice(&base), rows }, None, &Run::new(2)).unwrap();
    drop(base);
    let count: usize = arg(9, "50").parse().unwrap();
    let queries: Vec<Matrix<'_>> =
        queries.chunks_exact(dim).take(count).map(|q| Matrix { bytes: bytemuck::cast_slice(q), rows: 1 }).collect();
    println!("{rows} x {dim} {} {}", metric.as_str(), layout.as_str());
    println!(
        "{:>8} {:>8} {:>8} {:>9} {:>7} {:>8} {:>8} {:>8} {:>9} {:>6}",
        "share", "kind", "plan", "us", "recall", "hops", "evals", "rerank", "expected", "+scan"
    );
    for share in arg(6, "0.001,0.003,0.01,0.03,0.1,0.3,0.5,0.9").split(',').map(|x| x.parse::<f64>().unwrap()) {
        let matching = ((share * rows as f64) as usize).max(1);
        for kind in arg(8, "random,near,far").split(',') {
            let sets = sets(&index, &queries, kind, matching, rows);
            let truth: Vec<Hits> =
                queries.iter().zip(&sets).map(|(&q, set)| search(&index, q, set, PlanChoice::Scan)).collect();
            let plans = arg(7, "scan,graph,auto");
            let plans: Vec<PlanChoice> = plans.split(',').map(|plan| plan.parse().unwrap()).collect();
            let mut seconds = vec![Vec::new(); plans.len()];
            for _ in 0..ROUNDS {
                for (seconds, &plan) in seconds.iter_mut().zip(&plans) {
                    let start = cpu_seconds();
                    for (&query, set) in queries.iter().zip(&sets) {
                        search(&index, query, set, plan);
                    }
                    seconds.push((cpu_seconds() - start) / queries.len() as f64);
                }
            }
            for (mut seconds, plan) in seconds.into_iter().zip(plans) {
                seconds.sort_unstable_by(f64::total_cmp);
                let found: Vec<Hits> =
                    queries.iter().zip(&sets).map(|(&q, set)| search(&index, q, set, plan)).collect();
                let costs: Vec<&Counters> = found.iter().flat_map(|hits| hits.counters.iter().flatten()).collect();
                let mean = |of: &dyn Fn(&Counters) -> u64| {
                    costs.iter().map(|&c| of(c)).sum::<u64>() as f64 / costs.len() as f64
                };
                let both = costs.iter().filter(|c| c.plan.as_str().contains('+')).count();
                let name = if plan == PlanChoice::Auto { costs[0].plan.as_str() } else { plan.as_str() };
                println!(
                    "{share:>8} {kind:>8} {name:>8} {:>9.1} {:>7.4} {:>8.1} {:>8.1} {:>8.1} {:>9.1} {:>6.2}",
                    1e6 * seconds[ROUNDS / 2],
                    recall(&found, &truth),
                    mean(&|c| c.hops),
                    mean(&|c| c.distance_evaluations),
                    mean(&|c| c.reranked.into()),
                    mean(&|c| c.expected_cost) / 1e3,
                    both as f64 / costs.len() as f64,
                );
            }
        }
    }
}

fn search(index: &Index, query: Matrix<'_>, set: &IdSet, plan: PlanChoice) -> Hits {
    let options = SearchOptions { k: K, ef_search: 64, counters: true, plan };
    let filter = Filter { ids: set, missing: Missing::Raise };
    index.search(query, &options, Some(filter), &Run::new(1)).unwrap()
}

/// A filter for each query.
fn sets(index: &Index, queries: &[Matrix<'_>], kind: &str, matching: usize, rows: usize) -> Vec<Arc<IdSet>> {
    let of_order = |order: &[i64]| Arc::new(IdSet::of_ids(order).unwrap());
    if kind == "random" {
        let mixed = |i: i64| (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut order: Vec<i64> = (0..rows as i64).collect();
        order.sort_unstable_by_key(|&i| mixed(mixed(i).rotate_left(31) as i64));
        let set = of_order(&order[..matching]);
        return vec![set; queries.len()];
    }
    let of_query = |&query: &Matrix<'_>| {
        let order = index.search_exact(query, rows, false, &Run::new(1)).unwrap().ids;
        of_order(if kind == "near" { &order[..matching] } else { &order[rows - matching..] })
    };
    queries.iter().map(of_query).collect()
}

/// The share of true neighbours found; a tie with the farthest counts.
fn recall(found: &[Hits], truth: &[Hits]) -> f64 {
    let last = |hits: &Hits| hits.distances[hits.ids.iter().take_while(|&&id| id >= 0).count() - 1];
    let near = |(hits, truth): (&Hits, &Hits)| hits.distances.iter().filter(|&&d| d <= last(truth)).count();
    let there: usize = truth.iter().map(|hits| hits.ids.iter().filter(|&&id| id >= 0).count()).sum();
    found.iter().zip(truth).map(near).sum::<usize>() as f64 / there as f64
}
