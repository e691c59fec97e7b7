//! The header of a snapshot and the places of its sections. `docs/format.md` says the same in prose, byte by byte.

use std::path::Path;

use crate::blocks::{BLOCK, Layout, SUMS_PER_BLOCK, sum};
use crate::error::{Error, Result};
use crate::hnsw::{EntryPoint, MAX_LEVEL, Spread, layer0_row_bytes, row_bytes};
use crate::types::{MAX_SLOTS, Params, Store};
use crate::vectors::{Codes, Form};

/// First bytes of every snapshot. The high bit of the first one and the line ends tell of a file that went through a
/// text mode on its way.
pub const MAGIC: [u8; 12] = *b"\x89VICINAL\r\n\x1a\n";
/// The newest format that this version reads. It writes the oldest that can say what there is to say: 3 where rows of the
/// graph have codes of their own nodes, else 2 where vectors are kept otherwise than they were given, else 1.
pub const VERSION: u32 = 3;

/// Names of the sections, in the order in which they follow each other.
pub const WALK: &str = "walk";
pub const AUX: &str = "aux";
pub const LINKS: &str = "links";
pub const UPPER: &str = "upper";
pub const IDS: &str = "ids";
pub const ORDER: &str = "order";
pub const STATE: &str = "state";
pub const SUMS: &str = "sums";

/// Slots whose state a row of that section tells, and its bytes: a word for those that are live, one for free ones.
pub const SLOTS_PER_STATE: u32 = 64;
pub const STATE_BYTES: usize = 16;

/// Where the section table starts, and bytes of an entry.
const TABLE: usize = 160;
const ENTRY: usize = 32;
/// Where the header's own sum is.
const HEADER_SUM: usize = BLOCK - 4;

/// Everything that a snapshot says before its first row.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    /// What the index was made with.
    pub params: Params,
    /// Slots.
    pub slots: u32,
    /// Those with a vector that was not removed.
    pub live: u32,
    /// Rows of the upper layers.
    pub upper_rows: u32,
    /// Where searches start.
    pub entry: Option<EntryPoint>,
    /// How fast neighbourhoods widen: a sum over nodes, and their number.
    pub spread: (u64, u64),
    /// Whether ids differ from slots.
    pub ids: bool,
    /// The number after the largest id that ever was.
    pub next_id: u64,
    /// What a layer-0 row holds of codes.
    pub codes: Codes,
}

impl Header {
    /// Where the sections of a file with this header lie.
    pub fn layout(&self) -> Layout {
        let Params { dim, metric, m, .. } = self.params;
        let form = Form::of(&self.params);
        let slots = u64::from(self.slots);
        let mut layout = Layout { sections: Vec::new(), file_bytes: BLOCK as u64 };
        layout.push(WALK, slots, form.walk_bytes(dim));
        if let Some((name, row_bytes)) = form.rest(dim) {
            layout.push(name, slots, row_bytes);
        }
        if form.has_norms(metric) {
            layout.push(AUX, slots, 4);
        }
        layout.push(LINKS, slots, layer0_row_bytes(m, self.codes));
        layout.push(UPPER, u64::from(self.upper_rows), row_bytes(m));
        if self.ids {
            layout.push(IDS, slots, 8);
            layout.push(ORDER, u64::from(self.live), 4);
        }
        if self.live < self.slots {
            layout.push(STATE, u64::from(self.slots.div_ceil(SLOTS_PER_STATE)), STATE_BYTES);
        }
        let summed_blocks = layout.file_bytes / BLOCK as u64 - 1;
        layout.push(SUMS, summed_blocks.div_ceil(SUMS_PER_BLOCK as u64), BLOCK);
        layout
    }

