//! A snapshot as a map: its blocks are checked when they are first touched, and damage is remembered.
//!
//! Rows are asked for in the middle of a search, where there is no room for an error. So a row that can't be believed
//! is answered by a blank one, the file remembers why, and whoever began the search asks [`MappedFile::undamaged`]
//! before any result leaves. Damage is never forgotten: from then on every answer is that error.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use memmap2::{Advice, Mmap};

use crate::blocks::{BLOCK, Layout, SUMS_PER_BLOCK, Section, sum};
use crate::error::{Error, Result};
use crate::run::Run;

/// Bytes that one thread checks at a time when all of a file is wanted.
const PIECE: usize = 256 * BLOCK;

/// A mapped file of blocks and their sums.
pub struct MappedFile {
    path: PathBuf,
    layout: Layout,
    map: Mmap,
    /// One bit for each block: whether its sum was found right. 1/32768 of the file.
    right: Box<[AtomicU64]>,
    /// The block and the message of the first damage found.
    damage: OnceLock<(String, String)>,
}

impl MappedFile {
    /// A file with this layout, whose last section is that of the sums. The length was checked.
    pub fn new(path: &Path, map: Mmap, layout: Layout) -> Arc<Self> {
        assert_eq!(map.len() as u64, layout.file_bytes);
        #[cfg(unix)]
        {
            // Walks jump about: reading ahead would fill the memory with what nobody asked for. Only advice.
            let _ = map.advise(Advice::Random);
        }
        let blocks = map.len() / BLOCK;
        let right = (0..blocks.div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        Arc::new(MappedFile { path: path.to_owned(), layout, map, right, damage: OnceLock::new() })
    }

    /// Where the file was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where its sections lie.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The error to return instead of an answer, if any damage was found so far.
    pub fn undamaged(&self) -> Result<()> {
        match self.damage.get() {
            None => Ok(()),
            Some((block, message)) => {
                Err(Error::Corruption { path: self.path.clone(), block: block.clone(), message: message.clone() })
            }
        }
    }

    fn remember(&self, error: Error) {
        if let Error::Corruption { block, message, .. } = error {
            self.damage.get_or_init(|| (block, message));
        }
    }

    #[inline(always)]
    fn is_right(&self, block: usize) -> bool {
        self.right[block / 64].load(Relaxed) >> (block % 64) & 1 == 1
    }

    /// Whether the blocks of these bytes are right; checks those that were not yet.
    fn check(&self, start: usize, bytes: usize) -> bool {
        (start / BLOCK..(start + bytes).div_ceil(BLOCK)).all(|block| {
            self.is_right(block)
                || match self.check_block(block) {
                    Ok(()) => {
                        self.right[block / 64].fetch_or(1 << (block % 64), Relaxed);
                        true
                    }
                    Err(damage) => {
                        self.remember(damage);
                        false
                    }
                }
        })
    }

    fn check_block(&self, block: usize) -> Result<()> {
        let sums = self.layout.sums();
        let at = block * BLOCK;
        let bytes = &self.map[at..at + BLOCK];
        if at as u64 >= sums.offset {
            return check_sums(&self.path, sums, at as u64, bytes).map(|_| ());
        }
        // The header has its sum within, so the sums begin with that of block 1.
        let (group, place) = ((block - 1) / SUMS_PER_BLOCK, (block - 1) % SUMS_PER_BLOCK);
        let their_block = sums.offset as usize + group * BLOCK;
        if !self.check(their_block, BLOCK) {
            return self.undamaged();
        }
        let expected = &self.map[their_block + 4 * place..][..4];
        if sum(bytes).to_le_bytes() == expected {
            return Ok(());
        }
        let section = self.layout.sections.iter().rfind(|section| section.offset <= at as u64);
        Err(section.unwrap_or(sums).damage(&self.path, at as u64, "the checksum does not match"))
    }

    /// Checks every block after the header that was not yet, by all threads of the run.
    pub fn check_all(&self, run: &Run) -> Result<()> {
        self.check_range(BLOCK, self.map.len() - BLOCK, run)
    }

    fn check_range(&self, start: usize, bytes: usize, run: &Run) -> Result<()> {
        run.for_each_uncounted(
            bytes.div_ceil(PIECE),
            1,
            || (),
            |(), i| {
                let at = start + i * PIECE;
                let bytes = PIECE.min(start + bytes - at);
                #[cfg(unix)]
                if (at / BLOCK..(at + bytes).div_ceil(BLOCK)).any(|block| !self.is_right(block)) {
                    let _ = self.map.advise_range(Advice::WillNeed, at, bytes);
                }
                if self.check(at, bytes) { Ok(()) } else { self.undamaged() }
            },
        )
    }
}

/// Checks a block of sums by the sum at its end; returns the others.
pub fn check_sums<'a>(path: &Path, section: &Section, at: u64, block: &'a [u8]) -> Result<&'a [u8]> {
    let (sums, own) = block.split_at(4 * SUMS_PER_BLOCK);
    if sum(sums).to_le_bytes() == own {
        return Ok(sums);
    }
    Err(section.damage(path, at, "the checksum of the checksums does not match"))
}

