//! What `stats` and `verify` found, as dictionaries that Python's dataclasses are made of.

use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use vicinal_core::{Report, Stats};

/// The fields of `vicinal.Stats`.
pub fn stats<'py>(py: Python<'py>, stats: &Stats) -> PyResult<Bound<'py, PyDict>> {
    let signed = |counts: &[u64]| PyArray1::from_vec(py, counts.iter().map(|&n| n as i64).collect());
    let bytes = PyDict::new(py);
    for &(part, size) in &stats.bytes {
        bytes.set_item(part, size)?;
    }
    let fields = PyDict::new(py);
    fields.set_item("nodes_per_layer", signed(&stats.nodes_per_layer))?;
    fields.set_item("degree_histogram", PyList::new(py, stats.degree_histogram.iter().map(|layer| signed(layer)))?)?;
    fields.set_item("bytes", bytes)?;
    let [live, dead, free] = stats.slots;
    fields.set_item("live", live)?;
    fields.set_item("dead", dead)?;
    fields.set_item("free", free)?;
    fields.set_item("loose_parts", stats.loose_parts)?;
    fields.set_item("entry_point", stats.entry_point)?;
    Ok(fields)
}

/// The fields of `vicinal.Report`.
pub fn findings(py: Python<'_>, report: Report, mended: Vec<String>) -> PyResult<Bound<'_, PyDict>> {
    let fields = PyDict::new(py);
    fields.set_item("reachable", report.reachable)?;
    fields.set_item("unreachable", PyArray1::from_vec(py, report.unreachable))?;
    fields.set_item("links", report.links)?;
    fields.set_item("one_way_links", report.one_way_links)?;
    fields.set_item("unreturned_links", report.unreturned_links)?;
    fields.set_item("dangling_links", report.dangling_links)?;
    fields.set_item("duplicates", report.duplicates)?;
    fields.set_item("broken", report.broken)?;
    fields.set_item("mended", mended)?;
    Ok(fields)
}
