//! What must hold of the rows of a snapshot beyond their sums: a hostile file has the right ones.

use std::path::Path;

use super::format::{AUX, LINKS, ORDER, UPPER};
use crate::arena::Arena;
use crate::bits::Bits;
use crate::blocks::{Layout, Section};
use crate::error::Result;
use crate::hnsw::{Graph, MAX_LEVEL, PROTECTED, most_protected, slot_of};
use crate::live::Live;
use crate::run::Run;
use crate::vectors::Vectors;

/// In the list of levels: the slot hangs on a chain, or is free; links must not lead to it.
const TWIN: u8 = u8::MAX;
const FREE: u8 = u8::MAX - 1;

/// Names what is wrong in a row of a section.
struct Rows<'a> {
    path: &'a Path,
    section: &'a Section,
}

impl Rows<'_> {
    fn refuse<T>(&self, row: u32, message: impl std::fmt::Display) -> Result<T> {
        Err(self.section.row_damage(self.path, u64::from(row), message))
    }
}

/// What is being checked: the parts of an index, which may not be one yet.
pub struct Snapshot<'a> {
    pub path: &'a Path,
    pub layout: &'a Layout,
    pub graph: &'a Graph,
    pub vectors: &'a Vectors,
    pub live: &'a Live,
    pub slots: u32,
    pub run: &'a Run,
}

impl Snapshot<'_> {
    fn rows(&self, section: &'static str) -> Rows<'_> {
        Rows { path: self.path, section: self.layout.section(section) }
    }

    /// Whether a slot that is no twin and not free is a node of the tree: one that was not removed, or on whose chain is
    /// one that was not.
    fn stays(&self, slot: u32) -> bool {
        self.live.now(slot) || self.graph.has_twins(slot)
    }
}

/// Checks that all rows fit together, so that no search can leave them, run in circles or return what is not there.
pub fn check(snapshot: &Snapshot<'_>, free: &Bits) -> Result<()> {
    let levels = check_nodes(snapshot, free)?;
    check_vectors(snapshot, &levels)?;
    check_links(snapshot, &levels)?;
    check_tree(snapshot, &levels)?;
    check_chains(snapshot, &levels)
}

/// Vectors must be such as `add` lets in, and the norms beside them must be theirs.
fn check_vectors(snapshot: &Snapshot<'_>, levels: &[u8]) -> Result<()> {
    let mut row = vec![0; snapshot.vectors.row_bytes()];
    for (slot, _) in (0..).zip(levels).filter(|&(_, &level)| level != FREE) {
        snapshot.run.check()?;
        // SAFETY: all rows were read from the file, and nobody writes them.
        let checked = unsafe { snapshot.vectors.check_stored(slot, &mut row) };
        if let Err((part, message)) = checked {
            return snapshot.rows(part).refuse(slot, message);
        }
    }
    Ok(())
}

/// As [`check`] checks vectors; norms that are not theirs are computed anew. Says how many.
pub fn mend_vectors(
    path: &Path,
    layout: &Layout,
    vectors: &Vectors,
    free: &Bits,
    slots: u32,
    run: &Run,
) -> Result<u64> {
    let mut row = vec![0; vectors.row_bytes()];
    let mut mended = 0;
    for slot in (0..slots).filter(|&slot| !free.get(slot)) {
        run.check()?;
        // SAFETY: all rows were read from the file, and nobody else knows them yet.
        match unsafe { vectors.check_stored(slot, &mut row) } {
            Ok(()) => {}
            Err((AUX, _)) => {
                // SAFETY: as above; the vector itself was found well.
                unsafe { vectors.write(slot, &row) };
                mended += 1;
            }
            Err((part, message)) => {
                return Rows { path, section: layout.section(part) }.refuse(slot, message);
            }
        }
    }
    Ok(mended)
}

