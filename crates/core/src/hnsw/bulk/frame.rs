//! Vectors as numbers whose squared distances order as scores do: brought together, moved, scaled.

use vicinal_kernels::Code;
use vicinal_kernels::tile::{Frame, Queries, Rows, Tiles, unit};

use crate::flat::{floats, source};
use crate::types::Metric;
use crate::vectors::Vectors;

/// Vectors that a mean is taken of, at most.
const SAMPLE: usize = 64;

/// The space that the build compares vectors in: squared distances between vectors of a length of about 1; under
/// cosine, between directions.
pub struct Shared<'a> {
    vectors: &'a Vectors,
    tiles: Tiles,
    dim: usize,
    unit: bool,
    scale: f32,
}

impl<'a> Shared<'a> {
    /// The space of some nodes.
    pub fn new(vectors: &'a Vectors, nodes: &[u32]) -> Self {
        let space = vectors.space();
        let unit_length = space.metric == Metric::Cosine;
        let tiles = Tiles::new(unit(), Code::F32, space.dim);
        let mut shared = Shared { vectors, tiles, dim: space.dim, unit: unit_length, scale: 1.0 };
        if !unit_length {
            let mut row = vec![0.0; space.dim];
            let mut sum = 0.0;
            let sample = spread_out(nodes, SAMPLE);
            for &slot in &sample {
                shared.floats(slot, &mut row);
                sum += row.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>();
            }
            let length = (sum / sample.len() as f64).sqrt();
            if length > 0.0 {
                shared.scale = 2f32.powi(-(length.log2().round() as i32).clamp(-100, 100));
            }
        }
        shared
    }

    /// Components of a vector.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// What multiplies blocks of coded vectors.
    pub fn tiles(&self) -> &Tiles {
        &self.tiles
    }

    /// A slot's vector.
    pub fn floats(&self, slot: u32, out: &mut [f32]) {
        // SAFETY: nodes were written.
        let (dtype, row) = self.vectors.walk_plane(unsafe { self.vectors.walked(slot) });
        floats(dtype, row, out);
        let scale = if self.unit { self.vectors.inverse_norm_of(slot) } else { self.scale };
        out.iter_mut().for_each(|x| *x *= scale);
    }

    /// About the mean of some slots.
    pub fn centre(&self, slots: &[u32]) -> Vec<f32> {
        let sample = spread_out(slots, SAMPLE);
        let (mut mean, mut row) = (vec![0.0; self.dim], vec![0.0; self.dim]);
        for &slot in &sample {
            self.floats(slot, &mut row);
            mean.iter_mut().zip(&row).for_each(|(mean, x)| *mean += x / sample.len() as f32);
        }
        mean
    }

    /// Slots coded as rows around a centre, so that a product is -(squared distance) / 2, but for the square of the
    /// query.
    pub fn rows(&self, slots: &[u32], centre: &[f32]) -> Rows {
        let mut rows = self.tiles.rows(slots.len());
        let bytes = self.gather(slots);
        let (dtype, plane) = self.vectors.walk_plane(&bytes);
        self.tiles.code(&source(dtype, plane), 0, slots.len(), &self.frame(centre), &mut rows);
        rows.bias.iter_mut().zip(&rows.squares).for_each(|(bias, square)| *bias = -0.5 * square);
        rows
    }

    /// Slots coded as queries around a centre.
    pub fn queries(&self, slots: &[u32], centre: &[f32]) -> Queries {
        let bytes = self.gather(slots);
        let (dtype, plane) = self.vectors.walk_plane(&bytes);
        self.tiles.queries(&source(dtype, plane), 0, slots.len(), &self.frame(centre))
    }

    fn frame<'b>(&self, centre: &'b [f32]) -> Frame<'b> {
        Frame { scale: if self.unit { 1.0 } else { self.scale }, unit: self.unit, centre: Some(centre) }
    }

    fn gather(&self, slots: &[u32]) -> Vec<u8> {
        let mut bytes = Vec::new();
        // SAFETY: nodes were written.
        slots.iter().for_each(|&slot| bytes.extend_from_slice(unsafe { self.vectors.walked(slot) }));
        bytes
    }
}

/// At most `most` of the slots, evenly spaced.
pub fn spread_out(slots: &[u32], most: usize) -> Vec<u32> {
    slots.iter().copied().step_by(slots.len().div_ceil(most).max(1)).collect()
}
