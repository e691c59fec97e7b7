//! What can't be saved or opened says why, and leaves nothing behind.

mod support;

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use support::{build, cases, folder};
use vicinal_core::{Error, Index};

fn save(path: &Path) -> Error {
    build(&cases()[0]).save(path).unwrap_err()
}

/// The error of reading, which is also that of mapping.
fn open(path: &Path) -> Error {
    let [read, mapped] = [false, true].map(|mmap| Index::open(path, mmap).err().unwrap());
    assert_eq!(read.to_string(), mapped.to_string());
    read
}

/// An error of the operating system: what it concerns, and its kind.
fn io(error: &Error) -> (&Path, ErrorKind) {
    let Error::Io { path, source, .. } = error else { panic!("{error:?}") };
    assert!(source.raw_os_error().is_some(), "{error:?}");
    (path, source.kind())
}

fn format(error: &Error, path: &Path, says: &str) {
    assert!(matches!(error, Error::Format { path: named, .. } if named == path), "{error:?}");
    assert!(error.to_string().contains(says), "{error}");
}

#[test]
fn a_missing_file_or_folder() {
    let folder = folder();
    let path = folder.path().join("missing").join("a.vicinal");
    assert_eq!(io(&open(&path)), (path.as_path(), ErrorKind::NotFound));
    assert_eq!(io(&save(&path)), (path.as_path(), ErrorKind::NotFound));
    let path = folder.path().join("missing.vicinal");
    assert_eq!(io(&open(&path)), (path.as_path(), ErrorKind::NotFound));
}

#[test]
fn a_folder_instead_of_a_file() {
    let folder = folder();
    assert_eq!(io(&open(folder.path())), (folder.path(), ErrorKind::IsADirectory));
    assert_eq!(io(&save(folder.path())), (folder.path(), ErrorKind::IsADirectory));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_file_instead_of_a_folder() {
    let folder = folder();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let path = file.join("a.vicinal");
    assert_eq!(io(&save(&path)).1, ErrorKind::NotADirectory);
    assert_eq!(io(&open(&path)).1, ErrorKind::NotADirectory);
}

/// The file system of the processes: even the administrator can't create a file in it.
#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_takes_no_files() {
    let path = Path::new("/proc/self/a.vicinal");
    assert_eq!(io(&save(path)).0, path);
}

/// Opening one would wait for its other end.
#[cfg(unix)]
#[test]
fn a_device_instead_of_a_file() {
    let null = Path::new("/dev/null");
    format(&open(null), null, "a device or pipe");
    let error = save(null);
    assert!(matches!(error, Error::Invalid(_)), "{error:?}");
    assert!(error.to_string().starts_with("/dev/null: not a file but a device or pipe"), "{error}");
}

#[test]
fn no_file_name() {
    assert_eq!(save(Path::new("")).to_string(), r#""" names no file to save to"#);
    assert_eq!(io(&save(Path::new(".."))).1, ErrorKind::IsADirectory);
}

#[test]
fn an_empty_file_or_another_program_s() {
    let folder = folder();
    let path = folder.path().join("a.vicinal");
    for (bytes, says) in [
        (&b""[..], "the file is empty"),
        (b"\x93NUMPY\x01\x00", "another program"),
        (b"x", "another program"),
        (&[0; 10_000], "another program"),
        (b"\x89VICINAL\n\x1a\n", "another program"),
    ] {
        fs::write(&path, bytes).unwrap();
        format(&open(&path), &path, says);
    }
}

#[test]
fn a_header_cut_short() {
    let folder = folder();
    let path = folder.path().join("a.vicinal");
    build(&cases()[0]).save(&path).unwrap();
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..100]).unwrap();
    let message = open(&path).to_string();
    assert!(message.contains("damaged at the header (byte 0 of the file): the file ends after 100 bytes"), "{message}");
}

#[test]
fn a_newer_format() {
    let folder = folder();
    let path = folder.path().join("a.vicinal");
    build(&cases()[0]).save(&path).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[12..16].copy_from_slice(&4u32.to_le_bytes());
    fs::write(&path, bytes).unwrap();
    format(&open(&path), &path, "format 4, this version of Vicinal reads up to 3; use a newer Vicinal");
}

#[test]
fn a_save_that_fails_leaves_the_old_file() {
    let folder = folder();
    let path = folder.path().join("a.vicinal");
    build(&cases()[0]).save(&path).unwrap();
    let before = fs::read(&path).unwrap();
    // A map of a file that was damaged since: it must not be given sums of its own.
    let damaged = folder.path().join("damaged.vicinal");
    let mut bytes = before.clone();
    bytes[2 * 4096] ^= 1;
    fs::write(&damaged, bytes).unwrap();
    let error = Index::open(&damaged, true).unwrap().save(&path).unwrap_err();
    assert!(matches!(&error, Error::Corruption { path, .. } if *path == damaged), "{error:?}");
    assert!(fs::read(&path).unwrap() == before);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}
