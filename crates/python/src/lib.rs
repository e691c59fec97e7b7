//! Python bindings of `vicinal-core`: arrays in, arrays out, errors mapped in one place.
//!
//! Thin on purpose. `python/vicinal` settles types, shapes and names; here a call is converted,
//! made with the interpreter released, and its answer converted back.

mod arrays;
mod errors;
mod exact;
mod explain;
mod filter;
mod fork;
mod guarantee;
mod hits;
mod index;
mod payloads;
mod report;
mod sums;
mod wait;

use pyo3::prelude::*;

/// The engine behind `vicinal`. Use `vicinal.Index` and `vicinal.knn`, which check and convert.
// Not tested on an interpreter without the GIL: one that has none takes it up again for this module.
#[pymodule(gil_used = true)]
mod _native {
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::exact::knn;
    #[pymodule_export]
    use super::filter::IdSet;
    #[pymodule_export]
    use super::index::Index;
    #[pymodule_export]
    use super::payloads::json_texts;
    #[pymodule_export]
    use super::sums::{record_sums, vector_sums};
    #[pymodule_export]
    use super::{available_isas, isa};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}

/// The instruction set in use: "avx512", "avx2", "neon" or "scalar". Raises if `VICINAL_ISA` asks for one that is not
/// there. Whatever computes asks this first, not the import, so that a program can still say what is wrong.
#[pyfunction]
fn isa() -> PyResult<&'static str> {
    match vicinal_kernels::isa_error() {
        None => Ok(vicinal_kernels::isa().as_str()),
        Some(problem) => Err(errors::InvalidInputError::new_err(problem)),
    }
}

/// The instruction sets that `VICINAL_ISA` accepts on this machine.
#[pyfunction]
fn available_isas() -> Vec<&'static str> {
    vicinal_kernels::available().iter().map(|isa| isa.as_str()).collect()
}
