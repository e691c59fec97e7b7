//! Hostile files: every sum is right, and what the file says is wrong. None may crash or hang the reader, and no answer
//! may be untrue.

mod support;

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use proptest::prelude::*;
use support::file::Snapshot;
use support::{Case, answers_are_true, build, folder, ids, matrix, one_thread};
use vicinal_core::{Dtype, Error, Index, Layout, Metric, Store};

/// Small, and with every section there is: both planes, norms, upper rows, ids, chains of equal vectors, and slots that
/// are free or have a removed vector.
const WHOLE: Case = Case {
    metric: Metric::Cosine,
    dtype: Dtype::F32,
    layout: Layout::Compact,
    store: Store::Given,
    dim: 3,
    rows: 300,
    seed: 5,
    ids: true,
};
/// The same, with levels for walks.
const HALVES: Case = Case { store: Store::F16, ..WHOLE };
const LEVELS: Case = Case { store: Store::None, ..WHOLE };
/// Words of a row before its links, and what they hold.
const VERSION: usize = 0;
const DEGREE: usize = 4;
const UPPER: usize = 8;
const TWIN: usize = 12;
const LINKS: usize = 16;
/// Marks in the words of a row.
const PROTECTED: u32 = 1 << 31;
const IS_TWIN: u32 = 1 << 24;

fn snapshot(folder: &Path, case: &Case) -> Snapshot {
    let path = folder.join("whole.vicinal");
    let index = build(case);
    if let Some(ids) = ids(case) {
        index.remove(&ids[10..20], false, &one_thread()).unwrap();
        index.compact(&one_thread()).unwrap();
        index.remove(&ids[40..44], false, &one_thread()).unwrap();
    }
    index.save(&path).unwrap();
    Snapshot { bytes: fs::read(path).unwrap() }
}

fn refused(error: &Error) -> bool {
    matches!(error, Error::Corruption { .. } | Error::Format { .. })
}

/// Slots of [`WHOLE`] by what they are.
struct Slots {
    /// A node of layer 0 alone, and one of more layers.
    low: usize,
    high: usize,
    /// A node with a chain, and the first slot on it.
    head: usize,
    twin: usize,
    /// A free one, one with upper rows, and one with a removed vector.
    free: usize,
    free_high: usize,
    dead: usize,
}

fn slots(file: &Snapshot) -> Slots {
    let rows = 0..file.section("links").rows;
    let word = |slot: usize, word: usize| file.u32(file.row("links", slot) + word);
    let is_twin = |slot: usize| word(slot, DEGREE) & IS_TWIN != 0;
    let level = |slot: usize| word(slot, DEGREE) >> 16 & 0xff;
    let state = |slot: usize, word: usize| {
        file.bytes[file.row("state", slot / 64) + 8 * word + slot % 64 / 8] >> (slot % 8) & 1
    };
    let (is_live, is_free) = (|slot: usize| state(slot, 0) == 1, |slot: usize| state(slot, 1) == 1);
    let any = |what: &dyn Fn(usize) -> bool| rows.clone().find(|&slot| what(slot)).unwrap();
    let find = |what: &dyn Fn(usize) -> bool| any(&|slot| is_live(slot) && what(slot));
    let head = find(&|slot| !is_twin(slot) && word(slot, TWIN) != u32::MAX);
    Slots {
        low: find(&|slot| !is_twin(slot) && level(slot) == 0 && slot != head),
        high: find(&|slot| !is_twin(slot) && level(slot) > 0),
        head,
        twin: word(head, TWIN) as usize,
        free: any(&is_free),
        free_high: any(&|slot| is_free(slot) && level(slot) > 0),
        dead: any(&|slot| !is_live(slot) && !is_free(slot) && word(slot, TWIN) == u32::MAX),
    }
}

/// Opens a hostile file both ways. Reading it must fail; mapping it too, if `map_refuses`, or else whatever it answers
/// must be true, and `verify` must fail.
fn check(path: &Path, what: &str, map_refuses: bool) {
    let error = Index::open(path, false).err().unwrap_or_else(|| panic!("{what}: read"));
    assert!(refused(&error), "{what}: {error}");
    match Index::open(path, true) {
        Err(error) => assert!(refused(&error), "{what}: {error}"),
        Ok(mapped) => {
            assert!(!map_refuses, "{what}: mapped");
            if let Err(error) = answers_are_true(&mapped, &WHOLE) {
                assert!(refused(&error), "{what}: {error}");
            }
            let error = mapped.verify(&one_thread()).expect_err(what);
            assert!(refused(&error), "{what}: {error}");
        }
    }
}

