//! Bounds hold whatever the axes, the centre and the vectors.

use half::{bf16, f16};
use proptest::prelude::*;

use super::screen::each_blocks;
use super::{Basis, Probe, Scratch, TOGETHER, Table, screen};
use crate::flat::{Measure, Plane, Space};
use crate::run::Run;
use crate::types::{Dtype, Metric, check_metric};

const METRICS: [Metric; 4] = [Metric::L2, Metric::SqEuclidean, Metric::Cosine, Metric::Ip];

/// Components in order of a size, among them none, subnormals, ties and what a code's range leaves out.
fn component(size: i32) -> impl Strategy<Value = f32> {
    let scale = 2f32.powi(size);
    prop_oneof![
        8 => (-1f32..1.0).prop_map(move |x| x * scale),
        1 => Just(0.0),
        1 => Just(scale),
        1 => (-4i32..4).prop_map(move |x| x as f32 * 0.25 * scale),
        1 => Just(f32::from_bits(1)),
        1 => (-1f32..1.0).prop_map(move |x| x * scale * 1000.0),
    ]
}

/// One row in its dtype.
fn stored(row: &[f32], dtype: Dtype) -> Vec<u8> {
    row.iter()
        .flat_map(|&x| match dtype {
            Dtype::F32 => x.to_ne_bytes().to_vec(),
            Dtype::F16 => f16::from_f32(x.clamp(-6e4, 6e4)).to_ne_bytes().to_vec(),
            Dtype::Bf16 => bf16::from_f32(x).to_ne_bytes().to_vec(),
            Dtype::I8 => vec![(x as i8) as u8],
            _ => vec![x as u8],
        })
        .collect()
}

/// A query in the dtype that queries of rows have.
fn asked(row: &[f32], dtype: Dtype) -> Vec<u8> {
    stored(row, if dtype.is_float() { Dtype::F32 } else { dtype })
}

fn floats_of(bytes: &[u8], dtype: Dtype, dim: usize) -> Vec<f32> {
    let mut values = vec![0.0; dim];
    crate::flat::floats(dtype, Plane::Whole(bytes), &mut values);
    values
}

#[derive(Debug)]
struct Case {
    space: Space,
    centre: Vec<f32>,
    axes: Vec<f32>,
    /// Rows of the sample, then rows that come later.
    rows: Vec<Vec<u8>>,
    sample: usize,
    queries: Vec<Vec<u8>>,
}

fn cases() -> impl Strategy<Value = Case> {
    let space = (1usize..70, prop::sample::select(METRICS.to_vec()), prop::sample::select(Dtype::ALL.to_vec()));
    let space = space.prop_filter("bits have no codes", |&(_, metric, dtype)| check_metric(metric, dtype).is_ok());
    (space, -60i32..60, 1usize..40, any::<u64>()).prop_flat_map(|((dim, metric, dtype), size, sample, turn)| {
        let size = match dtype {
            Dtype::F16 => size.clamp(-10, 5),
            Dtype::I8 | Dtype::U8 => 6,
            _ if metric == Metric::Cosine => size.clamp(-30, 40),
            _ => size.clamp(-60, 40),
        };
        let row = move || prop::collection::vec(component(size), dim);
        let rows = prop::collection::vec(row(), sample..sample + 60);
        let axes = prop::collection::vec(-2f32..2.0, dim * (1 + turn as usize % dim));
        let centre = prop::collection::vec(component(size), dim);
        let shape = (any::<bool>(), any::<prop::sample::Index>());
        (rows, prop::collection::vec(row(), 1..3), axes, centre, shape).prop_map(
            move |(mut rows, mut queries, mut axes, mut centre, (plain, twin))| {
                if plain {
                    // The components themselves, as many of them as there are axes.
                    axes.iter_mut().enumerate().for_each(|(i, x)| *x = f32::from(i % (dim + 1) == 0));
                    centre.fill(0.0);
                }
                // A query that equals a row, and a row that equals another.
                queries.push(rows[twin.index(rows.len())].clone());
                rows.push(queries[0].clone());
                rows.push(queries[0].clone());
                let space = Space { dim, metric, dtype };
                let mut rows: Vec<_> = rows.iter().map(|row| stored(row, dtype)).collect();
                let mut queries: Vec<_> = queries.iter().map(|row| asked(row, dtype)).collect();
                let long = |bytes: &Vec<u8>, dtype| super::frame::square(&floats_of(bytes, dtype, dim)) > 1e-29;
                if metric == Metric::Cosine {
                    let asked = if dtype.is_float() { Dtype::F32 } else { dtype };
                    rows.retain(|row| long(row, dtype));
                    queries.retain(|row| long(row, asked));
                }
                let sample = sample.min(rows.len());
                Case { space, centre, axes, rows, sample, queries }
            },
        )
    })
}

fn table(case: &Case) -> Table {
    let Space { dim, metric, dtype } = case.space;
    let mut sample = Vec::new();
    for row in &case.rows[..case.sample] {
        let mut values = floats_of(row, dtype, dim);
        if metric == Metric::Cosine {
            let norm = super::frame::square(&values).sqrt();
            values.iter_mut().for_each(|x| *x = (f64::from(*x) / norm) as f32);
        }
        sample.extend(values);
    }
    let basis = Basis { centre: &case.centre, axes: &case.axes };
    let table = Table::new(case.space, basis, &sample, case.sample).unwrap();
    table.reserve(case.rows.len()).unwrap();
    let mut scratch = Scratch::default();
    for (slots, rows) in
        (0..case.rows.len() as u32).collect::<Vec<_>>().chunks(TOGETHER).zip(case.rows.chunks(TOGETHER))
    {
        let planes: Vec<_> = rows.iter().map(|row| Plane::Whole(row)).collect();
        // SAFETY: reserved above, and nobody else knows the table.
        unsafe { table.write(slots, &planes, &mut scratch) };
    }
    table
}

