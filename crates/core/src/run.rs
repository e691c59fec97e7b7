//! One long call: how many threads it may use, how far it is, and whether it should stop.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};

use crate::error::{Error, Result};

/// Cores this process may use, asked for once: the answer is read from cgroup files, which takes longer than a search.
fn cores() -> usize {
    static CORES: OnceLock<usize> = OnceLock::new();
    *CORES.get_or_init(|| std::thread::available_parallelism().map_or(1, |n| n.get()))
}

/// Shared between the call and whoever watches it.
#[derive(Debug, Default)]
pub struct Run {
    threads: usize,
    cancelled: AtomicBool,
    done: AtomicU64,
}

impl Run {
    /// `threads` = 0 means all cores.
    pub fn new(threads: usize) -> Self {
        Run { threads, ..Run::default() }
    }

    /// Asks the call to stop soon.
    pub fn cancel(&self) {
        self.cancelled.store(true, Relaxed);
    }

    /// Whether [`Run::cancel`] was called.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Relaxed)
    }

    /// [`Error::Cancelled`] once [`Run::cancel`] was called: asked between two pieces of work of a moment each.
    #[inline]
    pub fn check(&self) -> Result<()> {
        if self.is_cancelled() { Err(Error::Cancelled) } else { Ok(()) }
    }

    /// Rows or queries finished so far.
    pub fn done(&self) -> u64 {
        self.done.load(Relaxed)
    }

    /// Reports `n` more as finished.
    pub fn advance(&self, n: u64) {
        self.done.fetch_add(n, Relaxed);
    }

    /// Threads for `items` pieces of work.
    pub fn threads_for(&self, items: usize) -> usize {
        let wanted = match self.threads {
            0 => cores(),
            n => n,
        };
        wanted.min(items).max(1)
    }

    /// Calls `work(state, i)` once for every `i < items`, in blocks of `grain` consecutive items
    /// claimed by whichever thread is free; `state` is made once a thread. Stops early, with
    /// [`Error::Cancelled`], when asked to; the first error stops all. Each item counts as done.
    pub fn for_each<S>(
        &self,
        items: usize,
        grain: usize,
        state: impl Fn() -> S + Sync,
        work: impl Fn(&mut S, usize) -> Result<()> + Sync,
    ) -> Result<()> {
        self.for_each_uncounted(items, grain, state, |state, i| {
            work(state, i)?;
            self.advance(1);
            Ok(())
        })
    }

    /// As [`Run::for_each`], for preparations that nobody counts.
    pub fn for_each_uncounted<S>(
        &self,
        items: usize,
        grain: usize,
        state: impl Fn() -> S + Sync,
        work: impl Fn(&mut S, usize) -> Result<()> + Sync,
    ) -> Result<()> {
        let grain = grain.max(1);
        let next = AtomicUsize::new(0);
        let failed = AtomicBool::new(false);
        let worker = || -> Result<()> {
            let mut state = state();
            loop {
                let start = next.fetch_add(grain, Relaxed);
                if start >= items || failed.load(Relaxed) {
                    return Ok(());
                }
                for i in start..(start + grain).min(items) {
                    self.check()?;
                    if let Err(error) = work(&mut state, i) {
                        failed.store(true, Relaxed);
                        return Err(error);
                    }
                }
            }
        };
        let threads = self.threads_for(items.div_ceil(grain));
        if threads == 1 {
            return worker();
        }
        std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(worker)).collect();
            let mut result = worker();
            for other in others {
                let theirs = other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                result = result.and(theirs);
            }
            result
        })
    }
}
