//! Search answers as numpy arrays.

use numpy::ndarray::Array2;
use numpy::{PyArray, PyArray1};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString, PyTuple};
use vicinal_core::{Counters, Hits};

/// `(ids, distances, counts, counters)`; one query of one dimension gets rows, not matrices.
pub fn answer<'py>(py: Python<'py>, hits: Hits, single: bool) -> PyResult<Bound<'py, PyTuple>> {
    let counters = hits.counters.map(|counters| costs(py, &counters, single)).transpose()?;
    if single {
        let (ids, distances) = (row(py, hits.ids), row(py, hits.distances));
        return (ids, distances, hits.counts[0], counters).into_pyobject(py);
    }
    let counts: Vec<i64> = hits.counts.iter().map(|&count| i64::from(count)).collect();
    let shape = (counts.len(), hits.k);
    let (ids, distances) = (table(py, hits.ids, shape), table(py, hits.distances, shape));
    (ids, distances, PyArray1::from_vec(py, counts), counters).into_pyobject(py)
}

/// `(distance_evaluations, hops, reranked, estimates, matching, expected_cost, evaluations_per_layer, hops_per_layer,
/// plan)`.
fn costs<'py>(py: Python<'py>, counters: &[Counters], single: bool) -> PyResult<Bound<'py, PyTuple>> {
    let layers = counters.iter().map(|one| one.hops_per_layer.len().max(one.evaluations_per_layer.len())).max();
    let layers = layers.unwrap_or(0);
    let column = |field: fn(&Counters) -> u64| -> Vec<i64> { counters.iter().map(|one| field(one) as i64).collect() };
    let layered = |field: fn(&Counters) -> &[u32]| -> Vec<i64> {
        let layer = |one, layer| field(one).get(layer).map_or(0, |&count| i64::from(count));
        counters.iter().flat_map(|one| (0..layers).map(move |l| layer(one, l))).collect()
    };
    let columns = [
        column(|one| one.distance_evaluations),
        column(|one| one.hops),
        column(|one| one.reranked.into()),
        column(|one| one.estimates.into()),
        column(|one| one.matching),
        column(|one| one.expected_cost),
    ];
    let tables = [layered(|one| &one.evaluations_per_layer), layered(|one| &one.hops_per_layer)];
    if single {
        let totals = columns.into_iter().map(|column| column[0].into_pyobject(py).map(Bound::into_any));
        let rows = tables.into_iter().map(|row| Ok(PyArray1::from_vec(py, row).into_any()));
        let plan = PyString::new(py, counters[0].plan.as_str()).into_any();
        return PyTuple::new(py, totals.chain(rows).chain([Ok(plan)]).collect::<Result<Vec<_>, _>>()?);
    }
    let columns = columns.into_iter().map(|column| PyArray1::from_vec(py, column).into_any());
    let tables = tables.into_iter().map(|rows| table(py, rows, (counters.len(), layers)));
    let plans = PyList::new(py, counters.iter().map(|one| one.plan.as_str()))?.into_any();
    PyTuple::new(py, columns.chain(tables).chain([plans]).collect::<Vec<_>>())
}

/// A few values are quicker copied than handed over; many may not fit twice.
fn row<T: numpy::Element + Copy>(py: Python<'_>, values: Vec<T>) -> Bound<'_, PyArray1<T>> {
    if values.len() <= 1024 { PyArray1::from_slice(py, &values) } else { PyArray1::from_vec(py, values) }
}

fn table<T: numpy::Element>(py: Python<'_>, values: Vec<T>, shape: (usize, usize)) -> Bound<'_, PyAny> {
    let table = Array2::from_shape_vec(shape, values).expect("the engine returns whole rows");
    PyArray::from_owned_array(py, table).into_any()
}
