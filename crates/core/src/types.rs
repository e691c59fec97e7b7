//! The words of the engine: metrics, stored dtypes, parameters, batches in and hits out.

use std::str::FromStr;

use vicinal_kernels::{Code, Form};

use crate::error::{Error, Result};

/// Largest number of components of a vector.
pub const MAX_DIM: usize = 65_536;
/// Largest number of vectors of an index: slots are 31 bits, the 32nd marks protected edges.
pub const MAX_SLOTS: u64 = (1 << 31) - 1;
/// Largest squared norm of a stored vector or query: keeps every squared distance finite in f32.
pub const MAX_SQUARED_NORM: f64 = f32::MAX as f64 / 4.0;
/// Smallest squared norm under cosine: below it f32 products lose their digits.
pub const MIN_COSINE_SQUARED_NORM: f64 = 1e-30;

/// How far apart two vectors are, with scipy's meanings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Metric {
    /// Euclidean distance.
    L2,
    /// Squared Euclidean distance.
    SqEuclidean,
    /// `1 - cos(q, x)`.
    Cosine,
    /// `-<q, x>`: lower is nearer.
    Ip,
    /// The fraction of components that differ.
    Hamming,
    /// `1 - |a and b| / |a or b|`; 0 for two empty sets.
    Jaccard,
}

/// How a vector's components are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dtype {
    /// IEEE single precision.
    F32,
    /// IEEE half precision.
    F16,
    /// The high half of an f32.
    Bf16,
    /// Signed bytes.
    I8,
    /// Unsigned bytes.
    U8,
    /// Packed bits, most significant first, as `numpy.packbits` writes them.
    Bits,
}

/// What a layer-0 row carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layout {
    /// Links.
    Compact,
    /// Links, and a 1-bit code of each neighbour: one pass estimates the distances of a whole hop.
    Fast,
}

/// What is kept of a vector for distances that are answered, and to be given back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Store {
    /// The vector as it was given.
    #[default]
    Given,
    /// f32 rounded to half precision.
    F16,
    /// Nothing but the codes that walks read.
    None,
}

/// Which way a caller wants a search to go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PlanChoice {
    /// Whichever is expected to cost less.
    #[default]
    Auto,
    /// A walk through the graph.
    Graph,
    /// A walk through the graph from match to match, where there is a filter.
    TwoHop,
    /// A comparison with all vectors that may be answered.
    Scan,
}

/// How a query was answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Plan {
    /// By a walk through the graph.
    #[default]
    Graph,
    /// By a walk from match to match.
    TwoHop,
    /// By comparing all vectors that may be answered.
    Scan,
    /// By a scan, after a walk that did not find enough in the time that a scan takes.
    GraphThenScan,
}

/// What to do about ids of a filter that the index does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Missing {
    /// Refuse them.
    Raise,
    /// Leave them out.
    Ignore,
}

macro_rules! names {
    ($type:ident, $what:literal, $($variant:ident => $name:literal),+) => {
        impl $type {
            /// Every value, in the order of the documentation.
            pub const ALL: &'static [$type] = &[$($type::$variant),+];
            /// The name that users write.
            pub fn as_str(self) -> &'static str {
                match self { $($type::$variant => $name),+ }
            }
        }
        impl FromStr for $type {
            type Err = Error;
            fn from_str(name: &str) -> Result<Self> {
                match name {
                    $($name => Ok($type::$variant),)+
                    _ => Err(Error::invalid(format!(
                        concat!("unknown ", $what, " {:?}; choose one of {}"),
                        name, [$($name),+].join(", ")
                    ))),
                }
            }
        }
    };
}
names!(Missing, "missing", Raise => "raise", Ignore => "ignore");
names!(PlanChoice, "plan", Auto => "auto", Graph => "graph", TwoHop => "two-hop", Scan => "scan");
names!(Plan, "plan", Graph => "graph", TwoHop => "two-hop", Scan => "scan", GraphThenScan => "graph+scan");
names!(Layout, "layout", Compact => "compact", Fast => "fast");
names!(Metric, "metric", L2 => "l2", SqEuclidean => "sqeuclidean", Cosine => "cosine", Ip => "ip",
       Hamming => "hamming", Jaccard => "jaccard");
names!(Dtype, "dtype", F32 => "f32", F16 => "f16", Bf16 => "bf16", I8 => "i8", U8 => "u8", Bits => "bits");

impl Store {
    /// What a user calls so, who names the dtype itself or nothing for vectors as they were given.
    pub fn named(name: Option<&str>, dtype: Dtype) -> Result<Store> {
        match (name, dtype) {
            (None, _) => Ok(Store::Given),
            (Some(name), dtype) if name == dtype.as_str() => Ok(Store::Given),
            (Some("f16"), Dtype::F32) => Ok(Store::F16),
            (Some("none"), Dtype::F32) => Ok(Store::None),
            (Some(name @ ("f32" | "f16" | "none")), _) => Err(Error::invalid(format!(
                "store {name:?} does not go with dtype \"{dtype}\", whose vectors are kept as they are: leave store out, \
                 or use dtype \"f32\"",
                dtype = dtype.as_str()
            ))),
            (Some(name), _) => Err(Error::invalid(format!("unknown store {name:?}; choose one of f32, f16, none"))),
        }
    }