/// Checks each slot's layer-0 row by itself; returns the level of each, [`TWIN`] for those on a chain and [`FREE`].
fn check_nodes(snapshot: &Snapshot<'_>, free: &Bits) -> Result<Vec<u8>> {
    let Snapshot { graph, live, slots, .. } = *snapshot;
    let links = snapshot.rows(LINKS);
    let top = graph.entry().map_or(0, |entry| entry.level);
    let mut levels = Vec::with_capacity(slots as usize);
    let mut next_upper = 0;
    for slot in 0..slots {
        snapshot.run.check()?;
        let row = graph.row(slot, 0);
        if let Err(message) = row.check_stored(slots) {
            return links.refuse(slot, message);
        }
        let level = row.level();
        if level > MAX_LEVEL {
            return links.refuse(slot, format!("its level {level} is above {MAX_LEVEL}"));
        }
        if level > 0 {
            // Upper rows are dealt out in the order of the slots, so that none can have two owners.
            let end = row.upper().checked_add(level as u32);
            match end.filter(|&end| row.upper() >= next_upper && end <= graph.upper_rows()) {
                Some(end) => next_upper = end,
                None => return links.refuse(slot, format!("its upper rows from {} on are not its own", row.upper())),
            }
        }
        levels.push(match () {
            () if free.get(slot) => {
                if row.is_twin() || row.degree() > 0 || graph.has_twins(slot) {
                    return links.refuse(slot, "it is free, and has links or a chain");
                }
                FREE
            }
            () if row.is_twin() => {
                if !live.now(slot) {
                    return links.refuse(slot, "it was removed, and hangs on a chain");
                }
                TWIN
            }
            () if level > top && snapshot.stays(slot) => {
                return links.refuse(slot, format!("its level {level} is above the graph's top layer {top}"));
            }
            () => level as u8,
        });
    }
    match graph.entry() {
        Some(entry) if usize::from(levels[entry.slot as usize]) != entry.level || !snapshot.stays(entry.slot) => {
            links.refuse(entry.slot, format!("the entry point is no node of level {}", entry.level))
        }
        _ => Ok(levels),
    }
}

/// Checks that each link leads to another node that is on the link's layer, and no two of a row to the same.
fn check_links(snapshot: &Snapshot<'_>, levels: &[u8]) -> Result<()> {
    let Snapshot { graph, slots, .. } = *snapshot;
    // All of them: the row of a free slot, too, will be locked one day, and must not say that it is.
    for upper in 0..graph.upper_rows() {
        if let Err(message) = graph.upper(upper).check_stored(slots) {
            return snapshot.rows(UPPER).refuse(upper, message);
        }
    }
    let mut links = vec![0; graph.capacity(0)];
    // For each node the number of the row that last linked to it.
    let mut linked_by = vec![0u64; levels.len()];
    let mut row_number = 0;
    for (slot, &level) in (0..slots).zip(levels) {
        snapshot.run.check()?;
        if level >= FREE {
            continue;
        }
        for layer in 0..=usize::from(level) {
            let row = graph.row(slot, layer);
            let (section, number) = match layer {
                0 => (LINKS, slot),
                _ => (UPPER, graph.row(slot, 0).upper() + layer as u32 - 1),
            };
            let rows = snapshot.rows(section);
            if row.level() != usize::from(level) {
                return rows.refuse(number, format!("its level is not {level}, that of slot {slot}"));
            }
            let degree = row.read(&mut links);
            let tied = links[..degree].iter().any(|&link| link & PROTECTED != 0);
            if tied && (layer > 0 || !snapshot.stays(slot)) {
                return rows.refuse(number, "it has protected edges, though it is no row of the tree");
            }
            row_number += 1;
            let bad = |&neighbor: &u32| {
                let theirs = levels[neighbor as usize];
                let before = std::mem::replace(&mut linked_by[neighbor as usize], row_number);
                neighbor == slot || theirs >= FREE || usize::from(theirs) < layer || before == row_number
            };
            if let Some(neighbor) = links[..degree].iter().map(|&link| slot_of(link)).find(bad) {
                let message =
                    format!("slot {slot} links to {neighbor}, twice or though it is no node of layer {layer}");
                return rows.refuse(number, message);
            }
        }
    }
    Ok(())
}

