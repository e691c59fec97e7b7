//! Small indexes of every kind, and what they answer.

// Each test crate uses a part of it.
#![allow(dead_code)]

pub mod file;
pub mod golden;

use std::collections::HashSet;

use half::{bf16, f16};
use vicinal_core::{
    Counters, Dtype, Error, Index, Layout, Matrix, Metric, Params, PlanChoice, Run, SearchOptions, Store, check_metric,
    knn,
};

/// An index to build.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    pub metric: Metric,
    pub dtype: Dtype,
    pub layout: Layout,
    pub store: Store,
    pub dim: usize,
    pub rows: usize,
    pub seed: u64,
    /// Whether ids differ from slots.
    pub ids: bool,
}

/// One case for each metric, dtype, layout and store that go together; those that keep vectors as given come first.
pub fn cases() -> Vec<Case> {
    let all = Metric::ALL.iter().flat_map(|&metric| Dtype::ALL.iter().map(move |&dtype| (metric, dtype)));
    let given: Vec<Case> = all
        .filter(|&(metric, dtype)| check_metric(metric, dtype).is_ok())
        .flat_map(|(metric, dtype)| Layout::ALL.iter().map(move |&layout| (metric, dtype, layout)))
        .filter(|&(_, dtype, layout)| layout == Layout::Compact || dtype != Dtype::Bits)
        .map(|(metric, dtype, layout)| Case {
            metric,
            dtype,
            layout,
            store: Store::Given,
            dim: 6,
            rows: 12,
            seed: 0,
            ids: false,
        })
        .collect();
    let floats = given.iter().filter(|case| case.dtype == Dtype::F32);
    let otherwise = floats.flat_map(|&case| [Store::F16, Store::None].map(|store| Case { store, ..case }));
    given.iter().copied().chain(otherwise).collect()
}

/// How many cases a property is tried on: `usual`, or what PROPTEST_CASES says.
pub fn cases_wanted(usual: u32) -> u32 {
    std::env::var("PROPTEST_CASES").map_or(usual, |cases| cases.parse().expect("PROPTEST_CASES is a number"))
}

pub fn one_thread() -> Run {
    Run::new(1)
}

pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

pub fn matrix(bytes: &[u8], rows: usize) -> Matrix<'_> {
    Matrix { bytes, rows }
}

/// A generator of numbers that is the same everywhere and for ever: golden files are made with it.
pub struct Numbers(u64);

