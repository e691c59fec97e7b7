//! NEON, which every 64-bit Arm has: registers of 16 bytes.

mod bit;
mod byte;
mod float;

/// The operations on NEON.
pub(crate) struct Neon;

crate::generic::entries!(Neon, [#[target_feature(enable = "neon")]]);
