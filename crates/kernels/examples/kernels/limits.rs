//! What the machine allows, with nothing computed or nothing fetched.

use std::hint::black_box;
use std::time::Instant;

use vicinal_kernels::{Isa, prefetch};

use crate::table::Random;

/// The best of many short runs, as a rate per nanosecond.
fn best(amount: usize, mut run: impl FnMut()) -> f64 {
    (0..200)
        .map(|_| {
            let start = Instant::now();
            run();
            amount as f64 / start.elapsed().as_nanos() as f64
        })
        .fold(0.0, f64::max)
}

/// How long a short piece of work takes, in nanoseconds: the best of many runs.
pub fn nanoseconds(mut work: impl FnMut()) -> f64 {
    const N: usize = 1000;
    1.0 / best(N, || (0..N).for_each(|_| work()))
}

/// GB/s of reading memory from one end to the other: four streams at once, which keep more
/// requests under way than one does.
pub fn streaming(bytes: &[u8]) -> f64 {
    const CHUNK: usize = 4 << 20;
    const AHEAD: usize = 2048;
    let mut chunks = bytes.chunks_exact(CHUNK).cycle();
    best(CHUNK, || {
        let chunk = chunks.next().expect("a table holds a chunk");
        let mut sum = 0u64;
        for at in (0..CHUNK / 4).step_by(64) {
            for stream in chunk.chunks_exact(CHUNK / 4) {
                prefetch(stream.as_ptr().wrapping_add(at + AHEAD), 1);
                sum = sum.wrapping_add(stream[at].into());
            }
        }
        black_box(sum);
    })
}

/// Millions a second of cache lines at random, each asked for well before it is read.
pub fn random_lines(bytes: &[u8]) -> f64 {
    const N: usize = 1 << 13;
    const AHEAD: usize = 32;
    let mut random = Random(1);
    let lines: Vec<*const u8> = (0..100 * N).map(|_| bytes[random.below(bytes.len() / 64) * 64..].as_ptr()).collect();
    let mut chunks = lines.chunks_exact(N).cycle();
    1000.0
        * best(N, || {
            let lines = chunks.next().expect("there are chunks");
            let mut sum = 0u64;
            for (i, &line) in lines.iter().enumerate() {
                prefetch(lines[(i + AHEAD).min(N - 1)], 1);
                // SAFETY: an address within `bytes`.
                sum = sum.wrapping_add(unsafe { *line }.into());
            }
            black_box(sum);
        })
}

/// Fetches the rows of a batch in the order that proved fastest (four rows side by side, asking
/// for the next four), and only reads a byte of each line.
pub fn fetch(rows: &[*const u8], bytes: usize) {
    const GROUP: usize = 4;
    let ahead = 1024usize.div_ceil(bytes).next_multiple_of(GROUP);
    for at in (0..bytes).step_by(64) {
        for &row in rows.iter().take(ahead) {
            prefetch(row.wrapping_add(at), 1);
        }
    }
    let mut sum = 0u64;
    for (i, group) in rows.chunks(GROUP).enumerate() {
        let next = rows.get(i * GROUP + ahead..).unwrap_or_default();
        for at in (0..bytes).step_by(64) {
            for &row in next.iter().take(GROUP) {
                prefetch(row.wrapping_add(at), 1);
            }
            for &row in group {
                // SAFETY: within the row.
                sum = sum.wrapping_add(unsafe { *row.add(at) }.into());
            }
        }
    }
    black_box(sum);
}

/// Gop/s of independent multiply-adds in `f32`, each counted as two.
pub fn fma(isa: Isa) -> Option<f64> {
    let lanes = register(isa)? / 4;
    Some(best(2 * ROUNDS * CHAINS * lanes, || {
        // SAFETY: the caller names instruction sets that this machine has.
        unsafe {
            match isa {
                #[cfg(target_arch = "x86_64")]
                Isa::Avx512 => avx512::fma(),
                #[cfg(target_arch = "x86_64")]
                Isa::Avx2 => avx2::fma(),
                #[cfg(target_arch = "aarch64")]
                Isa::Neon => neon::fma(),
                _ => unreachable!("{isa} isn't of this architecture"),
            }
        }
    }))
}

/// G/s of independent look-ups of bytes in registers.
pub fn lookups(isa: Isa) -> Option<f64> {
    Some(best(ROUNDS * CHAINS * register(isa)?, || {
        // SAFETY: the caller names instruction sets that this machine has.
        unsafe {
            match isa {
                #[cfg(target_arch = "x86_64")]
                Isa::Avx512 => avx512::lookups(),
                #[cfg(target_arch = "x86_64")]
                Isa::Avx2 => avx2::lookups(),
                #[cfg(target_arch = "aarch64")]
                Isa::Neon => neon::lookups(),
                _ => unreachable!("{isa} isn't of this architecture"),
            }
        }
    }))
}

/// Bytes of a register.
fn register(isa: Isa) -> Option<usize> {
    match isa {
        Isa::Scalar => None,
        Isa::Neon => Some(16),
        Isa::Avx2 => Some(32),
        Isa::Avx512 => Some(64),
    }
}

const ROUNDS: usize = 1 << 14;
/// Chains enough to hide the latency of two units.
const CHAINS: usize = 12;

/// Loops of multiply-adds and of look-ups on `CHAINS` registers.
#[allow(unused_macros)] // on an architecture without a vector set of its own
macro_rules! chains {
    ($name:ident, $feature:literal, $arch:ident, $splat:ident, $fma:expr, $splat_byte:ident, $look_up:ident) => {
        mod $name {
            use core::arch::$arch::*;

            use super::*;

            #[target_feature(enable = $feature)]
            pub fn fma() {
                let factor = $splat(black_box(1.0));
                let mut sums = [$splat(black_box(0.5)); CHAINS];
                for _ in 0..ROUNDS {
                    for sum in &mut sums {
                        *sum = $fma(factor, factor, *sum);
                    }
                }
                black_box(sums);
            }

            #[target_feature(enable = $feature)]
            pub fn lookups() {
                let table = $splat_byte(black_box(1));
                let mut found = [$splat_byte(black_box(0)); CHAINS];
                for _ in 0..ROUNDS {
                    for found in &mut found {
                        *found = $look_up(table, *found);
                    }
                }
                black_box(found);
            }
        }
    };
}
#[cfg(target_arch = "x86_64")]
chains!(avx512, "avx512f,avx512bw", x86_64, _mm512_set1_ps, _mm512_fmadd_ps, _mm512_set1_epi8, _mm512_shuffle_epi8);
#[cfg(target_arch = "x86_64")]
chains!(avx2, "avx2,fma", x86_64, _mm256_set1_ps, _mm256_fmadd_ps, _mm256_set1_epi8, _mm256_shuffle_epi8);
#[cfg(target_arch = "aarch64")]
chains!(neon, "neon", aarch64, vdupq_n_f32, |a, b, c| vfmaq_f32(c, a, b), vdupq_n_u8, vqtbl1q_u8);
