//! A random rotation, by fast Hadamard transforms.

use core::array;

use super::ops::Edges;
use super::{functions, padded};

/// Rounds of random signs and a transform.
const ROUNDS: usize = 4;
/// The round before which the two halves of the vector are added and subtracted.
const HALFWAY: usize = 2;

/// The part of [`Rotation::apply`] that instruction sets do, in place.
///
/// # Safety
///
/// The vector is as long as the rotation's [`padded`](Rotation::padded).
pub(crate) type RotateFn = unsafe fn(rotation: &Rotation, x: &mut [f32]);

/// A random orthonormal map of vectors, padded with zeros to a multiple of 16 components.
///
/// It spreads every vector over all components, which is what makes the signs of a residual tell
/// its direction (RaBitQ, §3.1.2), and keeps inner products up to rounding. A product with a
/// dense random matrix would cost dim² operations; this is the structured kind, a few rounds of
/// random signs and a Hadamard transform (Ailon & Chazelle, *The fast Johnson–Lindenstrauss
/// transform*, 2009), at dim · log dim.
///
/// The transform wants a power of two. Where the vector is none, rounds take in turn the first
/// and the last block of the largest power of two that fits. After one of each every component
/// is spread over a block, but blocks that hardly overlap have hardly exchanged energy (496
/// components: two blocks of 256); so halfway the halves of the vector are added and subtracted.
/// N.B. Doing that between all rounds is worse: it moves what one block leaves out to where the
/// next block leaves it out again.
#[derive(Clone, Debug)]
pub struct Rotation {
    dim: usize,
    padded: usize,
    /// What each round first multiplies by: a random sign, and the factor that makes the round's
    /// transform, and the additions before it, orthonormal.
    diagonals: Vec<f32>,
}

impl Rotation {
    /// The rotation of vectors of `dim` components that the seed stands for.
    pub fn new(dim: usize, seed: u64) -> Self {
        let padded = padded(dim);
        let mut random = SplitMix(seed);
        let mut word = 0;
        let mut sign = |i: usize| {
            if i.is_multiple_of(64) {
                word = random.next();
            }
            if word >> (i % 64) & 1 == 1 { 1.0 } else { -1.0 }
        };
        let diagonals = (0..ROUNDS * padded).map(|i| {
            let (round, at) = (i / padded, i % padded);
            let block = block(padded, round);
            let transform = if block.contains(&at) { (block.len() as f64).sqrt().recip() } else { 1.0 };
            let half = half(padded);
            let halves = round == HALFWAY && (at < half || at >= padded - half);
            let additions = if halves { 0.5f64.sqrt() } else { 1.0 };
            (sign(i) * transform * additions) as f32
        });
        Rotation { dim, padded, diagonals: diagonals.collect() }
    }

    /// Components of a rotated vector.
    pub fn padded(&self) -> usize {
        self.padded
    }

    /// Rotates `x` into `out`.
    ///
    /// # Panics
    ///
    /// If `x` isn't of `dim` components or `out` not of [`padded`](Self::padded).
    pub fn apply(&self, x: &[f32], out: &mut [f32]) {
        self.apply_with(functions().rotate, x, out);
    }

    /// [`apply`](Self::apply) on the instruction set that `rotate` is of.
    pub(super) fn apply_with(&self, rotate: RotateFn, x: &[f32], out: &mut [f32]) {
        assert_eq!(x.len(), self.dim, "the rotation is of other vectors");
        assert_eq!(out.len(), self.padded, "rotated vectors have other lengths");
        out[..self.dim].copy_from_slice(x);
        out[self.dim..].fill(0.0);
        // SAFETY: the length was checked.
        unsafe { rotate(self, out) };
    }
}

/// The components that a round transforms.
fn block(padded: usize, round: usize) -> core::ops::Range<usize> {
    let n = 1 << padded.ilog2();
    if round.is_multiple_of(2) { 0..n } else { padded - n..padded }
}

/// How many components at each end take part in the additions halfway: whole sixteens, so
/// that a sixteen in the middle may be left out, and none where the block is the vector.
fn half(padded: usize) -> usize {
    if padded.is_power_of_two() { 0 } else { padded / 32 * 16 }
}

