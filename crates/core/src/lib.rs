//! The engine of Vicinal. It knows nothing of Python.
//!
//! Imports point downward: `index → storage → flat, hnsw → vectors → kernels`.

mod arena;
mod blocks;
mod error;
pub mod flat;
mod hits;
mod hnsw;
mod ids;
mod index;
mod mapped;
mod run;
mod storage;
mod sync;
mod types;
pub mod vectors;

pub use error::{Error, Result};
pub use flat::knn;
pub use index::{Index, Report, Stats};
pub use run::Run;
pub use types::{
    Counters, Dtype, Hits, Layout, MAX_DIM, MAX_SLOTS, MAX_SQUARED_NORM, MIN_COSINE_SQUARED_NORM, Matrix, Metric,
    Params, SearchOptions, check_metric,
};
