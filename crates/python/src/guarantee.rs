//! Guarantees asked for, and what was proven.

use numpy::PyArray1;
use pyo3::prelude::*;
use vicinal_core::{Budget, Certificate};

/// `(certified, epsilon, bounded, measured, rows)`, each with an entry for each query.
pub type Proven<'py> = (
    Bound<'py, PyArray1<bool>>,
    Bound<'py, PyArray1<f64>>,
    Bound<'py, PyArray1<i64>>,
    Bound<'py, PyArray1<i64>>,
    Bound<'py, PyArray1<i64>>,
);

/// What a proof may cost.
pub fn budget(rows: Option<u64>, share: Option<f64>) -> Option<Budget> {
    rows.map(Budget::Rows).or(share.map(Budget::Share))
}

/// What was proven of each query.
pub fn certified<'py>(py: Python<'py>, proven: &[Certificate]) -> Proven<'py> {
    let column = |field: fn(&Certificate) -> u64| PyArray1::from_iter(py, proven.iter().map(|one| field(one) as i64));
    (
        PyArray1::from_iter(py, proven.iter().map(|one| one.certified)),
        PyArray1::from_iter(py, proven.iter().map(|one| one.epsilon)),
        column(|one| one.bounded),
        column(|one| one.measured),
        column(|one| one.rows),
    )
}
