//! How rows lie in a block.

use super::{LANES, MAX_WIDTH};

/// Codes of a lane that lie together.
pub(super) const FOUR: usize = 4;
/// Bytes of one number of each lane, or of four codes of each.
pub(super) const STRIPE: usize = 4 * LANES;
/// Where errors and terms begin.
pub(super) const ERRORS: usize = STRIPE;
pub(super) const TERMS: usize = 2 * STRIPE;
/// What is added to a code, so that it has no sign.
pub(super) const BIAS: i32 = 128;

/// How blocks look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    width: usize,
    terms: bool,
}

impl Shape {
    /// Blocks of rows of `width` codes, with terms or without.
    ///
    /// # Panics
    ///
    /// If the width is above [`MAX_WIDTH`].
    pub fn new(width: usize, terms: bool) -> Self {
        assert!(width <= MAX_WIDTH, "sums of more than {MAX_WIDTH} squares are not exact");
        Shape { width, terms }
    }

    /// Codes of a row.
    pub fn width(self) -> usize {
        self.width
    }

    /// Whether rows have terms.
    pub fn terms(self) -> bool {
        self.terms
    }

    /// Bytes of a block.
    pub fn bytes(self) -> usize {
        self.codes() + self.fours() * STRIPE
    }

    /// Where the codes begin.
    pub(super) fn codes(self) -> usize {
        if self.terms { 3 * STRIPE } else { 2 * STRIPE }
    }

    /// How many times four codes a row has.
    pub(super) fn fours(self) -> usize {
        self.width.div_ceil(FOUR)
    }

    /// Writes a row into a lane: its codes, from -127 to 127, its error, and its term where the shape has such.
    ///
    /// # Panics
    ///
    /// If there are not as many codes as the shape has, or there is no such lane.
    ///
    /// # Safety
    ///
    /// `block` is valid for [`Shape::bytes`], at an address that is a multiple of 4, and no other thread writes or asks
    /// for the lane. Others may read the rest of the block.
    pub unsafe fn write(self, block: *mut u8, lane: usize, codes: &[i8], error: f32, term: f32) {
        assert!(lane < LANES, "a block has 16 lanes");
        assert_eq!(codes.len(), self.width, "a row of this shape has {} codes", self.width);
        let square: i32 = codes.iter().map(|&code| i32::from(code).pow(2)).sum();
        let of_lane = block.wrapping_add(4 * lane);
        // SAFETY: within the block and its alignment. Others may read the words beside meanwhile: a volatile store of a
        // word is one store of that word.
        let put = |at: usize, word: u32| unsafe { of_lane.add(at).cast::<u32>().write_volatile(word) };
        put(0, square as u32);
        put(ERRORS, error.to_bits());
        if self.terms {
            put(TERMS, term.to_bits());
        }
        for (i, codes) in codes.chunks(FOUR).enumerate() {
            let mut four = [BIAS as u8; FOUR];
            four.iter_mut().zip(codes).for_each(|(byte, &code)| *byte = (code as u8).wrapping_add(BIAS as u8));
            put(self.codes() + i * STRIPE, u32::from_ne_bytes(four));
        }
    }

    /// The error of a lane, and its term, or 0 where the shape has none.
    ///
    /// # Safety
    ///
    /// `block` is readable for [`Shape::bytes`], and nobody writes the lane.
    pub unsafe fn facts(self, block: *const u8, lane: usize) -> (f32, f32) {
        assert!(lane < LANES, "a block has 16 lanes");
        // SAFETY: within the block.
        let number = |at: usize| unsafe { block.add(at + 4 * lane).cast::<f32>().read_unaligned() };
        (number(ERRORS), if self.terms { number(TERMS) } else { 0.0 })
    }
}
