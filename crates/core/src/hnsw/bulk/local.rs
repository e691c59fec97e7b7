//! Vectors of a neighbourhood in one byte a component: which of two neighbours is nearer is decided in the cache.

use hashbrown::HashMap;
use vicinal_kernels::{BatchFn, Code, Form, batch};

use super::super::pool::Candidate;
use super::frame::Shared;

/// Components farther out than so many standard deviations are cut off.
const WIDEST: f32 = 16.0;
/// One vector in so many is looked at to find those.
const SAMPLE: usize = 4;
/// Selected neighbours that a candidate is compared with at once.
const AT_ONCE: usize = 8;
/// A candidate is barely occluded if its squared distance from the nearest of those selected is at least this share of
/// that from the node.
const BARELY: f32 = 0.95;

/// Codes of some nodes, around their mean.
pub struct Local {
    dim: usize,
    kernel: BatchFn,
    places: HashMap<u32, usize>,
    codes: Vec<i8>,
}

/// How many neighbours to select.
#[derive(Clone, Copy)]
pub struct Wanted {
    /// At most, if so many lie in different directions.
    pub most: usize,
    /// Up to here the nearest of the others fill in.
    pub fill: usize,
    /// Whether what is left of `most` goes to those that are barely occluded, before any fill in.
    pub barely: bool,
}

impl Local {
    /// Codes of the slots, which may come more than once.
    pub fn new(shared: &Shared<'_>, slots: impl Iterator<Item = u32>) -> Self {
        let mut places = HashMap::new();
        let mut all = Vec::new();
        for slot in slots {
            places.entry(slot).or_insert_with(|| {
                all.push(slot);
                all.len() - 1
            });
        }
        let dim = shared.dim();
        let centre = shared.centre(&all);
        let mut row = vec![0.0; dim];
        let (mut sum, mut largest, mut count) = (0.0, 0f32, 0);
        for &slot in all.iter().step_by(SAMPLE) {
            shared.floats(slot, &mut row);
            for (x, centre) in row.iter().zip(&centre) {
                let x = x - centre;
                sum += x * x;
                largest = largest.max(x.abs());
            }
            count += dim;
        }
        let widest = largest.min(WIDEST * (sum / count.max(1) as f32).sqrt());
        let scale = if widest > 0.0 { 127.0 / widest } else { 0.0 };
        let mut codes = Vec::with_capacity(all.len() * dim);
        for &slot in &all {
            shared.floats(slot, &mut row);
            codes.extend(row.iter().zip(&centre).map(|(x, centre)| ((x - centre) * scale) as i8));
        }
        Local { dim, kernel: batch(Form::SqL2, Code::I8), places, codes }
    }

    /// The slots with their distances from a node, nearest first.
    pub fn sorted(&self, node: u32, slots: impl Iterator<Item = u32>) -> Vec<Candidate> {
        let slots: Vec<u32> = slots.collect();
        let rows: Vec<_> = slots.iter().map(|&slot| self.row(slot)).collect();
        let mut scores = vec![0.0; rows.len()];
        self.score(self.row(node), &rows, &mut scores);
        let mut sorted: Vec<_> = scores.iter().zip(&slots).map(|(&score, &slot)| Candidate::new(score, slot)).collect();
        sorted.sort_unstable();
        sorted
    }

    /// SELECT-NEIGHBORS as [`super::super::select_neighbors`] has it, of candidates nearest first; then, with the slack
    /// of DiskANN's pruning, of those that are barely occluded. Those to keep are selected whatever occludes them.
    pub fn select(
        &self,
        node: u32,
        candidates: &[Candidate],
        wanted: Wanted,
        keep: impl Fn(u32) -> bool,
    ) -> Vec<Candidate> {
        let rows: Vec<_> = candidates.iter().map(|c| self.row(c.slot())).collect();
        let mut own = vec![0.0; rows.len()];
        self.score(self.row(node), &rows, &mut own);
        let mut selected = Vec::with_capacity(wanted.most);
        let mut selected_rows: Vec<*const u8> = Vec::with_capacity(wanted.most);
        let mut others = Vec::new();
        let mut kept = candidates.iter().filter(|c| keep(c.slot())).count();
        for ((&candidate, &row), &own) in candidates.iter().zip(&rows).zip(&own) {
            let must = keep(candidate.slot());
            let full = selected.len() + kept == wanted.most;
            if full && kept == 0 {
                break;
            }
            let barely = if wanted.barely { BARELY * own } else { own };
            let nearest = if must || full { 0.0 } else { self.nearest(row, barely, &selected_rows) };
            if must || !full && nearest >= own {
                selected.push(candidate);
                selected_rows.push(row);
                kept -= usize::from(must);
            } else {
                others.push((candidate, row, barely, nearest));
            }
        }
        others.retain(|&(candidate, row, barely, nearest)| {
            let open = nearest >= barely && selected.len() < wanted.most;
            let selects = open && self.nearest(row, barely, &selected_rows) >= barely;
            if selects {
                selected.push(candidate);
                selected_rows.push(row);
            }
            !selects
        });
        let missing = wanted.fill.saturating_sub(selected.len());
        selected.extend(others.into_iter().take(missing).map(|(candidate, ..)| candidate));
        selected
    }

    /// How near a candidate is to the nearest of those selected; of no meaning below `least`.
    fn nearest(&self, row: *const u8, least: f32, selected: &[*const u8]) -> f32 {
        let mut nearest = f32::INFINITY;
        for rows in selected.chunks(AT_ONCE) {
            let mut scores = [0.0; AT_ONCE];
            let scores = &mut scores[..rows.len()];
            self.score(row, rows, scores);
            nearest = scores.iter().fold(nearest, |nearest, &score| nearest.min(score));
            if nearest < least {
                break;
            }
        }
        nearest
    }

    fn row(&self, slot: u32) -> *const u8 {
        self.codes[self.places[&slot] * self.dim..][..self.dim].as_ptr().cast()
    }

    fn score(&self, from: *const u8, to: &[*const u8], out: &mut [f32]) {
        assert_eq!(to.len(), out.len());
        // SAFETY: all are rows of `dim` codes of ours.
        unsafe { (self.kernel)(from, to.as_ptr(), to.len(), self.dim, out.as_mut_ptr()) };
    }
}
