//! A short code of every row.

use vicinal_kernels::abreast::{self, Shape};

use super::frame::{Basis, Frame, LANES, square};
use super::probe::PRODUCT_ERROR;
use super::up;
use crate::arena::Arena;
use crate::error::Result;
use crate::flat::{Plane, Space, floats};
use crate::types::{Dtype, Metric};

/// Codes go from `-LARGEST` to `LARGEST`.
const LARGEST: f64 = 127.0;
/// Coordinates of the first stage are a multiple of this, unless those are all.
const STEP: usize = 4;
/// What share of the squared distances the first stage should see, on average. More makes it longer, less leaves more
/// rows to the stages after it (docs/experiments.md).
const FIRST_SHARE: f64 = 0.75;
/// One in so many coordinates of a sample may be beyond the range of codes, so that a few far rows don't make the
/// codes of all others rough.
const BEYOND: usize = 10_000;

/// Rows that are coded together.
pub const TOGETHER: usize = 4;

/// The first coordinates of all rows, in blocks of sixteen rows abreast, each with its error: how far the coordinates
/// may be from what the code stands for. That is of the norm of the difference over all coordinates, which is no less
/// than that over some. And of inner products with its term: at least the squared norm, and what f64 loses of it.
pub(super) struct First {
    pub shape: Shape,
    pub blocks: Arena,
}

impl First {
    fn new(shape: Shape) -> Self {
        First { shape, blocks: Arena::new(shape.bytes()) }
    }

    /// The block that a slot is in, and its lane.
    pub fn place(&self, slot: u32) -> (*mut u8, usize) {
        const ROWS: u32 = abreast::LANES as u32;
        (self.blocks.row(slot / ROWS), (slot % ROWS) as usize)
    }
}

/// The codes of some further coordinates of all rows.
pub(super) struct Stage {
    /// The first coordinate, and the one after the last.
    pub from: usize,
    pub to: usize,
    /// A byte for each.
    pub codes: Arena,
}

/// A code of every row, with how far it may be off. Rows are written when their vectors are.
pub struct Table {
    space: Space,
    pub(super) frame: Frame,
    /// What a code's unit stands for.
    pub(super) step: f64,
    pub(super) first: First,
    pub(super) stages: Vec<Stage>,
    /// About the norm of rows.
    pub(super) length: f64,
    /// Rows that it was made for.
    made_for: usize,
}

/// What coding `N` vectors together needs.
pub struct Scratch<const N: usize> {
    values: Vec<f32>,
    entered: Vec<[f64; N]>,
    coordinates: Vec<[f64; LANES]>,
    codes: Vec<i8>,
}

impl<const N: usize> Default for Scratch<N> {
    fn default() -> Self {
        Scratch { values: Vec::new(), entered: Vec::new(), coordinates: Vec::new(), codes: Vec::new() }
    }
}

impl<const N: usize> Scratch<N> {
    /// The coordinates of vector `n`, and zeros.
    fn coordinates_of(&self, n: usize) -> impl Iterator<Item = f64> {
        self.coordinates.iter().skip(n).step_by(N).flatten().copied()
    }
}

impl Table {
    /// An empty table, for rows like those of the sample: `dim` floats each, of length 1 under cosine.
    pub fn new(space: Space, basis: Basis<'_>, sample: &[f32], made_for: usize) -> Result<Self> {
        let frame = Frame::new(space.dim, basis)?;
        let axes = frame.axes();
        let mut scratch = Scratch { entered: vec![[0.0]; space.dim], ..Scratch::default() };
        let (mut energies, mut all, mut seen) = (vec![0.0; axes], 0.0, Vec::new());
        for row in sample.chunks_exact(space.dim) {
            frame.enter(row, Some(1.0), &mut scratch.entered, 0);
            frame.project(&scratch.entered, &mut scratch.coordinates);
            all += scratch.entered.as_flattened().iter().map(|x| x * x).sum::<f64>();
            energies.iter_mut().zip(scratch.coordinates_of(0)).for_each(|(energy, x)| *energy += x * x);
            seen.extend(scratch.coordinates_of(0).take(axes).map(f64::abs));
        }
        let beyond = seen.len() / BEYOND;
        let largest = seen
            .len()
            .checked_sub(beyond + 1)
            .map_or(0.0, |place| *seen.select_nth_unstable_by(place, f64::total_cmp).1);
        let rows = (sample.len() / space.dim).max(1) as f64;
        let length = (sample.chunks_exact(space.dim).map(square).sum::<f64>() / rows).sqrt();
        // As an f32, so that multiples of it are exact in f64. Of rows that don't differ any step will do.
        let step = f64::from(((largest / LARGEST) as f32).clamp(1e-30, 1e30));
        let step = if largest > 0.0 { step } else { 1.0 };
        let ends = ends(&energies, all);
        let first = First::new(Shape::new(ends[0], space.metric == Metric::Ip));
        let stages =
            ends.windows(2).map(|ends| Stage { from: ends[0], to: ends[1], codes: Arena::new(ends[1] - ends[0]) });
        let stages = stages.collect();
        Ok(Table { space, frame, step, first, stages, length, made_for })
    }

    /// Rows that it was made for.
    pub fn made_for(&self) -> usize {
        self.made_for
    }

    /// Makes room for slots below `rows`.
    pub fn reserve(&self, rows: usize) -> Result<()> {
        self.first.blocks.reserve(rows.div_ceil(abreast::LANES))?;
        self.stages.iter().try_for_each(|stage| stage.codes.reserve(rows))
    }

