//! All or nothing: rows that a batch changes are kept as they were, and put back if the batch is given up.

use parking_lot::Mutex;

use super::code_row::code_row;
use super::graph::{EntryPoint, Graph};
use super::row::{LockedRow, NONE};
use crate::bits::Bits;
use crate::slots::Slots;
use crate::vectors::Vectors;

/// A graph's state before a batch.
pub struct Undo {
    slots: u32,
    upper_rows: u32,
    entry: Option<EntryPoint>,
    spread: (u64, u64),
    /// Rows that are in the log: layer 0, upper.
    saved: [Bits; 2],
    log: Mutex<Log>,
    /// Slots that the batch adds, removes and retires.
    added: Vec<u32>,
    removed: Mutex<Vec<u32>>,
    retired: Mutex<Vec<u32>>,
}

/// Rows as they were.
#[derive(Default)]
struct Log {
    /// Each with the end of its words, which begin where those of the one before end.
    rows: Vec<(RowName, usize)>,
    words: Vec<u32>,
}

/// A row of the graph's arenas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowName {
    /// A layer-0 row by slot.
    Layer0(u32),
    /// An upper row by number.
    Upper(u32),
}

impl Undo {
    /// The state of a graph that has `slots` slots, before a batch that adds those of `added`.
    pub fn new(graph: &Graph, slots: u32, added: &Slots) -> Self {
        Undo {
            slots,
            upper_rows: graph.upper_rows(),
            entry: graph.entry(),
            spread: graph.spread.parts(),
            saved: [Bits::default(), Bits::default()],
            log: Mutex::default(),
            added: added.iter().collect(),
            removed: Mutex::default(),
            retired: Mutex::default(),
        }
    }

    /// Notes that a slot is no longer among the living.
    pub(super) fn note_removed(&self, slot: u32) {
        self.removed.lock().push(slot);
    }

    /// Notes that a node is retired.
    pub(super) fn note_retired(&self, slot: u32) {
        self.retired.lock().push(slot);
    }

    /// To be called with the row locked, before its first change.
    pub fn note(&self, name: RowName, row: &LockedRow<'_>) {
        let (saved, index, existed) = match name {
            RowName::Layer0(slot) => (&self.saved[0], slot, slot < self.slots),
            RowName::Upper(upper) => (&self.saved[1], upper, upper < self.upper_rows),
        };
        if existed && saved.insert(index) {
            let mut log = self.log.lock();
            row.save(&mut log.words);
            let end = log.words.len();
            log.rows.push((name, end));
        }
    }

    /// Puts every row back. Nobody else changes the graph meanwhile; who reads it may still come to slots that the batch
    /// added, and finds their rows as the batch left them.
    pub fn roll_back(self, graph: &Graph, vectors: &Vectors) {
        for &slot in &self.added {
            graph.living.remove(slot);
            // A free slot leads a chain no more than it is on one.
            if slot < self.slots {
                graph.row(slot, 0).lock().set_twin(NONE);
            }
        }
        self.removed.into_inner().into_iter().for_each(|slot| _ = graph.living.insert(slot));
        self.retired.into_inner().into_iter().for_each(|slot| _ = graph.retired.remove(slot));
        let Log { rows, words } = self.log.into_inner();
        let mut start = 0;
        for (name, end) in rows {
            let row = graph.named_row(name).lock();
            row.restore(&words[start..end]);
            start = end;
            if let RowName::Layer0(slot) = name {
                code_row(graph, vectors, slot, &row);
            }
        }
        graph.truncate_upper(self.upper_rows);
        graph.set_entry(self.entry);
        graph.spread.restore(self.spread);
    }
}
