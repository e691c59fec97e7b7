//! NEON, which every 64-bit Arm has: registers of 16 bytes.
//!
//! Only what the first such processors had is used, so nothing is detected beyond NEON itself (no
//! dot products of bytes). Tested under an emulator, never timed on a processor:
//!
//! ```text
//! rustup target add aarch64-unknown-linux-musl
//! CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER=rust-lld \
//! CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_RUNNER=qemu-aarch64-static \
//!     cargo test -p vicinal-kernels --target aarch64-unknown-linux-musl --lib --test batch --test bounds
//! ```

mod abreast;
mod bit;
mod byte;
mod edges;
mod float;

use crate::abreast::pass_function;
use crate::edges::edge_functions;
use crate::generic::bytes::{Byte, Dot, Levels};
use crate::generic::entries;

/// The operations on NEON.
pub(crate) struct Neon;

type Bytes<F, L> = Byte<Neon, F, L>;

entries!(Neon, Bytes, Byte<Neon, Dot, Levels>, [#[target_feature(enable = "neon")]]);
edge_functions!(Neon, [#[target_feature(enable = "neon")]]);
pass_function!(Neon, 1, [#[target_feature(enable = "neon")]]);
