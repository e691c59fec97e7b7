//! Exact search against a brute force that was written to be read, not to be fast.

use half::{bf16, f16};
use proptest::prelude::*;

use super::copies::{Reading, Streamed};
use super::stream::Stream;
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
        let (rows, queries) = self.bytes();
        let queries = Matrix { bytes: &queries, rows: self.queries.len() };
        let run = Run::new(threads);
        let matrix = Matrix { bytes: &rows, rows: self.rows.len() };
        let hits = knn(matrix, queries, dim, metric, dtype, self.k, &run).unwrap();
        assert_eq!(run.done(), self.queries.len() as u64);

        const GAP: u32 = 1000;
        let (hi, lo) = if dtype == Dtype::F32 { planes(&rows) } else { Default::default() };
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
        // Two of three rows, as a subset and as rows of their own.
        let some: Vec<usize> = (0..self.rows.len()).filter(|i| i % 3 != 1).collect();
        let row_bytes = dtype.row_bytes(dim);
        let gathered: Vec<u8> = some.iter().flat_map(|&i| &rows[i * row_bytes..(i + 1) * row_bytes]).copied().collect();
        let matrix = Matrix { bytes: &gathered, rows: some.len() };
        let of_some = knn(matrix, queries, dim, metric, dtype, self.k, &Run::new(threads)).unwrap();
        let all_slots = blocks.iter().flat_map(|b| b.first_slot..b.first_slot + b.rows as u32).collect::<Vec<_>>();
        let slots: Vec<u32> = some.iter().map(|&i| all_slots[i]).collect();
        let plane = if hi.is_empty() { Plane::Whole(&rows) } else { Plane::Split { hi: &hi, lo: &lo } };
        let whole = Block { first_slot: 0, rows: self.rows.len(), plane };
        let copies = self.copies(&whole, some.iter().copied());
        for (&unit, copied) in units().iter().flat_map(|unit| [(unit, None), (unit, Some(&copies))]) {
            let run = Run::new(threads);
            let subset = Some(Subset { slots: &slots, rows: copied });
            let among = search_on(unit, &blocks, subset, self.space, queries, self.k, false, &run).unwrap();
            let place = |&slot: &i64| slots.iter().position(|&s| i64::from(s) == slot).map_or(-1, |i| i as i64);
            let ids: Vec<i64> = among.ids.iter().map(place).collect();
            assert_eq!((&ids, &among.distances), (&of_some.ids, &of_some.distances), "{unit:?}, of a subset");
            let parts = search_on(unit, &blocks, None, self.space, queries, self.k, true, &Run::new(1)).unwrap();
            let ids: Vec<i64> = parts.ids.iter().map(|&slot| if slot < 0 { slot } else { row_of(slot) }).collect();
            assert_eq!((&ids, &parts.distances), (&hits.ids, &hits.distances), "{unit:?} and the default differ");
            assert_eq!(parts.counts, hits.counts);
            for cost in parts.counters.unwrap() {
                assert_eq!(cost.distance_evaluations, self.rows.len() as u64);
            }
        }
        if dtype == Dtype::F32 && !self.rows.is_empty() {
            self.search_levels(&rows, queries, threads);
        }
        hits
    }

    /// Rows of levels have the neighbours of the vectors that they stand for, to the bit.
    fn search_levels(&self, rows: &[u8], queries: Matrix<'_>, threads: usize) {
        let (levels, decoded) = self.levels(rows);
        let some: Vec<u32> = (0..self.rows.len() as u32).filter(|i| i % 3 != 1).collect();
        let whole = Block { first_slot: 0, rows: self.rows.len(), plane: Plane::Whole(&decoded) };
        let coded = Block { plane: Plane::Levels(&levels), ..whole };
        for &unit in units() {
            for subset in [None, Some(Subset { slots: &some, rows: None })] {
                let of = |block| {
                    let run = Run::new(threads);
                    let hits = search_on(unit, &[block], subset, self.space, queries, self.k, false, &run).unwrap();
                    (hits.ids, hits.distances)
                };
                assert_eq!(of(coded), of(whole), "{unit:?}, levels and decoded levels differ");
            }
        }
    }

    /// The rows as levels, and what those stand for.
    fn levels(&self, rows: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let mut vector = vec![0.0; self.space.dim];
        let mut row = vec![0; levels::row_bytes(vector.len())];
        let (mut coded, mut decoded) = (Vec::new(), Vec::new());
        for bytes in rows.chunks(4 * vector.len()) {
            floats(Dtype::F32, Plane::Whole(bytes), &mut vector);
            levels::encode(&vector, &mut row);
            levels::decode(&row, &mut vector);
            coded.extend_from_slice(&row);
            decoded.extend_from_slice(bytemuck::cast_slice(&vector));
        }
        (coded, decoded)
    }

    /// The hits are those of measuring every row, to the last bit, in the order of (distance, row). And what was
    /// measured is the truth but for its rounding.
    fn check(&self, hits: &Hits) {
        let found = self.k.min(self.rows.len());
        let (rows, queries) = self.bytes();
        let query_bytes = self.query_dtype().row_bytes(self.space.dim);
        let row_bytes = self.space.dtype.row_bytes(self.space.dim);
        let rounding = self.rounding();
        for (i, truth) in self.truth().into_iter().enumerate() {
            let ids = &hits.ids[i * self.k..(i + 1) * self.k];
            let distances = &hits.distances[i * self.k..(i + 1) * self.k];
            assert_eq!(hits.counts[i] as usize, found);
            assert!(ids[found..].iter().all(|&id| id == -1));
            assert!(distances[found..].iter().all(|&d| d == f32::INFINITY));
            let mut measure = Measure::new(self.space, &queries[i * query_bytes..][..query_bytes]);
            let measured = rows.chunks(row_bytes).map(|row| measure.distance(Plane::Whole(row)));
            let mut order: Vec<(f32, i64)> = measured.zip(0..).collect();
            for (&(distance, row), &exact) in order.iter().zip(&truth) {
                let slack = match self.space.dtype.is_float() {
                    true => exact.abs() * f64::from(f32::EPSILON) + rounding + 2e-45,
                    // One right answer, to the last bit.
                    false => (f64::from(exact as f32) - exact).abs(),
                };
                let off = (f64::from(distance) - exact).abs();
                assert!(off <= slack, "query {i} row {row}: {distance} is not {exact}, {:?}", self.space);
            }
            order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            let got: Vec<(f32, i64)> = distances[..found].iter().copied().zip(ids[..found].iter().copied()).collect();
            assert_eq!(got, order[..found], "query {i} of {:?}", self.space);
        }
    }

    /// On every instruction set, keys enclose the distance, and no row at or below the bar is left out.
    fn check_streams(&self) {
        let (rows, queries) = self.bytes();
        let query_bytes = self.query_dtype().row_bytes(self.space.dim);
        let row_bytes = self.space.dtype.row_bytes(self.space.dim);
        let (hi, lo) = if self.space.dtype == Dtype::F32 { planes(&rows) } else { Default::default() };
        let split = Block { first_slot: 0, rows: self.rows.len(), plane: Plane::Split { hi: &hi, lo: &lo } };
        let whole = Block { plane: Plane::Whole(&rows), ..split };
        let (levels, decoded) = if hi.is_empty() { Default::default() } else { self.levels(&rows) };
        let coded = Block { plane: Plane::Levels(&levels), ..whole };
        let blocks =
            if hi.is_empty() { vec![(whole, &rows)] } else { vec![(whole, &rows), (split, &rows), (coded, &decoded)] };
        let given = blocks.iter().map(|&(of, rows)| {
            (Reading::of(self.space, of.plane), Streamed { bytes: of.plane.streamed(), norms: None }, rows.as_slice())
        });
        let copies: Vec<Copies> = blocks.iter().map(|(of, _)| self.copies(of, 0..self.rows.len())).collect();
        let copied = copies
            .iter()
            .zip(&blocks)
            .map(|(of, (_, rows))| (of.reading, of.part(0..self.rows.len(), self.space), rows.as_slice()));
        let read: Vec<(Reading, Streamed<'_>, &[u8])> = given.chain(copied).collect();
        let queries: Vec<&[u8]> = queries.chunks(query_bytes).take(STREAM).collect();
        if self.rows.is_empty() || queries.is_empty() {
            return;
        }
        let measured = |query, rows: &[u8]| -> Vec<f32> {
            let mut measure = Measure::new(self.space, query);
            rows.chunks(row_bytes).map(|row| measure.distance(Plane::Whole(row))).collect()
        };
        let cases = vicinal_kernels::available().iter().flat_map(|isa| read.iter().map(move |read| (isa, read)));
        for (&isa, &(reading, as_read, rows)) in cases {
            let measured: Vec<Vec<f32>> = queries.iter().map(|&query| measured(query, rows)).collect();
            let mut stream = Stream::new(isa, self.space, queries.iter().copied(), reading, self.k);
            let mut seen = 0;
            stream.run(as_read, |query, row, (least, greatest)| {
                let distance = measured[query][row];
                let told = (self.space, reading, isa, query, row);
                assert!(least <= distance && distance <= greatest, "{distance} in {least}..={greatest}: {told:?}");
                seen += 1;
                f32::INFINITY
            });
            assert_eq!(seen, self.rows.len() * queries.len());
            // Each row's distance is the bar once.
            for at in 0..self.rows.len() {
                let mut stream = Stream::new(isa, self.space, queries.iter().copied(), reading, self.k);
                let mut missed: Vec<Vec<bool>> =
                    measured.iter().map(|of| of.iter().map(|&distance| distance <= of[at]).collect()).collect();
                stream.run(as_read, |query, row, _| {
                    missed[query][row] = false;
                    measured[query][at]
                });
                assert!(!missed.concat().contains(&true), "row {at} as the bar: {:?} {reading:?} {isa:?}", self.space);
            }
        }
    }

    /// Copies of rows of a block that is all there is.
    fn copies(&self, block: &Block<'_>, rows: impl Iterator<Item = usize> + Clone) -> Copies {
        Copies::of(self.space, rows.map(|i| block.row(i, self.space)))
    }

    /// What sums in f64 may be off by.
    fn rounding(&self) -> f64 {
        1e-11
            * match self.space.metric {
                Metric::Ip => self.scale(),
                Metric::Cosine => 1.0,
                _ => 0.0,
            }
    }

    /// Rows and queries as they are given to a search.
    fn bytes(&self) -> (Vec<u8>, Vec<u8>) {
        (self.encode(&self.rows, self.space.dtype), self.encode(&self.queries, self.query_dtype()))
    }

    /// The largest product of norms.
    fn scale(&self) -> f64 {
        let norm = |v: &Vec<f64>| v.iter().map(|x| x * x).sum::<f64>().sqrt();
        let largest = |m: &[Vec<f64>]| m.iter().map(norm).fold(0.0, f64::max);
        largest(&self.rows) * largest(&self.queries)
    }
}

