//! Which rows the codes can't exclude.

use std::ops::Range;

use bytemuck::pod_read_unaligned;
use vicinal_kernels::{BatchFn, Code, Form, Loops, batch, vectorized};

use super::probe::{Limit, Probe};
use super::table::Table;
use crate::error::{Error, Result};
use crate::run::Run;

/// Rows that one kernel call compares, at most.
const ROWS: usize = 128;
/// Rows between two looks at whether the search was cancelled, and whether the codes tell anything.
const LOOK: usize = 8192;

/// What the codes said for one query.
#[derive(Default)]
pub struct Screened {
    /// Distances that the rows which are left have at least, and their slots.
    pub left: Vec<(f32, u32)>,
    /// Rows whose bound was computed.
    pub bounded: u64,
    /// Whether the codes excluded so few that it was given up. Then `left` says nothing.
    pub given_up: bool,
    /// Rows that passed the first stage, with their sums, until there are enough for a kernel call.
    waiting: Vec<(u32, f32)>,
}

/// Rows to be looked at together.
enum Part<'a> {
    /// Consecutive ones.
    Run { first: u32, rows: usize },
    /// Those of these slots.
    Scattered(&'a [u32]),
}

impl Part<'_> {
    fn len(&self) -> usize {
        match self {
            Part::Run { rows, .. } => *rows,
            Part::Scattered(slots) => slots.len(),
        }
    }

    #[inline]
    fn slot(&self, i: usize) -> u32 {
        match self {
            Part::Run { first, .. } => first + i as u32,
            Part::Scattered(slots) => slots[i],
        }
    }
}

/// Room for what is known of the rows of a part: made once, since clearing it takes as long as looking at some rows.
struct Room {
    rows: [*const u8; ROWS],
    errors: [f32; ROWS],
    squares: [f32; ROWS],
    sums: [f32; ROWS],
}

/// Holds the queries against the codes of the slots in `subset`, or of all in `runs`.
///
/// # Safety
/// The slots were coded by the table, and nobody writes their rows meanwhile.
pub unsafe fn screen(
    table: &Table,
    runs: &[Range<u32>],
    subset: Option<&[u32]>,
    probes: &[&Probe],
    run: &Run,
) -> Result<Vec<Screened>> {
    let mut screened: Vec<Screened> = probes.iter().map(|_| Screened::default()).collect();
    let kernel = batch(Form::SqL2, Code::I8);
    let mut since = 0;
    let mut room =
        Room { rows: [std::ptr::null(); ROWS], errors: [0.0; ROWS], squares: [0.0; ROWS], sums: [0.0; ROWS] };
    let mut look = |part: &Part<'_>, screened: &mut [Screened]| {
        since += part.len();
        if since >= LOOK {
            since = 0;
            if run.is_cancelled() {
                return Err(Error::Cancelled);
            }
            screened.iter_mut().for_each(|one| one.given_up |= one.left.len() as u64 > one.bounded / 2);
        }
        // SAFETY: the caller's promise.
        unsafe { first_stage(table, kernel, part, &mut room, probes, screened) };
        Ok(())
    };
    match subset {
        Some(slots) => slots.chunks(ROWS).try_for_each(|slots| look(&Part::Scattered(slots), &mut screened))?,
        None => {
            let codes = &table.stages[0].codes;
            for (start, rows) in runs.iter().flat_map(|run| codes.parts(run.clone())) {
                for at in (0..rows).step_by(ROWS) {
                    look(&Part::Run { first: start + at as u32, rows: ROWS.min(rows - at) }, &mut screened)?;
                }
            }
        }
    }
    for (probe, one) in probes.iter().zip(&mut screened) {
        // SAFETY: the caller's promise.
        unsafe { further_stages(table, kernel, probe, one) };
    }
    Ok(screened)
}

