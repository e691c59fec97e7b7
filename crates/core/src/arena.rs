//! Fixed-size rows by slot, in chunks that never move: a reader may hold an address while a writer grows the arena.
//!
//! Chunk `c` holds `FIRST << c` rows, so a billion rows are 21 chunks, most of them in the last two; one leading-zero
//! count finds a row. A chunk is an anonymous map: pages that were never written take no memory, and huge pages are
//! asked for (a walk touches rows at random; with 4 KiB pages nearly each would be a TLB miss).

use std::ops::Range;
use std::sync::atomic::{AtomicPtr, Ordering};

use memmap2::MmapMut;
#[cfg(unix)]
use memmap2::UncheckedAdvice;
use parking_lot::Mutex;

use crate::error::{Error, Result};
use crate::mapped::MappedRows;

const FIRST_BITS: u32 = 10;
/// Rows of the first chunk.
const FIRST: usize = 1 << FIRST_BITS;
/// Enough chunks for 2^31 rows.
const CHUNKS: usize = 22;
/// A multiple of the bytes of a page, whatever the system.
#[cfg(unix)]
const PAGE: usize = 64 << 10;
/// What makes the system take pages back.
#[cfg(all(unix, not(target_vendor = "apple")))]
const GIVE_BACK: UncheckedAdvice = UncheckedAdvice::DontNeed;
/// On macOS the other one changes nothing.
#[cfg(target_vendor = "apple")]
const GIVE_BACK: UncheckedAdvice = UncheckedAdvice::Free;

/// Rows of `row_bytes` bytes, addressed by slot.
pub struct Arena {
    row_bytes: usize,
    /// Address of each chunk's first row; null until it is there.
    chunks: [AtomicPtr<u8>; CHUNKS],
    /// The chunks.
    owned: Mutex<Vec<MmapMut>>,
    /// The rows of a snapshot instead: one after another, checked when touched.
    mapped: Option<MappedRows>,
}

/// Chunk of a slot, and the row's place in it.
#[inline(always)]
fn locate(slot: u32) -> (usize, usize) {
    let biased = slot as usize + FIRST;
    let chunk = (biased.ilog2() - FIRST_BITS) as usize;
    (chunk, biased - (FIRST << chunk))
}

/// First slot of a chunk.
fn chunk_start(chunk: usize) -> usize {
    (FIRST << chunk) - FIRST
}

impl Arena {
    /// An empty arena that allocates as it grows.
    pub fn new(row_bytes: usize) -> Self {
        Arena {
            row_bytes,
            chunks: std::array::from_fn(|_| AtomicPtr::new(std::ptr::null_mut())),
            owned: Mutex::new(Vec::new()),
            mapped: None,
        }
    }

    /// An arena over rows of a snapshot. It can't grow and must not be written.
    pub fn over(mapped: MappedRows) -> Self {
        let row_bytes = mapped.row_bytes();
        Arena { mapped: Some(mapped), ..Arena::new(row_bytes) }
    }

    /// An arena of `rows` rows, whose bytes `fill` writes, run after run in the order of the slots.
    pub fn filled(row_bytes: usize, rows: usize, mut fill: impl FnMut(&mut [u8]) -> Result<()>) -> Result<Self> {
        let arena = Arena::new(row_bytes);
        arena.reserve(rows)?;
        for (start, count) in arena.spans(rows) {
            // SAFETY: the rows are contiguous and reserved, and nobody else knows the arena yet.
            fill(unsafe { std::slice::from_raw_parts_mut(arena.row(start), count * row_bytes) })?;
        }
        Ok(arena)
    }

    /// Bytes of a row.
    pub fn row_bytes(&self) -> usize {
        self.row_bytes
    }

    /// Makes room for slots below `rows`.
    pub fn reserve(&self, rows: usize) -> Result<()> {
        if self.mapped.is_some() {
            return Err(Error::ReadOnly);
        }
        let mut maps = self.owned.lock();
        while chunk_start(maps.len()) < rows {
            let chunk = maps.len();
            let bytes = (FIRST << chunk) * self.row_bytes;
            let mut map = MmapMut::map_anon(bytes.max(1))
                .map_err(|e| Error::OutOfMemory(format!("{bytes} bytes for vectors or links: {e}")))?;
            #[cfg(target_os = "linux")]
            if bytes >= 2 << 20 {
                // Only advice: a kernel without transparent huge pages is slower, not wrong.
                let _ = map.advise(memmap2::Advice::HugePage);
            }
            self.chunks[chunk].store(map.as_mut_ptr(), Ordering::Release);
            maps.push(map);
        }
        Ok(())
    }

