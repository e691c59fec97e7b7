//! AMX: the processor's own tiles, four of sums and four of operands.
//!
//! The compiler has no stable intrinsics for them, so the loop over the steps is assembly.

use core::arch::asm;
use core::arch::x86_64::__cpuid_count;

use super::avx512::{Floats, screen_f32, screen_i32};
use super::code::{self, Frame, Side, Source};
use super::rows::{Queries, Rows};
use super::sweep::{self, Block, Kernel, Sums, Work};
use super::{Coding, STEP, TILE, TILE_BYTES, Tiles};

/// Whether the processor has the instructions and the system lets this process use them, which is
/// asked for here: Linux reserves the 8 KB that a thread's tiles take only on demand.
pub(super) fn granted() -> bool {
    const BF16: u32 = 1 << 22;
    const TILES: u32 = 1 << 24;
    const INT8: u32 = 1 << 25;
    const ALL: u32 = BF16 | TILES | INT8;
    // Newer compilers know that every x86-64 processor has cpuid.
    #[allow(unused_unsafe)]
    // SAFETY: every x86-64 processor has cpuid.
    let cpuid = |leaf| unsafe { __cpuid_count(leaf, 0) };
    if cpuid(0).eax < 7 || cpuid(7).edx & ALL != ALL || !std::arch::is_x86_feature_detected!("avx512bf16") {
        return false;
    }
    const ARCH_PRCTL: i64 = 158;
    const ARCH_REQ_XCOMP_PERM: u64 = 0x1023;
    const TILE_DATA: u64 = 18;
    let result: i64;
    // SAFETY: the call takes two numbers and writes no memory; an old kernel answers with an error.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") ARCH_PRCTL => result,
            in("rdi") ARCH_REQ_XCOMP_PERM,
            in("rsi") TILE_DATA,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack)
        );
    }
    result == 0
}

/// [`code::code`] on this unit.
///
/// # Safety
///
/// AMX, and with it AVX-512 and its bf16, are there, and `source` holds the vectors.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512cd,avx512bf16")]
#[target_feature(enable = "avx512vbmi,avx512vnni,avx512vpopcntdq,avx2,fma,f16c")]
pub(super) unsafe fn code(
    tiles: &Tiles,
    side: Side,
    source: &Source<'_>,
    first: usize,
    frame: &Frame<'_>,
    out: &mut Rows,
) {
    // SAFETY: the same contract.
    unsafe { code::code::<Floats<true>>(tiles, side, source, first, frame, out) }
}

/// [`sweep::work`] on this unit.
///
/// # Safety
///
/// AMX and AVX-512 are there, and the operands belong together.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512cd")]
#[target_feature(enable = "avx512vbmi,avx512vnni,avx512vpopcntdq,avx2,fma,f16c")]
pub(super) unsafe fn work(coding: Coding, rows: &mut Rows, queries: &Queries, work: Work<'_>) {
    // SAFETY: AMX is there.
    let _ready = unsafe { Configured::new() };
    // SAFETY: the same contract, and the tiles are configured.
    unsafe {
        match coding {
            Coding::Bf16 => sweep::work::<Bf16>(rows, queries, work),
            Coding::Bytes { signed: true } => sweep::work::<I8>(rows, queries, work),
            Coding::Bytes { signed: false } | Coding::Spread => sweep::work::<U8>(rows, queries, work),
            coding => unreachable!("{coding:?} is not a coding of this unit"),
        }
    }
}

/// The tiles of this thread: 16 lines of 64 bytes each, until dropped.
struct Configured;

impl Configured {
    /// # Safety
    ///
    /// AMX is there.
    unsafe fn new() -> Self {
        #[repr(C, align(64))]
        struct Config {
            palette: u8,
            start: u8,
            zero: [u8; 14],
            line_bytes: [u16; 16],
            lines: [u8; 16],
        }
        let mut config = Config { palette: 1, start: 0, zero: [0; 14], line_bytes: [0; 16], lines: [0; 16] };
        config.line_bytes[..8].fill(STEP as u16);
        config.lines[..8].fill(TILE as u8);
        // SAFETY: AMX is there; `config` is the 64 bytes the instruction reads.
        unsafe { asm!("ldtilecfg [{}]", in(reg) &config, options(nostack, readonly, preserves_flags)) };
        Configured
    }
}

impl Drop for Configured {
    fn drop(&mut self) {
        // SAFETY: AMX is there, or there would be no `Configured`.
        unsafe { asm!("tilerelease", options(nostack, nomem, preserves_flags)) };
    }
}

macro_rules! kernel {
    ($kernel:ident, $sum:ty, $product:literal, $screen:ident) => {
        struct $kernel;

        impl Kernel for $kernel {
            type Sum = $sum;

            // A second tile that is not wanted costs little: so few queries leave the unit idle.
            #[inline(always)]
            unsafe fn multiply(
                rows: &Rows,
                row: usize,
                queries: &Queries,
                query: usize,
                _both: bool,
                out: &mut Block<$sum>,
            ) {
                let next = rows.steps() * TILE_BYTES;
                let begin = rows.begin_lines.as_ptr().wrapping_add(row);
                // SAFETY: the caller's promise. The tile registers hold nothing across this block.
                unsafe {
                    asm!(
                        "tileloadd tmm0, [{begin} + {line}]",
                        "tileloadd tmm1, [{begin} + {line}]",
                        "tileloadd tmm2, [{begin} + {line} + 1024]",
                        "tileloadd tmm3, [{begin} + {line} + 1024]",
                        "2:",
                        "tileloadd tmm4, [{a0} + {line}]",
                        "tileloadd tmm6, [{b0} + {line}]",
                        concat!($product, " tmm0, tmm4, tmm6"),
                        "tileloadd tmm7, [{b1} + {line}]",
                        concat!($product, " tmm1, tmm4, tmm7"),
                        "tileloadd tmm5, [{a1} + {line}]",
                        concat!($product, " tmm2, tmm5, tmm6"),
                        concat!($product, " tmm3, tmm5, tmm7"),
                        "add {a0}, 1024",
                        "add {a1}, 1024",
                        "add {b0}, 1024",
                        "add {b1}, 1024",
                        "dec {steps}",
                        "jnz 2b",
                        "tilestored [{out} + {line}], tmm0",
                        "tilestored [{out} + {line} + 1024], tmm1",
                        "tilestored [{out} + {line} + 2048], tmm2",
                        "tilestored [{out} + {line} + 3072], tmm3",
                        a0 = inout(reg) rows.tile(row) => _,
                        a1 = inout(reg) rows.tile(row).add(next) => _,
                        b0 = inout(reg) queries.tile(query) => _,
                        b1 = inout(reg) queries.tile(query).add(next) => _,
                        steps = inout(reg) rows.steps() => _,
                        begin = in(reg) begin,
                        out = in(reg) out.0.as_mut_ptr(),
                        line = in(reg) STEP,
                        out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                        out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                        options(nostack)
                    );
                }
            }

            #[inline(always)]
            unsafe fn screen(
                sums: &Sums<$sum>,
                spread: [f32; 2],
                weight: &[f32; TILE],
                threshold: &[f32; TILE],
            ) -> u32 {
                // SAFETY: the same contract.
                unsafe { $screen(sums, spread, weight, threshold) }
            }
        }
    };
}
kernel!(Bf16, f32, "tdpbf16ps", screen_f32);
kernel!(U8, i32, "tdpbuud", screen_i32);
kernel!(I8, i32, "tdpbssd", screen_i32);
