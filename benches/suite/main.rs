//! Kiln's speed on small standard workloads: `cargo bench --bench suite -- [--device cpu|gpu|NAME] [--json] [W1,W5,...]`.
//! `families` is a table per kind of kernel, forward and back.
//!
//! Prints a table, or with `--json` (and where standard output is no terminal) one JSON object a line.
//! `seed-cold` runs the workload of W7 once and exits, to be timed from outside. `PEER_BUDGET_S` gives the seconds
//! for each measurement.

mod families;
mod gpt;
mod models;

use std::{
    error::Error as StdError,
    io::{IsTerminal, Write},
    process::ExitCode,
    time::{Duration, Instant},
};

use kiln::{Result, prelude::*};
use serde_json::json;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("suite: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn StdError>> {
    let (mut device, mut as_json, mut wanted) = (String::from("cpu"), !std::io::stdout().is_terminal(), Vec::new());
    let mut args = lexopt::Parser::from_env();
    while let Some(arg) = args.next()? {
        match arg {
            lexopt::Arg::Long("device") => device = args.value()?.to_string_lossy().into_owned(),
            lexopt::Arg::Long("json") => as_json = true,
            // What cargo adds.
            lexopt::Arg::Long("bench") => {}
            lexopt::Arg::Value(names) => wanted.extend(names.to_string_lossy().split(',').map(str::to_owned)),
            _ => return Err(arg.unexpected().into()),
        }
    }
    let device: Device = device.parse()?;
    if wanted == ["seed-cold"] {
        eprintln!("loss {}", seed_workload(&device)?);
        return Ok(());
    }
    let suite = Suite { as_json, device };
    for (name, workload) in WORKLOADS {
        if wanted.is_empty() || wanted.iter().any(|w| w == name) {
            workload(&suite)?;
        }
    }
    Ok(())
}

type Workload = fn(&Suite) -> Result<()>;
const WORKLOADS: [(&str, Workload); 9] = [
    ("W1", matmul),
    ("W2", batched),
    ("W3", distances),
    ("W4", elementwise),
    ("W5", mlp),
    ("W6", models::cnn),
    ("W7", seed),
    ("W8", models::transformer),
    ("families", families::families),
];

struct Suite {
    device: Device,
    as_json: bool,
}

/// Milliseconds of one iteration.
struct Timing {
    median: f64,
    p10: f64,
    p90: f64,
    batches: usize,
    per_batch: usize,
}

impl Suite {
    fn line(&self, workload: &str, size: &str, metric: &str, value: f64, t: &Timing) {
        let peer = if self.device.is_cpu() { "kiln-cpu" } else { "kiln-gpu" };
        if !self.as_json {
            println!(
                "{peer}  {workload:<9} {size:<24} {value:>12.3} {metric:<12} {:>10.3} ms ({:.3} to {:.3})",
                t.median, t.p10, t.p90
            );
            return;
        }
        let line = json!({
            "peer": peer, "version": env!("CARGO_PKG_VERSION"), "workload": workload, "size": size, "metric": metric,
            "value": value, "ms": t.median, "ms_p10": t.p10, "ms_p90": t.p90, "batches": t.batches, "per_batch": t.per_batch,
        });
        println!("{line}");
        // A reader that has gone away is no concern of ours.
        let _ = std::io::stdout().flush();
    }

    fn uniform<const N: usize>(&self, shape: [usize; N], seed: u64) -> Result<Tensor> {
        let x = Tensor::rand(shape, DType::F32, seed, &self.device)? * 2.0 - 1.0;
        self.device.sync()?;
        Ok(x)
    }

    /// Times `f`, whose results are computed one by one and each kept until the next is there.
    fn repeat(&self, f: impl Fn() -> Result<Tensor>) -> Result<Timing> {
        time(|n| {
            let mut last = f()?;
            self.device.flush()?;
            for _ in 1..n {
                last = f()?;
                self.device.flush()?;
            }
            let first = last.reshape([last.numel()])?.narrow(0, 0, 1)?;
            std::hint::black_box(first.item::<f32>()?);
            Ok(())
        })
    }
}

/// Times `iterations(n)`, which runs n iterations and then reads one number back, so that queued work is included.
fn time(mut iterations: impl FnMut(usize) -> Result<()>) -> Result<Timing> {
    let budget = std::env::var("PEER_BUDGET_S").ok().and_then(|s| s.parse().ok()).unwrap_or(3.0);
    iterations(1)?;
    let start = Instant::now();
    iterations(1)?;
    while start.elapsed().as_secs_f64() < budget / 3.0 {
        iterations(1)?;
    }
    let mut n = 1;
    loop {
        let start = Instant::now();
        iterations(n)?;
        let took = start.elapsed();
        if took > Duration::from_millis(60) || n >= 4096 {
            break;
        }
        n = (n * 2).max((n as f64 * 0.07 / took.as_secs_f64().max(1e-7)) as usize).min(4096);
    }
    let mut times = Vec::new();
    let start = Instant::now();
    while times.len() < 5 || (start.elapsed().as_secs_f64() < budget && times.len() < 41) {
        let batch = Instant::now();
        iterations(n)?;
        times.push(batch.elapsed().as_secs_f64() * 1e3 / n as f64);
        if start.elapsed() > Duration::from_secs(60) && times.len() >= 3 {
            break;
        }
    }
    times.sort_by(f64::total_cmp);
    let at = |p: f64| times[((times.len() - 1) as f64 * p).round() as usize];
    Ok(Timing { median: at(0.5), p10: at(0.1), p90: at(0.9), batches: times.len(), per_batch: n })
}

