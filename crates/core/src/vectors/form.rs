//! How the vectors of an index lie in memory: what a walk reads, and what exact distances are measured from.

use vicinal_kernels::levels;

use crate::types::{Dtype, Layout, Metric, Params, Store};

/// The parts that a vector is kept in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One row of a dtype, which both read.
    Whole(Dtype),
    /// f32 in two planes: a walk reads the first.
    Split,
    /// Levels, which a walk reads; and beside them the vector as halves, unless they are all there is.
    Levels {
        /// Whether there are halves.
        halves: bool,
    },
}

impl Form {
    /// That of an index.
    pub fn of(params: &Params) -> Form {
        match (params.store, params.layout) {
            (Store::Given, _) if params.dtype == Dtype::F32 => Form::Split,
            (Store::Given, _) => Form::Whole(params.dtype),
            // A hop measures one vector here, and dozens there: halves alone are fewer bytes, and no slower.
            (Store::F16, Layout::Fast) => Form::Whole(Dtype::F16),
            (Store::F16, Layout::Compact) => Form::Levels { halves: true },
            (Store::None, _) => Form::Levels { halves: false },
        }
    }

    /// The dtype of what exact distances are measured from; that of decoded levels is f32.
    pub fn measured(self) -> Dtype {
        match self {
            Form::Whole(dtype) => dtype,
            Form::Levels { halves: true } => Dtype::F16,
            Form::Split | Form::Levels { halves: false } => Dtype::F32,
        }
    }

    /// Bytes of the part that a walk reads.
    pub fn walk_bytes(self, dim: usize) -> usize {
        match self {
            Form::Whole(dtype) => dtype.row_bytes(dim),
            Form::Split => 2 * dim,
            Form::Levels { .. } => levels::row_bytes(dim),
        }
    }

    /// Bytes that a scan reads of a vector before it measures the few that may be near.
    pub fn scan_bytes(self, dim: usize) -> usize {
        match self {
            Form::Levels { halves: true } => 2 * dim,
            form => form.walk_bytes(dim),
        }
    }

    /// The name of the other part, and its bytes.
    pub fn rest(self, dim: usize) -> Option<(&'static str, usize)> {
        match self {
            Form::Split => Some(("lo", 2 * dim)),
            Form::Levels { halves: true } => Some(("halves", 2 * dim)),
            Form::Whole(_) | Form::Levels { halves: false } => None,
        }
    }

    /// Whether norms lie in rows of their own: levels have theirs with them.
    pub fn has_norms(self, metric: Metric) -> bool {
        metric == Metric::Cosine && !matches!(self, Form::Levels { .. })
    }
}
