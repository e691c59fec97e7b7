//! `vicinal._native.Index`: convert, call, convert.

use std::path::PathBuf;

use numpy::{PyArray1, PyReadonlyArray1, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use vicinal_core::{Basis, Guarantee, Layout, Params, Run, SearchOptions, Store};

use crate::arrays::{queries, ready, stored};
use crate::errors::raise;
use crate::explain;
use crate::filter::{IdSet, chosen};
use crate::fork::Writers;
use crate::guarantee::{Proven, budget, certified};
use crate::hits::answer;
use crate::isa;
use crate::report;
use crate::wait::{Cost, detached, watched};

/// Ids, distances and offsets.
type Ragged<'py> = (Bound<'py, PyArray1<i64>>, Bound<'py, PyArray1<f32>>, Bound<'py, PyArray1<i64>>);

/// The engine's index. Any number of threads may search while others add.
#[pyclass(frozen, module = "vicinal._native")]
pub struct Index {
    core: vicinal_core::Index,
    writers: Writers,
}

impl Index {
    fn of(core: vicinal_core::Index) -> Self {
        Index { core, writers: Writers::default() }
    }
}

#[pymethods]
impl Index {
    #[new]
    #[allow(clippy::too_many_arguments)] // as many as the constructor has in Python
    #[pyo3(signature = (dim, metric, dtype, m, ef_construction, seed, level_p, layout, store, /))]
    fn new(
        dim: usize,
        metric: &str,
        dtype: &str,
        m: usize,
        ef_construction: usize,
        seed: u64,
        level_p: Option<f64>,
        layout: &str,
        store: Option<&str>,
    ) -> PyResult<Self> {
        isa()?;
        let (metric, dtype) = (metric.parse().map_err(raise)?, dtype.parse().map_err(raise)?);
        let store = Store::named(store, dtype).map_err(raise)?;
        let layout = match layout {
            "auto" => Layout::auto(dim, metric, dtype, store),
            name => name.parse().map_err(raise)?,
        };
        let params = Params { dim, metric, dtype, m, ef_construction, seed, level_p, layout, store };
        vicinal_core::Index::new(params).map(Index::of).map_err(raise)
    }

    /// The index of a file.
    #[staticmethod]
    #[pyo3(signature = (path, mmap, /))]
    fn open(py: Python<'_>, path: PathBuf, mmap: bool) -> PyResult<Self> {
        isa()?;
        let run = Run::new(0);
        let work = || vicinal_core::Index::open_watched(&path, mmap, &run);
        watched(py, &run, Cost::unknown(), 0, None, work).map(Index::of)
    }

    /// The index of a damaged file, and what was mended of it, in words.
    #[staticmethod]
    #[pyo3(signature = (path, threads, /))]
    fn salvage(py: Python<'_>, path: PathBuf, threads: usize) -> PyResult<(Self, Vec<String>)> {
        isa()?;
        let run = Run::new(threads);
        let work = || vicinal_core::Index::salvage(&path, &run);
        let (core, mended) = watched(py, &run, Cost::unknown(), 0, None, work)?;
        Ok((Index::of(core), mended))
    }

