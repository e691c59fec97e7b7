//! The atomics that [`crate::hnsw`]'s rows and [`crate::readers`] are made of. `tests/row_model.rs` compiles the rows
//! over loom's.

pub use std::hint::spin_loop;
pub use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
pub use std::thread::yield_now;
