//! The row on real threads, at length; `row_model.rs` proves the protocol on small ones.

#[allow(dead_code, reason = "a part of the row is used here")]
#[path = "../src/hnsw/row.rs"]
mod row;
#[allow(unused_imports, reason = "the test uses a part of it")]
#[path = "../src/sync.rs"]
mod sync;

use row::{HEADER, Row};
use sync::{AtomicU32, Ordering};

/// Writers keep all links of the row equal; a reader that saw two different ones saw half a write.
#[test]
fn readers_never_see_half_a_write() {
    let rounds = if cfg!(miri) { 50 } else { 20_000 };
    let words: Vec<AtomicU32> = (0..HEADER + 32).map(|_| AtomicU32::new(0)).collect();
    let row = Row::new(&words);
    row.lock().init(0, 0);
    row.lock().set_all(&[0; 32]);
    std::thread::scope(|scope| {
        for writer in 0..2u32 {
            scope.spawn(move || {
                for round in 0..rounds {
                    let locked = row.lock();
                    (0..32).for_each(|i| locked.set(i, round * 2 + writer));
                }
            });
        }
        scope.spawn(move || {
            let mut links = [0u32; 32];
            for _ in 0..rounds {
                assert_eq!(row.read(&mut links), 32);
                assert!(links.iter().all(|&link| link == links[0]), "{links:?}");
            }
        });
    });
    assert_eq!(words[0].load(Ordering::Relaxed), 2 * (2 * rounds + 2));
}