    /// What it is called beside a dtype.
    pub fn name(self, dtype: Dtype) -> &'static str {
        match self {
            Store::Given => dtype.as_str(),
            Store::F16 => "f16",
            Store::None => "none",
        }
    }
}

impl Layout {
    /// The layout that measured faster: codes of one bit tell too little of short vectors, and under ip, where the
    /// neighbours of a node lie far apart (docs/experiments.md). Who keeps no vectors is short of memory, of which codes
    /// of edges take more than all the rest.
    pub fn auto(dim: usize, metric: Metric, dtype: Dtype, store: Store) -> Layout {
        if store == Store::None {
            return Layout::Compact;
        }
        let codes_tell = dim >= 96 && matches!(metric, Metric::L2 | Metric::SqEuclidean | Metric::Cosine);
        if codes_tell && dtype != Dtype::Bits { Layout::Fast } else { Layout::Compact }
    }
}

impl Metric {
    /// The kernel that measures this metric.
    pub fn form(self) -> Form {
        match self {
            Metric::L2 | Metric::SqEuclidean => Form::SqL2,
            Metric::Cosine | Metric::Ip => Form::Dot,
            Metric::Hamming => Form::Hamming,
            Metric::Jaccard => Form::Jaccard,
        }
    }

    /// Whether the metric compares packed bits.
    pub fn on_bits(self) -> bool {
        matches!(self, Metric::Hamming | Metric::Jaccard)
    }
}

impl Dtype {
    /// Bytes of one stored row.
    pub fn row_bytes(self, dim: usize) -> usize {
        match self {
            Dtype::F32 => 4 * dim,
            Dtype::F16 | Dtype::Bf16 => 2 * dim,
            Dtype::I8 | Dtype::U8 => dim,
            Dtype::Bits => dim.div_ceil(8),
        }
    }

    /// Bytes of one query row: f32 for the float dtypes, the stored dtype for the others.
    pub fn query_row_bytes(self, dim: usize) -> usize {
        if self.is_float() { 4 * dim } else { self.row_bytes(dim) }
    }

    /// Whether components are floating point.
    pub fn is_float(self) -> bool {
        matches!(self, Dtype::F32 | Dtype::F16 | Dtype::Bf16)
    }

    /// The kernels' name for a row stored so.
    pub fn code(self) -> Code {
        match self {
            Dtype::F32 => Code::F32,
            Dtype::F16 => Code::F16,
            Dtype::Bf16 => Code::Bf16,
            Dtype::I8 => Code::I8,
            Dtype::U8 => Code::U8,
            Dtype::Bits => Code::Bits,
        }
    }

    /// Elements of a row that the kernels count: components, or bytes of packed bits.
    pub fn kernel_len(self, dim: usize) -> usize {
        if self == Dtype::Bits { dim.div_ceil(8) } else { dim }
    }
}

/// What fixes an index for life.
#[derive(Clone, Debug, PartialEq)]
pub struct Params {
    /// Components of a vector, 1 to [`MAX_DIM`].
    pub dim: usize,
    /// The metric.
    pub metric: Metric,
    /// The stored dtype.
    pub dtype: Dtype,
    /// `M`: links of a node on the upper layers; layer 0 has `M_max0 = 2M`.
    pub m: usize,
    /// Candidates gathered for each inserted point and layer.
    pub ef_construction: usize,
    /// Seed of the level law.
    pub seed: u64,
    /// `p` of `P(L >= l) = p^l`; `1/M` when not given.
    pub level_p: Option<f64>,
    /// What a layer-0 row carries.
    pub layout: Layout,
    /// What is kept of a vector.
    pub store: Store,
}

impl Params {
    /// Checks every field; the message says which is wrong and what is possible.
    pub fn check(&self) -> Result<()> {
        if self.dim == 0 || self.dim > MAX_DIM {
            return Err(Error::invalid(format!("dim must be from 1 to {MAX_DIM}, not {}", self.dim)));
        }
        check_metric(self.metric, self.dtype)?;
        if self.layout == Layout::Fast && self.dtype == Dtype::Bits {
            return Err(Error::invalid(
                "layout \"fast\" is for numbers; bits are a code of one bit already: choose layout \"compact\"",
            ));
        }
        if self.store != Store::Given && self.dtype != Dtype::F32 {
            return Err(Error::invalid("only f32 vectors are kept otherwise than they are given"));
        }
        if !(2..=512).contains(&self.m) {
            return Err(Error::invalid(format!("M must be from 2 to 512, not {}; 8 to 64 is usual", self.m)));
        }
        if !(1..=100_000).contains(&self.ef_construction) {
            return Err(Error::invalid(format!(
                "ef_construction must be from 1 to 100,000, not {}; 100 to 500 is usual",
                self.ef_construction
            )));
        }
        if let Some(p) = self.level_p
            && !(p > 0.0 && p <= 0.9)
        {
            return Err(Error::invalid(format!("level_p must be above 0 and at most 0.9, not {p}; 1/M is usual")));
        }
        Ok(())
    }

