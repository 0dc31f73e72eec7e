//! The transformer of W8.

use kiln::{
    Result,
    nn::{
        Embedding, LayerNorm,
        functional::{AttentionOptions, scaled_dot_product_attention},
    },
    prelude::*,
};

/// A block of a transformer that normalises before attention and before its perceptron.
#[derive(Module)]
struct Block {
    norm1: LayerNorm,
    qkv: Linear,
    proj: Linear,
    norm2: LayerNorm,
    up: Linear,
    down: Linear,
}

impl Block {
    const HEADS: usize = 4;

    fn new(size: usize, device: &Device) -> Result<Self> {
        Ok(Self {
            norm1: LayerNorm::new(size, device),
            qkv: Linear::new(size, 3 * size, device)?,
            proj: Linear::new(size, size, device)?,
            norm2: LayerNorm::new(size, device),
            up: Linear::new(size, 4 * size, device)?,
            down: Linear::new(4 * size, size, device)?,
        })
    }
}

impl Forward for Block {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let [batch, length, size] = x.shape()[..] else { unreachable!("the tables give three axes") };
        let heads = self.qkv.forward(&self.norm1.forward(x)?)?.chunk(-1, 3)?;
        let head = |i: usize| heads[i].reshape([batch, length, Self::HEADS, size / Self::HEADS])?.transpose(1, 2);
        let options = AttentionOptions { is_causal: true, ..Default::default() };
        let y = scaled_dot_product_attention(&head(0)?, &head(1)?, &head(2)?, &options)?;
        let x = x.add(self.proj.forward(&y.transpose(1, 2)?.reshape([batch, length, size])?)?)?;
        x.add(self.down.forward(&self.up.forward(&self.norm2.forward(&x)?)?.gelu())?)
    }
}

/// A small causal language model of two blocks.
#[derive(Module)]
pub struct Gpt {
    tokens: Embedding,
    places: Embedding,
    blocks: [Block; 2],
    norm: LayerNorm,
    head: Linear,
}

impl Gpt {
    /// A model of `words` words, up to `length` in a row, in vectors of `size`.
    pub fn new(words: usize, length: usize, size: usize, device: &Device) -> Result<Self> {
        Ok(Self {
            tokens: Embedding::new(words, size, device)?,
            places: Embedding::new(length, size, device)?,
            blocks: [Block::new(size, device)?, Block::new(size, device)?],
            norm: LayerNorm::new(size, device),
            head: Linear::new(size, words, device)?,
        })
    }
}

impl Forward for Gpt {
    /// From words `[batch, length]` to scores `[batch * length, words]`.
    fn forward(&self, ids: &Tensor) -> Result<Tensor> {
        let places = Tensor::arange(0, ids.size(1)? as i64, 1, DType::I64, ids.device())?;
        let x = self.tokens.forward(ids)?.add(self.places.forward(&places)?)?;
        let x = self.blocks.iter().try_fold(x, |x, block| block.forward(&x))?;
        self.head.forward(&self.norm.forward(&x)?)?.flatten(0, 1)
    }
}
