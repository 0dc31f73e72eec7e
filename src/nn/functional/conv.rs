//! Convolutions: their options, and what fits together.

use super::{correlate::ConvParams, same_float};
use crate::{DType, Error, Result, Tensor, tensor::window::Windows};

/// A number for every axis, or one for each.
pub trait PerAxis<const N: usize> {
    /// One number per axis.
    fn per_axis(self) -> [usize; N];
}

impl<const N: usize> PerAxis<N> for usize {
    fn per_axis(self) -> [usize; N] {
        [self; N]
    }
}

impl<const N: usize> PerAxis<N> for [usize; N] {
    fn per_axis(self) -> [usize; N] {
        self
    }
}

/// Zeros around the input of a convolution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Padding<const N: usize> {
    /// As many on both sides of each axis.
    Sides([usize; N]),
    /// As many as keep the input's size; an odd one comes last. Needs stride 1.
    Same,
}

/// Options of a convolution over `N` axes. PyTorch's names and defaults.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConvOptions<const N: usize> {
    /// The step from one window to the next, in elements.
    pub stride: [usize; N],
    /// Zeros around the input.
    pub padding: Padding<N>,
    /// The spacing between kernel elements.
    pub dilation: [usize; N],
    /// The number of groups of channels. An output channel depends on the inputs of its group alone.
    pub groups: usize,
}

impl<const N: usize> Default for ConvOptions<N> {
    fn default() -> Self {
        Self { stride: [1; N], padding: Padding::Sides([0; N]), dilation: [1; N], groups: 1 }
    }
}

impl<const N: usize> ConvOptions<N> {
    /// Stride 1, no padding, no dilation, one group.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the stride.
    pub fn stride(mut self, stride: impl PerAxis<N>) -> Self {
        self.stride = stride.per_axis();
        self
    }

    /// Sets the zeros on both sides.
    pub fn padding(mut self, padding: impl PerAxis<N>) -> Self {
        self.padding = Padding::Sides(padding.per_axis());
        self
    }

    /// Pads so that the result has the input's size, PyTorch's `padding="same"`.
    pub fn same(mut self) -> Self {
        self.padding = Padding::Same;
        self
    }

    /// Sets the dilation.
    pub fn dilation(mut self, dilation: impl PerAxis<N>) -> Self {
        self.dilation = dilation.per_axis();
        self
    }

    /// Sets the groups.
    pub fn groups(mut self, groups: usize) -> Self {
        self.groups = groups;
        self
    }

    /// Checks that the groups divide the channels on both sides.
    pub(crate) fn check_channels(&self, op: &'static str, inputs: usize, outputs: usize) -> Result<()> {
        if self.groups > 0 && inputs.is_multiple_of(self.groups) && outputs.is_multiple_of(self.groups) {
            return Ok(());
        }
        let reason =
            format!("in_channels {inputs} and out_channels {outputs} must be divisible by groups {}", self.groups);
        Err(Error::argument(op, reason))
    }
}

