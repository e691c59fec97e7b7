//! The vectors of an index by slot.

use std::hash::Hasher;
use std::ops::Range;
use std::ptr::NonNull;

use bytemuck::pod_read_unaligned;
use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};
use vicinal_kernels::levels::{self, Tail};

use super::check::check_row;
use super::edges::EdgeCoder;
use super::form::Form;
use super::planes::{join_f32, split_f32};
use crate::arena::Arena;
use crate::error::Result;
use crate::flat::{Block, Plane, Space, floats};
use crate::live::Live;
use crate::run::Run;
use crate::types::{Dtype, Layout, Metric, Params};

/// Stored rows, each written once and immutable from then on.
pub struct Vectors {
    pub(super) dim: usize,
    pub(super) metric: Metric,
    /// Of vectors that come and go.
    pub(super) dtype: Dtype,
    pub(super) form: Form,
    /// What a walk reads, unless the rows of the graph have codes of their nodes.
    pub(super) walk: Arena,
    /// What the form keeps besides.
    rest: Option<Arena>,
    /// One f32 a row under cosine: 1 / norm.
    pub(super) aux: Option<Arena>,
    /// What codes the edges between the vectors, in the fast layout.
    coder: Option<EdgeCoder>,
}

impl Vectors {
    /// An empty store.
    pub fn new(params: &Params) -> Self {
        let form = Form::of(params);
        let walk = Arena::new(form.walk_bytes(params.dim));
        let rest = form.rest(params.dim).map(|(_, row_bytes)| Arena::new(row_bytes));
        Self::from_parts(params, walk, rest, form.has_norms(params.metric).then(|| Arena::new(4)))
    }

    /// A store of rows that are already there, as many as the form asks for; see [`Vectors::arenas`].
    pub fn from_parts(params: &Params, walk: Arena, rest: Option<Arena>, aux: Option<Arena>) -> Self {
        let Params { dim, metric, dtype, seed, layout, .. } = *params;
        let coder = (layout == Layout::Fast).then(|| EdgeCoder::new(dim, metric, dtype, seed));
        Vectors { dim, metric, dtype, form: Form::of(params), walk, rest, aux, coder }
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
        unsafe { self.rotate(coder, slot, &mut query, &mut rotated) };
        rotated
    }

    /// The same, appended to `rotated`, by way of `query`.
    ///
    /// # Safety
    /// The slot was written.
    pub unsafe fn rotate(&self, coder: &EdgeCoder, slot: u32, query: &mut Vec<u8>, rotated: &mut Vec<f32>) {
        // SAFETY: the caller's promise.
        unsafe { self.read_query(slot, query) };
        coder.rotate(query, self.inverse_norm_of(slot), rotated);
    }

