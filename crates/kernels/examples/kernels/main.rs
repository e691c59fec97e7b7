//! How fast each kernel is on this machine, beside what the machine allows.
//!
//! ```text
//! cargo run --release -p vicinal-kernels --example kernels -- [--dim 128] [--mb 1024] [--isa avx512]
//! ```
//!
//! Each kernel compares one query with batches of 16 rows, on one thread: rows that stay in the
//! first-level cache (*cached*), and rows at random in a table much larger than the caches, with
//! small and with huge pages. Random rows stand beside the rate at which the same batches can be
//! fetched when nothing is computed. An *op* is one operation of the textbook formula: three for a
//! component of Σ(q − x)², two for one of Σq·x, two for a bit.
//!
//! Blocks of edges stand beside the machine's rate of look-ups in registers, where they are cached,
//! and beside fetching them.

mod edges;
mod limits;
mod table;

use std::time::{Duration, Instant};

use table::{Table, order};
use vicinal_kernels::{BatchFn, Code, Form, Isa, available, batch_for};

/// Rows in a batch: about as many unvisited neighbours as a hop of a graph walk meets.
const BATCH: usize = 16;

/// Each figure is the best of so many short rounds, each about as long as stated: short enough
/// that some round falls between the interruptions of a busy machine.
const ROUNDS: usize = 60;
const ROUND: Duration = Duration::from_micros(700);

struct Options {
    dims: Vec<usize>,
    megabytes: usize,
    isas: Vec<Isa>,
}

fn main() {
    let options = options();
    println!("batches of {BATCH} rows, 1 thread; random rows in {} MB", options.megabytes);
    let table = Table::new(options.megabytes << 20, false);
    let huge = Table::new(options.megabytes << 20, true);
    println!(
        "limits: streaming read {:.1} GB/s, random lines {:.0} M/s (huge pages {:.0} M/s)",
        limits::streaming(huge.bytes()),
        limits::random_lines(table.bytes()),
        limits::random_lines(huge.bytes()),
    );
    for &isa in &options.isas {
        if let Some(peak) = limits::fma(isa) {
            println!("        {isa} multiply-add peak {peak:.1} Gop/s in f32");
        }
    }
    for &dim in &options.dims {
        print_dimension(dim, &options.isas, &table, &huge);
        edges::print(dim, &options.isas, &table, &huge);
    }
}

fn print_dimension(dim: usize, isas: &[Isa], table: &Table, huge: &Table) {
    println!(
        "\n{dim} components{:>17} {:>8} {:>10} {:>8} {:>6} {:>10} {:>8} {:>6}",
        "cached", "", "random", "", "of", "random", "", "of"
    );
    println!(
        "{:7} {:4} {:8} {:>6} {:>8} {:>10} {:>8} {:>6} {:>10} {:>8} {:>6}",
        "isa", "code", "form", "GB/s", "Gop/s", "ns/row", "GB/s", "limit", "huge ns", "GB/s", "limit"
    );
    for code in Code::ALL {
        let (len, row) = match code {
            Code::Bits => (dim.div_ceil(8), dim.div_ceil(8)),
            _ => (dim, dim * code.row_bytes()),
        };
        let cached = Table::new(BATCH * row.next_multiple_of(64), false);
        let fetch = [table, huge].map(|t| time_per_row(t, row, |rows| limits::fetch(rows, row)));
        for form in Form::ALL {
            for &isa in isas {
                let Some(kernel) = batch_for(isa, form, code) else { continue };
                let query = vec![0x3cu8; len * code.query_bytes()];
                let run = |rows: &[*const u8]| score(kernel, &query, rows, len);
                let near = time_per_row(&cached, row, run);
                let [far, far_huge] = [table, huge].map(|t| time_per_row(t, row, run));
                let rate = |ns: f64| row as f64 / ns;
                let ops = match form {
                    Form::SqL2 => 3 * dim,
                    _ => 2 * dim,
                } as f64;
                println!(
                    "{:7} {:4} {:8} {:6.1} {:8.1} {:10.1} {:8.2} {:5.0}% {:10.1} {:8.2} {:5.0}%",
                    isa.as_str(),
                    format!("{code:?}").to_lowercase(),
                    format!("{form:?}").to_lowercase(),
                    rate(near),
                    ops / near,
                    far,
                    rate(far),
                    100.0 * fetch[0] / far,
                    far_huge,
                    rate(far_huge),
                    100.0 * fetch[1] / far_huge,
                );
            }
        }
    }
}

/// Runs the kernel on one batch.
fn score(kernel: BatchFn, query: &[u8], rows: &[*const u8], len: usize) {
    let mut out = [0f32; BATCH];
    assert!(rows.len() <= BATCH);
    // SAFETY: the table's rows are as long as the query.
    unsafe { kernel(query.as_ptr(), rows.as_ptr(), rows.len(), len, out.as_mut_ptr()) };
    std::hint::black_box(out);
}

/// Nanoseconds per row of `work` on batches of random rows of `bytes` bytes.
fn time_per_row(table: &Table, bytes: usize, work: impl Fn(&[*const u8])) -> f64 {
    let addresses = order(table, bytes, 1 << 18);
    let mut batches = addresses.chunks_exact(BATCH).cycle();
    let mut round = |n: usize| {
        let start = Instant::now();
        for rows in batches.by_ref().take(n) {
            work(rows);
        }
        start.elapsed()
    };
    let trial = round(256);
    let n = (256.0 * ROUND.as_secs_f64() / trial.as_secs_f64()).clamp(16.0, 1e5) as usize;
    let best = (0..ROUNDS).map(|_| round(n)).min().expect("there are rounds");
    best.as_nanos() as f64 / (n * BATCH) as f64
}

fn options() -> Options {
    let mut options = Options { dims: vec![128, 768], megabytes: 1024, isas: available().to_vec() };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().unwrap_or_else(|| panic!("{name} needs a value"));
        let number = || value.parse().unwrap_or_else(|_| panic!("{name}: {value} isn't a number"));
        match name.as_str() {
            "--dim" => options.dims = vec![number()],
            "--mb" => options.megabytes = number(),
            "--isa" => options.isas.retain(|isa| isa.as_str() == value),
            _ => panic!("unknown option {name}; there are --dim, --mb and --isa"),
        }
    }
    options
}
