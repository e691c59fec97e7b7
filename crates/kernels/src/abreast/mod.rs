//! Sums of squares over short codes, sixteen rows abreast.
//!
//! Where one query is compared with every row, and a row is few bytes, most of the time of a kernel that takes rows one
//! by one goes into summing registers across their lanes. Here rows lie side by side: a register has four codes of each
//! of sixteen rows, each of its lanes sums for a row of its own, and what follows is done for sixteen rows at once, too:
//! the comparison of the sum with a limit of the row's own.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `block` | how rows lie in a block, and writing one |
//! | `query` | a query, and what sums are held against |
//! | `ops` | what an instruction set has to offer for these, and the loop over blocks |
//!
//! A *block* of sixteen rows, the *lanes*:
//!
//! | bytes | what |
//! | --- | --- |
//! | 0..64 | the sum of the squares of each lane's codes, i32 |
//! | 64..128 | what each lane adds to the reach, f32: an *error* |
//! | 128..192 | where the shape has it, what each lane adds to the bar, f32: a *term* |
//! | then | 64 bytes for each four codes: those of lane 0, of lane 1, and so on, each 128 above its value; codes of 0 fill the last four |
//!
//! Lanes are never mixed. So a lane may be written while others are read: what a reader finds of it may be half old and
//! half new, and nobody asks for the result of a lane that is not yet said to be there.

mod block;
pub(crate) mod ops;
pub(crate) mod query;
#[cfg(test)]
mod tests;

pub use block::Shape;
pub use query::{Bar, Limit, Query};

use crate::{Isa, available};

/// Rows of a block.
pub const LANES: usize = 16;

/// The most codes of a row: so many squares of 127 stay exact in an f32.
pub const MAX_WIDTH: usize = 1024;

/// Sums of a query's blocks, and which are within their limits: `sums[16 * i + lane]` is Σ(q − c)² of a lane of block
/// `i`, exact but for one rounding; a bit of `passed[i]` says that it is not above the [`Limit`].
///
/// # Safety
///
/// `blocks` is readable for `n` blocks of the query's shape, one after another, `sums` writable for `16 n` values and
/// `passed` for `n`. Nothing needs to be aligned. If the limit has a bar, the shape has terms. Other threads may write
/// lanes meanwhile: see [`abreast`](self).
pub type PassFn =
    unsafe fn(query: &Query, limit: &Limit, blocks: *const u8, n: usize, sums: *mut f32, passed: *mut u16);

/// The function of this machine (see [`isa`](crate::isa)).
pub fn pass() -> PassFn {
    pass_for(crate::isa()).expect("the set in use is available")
}

/// The function of one instruction set; `None` if this machine lacks it.
pub fn pass_for(isa: Isa) -> Option<PassFn> {
    if !available().contains(&isa) {
        return None;
    }
    match isa {
        Isa::Scalar => Some(crate::scalar::pass),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => Some(crate::avx2::pass),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => Some(crate::avx512::pass),
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => Some(crate::neon::pass),
        #[allow(unreachable_patterns)] // the sets of the other architectures
        _ => None,
    }
}

/// Makes the `pass` of an instruction set: over the operations `$ops`, `$blocks` blocks side by side, compiled with the
/// given attributes.
macro_rules! pass_function {
    ($ops:ty, $blocks:literal, [$($attribute:tt)*]) => {
        /// A [`PassFn`](crate::abreast::PassFn) of this instruction set, which must be there.
        $($attribute)*
        pub(crate) unsafe fn pass(
            query: &crate::abreast::Query,
            limit: &crate::abreast::Limit,
            blocks: *const u8,
            n: usize,
            sums: *mut f32,
            passed: *mut u16,
        ) {
            // SAFETY: the contract of `PassFn`; `pass_for` hands this function out only where the instruction set has
            // been found.
            unsafe { crate::abreast::ops::pass::<$ops, $blocks>(query, limit, blocks, n, sums, passed) }
        }
    };
}
pub(crate) use pass_function;
