//! The row protocol, proven: loom runs each model below in every order that its threads can take, with every value that
//! the memory model lets a load return. And the models see what they are there for: each of them fails as soon as
//! the ordering that it depends on is taken away.

#[allow(dead_code, reason = "the models use a part of the row")]
#[path = "../src/hnsw/row.rs"]
mod row;
mod sync;

use std::sync::Arc;

use loom::cell::UnsafeCell;
use loom::thread;

use row::{HEADER, NONE, Row};
use sync::Weaker::{AcquireExchange, AcquireFence, AcquireLoad, ReleaseFence, ReleaseStore};
use sync::{AtomicU32, prove};

/// The words of a row for up to two links.
struct Words([AtomicU32; HEADER + 2]);

impl Words {
    fn with(links: &[u32]) -> Arc<Words> {
        let words = Arc::new(Words(std::array::from_fn(|_| AtomicU32::new(0))));
        words.row().lock().init(0, NONE);
        words.row().lock().set_all(links);
        words
    }

    fn row(&self) -> Row<'_> {
        Row::new(&self.0)
    }

    fn links(&self) -> Vec<u32> {
        let mut links = [0; 2];
        let degree = self.row().read(&mut links);
        links[..degree].to_vec()
    }
}

/// A vector that is written before a link to it is, without atomics: loom says when that is a race.
struct Vector(UnsafeCell<u32>);

// SAFETY: that no thread reads it while another writes is what the models find out.
unsafe impl Send for Vector {}
// SAFETY: as above.
unsafe impl Sync for Vector {}

impl Vector {
    fn unwritten() -> Arc<Vector> {
        Arc::new(Vector(UnsafeCell::new(0)))
    }

    fn write(&self) {
        // SAFETY: the pointer is valid, and loom panics where another thread uses it at the same time.
        self.0.with_mut(|value| unsafe { *value = 5 });
    }

    fn is_written(&self) -> bool {
        // SAFETY: as in `write`.
        self.0.with(|value| unsafe { *value == 5 })
    }
}

// loom looks for another order of two accesses when the later of them runs, and a load followed by a store of one
// thread hides from it the loads of others that came before. So the threads that only read are spawned ones: those run
// when the writer has finished, and meet all that it did.

fn a_reader_sees_a_row_as_it_was_at_one_time() {
    let words = Words::with(&[1]);
    let read = thread::spawn({
        let words = words.clone();
        move || words.links()
    });
    words.row().lock().set_all(&[2, 2]);
    words.row().lock().set_all(&[3]);
    let links = read.join().unwrap();
    assert!([&[1][..], &[2, 2], &[3]].contains(&&links[..]), "{links:?}");
}

fn whoever_sees_a_link_sees_the_vector() {
    let (words, vector) = (Words::with(&[]), Vector::unwritten());
    let read = thread::spawn({
        let (words, vector) = (words.clone(), vector.clone());
        move || assert!(words.links().is_empty() || vector.is_written())
    });
    vector.write();
    words.row().lock().push(7);
    read.join().unwrap();
}

fn whoever_sees_a_chain_sees_the_vector() {
    let (words, vector) = (Words::with(&[]), Vector::unwritten());
    let read = thread::spawn({
        let (words, vector) = (words.clone(), vector.clone());
        move || assert!(words.row().twin() == NONE || vector.is_written())
    });
    vector.write();
    words.row().lock().set_twin(7);
    read.join().unwrap();
}

fn no_change_is_lost_under_the_lock() {
    let words = Words::with(&[]);
    let other = thread::spawn({
        let words = words.clone();
        move || words.row().lock().push(7)
    });
    words.row().lock().push(8);
    other.join().unwrap();
    let mut links = words.links();
    links.sort_unstable();
    assert_eq!(links, [7, 8]);
}

fn no_change_is_lost_between_a_copy_and_its_lock() {
    fn increment(words: &Words) {
        loop {
            let mut links = [0; 2];
            let (_, version) = words.row().read_versioned(&mut links);
            if let Some(locked) = words.row().lock_if(version) {
                return locked.set(0, links[0] + 1);
            }
        }
    }
    let words = Words::with(&[1]);
    let other = thread::spawn({
        let words = words.clone();
        move || increment(&words)
    });
    increment(&words);
    other.join().unwrap();
    assert_eq!(words.links(), [3]);
}

#[test]
fn rows_are_read_whole() {
    prove(
        a_reader_sees_a_row_as_it_was_at_one_time,
        &[&[AcquireLoad], &[AcquireFence], &[ReleaseFence], &[ReleaseStore]],
    );
}

// Vectors are published twice over: by the fence of the lock and by its release, to the load and to the fence of a read.
#[test]
fn links_publish_vectors() {
    prove(whoever_sees_a_link_sees_the_vector, &[&[ReleaseFence, ReleaseStore], &[AcquireLoad, AcquireFence]]);
}

#[test]
fn chains_publish_vectors() {
    prove(whoever_sees_a_chain_sees_the_vector, &[&[ReleaseFence, ReleaseStore], &[AcquireLoad]]);
}

#[test]
fn locks_exclude_each_other() {
    prove(no_change_is_lost_under_the_lock, &[&[AcquireExchange], &[ReleaseStore]]);
}

#[test]
fn versions_tell_of_changes() {
    prove(no_change_is_lost_between_a_copy_and_its_lock, &[&[AcquireLoad], &[ReleaseStore]]);
}
