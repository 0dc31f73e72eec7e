//! Attention, and embeddings.

use crate::{
    DType, Error, Result, Scalar, Shape, Tensor, checkpoint,
    nn::dropout::{check_share, dropout_with},
    op::{Check, IndexOp},
    tensor::random::next_seed,
};

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
/// A query that may see nothing gets zeros. Halves are computed in `F32`. Of many queries the scores are computed block by block, in the backward pass
/// once more, so that they never lie in memory as a whole.
///
/// # Errors
/// If a rank is below 2, the shapes do not fit, both a mask and `is_causal` are given, the dtypes differ or are not
/// floats (but for a mask of `Bool`), or the devices differ.
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
            return Err(Error::dtype(op, x.dtype(), "attention is defined for floats"));
        }
        if x.dtype() != query.dtype() {
            let reason = format!("the queries are {0}: convert with `to_dtype(DType::{0:?})`", query.dtype());
            return Err(Error::dtype(op, x.dtype(), reason));
        }
    }
    query.same_device(value, op)?;
    let (keys, values) = (key.shape()[key.rank() - 2], value.shape()[value.rank() - 2]);
    if keys != values {
        let reason = format!("there are {keys} keys, but {values} values");
        return Err(Error::shapes(op, key.shape(), value.shape(), reason));
    }
    attended(op, query, key, value, options).map_err(|error| error.in_op(op))
}

fn attended(
    op: &'static str,
    query: &Tensor,
    key: &Tensor,
    value: &Tensor,
    options: &AttentionOptions,
) -> Result<Tensor> {
    let dtype = DType::promote(DType::promote(query.dtype(), key.dtype()), value.dtype());
    if dtype != dtype.wide() {
        // Scores and sums of products may be past the range of halves where the result is not.
        let y = attended(op, &query.widened(), &key.widened(), &value.widened(), options)?;
        return Ok(y.to_dtype(dtype));
    }
    let (queries, keys) = (query.shape()[query.rank() - 2], key.shape()[key.rank() - 2]);
    let heads: usize = query.shape()[..query.rank() - 2].iter().product();
    let weighing = Weighing::new(op, query, key, options)?;
    let whole = if options.is_causal { WHOLE_CAUSAL } else { WHOLE };
    if heads * queries * keys * query.dtype().size() <= whole || queries <= BLOCK {
        return weighing.weights(query, key, weighing.mask.as_ref(), 0)?.matmul(value);
    }
    // Scores of a block of queries at a time, which the backward pass computes again: nothing as large as all of
    // them is ever kept, and what no query of a block may see is not computed.
    let mut blocks = Vec::new();
    for start in (0..queries).step_by(BLOCK) {
        let rows = BLOCK.min(queries - start);
        let seen = if options.is_causal { keys.min(start + rows) } else { keys };
        let mask = match &weighing.mask {
            Some(mask) if mask.rank() > 1 && mask.shape()[mask.rank() - 2] != 1 => Some(mask.narrow(-2, start, rows)?),
            mask => mask.clone(),
        };
        let (q, k, v) = (query.narrow(-2, start, rows)?, key.narrow(-2, 0, seen)?, value.narrow(-2, 0, seen)?);
        let inputs: Vec<&Tensor> = [&q, &k, &v].into_iter().chain(&mask).collect();
        let weighing = Weighing { mask: None, ..weighing };
        let block = move |x: &[Tensor]| weighing.weights(&x[0], &x[1], x.get(3), start)?.matmul(&x[2]);
        blocks.push(checkpoint(block, &inputs)?);
    }
    Tensor::cat(&blocks, -2)
}

/// Bytes of scores up to which all of them are made at once: blocks save memory, but cost a second computation.
const WHOLE: usize = 256 << 20;

/// The same where a query sees only keys before it, so that blocks also save half of the work.
const WHOLE_CAUSAL: usize = 8 << 20;

/// Queries whose scores are made together where there are more.
const BLOCK: usize = 128;

/// The weights of [`scaled_dot_product_attention`]: `[.., queries, keys]`, of halves in `F32`.
pub(crate) fn attention_weights(query: &Tensor, key: &Tensor, options: &AttentionOptions) -> Result<Tensor> {
    let weighing = Weighing::new("scaled_dot_product_attention", query, key, options)?;
    weighing.weights(&query.widened(), &key.widened(), weighing.mask.as_ref(), 0)
}

/// How scores become weights.
struct Weighing {
    mask: Option<Tensor>,
    is_causal: bool,
    scale: f64,
    /// Share and seed.
    dropout: Option<(f64, u64)>,
}

