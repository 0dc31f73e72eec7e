//! Attention, and the table that words are looked up in.

use super::dropout;
use crate::{DType, Error, Result, Scalar, Tensor};

/// How [`scaled_dot_product_attention`] weighs. PyTorch's names and defaults.
#[derive(Clone, Debug, Default)]
pub struct AttentionOptions {
    /// What queries may see: `Bool` (true: may), or a float that is added to the scores.
    pub attn_mask: Option<Tensor>,
    /// The share of weights that is dropped.
    pub dropout_p: f64,
    /// Whether query `i` sees keys `0..=i` only.
    pub is_causal: bool,
    /// What scores are multiplied by; one over the root of the size of a query if `None`.
    pub scale: Option<f64>,
}

/// `softmax(query key^T * scale + mask) value` over the last two axes (Vaswani et al. 2017, arXiv:1706.03762):
/// `[.., queries, size]`, `[.., keys, size]` and `[.., keys, width]` to `[.., queries, width]`.
///
/// A query that may see nothing gets zeros.
///
/// # Errors
/// If a rank is below 2, the shapes do not fit, both a mask and `is_causal` are given, the dtype is not a float, or the
/// devices differ.
///
/// ```
/// # use kiln::prelude::*;
/// use kiln::nn::functional::{AttentionOptions, scaled_dot_product_attention};
/// let x = Tensor::ones([2, 4, 8, 16], DType::F32, &Device::cpu());
/// let options = AttentionOptions { is_causal: true, ..Default::default() };
/// assert_eq!(scaled_dot_product_attention(&x, &x, &x, &options)?.shape(), &[2, 4, 8, 16]);
/// # Ok::<(), kiln::Error>(())
/// ```
pub fn scaled_dot_product_attention(
    query: &Tensor,
    key: &Tensor,
    value: &Tensor,
    options: &AttentionOptions,
) -> Result<Tensor> {
    let op = "scaled_dot_product_attention";
    for x in [query, key, value] {
        if x.rank() < 2 {
            return Err(Error::shape(op, x.shape(), "queries, keys and values have two axes or more"));
        }
        if !x.dtype().is_float() {
            return Err(Error::dtype(op, x.dtype(), "attention is for floats"));
        }
    }
    if options.attn_mask.is_some() && options.is_causal {
        return Err(Error::argument(op, "give a mask or `is_causal`, not both"));
    }
    let size = query.shape()[query.rank() - 1];
    let scale = options.scale.unwrap_or(1.0 / (size.max(1) as f64).sqrt());
    let scores = (query * scale).matmul(&key.t())?;
    let lowest = || Tensor::full((), Scalar::Float(f64::NEG_INFINITY), scores.dtype(), scores.device());
    let (scores, hidden) = match &options.attn_mask {
        Some(mask) if mask.dtype() == DType::Bool => (mask.choose(&scores, lowest())?, true),
        Some(mask) => (scores.add(mask)?, true),
        None if options.is_causal => {
            let [.., queries, keys] = scores.shape()[..] else {
                return Err(Error::shape(op, scores.shape(), "scores have two axes"));
            };
            let seen = Tensor::ones([queries, keys], DType::Bool, scores.device()).tril(0)?;
            (seen.choose(&scores, lowest())?, false)
        }
        None => (scores.clone(), false),
    };
    let mut weights = scores.softmax(-1)?;
    if hidden {
        // Of a row of nothing but minus infinity there is no softmax.
        let nothing = scores.max_keepdim(-1)?.eq(f64::NEG_INFINITY)?;
        weights = nothing.choose(0.0, weights)?;
    }
    if options.dropout_p > 0.0 {
        weights = dropout(&weights, options.dropout_p)?;
    }
    weights.matmul(value)
}

/// The rows of `weight` that the integers name: `[..]` to `[.., size]`. No gradient flows to row `padding_idx`. The
/// gradients of a row that is named often are added up in order, the same way every time.
///
/// An integer outside of the table gives zeros.
///
/// # Errors
/// If the weight is not a matrix, `padding_idx` lies outside of it, or the indices are not integers.
pub fn embedding(indices: &Tensor, weight: &Tensor, padding_idx: Option<usize>) -> Result<Tensor> {
    let op = "embedding";
    let [rows, size] = weight.shape()[..] else {
        return Err(Error::shape(op, weight.shape(), "the weight is a matrix, one row per word"));
    };
    if let Some(padding) = padding_idx.filter(|&p| p >= rows) {
        return Err(Error::shape(op, weight.shape(), format!("there is no row {padding} to pad with")));
    }
    let flat = indices.reshape([indices.numel()])?;
    let mut out = weight.index_select(0, &flat)?;
    if let Some(padding) = padding_idx {
        let is_padding = flat.eq(padding as i64)?.unsqueeze(1)?;
        out = is_padding.choose(out.detach(), &out)?;
    }
    let mut shape = indices.shape().to_vec();
    shape.push(size);
    out.reshape(crate::Shape::try_new(&shape)?)
}
