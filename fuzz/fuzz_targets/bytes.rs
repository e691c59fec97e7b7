//! Any bytes as a file. The first byte says which sums are made right before: fuzzers don't guess checksums.

#![no_main]

mod support;

use libfuzzer_sys::fuzz_target;
use support::{Snapshot, open};

const BLOCK: usize = 4096;

fuzz_target!(|input: &[u8]| {
    let Some((&seal, bytes)) = input.split_first() else { return };
    let mut file = Snapshot { bytes: bytes.to_vec() };
    if seal & 1 == 1 && bytes.len() >= BLOCK && bytes.len() % BLOCK == 0 {
        let sums = file.sections().into_iter().find(|section| section.name == "sums");
        match sums.filter(|sums| sums.offset % BLOCK == 0 && (BLOCK..bytes.len()).contains(&sums.offset)) {
            Some(sums) => file.seal(&sums),
            None => file.seal_header(),
        }
    }
    open(&file.bytes);
});
