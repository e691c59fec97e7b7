//! A kernel reads nothing beyond a row or before it: here that would be a page it may not touch.
#![cfg(unix)]

use core::ffi::c_void;

use vicinal_kernels::{Code, Form, available, batch_for, prefetch};

unsafe extern "C" {
    fn mmap(at: *mut c_void, len: usize, prot: i32, flags: i32, fd: i32, offset: i64) -> *mut c_void;
    fn mprotect(at: *mut c_void, len: usize, prot: i32) -> i32;
}

/// At least a page, whatever its size here.
const PAGE: usize = 65_536;

/// Readable memory between two pages that aren't.
fn fenced() -> &'static [u8] {
    const PROT_NONE: i32 = 0;
    const PROT_READ_WRITE: i32 = 3;
    const MAP_PRIVATE: i32 = 2;
    const MAP_ANONYMOUS: i32 = if cfg!(target_os = "linux") { 0x20 } else { 0x1000 };
    // SAFETY: a new mapping, of which the middle becomes accessible; it is never unmapped.
    unsafe {
        let flags = MAP_PRIVATE | MAP_ANONYMOUS;
        let start = mmap(core::ptr::null_mut(), 3 * PAGE, PROT_NONE, flags, -1, 0);
        assert_ne!(start as isize, -1, "no memory");
        let middle = start.byte_add(PAGE);
        assert_eq!(mprotect(middle, PAGE, PROT_READ_WRITE), 0, "no protection");
        core::slice::from_raw_parts(middle.cast(), PAGE)
    }
}

#[test]
fn no_kernel_reads_outside_its_rows_and_query() {
    let (queries, rows) = (fenced(), fenced());
    for &isa in available() {
        for code in Code::ALL {
            for form in Form::ALL {
                let Some(kernel) = batch_for(isa, form, code) else { continue };
                for len in 0..=200 {
                    let (query, row) = (len * code.query_bytes(), len * code.row_bytes());
                    let ends = [queries[PAGE - query..].as_ptr(), queries.as_ptr()];
                    let addresses = [rows[PAGE - row..].as_ptr(), rows.as_ptr()];
                    for n in 1..=6 {
                        let batch: Vec<*const u8> = (0..n).map(|i| addresses[i % 2]).collect();
                        let mut out = vec![f32::NAN; n];
                        for query in ends {
                            // SAFETY: query and rows lie within the readable page.
                            unsafe { kernel(query, batch.as_ptr(), n, len, out.as_mut_ptr()) };
                            assert_eq!(out, vec![0.0; n], "{isa} {form:?} {code:?}, len {len}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn a_prefetch_may_go_anywhere() {
    for address in [0, 1, PAGE, usize::MAX - 3, usize::MAX] {
        for bytes in [0, 1, 64, 4096] {
            prefetch(core::ptr::without_provenance(address), bytes);
        }
    }
    let page = fenced();
    prefetch(page.as_ptr(), 2 * PAGE);
    assert_eq!(page[0], 0);
}
