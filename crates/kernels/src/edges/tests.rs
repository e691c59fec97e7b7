//! Edges on every instruction set this machine has, against the formulas in `f64`.

use half::bf16;
use proptest::prelude::*;

use super::rotation::RotateFn;
use super::table::Line;
use super::*;

/// An even address, as blocks have, that is otherwise as unaligned as can be.
struct Block {
    memory: Vec<u16>,
}

impl Block {
    fn new(padded: usize, fill: u8) -> Block {
        Block { memory: vec![u16::from_ne_bytes([fill; 2]); 1 + block_bytes(padded) / 2] }
    }

    fn at(&mut self) -> *mut u8 {
        self.memory[1..].as_mut_ptr().cast()
    }

    fn bytes(&self) -> Vec<u8> {
        self.memory[1..].iter().flat_map(|word| word.to_ne_bytes()).collect()
    }

    fn nibble(&self, lane: usize, group: usize) -> u8 {
        self.bytes()[CODES + group * GROUP_BYTES + lane % 16] >> (lane / 16 * 4) & 15
    }

    fn write(&mut self, of: &Functions, lane: usize, node: &[f32], neighbour: &[f32]) -> Sums {
        // SAFETY: blocks of these tests are as long as their vectors ask for.
        unsafe { (of.write_code)(self.at(), lane, node, neighbour) }
    }

    fn factors(&mut self, lane: usize, add: f32, rescale: f32) {
        // SAFETY: as above.
        unsafe { write_factors(self.at(), lane, add, rescale) };
    }

    fn estimate(&mut self, of: &Functions, table: &Table, base: f32) -> [f32; LANES] {
        let mut out = [f32::NAN; LANES];
        // SAFETY: as above, and there is room for 32 results.
        unsafe { (of.estimate)(table, self.at(), base, out.as_mut_ptr()) };
        out
    }
}

fn sets() -> impl Iterator<Item = (Isa, &'static Functions)> {
    available().iter().map(|&isa| (isa, functions_for(isa).expect("it is available")))
}

fn scalar() -> &'static Functions {
    functions_for(Isa::Scalar).expect("scalar is always there")
}

/// Normal deviates, more or less: sums of uniform ones.
fn deviates(n: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut uniform = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1 << 24) as f32 - 0.5
    };
    (0..n).map(|_| (0..12).map(|_| uniform()).sum()).collect()
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
}

/// Lengths of rotated vectors: every multiple of 16 to beyond where sums leave 16 bits.
fn lengths() -> impl Strategy<Value = usize> {
    prop_oneof![6 => 1usize..30, 3 => 30usize..140, 1 => 250usize..270].prop_map(|n| 16 * n)
}

#[test]
fn lengths_are_multiples_of_16() {
    assert_eq!([0, 1, 16, 17, 100, 384].map(padded), [16, 16, 16, 32, 112, 384]);
    assert_eq!(block_bytes(128), 640);
}

/// Sums of random entries, or of the largest there can be, on every set.
fn check_sums(length: usize, seed: u64, largest: bool) {
    let mut block = Block::new(length, 0);
    let mut random = deviates(length * 8, seed).into_iter().map(|x| x.to_bits() as u8);
    let mut table = Table { lines: Vec::new(), groups: length / 4, step: 1.0, offset: 0.0 };
    table.lines.resize_with(length / 16, || {
        Line([0; 64].map(|_: u8| if largest { 62 } else { random.next().expect("4 a component") % 63 }))
    });
    let codes: Vec<u8> = random.by_ref().take(4 * length).collect();
    // SAFETY: within the block's codes.
    unsafe { codes.as_ptr().copy_to_nonoverlapping(block.at().add(CODES), codes.len()) };
    (0..LANES).for_each(|lane| block.factors(lane, 0.0, 1.0));
    let bytes = block.bytes();
    let sums: [u32; LANES] = core::array::from_fn(|lane| {
        let entry = |group: usize| {
            let nibble = bytes[CODES + group * GROUP_BYTES + lane % 16] >> (lane / 16 * 4) & 15;
            u32::from(table.lines[group / 4].0[group % 4 * 16 + usize::from(nibble)])
        };
        (0..length / 4).map(entry).sum()
    });
    for (isa, of) in sets() {
        assert_eq!(block.estimate(of, &table, 0.0), sums.map(|sum| sum as f32), "{isa}, {length} components");
    }
}

