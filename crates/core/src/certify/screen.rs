//! Which rows the codes can't exclude.

use std::ops::Range;

use vicinal_kernels::abreast::{LANES, Limit, PassFn, pass};
use vicinal_kernels::{BatchFn, Code, Form, batch};

use super::probe::Probe;
use super::table::Table;
use crate::error::{Error, Result};
use crate::run::Run;

/// Rows of further stages that one kernel call compares, at most.
const ROWS: usize = 128;
/// Rows between two looks at whether the search was cancelled, and whether the codes tell anything.
const LOOK: usize = 8192;
/// Most blocks that are looked at together; of long rows as many as stay in the first cache until all queries were held
/// against them.
const BLOCKS: usize = 32;
const CACHED: usize = 24 << 10;

/// What the codes said for one query.
#[derive(Default)]
pub struct Screened {
    /// Distances that the rows which are left have at least, and their slots.
    pub left: Vec<(f32, u32)>,
    /// Rows whose bound was computed.
    pub bounded: u64,
    /// Whether the codes excluded so few that it was given up. Then `left` says nothing.
    pub given_up: bool,
    /// Rows that passed the first stage, until there are enough for a kernel call.
    waiting: Vec<Waiting>,
}

/// A row that the codes so far do not exclude.
#[derive(Clone, Copy)]
struct Waiting {
    slot: u32,
    sum: f32,
    error: f32,
    term: f32,
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
    let (pass, kernel) = (pass(), batch(Form::SqL2, Code::I8));
    let limits: Vec<Limit> = probes.iter().map(|probe| probe.limit(0)).collect();
    let mut since = 0;
    let look = |first: u32, lanes: &[u16]| {
        since += LANES * lanes.len();
        if since >= LOOK {
            since = 0;
            if run.is_cancelled() {
                return Err(Error::Cancelled);
            }
            screened.iter_mut().for_each(|one| one.given_up |= one.left.len() as u64 > one.bounded / 2);
        }
        for ((probe, limit), one) in probes.iter().zip(&limits).zip(&mut screened).filter(|(_, one)| !one.given_up) {
            // SAFETY: the caller's promise.
            unsafe {
                first_stage(table, pass, (probe, limit), (first, lanes), one);
                if one.waiting.len() >= ROWS {
                    further_stages(table, kernel, probe, one);
                }
            }
        }
        Ok(())
    };
    let most = (CACHED / table.first.shape.bytes()).clamp(1, BLOCKS);
    match subset {
        Some(slots) => {
            let neighbours = slots.chunk_by(|a, b| a + 1 == *b);
            each_blocks(neighbours.map(|slots| slots[0]..slots[slots.len() - 1] + 1), most, look)?;
        }
        None => each_blocks(runs.iter().cloned(), most, look)?,
    }
    for (probe, one) in probes.iter().zip(&mut screened) {
        // SAFETY: the caller's promise.
        unsafe { further_stages(table, kernel, probe, one) };
    }
    Ok(screened)
}

/// Shows runs of blocks, with a bit for each of their lanes that is in one of the ranges, which ascend.
pub(super) fn each_blocks(
    ranges: impl Iterator<Item = Range<u32>>,
    most: usize,
    mut look: impl FnMut(u32, &[u16]) -> Result<()>,
) -> Result<()> {
    const ROWS: u32 = LANES as u32;
    let (mut first, mut lanes) = (0, Vec::with_capacity(most));
    for range in ranges {
        let mut at = range.start;
        while at < range.end {
            let (block, from) = (at / ROWS, at % ROWS);
            let next = first + lanes.len() as u32;
            if !lanes.is_empty() && (block > next || (block == next && lanes.len() == most)) {
                look(first, &lanes)?;
                lanes.clear();
            }
            if lanes.is_empty() {
                first = block;
            }
            let whole = ((range.end - at) / ROWS).min((most - lanes.len()) as u32);
            if from == 0 && whole > 0 {
                lanes.resize(lanes.len() + whole as usize, u16::MAX);
                at += whole * ROWS;
                continue;
            }
            let to = (range.end - block * ROWS).min(ROWS);
            let place = (block - first) as usize;
            lanes.resize(lanes.len().max(place + 1), 0);
            lanes[place] |= (u16::MAX >> (ROWS - (to - from))) << from;
            at = block * ROWS + to;
        }
    }
    if lanes.is_empty() { Ok(()) } else { look(first, &lanes) }
}

/// Looks at the first coordinates of the rows in some lanes of consecutive blocks.
///
/// # Safety
/// As of [`screen`].
unsafe fn first_stage(
    table: &Table,
    pass: PassFn,
    (probe, limit): (&Probe, &Limit),
    (first, lanes): (u32, &[u16]),
    one: &mut Screened,
) {
    let shape = table.first.shape;
    let (mut sums, mut passed) = ([0.0; LANES * BLOCKS], [0; BLOCKS]);
    one.bounded += lanes.iter().map(|lanes| u64::from(lanes.count_ones())).sum::<u64>();
    for (start, n) in table.first.blocks.parts(first..first + lanes.len() as u32) {
        let blocks = table.first.blocks.row(start).cast_const();
        // SAFETY: the blocks lie one after another and are of the query's shape; lanes that others write are not asked
        // for.
        unsafe { pass(&probe.first, limit, blocks, n, sums.as_mut_ptr(), passed.as_mut_ptr()) };
        let asked = &lanes[(start - first) as usize..];
        for (i, (passed, asked)) in passed[..n].iter().zip(asked).enumerate() {
            let mut left = passed & asked;
            while left != 0 {
                let lane = left.trailing_zeros() as usize;
                left &= left - 1;
                // SAFETY: the lane was asked for.
                let (error, term) = unsafe { shape.facts(blocks.add(i * shape.bytes()), lane) };
                let slot = (start + i as u32) * LANES as u32 + lane as u32;
                one.waiting.push(Waiting { slot, sum: sums[LANES * i + lane], error, term });
            }
        }
    }
}

/// Looks at the other coordinates of the rows that wait.
///
/// # Safety
/// As of [`screen`].
unsafe fn further_stages(table: &Table, kernel: BatchFn, probe: &Probe, one: &mut Screened) {
    let mut waiting = std::mem::take(&mut one.waiting);
    for (i, stage) in table.stages.iter().enumerate() {
        let limit = probe.limit(i + 1);
        let mut kept = 0;
        for begin in (0..waiting.len()).step_by(ROWS) {
            let n = ROWS.min(waiting.len() - begin);
            let (mut rows, mut sums) = ([std::ptr::null(); ROWS], [0.0; ROWS]);
            for (row, waiting) in rows.iter_mut().zip(&waiting[begin..begin + n]) {
                *row = stage.codes.row(waiting.slot).cast_const();
            }
            let codes = &probe.codes[stage.from..stage.to];
            // SAFETY: the query and the n rows hold the codes of this stage.
            unsafe { kernel(codes.as_ptr().cast(), rows.as_ptr(), n, codes.len(), sums.as_mut_ptr()) };
            for at in 0..n {
                let one = waiting[begin + at];
                let sum = one.sum + sums[at];
                waiting[kept] = Waiting { sum, ..one };
                kept += usize::from(!limit.excludes(sum, one.error, one.term));
            }
        }
        waiting.truncate(kept);
    }
    let least = |row: Waiting| (probe.least(row.sum, row.error, row.term), row.slot);
    one.left.extend(waiting.drain(..).map(least));
    one.waiting = waiting;
}
