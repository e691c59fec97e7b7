//! Plain loops over the queries of a tile, which the compiler vectorises.

use std::array;

use half::f16;

use super::code::{self, Frame, Lanes, Side, Source};
use super::rows::{Queries, Rows};
use super::sweep::{self, Block, Kernel, Work};
use super::{Coding, PAIR, STEP, TILE, TILE_BYTES, Tiles};

/// [`code::code`] on this unit.
///
/// # Safety
///
/// `source` holds the vectors.
pub(super) unsafe fn code(
    tiles: &Tiles,
    side: Side,
    source: &Source<'_>,
    first: usize,
    frame: &Frame<'_>,
    out: &mut Rows,
) {
    // SAFETY: the same contract.
    unsafe { code::code::<Floats>(tiles, side, source, first, frame, out) }
}

/// 4 floats, as many as the registers of SSE2 and NEON hold.
#[derive(Clone, Copy)]
struct Floats([f32; 4]);

impl Floats {
    #[inline(always)]
    fn with(self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        Floats(array::from_fn(|i| f(self.0[i], other.0[i])))
    }
}

impl Lanes for Floats {
    const N: usize = 4;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        Floats([x; 4])
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: readable for 4 floats.
        Floats(unsafe { from.cast::<[f32; 4]>().read() })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: writable for 4 floats.
        unsafe { to.cast::<[f32; 4]>().write(self.0) }
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        self.with(other, |a, b| a - b)
    }

    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        self.with(other, |a, b| a * b)
    }

    #[inline(always)]
    unsafe fn mul_add(self, a: Self, b: Self) -> Self {
        Floats(array::from_fn(|i| self.0[i] * a.0[i] + b.0[i]))
    }

    #[inline(always)]
    unsafe fn max_abs(self, other: Self) -> Self {
        self.with(other, |a, b| if a > b.abs() { a } else { b.abs() })
    }

    #[inline(always)]
    unsafe fn total(self) -> f32 {
        (self.0[0] + self.0[2]) + (self.0[1] + self.0[3])
    }

    #[inline(always)]
    unsafe fn greatest(self) -> f32 {
        self.0.iter().fold(f32::NEG_INFINITY, |a, &b| a.max(b))
    }

    #[inline(always)]
    unsafe fn bf16(self, to: *mut u16) -> Self {
        let rounded = self.0.map(|x| {
            let bits = x.to_bits();
            (bits + 0x7fff + (bits >> 16 & 1)) >> 16
        });
        // SAFETY: writable for 4 codes.
        unsafe { to.cast::<[u16; 4]>().write_unaligned(rounded.map(|code| code as u16)) };
        Floats(rounded.map(|code| f32::from_bits(code << 16)))
    }

    #[inline(always)]
    unsafe fn shorts(self, to: *mut u16) -> Self {
        /// 1.5 · 2^23: added to a small number, it leaves the nearest integer in the low bits.
        const MAGIC: f32 = 12_582_912.0;
        let moved = self.0.map(|x| x + MAGIC);
        // SAFETY: writable for 4 codes.
        unsafe { to.cast::<[u16; 4]>().write_unaligned(moved.map(|x| x.to_bits() as u16)) };
        Floats(moved.map(|x| x - MAGIC))
    }

    #[inline(always)]
    unsafe fn halves(from: &[u8], to: &mut [f32]) {
        halves_portable(from, to);
    }

    #[inline(always)]
    unsafe fn sums(bytes: &[u8], signed: bool) -> (u32, i32) {
        sums_portable(bytes, signed)
    }

    #[inline(always)]
    unsafe fn ones(bytes: &[u8]) -> u32 {
        ones_portable(bytes)
    }

    #[inline(always)]
    unsafe fn spread(bits: u64) -> [u8; 64] {
        spread_portable(bits)
    }
}

