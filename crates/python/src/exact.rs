//! Exact search without an index.

use numpy::{PyUntypedArray, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use vicinal_core::{Dtype, Metric, Run};

use crate::arrays::{queries, stored};
use crate::errors::raise;
use crate::hits::answer;
use crate::isa;
use crate::wait::{Cost, watched};

/// `(ids, distances, counts, None)`: the `k` rows nearest to each query; ids are row numbers.
#[pyfunction]
#[pyo3(signature = (rows, query, dim, metric, dtype, k, threads, /))]
#[expect(clippy::too_many_arguments, reason = "mirrors the Python function")]
pub fn knn<'py>(
    py: Python<'py>,
    rows: &Bound<'py, PyUntypedArray>,
    query: &Bound<'py, PyUntypedArray>,
    dim: usize,
    metric: &str,
    dtype: &str,
    k: usize,
    threads: usize,
) -> PyResult<Bound<'py, PyTuple>> {
    isa()?;
    let metric: Metric = metric.parse().map_err(raise)?;
    let dtype: Dtype = dtype.parse().map_err(raise)?;
    let (x, q) = (stored(rows, dtype)?, queries(query, dtype)?);
    let run = Run::new(threads);
    let cost = Cost::scan(q.rows, x.rows, dim).and_answers(q.rows, k);
    let hits = watched(py, &run, cost, q.rows, None, || vicinal_core::knn(x, q, dim, metric, dtype, k, &run))?;
    answer(py, hits, query.ndim() == 1)
}
