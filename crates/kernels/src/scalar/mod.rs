//! Plain Rust over small arrays, which the compiler turns into whatever the target always has.

mod abreast;
mod bit;
mod byte;
mod edges;
mod float;

use crate::abreast::pass_function;
use crate::edges::edge_functions;
use crate::generic::bytes::{Byte, Dot, Levels};
use crate::generic::entries;

/// The operations in plain Rust.
pub(crate) struct Scalar;

type Bytes<F, L> = Byte<Scalar, F, L>;

entries!(Scalar, Bytes, Byte<Scalar, Dot, Levels>, []);
edge_functions!(Scalar, []);
pass_function!(Scalar, 1, []);
