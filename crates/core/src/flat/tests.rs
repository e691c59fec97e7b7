//! Exact search against a brute force that was written to be read, not to be fast.

use half::{bf16, f16};
use proptest::prelude::*;

use super::*;
use crate::vectors::split_f32;
use vicinal_kernels::tile::units;

/// Rows and queries as f64 components (bits: 0 and 1).
#[derive(Clone, Debug)]
struct Case {
    space: Space,
    rows: Vec<Vec<f64>>,
    queries: Vec<Vec<f64>>,
    k: usize,
}

impl Case {
    fn encode(&self, vectors: &[Vec<f64>], dtype: Dtype) -> Vec<u8> {
        let one = |v: &Vec<f64>| -> Vec<u8> {
            match dtype {
                Dtype::F32 => v.iter().flat_map(|&x| (x as f32).to_ne_bytes()).collect(),
                Dtype::F16 => v.iter().flat_map(|&x| f16::from_f64(x).to_ne_bytes()).collect(),
                Dtype::Bf16 => v.iter().flat_map(|&x| bf16::from_f64(x).to_ne_bytes()).collect(),
                Dtype::I8 => v.iter().map(|&x| x as i8 as u8).collect(),
                Dtype::U8 => v.iter().map(|&x| x as u8).collect(),
                Dtype::Bits => {
                    v.chunks(8).map(|b| b.iter().enumerate().map(|(i, &x)| (x as u8) << (7 - i)).sum()).collect()
                }
            }
        };
        vectors.iter().flat_map(one).collect()
    }

    /// The components as they are after rounding to the stored dtype.
    fn stored(&self, vectors: &[Vec<f64>], dtype: Dtype) -> Vec<Vec<f64>> {
        let round = |x: f64| match dtype {
            Dtype::F32 => f64::from(x as f32),
            Dtype::F16 => f16::from_f64(x).to_f64(),
            Dtype::Bf16 => bf16::from_f64(x).to_f64(),
            Dtype::I8 => f64::from(x as i8),
            Dtype::U8 => f64::from(x as u8),
            Dtype::Bits => x,
        };
        vectors.iter().map(|v| v.iter().map(|&x| round(x)).collect()).collect()
    }

    fn query_dtype(&self) -> Dtype {
        if self.space.dtype.is_float() { Dtype::F32 } else { self.space.dtype }
    }

    /// All distances of all queries, in f64.
    fn truth(&self) -> Vec<Vec<f64>> {
        let rows = self.stored(&self.rows, self.space.dtype);
        let queries = self.stored(&self.queries, self.query_dtype());
        let sum = |q: &[f64], x: &[f64], f: fn(f64, f64) -> f64| q.iter().zip(x).map(|(&q, &x)| f(q, x)).sum::<f64>();
        let distance = |q: &[f64], x: &[f64]| match self.space.metric {
            Metric::L2 => sum(q, x, |q, x| (q - x).powi(2)).sqrt(),
            Metric::SqEuclidean => sum(q, x, |q, x| (q - x).powi(2)),
            Metric::Ip => 0.0 - sum(q, x, |q, x| q * x),
            Metric::Cosine => {
                let norms = (sum(q, q, |q, x| q * x) * sum(x, x, |q, x| q * x)).sqrt();
                (1.0 - sum(q, x, |q, x| q * x) / norms).max(0.0)
            }
            Metric::Hamming => sum(q, x, |q, x| (q - x).abs()) / self.space.dim as f64,
            Metric::Jaccard => match sum(q, x, f64::max) {
                0.0 => 0.0,
                union => sum(q, x, |q, x| (q - x).abs()) / union,
            },
        };
        queries.iter().map(|q| rows.iter().map(|x| distance(q, x)).collect()).collect()
    }

