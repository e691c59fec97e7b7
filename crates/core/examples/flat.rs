//! Times exact search over a .npy file of vectors, by dtype and size of batch, on one thread.
//!
//! `cargo run --release -p vicinal-core --example flat -- BASE.npy QUERIES.npy l2 [f32|f16|u8|... [batch...]]`
//!
//! With `VICINAL_ISA` and `VICINAL_AMX` it times the other units.

use half::{bf16, f16};
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
                let hits = search(blocks, space, part, K, true, &Run::new(1)).unwrap();
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

/// Seconds that this thread ran: on a busy machine steadier than those on the wall.
fn cpu_seconds() -> f64 {
    unsafe extern "C" {
        fn clock_gettime(clock: i32, time: *mut [i64; 2]) -> i32;
    }
    const THREAD_CPU: i32 = 3;
    let mut time = [0; 2];
    // SAFETY: on 64-bit Linux a timespec is two 64-bit numbers.
    unsafe { clock_gettime(THREAD_CPU, &mut time) };
    time[0] as f64 + time[1] as f64 / 1e9
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

/// Rows of a C-ordered .npy of u8, f16 or f32 as f32, and their length.
fn read_npy(path: &str) -> (Vec<f32>, usize) {
    let bytes = std::fs::read(path).unwrap();
    let header_len = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = std::str::from_utf8(&bytes[10..10 + header_len]).unwrap();
    let data = &bytes[10 + header_len..];
    let shape = header.split("'shape': (").nth(1).unwrap().split(')').next().unwrap();
    let dim = shape.split(',').nth(1).unwrap().trim().parse().unwrap();
    let rows = if header.contains("u1") {
        data.iter().map(|&x| f32::from(x)).collect()
    } else if header.contains("f2") {
        data.chunks_exact(2).map(|b| half::f16::from_le_bytes([b[0], b[1]]).to_f32()).collect()
    } else {
        data.chunks_exact(4).map(bytemuck::pod_read_unaligned).collect()
    };
    (rows, dim)
}
