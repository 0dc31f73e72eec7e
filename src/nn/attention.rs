//! Attention with several heads.

use super::{
    Forward, Linear, Module, Training,
    functional::{AttentionOptions, attention_weights, linear, scaled_dot_product_attention},
    traced,
};
use crate::{DType, Device, Error, Param, Result, Scalar, Tensor, tensor::random::next_seed};

/// Attention with several heads (Vaswani et al. 2017, arXiv:1706.03762), under the names and with the first weights of
/// PyTorch's `MultiheadAttention` with `batch_first`: everything is `[batch, length, size]`, or without the batch.
///
/// As a layer with one input it is self-attention; [`attend`](Self::attend) takes queries, keys and values.
///
/// ```
/// # use kiln::prelude::*;
/// use kiln::nn::MultiHeadOptions;
/// let layer = nn::MultiHeadAttention::new(16, 4, &Device::cpu())?;
/// let x = Tensor::randn([2, 5, 16], DType::F32, 0, &Device::cpu())?;
/// let memory = Tensor::randn([2, 7, 16], DType::F32, 1, &Device::cpu())?;
/// assert_eq!(layer.forward(&x)?.shape(), &[2, 5, 16]);
/// assert_eq!(layer.attend(&x, &memory, &memory, &MultiHeadOptions::default())?.shape(), &[2, 5, 16]);
/// # Ok::<(), kiln::Error>(())
/// ```
#[derive(Clone, Module)]
pub struct MultiHeadAttention {
    /// `[3 * size, size]`: what makes queries, keys and values, if all have one size.
    pub in_proj_weight: Option<Param>,
    /// `[size, size]`, if keys or values have another size.
    pub q_proj_weight: Option<Param>,
    /// `[size, kdim]`, likewise.
    pub k_proj_weight: Option<Param>,
    /// `[size, vdim]`, likewise.
    pub v_proj_weight: Option<Param>,
    /// `[3 * size]`, if there is one; zeros at first.
    pub in_proj_bias: Option<Param>,
    /// From the heads side by side to the result.
    pub out_proj: Linear,
    heads: usize,
    dropout: f64,
    training: Training,
}

/// What [`MultiHeadAttention`] may look at. As in PyTorch's layer, and unlike in
/// [`scaled_dot_product_attention`], true in a mask *hides*; a float is added to the scores.
#[derive(Clone, Debug, Default)]
pub struct MultiHeadOptions {
    /// `[queries, keys]` or `[batch * heads, queries, keys]`.
    pub attn_mask: Option<Tensor>,
    /// `[batch, keys]`: which keys are filling.
    pub key_padding_mask: Option<Tensor>,
    /// Whether query `i` sees keys `0..=i` only.
    pub is_causal: bool,
}

impl MultiHeadAttention {
    const OP: &str = "MultiHeadAttention";

    /// A layer for vectors of this size, split into `heads` heads.
    ///
    /// # Errors
    /// If the heads do not divide the size, or the device lacks memory.
    pub fn new(size: usize, heads: usize, device: &Device) -> Result<Self> {
        Self::with_sizes(size, heads, size, size, device)
    }

    /// A layer whose keys and values come in sizes of their own.
    ///
    /// # Errors
    /// If the heads do not divide the size, or the device lacks memory.
    pub fn with_sizes(size: usize, heads: usize, kdim: usize, vdim: usize, device: &Device) -> Result<Self> {
        if heads == 0 || !size.is_multiple_of(heads) {
            return Err(Error::argument(Self::OP, format!("embed_dim {size} is not divisible by num_heads {heads}")));
        }
        let one_size = (kdim, vdim) == (size, size);
        let weight = |rows: usize, columns: usize, wanted: bool| {
            wanted.then(|| xavier_uniform(rows, columns, device)).transpose()
        };
        let out_proj = Linear::new(size, size, device)?;
        let zeros = |n: usize| Param::new(Tensor::zeros([n], DType::F32, device));
        Ok(Self {
            in_proj_weight: weight(3 * size, size, one_size)?,
            q_proj_weight: weight(size, size, !one_size)?,
            k_proj_weight: weight(size, kdim, !one_size)?,
            v_proj_weight: weight(size, vdim, !one_size)?,
            in_proj_bias: Some(zeros(3 * size)),
            out_proj: Linear { bias: Some(zeros(size)), ..out_proj },
            heads,
            dropout: 0.0,
            training: Training::default(),
        })
    }

