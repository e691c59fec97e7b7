//! Ball carving: points by the leaders that they are nearest to, again and again until the parts are small.

use parking_lot::Mutex;
use vicinal_kernels::tile::{Limits, TILE};

use super::super::pool::Candidate;
use super::frame::Shared;
use crate::error::Result;
use crate::run::Run;

/// Most points of a part. Within a part all are compared with all.
pub const PART: usize = 1024;
/// Points whose leaders are found at once.
const BLOCK: usize = 512;
/// Most leaders at a time.
const LEADERS: usize = 4096;
/// Parts smaller than this are put together.
const SMALL: usize = 64;
/// Rounds after which points that leaders can't tell apart are dealt out as they come.
const ROUNDS: usize = 12;

/// Points in parts.
pub struct Carved {
    /// The parts.
    pub parts: Vec<Vec<u32>>,
    /// Of each point in turn the leaders that it is nearest to, and their distances; nothing if one part holds all.
    pub leaders: Vec<Candidate>,
}

/// Carves points into parts. Each point is in about `fan_out` of them, and in one at least.
pub fn carve(shared: &Shared<'_>, points: &[u32], fan_out: usize, run: &Run) -> Result<Carved> {
    let mut parts = Vec::new();
    let mut first_leaders = None;
    let mut open = vec![(points.to_vec(), fan_out, 0)];
    while let Some((points, fan_out, round)) = open.pop() {
        if points.len() <= PART {
            parts.push(points);
            continue;
        }
        if round == ROUNDS {
            parts.extend(points.chunks(PART).map(<[u32]>::to_vec));
            continue;
        }
        // Parts are half full on average, so that few must be carved again.
        let wanted = 2 * points.len() * fan_out / PART;
        // What takes two rounds fans out in both.
        let (now, next) = if wanted <= LEADERS { (fan_out, 1) } else { (fan_out.div_ceil(2), fan_out.min(2)) };
        let leaders = sample(&points, wanted.clamp(2 * now, LEADERS), round as u64);
        let nearest = nearest_leaders(shared, &points, &leaders, now, run)?;
        let mut of_leaders = vec![Vec::new(); leaders.len()];
        for (&point, nearest) in points.iter().zip(nearest.chunks_exact(now)) {
            nearest.iter().for_each(|leader| of_leaders[leader.slot() as usize].push(point));
        }
        first_leaders.get_or_insert_with(|| {
            nearest.iter().map(|c| Candidate::new(c.score(), leaders[c.slot() as usize])).collect::<Vec<_>>()
        });
        let mut small = Vec::new();
        for part in of_leaders {
            if part.len() >= SMALL {
                open.push((part, next, round + 1));
                continue;
            }
            small.extend(part);
            if small.len() > PART - SMALL {
                parts.push(unique(std::mem::take(&mut small)));
            }
        }
        parts.push(unique(small));
    }
    parts.retain(|part| !part.is_empty());
    Ok(Carved { parts, leaders: first_leaders.unwrap_or_default() })
}

fn unique(mut points: Vec<u32>) -> Vec<u32> {
    points.sort_unstable();
    points.dedup();
    points
}

/// The `fan_out` nearest leaders of each point in turn, nearest first, by their numbers.
fn nearest_leaders(
    shared: &Shared<'_>,
    points: &[u32],
    leaders: &[u32],
    fan_out: usize,
    run: &Run,
) -> Result<Vec<Candidate>> {
    let centre = shared.centre(leaders);
    let nearest: Vec<Mutex<Vec<Candidate>>> = points.chunks(BLOCK).map(|_| Mutex::default()).collect();
    run.for_each_uncounted(
        nearest.len(),
        1,
        || shared.rows(leaders, &centre),
        |rows, i| {
            let block = &points[i * BLOCK..points.len().min((i + 1) * BLOCK)];
            let queries = shared.queries(block, &centre);
            let squares = queries.squares();
            let mut limits = Limits::new(block.len());
            let mut best: Vec<Vec<Candidate>> = block.iter().map(|_| Vec::with_capacity(2 * fan_out + TILE)).collect();
            shared.tiles().sweep(rows, &queries, &mut limits, &mut |_, hits, limits| {
                let query = hits[0].query as usize;
                let best = &mut best[query];
                best.extend(hits.iter().map(|hit| Candidate::new(squares[query] - 2.0 * hit.value, hit.row)));
                if best.len() >= 2 * fan_out {
                    best.select_nth_unstable(fan_out - 1);
                    best.truncate(fan_out);
                    limits.set(query, 0.0, 0.5 * (squares[query] - best[fan_out - 1].score()));
                }
            });
            for best in &mut best {
                best.sort_unstable();
                best.truncate(fan_out);
            }
            *nearest[i].lock() = best.concat();
            Ok(())
        },
    )?;
    Ok(nearest.into_iter().flat_map(Mutex::into_inner).collect())
}

/// Some of the points, each as likely as any other: the first of a shuffle.
fn sample(points: &[u32], count: usize, seed: u64) -> Vec<u32> {
    let mut points = points.to_vec();
    let mut state = seed ^ u64::from(points[0]) << 32;
    for i in 0..count {
        // Knuth's generator (MMIX); its upper bits are the good ones.
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        let other = i + (state >> 33) as usize % (points.len() - i);
        points.swap(i, other);
    }
    points.truncate(count);
    points
}
