//! What may enter: finite values of sane magnitude, no zero vector under cosine, no stray padding bits.

use bytemuck::pod_read_unaligned;
use half::{bf16, f16};

use crate::error::{Error, Result};
use crate::types::{Dtype, MAX_SQUARED_NORM, MIN_COSINE_SQUARED_NORM, Matrix, Metric};

/// Refuses rows of the stored dtype that can't be compared; the message names the first bad row. `what` is what the
/// user calls them, e.g. "row" or "query".
pub fn check_rows(rows: Matrix<'_>, dim: usize, metric: Metric, dtype: Dtype, what: &str) -> Result<()> {
    let row_bytes = dtype.row_bytes(dim);
    rows.check(row_bytes)?;
    for (i, row) in rows.bytes.chunks_exact(row_bytes).enumerate() {
        check_row(row, dim, metric, dtype).map_err(|why| Error::invalid(format!("{what} {i}: {why}")))?;
    }
    Ok(())
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

    #[test]
    fn padding_bits_are_zero() {
        let check =
            |byte: u8| check_rows(Matrix { bytes: &[0xff, byte], rows: 1 }, 11, Metric::Hamming, Dtype::Bits, "row");
        assert!(check(0b1110_0000).is_ok());
        assert!(check(0b1111_0000).unwrap_err().to_string().contains("last 5 bits"));
    }
}
