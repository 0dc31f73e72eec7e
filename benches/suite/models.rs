//! The larger networks of the suite.

use kiln::{
    Result,
    nn::{Conv2d, functional::max_pool2d},
    prelude::*,
};

use super::{Suite, gpt::Gpt, time};

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

pub fn transformer(suite: &Suite) -> Result<()> {
    let (words, device) = (65, &suite.device);
    let net = Gpt::new(words, 64, 128, device)?;
    let ids: Vec<i64> = (0..1024).map(|i| (i * 7 + i / 3) % words as i64).collect();
    let ids = Tensor::from_vec(ids, [16, 64], device)?;
    let targets = ids.reshape([1024])?;
    train(suite, "W8", "d128h4s64b16l2", net.parameters(), || cross_entropy(&net.forward(&ids)?, &targets))
}
