//! Sets of the user's ids.

use std::io::Cursor;
use std::sync::Arc;

use parking_lot::Mutex;
use roaring::{RoaringBitmap, RoaringTreemap};

use super::slots::SlotSet;
use crate::error::{Error, Result};
use crate::ids::Ids;
use crate::live::Live;
use crate::types::Missing;

/// Some ids, or all but some.
///
/// An index makes slots of them when it first needs them, and the set remembers those of the last index that asked.
#[derive(Debug, Default)]
pub struct IdSet {
    listed: RoaringTreemap,
    deny: bool,
    /// The length of the shortest mask that the set was made of: it says nothing of ids from there on.
    mask: Option<u64>,
    /// Whether ids were named one by one, and not by their place in a mask.
    named: bool,
    resolved: Mutex<Option<Resolved>>,
}

/// The slots of a set in one state of one index.
#[derive(Clone, Debug)]
struct Resolved {
    state: State,
    slots: Arc<SlotSet>,
    /// The first listed id that the index does not hold.
    missing: Option<i64>,
    /// The largest id of the index, if a mask has to reach it.
    largest: Option<i64>,
}

/// What the slots of a set depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// The number of the index.
    pub index: u64,
    /// How often its ids changed.
    pub changes: u64,
    /// Slots that belong to it.
    pub slots: u32,
}

impl Clone for IdSet {
    fn clone(&self) -> Self {
        self.with(self.listed.clone(), self.deny)
    }
}

impl IdSet {
    /// The set of these ids.
    pub fn of_ids(ids: &[i64]) -> Result<Self> {
        if let Some((row, id)) = ids.iter().enumerate().find(|&(_, &id)| id < 0) {
            return Err(Error::invalid(format!("filter: row {row}: id {id} is negative; ids are 0 or more")));
        }
        let mut sorted: Vec<u64> = ids.iter().map(|&id| id as u64).collect();
        // Ascending insertions find their place at once.
        sorted.sort_unstable();
        Ok(IdSet { listed: sorted.into_iter().collect(), named: true, ..IdSet::default() })
    }

    /// The set of the places of ones among `length` bits, the first the least significant of its byte.
    pub fn of_mask(bits: &[u8], length: u64) -> Self {
        // 2^29 bytes are the bits of 2^32 ids.
        let parts = (0..).zip(bits.chunks(1 << 29));
        let listed = parts.map(|(high, bytes)| (high, RoaringBitmap::from_lsb0_bytes(0, bytes)));
        let listed = RoaringTreemap::from_bitmaps(listed);
        IdSet { listed, mask: Some(length), ..IdSet::default() }
    }

    /// The set of ids in a roaring bitmap, serialized in the portable format, of 32 or of 64 bits.
    pub fn of_bytes(bytes: &[u8]) -> Result<Self> {
        let mut rest = Cursor::new(bytes);
        let whole = |rest: &Cursor<&[u8]>| rest.position() == bytes.len() as u64;
        let listed = match RoaringBitmap::deserialize_from(&mut rest) {
            Ok(ids) if whole(&rest) => RoaringTreemap::from_bitmaps([(0, ids)]),
            _ => {
                rest.set_position(0);
                let ids = RoaringTreemap::deserialize_from(&mut rest).ok().filter(|_| whole(&rest));
                ids.ok_or_else(|| {
                    Error::invalid(format!(
                        "filter: {} bytes that are no roaring bitmap in the portable format, of 32 or of 64 bits",
                        bytes.len()
                    ))
                })?
            }
        };
        if let Some(id) = listed.max().filter(|&id| id > i64::MAX as u64) {
            return Err(Error::invalid(format!("filter: id {id} is beyond 2^63 - 1")));
        }
        Ok(IdSet { listed, named: true, ..IdSet::default() })
    }

    /// All ids but those of this set.
    pub fn complement(&self) -> Self {
        self.with(self.listed.clone(), !self.deny)
    }

    /// The ids that are in both sets.
    pub fn and(&self, other: &Self) -> Self {
        let (a, b) = (&self.listed, &other.listed);
        let (listed, deny) = match (self.deny, other.deny) {
            (false, false) => (a & b, false),
            (false, true) => (a - b, false),
            (true, false) => (b - a, false),
            (true, true) => (a | b, true),
        };
        let mask = [self.mask, other.mask].into_iter().flatten().min();
        IdSet { listed, deny, mask, named: self.named || other.named, resolved: Mutex::default() }
    }

