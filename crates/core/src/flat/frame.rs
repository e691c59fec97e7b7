//! The frame that float vectors are coded in.
//!
//! Codes are off by a share of the vector's length. Distances don't change when all vectors are moved by the same
//! offset, and inner products only change by what depends on the query alone: so rows are moved to where they are
//! shortest, which is to say that their mean is taken off. That makes the difference for data that lies far from the
//! origin. And since sums of squares leave the range of f32 long before the vectors do, all are brought to a length
//! of about 1.
//!
//! None of this is exact, but the codes' residuals count it in, and so it can't change an answer.

use vicinal_kernels::tile::Frame;

use super::bounds::Asked;
use super::measure::floats;
use super::{Block, Plane, Space};
use crate::types::{Dtype, Metric};

/// Rows looked at to find the frame.
const SAMPLE: usize = 256;

/// How float vectors are moved and scaled before they are coded.
pub(super) struct Centre {
    metric: Metric,
    scale: f32,
    centre: Option<Vec<f32>>,
}

impl Centre {
    /// A good frame for these rows.
    pub fn of(blocks: &[Block<'_>], space: Space) -> Self {
        let rows: usize = blocks.iter().map(|block| block.rows).sum();
        let (mut sample, mut start) = (Vec::new(), 0);
        let step = rows.div_ceil(SAMPLE).max(1);
        for block in blocks {
            for i in (start..start + block.rows).filter(|i| i % step == 0) {
                let mut row = vec![0.0; space.dim];
                floats(space.dtype, block.row(i - start, space), &mut row);
                if space.metric == Metric::Cosine {
                    let norm = square(&row).sqrt();
                    row.iter_mut().for_each(|x| *x = (f64::from(*x) / norm) as f32);
                }
                sample.push(row);
            }
            start += block.rows;
        }
        let count = sample.len().max(1) as f64;
        let mut mean = vec![0.0; space.dim];
        for row in &sample {
            mean.iter_mut().zip(row).for_each(|(mean, &x)| *mean += f64::from(x) / count);
        }
        let before = sample.iter().map(|row| square(row)).sum::<f64>() / count;
        let after = before - mean.iter().map(|x| x * x).sum::<f64>();
        // Rows of few digits, like pixels, may have exact codes where they are.
        let exact = sample.iter().flatten().all(|x| x.to_bits() & 0xffff == 0);
        let moved = !exact && after < 0.5 * before;
        let length = if moved { after } else { before }.max(0.0).sqrt();
        let scale = match space.metric {
            Metric::Cosine => 1.0,
            // Exact data stays exact: a power of two.
            _ if length > 0.0 => 2f32.powi(-(length.log2().round() as i32).clamp(-100, 100)),
            _ => 1.0,
        };
        let centre = moved.then(|| mean.iter().map(|x| (x * f64::from(scale)) as f32).collect());
        Centre { metric: space.metric, scale, centre }
    }

    /// The frame of rows.
    pub fn frame(&self) -> Frame<'_> {
        Frame { scale: self.scale, unit: self.metric == Metric::Cosine, centre: self.centre.as_deref() }
    }

    /// The scale of the frame.
    pub fn scale(&self) -> f32 {
        self.scale
    }

    /// Brings a query, of the given query dtype, into the frame.
    pub fn enter(&self, dtype: Dtype, query: &[u8], out: &mut [f32]) -> Asked {
        floats(dtype, Plane::Whole(query), out);
        let norm = square(out).sqrt();
        let factor = match self.metric {
            Metric::Cosine | Metric::Ip if norm > 0.0 => 1.0 / norm,
            Metric::Cosine | Metric::Ip => 0.0,
            _ => f64::from(self.scale),
        };
        let mut offset = 0.0;
        let of_centre = |i: usize| self.centre.as_ref().map_or(0.0, |centre| f64::from(centre[i]));
        for (i, x) in out.iter_mut().enumerate() {
            let value = f64::from(*x) * factor;
            offset += value * of_centre(i);
            // Inner products are with rows that were moved; the offset makes up for it.
            *x = (if self.metric == Metric::Ip { value } else { value - of_centre(i) }) as f32;
        }
        Asked::new(norm, offset)
    }
}

/// The squared norm. In eight sums, each of which waits for itself alone.
pub(super) fn square(row: &[f32]) -> f64 {
    let mut lanes = [0.0; 8];
    for values in row.chunks(lanes.len()) {
        for (lane, &x) in lanes.iter_mut().zip(values) {
            *lane += f64::from(x) * f64::from(x);
        }
    }
    lanes.iter().sum()
}
