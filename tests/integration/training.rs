//! Networks that train as in PyTorch, step by step, from equal weights.

#[path = "../../benches/suite/gpt.rs"]
mod gpt;

use gpt::Gpt;
use kiln::{
    Result,
    nn::{BatchNorm2d, Conv2d, functional::max_pool2d},
    prelude::*,
};
use kiln_tests::{devices, draw::Draw};
use serde_json::Value;

#[derive(Module)]
struct Cnn {
    conv1: Conv2d,
    norm1: BatchNorm2d,
    conv2: Conv2d,
    norm2: BatchNorm2d,
    head: Linear,
}

impl Cnn {
    fn new(device: &Device) -> Result<Self> {
        Ok(Self {
            conv1: Conv2d::new(3, 8, 3, device)?.padding(1).no_bias(),
            norm1: BatchNorm2d::new(8, device),
            conv2: Conv2d::new(8, 16, 3, device)?.stride(2).padding(1).no_bias(),
            norm2: BatchNorm2d::new(16, device),
            head: Linear::new(16, 10, device)?,
        })
    }
}

impl Forward for Cnn {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = max_pool2d(&self.norm1.forward(&self.conv1.forward(x)?)?.relu(), 2)?;
        let x = self.norm2.forward(&self.conv2.forward(&x)?)?.relu();
        self.head.forward(&x.mean([2, 3])?)
    }
}

/// Gives each parameter, in the order of the names, numbers that tests/goldens/training.py draws alike.
fn fill(net: &impl Module, draw: &mut Draw) -> Result<()> {
    let mut params = net.named_parameters();
    params.sort_by(|a, b| a.0.cmp(&b.0));
    for (name, param) in params {
        let shape = param.shape();
        let fan: usize = if shape.rank() > 1 { shape[1..].iter().product() } else { shape.numel() };
        let bound = 1.0 / (fan as f64).sqrt();
        let one = if name.contains("norm") && name.ends_with("weight") { 1.0 } else { 0.0 };
        let values = (0..shape.numel()).map(|_| draw.float(-bound, bound) as f32 + one).collect();
        param.set(&Tensor::from_vec(values, shape, param.tensor().device())?)?;
    }
    Ok(())
}

fn train(net: &impl Forward, mut optimizer: impl Optimizer, x: &Tensor, y: &Tensor) -> Result<Vec<f32>> {
    let mut losses = Vec::new();
    for _ in 0..30 {
        let loss = cross_entropy(&net.forward(x)?, y)?;
        optimizer.step(&loss.backward()?)?;
        losses.push(loss.item()?);
    }
    Ok(losses)
}

fn optimized(net: &(impl Module + Forward), name: &str, x: &Tensor, y: &Tensor) -> Result<Vec<f32>> {
    match name {
        "sgd" => train(net, Sgd::new(0.02).momentum(0.9).weight_decay(1e-3).with(net.parameters()), x, y),
        "adam" => train(net, Adam::new(1e-3).with(net.parameters()), x, y),
        _ => panic!("no optimizer {name}"),
    }
}

fn labels(n: usize, classes: usize) -> Vec<i64> {
    (0..n).map(|i| ((i * 7 + i / 3) % classes) as i64).collect()
}

fn close(case: &str, found: &[f32], wanted: &[f64]) {
    assert_eq!(found.len(), wanted.len());
    for (step, (&found, &wanted)) in found.iter().zip(wanted).enumerate() {
        let apart = (f64::from(found) - wanted).abs() / wanted.abs();
        assert!(apart < 1e-4, "{case}: step {step}: {found} instead of {wanted}");
    }
}

/// The losses of one of the networks, with every optimizer that the file has for it.
fn check(net_name: &str) -> Result<()> {
    let mut count = 0;
    for line in include_str!("../goldens/training.jsonl").lines() {
        let golden: Value = serde_json::from_str(line).expect("a golden");
        if golden["net"] != net_name {
            continue;
        }
        count += 1;
        let optimizer = golden["optimizer"].as_str().expect("an optimizer");
        let wanted: Vec<f64> = golden["losses"].as_array().expect("losses").iter().filter_map(Value::as_f64).collect();
        for (name, device) in devices() {
            let mut draw = Draw(17);
            let case = format!("{net_name} with {optimizer} on {name}");
            if net_name == "cnn" {
                let net = Cnn::new(device)?;
                fill(&net, &mut draw)?;
                let x = (0..16 * 3 * 16 * 16).map(|_| draw.float(-1.0, 1.0) as f32).collect();
                let x = Tensor::from_vec(x, [16, 3, 16, 16], device)?;
                let y = Tensor::from_vec(labels(16, 10), [16], device)?;
                close(&case, &optimized(&net, optimizer, &x, &y)?, &wanted);
                net.set_training(false);
                let loss = cross_entropy(&net.forward(&x)?, &y)?.item::<f32>()?;
                close(&case, &[loss], &[golden["evaluated"].as_f64().expect("a loss")]);
            } else {
                let net = Gpt::new(65, 64, 128, device)?;
                fill(&net, &mut draw)?;
                let ids = labels(4 * 64, 65);
                let x = Tensor::from_slice(&ids, [4, 64], device)?;
                let y = Tensor::from_vec(ids, [4 * 64], device)?.roll(0, -1)?;
                close(&case, &optimized(&net, optimizer, &x, &y)?, &wanted);
            }
        }
    }
    assert!(count >= 2, "{count} optimizers");
    Ok(())
}

#[test]
fn losses_of_a_convolutional_network_are_those_of_pytorch() -> Result<()> {
    check("cnn")
}

#[test]
fn losses_of_a_transformer_are_those_of_pytorch() -> Result<()> {
    check("gpt")
}