#[test]
fn a_header_that_lies_is_refused_when_opened() {
    let folder = folder();
    let whole = snapshot(folder.path(), &WHOLE);
    let path = folder.path().join("hostile.vicinal");
    let sums = whole.section("sums");
    let numbers = [0, 1, 2, 3, 7, 255, 4096, 65_536, 0x7fff_ffff, 0x8000_0000, u32::MAX - 1, u32::MAX];
    // Every word that means anything, and some that must be zero: format, lengths, parameters, counts, entry, table.
    for at in (12..160 + 32 * 10).step_by(4) {
        let is = whole.u32(at);
        for value in numbers.into_iter().chain([is.wrapping_add(1), is.wrapping_sub(1), is ^ 0x100]) {
            // A seed, parameters of building and the learned growth may be anything sane: see the next test.
            if value == is || matches!(at, 56 | 64 | 68 | 72 | 76 | 104 | 108 | 112 | 116 | 128 | 132) {
                continue;
            }
            let mut file = whole.clone();
            file.put_u32(at, value);
            file.seal(&sums);
            fs::write(&path, &file.bytes).unwrap();
            let what = format!("word {at} = {value}");
            // The entry point can be a node and yet not the right one.
            check(&path, &what, !matches!(at, 84 | 88));
        }
    }
}

#[test]
fn parameters_may_not_be_insane() {
    let folder = folder();
    let whole = snapshot(folder.path(), &WHOLE);
    let path = folder.path().join("hostile.vicinal");
    let sums = whole.section("sums");
    let level_p = |p: f64| p.to_le_bytes().to_vec();
    let bad = [
        (56, 0u32.to_le_bytes().to_vec()),
        (56, u32::MAX.to_le_bytes().to_vec()),
        (72, level_p(f64::NAN)),
        (72, level_p(-0.5)),
        (72, level_p(-0.0)),
        (72, level_p(1.0)),
        (104, u64::MAX.to_le_bytes().to_vec()),
        (112, u64::MAX.to_le_bytes().to_vec()),
        (24, b"manhattan\0\0\0\0\0\0\0".to_vec()),
        (24, b"l2\0\0\0\0\0\0".to_vec()),
        (24, b"hamming\0".to_vec()),
        (24, vec![0xff; 16]),
        (40, b"f64\0\0\0\0\0".to_vec()),
        (40, b"bits\0\0\0\0".to_vec()),
        (160, b"WALK".to_vec()),
        (128, u64::MAX.to_le_bytes().to_vec()),
        (128, 3u64.to_le_bytes().to_vec()),
    ];
    for (at, bytes) in bad {
        let mut file = whole.clone();
        file.put(at, &bytes);
        file.seal(&sums);
        fs::write(&path, &file.bytes).unwrap();
        check(&path, &format!("{bytes:?} at {at}"), true);
    }
}

