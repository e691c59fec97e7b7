//! Mapping a snapshot without reading it.

use std::path::Path;

use memmap2::Mmap;

use super::format::{AUX, IDS, LINKS, ORDER, STATE, UPPER, WALK};
use super::io;
use super::read::{open_header, shrank};
use super::states::States;
use crate::arena::Arena;
use crate::error::Result;
use crate::hnsw::{Graph, Spread};
use crate::ids::Ids;
use crate::index::{Index, Parts, Spare};
use crate::live::Live;
use crate::mapped::{MappedFile, MappedRows};
use crate::run::Run;
use crate::vectors::Vectors;

/// Opens a snapshot as a map: the header is checked, and the row of the entry point.
pub fn open(path: &Path, run: &Run) -> Result<Index> {
    let (file, header) = open_header(path)?;
    // SAFETY: a snapshot is replaced by rename, never written in place, so the bytes of this file don't change; the
    // documentation of `Index::open` asks the same of others. Its length is that which the header asks for.
    let map = unsafe { Mmap::map(&file) }.map_err(io(path, "mapping the file"))?;
    let layout = header.layout();
    if map.len() as u64 != layout.file_bytes {
        return Err(shrank(path, map.len() as u64));
    }
    let mapped = MappedFile::new(path, map, layout);
    let layout = mapped.layout();
    let rows = |name| MappedRows::new(&mapped, layout.section(name));
    let arena = |name| layout.find(name).map(|section| Arena::over(MappedRows::new(&mapped, section)));

    let walk = Arena::over(rows(WALK).with_soundness());
    let vectors = Vectors::from_parts(&header.params, walk, header.rest().and_then(arena), arena(AUX));
    let [links, upper] = [LINKS, UPPER].map(|name| Arena::over(rows(name).with_soundness()));
    let mut graph = Graph::from_parts(header.params.m, header.codes, links, upper, header.upper_rows, header.entry);
    graph.spread = Spread::from_parts(header.spread);
    let ids = match (arena(IDS), arena(ORDER)) {
        (Some(by_slot), Some(order)) => Ids::mapped(by_slot, order, header.next_id),
        _ => Ids::new(header.next_id),
    };
    let state = arena(STATE);
    if let Some(rows) = state.as_ref().and_then(Arena::mapped) {
        rows.check_sums(run)?;
    }
    let States { live, free } = States::new(path, layout, &header, state.as_ref())?;
    graph.living = live.copy(header.slots);
    let live = Live::from_bits(live, header.slots);
    let spare = Spare::new(free.iter(header.slots).collect(), Vec::new());
    if let (Some(entry), Some(rows)) = (header.entry, graph.mapped()) {
        let row = graph.row(entry.slot, 0);
        if row.is_twin() || row.level() != entry.level || !(live.now(entry.slot) || graph.has_twins(entry.slot)) {
            rows.refuse(entry.slot, format_args!("the entry point is no node of level {}", entry.level));
        }
        mapped.undamaged()?;
    }
    let slots = header.slots;
    Ok(Index::from_parts(Parts {
        params: header.params,
        vectors,
        graph,
        ids,
        live,
        spare,
        slots,
        mapped: Some(mapped),
    }))
}
