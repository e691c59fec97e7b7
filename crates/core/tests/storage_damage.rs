//! Damaged files: cut short, with a wrong byte anywhere. None may crash, and none may be believed.

mod support;

use std::fs::{self, OpenOptions};
use std::io::{Seek, SeekFrom, Write};

use proptest::prelude::*;
use support::{Answers, Case, answers, build, cases, folder};
use vicinal_core::{Dtype, Error, Index, Layout, Metric, Store};

/// Small, and with every section there is: both planes, norms, upper rows, ids, chains of equal vectors.
const WHOLE: Case = Case {
    metric: Metric::Cosine,
    dtype: Dtype::F32,
    layout: Layout::Fast,
    store: Store::Given,
    dim: 3,
    rows: 14,
    seed: 5,
    ids: true,
};

fn refused(error: &Error) -> bool {
    matches!(error, Error::Corruption { .. } | Error::Format { .. })
}

#[test]
fn a_file_cut_short_anywhere_is_refused() {
    let folder = folder();
    let path = folder.path().join("a.vicinal");
    build(&WHOLE).save(&path).unwrap();
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    for bytes in (0..fs::metadata(&path).unwrap().len()).rev() {
        file.set_len(bytes).unwrap();
        for mmap in [false, true] {
            let error = Index::open(&path, mmap).err().unwrap_or_else(|| panic!("opened {bytes} bytes"));
            assert!(refused(&error), "{bytes} bytes: {error}");
        }
    }
}

#[test]
fn a_file_that_grew_is_refused() {
    let folder = folder();
    let path = folder.path().join("a.vicinal");
    build(&WHOLE).save(&path).unwrap();
    OpenOptions::new().append(true).open(&path).unwrap().write_all(&[0]).unwrap();
    for mmap in [false, true] {
        assert!(refused(&Index::open(&path, mmap).err().unwrap()));
    }
}

/// Opens a damaged file in both ways. Reading it must fail; a map must fail, or answer what the whole file answers.
fn check_damaged(path: &std::path::Path, whole: &Answers, what: &str) {
    let error = Index::open(path, false).err().unwrap_or_else(|| panic!("{what}: read"));
    assert!(refused(&error), "{what}: {error}");
    let mapped = match Index::open(path, true) {
        Ok(mapped) => mapped,
        Err(error) => return assert!(refused(&error), "{what}: {error}"),
    };
    match answers(&mapped, &WHOLE) {
        Ok(answers) => assert_eq!(&answers, whole, "{what}"),
        Err(error) => {
            assert!(refused(&error), "{what}: {error}");
            assert!(answers(&mapped, &WHOLE).is_err(), "{what}: damage was forgotten");
        }
    }
    let error = mapped.verify(&support::one_thread()).expect_err(what);
    assert!(refused(&error), "{what}: {error}");
}

#[test]
fn every_wrong_byte_is_found() {
    let folder = folder();
    let path = folder.path().join("a.vicinal");
    let index = build(&WHOLE);
    index.save(&path).unwrap();
    let whole = answers(&index, &WHOLE).unwrap();
    let bytes = fs::read(&path).unwrap();
    let mut file = OpenOptions::new().write(true).open(&path).unwrap();
    let mut put = |at: usize, byte: u8| {
        file.seek(SeekFrom::Start(at as u64)).unwrap();
        file.write_all(&[byte]).unwrap();
    };
    for (at, &byte) in bytes.iter().enumerate() {
        // One bit here, another there: a CRC finds every change within 32 bits, by the same law.
        put(at, byte ^ 1 << (at % 8));
        check_damaged(&path, &whole, &format!("byte {at}"));
        put(at, byte);
    }
}

/// Damage is named by section and block.
#[test]
fn damage_is_named() {
    let folder = folder();
    let path = folder.path().join("a.vicinal");
    let case = Case {
        metric: Metric::L2,
        dtype: Dtype::U8,
        layout: Layout::Compact,
        store: Store::Given,
        dim: 100,
        rows: 200,
        seed: 5,
        ids: false,
    };
    build(&case).save(&path).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[4096 * 3 + 7] ^= 1;
    fs::write(&path, bytes).unwrap();
    let message = Index::open(&path, false).err().unwrap().to_string();
    let expected = format!(
        "{}: damaged at block 2 of walk (byte 12288 of the file): the checksum does not match. \
        Restore the file from a copy, or build it anew",
        path.display()
    );
    assert_eq!(message, expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(support::cases_wanted(2000)))]

    #[test]
    fn no_bytes_crash_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..9000), magic: bool, version in 0u32..3) {
        let folder = folder();
        let path = folder.path().join("a.vicinal");
        let mut bytes = bytes;
        if magic && bytes.len() >= 4096 {
            bytes[..12].copy_from_slice(b"\x89VICINAL\r\n\x1a\n");
            bytes[12..16].copy_from_slice(&version.to_le_bytes());
            let sum = crc32c::crc32c(&bytes[..4092]);
            bytes[4092..4096].copy_from_slice(&sum.to_le_bytes());
        }
        fs::write(&path, bytes).unwrap();
        for mmap in [false, true] {
            prop_assert!(refused(&Index::open(&path, mmap).err().unwrap()));
        }
    }
}

#[test]
fn every_kind_of_index_survives_a_wrong_byte_in_each_block() {
    let folder = folder();
    let path = folder.path().join("a.vicinal");
    for case in cases() {
        build(&case).save(&path).unwrap();
        let bytes = fs::read(&path).unwrap();
        for at in (77..bytes.len()).step_by(4096) {
            let mut bytes = bytes.clone();
            bytes[at] ^= 0x10;
            fs::write(&path, bytes).unwrap();
            let error = Index::open(&path, false).err().unwrap();
            assert!(refused(&error), "{case:?}, byte {at}: {error}");
        }
    }
}