impl Numbers {
    pub fn new(seed: u64) -> Self {
        Numbers(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 up to, but not, 1.
    pub fn uniform(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1 << 24) as f32
    }

    /// About normal, by twelve uniforms.
    pub fn normal(&mut self) -> f32 {
        (0..12).map(|_| self.uniform()).sum::<f32>() - 6.0
    }
}

/// `rows` rows of components from `value` in `dtype`.
pub fn encode(dtype: Dtype, dim: usize, rows: usize, numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..rows {
        // From -8 to 8 in steps of 1/16, never all zero.
        let mut row: Vec<f32> = (0..dim).map(|_| ((numbers.next() >> 56) as f32 - 127.5) / 16.0).collect();
        row[0] += 16.0;
        match dtype {
            Dtype::F32 => row.iter().for_each(|x| bytes.extend((x * 1.000_1).to_le_bytes())),
            Dtype::F16 => row.iter().for_each(|&x| bytes.extend(f16::from_f32(x).to_le_bytes())),
            Dtype::Bf16 => row.iter().for_each(|&x| bytes.extend(bf16::from_f32(x).to_le_bytes())),
            Dtype::I8 => bytes.extend(row.iter().map(|&x| x as i8 as u8)),
            Dtype::U8 => bytes.extend(row.iter().map(|&x| (x + 16.0) as u8)),
            Dtype::Bits => {
                let start = bytes.len();
                bytes.resize(start + dim.div_ceil(8), 0);
                for (i, _) in row.iter().enumerate().filter(|(_, x)| **x > 0.0) {
                    bytes[start + i / 8] |= 0x80 >> (i % 8);
                }
            }
        }
    }
    bytes
}

/// What a store keeps of rows, as it gives them back.
pub fn kept(store: Store, dim: usize, rows: &[u8]) -> Vec<u8> {
    let floats: Vec<f32> = match store {
        Store::Given => return rows.to_vec(),
        _ => bytemuck::pod_collect_to_vec(rows),
    };
    let of_row = |x: &[f32]| -> Vec<f32> {
        if store == Store::F16 {
            return x.iter().map(|&x| f16::from_f32(x).to_f32()).collect();
        }
        let low = x.iter().copied().fold(f32::INFINITY, f32::min);
        let range = x.iter().copied().fold(f32::NEG_INFINITY, f32::max) - low;
        if range == 0.0 {
            return x.to_vec();
        }
        let level = |x: f32| ((x - low) * (255.0 / range) + 0.5).floor().min(255.0);
        x.iter().map(|&x| low + range / 255.0 * level(x)).collect()
    };
    bytemuck::cast_slice(&floats.chunks_exact(dim).flat_map(of_row).collect::<Vec<f32>>()).to_vec()
}

/// The rows of a case; about one in eight equals an earlier one.
pub fn rows(case: &Case) -> Vec<u8> {
    let mut numbers = Numbers::new(case.seed);
    let mut bytes = encode(case.dtype, case.dim, case.rows, &mut numbers);
    let n = case.dtype.row_bytes(case.dim);
    for row in 1..case.rows {
        if numbers.next().is_multiple_of(8) {
            let original = numbers.next() as usize % row;
            bytes.copy_within(original * n..(original + 1) * n, row * n);
        }
    }
    bytes
}

/// The ids of a case.
pub fn ids(case: &Case) -> Option<Vec<i64>> {
    let mut numbers = Numbers::new(!case.seed);
    let mut ids: Vec<i64> = (0..case.rows as i64).map(|i| i << 40 | (numbers.next() >> 30) as i64).collect();
    ids.sort_unstable_by_key(|id| id & 0xffff);
    case.ids.then_some(ids)
}

pub fn build(case: &Case) -> Index {
    let Case { dim, metric, dtype, layout, store, seed, .. } = *case;
    let params = Params { dim, metric, dtype, m: 4, ef_construction: 30, seed, level_p: None, layout, store };
    let index = Index::new(params).unwrap();
    index.add(matrix(&rows(case), case.rows), ids(case).as_deref(), &one_thread()).unwrap();
    index
}

/// Everything an index can be asked: ids, vectors, neighbours by graph and by exact search.
#[derive(Debug, PartialEq)]
pub struct Answers {
    pub ids: Vec<i64>,
    pub vectors: Vec<u8>,
    pub found: Vec<i64>,
    pub distances: Vec<u32>,
    pub exact: Vec<i64>,
    pub counters: Option<Vec<Counters>>,
}

pub fn answers(index: &Index, case: &Case) -> Result<Answers, Error> {
    let queries = queries(case);
    let hits = index.search(matrix(&queries, QUERIES), &OPTIONS, None, &one_thread())?;
    let exact = index.search_exact(matrix(&queries, QUERIES), OPTIONS.k, false, &one_thread())?;
    let ids = index.ids()?;
    for &id in &ids {
        assert!(index.contains(id)?, "id {id} is listed but not contained");
    }
    assert!(!index.contains(-1)? && !index.contains(i64::MAX)?);
    index.stats(&one_thread())?;
    Ok(Answers {
        vectors: index.get(&ids)?,
        ids,
        found: hits.ids,
        distances: hits.distances.iter().map(|d| d.to_bits()).collect(),
        exact: exact.ids,
        counters: hits.counters,
    })
}

/// Searches an index that may be anyone's work. Whatever is answered must be true: distinct ids, nearest first, each at
/// the distance that its vector has. (Of a hostile map that gives one id to two vectors, or an order by ids that is
/// none, only `verify` tells.)
pub fn answers_are_true(index: &Index, case: &Case) -> Result<(), Error> {
    let queries = queries(case);
    let Params { dim, metric, dtype, .. } = *index.params();
    if (dim, metric, dtype) != (case.dim, case.metric, case.dtype) {
        return Ok(());
    }
    let ids = index.ids()?;
    let distinct: HashSet<i64> = ids.iter().copied().collect();
    let contained = ids.iter().map(|&id| index.contains(id)).collect::<Result<Vec<_>, _>>()?;
    if distinct.len() < ids.len() || contained.contains(&false) {
        return Err(index.verify(&one_thread()).expect_err("an id twice"));
    }
    let by_graph = index.search(matrix(&queries, QUERIES), &OPTIONS, None, &one_thread())?;
    let exact = index.search_exact(matrix(&queries, QUERIES), OPTIONS.k, false, &one_thread())?;
    for hits in [by_graph, exact] {
        for (i, query) in queries.chunks(queries.len() / QUERIES).enumerate() {
            let found = i * OPTIONS.k..i * OPTIONS.k + hits.counts[i] as usize;
            let (ids, distances) = (&hits.ids[found.clone()], &hits.distances[found]);
            assert!(distances.is_sorted(), "{distances:?}");
            let distinct: HashSet<i64> = ids.iter().copied().collect();
            assert_eq!(distinct.len(), ids.len(), "{ids:?}");
            assert!(ids.iter().all(|&id| id >= 0), "{ids:?}");
            let vectors = index.get(ids)?;
            let vectors = matrix(&vectors, ids.len());
            let truth = knn(vectors, matrix(query, 1), dim, metric, dtype, OPTIONS.k, &one_thread()).unwrap();
            for (&row, distance) in truth.ids.iter().zip(&truth.distances).take(ids.len()) {
                assert_eq!(distances[row as usize].to_bits(), distance.to_bits(), "id {}", ids[row as usize]);
            }
        }
    }
    index.stats(&one_thread()).map(|_| ())
}

pub const QUERIES: usize = 5;
const OPTIONS: SearchOptions = SearchOptions { k: 7, ef_search: 20, counters: true, plan: PlanChoice::Graph };

/// Five queries for a case.
pub fn queries(case: &Case) -> Vec<u8> {
    let dtype = if case.dtype.is_float() { Dtype::F32 } else { case.dtype };
    encode(dtype, case.dim, QUERIES, &mut Numbers::new(case.seed ^ 99))
}