/// Checks that the protected edges are a tree over all nodes that were not removed, with at most `M` at each: what makes
/// every vector reachable, and what later adds rely on.
fn check_tree(snapshot: &Snapshot<'_>, levels: &[u8]) -> Result<()> {
    let Snapshot { graph, .. } = *snapshot;
    let links = snapshot.rows(LINKS);
    let Some(entry) = graph.entry() else { return Ok(()) };
    let mut reached = vec![false; levels.len()];
    let mut stack = vec![entry.slot];
    reached[entry.slot as usize] = true;
    let (mut own, mut theirs) = (vec![0; graph.capacity(0)], vec![0; graph.capacity(0)]);
    let (mut nodes, mut ends) = (0, 0);
    while let Some(node) = stack.pop() {
        snapshot.run.check()?;
        nodes += 1;
        let degree = graph.row(node, 0).read(&mut own);
        let mut edges = 0;
        for other in own[..degree].iter().filter(|&&link| link & PROTECTED != 0).map(|&link| slot_of(link)) {
            edges += 1;
            if !snapshot.stays(other) {
                return links.refuse(node, format!("its protected edge to {other} leads to a removed vector"));
            }
            let degree = graph.row(other, 0).read(&mut theirs);
            if !theirs[..degree].contains(&(node | PROTECTED)) {
                return links.refuse(node, format!("its protected edge to {other} has none back"));
            }
            if !std::mem::replace(&mut reached[other as usize], true) {
                stack.push(other);
            }
        }
        let most = most_protected(graph);
        if edges > most {
            return links.refuse(node, format!("it has {edges} protected edges, more than {most}"));
        }
        ends += edges;
    }
    let lost = |slot: u32| snapshot.stays(slot) && !reached[slot as usize];
    match (0..).zip(levels).find(|&(slot, &level)| level < FREE && lost(slot)) {
        Some((lost, _)) => links.refuse(lost, "no protected edges lead to it"),
        None if ends != 2 * (nodes - 1) => links.refuse(entry.slot, "the protected edges from it run in circles"),
        None => Ok(()),
    }
}

/// Checks that each slot that is no node hangs on the chain of one node, and that its vector is the node's.
fn check_chains(snapshot: &Snapshot<'_>, levels: &[u8]) -> Result<()> {
    let Snapshot { graph, vectors, slots, .. } = *snapshot;
    let links = snapshot.rows(LINKS);
    let mut hung = vec![false; levels.len()];
    for node in (0..slots).filter(|&slot| levels[slot as usize] != TWIN) {
        snapshot.run.check()?;
        for twin in graph.twins(node) {
            let bad = levels[twin as usize] != TWIN || std::mem::replace(&mut hung[twin as usize], true);
            // SAFETY: all rows were read from the file, and nobody writes them.
            if bad || !unsafe { vectors.equal(node, twin) } {
                return links.refuse(node, format!("slot {twin} does not belong on its chain of equal vectors"));
            }
        }
    }
    match (0..slots).find(|&slot| levels[slot as usize] == TWIN && !hung[slot as usize]) {
        Some(lost) => links.refuse(lost, "it hangs on no chain of equal vectors"),
        None => Ok(()),
    }
}

/// The ids of a snapshot.
pub struct StoredIds<'a> {
    /// By slot.
    pub by_slot: &'a Arena,
    /// The live slots by ascending id.
    pub order: &'a Arena,
    /// The number after the largest id that ever was.
    pub next: u64,
}

/// Checks that ids are distinct and not negative: `order` lists the live slots by ascending id.
pub fn check_ids(path: &Path, layout: &Layout, ids: &StoredIds<'_>, live: &Live, slots: u32, run: &Run) -> Result<()> {
    let rows = Rows { path, section: layout.section(ORDER) };
    let mut previous = -1i64;
    for place in 0..live.count() as u32 {
        run.check()?;
        // SAFETY: `order` has a row for each live slot, and nobody writes it.
        let slot: u32 = bytemuck::pod_read_unaligned(unsafe { ids.order.bytes(place) });
        if slot >= slots || !live.now(slot) {
            return rows.refuse(place, format!("slot {slot} has no vector"));
        }
        // SAFETY: there is a row for each slot, and nobody writes it.
        let id: i64 = bytemuck::pod_read_unaligned(unsafe { ids.by_slot.bytes(slot) });
        if id <= previous || id as u64 >= ids.next {
            return rows.refuse(place, format!("id {id} of slot {slot} does not come after {previous}"));
        }
        previous = id;
    }
    Ok(())
}