    /// The ids that are in one of the sets.
    pub fn or(&self, other: &Self) -> Self {
        self.complement().and(&other.complement()).complement()
    }

    fn with(&self, listed: RoaringTreemap, deny: bool) -> Self {
        IdSet { listed, deny, mask: self.mask, named: self.named, resolved: Mutex::default() }
    }

    /// Whether the set is all ids but the listed ones.
    pub fn denies(&self) -> bool {
        self.deny
    }

    /// The listed ids: those of the set, or those that it leaves out.
    pub fn listed(&self) -> impl Iterator<Item = i64> {
        self.listed.iter().map(|id| id as i64)
    }

    /// How many ids are listed.
    pub fn listed_len(&self) -> u64 {
        self.listed.len()
    }

    /// Whether an id is in the set.
    pub fn contains(&self, id: i64) -> bool {
        u64::try_from(id).is_ok_and(|id| self.listed.contains(id) != self.deny)
    }

    /// The listed ids in the portable format of 64 bits.
    pub fn serialize(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.listed.serialized_size());
        self.listed.serialize_into(&mut bytes).expect("memory takes all that is written");
        bytes
    }

    /// The slots that the set allows in an index.
    pub(crate) fn resolve(&self, ids: &Ids, live: &Live, state: State, missing: Missing) -> Result<Arc<SlotSet>> {
        let known = self.resolved.lock().clone().filter(|known| known.state == state);
        let resolved = match known {
            Some(known) => known,
            None => {
                let fresh = self.look_up(ids, live, state);
                *self.resolved.lock() = Some(fresh.clone());
                fresh
            }
        };
        if let (Some(mask), Some(largest)) = (self.mask, resolved.largest)
            && mask <= largest as u64
        {
            return Err(Error::invalid(format!(
                "filter: the mask has {mask} places, but the largest id is {largest}; a mask needs a place for each \
                 id, mask[id]"
            )));
        }
        match resolved.missing {
            Some(id) if missing == Missing::Raise && self.named => Err(Error::UnknownInFilter { id }),
            _ => Ok(resolved.slots),
        }
    }

    fn look_up(&self, ids: &Ids, live: &Live, state: State) -> Resolved {
        let (mut listed, largest) = self.listed_slots(ids, live, state.slots);
        let missing = (self.named && listed.len() < self.listed.len()).then(|| self.first_missing(ids, live)).flatten();
        if self.deny {
            listed = live.see(|live| live.iter(state.slots).collect::<RoaringBitmap>()) - listed;
        }
        Resolved { state, slots: Arc::new(SlotSet::new(listed)), missing, largest }
    }

    /// The live slots of the listed ids among the first `slots`, and the largest id.
    fn listed_slots(&self, ids: &Ids, live: &Live, slots: u32) -> (RoaringBitmap, Option<i64>) {
        if !ids.is_stored() {
            let mut listed =
                self.listed.bitmaps().find(|&(high, _)| high == 0).map_or_else(RoaringBitmap::new, |b| b.1.clone());
            listed.remove_range(slots..);
            if live.count() < u64::from(slots) {
                listed = listed.into_iter().filter(|&slot| live.now(slot)).collect();
            }
            return (listed, (0..slots).rev().find(|&slot| live.now(slot)).map(i64::from));
        }
        // Looking an id up takes longer than looking at one.
        if self.mask.is_none() && self.listed.len() < u64::from(slots) / 4 {
            return (self.listed().filter_map(|id| ids.slot(id, live)).collect(), None);
        }
        let mut largest = None;
        let mut listed = RoaringBitmap::new();
        for slot in (0..slots).filter(|&slot| live.now(slot)) {
            let id = ids.id(slot);
            largest = largest.max(Some(id));
            if self.listed.contains(id as u64) {
                listed.insert(slot);
            }
        }
        (listed, largest)
    }

    fn first_missing(&self, ids: &Ids, live: &Live) -> Option<i64> {
        self.listed().find(|&id| ids.slot(id, live).is_none())
    }
}
