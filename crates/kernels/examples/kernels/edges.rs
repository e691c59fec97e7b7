//! Blocks of 32 edges: estimating them, and what it takes to prepare that.

use std::hint::black_box;

use vicinal_kernels::edges::{LANES, Rotation, Table as Lookup, block_bytes, estimate_for, padded, write_code};
use vicinal_kernels::{Isa, isa, prefetch};

use crate::table::Table;
use crate::{limits, time_per_row};

/// Blocks asked for ahead of the one at work.
const AHEAD: usize = 3;

/// Prints what a block costs on each instruction set, and what the rest costs on the one in use.
pub fn print(dim: usize, isas: &[Isa], table: &Table, huge: &Table) {
    let bytes = block_bytes(padded(dim));
    println!("\n{dim} components, blocks of {LANES} edges in {bytes} bytes");
    println!(
        "{:21} {:>8} {:>8} {:>6} {:>10} {:>6} {:>10} {:>6}",
        "", "cached", "M edges", "of", "random", "of", "random", "of"
    );
    println!(
        "{:21} {:>8} {:>8} {:>6} {:>10} {:>6} {:>10} {:>6}",
        "isa", "ns", "a second", "limit", "ns", "limit", "huge ns", "limit"
    );
    // So few blocks that they stay in the first-level cache, as does the query's table.
    let cached = Table::new(2 * bytes.next_multiple_of(64), false);
    let fetch = [table, huge].map(|t| time_per_row(t, bytes, |rows| limits::fetch(rows, bytes)));
    let mut lookup = Lookup::default();
    lookup.fill(&vec![0.5; padded(dim)]);
    for &isa in isas {
        let Some(estimate) = estimate_for(isa) else { continue };
        let run = |rows: &[*const u8]| {
            let mut out = [0f32; LANES];
            for (i, &row) in rows.iter().enumerate() {
                if let Some(&next) = rows.get(i + AHEAD) {
                    prefetch(next, bytes);
                }
                // SAFETY: the table's rows are as long as blocks of this dimension.
                unsafe { estimate(&lookup, row, 1.0, out.as_mut_ptr()) };
                black_box(&mut out);
            }
        };
        let near = time_per_row(&cached, bytes, run);
        let [far, far_huge] = [table, huge].map(|t| time_per_row(t, bytes, run));
        let of_limit = limits::lookups(isa).map_or_else(String::new, |peak| {
            let lookups = (LANES * padded(dim) / 4) as f64;
            format!("{:5.0}%", 100.0 * lookups / near / peak)
        });
        println!(
            "{:21} {:8.1} {:8.0} {:>6} {:10.1} {:5.0}% {:10.1} {:5.0}%",
            isa.as_str(),
            near,
            1000.0 * LANES as f64 / near,
            of_limit,
            far,
            100.0 * fetch[0] / far,
            far_huge,
            100.0 * fetch[1] / far_huge,
        );
    }
    print_preparation(dim);
}

/// What a query, and what an edge, costs before it is estimated.
fn print_preparation(dim: usize) {
    let rotation = Rotation::new(dim, 1);
    let x: Vec<f32> = (0..dim).map(|i| (i % 17) as f32 - 8.0).collect();
    let mut node = vec![0.0; rotation.padded()];
    let rotate = limits::nanoseconds(|| {
        node.fill(0.0);
        node[..dim].copy_from_slice(black_box(&x));
        rotation.apply(&mut node);
    });
    let neighbour: Vec<f32> = node.iter().map(|x| 3.0 - 2.0 * x).collect();
    let mut lookup = Lookup::default();
    let fill = limits::nanoseconds(|| {
        lookup.fill(black_box(&node));
        black_box(&mut lookup);
    });
    let mut block = vec![0u64; block_bytes(node.len()) / 8];
    let mut lane = 0;
    let code = limits::nanoseconds(|| {
        lane = (lane + 1) % LANES;
        // SAFETY: the block is of this length.
        black_box(unsafe { write_code(block.as_mut_ptr().cast(), lane, black_box(&node), &neighbour) });
    });
    println!("{} (VICINAL_ISA): rotation {rotate:.0} ns, table {fill:.0} ns, code of an edge {code:.0} ns", isa());
}
