//! AVX-512 with VNNI and VPOPCNTDQ: registers of 64 bytes, masked loads for tails.

mod bit;
mod byte;
mod float;

/// The operations on AVX-512.
pub(crate) struct Avx512;

crate::generic::entries!(Avx512, [
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512cd")]
    #[target_feature(enable = "avx512vbmi,avx512vnni,avx512vpopcntdq,avx2,fma,f16c")]
]);
