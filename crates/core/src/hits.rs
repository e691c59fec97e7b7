//! Room for the answers of a batch of queries. It is had at once, but written where the answers are found: nothing is
//! filled before the first query, and a batch that is cancelled touched little of it.

use parking_lot::Mutex;

use crate::error::{Error, Result};
use crate::run::Run;
use crate::types::{Counters, Hits};

/// Places that are filled between two looks at whether the call was cancelled.
const FILL: usize = 1 << 16;

/// Where the hits of one query go.
pub struct Output<'a> {
    ids: &'a mut [i64],
    distances: &'a mut [f32],
    count: &'a mut u32,
    counters: Option<&'a mut Counters>,
}

/// Room for `k` hits of each query: zero pages, which cost nothing until [`Output::write`] comes to them.
pub fn room(queries: usize, k: usize, counters: bool) -> Result<Hits> {
    if k == 0 {
        return Err(Error::invalid("k must be at least 1"));
    }
    let length = queries.checked_mul(k).ok_or_else(|| too_many(queries, k))?;
    let counters = counters.then(|| {
        let mut all = Vec::new();
        all.try_reserve_exact(queries).map_err(|_| too_many(queries, k))?;
        all.resize_with(queries, Counters::default);
        Ok(all)
    });
    Ok(Hits {
        ids: bytemuck::try_zeroed_vec(length).map_err(|()| too_many(queries, k))?,
        distances: bytemuck::try_zeroed_vec(length).map_err(|()| too_many(queries, k))?,
        counts: bytemuck::try_zeroed_vec(queries).map_err(|()| too_many(queries, k))?,
        k,
        counters: counters.transpose()?,
    })
}

/// The places of each query, for whichever thread answers it.
pub fn outputs(hits: &mut Hits) -> Result<Vec<Mutex<Output<'_>>>> {
    let (queries, k) = (hits.counts.len(), hits.k);
    let mut outputs = Vec::new();
    outputs.try_reserve_exact(queries).map_err(|_| too_many(queries, k))?;
    let mut counters = hits.counters.iter_mut().flatten();
    let rows = hits.ids.chunks_mut(k).zip(hits.distances.chunks_mut(k)).zip(&mut hits.counts);
    outputs.extend(rows.map(|((ids, distances), count)| {
        let counters = counters.next();
        Mutex::new(Output { ids, distances, count, counters })
    }));
    Ok(outputs)
}

impl Output<'_> {
    /// Writes the nearest, and marks the places after them as empty.
    pub fn write(
        &mut self,
        nearest: impl ExactSizeIterator<Item = (i64, f32)>,
        cost: &Counters,
        run: &Run,
    ) -> Result<()> {
        let count = nearest.len();
        for (place, (id, distance)) in nearest.enumerate() {
            (self.ids[place], self.distances[place]) = (id, distance);
        }
        let empty = self.ids[count..].chunks_mut(FILL).zip(self.distances[count..].chunks_mut(FILL));
        for (ids, distances) in empty {
            if run.is_cancelled() {
                return Err(Error::Cancelled);
            }
            ids.fill(-1);
            distances.fill(f32::INFINITY);
        }
        *self.count = count as u32;
        if let Some(counters) = &mut self.counters {
            counters.clone_from(cost);
        }
        Ok(())
    }
}

fn too_many(queries: usize, k: usize) -> Error {
    Error::OutOfMemory(format!("{queries} queries x {k} hits"))
}
