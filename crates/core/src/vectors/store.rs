//! The vectors of an index by slot.

use std::hash::Hasher;
use std::ops::Range;

use bytemuck::pod_read_unaligned;
use half::{bf16, f16};

use super::check::check_row;
use super::edges::EdgeCoder;
use super::planes::{join_f32, split_f32};
use super::scorer::{Adjust, CodeScorer};
use crate::arena::Arena;
use crate::error::Result;
use crate::flat::{Block, Plane, Space};
use crate::live::Live;
use crate::run::Run;
use crate::types::{Dtype, Layout, Metric, Params};

/// Stored rows, each written once and immutable from then on.
pub struct Vectors {
    dim: usize,
    metric: Metric,
    dtype: Dtype,
    /// What the walk reads: the rows as stored, or the hi plane of f32.
    walk: Arena,
    /// The lo plane of f32.
    lo: Option<Arena>,
    /// One f32 a row under cosine: 1 / norm.
    aux: Option<Arena>,
    /// What codes the edges between the vectors, in the fast layout.
    coder: Option<EdgeCoder>,
}

impl Vectors {
    /// An empty store.
    pub fn new(dim: usize, metric: Metric, dtype: Dtype) -> Self {
        let split = dtype == Dtype::F32;
        let row_bytes = dtype.row_bytes(dim);
        Vectors {
            dim,
            metric,
            dtype,
            walk: Arena::new(if split { row_bytes / 2 } else { row_bytes }),
            lo: split.then(|| Arena::new(row_bytes / 2)),
            aux: (metric == Metric::Cosine).then(|| Arena::new(4)),
            coder: None,
        }
    }

    /// The same vectors, with what codes the edges between them if the layout asks for it.
    pub fn with_layout(self, params: &Params) -> Self {
        let Params { dim, metric, dtype, seed, layout, .. } = *params;
        Vectors { coder: (layout == Layout::Fast).then(|| EdgeCoder::new(dim, metric, dtype, seed)), ..self }
    }

    /// What codes the edges between the vectors, in the fast layout.
    pub fn coder(&self) -> Option<&EdgeCoder> {
        self.coder.as_ref()
    }

    /// A stored vector as [`EdgeCoder::write`] takes it.
    ///
    /// # Safety
    /// The slot was written.
    pub unsafe fn rotated(&self, coder: &EdgeCoder, slot: u32) -> Vec<f32> {
        let (mut query, mut rotated) = (Vec::new(), Vec::new());
        // SAFETY: the caller's promise.
        unsafe { self.read_query(slot, &mut query) };
        coder.rotate(&query, self.inverse_norm_of(slot), &mut rotated);
        rotated
    }

    /// A store of rows that are already there; see [`Vectors::arenas`].
    pub fn from_parts(space: Space, walk: Arena, lo: Option<Arena>, aux: Option<Arena>) -> Self {
        let Space { dim, metric, dtype } = space;
        Vectors { dim, metric, dtype, walk, lo, aux, coder: None }
    }

