//! Slot → stored code → [`Scorer`]: the graph asks for distances, it never computes one.

mod check;
mod edges;
mod form;
mod planes;
mod scorer;
mod store;
mod walk;

pub use check::{check_kept, check_queries, check_rows, zeros};
pub use edges::{EdgeCoder, Estimator};
pub use form::{Codes, Form};
pub use planes::{join_f32, split_f32};
pub use scorer::{CodeScorer, Rows, Scorer};
pub use store::Vectors;
