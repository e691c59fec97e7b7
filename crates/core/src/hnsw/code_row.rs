//! The codes of a whole row: written anew, and checked.

use super::graph::Graph;
use super::row::{LockedRow, slot_of};
use crate::vectors::{EdgeCoder, Rows, Vectors};

/// Writes the codes of all edges of a node's layer-0 row, whose lock is held, where edges have codes.
pub fn code_row(graph: &Graph, vectors: &Vectors, slot: u32, row: &LockedRow<'_>) {
    let Some(coder) = vectors.coder() else { return };
    let links: Vec<u32> = row.links().collect();
    // SAFETY: the row's codes are ours to write; nodes of the graph were written.
    unsafe { write(graph, vectors, coder, &links, graph.coded_row(slot).1, &vectors.rotated(coder, slot)) };
}

/// Whether the codes of a node's layer-0 row are its own and those of its edges. Nobody changes the row meanwhile.
pub fn codes_are_right(graph: &Graph, vectors: &Vectors, slot: u32) -> bool {
    own_code_is_right(graph, vectors, slot) && edge_codes_are_right(graph, vectors, slot)
}

/// Writes the code that a slot has of itself, where slots have one.
///
/// # Safety
/// The slot was laid out, its vector was written, and nobody reads the code meanwhile.
pub unsafe fn write_own_code(graph: &Graph, vectors: &Vectors, slot: u32) {
    let Some(Rows { arena, start }) = graph.own_codes() else { return };
    // SAFETY: so many bytes of the row are its own code; the rest is the caller's promise.
    unsafe {
        let code = std::slice::from_raw_parts_mut(arena.row(slot).wrapping_add(start), graph.codes().own);
        vectors.own_code(slot, code);
    }
}

/// Whether the code that a slot has of itself is that of its vector. Nobody changes it meanwhile.
pub fn own_code_is_right(graph: &Graph, vectors: &Vectors, slot: u32) -> bool {
    let Some(Rows { arena, start }) = graph.own_codes() else { return true };
    // SAFETY: nobody writes it (the caller's promise).
    let code = unsafe { &arena.bytes(slot)[start..start + graph.codes().own] };
    let mut expected = vec![0; code.len()];
    // SAFETY: nodes of the graph were written.
    unsafe { vectors.own_code(slot, &mut expected) };
    code == expected
}

/// Whether the codes of a node's edges are theirs. Nobody changes the row meanwhile.
pub fn edge_codes_are_right(graph: &Graph, vectors: &Vectors, slot: u32) -> bool {
    let Some(coder) = vectors.coder() else { return true };
    let mut links = vec![0; graph.capacity(0)];
    let degree = graph.row(slot, 0).read(&mut links);
    let mut expected = vec![0u16; graph.codes().edges / 2];
    let expected = expected.as_mut_ptr().cast::<u8>();
    let codes = graph.coded_row(slot).1;
    // SAFETY: nodes of the graph were written; `expected` has room for a row's codes.
    unsafe {
        let node = vectors.rotated(coder, slot);
        write(graph, vectors, coder, &links[..degree], expected, &node);
        (0..degree).all(|place| coder.agree(expected, codes, place, &node))
    }
}

/// Writes the codes of a node's edges to `codes`.
///
/// # Safety
/// `codes` has room for a row's, and nobody else writes them. The nodes of the graph were written.
unsafe fn write(graph: &Graph, vectors: &Vectors, coder: &EdgeCoder, links: &[u32], codes: *mut u8, node: &[f32]) {
    // SAFETY: the caller's promise.
    unsafe {
        std::ptr::write_bytes(codes, 0, graph.codes().edges);
        for (place, &link) in links.iter().enumerate() {
            coder.write(codes, place, node, &vectors.rotated(coder, slot_of(link)));
        }
    }
}