/// Half precision to f32, where there is no instruction for it.
pub(super) fn halves_portable(from: &[u8], to: &mut [f32]) {
    let halves = from.as_chunks::<2>().0;
    to.iter_mut().zip(halves).for_each(|(x, half)| *x = f16::from_le_bytes(*half).to_f32());
}

/// The sum of the squares of bytes, and their sum.
pub(super) fn sums_portable(bytes: &[u8], signed: bool) -> (u32, i32) {
    bytes.iter().fold((0, 0), |(square, sum), &x| {
        let x = if signed { i32::from(x as i8) } else { i32::from(x) };
        (square + (x * x) as u32, sum + x)
    })
}

/// How many bits are set.
#[inline(always)]
pub(super) fn ones_portable(bytes: &[u8]) -> u32 {
    let (words, rest) = bytes.as_chunks::<8>();
    let words: u32 = words.iter().map(|word| u64::from_ne_bytes(*word).count_ones()).sum();
    words + rest.iter().map(|byte| byte.count_ones()).sum::<u32>()
}

/// A byte of 0 or 1 for each bit.
pub(super) fn spread_portable(bits: u64) -> [u8; 64] {
    array::from_fn(|i| (bits >> i & 1) as u8)
}

/// [`sweep::work`] on this unit.
///
/// # Safety
///
/// The operands belong together.
pub(super) unsafe fn work(coding: Coding, rows: &mut Rows, queries: &Queries, work: Work<'_>) {
    // SAFETY: the same contract; this unit is always there.
    unsafe {
        match coding {
            Coding::Float => sweep::work::<Products>(rows, queries, work),
            Coding::Words => sweep::work::<Words>(rows, queries, work),
            coding => unreachable!("{coding:?} is not a coding of this unit"),
        }
    }
}

/// Rows whose sums are kept in registers at once, as far as there are registers.
const DEEP: usize = if cfg!(target_arch = "x86_64") { 2 } else { 4 };

macro_rules! kernel {
    ($kernel:ident, $sum:ty, $word:ty, $begin:expr, $add:expr) => {
        struct $kernel;

        impl Kernel for $kernel {
            type Sum = $sum;

            #[inline(always)]
            unsafe fn multiply(
                rows: &Rows,
                row: usize,
                queries: &Queries,
                query: usize,
                both: bool,
                out: &mut Block<$sum>,
            ) {
                for r in (0..PAIR).step_by(DEEP) {
                    for c in 0..1 + usize::from(both) {
                        let mut sums: [[$sum; TILE]; DEEP] =
                            array::from_fn(|i| [$begin(rows.begin[row + r + i]); TILE]);
                        let mut a = rows.tile(row + r).wrapping_add(r % TILE * STEP);
                        let mut b = queries.tile(query + c * TILE);
                        for _ in 0..rows.steps() {
                            // SAFETY: the caller's promise; a step of words begins here.
                            let x = unsafe { &*a.cast::<[[$word; TILE]; DEEP]>() };
                            // SAFETY: the same.
                            let q = unsafe { &*b.cast::<[[$word; TILE]; TILE]>() };
                            for (word, q) in q.iter().enumerate() {
                                for (sums, x) in sums.iter_mut().zip(x) {
                                    for (sum, &q) in sums.iter_mut().zip(q) {
                                        *sum = $add(*sum, x[word], q);
                                    }
                                }
                            }
                            a = a.wrapping_add(TILE_BYTES);
                            b = b.wrapping_add(TILE_BYTES);
                        }
                        out.0[r / TILE][c][r % TILE..][..DEEP].copy_from_slice(&sums);
                    }
                }
            }
        }
    };
}
kernel!(Products, f32, f32, f32::from_bits, multiply_add);
kernel!(Words, i32, u32, |begin| begin as i32, |sum, x: u32, q: u32| sum + (x & q).count_ones() as i32);

/// Fused where that is an instruction and not a function.
#[inline(always)]
fn multiply_add(sum: f32, x: f32, q: f32) -> f32 {
    if cfg!(target_arch = "aarch64") { x.mul_add(q, sum) } else { sum + x * q }
}
