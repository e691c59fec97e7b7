//! How the vectors of an index lie in memory: what a walk reads, and what exact distances are measured from.

use vicinal_kernels::edges::{LANES, block_bytes, padded};
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
            // Rows of the graph have levels there.
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

/// What a layer-0 row of the graph holds besides its links, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Codes {
    /// Before the links: the codes of its edges.
    pub edges: usize,
    /// Behind them: the node's own vector, as a walk over codes measures it. So all that a hop reads lies together, which
    /// a processor brings a quarter faster than as many bytes from three places.
    pub own: usize,
}

impl Codes {
    /// Those of an index.
    pub fn of(params: &Params) -> Codes {
        let Params { dim, dtype, .. } = *params;
        let own = if dtype.is_float() { levels::row_bytes(dim) } else { dtype.row_bytes(dim) };
        match params.layout {
            Layout::Compact => Codes::default(),
            Layout::Fast => Codes { own, ..Codes::of_edges(params) },
        }
    }

    /// Those of an index from a file of format 1 or 2, whose rows lack the node's own.
    pub fn of_edges(params: &Params) -> Codes {
        let blocks = if params.layout == Layout::Fast { (2 * params.m).div_ceil(LANES) } else { 0 };
        Codes { edges: blocks * block_bytes(padded(params.dim)), own: 0 }
    }
}
