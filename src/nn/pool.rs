//! Pooling layers.

use super::{
    Forward, Module,
    functional::{
        PerAxis, PoolOptions, adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d, adaptive_max_pool1d,
        adaptive_max_pool2d, adaptive_max_pool3d, avg_pool1d, avg_pool2d, avg_pool3d, max_pool1d, max_pool2d,
        max_pool3d,
    },
    traced,
};
use crate::{Result, Tensor};

macro_rules! pools {
    ($($(#[$doc:meta])* $name:ident $function:ident $n:literal { $($option:ident: $ty:ty),* };)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Module)]
        pub struct $name {
            #[module(skip)]
            options: PoolOptions<$n>,
        }

        impl $name {
            /// Windows side by side, without padding.
            pub fn new(kernel_size: impl PerAxis<$n>) -> Self {
                Self { options: PoolOptions::new(kernel_size) }
            }

            $(
                #[doc = concat!("See [`PoolOptions::", stringify!($option), "`](PoolOptions).")]
                pub fn $option(mut self, value: $ty) -> Self {
                    self.options = self.options.$option(value);
                    self
                }
            )*
        }

        impl Forward for $name {
            fn forward(&self, x: &Tensor) -> Result<Tensor> {
                traced(self, $function(x, self.options))
            }
        }
    )*};
}

pools! {
    /// The largest element of each window over one axis.
    MaxPool1d max_pool1d 1 {
        stride: impl PerAxis<1>, padding: impl PerAxis<1>, dilation: impl PerAxis<1>, ceil_mode: bool
    };
    /// The largest element of each window over two axes.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let y = nn::MaxPool2d::new(2).forward(&Tensor::ones([8, 3, 32, 32], DType::F32, &Device::cpu()))?;
    /// assert_eq!(y.shape(), &[8, 3, 16, 16]);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    MaxPool2d max_pool2d 2 {
        stride: impl PerAxis<2>, padding: impl PerAxis<2>, dilation: impl PerAxis<2>, ceil_mode: bool
    };
    /// The largest element of each window over three axes.
    MaxPool3d max_pool3d 3 {
        stride: impl PerAxis<3>, padding: impl PerAxis<3>, dilation: impl PerAxis<3>, ceil_mode: bool
    };
    /// The mean of each window over one axis.
    AvgPool1d avg_pool1d 1 {
        stride: impl PerAxis<1>, padding: impl PerAxis<1>, ceil_mode: bool, count_include_pad: bool,
        divisor_override: usize
    };
    /// The mean of each window over two axes.
    AvgPool2d avg_pool2d 2 {
        stride: impl PerAxis<2>, padding: impl PerAxis<2>, ceil_mode: bool, count_include_pad: bool,
        divisor_override: usize
    };
    /// The mean of each window over three axes.
    AvgPool3d avg_pool3d 3 {
        stride: impl PerAxis<3>, padding: impl PerAxis<3>, ceil_mode: bool, count_include_pad: bool,
        divisor_override: usize
    };
}

macro_rules! adaptive {
    ($($(#[$doc:meta])* $name:ident $function:ident $n:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Module)]
        pub struct $name {
            #[module(skip)]
            output_size: [usize; $n],
        }

        impl $name {
            /// As many windows as `output_size` says.
            pub fn new(output_size: impl PerAxis<$n>) -> Self {
                Self { output_size: output_size.per_axis() }
            }
        }

        impl Forward for $name {
            fn forward(&self, x: &Tensor) -> Result<Tensor> {
                traced(self, $function(x, self.output_size))
            }
        }
    )*};
}

adaptive! {
    /// Means over a given number of windows along one axis.
    AdaptiveAvgPool1d adaptive_avg_pool1d 1;
    /// Means over a given number of windows along two axes.
    AdaptiveAvgPool2d adaptive_avg_pool2d 2;
    /// Means over a given number of windows along three axes.
    AdaptiveAvgPool3d adaptive_avg_pool3d 3;
    /// Maxima over a given number of windows along one axis.
    AdaptiveMaxPool1d adaptive_max_pool1d 1;
    /// Maxima over a given number of windows along two axes.
    AdaptiveMaxPool2d adaptive_max_pool2d 2;
    /// Maxima over a given number of windows along three axes.
    AdaptiveMaxPool3d adaptive_max_pool3d 3;
}
