//! Proofs that nothing nearer was missed.
//!
//! A search finds `k` neighbours by any means; the distance of the last is a bar. What remains to be shown of every
//! other row is that it lies above the bar, and most rows lie so far above it that a rough look is enough, if it is
//! known how rough the look is. A [`Table`] keeps a short code of each row for that, and a [`Probe`] holds a query
//! against the codes; only rows that the codes can't exclude are measured. No step of it is a matter of chance.
//!
//! # The bound
//!
//! Let `A` be a matrix whose rows are the *axes*, `μ` a centre, and `σ` at least the largest factor by which `A`
//! stretches a vector (its spectral norm). For a row `x` and a query `q`, with codes `c` and `d` (whole numbers, in
//! steps of `s`) of their coordinates `A (x - μ)` and `A (q - μ)`, which are off by at most `e` and `f`:
//!
//! `σ |x - q| >= |A (x - q)| >= s |c - d| - e - f`
//!
//! The first is the meaning of `σ`, the second the triangle inequality. It holds of any axes, any centre and any step,
//! and of the first few coordinates alone. So nothing that is learned from the data has a say in whether an answer is
//! right: not the axes, which are the principal ones of a sample (the caller finds them; it is the first coordinates
//! that tell most rows apart then), nor the step. Rows that came later and lie elsewhere have a large `e`, which keeps
//! them from being excluded.
//!
//! | quantity | how it is bounded |
//! | --- | --- |
//! | `σ` | by the largest sum of absolute values in a row of `A Aᵀ`, an upper bound of its square, in f64 |
//! | `A (x - μ)` in f64 | off by `(dim + 4) 2^-53` times norms: `ROUND` |
//! | `e` | computed for each row from its own code, rounded up and kept in f32 |
//! | `\|c - d\|²` | a whole number; sums in f32 lose less than `SLACK` of it |
//!
//! # Metrics
//!
//! Everything is about Euclidean distances. Cosine distance is half the squared distance of vectors of length 1. An
//! inner product follows from the distance and the norms: `-<q, x> = (|q - x|² - |q|² - |x|²) / 2`, for the query
//! multiplied by any positive number, which changes no order; so it is brought to about the length of the rows. Bits
//! have no table: there a scan is the certificate.
//!
//! # Stages
//!
//! The codes lie in several arenas: the first coordinates of all rows in one, twice as many in the next, and so on.
//! The first is streamed from end to end, and has sixteen rows abreast, which costs half of what rows one by one cost;
//! of the others only the lines of rows that are still in question are read, so there rows lie one after another.
//!
//! # Unsafe code
//!
//! Codes lie in arenas, as vectors do, for the same reason: a table grows while it is read. What a reader may ask for is
//! what the arenas' contracts say: a slot that was coded, which nobody writes before all readers of that time are gone.
//! [`Table::write`] and [`screen()`] pass that on to the index, which knows readers and writers. Rows of 32 bytes are too
//! short for a lock or a check each: all of a proof takes 4 ns a row.

mod frame;
mod probe;
mod screen;
mod table;
#[cfg(test)]
mod tests;

pub use frame::Basis;
pub use probe::Probe;
pub use screen::{Screened, screen};
pub use table::{Scratch, TOGETHER, Table};

/// An f32 at or above `x`; infinity where `x` is no number.
fn up(x: f64) -> f32 {
    let near = x as f32;
    match f64::from(near) >= x {
        true => near,
        false if x.is_nan() => f32::INFINITY,
        false => near.next_up(),
    }
}

/// An f32 at or below `x`.
fn down(x: f64) -> f32 {
    let near = x as f32;
    if f64::from(near) <= x { near } else { near.next_down() }
}