    /// Writes the index to a file.
    #[pyo3(signature = (path, /))]
    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        let _locked = self.writers.enter()?;
        let run = Run::new(0);
        watched(py, &run, Cost::unknown(), 0, None, || self.core.save_watched(&path, &run))
    }

    #[getter]
    fn dim(&self) -> usize {
        self.core.params().dim
    }

    #[getter]
    fn metric(&self) -> &'static str {
        self.core.params().metric.as_str()
    }

    #[getter]
    fn dtype(&self) -> &'static str {
        self.core.params().dtype.as_str()
    }

    #[getter]
    fn m(&self) -> usize {
        self.core.params().m
    }

    #[getter]
    fn ef_construction(&self) -> usize {
        self.core.params().ef_construction
    }

    #[getter]
    fn seed(&self) -> u64 {
        self.core.params().seed
    }

    #[getter]
    fn level_p(&self) -> f64 {
        self.core.params().p()
    }

    #[getter]
    fn layout(&self) -> &'static str {
        self.core.params().layout.as_str()
    }

    #[getter]
    fn store(&self) -> &'static str {
        let params = self.core.params();
        params.store.name(params.dtype)
    }

    fn __len__(&self) -> usize {
        self.core.len()
    }

    /// Whether the index holds an id.
    #[pyo3(signature = (number, /))]
    fn contains(&self, py: Python<'_>, number: i64) -> PyResult<bool> {
        self.writers.check()?;
        detached(py, || self.core.contains(number))
    }

    /// All ids, in the order they were added.
    fn ids<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray1<i64>>> {
        self.writers.check()?;
        Ok(PyArray1::from_vec(py, detached(py, || self.core.ids())?))
    }

    /// The stored bytes of the vectors with these ids, one after the other.
    #[pyo3(signature = (ids, /))]
    fn get<'py>(&self, py: Python<'py>, ids: PyReadonlyArray1<'_, i64>) -> PyResult<Bound<'py, PyArray1<u8>>> {
        self.writers.check()?;
        let ids = ids.as_slice()?;
        Ok(PyArray1::from_vec(py, detached(py, || self.core.get(ids))?))
    }

    /// Adds rows and returns their ids; `progress(done, total)` may raise to stop.
    #[pyo3(signature = (rows, ids, threads, progress, /))]
    fn add<'py>(
        &self,
        py: Python<'py>,
        rows: &Bound<'py, PyUntypedArray>,
        ids: Option<PyReadonlyArray1<'py, i64>>,
        threads: usize,
        progress: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyArray1<i64>>> {
        let params = self.core.params();
        let matrix = stored(rows, params.dtype)?;
        let ids = ids.as_ref().map(|ids| ids.as_slice()).transpose()?;
        let run = Run::new(threads);
        let cost = Cost::walk(matrix.rows, params.ef_construction, params);
        let locked = self.writers.enter()?;
        let work = || self.core.add(matrix, ids, &run);
        Ok(PyArray1::from_vec(py, watched(py, &run, locked.cost(cost), matrix.rows, progress, work)?))
    }

    /// Adds rows, or puts them in the place of those with these ids.
    #[pyo3(signature = (rows, ids, threads, progress, /))]
    fn upsert(
        &self,
        py: Python<'_>,
        rows: &Bound<'_, PyUntypedArray>,
        ids: PyReadonlyArray1<'_, i64>,
        threads: usize,
        progress: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let params = self.core.params();
        let matrix = stored(rows, params.dtype)?;
        let ids = ids.as_slice()?;
        let run = Run::new(threads);
        let cost = Cost::walk(matrix.rows, 2 * params.ef_construction, params);
        let locked = self.writers.enter()?;
        watched(py, &run, locked.cost(cost), matrix.rows, progress, || self.core.upsert(matrix, ids, &run))
    }

    /// Removes ids; says how many there were.
    #[pyo3(signature = (ids, ignore_missing, threads, /))]
    fn remove(
        &self,
        py: Python<'_>,
        ids: PyReadonlyArray1<'_, i64>,
        ignore_missing: bool,
        threads: usize,
    ) -> PyResult<usize> {
        let params = self.core.params();
        let ids = ids.as_slice()?;
        let run = Run::new(threads);
        let cost = Cost::walk(ids.len(), params.ef_construction, params);
        let locked = self.writers.enter()?;
        watched(py, &run, locked.cost(cost), ids.len(), None, || self.core.remove(ids, ignore_missing, &run))
    }

    /// Removes everything.
    fn clear(&self, py: Python<'_>) -> PyResult<()> {
        let locked = self.writers.enter()?;
        let run = Run::new(1);
        watched(py, &run, locked.cost(Cost::scan(1, 1, 1)), 0, None, || self.core.clear(&run))
    }

    /// Frees the slots of removed vectors; `(mended, freed, moved)`.
    #[pyo3(signature = (threads, progress, /))]
    fn compact(
        &self,
        py: Python<'_>,
        threads: usize,
        progress: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<(u64, u64, u64)> {
        let run = Run::new(threads);
        let locked = self.writers.enter()?;
        let (slots, moved, params) = (self.core.slots(), self.core.movable(), self.core.params());
        let (cost, total) = match moved {
            0 => (Cost::scan(1, slots, params.m), slots),
            _ => (Cost::walk(moved, params.ef_construction, params), 2 * (slots + moved)),
        };
        let done = watched(py, &run, locked.cost(cost), total, progress, || self.core.compact(&run))?;
        Ok((done.mended, done.freed, done.moved))
    }

    /// `(ids, distances, counts, counters)`: the `k` nearest to each query. None if the query is not
    /// yet as the engine takes it; `vicinal.arrays.query_rows` makes it so.
    #[pyo3(signature = (query, k, ef_search, plan, counters, threads, filter, missing, /))]
    #[expect(clippy::too_many_arguments, reason = "mirrors the Python method")]
    fn search<'py>(
        &self,
        py: Python<'py>,
        query: &Bound<'py, PyAny>,
        k: usize,
        ef_search: usize,
        plan: &str,
        counters: bool,
        threads: usize,
        filter: Option<&IdSet>,
        missing: &str,
    ) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let params = self.core.params();
        let Some((array, matrix)) = ready(query, params.dim, params.dtype) else {
            return Ok(None);
        };
        self.writers.check()?;
        let run = Run::new(threads);
        let options = SearchOptions { k, ef_search, counters, plan: plan.parse().map_err(raise)? };
        let filter = chosen(filter, missing)?;
        let cost = Cost::search(matrix.rows, self.core.len(), &options, filter, params);
        let hits = watched(py, &run, cost, matrix.rows, None, || self.core.search(matrix, &options, filter, &run))?;
        answer(py, hits, array.ndim() == 1).map(Some)
    }

    /// `(answer, proven)`: what `search` answers, proven to be within `1 + epsilon` of the truth, and for each query
    /// `(certified, epsilon, bounded, measured, rows)`. The query is as the engine takes it.
    #[pyo3(signature = (query, k, ef_search, plan, counters, threads, filter, missing, epsilon, rows, share, /))]
    #[expect(clippy::too_many_arguments, reason = "mirrors the Python method")]
    fn search_guaranteed<'py>(
        &self,
        py: Python<'py>,
        query: &Bound<'py, PyAny>,
        k: usize,
        ef_search: usize,
        plan: &str,
        counters: bool,
        threads: usize,
        filter: Option<&IdSet>,
        missing: &str,
        epsilon: f64,
        rows: Option<u64>,
        share: Option<f64>,
    ) -> PyResult<Option<(Bound<'py, PyTuple>, Proven<'py>)>> {
        let params = self.core.params();
        let Some((array, matrix)) = ready(query, params.dim, params.dtype) else {
            return Ok(None);
        };
        self.writers.check()?;
        let run = Run::new(threads);
        let options = SearchOptions { k, ef_search, counters, plan: plan.parse().map_err(raise)? };
        let guarantee = Guarantee { epsilon, budget: budget(rows, share) };
        let filter = chosen(filter, missing)?;
        let cost = Cost::scan(matrix.rows, self.core.len(), params.dim).and_answers(matrix.rows, k);
        let work = || self.core.search_guaranteed(matrix, &options, &guarantee, filter, &run);
        let (hits, proven) = watched(py, &run, cost, matrix.rows, None, work)?;
        Ok(Some((answer(py, hits, array.ndim() == 1)?, certified(py, &proven))))
    }

    /// Whether `prepare_guarantees` would be of use.
    fn guarantees_due(&self) -> bool {
        self.core.guarantees_due()
    }

    /// Up to so many vectors from all over the index, one after another; of length 1 under cosine.
    #[pyo3(signature = (rows, /))]
    fn sample<'py>(&self, py: Python<'py>, rows: usize) -> PyResult<Bound<'py, PyArray1<f32>>> {
        self.writers.check()?;
        Ok(PyArray1::from_vec(py, detached(py, || self.core.sample(rows, &Run::new(0)))?))
    }

    /// Codes all rows by their coordinates on these axes. Waits for a change under way, or does nothing then.
    #[pyo3(signature = (centre, axes, wait, threads, /))]
    fn prepare_guarantees(
        &self,
        py: Python<'_>,
        centre: PyReadonlyArray1<'_, f32>,
        axes: PyReadonlyArray1<'_, f32>,
        wait: bool,
        threads: usize,
    ) -> PyResult<()> {
        let params = self.core.params();
        let basis = Basis { centre: centre.as_slice()?, axes: axes.as_slice()? };
        let run = Run::new(threads);
        let locked = self.writers.enter()?;
        let cost = locked.cost(Cost::scan(basis.axes.len() / params.dim, self.core.len(), params.dim));
        watched(py, &run, cost, 0, None, || self.core.prepare_guarantees(basis, wait, &run))
    }

    /// What `search` answers for one query, and the way that it went. The query is as the engine takes it.
    #[pyo3(signature = (query, k, ef_search, plan, filter, missing, /))]
    #[expect(clippy::too_many_arguments, reason = "mirrors the Python method")]
    fn explain<'py>(
        &self,
        py: Python<'py>,
        query: &Bound<'py, PyUntypedArray>,
        k: usize,
        ef_search: usize,
        plan: &str,
        filter: Option<&IdSet>,
        missing: &str,
    ) -> PyResult<Bound<'py, PyDict>> {
        let params = self.core.params();
        let matrix = queries(query, params.dtype)?;
        self.writers.check()?;
        let run = Run::new(1);
        let options = SearchOptions { k, ef_search, counters: true, plan: plan.parse().map_err(raise)? };
        let filter = chosen(filter, missing)?;
        let cost = Cost::search(1, self.core.len(), &options, filter, params);
        let work = || self.core.explain(matrix, &options, filter, &run);
        explain::explanation(py, watched(py, &run, cost, 1, None, work)?)
    }

    /// All nodes and links, by place.
    fn shape<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let locked = self.writers.enter()?;
        let run = Run::new(1);
        let cost = locked.cost(Cost::scan(1, self.core.slots(), self.core.params().m));
        explain::shape(py, watched(py, &run, cost, 0, None, || self.core.shape(&run))?)
    }

    /// `(ids, distances, offsets)` of all within the radius. The query is as the engine takes it.
    #[pyo3(signature = (query, radius, limit, threads, filter, missing, /))]
    #[expect(clippy::too_many_arguments, reason = "mirrors the Python method")]
    fn search_radius<'py>(
        &self,
        py: Python<'py>,
        query: &Bound<'py, PyUntypedArray>,
        radius: f64,
        limit: Option<usize>,
        threads: usize,
        filter: Option<&IdSet>,
        missing: &str,
    ) -> PyResult<Ragged<'py>> {
        let params = self.core.params();
        let matrix = queries(query, params.dtype)?;
        self.writers.check()?;
        let filter = chosen(filter, missing)?;
        let run = Run::new(threads);
        let cost = Cost::scan(matrix.rows, self.core.len(), params.dim);
        let work = || self.core.search_radius(matrix, radius, limit, filter, &run);
        let found = watched(py, &run, cost, matrix.rows, None, work)?;
        let (ids, distances) = (PyArray1::from_vec(py, found.ids), PyArray1::from_vec(py, found.distances));
        Ok((ids, distances, PyArray1::from_vec(py, found.offsets)))
    }

    /// The distance of each id from one query, which is as the engine takes it.
    #[pyo3(signature = (query, ids, /))]
    fn distances<'py>(
        &self,
        py: Python<'py>,
        query: &Bound<'py, PyUntypedArray>,
        ids: PyReadonlyArray1<'_, i64>,
    ) -> PyResult<Bound<'py, PyArray1<f32>>> {
        self.writers.check()?;
        let (matrix, ids) = (queries(query, self.core.params().dtype)?, ids.as_slice()?);
        Ok(PyArray1::from_vec(py, detached(py, || self.core.distances(matrix, ids))?))
    }

    /// The ids that an id links to on a layer.
    #[pyo3(signature = (number, layer, /))]
    fn neighbors_of<'py>(&self, py: Python<'py>, number: i64, layer: usize) -> PyResult<Bound<'py, PyArray1<i64>>> {
        self.writers.check()?;
        Ok(PyArray1::from_vec(py, detached(py, || self.core.neighbors_of(number, layer))?))
    }

    /// The shape of the graph and the memory it takes, by name.
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let locked = self.writers.enter()?;
        let run = Run::new(1);
        let cost = locked.cost(Cost::scan(1, self.core.slots(), self.core.params().m));
        report::stats(py, &watched(py, &run, cost, 0, None, || self.core.stats(&run))?)
    }

    /// What a full traversal found, by name, and before that what was mended, if that was asked for.
    #[pyo3(signature = (repair, /))]
    fn verify<'py>(&self, py: Python<'py>, repair: bool) -> PyResult<Bound<'py, PyDict>> {
        let locked = self.writers.enter()?;
        let run = Run::new(0);
        let scan = Cost::scan(1, self.core.len(), self.core.params().dim);
        let cost = if repair { Cost::unknown() } else { locked.cost(scan) };
        let work = || {
            let mended = if repair { self.core.repair(&run)? } else { Vec::new() };
            self.core.verify(&run).map(|report| (report, mended))
        };
        let (report, mended) = watched(py, &run, cost, self.core.len(), None, work)?;
        report::findings(py, report, mended)
    }
}
