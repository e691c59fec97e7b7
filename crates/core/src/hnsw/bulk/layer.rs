//! One layer of a batch.

use hashbrown::{HashMap, HashSet};

use super::super::edit::Editor;
use super::super::ends::EdgeCodes;
use super::super::pool::Candidate;
use super::super::row::{PROTECTED, slot_of};
use super::super::spread::Spread;
use super::Bulk;
use super::carve::{Carved, carve};
use super::frame::Shared;
use super::local::{Local, Wanted};
use super::near::{Asking, Buffers, Near, compare};
use super::progress::Progress;
use super::tree::{Tree, plant};
use crate::error::{Error, Result};

/// Nodes whose links back are noted between two looks at whether the build was cancelled.
const BLOCK: usize = 256;
/// Fewest candidates that are kept of a node, and most.
const LEAST: usize = 64;
const MOST: usize = 128;
/// Links back that are kept of a node until it chooses among them, for each link that its row has room for.
const BACK: usize = 4;

/// The links that the nodes of a layer chose, before any of them is written.
pub struct Layer<'a> {
    bulk: &'a Bulk<'a>,
    shared: &'a Shared<'a>,
    number: usize,
    /// Old and new, by slot.
    nodes: Vec<u32>,
    /// Nodes that lie near each other, each in one group.
    groups: Vec<Vec<u32>>,
    /// What each node chose, nearest first; nothing of old nodes.
    chosen: Vec<Near>,
    /// The new nodes that chose it.
    back: Vec<Near>,
    /// Protected edges, on layer 0.
    tree: Option<Tree>,
}

/// A node's links on a layer, to be written.
struct Links {
    slots: Vec<u32>,
    protected: HashSet<u32>,
}

impl<'a> Layer<'a> {
    /// Finds the links of a layer.
    pub fn build(
        bulk: &'a Bulk<'a>,
        shared: &'a Shared<'a>,
        number: usize,
        nodes: Vec<u32>,
        chosen_above: &HashMap<u32, Vec<Candidate>>,
        progress: &Progress<'_>,
    ) -> Result<Self> {
        let lists = || nodes.iter().map(|_| Near::default()).collect();
        let (chosen, back) = (lists(), lists());
        let mut layer = Layer { bulk, shared, number, nodes, groups: Vec::new(), chosen, back, tree: None };
        let leaders = layer.compare(progress)?;
        layer.groups = carve(shared, &layer.nodes, 1, bulk.run)?.parts;
        layer.choose(chosen_above, &leaders, progress)?;
        layer.note_back()?;
        if number == 0 {
            let edges_of = |slot| layer.chosen[layer.place(slot)].lock().clone();
            layer.tree =
                Some(plant(bulk.editor.graph, bulk.editor.vectors, &layer.nodes, bulk.first, edges_of, bulk.run)?);
        }
        Ok(layer)
    }

    /// Which layer it is.
    pub fn number(&self) -> usize {
        self.number
    }

    /// What the new nodes chose.
    pub fn chosen(&self) -> HashMap<u32, Vec<Candidate>> {
        let new = self.nodes.iter().zip(&self.chosen).filter(|&(&slot, _)| self.is_new(slot));
        new.map(|(&slot, chosen)| (slot, chosen.lock().clone())).collect()
    }

    fn is_new(&self, slot: u32) -> bool {
        slot >= self.bulk.first
    }

    /// Whether a node keeps enough candidates to tell how neighbourhoods widen.
    fn tells_spread(&self, slot: u32) -> bool {
        Spread::asks(slot, self.bulk.end as usize)
    }

    fn place(&self, slot: u32) -> usize {
        // On layer 0 all slots are nodes, but for twins.
        match self.nodes.get(slot as usize) {
            Some(&node) if node == slot => slot as usize,
            _ => self.nodes.binary_search(&slot).expect("it is a node of the layer"),
        }
    }