    /// Gives the memory of the slots from `rows` on back to the system, whole pages of it. It comes again as they are
    /// written. Systems other than Unix keep it, for the same slots.
    ///
    /// # Safety
    /// Nobody reads those rows before they are written again.
    pub unsafe fn give_back(&self, rows: usize) {
        #[cfg(unix)]
        for (chunk, map) in self.owned.lock().iter().enumerate() {
            let kept = rows.saturating_sub(chunk_start(chunk)).min(FIRST << chunk) * self.row_bytes;
            let start = kept + (map.as_ptr() as usize + kept).wrapping_neg() % PAGE;
            if start < map.len() {
                // SAFETY: nobody knows what lies there (the caller's promise), and what comes in its place is zeros, or
                // what was there. Only advice: what a system does not take back stays ours.
                let _ = unsafe { map.unchecked_advise_range(GIVE_BACK, start, map.len() - start) };
            }
        }
        #[cfg(not(unix))]
        let _ = rows;
    }

    /// The rows of a snapshot, if they are such.
    #[inline(always)]
    pub fn mapped(&self) -> Option<&MappedRows> {
        self.mapped.as_ref()
    }

    /// Address of a row that was reserved or mapped.
    #[inline(always)]
    pub fn row(&self, slot: u32) -> *mut u8 {
        match &self.mapped {
            None => self.address(slot),
            Some(mapped) => mapped.row(slot).cast_mut(),
        }
    }

    /// Where a row is, for prefetching; that of a snapshot is not checked.
    #[inline(always)]
    pub fn address(&self, slot: u32) -> *mut u8 {
        if let Some(mapped) = &self.mapped {
            return mapped.address(slot).cast_mut();
        }
        let (chunk, index) = locate(slot);
        let start = self.chunks[chunk].load(Ordering::Relaxed);
        debug_assert!(!start.is_null(), "slot {slot} was never reserved");
        start.wrapping_add(index * self.row_bytes)
    }

    /// A row's bytes.
    ///
    /// # Safety
    /// The slot was reserved or mapped, and nobody writes the row meanwhile.
    #[inline(always)]
    pub unsafe fn bytes(&self, slot: u32) -> &[u8] {
        // SAFETY: `row` points at `row_bytes` bytes of a live chunk; the caller excludes writers.
        unsafe { std::slice::from_raw_parts(self.row(slot), self.row_bytes) }
    }

    /// Writes a whole row.
    ///
    /// # Safety
    /// The slot was reserved in an arena that is not mapped, and nobody else uses the row meanwhile.
    pub unsafe fn write(&self, slot: u32, bytes: &[u8]) {
        assert_eq!(bytes.len(), self.row_bytes);
        // SAFETY: as above; source and row don't overlap, the row is ours alone.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.row(slot), bytes.len()) }
    }

    /// The contiguous runs that make up the first `rows` rows: first slot, rows, bytes.
    ///
    /// # Safety
    /// Those rows were reserved or mapped, and nobody writes them meanwhile. Those of a snapshot were checked.
    pub unsafe fn runs(&self, rows: usize) -> impl Iterator<Item = (u32, usize, &[u8])> {
        self.spans(rows).map(|(start, count)| {
            // SAFETY: the rows are contiguous; the caller excludes writers.
            (start, count, unsafe { std::slice::from_raw_parts(self.address(start), count * self.row_bytes) })
        })
    }

    /// The bytes of contiguous rows, as [`Arena::parts`] finds them.
    ///
    /// # Safety
    /// As of [`Arena::runs`].
    pub unsafe fn run(&self, start: u32, rows: usize) -> &[u8] {
        // SAFETY: the rows are contiguous; the caller excludes writers.
        unsafe { std::slice::from_raw_parts(self.address(start), rows * self.row_bytes) }
    }

