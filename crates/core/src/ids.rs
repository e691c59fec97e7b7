//! The user's ids: slot → id and id → slot.
//!
//! As long as every id equals its slot (ids were left to the index, or count from 0) neither direction is stored.

use std::collections::HashSet;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytemuck::pod_read_unaligned;
use hashbrown::hash_table::Entry;
use hashbrown::{DefaultHashBuilder, HashTable};
use parking_lot::RwLock;

use crate::arena::Arena;
use crate::error::{Error, Result};
use crate::live::Live;
use crate::slots::Slots;
use crate::types::MAX_SLOTS;

/// Ids of slots.
///
/// A mapped snapshot brings its live slots in the order of their ids instead of a table that had to be built.
pub struct Ids {
    /// Whether ids differ from slots.
    stored: AtomicBool,
    by_slot: Arena,
    by_id: RwLock<ById>,
    order: Option<Arena>,
    /// How often what an id stands for may have changed.
    changes: AtomicU64,
    /// The number after the largest id that ever was.
    next: AtomicU64,
}

impl Ids {
    /// No ids; `next` is the first that is given by itself.
    pub fn new(next: u64) -> Self {
        Ids {
            stored: AtomicBool::new(false),
            by_slot: Arena::new(8),
            by_id: RwLock::default(),
            order: None,
            changes: AtomicU64::new(0),
            next: AtomicU64::new(next),
        }
    }

    /// Ids of the live slots of a snapshot; they are distinct and not negative.
    pub fn from_stored(by_slot: Arena, live: impl Iterator<Item = u32>, next: u64) -> Self {
        let ids = Ids { stored: AtomicBool::new(true), by_slot, ..Ids::new(next) };
        ids.by_id.write().extend(&ids, live);
        ids
    }

    /// Ids of a mapped snapshot, and its live slots by ascending id.
    pub fn mapped(by_slot: Arena, order: Arena, next: u64) -> Self {
        Ids { stored: AtomicBool::new(true), by_slot, order: Some(order), ..Ids::new(next) }
    }

    /// The ids of a mapped snapshot by slot, and its live slots by ascending id.
    pub fn arenas(&self) -> Option<(&Arena, &Arena)> {
        self.order.as_ref().map(|order| (&self.by_slot, order))
    }

    /// The ids by slot, where they are stored.
    pub fn by_slot(&self) -> &Arena {
        &self.by_slot
    }

    /// The id of a slot.
    #[inline]
    pub fn id(&self, slot: u32) -> i64 {
        if !self.is_stored() {
            return i64::from(slot);
        }
        // SAFETY: ids are written before their slots are linked, and stay until nobody can come to the slots any more.
        let id = pod_read_unaligned(unsafe { self.by_slot.bytes(slot) });
        if let (true, Some(rows)) = (id < 0, self.by_slot.mapped()) {
            rows.refuse(slot, format_args!("id {id} is negative"));
        }
        id
    }

