//! The one place where engine errors become Python exceptions (`python/vicinal/errors.py`).

use std::io::ErrorKind;
use std::path::Path;

use pyo3::import_exception;
use pyo3::prelude::*;
use vicinal_core::Error;

import_exception!(vicinal.errors, CapacityError);
import_exception!(vicinal.errors, CorruptionError);
import_exception!(vicinal.errors, DuplicateIdError);
import_exception!(vicinal.errors, FileMissingError);
import_exception!(vicinal.errors, ForkedError);
import_exception!(vicinal.errors, FormatError);
import_exception!(vicinal.errors, InternalError);
import_exception!(vicinal.errors, InvalidInputError);
import_exception!(vicinal.errors, InvalidTypeError);
import_exception!(vicinal.errors, NotFoundError);
import_exception!(vicinal.errors, OutOfMemoryError);
import_exception!(vicinal.errors, ReadOnlyError);
import_exception!(vicinal.errors, StorageError);

/// The Python exception of an engine error. The sentence is the engine's.
pub fn raise(error: Error) -> PyErr {
    let message = error.to_string();
    match error {
        Error::Invalid(_) => InvalidInputError::new_err(message),
        Error::Duplicate { .. } => DuplicateIdError::new_err(message),
        Error::NotFound { .. } | Error::UnknownInFilter { .. } | Error::Missing { .. } => {
            NotFoundError::new_err(message)
        }
        Error::Corruption { .. } => CorruptionError::new_err(message),
        Error::Format { .. } => FormatError::new_err(message),
        Error::Io { path, source, .. } => storage(&message, &path, &source),
        Error::ReadOnly => ReadOnlyError::new_err(message),
        Error::Full { .. } => CapacityError::new_err(message),
        Error::OutOfMemory(_) => OutOfMemoryError::new_err(message),
        other => InternalError::new_err(format!("{other}; please report this")),
    }
}

fn storage(message: &str, path: &Path, source: &std::io::Error) -> PyErr {
    let advice = match source.kind() {
        ErrorKind::NotFound => "check the name, and that the folder is there",
        ErrorKind::IsADirectory => "give the name of a file in it",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "make room, then try again",
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => "choose a place you may write to and read from",
        _ => "the system's log may tell more",
    };
    let arguments = (format!("{message}; {advice}"), source.raw_os_error(), path.display().to_string());
    match source.kind() {
        ErrorKind::NotFound => FileMissingError::new_err(arguments),
        _ => StorageError::new_err(arguments),
    }
}

/// A panic of the engine, as an exception that `except Exception` catches.
pub fn panicked(payload: &(dyn std::any::Any + Send)) -> PyErr {
    let reason = payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("no reason given");
    InternalError::new_err(format!(
        "a bug in Vicinal: {reason}. Please report it; reload the index from its file before going on"
    ))
}