/// Looks at the first coordinates of some rows.
///
/// # Safety
/// As of [`screen`].
unsafe fn first_stage(
    table: &Table,
    kernel: BatchFn,
    part: &Part<'_>,
    room: &mut Room,
    probes: &[&Probe],
    screened: &mut [Screened],
) {
    let n = part.len();
    let Room { rows, errors, squares, sums } = room;
    let stage = &table.stages[0];
    let (codes, width) = (&stage.codes, stage.to);
    match *part {
        Part::Run { first, .. } => {
            let start = codes.row(first).cast_const();
            rows[..n].iter_mut().enumerate().for_each(|(i, row)| *row = start.wrapping_add(i * width));
            // SAFETY: the rows are consecutive; the caller vouches for them.
            unsafe {
                fill(errors, table.errors.run(first, n));
                table.squares.iter().for_each(|arena| fill(squares, arena.run(first, n)));
            }
        }
        Part::Scattered(slots) => {
            for (i, &slot) in slots.iter().enumerate() {
                rows[i] = codes.row(slot).cast_const();
                // SAFETY: the caller vouches for the rows.
                (errors[i], squares[i]) = unsafe { facts(table, slot) };
            }
        }
    }
    for (probe, one) in probes.iter().zip(screened) {
        if one.given_up {
            continue;
        }
        one.bounded += n as u64;
        // SAFETY: the query and the n rows hold `width` codes.
        unsafe { kernel(probe.codes.as_ptr().cast(), rows.as_ptr(), n, width, sums.as_mut_ptr()) };
        let passed = vectorized(Compare { limit: probe.limit(0), errors, squares, sums });
        // Mostly none of eight.
        for (eight, _) in passed.chunks_exact(8).enumerate().filter(|(_, passed)| **passed != [0; 8]) {
            let of_eight = (8 * eight..n.min(8 * eight + 8)).filter(|&i| passed[i] != 0);
            one.waiting.extend(of_eight.map(|i| (part.slot(i), sums[i])));
        }
        if one.waiting.len() >= ROWS {
            // SAFETY: the caller's promise.
            unsafe { further_stages(table, kernel, probe, one) };
        }
    }
}

/// Which sums are within the limits of their rows, to be compiled for each instruction set.
struct Compare<'a> {
    limit: Limit,
    errors: &'a [f32; ROWS],
    squares: &'a [f32; ROWS],
    sums: &'a [f32; ROWS],
}

impl Loops for Compare<'_> {
    type Output = [u8; ROWS];

    #[inline(always)]
    fn run(self) -> [u8; ROWS] {
        let Compare { limit, errors, squares, sums } = self;
        let mut passed = [0; ROWS];
        let mut fill = |limit: Limit| {
            for i in 0..ROWS {
                passed[i] = u8::from(sums[i] <= limit.of(errors[i], squares[i]));
            }
        };
        // One loop for each kind, without a choice in it.
        match limit {
            Limit::Distance { reach, per_step } => fill(Limit::Distance { reach, per_step }),
            Limit::Product { bar, stretch, error, per_step } => {
                fill(Limit::Product { bar, stretch, error, per_step });
            }
        }
        passed
    }
}

/// Looks at the other coordinates of the rows that wait.
///
/// # Safety
/// As of [`screen`].
unsafe fn further_stages(table: &Table, kernel: BatchFn, probe: &Probe, one: &mut Screened) {
    let mut waiting = std::mem::take(&mut one.waiting);
    for (i, stage) in table.stages.iter().enumerate().skip(1) {
        let limit = probe.limit(i);
        let mut kept = 0;
        for begin in (0..waiting.len()).step_by(ROWS) {
            let n = ROWS.min(waiting.len() - begin);
            let (mut rows, mut sums) = ([std::ptr::null(); ROWS], [0.0; ROWS]);
            for (row, &(slot, _)) in rows.iter_mut().zip(&waiting[begin..begin + n]) {
                *row = stage.codes.row(slot).cast_const();
            }
            let codes = &probe.codes[stage.from..stage.to];
            // SAFETY: the query and the n rows hold the codes of this stage.
            unsafe { kernel(codes.as_ptr().cast(), rows.as_ptr(), n, codes.len(), sums.as_mut_ptr()) };
            for at in 0..n {
                let (slot, sum) = waiting[begin + at];
                // SAFETY: the caller vouches for the rows.
                let (error, square) = unsafe { facts(table, slot) };
                let sum = sum + sums[at];
                waiting[kept] = (slot, sum);
                kept += usize::from(sum <= limit.of(error, square));
            }
        }
        waiting.truncate(kept);
    }
    for (slot, sum) in waiting.drain(..) {
        // SAFETY: the caller vouches for the rows.
        let (error, square) = unsafe { facts(table, slot) };
        one.left.push((probe.least(sum, error, square), slot));
    }
    one.waiting = waiting;
}

/// The error of a row's code, and its squared norm where that is kept.
///
/// # Safety
/// The slot was coded.
unsafe fn facts(table: &Table, slot: u32) -> (f32, f32) {
    // SAFETY: the caller's promise.
    unsafe {
        let square = table.squares.as_ref().map_or(0.0, |arena| pod_read_unaligned(arena.bytes(slot)));
        (pod_read_unaligned(table.errors.bytes(slot)), square)
    }
}

fn fill(out: &mut [f32; ROWS], bytes: &[u8]) {
    out.iter_mut().zip(bytes.chunks_exact(4)).for_each(|(out, bytes)| *out = pod_read_unaligned(bytes));
}
