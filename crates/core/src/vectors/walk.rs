//! What walks measure: the rows of the walk's plane, or the code that each node's row in the graph has of the node itself.

use vicinal_kernels::levels;

use super::form::{Codes, Form};
use super::scorer::{Adjust, CodeScorer, LevelScores, Rows};
use super::store::{Vectors, inverse_norm};
use crate::flat::{Plane, floats};
use crate::types::{Dtype, Metric};

impl Vectors {
    /// A scorer of what the walk reads: `own`, if the graph's rows have that, or else the walk's plane.
    pub fn scorer<'a>(&'a self, query: &'a [u8], own: Option<Rows<'a>>) -> CodeScorer<'a> {
        let dtype = if self.dtype.is_float() { Dtype::F32 } else { self.dtype };
        self.scorer_along(query, if self.metric == Metric::Cosine { inverse_norm(dtype, query) } else { 1.0 }, own)
    }

    /// The same for a stored vector, whose norm is known: that of a slot, which [`Vectors::read_query`] gave.
    pub fn scorer_from<'a>(&'a self, slot: u32, query: &'a [u8], own: Option<Rows<'a>>) -> CodeScorer<'a> {
        self.scorer_along(query, self.inverse_norm_of(slot), own)
    }

    /// A scorer from a query whose inverse norm is known, under cosine.
    fn scorer_along<'a>(&'a self, query: &'a [u8], inverse_norm: f32, own: Option<Rows<'a>>) -> CodeScorer<'a> {
        let in_levels = matches!(self.form, Form::Levels { .. }) || (own.is_some() && self.dtype.is_float());
        let rows = own.unwrap_or(Rows { arena: &self.walk, start: 0 });
        if in_levels {
            let mut vector = vec![0.0; self.dim];
            floats(Dtype::F32, Plane::Whole(query), &mut vector);
            let adjust = Adjust::Levels(LevelScores::new(&vector, self.metric, inverse_norm));
            let kernel = vicinal_kernels::batch(vicinal_kernels::Form::Dot, vicinal_kernels::Code::Levels);
            return CodeScorer { kernel, query, rows, len: self.dim, bytes: levels::row_bytes(self.dim), adjust };
        }
        let adjust = match (self.metric, &self.aux) {
            (Metric::Cosine, Some(aux)) => Adjust::Cosine { inverse_norms: aux, inverse_norm },
            (Metric::Ip, _) => Adjust::Negate,
            _ => Adjust::None,
        };
        let kernel = vicinal_kernels::batch(self.metric.form(), self.walk_plane(&[]).0.code());
        let (len, bytes) = (self.dtype.kernel_len(self.dim), self.form.walk_bytes(self.dim));
        CodeScorer { kernel, query, rows, len, bytes, adjust }
    }

    /// The code of a slot's own vector, [`Codes::own`] bytes: levels of floats, other numbers as they are.
    ///
    /// # Safety
    /// The slot was written.
    pub unsafe fn own_code(&self, slot: u32, code: &mut [u8]) {
        // SAFETY: the caller's promise, and written rows are immutable.
        let walked = unsafe { self.walk.bytes(slot) };
        match self.form {
            Form::Levels { .. } => code.copy_from_slice(walked),
            Form::Whole(dtype) if !dtype.is_float() => code.copy_from_slice(walked),
            Form::Whole(_) | Form::Split => {
                let mut vector = vec![0.0; self.dim];
                // SAFETY: as above.
                floats(self.form.measured(), unsafe { self.plane(slot) }, &mut vector);
                self.encode(&vector, code);
            }
        }
    }

    /// Whether walks read less than the stored row, so that final candidates are worth measuring again. `codes` are those
    /// of the graph's rows.
    pub fn walks_rounded(&self, codes: Codes) -> bool {
        match self.form {
            Form::Whole(dtype) => codes.own > 0 && dtype.is_float(),
            Form::Split | Form::Levels { .. } => true,
        }
    }
}