    /// The arenas by name, for snapshots and for counting bytes: walk plane, lo plane, aux.
    pub fn arenas(&self) -> [(&'static str, Option<&Arena>); 3] {
        [("walk", Some(&self.walk)), ("lo", self.lo.as_ref()), ("aux", self.aux.as_ref())]
    }

    /// Checks all live rows of a mapped snapshot, unless that was done: they are about to be read without asking for each.
    pub fn check_mapped(&self, live: &Live, run: &Run) -> Result<()> {
        let Some(walk) = self.walk.mapped() else { return Ok(()) };
        walk.check_once(|| {
            let arenas = self.arenas().into_iter().filter_map(|(_, arena)| arena);
            arenas.filter_map(Arena::mapped).try_for_each(|rows| rows.check_sums(run))?;
            run.for_each_uncounted(
                walk.rows(),
                1024,
                || (),
                |(), slot| {
                    if live.now(slot as u32) {
                        self.check_given(slot as u32);
                    }
                    walk.undamaged()
                },
            )
        })
    }

    /// Makes room for slots below `rows`.
    pub fn reserve(&self, rows: usize) -> Result<()> {
        self.arenas().into_iter().filter_map(|(_, arena)| arena).try_for_each(|arena| arena.reserve(rows))
    }

    /// Writes the row of a new slot. `row` passed [`super::check_rows`].
    ///
    /// # Safety
    /// The slot was reserved and is not yet reachable by anyone else.
    pub unsafe fn write(&self, slot: u32, row: &[u8]) {
        match &self.lo {
            None => {
                // SAFETY: the caller's promise.
                unsafe { self.walk.write(slot, row) }
            }
            Some(lo) => {
                // SAFETY: the slot is ours alone (the caller's promise), and each plane has `row.len() / 2` bytes.
                let (hi, lo) = unsafe {
                    (
                        std::slice::from_raw_parts_mut(self.walk.row(slot).cast::<[u8; 2]>(), self.dim),
                        std::slice::from_raw_parts_mut(lo.row(slot).cast::<[u8; 2]>(), self.dim),
                    )
                };
                for ((x, hi), lo) in row.chunks_exact(4).zip(hi).zip(lo) {
                    let (h, l) = split_f32(pod_read_unaligned(x));
                    (*hi, *lo) = (h.to_ne_bytes(), l.to_ne_bytes());
                }
            }
        }
        if let Some(aux) = &self.aux {
            // SAFETY: the caller's promise.
            unsafe { aux.write(slot, &inverse_norm(self.dtype, row).to_ne_bytes()) };
        }
    }

    /// What the walk reads of a slot: the row as stored, or the hi plane of f32.
    ///
    /// # Safety
    /// The slot was written.
    pub unsafe fn walked(&self, slot: u32) -> &[u8] {
        // SAFETY: written rows are immutable.
        unsafe { self.walk.bytes(slot) }
    }

    /// How the components are kept that [`Vectors::walked`] gives.
    pub fn walk_dtype(&self) -> Dtype {
        if self.lo.is_some() { Dtype::Bf16 } else { self.dtype }
    }

    /// What makes a slot's vector a direction, under cosine; 1 otherwise.
    pub fn inverse_norm_of(&self, slot: u32) -> f32 {
        // SAFETY: the aux of a written row was written with it.
        self.aux.as_ref().map_or(1.0, |aux| pod_read_unaligned(unsafe { aux.bytes(slot) }))
    }

    /// Copies the stored row to `out`.
    ///
    /// # Safety
    /// The slot was written.
    pub unsafe fn read(&self, slot: u32, out: &mut [u8]) {
        // SAFETY: written rows are immutable.
        let walk = unsafe { self.walk.bytes(slot) };
        let Some(lo) = &self.lo else { return out.copy_from_slice(walk) };
        // SAFETY: as above.
        let lo = unsafe { lo.bytes(slot) };
        let (out, hi, lo) = (out.as_chunks_mut::<4>().0, walk.as_chunks::<2>().0, lo.as_chunks::<2>().0);
        for ((x, hi), lo) in out.iter_mut().zip(hi).zip(lo) {
            *x = join_f32(u16::from_ne_bytes(*hi), u16::from_ne_bytes(*lo)).to_ne_bytes();
        }
    }

    /// Checks a row that came from a snapshot: its values are such as may enter, its aux is its own. The error names
    /// the arena and the reason.
    ///
    /// # Safety
    /// The slot was written.
    pub unsafe fn check_stored(&self, slot: u32, row: &mut [u8]) -> Result<(), (&'static str, String)> {
        // SAFETY: the caller's promise.
        unsafe { self.read(slot, row) };
        check_row(row, self.dim, self.metric, self.dtype).map_err(|why| ("walk", why))?;
        let Some(aux) = &self.aux else { return Ok(()) };
        // SAFETY: as above.
        let stored: f32 = pod_read_unaligned(unsafe { aux.bytes(slot) });
        let expected = inverse_norm(self.dtype, row);
        // Another version may add in another order.
        if stored.is_nan() || (stored - expected).abs() > 1e-5 * expected {
            return Err(("aux", format!("{stored} is stored of a vector that has {expected}")));
        }
        Ok(())
    }

    /// Checks the row of a slot that a mapped snapshot gives out, the first time that it does: what a hostile file
    /// calls a vector may have a distance that looks like one.
    #[inline]
    pub fn check_given(&self, slot: u32) {
        if let Some(rows) = self.walk.mapped() {
            rows.sound_row(slot, |_| {
                let mut row = vec![0; self.dtype.row_bytes(self.dim)];
                // SAFETY: a snapshot's rows are all there.
                unsafe { self.check_stored(slot, &mut row) }.map_err(|(_, message)| message)
            });
        }
    }

    /// The stored row as a query: f32 for the float dtypes.
    ///
    /// # Safety
    /// The slot was written.
    pub unsafe fn read_query(&self, slot: u32, bytes: &mut Vec<u8>) {
        bytes.resize(self.dtype.query_row_bytes(self.dim), 0);
        if matches!(self.dtype, Dtype::F16 | Dtype::Bf16) {
            // SAFETY: written rows are immutable.
            let row = unsafe { self.walk.bytes(slot) };
            for (x, half) in bytes.chunks_exact_mut(4).zip(row.chunks_exact(2)) {
                let value = match self.dtype {
                    Dtype::F16 => pod_read_unaligned::<f16>(half).to_f32(),
                    _ => pod_read_unaligned::<bf16>(half).to_f32(),
                };
                x.copy_from_slice(&value.to_ne_bytes());
            }
        } else {
            // SAFETY: the caller's promise.
            unsafe { self.read(slot, bytes) }
        }
    }

    /// Whether two slots hold the same bytes.
    ///
    /// # Safety
    /// Both slots were written.
    pub unsafe fn equal(&self, a: u32, b: u32) -> bool {
        // SAFETY: written rows are immutable.
        unsafe {
            self.walk.bytes(a) == self.walk.bytes(b) && self.lo.as_ref().is_none_or(|lo| lo.bytes(a) == lo.bytes(b))
        }
    }

    /// Hashes the bytes of a slot: equal slots hash alike.
    ///
    /// # Safety
    /// The slot was written.
    pub unsafe fn hash(&self, slot: u32, hasher: &mut impl Hasher) {
        for arena in [Some(&self.walk), self.lo.as_ref()].into_iter().flatten() {
            // SAFETY: written rows are immutable.
            hasher.write(unsafe { arena.bytes(slot) });
        }
    }

    /// A scorer of the walk plane.
    pub fn scorer<'a>(&'a self, query: &'a [u8]) -> CodeScorer<'a> {
        let adjust = match (self.metric, &self.aux) {
            (Metric::Cosine, Some(aux)) => {
                let dtype = if self.dtype.is_float() { Dtype::F32 } else { self.dtype };
                Adjust::Cosine { inverse_norms: aux, inverse_norm: inverse_norm(dtype, query) }
            }
            (Metric::Ip, _) => Adjust::Negate,
            _ => Adjust::None,
        };
        let kernel = vicinal_kernels::batch(self.metric.form(), self.walk_dtype().code());
        CodeScorer::new(kernel, query, &self.walk, self.dtype.kernel_len(self.dim), adjust)
    }

    /// Whether the walk reads less than the stored row, so that final candidates are worth measuring again.
    pub fn walks_rounded(&self) -> bool {
        self.lo.is_some()
    }

    /// Brings towards the caches what a walk has not read of a row.
    #[inline(always)]
    pub fn prefetch(&self, slot: u32) {
        if let Some(lo) = &self.lo {
            vicinal_kernels::prefetch(lo.address(slot), lo.row_bytes());
        }
    }

    /// One slot's row, as exact search reads it.
    ///
    /// # Safety
    /// The slot was written.
    pub unsafe fn plane(&self, slot: u32) -> Plane<'_> {
        // SAFETY: written rows are immutable.
        unsafe {
            match &self.lo {
                None => Plane::Whole(self.walk.bytes(slot)),
                Some(lo) => Plane::Split { hi: self.walk.bytes(slot), lo: lo.bytes(slot) },
            }
        }
    }