#[test]
fn rows_that_lie_are_never_believed() {
    let folder = folder();
    let whole = snapshot(folder.path(), &WHOLE);
    let path = folder.path().join("hostile.vicinal");
    let sums = whole.section("sums");
    let Slots { low, high, head, twin, free, free_high, dead } = slots(&whole);
    let (rows, upper_rows) = (WHOLE.rows as u32, whole.section("upper").rows as u32);
    let links = |slot: usize, at: usize| whole.row("links", slot) + at;
    let first_upper = whole.u32(links(high, UPPER)) as usize;
    let state = |slot: usize, word: usize| whole.row("state", slot / 64) + 8 * word + slot % 64 / 32 * 4;
    let upper = |at: usize| whole.row("upper", first_upper) + at;
    let spare_upper = whole.row("upper", whole.u32(links(free_high, UPPER)) as usize);
    let word = |at: usize| whole.u32(at);
    let (nan, infinite, huge) = (0x7fc0_7fc0, 0x7f80_7f80, 0x7f00_7f00);

    let mut hostile: Vec<(&str, Vec<(usize, u32)>)> = vec![
        ("a row is locked", vec![(links(low, VERSION), 1)]),
        ("a row was changed", vec![(links(low, VERSION), 2)]),
        ("a degree above the row's room", vec![(links(low, DEGREE), 9)]),
        ("the highest degree", vec![(links(low, DEGREE), 0xffff)]),
        ("an unknown mark", vec![(links(low, DEGREE), word(links(low, DEGREE)) | 1 << 30)]),
        ("a level without rows", vec![(links(low, DEGREE), word(links(low, DEGREE)) | 1 << 16)]),
        ("the highest level", vec![(links(low, DEGREE), word(links(low, DEGREE)) | 0xff << 16)]),
        ("a level taken away", vec![(links(high, DEGREE), word(links(high, DEGREE)) & 0xffff)]),
        ("upper rows outside", vec![(links(high, UPPER), upper_rows)]),
        ("upper rows far outside", vec![(links(high, UPPER), u32::MAX)]),
        ("a link outside", vec![(links(low, LINKS), rows)]),
        ("a link far outside", vec![(links(low, LINKS), 0x7fff_ffff)]),
        ("a protected link far outside", vec![(links(low, LINKS), u32::MAX)]),
        ("a link to itself", vec![(links(low, LINKS), low as u32)]),
        ("a link to a slot of a chain", vec![(links(low, LINKS), twin as u32)]),
        ("an edge protected on one side", vec![(links(low, LINKS), word(links(low, LINKS)) ^ PROTECTED)]),
        ("a node without links", vec![(links(low, DEGREE), 0)]),
        ("a link to a free slot", vec![(links(low, LINKS), free as u32)]),
        ("a free slot with links", vec![(links(free, DEGREE), word(links(free, DEGREE)) + 1)]),
        ("a free slot with a chain", vec![(links(free, TWIN), twin as u32)]),
        ("a removed vector in the tree", vec![(links(dead, LINKS), word(links(dead, LINKS)) | PROTECTED)]),
        ("a slot both live and free", vec![(state(low, 1), word(state(low, 1)) | 1 << (low % 32))]),
        ("a removed vector that is live", vec![(state(dead, 0), word(state(dead, 0)) | 1 << (dead % 32))]),
        ("a vector in no slot", vec![(state(rows as usize, 1), word(state(rows as usize, 1)) | 1 << (rows % 32))]),
        ("a chain outside", vec![(links(head, TWIN), rows)]),
        ("a chain to itself", vec![(links(head, TWIN), head as u32)]),
        ("a chain to a node", vec![(links(head, TWIN), low as u32)]),
        ("a chain in a circle", vec![(links(twin, TWIN), twin as u32)]),
        ("a chain back to its node", vec![(links(twin, TWIN), head as u32)]),
        ("a chain cut off", vec![(links(head, TWIN), u32::MAX)]),
        ("a chain shared by two nodes", vec![(links(low, TWIN), twin as u32)]),
        ("a slot of a chain with links", vec![(links(twin, DEGREE), IS_TWIN | 1)]),
        ("a node that claims to be on a chain", vec![(links(low, DEGREE), IS_TWIN)]),
        ("an upper row is locked", vec![(upper(VERSION), 1)]),
        ("an upper row of a free slot is locked", vec![(spare_upper + VERSION, 1)]),
        ("an upper degree above the row's room", vec![(upper(DEGREE), word(upper(DEGREE)) | 0xff)]),
        ("an upper row of another level", vec![(upper(DEGREE), word(upper(DEGREE)) ^ 1 << 17)]),
        ("an upper link outside", vec![(upper(DEGREE), word(upper(DEGREE)) & !0xffff | 1), (upper(LINKS), rows)]),
        (
            "an upper link to a low node",
            vec![(upper(DEGREE), word(upper(DEGREE)) & !0xffff | 1), (upper(LINKS), low as u32)],
        ),
        ("a negative id", vec![(whole.row("ids", low) + 4, 0x8000_0000)]),
        (
            "an id twice",
            (0..2).map(|i| (whole.row("ids", low) + 4 * i, word(whole.row("ids", high) + 4 * i))).collect(),
        ),
        ("an order outside", vec![(whole.row("order", 3), rows)]),
        ("an order that names a slot twice", vec![(whole.row("order", 3), word(whole.row("order", 4)))]),
        ("not a number among the norms", vec![(whole.row("aux", low), nan)]),
        ("a wrong norm", vec![(whole.row("aux", low), 2.5f32.to_bits())]),
    ];
    for slot in [low, high, head] {
        hostile.push(("not a number", vec![(whole.row("walk", slot), nan)]));
        hostile.push(("infinity", vec![(whole.row("walk", slot), infinite)]));
        hostile.push(("too large a number", vec![(whole.row("walk", slot), huge)]));
        hostile.push(("another vector", vec![(whole.row("walk", slot), 0x4000_4000)]));
    }
    for (what, edits) in hostile {
        let mut file = whole.clone();
        for (at, value) in edits {
            file.put_u32(at, value);
        }
        assert_ne!(file.bytes, whole.bytes, "{what}");
        file.seal(&sums);
        fs::write(&path, &file.bytes).unwrap();
        check(&path, what, false);
    }
}

