//! Sorting what is too long to be sorted while somebody waits for Ctrl-C.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use parking_lot::Mutex;

use crate::error::{Error, Result};
use crate::run::Run;

/// Items that are sorted at once, or visited between two looks at whether the build was cancelled.
const BLOCK: usize = 1 << 16;

/// Visits the items in order.
pub fn in_order<T: Ord + Copy + Send>(mut items: Vec<T>, run: &Run, mut visit: impl FnMut(T)) -> Result<()> {
    let blocks: Vec<Mutex<&mut [T]>> = items.chunks_mut(BLOCK).map(Mutex::new).collect();
    run.for_each_uncounted(
        blocks.len(),
        1,
        || (),
        |(), i| {
            blocks[i].lock().sort_unstable();
            Ok(())
        },
    )?;
    drop(blocks);
    let mut rest: Vec<_> = items.chunks(BLOCK).map(|block| block.iter().copied()).collect();
    let mut heads: BinaryHeap<_> =
        rest.iter_mut().enumerate().filter_map(|(i, block)| Some(Reverse((block.next()?, i)))).collect();
    let mut visited = 0;
    while let Some(Reverse((item, i))) = heads.pop() {
        visit(item);
        heads.extend(rest[i].next().map(|next| Reverse((next, i))));
        visited += 1;
        if visited % BLOCK == 0 && run.is_cancelled() {
            return Err(Error::Cancelled);
        }
    }
    Ok(())
}
