//! The checksums of a database's rows: CRC-32C over a row's slot and what lies in it, in the order that
//! docs/format.md gives. A bulk load sums every row, which would cost Python more than the writing.

use numpy::{PyArray1, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString};

use crate::errors::InvalidInputError;

/// The sum of each record: its slot, kind of id, length of the id, id, and the payload's text (nothing for None).
#[pyfunction]
#[pyo3(signature = (slots, ids, payloads, /))]
pub fn record_sums<'py>(
    py: Python<'py>,
    slots: PyReadonlyArray1<'py, i64>,
    ids: &Bound<'py, PyList>,
    payloads: &Bound<'py, PyList>,
) -> PyResult<Bound<'py, PyArray1<u32>>> {
    let slots = slots.as_slice()?;
    same_length(slots.len(), ids.len())?;
    same_length(slots.len(), payloads.len())?;
    let mut sums = Vec::with_capacity(slots.len());
    for ((slot, id), payload) in slots.iter().zip(ids.iter()).zip(payloads.iter()) {
        let sum = with_id(crc32c::crc32c(&slot.to_le_bytes()), &id)?;
        sums.push(if payload.is_none() {
            sum
        } else {
            crc32c::crc32c_append(sum, payload.cast::<PyString>()?.to_str()?.as_bytes())
        });
    }
    Ok(PyArray1::from_vec(py, sums))
}

/// The sum of each vector: its slot and the bytes of its row.
#[pyfunction]
#[pyo3(signature = (slots, rows, /))]
pub fn vector_sums<'py>(
    py: Python<'py>,
    slots: PyReadonlyArray1<'py, i64>,
    rows: PyReadonlyArray2<'py, u8>,
) -> PyResult<Bound<'py, PyArray1<u32>>> {
    let (slots, width) = (slots.as_slice()?, rows.shape()[1]);
    same_length(slots.len(), rows.shape()[0])?;
    let bytes = rows.as_slice()?;
    let sums = slots.iter().enumerate().map(|(row, slot)| {
        crc32c::crc32c_append(crc32c::crc32c(&slot.to_le_bytes()), &bytes[row * width..(row + 1) * width])
    });
    Ok(PyArray1::from_iter(py, sums))
}

/// The length comes before the bytes, so that no id and payload can be split in two ways.
fn with_id(sum: u32, id: &Bound<'_, PyAny>) -> PyResult<u32> {
    let tagged = |kind: u8, bytes: &[u8]| {
        let sum = crc32c::crc32c_append(sum, &[kind]);
        let sum = crc32c::crc32c_append(sum, &(bytes.len() as u32).to_le_bytes());
        crc32c::crc32c_append(sum, bytes)
    };
    if let Ok(text) = id.cast::<PyString>() {
        return Ok(tagged(b's', text.to_str()?.as_bytes()));
    }
    if let Ok(uuid) = id.cast::<PyBytes>() {
        return Ok(tagged(b'u', uuid.as_bytes()));
    }
    Ok(tagged(b'i', &id.extract::<i64>()?.to_le_bytes()))
}

fn same_length(left: usize, right: usize) -> PyResult<()> {
    if left == right {
        return Ok(());
    }
    Err(InvalidInputError::new_err(format!("{left} slots for {right} rows")))
}