    /// The layer without biases.
    pub fn no_bias(mut self) -> Self {
        self.in_proj_bias = None;
        self.out_proj.bias = None;
        self
    }

    /// Drops this share of the weights in training.
    pub fn dropout(mut self, p: f64) -> Self {
        self.dropout = p;
        self
    }

    /// What the queries find: `[batch, queries, size]`.
    ///
    /// # Errors
    /// If shapes do not fit the layer, its masks, or each other, or the devices differ.
    pub fn attend(&self, query: &Tensor, key: &Tensor, value: &Tensor, options: &MultiHeadOptions) -> Result<Tensor> {
        let attended = || {
            let (parts, options) = self.parts(query, key, value, options)?;
            let [q, k, v] = &parts;
            self.joined(&scaled_dot_product_attention(q, k, v, &options)?, query)
        };
        attended().map_err(|error: Error| error.in_op(Self::OP))
    }

    /// What the queries find, and how much each looked at each key: `[batch, queries, keys]`, the heads' mean.
    ///
    /// # Errors
    /// As [`attend`](Self::attend).
    pub fn attend_with_weights(
        &self,
        query: &Tensor,
        key: &Tensor,
        value: &Tensor,
        options: &MultiHeadOptions,
    ) -> Result<(Tensor, Tensor)> {
        let attended = || {
            let (parts, options) = self.parts(query, key, value, options)?;
            let [q, k, v] = &parts;
            let weights = attention_weights(q, k, &options)?;
            let mean = weights.mean(1)?.to_dtype(q.dtype());
            let mean = if query.rank() == 3 { mean } else { mean.squeeze(0)? };
            let y = weights.matmul(&v.to_dtype(weights.dtype()))?.to_dtype(v.dtype());
            Ok((self.joined(&y, query)?, mean))
        };
        attended().map_err(|error: Error| error.in_op(Self::OP))
    }

    /// Queries, keys and values per head, `[batch, heads, length, size / heads]`, and what may be seen.
    fn parts(
        &self,
        query: &Tensor,
        key: &Tensor,
        value: &Tensor,
        options: &MultiHeadOptions,
    ) -> Result<([Tensor; 3], AttentionOptions)> {
        let size = self.out_proj.weight.shape()[0];
        for x in [query, key, value] {
            if x.rank() != query.rank() || !matches!(x.rank(), 2 | 3) {
                return Err(Error::shape(Self::OP, x.shape(), "inputs are [batch, length, size] or [length, size]"));
            }
        }
        // `[batch, heads, length, size / heads]` of part `i` of `count` that lie side by side.
        let cut = |y: Tensor, i: usize, count: usize| {
            let y = if y.rank() == 3 { y } else { y.unsqueeze(0)? };
            let (batch, length) = (y.shape()[0], y.shape()[1]);
            let y = y.reshape([batch, length, count, self.heads, size / self.heads])?;
            y.select(2, i as isize)?.transpose(1, 2)
        };
        let parts = match &self.in_proj_weight {
            // Self-attention makes all three in one product.
            Some(weight) if query.is_same(key) && query.is_same(value) => {
                let bias = self.in_proj_bias.as_ref().map(Param::tensor);
                let y = linear(query, &weight.tensor(), bias.as_ref())?;
                [cut(y.clone(), 0, 3)?, cut(y.clone(), 1, 3)?, cut(y, 2, 3)?]
            }
            _ => {
                let weights: Vec<Tensor> = match &self.in_proj_weight {
                    Some(weight) => weight.tensor().chunk(0, 3)?,
                    None => [&self.q_proj_weight, &self.k_proj_weight, &self.v_proj_weight]
                        .iter()
                        .filter_map(|weight| weight.as_ref().map(Param::tensor))
                        .collect(),
                };
                let biases = self.in_proj_bias.as_ref().map(|bias| bias.tensor().chunk(0, 3)).transpose()?;
                if weights.len() != 3 {
                    return Err(Error::argument(Self::OP, "a weight for queries, keys or values is missing"));
                }
                let head = |i: usize, x: &Tensor| {
                    let bias = biases.as_ref().map(|biases| &biases[i]);
                    cut(linear(x, &weights[i], bias)?, 0, 1)
                };
                [head(0, query)?, head(1, key)?, head(2, value)?]
            }
        };
        let options = AttentionOptions {
            attn_mask: self.mask(&parts, options)?,
            dropout_p: if self.training.get() { self.dropout } else { 0.0 },
            is_causal: options.is_causal && options.attn_mask.is_none() && options.key_padding_mask.is_none(),
            scale: None,
        };
        Ok((parts, options))
    }