/// The longest vector there may be, with the largest entries: sums need 20 bits.
#[test]
fn the_longest_sums_are_exact() {
    check_sums(crate::MAX_LEN, 1, true);
    check_sums(crate::MAX_LEN, 2, false);
}

fn rotated_with(rotate: RotateFn, rotation: &Rotation, v: &[f32]) -> Vec<f32> {
    let mut out = v.to_vec();
    out.resize(rotation.padded(), 0.0);
    rotation.apply_with(rotate, &mut out);
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn sums_of_entries_are_exact(length in lengths(), seed: u64, largest: bool) {
        check_sums(length, seed, largest);
    }

    #[test]
    fn estimates_follow_the_formula(length in lengths(), seed: u64, base in -9f32..9.0, scale in -30i32..30) {
        let scale = 2f32.powi(scale);
        let scaled = |seed| deviates(length, seed).into_iter().map(|x| x * scale).collect::<Vec<_>>();
        let (query, node) = (scaled(seed), scaled(seed ^ 1));
        let mut block = Block::new(length, 0xA5);
        let mut truth = [0f64; LANES];
        for (lane, truth) in truth.iter_mut().enumerate() {
            let neighbour = scaled(seed ^ (2 + lane as u64));
            block.write(scalar(), lane, &node, &neighbour);
            let factors = [lane as f32 - 3.3, (lane as f32 - 9.7) / scale];
            block.factors(lane, factors[0], factors[1]);
            let [add, rescale] = factors.map(|f| bf16::from_f32(f).to_f64());
            let signed = |i: usize| if neighbour[i] > node[i] { f64::from(query[i]) } else { -f64::from(query[i]) };
            *truth = f64::from(base) + add + rescale * (0..length).map(signed).sum::<f64>();
        }
        for (isa, of) in sets() {
            let mut table = Table::default();
            table.fill_with(of.fill, &query);
            let out = block.estimate(of, &table, base);
            for (lane, (out, truth)) in out.into_iter().zip(truth).enumerate() {
                let rescale = bf16::from_f32((lane as f32 - 9.7) / scale).to_f64().abs();
                let groups = (length / 4) as f64;
                // Half a step for each entry, then a few roundings of the largest numbers met.
                let slack = rescale * f64::from(table.step) * groups * (0.501 + 31.0 * 1e-6) + 1e-4;
                prop_assert!((f64::from(out) - truth).abs() <= slack, "{} lane {}: {} but {}", isa, lane, out, truth);
            }
        }
    }

    #[test]
    fn every_set_makes_the_same_table(length in lengths(), seed: u64, scale in -140i32..60) {
        let query: Vec<f32> = deviates(length, seed).into_iter().map(|x| x * 2f32.powi(scale)).collect();
        let tables = sets().map(|(isa, of)| {
            let mut table = Table::default();
            table.fill_with(of.fill, &query);
            (isa, table)
        });
        for (isa, table) in tables {
            let mut expected = Table::default();
            expected.fill_with(scalar().fill, &query);
            prop_assert_eq!((table.step, table.offset), (expected.step, expected.offset), "{}", isa);
            for (i, (line, expected)) in table.lines.iter().zip(&expected.lines).enumerate() {
                prop_assert_eq!(line.0, expected.0, "{} line {}", isa, i);
            }
            if table.step == 0.0 {
                continue;
            }
            for (group, q) in query.chunks_exact(4).enumerate() {
                for nibble in 0..16 {
                    let signed = |i: usize| if nibble >> i & 1 == 1 { f64::from(q[i]) } else { -f64::from(q[i]) };
                    let sum = (0..4).map(signed).sum::<f64>() / f64::from(table.step);
                    let entry = f64::from(table.lines[group / 4].0[group % 4 * 16 + nibble]) - 31.0;
                    prop_assert!((entry - sum).abs() < 0.5001, "{} group {} nibble {}", isa, group, nibble);
                }
            }
        }
    }

    #[test]
    fn a_code_is_the_residuals_signs_and_touches_no_other_lane(
        length in lengths(), seed: u64, lane in 0..LANES, fill: u8, equal in 0usize..5,
    ) {
        let node = deviates(length, seed);
        let mut neighbour = deviates(length, seed ^ 1);
        neighbour.iter_mut().zip(&node).step_by(7).take(equal).for_each(|(x, &node)| *x = node);
        for (isa, of) in sets() {
            let mut block = Block::new(length, fill);
            let sums = block.write(of, lane, &node, &neighbour);
            let mut expected = vec![fill; block_bytes(length)];
            let mut truth = [0f64; 4];
            for i in 0..length {
                let residual = neighbour[i] - node[i];
                let (byte, bit) = (CODES + i / 4 * 16 + lane % 16, 1 << (lane / 16 * 4 + i % 4));
                expected[byte] = if residual > 0.0 { expected[byte] | bit } else { expected[byte] & !bit };
                let (residual, node) = (f64::from(residual), f64::from(node[i]));
                let along = if residual > 0.0 { node } else { -node };
                for (sum, term) in truth.iter_mut().zip([residual.abs(), residual.powi(2), along, node.abs()]) {
                    *sum += term;
                }
            }
            prop_assert_eq!(block.bytes(), expected, "{}", isa);
            let slack = length as f64 / 4.0 * 2f64.powi(-24);
            prop_assert!((f64::from(sums.l1) - truth[0]).abs() <= slack * truth[0], "{}: {:?}", isa, sums);
            prop_assert!((f64::from(sums.l2sq) - truth[1]).abs() <= slack * truth[1], "{}: {:?}", isa, sums);
            prop_assert!((f64::from(sums.along) - truth[2]).abs() <= 3.0 * slack * truth[3], "{}: {:?}", isa, sums);
        }
    }

    #[test]
    fn a_rotation_keeps_inner_products(dim in 1usize..=2100, seed: u64) {
        let rotation = Rotation::new(dim, seed);
        let (x, y) = (deviates(dim, seed ^ 1), deviates(dim, seed ^ 2));
        for (isa, of) in sets() {
            let rotated = |v: &[f32]| rotated_with(of.rotate, &rotation, v);
            let (rx, ry) = (rotated(&x), rotated(&y));
            let norms = dot(&x, &x).sqrt() * dot(&y, &y).sqrt();
            prop_assert!((dot(&rx, &ry) - dot(&x, &y)).abs() < 3e-6 * norms, "{}", isa);
            prop_assert!((dot(&rx, &rx) / dot(&x, &x) - 1.0).abs() < 3e-6, "{}", isa);
            let expected = rotated_with(scalar().rotate, &rotation, &x);
            let off = rx.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            prop_assert!(f64::from(off) < 2e-6 * dot(&x, &x).sqrt(), "{}: {}", isa, off);
        }
    }

    #[test]
    fn a_copied_lane_gives_the_same_estimates(length in lengths(), seed: u64, from in 0..LANES, to in 0..LANES) {
        let (node, neighbour) = (deviates(length, seed), deviates(length, seed ^ 1));
        let mut block = Block::new(length, 0x3C);
        let mut other = Block::new(length, 0x5A);
        let before = other.bytes();
        block.write(scalar(), from, &node, &neighbour);
        block.factors(from, 0.5, -2.0);
        // SAFETY: both blocks are of this length.
        unsafe { copy_lane(block.at(), from, other.at(), to, length) };
        let mut expected = Block::new(length, 0x5A);
        expected.write(scalar(), to, &node, &neighbour);
        expected.factors(to, 0.5, -2.0);
        prop_assert_eq!(other.bytes(), expected.bytes());
        prop_assert!(other.bytes() != before);
    }
}

