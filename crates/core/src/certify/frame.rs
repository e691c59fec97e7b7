//! From vectors to coordinates.

use vicinal_kernels::{Loops, vectorized};

use crate::error::{Error, Result};

/// Coordinates that are worked out together: sixteen for each of four vectors are eight registers of AVX-512.
pub(super) const LANES: usize = 16;
/// Most axes.
const MAX_AXES: usize = 1024;
/// More than rounding takes from the coordinates, relative to the norms of the vector and the centre: a vector enters
/// with an error of `(dim + 4) 2^-53` of those, and each coordinate is a sum of `dim` products, off by
/// `(dim + 2) 2^-53` of the norms of both, which makes `32 = sqrt(MAX_AXES)` times that in all of them. With 65,536
/// components that is 2.4e-10.
const ROUND: f64 = 3e-10;

/// Axes, as someone found them.
#[derive(Clone, Copy, Debug)]
pub struct Basis<'a> {
    /// What is taken off all vectors first: `dim` components.
    pub centre: &'a [f32],
    /// The axes one after another, `dim` components each, those along which vectors differ most first. About
    /// orthonormal, or bounds will be weak.
    pub axes: &'a [f32],
}

/// Axes and a centre: where the coordinates of vectors come from.
pub(super) struct Frame {
    dim: usize,
    axes: usize,
    /// Panels of [`LANES`] axes: for each component, what it adds to each coordinate.
    panels: Vec<[f32; LANES]>,
    centre: Vec<f64>,
    centre_norm: f64,
    /// No vector is stretched by more: `σ`.
    stretch: f64,
}

impl Frame {
    /// Takes the axes over, and bounds what they do to a vector.
    pub fn new(dim: usize, basis: Basis<'_>) -> Result<Self> {
        let axes = basis.axes.len() / dim;
        if basis.centre.len() != dim || basis.axes.len() != axes * dim || axes == 0 || axes > MAX_AXES {
            return Err(Error::invalid(format!(
                "a basis of {dim} components has a centre of as many and 1 to {MAX_AXES} axes, not {} and {} numbers",
                basis.centre.len(),
                basis.axes.len()
            )));
        }
        let sound = |numbers: &[f32], most: f32| numbers.iter().all(|x| x.abs() <= most);
        if !sound(basis.axes, 2.0) || !sound(basis.centre, 1e19) {
            return Err(Error::invalid("axes are about of length 1, and they and the centre are finite numbers"));
        }
        let mut panels = vec![[0.0_f32; LANES]; axes.div_ceil(LANES) * dim];
        for (axis, row) in basis.axes.chunks_exact(dim).enumerate() {
            for (i, &x) in row.iter().enumerate() {
                panels[axis / LANES * dim + i][axis % LANES] = x;
            }
        }
        let centre: Vec<f64> = basis.centre.iter().map(|&x| x.into()).collect();
        let centre_norm = centre.iter().map(|x| x * x).sum::<f64>().sqrt();
        let mut frame = Frame { dim, axes, panels, centre, centre_norm, stretch: 1.0 };
        // The spectral norm of A is the root of that of A Aᵀ, which no sum of absolute values in a row is less than.
        let (mut widest, mut row) = (0.0_f64, Vec::new());
        for axis in basis.axes.chunks_exact(dim) {
            let axis: Vec<[f64; 1]> = axis.iter().map(|&x| [x.into()]).collect();
            frame.project(&axis, &mut row);
            widest = widest.max(row.as_flattened().iter().map(|x| x.abs()).sum());
        }
        frame.stretch = (widest * (1.0 + 1e-7)).sqrt().max(f64::MIN_POSITIVE);
        Ok(frame)
    }

    /// How many coordinates there are.
    pub fn axes(&self) -> usize {
        self.axes
    }

    /// No vector is stretched by more.
    pub fn stretch(&self) -> f64 {
        self.stretch
    }

    /// Bytes of memory.
    pub fn bytes(&self) -> usize {
        size_of_val(&*self.panels) + size_of_val(&*self.centre)
    }

    /// Takes the centre off a vector, multiplied by `factor`; or, without one, brought to length 1. It goes to place
    /// `n` of `out`. Returns how far coordinates worked out from it may be off.
    pub fn enter<const N: usize>(&self, values: &[f32], factor: Option<f64>, out: &mut [[f64; N]], n: usize) -> f64 {
        let norm = square(values).sqrt();
        let factor = factor.unwrap_or(1.0 / norm);
        for ((out, &x), centre) in out.iter_mut().zip(values).zip(&self.centre) {
            out[n] = f64::from(x) * factor - centre;
        }
        ROUND * self.stretch * (norm * factor + self.centre_norm)
    }

    /// The coordinates of `N` vectors that entered: of [`LANES`] axes those of each vector in turn, then of the next.
    pub fn project<const N: usize>(&self, vectors: &[[f64; N]], out: &mut Vec<[f64; LANES]>) {
        out.clear();
        vectorized(Project { frame: self, vectors, out });
    }
}

/// [`Frame::project`], to be compiled for each instruction set.
struct Project<'a, const N: usize> {
    frame: &'a Frame,
    vectors: &'a [[f64; N]],
    out: &'a mut Vec<[f64; LANES]>,
}

impl<const N: usize> Loops for Project<'_, N> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for panel in self.frame.panels.chunks_exact(self.frame.dim) {
            let mut sums = [[0.0; LANES]; N];
            for (axes, component) in panel.iter().zip(self.vectors) {
                for n in 0..N {
                    for lane in 0..LANES {
                        sums[n][lane] += f64::from(axes[lane]) * component[n];
                    }
                }
            }
            self.out.extend(sums);
        }
    }
}

/// The squared norm.
pub(super) fn square(values: &[f32]) -> f64 {
    values.iter().map(|&x| f64::from(x) * f64::from(x)).sum()
}