/// Steele, Lea & Flood's generator, 2014.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// A [`RotateFn`] over the operations `T`.
///
/// # Safety
///
/// As `RotateFn`; and the instruction set is there.
#[inline(always)]
pub(crate) unsafe fn rotate_with<T: Edges>(rotation: &Rotation, x: &mut [f32]) {
    let padded = rotation.padded;
    debug_assert_eq!(x.len(), padded);
    let x = x.as_mut_ptr();
    let half = half(padded);
    for (round, diagonal) in rotation.diagonals.chunks_exact(padded).enumerate() {
        let diagonal = diagonal.as_ptr();
        let block = block(padded, round);
        // SAFETY: all places are below `padded`, a multiple of 16, of which all ends of ranges
        // are multiples too; registers have no more than 16 lanes.
        unsafe {
            if round == HALFWAY {
                for at in (0..half).step_by(T::LANES) {
                    let (low, high) = (x.add(at), x.add(padded - half + at));
                    let (a, b) = (T::f32(low.cast()), T::f32(high.cast()));
                    T::store(low, T::add(a, b));
                    T::store(high, T::sub(a, b));
                }
            }
            for at in (0..block.start).chain(block.end..padded).step_by(T::LANES) {
                let v = T::mul(T::f32(x.add(at).cast()), T::f32(diagonal.add(at).cast()));
                T::store(x.add(at), v);
            }
            transform::<T>(x.add(block.start), diagonal.add(block.start), block.len());
        }
    }
}

/// Multiplies `n` components, a power of two ≥ 16, by a diagonal, then transforms them.
///
/// # Safety
///
/// Both are of `n` components; and the instruction set is there.
#[inline(always)]
unsafe fn transform<T: Edges>(x: *mut f32, diagonal: *const f32, n: usize) {
    let registers = n / T::LANES;
    let mut stride = 1;
    loop {
        // SAFETY: the passes stay within `registers`.
        unsafe {
            let radix = T::RADIX.min(registers / stride);
            match radix {
                1 => pass::<T, 1>(x, diagonal, registers, stride),
                2 => pass::<T, 2>(x, diagonal, registers, stride),
                4 => pass::<T, 4>(x, diagonal, registers, stride),
                8 => pass::<T, 8>(x, diagonal, registers, stride),
                _ => pass::<T, 16>(x, diagonal, registers, stride),
            }
            stride *= radix;
        }
        if stride == registers {
            return;
        }
    }
}

/// The butterflies among `N` registers that lie `stride` apart; in the first pass, whose stride
/// is 1, after the diagonal and the butterflies within each register.
///
/// # Safety
///
/// `registers`, a multiple of `N · stride`, are readable from both addresses.
#[inline(always)]
unsafe fn pass<T: Edges, const N: usize>(x: *mut f32, diagonal: *const f32, registers: usize, stride: usize) {
    // SAFETY: the same contract.
    unsafe {
        for start in (0..registers).step_by(N * stride) {
            for first in start..start + stride {
                let at = |k: usize| (first + k * stride) * T::LANES;
                let mut v: [T::V; N] = array::from_fn(|k| T::f32(x.add(at(k)).cast()));
                if stride == 1 {
                    let d: [T::V; N] = array::from_fn(|k| T::f32(diagonal.add(at(k)).cast()));
                    v = array::from_fn(|k| T::hadamard(T::mul(v[k], d[k])));
                }
                v = butterflies::<T, N, 1>(v);
                v = butterflies::<T, N, 2>(v);
                v = butterflies::<T, N, 4>(v);
                v = butterflies::<T, N, 8>(v);
                for (k, &v) in v.iter().enumerate() {
                    T::store(x.add(at(k)), v);
                }
            }
        }
    }
}

/// Sums and differences of registers `H` apart, if there are that many.
///
/// # Safety
///
/// The instruction set is there.
#[inline(always)]
unsafe fn butterflies<T: Edges, const N: usize, const H: usize>(v: [T::V; N]) -> [T::V; N] {
    if H >= N {
        return v;
    }
    // SAFETY: the instruction set is there.
    array::from_fn(|i| unsafe { if i & H == 0 { T::add(v[i], v[i | H]) } else { T::sub(v[i ^ H], v[i]) } })
}
