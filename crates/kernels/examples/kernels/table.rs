//! A large table of bytes, and random places in it.

/// Bytes of a huge page, to which the table is aligned.
const HUGE: usize = 2 << 20;

/// Bytes that a kernel may read as components of any code.
pub struct Table {
    memory: Vec<u8>,
    start: usize,
}

impl Table {
    /// A table of at least `bytes` bytes, on huge pages if asked for and to be had.
    pub fn new(bytes: usize, huge: bool) -> Table {
        let mut memory: Vec<u8> = Vec::with_capacity(bytes + HUGE);
        let start = memory.as_ptr().align_offset(HUGE);
        if bytes >= HUGE {
            advise(memory.as_ptr().wrapping_add(start), bytes, huge);
        }
        // No byte pattern here is a NaN, an infinity or a subnormal under any code.
        memory.resize(start + bytes, 0x3c);
        Table { memory, start }
    }

    pub fn bytes(&self) -> &[u8] {
        &self.memory[self.start..]
    }
}

/// Addresses of `n` rows of `bytes` bytes in a random order; a small table repeats its rows.
pub fn order(table: &Table, bytes: usize, n: usize) -> Vec<*const u8> {
    let stride = bytes.next_multiple_of(64);
    let rows = table.bytes().len() / stride;
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    (0..n).map(|_| table.bytes()[random.below(rows) * stride..].as_ptr()).collect()
}

/// Marsaglia's xorshift: enough to defeat the hardware's prefetchers.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((u128::from(self.0) * bound as u128) >> 64) as usize
    }
}

#[cfg(target_os = "linux")]
fn advise(start: *const u8, bytes: usize, huge: bool) {
    unsafe extern "C" {
        fn madvise(start: *mut core::ffi::c_void, bytes: usize, advice: i32) -> i32;
    }
    const MADV_HUGEPAGE: i32 = 14;
    const MADV_NOHUGEPAGE: i32 = 15;
    let advice = if huge { MADV_HUGEPAGE } else { MADV_NOHUGEPAGE };
    // SAFETY: the range lies within an allocation, from a page's start on.
    let refused = unsafe { madvise(start.cast_mut().cast(), bytes, advice) } != 0;
    if refused && huge {
        eprintln!("no huge pages here: the figures under that name are of small ones");
    }
}

#[cfg(not(target_os = "linux"))]
fn advise(_: *const u8, _: usize, _: bool) {}
