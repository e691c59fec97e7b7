//! The layers: one arena of layer-0 rows by slot, one of upper rows by the row number that the layer-0 row names.

use std::ops::Range;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use parking_lot::Mutex;
use vicinal_kernels::Feed;

use super::levels::LevelLaw;
use super::row::{HEADER, NONE, Row};
use super::spread::Spread;
use super::undo::RowName;
use crate::arena::Arena;
use crate::bits::Bits;
use crate::error::Result;
use crate::mapped::MappedRows;
use crate::slots::Slots;
use crate::vectors::{Codes, Rows};

/// The graph's memory: rows and the entry point. Which edges are there is decided elsewhere.
///
/// Equal vectors do not all become nodes. The first is the node; the others hang on it as a chain (`twin` of the row),
/// found when the node is found. So ten thousand copies of one vector are one node to the graph, not a sink that fills
/// every candidate list.
pub struct Graph {
    m: usize,
    /// What a layer-0 row holds before and behind its links.
    codes: Codes,
    layer0: Arena,
    upper: Arena,
    upper_rows: AtomicU32,
    /// Top layer in the high half, slot in the low half; `u64::MAX` when empty.
    entry: AtomicU64,
    /// Held while a node that will be the new top is inserted.
    pub(super) entry_lock: Mutex<()>,
    /// How fast neighbourhoods widen.
    pub spread: Spread,
    /// Slots that were added and not removed since: nodes, and the twins on their chains.
    pub living: Bits,
    /// Nodes that were removed, themselves and all of their twins. Walks pass them as long as rows name them; nothing
    /// is linked to them any more.
    pub retired: Bits,
}

/// Where a search starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryPoint {
    /// The node.
    pub slot: u32,
    /// Its level, the graph's top layer.
    pub level: usize,
}

/// Bytes of a row with room for `links` neighbours.
pub fn row_bytes(links: usize) -> usize {
    4 * (HEADER + links)
}

/// Bytes of a layer-0 row with such codes: whole cache lines if it has any.
pub fn layer0_row_bytes(m: usize, codes: Codes) -> usize {
    let line = if codes == Codes::default() { 4 } else { 64 };
    (codes.edges + row_bytes(2 * m) + codes.own).next_multiple_of(line)
}

impl Graph {
    /// An empty graph whose nodes have up to `m` links on the upper layers and `2m` on layer 0.
    pub fn new(m: usize, codes: Codes) -> Self {
        let layer0 = Arena::new(layer0_row_bytes(m, codes));
        Graph::from_parts(m, codes, layer0, Arena::new(row_bytes(m)), 0, None)
    }

    /// A graph over rows that are already there.
    pub fn from_parts(
        m: usize,
        codes: Codes,
        layer0: Arena,
        upper: Arena,
        upper_rows: u32,
        entry: Option<EntryPoint>,
    ) -> Self {
        assert_eq!((layer0.row_bytes(), upper.row_bytes()), (layer0_row_bytes(m, codes), row_bytes(m)));
        let graph = Graph {
            m,
            codes,
            layer0,
            upper,
            upper_rows: AtomicU32::new(upper_rows),
            entry: AtomicU64::new(u64::MAX),
            entry_lock: Mutex::new(()),
            spread: Spread::default(),
            living: Bits::default(),
            retired: Bits::default(),
        };
        graph.set_entry(entry);
        graph
    }

    /// `M`.
    pub fn m(&self) -> usize {
        self.m
    }

    /// What a layer-0 row holds of codes.
    pub fn codes(&self) -> Codes {
        self.codes
    }

