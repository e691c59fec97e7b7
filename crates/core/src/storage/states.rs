//! Which slots of a snapshot are live, free, or neither.

use std::path::Path;

use super::format::{Header, SLOTS_PER_STATE, STATE};
use crate::arena::Arena;
use crate::bits::Bits;
use crate::blocks::Layout;
use crate::error::Result;

/// Where the vectors of a snapshot are. A slot that is neither live nor free has a removed vector, which rows may name.
pub struct States {
    /// Slots with a vector of the index.
    pub live: Bits,
    /// Slots that nothing names.
    pub free: Bits,
}

impl States {
    /// The states that a section tells, which is not there if all slots are live.
    pub fn new(path: &Path, layout: &Layout, header: &Header, arena: Option<&Arena>) -> Result<States> {
        let Some(arena) = arena else {
            let live = Bits::default();
            live.insert_range(0..header.slots);
            return Ok(States { live, free: Bits::default() });
        };
        let refuse = |row: u32, message: &str| Err(layout.section(STATE).row_damage(path, u64::from(row), message));
        let rows = header.slots.div_ceil(SLOTS_PER_STATE);
        let word = |row: u32, i: usize| -> u64 {
            // SAFETY: the section has a row for each 64 slots, and nobody writes it.
            let bytes = unsafe { arena.bytes(row) };
            bytemuck::pod_read_unaligned(&bytes[8 * i..][..8])
        };
        for row in 0..rows {
            let past_the_end = (SLOTS_PER_STATE * (row + 1)).saturating_sub(header.slots);
            let (live, free) = (word(row, 0), word(row, 1));
            if live & free != 0 {
                return refuse(row, "a slot is both live and free");
            }
            if past_the_end > 0 && (live | free) >> (SLOTS_PER_STATE - past_the_end) != 0 {
                return refuse(row, "it tells of slots that do not exist");
            }
        }
        let bits = |i: usize| Bits::from_words((0..rows).map(|row| word(row, i)));
        let states = States { live: bits(0), free: bits(1) };
        let live = states.live.count(header.slots);
        if live != u64::from(header.live) {
            return refuse(0, &format!("{live} slots are live, not {}", header.live));
        }
        Ok(states)
    }
}
