//! Plain loops, compiled for the instruction set in use.

#[cfg(target_arch = "x86_64")]
use crate::Isa;
use crate::isa;

/// Loops that the compiler vectorises by itself. Mark `run`, and what it calls, `#[inline(always)]`: only what is inlined
/// is compiled anew.
pub trait Loops {
    /// What they come to.
    type Output;
    /// The loops.
    fn run(self) -> Self::Output;
}

/// Runs loops compiled for the instruction set in use (see [`isa`]). Rust never contracts or reorders arithmetic on
/// floats, so the result is the same, to the bit, on every instruction set.
#[inline(always)]
pub fn vectorized<L: Loops>(loops: L) -> L::Output {
    match isa() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the set in use is available.
        Isa::Avx512 => unsafe { avx512(loops) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Isa::Avx2 => unsafe { avx2(loops) },
        // NEON belongs to every aarch64, as SSE2 does to x86-64.
        _ => loops.run(),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,f16c")]
unsafe fn avx512<L: Loops>(loops: L) -> L::Output {
    loops.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,f16c")]
unsafe fn avx2<L: Loops>(loops: L) -> L::Output {
    loops.run()
}