    /// The section of what is kept of a vector besides what a walk reads.
    pub fn rest(&self) -> Option<&'static str> {
        Form::of(&self.params).rest(self.params.dim).map(|(name, _)| name)
    }

    /// The first block of the file.
    pub fn encode(&self) -> [u8; BLOCK] {
        let Params { dim, metric, dtype, m, ef_construction, seed, level_p, layout: rows, store } = self.params;
        let layout = self.layout();
        let mut block = Block([0; BLOCK]);
        block.put(0, &MAGIC);
        let version: u32 = match store {
            _ if self.codes.own > 0 => VERSION,
            Store::Given => 1,
            _ => 2,
        };
        block.put(12, &version.to_le_bytes());
        block.put(16, &layout.file_bytes.to_le_bytes());
        block.put(24, metric.as_str().as_bytes());
        block.put(40, dtype.as_str().as_bytes());
        block.put(48, &(dim as u32).to_le_bytes());
        block.put(52, &(m as u32).to_le_bytes());
        block.put(56, &(ef_construction as u32).to_le_bytes());
        block.put(60, &self.slots.to_le_bytes());
        block.put(64, &seed.to_le_bytes());
        block.put(72, &level_p.unwrap_or(0.0).to_le_bytes());
        block.put(80, &self.upper_rows.to_le_bytes());
        block.put(84, &self.entry.map_or(u32::MAX, |entry| entry.slot).to_le_bytes());
        block.put(88, &self.entry.map_or(0, |entry| entry.level as u32).to_le_bytes());
        block.put(96, &(layout.sections.len() as u32).to_le_bytes());
        block.put(104, &self.spread.0.to_le_bytes());
        block.put(112, &self.spread.1.to_le_bytes());
        block.put(120, rows.as_str().as_bytes());
        block.put(128, &self.next_id.to_le_bytes());
        block.put(136, &self.live.to_le_bytes());
        if store != Store::Given {
            block.put(144, store.name(dtype).as_bytes());
        }
        for (i, section) in layout.sections.iter().enumerate() {
            let at = TABLE + i * ENTRY;
            block.put(at, section.name.as_bytes());
            block.put(at + 8, &section.offset.to_le_bytes());
            block.put(at + 16, &section.rows.to_le_bytes());
            block.put(at + 24, &(section.row_bytes as u32).to_le_bytes());
        }
        let own = sum(&block.0[..HEADER_SUM]);
        block.put(HEADER_SUM, &own.to_le_bytes());
        block.0
    }

    /// Reads the first bytes of a file, a whole block unless the file is shorter; `file_bytes` is its length.
    pub fn decode(path: &Path, first: &[u8], file_bytes: u64) -> Result<Header> {
        let foreign = |message: String| Err(Error::Format { path: path.to_owned(), message });
        let damaged = |message: String| {
            Err(Error::Corruption { path: path.to_owned(), block: "the header (byte 0 of the file)".into(), message })
        };
        if first.is_empty() {
            return foreign("the file is empty, not a Vicinal snapshot".into());
        }
        let magic = &first[..first.len().min(MAGIC.len())];
        if magic != &MAGIC[..magic.len()] {
            return foreign("not a Vicinal snapshot: another program wrote this file".into());
        }
        let Ok(bytes) = <&[u8; BLOCK]>::try_from(first) else {
            return damaged(format!("the file ends after {} bytes, within the header of {BLOCK}", first.len()));
        };
        let block = Block(*bytes);
        let version = block.u32(12);
        if version > VERSION {
            return foreign(format!(
                "the snapshot has format {version}, this version of Vicinal reads up to {VERSION}; use a newer Vicinal"
            ));
        }
        if block.u32(HEADER_SUM) != sum(&bytes[..HEADER_SUM]) {
            return damaged("its checksum does not match".into());
        }
        let header = match block.header() {
            Ok(header) => header,
            Err(message) => return damaged(message),
        };
        // Whatever else the block says must be what the writer says of such an index: table, lengths, unused bytes.
        if header.encode() != *bytes {
            return damaged("its fields contradict each other".into());
        }
        let expected = header.layout().file_bytes;
        if file_bytes != expected {
            return damaged(format!("it tells of {expected} bytes, but the file has {file_bytes}"));
        }
        Ok(header)
    }
}

/// The first block, by fields.
struct Block([u8; BLOCK]);

impl Block {
    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn array<const N: usize>(&self, at: usize) -> [u8; N] {
        self.0[at..at + N].try_into().expect("N bytes of the slice are N bytes")
    }

    fn u32(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.array(at))
    }

    fn name<const N: usize>(&self, at: usize) -> String {
        String::from_utf8_lossy(&self.array::<N>(at)).trim_end_matches('\0').to_owned()
    }

    /// The fields, each checked for itself.
    fn header(&self) -> Result<Header, String> {
        let refused = |e: Error| e.to_string();
        let level_p = f64::from_le_bytes(self.array(72));
        let dtype = self.name::<8>(40).parse().map_err(refused)?;
        let params = Params {
            dim: self.u32(48) as usize,
            metric: self.name::<16>(24).parse().map_err(refused)?,
            dtype,
            m: self.u32(52) as usize,
            ef_construction: self.u32(56) as usize,
            seed: u64::from_le_bytes(self.array(64)),
            level_p: (level_p.to_bits() != 0).then_some(level_p),
            layout: self.name::<8>(120).parse().map_err(refused)?,
            store: Store::named(Some(self.name::<8>(144).as_str()).filter(|name| !name.is_empty()), dtype)
                .map_err(refused)?,
        };
        params.check().map_err(refused)?;
        let (slots, live, upper_rows) = (self.u32(60), self.u32(136), self.u32(80));
        if u64::from(slots) > MAX_SLOTS || live > slots || u64::from(upper_rows) > u64::from(slots) * MAX_LEVEL as u64 {
            return Err(format!("{live} vectors in {slots} slots with {upper_rows} upper rows are no index"));
        }
        let entry = EntryPoint { slot: self.u32(84), level: self.u32(88) as usize };
        if live > 0 && (entry.slot >= slots || entry.level > MAX_LEVEL || entry.level > upper_rows as usize) {
            return Err(format!("its entry point, slot {} at level {}, is no node", entry.slot, entry.level));
        }
        let spread = (u64::from_le_bytes(self.array(104)), u64::from_le_bytes(self.array(112)));
        if !Spread::is_possible(spread, live) {
            return Err(format!("its growth of neighbourhoods, {} over {} nodes, is impossible", spread.0, spread.1));
        }
        let next_id = u64::from_le_bytes(self.array(128));
        if next_id > 1 << 63 || next_id < u64::from(live) {
            return Err(format!("{next_id} can't be the number after all ids"));
        }
        let sections = (self.u32(96) as usize).min((HEADER_SUM - TABLE) / ENTRY);
        let ids = (0..sections).any(|i| self.name::<8>(TABLE + i * ENTRY) == IDS);
        let codes = if self.u32(12) < VERSION { Codes::of_edges(&params) } else { Codes::of(&params) };
        Ok(Header { params, slots, live, upper_rows, entry: (live > 0).then_some(entry), spread, ids, next_id, codes })
    }
}
