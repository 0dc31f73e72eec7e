//! Nearest neighbours in a cloud of particles: `cargo run --release --example cdist_knn -- --help`.

use std::{error::Error as StdError, process::ExitCode, time::Instant};

use kiln::{Result, prelude::*};
use lexopt::Arg::{Long, Short};

const USAGE: &str = "Usage: cdist_knn [OPTIONS]

Draws points in a cube, computes the distance of each to each and finds the nearest neighbours, on the CPU and on
another device; prints the times and how well the two agree.

  --points N     points [1000]
  --neighbors K  neighbours of a point [8]
  --device NAME  auto, cpu, gpu, gpu:1, or a part of a GPU's name [auto]
  --seed N       seed of the positions [1]
  -h, --help     print this";

/// Runs of which the median is taken.
const RUNS: usize = 15;

struct Options {
    points: usize,
    neighbors: usize,
    device: String,
    seed: u64,
}

impl Options {
    /// The options of the command line; `None` if it asked for help.
    fn parse() -> Result<Option<Self>, Box<dyn StdError>> {
        let mut options = Options { points: 1000, neighbors: 8, device: "auto".into(), seed: 1 };
        let mut args = lexopt::Parser::from_env();
        while let Some(arg) = args.next()? {
            let name = match arg {
                Long(name) => name.to_owned(),
                Short('h') => "help".to_owned(),
                _ => return Err(arg.unexpected().into()),
            };
            let mut value =
                || -> Result<String, Box<dyn StdError>> { Ok(args.value()?.to_string_lossy().into_owned()) };
            match name.as_str() {
                "points" => options.points = number(&name, &value()?, 2)? as usize,
                "neighbors" => options.neighbors = number(&name, &value()?, 1)? as usize,
                "seed" => options.seed = number(&name, &value()?, 0)?,
                "device" => options.device = value()?,
                "help" => {
                    println!("{USAGE}");
                    return Ok(None);
                }
                name => return Err(Long(name).unexpected().into()),
            }
        }
        if options.neighbors >= options.points {
            let (k, n) = (options.neighbors, options.points);
            return Err(format!("--neighbors {k}: {n} points have {} neighbours each", n - 1).into());
        }
        Ok(Some(options))
    }
}

fn number(name: &str, text: &str, least: u64) -> Result<u64, String> {
    let number = text.parse().ok().filter(|&n| n >= least);
    number.ok_or_else(|| format!("--{name} {text}: must be a whole number from {least}"))
}

/// What one device found, and how long it took, in milliseconds.
struct Outcome {
    device: String,
    matrix: f64,
    search: f64,
    /// `[points, neighbors]`, in ascending order of distance.
    distances: Vec<f32>,
    neighbors: Vec<i64>,
}

/// The distances to the `k` nearest other points, and which they are.
fn nearest(distances: &Tensor, k: usize) -> Result<(Tensor, Tensor)> {
    // No point is its own neighbour.
    let itself = Tensor::eye(distances.shape()[0], DType::Bool, distances.device());
    distances.masked_fill(&itself, f64::INFINITY)?.topk(k, 1, false)
}

fn search(positions: &Tensor, k: usize, device: &Device) -> Result<Outcome> {
    let x = positions.to_device(device)?;
    let distances = x.cdist(&x, 2.0)?;
    device.sync()?;
    let (near, which) = nearest(&distances, k)?;
    let outcome = (near.to_vec()?, which.to_vec()?);
    let matrix = median(|| {
        let _kept = x.cdist(&x, 2.0)?;
        device.sync()
    })?;
    let search = median(|| {
        let _kept = nearest(&distances, k)?;
        device.sync()
    })?;
    let (distances, neighbors) = outcome;
    Ok(Outcome { device: format!("{device} ({})", device.info().name), matrix, search, distances, neighbors })
}

/// The median time of a few runs, in milliseconds.
fn median(run: impl Fn() -> Result<()>) -> Result<f64> {
    run()?;
    let mut times = Vec::new();
    for _ in 0..RUNS {
        let start = Instant::now();
        run()?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[RUNS / 2])
}

fn run() -> Result<(), Box<dyn StdError>> {
    let Some(options) = Options::parse()? else { return Ok(()) };
    let device = if options.device == "auto" { Device::best() } else { options.device.parse()? };
    let (n, k, cpu) = (options.points, options.neighbors, Device::cpu());
    let positions = Tensor::rand([n, 3], DType::F32, options.seed, &cpu)?;

    let mut outcomes = vec![search(&positions, k, &cpu)?];
    if !device.is_cpu() {
        outcomes.push(search(&positions, k, &device)?);
    }
    println!("{n} points, {k} neighbours each, medians of {RUNS} runs");
    println!("distances, ms  neighbours, ms  device");
    for o in &outcomes {
        println!("{:>13.3}  {:>14.3}  {}", o.matrix, o.search, o.device);
    }
    let first = &outcomes[0];
    let mean = |distances: &[f32]| distances.iter().map(|&d| f64::from(d)).sum::<f64>() / distances.len() as f64;
    println!("mean distance of a neighbour {:.6}", mean(&first.distances));
    for other in &outcomes[1..] {
        let apart = first.distances.iter().zip(&other.distances).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        let same = first.neighbors.iter().zip(&other.neighbors).filter(|(a, b)| a == b).count();
        println!("both agree on {same} of {} neighbours; distances differ by {apart:.1e} at most", n * k);
    }
    Ok(())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cdist_knn: {error}");
            ExitCode::FAILURE
        }
    }
}
