//! Rows abreast on every instruction set this machine has, against plain sums in integers and `f64`.

use proptest::prelude::*;

use super::*;

/// What lies in a lane.
#[derive(Clone, Debug)]
struct Row {
    codes: Vec<i8>,
    error: f32,
    term: f32,
}

/// Blocks of rows at an address that is a multiple of 4 and of nothing more, and that end where their memory ends.
fn blocks(shape: Shape, rows: &[Row]) -> Vec<u32> {
    let words = shape.bytes() / 4;
    let mut memory = vec![0xA5A5_A5A5; 1 + rows.len().div_ceil(LANES) * words];
    for (i, row) in rows.iter().enumerate() {
        let block = memory[1 + i / LANES * words..].as_mut_ptr().cast();
        // SAFETY: the block is ours, and as long as the shape asks for.
        unsafe { shape.write(block, i % LANES, &row.codes, row.error, row.term) };
        // SAFETY: as above.
        let (error, term) = unsafe { shape.facts(block, i % LANES) };
        assert_eq!(error.to_bits(), row.error.to_bits());
        assert_eq!(term, if shape.terms() { row.term } else { 0.0 });
    }
    memory
}

fn passed(isa: Isa, query: &Query, limit: &Limit, memory: &[u32], n: usize) -> (Vec<f32>, Vec<u16>) {
    let (mut sums, mut passed) = (vec![f32::NAN; n * LANES + 1], vec![0x5A5A; n + 1]);
    let function = pass_for(isa).expect("it is available");
    // SAFETY: the memory holds n blocks of the query's shape, and there is room for the results.
    unsafe { function(query, limit, memory[1..].as_ptr().cast(), n, sums.as_mut_ptr(), passed.as_mut_ptr()) };
    assert!(sums.pop().unwrap().is_nan() && passed.pop().unwrap() == 0x5A5A, "{isa} wrote beyond its results");
    (sums, passed)
}

fn truth(query: &[i8], row: &[i8]) -> i64 {
    query.iter().zip(row).map(|(&q, &c)| (i64::from(q) - i64::from(c)).pow(2)).sum()
}

fn code() -> impl Strategy<Value = i8> {
    prop_oneof![4 => -127i8..=127, 1 => Just(127), 1 => Just(-127), 1 => -2i8..=2]
}

/// Sums, and on which side of the limit they are where that is no matter of rounding.
fn check(shape: Shape, query: &[i8], rows: &[Row], limit: &Limit) {
    let memory = blocks(shape, rows);
    let asked = Query::new(shape, query);
    for &isa in available() {
        let (sums, passed) = passed(isa, &asked, limit, &memory, rows.len().div_ceil(LANES));
        for (i, row) in rows.iter().enumerate() {
            let sum = truth(query, &row.codes);
            assert_eq!(sums[i], sum as f32, "{isa}, {} codes, row {i}", shape.width());
            let reach = match limit.bar {
                Bar::Reach(reach) => f64::from(reach),
                Bar::Terms { bar, scale, reach } => {
                    (f64::from(bar) + f64::from(row.term)).max(0.0).sqrt() * f64::from(scale) + f64::from(reach)
                }
            };
            let reach = reach + f64::from(row.error) * f64::from(limit.per_error);
            let plain = f64::from(limit.reach(row.error, row.term));
            assert!((plain - reach).abs() <= 1e-6 * reach, "{plain} is not {reach}");
            let square = reach * reach;
            let got = passed[i / LANES] >> (i % LANES) & 1 == 1;
            let (least, most) = (square * (1.0 - 1e-6), square * (1.0 + 1e-6));
            let sum = sum as f64;
            assert!(if got { sum <= most } else { sum >= least }, "{isa}, row {i}: {sum} against {square}, {got}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn sums_are_exact_and_limits_are_kept(
        width in prop_oneof![6 => 1usize..70, 1 => 70usize..300],
        n in 1usize..130,
        pool in prop::collection::vec(code(), 1..2000),
        terms: bool,
        numbers in prop::collection::vec(0f32..1.0, 3..90),
        share in 0f32..2.0,
    ) {
        let shape = Shape::new(width, terms);
        let codes = |from: usize| (0..width).map(|i| pool[(from * 37 + i) % pool.len()]).collect::<Vec<_>>();
        let number = |i: usize| numbers[i % numbers.len()];
        let rows: Vec<_> = (0..n)
            .map(|i| Row { codes: codes(i + 1), error: number(i), term: 500.0 * number(i + 1) - 100.0 })
            .collect();
        let query = codes(0);
        let far = (rows.iter().map(|row| truth(&query, &row.codes)).max().unwrap() as f32).sqrt();
        let bar = match terms {
            false => Bar::Reach(share * far),
            true => Bar::Terms { bar: 1000.0 * share - 500.0, scale: share, reach: number(2) * far },
        };
        check(shape, &query, &rows, &Limit { bar, per_error: 10.0 * number(0) });
    }
}

#[test]
fn the_longest_sums_are_exact() {
    let shape = Shape::new(MAX_WIDTH, false);
    let row = |code| Row { codes: vec![code; MAX_WIDTH], error: 0.0, term: 0.0 };
    let limit = Limit { bar: Bar::Reach(1.0), per_error: 1.0 };
    for query in [127, -127] {
        check(shape, &[query; MAX_WIDTH], &[row(127), row(-127), row(0), row(1)], &limit);
    }
}

/// Nothing that is unknown, infinite or at the limit itself is above it.
#[test]
fn what_is_not_surely_above_passes() {
    let shape = Shape::new(5, true);
    let row = |error, term| Row { codes: vec![3, 0, 0, 0, 4], error, term };
    let rows = [row(0.0, 0.0), row(f32::INFINITY, 0.0), row(0.0, f32::INFINITY), row(f32::NAN, 0.0), row(0.0, -9.0)];
    let memory = blocks(shape, &rows);
    let query = Query::new(shape, &[0; 5]);
    for &isa in available() {
        let within = |bar| passed(isa, &query, &Limit { bar, per_error: 1.0 }, &memory, 1).1[0] & 0b11111;
        assert_eq!(within(Bar::Reach(5.0)), 0b11111, "{isa}");
        assert_eq!(within(Bar::Reach(4.9)), 0b01010, "{isa}");
        assert_eq!(within(Bar::Reach(f32::INFINITY)), 0b11111, "{isa}");
        assert_eq!(within(Bar::Terms { bar: 25.0, scale: 1.0, reach: 0.0 }), 0b01111, "{isa}");
        assert_eq!(within(Bar::Terms { bar: 24.0, scale: 1.0, reach: 0.0 }), 0b01110, "{isa}");
        assert_eq!(within(Bar::Terms { bar: f32::MIN, scale: 1.0, reach: 4.0 }), 0b01110, "{isa}");
    }
}

#[test]
#[should_panic(expected = "16 lanes")]
fn there_is_no_seventeenth_lane() {
    // SAFETY: refused before anything is written.
    unsafe { Shape::new(0, false).write(core::ptr::null_mut(), LANES, &[], 0.0, 0.0) };
}