proptest! {
    /// Whatever bar is set: no row that measures at the bar or below is excluded, and no least distance is above the
    /// one measured.
    #[test]
    fn what_the_codes_exclude_is_farther(case in cases(), rank in any::<prop::sample::Index>(), epsilon in 0f64..0.5) {
        prop_assume!(!case.rows.is_empty() && !case.queries.is_empty());
        let table = table(&case);
        for query in &case.queries {
            let mut measure = Measure::new(case.space, query);
            let measured: Vec<f32> = case.rows.iter().map(|row| measure.distance(Plane::Whole(row))).collect();
            let bar = measured[rank.index(measured.len())];
            for epsilon in [0.0, if case.space.metric == Metric::Ip { 0.0 } else { epsilon }] {
                let mut probe = Probe::new(&table, query);
                probe.lower(bar, epsilon);
                let all = 0..case.rows.len() as u32;
                // SAFETY: all rows were coded, and nobody writes.
                let screened = unsafe { screen(&table, std::slice::from_ref(&all), None, &[&probe], &Run::new(1)) }.unwrap().remove(0);
                prop_assert!(!screened.given_up && screened.bounded == case.rows.len() as u64);
                for (slot, &distance) in measured.iter().enumerate() {
                    match screened.left.iter().find(|&&(_, left)| left as usize == slot) {
                        Some(&(least, _)) => prop_assert!(least <= distance.next_up(), "{least} > {distance}"),
                        None if epsilon == 0.0 => prop_assert!(distance > bar, "{distance} <= {bar}"),
                        None => prop_assert!(f64::from(distance) * (1.0 + epsilon) >= f64::from(bar)),
                    }
                }
            }
        }
    }
}

proptest! {
    /// Whatever the ranges: every slot in them is shown once, no other, and few enough blocks at a time.
    #[test]
    fn each_slot_is_shown_once(steps in prop::collection::vec((0u32..200, 1u32..200), 0..20), most in 1usize..40) {
        let mut end = 0;
        let ranges: Vec<_> = steps.iter().map(|&(gap, rows)| {
            let start = end + gap;
            end = start + rows;
            start..end
        }).collect();
        let mut shown = Vec::new();
        each_blocks(ranges.iter().cloned(), most, |first, lanes| {
            assert!((1..=most).contains(&lanes.len()) && lanes[0] != 0);
            for (block, lanes) in (first..).zip(lanes) {
                shown.extend((0..16).filter(|lane| lanes >> lane & 1 == 1).map(|lane| 16 * block + lane));
            }
            Ok(())
        }).unwrap();
        prop_assert_eq!(shown, ranges.into_iter().flatten().collect::<Vec<u32>>());
    }
}

/// Codes are worth having: along the components of rows that differ in few of them, most rows are excluded by a first
/// stage that is shorter than the rows.
#[test]
fn codes_exclude_what_is_far() {
    let (dim, n) = (128, 2000u32);
    let mut state = 1u64;
    let mut normal = || {
        let mut sum = 0.0;
        for _ in 0..12 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            sum += (state >> 40) as f32 / (1 << 24) as f32;
        }
        sum - 6.0
    };
    let mut row = || (0..dim).map(|i| normal() * if i < 20 { 1.0 } else { 0.05 }).collect::<Vec<f32>>();
    let rows: Vec<Vec<u8>> = (0..n).map(|_| stored(&row(), Dtype::F32)).collect();
    let queries = vec![stored(&row(), Dtype::F32)];
    let axes = (0..dim * dim).map(|i| f32::from(i % (dim + 1) == 0)).collect();
    let space = Space { dim, metric: Metric::L2, dtype: Dtype::F32 };
    let case = Case { space, centre: vec![0.0; dim], axes, rows, sample: 500, queries };
    let table = table(&case);
    assert_eq!(table.first.shape.width(), 16);
    assert_eq!(table.stages.iter().map(|stage| stage.to).collect::<Vec<_>>(), [32, 64, 128]);
    let mut measure = Measure::new(space, &case.queries[0]);
    let mut measured: Vec<f32> = case.rows.iter().map(|row| measure.distance(Plane::Whole(row))).collect();
    measured.sort_unstable_by(f32::total_cmp);
    let mut probe = Probe::new(&table, &case.queries[0]);
    probe.lower(measured[9], 0.0);
    // SAFETY: all rows were coded, and nobody writes.
    let screened = unsafe { screen(&table, std::slice::from_ref(&(0..n)), None, &[&probe], &Run::new(1)) }.unwrap();
    assert!((10..30).contains(&screened[0].left.len()), "{}", screened[0].left.len());
}

#[test]
fn what_is_no_basis_is_refused() {
    let space = Space { dim: 3, metric: Metric::L2, dtype: Dtype::F32 };
    let refused = |centre: &[f32], axes: &[f32]| {
        Table::new(space, Basis { centre, axes }, &[], 0).err().expect("refused").to_string()
    };
    assert!(refused(&[0.0; 2], &[1.0; 3]).contains("3 components"));
    assert!(refused(&[0.0; 3], &[1.0; 4]).contains("3 components"));
    assert!(refused(&[0.0; 3], &[]).contains("3 components"));
    assert!(refused(&[0.0, 0.0, f32::NAN], &[1.0; 3]).contains("finite"));
    assert!(refused(&[0.0; 3], &[1.0, f32::INFINITY, 0.0]).contains("finite"));
    assert!(refused(&[0.0; 3], &[1.0, 3.0, 0.0]).contains("length 1"));
}