    /// The parts of a run of slots that are contiguous in every arena of the same kind: first slot and rows.
    pub fn parts(&self, run: Range<u32>) -> impl Iterator<Item = (u32, usize)> + use<> {
        let (mapped, mut start) = (self.mapped.is_some(), run.start);
        std::iter::from_fn(move || {
            let first = start;
            let chunk_end = || chunk_start(locate(first).0 + 1) as u32;
            start = if mapped { run.end } else { chunk_end().min(run.end) };
            (first < run.end).then_some((first, (start - first) as usize))
        })
    }

    /// First slot and rows of each run: a chunk's rows are contiguous, those of a snapshot all are.
    fn spans(&self, rows: usize) -> impl Iterator<Item = (u32, usize)> + use<> {
        let mapped = self.mapped.is_some();
        let chunks = if mapped { 1 } else { CHUNKS };
        (0..chunks).map(chunk_start).take_while(move |&start| start < rows).map(move |start| {
            let count = if mapped { rows } else { start + FIRST };
            (start as u32, count.min(rows - start))
        })
    }
}

// SAFETY: the raw pointers lead into `owned`, which lives as long as the arena and is Send + Sync itself; access to
// the rows is governed by the `unsafe` methods' contracts.
unsafe impl Send for Arena {}
// SAFETY: as for Send.
unsafe impl Sync for Arena {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slot_has_a_place_of_its_own() {
        let arena = Arena::new(8);
        arena.reserve(10_000).unwrap();
        for slot in 0..10_000u32 {
            // SAFETY: reserved above, one thread.
            unsafe { arena.write(slot, &u64::from(slot).to_le_bytes()) };
        }
        // SAFETY: reserved above, nobody writes.
        let runs: Vec<_> = unsafe { arena.runs(10_000) }.collect();
        let all: Vec<u8> = runs.iter().flat_map(|(_, _, bytes)| bytes.iter().copied()).collect();
        for (slot, bytes) in all.chunks(8).enumerate() {
            assert_eq!(bytes, (slot as u64).to_le_bytes());
        }
        assert_eq!(all.len(), 80_000);
    }

    #[test]
    fn what_is_given_back_can_be_written_again_and_the_rest_is_as_it_was() {
        let rows = 20_000u32;
        let arena = Arena::new(24);
        arena.reserve(rows as usize).unwrap();
        // SAFETY: reserved above, one thread.
        let write = |slot: u32, byte: u8| unsafe { arena.write(slot, &[byte; 24]) };
        (0..rows).for_each(|slot| write(slot, slot as u8 | 1));
        for kept in [rows, 9_999, 3_072, 1_000, 1, 0] {
            // SAFETY: no row from `kept` on is read before it is written.
            unsafe { arena.give_back(kept as usize) };
            // SAFETY: as above.
            let is_kept = |slot: u32| unsafe { arena.bytes(slot) } == [slot as u8 | 1; 24];
            assert!((0..kept).all(is_kept), "{kept}");
            (kept..rows).for_each(|slot| write(slot, slot as u8 | 1));
            assert!((0..rows).all(is_kept), "{kept}");
        }
    }

    /// On Linux pages that went come as zeros.
    #[cfg(target_os = "linux")]
    #[test]
    fn what_is_given_back_is_gone() {
        let arena = Arena::new(1024);
        arena.reserve(7_000).unwrap();
        // SAFETY: reserved above, one thread, and a page of zeros is as good as any.
        unsafe {
            (0..7_000).for_each(|slot| arena.write(slot, &[7; 1024]));
            arena.give_back(2_000);
            let gone = (0..7_000).filter(|&slot| arena.bytes(slot) == [0; 1024]).count();
            assert!((4_900..=5_000).contains(&gone), "{gone}");
        }
    }

    #[test]
    fn locate_is_the_inverse_of_chunk_start() {
        for slot in [0, 1, 1023, 1024, 3071, 3072, 1 << 20, (1 << 31) - 2] {
            let (chunk, index) = locate(slot);
            assert_eq!(chunk_start(chunk) + index, slot as usize);
            assert!(chunk < CHUNKS && index < FIRST << chunk);
        }
    }
}
