//! Which instruction sets this machine has, found once.

use std::fmt;
use std::sync::OnceLock;

/// A set of instructions that kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Isa {
    /// What the target always has; no run-time choice.
    Scalar,
    /// AVX2, FMA and F16C (Haswell, Zen and later).
    Avx2,
    /// AVX-512 F, BW, VL, DQ, CD, VBMI, VNNI and VPOPCNTDQ (Ice Lake, Zen 4 and later).
    Avx512,
    /// NEON, which every 64-bit Arm has.
    Neon,
}

impl Isa {
    /// Every instruction set, the slowest first.
    pub const ALL: [Isa; 4] = [Isa::Scalar, Isa::Neon, Isa::Avx2, Isa::Avx512];

    /// The name that `VICINAL_ISA` understands.
    pub const fn as_str(self) -> &'static str {
        match self {
            Isa::Scalar => "scalar",
            Isa::Avx2 => "avx2",
            Isa::Avx512 => "avx512",
            Isa::Neon => "neon",
        }
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

struct Detected {
    available: Vec<Isa>,
    chosen: Isa,
    error: Option<String>,
}

/// The instruction set in use: the best there is, unless `VICINAL_ISA` names another.
pub fn isa() -> Isa {
    detected().chosen
}

/// The instruction sets this machine can run, the slowest first.
pub fn available() -> &'static [Isa] {
    &detected().available
}

/// What is wrong with the value of `VICINAL_ISA`, if anything; the best set is used meanwhile.
pub fn isa_error() -> Option<&'static str> {
    detected().error.as_deref()
}

fn detected() -> &'static Detected {
    static DETECTED: OnceLock<Detected> = OnceLock::new();
    DETECTED.get_or_init(|| {
        let available: Vec<Isa> = Isa::ALL.into_iter().filter(|&isa| has(isa)).collect();
        let best = *available.last().expect("scalar is always there");
        let wanted = std::env::var_os("VICINAL_ISA").unwrap_or_default();
        let (chosen, error) = match choose(&wanted.to_string_lossy(), &available) {
            Ok(forced) => (forced.unwrap_or(best), None),
            Err(error) => (best, Some(error)),
        };
        Detected { available, chosen, error }
    })
}

/// The set that a value of `VICINAL_ISA` asks for; an empty value asks for none.
fn choose(wanted: &str, available: &[Isa]) -> Result<Option<Isa>, String> {
    if wanted.is_empty() {
        return Ok(None);
    }
    if let Some(&isa) = available.iter().find(|isa| isa.as_str() == wanted) {
        return Ok(Some(isa));
    }
    let known = Isa::ALL.iter().any(|isa| isa.as_str() == wanted);
    let why = if known { "is not available on this machine" } else { "is unknown" };
    let names: Vec<&str> = available.iter().map(|isa| isa.as_str()).collect();
    Err(format!("VICINAL_ISA={wanted} {why}; unset it, or set it to one of: {}", names.join(", ")))
}

#[cfg(target_arch = "x86_64")]
fn has(isa: Isa) -> bool {
    // The macro also asks whether the operating system saves the wide registers.
    macro_rules! all {
        ($($feature:tt),+) => { $(std::arch::is_x86_feature_detected!($feature))&&+ };
    }
    match isa {
        Isa::Scalar => true,
        Isa::Avx2 => all!("avx2", "fma", "f16c"),
        Isa::Avx512 => {
            all!("avx2", "fma", "f16c")
                && all!("avx512f", "avx512bw", "avx512vl", "avx512dq", "avx512cd")
                && all!("avx512vbmi", "avx512vnni", "avx512vpopcntdq")
        }
        Isa::Neon => false,
    }
}

#[cfg(target_arch = "aarch64")]
fn has(isa: Isa) -> bool {
    match isa {
        Isa::Scalar => true,
        Isa::Neon => std::arch::is_aarch64_feature_detected!("neon"),
        Isa::Avx2 | Isa::Avx512 => false,
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn has(isa: Isa) -> bool {
    isa == Isa::Scalar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_value_forces_nothing_and_a_name_forces_that_set() {
        let both = [Isa::Scalar, Isa::Avx2];
        assert_eq!(choose("", &both), Ok(None));
        assert_eq!(choose("avx2", &both), Ok(Some(Isa::Avx2)));
        assert_eq!(choose("scalar", &both), Ok(Some(Isa::Scalar)));
    }

    #[test]
    fn a_wrong_value_is_named_with_what_would_do() {
        let both = [Isa::Scalar, Isa::Avx2];
        let missing = choose("avx512", &both).unwrap_err();
        assert!(missing.contains("avx512 is not available"), "{missing}");
        let unknown = choose("sse9", &both).unwrap_err();
        assert!(unknown.contains("sse9 is unknown"), "{unknown}");
        assert!(unknown.ends_with("scalar, avx2"), "{unknown}");
    }
}
