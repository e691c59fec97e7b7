//! loom's atomics in place of the standard library's, one kind of which can be made weaker than is asked for.

#![allow(dead_code, reason = "each proof uses a part of it")]

use std::cell::Cell;
use std::panic::catch_unwind;

pub use loom::hint::spin_loop;
pub use loom::sync::atomic::Ordering;
#[allow(unused_imports, reason = "as above")]
pub use loom::thread::yield_now;

/// What can be taken away.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Weaker {
    AcquireFence,
    ReleaseFence,
    AcquireLoad,
    ReleaseStore,
    AcquireExchange,
    ReleaseSub,
    /// The one order of all sequentially consistent accesses; they still acquire and release.
    OneOrder,
}

/// Runs a model, then once more without each set of orderings that it must notice the lack of.
pub fn prove(model: fn(), needs: &'static [&'static [Weaker]]) {
    loom::model(model);
    for weaker in needs {
        let passes = catch_unwind(|| without(weaker, || loom::model(model))).is_ok();
        assert!(!passes, "the model passes without {weaker:?}: it proves nothing");
    }
}

thread_local! {
    /// loom runs the threads of a model on the one that asked for it.
    static WEAKER: Cell<&'static [Weaker]> = const { Cell::new(&[]) };
}

/// Takes them away while `work` runs.
fn without(weaker: &'static [Weaker], work: impl FnOnce()) {
    struct Back;
    impl Drop for Back {
        fn drop(&mut self) {
            WEAKER.set(&[]);
        }
    }
    let _back = Back;
    WEAKER.set(weaker);
    work();
}

impl Weaker {
    fn chosen(self) -> bool {
        WEAKER.get().contains(&self)
    }

    fn weaken(self, order: Ordering) -> Ordering {
        if self.chosen() { Ordering::Relaxed } else { order }
    }
}

pub fn fence(order: Ordering) {
    let fence = if order == Ordering::Acquire { Weaker::AcquireFence } else { Weaker::ReleaseFence };
    if !fence.chosen() {
        loom::sync::atomic::fence(order);
    }
}

pub struct AtomicU32(loom::sync::atomic::AtomicU32);

impl AtomicU32 {
    pub fn new(value: u32) -> Self {
        AtomicU32(loom::sync::atomic::AtomicU32::new(value))
    }

    pub fn load(&self, order: Ordering) -> u32 {
        self.0.load(Weaker::AcquireLoad.weaken(order))
    }

    pub fn store(&self, value: u32, order: Ordering) {
        self.0.store(value, Weaker::ReleaseStore.weaken(order));
    }

    pub fn compare_exchange(&self, old: u32, new: u32, done: Ordering, refused: Ordering) -> Result<u32, u32> {
        self.0.compare_exchange(old, new, Weaker::AcquireExchange.weaken(done), refused)
    }
}

/// loom takes a sequentially consistent access for one that acquires and releases. A fence before each such load
/// gives what is more: of two threads that store to one place each, then load the other's, one sees the store.
pub struct AtomicU64(loom::sync::atomic::AtomicU64);

impl Default for AtomicU64 {
    fn default() -> Self {
        AtomicU64(loom::sync::atomic::AtomicU64::new(0))
    }
}

impl AtomicU64 {
    pub fn load(&self, order: Ordering) -> u64 {
        if order == Ordering::SeqCst && !Weaker::OneOrder.chosen() && !Weaker::AcquireLoad.chosen() {
            loom::sync::atomic::fence(Ordering::SeqCst);
        }
        self.0.load(Weaker::AcquireLoad.weaken(order))
    }

    pub fn store(&self, value: u64, order: Ordering) {
        self.0.store(value, Weaker::ReleaseStore.weaken(order));
    }

    pub fn fetch_add(&self, value: u64, order: Ordering) -> u64 {
        self.0.fetch_add(value, order)
    }

    pub fn fetch_sub(&self, value: u64, order: Ordering) -> u64 {
        self.0.fetch_sub(value, Weaker::ReleaseSub.weaken(order))
    }
}
