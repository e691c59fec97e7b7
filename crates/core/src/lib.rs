//! The engine of Vicinal. It knows nothing of Python.
//!
//! Imports point downward: `index → storage → flat, hnsw → vectors → kernels`.

mod error;
mod run;
mod types;

pub use error::{Error, Result};
pub use run::Run;
pub use types::{
    Counters, Dtype, Hits, MAX_DIM, MAX_SLOTS, MAX_SQUARED_NORM, MIN_COSINE_SQUARED_NORM, Matrix, Metric, Params,
    SearchOptions, check_metric,
};
