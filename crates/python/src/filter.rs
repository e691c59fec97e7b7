//! `vicinal._native.IdSet`: which ids a search may answer.

use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use vicinal_core::Filter;

use crate::errors::raise;
use crate::wait::detached;

/// The engine's set of ids. It never changes; an index that used it finds it ready.
#[pyclass(frozen, module = "vicinal._native")]
pub struct IdSet(pub(crate) vicinal_core::IdSet);

/// What a search may answer, as Python names it.
pub fn chosen<'a>(set: Option<&'a IdSet>, missing: &str) -> PyResult<Option<Filter<'a>>> {
    let missing = missing.parse().map_err(raise)?;
    Ok(set.map(|set| Filter { ids: &set.0, missing }))
}

#[pymethods]
impl IdSet {
    /// The set of these ids.
    #[staticmethod]
    #[pyo3(signature = (ids, /))]
    fn of_ids(py: Python<'_>, ids: PyReadonlyArray1<'_, i64>) -> PyResult<Self> {
        let ids = ids.as_slice()?;
        detached(py, || vicinal_core::IdSet::of_ids(ids)).map(IdSet)
    }

    /// The set of the places of ones among the first `length` bits, least significant first.
    #[staticmethod]
    #[pyo3(signature = (bits, length, /))]
    fn of_mask(py: Python<'_>, bits: PyReadonlyArray1<'_, u8>, length: u64) -> PyResult<Self> {
        let bits = bits.as_slice()?;
        detached(py, || Ok(vicinal_core::IdSet::of_mask(bits, length))).map(IdSet)
    }

    /// The ids in a serialized roaring bitmap.
    #[staticmethod]
    #[pyo3(signature = (data, /))]
    fn of_bytes(py: Python<'_>, data: &[u8]) -> PyResult<Self> {
        detached(py, || vicinal_core::IdSet::of_bytes(data)).map(IdSet)
    }

    /// All ids but these.
    fn complement(&self) -> Self {
        IdSet(self.0.complement())
    }

    /// The ids of both.
    #[pyo3(signature = (other, /))]
    fn intersection(&self, other: &Self) -> Self {
        IdSet(self.0.and(&other.0))
    }

    /// The ids of either.
    #[pyo3(signature = (other, /))]
    fn union(&self, other: &Self) -> Self {
        IdSet(self.0.or(&other.0))
    }

    /// Whether the set is all ids but the listed ones.
    #[getter]
    fn denies(&self) -> bool {
        self.0.denies()
    }

    /// How many ids are listed.
    fn listed_len(&self) -> u64 {
        self.0.listed_len()
    }

    /// The listed ids, ascending.
    fn listed<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<i64>> {
        PyArray1::from_vec(py, self.0.listed().collect())
    }

    /// Whether the set has an id.
    #[pyo3(signature = (number, /))]
    fn contains(&self, number: i64) -> bool {
        self.0.contains(number)
    }

    /// The listed ids as a roaring bitmap in the portable format of 64 bits.
    fn serialize<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.serialize())
    }
}
