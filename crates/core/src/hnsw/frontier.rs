//! The candidates of a walk by estimates: each hop leaves its neighbours as a block, and the nearest of all blocks is
//! looked for when it is wanted.
//!
//! A hop brings up to 2M candidates and takes one. A sorted array would put each of them in order, though few are ever
//! taken; here a block keeps its nearest candidate, and the nearest of all is one pass over those of the blocks. Nothing
//! moves. Candidates that were expanded meanwhile, as they came by another row, are dropped when a block is looked at.

use vicinal_kernels::edges::{BelowFn, LANES, LeastFn, LeastOfFn, below, least, least_of};

use super::row::slot_of;
use super::scratch::Visited;

/// Blocks that [`LeastFn`] looks at together.
const STEP: usize = 64;
/// The estimate of no candidate.
const NOTHING: f32 = f32::INFINITY;

/// The neighbours that one hop left.
#[derive(Clone, Copy, Debug)]
struct Block {
    estimates: [f32; LANES],
    links: [u32; LANES],
    /// A bit for each candidate not yet taken.
    waiting: u32,
    /// The nearest of those.
    lane: u32,
}

const EMPTY: Block = Block { estimates: [NOTHING; LANES], links: [0; LANES], waiting: 0, lane: 0 };

/// Candidates with their estimates.
#[derive(Debug)]
pub struct Frontier {
    least: LeastFn,
    least_of: LeastOfFn,
    below: BelowFn,
    blocks: Vec<Block>,
    used: usize,
    /// The nearest estimate of each block; room for whole steps.
    nearest: Vec<f32>,
}

impl Default for Frontier {
    fn default() -> Self {
        Frontier {
            least: least(),
            least_of: least_of(),
            below: below(),
            blocks: Vec::new(),
            used: 0,
            nearest: Vec::new(),
        }
    }
}

impl Frontier {
    /// Forgets all candidates.
    pub fn clear(&mut self) {
        self.nearest[..self.used.next_multiple_of(STEP)].fill(NOTHING);
        self.used = 0;
    }

    /// Puts the links of up to 32 neighbours in the `ahead`-th block behind the last; returns where their estimates
    /// belong. [`Frontier::add`] makes candidates of them.
    #[inline]
    pub fn fill(&mut self, ahead: usize, links: &[u32]) -> &mut [f32; LANES] {
        let place = self.used + ahead;
        if self.blocks.len() == place {
            let room = (2 * place).max(STEP);
            self.blocks.resize(room, EMPTY);
            self.nearest.resize(room, NOTHING);
        }
        let block = &mut self.blocks[place];
        block.links[..links.len()].copy_from_slice(links);
        &mut block.estimates
    }

    /// Adds the `count` neighbours of the blocks that were filled, as far as their estimates are below `bound` and they
    /// were not visited.
    #[inline]
    pub fn add(&mut self, count: usize, bound: f32, visited: &Visited) {
        for first in (0..count).step_by(LANES) {
            let here = (count - first).min(LANES);
            let block = &mut self.blocks[self.used];
            // SAFETY: 32 floats.
            let mut below = unsafe { (self.below)(block.estimates.as_ptr(), bound) } & (u32::MAX >> (LANES - here));
            block.waiting = below;
            while below != 0 {
                let lane = below.trailing_zeros();
                below &= below - 1;
                let seen = visited.contains(slot_of(block.links[lane as usize % LANES]));
                block.waiting ^= u32::from(seen) << lane;
            }
            if block.waiting != 0 || first + LANES < count {
                self.nearest[self.used] = block.refresh(self.least_of);
                self.used += 1;
            }
        }
    }

    /// The block of the nearest candidate, if there is one whose estimate is below `bound`.
    #[inline(always)]
    fn nearest_block(&self, bound: f32) -> Option<usize> {
        if self.used == 0 {
            return None;
        }
        // SAFETY: `nearest` has whole steps, what lies behind the last block is infinite, and estimates are numbers.
        let block = unsafe { (self.least)(self.nearest.as_ptr(), self.used.next_multiple_of(STEP)) };
        (self.nearest[block] < bound).then_some(block)
    }

    /// The slot of the nearest candidate, which may have been visited meanwhile.
    #[inline]
    pub fn peek(&self) -> Option<u32> {
        self.nearest_block(NOTHING).map(|block| self.blocks[block].nearest())
    }

    /// Takes the nearest candidate that was not visited, if its estimate is below `bound`, and marks it as visited.
    #[inline]
    pub fn pop(&mut self, bound: f32, visited: &mut Visited) -> Option<u32> {
        loop {
            let place = self.nearest_block(bound)?;
            let block = &mut self.blocks[place];
            let slot = block.nearest();
            let new = visited.insert(slot);
            block.waiting &= !(1 << block.lane);
            self.nearest[place] = block.refresh(self.least_of);
            if new {
                return Some(slot);
            }
        }
    }
}

impl Block {
    /// The slot of the nearest of those that wait.
    #[inline(always)]
    fn nearest(&self) -> u32 {
        slot_of(self.links[self.lane as usize % LANES])
    }

    /// Finds the nearest of those that wait.
    #[inline(always)]
    fn refresh(&mut self, least_of: LeastOfFn) -> f32 {
        if self.waiting == 0 {
            return NOTHING;
        }
        // SAFETY: 32 floats, and estimates are numbers.
        self.lane = unsafe { least_of(self.estimates.as_ptr(), self.waiting) };
        self.estimates[self.lane as usize % LANES]
    }
}
