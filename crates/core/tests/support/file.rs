//! Snapshots as bytes: what a hostile writer would need to know of `docs/format.md`, written down a second time.

#![allow(dead_code, reason = "each test binary uses a part")]

pub const BLOCK: usize = 4096;

/// A snapshot in memory.
#[derive(Clone)]
pub struct Snapshot {
    pub bytes: Vec<u8>,
}

/// Where a section's rows are.
#[derive(Clone, Debug)]
pub struct Section {
    pub name: String,
    pub offset: usize,
    pub rows: usize,
    pub row_bytes: usize,
}

impl Snapshot {
    pub fn sections(&self) -> Vec<Section> {
        (0..self.u32(96) as usize)
            .map(|i| 160 + i * 32)
            .take_while(|at| at + 32 <= BLOCK)
            .map(|at| Section {
                name: String::from_utf8_lossy(&self.bytes[at..at + 8]).trim_end_matches('\0').into(),
                offset: u64::from_le_bytes(self.bytes[at + 8..at + 16].try_into().unwrap()) as usize,
                rows: u64::from_le_bytes(self.bytes[at + 16..at + 24].try_into().unwrap()) as usize,
                row_bytes: self.u32(at + 24) as usize,
            })
            .collect()
    }

    pub fn section(&self, name: &str) -> Section {
        self.sections().into_iter().find(|section| section.name == name).unwrap()
    }

    /// Where a row of a section is.
    pub fn row(&self, section: &str, row: usize) -> usize {
        let section = self.section(section);
        assert!(row < section.rows, "row {row} of {section:?}");
        section.offset + row * section.row_bytes
    }

    pub fn u32(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.bytes[at..at + 4].try_into().unwrap())
    }

    pub fn put(&mut self, at: usize, bytes: &[u8]) {
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }

    pub fn put_u32(&mut self, at: usize, value: u32) {
        self.put(at, &value.to_le_bytes());
    }

    /// Makes all sums right again, so that only what the file says can tell that it is wrong.
    pub fn seal(&mut self, sums: &Section) {
        let blocks: Vec<u32> = self.bytes[BLOCK..sums.offset].chunks(BLOCK).map(crc32c::crc32c).collect();
        for (i, group) in blocks.chunks(BLOCK / 4 - 1).enumerate() {
            let at = sums.offset + i * BLOCK;
            for (j, &sum) in group.iter().enumerate() {
                self.put_u32(at + 4 * j, sum);
            }
            let own = crc32c::crc32c(&self.bytes[at..at + BLOCK - 4]);
            self.put_u32(at + BLOCK - 4, own);
        }
        self.seal_header();
    }

    pub fn seal_header(&mut self) {
        let own = crc32c::crc32c(&self.bytes[..BLOCK - 4]);
        self.put_u32(BLOCK - 4, own);
    }
}
