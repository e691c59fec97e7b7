//! Every unit against sums in f64.

use proptest::prelude::*;

use super::*;
use crate::levels::{self, Tail};

/// Small random vectors, coded, multiplied and screened; each hit and each miss is checked.
fn check(unit: Unit, code: Code, dim: usize, rows: &[u8], queries: &[u8], threshold: f32) {
    let row_bytes = match code {
        Code::Bits => dim.div_ceil(8),
        Code::Levels => levels::row_bytes(dim),
        code => dim * code.row_bytes(),
    };
    let source = |bytes| match code {
        Code::F32 => Source::F32(bytes),
        Code::F16 => Source::F16(bytes),
        Code::Bf16 => Source::Bf16(bytes),
        Code::U8 => Source::U8(bytes),
        Code::I8 => Source::I8(bytes),
        Code::Bits => Source::Bits(bytes),
        Code::Levels => Source::Levels(bytes),
    };
    let value = |bytes: &[u8], i: usize| -> f64 {
        match code {
            Code::F32 => f32::from_le_bytes(bytes[4 * i..][..4].try_into().unwrap()).into(),
            Code::F16 => half::f16::from_le_bytes(bytes[2 * i..][..2].try_into().unwrap()).into(),
            Code::Bf16 => half::bf16::from_le_bytes(bytes[2 * i..][..2].try_into().unwrap()).into(),
            Code::U8 => bytes[i].into(),
            Code::I8 => (bytes[i] as i8).into(),
            Code::Bits => f64::from(bytes[i / 8] >> (7 - i % 8) & 1),
            Code::Levels => {
                let Tail { low, step, .. } = Tail::of(&bytes[..row_bytes]);
                f64::from(low + step * f32::from(bytes[i]))
            }
        }
    };
    let tiles = Tiles::new(unit, code, dim);
    let (n, m) = (rows.len() / row_bytes, queries.len() / row_bytes);
    let mut coded = tiles.rows(n + 40);
    // A first use that leaves something behind.
    tiles.code(&source(rows), 0, n, &Frame::PLAIN, &mut coded);
    let first = n / 3;
    tiles.code(&source(rows), first, n - first, &Frame::PLAIN, &mut coded);
    let asked = tiles.queries(&source(queries), 0, m, &Frame::PLAIN);
    let norm = |bytes: &[u8]| (0..dim).map(|i| value(bytes, i).powi(2)).sum::<f64>();
    for (i, row) in rows.chunks(row_bytes).skip(first).enumerate() {
        coded.bias[i] = (i as f32 * 7.0) % 13.0 - 6.0;
        coded.spread[i] = (i % 5) as f32;
        let (truth, square, residual) = (norm(row), f64::from(coded.squares[i]), f64::from(coded.residuals[i]));
        if tiles.exact() {
            assert_eq!((square, residual), (f64::from(truth as f32), 0.0));
        } else {
            assert!((square.sqrt() - truth.sqrt()).abs() <= residual + square.sqrt() * f64::from(tiles.rounding()));
            assert!(residual <= truth.sqrt() / 250.0 + 1e-18, "{residual} {truth}");
        }
    }
    let mut limits = Limits::new(m);
    for q in 0..m {
        limits.set(q, q as f32 - 2.0, if q % 4 == 3 { f32::NEG_INFINITY } else { threshold });
    }
    let mut hits = Vec::new();
    tiles.sweep(&mut coded, &asked, &mut limits, &mut |_, found, _| hits.extend_from_slice(found));
    let mut found = vec![None; (n - first) * m];
    for hit in hits {
        let place = &mut found[hit.row as usize * m + hit.query as usize];
        assert_eq!(*place, None, "a hit was given twice");
        *place = Some(hit.value);
    }
    for r in 0..n - first {
        for q in 0..m {
            let (row, query) = (&rows[(first + r) * row_bytes..], &queries[q * row_bytes..]);
            let dot: f64 = (0..dim).map(|i| value(row, i) * value(query, i)).sum();
            let (x, y) = (norm(&row[..row_bytes]).sqrt(), norm(&query[..row_bytes]).sqrt());
            let (dx, dy) = (f64::from(coded.residuals[r]), f64::from(asked.residuals()[q]));
            let rounding = f64::from(tiles.rounding()) * ((x + dx) * (y + dy) + 6.0);
            let value = dot + f64::from(coded.bias[r]);
            // Exact sums are rounded once, if they are beyond 2^24.
            let last = if value.abs() < f64::from(1 << 24) { 0.0 } else { value.abs() * f64::from(f32::EPSILON) };
            let slack = if tiles.exact() { last } else { x * dy + dx * y + dx * dy + rounding };
            let reach = f64::from(coded.spread[r]) * (q as f64 - 2.0);
            let limit = if q % 4 == 3 { f64::NEG_INFINITY } else { f64::from(threshold) };
            match found[r * m + q] {
                Some(got) => {
                    assert!((f64::from(got) - value).abs() <= slack, "{unit:?} {code:?} {dim}: {got} for {value}");
                    assert!(value + reach + slack >= limit - 1e-5 * (1.0 + limit.abs().min(1e9)));
                }
                None => assert!(value + reach - slack < limit + 1e-5 * (1.0 + limit.abs()), "missed {value}"),
            }
        }
    }
}

