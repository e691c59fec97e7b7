//! The exponential level law: `L = floor(-ln(U) * m_L)`, so `P(L >= l) = p^l` with `p = exp(-1 / m_L)`.

/// Levels above this would need more than 2^31 points at any sane p; it keeps hostile parameters from tall towers.
pub const MAX_LEVEL: usize = 63;

/// Draws the level of each slot.
#[derive(Clone, Copy, Debug)]
pub struct LevelLaw {
    seed: u64,
    m_l: f64,
}

impl LevelLaw {
    /// `p` as in `P(L >= l) = p^l`; the paper's choice 1/M makes `m_L = 1 / ln(M)`.
    pub fn new(seed: u64, p: f64) -> Self {
        LevelLaw { seed, m_l: -1.0 / p.ln() }
    }

    /// The level of a slot: a function of seed and slot alone, so threads can't change it.
    pub fn level(&self, slot: u32) -> usize {
        // The top 53 bits as a number in (0, 1]: ln is finite.
        let u = ((splitmix64(self.seed ^ splitmix64(u64::from(slot))) >> 11) + 1) as f64 / (1u64 << 53) as f64;
        ((-u.ln() * self.m_l) as usize).min(MAX_LEVEL)
    }
}

/// The finalizer of Steele, Lea and Flood's SplitMix64 (OOPSLA 2014).
fn splitmix64(x: u64) -> u64 {
    let z = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_follow_the_exponential_law() {
        for (p, seed) in [(1.0 / 16.0, 0), (1.0 / std::f64::consts::E, 7), (0.5, 42)] {
            let law = LevelLaw::new(seed, p);
            let n = 400_000u32;
            let levels: Vec<usize> = (0..n).map(|slot| law.level(slot)).collect();
            for l in 1..=4 {
                let expected = f64::from(n) * f64::powi(p, l);
                let reached = levels.iter().filter(|&&level| level >= l as usize).count() as f64;
                // Five standard deviations of a binomial count.
                let slack = 5.0 * expected.sqrt() + 1.0;
                assert!((reached - expected).abs() <= slack, "p {p} level {l}: {reached}, not {expected} ± {slack}");
            }
        }
    }

    #[test]
    fn a_seed_fixes_the_levels() {
        let levels = |seed| (0..1000).map(|slot| LevelLaw::new(seed, 0.5).level(slot)).collect::<Vec<_>>();
        assert_eq!(levels(1), levels(1));
        assert_ne!(levels(1), levels(2));
    }
}
