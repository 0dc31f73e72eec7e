//! Resampling: images and signals at another size.

use super::PerAxis;
use crate::{DType, Error, Result, Tensor};

/// How [`interpolate`] finds values between the elements of its input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InterpolateMode {
    /// The element at or before the position, PyTorch's `nearest`.
    #[default]
    Nearest,
    /// The element whose middle is nearest, PyTorch's `nearest-exact`.
    NearestExact,
    /// On straight lines between neighbours: PyTorch's `linear`, `bilinear` or `trilinear`, by the number of axes.
    Linear,
    /// As `Linear`, but where elements come closer together over as many as one of the result covers: PyTorch's
    /// `bilinear` with `antialias`, Pillow's `BILINEAR`.
    LinearAntialias,
    /// On cubic curves through four neighbours (Keys 1981, with a = -0.75): PyTorch's `bicubic` for two axes.
    Cubic,
}

/// The size that [`interpolate`] gives `N` axes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target<const N: usize> {
    /// Elements along each axis.
    Size([usize; N]),
    /// A factor for each axis; the sizes are rounded down.
    Scale([f64; N]),
}

impl<const N: usize> Target<N> {
    /// So many elements along each axis.
    pub fn size(size: impl PerAxis<N>) -> Self {
        Self::Size(size.per_axis())
    }

    /// The same factor for every axis.
    pub fn scale(factor: f64) -> Self {
        Self::Scale([factor; N])
    }
}

/// Resamples the last `N` axes of `[batch, channels, ..]`, as PyTorch's `interpolate`.
///
/// With `align_corners` the first and last elements of input and result lie at the same positions, else their outer
/// edges do. It is not for the nearest modes.
///
/// # Errors
/// If the rank is not `N + 2`, a size is 0 or a factor not above 0, `align_corners` comes with a nearest mode, or the
/// dtype is not a float where a mode computes means.
///
/// ```
/// # use kiln::prelude::*;
/// use kiln::nn::functional::{InterpolateMode, Target, interpolate};
/// let x = Tensor::from_slice(&[0.0f32, 1.0], [1, 1, 2], &Device::cpu())?;
/// let y = interpolate(&x, Target::<1>::size(3), InterpolateMode::Linear, true)?;
/// assert_eq!(y.to_vec::<f32>()?, [0.0, 0.5, 1.0]);
/// # Ok::<(), kiln::Error>(())
/// ```
pub fn interpolate<const N: usize>(
    x: &Tensor,
    target: Target<N>,
    mode: InterpolateMode,
    align_corners: bool,
) -> Result<Tensor> {
    let op = "interpolate";
    if x.rank() != N + 2 {
        return Err(Error::shape(op, x.shape(), format!("the input must have {} axes", N + 2)));
    }
    let is_nearest = matches!(mode, InterpolateMode::Nearest | InterpolateMode::NearestExact);
    if is_nearest && align_corners {
        return Err(Error::argument(op, "there are no corners to align in the nearest modes"));
    }
    if !is_nearest && !x.dtype().is_float() {
        return Err(Error::dtype(op, x.dtype(), "this mode is defined for floats; convert with `to_dtype`"));
    }
    let wide = x.dtype().wide();
    let mut y = x.to_dtype(wide);
    for i in 0..N {
        let from = x.shape()[2 + i];
        let (to, step) = match target {
            Target::Size(sizes) => (sizes[i], from as f64 / sizes[i] as f64),
            Target::Scale(scales) if scales[i] > 0.0 && scales[i].is_finite() => {
                ((from as f64 * scales[i]) as usize, 1.0 / scales[i])
            }
            Target::Scale(scales) => {
                return Err(Error::argument(op, format!("the factor {} is not a number above 0", scales[i])));
            }
        };
        if from == 0 || to == 0 {
            return Err(Error::shape(op, x.shape(), format!("axis {} would go from {from} to {to} elements", 2 + i)));
        }
        let axis = Axis { from, to, step, align_corners, single: wide != DType::F64 };
        y = resampled(&y, 2 + i, &axis.stencil(mode))?;
    }
    Ok(y.to_dtype(x.dtype()))
}

/// Along one axis: for each element of the result the same number of input elements, with their weights.
struct Stencil {
    indices: Vec<Vec<i32>>,
    /// As many lists as of indices; none if there is one, of weight 1.
    weights: Vec<Vec<f64>>,
}

/// How one axis is resampled.
struct Axis {
    from: usize,
    to: usize,
    /// Input elements per element of the result.
    step: f64,
    align_corners: bool,
    /// Whether positions are computed in 32 bits, as PyTorch does for all but `F64`: they decide between neighbours.
    single: bool,
}

