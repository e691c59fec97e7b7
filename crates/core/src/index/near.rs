//! What is near, asked otherwise than by a number of neighbours: all within a distance, the distances of given ids, the
//! links of a node.

use super::Index;
use crate::error::{Error, Result};
use crate::filter::Filter;
use crate::flat::{self, Measure};
use crate::hnsw::slot_of;
use crate::run::Run;
use crate::types::{Matrix, Metric, Params};
use crate::vectors::check_queries;

/// Neighbours of a batch of queries, as many as each has.
#[derive(Clone, Debug, Default)]
pub struct Ragged {
    /// The ids of all queries, one after another, nearest first.
    pub ids: Vec<i64>,
    /// Their distances.
    pub distances: Vec<f32>,
    /// Where each query's begin, and the end of the last.
    pub offsets: Vec<i64>,
}

impl Index {
    /// All vectors within `radius` of each query, or the nearest `limit` of them. Every vector that the filter allows
    /// is compared, so none is missed.
    pub fn search_radius(
        &self,
        queries: Matrix<'_>,
        radius: f64,
        limit: Option<usize>,
        filter: Option<Filter<'_>>,
        run: &Run,
    ) -> Result<Ragged> {
        let Params { dim, metric, dtype, .. } = self.params;
        check_queries(queries, dim, metric, dtype)?;
        if radius.is_nan() || (radius < 0.0 && metric != Metric::Ip) {
            return Err(Error::invalid(format!("the radius must be a distance, 0 or more, not {radius}")));
        }
        let _slots_stay = self.readers.enter();
        let allowed = filter.map(|filter| self.allowed(filter)).transpose()?;
        let allowed = allowed.as_deref();
        self.check_rows(allowed, run)?;
        let space = self.vectors.space();
        let allowed = allowed.map(|set| (set, self.copies_pay(set)));
        let mut near = self
            .with_rows_to_scan(allowed, |blocks, subset| flat::within(blocks, subset, space, queries, radius, run))?;
        let mut answer = Ragged { offsets: vec![0], ..Ragged::default() };
        for of_query in &mut near {
            of_query.truncate(limit.unwrap_or(usize::MAX));
            for &mut (distance, slot) in of_query {
                self.vectors.check_given(slot);
                answer.ids.push(self.ids.id(slot));
                answer.distances.push(distance);
            }
            answer.offsets.push(answer.ids.len() as i64);
        }
        self.undamaged().map(|()| answer)
    }

    /// The distance of each id's vector from a query.
    pub fn distances(&self, query: Matrix<'_>, ids: &[i64]) -> Result<Vec<f32>> {
        let Params { dim, metric, dtype, .. } = self.params;
        check_queries(query, dim, metric, dtype)?;
        if query.rows != 1 {
            return Err(Error::invalid(format!("distances are measured from one query, not {}", query.rows)));
        }
        let _slots_stay = self.readers.enter();
        let mut measure = Measure::new(self.vectors.space(), query.bytes);
        let distances = ids.iter().map(|&id| {
            let slot = self.slot_of_id(id)?;
            self.vectors.check_given(slot);
            // SAFETY: slots of the index were written.
            Ok(measure.distance(unsafe { self.vectors.plane(slot) }))
        });
        let distances = distances.collect();
        self.undamaged().and(distances)
    }

    /// The ids that an id's node links to on a layer. A vector that equals another one is no node, and links to none.
    pub fn neighbors_of(&self, id: i64, layer: usize) -> Result<Vec<i64>> {
        let _slots_stay = self.readers.enter();
        let slot = self.slot_of_id(id)?;
        let level = self.graph.row(slot, 0).level();
        if layer > level {
            return Err(Error::invalid(format!("id {id} is on the layers 0 to {level}, not on layer {layer}")));
        }
        let mut links = vec![0; self.graph.capacity(layer)];
        let degree = self.graph.row(slot, layer).read(&mut links);
        // Links to removed vectors are on their way out, and those to vectors of an add under way on their way in.
        let ids = links[..degree].iter().filter_map(|&link| self.name(slot_of(link))).collect();
        self.undamaged().map(|()| ids)
    }

    fn slot_of_id(&self, id: i64) -> Result<u32> {
        let slot = self.ids.slot(id, &self.live);
        self.undamaged()?;
        slot.ok_or(Error::NotFound { id })
    }
}
