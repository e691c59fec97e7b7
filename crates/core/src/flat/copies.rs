//! Copies of scattered rows, one after the other, for scans to come: rows that lie apart cost twice what rows do that lie
//! together.

use std::ops::Range;

use half::f16;
use half::slice::HalfFloatSliceExt;
use vicinal_kernels::{Code, Loops, levels, vectorized};

use super::frame::square;
use super::measure::floats;
use super::{Plane, Space};
use crate::types::{Dtype, Metric};

/// What is read of a row when few queries are compared with it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Reading {
    /// How its components lie.
    pub code: Code,
    /// How far a row may be from what is read of it, relative to the length of that.
    pub residual: f64,
}

/// Of the hi plane, whatever the row.
const OF_HI: f64 = 1.0 / 256.0;

impl Reading {
    /// Of a row that lies like this.
    pub fn of(space: Space, like: Plane<'_>) -> Self {
        match like {
            Plane::Whole(_) => Reading { code: space.dtype.code(), residual: 0.0 },
            Plane::Split { .. } => Reading { code: Code::Bf16, residual: OF_HI },
            Plane::Levels(_) => Reading { code: Code::Levels, residual: 0.0 },
        }
    }

    /// The bytes of each row.
    pub fn row_bytes(self, space: Space) -> usize {
        match self.code {
            Code::Levels => levels::row_bytes(space.dim),
            code => code.row_bytes() * space.dtype.kernel_len(space.dim),
        }
    }
}

/// Copies of some rows, in order.
#[derive(Debug)]
pub struct Copies {
    pub(super) bytes: Box<[u8]>,
    /// The length of each, where distances depend on it.
    pub(super) norms: Box<[f32]>,
    pub(super) reading: Reading,
}

impl Copies {
    /// Copies what is read of these rows, all of one kind. Of f32 in two planes halves are kept where they are nearer to
    /// the row than the hi plane is, which has as many bytes and three bits less: where all rows are at nearly the
    /// same distance, those bits tell most of them apart.
    pub fn of<'a>(space: Space, rows: impl Iterator<Item = Plane<'a>> + Clone) -> Self {
        let like = rows.clone().next().unwrap_or(Plane::Whole(&[]));
        let given = Reading::of(space, like);
        let split = matches!(like, Plane::Split { .. });
        let halves = if split { halves(space.dim, rows.clone(), given.residual) } else { None };
        let (bytes, reading) = match halves {
            Some((halves, residual)) => (halves, Reading { code: Code::F16, residual }),
            None => (rows.map(Plane::streamed).collect::<Vec<_>>().concat(), given),
        };
        let norms = if normed(space) { norms(space, &bytes, reading) } else { Vec::new() };
        Copies { bytes: bytes.into(), norms: norms.into(), reading }
    }

    /// The copies of some of the rows.
    pub(super) fn part(&self, rows: Range<usize>, space: Space) -> Streamed<'_> {
        let row_bytes = self.reading.row_bytes(space);
        let bytes = &self.bytes[rows.start * row_bytes..rows.end * row_bytes];
        Streamed { bytes, norms: if self.norms.is_empty() { None } else { Some(&self.norms[rows]) } }
    }
}

/// Rows one after the other, as they are read.
#[derive(Clone, Copy)]
pub(super) struct Streamed<'a> {
    pub bytes: &'a [u8],
    /// The length of each, if it is known.
    pub norms: Option<&'a [f32]>,
}

/// Whether bounds of distances depend on the length of the row. Products of integers are exact: only those of floats
/// have such bounds.
pub(super) fn normed(space: Space) -> bool {
    space.metric == Metric::Cosine || (space.metric == Metric::Ip && space.dtype.is_float())
}

/// The halves nearest to the components of some rows, and how far a row is from its own at most, relative to the length
/// of those, unless that is `too_far` for one: a component may have no half.
fn halves<'a>(dim: usize, rows: impl Iterator<Item = Plane<'a>>, too_far: f64) -> Option<(Vec<u8>, f64)> {
    let (mut row, mut rounded) = (vec![0.0; dim], vec![0.0; dim]);
    let mut halves = vec![f16::ZERO; dim];
    let mut bytes = Vec::with_capacity(rows.size_hint().0 * 2 * dim);
    let mut most = 0.0_f64;
    for plane in rows {
        floats(Dtype::F32, plane, &mut row);
        halves.convert_from_f32_slice(&row);
        halves.convert_to_f32_slice(&mut rounded);
        let [off, length] = vectorized(Off { row: &row, rounded: &rounded });
        // A row of zeros is what it is read as. Of what is no finite number the share is none.
        let share = if off == 0.0 { 0.0 } else { (off / length).sqrt() };
        if share.is_nan() || share >= too_far {
            return None;
        }
        most = most.max(share);
        bytes.extend_from_slice(bytemuck::cast_slice(&halves));
    }
    // What f64 rounds off in the sums is far less than this.
    Some((bytes, most * (1.0 + 1e-9)))
}

/// The squares of the distance of a row from what it was rounded to, and of the length of that.
struct Off<'a> {
    row: &'a [f32],
    rounded: &'a [f32],
}

impl Loops for Off<'_> {
    type Output = [f64; 2];

    #[inline(always)]
    fn run(self) -> [f64; 2] {
        let (mut off, mut length) = ([0.0; 8], [0.0; 8]);
        let terms = self.row.chunks(8).zip(self.rounded.chunks(8));
        for (row, rounded) in terms {
            for (lane, (&x, &h)) in row.iter().zip(rounded).enumerate() {
                let (x, h) = (f64::from(x), f64::from(h));
                off[lane] += (x - h) * (x - h);
                length[lane] += h * h;
            }
        }
        [off.iter().sum(), length.iter().sum()]
    }
}

/// The lengths of what is read.
fn norms(space: Space, bytes: &[u8], reading: Reading) -> Vec<f32> {
    let mut values = vec![0.0; space.dim];
    let of_row = |row| {
        let (dtype, plane) = match reading.code {
            Code::Levels => (Dtype::F32, Plane::Levels(row)),
            Code::F16 => (Dtype::F16, Plane::Whole(row)),
            Code::Bf16 => (Dtype::Bf16, Plane::Whole(row)),
            _ => (space.dtype, Plane::Whole(row)),
        };
        floats(dtype, plane, &mut values);
        square(&values).sqrt() as f32
    };
    bytes.chunks_exact(reading.row_bytes(space)).map(of_row).collect()
}
