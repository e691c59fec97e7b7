//! When a walk that takes only some along gives up: where fewer match than there are altogether, a scan is soon cheaper.

use super::plan::reach;

/// What such a walk is reckoned against.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// The share that may be answered.
    pub share: f32,
    /// Hops that cost as much as a scan.
    pub hops: f32,
    /// Hops that a walk makes, relative to what [`reach`] says.
    pub hops_of_reach: f32,
}

/// The share of a scan's hops that a walk has to show how many match where it comes to.
const TRIAL: f32 = 0.125;
/// How much longer than a scan a walk may take, when it has, and when it is expected to.
const LONGER: f32 = 1.5;
const EXPECTED_LONGER: f32 = 1.25;
/// What is expected of the share that passes counts for as many nodes as this.
const BELIEF: f32 = 5.0;

impl Patience {
    /// That of a walk that ends by itself.
    pub const ENDLESS: Patience = Patience { share: 1.0, hops: f32::INFINITY, hops_of_reach: 1.0 };

    /// Hops after which a walk gives up in any case.
    pub fn most(self) -> usize {
        (LONGER * self.hops) as usize
    }

    /// Whether a walk for `k` neighbours with a list of `ef`, to which so many nodes came and so many of them passed, is
    /// expected to take much longer than a scan.
    #[inline(always)]
    pub fn is_over(self, came: u32, passed: u32, k: usize, ef: usize) -> bool {
        let (came, passed) = (came as f32, passed as f32);
        if came < TRIAL * self.hops {
            return false;
        }
        let share = (passed + BELIEF * self.share) / (came + BELIEF);
        self.hops_of_reach * reach(true, share, k, ef) - came > EXPECTED_LONGER * self.hops
    }
}