fn matmul(suite: &Suite) -> Result<()> {
    for n in [64, 256, 512, 1024, 2048] {
        let (a, b) = (suite.uniform([n, n], 1)?, suite.uniform([n, n], 2)?);
        let t = suite.repeat(|| a.matmul(&b))?;
        suite.line("W1", &n.to_string(), "gflops", 2.0 * (n as f64).powi(3) / t.median / 1e6, &t);
    }
    Ok(())
}

fn batched(suite: &Suite) -> Result<()> {
    let (a, b) = (suite.uniform([32, 128, 64], 1)?, suite.uniform([32, 64, 128], 2)?);
    let t = suite.repeat(|| a.matmul(&b))?;
    suite.line("W2", "32x128x64x128", "gflops", 2.0 * 32.0 * 128.0 * 64.0 * 128.0 / t.median / 1e6, &t);
    Ok(())
}

fn distances(suite: &Suite) -> Result<()> {
    for (n, d) in [(1000, 3), (2048, 128)] {
        let (x, y) = (suite.uniform([n, d], 1)?, suite.uniform([n, d], 2)?);
        let t = suite.repeat(|| x.cdist(&y, 2.0))?;
        suite.line("W3", &format!("{n}x{d}"), "ms", t.median, &t);
    }
    Ok(())
}

fn elementwise(suite: &Suite) -> Result<()> {
    let x = suite.uniform([4096, 1024], 1)?;
    let (scale, shift) = (Param::new(suite.uniform([1024], 2)?), Param::new(suite.uniform([1024], 3)?));
    let (scale, shift) = (scale.tensor().detach(), shift.tensor().detach());
    let layer_norm = || {
        let centred = &x - &x.mean_keepdim(-1)?;
        let variance = centred.square().mean_keepdim(-1)?;
        Ok(centred * (variance + 1e-5).rsqrt() * &scale + &shift)
    };
    let rows: [(&str, &dyn Fn() -> Result<Tensor>); 5] = [
        ("gelu(x*a+b)", &|| Ok((&x * 1.5 + 0.5).gelu())),
        ("relu", &|| Ok(x.relu())),
        ("softmax", &|| x.softmax(-1)),
        ("sum", &|| x.sum(())),
        ("layernorm", &layer_norm),
    ];
    for (name, f) in rows {
        let t = suite.repeat(f)?;
        suite.line("W4", name, "ms", t.median, &t);
    }
    Ok(())
}

fn mlp(suite: &Suite) -> Result<()> {
    let device = &suite.device;
    for batch in [64, 1024] {
        let net = Sequential::new()
            .with(Linear::new(784, 512, device)?)
            .with(nn::Relu)
            .with(Linear::new(512, 256, device)?)
            .with(nn::Relu)
            .with(Linear::new(256, 10, device)?);
        let mut optimizer = Adam::new(1e-3).with(net.parameters());
        let labels: Vec<i32> = (0..batch as i32).map(|i| (i * 7 + i / 3) % 10).collect();
        let (x, y) = (suite.uniform([batch, 784], 1)?, Tensor::from_vec(labels, [batch], device)?);
        let t = time(|n| {
            let mut last = 0.0f64;
            for i in 1..=n {
                let loss = cross_entropy(&net.forward(&x)?, &y)?;
                optimizer.step(loss.backward()?)?;
                if i == n {
                    last = loss.item::<f32>()?.into();
                }
            }
            std::hint::black_box(last);
            Ok(())
        })?;
        suite.line("W5", &format!("batch{batch}"), "steps_per_s", 1e3 / t.median, &t);
    }
    Ok(())
}

fn seed(suite: &Suite) -> Result<()> {
    let t = time(|n| (0..n).try_for_each(|_| seed_workload(&suite.device).map(|_| ())))?;
    suite.line("W7", "warm", "ms", t.median, &t);
    Ok(())
}

/// From nothing to a trained network: data, model, 5 epochs of shuffled batches; the last loss is read.
fn seed_workload(device: &Device) -> Result<f32> {
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 24) as f32
    };
    let (mut x, mut y) = (Vec::with_capacity(10_000), Vec::with_capacity(1000));
    for _ in 0..1000 {
        x.extend((0..10).map(|_| next()));
        y.push(f32::from(next() > 0.5));
    }
    let host = Device::cpu();
    let data = TensorDataset::new((Tensor::from_vec(x, [1000, 10], &host)?, Tensor::from_vec(y, [1000, 1], &host)?))?;
    let loader = DataLoader::new(data).batch_size(32).shuffle(1).device(device);
    let net = Sequential::new()
        .with(Linear::new(10, 16, device)?)
        .with(nn::Relu)
        .with(Linear::new(16, 1, device)?)
        .with(nn::Sigmoid);
    let mut optimizer = Adam::new(1e-3).with(net.parameters());
    let mut last = None;
    for _ in 0..5 {
        for batch in &loader {
            let (x, y) = batch?;
            let loss = bce(&net.forward(&x)?, &y)?;
            optimizer.step(loss.backward()?)?;
            last = Some(loss);
        }
    }
    match last {
        Some(loss) => loss.item(),
        None => Ok(f32::NAN),
    }
}
