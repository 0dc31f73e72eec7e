//! Convolutional layers.

use super::{
    Forward, Module,
    functional::{ConvOptions, PerAxis, conv_transpose1d, conv_transpose2d, conv_transpose3d, conv1d, conv2d, conv3d},
    linear::uniform,
    traced,
};
use crate::{Device, Param, Result, Shape, Tensor};

macro_rules! layers {
    ($($(#[$doc:meta])* $name:ident $function:ident $n:literal $axes:literal;)*) => {$(
        $(#[$doc])*
        ///
        /// From
        #[doc = concat!("`[batch, inputs, ", $axes, "]`")]
        /// (or without the batch); weight
        #[doc = concat!("`[outputs, inputs / groups, ", $axes, "]`.")]
        /// Weight and bias start uniform in `±1 / sqrt(inputs / groups * kernel elements)`, PyTorch's default.
        #[derive(Clone, Module)]
        pub struct $name {
            /// The kernels.
            pub weight: Param,
            /// `[outputs]`, if there is one.
            pub bias: Option<Param>,
            #[module(skip)]
            options: ConvOptions<$n>,
        }

        impl $name {
            /// A layer in `F32` with stride 1 and no padding.
            ///
            /// # Errors
            /// If the device lacks memory.
            pub fn new(inputs: usize, outputs: usize, kernel_size: impl PerAxis<$n>, device: &Device) -> Result<Self> {
                Self::with(inputs, outputs, kernel_size, ConvOptions::new(), device)
            }

            /// A layer in `F32`.
            ///
            /// # Errors
            /// If the groups do not divide the inputs and the outputs, or the device lacks memory.
            pub fn with(
                inputs: usize,
                outputs: usize,
                kernel_size: impl PerAxis<$n>,
                options: ConvOptions<$n>,
                device: &Device,
            ) -> Result<Self> {
                options.check_channels(stringify!($name), inputs, outputs)?;
                let (weight, bias) = drawn(outputs, inputs / options.groups, outputs, &kernel_size.per_axis(), device)?;
                Ok(Self { weight, bias: Some(bias), options })
            }

            /// The layer without a bias.
            pub fn no_bias(mut self) -> Self {
                self.bias = None;
                self
            }

            /// Sets the elements between neighbouring windows.
            pub fn stride(mut self, stride: impl PerAxis<$n>) -> Self {
                self.options = self.options.stride(stride);
                self
            }

            /// Sets the zeros on both sides of each axis.
            pub fn padding(mut self, padding: impl PerAxis<$n>) -> Self {
                self.options = self.options.padding(padding);
                self
            }

            /// Pads so that the result has the input's size.
            pub fn same(mut self) -> Self {
                self.options = self.options.same();
                self
            }

            /// Sets the spacing between kernel elements.
            pub fn dilation(mut self, dilation: impl PerAxis<$n>) -> Self {
                self.options = self.options.dilation(dilation);
                self
            }
        }

        impl Forward for $name {
            fn forward(&self, x: &Tensor) -> Result<Tensor> {
                let bias = self.bias.as_ref().map(Param::tensor);
                traced(self, $function(x, &self.weight.tensor(), bias.as_ref(), &self.options))
            }
        }
    )*};
}

layers! {
    /// The convolution over one axis.
    Conv1d conv1d 1 "length";
    /// The convolution over two axes.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let layer = nn::Conv2d::new(3, 16, 3, &Device::cpu())?.stride(2).padding(1);
    /// let y = layer.forward(&Tensor::ones([8, 3, 32, 32], DType::F32, &Device::cpu()))?;
    /// assert_eq!(y.shape(), &[8, 16, 16, 16]);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    Conv2d conv2d 2 "height, width";
    /// The convolution over three axes.
    Conv3d conv3d 3 "depth, height, width";
}

macro_rules! transposed_layers {
    ($($(#[$doc:meta])* $name:ident $function:ident $n:literal $axes:literal;)*) => {$(
        $(#[$doc])*
        ///
        /// From
        #[doc = concat!("`[batch, inputs, ", $axes, "]`")]
        /// (or without the batch); weight
        #[doc = concat!("`[inputs, outputs / groups, ", $axes, "]`.")]
        /// Weight and bias start uniform in `±1 / sqrt(outputs / groups * kernel elements)`, PyTorch's default.
        #[derive(Clone, Module)]
        pub struct $name {
            /// The kernels.
            pub weight: Param,
            /// `[outputs]`, if there is one.
            pub bias: Option<Param>,
            #[module(skip)]
            options: ConvOptions<$n>,
            #[module(skip)]
            output_padding: [usize; $n],
        }

        impl $name {
            /// A layer in `F32` with stride 1 and no padding.
            ///
            /// # Errors
            /// If the device lacks memory.
            pub fn new(inputs: usize, outputs: usize, kernel_size: impl PerAxis<$n>, device: &Device) -> Result<Self> {
                Self::with(inputs, outputs, kernel_size, ConvOptions::new(), device)
            }

            /// A layer in `F32`.
            ///
            /// # Errors
            /// If the groups do not divide the inputs and the outputs, or the device lacks memory.
            pub fn with(
                inputs: usize,
                outputs: usize,
                kernel_size: impl PerAxis<$n>,
                options: ConvOptions<$n>,
                device: &Device,
            ) -> Result<Self> {
                options.check_channels(stringify!($name), inputs, outputs)?;
                let (weight, bias) = drawn(inputs, outputs / options.groups, outputs, &kernel_size.per_axis(), device)?;
                Ok(Self { weight, bias: Some(bias), options, output_padding: [0; $n] })
            }

            /// The layer without a bias.
            pub fn no_bias(mut self) -> Self {
                self.bias = None;
                self
            }

            /// Sets the stride of the convolution that this one transposes.
            pub fn stride(mut self, stride: impl PerAxis<$n>) -> Self {
                self.options = self.options.stride(stride);
                self
            }

            /// Sets the padding of the convolution that this one transposes.
            pub fn padding(mut self, padding: impl PerAxis<$n>) -> Self {
                self.options = self.options.padding(padding);
                self
            }

            /// Sets the dilation.
            pub fn dilation(mut self, dilation: impl PerAxis<$n>) -> Self {
                self.options = self.options.dilation(dilation);
                self
            }

            /// Sets what is added at the end of each axis of the result.
            pub fn output_padding(mut self, output_padding: impl PerAxis<$n>) -> Self {
                self.output_padding = output_padding.per_axis();
                self
            }
        }

        impl Forward for $name {
            fn forward(&self, x: &Tensor) -> Result<Tensor> {
                let bias = self.bias.as_ref().map(Param::tensor);
                let y = $function(x, &self.weight.tensor(), bias.as_ref(), &self.options, self.output_padding);
                traced(self, y)
            }
        }
    )*};
}

transposed_layers! {
    /// The transposed convolution over one axis.
    ConvTranspose1d conv_transpose1d 1 "length";
    /// The transposed convolution over two axes, which makes pictures larger.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let layer = nn::ConvTranspose2d::new(16, 3, 2, &Device::cpu())?.stride(2);
    /// let y = layer.forward(&Tensor::ones([8, 16, 16, 16], DType::F32, &Device::cpu()))?;
    /// assert_eq!(y.shape(), &[8, 3, 32, 32]);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    ConvTranspose2d conv_transpose2d 2 "height, width";
    /// The transposed convolution over three axes.
    ConvTranspose3d conv_transpose3d 3 "depth, height, width";
}

/// Weight `[first, second, kernel..]` and bias, both uniform in one over the root of `second * kernel elements`.
fn drawn(first: usize, second: usize, outputs: usize, kernel: &[usize], device: &Device) -> Result<(Param, Param)> {
    let fan_in = second * kernel.iter().product::<usize>();
    let shape = Shape::try_new(&[&[first, second], kernel].concat())?;
    Ok((uniform(shape, fan_in, device)?, uniform(outputs.into(), fan_in, device)?))
}