/// In every dimension, also where two blocks of a power of two hardly overlap.
#[test]
fn a_rotation_spreads_one_component_over_all() {
    for dim in [16, 17, 48, 100, 128, 200, 300, 384, 496, 768, 960, 1008, 1536, 2000] {
        let rotation = Rotation::new(dim, 7);
        let mean = 1.0 / rotation.padded() as f64;
        for hot in [0, 1, dim / 3, dim / 2, dim - 1] {
            let mut out = vec![0.0; rotation.padded()];
            out[hot] = 1.0;
            rotation.apply(&mut out);
            let largest = out.iter().fold(0f32, |a, x| a.max(x.abs()));
            assert!(f64::from(largest).powi(2) < 20.0 * mean, "{dim}: component {hot} left {largest}");
            let parts = out.chunks_exact(rotation.padded() / 4);
            for (i, part) in parts.enumerate() {
                let share = 4.0 * dot(part, part);
                assert!((0.2..2.5).contains(&share) || dim < 64, "{dim}: component {hot} gave quarter {i} {share}");
            }
        }
    }
}

#[test]
fn rotations_differ_by_seed_only() {
    let x = deviates(100, 1);
    let rotated = |seed| rotated_with(functions().rotate, &Rotation::new(100, seed), &x);
    assert_eq!(rotated(5), rotated(5));
    assert!(dot(&rotated(5), &rotated(6)).abs() < 0.5 * dot(&x, &x));
}