    /// `p` of the level law.
    pub fn p(&self) -> f64 {
        self.level_p.unwrap_or(1.0 / self.m as f64)
    }
}

/// Bits go with hamming and jaccard, numbers with the other metrics.
pub fn check_metric(metric: Metric, dtype: Dtype) -> Result<()> {
    if metric.on_bits() == (dtype == Dtype::Bits) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "metric {:?} does not go with dtype {:?}: hamming and jaccard compare packed bits (dtype=\"bits\"), \
         l2, sqeuclidean, cosine and ip compare numbers (f32, f16, bf16, i8, u8)",
        metric.as_str(),
        dtype.as_str()
    )))
}

/// Rows in one contiguous buffer.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    /// `rows` times the row's bytes.
    pub bytes: &'a [u8],
    /// How many rows.
    pub rows: usize,
}

impl<'a> Matrix<'a> {
    /// Row `i`.
    pub fn row(&self, i: usize) -> &'a [u8] {
        let n = self.bytes.len() / self.rows.max(1);
        &self.bytes[i * n..(i + 1) * n]
    }

    /// Refuses a buffer that is not `rows` rows of `row_bytes`.
    pub fn check(&self, row_bytes: usize) -> Result<()> {
        if self.rows.checked_mul(row_bytes) == Some(self.bytes.len()) {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "{} rows of {row_bytes} bytes take {} bytes, but the buffer has {}",
            self.rows,
            self.rows as u128 * row_bytes as u128,
            self.bytes.len()
        )))
    }
}

/// What a search is asked for.
#[derive(Clone, Copy, Debug)]
pub struct SearchOptions {
    /// Neighbours wanted.
    pub k: usize,
    /// Length of the candidate list on layer 0; raised to `k` when lower.
    pub ef_search: usize,
    /// Whether to return [`Counters`].
    pub counters: bool,
    /// Which way to search.
    pub plan: PlanChoice,
}

/// What is to be proven of every answer of a search.
#[derive(Clone, Copy, Debug)]
pub struct Guarantee {
    /// At every rank a distance is at most `1 + epsilon` times the true one of that rank; 0 for the true neighbours.
    pub epsilon: f64,
    /// What it may cost; without it, whatever it takes.
    pub budget: Option<Budget>,
}

/// How many rows of each query may be measured for a proof.
#[derive(Clone, Copy, Debug)]
pub enum Budget {
    /// So many.
    Rows(u64),
    /// A share of those that may be answered.
    Share(f64),
}

impl Budget {
    /// How many of `rows`.
    pub fn of(self, rows: u64) -> u64 {
        match self {
            Budget::Rows(most) => most,
            Budget::Share(share) => (share * rows as f64) as u64,
        }
    }
}

/// What was proven of the answer to one query, and how much had to be looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Certificate {
    /// Whether what was asked for holds.
    pub certified: bool,
    /// What was proven: at every rank the distance is at most `1 + epsilon` times the true one. Infinite if nothing was.
    pub epsilon: f64,
    /// Rows of which a least distance was worked out from their codes.
    pub bounded: u64,
    /// Rows that were measured to prove it.
    pub measured: u64,
    /// Rows that could be answered.
    pub rows: u64,
}

/// What one query cost. None of it depends on the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Distances computed, on all layers, re-ranking included.
    pub distance_evaluations: u64,
    /// Nodes whose links were followed.
    pub hops: u64,
    /// Hops by layer, layer 0 first.
    pub hops_per_layer: Vec<u32>,
    /// Distance evaluations by layer, layer 0 first.
    pub evaluations_per_layer: Vec<u32>,
    /// Candidates measured again from their full vectors.
    pub reranked: u32,
    /// Distances estimated from the codes of edges.
    pub estimates: u32,
    /// Vectors that could be answered.
    pub matching: u64,
    /// How the query was answered.
    pub plan: Plan,
    /// What that was expected to cost, in about nanoseconds of the machine that was measured.
    pub expected_cost: u64,
}

/// Neighbours of a batch of queries, nearest first.
#[derive(Clone, Debug, Default)]
pub struct Hits {
    /// `queries * k` ids, -1 where fewer were found.
    pub ids: Vec<i64>,
    /// `queries * k` distances, +inf where fewer were found.
    pub distances: Vec<f32>,
    /// Neighbours found for each query.
    pub counts: Vec<u32>,
    /// Neighbours asked for.
    pub k: usize,
    /// The cost of each query, when asked for.
    pub counters: Option<Vec<Counters>>,
}
