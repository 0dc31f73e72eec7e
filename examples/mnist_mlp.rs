//! Trains a multi-layer perceptron on MNIST digits: `cargo run --release --example mnist_mlp -- --help`.

use std::{error::Error as StdError, path::PathBuf, process::ExitCode, time::Instant};

use kiln::{Result, nn::Linear, prelude::*};
use lexopt::Arg::{Long, Short};
use serde_json::json;

const USAGE: &str = "Usage: mnist_mlp [OPTIONS]

Trains a 784-256-128-10 perceptron with AdamW and prints its test accuracy and confusion matrix.

  --device NAME      auto, cpu, gpu, gpu:1, or a part of a GPU's name [auto]
  --epochs N         walks over the training digits [5]
  --batch-size N     digits in a step [64]
  --lr RATE          learning rate at first; it falls to 0 [2e-3]
  --seed N           seed of the weights and of the order of the digits [1]
  --data PATH        an .npz file with x_train, y_train, x_test, y_test [examples/data/mnist10k.npz]
  --json             print one JSON object as the last line
  -h, --help         print this";

struct Options {
    device: String,
    epochs: usize,
    batch_size: usize,
    lr: f64,
    seed: u64,
    data: PathBuf,
    json: bool,
}

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
    ///
    /// The grey values are scaled to mean 0 and standard deviation 1.
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = x.reshape([x.shape()[0], 784])?.to_dtype(DType::F32) / 255.0;
        let x = (x - 0.1307) / 0.3081;
        let x = self.hidden1.forward(&x)?.relu();
        let x = self.hidden2.forward(&x)?.relu();
        self.out.forward(&x)
    }
}

