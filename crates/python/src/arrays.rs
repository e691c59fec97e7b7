//! numpy arrays as the engine's matrices, without a copy.

use bytemuck::NoUninit;
use half::f16;
use numpy::{Element, PyArrayDyn, PyArrayMethods, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::prelude::*;
use vicinal_core::{Dtype, Matrix};

use crate::errors::InvalidTypeError;

/// The rows of an array in the stored dtype; bf16 travels as the uint16 of its bits.
pub fn stored<'a>(array: &'a Bound<'_, PyUntypedArray>, dtype: Dtype) -> PyResult<Matrix<'a>> {
    match dtype {
        Dtype::F32 => matrix::<f32>(array),
        Dtype::F16 => matrix::<f16>(array),
        Dtype::Bf16 => matrix::<u16>(array),
        Dtype::I8 => matrix::<i8>(array),
        Dtype::U8 | Dtype::Bits => matrix::<u8>(array),
    }
}

/// The rows of an array of queries: float32 for the float dtypes, as stored for the others.
pub fn queries<'a>(array: &'a Bound<'_, PyUntypedArray>, dtype: Dtype) -> PyResult<Matrix<'a>> {
    stored(array, if dtype.is_float() { Dtype::F32 } else { dtype })
}

/// The queries, if that is what `values` is already: a plain array, of the right shape and dtype,
/// contiguous and aligned. It spares the common case all of Python's own looks at it.
pub fn ready<'a, 'py>(
    values: &'a Bound<'py, PyAny>,
    dim: usize,
    dtype: Dtype,
) -> Option<(&'a Bound<'py, PyUntypedArray>, Matrix<'a>)> {
    let array = values.cast_exact::<PyUntypedArray>().ok()?;
    let width = dtype.kernel_len(dim);
    if array.shape().last() != Some(&width) {
        return None;
    }
    Some((array, queries(array, dtype).ok()?))
}

fn matrix<'a, T: Element + NoUninit>(array: &'a Bound<'_, PyUntypedArray>) -> PyResult<Matrix<'a>> {
    slice::<T>(array).ok_or_else(|| {
        InvalidTypeError::new_err(
            "the native module takes C-contiguous rows of the stored dtype; call vicinal.Index, which converts",
        )
    })
}

fn slice<'a, T: Element + NoUninit>(array: &'a Bound<'_, PyUntypedArray>) -> Option<Matrix<'a>> {
    let typed = array.cast::<PyArrayDyn<T>>().ok().filter(|typed| typed.is_c_contiguous())?;
    let rows = match *typed.shape() {
        [_] => 1,
        [rows, _] => rows,
        _ => return None,
    };
    // SAFETY: `array` keeps the buffer alive for 'a, and nothing here writes to it. Python code that
    // writes during the call changes what the engine reads, as with any numpy function that
    // releases the interpreter; the engine trusts no value that it read to address memory.
    let values = unsafe { typed.as_slice() }.ok()?;
    Some(Matrix { bytes: bytemuck::cast_slice(values), rows })
}