macro_rules! convolutions {
    ($($(#[$doc:meta])* $name:ident $transposed:ident $n:literal $axes:literal;)*) => {$(
        $(#[$doc])*
        ///
        /// The input is
        #[doc = concat!("`[batch, channels, ", $axes, "]`")]
        /// or without the batch, the weight
        #[doc = concat!("`[outputs, channels / groups, ", $axes, "]`, the bias `[outputs]`.")]
        ///
        /// # Errors
        /// If ranks, channels or groups do not fit, a stride or dilation is 0, the kernel is larger than the padded
        /// input, `same` comes with a stride, the dtype is `Bool` or a float other than the weights', or the devices differ.
        pub fn $name(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>, options: &ConvOptions<$n>) -> Result<Tensor> {
            conv(stringify!($name), x, weight, bias, options)
        }

        /// The transposed convolution: the gradient of
        #[doc = concat!("[`", stringify!($name), "`] for its input, as an operation of its own.")]
        ///
        /// The weight is
        #[doc = concat!("`[channels, outputs / groups, ", $axes, "]`.")]
        /// `output_padding` is added at the end of each axis, to choose among the input sizes for which the
        /// convolution has one output size.
        ///
        /// # Errors
        /// As the convolution; and if the output padding is neither smaller than the stride nor than the dilation, or
        /// the result would have a size below 1.
        pub fn $transposed(
            x: &Tensor,
            weight: &Tensor,
            bias: Option<&Tensor>,
            options: &ConvOptions<$n>,
            output_padding: impl PerAxis<$n>,
        ) -> Result<Tensor> {
            conv_transpose(stringify!($transposed), x, weight, bias, options, output_padding.per_axis())
        }
    )*};
}

convolutions! {
    /// The convolution (cross-correlation, as everywhere in this field) over one axis.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// use kiln::nn::functional::{ConvOptions, conv1d};
    /// let device = Device::cpu();
    /// let x = Tensor::from_slice(&[1.0f32, 2.0, 4.0, 8.0], [1, 1, 4], &device)?;
    /// let w = Tensor::from_slice(&[-1.0f32, 1.0], [1, 1, 2], &device)?;
    /// assert_eq!(conv1d(&x, &w, None, &ConvOptions::new())?.to_vec::<f32>()?, [1.0, 2.0, 4.0]);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    conv1d conv_transpose1d 1 "length";
    /// The convolution (cross-correlation, as everywhere in this field) over two axes.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// use kiln::nn::functional::{ConvOptions, conv2d};
    /// let device = Device::cpu();
    /// let x = Tensor::ones([8, 3, 32, 32], DType::F32, &device);
    /// let w = Tensor::ones([16, 3, 3, 3], DType::F32, &device);
    /// let y = conv2d(&x, &w, None, &ConvOptions::new().stride(2).padding(1))?;
    /// assert_eq!(y.shape(), &[8, 16, 16, 16]);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    conv2d conv_transpose2d 2 "height, width";
    /// The convolution (cross-correlation, as everywhere in this field) over three axes.
    conv3d conv_transpose3d 3 "depth, height, width";
}

fn conv<const N: usize>(
    op: &'static str,
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    options: &ConvOptions<N>,
) -> Result<Tensor> {
    let (x, weight, batched) = prepare::<N>(op, x, weight)?;
    let groups = check::<N>(op, options)?;
    let mismatch = |reason: String| Error::shapes(op, x.shape(), weight.shape(), reason);
    let (channels, outputs) = (x.shape()[1], weight.shape()[0]);
    if channels != weight.shape()[1] * groups {
        let want = weight.shape()[1] * groups;
        return Err(mismatch(format!(
            "the input has {channels} channels, but the weight expects {want} (groups = {groups})"
        )));
    }
    if !outputs.is_multiple_of(groups) {
        return Err(mismatch(format!("{outputs} output channels are not divisible by {groups} groups")));
    }
    let pads = (0..N).map(|i| match options.padding {
        Padding::Sides(sides) => Ok((sides[i], sides[i])),
        Padding::Same if options.stride[i] != 1 => Err(Error::argument(op, "`same` padding needs stride 1")),
        Padding::Same => {
            let all = options.dilation[i].saturating_mul(weight.shape()[2 + i].saturating_sub(1));
            Ok((all / 2, all - all / 2))
        }
    });
    let pads = pads.collect::<Result<Vec<_>>>()?;
    let params = ConvParams { op, stride: options.stride.to_vec(), dilation: options.dilation.to_vec(), pads, groups };
    for i in 0..N {
        let (before, after) = params.pads[i];
        let padded = x.shape()[2 + i].saturating_add(before).saturating_add(after);
        let windows = params.windows(i, weight.shape()[2 + i]);
        if weight.shape()[2 + i] == 0 || windows.count(padded) == 0 {
            let reach = windows.reach();
            return Err(mismatch(format!(
                "a kernel over {reach} elements is larger than the padded input ({padded}) along spatial axis {i}"
            )));
        }
    }
    let y = params.forward(&x, &weight).map_err(|error| error.in_op(op))?;
    finish(op, y, x.dtype(), bias, outputs, batched)
}

fn conv_transpose<const N: usize>(
    op: &'static str,
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    options: &ConvOptions<N>,
    output_padding: [usize; N],
) -> Result<Tensor> {
    let (x, weight, batched) = prepare::<N>(op, x, weight)?;
    let groups = check::<N>(op, options)?;
    let mismatch = |reason: String| Error::shapes(op, x.shape(), weight.shape(), reason);
    let Padding::Sides(sides) = options.padding else {
        return Err(Error::argument(op, "`same` padding is not available for transposed convolutions"));
    };
    let channels = x.shape()[1];
    if channels != weight.shape()[0] {
        return Err(mismatch(format!(
            "the input has {channels} channels, but the weight expects {}",
            weight.shape()[0]
        )));
    }
    if !channels.is_multiple_of(groups) {
        return Err(mismatch(format!("{channels} channels are not divisible by {groups} groups")));
    }
    let mut sizes = Vec::with_capacity(N);
    for i in 0..N {
        let (kernel, len) = (weight.shape()[2 + i], x.shape()[2 + i]);
        let (stride, dilation, more) = (options.stride[i], options.dilation[i], output_padding[i]);
        if more >= stride && more >= dilation {
            let reason = format!("output_padding {more} must be smaller than stride {stride} or dilation {dilation}");
            return Err(Error::argument(op, reason));
        }
        let reach = Windows { size: kernel, step: stride, dilation }.reach();
        let whole = len.saturating_sub(1).saturating_mul(stride).saturating_add(reach).saturating_add(more);
        match whole.checked_sub(sides[i].saturating_mul(2)).filter(|&size| size > 0 && kernel > 0 && len > 0) {
            Some(size) => sizes.push(size),
            None => return Err(mismatch(format!("the output would be empty along spatial axis {i}"))),
        }
    }
    let pads = (0..N).map(|i| (sides[i], sides[i])).collect();
    let params = ConvParams { op, stride: options.stride.to_vec(), dilation: options.dilation.to_vec(), pads, groups };
    let outputs = weight.shape()[1] * groups;
    let y = params.grad_input(&x, &weight, &sizes).map_err(|error| error.in_op(op))?;
    finish(op, y, x.dtype(), bias, outputs, batched)
}

/// Input (with a batch axis) and weight in one dtype, and whether there was a batch axis.
fn prepare<const N: usize>(op: &'static str, x: &Tensor, weight: &Tensor) -> Result<(Tensor, Tensor, bool)> {
    if x.device() != weight.device() {
        return Err(Error::Devices { op, lhs: x.device().to_string(), rhs: weight.device().to_string() });
    }
    if weight.rank() != N + 2 {
        return Err(Error::shape(op, weight.shape(), format!("the weight must have {} axes", N + 2)));
    }
    let batched = match x.rank() {
        rank if rank == N + 2 => true,
        rank if rank == N + 1 => false,
        _ => {
            let reason = format!("the input must have {} axes, or {} without the batch", N + 2, N + 1);
            return Err(Error::shape(op, x.shape(), reason));
        }
    };
    same_float(op, x.dtype(), &[Some(weight)])?;
    let dtype = DType::promote(x.dtype(), weight.dtype());
    if dtype == DType::Bool {
        return Err(Error::dtype(op, dtype, "convert to a number first"));
    }
    let x = if batched { x.clone() } else { x.unsqueeze(0)? };
    Ok((x.to_dtype(dtype), weight.to_dtype(dtype), batched))
}

fn check<const N: usize>(op: &'static str, options: &ConvOptions<N>) -> Result<usize> {
    if options.groups == 0 || options.stride.contains(&0) || options.dilation.contains(&0) {
        return Err(Error::argument(op, "stride, dilation and groups must not be 0"));
    }
    Ok(options.groups)
}

/// Adds the bias to a sum of products, which of halves is `F32`, and rounds both together to the inputs' dtype.
fn finish(
    op: &'static str,
    y: Tensor,
    dtype: DType,
    bias: Option<&Tensor>,
    outputs: usize,
    batched: bool,
) -> Result<Tensor> {
    let y = match bias {
        None => y.to_dtype(dtype),
        Some(bias) if bias.shape()[..] == [outputs] => {
            y.same_device(bias, op)?;
            same_float(op, dtype, &[Some(bias)])?;
            let mut shape = vec![1; y.rank() - 1];
            shape[0] = outputs;
            let dtype = DType::promote(dtype, bias.dtype());
            y.add(bias.reshape(shape)?.to_dtype(dtype.wide()))?.to_dtype(dtype)
        }
        Some(bias) => return Err(Error::shape(op, bias.shape(), format!("the bias must be [{outputs}]"))),
    };
    if batched { Ok(y) } else { y.squeeze(0) }
}
