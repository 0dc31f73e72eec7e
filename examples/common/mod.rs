//! What the MNIST examples share: options, data, training and report.

use std::{error::Error as StdError, ffi::OsString, path::PathBuf, process::ExitCode, time::Instant};

use kiln::{Result, prelude::*};
use lexopt::{
    Arg::{Long, Short},
    Parser,
};
use serde_json::{Value, json};

pub type Outcome<T> = Result<T, Box<dyn StdError>>;

/// The flags that both examples have.
pub const FLAGS: &str = "  --device NAME      auto, cpu, gpu, gpu:1, or a part of a GPU's name [auto]
  --epochs N         passes over the training digits [5]
  --batch-size N     digits in a step [64]
  --lr RATE          learning rate at first; it falls to 0 [2e-3]
  --seed N           seed of the weights and of the order of the digits [1]
  --data PATH        an .npz file with x_train, y_train, x_test, y_test [examples/data/mnist10k.npz]
  --json             print one JSON object as the last line
  -h, --help         print this";

pub struct Options {
    pub device: String,
    pub epochs: usize,
    pub batch_size: usize,
    pub lr: f64,
    pub seed: u64,
    pub data: PathBuf,
    pub json: bool,
}

impl Options {
    /// The options of the command line; `None` if it asked for help. Flags that are unknown here go to `more`, which
    /// says whether it knows them.
    pub fn parse(usage: &str, mut more: impl FnMut(&str, &mut Parser) -> Outcome<bool>) -> Outcome<Option<Self>> {
        let mut options = Options {
            device: "auto".into(),
            epochs: 5,
            batch_size: 64,
            lr: 2e-3,
            seed: 1,
            data: concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/mnist10k.npz").into(),
            json: false,
        };
        let mut args = Parser::from_env();
        while let Some(arg) = args.next()? {
            let name = match arg {
                Long(name) => name.to_owned(),
                Short('h') => "help".to_owned(),
                _ => return Err(arg.unexpected().into()),
            };
            match name.as_str() {
                "device" => options.device = args.value()?.to_string_lossy().into_owned(),
                "epochs" => options.epochs = count(args.value()?, "epochs")?,
                "batch-size" => options.batch_size = count(args.value()?, "batch-size")?,
                "lr" => {
                    let text = args.value()?.to_string_lossy().into_owned();
                    let lr = text.parse().ok().filter(|lr: &f64| lr.is_finite() && *lr > 0.0);
                    options.lr = lr.ok_or_else(|| format!("--lr {text}: must be a number above 0"))?;
                }
                "seed" => {
                    let text = args.value()?.to_string_lossy().into_owned();
                    options.seed = text.parse().map_err(|_| format!("--seed {text}: must be a whole number from 0"))?;
                }
                "data" => options.data = args.value()?.into(),
                "json" => options.json = true,
                "help" => {
                    println!("{usage}\n{FLAGS}");
                    return Ok(None);
                }
                name if more(name, &mut args)? => {}
                name => return Err(Long(name).unexpected().into()),
            }
        }
        Ok(Some(options))
    }

    pub fn device(&self) -> Result<Device> {
        if self.device == "auto" { Ok(Device::best()) } else { self.device.parse() }
    }
}

fn count(text: OsString, name: &str) -> Result<usize, String> {
    let text = text.to_string_lossy().into_owned();
    let count = text.parse().ok().filter(|&n| n > 0);
    count.ok_or_else(|| format!("--{name} {text}: must be a whole number above 0"))
}

/// Ends the program: an error is one line on stderr.
pub fn exit(name: &str, outcome: Outcome<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Grey values `[batch, 28, 28]` as bytes, scaled to mean 0 and standard deviation 1 of the training digits.
pub fn standardize(x: &Tensor) -> Tensor {
    (x.to_dtype(DType::F32) / 255.0 - 0.1307) / 0.3081
}

/// Trains a network and measures it on the test digits; returns what `--json` prints.
pub fn train(options: &Options, net: impl Module + Forward) -> Outcome<Value> {
    let (train, test) = digits(options)?;
    let steps = train.len() * options.epochs;
    let device = options.device()?;
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
    Ok(json!({
        "test_accuracy": accuracy,
        "losses": history.losses,
        "device": device.name(),
        "adapter": device.info().name,
        "seconds": seconds,
        "steps": steps,
        "kernels_per_step": (after.kernels - before.kernels) as f64 / steps as f64,
        "peak_bytes": after.memory.peak,
    }))
}

/// Loaders of the training and of the test digits.
pub fn digits(options: &Options) -> Outcome<(DataLoader, DataLoader)> {
    let file = npz::open(&options.data)?;
    let part = |name: &str| -> Outcome<DataLoader> {
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
