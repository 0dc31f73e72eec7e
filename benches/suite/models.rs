//! The larger networks of the suite.

use kiln::{
    Result,
    nn::{
        Conv2d, Embedding, LayerNorm,
        functional::{AttentionOptions, max_pool2d, scaled_dot_product_attention},
    },
    prelude::*,
};

use super::{Suite, time};

/// Steps of forward, backward and Adam on one batch, timed.
fn train(
    suite: &Suite,
    workload: &str,
    size: &str,
    params: Vec<Param>,
    loss: impl Fn() -> Result<Tensor>,
) -> Result<()> {
    let mut optimizer = Adam::new(1e-3).with(params);
    let t = time(|n| {
        for i in 1..=n {
            let loss = loss()?;
            optimizer.step(loss.backward()?)?;
            if i == n {
                std::hint::black_box(loss.item::<f32>()?);
            }
        }
        Ok(())
    })?;
    suite.line(workload, size, "steps_per_s", 1e3 / t.median, &t);
    Ok(())
}

#[derive(Module)]
struct Cnn {
    conv1: Conv2d,
    conv2: Conv2d,
    hidden: Linear,
    out: Linear,
}

impl Forward for Cnn {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = max_pool2d(&self.conv1.forward(x)?.relu(), 2)?;
        let x = max_pool2d(&self.conv2.forward(&x)?.relu(), 2)?;
        let x = self.hidden.forward(&x.flatten(1, -1)?)?.relu();
        self.out.forward(&x)
    }
}

pub fn cnn(suite: &Suite) -> Result<()> {
    let device = &suite.device;
    let net = Cnn {
        conv1: Conv2d::new(1, 32, 3, device)?.padding(1),
        conv2: Conv2d::new(32, 64, 3, device)?.padding(1),
        hidden: Linear::new(3136, 128, device)?,
        out: Linear::new(128, 10, device)?,
    };
    let labels: Vec<i32> = (0..64).map(|i| (i * 7 + i / 3) % 10).collect();
    let (x, y) = (suite.uniform([64, 1, 28, 28], 1)?, Tensor::from_vec(labels, [64], device)?);
    train(suite, "W6", "batch64", net.parameters(), || cross_entropy(&net.forward(&x)?, &y))
}

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

#[derive(Module)]
struct Gpt {
    tokens: Embedding,
    places: Embedding,
    blocks: [Block; 2],
    norm: LayerNorm,
    head: Linear,
}

impl Forward for Gpt {
    fn forward(&self, ids: &Tensor) -> Result<Tensor> {
        let places = Tensor::arange(0, ids.size(1)? as i64, 1, DType::I64, ids.device())?;
        let x = self.tokens.forward(ids)?.add(self.places.forward(&places)?)?;
        let x = self.blocks.iter().try_fold(x, |x, block| block.forward(&x))?;
        self.head.forward(&self.norm.forward(&x)?)?.flatten(0, 1)
    }
}

pub fn transformer(suite: &Suite) -> Result<()> {
    let (size, words, device) = (128, 65, &suite.device);
    let net = Gpt {
        tokens: Embedding::new(words, size, device)?,
        places: Embedding::new(64, size, device)?,
        blocks: [Block::new(size, device)?, Block::new(size, device)?],
        norm: LayerNorm::new(size, device),
        head: Linear::new(size, words, device)?,
    };
    let ids: Vec<i64> = (0..1024).map(|i| (i * 7 + i / 3) % words as i64).collect();
    let ids = Tensor::from_vec(ids, [16, 64], device)?;
    let targets = ids.reshape([1024])?;
    train(suite, "W8", "d128h4s64b16l2", net.parameters(), || cross_entropy(&net.forward(&ids)?, &targets))
}