/// f32 rows as two planes.
fn planes(rows: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let halves = |pick: fn((u16, u16)) -> u16| -> Vec<u8> {
        rows.chunks(4).flat_map(|b| pick(split_f32(bytemuck::pod_read_unaligned(b))).to_ne_bytes()).collect()
    };
    (halves(|pair| pair.0), halves(|pair| pair.1))
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

/// What floats may look like: each shape is a trap for some shortcut.
#[derive(Clone, Copy, Debug)]
enum Shape {
    Plain,
    /// Norms a million times as long as others.
    Norms,
    /// Far from the origin, near each other.
    Far,
    /// Rows that differ in the last bits.
    Twins,
    /// Squares beyond f32 at either end.
    Huge,
    Tiny,
    /// One component outweighs all others.
    Spike,
    /// As far from the next bf16 as can be, and always below it.
    Halfway,
}

fn shape(shape: Shape, dtype: Dtype, i: usize, v: &mut [f64]) {
    if !dtype.is_float() {
        return;
    }
    let half = dtype == Dtype::F16;
    for (j, x) in v.iter_mut().enumerate() {
        match shape {
            Shape::Plain => {}
            Shape::Norms if half => *x *= [1e-3, 1.0, 1e3][i % 3],
            Shape::Norms => *x *= [1e-6, 1.0, 1e6, 1e3][i % 4],
            Shape::Far => *x = *x * 1e-3 + if half { 100.0 } else { 1e4 } * (1.0 + j as f64 / 7.0),
            Shape::Twins => *x = (1.0 + j as f64) * (1.0 + 1e-6 * x.round()),
            Shape::Huge if !half => *x *= 1e17,
            Shape::Tiny if !half => *x *= 1e-21,
            // f16 ends at 65,504.
            Shape::Spike if j == 0 => *x *= if half { 4e3 } else { 1e4 },
            Shape::Halfway => *x = (1.0 + 1.0 / 256.0) * (x.round().clamp(-8.0, 8.0)).exp2(),
            Shape::Huge | Shape::Tiny | Shape::Spike => {}
        }
    }
}

fn cases() -> impl Strategy<Value = Case> {
    let all: Vec<_> = spaces().collect();
    use Shape::*;
    let shapes = prop::sample::select(vec![Plain, Plain, Norms, Far, Twins, Huge, Tiny, Spike, Halfway]);
    let sizes = (1usize..80, 0usize..150, prop_oneof![0..2 * STREAM, 0usize..40], 1usize..20);
    (prop::sample::select(all), shapes, sizes).prop_flat_map(|((metric, dtype), look, (dim, rows, queries, k))| {
        let vectors = |n| {
            let vector = prop::collection::vec(component(dtype), dim);
            prop::collection::vec(vector, n).prop_map(move |mut vectors| {
                for (i, v) in vectors.iter_mut().enumerate() {
                    // Cosine is not for zero vectors, nor for those too short for f32.
                    v[0] = if v.iter().all(|&x| x.abs() < 1e-3) { 1.0 } else { v[0] };
                    let look = if metric == Metric::Cosine && matches!(look, Tiny) { Plain } else { look };
                    shape(look, dtype, i, v);
                }
                vectors
            })
        };
        let space = Space { dim, metric, dtype };
        (vectors(rows), vectors(queries)).prop_map(move |(rows, queries)| Case { space, rows, queries, k })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]
    #[test]
    fn the_nearest_are_found_in_order(case in cases(), threads in 1usize..4) {
        case.check(&case.search(threads));
    }

    #[test]
    fn streams_know_their_bounds(case in cases()) {
        case.check_streams();
    }
}

/// A generator of numbers from -1 to 1.
fn noise(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }
}

#[test]
fn ranges_of_rows_and_blocks_of_queries_are_joined() {
    for (metric, dtype) in [(Metric::L2, Dtype::F32), (Metric::Ip, Dtype::F16), (Metric::Hamming, Dtype::Bits)] {
        let mut noise = noise(1);
        let mut vectors = |n: usize| -> Vec<Vec<f64>> {
            let mut component = || if dtype == Dtype::Bits { noise().signum().max(0.0) } else { noise() };
            (0..n).map(|_| (0..24).map(|_| component()).collect()).collect()
        };
        let rows = vectors(3 * RANGE);
        for (queries, threads) in [(1, 3), (5, 2), (300, 2)] {
            let case =
                Case { space: Space { dim: 24, metric, dtype }, rows: rows.clone(), queries: vectors(queries), k: 7 };
            case.check(&case.search(threads));
        }
    }
}

#[test]
fn crowds_that_codes_cannot_tell_apart_are_measured() {
    for metric in [Metric::L2, Metric::Ip, Metric::Cosine] {
        let mut noise = noise(2);
        // Two opposite crowds: their mean is no help.
        let mut vectors = |n: usize, wide: f64| -> Vec<Vec<f64>> {
            let mut one = |sign: f64| (0..16).map(|j| sign * (3.0 + f64::from(j % 5)) + wide * noise()).collect();
            (0..n).map(|i| one(if i % 2 == 0 { 1.0 } else { -1.0 })).collect()
        };
        let space = Space { dim: 16, metric, dtype: Dtype::F32 };
        let rows = vectors(6000, 1e-5);
        for queries in [2, 40] {
            let case = Case { space, rows: rows.clone(), queries: vectors(queries, 1e-5), k: 5 };
            case.check(&case.search(1));
        }
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
