//! A sound file in which some words were changed and all sums made right again.

#![no_main]

mod support;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use support::{GOLDEN, open};

#[derive(Arbitrary, Debug)]
struct Hostile {
    file: u8,
    edits: Vec<Edit>,
}

/// A word of a section, and what it becomes.
#[derive(Arbitrary, Debug)]
struct Edit {
    section: u8,
    place: u16,
    value: Value,
}

#[derive(Arbitrary, Debug)]
enum Value {
    Any(u32),
    Small(u8),
    Flip(u8),
    /// That of another word of the section.
    Copy(u16),
}

fuzz_target!(|hostile: Hostile| {
    let whole = &GOLDEN[usize::from(hostile.file) % GOLDEN.len()];
    let mut file = whole.clone();
    let (sections, sums) = (whole.sections(), whole.section("sums"));
    for edit in hostile.edits {
        let section = &sections[usize::from(edit.section) % (sections.len() - 1)];
        let words = section.rows * section.row_bytes / 4;
        if words > 0 {
            let word = |place: u16| section.offset + usize::from(place) % words * 4;
            let at = word(edit.place);
            let value = match edit.value {
                Value::Any(value) => value,
                Value::Small(value) => value.into(),
                Value::Flip(bit) => file.u32(at) ^ 1 << (bit % 32),
                Value::Copy(place) => file.u32(word(place)),
            };
            file.put_u32(at, value);
        }
    }
    file.seal(&sums);
    open(&file.bytes);
});
