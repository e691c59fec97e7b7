//! Every kernel of every instruction set this machine has, against the scalar reference.
//!
//! Integers must agree to the bit. For floats, with unit roundoff u = 2⁻²⁴, a term costs at most
//! three roundings ((q − x) counts twice, its square or product once) and then takes part in at
//! most `depth` additions, so the error is at most (depth + 3)·u·Σ|term|, to first order. A sum in
//! at least four lanes has depth ≤ len/4 + 8, where 8 covers the tail and the final reduction.
//! Below the normal range each operation loses at most 2⁻¹⁴⁹ more.

use half::{bf16, f16};
use proptest::prelude::*;
use vicinal_kernels::levels::{self, LARGEST, Query, Tail};
use vicinal_kernels::{Code, Form, Isa, MAX_LEN, available, batch_for, reference};

/// Forms that mean something over a code.
fn forms(code: Code) -> &'static [Form] {
    match code {
        Code::Bits => &[Form::Hamming, Form::Jaccard],
        Code::Levels => &[Form::Dot],
        _ => &[Form::SqL2, Form::Dot],
    }
}

/// Runs the batch on copies at addresses that are `shift` bytes off alignment, each copy ending
/// where its allocation ends, so that reading beyond a row is seen by a sanitizer.
fn run(isa: Isa, form: Form, code: Code, query: &[u8], rows: &[Vec<u8>], shift: usize) -> Vec<f32> {
    let shifted = |bytes: &[u8]| [&vec![0xA5; shift][..], bytes].concat();
    let query_copy = shifted(query);
    let copies: Vec<Vec<u8>> = rows.iter().map(|row| shifted(row)).collect();
    let addresses: Vec<*const u8> = copies.iter().map(|copy| copy[shift..].as_ptr()).collect();
    let mut out = vec![f32::NAN; rows.len() + 1];
    let kernel = batch_for(isa, form, code).expect("the pair has a kernel");
    // SAFETY: `addresses` are of rows as long as the query, and `out` has room for them.
    unsafe {
        kernel(
            query_copy[shift..].as_ptr(),
            addresses.as_ptr(),
            rows.len(),
            query.len() / code.query_bytes(),
            out.as_mut_ptr(),
        );
    }
    assert!(out.pop().unwrap().is_nan(), "wrote beyond the {} results", rows.len());
    out
}

/// Largest error a float kernel may have, from the absolute terms of the sum.
fn bound(form: Form, code: Code, query: &[u8], row: &[u8]) -> f64 {
    let magnitude = match form {
        Form::SqL2 => reference::evaluate(form, code, query, row),
        _ => {
            let absolute = |bytes: &[u8], size: usize| {
                let mut bytes = bytes.to_vec();
                for component in bytes.chunks_exact_mut(size) {
                    component[size - 1] &= 0x7f; // the sign, on a little-endian machine
                }
                bytes
            };
            let (query, row) = (absolute(query, 4), absolute(row, code.row_bytes()));
            reference::evaluate(form, code, &query, &row)
        }
    };
    let len = (query.len() / 4) as f64;
    (len / 4.0 + 11.0) * 2f64.powi(-24) * magnitude + (3.0 * len + 1.0) * 2f64.powi(-149)
}

fn check(code: Code, query: &[u8], rows: &[Vec<u8>], shift: usize) {
    for &isa in available() {
        for &form in forms(code) {
            let got = run(isa, form, code, query, rows, shift);
            for (i, (row, got)) in rows.iter().zip(got).enumerate() {
                let truth = reference::evaluate(form, code, query, row);
                let slack = match code {
                    Code::F32 | Code::F16 | Code::Bf16 => bound(form, code, query, row),
                    _ => 0.0,
                };
                let error =
                    if slack == 0.0 { f64::from(got) - f64::from(truth as f32) } else { f64::from(got) - truth };
                assert!(
                    error.abs() <= slack,
                    "{isa} {form:?} {code:?}, len {}, row {i} of {}: {got} but {truth}, \
                     off by {error:e}, allowed {slack:e}",
                    query.len() / code.query_bytes(),
                    rows.len(),
                );
            }
        }
    }
}

/// The bytes of finite floats, as a row of the given code stores them.
fn encode(code: Code, values: &[f32]) -> Vec<u8> {
    match code {
        Code::F32 => values.iter().flat_map(|v| v.to_ne_bytes()).collect(),
        Code::F16 => values.iter().flat_map(|&v| f16::from_f32(v).to_ne_bytes()).collect(),
        Code::Bf16 => values.iter().flat_map(|&v| bf16::from_f32(v).to_ne_bytes()).collect(),
        Code::I8 | Code::U8 | Code::Bits | Code::Levels => unreachable!("not a float"),
    }
}

/// Floats of all sizes whose squares, 300 of them, stay finite.
fn value() -> impl Strategy<Value = f32> {
    prop_oneof![
        8 => -4.0f32..4.0,
        2 => (-100i32..60, -1.0f32..1.0).prop_map(|(e, m)| m * 2f32.powi(e)),
        1 => Just(0.0f32),
        1 => -1e-40f32..1e-40,
    ]
}