#[test]
fn levels_that_lie_are_never_believed() {
    let folder = folder();
    let path = folder.path().join("hostile.vicinal");
    let (nan, infinite) = (f32::NAN.to_bits(), f32::INFINITY.to_bits());
    for case in [HALVES, LEVELS] {
        let whole = snapshot(folder.path(), &case);
        let sums = whole.section("sums");
        let Slots { low, high, head, .. } = slots(&whole);
        for slot in [low, high, head] {
            // Behind three levels: low, step, and 1 / norm.
            let row = whole.row("walk", slot);
            let [low, step, own] = [3, 7, 11].map(|at| row + at);
            let mut hostile = vec![
                ("not a number to begin at", low, nan),
                ("an infinite step", step, infinite),
                ("no number as a step", step, nan),
                ("a step back", step, whole.u32(step) ^ 1 << 31),
                ("another step", step, whole.u32(step) + (1 << 20)),
                ("no number as a norm", own, nan),
                ("another norm", own, whole.u32(own) + (1 << 20)),
                ("other levels", row, whole.u32(row) ^ 0x40),
            ];
            if case.store == Store::F16 {
                let halves = whole.row("halves", slot);
                hostile.push(("half a number", halves, 0x7e00_7e00));
                hostile.push(("an infinite half", halves, 0x7c00_7c00));
                hostile.push(("another half", halves, whole.u32(halves) ^ 1 << 9));
            }
            for (what, at, value) in hostile {
                let mut file = whole.clone();
                file.put_u32(at, value);
                file.seal(&sums);
                fs::write(&path, &file.bytes).unwrap();
                check(&path, &format!("{what}, {:?}", case.store), false);
            }
        }
    }
}

#[test]
fn stray_padding_bits_are_refused() {
    let folder = folder();
    let case = Case {
        metric: Metric::Jaccard,
        dtype: Dtype::Bits,
        layout: Layout::Compact,
        store: Store::Given,
        dim: 13,
        rows: 20,
        seed: 0,
        ids: false,
    };
    let mut file = snapshot(folder.path(), &case);
    let sums = file.section("sums");
    let last = file.row("walk", 3) + 1;
    file.bytes[last] |= 1;
    file.seal(&sums);
    let path = folder.path().join("hostile.vicinal");
    fs::write(&path, &file.bytes).unwrap();
    let message = Index::open(&path, false).err().unwrap().to_string();
    assert!(message.contains("damaged at block 0 of walk (byte 4096 of the file): row 3: "), "{message}");
}

/// The sums alone are no evidence: a file sealed by its own rules is opened again as it was.
#[test]
fn sealing_is_understood() {
    let folder = folder();
    let whole = snapshot(folder.path(), &WHOLE);
    let mut again = whole.clone();
    again.seal(&whole.section("sums"));
    assert!(again.bytes == whole.bytes);
}

/// Where to write what: a section by number, a word of it, a value.
fn edit() -> impl Strategy<Value = (usize, usize, u32)> {
    let value = prop_oneof![
        any::<u32>(),
        0u32..50,
        (0u32..50).prop_map(|link| link | PROTECTED),
        Just(u32::MAX),
        (0u32..12, 0u32..4).prop_map(|(degree, level)| degree | level << 16),
    ];
    (0usize..9, any::<usize>(), value)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(support::cases_wanted(1000)))]

    #[test]
    fn no_rows_lead_astray(which in 0usize..3, edits in prop::collection::vec(edit(), 1..6)) {
        static SNAPSHOTS: LazyLock<[Snapshot; 3]> =
            LazyLock::new(|| [WHOLE, HALVES, LEVELS].map(|case| snapshot(folder().path(), &case)));
        let folder = folder();
        let mut file = SNAPSHOTS[which].clone();
        let (sections, sums) = (file.sections(), file.section("sums"));
        for (section, place, value) in edits {
            let section = &sections[section % (sections.len() - 1)];
            let words = section.rows * section.row_bytes / 4;
            if words > 0 {
                file.put_u32(section.offset + place % words * 4, value);
            }
        }
        file.seal(&sums);
        let path = folder.path().join("hostile.vicinal");
        fs::write(&path, &file.bytes).unwrap();
        match Index::open(&path, true).and_then(|mapped| answers_are_true(&mapped, &WHOLE)) {
            Ok(()) => {}
            Err(error) => prop_assert!(refused(&error), "{}", error),
        }
        match Index::open(&path, false) {
            Err(error) => prop_assert!(refused(&error), "{}", error),
            // What was believed is as good as any other index.
            Ok(index) => {
                answers_are_true(&index, &WHOLE).unwrap();
                prop_assert!(index.verify(&one_thread()).unwrap().ok());
                let rows = support::rows(&Case { seed: 6, ..WHOLE });
                index.add(matrix(&rows, WHOLE.rows), Some(&(0..WHOLE.rows as i64).collect::<Vec<_>>()), &one_thread()).unwrap();
                prop_assert!(index.verify(&one_thread()).unwrap().ok());
            }
        }
    }
}