    /// The arenas by name, for snapshots and for counting bytes.
    pub fn arenas(&self) -> [(&'static str, Option<&Arena>); 3] {
        let rest = self.form.rest(self.dim).map_or("", |(name, _)| name);
        [("walk", Some(&self.walk)), (rest, self.rest.as_ref()), ("aux", self.aux.as_ref())]
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

    /// Writes the row of a new slot. `row` passed [`super::check_rows`] and [`super::check_kept`].
    ///
    /// # Safety
    /// The slot was reserved and is not yet reachable by anyone else.
    pub unsafe fn write(&self, slot: u32, row: &[u8]) {
        // SAFETY: the slot is ours alone (the caller's promise), and each part has as many bytes.
        let [walk, rest, aux] = [Some(&self.walk), self.rest.as_ref(), self.aux.as_ref()].map(|arena| unsafe {
            let (at, bytes) =
                arena.map_or((NonNull::dangling().as_ptr(), 0), |arena| (arena.row(slot), arena.row_bytes()));
            std::slice::from_raw_parts_mut(at, bytes)
        });
        match self.form {
            Form::Whole(dtype) if dtype == self.dtype => walk.copy_from_slice(row),
            Form::Whole(_) => to_halves(row, walk),
            Form::Split => {
                let planes = walk.as_chunks_mut::<2>().0.iter_mut().zip(rest.as_chunks_mut::<2>().0);
                for (x, (hi, lo)) in row.chunks_exact(4).zip(planes) {
                    let (h, l) = split_f32(pod_read_unaligned(x));
                    (*hi, *lo) = (h.to_ne_bytes(), l.to_ne_bytes());
                }
            }
            Form::Levels { halves } => {
                let mut vector = vec![0.0; self.dim];
                if halves {
                    to_halves(row, rest);
                    floats(Dtype::F16, Plane::Whole(rest), &mut vector);
                } else {
                    floats(Dtype::F32, Plane::Whole(row), &mut vector);
                }
                self.encode(&vector, walk);
            }
        }
        if !aux.is_empty() {
            let measured = self.form.measured();
            let norm = if measured == self.dtype { inverse_norm(measured, row) } else { inverse_norm(measured, walk) };
            aux.copy_from_slice(&norm.to_ne_bytes());
        }
    }

    /// Writes what one slot has as the row of a new one, byte by byte.
    ///
    /// # Safety
    /// `from` was written; `to` was reserved and is not yet reachable by anyone else.
    pub unsafe fn copy(&self, from: u32, to: u32) {
        for arena in self.arenas().into_iter().filter_map(|(_, arena)| arena) {
            // SAFETY: the caller's promise.
            unsafe { arena.write(to, arena.bytes(from)) }
        }
    }

    /// Writes a vector's row of levels, with what scores need of its norm.
    pub(super) fn encode(&self, vector: &[f32], row: &mut [u8]) {
        let square = levels::encode(vector, row);
        Tail { own: self.own(square), ..Tail::of(row) }.write(row);
    }

    /// What lies behind the levels of a vector of that squared norm.
    fn own(&self, square: f64) -> f32 {
        if self.metric == Metric::Cosine { (1.0 / square.sqrt()) as f32 } else { square as f32 }
    }

    /// Bytes of a vector in the dtype that vectors come in.
    pub fn row_bytes(&self) -> usize {
        self.dtype.row_bytes(self.dim)
    }

    /// What the walk reads of a slot.
    ///
    /// # Safety
    /// The slot was written.
    pub unsafe fn walked(&self, slot: u32) -> &[u8] {
        // SAFETY: written rows are immutable.
        unsafe { self.walk.bytes(slot) }
    }

    /// Rows that [`Vectors::walked`] gave, one after the other, and the dtype of their components.
    pub fn walk_plane<'a>(&self, rows: &'a [u8]) -> (Dtype, Plane<'a>) {
        match self.form {
            Form::Whole(dtype) => (dtype, Plane::Whole(rows)),
            Form::Split => (Dtype::Bf16, Plane::Whole(rows)),
            Form::Levels { .. } => (Dtype::F32, Plane::Levels(rows)),
        }
    }

    /// What makes a slot's vector a direction, under cosine; 1 otherwise.
    pub fn inverse_norm_of(&self, slot: u32) -> f32 {
        // SAFETY: the rows of a written slot were written together.
        unsafe {
            match (self.metric, &self.aux) {
                (Metric::Cosine, Some(aux)) => pod_read_unaligned(aux.bytes(slot)),
                (Metric::Cosine, None) => Tail::of(self.walk.bytes(slot)).own,
                _ => 1.0,
            }
        }
    }

    /// Copies the vector of a slot to `out`, in the dtype that vectors come in.
    ///
    /// # Safety
    /// The slot was written.
    pub unsafe fn read(&self, slot: u32, out: &mut [u8]) {
        // SAFETY: the caller's promise.
        match (self.form.measured(), unsafe { self.plane(slot) }) {
            (dtype, Plane::Whole(bytes)) if dtype == self.dtype => out.copy_from_slice(bytes),
            (_, Plane::Split { hi, lo }) => {
                let (out, hi, lo) = (out.as_chunks_mut::<4>().0, hi.as_chunks::<2>().0, lo.as_chunks::<2>().0);
                for ((x, hi), lo) in out.iter_mut().zip(hi).zip(lo) {
                    *x = join_f32(u16::from_ne_bytes(*hi), u16::from_ne_bytes(*lo)).to_ne_bytes();
                }
            }
            (dtype, plane) => write_floats(dtype, plane, self.dim, out),
        }
    }

    /// Checks a row that came from a snapshot: its values are such as may enter, what is derived from them is their own.
    /// The error names the arena and the reason. `row` has room for a vector in the dtype that vectors come in.
    ///
    /// # Safety
    /// The slot was written.
    pub unsafe fn check_stored(&self, slot: u32, row: &mut [u8]) -> Result<(), (&'static str, String)> {
        // SAFETY: the caller's promise.
        unsafe { self.read(slot, row) };
        let rest = self.form.rest(self.dim).map_or("walk", |(name, _)| name);
        let of_values = if self.form == Form::Split { "walk" } else { rest };
        check_row(row, self.dim, self.metric, self.dtype).map_err(|why| (of_values, why))?;
        if let Form::Levels { halves } = self.form {
            // SAFETY: as above.
            let stored = unsafe { self.walk.bytes(slot) };
            if halves {
                let (mut vector, mut levels) = (vec![0.0; self.dim], vec![0; stored.len()]);
                floats(self.dtype, Plane::Whole(row), &mut vector);
                self.encode(&vector, &mut levels);
                return if levels == stored {
                    Ok(())
                } else {
                    Err(("walk", "its levels are not of its vector".into()))
                };
            }
            let Tail { step, own, .. } = Tail::of(stored);
            if !(step >= 0.0 && own == self.own(levels::square(stored))) {
                return Err(("walk", format!("step {step} and {own} don't go with its levels")));
            }
        }
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
                let mut row = vec![0; self.row_bytes()];
                // SAFETY: a snapshot's rows are all there.
                unsafe { self.check_stored(slot, &mut row) }.map_err(|(_, message)| message)
            });
        }
    }

    /// Bytes of a vector as a query.
    pub fn query_bytes(&self) -> usize {
        self.dtype.query_row_bytes(self.dim)
    }

    /// The vector of a slot as a query: f32 for the float dtypes.
    ///
    /// # Safety
    /// The slot was written.
    pub unsafe fn read_query(&self, slot: u32, bytes: &mut Vec<u8>) {
        bytes.resize(self.query_bytes(), 0);
        // SAFETY: the caller's promise.
        unsafe { self.put_query(slot, bytes) };
    }

    /// What a walk reads of a slot, as a query of [`Vectors::query_bytes`]: the rest of the row need not come from memory.
    ///
    /// # Safety
    /// The slot was written.
    pub unsafe fn read_walked(&self, slot: u32, out: &mut [u8]) {
        if self.form != Form::Split {
            // SAFETY: the caller's promise.
            return unsafe { self.put_query(slot, out) };
        }
        // SAFETY: as above.
        let hi = unsafe { self.walk.bytes(slot) }.as_chunks::<2>().0;
        for (x, hi) in out.as_chunks_mut::<4>().0.iter_mut().zip(hi) {
            *x = (u32::from(u16::from_ne_bytes(*hi)) << 16).to_ne_bytes();
        }
    }

    /// # Safety
    /// The slot was written.
    unsafe fn put_query(&self, slot: u32, out: &mut [u8]) {
        // SAFETY: the caller's promise.
        unsafe {
            match self.dtype {
                Dtype::F16 | Dtype::Bf16 => write_floats(self.dtype, self.plane(slot), self.dim, out),
                _ => self.read(slot, out),
            }
        }
    }

    /// Whether two slots hold the same bytes.
    ///
    /// # Safety
    /// Both slots were written.
    pub unsafe fn equal(&self, a: u32, b: u32) -> bool {
        // SAFETY: written rows are immutable.
        unsafe {
            self.walk.bytes(a) == self.walk.bytes(b)
                && self.rest.as_ref().is_none_or(|rest| rest.bytes(a) == rest.bytes(b))
        }
    }

    /// Hashes the bytes of a slot: equal slots hash alike.
    ///
    /// # Safety
    /// The slot was written.
    pub unsafe fn hash(&self, slot: u32, hasher: &mut impl Hasher) {
        for arena in [Some(&self.walk), self.rest.as_ref()].into_iter().flatten() {
            // SAFETY: written rows are immutable.
            hasher.write(unsafe { arena.bytes(slot) });
        }
    }

    /// Brings towards the caches what exact distances of a slot are measured from.
    #[inline(always)]
    pub fn prefetch(&self, slot: u32) {
        for arena in [Some(&self.walk), self.rest.as_ref()].into_iter().flatten() {
            vicinal_kernels::prefetch(arena.address(slot), arena.row_bytes());
        }
    }

    /// One slot's row, as exact search reads it.
    ///
    /// # Safety
    /// The slot was written.
    pub unsafe fn plane(&self, slot: u32) -> Plane<'_> {
        // SAFETY: written rows are immutable.
        unsafe { self.measured_plane(self.walk.bytes(slot), self.rest.as_ref().map(|rest| rest.bytes(slot))) }
    }

    /// The rows of these runs of slots, which come in order, as exact search reads them.
    ///
    /// # Safety
    /// The slots were written, and nobody writes them as long as the blocks are there.
    pub unsafe fn blocks(&self, runs: Vec<Range<u32>>) -> Vec<Block<'_>> {
        let plane = |(start, rows)| {
            // SAFETY: the caller's promise.
            unsafe {
                self.measured_plane(self.walk.run(start, rows), self.rest.as_ref().map(|rest| rest.run(start, rows)))
            }
        };
        let parts = runs.into_iter().flat_map(|run| self.walk.parts(run));
        parts.map(|part| Block { first_slot: part.0, rows: part.1, plane: plane(part) }).collect()
    }

    /// What exact distances are measured from, of the parts of some rows.
    fn measured_plane<'a>(&self, walk: &'a [u8], rest: Option<&'a [u8]>) -> Plane<'a> {
        match (self.form, rest) {
            (Form::Split, Some(lo)) => Plane::Split { hi: walk, lo },
            (Form::Levels { .. }, Some(halves)) => Plane::Whole(halves),
            (Form::Levels { .. }, None) => Plane::Levels(walk),
            (Form::Whole(_) | Form::Split, _) => Plane::Whole(walk),
        }
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

    /// The space of the vectors, as exact distances are measured in it.
    pub fn space(&self) -> Space {
        Space { dim: self.dim, metric: self.metric, dtype: self.form.measured() }
    }
}

/// Rounds a row of f32 to halves.
fn to_halves(row: &[u8], out: &mut [u8]) {
    let vector: Vec<f32> = row.chunks_exact(4).map(pod_read_unaligned).collect();
    let mut halves = vec![f16::ZERO; vector.len()];
    halves.convert_from_f32_slice(&vector);
    out.copy_from_slice(bytemuck::cast_slice(&halves));
}

/// Writes the components of a row as f32.
fn write_floats(dtype: Dtype, plane: Plane<'_>, dim: usize, out: &mut [u8]) {
    let mut vector = vec![0.0; dim];
    floats(dtype, plane, &mut vector);
    out.copy_from_slice(bytemuck::cast_slice(&vector));
}

/// What makes a row a direction. One rounding for stored rows and for queries: codes of edges are compared to the bit.
pub(super) fn inverse_norm(dtype: Dtype, row: &[u8]) -> f32 {
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
