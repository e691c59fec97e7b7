//! The epochs of readers, proven as rows are in `row_model.rs`: a slot that nothing leads to any more is used again only
//! when nobody is at it.

#[path = "../src/readers.rs"]
mod readers;
mod sync;

use std::sync::Arc;

use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicBool, Ordering::Relaxed};
use loom::thread;

use readers::Readers;
use sync::Weaker::{AcquireLoad, OneOrder, ReleaseSub};
use sync::prove;

/// A slot, and a link that leads there.
struct World {
    readers: Readers,
    linked: AtomicBool,
    vector: UnsafeCell<u32>,
}

// SAFETY: that no thread reads the vector while another writes it is what the models find out.
unsafe impl Send for World {}
// SAFETY: as above.
unsafe impl Sync for World {}

impl World {
    fn new() -> Arc<World> {
        Arc::new(World { readers: Readers::default(), linked: AtomicBool::new(true), vector: UnsafeCell::new(1) })
    }

    /// What a search does. The link is read without any ordering: rows publish what is new, not what is gone.
    fn walk(&self) {
        let _slots_stay = self.readers.enter();
        if self.linked.load(Relaxed) {
            // SAFETY: the pointer is valid, and loom panics where another thread writes at the same time.
            self.vector.with(|vector| assert_eq!(unsafe { *vector }, 1));
        }
    }

    /// What a writer does, if the readers are gone after so many looks.
    fn reuse(&self, looks: usize) -> bool {
        self.linked.store(false, Relaxed);
        let epoch = self.readers.epoch();
        let gone = (0..looks).any(|_| self.readers.gone(epoch));
        if gone {
            // SAFETY: as in `walk`.
            self.vector.with_mut(|vector| unsafe { *vector = 2 });
        }
        gone
    }
}

fn nobody_is_at_a_slot_that_is_used_again() {
    let world = World::new();
    let reading = thread::spawn({
        let world = world.clone();
        move || world.walk()
    });
    world.reuse(2);
    reading.join().unwrap();
}

fn a_reader_who_comes_again_and_again_is_seen_each_time() {
    let world = World::new();
    let reading = thread::spawn({
        let world = world.clone();
        move || (0..2).for_each(|_| world.walk())
    });
    world.reuse(1);
    reading.join().unwrap();
}

// The release of the epoch's store can't be taken away by itself: the fence before the load that it follows is one.
#[test]
fn slots_are_used_again_when_nobody_is_there() {
    prove(nobody_is_at_a_slot_that_is_used_again, &[&[OneOrder], &[AcquireLoad], &[ReleaseSub]]);
}

#[test]
fn readers_may_come_again() {
    prove(a_reader_who_comes_again_and_again_is_seen_each_time, &[&[OneOrder], &[ReleaseSub]]);
}

/// Readers hold nothing up for ever: once they have left, two looks are enough.
#[test]
fn who_left_is_gone() {
    loom::model(|| {
        let world = World::new();
        let reading = thread::spawn({
            let world = world.clone();
            move || world.walk()
        });
        reading.join().unwrap();
        assert!(world.reuse(1));
    });
}