fn main() -> ExitCode {
    match options().and_then(|options| options.map_or(Ok(()), |options| train(&options))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mnist_mlp: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The options of the command line; `None` if it asked for help.
fn options() -> Result<Option<Options>, Box<dyn StdError>> {
    let mut options = Options {
        device: "auto".into(),
        epochs: 5,
        batch_size: 64,
        lr: 2e-3,
        seed: 1,
        data: concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/mnist10k.npz").into(),
        json: false,
    };
    let mut args = lexopt::Parser::from_env();
    while let Some(arg) = args.next()? {
        let number = |text: std::ffi::OsString, name: &str| -> Result<usize, String> {
            let text = text.to_string_lossy().into_owned();
            text.parse()
                .ok()
                .filter(|&n| n > 0)
                .ok_or_else(|| format!("--{name} {text}: must be a whole number above 0"))
        };
        match arg {
            Long("device") => options.device = args.value()?.to_string_lossy().into_owned(),
            Long("epochs") => options.epochs = number(args.value()?, "epochs")?,
            Long("batch-size") => options.batch_size = number(args.value()?, "batch-size")?,
            Long("lr") => {
                let text = args.value()?.to_string_lossy().into_owned();
                let lr = text.parse().ok().filter(|lr: &f64| lr.is_finite() && *lr > 0.0);
                options.lr = lr.ok_or_else(|| format!("--lr {text}: must be a number above 0"))?;
            }
            Long("seed") => {
                let text = args.value()?.to_string_lossy().into_owned();
                options.seed = text.parse().map_err(|_| format!("--seed {text}: must be a whole number from 0"))?;
            }
            Long("data") => options.data = args.value()?.into(),
            Long("json") => options.json = true,
            Short('h') | Long("help") => {
                println!("{USAGE}");
                return Ok(None);
            }
            _ => return Err(arg.unexpected().into()),
        }
    }
    Ok(Some(options))
}

fn train(options: &Options) -> Result<(), Box<dyn StdError>> {
    let device: Device = if options.device == "auto" { Device::best() } else { options.device.parse()? };
    let (train, test) = digits(options)?;
    let steps = train.len() * options.epochs;

    manual_seed(options.seed);
    let net = Net::new(&device)?;
    println!("{} on {}, {} parameters", device, device.info().name, net.num_parameters());
    device.sync()?;

    let (start, before) = (Instant::now(), device.stats());
    let mut trainer = Trainer::new(&net, AdamW::new(options.lr), CrossEntropy::new())
        .metric(Accuracy::new())
        .epochs(options.epochs)
        .schedule(|done| 1.0 - done)
        .each_epoch(|_, epoch| {
            println!(
                "loss {:.4}  accuracy {:.4}  {:.2} s",
                epoch.loss,
                epoch.get("accuracy").unwrap_or(f64::NAN),
                epoch.seconds
            );
            Ok(true)
        });
    let history = trainer.fit(&train)?;
    device.sync()?;
    let (seconds, after) = (start.elapsed().as_secs_f64(), device.stats());

    let (accuracy, table) = confusion(&trainer, &test)?;
    println!("\n{table}\ntest accuracy {accuracy:.4}, {:.0} steps/s", steps as f64 / seconds);
    if options.json {
        let kernels = (after.kernels - before.kernels) as f64 / steps as f64;
        let line = json!({
            "test_accuracy": accuracy,
            "losses": history.losses,
            "device": device.name(),
            "adapter": device.info().name,
            "seconds": seconds,
            "steps": steps,
            "kernels_per_step": kernels,
            "peak_bytes": after.memory.peak,
        });
        println!("{line}");
    }
    Ok(())
}

/// Loaders of the training and of the test digits.
fn digits(options: &Options) -> Result<(DataLoader, DataLoader), Box<dyn StdError>> {
    let file = npz::open(&options.data)?;
    let part = |name: &str| -> Result<DataLoader, Box<dyn StdError>> {
        let (x, y) = (file.get(&format!("x_{name}"))?, file.get(&format!("y_{name}"))?);
        if x.rank() != 3 || x.shape()[1..] != [28, 28] || y.rank() != 1 || y.dtype().is_float() {
            let path = options.data.display();
            let what =
                format!("x_{name} has shape {:?}, y_{name} shape {:?} and dtype {}", x.shape(), y.shape(), y.dtype());
            return Err(format!("{path}: {what}, not digits of 28 x 28 pixels and their numbers").into());
        }
        Ok(DataLoader::new(TensorDataset::new((x, y))?).batch_size(options.batch_size))
    };
    Ok((part("train")?.shuffle(options.seed).prefetch(2), part("test")?))
}

/// The share of digits that are recognized, and a table of how often each (row) was taken for each (column).
fn confusion<M: Module + Forward, O: Optimizer, L: Loss>(
    trainer: &Trainer<M, O, L>,
    test: &DataLoader,
) -> Result<(f64, String)> {
    let mut counts = [[0usize; 10]; 10];
    for batch in test {
        let (x, y) = batch?;
        let predicted = trainer.predict(&x)?.argmax(1)?.to_vec::<i64>()?;
        let actual = y.to_dtype(DType::I64).to_vec::<i64>()?;
        for (actual, predicted) in actual.into_iter().zip(predicted) {
            counts[actual.clamp(0, 9) as usize][predicted as usize] += 1;
        }
    }
    let (total, right) = (counts.as_flattened().iter().sum::<usize>(), (0..10).map(|i| counts[i][i]).sum::<usize>());
    let mut table = String::from("digit │ taken for\n      │");
    (0..10).for_each(|i| table += &format!("{i:>5}"));
    table += &format!("  recall\n──────┼{}\n", "─".repeat(58));
    for (digit, row) in counts.iter().enumerate() {
        let cells: String = row.iter().map(|n| if *n == 0 { "    ·".into() } else { format!("{n:>5}") }).collect();
        let recall = row[digit] as f64 / row.iter().sum::<usize>() as f64;
        table += &format!("{digit:>5} │{cells}  {:>5.1}%\n", 100.0 * recall);
    }
    Ok((right as f64 / total as f64, table))
}