/// RaBitQ's estimator from the block's parts: with the factors l2² and −2·l2²/l1, an estimate
/// is |q − node|² + |r|² − 2⟨q − node, r⟩ with ⟨·, r⟩ replaced by ⟨·, sgn r⟩ · |r|² / l1.
#[test]
fn distances_are_estimated_without_bias() {
    let dim = 384;
    let rotation = Rotation::new(dim, 3);
    let rotated = |v: &[f32]| rotated_with(functions().rotate, &rotation, v);
    let square = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>();
    let (mut sum, mut squares, mut n) = (0.0, 0.0, 0.0);
    for round in 0..20 {
        let (query, node) = (deviates(dim, 100 + round), deviates(dim, 200 + round));
        let (rotated_query, rotated_node) = (rotated(&query), rotated(&node));
        let mut block = Block::new(dim, 0);
        let neighbours: Vec<_> = (0..LANES as u64).map(|lane| deviates(dim, 1000 + 32 * round + lane)).collect();
        for (lane, neighbour) in neighbours.iter().enumerate() {
            // SAFETY: the block is of this length.
            let sums = unsafe { write_code(block.at(), lane, &rotated_node, &rotated(neighbour)) };
            let rescale = -2.0 * sums.l2sq / sums.l1;
            block.factors(lane, sums.l2sq - rescale * sums.along, rescale);
        }
        let mut table = Table::default();
        table.fill(&rotated_query);
        let estimates = block.estimate(functions(), &table, square(&query, &node) as f32);
        for (neighbour, estimate) in neighbours.iter().zip(estimates) {
            let error = f64::from(estimate) / square(&query, neighbour) - 1.0;
            (sum, squares, n) = (sum + error, squares + error * error, n + 1.0);
        }
    }
    let (mean, deviation) = (sum / n, f64::sqrt(squares / n));
    assert!(mean.abs() < 0.01, "biased by {mean}");
    assert!(deviation < 0.1, "off by {deviation}");
}

#[test]
fn nothing_is_not_a_number() {
    for (isa, of) in sets() {
        let (zero, node) = (vec![0.0; 48], deviates(48, 1));
        let mut block = Block::new(48, 0xFF);
        for lane in 0..LANES {
            assert_eq!(block.write(of, lane, &node, &node).l1, 0.0, "{isa}");
            block.factors(lane, 1.0, 2.0);
        }
        assert!((0..LANES).all(|lane| (0..12).all(|group| block.nibble(lane, group) == 0)), "{isa}");
        // SAFETY: the block is of this length.
        unsafe { clear_lane(block.at(), 5) };
        for query in [&zero, &vec![1e-45; 48], &vec![1e18; 48]] {
            let mut table = Table::default();
            table.fill_with(of.fill, query);
            let out = block.estimate(of, &table, 0.5);
            assert_eq!(out[5], f32::INFINITY, "{isa}");
            for (lane, &out) in out.iter().enumerate().filter(|&(lane, _)| lane != 5) {
                let truth = 1.5 - 2.0 * 48.0 * query[0];
                assert!((out - truth).abs() <= 1e-5 * truth.abs(), "{isa} lane {lane}: {out} but {truth}");
            }
        }
    }
}