    /// The masks as one that is added to the scores, or that says what may be seen.
    fn mask(&self, parts: &[Tensor; 3], options: &MultiHeadOptions) -> Result<Option<Tensor>> {
        let (batch, queries, keys) = (parts[0].shape()[0], parts[0].shape()[2], parts[1].shape()[2]);
        let mut masks = Vec::new();
        if let Some(mask) = &options.attn_mask {
            masks.push(match mask.shape()[..] {
                [q, k] if (q, k) == (queries, keys) => mask.clone(),
                [n, q, k] if (n, q, k) == (batch * self.heads, queries, keys) => {
                    mask.reshape([batch, self.heads, queries, keys])?
                }
                _ => {
                    let n = batch * self.heads;
                    let reason = format!("the mask must be [{queries}, {keys}] or [{n}, {queries}, {keys}]");
                    return Err(Error::shape(Self::OP, mask.shape(), reason));
                }
            });
        }
        if let Some(mask) = &options.key_padding_mask {
            if mask.shape()[..] != [batch, keys] && (batch, &mask.shape()[..]) != (1, &[keys]) {
                let reason = format!("the key padding mask must be [{batch}, {keys}]");
                return Err(Error::shape(Self::OP, mask.shape(), reason));
            }
            masks.push(mask.reshape([batch, 1, 1, keys])?);
        }
        if options.is_causal && !masks.is_empty() {
            let hidden = Tensor::ones([queries, keys], DType::Bool, parts[0].device()).triu(1)?;
            masks.push(hidden);
        }
        if masks.iter().all(|mask| mask.dtype() == DType::Bool) {
            let hidden = masks.into_iter().map(Ok).reduce(|a, b| a?.logical_or(b?)).transpose()?;
            return Ok(hidden.map(|hidden| hidden.logical_not()));
        }
        let dtype = parts[0].dtype().wide();
        let added = masks.into_iter().map(|mask| match mask.dtype() {
            DType::Bool => {
                let lowest = Tensor::filled((), Scalar::Float(f64::NEG_INFINITY), dtype, mask.device());
                mask.where_(lowest, Tensor::zeros((), dtype, mask.device()))
            }
            _ => Ok(mask.to_dtype(dtype)),
        });
        added.reduce(|a, b| a?.add(b?)).transpose()
    }

    /// The heads side by side again, through the last layer.
    fn joined(&self, y: &Tensor, query: &Tensor) -> Result<Tensor> {
        let [batch, heads, length, size] = y.shape()[..] else { unreachable!("heads were made in four axes") };
        let y = y.transpose(1, 2)?.reshape([batch, length, heads * size])?;
        let y = if query.rank() == 3 { y } else { y.squeeze(0)? };
        let bias = self.out_proj.bias.as_ref().map(Param::tensor);
        traced(self, linear(&y, &self.out_proj.weight.tensor(), bias.as_ref()))
    }
}

impl Forward for MultiHeadAttention {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.attend(x, x, x, &MultiHeadOptions::default())
    }
}

/// Uniform in `±sqrt(6 / (rows + columns))` (Glorot and Bengio 2010).
fn xavier_uniform(rows: usize, columns: usize, device: &Device) -> Result<Param> {
    let bound = (6.0 / (rows + columns) as f64).sqrt();
    let unit = Tensor::rand([rows, columns], DType::F32, next_seed(), device)? - 0.5;
    Ok(Param::new(unit * (2.0 * bound)))
}
