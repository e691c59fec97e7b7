//! loom's atomics in place of the standard library's, one kind of which can be made weaker than the row asks for.

use std::cell::Cell;

pub use loom::hint::spin_loop;
pub use loom::sync::atomic::Ordering;
pub use loom::thread::yield_now;

/// What can be taken away.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Weaker {
    AcquireFence,
    ReleaseFence,
    AcquireLoad,
    ReleaseStore,
    AcquireExchange,
}

thread_local! {
    /// loom runs the threads of a model on the one that asked for it.
    static WEAKER: Cell<&'static [Weaker]> = const { Cell::new(&[]) };
}

/// Takes them away while `work` runs.
pub fn without(weaker: &'static [Weaker], work: impl FnOnce()) {
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
