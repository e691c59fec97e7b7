//! AVX2, FMA and F16C: registers of 32 bytes.

mod bit;
mod byte;
mod float;

/// The operations on AVX2.
pub(crate) struct Avx2;

crate::generic::entries!(Avx2, [#[target_feature(enable = "avx2,fma,f16c")]]);
