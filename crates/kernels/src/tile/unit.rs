//! Which unit multiplies tiles on this machine.

use std::sync::OnceLock;

use crate::{Isa, available, isa};

/// What multiplies tiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Plain loops, which the compiler vectorises for the target: NEON, SSE2.
    Portable,
    /// AVX2.
    Avx2,
    /// AVX-512 with VNNI and VPOPCNTDQ.
    Avx512,
    /// The tile registers of AMX with bf16 and 8-bit integers (Sapphire Rapids and later), where
    /// Linux grants them to the process.
    Amx,
}

impl Unit {
    /// The instruction set that single rows are compared with where this unit is in use.
    pub fn isa(self) -> Isa {
        match self {
            Unit::Portable if available().contains(&Isa::Neon) => Isa::Neon,
            Unit::Portable => Isa::Scalar,
            Unit::Avx2 => Isa::Avx2,
            Unit::Avx512 | Unit::Amx => Isa::Avx512,
        }
    }
}

/// The unit in use: that of [`isa`], or AMX where there is AVX-512 and `VICINAL_AMX` is not 0.
pub fn unit() -> Unit {
    static CHOSEN: OnceLock<Unit> = OnceLock::new();
    *CHOSEN.get_or_init(|| {
        let wanted = std::env::var_os("VICINAL_AMX").is_none_or(|value| value != "0");
        match isa() {
            Isa::Scalar | Isa::Neon => Unit::Portable,
            Isa::Avx2 => Unit::Avx2,
            Isa::Avx512 if wanted && units().contains(&Unit::Amx) => Unit::Amx,
            Isa::Avx512 => Unit::Avx512,
        }
    })
}

/// The units this machine has, the slowest first.
pub fn units() -> &'static [Unit] {
    static UNITS: OnceLock<Vec<Unit>> = OnceLock::new();
    UNITS.get_or_init(|| {
        let mut units = vec![Unit::Portable];
        if available().contains(&Isa::Avx2) {
            units.push(Unit::Avx2);
        }
        if available().contains(&Isa::Avx512) {
            units.push(Unit::Avx512);
            #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
            if super::amx::granted() {
                units.push(Unit::Amx);
            }
        }
        units
    })
}
