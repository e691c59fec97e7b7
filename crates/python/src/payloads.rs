//! Payloads as JSON text, where that is plain work. A bulk load writes one a record, which takes Python a third of all
//! its time.

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};

/// The JSON text of each payload that is made of plain values alone: strings, numbers, True, False, None, lists, tuples
/// and dicts, at most so many within each other. None for any other, which is for the caller to judge: what it holds
/// may be wrong, or of a kind that has to be put in other words first.
#[pyfunction]
#[pyo3(signature = (payloads, depth, /))]
pub fn json_texts<'py>(payloads: &Bound<'py, PyList>, depth: usize) -> Vec<Option<Bound<'py, PyString>>> {
    let (py, mut text) = (payloads.py(), Vec::new());
    payloads
        .iter()
        .map(|payload| {
            text.clear();
            let fields = payload.cast_exact::<PyDict>().ok()?;
            put_dict(&mut text, fields, depth.checked_sub(1)?)?;
            Some(PyString::new(py, std::str::from_utf8(&text).ok()?))
        })
        .collect()
}

/// Appends a value; None where it is not plain.
fn put(text: &mut Vec<u8>, value: &Bound<'_, PyAny>, depth: usize) -> Option<()> {
    if let Ok(string) = value.cast_exact::<PyString>() {
        put_string(text, string)
    } else if value.is_none() {
        serde_json::to_writer(text, &()).ok()
    } else if let Ok(truth) = value.cast_exact::<PyBool>() {
        serde_json::to_writer(text, &truth.is_true()).ok()
    } else if value.is_exact_instance_of::<PyInt>() {
        serde_json::to_writer(text, &value.extract::<i64>().ok()?).ok()
    } else if let Ok(number) = value.cast_exact::<PyFloat>() {
        let number = number.value();
        number.is_finite().then(|| serde_json::to_writer(text, &number).ok())?
    } else if let Ok(fields) = value.cast_exact::<PyDict>() {
        put_dict(text, fields, depth.checked_sub(1)?)
    } else if let Ok(items) = value.cast_exact::<PyList>() {
        put_items(text, items.iter(), depth.checked_sub(1)?)
    } else if let Ok(items) = value.cast_exact::<PyTuple>() {
        put_items(text, items.iter(), depth.checked_sub(1)?)
    } else {
        None
    }
}

fn put_dict(text: &mut Vec<u8>, fields: &Bound<'_, PyDict>, depth: usize) -> Option<()> {
    text.push(b'{');
    for (place, (key, value)) in fields.iter().enumerate() {
        if place > 0 {
            text.push(b',');
        }
        let key = key.cast_exact::<PyString>().ok()?;
        // To SQLite such a key would end there.
        if key.to_str().ok()?.contains('\0') {
            return None;
        }
        put_string(text, key)?;
        text.push(b':');
        put(text, &value, depth)?;
    }
    text.push(b'}');
    Some(())
}

fn put_items<'py>(text: &mut Vec<u8>, items: impl Iterator<Item = Bound<'py, PyAny>>, depth: usize) -> Option<()> {
    text.push(b'[');
    for (place, item) in items.enumerate() {
        if place > 0 {
            text.push(b',');
        }
        put(text, &item, depth)?;
    }
    text.push(b']');
    Some(())
}

/// None where it holds half of a surrogate pair, which is no Unicode.
fn put_string(text: &mut Vec<u8>, string: &Bound<'_, PyString>) -> Option<()> {
    serde_json::to_writer(text, string.to_str().ok()?).ok()
}
