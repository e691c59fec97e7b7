//! What may enter: finite values of sane magnitude, no zero vector under cosine, no stray padding bits.

use std::sync::OnceLock;

use bytemuck::pod_read_unaligned;
use half::{bf16, f16};
use vicinal_kernels::{BatchFn, Form, Loops, batch, levels, vectorized};

use crate::error::{Error, Result};
use crate::types::{Dtype, MAX_DIM, MAX_SQUARED_NORM, MIN_COSINE_SQUARED_NORM, Matrix, Metric, Store};

/// Refuses rows of the stored dtype that can't be compared; the message names the first bad row. `what` is what the
/// user calls them, e.g. "row" or "query".
pub fn check_rows(rows: Matrix<'_>, dim: usize, metric: Metric, dtype: Dtype, what: &str) -> Result<()> {
    let row_bytes = dtype.row_bytes(dim);
    rows.check(row_bytes)?;
    let refuse = |i, why| Error::invalid(format!("{what} {i}: {why}"));
    if dtype == Dtype::Bits {
        let mut all = rows.bytes.chunks_exact(row_bytes).enumerate();
        return all.try_for_each(|(i, row)| check_row(row, dim, metric, dtype).map_err(|why| refuse(i, why)));
    }
    if !dtype.is_float() && metric != Metric::Cosine {
        return Ok(()); // any integers will do
    }
    let lengths = SquaredLengths::new(dim, dtype);
    let mut squared = [0.0; BATCH];
    for (batch, bytes) in rows.bytes.chunks(BATCH * row_bytes).enumerate() {
        let squared = lengths.of(bytes, &mut squared);
        for (i, row) in bytes.chunks_exact(row_bytes).enumerate() {
            if !surely_fine(squared[i], metric) || (dtype == Dtype::F16 && !is_finite_f16(row)) {
                check_row(row, dim, metric, dtype).map_err(|why| refuse(batch * BATCH + i, why))?;
            }
        }
    }
    Ok(())
}

/// Refuses rows of f32, which passed [`check_rows`], of which the store can't keep what may enter.
pub fn check_kept(rows: Matrix<'_>, dim: usize, metric: Metric, store: Store) -> Result<()> {
    if store == Store::Given {
        return Ok(());
    }
    for (i, row) in rows.bytes.chunks_exact(4 * dim).enumerate() {
        let largest = vectorized(Largest(row));
        check_kept_row(row, largest, dim, metric, store).map_err(|why| Error::invalid(format!("row {i}: {why}")))?;
    }
    Ok(())
}

/// The magnitude of the largest component of a row of f32.
struct Largest<'a>(&'a [u8]);

impl Loops for Largest<'_> {
    type Output = f32;

    #[inline(always)]
    fn run(self) -> f32 {
        let bits = self.0.as_chunks::<4>().0.iter().map(|x| u32::from_ne_bytes(*x) & 0x7fff_ffff);
        // Magnitudes order as their bits do.
        f32::from_bits(bits.fold(0, u32::max))
    }
}

fn check_kept_row(row: &[u8], largest: f32, dim: usize, metric: Metric, store: Store) -> Result<(), String> {
    let reach = f64::from(largest);
    match store {
        Store::Given => Ok(()),
        // None becomes infinite, and the largest is far from 0.
        Store::F16 if (1e-4..65_504.0).contains(&largest) => Ok(()),
        Store::F16 => {
            let halves: Vec<f16> = row.chunks_exact(4).map(|x| f16::from_f32(pod_read_unaligned(x))).collect();
            if let Some(i) = halves.iter().position(|x| x.is_infinite()) {
                let value: f32 = pod_read_unaligned(&row[4 * i..4 * i + 4]);
                return Err(format!(
                    "component {i} is {value}, beyond what f16 holds (65,504); scale the data down, or use store=\"f32\""
                ));
            }
            check_row(bytemuck::cast_slice(&halves), dim, metric, Dtype::F16)
                .map_err(|why| format!("rounded to f16, {why}"))
        }
        // The largest component is kept but for rounding, and none becomes larger.
        Store::None if reach * reach * dim as f64 <= 0.9 * MAX_SQUARED_NORM && reach >= 1e-14 => Ok(()),
        Store::None => {
            let mut vector: Vec<f32> = row.chunks_exact(4).map(pod_read_unaligned).collect();
            let mut levels = vec![0; levels::row_bytes(dim)];
            levels::encode(&vector, &mut levels);
            levels::decode(&levels, &mut vector);
            check_row(bytemuck::cast_slice(&vector), dim, metric, Dtype::F32).map_err(|why| format!("in 8 bits, {why}"))
        }
    }
}