fn bytes(code: Code, dim: usize, n: usize) -> BoxedStrategy<Vec<u8>> {
    let size = n * dim;
    match code {
        Code::F32 => prop::collection::vec(prop_oneof![-2f32..2.0, Just(0.0), -1e3f32..1e3], size)
            .prop_map(|v| v.iter().flat_map(|x| x.to_le_bytes()).collect())
            .boxed(),
        Code::F16 => prop::collection::vec(-9f32..9.0, size)
            .prop_map(|v| v.iter().flat_map(|&x| half::f16::from_f32(x).to_le_bytes()).collect())
            .boxed(),
        Code::Bf16 => prop::collection::vec(-9f32..9.0, size)
            .prop_map(|v| v.iter().flat_map(|&x| half::bf16::from_f32(x).to_le_bytes()).collect())
            .boxed(),
        Code::Levels => prop::collection::vec(-9f32..9.0, size)
            .prop_map(move |v| {
                let mut rows = vec![0; levels::row_bytes(dim) * n];
                for (row, vector) in rows.chunks_exact_mut(levels::row_bytes(dim)).zip(v.chunks_exact(dim)) {
                    levels::encode(vector, row);
                }
                rows
            })
            .boxed(),
        Code::U8 | Code::I8 => prop::collection::vec(prop_oneof![any::<u8>(), Just(128), Just(255)], size).boxed(),
        Code::Bits => prop::collection::vec(any::<u8>(), n * dim.div_ceil(8))
            .prop_map(move |mut v| {
                let row = dim.div_ceil(8);
                v.iter_mut().skip(row - 1).step_by(row).for_each(|b| *b &= (0xff00u16 >> ((dim - 1) % 8 + 1)) as u8);
                v
            })
            .boxed(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn every_unit_finds_what_passes_and_nothing_else(
        (code, dim, rows, queries) in (prop::sample::select(Code::ALL.to_vec()), 1usize..300, 0usize..70, 0usize..70)
            .prop_flat_map(|(code, dim, n, m)| (Just(code), Just(dim), bytes(code, dim, n), bytes(code, dim, m))),
        threshold in prop_oneof![-50f32..50.0, Just(f32::NEG_INFINITY), Just(1e4)],
    ) {
        for &unit in units() {
            check(unit, code, dim, &rows, &queries, threshold);
        }
    }
}

#[test]
fn the_largest_sums_fit() {
    for dim in [33_000, 34_000, 65_536] {
        for &unit in units() {
            check(unit, Code::U8, dim, &vec![255; dim * 3], &vec![255; dim], 0.0);
            check(unit, Code::I8, dim, &vec![128; dim * 3], &vec![128; dim], 0.0);
            check(unit, Code::Bits, dim, &vec![255; dim / 8 * 3], &vec![255; dim / 8], 0.0);
            let ones = 1e4f32.to_le_bytes().repeat(dim * 3);
            check(unit, Code::F32, dim, &ones, &ones[..4 * dim], 0.0);
        }
    }
}