    /// The codes that nodes have of themselves, if they have any.
    #[inline(always)]
    pub fn own_codes(&self) -> Option<Rows<'_>> {
        let start = self.codes.edges + row_bytes(2 * self.m);
        (self.codes.own > 0).then_some(Rows { arena: &self.layer0, start })
    }

    /// The most links of a node on a layer: `M_max0 = 2M` on layer 0, `M` above.
    pub fn capacity(&self, layer: usize) -> usize {
        if layer == 0 { 2 * self.m } else { self.m }
    }

    /// The layer-0 rows as a snapshot's that was mapped: those are checked as they are read.
    #[inline(always)]
    pub fn mapped(&self) -> Option<&MappedRows> {
        self.layer0.mapped()
    }

    /// Layer-0 rows and upper rows, for snapshots.
    pub fn arenas(&self) -> (&Arena, &Arena) {
        (&self.layer0, &self.upper)
    }

    /// Upper rows in use.
    pub fn upper_rows(&self) -> u32 {
        self.upper_rows.load(Ordering::Acquire)
    }

    /// Forgets the upper rows from `rows` on; no row names them any more.
    pub(super) fn truncate_upper(&self, rows: u32) {
        self.upper_rows.store(rows, Ordering::Release);
    }

    /// Forgets the slots from `slots` on, which nothing names, and with them their upper rows.
    pub fn truncate(&self, slots: u32) {
        // Upper rows are dealt out in the order of the slots.
        let last = (0..slots).rev().map(|slot| self.upper_rows_of(slot)).find(|rows| !rows.is_empty());
        self.truncate_upper(last.map_or(0, |rows| rows.end));
    }

    /// Makes room for so many upper rows, which are then in use.
    pub(super) fn reserve_upper(&self, rows: u32) -> Result<()> {
        self.upper.reserve(rows as usize)?;
        self.upper_rows.store(rows, Ordering::Release);
        Ok(())
    }

    /// Makes nobody hold the lock of any row of a snapshot of `slots` slots that is to be repaired.
    pub fn unlock_all(&self, slots: u32) {
        (0..slots).for_each(|slot| self.layer0(slot).unlock());
        (0..self.upper_rows()).for_each(|row| self.upper(row).unlock());
    }

    /// Lays out rows without links for the slots of a batch, each with its level. A slot that is used again keeps the
    /// level that it has, and with it its upper rows.
    pub fn lay_out(&self, batch: &Slots, law: &LevelLaw) -> Result<()> {
        self.layer0.reserve(batch.end() as usize)?;
        let mut next = self.upper_rows();
        let upper: usize = batch.fresh().map(|slot| law.level(slot)).sum();
        self.upper.reserve(next as usize + upper)?;
        for slot in batch.fresh() {
            let level = law.level(slot);
            self.clear_slot(slot, level, next);
            next += level as u32;
        }
        for slot in batch.reused() {
            let row = self.layer0(slot);
            self.clear_slot(slot, row.level(), row.upper());
        }
        self.upper_rows.store(next, Ordering::Release);
        batch.iter().for_each(|slot| _ = self.living.insert(slot));
        Ok(())
    }

    /// Makes the rows of a slot that nobody knows those of a node without links.
    pub(super) fn clear_slot(&self, slot: u32, level: usize, first_upper: u32) {
        let (row, codes) = self.coded_row(slot);
        row.lock().init(level, first_upper);
        // SAFETY: the row begins with so many bytes, and nobody knows the slot. A removed node or a cancelled add may
        // have left codes there.
        unsafe { std::ptr::write_bytes(codes, 0, self.codes.edges) };
        for upper in first_upper..first_upper + level as u32 {
            self.upper(upper).lock().init(level, NONE);
        }
    }

    /// A node's row on a layer that it reaches.
    #[inline]
    pub fn row(&self, slot: u32, layer: usize) -> Row<'_> {
        if layer == 0 {
            return self.layer0(slot);
        }
        let base = self.layer0(slot);
        debug_assert!(layer <= base.level() || self.mapped().is_some());
        let row = self.upper(base.upper().wrapping_add(layer as u32 - 1));
        match self.mapped() {
            // A hostile snapshot may lead to a node that does not reach the layer, or to the row of another.
            Some(mapped) if layer > base.level() || row.level() != base.level() => {
                mapped.refuse(slot, format_args!("it has no row of its own on layer {layer}, which links lead to"));
                Self::over(mapped.blank(), self.m)
            }
            _ => row,
        }
    }

    /// The upper rows that a slot has.
    pub fn upper_rows_of(&self, slot: u32) -> Range<u32> {
        let row = self.layer0(slot);
        let first = row.upper();
        if row.level() == 0 { 0..0 } else { first..first + row.level() as u32 }
    }

    /// What the undo log calls the row of a node.
    pub(super) fn row_name(&self, slot: u32, layer: usize) -> RowName {
        match layer {
            0 => RowName::Layer0(slot),
            _ => RowName::Upper(self.row(slot, 0).upper() + layer as u32 - 1),
        }
    }

    /// The row of that name.
    pub fn named_row(&self, name: RowName) -> Row<'_> {
        match name {
            RowName::Layer0(slot) => self.layer0(slot),
            RowName::Upper(row) => self.upper(row),
        }
    }

    /// The layer-0 row of a slot.
    #[inline(always)]
    fn layer0(&self, slot: u32) -> Row<'_> {
        self.coded_row(slot).0
    }

    /// The upper row of that number.
    #[inline(always)]
    pub fn upper(&self, row: u32) -> Row<'_> {
        Self::over(self.address(&self.upper, row, 0, self.m), self.m)
    }

    /// A layer-0 row and the codes of its edges. Codes may change while they are read, unless the row is locked; the
    /// row's version tells.
    #[inline(always)]
    pub fn coded_row(&self, slot: u32) -> (Row<'_>, *mut u8) {
        let address = self.address(&self.layer0, slot, self.codes.edges, 2 * self.m);
        (Self::over(address.wrapping_add(self.codes.edges), 2 * self.m), address.cast_mut())
    }

    /// Where a row is; its links begin at byte `start`, and have room for `links`.
    #[inline(always)]
    fn address(&self, arena: &Arena, row: u32, start: usize, links: usize) -> *const u8 {
        match arena.mapped() {
            None => arena.address(row).cast_const(),
            // Rows of a snapshot that was read were checked then; those of a map are as they are come to.
            Some(rows) => rows.sound_row(row, |address| {
                Self::over(address.wrapping_add(start), links).check_stored(self.mapped_slots())
            }),
        }
    }

    fn mapped_slots(&self) -> u32 {
        self.mapped().map_or(0, |rows| rows.rows() as u32)
    }

    #[inline(always)]
    fn over<'a>(address: *const u8, links: usize) -> Row<'a> {
        // SAFETY: rows are 4-byte multiples in page-aligned chunks, reserved before their slot is known to anyone, and
        // their links accessed only as atomics. AtomicU32 has the layout of u32. Those of a map and blank ones are only
        // loaded.
        Row::new(unsafe { std::slice::from_raw_parts(address.cast::<AtomicU32>(), HEADER + links) })
    }

    /// Copies a row as snapshots hold it, that of a free slot without what it had when it was in use. Nobody writes it
    /// meanwhile.
    pub fn copy_canonical(&self, name: RowName, free: bool, out: &mut [u32]) {
        let links = match name {
            RowName::Layer0(slot) => {
                if free {
                    out.fill(0);
                } else {
                    let from = self.coded_row(slot).1.cast::<u32>();
                    // SAFETY: the row has as many bytes, aligned as its links are; the caller excludes writers.
                    out.copy_from_slice(unsafe { std::slice::from_raw_parts(from, out.len()) });
                }
                &mut out[self.codes.edges / 4..][..HEADER + 2 * self.m]
            }
            RowName::Upper(_) => out,
        };
        self.named_row(name).copy_canonical(free, links);
    }

    /// Brings a layer-0 row towards the caches.
    #[inline(always)]
    pub fn prefetch(&self, slot: u32) {
        vicinal_kernels::prefetch(self.layer0.address(slot), self.layer0.row_bytes());
    }

    /// Brings a layer-0 row towards the caches, bit by bit.
    #[inline(always)]
    pub fn feed(&self, slot: u32, feed: &mut Feed) {
        feed.put(self.layer0.address(slot), self.layer0.row_bytes());
    }

    /// Brings the links of a layer-0 row towards the caches.
    #[inline(always)]
    pub fn prefetch_links(&self, slot: u32) {
        let links = self.layer0.address(slot).wrapping_add(self.codes.edges);
        vicinal_kernels::prefetch(links, row_bytes(2 * self.m));
    }

    /// Where a search starts, if there is any node.
    pub fn entry(&self) -> Option<EntryPoint> {
        let packed = self.entry.load(Ordering::Acquire);
        (packed != u64::MAX).then_some(EntryPoint { slot: packed as u32, level: (packed >> 32) as usize })
    }

    /// Readies the rows of a snapshot that was read for changes, given which slots are live and which are free. Returns
    /// the nodes that are retired.
    pub fn revive(&self, live: &Bits, free: &Bits, slots: u32) -> Vec<u32> {
        let mut retired = Vec::new();
        for slot in 0..slots {
            let row = self.layer0(slot);
            if live.get(slot) {
                self.living.insert(slot);
            } else if row.twin() == NONE && !free.get(slot) {
                self.retired.insert(slot);
                retired.push(slot);
            }
            if !row.is_twin() {
                let mut previous = slot;
                for twin in self.twins(slot) {
                    self.layer0(twin).lock().set_previous(previous);
                    previous = twin;
                }
            }
        }
        retired
    }

    /// Forgets all of the first `slots` slots. Who is at one of them finds its rows as they were.
    pub fn clear(&self, slots: u32) {
        self.set_entry(None);
        self.truncate_upper(0);
        self.spread.restore((0, 0));
        for slot in 0..slots {
            self.living.remove(slot);
            self.retired.remove(slot);
        }
    }

    /// Whether a slot is a node of the graph that stays: not on a chain, nor retired or free.
    pub fn is_node(&self, slot: u32) -> bool {
        let row = self.layer0(slot);
        !row.is_twin() && (self.living.get(slot) || row.twin() != NONE)
    }

    /// Moves the entry point.
    pub fn set_entry(&self, entry: Option<EntryPoint>) {
        let packed = entry.map_or(u64::MAX, |e| (e.level as u64) << 32 | u64::from(e.slot));
        self.entry.store(packed, Ordering::Release);
    }

    /// Whether a slot with a chain of equal vectors leads to any that was not removed.
    pub fn has_twins(&self, slot: u32) -> bool {
        self.row(slot, 0).twin() != NONE
    }

    /// The chain of slots with the same vector as `slot`, itself excluded. That of a hostile snapshot may run in a
    /// circle, but not for ever.
    pub fn twins(&self, slot: u32) -> impl Iterator<Item = u32> {
        let most = self.mapped().map_or(usize::MAX, |rows| rows.rows());
        let next = |slot: u32| Some(self.row(slot, 0).twin()).filter(|&twin| twin != NONE);
        std::iter::successors(next(slot), move |&twin| next(twin)).take(most)
    }
}
