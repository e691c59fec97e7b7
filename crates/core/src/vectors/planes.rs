//! An f32 as two 16-bit halves, without loss.
//!
//! *hi* is the nearest bf16 (ties away from zero), *lo* the low half of the bit pattern. A walk reads the hi plane
//! alone: half the cache lines of f32, with an error of at most 2^-8 of each component's power of two. Both together
//! are the f32 again: since ties go one way, `lo` alone tells whether rounding added one to the high half.

/// The planes of `x`.
#[inline]
pub fn split_f32(x: f32) -> (u16, u16) {
    let bits = x.to_bits();
    let lo = bits as u16;
    (((bits >> 16) as u16).wrapping_add(lo >> 15), lo)
}

/// The f32 of two planes.
#[inline(always)]
pub fn join_f32(hi: u16, lo: u16) -> f32 {
    f32::from_bits(u32::from(hi.wrapping_sub(lo >> 15)) << 16 | u32::from(lo))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn two_planes_are_the_float_again(bits: u32) {
            let x = f32::from_bits(bits);
            let (hi, lo) = split_f32(x);
            prop_assert_eq!(join_f32(hi, lo).to_bits(), bits);
        }

        #[test]
        fn the_hi_plane_is_the_nearest_bf16(x in -1e30f32..1e30) {
            let hi = half::bf16::from_bits(split_f32(x).0).to_f32();
            let nearest = half::bf16::from_f32(x).to_f32();
            prop_assert_eq!((hi - x).abs(), (nearest - x).abs());
        }
    }
}