fn half_value() -> impl Strategy<Value = f32> {
    // Every finite half, subnormals as likely as the rest.
    prop_oneof![0u16..0x0400, 0u16..0x7c00, 0x8000u16..0xfc00].prop_map(|b| f16::from_bits(b).to_f32())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn float_rows_agree_within_the_rounding_bound(
        len in 0usize..300,
        n in 0usize..23,
        shift in 0usize..64,
        pool in prop::collection::vec(value(), 1..400),
        half_pool in prop::collection::vec(half_value(), 1..400),
    ) {
        for code in [Code::F32, Code::F16, Code::Bf16] {
            let pool = if code == Code::F16 { &half_pool } else { &pool };
            let take = |from: usize| -> Vec<f32> {
                (0..len).map(|i| pool[(from * 37 + i) % pool.len()]).collect()
            };
            let rows: Vec<Vec<u8>> = (1..=n).map(|row| encode(code, &take(row))).collect();
            check(code, &encode(Code::F32, &take(0)), &rows, shift);
        }
    }

    #[test]
    fn byte_and_bit_rows_agree_exactly(
        len in 0usize..600,
        n in 0usize..23,
        shift in 0usize..64,
        pool in prop::collection::vec(any::<u8>(), 1..800),
    ) {
        for code in [Code::I8, Code::U8, Code::Bits] {
            let take = |from: usize| -> Vec<u8> {
                (0..len).map(|i| pool[(from * 37 + i) % pool.len()]).collect()
            };
            let rows: Vec<Vec<u8>> = (1..=n).map(take).collect();
            check(code, &take(0), &rows, shift);
        }
    }
}

/// The numbers of a query, as the kernel reads them.
fn numbers(vector: &[f32]) -> Vec<u8> {
    Query::of(vector).numbers.iter().flat_map(|q| q.to_ne_bytes()).collect()
}

proptest! {
    #[test]
    fn levels_agree_exactly(
        len in 0usize..600,
        n in 0usize..23,
        shift in 0usize..64,
        pool in prop::collection::vec(any::<u8>(), 1..800),
        query in prop::collection::vec(-3f32..3.0, 600),
    ) {
        let row = |r: usize| (0..len).map(|i| pool[(r * 37 + i) % pool.len()]).collect();
        check(Code::Levels, &numbers(&query[..len]), &(0..n).map(row).collect::<Vec<Vec<u8>>>(), shift);
    }

    #[test]
    fn a_row_of_levels_is_off_by_half_a_step(vector in prop::collection::vec(value(), 1..200)) {
        let mut row = vec![0xA5; levels::row_bytes(vector.len())];
        let square = levels::encode(&vector, &mut row);
        let mut decoded = vec![f32::NAN; vector.len()];
        levels::decode(&row, &mut decoded);
        let Tail { step, .. } = Tail::of(&row);
        let longest = vector.iter().fold(0f32, |longest, x| longest.max(x.abs()));
        for (x, y) in vector.iter().zip(&decoded) {
            prop_assert!((x - y).abs() <= 0.5 * step + 3e-7 * longest + 1e-30, "{x} became {y}, a step is {step}");
        }
        let sum: f64 = decoded.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
        prop_assert!((sum - square).abs() <= 1e-5 * f64::from(longest).powi(2) * vector.len() as f64 + 1e-60);
    }

    #[test]
    fn a_query_is_off_by_half_a_unit_and_its_sums_are_its_own(vector in prop::collection::vec(value(), 1..200)) {
        let Query { numbers, unit, sum, square } = Query::of(&vector);
        let longest = vector.iter().fold(0f32, |longest, x| longest.max(x.abs()));
        prop_assert!(unit <= (longest / 32_000.0).max(1e-30), "{unit}");
        let kept: Vec<f64> = numbers.iter().map(|&q| f64::from(unit) * f64::from(q)).collect();
        for (&x, kept) in vector.iter().zip(&kept) {
            prop_assert!((f64::from(x) - kept).abs() <= 0.51 * f64::from(unit), "{x} became {kept}");
        }
        let near = |got: f32, truth: f64, terms: f64| (f64::from(got) - truth).abs() <= 1e-6 * terms + 1e-44;
        prop_assert!(near(sum, kept.iter().sum(), kept.iter().map(|x| x.abs()).sum()));
        prop_assert!(near(square, kept.iter().map(|x| x * x).sum(), kept.iter().map(|x| x * x).sum()));
    }
}