    /// The live slot of an id.
    pub fn slot(&self, id: i64, live: &Live) -> Option<u32> {
        if !self.is_stored() {
            return u32::try_from(id).ok().filter(|&slot| u64::from(slot) < MAX_SLOTS && live.now(slot));
        }
        let Some(order) = &self.order else { return self.by_id.read().get(self, id) };
        let (mut low, mut high) = (0, live.count() as u32);
        while low < high {
            let middle = low + (high - low) / 2;
            // SAFETY: a mapped snapshot has a row of `order` for each live slot.
            let slot = pod_read_unaligned(unsafe { order.bytes(middle) });
            match self.id(slot).cmp(&id) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return Some(slot),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// Whether some of these slots have ids that differ from them, as a snapshot stores them.
    pub fn differ(&self, mut slots: impl Iterator<Item = u32>) -> bool {
        self.is_stored() && slots.any(|slot| self.id(slot) != i64::from(slot))
    }

    /// Whether ids are stored, because they differed from slots at some time.
    pub fn is_stored(&self) -> bool {
        self.stored.load(Ordering::Acquire)
    }

    /// Bytes of both directions.
    pub fn bytes(&self, slots: u32) -> u64 {
        let table = self.by_id.read().slots.allocation_size() as u64;
        let row_bytes = self.by_slot.row_bytes() + self.order.as_ref().map_or(0, Arena::row_bytes);
        table + if self.is_stored() { row_bytes as u64 * u64::from(slots) } else { 0 }
    }

    /// The number after the largest id that ever was.
    pub fn next(&self) -> u64 {
        self.next.load(Ordering::Relaxed)
    }

    /// The ids of a batch of rows: those given, if they are such as ids can be and no two are the same, or else the
    /// numbers after the largest id so far.
    pub fn check(&self, rows: usize, given: Option<&[i64]>) -> Result<Vec<i64>> {
        let Some(ids) = given else {
            let next = self.next();
            if next.checked_add(rows as u64).is_none_or(|end| end > 1 << 63) {
                return Err(Error::invalid(format!("no ids are left after {}; give ids of your own", next - 1)));
            }
            return Ok((next as i64..).take(rows).collect());
        };
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
        }
        Ok(ids.to_vec())
    }

    /// Refuses ids that are in the index.
    pub fn check_new(&self, ids: &[i64], live: &Live) -> Result<()> {
        match ids.iter().enumerate().find(|&(_, &id)| self.slot(id, live).is_some()) {
            None => Ok(()),
            Some((row, &id)) => {
                let message = format!(
                    "row {row}: id {id} is already in the index; choose another, leave the row out, or upsert it"
                );
                Err(Error::Duplicate { message, row, id })
            }
        }
    }

    /// Writes the ids of slots that nobody knows yet.
    pub fn write_batch(&self, slots: &Slots, ids: &[i64], live: &Live) -> Result<()> {
        if !self.is_stored() && slots.iter().zip(ids).all(|(slot, &id)| i64::from(slot) == id) {
            return Ok(());
        }
        self.by_slot.reserve(slots.end() as usize)?;
        if !self.is_stored() {
            (0..slots.end()).for_each(|slot| self.write(slot, i64::from(slot)));
            live.see(|live| self.by_id.write().extend(self, live.iter(slots.end())));
        }
        for (slot, &id) in slots.iter().zip(ids) {
            self.write(slot, id);
        }
        self.stored.store(true, Ordering::Release);
        Ok(())
    }

    /// How often the slots of ids changed: who remembers slots asks whether they still hold.
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// Makes the ids of a batch findable, and those of removed slots not. An id that goes from one slot to another is
    /// never missing.
    pub fn commit(&self, slots: &Slots, ids: &[i64], removed: &[u32]) {
        self.changes.fetch_add(1, Ordering::AcqRel);
        if self.is_stored() {
            let mut by_id = self.by_id.write();
            by_id.extend(self, slots.iter());
            removed.iter().for_each(|&slot| by_id.remove(self, slot));
        }
        let largest = ids.iter().map(|&id| id as u64 + 1).max().unwrap_or(0);
        self.next.fetch_max(largest, Ordering::Relaxed);
    }

    /// Gives back memory of the table that its ids don't need.
    pub fn shrink(&self) {
        self.by_id.write().make_room(self, 0);
    }

    /// Forgets all ids.
    pub fn clear(&self) {
        self.changes.fetch_add(1, Ordering::AcqRel);
        *self.by_id.write() = ById::default();
        self.next.store(0, Ordering::Relaxed);
    }

    fn write(&self, slot: u32, id: i64) {
        // SAFETY: reserved by the caller; slots that readers know are only written again with the same value.
        unsafe { self.by_slot.write(slot, &id.to_ne_bytes()) }
    }
}

/// The slots of ids, by hash. It holds slots alone: the ids that they are found by are in [`Ids::by_slot`].
#[derive(Default)]
struct ById {
    slots: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl ById {
    fn get(&self, ids: &Ids, id: i64) -> Option<u32> {
        self.slots.find(self.hasher.hash_one(id), |&slot| ids.id(slot) == id).copied()
    }

    /// Puts slots in, in the place of those that have the same ids.
    fn extend(&mut self, ids: &Ids, slots: impl Iterator<Item = u32>) {
        for slot in slots {
            let id = ids.id(slot);
            if self.slots.len() == self.slots.capacity() {
                self.make_room(ids, self.slots.len() / 8 + 1);
            }
            let Self { slots, hasher } = self;
            let hash = |&slot: &u32| hasher.hash_one(ids.id(slot));
            match slots.entry(hasher.hash_one(id), |&other| ids.id(other) == id, hash) {
                Entry::Occupied(mut taken) => *taken.get_mut() = slot,
                Entry::Vacant(place) => _ = place.insert(slot),
            }
        }
    }

    /// Takes a slot out, unless its id is another's by now.
    fn remove(&mut self, ids: &Ids, slot: u32) {
        if let Ok(found) = self.slots.find_entry(self.hasher.hash_one(ids.id(slot)), |&other| other == slot) {
            found.remove();
        }
    }

    /// Makes the table as large as it must be for `more` slots. Left to itself it doubles when places that removals
    /// have left run out, and stays that large.
    fn make_room(&mut self, ids: &Ids, more: usize) {
        let hash = |&slot: &u32| self.hasher.hash_one(ids.id(slot));
        let mut slots = HashTable::with_capacity(self.slots.len() + more);
        self.slots.iter().for_each(|slot| _ = slots.insert_unique(hash(slot), *slot, hash));
        self.slots = slots;
    }
}
