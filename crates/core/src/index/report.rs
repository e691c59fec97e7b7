//! How an index is doing: figures, and the check of all of it.

use super::Index;
use crate::bits::Bits;
use crate::error::Result;
use crate::hnsw::{self, Editor, Removed, Repair};
use crate::run::Run;

/// Figures of an index that say how it is doing.
#[derive(Clone, Debug)]
pub struct Stats {
    /// Nodes of each layer, layer 0 first; copies of a vector count once.
    pub nodes_per_layer: Vec<u64>,
    /// For each layer, how many nodes have each degree.
    pub degree_histogram: Vec<Vec<u64>>,
    /// Bytes in use, by part.
    pub bytes: Vec<(&'static str, u64)>,
    /// Slots with a vector; with a removed one that rows may name; with none.
    pub slots: [u64; 3],
    /// Parts of the graph that no edge of the spanning tree ties to the rest.
    pub loose_parts: u64,
    /// The id where searches start.
    pub entry_point: Option<i64>,
}

/// What [`Index::verify`] found, in the user's ids.
#[derive(Clone, Debug)]
pub struct Report {
    /// Vectors that a search can come to.
    pub reachable: u64,
    /// Ids that it can't.
    pub unreachable: Vec<i64>,
    /// Edges of layer 0.
    pub links: u64,
    /// Edges of layer 0 without an edge back; pruning makes them, and it may.
    pub one_way_links: u64,
    /// Those of them to vectors that have room for one back: removals make a few, pruning none.
    pub unreturned_links: u64,
    /// Links of layer 0 to vectors that were removed; walked, until they are swept.
    pub dangling_links: u64,
    /// Vectors that equal another one and hang on it.
    pub duplicates: u64,
    /// Laws that are broken, each in words.
    pub broken: Vec<String>,
}

impl Report {
    /// Whether everything holds.
    pub fn ok(&self) -> bool {
        self.unreachable.is_empty() && self.broken.is_empty()
    }
}

impl Index {
    /// Figures of the index.
    pub fn stats(&self, run: &Run) -> Result<Stats> {
        let _writer = self.writing(run)?;
        let slots = self.end();
        let of = |bytes: usize, rows: u32| bytes as u64 * u64::from(rows);
        let (layer0, upper) = self.graph.arenas();
        let mut bytes: Vec<_> = self
            .vectors
            .arenas()
            .into_iter()
            .filter_map(|(name, arena)| Some((name, of(arena?.row_bytes(), slots))))
            .collect();
        bytes.push(("links", of(layer0.row_bytes(), slots)));
        bytes.push(("upper links", of(upper.row_bytes(), self.graph.upper_rows())));
        bytes.push(("ids", self.ids.bytes(slots)));
        bytes.extend(self.table().map(|table| ("guarantees", table.bytes(slots.into()))));
        let (live, free) = (self.live.count(), self.spare.lock().count() as u64);
        let stats = Stats {
            nodes_per_layer: hnsw::nodes_per_layer(&self.graph, slots),
            degree_histogram: hnsw::degree_histogram(&self.graph, slots),
            bytes,
            slots: [live, u64::from(slots) - live - free, free],
            loose_parts: (hnsw::parts(&self.graph, slots) - 1).max(0) as u64,
            entry_point: self.graph.entry().and_then(|entry| self.name(entry.slot)),
        };
        self.undamaged().map(|()| stats)
    }

    /// Walks the graph as search does, and checks each row of it. Of a mapped snapshot every block is read and checked
    /// first.
    pub fn verify(&self, run: &Run) -> Result<Report> {
        let _writer = self.writing(run)?;
        self.check_snapshot(run)?;
        let free = self.spare.lock().bits();
        let found = hnsw::verify(&self.graph, &self.vectors, self.end(), &free, run)?;
        let report = Report {
            reachable: found.reachable,
            unreachable: found.unreachable.iter().map(|&slot| self.ids.id(slot)).collect(),
            links: found.links,
            one_way_links: found.one_way_links,
            unreturned_links: found.unreturned_links,
            dangling_links: found.dangling_links,
            duplicates: found.twins,
            broken: found.broken,
        };
        self.undamaged().map(|()| report)
    }

    /// Mends what [`Index::verify`] complains of, from the vectors and from what of the graph holds. Says what, in
    /// words; nothing if all was well. A repair that is cancelled leaves an index that searches as far as it came, and
    /// can be begun again.
    pub fn repair(&self, run: &Run) -> Result<Vec<String>> {
        self.check_writable()?;
        self.repair_rows(&Bits::default(), run)
    }

    /// As [`Index::repair`], and of the `distrusted` slots no row is believed.
    pub(crate) fn repair_rows(&self, distrusted: &Bits, run: &Run) -> Result<Vec<String>> {
        let _writer = self.writing(run)?;
        let mut spare = self.spare.lock();
        let repair = Repair {
            editor: Editor { graph: &self.graph, vectors: &self.vectors, undo: None },
            law: self.law,
            slots: self.end(),
            free: &spare.bits(),
            distrusted,
            ef_construction: self.params.ef_construction,
            run,
        };
        let mut mended = repair.run()?;
        let retired = std::mem::take(&mut mended.retired);
        spare.put_removed(Removed { retired, unnamed: Vec::new() }, &self.readers);
        Ok(mended.in_words())
    }

    /// The id of a node's vector, or of its first twin if the node itself was removed.
    pub(super) fn name(&self, node: u32) -> Option<i64> {
        let mut named = std::iter::once(node).chain(self.graph.twins(node));
        named.find(|&slot| self.live.now(slot)).map(|slot| self.ids.id(slot))
    }
}