    /// Searches the rows as one block, and as many with gaps between their slots; both must agree to the bit.
    fn search(&self, threads: usize) -> Hits {
        let Space { dim, metric, dtype } = self.space;
        let (rows, queries) = (self.encode(&self.rows, dtype), self.encode(&self.queries, self.query_dtype()));
        let queries = Matrix { bytes: &queries, rows: self.queries.len() };
        let run = Run::new(threads);
        let matrix = Matrix { bytes: &rows, rows: self.rows.len() };
        let hits = knn(matrix, queries, dim, metric, dtype, self.k, &run).unwrap();
        assert_eq!(run.done(), self.queries.len() as u64);

        const GAP: u32 = 1000;
        let halves = |pick: fn((u16, u16)) -> u16| -> Vec<u8> {
            rows.chunks(4).flat_map(|b| pick(split_f32(bytemuck::pod_read_unaligned(b))).to_ne_bytes()).collect()
        };
        let (hi, lo) = if dtype == Dtype::F32 { (halves(|p| p.0), halves(|p| p.1)) } else { Default::default() };
        let (mut blocks, mut start, mut length) = (Vec::new(), 0, 1);
        while start < self.rows.len() {
            let end = (start + length).min(self.rows.len());
            let part = |bytes| -> &[u8] {
                let bytes: &Vec<u8> = bytes;
                &bytes[bytes.len() / self.rows.len() * start..bytes.len() / self.rows.len() * end]
            };
            let plane = match dtype {
                Dtype::F32 => Plane::Split { hi: part(&hi), lo: part(&lo) },
                _ => Plane::Whole(part(&rows)),
            };
            blocks.push(Block { first_slot: start as u32 + GAP * blocks.len() as u32, rows: end - start, plane });
            (start, length) = (end, length * 3);
        }
        let row_of = |slot: i64| {
            let block = blocks.iter().rposition(|b| i64::from(b.first_slot) <= slot).unwrap();
            slot - i64::from(GAP) * block as i64
        };
        for &unit in units() {
            let parts = search_on(unit, &blocks, self.space, queries, self.k, true, &Run::new(1)).unwrap();
            let ids: Vec<i64> = parts.ids.iter().map(|&slot| if slot < 0 { slot } else { row_of(slot) }).collect();
            assert_eq!((&ids, &parts.distances), (&hits.ids, &hits.distances), "{unit:?} and the default differ");
            assert_eq!(parts.counts, hits.counts);
            for cost in parts.counters.unwrap() {
                assert_eq!(cost.distance_evaluations, self.rows.len() as u64);
            }
        }
        hits
    }

    /// The hits are the truth's nearest, in the order of (distance, row). Integers and bits have one right answer to
    /// the last bit; of floats, those that differ by less than the rounding of the truth itself may trade places.
    fn check(&self, hits: &Hits) {
        let found = self.k.min(self.rows.len());
        for (i, truth) in self.truth().into_iter().enumerate() {
            let ids = &hits.ids[i * self.k..(i + 1) * self.k];
            let distances = &hits.distances[i * self.k..(i + 1) * self.k];
            assert_eq!(hits.counts[i] as usize, found);
            assert!(ids[found..].iter().all(|&id| id == -1));
            assert!(distances[found..].iter().all(|&d| d == f32::INFINITY));
            let mut order: Vec<(f32, i64)> = truth.iter().enumerate().map(|(row, &d)| (d as f32, row as i64)).collect();
            order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            let got: Vec<(f32, i64)> = distances[..found].iter().copied().zip(ids[..found].iter().copied()).collect();
            if !self.space.dtype.is_float() {
                assert_eq!(got, order[..found], "query {i} of {self:?}");
                continue;
            }
            let mut seen = std::collections::HashSet::new();
            for (&(distance, row), &(right, _)) in got.iter().zip(&order) {
                assert!(seen.insert(row), "row {row} twice");
                let exact = truth[row as usize];
                // What f64 sums of products of f32 can be off by, and one rounding.
                let scale = if self.space.metric == Metric::Ip { self.scale() } else { 1.0 };
                let slack = exact.abs() * f64::from(f32::EPSILON) + 1e-11 * scale;
                assert!((f64::from(distance) - exact).abs() <= slack, "query {i} row {row}: {distance} is not {exact}");
                assert!((f64::from(distance) - f64::from(right)).abs() <= 2.0 * slack, "query {i}: {got:?} {order:?}");
            }
            assert!(got.windows(2).all(|w| w[0].0 < w[1].0 || (w[0].0 == w[1].0 && w[0].1 < w[1].1)), "{got:?}");
        }
    }

