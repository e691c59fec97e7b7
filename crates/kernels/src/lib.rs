//! Arithmetic on vectors: how far one query lies from many rows, on every instruction set.
//!
//! The unit of work is the *batch*: one query against the rows at given addresses, which is what
//! one hop of a graph walk asks for. [`batch`] chooses a function once (form of the quantity,
//! layout of the rows, instruction set), the search then calls it once per hop.
//!
//! | place | what it holds |
//! | --- | --- |
//! | [`reference`](mod@reference) | scalar truth in `f64` and `i64`: the tests' oracle |
//! | `generic/` | each kernel's idea, written once over the operations of an instruction set |
//! | `scalar/`, `avx2/`, `avx512/`, `neon/` | those operations, and the functions compiled for them |
//! | [`tile`] | many queries against many rows, as products of small matrices |
//! | [`levels`] | vectors as bytes, 256 levels from the least component to the greatest |
//! | [`edges`] | 32 edges of a graph at once, from one bit a component |
//! | [`abreast`] | 16 short codes side by side, compared with limits of their own |
//! | `vectorized` | plain loops, compiled for each instruction set |
//! | `detect` | which instruction sets this machine has, and `VICINAL_ISA` |
//!
//! Sums over floats are taken in `f32`: with u = 2⁻²⁴ they are within (len/4 + 11)·u·Σ|term| of
//! the truth, on every instruction set, and usually far nearer. Sums over integers are exact and
//! rounded to `f32` once.
//!
//! This crate is the only home of SIMD `unsafe`.

#[cfg(target_endian = "big")]
compile_error!("kernels read components as little-endian machines store them");

pub mod abreast;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod detect;
pub mod edges;
mod generic;
mod hint;
pub mod levels;
#[cfg(target_arch = "aarch64")]
mod neon;
pub mod reference;
mod scalar;
pub mod tile;
mod vectorized;

pub use detect::{Isa, available, isa, isa_error};
pub use hint::{Feed, prefetch};
pub use vectorized::{Loops, vectorized};

/// How a stored row is laid out, and with it the type of the query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// `f32`, compared with an `f32` query.
    F32,
    /// IEEE half precision, compared with an `f32` query.
    F16,
    /// The high half of an `f32`, rounded to nearest even; compared with an `f32` query.
    Bf16,
    /// `i8`, compared with an `i8` query.
    I8,
    /// `u8`, compared with a `u8` query.
    U8,
    /// Packed bits, compared with packed bits.
    Bits,
    /// `u8`, compared with an `i16` query: see [`levels`]. No |q| is above [`levels::LARGEST`], and 255·Σ|q| fits an
    /// `i32`.
    Levels,
}

impl Code {
    /// Every layout.
    pub const ALL: [Code; 7] = [Code::F32, Code::F16, Code::Bf16, Code::I8, Code::U8, Code::Bits, Code::Levels];

    /// Bytes of one component of a row; for [`Code::Bits`], whose length is counted in bytes, one.
    pub const fn row_bytes(self) -> usize {
        match self {
            Code::F32 => 4,
            Code::F16 | Code::Bf16 => 2,
            Code::I8 | Code::U8 | Code::Bits | Code::Levels => 1,
        }
    }

    /// Bytes of one component of the query.
    pub const fn query_bytes(self) -> usize {
        match self {
            Code::F32 | Code::F16 | Code::Bf16 => 4,
            Code::Levels => 2,
            Code::I8 | Code::U8 | Code::Bits => 1,
        }
    }
}

/// The raw quantity a kernel computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// Σ(q − x)², over numbers.
    SqL2,
    /// Σ q·x, over numbers.
    Dot,
    /// How many bits differ, over packed bits.
    Hamming,
    /// 1 − |q ∧ x| / |q ∨ x|, over packed bits; 0 when both are empty.
    Jaccard,
}

impl Form {
    /// Every form.
    pub const ALL: [Form; 4] = [Form::SqL2, Form::Dot, Form::Hamming, Form::Jaccard];
}

/// The longest row a kernel accepts: integer sums stay exact up to here.
pub const MAX_LEN: usize = 65_536;

/// Compares one query with `n` rows: `out[i]` is the quantity of `query` and `rows[i]`.
///
/// `len` counts components, or bytes for [`Code::Bits`]. Rows to come are prefetched within.
/// Nothing needs to be aligned. Integer sums are exact before the one rounding to `f32`.
///
/// # Safety
///
/// `query` must be readable for `len · query_bytes`, each of `rows[..n]` for `len · row_bytes`,
/// and `out` writable for `n` values; `len` must not exceed [`MAX_LEN`].
pub type BatchFn = unsafe fn(query: *const u8, rows: *const *const u8, n: usize, len: usize, out: *mut f32);

/// The batch kernel of this machine (see [`isa`]).
///
/// # Panics
///
/// If the pair is meaningless: bits have only [`Form::Hamming`] and [`Form::Jaccard`], numbers
/// only [`Form::SqL2`] and [`Form::Dot`], levels only the latter.
pub fn batch(form: Form, code: Code) -> BatchFn {
    batch_for(isa(), form, code).unwrap_or_else(|| panic!("{form:?} is not defined over {code:?}"))
}

/// The batch kernel of one instruction set; `None` if this machine lacks it or the pair is
/// meaningless.
pub fn batch_for(isa: Isa, form: Form, code: Code) -> Option<BatchFn> {
    if !available().contains(&isa) {
        return None;
    }
    match isa {
        Isa::Scalar => scalar::batch(form, code),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => avx2::batch(form, code),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => avx512::batch(form, code),
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => neon::batch(form, code),
        #[allow(unreachable_patterns)] // the sets of the other architectures
        _ => None,
    }
}
