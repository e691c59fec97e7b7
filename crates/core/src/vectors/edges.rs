//! Edges as codes of one bit a component: distances of a whole hop from one pass over the row of a node.
//!
//! The code of an edge is the signs of its residual, neighbour minus node, after a random rotation (RaBitQ: J. Gao,
//! C. Long, 2024, arXiv:2405.12497; on edges: SymphonyQG, Y. Gou et al., 2024, arXiv:2411.12229). With the node's own
//! distance known, a product of the query with those signs estimates the neighbour's. Vectors in slots are immutable,
//! so a code depends on the two ends of its edge and on nothing else: it never goes stale, and when a row changes one
//! link, one code changes.

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

    /// Rotates a vector, given as a query and multiplied by `scale`: see [`CodeScorer::scale`].
    ///
    /// [`CodeScorer::scale`]: super::CodeScorer::scale
    pub fn rotate(&self, query: &[u8], scale: f32, rotated: &mut Vec<f32>) {
        rotated.clear();
        match self.dtype {
            Dtype::I8 => rotated.extend(query.iter().map(|&b| f32::from(b as i8) * scale)),
            Dtype::U8 => rotated.extend(query.iter().map(|&b| f32::from(b) * scale)),
            Dtype::F32 | Dtype::F16 | Dtype::Bf16 => {
                rotated.extend(query.chunks_exact(4).map(|b| pod_read_unaligned::<f32>(b) * scale));
            }
            Dtype::Bits => unreachable!("Params::check refuses codes of bits"),
        }
        rotated.resize(self.rotation.padded(), 0.0);
        self.rotation.apply(rotated);
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
        self.rotate(query, scale, rotated);
        table.fill(rotated);
    }

    /// An estimator for a query that was [`EdgeCoder::prepare`]d.
    pub fn estimator<'a>(&self, table: &'a Table) -> Estimator<'a> {
        Estimator { kernel: edges::estimate(), table, block_bytes: edges::block_bytes(self.rotation.padded()) }
    }
}

/// Estimates the scores of a node's neighbours for one query.
pub struct Estimator<'a> {
    kernel: EstimateFn,
    table: &'a Table,
    block_bytes: usize,
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
}