    /// Gives the memory of the slots from `rows` on back to the system.
    ///
    /// # Safety
    /// As of [`Arena::give_back`].
    pub unsafe fn give_back(&self, rows: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            self.first.blocks.give_back(rows.div_ceil(abreast::LANES));
            self.stages.iter().for_each(|stage| stage.codes.give_back(rows));
        }
    }

    /// Bytes of memory, with room for rows.
    pub fn bytes(&self, rows: u64) -> u64 {
        let row: usize = self.stages.iter().map(|stage| stage.codes.row_bytes()).sum();
        let blocks = rows.div_ceil(abreast::LANES as u64) * self.first.shape.bytes() as u64;
        self.frame.bytes() as u64 + row as u64 * rows + blocks
    }

    /// Codes rows of the stored dtype, up to [`TOGETHER`].
    ///
    /// # Safety
    /// The slots were reserved; nobody else writes, and nobody asks for these slots meanwhile.
    pub unsafe fn write(&self, slots: &[u32], rows: &[Plane<'_>], scratch: &mut Scratch<TOGETHER>) {
        let (mut off, mut squares) = ([0.0; TOGETHER], [0.0; TOGETHER]);
        scratch.values.resize(self.space.dim, 0.0);
        scratch.entered.resize(self.space.dim, [0.0; TOGETHER]);
        for (i, &row) in rows.iter().enumerate() {
            floats(self.space.dtype, row, &mut scratch.values);
            squares[i] = square(&scratch.values);
            off[i] = self.frame.enter(&scratch.values, self.factor(), &mut scratch.entered, i);
        }
        self.frame.project(&scratch.entered, &mut scratch.coordinates);
        for (i, &slot) in slots.iter().enumerate() {
            let residual = self.code(i, scratch);
            let (error, term) = (up(bounded(residual) + off[i]), up(bounded(squares[i]) * (1.0 + PRODUCT_ERROR)));
            let (first, further) = scratch.codes.split_at(self.first.shape.width());
            let (block, lane) = self.first.place(slot);
            // SAFETY: the caller's promise.
            unsafe {
                self.first.shape.write(block, lane, first, error, term);
                for stage in &self.stages {
                    let codes = &further[stage.from - first.len()..stage.to - first.len()];
                    stage.codes.write(slot, bytemuck::cast_slice(codes));
                }
            }
        }
    }

    /// What rows are multiplied by; nothing where they are brought to length 1.
    fn factor(&self) -> Option<f64> {
        (self.space.metric != Metric::Cosine).then_some(1.0)
    }

    /// Codes the coordinates of a vector; returns how far the code is from them.
    fn code<const N: usize>(&self, n: usize, scratch: &mut Scratch<N>) -> f64 {
        let (mut square, per_step) = (0.0, 1.0 / self.step);
        let mut codes = std::mem::take(&mut scratch.codes);
        codes.clear();
        codes.extend(scratch.coordinates_of(n).take(self.frame.axes()).map(|x| {
            let code = (x * per_step).round_ties_even().clamp(-LARGEST, LARGEST);
            let off = x - code * self.step;
            square += off * off;
            code as i8
        }));
        scratch.codes = codes;
        square.sqrt()
    }

    /// A query, given as its dtype has it.
    pub(super) fn code_query(&self, query: &[u8]) -> Coded {
        let mut scratch = Scratch::<1>::default();
        scratch.values.resize(self.space.dim, 0.0);
        scratch.entered.resize(self.space.dim, [0.0]);
        let dtype = if self.space.dtype.is_float() { Dtype::F32 } else { self.space.dtype };
        floats(dtype, Plane::Whole(query), &mut scratch.values);
        let square = square(&scratch.values);
        let factor = match self.space.metric {
            Metric::Ip if square > 0.0 && self.length > 0.0 => {
                2f64.powi((self.length / square.sqrt()).log2().round() as i32)
            }
            _ => 1.0,
        };
        let off = self.frame.enter(&scratch.values, self.factor().map(|_| factor), &mut scratch.entered, 0);
        self.frame.project(&scratch.entered, &mut scratch.coordinates);
        self.code(0, &mut scratch);
        let distance = |to: usize| {
            let pairs = scratch.coordinates_of(0).zip(&scratch.codes[..to]);
            pairs.map(|(x, &code)| (x - f64::from(code) * self.step).powi(2)).sum::<f64>().sqrt()
        };
        let ends = std::iter::once(self.first.shape.width()).chain(self.stages.iter().map(|stage| stage.to));
        let errors = ends.map(|to| bounded(distance(to)) + off).collect();
        Coded { errors, codes: scratch.codes, square, factor }
    }

    /// The space of the rows.
    pub(super) fn space(&self) -> Space {
        self.space
    }
}

/// A query as a table codes it.
pub(super) struct Coded {
    pub codes: Vec<i8>,
    /// How far the coordinates of each stage and of those before it may be from that.
    pub errors: Vec<f64>,
    /// Its squared norm.
    pub square: f64,
    /// What it was multiplied by before.
    pub factor: f64,
}

/// More than a sum of squares in f64 is off.
fn bounded(sum: f64) -> f64 {
    sum * (1.0 + 1e-9)
}

/// Where the stages end: the first when it has its share of the energy, each further one twice as far.
fn ends(energies: &[f64], all: f64) -> Vec<usize> {
    let axes = energies.len();
    let mut sum = 0.0;
    let enough = energies.iter().position(|energy| {
        sum += energy;
        sum >= FIRST_SHARE * all
    });
    let first = enough.map_or(axes, |last| (last + 1).next_multiple_of(STEP).min(axes));
    let mut ends: Vec<usize> =
        std::iter::successors(Some(first), |end| Some(2 * end)).take_while(|&end| end < axes).collect();
    ends.push(axes);
    ends
}
