//! Hierarchical Navigable Small World graphs: Y. A. Malkov, D. A. Yashunin, *Efficient and robust approximate nearest
//! neighbor search using Hierarchical Navigable Small World graphs*, 2016/2018, arXiv:1603.09320.
//!
//! | paper | here |
//! | --- | --- |
//! | Algorithm 1, INSERT | [`insert`] |
//! | Algorithm 2, SEARCH-LAYER | [`search_layer`] |
//! | Algorithm 3, SELECT-NEIGHBORS-SIMPLE | the fill of [`select_neighbors`] |
//! | Algorithm 4, SELECT-NEIGHBORS-HEURISTIC | [`select_neighbors`] |
//! | Algorithm 5, K-NN-SEARCH | [`mod@knn_search`] |
//!
//! Beyond the paper: a spanning tree of protected edges that keeps every node reachable ([`adopt`]), chains of equal
//! vectors ([`graph`]), and an undo log that makes a batch all or nothing ([`undo`]).

mod adopt;
mod bulk;
mod code_row;
mod edit;
mod ends;
mod gate;
mod graph;
mod insert;
mod knn_search;
mod levels;
mod mend;
mod observe;
mod pool;
mod repair;
mod retire;
mod row;
mod scratch;
mod search_codes;
mod search_layer;
mod select_neighbors;
mod spread;
mod turns;
mod two_hop;
mod undo;
mod verify;

pub use adopt::most_protected;
pub use bulk::Bulk;
pub use code_row::write_own_code;
pub use edit::Editor;
pub use graph::{EntryPoint, Graph, layer0_row_bytes, row_bytes};
pub use insert::Inserter;
pub use knn_search::{Found, Lane, Query, knn_search};
pub use levels::{LevelLaw, MAX_LEVEL};
pub use mend::{mend, sweep};
pub use observe::{End, Observer, Trace};
pub use pool::Candidate;
pub use repair::Repair;
pub use retire::{Removed, doom, retire};
pub use row::{PROTECTED, slot_of};
pub use scratch::Scratch;
pub use spread::Spread;
pub use turns::{INTERLEAVED, interleaved};
pub use undo::{RowName, Undo};
pub use verify::{degree_histogram, nodes_per_layer, parts, verify};