impl Axis {
    fn stencil(&self, mode: InterpolateMode) -> Stencil {
        let last = self.from as i32 - 1;
        let index = |at: i32| at.clamp(0, last);
        let one = |indices: Vec<i32>| Stencil { indices: vec![indices], weights: Vec::new() };
        match mode {
            InterpolateMode::Nearest => one((0..self.to).map(|i| index(self.times(i as f64).floor() as i32)).collect()),
            InterpolateMode::NearestExact => {
                one((0..self.to).map(|i| index(self.times(i as f64 + 0.5).floor() as i32)).collect())
            }
            InterpolateMode::Linear => {
                let at: Vec<f64> = (0..self.to).map(|i| self.source(i).max(0.0)).collect();
                let rest: Vec<f64> = at.iter().map(|at| at - at.floor()).collect();
                Stencil {
                    indices: [0, 1].map(|k| at.iter().map(|at| index(*at as i32 + k)).collect()).to_vec(),
                    weights: vec![rest.iter().map(|t| 1.0 - t).collect(), rest],
                }
            }
            InterpolateMode::LinearAntialias => self.antialiased(),
            InterpolateMode::Cubic => {
                let at: Vec<f64> = (0..self.to).map(|i| self.source(i)).collect();
                let near = |d: f64| (1.25 * d - 2.25) * d * d + 1.0;
                let far = |d: f64| ((-0.75 * d + 3.75) * d - 6.0) * d + 3.0;
                let weight = |k: i32, t: f64| match k {
                    -1 => far(t + 1.0),
                    0 => near(t),
                    1 => near(1.0 - t),
                    _ => far(2.0 - t),
                };
                let each = -1..=2;
                Stencil {
                    indices: each.clone().map(|k| at.iter().map(|at| index(at.floor() as i32 + k)).collect()).collect(),
                    weights: each.map(|k| at.iter().map(|at| weight(k, at - at.floor())).collect()).collect(),
                }
            }
        }
    }

    /// A triangle over each element of the result, as wide as its neighbours' middles, and at least as the input's.
    fn antialiased(&self) -> Stencil {
        let step = if !self.align_corners {
            self.step
        } else if self.to > 1 {
            (self.from - 1) as f64 / (self.to - 1) as f64
        } else {
            0.0
        };
        let reach = step.max(1.0);
        let covered: Vec<(usize, Vec<f64>)> = (0..self.to)
            .map(|i| {
                let middle = step * (i as f64 + 0.5);
                let first = (middle - reach + 0.5).max(0.0) as usize;
                let end = ((middle + reach + 0.5) as usize).min(self.from);
                let weight = |j: usize| (1.0 - ((j as f64 + 0.5 - middle) / reach).abs()).max(0.0);
                let weights: Vec<f64> = (first..end).map(weight).collect();
                let sum: f64 = weights.iter().sum();
                (first, weights.iter().map(|w| w / sum).collect())
            })
            .collect();
        let count = covered.iter().map(|(_, weights)| weights.len()).max().unwrap_or(0);
        // Those at the edges cover fewer: the others have no weight.
        let index = |k: usize| covered.iter().map(move |(first, _)| (first + k).min(self.from - 1) as i32);
        let weight = |k: usize| covered.iter().map(move |(_, weights)| weights.get(k).copied().unwrap_or(0.0));
        Stencil {
            indices: (0..count).map(|k| index(k).collect()).collect(),
            weights: (0..count).map(|k| weight(k).collect()).collect(),
        }
    }

    fn times(&self, i: f64) -> f64 {
        if self.single { (i as f32 * self.step as f32).into() } else { i * self.step }
    }

    /// Where element `i` of the result lies in the input.
    fn source(&self, i: usize) -> f64 {
        let i = i as f64;
        if !self.align_corners {
            let middle = |x: f64| if self.single { (x as f32 - 0.5).into() } else { x - 0.5 };
            return middle(self.times(i + 0.5));
        }
        let step = if self.to > 1 { (self.from - 1) as f64 / (self.to - 1) as f64 } else { 0.0 };
        if self.single { (i as f32 * step as f32).into() } else { i * step }
    }
}

fn resampled(x: &Tensor, axis: usize, stencil: &Stencil) -> Result<Tensor> {
    let pick = |indices: &Vec<i32>| {
        let index = Tensor::from_slice(indices, [indices.len()], x.device())?;
        x.slices(axis, &index, None)
    };
    if stencil.weights.is_empty() {
        return pick(&stencil.indices[0]);
    }
    let mut line = vec![1; x.rank()];
    line[axis] = stencil.indices[0].len();
    let mut sum: Option<Tensor> = None;
    for (indices, weights) in stencil.indices.iter().zip(&stencil.weights) {
        let weights = match x.dtype() {
            DType::F64 => Tensor::from_slice(weights, &line[..], x.device())?,
            _ => Tensor::from_vec(weights.iter().map(|&w| w as f32).collect(), &line[..], x.device())?,
        };
        let part = pick(indices)?.mul(weights)?;
        sum = Some(match sum {
            Some(sum) => sum.add(part)?,
            None => part,
        });
    }
    Ok(sum.unwrap_or_else(|| unreachable!("every mode reads an element")))
}
