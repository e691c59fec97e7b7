//! NEON, which every 64-bit Arm has: registers of 16 bytes.

mod bit;
mod byte;
mod float;

use crate::generic::bytes::Byte;
use crate::generic::entries;

/// The operations on NEON.
pub(crate) struct Neon;

type Bytes<F, L> = Byte<Neon, F, L>;

entries!(Neon, Bytes, [#[target_feature(enable = "neon")]]);
