//! Distances along the edges of a graph, estimated from one bit a component.
//!
//! A node's row carries, for each of its neighbours, the signs of the *residual* (neighbour −
//! node) after a random rotation. From those bits and two factors the distance of a query to the
//! neighbour follows with a small, unbiased error (RaBitQ: Gao & Long, *RaBitQ: Quantizing
//! High-Dimensional Vectors with a Theoretical Error Bound*, SIGMOD 2024), and a graph walk needs
//! to fetch the node's row only, not its neighbours (SymphonyQG: Gou et al., *SymphonyQG: Towards
//! Symphonious Integration of Quantization and Graph*, SIGMOD 2025). The inner products of a query
//! with 32 codes are taken at once, by looking up sums of four components in a table that lies in
//! registers (FastScan: André et al., *Cache locality is not enough*, VLDB 2015).
//!
//! | file | what it holds |
//! | --- | --- |
//! | `rotation` | the random rotation |
//! | `code` | writing a neighbour's bits and factors into a lane of a block |
//! | `table` | the sums that a query looks up |
//! | `estimate` | one block of 32 edges against one table |
//! | `frontier` | the candidates of a walk, nearest first |
//! | `ops` | what an instruction set has to offer for these |
//!
//! A *block* is 32 *lanes*, one an edge:
//!
//! | bytes | what |
//! | --- | --- |
//! | 0..64 | `add` of each lane, bf16 |
//! | 64..128 | `rescale` of each lane, bf16 |
//! | 128.. | 16 bytes for each *group* of four components: lane `j` is a nibble of byte `j % 16`, the low one if `j < 16`; bit `i` is set where component `i` of the group is positive |
//!
//! A block may be read while it is written: the reader then sees some mix of old and new bytes,
//! and so a bad estimate, which is all that an estimate promises: nothing here derives an address,
//! a length or a branch from what it reads of a block. Factors are written whole, so that no mix
//! is a NaN that nobody wrote.

mod code;
mod estimate;
pub(crate) mod frontier;
pub(crate) mod ops;
mod rotation;
mod table;
#[cfg(test)]
mod tests;

pub use code::{Sums, clear_lane, copy_lane, differing, factors, rescales, write_code, write_factors};
pub use estimate::{EstimateFn, estimate, estimate_for};
pub use frontier::Frontier;
pub use rotation::Rotation;
pub use table::Table;

use crate::{Isa, available};

/// Edges in a block.
pub const LANES: usize = 32;

/// Components whose signs make up a nibble.
const GROUP: usize = 4;
/// Bytes that a group takes, in a block as in a table.
const GROUP_BYTES: usize = 16;
/// Where `rescale` and the codes begin in a block.
const RESCALE: usize = 2 * LANES;
const CODES: usize = 4 * LANES;

/// Components of a rotated vector: the next multiple of 16, so that codes fill whole registers.
pub const fn padded(dim: usize) -> usize {
    if dim <= 16 { 16 } else { dim.next_multiple_of(16) }
}

/// Bytes of a block of 32 edges between vectors of `padded` components.
pub const fn block_bytes(padded: usize) -> usize {
    CODES + padded / GROUP * GROUP_BYTES
}

/// The functions of one instruction set.
pub(crate) struct Functions {
    pub estimate: EstimateFn,
    pub write_code: code::WriteFn,
    pub fill: table::FillFn,
    pub rotate: rotation::RotateFn,
    pub add: frontier::AddFn,
    pub shift: frontier::ShiftFn,
}

/// The functions of one instruction set; `None` if this machine lacks it.
fn functions_for(isa: Isa) -> Option<&'static Functions> {
    if !available().contains(&isa) {
        return None;
    }
    match isa {
        Isa::Scalar => Some(&crate::scalar::EDGES),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => Some(&crate::avx2::EDGES),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => Some(&crate::avx512::EDGES),
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => Some(&crate::neon::EDGES),
        #[allow(unreachable_patterns)] // the sets of the other architectures
        _ => None,
    }
}

/// The functions of the instruction set in use.
fn functions() -> &'static Functions {
    static CHOSEN: std::sync::OnceLock<&'static Functions> = std::sync::OnceLock::new();
    CHOSEN.get_or_init(|| functions_for(crate::isa()).expect("the set in use is available"))
}

/// Makes the static `EDGES` of an instruction set: the functions over the operations `$ops`,
/// compiled with the given attributes.
macro_rules! edge_functions {
    ($ops:ty, [$($attribute:tt)*]) => {
        /// The arithmetic of edges on this instruction set, which must be there.
        pub(crate) static EDGES: crate::edges::Functions = {
            use crate::edges::frontier::Nearest;
            use crate::edges::{Frontier, Rotation, Sums, Table, ops};

            $($attribute)*
            unsafe fn estimate(table: &Table, block: *const u8, base: f32, out: *mut f32) {
                // SAFETY: the contract of `EstimateFn`; `functions_for` hands this function out
                // only where the instruction set has been found. So too below.
                unsafe { ops::estimate::<$ops>(table, block, base, out) }
            }

            $($attribute)*
            unsafe fn write_code(block: *mut u8, lane: usize, node: &[f32], neighbour: &[f32]) -> Sums {
                // SAFETY: the contract of `WriteFn`.
                unsafe { ops::write_code::<$ops>(block, lane, node, neighbour) }
            }

            $($attribute)*
            unsafe fn fill(table: &mut Table, query: &[f32]) {
                // SAFETY: the contract of `FillFn`.
                unsafe { ops::fill::<$ops>(table, query) }
            }

            $($attribute)*
            unsafe fn rotate(rotation: &Rotation, x: &mut [f32]) {
                // SAFETY: the contract of `RotateFn`.
                unsafe { ops::rotate::<$ops>(rotation, x) }
            }

            $($attribute)*
            unsafe fn add(frontier: &mut Frontier, values: *const f32, ids: *const u32, which: u32, bound: f32, seen: &[u64]) {
                // SAFETY: the contract of `AddFn`.
                unsafe { ops::add::<$ops>(frontier, values, ids, which, bound, seen) }
            }

            $($attribute)*
            unsafe fn shift(nearest: &mut Nearest) {
                // SAFETY: the contract of `ShiftFn`.
                unsafe { ops::shift::<$ops>(nearest) }
            }

            crate::edges::Functions { estimate, write_code, fill, rotate, add, shift }
        };
    };
}
pub(crate) use edge_functions;
