//! Times exact search over a .npy file of vectors, by dtype and size of batch, on one thread.
//!
//! `cargo run --release -p vicinal-core --example flat -- BASE.npy QUERIES.npy l2 [f32|f16|u8|... [batch...]]`
//!
//! With `VICINAL_ISA` and `VICINAL_AMX` it times the other units.

use half::{bf16, f16};
mod common;

use common::{cpu_seconds, read_npy};
use vicinal_core::flat::{Block, Plane, Space, search};
use vicinal_core::vectors::split_f32;
use vicinal_core::{Dtype, Matrix, Metric, Run};
use vicinal_kernels::tile::unit;

const K: usize = 10;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let metric: Metric = args[3].parse().unwrap();
    let dtype: Dtype = args.get(4).map_or(Dtype::F32, |name| name.parse().unwrap());
    let (base, dim) = read_npy(&args[1]);
    let (queries, _) = read_npy(&args[2]);
    let rows = base.len() / dim;
    let query_dtype = if dtype.is_float() { Dtype::F32 } else { dtype };
    let (base, queries) = (encode(&base, dtype), encode(&queries, query_dtype));
    let query_bytes = query_dtype.row_bytes(dim);
    let all = queries.len() / query_bytes;
    let batches = match &args[5.min(args.len())..] {
        [] => vec![1, 16, 256, all],
        given => given.iter().map(|batch| batch.parse().unwrap()).collect(),
    };
    let whole = [Block { first_slot: 0, rows, plane: Plane::Whole(&base) }];
    let planes = if dtype == Dtype::F32 { split(&base) } else { Default::default() };
    let halves = [Block { first_slot: 0, rows, plane: Plane::Split { hi: &planes.0, lo: &planes.1 } }];
    println!("{rows} x {dim} {} {}, k = {K}, {:?}", dtype.as_str(), metric.as_str(), unit());
    println!("{:>6} {:>6} {:>10} {:>9} {:>9} {:>9}", "rows", "batch", "queries/s", "Gmul/s", "GB/s", "measured");
    for (name, blocks) in [("whole", &whole), ("planes", &halves)] {
        if name == "planes" && dtype != Dtype::F32 {
            continue;
        }
        for &batch in &batches {
            let space = Space { dim, metric, dtype };
            let mut measured = 0;
            let mut asked = 0;
            // Single calls, the best of those of each batch: whatever else runs here interrupts some of them.
            let mut best = f64::INFINITY;
            let start = std::time::Instant::now();
            for part in queries.chunks_exact(query_bytes * batch).cycle() {
                let part = Matrix { bytes: part, rows: batch };
                let before = cpu_seconds();
                let hits = search(blocks, None, space, part, K, true, &Run::new(1)).unwrap();
                best = best.min(cpu_seconds() - before);
                measured += hits.counters.unwrap().iter().map(|cost| u64::from(cost.reranked)).sum::<u64>();
                asked += batch;
                if start.elapsed().as_secs_f64() > 2.0 {
                    break;
                }
            }
            println!(
                "{name:>6} {batch:>6} {:>10.0} {:>9.1} {:>9.1} {:>9.1}",
                batch as f64 / best,
                (batch * rows * dim) as f64 / best / 1e9,
                base.len() as f64 / best / 1e9,
                measured as f64 / asked as f64,
            );
        }
    }
}

fn encode(values: &[f32], dtype: Dtype) -> Vec<u8> {
    match dtype {
        Dtype::F32 => bytemuck::cast_slice(values).to_vec(),
        Dtype::F16 => values.iter().flat_map(|&x| f16::from_f32(x).to_ne_bytes()).collect(),
        Dtype::Bf16 => values.iter().flat_map(|&x| bf16::from_f32(x).to_ne_bytes()).collect(),
        Dtype::U8 => values.iter().map(|&x| x as u8).collect(),
        Dtype::I8 => values.iter().map(|&x| x as i8 as u8).collect(),
        Dtype::Bits => panic!("no bits in a .npy of numbers"),
    }
}

fn split(base: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let halves: Vec<_> = base.chunks_exact(4).map(|x| split_f32(bytemuck::pod_read_unaligned(x))).collect();
    let (hi, lo): (Vec<u16>, Vec<u16>) = halves.into_iter().unzip();
    (bytemuck::cast_slice(&hi).to_vec(), bytemuck::cast_slice(&lo).to_vec())
}
