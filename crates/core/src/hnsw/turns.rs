//! Walks that take turns: while what one wants comes from memory, the others hop.

use std::sync::OnceLock;

use vicinal_kernels::Feed;

use super::observe::Observer;
use super::scratch::Scratch;
use super::search_codes::CodeWalk;
use crate::filter::Admission;
use crate::vectors::Scorer;

/// How many walks take turns. More of them push each other's rows out of the caches again.
pub const INTERLEAVED: usize = 4;

/// How many queries of a batch take turns: [`INTERLEAVED`], or as few as `VICINAL_WALKS` says. So what the turns are worth
/// can be measured, and the engine be compared with those that answer one query after the other.
pub fn interleaved() -> usize {
    static WALKS: OnceLock<usize> = OnceLock::new();
    *WALKS.get_or_init(|| {
        let wanted = std::env::var("VICINAL_WALKS").ok().and_then(|walks| walks.parse().ok());
        wanted.unwrap_or(INTERLEAVED).clamp(1, INTERLEAVED)
    })
}

/// Makes all hops of up to [`INTERLEAVED`] walks, then ends them, each with buffers and an observer of its own.
pub fn take_turns<S: Scorer, A: Admission, O: Observer>(
    walks: &mut [Option<CodeWalk<'_, S, A>>; INTERLEAVED],
    lanes: &mut [impl AsMut<Scratch>],
    watching: &mut [O],
) {
    let mut walking = walks.iter().flatten().count();
    let mut feed = Feed::default();
    while walking > 0 {
        for ((walk, lane), watch) in walks.iter_mut().zip(lanes.iter_mut()).zip(watching.iter_mut()) {
            let scratch = lane.as_mut();
            if walk.as_mut().is_some_and(|walk| !walk.hop(scratch, walking == 1, &mut feed, watch)) {
                walk.take().into_iter().for_each(|walk| walk.end(scratch));
                walking -= 1;
            }
        }
    }
}
