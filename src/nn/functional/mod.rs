//! Layers as functions, under the names of `torch.nn.functional`.

mod conv;

pub use conv::{
    ConvOptions, Padding, PerAxis, conv_transpose1d, conv_transpose2d, conv_transpose3d, conv1d, conv2d, conv3d,
};

pub use super::{dropout::dropout, linear::linear};
