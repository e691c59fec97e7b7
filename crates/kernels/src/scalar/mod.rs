//! Plain Rust over small arrays, which the compiler turns into whatever the target always has.

mod bit;
mod byte;
mod float;

/// The operations in plain Rust.
pub(crate) struct Scalar;

crate::generic::entries!(Scalar, []);