    /// How many links to select; the upper layers are not filled up, as in insertion. Rows of layer 0 have room for those
    /// that are barely occluded, and a hop over codes costs the same whether they are there or not.
    fn wanted(&self, most: usize, fill: usize) -> Wanted {
        let bottom = self.number == 0;
        Wanted { most, fill: if bottom { fill } else { 0 }, barely: bottom }
    }

    /// Shares of the whole build, in percent.
    fn percent(&self, of_layer_0: u64) -> u64 {
        if self.number == 0 { of_layer_0 } else { 0 }
    }

    /// Fills the lists of new nodes with their nearest. Returns the leaders that each node is nearest to.
    fn compare(&self, progress: &Progress<'_>) -> Result<Vec<Candidate>> {
        let Bulk { ef_construction, run, .. } = *self.bulk;
        let Carved { parts, leaders } = carve(self.shared, &self.nodes, 4 + ef_construction.min(800) / 25, run)?;
        // The layers above have few nodes, and all that is far is found by way of them.
        let keep = if self.number == 0 { (2 * ef_construction / 5).clamp(LEAST, MOST) } else { MOST };
        let step = progress.step(self.percent(60), parts.len());
        let ask = |slot| {
            let keep = if self.tells_spread(slot) { keep.max(Spread::farthest(ef_construction)) } else { keep };
            Asking { slot, near: &self.chosen[self.place(slot)], keep }
        };
        run.for_each_uncounted(parts.len(), 1, Buffers::default, |buffers, i| {
            let asking: Vec<_> = parts[i].iter().copied().filter(|&slot| self.is_new(slot)).map(ask).collect();
            compare(self.shared, &parts[i], &asking, buffers, run)?;
            step.advance();
            Ok(())
        })?;
        Ok(leaders)
    }

    /// Lets each new node choose among its nearest, what it chose on the layer above, and leaders: those lie farther
    /// away, in more directions, where the nearest may all be of one cluster.
    fn choose(
        &self,
        above: &HashMap<u32, Vec<Candidate>>,
        leaders: &[Candidate],
        progress: &Progress<'_>,
    ) -> Result<()> {
        let Bulk { editor: Editor { graph, vectors, .. }, run, .. } = *self.bulk;
        let m = graph.m();
        // More than insertion does on layer 0, where nodes that come later bring links of other directions.
        let wanted = self.wanted(if self.number == 0 { m + m / 2 } else { m }, m);
        let learns = self.number == 0 && vectors.zero_score().is_some();
        let fan_out = leaders.len() / self.nodes.len();
        let step = progress.step(self.percent(25), self.groups.len());
        run.for_each_uncounted(
            self.groups.len(),
            1,
            || (),
            |(), i| {
                let new: Vec<u32> = self.groups[i].iter().copied().filter(|&slot| self.is_new(slot)).collect();
                let mut lists: Vec<_> = new.iter().map(|&slot| self.chosen[self.place(slot)].lock()).collect();
                for (slot, list) in new.iter().zip(&mut lists) {
                    list.sort_unstable();
                    let mut known = HashSet::<u32>::from_iter([*slot]);
                    list.retain(|c| known.insert(c.slot()));
                    if learns && self.tells_spread(*slot) {
                        graph.spread.learn(list, 0.0);
                    }
                    let far = &leaders[self.place(*slot) * fan_out..][..fan_out];
                    list.extend(above.get(slot).into_iter().flatten().chain(far).filter(|c| known.insert(c.slot())));
                    list.sort_unstable();
                }
                let all = lists.iter().flat_map(|list| list.iter().map(|c| c.slot()));
                let local = Local::new(self.shared, new.iter().copied().chain(all));
                for (&slot, list) in new.iter().zip(&mut lists) {
                    if run.is_cancelled() {
                        return Err(Error::Cancelled);
                    }
                    **list = local.select(slot, list, wanted, |_| false);
                }
                step.advance();
                Ok(())
            },
        )
    }