/// A query of zeros, of so many bytes: compared with it, a row shows its squared length.
pub fn zeros(bytes: usize) -> &'static [u8] {
    // All zeros is +0.0 too. Pages that nobody writes take no memory.
    static ZEROS: OnceLock<Vec<u8>> = OnceLock::new();
    &ZEROS.get_or_init(|| vec![0; size_of::<f32>() * MAX_DIM])[..bytes]
}

/// Rows whose squared lengths are taken at once.
const BATCH: usize = 64;

/// Squared lengths by the kernels: as quick as memory, but in f32.
struct SquaredLengths {
    kernel: BatchFn,
    zero: &'static [u8],
    dim: usize,
    row_bytes: usize,
}

impl SquaredLengths {
    fn new(dim: usize, dtype: Dtype) -> Self {
        let kernel = batch(Form::SqL2, dtype.code());
        SquaredLengths { kernel, zero: zeros(dtype.query_row_bytes(dim)), dim, row_bytes: dtype.row_bytes(dim) }
    }

    /// Those of at most [`BATCH`] rows.
    fn of<'a>(&self, rows: &[u8], out: &'a mut [f32; BATCH]) -> &'a [f32] {
        let mut addresses = [std::ptr::null(); BATCH];
        let mut n = 0;
        for (address, row) in addresses.iter_mut().zip(rows.chunks_exact(self.row_bytes)) {
            *address = row.as_ptr();
            n += 1;
        }
        // SAFETY: the zero vector is a query of `dim` components, each row has as many, and both have room for n.
        unsafe { (self.kernel)(self.zero.as_ptr(), addresses.as_ptr(), n, self.dim, out.as_mut_ptr()) };
        &out[..n]
    }
}

/// Whether a row of this squared length, which f32 knows within a hundredth, needs no closer look. What is not a
/// number makes it NaN or infinite, and neither passes.
fn surely_fine(squared: f32, metric: Metric) -> bool {
    let least = if metric == Metric::Cosine { 2.0 * MIN_COSINE_SQUARED_NORM as f32 } else { 0.0 };
    (least..0.9 * MAX_SQUARED_NORM as f32).contains(&squared)
}

/// Whether all of a row is finite, where kernels take f16 to be: not every instruction set has a conversion that keeps
/// NaN and infinity.
fn is_finite_f16(row: &[u8]) -> bool {
    const EXPONENT: u16 = 0x7c00;
    !row.chunks_exact(2).fold(false, |bad, half| bad | (pod_read_unaligned::<u16>(half) & EXPONENT == EXPONENT))
}

/// As [`check_rows`], for queries: f32 where the stored dtype is a float.
pub fn check_queries(queries: Matrix<'_>, dim: usize, metric: Metric, dtype: Dtype) -> Result<()> {
    let dtype = if dtype.is_float() { Dtype::F32 } else { dtype };
    check_rows(queries, dim, metric, dtype, "query")
}