/// The rows of one section of a mapped file.
pub struct MappedRows {
    file: Arc<MappedFile>,
    section: Section,
    /// Where the first row is in memory, and in the file.
    first: *const u8,
    offset: usize,
    rows: usize,
    row_bytes: usize,
    /// What takes the place of a row that can't be believed: zeros.
    blank: Box<[u64]>,
    /// One bit for each row: whether [`MappedRows::sound_row`] found it sound.
    sound: Box<[AtomicU64]>,
    /// Whether [`MappedRows::check_once`] is done.
    all_checked: AtomicBool,
}

impl MappedRows {
    /// The rows of a section of the file.
    pub fn new(file: &Arc<MappedFile>, section: &Section) -> Self {
        let offset = section.offset as usize;
        MappedRows {
            first: file.map[offset..offset + section.bytes() as usize].as_ptr(),
            offset,
            rows: section.rows as usize,
            row_bytes: section.row_bytes,
            blank: vec![0; section.row_bytes.div_ceil(8)].into(),
            sound: Box::default(),
            all_checked: AtomicBool::new(false),
            section: section.clone(),
            file: Arc::clone(file),
        }
    }

    /// The same rows, ready for [`MappedRows::sound_row`].
    pub fn with_soundness(self) -> Self {
        MappedRows { sound: (0..self.rows.div_ceil(64)).map(|_| AtomicU64::new(0)).collect(), ..self }
    }

    /// How many rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes of a row.
    pub fn row_bytes(&self) -> usize {
        self.row_bytes
    }

    /// Address of a row, or of a blank one if there is no such row or its blocks are damaged.
    #[inline(always)]
    pub fn row(&self, row: u32) -> *const u8 {
        let start = row as usize * self.row_bytes;
        let at = self.offset + start;
        let (first, last) = (at / BLOCK, (at + self.row_bytes - 1) / BLOCK);
        if (row as usize) < self.rows && (first..=last).all(|block| self.file.is_right(block)) {
            self.first.wrapping_add(start)
        } else {
            self.first_touch(row)
        }
    }

    #[cold]
    fn first_touch(&self, row: u32) -> *const u8 {
        let start = row as usize * self.row_bytes;
        if row as usize >= self.rows {
            self.file.remember(self.section.row_damage(
                &self.file.path,
                row.into(),
                "no such row, but others lead to it",
            ));
            self.blank()
        } else if self.file.check(self.offset + start, self.row_bytes) {
            self.first.wrapping_add(start)
        } else {
            self.blank()
        }
    }

    /// As [`MappedRows::row`], but the row must also pass `check` when it is first touched.
    #[inline(always)]
    pub fn sound_row<E: Display>(&self, row: u32, check: impl FnOnce(*const u8) -> Result<(), E>) -> *const u8 {
        let (word, bit) = (row as usize / 64, 1 << (row % 64));
        if self.sound.get(word).is_some_and(|word| word.load(Relaxed) & bit != 0) {
            return self.address(row);
        }
        self.first_sound_touch(row, check)
    }

    #[cold]
    fn first_sound_touch<E: Display>(&self, row: u32, check: impl FnOnce(*const u8) -> Result<(), E>) -> *const u8 {
        let address = self.row(row);
        if address == self.blank() {
            return address;
        }
        match check(address) {
            Ok(()) => {
                self.sound[row as usize / 64].fetch_or(1 << (row % 64), Relaxed);
                address
            }
            Err(message) => {
                self.refuse(row, message);
                self.blank()
            }
        }
    }

    /// Where a row would be, unchecked; for prefetching.
    #[inline(always)]
    pub fn address(&self, row: u32) -> *const u8 {
        self.first.wrapping_add(row as usize * self.row_bytes)
    }

    /// Address of the blank row, aligned to eight bytes.
    pub fn blank(&self) -> *const u8 {
        self.blank.as_ptr().cast()
    }

    /// Remembers that a row contradicts others, though its sum is right.
    #[cold]
    pub fn refuse(&self, row: u32, message: impl Display) {
        self.file.remember(self.section.row_damage(&self.file.path, row.into(), message));
    }

    /// Checks the blocks of all rows, by all threads of the run.
    pub fn check_sums(&self, run: &Run) -> Result<()> {
        self.file.check_range(self.offset, self.rows * self.row_bytes, run)
    }

    /// Calls `check`, which checks all rows, until it has succeeded.
    pub fn check_once(&self, check: impl FnOnce() -> Result<()>) -> Result<()> {
        if !self.all_checked.load(Relaxed) {
            check()?;
            self.all_checked.store(true, Relaxed);
        }
        Ok(())
    }

    /// See [`MappedFile::undamaged`].
    pub fn undamaged(&self) -> Result<()> {
        self.file.undamaged()
    }
}

// SAFETY: `first` leads into the map that `file` keeps alive; it is only read, like the blank row.
unsafe impl Send for MappedRows {}
// SAFETY: as for Send.
unsafe impl Sync for MappedRows {}