    /// The largest product of norms.
    fn scale(&self) -> f64 {
        let norm = |v: &Vec<f64>| v.iter().map(|x| x * x).sum::<f64>().sqrt();
        let largest = |m: &[Vec<f64>]| m.iter().map(norm).fold(0.0, f64::max);
        largest(&self.rows) * largest(&self.queries)
    }
}

/// Every pair of metric and dtype that goes together.
fn spaces() -> impl Iterator<Item = (Metric, Dtype)> {
    let pairs = Metric::ALL.iter().flat_map(|&metric| Dtype::ALL.iter().map(move |&dtype| (metric, dtype)));
    pairs.filter(|&(metric, dtype)| check_metric(metric, dtype).is_ok())
}

/// Components as a dtype likes them: full range for integers, 0 and 1 for bits, about 1 for floats.
fn component(dtype: Dtype) -> BoxedStrategy<f64> {
    match dtype {
        Dtype::Bits => (0..2).prop_map(f64::from).boxed(),
        Dtype::U8 => prop_oneof![0..256, Just(255)].prop_map(f64::from).boxed(),
        Dtype::I8 => prop_oneof![-128..128, Just(-128)].prop_map(f64::from).boxed(),
        _ => prop_oneof![-1.0..1.0, (-8..8).prop_map(f64::from)].boxed(),
    }
}

fn cases() -> impl Strategy<Value = Case> {
    let all: Vec<_> = spaces().collect();
    let shape = (prop::sample::select(all), 1usize..80, 0usize..150, 0usize..40, 1usize..20);
    shape.prop_flat_map(|((metric, dtype), dim, rows, queries, k)| {
        let vector = prop::collection::vec(component(dtype), dim).prop_map(move |mut v| {
            if metric == Metric::Cosine {
                v[0] = if v.iter().all(|&x| x.abs() < 1e-3) { 1.0 } else { v[0] };
            }
            v
        });
        let vectors = |n| prop::collection::vec(vector.clone(), n);
        (vectors(rows), vectors(queries)).prop_map(move |(rows, queries)| Case {
            space: Space { dim, metric, dtype },
            rows,
            queries,
            k,
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn the_nearest_are_found_in_order(case in cases(), threads in 1usize..4) {
        case.check(&case.search(threads));
    }
}

#[test]
fn equal_rows_come_in_the_order_of_their_slots() {
    for (metric, dtype) in spaces() {
        let dim = 40;
        let ones = vec![1.0; dim];
        let mut far = vec![0.0; dim];
        far[0] = 1.0;
        let rows: Vec<_> = (0..500).map(|i| if i % 3 == 0 { far.clone() } else { ones.clone() }).collect();
        let case = Case { space: Space { dim, metric, dtype }, rows, queries: vec![ones; 20], k: 340 };
        let hits = case.search(2);
        let right: Vec<i64> =
            (0..500).filter(|i| i % 3 != 0).chain((0..500).filter(|i| i % 3 == 0)).take(340).collect();
        assert_eq!(&hits.ids[..340], right, "{metric:?} {dtype:?}");
    }
}

#[test]
fn a_cancelled_search_stops() {
    let run = Run::new(2);
    run.cancel();
    let rows = [0u8; 100];
    let m = Matrix { bytes: &rows, rows: 100 };
    assert!(matches!(knn(m, m, 1, Metric::L2, Dtype::U8, 3, &run), Err(Error::Cancelled)));
}

#[test]
fn senseless_requests_are_refused() {
    let m = Matrix { bytes: &[0; 8], rows: 2 };
    let run = Run::new(1);
    let message = |dim, metric, dtype, k| knn(m, m, dim, metric, dtype, k, &run).unwrap_err().to_string();
    assert!(message(1, Metric::L2, Dtype::F32, 0).contains("k must be at least 1"));
    assert!(message(0, Metric::L2, Dtype::F32, 1).contains("dim must be from 1"));
    assert!(message(1, Metric::Hamming, Dtype::F32, 1).contains("does not go with"));
    assert!(message(1, Metric::Cosine, Dtype::F32, 1).contains("zero vector"));
    assert!(message(2, Metric::L2, Dtype::F32, 1).contains("16 bytes"));
}