/// What is wrong with a row, if anything.
pub fn check_row(row: &[u8], dim: usize, metric: Metric, dtype: Dtype) -> Result<(), String> {
    let zero_is_bad = metric == Metric::Cosine;
    match dtype {
        Dtype::F32 => check_floats(row, 4, pod_read_unaligned::<f32>, zero_is_bad),
        Dtype::F16 => check_floats(row, 2, |b| pod_read_unaligned::<f16>(b).to_f32(), zero_is_bad),
        Dtype::Bf16 => check_floats(row, 2, |b| pod_read_unaligned::<bf16>(b).to_f32(), zero_is_bad),
        Dtype::I8 | Dtype::U8 if zero_is_bad && row.iter().all(|&b| b == 0) => Err(ZERO.into()),
        Dtype::I8 | Dtype::U8 => Ok(()),
        Dtype::Bits => check_padding(row, dim),
    }
}

const ZERO: &str = "is a zero vector, which has no direction for cosine; drop it, or use metric=\"l2\" or \"ip\"";

fn check_floats(row: &[u8], size: usize, read: impl Fn(&[u8]) -> f32, zero_is_bad: bool) -> Result<(), String> {
    // f32 sums would overflow just where the limit is asked about.
    let squared: f64 = row.chunks_exact(size).map(|b| f64::from(read(b)).powi(2)).sum();
    if !squared.is_finite() {
        // A sum of squares is not finite only because one component is not: f32 squares fit into f64.
        let (component, value) =
            row.chunks_exact(size).map(read).enumerate().find(|(_, x)| !x.is_finite()).unwrap_or((0, f32::NAN));
        return Err(format!("component {component} is {value}; every component must be a finite number"));
    }
    if squared > MAX_SQUARED_NORM {
        return Err(format!(
            "its length {:.3e} is too large: squared distances would overflow float32; scale the data down",
            squared.sqrt()
        ));
    }
    if zero_is_bad && squared < MIN_COSINE_SQUARED_NORM {
        return Err(if squared == 0.0 {
            ZERO.into()
        } else {
            format!("its length {:.3e} is too small for cosine in float32; scale the data up", squared.sqrt())
        });
    }
    Ok(())
}

