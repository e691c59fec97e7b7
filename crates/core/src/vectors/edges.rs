//! Edges as codes of one bit a component: distances of a whole hop from one pass over the row of a node.
//!
//! The code of an edge is the signs of its residual, neighbour minus node, after a random rotation (RaBitQ: J. Gao,
//! C. Long, 2024, arXiv:2405.12497; on edges: SymphonyQG, Y. Gou et al., 2024, arXiv:2411.12229). With the node's own
//! distance known, a product of the query with those signs estimates the neighbour's. Vectors in slots are immutable,
//! so a code depends on the two ends of its edge and on nothing else: it never goes stale, and when a row changes one
//! link, one code changes.

use std::f32::consts::FRAC_2_PI;

use bytemuck::pod_read_unaligned;
use vicinal_kernels::edges::{self, EstimateFn, LANES, Rotation, Table};

use crate::types::{Dtype, Metric};

/// Writes codes of edges, and readies queries for them.
pub struct EdgeCoder {
    rotation: Rotation,
    metric: Metric,
    dtype: Dtype,
}

impl EdgeCoder {
    /// A coder for vectors of that kind. The seed fixes the rotation.
    pub fn new(dim: usize, metric: Metric, dtype: Dtype, seed: u64) -> Self {
        EdgeCoder { rotation: Rotation::new(dim, seed), metric, dtype }
    }

    /// Rotates a vector, given as a query and multiplied by `scale`, and appends it: see [`CodeScorer::scale`].
    ///
    /// [`CodeScorer::scale`]: super::CodeScorer::scale
    pub fn rotate(&self, query: &[u8], scale: f32, rotated: &mut Vec<f32>) {
        let start = rotated.len();
        match self.dtype {
            Dtype::I8 => rotated.extend(query.iter().map(|&b| f32::from(b as i8) * scale)),
            Dtype::U8 => rotated.extend(query.iter().map(|&b| f32::from(b) * scale)),
            Dtype::F32 | Dtype::F16 | Dtype::Bf16 => {
                rotated.extend(query.chunks_exact(4).map(|b| pod_read_unaligned::<f32>(b) * scale));
            }
            Dtype::Bits => unreachable!("Params::check refuses codes of bits"),
        }
        rotated.resize(start + self.rotation.padded(), 0.0);
        self.rotation.apply(&mut rotated[start..]);
    }

    /// Components of a rotated vector.
    pub fn padded(&self) -> usize {
        self.rotation.padded()
    }

    /// Writes the code of edge `place` of a node. Both ends are given rotated.
    ///
    /// # Safety
    /// `codes` are those of a layer-0 row, and nobody else writes them meanwhile.
    pub unsafe fn write(&self, codes: *mut u8, place: usize, node: &[f32], neighbor: &[f32]) {
        let block = codes.wrapping_add(place / LANES * edges::block_bytes(self.rotation.padded()));
        let lane = place % LANES;
        // SAFETY: the row has a block for each 32 of its links.
        unsafe {
            let sums = edges::write_code(block, lane, node, neighbor);
            // <x, r> is about <x, sgn r> |r|² / |r|₁, exact for x = r.
            let gain = if sums.l1 > 0.0 { sums.l2sq / sums.l1 } else { 0.0 };
            let (add, rescale) = match self.metric {
                // |q-n|² is known; |q-n-r|² = |q-n|² + |r|² - 2 <q-n, r>.
                Metric::L2 | Metric::SqEuclidean => (sums.l2sq + 2.0 * gain * sums.along, -2.0 * gain),
                // The same between directions, where -cos is half the square less one.
                Metric::Cosine => (0.5 * sums.l2sq + gain * sums.along, -gain),
                // -<q, n> is known; -<q, n+r> = -<q, n> - <q, r>.
                _ => (0.0, -gain),
            };
            edges::write_factors(block, lane, add, rescale);
        }
    }

    /// Moves the code of edge `from` to place `to`, and leaves nothing where it was.
    ///
    /// # Safety
    /// As of [`EdgeCoder::write`].
    pub unsafe fn shift(&self, codes: *mut u8, from: usize, to: usize) {
        let padded = self.rotation.padded();
        let block = |place: usize| codes.wrapping_add(place / LANES * edges::block_bytes(padded));
        let zeros = vec![0.0; padded];
        // SAFETY: the row has a block for each 32 of its links.
        unsafe {
            if from != to {
                edges::copy_lane(block(from), from % LANES, block(to), to % LANES, padded);
            }
            edges::write_code(block(from), from % LANES, &zeros, &zeros);
            edges::write_factors(block(from), from % LANES, 0.0, 0.0);
        }
    }

    /// Whether the code of edge `place` says the same in two rows of one node, given rotated. Another instruction set
    /// rounds otherwise: it may see another sign where a component is nearly 0, and factors that follow from that.
    ///
    /// # Safety
    /// Both are codes of a layer-0 row, and nobody writes them meanwhile.
    pub unsafe fn agree(&self, a: *const u8, b: *const u8, place: usize, node: &[f32]) -> bool {
        let padded = self.rotation.padded();
        let (at, lane) = (place / LANES * edges::block_bytes(padded), place % LANES);
        let (a, b) = (a.wrapping_add(at), b.wrapping_add(at));
        // SAFETY: the rows have a block for each 32 of their links.
        let (differing, (add, gain), (other_add, other_gain)) =
            unsafe { (edges::differing(a, b, lane, padded), edges::factors(a, lane), edges::factors(b, lane)) };
        let length = node.iter().map(|x| x * x).sum::<f32>().sqrt();
        let near = |x: f32, y: f32, scale: f32| (x - y).abs() <= 0.02 * (x.abs() + scale);
        differing as usize <= 2 + padded / 64
            && near(gain, other_gain, 0.0)
            && near(add, other_add, gain.abs() * length)
    }

