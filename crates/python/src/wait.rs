//! Engine calls with the interpreter released: short ones at once, long ones watched.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use pyo3::prelude::*;
use vicinal_core::{Error, Filter, Params, PlanChoice, Run, SearchOptions};

use crate::errors::{panicked, raise};

/// How often a long call looks for Ctrl-C and reports progress.
const STEP: Duration = Duration::from_millis(25);

/// Components that a call compares, about.
#[derive(Clone, Copy)]
pub struct Cost(usize);

impl Cost {
    /// Above this a call takes some 10 ms: long enough for Ctrl-C, and for the thread that it costs.
    const LONG: usize = 20_000_000;

    /// Of `rows` walks through the graph that keep `ef` candidates: each is expanded, and shows some
    /// `M` nodes not seen before.
    pub fn walk(rows: usize, ef: usize, params: &Params) -> Self {
        Cost(rows.saturating_mul(ef).saturating_mul(params.m).saturating_mul(params.dim))
    }

    /// Of comparing each of `queries` with each of `rows`.
    pub fn scan(queries: usize, rows: usize, dim: usize) -> Self {
        Cost(queries.saturating_mul(rows).saturating_mul(dim))
    }

    /// Of a search among `rows` vectors. Which way it goes is the engine's choice, so this is the lesser of both: where
    /// few of the vectors may be answered a scan is short, where many may be a walk is.
    pub fn search(
        queries: usize,
        rows: usize,
        options: &SearchOptions,
        filter: Option<Filter<'_>>,
        params: &Params,
    ) -> Self {
        let listed = filter.map_or(rows, |filter| (filter.ids.listed_len() as usize).min(rows));
        let matching = if filter.is_some_and(|filter| filter.ids.denies()) { rows - listed } else { listed };
        let scan = Cost::scan(queries, matching, params.dim);
        let ef = options.ef_search.max(options.k).min(rows).saturating_mul(rows / matching.max(1));
        let walk = Cost::walk(queries, ef, params);
        let cost = match options.plan {
            PlanChoice::Auto => Cost(scan.0.min(walk.0)),
            PlanChoice::Graph | PlanChoice::TwoHop => walk,
            PlanChoice::Scan => scan,
        };
        cost.and_answers(queries, options.k)
    }

    /// Of what nobody knows before it was looked at: watched in any case.
    pub fn unknown() -> Self {
        Cost(Self::LONG)
    }

    /// And of filling `k` places for each of `queries`: a place is written in the time of a few comparisons.
    pub fn and_answers(self, queries: usize, k: usize) -> Self {
        Cost(self.0.saturating_add(queries.saturating_mul(k).saturating_mul(4)))
    }
}

/// Calls the engine with the interpreter released.
pub fn detached<T: Send>(py: Python<'_>, work: impl FnOnce() -> Result<T, Error> + Send) -> PyResult<T> {
    py.detach(|| catch_unwind(AssertUnwindSafe(work))).map_err(|payload| panicked(&*payload))?.map_err(raise)
}

/// Calls the engine with the interpreter released; a long call on a thread of its own. Meanwhile
/// this one, which may be Python's main thread, runs signal handlers and the progress callback
/// `(done, total)`. An exception from either stops the engine, and is raised once it has stopped.
pub fn watched<T: Send>(
    py: Python<'_>,
    run: &Run,
    cost: Cost,
    total: usize,
    progress: Option<&Bound<'_, PyAny>>,
    work: impl FnOnce() -> Result<T, Error> + Send,
) -> PyResult<T> {
    // The total may be an estimate.
    let tell =
        |done: u64| progress.map_or(Ok(()), |callback| callback.call1((done.min(total as u64), total)).map(drop));
    let value = if cost.0 < Cost::LONG { detached(py, work)? } else { on_a_thread(py, run, &tell, work)? };
    tell(total as u64)?;
    Ok(value)
}

fn on_a_thread<T: Send>(
    py: Python<'_>,
    run: &Run,
    tell: &dyn Fn(u64) -> PyResult<()>,
    work: impl FnOnce() -> Result<T, Error> + Send,
) -> PyResult<T> {
    let (finished, waiting) = sync_channel::<()>(0);
    let waiting = Mutex::new(waiting); // only to be `Sync`, which `detach` asks for
    let wait = || waiting.lock().expect("one thread locks it").recv_timeout(STEP);
    let (outcome, stopped_by) = thread::scope(|scope| {
        let worker = scope.spawn(move || {
            // Dropped at the end, by a panic too: that ends the wait below.
            let _finished = finished;
            work()
        });
        let mut stopped_by = None;
        while py.detach(wait) == Err(RecvTimeoutError::Timeout) {
            if let Err(exception) = py.check_signals().and_then(|()| tell(run.done())) {
                run.cancel();
                stopped_by = Some(exception);
                break;
            }
        }
        (py.detach(|| worker.join()), stopped_by)
    });
    match stopped_by {
        Some(exception) => Err(exception),
        None => outcome.map_err(|payload| panicked(&*payload))?.map_err(raise),
    }
}