    /// The rows of these runs of slots, which come in order, as exact search reads them.
    ///
    /// # Safety
    /// The slots were written, and nobody writes them as long as the blocks are there.
    pub unsafe fn blocks(&self, runs: Vec<Range<u32>>) -> Vec<Block<'_>> {
        let plane = |(start, rows)| {
            // SAFETY: the caller's promise.
            unsafe {
                match &self.lo {
                    None => Plane::Whole(self.walk.run(start, rows)),
                    Some(lo) => Plane::Split { hi: self.walk.run(start, rows), lo: lo.run(start, rows) },
                }
            }
        };
        let parts = runs.into_iter().flat_map(|run| self.walk.parts(run));
        parts.map(|part| Block { first_slot: part.0, rows: part.1, plane: plane(part) }).collect()
    }

    /// The score of distance 0, where scores above it are proportional to a distance (or its square).
    pub fn zero_score(&self) -> Option<f32> {
        match self.metric {
            Metric::Cosine => Some(-1.0),
            Metric::Ip => None,
            _ => Some(0.0),
        }
    }

    /// The user's distance that a score stands for, with the rounding of the walk.
    pub fn distance_of(&self, score: f32) -> f32 {
        match self.metric {
            Metric::L2 => score.max(0.0).sqrt(),
            Metric::Cosine => (1.0 + score).max(0.0),
            Metric::Hamming => score / self.dim as f32,
            Metric::SqEuclidean | Metric::Ip | Metric::Jaccard => score,
        }
    }

    /// The space of the vectors.
    pub fn space(&self) -> Space {
        Space { dim: self.dim, metric: self.metric, dtype: self.dtype }
    }
}

/// What makes a row a direction. One rounding for stored rows and for queries: codes of edges are compared to the bit.
fn inverse_norm(dtype: Dtype, row: &[u8]) -> f32 {
    1.0 / (squared_norm(dtype, row) as f32).sqrt()
}

fn squared_norm(dtype: Dtype, row: &[u8]) -> f64 {
    let square = |x: f32| f64::from(x) * f64::from(x);
    match dtype {
        Dtype::F32 => row.chunks_exact(4).map(|b| square(pod_read_unaligned(b))).sum(),
        Dtype::F16 => row.chunks_exact(2).map(|b| square(pod_read_unaligned::<f16>(b).to_f32())).sum(),
        Dtype::Bf16 => row.chunks_exact(2).map(|b| square(pod_read_unaligned::<bf16>(b).to_f32())).sum(),
        Dtype::I8 => row.iter().map(|&b| square(f32::from(b as i8))).sum(),
        Dtype::U8 => row.iter().map(|&b| square(f32::from(b))).sum(),
        Dtype::Bits => unreachable!("bits have no norm: check_metric refuses cosine and ip on them"),
    }
}