    /// Tells each node who chose it.
    fn note_back(&self) -> Result<()> {
        let most = BACK * self.bulk.editor.graph.capacity(self.number);
        self.bulk.run.for_each_uncounted(
            self.nodes.len(),
            BLOCK,
            || (),
            |(), i| {
                for candidate in self.chosen[i].lock().iter() {
                    let mut back = self.back[self.place(candidate.slot())].lock();
                    back.push(Candidate::new(candidate.score(), self.nodes[i]));
                    if back.len() > 2 * most {
                        back.select_nth_unstable(most - 1);
                        back.truncate(most);
                    }
                }
                Ok(())
            },
        )
    }

    /// Writes the rows of all nodes whose links changed: the new ones first, since nothing leads to them yet.
    pub fn write(&self, progress: &Progress<'_>) -> Result<()> {
        let step = progress.step(self.percent(15), self.groups.len());
        for new in [true, false] {
            self.bulk.run.for_each_uncounted(
                self.groups.len(),
                1,
                || (),
                |(), i| {
                    let nodes = self.groups[i].iter().copied().filter(|&slot| self.is_new(slot) == new);
                    self.write_group(nodes.collect())?;
                    if new {
                        step.advance();
                    }
                    Ok(())
                },
            )?;
        }
        Ok(())
    }

    fn write_group(&self, nodes: Vec<u32>) -> Result<()> {
        let Bulk { editor, run, .. } = *self.bulk;
        let Editor { graph, vectors, .. } = editor;
        let capacity = graph.capacity(self.number);
        let all: Vec<(u32, Links)> = nodes.into_iter().filter_map(|slot| Some((slot, self.links(slot)?))).collect();
        let crowded = all.iter().filter(|(_, links)| links.slots.len() > capacity);
        let local =
            Local::new(self.shared, crowded.flat_map(|(slot, links)| links.slots.iter().chain([slot])).copied());
        let mut codes = EdgeCodes::new(vectors);
        for (slot, Links { mut slots, protected }) in all {
            if run.is_cancelled() {
                return Err(Error::Cancelled);
            }
            if slots.len() > capacity {
                let sorted = local.sorted(slot, slots.into_iter());
                let wanted = self.wanted(capacity, capacity);
                let kept = local.select(slot, &sorted, wanted, |slot| protected.contains(&slot));
                slots = kept.iter().map(|c| c.slot()).collect();
            }
            let marked = |&slot: &u32| if protected.contains(&slot) { slot | PROTECTED } else { slot };
            let links: Vec<u32> = slots.iter().map(marked).collect();
            if self.number == 0 {
                codes.rotate(slots.iter().copied().chain([slot]));
            }
            let row = editor.lock(slot, self.number);
            row.set_all(&links);
            if self.number == 0 {
                slots.iter().enumerate().for_each(|(place, &neighbor)| codes.write(graph, slot, place, neighbor));
            }
        }
        Ok(())
    }

    /// All links that a node may have; nothing of an old node that none chose.
    fn links(&self, slot: u32) -> Option<Links> {
        let place = self.place(slot);
        let tree: Vec<u32> = self.tree.iter().flat_map(|tree| tree.of(slot)).collect();
        let back = self.back[place].lock();
        if !self.is_new(slot) && back.is_empty() && tree.is_empty() {
            return None;
        }
        let mut protected: HashSet<u32> = tree.iter().copied().collect();
        let mut slots: Vec<u32> = self.chosen[place].lock().iter().map(|c| c.slot()).collect();
        if !self.is_new(slot) {
            let mut links = vec![0; self.bulk.editor.graph.capacity(self.number)];
            let degree = self.bulk.editor.graph.row(slot, self.number).read(&mut links);
            for &link in &links[..degree] {
                slots.push(slot_of(link));
                protected.extend((link & PROTECTED != 0).then_some(slot_of(link)));
            }
        }
        slots.extend(back.iter().map(|c| c.slot()).chain(tree));
        let mut seen = HashSet::new();
        slots.retain(|&slot| seen.insert(slot));
        Some(Links { slots, protected })
    }
}
