//! Saves an index and opens it again, read and mapped; prints what each costs, and how fast each searches.
//!
//! `cargo run --release -p vicinal-core --example snapshot -- ROWS DIM [FOLDER]`

use std::time::Instant;

use vicinal_core::{Dtype, Index, Layout, Matrix, Metric, Params, PlanChoice, Run, SearchOptions, Store};

const QUERIES: usize = 1000;
const BATCHES: usize = 50;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let (rows, dim): (usize, usize) = (args[1].parse().unwrap(), args[2].parse().unwrap());
    let path = std::path::Path::new(args.get(3).map_or("/tmp", |folder| folder)).join("example.vicinal");
    let vectors = clustered(rows + QUERIES, dim);
    let (base, queries) = vectors.split_at(rows * dim);
    let base = Matrix { bytes: bytemuck::cast_slice(base), rows };
    let queries = Matrix { bytes: bytemuck::cast_slice(queries), rows: QUERIES };

    let (metric, dtype) = (Metric::L2, Dtype::F32);
    let params = Params {
        dim,
        metric,
        dtype,
        m: 16,
        ef_construction: 100,
        seed: 0,
        level_p: None,
        layout: Layout::Compact,
        store: Store::Given,
    };
    let built = Index::new(params).unwrap();
    let timed = |what: &str, work: &mut dyn FnMut()| {
        let start = Instant::now();
        work();
        println!("{what:<28} {:>9.1} ms", start.elapsed().as_secs_f64() * 1e3);
    };
    timed("build", &mut || drop(built.add(base, None, &Run::new(0)).unwrap()));
    timed("save", &mut || built.save(&path).unwrap());
    println!("{:<28} {:>9.1} MB", "file", std::fs::metadata(&path).unwrap().len() as f64 / 1e6);
    let (mut read, mut mapped) = (None, None);
    timed("open, read", &mut || read = Some(Index::open(&path, false).unwrap()));
    timed("open, mapped", &mut || mapped = Some(Index::open(&path, true).unwrap()));
    let (read, mapped) = (read.unwrap(), mapped.unwrap());

    let search = |index: &Index, queries, ef_search| {
        let options = SearchOptions { k: 10, ef_search, counters: false, plan: PlanChoice::Graph };
        index.search(queries, &options, None, &Run::new(1)).unwrap().ids
    };
    timed("1000 searches, first touch", &mut || drop(search(&mapped, queries, 64)));
    let indexes = [&built, &read, &mapped];
    for ef_search in [16, 64, 200] {
        let all = search(&built, queries, ef_search);
        assert!(indexes.iter().all(|index| search(index, queries, ef_search) == all));
        // In turns, a few queries at a time, the best of many rounds: other work on the machine hardly shows.
        let mut best = [[f64::MAX; 3]; BATCHES];
        for round in 0..30 {
            for (batch, best) in best.iter_mut().enumerate() {
                let rows = QUERIES / BATCHES;
                let bytes = &queries.bytes[batch * rows * 4 * dim..][..rows * 4 * dim];
                for turn in 0..3 {
                    let i = (turn + round + batch) % 3;
                    let start = Instant::now();
                    search(indexes[i], Matrix { bytes, rows }, ef_search);
                    best[i] = best[i].min(start.elapsed().as_secs_f64());
                }
            }
        }
        let rate = |i: usize| QUERIES as f64 / best.iter().map(|seconds| seconds[i]).sum::<f64>();
        let (built, read, mapped) = (rate(0), rate(1), rate(2));
        println!("ef {ef_search:>3}, queries/s: built {built:>7.0}   read {read:>7.0}   mapped {mapped:>7.0}");
    }
    std::fs::remove_file(path).unwrap();
}

/// Points around a thousand centres.
fn clustered(rows: usize, dim: usize) -> Vec<f32> {
    let mut state = 0u64;
    let mut uniform = || {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (state >> 40) as f32 / (1 << 24) as f32 - 0.5
    };
    let centres: Vec<f32> = (0..1000 * dim).map(|_| uniform()).collect();
    let mut vectors = Vec::with_capacity(rows * dim);
    for _ in 0..rows {
        let centre = ((uniform() + 0.5) * 1000.0) as usize % 1000 * dim;
        vectors.extend((0..dim).map(|i| centres[centre + i] + uniform() * 0.7));
    }
    vectors
}
