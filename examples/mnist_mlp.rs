//! Trains a multi-layer perceptron on MNIST digits: `cargo run --release --example mnist_mlp -- --help`.

mod common;

use std::process::ExitCode;

use common::{Options, Outcome, exit, standardize};
use kiln::{Result, nn::Linear, prelude::*};

const USAGE: &str = "Usage: mnist_mlp [OPTIONS]

Trains a 784-256-128-10 perceptron with AdamW and prints its test accuracy and confusion matrix.
";

#[derive(Module)]
struct Net {
    hidden1: Linear,
    hidden2: Linear,
    out: Linear,
}

impl Net {
    fn new(device: &Device) -> Result<Self> {
        Ok(Self {
            hidden1: Linear::new(784, 256, device)?,
            hidden2: Linear::new(256, 128, device)?,
            out: Linear::new(128, 10, device)?,
        })
    }
}

impl Forward for Net {
    /// From grey values `[batch, 28, 28]` as bytes to scores `[batch, 10]`.
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = standardize(&x.reshape([x.shape()[0], 784])?);
        let x = self.hidden1.forward(&x)?.relu();
        let x = self.hidden2.forward(&x)?.relu();
        self.out.forward(&x)
    }
}

fn run() -> Outcome<()> {
    let Some(options) = Options::parse(USAGE, |_, _| Ok(false))? else { return Ok(()) };
    manual_seed(options.seed);
    let report = common::train(&options, Net::new(&options.device()?)?)?;
    if options.json {
        println!("{report}");
    }
    Ok(())
}

fn main() -> ExitCode {
    exit("mnist_mlp", run())
}
