//! Makes the golden files of the formats that are written and are not there yet: `make golden`. Files that are there are never
//! touched: once released, what they hold has to be readable for ever.

#[path = "../tests/support/mod.rs"]
mod support;

use std::fs;

use support::golden::{describe, golden_cases, places};

fn main() {
    for (name, case) in golden_cases() {
        let path = places(&name, &case).pop().unwrap();
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        if path.exists() {
            continue;
        }
        let index = support::build(&case);
        index.save(&path).unwrap();
        fs::write(path.with_extension("txt"), describe(&index)).unwrap();
        println!("made {name}");
    }
}
