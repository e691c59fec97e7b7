//! The truth that every kernel is held against: plain loops, `f64` and `i64` sums.

use half::{bf16, f16};

use crate::{Code, Form};

/// One query against one row, both as bytes (native endian), without any cleverness.
///
/// Sums of integers are exact. Sums over float rows carry only the rounding of `f64`.
///
/// ```
/// use vicinal_kernels::{Code, Form, reference::evaluate};
///
/// assert_eq!(evaluate(Form::SqL2, Code::U8, &[1, 200], &[4, 204]), 25.0);
/// assert_eq!(evaluate(Form::Dot, Code::I8, &[2, 255], &[100, 128]), 200.0 + 128.0);
/// assert_eq!(evaluate(Form::Hamming, Code::Bits, &[0b1100, 1], &[0b1010, 1]), 2.0);
/// assert_eq!(evaluate(Form::Jaccard, Code::Bits, &[0b1100, 1], &[0b1010, 1]), 0.5);
/// let row = half::bf16::from_f32(-3.0).to_ne_bytes();
/// assert_eq!(evaluate(Form::SqL2, Code::Bf16, &0.5f32.to_ne_bytes(), &row), 12.25);
/// ```
///
/// # Panics
///
/// If the two lengths don't belong together, or the form isn't defined over the code.
pub fn evaluate(form: Form, code: Code, query: &[u8], row: &[u8]) -> f64 {
    assert_eq!(
        query.len() / code.query_bytes(),
        row.len() / code.row_bytes(),
        "query and row must have as many components"
    );
    match (form, code) {
        (Form::SqL2, Code::I8 | Code::U8) => {
            pairs(code, query, row).map(|(q, x)| (q as i64 - x as i64).pow(2)).sum::<i64>() as f64
        }
        (Form::Dot, Code::I8 | Code::U8 | Code::Levels) => {
            pairs(code, query, row).map(|(q, x)| q as i64 * x as i64).sum::<i64>() as f64
        }
        (Form::SqL2, Code::F32 | Code::F16 | Code::Bf16) => pairs(code, query, row).map(|(q, x)| (q - x).powi(2)).sum(),
        (Form::Dot, Code::F32 | Code::F16 | Code::Bf16) => pairs(code, query, row).map(|(q, x)| q * x).sum(),
        (Form::Hamming, Code::Bits) => count(query, row, |q, x| q ^ x) as f64,
        (Form::Jaccard, Code::Bits) => {
            let (both, either) = (count(query, row, |q, x| q & x), count(query, row, |q, x| q | x));
            if either == 0 { 0.0 } else { (either - both) as f64 / either as f64 }
        }
        _ => panic!("{form:?} is not defined over {code:?}"),
    }
}

/// The components of a query and a row, side by side; every stored number is exact in `f64`.
fn pairs<'a>(code: Code, query: &'a [u8], row: &'a [u8]) -> impl Iterator<Item = (f64, f64)> + 'a {
    let queries = query.chunks_exact(code.query_bytes()).map(move |bytes| match code {
        Code::I8 | Code::U8 => component(code, bytes),
        Code::Levels => i16::from_ne_bytes(bytes.try_into().expect("two bytes")).into(),
        _ => component(Code::F32, bytes),
    });
    queries.zip(row.chunks_exact(code.row_bytes()).map(move |bytes| component(code, bytes)))
}

/// One component, from its bytes.
fn component(code: Code, bytes: &[u8]) -> f64 {
    match code {
        Code::F32 => f32::from_ne_bytes(bytes.try_into().expect("four bytes")).into(),
        Code::F16 => f16::from_ne_bytes(bytes.try_into().expect("two bytes")).into(),
        Code::Bf16 => bf16::from_ne_bytes(bytes.try_into().expect("two bytes")).into(),
        Code::I8 => f64::from(bytes[0] as i8),
        Code::U8 | Code::Levels => f64::from(bytes[0]),
        Code::Bits => panic!("a bit is not a number"),
    }
}

fn count(query: &[u8], row: &[u8], op: impl Fn(u8, u8) -> u8) -> u64 {
    query.iter().zip(row).map(|(&q, &x)| u64::from(op(q, x).count_ones())).sum()
}