#[test]
fn sums_of_levels_fit_at_every_length() {
    for len in [1, 63, 256, 1024, 20_000, MAX_LEN - 1, MAX_LEN] {
        let uneven: Vec<f32> = (0..len).map(|i| if i % 7 == 0 { 1.0 } else { -0.8 }).collect();
        for vector in [vec![1.0; len], vec![-1.0; len], uneven] {
            let query = Query::of(&vector);
            let total: i64 = query.numbers.iter().map(|q| i64::from(q.unsigned_abs())).sum();
            assert!(255 * total <= i64::from(i32::MAX) && query.numbers.iter().all(|q| q.abs() <= LARGEST));
            // Nor is more given away than must be.
            assert!(total >= 8_000_000 || query.numbers.iter().any(|q| q.abs() >= 32_500), "{len}: {total}");
            check(Code::Levels, &numbers(&vector), &[vec![255; len], vec![0; len], vec![1; len]], 1);
        }
    }
}

#[test]
fn equal_components_have_levels_too() {
    for x in [0.0, -0.0, 7.5, -1e18] {
        let mut row = vec![0; levels::row_bytes(5)];
        levels::encode(&[x; 5], &mut row);
        assert_eq!(Tail::of(&row), Tail { low: x, step: 0.0, own: 0.0 });
        assert_eq!(Query::of(&[x; 5]).numbers.iter().any(|&q| q != 0), x != 0.0);
    }
}

#[test]
fn every_length_up_to_four_registers_has_its_tail_right() {
    for len in 0..=260usize {
        let bytes: Vec<u8> = (0..len).map(|i| (i * 89 + 13) as u8).collect();
        let rows: Vec<Vec<u8>> = (1..6).map(|r| bytes.iter().map(|b| b.wrapping_mul(2 * r + 1)).collect()).collect();
        for code in [Code::I8, Code::U8, Code::Bits] {
            check(code, &bytes, &rows, 1);
        }
        check(Code::Levels, &numbers(&bytes.iter().map(|&b| f32::from(b) - 100.0).collect::<Vec<_>>()), &rows, 1);
        let floats: Vec<f32> = bytes.iter().map(|&b| f32::from(b) - 100.0).collect();
        for code in [Code::F32, Code::F16, Code::Bf16] {
            let rows: Vec<Vec<u8>> =
                (1..6).map(|r| encode(code, &floats.iter().map(|v| v * r as f32).collect::<Vec<_>>())).collect();
            check(code, &encode(Code::F32, &floats), &rows, 1);
        }
    }
}

#[test]
fn integers_stay_exact_at_the_extremes_of_value_and_length() {
    for len in [MAX_LEN, MAX_LEN - 1, 4097] {
        let constant = |b: u8| vec![b; len];
        let extremes = [0u8, 1, 127, 128, 255].map(constant);
        for code in [Code::I8, Code::U8, Code::Bits] {
            for query in &extremes {
                check(code, query, &extremes, 3);
            }
        }
    }
}

#[test]
fn every_half_is_read_exactly() {
    let finite = (0..=u16::MAX).filter(|b| b & 0x7c00 != 0x7c00);
    let rows: Vec<Vec<u8>> = finite.map(|b| b.to_ne_bytes().to_vec()).collect();
    for &isa in available() {
        let out = run(isa, Form::Dot, Code::F16, &1f32.to_ne_bytes(), &rows, 0);
        for (row, got) in rows.iter().zip(out) {
            let truth = f16::from_ne_bytes([row[0], row[1]]).to_f32();
            assert_eq!(got, truth, "{isa}");
        }
    }
}

#[test]
fn floats_as_large_as_the_magnitude_rule_allows_stay_finite() {
    // A squared norm just below f32::MAX / 4, spread over the row or in one component.
    for len in [1usize, 7, 128, 4096, MAX_LEN] {
        let each = ((f64::from(f32::MAX) / 4.0 * 0.999 / len as f64).sqrt()) as f32;
        let spread = vec![each; len];
        let opposite = vec![-each; len];
        let mut peak = vec![0.0; len];
        peak[len - 1] = (f64::from(f32::MAX) / 4.0 * 0.999).sqrt() as f32;
        for code in [Code::F32, Code::Bf16] {
            let rows = [&spread, &opposite, &peak].map(|row| encode(code, row));
            for query in [&spread, &peak] {
                check(code, &encode(Code::F32, query), &rows, 0);
            }
        }
    }
}

#[test]
fn long_float_rows_keep_to_the_bound() {
    let values: Vec<f32> = (0..MAX_LEN).map(|i| ((i * 7919) % 2003) as f32 / 1000.0 - 1.0).collect();
    let reversed: Vec<f32> = values.iter().rev().copied().collect();
    for code in [Code::F32, Code::F16, Code::Bf16] {
        check(code, &encode(Code::F32, &values), &[encode(code, &values), encode(code, &reversed)], 2);
    }
}

#[test]
fn meaningless_pairs_have_no_kernel() {
    for &isa in available() {
        for code in Code::ALL {
            for form in Form::ALL {
                let there = batch_for(isa, form, code).is_some();
                assert_eq!(there, forms(code).contains(&form), "{isa} {form:?} {code:?}");
            }
        }
    }
}
