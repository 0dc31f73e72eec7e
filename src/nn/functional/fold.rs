//! Windows as columns of a matrix (im2col), and the transpose of that (col2im).

use super::PerAxis;
use crate::{DType, Error, Result, Shape, Tensor, tensor::window::Windows};

/// How the windows of [`unfold`] and [`fold`] lie on two axes. PyTorch's names and defaults.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FoldOptions {
    /// Elements of a window along each axis.
    pub kernel_size: [usize; 2],
    /// The spacing between kernel elements.
    pub dilation: [usize; 2],
    /// Zeros on both sides of each axis.
    pub padding: [usize; 2],
    /// Elements between neighbouring windows.
    pub stride: [usize; 2],
}

impl FoldOptions {
    /// Windows at every element, without padding or gaps.
    pub fn new(kernel_size: impl PerAxis<2>) -> Self {
        Self { kernel_size: kernel_size.per_axis(), dilation: [1; 2], padding: [0; 2], stride: [1; 2] }
    }

    /// Sets the spacing between kernel elements.
    pub fn dilation(mut self, dilation: impl PerAxis<2>) -> Self {
        self.dilation = dilation.per_axis();
        self
    }

    /// Sets the zeros on both sides.
    pub fn padding(mut self, padding: impl PerAxis<2>) -> Self {
        self.padding = padding.per_axis();
        self
    }

    /// Sets the elements between neighbouring windows.
    pub fn stride(mut self, stride: impl PerAxis<2>) -> Self {
        self.stride = stride.per_axis();
        self
    }

    fn windows(&self, axis: usize) -> Windows {
        Windows { size: self.kernel_size[axis], step: self.stride[axis], dilation: self.dilation[axis] }
    }

    /// The windows along both axes of an image of these sizes.
    fn counts(&self, op: &'static str, sizes: [usize; 2], x: &Tensor) -> Result<[usize; 2]> {
        if [self.kernel_size, self.dilation, self.stride].as_flattened().contains(&0) {
            return Err(Error::argument(op, "kernel size, dilation and stride must not be 0"));
        }
        let mut counts = [0; 2];
        for (axis, count) in counts.iter_mut().enumerate() {
            let padded = sizes[axis].saturating_add(self.padding[axis].saturating_mul(2));
            *count = self.windows(axis).count(padded);
            if *count == 0 {
                let reach = self.windows(axis).reach();
                let reason = format!(
                    "a window over {reach} elements is larger than the padded input ({padded}) along axis {axis}"
                );
                return Err(Error::shape(op, x.shape(), reason));
            }
        }
        Ok(counts)
    }
}

impl From<usize> for FoldOptions {
    fn from(kernel_size: usize) -> Self {
        Self::new(kernel_size)
    }
}

impl From<[usize; 2]> for FoldOptions {
    fn from(kernel_size: [usize; 2]) -> Self {
        Self::new(kernel_size)
    }
}

/// The windows of `[batch, channels, height, width]` (or without the batch) as the columns of
/// `[batch, channels * kernel, windows]`.
///
/// # Errors
/// If the rank is another one, a size of the options is 0, no window fits, or the dtype is `Bool`.
///
/// ```
/// # use kiln::prelude::*;
/// use kiln::nn::functional::{FoldOptions, fold, unfold};
/// let x = Tensor::arange(0.0, 16.0, 1.0, DType::F32, &Device::cpu())?.reshape([1, 1, 4, 4])?;
/// let columns = unfold(&x, FoldOptions::new(2).stride(2))?;
/// assert_eq!(columns.shape(), &[1, 4, 4]);
/// let back = fold(&columns, [4, 4], FoldOptions::new(2).stride(2))?;
/// assert_eq!(back.to_vec::<f32>()?, x.to_vec::<f32>()?);
/// # Ok::<(), kiln::Error>(())
/// ```
pub fn unfold(x: &Tensor, options: impl Into<FoldOptions>) -> Result<Tensor> {
    let (op, options) = ("unfold", options.into());
    let (x, batched) = with_batch(op, x, 4)?;
    let [batch, channels, height, width] = x.shape()[..] else { unreachable!("the rank is checked") };
    let [rows, columns] = options.counts(op, [height, width], &x)?;
    let [pad_y, pad_x] = options.padding;
    let dtype = x.dtype();
    // Where windows overlap the gradient is a sum.
    let mut windows = x.widened().pad(&[(0, 0), (0, 0), (pad_y, pad_y), (pad_x, pad_x)])?;
    for axis in 0..2 {
        windows = windows.windows(op, 2 + axis, options.windows(axis))?;
    }
    let elements = channels * options.kernel_size.iter().product::<usize>();
    let y = windows.permute([0, 1, 4, 5, 2, 3])?.reshape([batch, elements, rows * columns])?.to_dtype(dtype);
    if batched { Ok(y) } else { y.squeeze(0) }
}

/// The transpose of [`unfold`]: `[batch, channels * kernel, windows]` (or without the batch) to
/// `[batch, channels, height, width]`. What lies in several windows is added up, always in the same order.
///
/// # Errors
/// If the rank is another one, the sizes do not fit the options, a size of the options is 0, or the dtype is `Bool`.
pub fn fold(x: &Tensor, output_size: impl PerAxis<2>, options: impl Into<FoldOptions>) -> Result<Tensor> {
    let (op, options) = ("fold", options.into());
    let (x, batched) = with_batch(op, x, 3)?;
    let sizes = output_size.per_axis();
    let counts = options.counts(op, sizes, &x)?;
    let [batch, rows, columns] = x.shape()[..] else { unreachable!("the rank is checked") };
    let [kernel_y, kernel_x] = options.kernel_size;
    let elements = kernel_y.saturating_mul(kernel_x);
    if !rows.is_multiple_of(elements) {
        return Err(Error::shape(
            op,
            x.shape(),
            format!("{rows} rows are not divisible by the {elements} elements of a kernel"),
        ));
    }
    if columns != counts[0] * counts[1] {
        let reason = format!(
            "there are {columns} columns, but an output of {sizes:?} has {} x {} windows",
            counts[0], counts[1]
        );
        return Err(Error::shape(op, x.shape(), reason));
    }
    let shape = Shape::try_new(&[batch, rows / elements, kernel_y, kernel_x, counts[0], counts[1]])?;
    // [batch, channels, rows, columns, kernel along y, along x]; the last axis is folded first.
    let mut y = x.widened().reshape(shape)?.permute([0, 1, 4, 5, 2, 3])?;
    for axis in [1, 0] {
        let pad = options.padding[axis];
        y = y.overlap_add(2 + axis, sizes[axis] + 2 * pad, options.windows(axis))?;
        y = y.narrow(2 + axis as isize, pad, sizes[axis])?;
    }
    let y = y.to_dtype(x.dtype());
    if batched { Ok(y) } else { y.squeeze(0) }
}

fn with_batch(op: &'static str, x: &Tensor, rank: usize) -> Result<(Tensor, bool)> {
    if x.dtype() == DType::Bool {
        return Err(Error::dtype(op, x.dtype(), "convert to a number first"));
    }
    match x.rank() {
        r if r == rank => Ok((x.clone(), true)),
        r if r + 1 == rank => Ok((x.unsqueeze(0)?, false)),
        _ => Err(Error::shape(
            op,
            x.shape(),
            format!("the input must have {rank} axes, or {} without the batch", rank - 1),
        )),
    }
}
