//! The engine of Vicinal. It knows nothing of Python.
//!
//! Imports point downward: `index → storage → certify → flat, hnsw → filter, vectors → kernels`.

mod arena;
mod bits;
mod blocks;
mod certify;
mod error;
mod filter;
pub mod flat;
mod hits;
mod hnsw;
mod ids;
mod index;
mod live;
mod mapped;
mod readers;
mod run;
mod slots;
mod storage;
mod sync;
mod types;
pub mod vectors;

pub use certify::Basis;
pub use error::{Error, Result};
pub use filter::{Filter, IdSet};
pub use flat::knn;
pub use index::{Compacted, Explanation, Index, Links, Ragged, Report, Route, Shape, Stats};
pub use run::Run;
pub use types::{
    Budget, Certificate, Counters, Dtype, Guarantee, Hits, Layout, MAX_DIM, MAX_SLOTS, MAX_SQUARED_NORM,
    MIN_COSINE_SQUARED_NORM, Matrix, Metric, Missing, Params, Plan, PlanChoice, SearchOptions, Store, check_metric,
};
