//! The user's ids: slot → id and id → slot.
//!
//! As long as every id equals its slot (ids were left to the index, or count from 0) neither direction is stored.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytemuck::pod_read_unaligned;
use hashbrown::HashMap;
use parking_lot::RwLock;

use crate::arena::Arena;
use crate::error::{Error, Result};

/// Ids of slots.
///
/// A mapped snapshot brings its slots in the order of their ids instead of a table that had to be built.
pub struct Ids {
    /// Whether ids differ from slots.
    stored: AtomicBool,
    by_slot: Arena,
    by_id: RwLock<HashMap<i64, u32>>,
    order: Option<Arena>,
    /// How often what an id stands for may have changed.
    changes: AtomicU64,
}

/// Checked ids of a batch.
pub struct Batch {
    /// The id of each row.
    pub ids: Vec<i64>,
    /// Whether ids still equal slots once the batch is in.
    identity: bool,
}

impl Ids {
    /// No ids.
    pub fn new() -> Self {
        Ids {
            stored: AtomicBool::new(false),
            by_slot: Arena::new(8),
            by_id: RwLock::default(),
            order: None,
            changes: AtomicU64::new(0),
        }
    }

    /// Ids of slots below `slots`, from a snapshot; they are distinct and not negative.
    pub fn from_stored(by_slot: Arena, slots: u32) -> Self {
        let ids = Ids { stored: AtomicBool::new(true), by_slot, ..Ids::new() };
        let by_id = (0..slots).map(|slot| (ids.id(slot), slot)).collect();
        *ids.by_id.write() = by_id;
        ids
    }

    /// Ids of a mapped snapshot, and its slots by ascending id.
    pub fn mapped(by_slot: Arena, order: Arena) -> Self {
        Ids { stored: AtomicBool::new(true), by_slot, order: Some(order), ..Ids::new() }
    }

    /// The ids of a mapped snapshot by slot, and its slots by ascending id.
    pub fn arenas(&self) -> Option<(&Arena, &Arena)> {
        self.order.as_ref().map(|order| (&self.by_slot, order))
    }

    /// The id of a slot.
    #[inline]
    pub fn id(&self, slot: u32) -> i64 {
        if !self.is_stored() {
            return i64::from(slot);
        }
        // SAFETY: ids are written before their slots are linked, and never change.
        let id = pod_read_unaligned(unsafe { self.by_slot.bytes(slot) });
        if let (true, Some(rows)) = (id < 0, self.by_slot.mapped()) {
            rows.refuse(slot, format_args!("id {id} is negative"));
        }
        id
    }

    /// The slot of an id, among the first `slots`.
    pub fn slot(&self, id: i64, slots: u32) -> Option<u32> {
        if !self.is_stored() {
            return u32::try_from(id).ok().filter(|&slot| slot < slots);
        }
        let Some(order) = &self.order else { return self.by_id.read().get(&id).copied() };
        let (mut low, mut high) = (0, slots);
        while low < high {
            let middle = low + (high - low) / 2;
            // SAFETY: a mapped snapshot has a row of `order` for each slot.
            let slot = pod_read_unaligned(unsafe { order.bytes(middle) });
            match self.id(slot).cmp(&id) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return Some(slot),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// Whether ids are stored, because they differ from slots.
    pub fn is_stored(&self) -> bool {
        self.stored.load(Ordering::Acquire)
    }

    /// Bytes of both directions.
    pub fn bytes(&self, slots: u32) -> u64 {
        let table = self.by_id.read().allocation_size() as u64;
        let row_bytes = self.by_slot.row_bytes() + self.order.as_ref().map_or(0, Arena::row_bytes);
        table + if self.is_stored() { row_bytes as u64 * u64::from(slots) } else { 0 }
    }

    /// Checks the ids of a batch that will take slots `first..first + rows`; without ids, the rows get the numbers
    /// after the largest id so far.
    pub fn check(&self, first: u32, rows: usize, given: Option<&[i64]>) -> Result<Batch> {
        let ids = match given {
            Some(ids) => self.check_given(first, rows, ids)?,
            None => {
                let next = self.next(first)?;
                if next.checked_add(rows as i64).is_none() {
                    return Err(Error::invalid(format!("no ids are left after {next}; give ids of your own")));
                }
                (next..next + rows as i64).collect()
            }
        };
        let identity = !self.is_stored() && ids.iter().enumerate().all(|(i, &id)| id == i64::from(first) + i as i64);
        Ok(Batch { ids, identity })
    }

    fn next(&self, first: u32) -> Result<i64> {
        if !self.is_stored() {
            return Ok(i64::from(first));
        }
        let largest = self.by_id.read().keys().max().copied().unwrap_or(-1);
        largest.checked_add(1).ok_or_else(|| Error::invalid("no ids are left after the largest; give ids of your own"))
    }

    fn check_given(&self, first: u32, rows: usize, ids: &[i64]) -> Result<Vec<i64>> {
        if ids.len() != rows {
            return Err(Error::invalid(format!("{} ids for {rows} rows; give one id for each row", ids.len())));
        }
        let mut seen = HashSet::with_capacity(rows);
        for (row, &id) in ids.iter().enumerate() {
            if id < 0 {
                return Err(Error::invalid(format!("row {row}: id {id} is negative; ids must be 0 or more")));
            }
            if !seen.insert(id) {
                let message = format!("row {row}: id {id} is twice in the batch; ids must be distinct");
                return Err(Error::Duplicate { message, row, id });
            }
            if self.slot(id, first).is_some() {
                let message =
                    format!("row {row}: id {id} is already in the index; choose another, or leave the row out");
                return Err(Error::Duplicate { message, row, id });
            }
        }
        Ok(ids.to_vec())
    }

    /// Writes the ids of slots that nobody knows yet. Returns whether they were only now stored, for
    /// [`Ids::forget`].
    pub fn write_batch(&self, first: u32, batch: &Batch) -> Result<bool> {
        if batch.identity {
            return Ok(false);
        }
        self.by_slot.reserve(first as usize + batch.ids.len())?;
        let newly = !self.is_stored();
        if newly {
            (0..first).for_each(|slot| self.write(slot, i64::from(slot)));
            *self.by_id.write() = (0..first).map(|slot| (i64::from(slot), slot)).collect();
        }
        for (slot, &id) in (first..).zip(&batch.ids) {
            self.write(slot, id);
        }
        self.stored.store(true, Ordering::Release);
        Ok(newly)
    }

    /// How often the slots of ids changed: who remembers slots asks whether they still hold.
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// Makes the ids of a batch findable.
    pub fn commit(&self, first: u32, batch: &Batch) {
        self.changes.fetch_add(1, Ordering::AcqRel);
        if !batch.identity {
            self.by_id.write().extend(batch.ids.iter().copied().zip(first..));
        }
    }

    /// Takes back [`Ids::write_batch`]. Nobody searches meanwhile.
    pub fn forget(&self, newly: bool) {
        if newly {
            self.stored.store(false, Ordering::Release);
            *self.by_id.write() = HashMap::new();
        }
    }

    fn write(&self, slot: u32, id: i64) {
        // SAFETY: reserved by the caller; slots that readers know are only written again with the same value.
        unsafe { self.by_slot.write(slot, &id.to_ne_bytes()) }
    }
}
