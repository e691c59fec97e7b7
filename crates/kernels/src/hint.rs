//! Hints to the memory system.

/// Bytes of a cache line.
pub(crate) const LINE: usize = 64;

/// Asks for the cache lines of `bytes` bytes at `ptr`, to be read soon.
///
/// Any address will do, also one that isn't mapped: a prefetch never faults. On a target without
/// such an instruction nothing happens.
#[inline(always)]
pub fn prefetch(ptr: *const u8, bytes: usize) {
    let start = ptr.wrapping_sub(ptr.addr() % LINE);
    let lines = (ptr.addr() % LINE + bytes).div_ceil(LINE);
    for line in 0..lines {
        prefetch_line(start.wrapping_add(line * LINE));
    }
}

/// Cache lines that are still to be asked for, a few at a time: a processor keeps a dozen or so under way, and one that is
/// asked for more at once waits instead of computing.
#[derive(Debug, Default)]
pub struct Feed {
    at: usize,
    lines: usize,
}

/// Lines that are asked for at a time.
const SOME: usize = 6;

impl Feed {
    /// Asks for what is left, and takes in those of `bytes` bytes at `ptr`.
    #[inline(always)]
    pub fn put(&mut self, ptr: *const u8, bytes: usize) {
        self.ask(self.lines);
        let within = ptr.addr() % LINE;
        *self = Feed { at: ptr.addr() - within, lines: (within + bytes).div_ceil(LINE) };
    }

    /// Asks for the next few.
    #[inline(always)]
    pub fn some(&mut self) {
        self.ask(self.lines.min(SOME));
    }

    #[inline(always)]
    fn ask(&mut self, lines: usize) {
        for line in 0..lines {
            prefetch_line(std::ptr::without_provenance(self.at + line * LINE));
        }
        *self = Feed { at: self.at + lines * LINE, lines: self.lines - lines };
    }
}

/// Asks for the cache line that holds `ptr`.
#[inline(always)]
pub(crate) fn prefetch_line(ptr: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: SSE is part of the target, and a prefetch doesn't access memory.
    unsafe {
        core::arch::x86_64::_mm_prefetch::<{ core::arch::x86_64::_MM_HINT_T0 }>(ptr.cast());
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: `prfm` is a hint that doesn't access memory as the program sees it.
    unsafe {
        core::arch::asm!(
            "prfm pldl1keep, [{ptr}]",
            ptr = in(reg) ptr,
            options(nostack, preserves_flags, readonly)
        );
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _ = ptr;
}
