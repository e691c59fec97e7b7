//! A random rotation, by fast Hadamard transforms.

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

    /// Rotates a vector in place: its `dim` components, then zeros up to [`padded`](Self::padded).
    ///
    /// # Panics
    ///
    /// If there are not `padded` of them.
    pub fn apply(&self, x: &mut [f32]) {
        self.apply_with(functions().rotate, x);
    }

    /// [`apply`](Self::apply) on the instruction set that `rotate` is of.
    pub(super) fn apply_with(&self, rotate: RotateFn, x: &mut [f32]) {
        assert_eq!(x.len(), self.padded, "rotated vectors have other lengths");
        debug_assert!(x[self.dim..].iter().all(|&x| x == 0.0), "what pads a vector is zeros");
        // SAFETY: the length was checked.
        unsafe { rotate(self, x) };
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

/// Repeats a block for each number below `n`, which is no more than 16. Not a loop: the compiler
/// doesn't unroll all loops of this kind, and where it doesn't, registers become memory.
macro_rules! each {
    ($i:ident < $n:ident, $body:block) => {
        each!($i $n $body 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15)
    };
    ($i:ident $n:ident $body:block $($number:literal)*) => {
        $({
            let $i = $number;
            if $i < $n $body
        })*
    };
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
            for rest in [0..block.start, block.end..padded] {
                for at in rest.step_by(T::LANES) {
                    let v = T::mul(T::f32(x.add(at).cast()), T::f32(diagonal.add(at).cast()));
                    T::store(x.add(at), v);
                }
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
    // SAFETY: each step is told how many registers there are, at least as many as it works on.
    unsafe {
        let mut stride = match registers {
            16.. if T::RADIX == 16 => first::<T, 16>(x, diagonal, registers),
            8.. => first::<T, 8>(x, diagonal, registers),
            4.. => first::<T, 4>(x, diagonal, registers),
            2.. => first::<T, 2>(x, diagonal, registers),
            _ => first::<T, 1>(x, diagonal, registers),
        };
        while stride < registers {
            stride = match registers / stride {
                4.. => next::<T, 4>(x, registers, stride),
                _ => next::<T, 2>(x, registers, stride),
            };
        }
    }
}

/// The diagonal, the butterflies within each register, and those among `N` in a row, which is
/// the stride that butterflies are to go on with.
///
/// # Safety
///
/// Both addresses are good for so many registers, a multiple of `N`.
#[inline(always)]
unsafe fn first<T: Edges, const N: usize>(x: *mut f32, diagonal: *const f32, registers: usize) -> usize {
    // SAFETY: the same contract.
    unsafe {
        for start in (0..registers).step_by(N) {
            let (x, diagonal) = (x.add(start * T::LANES), diagonal.add(start * T::LANES));
            let mut v = [T::zero(); N];
            each!(k < N, {
                let at = k * T::LANES;
                v[k] = T::hadamard(T::mul(T::f32(x.add(at).cast()), T::f32(diagonal.add(at).cast())));
            });
            butterflies::<T, N>(&mut v);
            each!(k < N, { T::store(x.add(k * T::LANES), v[k]) });
        }
    }
    N
}

/// The butterflies among `N` registers that lie `stride` apart; returns the stride to go on with.
///
/// # Safety
///
/// The address is good for so many registers, a multiple of `N · stride`.
#[inline(always)]
unsafe fn next<T: Edges, const N: usize>(x: *mut f32, registers: usize, stride: usize) -> usize {
    // SAFETY: the same contract.
    unsafe {
        for start in (0..registers).step_by(N * stride) {
            for at in start..start + stride {
                let x = x.add(at * T::LANES);
                let mut v = [T::zero(); N];
                each!(k < N, { v[k] = T::f32(x.add(k * stride * T::LANES).cast()) });
                butterflies::<T, N>(&mut v);
                each!(k < N, { T::store(x.add(k * stride * T::LANES), v[k]) });
            }
        }
    }
    N * stride
}

/// All butterflies among `N` registers.
///
/// # Safety
///
/// The instruction set is there.
#[inline(always)]
unsafe fn butterflies<T: Edges, const N: usize>(v: &mut [T::V; N]) {
    // SAFETY: the same contract.
    unsafe {
        step::<T, N, 1>(v);
        step::<T, N, 2>(v);
        step::<T, N, 4>(v);
        step::<T, N, 8>(v);
    }
}

/// Sums and differences of registers `H` apart, if there are that many.
///
/// # Safety
///
/// The instruction set is there.
#[inline(always)]
unsafe fn step<T: Edges, const N: usize, const H: usize>(v: &mut [T::V; N]) {
    // SAFETY: the same contract.
    unsafe {
        each!(i < N, {
            if i & H == 0 && i | H < N {
                (v[i], v[i | H]) = (T::add(v[i], v[i | H]), T::sub(v[i], v[i | H]));
            }
        });
    }
}