impl Weighing {
    fn new(op: &'static str, query: &Tensor, key: &Tensor, options: &AttentionOptions) -> Result<Self> {
        if options.attn_mask.is_some() && options.is_causal {
            return Err(Error::argument(op, "give a mask or `is_causal`, not both"));
        }
        query.same_device(key, op)?;
        let (rank, size) = (query.rank(), query.shape()[query.rank() - 1]);
        if size != key.shape()[key.rank() - 1] {
            return Err(Error::shapes(op, query.shape(), key.shape(), "the last axes of queries and keys differ"));
        }
        check_share(op, options.dropout_p)?;
        if let Some(mask) = &options.attn_mask {
            query.same_device(mask, op)?;
            let mut scores = query.shape()[..rank - 1].to_vec();
            scores.push(key.shape()[key.rank() - 2]);
            mask.shape().broadcast(&Shape::try_new(&scores)?, op)?;
            if mask.dtype() != DType::Bool && mask.dtype() != query.dtype() {
                let dtype = query.dtype();
                let reason = format!("the mask must be bool, or {dtype} as the queries: `to_dtype(DType::{dtype:?})`");
                return Err(Error::dtype(op, mask.dtype(), reason));
            }
        }
        let dropout = (options.dropout_p > 0.0).then(|| (options.dropout_p, next_seed()));
        let scale = options.scale.unwrap_or(1.0 / (size.max(1) as f64).sqrt());
        Ok(Self { mask: options.attn_mask.clone(), is_causal: options.is_causal, scale, dropout })
    }

    /// The weights of queries of which the first is number `first`.
    fn weights(&self, query: &Tensor, key: &Tensor, mask: Option<&Tensor>, first: usize) -> Result<Tensor> {
        let scores = (query * self.scale).matmul(&key.t())?;
        let lowest = || Tensor::filled((), Scalar::Float(f64::NEG_INFINITY), scores.dtype(), scores.device());
        let scores = match mask {
            Some(mask) if mask.dtype() == DType::Bool => mask.where_(&scores, lowest())?,
            Some(mask) => scores.add(mask)?,
            None if self.is_causal => {
                let [.., queries, keys] = scores.shape()[..] else { unreachable!("scores have two axes") };
                let seen = Tensor::ones([queries, keys], DType::Bool, scores.device()).tril(first as isize)?;
                seen.where_(&scores, lowest())?
            }
            None => scores,
        };
        let weights = if mask.is_some() {
            // Of a row of nothing but minus infinity there is no softmax, nor a gradient.
            let nothing = scores.detach().max_keepdim(-1)?.eq(f64::NEG_INFINITY)?;
            nothing.where_(0.0, nothing.where_(0.0, &scores)?.softmax(-1)?)?
        } else {
            scores.softmax(-1)?
        };
        match self.dropout {
            Some((p, seed)) => dropout_with(&weights, p, seed.wrapping_add(first as u64)),
            None => Ok(weights),
        }
    }
}

/// The rows of `weight` that the integers name: `[..]` to `[.., size]`. No gradient flows to row `padding_idx`. The
/// gradients of a row that is named often are added up in order, the same way every time.
///
/// An integer outside of the table, negative ones among them, is an error: at the call where the indices lie in the
/// memory of the CPU, else when the result is computed or, on a GPU, at the next read ([`Error::Index`]).
///
/// # Errors
/// If the weight is not a matrix, `padding_idx` or an index lies outside of it, or the indices are not integers.
pub fn embedding(indices: &Tensor, weight: &Tensor, padding_idx: Option<usize>) -> Result<Tensor> {
    let check = Check { op: IndexOp::Embedding, axis: 0 };
    let op = check.op.name();
    let [rows, size] = weight.shape()[..] else {
        return Err(Error::shape(op, weight.shape(), "the weight must be a matrix [words, size]"));
    };
    if let Some(padding) = padding_idx.filter(|&p| p >= rows) {
        return Err(Error::shape(op, weight.shape(), format!("padding_idx {padding} is out of range for {rows} rows")));
    }
    let flat = indices.reshape([indices.numel()])?;
    let mut out = weight.slices(0, &flat, Some(check))?;
    // A dtype that does not hold the number has no index of it.
    if let Some(padding) = padding_idx.filter(|&p| flat.dtype().holds(p as i64)) {
        let is_padding = flat.eq(padding as i64)?.unsqueeze(1)?;
        out = is_padding.where_(out.detach(), &out)?;
    }
    let mut shape = indices.shape().to_vec();
    shape.push(size);
    out.reshape(Shape::try_new(&shape)?)
}
