//! Makes the golden files of the present format that are not there yet: `make golden`. Files that are there are never
//! touched: once released, what they hold has to be readable for ever.

#[path = "../tests/support/mod.rs"]
mod support;

use std::fs;

use support::golden::{describe, folder, golden_cases};

fn main() {
    for (name, case) in golden_cases() {
        let format = folder().join("1");
        fs::create_dir_all(&format).unwrap();
        let path = format.join(&name).with_extension("vicinal");
        if path.exists() {
            continue;
        }
        let index = support::build(&case);
        index.save(&path).unwrap();
        fs::write(path.with_extension("txt"), describe(&index)).unwrap();
        println!("made {name}");
    }
}
