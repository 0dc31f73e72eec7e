//! Layers as functions, under the names of `torch.nn.functional`.

mod attention;
mod conv;
mod correlate;
mod distance;
mod fold;
mod interpolate;
mod norm;
mod pool;
mod pool_windows;

pub(super) use attention::attention_weights;
pub use attention::{AttentionOptions, embedding, scaled_dot_product_attention};
pub use conv::{
    ConvOptions, Padding, PerAxis, conv_transpose1d, conv_transpose2d, conv_transpose3d, conv1d, conv2d, conv3d,
};
pub use distance::{cosine_similarity, pairwise_distance};
pub use fold::{FoldOptions, fold, unfold};
pub use interpolate::{InterpolateMode, Target, interpolate};
pub use norm::{RunningStats, batch_norm, group_norm, instance_norm, layer_norm, rms_norm};
pub use pool::{
    PoolOptions, adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d, adaptive_max_pool1d,
    adaptive_max_pool2d, adaptive_max_pool3d, avg_pool1d, avg_pool2d, avg_pool3d, max_pool1d, max_pool1d_with_indices,
    max_pool2d, max_pool2d_with_indices, max_pool3d, max_pool3d_with_indices,
};

pub use super::{dropout::dropout, linear::linear};

use crate::{DType, Error, Result, Tensor};

/// Checks that an input of floats has the dtype of the weights that it meets. Promotion would compute the rest of the
/// network in the larger dtype, which the caller did not ask for. Integers take the dtype of the weights.
pub(in crate::nn) fn same_float(op: &'static str, dtype: DType, weights: &[Option<&Tensor>]) -> Result<()> {
    let other = weights.iter().flatten().map(|w| w.dtype()).find(|&other| dtype.is_float() && other != dtype);
    match other {
        None => Ok(()),
        Some(other) => {
            let reason = format!(
                "the weights are {other}: convert the input with `x.to_dtype(DType::{other:?})`, or the network with \
                 `net.to_dtype(DType::{dtype:?})`"
            );
            Err(Error::dtype(op, dtype, reason))
        }
    }
}
