//! A file as blocks with a sum each: how damage is found, and how it is named.

use std::path::Path;

use crate::error::Error;

/// Bytes of a block: a page, so that a section that starts with a block can be mapped, and so that a first touch of a
/// mapped row costs the sum of one page.
pub const BLOCK: usize = 4096;
/// Sums in a block of sums; the last four bytes are the sum of the block itself.
pub const SUMS_PER_BLOCK: usize = BLOCK / 4 - 1;

/// Rows of one kind, from one block of the file to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// What the rows are.
    pub name: &'static str,
    /// Where in the file the first row is: a multiple of [`BLOCK`].
    pub offset: u64,
    /// How many rows.
    pub rows: u64,
    /// Bytes of each.
    pub row_bytes: usize,
}

impl Section {
    /// Bytes of all rows.
    pub fn bytes(&self) -> u64 {
        self.rows * self.row_bytes as u64
    }

    /// Damage of the block that has byte `at` of the file.
    pub fn damage(&self, path: &Path, at: u64, message: impl Into<String>) -> Error {
        let block = (at - self.offset) / BLOCK as u64;
        let block = format!("block {block} of {} (byte {} of the file)", self.name, self.offset + block * BLOCK as u64);
        Error::Corruption { path: path.to_owned(), block, message: message.into() }
    }

    /// Damage of the block where row `row` starts.
    pub fn row_damage(&self, path: &Path, row: u64, message: impl std::fmt::Display) -> Error {
        self.damage(path, self.offset + row * self.row_bytes as u64, format!("row {row}: {message}"))
    }
}

/// Where the sections of a file lie.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    /// In the order of the file; the sums come last.
    pub sections: Vec<Section>,
    /// Bytes of the file.
    pub file_bytes: u64,
}

impl Layout {
    /// Adds a section behind the others, from the next whole block on.
    pub fn push(&mut self, name: &'static str, rows: u64, row_bytes: usize) {
        let section = Section { name, offset: self.file_bytes, rows, row_bytes };
        self.file_bytes += section.bytes().next_multiple_of(BLOCK as u64);
        self.sections.push(section);
    }

    /// The section of the sums.
    pub fn sums(&self) -> &Section {
        &self.sections[self.sections.len() - 1]
    }

    /// The section of that name, if there is one.
    pub fn find(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name == name)
    }

    /// The section of that name, which every file with this header has.
    pub fn section(&self, name: &str) -> &Section {
        self.find(name).expect("the layout has the sections that its header asks for")
    }
}

/// The sum of a block.
pub fn sum(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes)
}
