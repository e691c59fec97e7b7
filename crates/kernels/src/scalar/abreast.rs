//! Rows abreast, in arrays.

use core::array;

use super::Scalar;
use super::float::LANES;
use crate::abreast::ops::Abreast;
use crate::abreast::query::Four;

impl Abreast for Scalar {
    type Dots = [i32; 16];

    #[inline(always)]
    unsafe fn no_dots() -> Self::Dots {
        [0; 16]
    }

    #[inline(always)]
    unsafe fn four(dots: Self::Dots, codes: *const u8, query: &Four) -> Self::Dots {
        // SAFETY: 64 bytes are readable.
        let codes = unsafe { codes.cast::<[[u8; 4]; 16]>().read_unaligned() };
        array::from_fn(|row| {
            let products: i32 = (0..4).map(|i| i32::from(codes[row][i]) * i32::from(query.bytes[i])).sum();
            dots[row] + products
        })
    }

    #[inline(always)]
    unsafe fn squares(dots: &Self::Dots, part: usize, squares: *const u8, offset: i32) -> Self::V {
        // SAFETY: a register's worth is readable.
        let squares = unsafe { squares.cast::<[i32; LANES]>().read_unaligned() };
        array::from_fn(|i| (squares[i] + offset - 2 * dots[part * LANES + i]) as f32)
    }

    #[inline(always)]
    unsafe fn sqrt(v: Self::V) -> Self::V {
        v.map(f32::sqrt)
    }
}