    /// Readies a query: `table` then serves [`Estimator`].
    pub fn prepare(&self, query: &[u8], scale: f32, rotated: &mut Vec<f32>, table: &mut Table) {
        rotated.clear();
        self.rotate(query, scale, rotated);
        table.fill(rotated);
    }

    /// An estimator for a query that was [`EdgeCoder::prepare`]d.
    pub fn estimator<'a>(&self, table: &'a Table) -> Estimator<'a> {
        let padded = self.rotation.padded();
        // A factor is twice |r|² / |r|₁ of squares of distances; scores of directions are half of those, less one.
        let lengths = match self.metric {
            Metric::Cosine => Lengths { zero: -1.0, per_square: 0.5 * padded as f32 * FRAC_2_PI },
            _ => Lengths { zero: 0.0, per_square: 0.25 * padded as f32 * FRAC_2_PI },
        };
        Estimator { kernel: edges::estimate(), table, block_bytes: edges::block_bytes(padded), lengths }
    }
}

/// Estimates the scores of a node's neighbours for one query.
#[derive(Clone, Copy)]
pub struct Estimator<'a> {
    kernel: EstimateFn,
    table: &'a Table,
    block_bytes: usize,
    lengths: Lengths,
}

/// From the square of a factor to a score.
#[derive(Clone, Copy)]
struct Lengths {
    zero: f32,
    per_square: f32,
}

impl Estimator<'_> {
    /// Estimates 32 neighbours from block `block` of the codes of a row, and from the node's own score.
    ///
    /// # Safety
    /// `codes` are those of a layer-0 row that has the block. A writer may change them meanwhile: estimates are then of
    /// anything.
    #[inline(always)]
    pub unsafe fn estimate(&self, codes: *const u8, block: usize, own: f32, out: &mut [f32; LANES]) {
        // SAFETY: the caller's promise; `out` has 32 places.
        unsafe { (self.kernel)(self.table, codes.add(block * self.block_bytes), own, out.as_mut_ptr()) };
    }

    /// What neighbours score for the node itself, nearly, from block `block` of the codes of its row; under metrics whose
    /// scores grow with a distance.
    ///
    /// The factor of a code is |r|² / |r|₁, and after a random rotation all residuals of a length have nearly the same
    /// sum: |r|₁ ≈ √(2d/π) |r|, within 0.27/√d (2.3% of 128 components). So the length is read off the factor.
    ///
    /// # Safety
    /// As of [`Estimator::estimate`]; and the metric is one whose scores grow with a distance.
    pub unsafe fn lengths(&self, codes: *const u8, block: usize, out: &mut [f32; LANES]) {
        // SAFETY: the caller's promise.
        let rescales = unsafe { edges::rescales(codes.add(block * self.block_bytes)) };
        let Lengths { zero, per_square } = self.lengths;
        out.iter_mut().zip(rescales).for_each(|(out, rescale)| *out = zero + per_square * rescale * rescale);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn lengths_are_read_off_codes(dim in 96usize..400, seed: u64, cosine: bool, spread in 0.05f32..3.0) {
            let metric = if cosine { Metric::Cosine } else { Metric::L2 };
            let coder = EdgeCoder::new(dim, metric, Dtype::F32, seed);
            let mut state = seed | 1;
            let mut random = || {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                (state >> 40) as f32 / (1u32 << 23) as f32 - 1.0
            };
            let mut vector = |around: &[f32]| -> Vec<f32> {
                let moved: Vec<f32> = around.iter().map(|x| x + spread * random()).collect();
                let norm = moved.iter().map(|x| x * x).sum::<f32>().sqrt();
                if cosine { moved.iter().map(|x| x / norm).collect() } else { moved }
            };
            let node = vector(&vec![1.0; dim]);
            let rotate = |vector: &[f32]| {
                let mut rotated = Vec::new();
                coder.rotate(bytemuck::cast_slice(vector), 1.0, &mut rotated);
                rotated
            };
            let rotated_node = rotate(&node);
            let mut codes = vec![0u16; edges::block_bytes(coder.padded()) / 2];
            let codes = codes.as_mut_ptr().cast::<u8>();
            let neighbors: Vec<Vec<f32>> = (0..LANES).map(|_| vector(&node)).collect();
            let mut table = Table::default();
            let mut lengths = [0.0; LANES];
            // SAFETY: a block, which is ours.
            unsafe {
                for (place, neighbor) in neighbors.iter().enumerate() {
                    coder.write(codes, place, &rotated_node, &rotate(neighbor));
                }
                table.fill(&rotated_node);
                coder.estimator(&table).lengths(codes, 0, &mut lengths);
            }
            for (neighbor, length) in neighbors.iter().zip(lengths) {
                let square: f32 = neighbor.iter().zip(&node).map(|(x, y)| (x - y) * (x - y)).sum();
                let found = if cosine { 2.0 * (length + 1.0) } else { length };
                // Five times what the square is off by, as a rule.
                let off = 10.0 * 0.27 / (coder.padded() as f32).sqrt();
                prop_assert!((found / square - 1.0).abs() < off + 0.02, "{found} for {square}");
            }
        }
    }
}
