//! Explanations and the whole graph, as dictionaries of arrays.

use numpy::{Element, PyArray1};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use vicinal_core::{Explanation, Links, Route, Shape};

use crate::hits::answer;

/// `answer` as `search` gives it, `expected` costs of a scan, of a walk and, if there
/// can be one, of a walk from match to match, and `route` or None.
pub fn explanation(py: Python<'_>, found: Explanation) -> PyResult<Bound<'_, PyDict>> {
    let fields = PyDict::new(py);
    fields.set_item("answer", answer(py, found.hits, true)?)?;
    let [scan, walk, two_hop] = found.expected;
    fields.set_item("expected", (scan, walk, (two_hop < u64::MAX).then_some(two_hop)))?;
    fields.set_item("route", found.route.map(|way| route(py, way)).transpose()?)?;
    Ok(fields)
}

fn route(py: Python<'_>, way: Route) -> PyResult<Bound<'_, PyDict>> {
    let fields = PyDict::new(py);
    fields.set_item("layers", array(py, way.layers))?;
    fields.set_item("ids", array(py, way.ids))?;
    fields.set_item("distances", array(py, way.distances))?;
    fields.set_item("bounds", array(py, way.bounds))?;
    fields.set_item("seen_ends", array(py, way.seen_ends))?;
    fields.set_item("seen_ids", array(py, way.seen_ids))?;
    fields.set_item("seen_distances", array(py, way.seen_distances))?;
    fields.set_item("end", way.end)?;
    fields.set_item("reranked_ids", array(py, way.reranked_ids))?;
    fields.set_item("reranked_before", array(py, way.reranked_before))?;
    fields.set_item("reranked_after", array(py, way.reranked_after))?;
    fields.set_item("reranked_places", array(py, way.reranked_places))?;
    Ok(fields)
}

/// `ids`, `levels`, `nodes`, and `layers` as a list of `(nodes, offsets, neighbors)`.
pub fn shape(py: Python<'_>, shape: Shape) -> PyResult<Bound<'_, PyDict>> {
    let links = |links: Links| (array(py, links.nodes), array(py, links.offsets), array(py, links.neighbors));
    let fields = PyDict::new(py);
    fields.set_item("ids", array(py, shape.ids))?;
    fields.set_item("levels", array(py, shape.levels))?;
    fields.set_item("nodes", array(py, shape.nodes))?;
    fields.set_item("layers", PyList::new(py, shape.layers.into_iter().map(links))?)?;
    Ok(fields)
}

fn array<T: Element>(py: Python<'_>, values: Vec<T>) -> Bound<'_, PyArray1<T>> {
    PyArray1::from_vec(py, values)
}
