//! Modules: the layers that networks are built of, and how they are traversed.

mod activation;
mod attention;
mod conv;
mod dropout;
pub mod functional;
mod linear;
mod module;
mod norm;
mod pool;
mod sequential;
mod summary;
mod trace;
mod visit;

pub use kiln_derive::Module;

pub use activation::{
    Celu, Elu, Flatten, Gelu, Lambda, LeakyRelu, LogSoftmax, Mish, Relu, Sigmoid, Silu, Softmax, Tanh,
};
pub use attention::{MultiHeadAttention, MultiHeadOptions};
pub use conv::{Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d};
pub use dropout::{Dropout, dropout};
pub use linear::{Linear, linear};
pub use module::{Forward, Module};
pub(crate) use module::{in_evaluation, set_training_modes, training_modes};
pub use norm::{BatchNorm1d, BatchNorm2d, BatchNorm3d, Embedding, GroupNorm, LayerNorm, RMSNorm};
pub use pool::{
    AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveAvgPool3d, AdaptiveMaxPool1d, AdaptiveMaxPool2d, AdaptiveMaxPool3d,
    AvgPool1d, AvgPool2d, AvgPool3d, MaxPool1d, MaxPool2d, MaxPool3d,
};
pub use sequential::{Layer, Sequential};
pub use summary::{Summary, SummaryRow};
pub use trace::traced;
pub use visit::{Buffer, Part, Training, Visit};
