//! The nearest of each new node, from parts in which all are compared with all.

use parking_lot::Mutex;
use vicinal_kernels::tile::Limits;

use super::super::pool::Candidate;
use super::frame::Shared;
use crate::error::{Error, Result};
use crate::run::Run;

/// Queries that go through the rows of a part between two looks at whether the build was cancelled.
const QUERIES: usize = 256;

/// Places of the table of nodes that a list has.
const KNOWN: usize = 1024;

/// The nearest so far of one node. In no order, but the farthest is the last once the list is full.
pub type Near = Mutex<Vec<Candidate>>;

/// A node that looks for neighbours.
#[derive(Clone, Copy)]
pub struct Asking<'a> {
    /// The node.
    pub slot: u32,
    /// What it has found.
    pub near: &'a Near,
    /// How many it wants.
    pub keep: usize,
}

/// Buffers of a thread.
#[derive(Default)]
pub struct Buffers {
    found: Vec<Vec<Candidate>>,
    known: Vec<u32>,
}

/// Compares all nodes of a part with those of them that ask.
pub fn compare(
    shared: &Shared<'_>,
    part: &[u32],
    asking: &[Asking<'_>],
    buffers: &mut Buffers,
    run: &Run,
) -> Result<()> {
    if asking.is_empty() {
        return Ok(());
    }
    let Buffers { found, known } = buffers;
    found.resize_with(QUERIES, Vec::new);
    let centre = shared.centre(part);
    let mut rows = shared.rows(part, &centre);
    for asking in asking.chunks(QUERIES) {
        if run.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let slots: Vec<u32> = asking.iter().map(|asking| asking.slot).collect();
        let queries = shared.queries(&slots, &centre);
        let squares = queries.squares();
        let mut limits = Limits::new(asking.len());
        for (i, &Asking { near, keep, .. }) in asking.iter().enumerate() {
            found[i].clear();
            let list = near.lock();
            if list.len() == keep {
                limits.set(i, 0.0, 0.5 * (squares[i] - list[keep - 1].score()));
            }
        }
        shared.tiles().sweep(&mut rows, &queries, &mut limits, &mut |_, hits, limits| {
            let query = hits[0].query as usize;
            let (found, keep) = (&mut found[query], asking[query].keep);
            found.extend(hits.iter().map(|h| Candidate::new(squares[query] - 2.0 * h.value, part[h.row as usize])));
            // Hits are few once there is a limit; until then the list must not grow with the part.
            if found.len() >= 2 * keep {
                found.select_nth_unstable(keep - 1);
                found.truncate(keep);
                limits.set(query, 0.0, 0.5 * (squares[query] - found[keep - 1].score()));
            }
        });
        for (asking, found) in asking.iter().zip(found.iter_mut()) {
            merge(asking.slot, &mut asking.near.lock(), found, asking.keep, known);
        }
    }
    Ok(())
}

/// Adds what was found to the list of a node, unless it is there already. A few may slip in twice.
fn merge(own: u32, list: &mut Vec<Candidate>, found: &mut Vec<Candidate>, keep: usize, known: &mut Vec<u32>) {
    known.clear();
    known.resize(KNOWN, u32::MAX);
    let place_of = |slot: u32| (slot.wrapping_mul(0x9e37_79b1) >> 16) as usize % KNOWN;
    // One place for each hash, the last one has it: a table that must not be probed costs no mispredicted branch.
    for slot in list.iter().map(|c| c.slot()).chain([own]) {
        known[place_of(slot)] = slot;
    }
    let mut new = 0;
    for i in 0..found.len() {
        let candidate = found[i];
        // Written always, kept if new: no branch here either.
        found[new] = candidate;
        new += usize::from(known[place_of(candidate.slot())] != candidate.slot());
    }
    found.truncate(new);
    list.reserve_exact(keep - list.len());
    if list.len() + found.len() < keep {
        list.append(found);
    } else if !found.is_empty() {
        found.extend_from_slice(list);
        found.select_nth_unstable(keep - 1);
        list.clear();
        list.extend_from_slice(&found[..keep]);
    }
}
