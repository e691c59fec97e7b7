//! Reading a whole snapshot into memory of our own.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;

use super::format::{AUX, Header, IDS, LINKS, ORDER, STATE, UPPER, WALK};
use super::states::States;
use super::structure::StoredIds;
use super::{io, structure};
use crate::arena::Arena;
use crate::bits::Bits;
use crate::blocks::{BLOCK, Layout, Section};
use crate::error::{Error, Result};
use crate::hnsw::{Graph, LevelLaw, Spread};
use crate::ids::Ids;
use crate::index::{Index, Parts, Spare};
use crate::live::Live;
use crate::mapped::check_sums;
use crate::run::Run;
use crate::vectors::Vectors;

/// Bytes that are read at once: little enough to be summed while they are in the cache.
const PIECE: usize = 64 * BLOCK;

/// Opens the file and believes its header.
pub fn open_header(path: &Path) -> Result<(File, Header)> {
    // Asked before the file is opened: opening a pipe would wait for its other end.
    let kind = std::fs::metadata(path).map_err(io(path, "opening the file"))?;
    if !kind.is_file() && !kind.is_dir() {
        let message = "not a Vicinal snapshot but a device or pipe".into();
        return Err(Error::Format { path: path.to_owned(), message });
    }
    let file = File::open(path).map_err(io(path, "opening the file"))?;
    let mut first = Vec::with_capacity(BLOCK);
    (&file).take(BLOCK as u64).read_to_end(&mut first).map_err(io(path, "reading the header"))?;
    let file_bytes = file.metadata().map_err(io(path, "reading the file's length"))?.len();
    Ok((file, Header::decode(path, &first, file_bytes)?))
}

/// Opens a snapshot with all of it in memory and all of it checked.
pub fn open(path: &Path, run: &Run) -> Result<Index> {
    let (file, header) = open_header(path)?;
    let layout = header.layout();
    let sums = read_sums(path, &file, layout.sums())?;
    let reader = SectionReader { path, file: &file, sums: &sums, bad: None, run };
    let (parts, free) = parts(&reader, &layout, header)?;
    let &Parts { ref vectors, ref graph, ref live, slots, .. } = &parts;
    let layout = &layout;
    structure::check(&structure::Snapshot { path, layout, graph, vectors, live, slots, run }, &free)?;
    let retired = live.see(|live| graph.revive(live, &free, slots));
    let spare = Spare::new(free.iter(slots).collect(), retired);
    Ok(Index::from_parts(Parts { spare, ..parts }))
}

/// Opens a damaged snapshot; says what was mended. What can't be made anew has to be whole.
pub fn salvage(path: &Path, run: &Run) -> Result<(Index, Vec<String>)> {
    let (file, header) = open_header(path)?;
    let layout = header.layout();
    let sums = read_sums(path, &file, layout.sums())?;
    let bad = RefCell::default();
    let reader = SectionReader { path, file: &file, sums: &sums, bad: Some(&bad), run };
    let (parts, free) = parts(&reader, &layout, header)?;
    let Parts { vectors, graph, live, slots, .. } = &parts;
    let slots = *slots;
    let mut mended = Vec::new();
    let norms = structure::mend_vectors(path, &layout, vectors, &free, slots, run)?;
    if norms > 0 {
        mended.push(format!("{norms} norms were computed anew"));
    }
    graph.unlock_all(slots);
    live.see(|live| live.iter(slots).for_each(|slot| _ = graph.living.insert(slot)));
    // By the law of the levels: what the rows themselves say of it may be damaged as well.
    let law = LevelLaw::new(parts.params.seed, parts.params.p());
    let distrusted = Bits::default();
    let mut upper = 0;
    for slot in 0..slots {
        let end = upper + law.level(slot) as u32;
        let is_bad = |name: &str, rows: Range<u32>| {
            let section = layout.section(name);
            let at = |row: u32| section.offset + u64::from(row) * section.row_bytes as u64;
            let (first, end) = (at(rows.start) / BLOCK as u64, at(rows.end).div_ceil(BLOCK as u64));
            bad.borrow().range(first..end).next().is_some()
        };
        if is_bad(LINKS, slot..slot + 1) || (upper < end && is_bad(UPPER, upper..end)) {
            distrusted.insert(slot);
        }
        upper = end;
    }
    let index = Index::from_parts(Parts { spare: Spare::new(free.iter(slots).collect(), Vec::new()), ..parts });
    mended.extend(index.repair_rows(&distrusted, run)?);
    Ok((index, mended))
}