fn check_padding(row: &[u8], dim: usize) -> Result<(), String> {
    let used = dim % 8;
    if used != 0 && row[row.len() - 1] & (0xff >> used) != 0 {
        return Err(format!(
            "the last {} bits pad {dim} bits to whole bytes and must be 0 (numpy.packbits writes them so)",
            8 - used
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On every instruction set: `make test` runs this under each by way of the Python tests too.
    #[test]
    fn halves_that_are_no_numbers_are_refused() {
        for bad in [f16::NAN, f16::INFINITY, f16::NEG_INFINITY] {
            let rows: Vec<f16> = (0..300).map(|i| if i == 250 { bad } else { f16::ONE }).collect();
            let matrix = Matrix { bytes: bytemuck::cast_slice(&rows), rows: 100 };
            let error = check_rows(matrix, 3, Metric::L2, Dtype::F16, "row").unwrap_err().to_string();
            assert!(error.contains("row 83: component 1 is"), "{error}");
            assert!(!is_finite_f16(bytemuck::cast_slice(&rows[249..252])));
        }
        assert!(is_finite_f16(bytemuck::cast_slice(&[f16::MAX, f16::MIN, f16::from_f32(-0.0)])));
    }

    fn f32s(rows: &[[f32; 2]], metric: Metric) -> Result<()> {
        let matrix = Matrix { bytes: bytemuck::cast_slice(rows), rows: rows.len() };
        check_rows(matrix, 2, metric, Dtype::F32, "row")
    }

    #[test]
    fn the_first_bad_row_is_named() {
        let message = f32s(&[[0.0, 1.0], [f32::NAN, 0.0], [f32::INFINITY, 0.0]], Metric::L2).unwrap_err().to_string();
        assert!(message.starts_with("row 1: component 0 is NaN"), "{message}");
    }

    #[test]
    fn lengths_must_leave_distances_finite() {
        assert!(f32s(&[[9.2e18, 0.0]], Metric::L2).is_ok());
        assert!(f32s(&[[1e19, 1e19]], Metric::L2).unwrap_err().to_string().contains("too large"));
    }

    #[test]
    fn cosine_wants_a_direction() {
        assert!(f32s(&[[0.0, 0.0]], Metric::L2).is_ok());
        assert!(f32s(&[[0.0, 0.0]], Metric::Cosine).unwrap_err().to_string().contains("zero vector"));
        assert!(f32s(&[[1e-20, 0.0]], Metric::Cosine).unwrap_err().to_string().contains("too small"));
    }

    /// The quick look at a batch lets nothing pass that the slow look at each row refuses.
    #[test]
    fn a_bad_row_is_found_anywhere_among_good_ones() {
        let bad: [(f32, Metric); 7] = [
            (f32::NAN, Metric::L2),
            (f32::INFINITY, Metric::Ip),
            (f32::NEG_INFINITY, Metric::SqEuclidean),
            (9.3e18, Metric::L2),
            (f32::MAX, Metric::Ip),
            (0.0, Metric::Cosine),
            (9e-16, Metric::Cosine),
        ];
        for (dim, rows) in [(1, 3), (7, 64), (16, 65), (33, 200)] {
            for (value, metric) in bad {
                for row in [0, rows / 2, rows - 1] {
                    for component in [0, dim / 2, dim - 1] {
                        let mut values = vec![1.0f32; rows * dim];
                        if metric == Metric::Cosine {
                            values[row * dim..][..dim].fill(0.0);
                        }
                        values[row * dim + component] = value;
                        let matrix = Matrix { bytes: bytemuck::cast_slice(&values), rows };
                        let message = check_rows(matrix, dim, metric, Dtype::F32, "row").unwrap_err().to_string();
                        assert!(message.starts_with(&format!("row {row}: ")), "{message}");
                    }
                }
            }
        }
    }

    #[test]
    fn limits_are_the_same_for_the_quick_look() {
        let (longest, shortest) = (MAX_SQUARED_NORM.sqrt(), MIN_COSINE_SQUARED_NORM.sqrt());
        for factor in [0.9, 0.999_999, 1.000_001, 1.1] {
            assert_eq!(f32s(&[[1.0, 0.0], [(longest * factor) as f32, 0.0]], Metric::L2).is_ok(), factor < 1.0);
            assert_eq!(f32s(&[[1.0, 0.0], [(shortest * factor) as f32, 0.0]], Metric::Cosine).is_ok(), factor > 1.0);
        }
    }

    #[test]
    fn every_dtype_is_looked_at() {
        let [nan, zero, one] = [f32::NAN, 0.0, 1.0];
        let halves = [one, zero, zero, nan].map(f16::from_f32);
        let brains = [one, zero, zero, nan].map(bf16::from_f32);
        let bad = |bytes: &[u8], dtype, metric| {
            check_rows(Matrix { bytes, rows: 2 }, 2, metric, dtype, "row").unwrap_err().to_string()
        };
        assert!(bad(bytemuck::cast_slice(&halves), Dtype::F16, Metric::L2).starts_with("row 1: component 1 is NaN"));
        assert!(bad(bytemuck::cast_slice(&brains), Dtype::Bf16, Metric::L2).starts_with("row 1: component 1 is NaN"));
        assert!(bad(&[0, 255, 0, 0], Dtype::I8, Metric::Cosine).starts_with("row 1: is a zero vector"));
        assert!(bad(&[0, 1, 0, 0], Dtype::U8, Metric::Cosine).starts_with("row 1: is a zero vector"));
    }

    #[test]
    fn padding_bits_are_zero() {
        let check =
            |byte: u8| check_rows(Matrix { bytes: &[0xff, byte], rows: 1 }, 11, Metric::Hamming, Dtype::Bits, "row");
        assert!(check(0b1110_0000).is_ok());
        assert!(check(0b1111_0000).unwrap_err().to_string().contains("last 5 bits"));
    }
}