/// What a file says, and its free slots. How its rows fit together is not checked yet.
fn parts(reader: &SectionReader<'_>, layout: &Layout, header: Header) -> Result<(Parts, Bits)> {
    let path = reader.path;
    let arena = |name| layout.find(name).map(|section| reader.arena(section)).transpose();
    let required = |name| reader.arena(layout.section(name));
    let rest = header.rest().map(&arena).transpose()?.flatten();
    let vectors = Vectors::from_parts(&header.params, required(WALK)?, rest, arena(AUX)?);
    let mut graph = Graph::from_parts(
        header.params.m,
        header.codes,
        required(LINKS)?,
        required(UPPER)?,
        header.upper_rows,
        header.entry,
    );
    graph.spread = Spread::from_parts(header.spread);
    let States { live, free } = States::new(path, layout, &header, arena(STATE)?.as_ref())?;
    let live = Live::from_bits(live, header.slots);
    let ids = match (arena(IDS)?, arena(ORDER)?) {
        (Some(by_slot), Some(order)) => {
            let stored = StoredIds { by_slot: &by_slot, order: &order, next: header.next_id };
            structure::check_ids(path, layout, &stored, &live, header.slots, reader.run)?;
            let slots: Vec<u32> = live.see(|live| live.iter(header.slots).collect());
            Ids::from_stored(by_slot, slots.into_iter(), header.next_id)
        }
        _ => Ids::new(header.next_id),
    };
    let spare = Spare::default();
    let Header { params, slots, .. } = header;
    Ok((Parts { params, vectors, graph, ids, live, spare, slots, mapped: None }, free))
}

/// The file is not as long as it was a moment ago.
pub fn shrank(path: &Path, at: u64) -> Error {
    let message = "the file's length changed while it was opened".into();
    Error::Corruption { path: path.to_owned(), block: format!("byte {at} of the file"), message }
}

fn read_at(path: &Path, mut file: &File, at: u64, out: &mut [u8]) -> Result<()> {
    let read = file.seek(SeekFrom::Start(at)).and_then(|_| file.read_exact(out));
    read.map_err(|e| match e.kind() {
        ErrorKind::UnexpectedEof => shrank(path, at),
        _ => io(path, "reading the snapshot")(e),
    })
}

/// The sum of each block after the header.
fn read_sums(path: &Path, file: &File, section: &Section) -> Result<Vec<u32>> {
    let mut sums = Vec::new();
    let mut block = [0; BLOCK];
    for at in (section.offset..section.offset + section.bytes()).step_by(BLOCK) {
        read_at(path, file, at, &mut block)?;
        sums.extend(check_sums(path, section, at, &block)?.chunks_exact(4).map(bytemuck::pod_read_unaligned::<u32>));
    }
    Ok(sums)
}

/// Reads sections and checks each block against its sum.
struct SectionReader<'a> {
    path: &'a Path,
    file: &'a File,
    sums: &'a [u32],
    /// Where the blocks are noted, by number, whose sum does not match and that can be made anew; without, they are
    /// refused as all others are.
    bad: Option<&'a RefCell<BTreeSet<u64>>>,
    run: &'a Run,
}

impl SectionReader<'_> {
    /// The rows of a section. They are as many as the file has bytes for, so what is asked of memory is bounded by it.
    fn arena(&self, section: &Section) -> Result<Arena> {
        let mut at = section.offset;
        let mut crc = 0;
        // Runs of an arena end anywhere in a block: the sum goes on from one to the next.
        let mut fill = |out: &mut [u8]| {
            for piece in out.chunks_mut(PIECE) {
                self.run.check()?;
                read_at(self.path, self.file, at, piece)?;
                let mut rest = &*piece;
                while !rest.is_empty() {
                    let left_of_block = BLOCK - at as usize % BLOCK;
                    let (now, later) = rest.split_at(left_of_block.min(rest.len()));
                    crc = crc32c::crc32c_append(crc, now);
                    at += now.len() as u64;
                    if at.is_multiple_of(BLOCK as u64) {
                        self.check(section, at - BLOCK as u64, std::mem::take(&mut crc))?;
                    }
                    rest = later;
                }
            }
            Ok(())
        };
        let arena = Arena::filled(section.row_bytes, section.rows as usize, &mut fill)?;
        let padding = (section.bytes().next_multiple_of(BLOCK as u64) - section.bytes()) as usize;
        fill(&mut [0; BLOCK][..padding])?;
        Ok(arena)
    }

    fn check(&self, section: &Section, at: u64, found: u32) -> Result<()> {
        if self.sums[at as usize / BLOCK - 1] == found {
            return Ok(());
        }
        match self.bad.filter(|_| [AUX, LINKS, UPPER].contains(&section.name)) {
            Some(bad) => _ = bad.borrow_mut().insert(at / BLOCK as u64),
            None => return Err(section.damage(self.path, at, "the checksum does not match")),
        }
        Ok(())
    }
}
