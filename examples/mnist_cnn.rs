//! Trains a convolutional network on MNIST digits: `cargo run --release --example mnist_cnn -- --help`.

mod common;

use std::{path::PathBuf, process::ExitCode};

use common::{Options, Outcome, exit, standardize};
use kiln::{
    Result,
    nn::{Conv2d, MaxPool2d},
    prelude::*,
};

const USAGE: &str = "Usage: mnist_cnn [OPTIONS]

Trains a small convolutional network with AdamW and prints its test accuracy and confusion matrix.

  --save FILE.npz    keep the trained weights
  --load FILE.npz    take these weights and do not train
  --predict FILE     read a picture (PNG or JPEG) of a digit and print which one it is; needs `--features image`
  --grid FILE.png    draw test digits with the network's answers; needs `--features image`";

/// Flags of this example alone.
#[derive(Default)]
struct Files {
    save: Option<PathBuf>,
    load: Option<PathBuf>,
    predict: Option<PathBuf>,
    grid: Option<PathBuf>,
}

#[derive(Module)]
struct Net {
    conv1: Conv2d,
    conv2: Conv2d,
    pool: MaxPool2d,
    hidden: Linear,
    dropout: Dropout,
    out: Linear,
}

impl Net {
    fn new(device: &Device) -> Result<Self> {
        Ok(Self {
            conv1: Conv2d::new(1, 32, 3, device)?.padding(1),
            conv2: Conv2d::new(32, 64, 3, device)?.padding(1),
            pool: MaxPool2d::new(2),
            hidden: Linear::new(64 * 7 * 7, 128, device)?,
            dropout: Dropout::new(0.25)?,
            out: Linear::new(128, 10, device)?,
        })
    }
}

impl Forward for Net {
    /// From grey values `[batch, 28, 28]` as bytes to scores `[batch, 10]`.
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = standardize(x).unsqueeze(1)?;
        let x = self.pool.forward(&self.conv1.forward(&x)?.relu())?;
        let x = self.pool.forward(&self.conv2.forward(&x)?.relu())?;
        let x = self.hidden.forward(&x.flatten(1, -1)?)?.relu();
        self.out.forward(&self.dropout.forward(&x)?)
    }
}

fn run() -> Outcome<()> {
    let mut files = Files::default();
    let options = Options::parse(USAGE, |name, args| {
        let file = match name {
            "save" => &mut files.save,
            "load" => &mut files.load,
            "predict" => &mut files.predict,
            "grid" => &mut files.grid,
            _ => return Ok(false),
        };
        *file = Some(args.value()?.into());
        Ok(true)
    })?;
    let Some(options) = options else { return Ok(()) };
    if cfg!(not(feature = "image")) && (files.predict.is_some() || files.grid.is_some()) {
        return Err("this build cannot read or write pictures: add `--features image`".into());
    }
    #[cfg(feature = "image")]
    let picture = files.predict.as_deref().map(pictures::read).transpose()?;

    manual_seed(options.seed);
    let net = Net::new(&options.device()?)?;
    println!("{}\n", net.summary(&Tensor::zeros([1, 28, 28], DType::U8, &options.device()?))?);
    let mut report = None;
    match &files.load {
        Some(path) => {
            let weights = npz::open(path)?;
            let named = weights.names().into_iter().map(|name| Ok((name.to_owned(), weights.get(name)?)));
            net.load_state_dict(&named.collect::<Result<_>>()?)?;
        }
        None => report = Some(common::train(&options, &net)?),
    }
    if let Some(path) = &files.save {
        let state = net.state_dict();
        npz::save(path, &state.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect::<Vec<_>>())?;
        println!("weights saved to {}", path.display());
    }
    #[cfg(feature = "image")]
    {
        net.set_training(false);
        if let Some(path) = &files.grid {
            pictures::grid(&net, &common::digits(&options)?.1, path)?;
            println!("test digits drawn in {}", path.display());
        }
        if let Some(picture) = picture {
            pictures::predict(&net, &picture.to_device(&options.device()?)?)?;
        }
    }
    if let Some(report) = report.filter(|_| options.json) {
        println!("{report}");
    }
    Ok(())
}

#[cfg(feature = "image")]
mod pictures {
    use std::path::Path;

    use kiln::{
        Result,
        io::image::{self, Mode, make_grid},
        prelude::*,
    };

    use super::{Net, Outcome};

    /// A picture of any size as `[1, 28, 28]` bytes, bright on dark, as the digits of MNIST lie in theirs: the digit
    /// fits a square of 20 pixels in the middle.
    pub fn read(path: &Path) -> Outcome<Tensor> {
        let picture = image::open_as(path, Mode::Gray)?;
        let [height, width, _] = picture.shape()[..] else { return Err("the picture has no pixels".into()) };
        let mut pixels = picture.to_vec::<u8>()?;
        let edge = (0..height).flat_map(|y| [y * width, y * width + width - 1]);
        let edge: Vec<usize> = edge.chain(0..width).chain((height - 1) * width..height * width).collect();
        if edge.iter().map(|&i| pixels[i] as usize).sum::<usize>() > edge.len() * 127 {
            pixels.iter_mut().for_each(|p| *p = 255 - *p);
        }
        if (height, width) == (28, 28) {
            return Ok(Tensor::from_vec(pixels, [1, 28, 28], &Device::cpu())?);
        }
        let ink = |i: &usize| pixels[*i] > 64;
        let rows: Vec<usize> = (0..pixels.len()).filter(ink).map(|i| i / width).collect();
        let columns: Vec<usize> = (0..pixels.len()).filter(ink).map(|i| i % width).collect();
        let bounds = |v: &[usize]| Some((*v.iter().min()?, *v.iter().max()? + 1));
        let (Some((top, bottom)), Some((left, right))) = (bounds(&rows), bounds(&columns)) else {
            return Err(format!("{}: there is nothing on the picture", path.display()).into());
        };
        let scale = (bottom - top).max(right - left) as f64 / 20.0;
        let (mid_y, mid_x) = ((top + bottom) as f64 / 2.0, (left + right) as f64 / 2.0);
        // Each small pixel is the mean of what it covers.
        let covered = |at: usize, mid: f64, size: usize| {
            let start = mid + (at as f64 - 14.0) * scale;
            let place = |x: f64| x.round().clamp(0.0, size as f64) as usize;
            let (start, end) = (place(start), place(start + scale));
            start..end.max((start + 1).min(size))
        };
        let mut small = Vec::with_capacity(28 * 28);
        for y in 0..28 {
            for x in 0..28 {
                let (rows, columns) = (covered(y, mid_y, height), covered(x, mid_x, width));
                let count = rows.len() * columns.len();
                let sum: usize = rows
                    .flat_map(|r| columns.clone().map(move |c| (r, c)))
                    .map(|(r, c)| pixels[r * width + c] as usize)
                    .sum();
                small.push((sum / count.max(1)) as u8);
            }
        }
        Ok(Tensor::from_vec(small, [1, 28, 28], &Device::cpu())?)
    }

    /// Prints the digit and how sure the network is.
    pub fn predict(net: &Net, picture: &Tensor) -> Result<()> {
        let chances = no_grad(|| net.forward(picture))?.softmax(-1)?.to_vec::<f32>()?;
        let best = (0..10).max_by(|&a, &b| chances[a].total_cmp(&chances[b])).unwrap_or_default();
        println!("\nthis is a {best}");
        for (digit, chance) in chances.iter().enumerate() {
            println!("{digit}  {:>6.2}%  {}", 100.0 * chance, "█".repeat((chance * 40.0).round() as usize));
        }
        Ok(())
    }

    /// The digits' glyphs, three by five pixels each, row by row from the top.
    const GLYPHS: [[u8; 5]; 10] = [
        [7, 5, 5, 5, 7],
        [2, 6, 2, 2, 7],
        [7, 1, 7, 4, 7],
        [7, 1, 3, 1, 7],
        [5, 5, 7, 1, 1],
        [7, 4, 7, 1, 7],
        [7, 4, 7, 5, 7],
        [7, 1, 2, 2, 2],
        [7, 5, 7, 5, 7],
        [7, 5, 7, 1, 7],
    ];

    /// Draws the first test digits, each with the network's answer beside it: green if it is right, else red.
    pub fn grid(net: &Net, test: &DataLoader, path: &Path) -> Outcome<()> {
        const SIDE: usize = 36;
        const COUNT: usize = 100;
        let mut pictures: Vec<u8> = Vec::new();
        let device = net.out.weight.tensor().device().clone();
        let mut drawn = 0;
        for batch in test {
            let (x, y) = batch?;
            let answers = no_grad(|| net.forward(&x.to_device(&device)?))?.argmax(1)?.to_vec::<i64>()?;
            let labels = y.to_dtype(DType::I64).to_vec::<i64>()?;
            let pixels = x.to_vec::<u8>()?;
            for ((digit, answer), label) in pixels.chunks(28 * 28).zip(answers).zip(labels).take(COUNT - drawn) {
                let mut picture = vec![0u8; 3 * SIDE * SIDE];
                let mut set = |y: usize, x: usize, colour: [u8; 3]| {
                    (0..3).for_each(|c| picture[(c * SIDE + y) * SIDE + x] = colour[c]);
                };
                for (i, &value) in digit.iter().enumerate() {
                    set(i / 28 + 8, i % 28 + 4, [value; 3]);
                }
                let colour = if answer == label { [80, 220, 100] } else { [255, 70, 70] };
                for (row, bits) in GLYPHS[answer as usize % 10].iter().enumerate() {
                    (0..3).filter(|bit| bits >> (2 - bit) & 1 == 1).for_each(|bit| set(row + 2, bit + 2, colour));
                }
                pictures.extend(picture);
                drawn += 1;
            }
            if drawn == COUNT {
                break;
            }
        }
        let pictures = Tensor::from_vec(pictures, [drawn, 3, SIDE, SIDE], &Device::cpu())?;
        image::save(path, &make_grid(&pictures, 10, 1, 60.0)?.permute([1, 2, 0])?)?;
        Ok(())
    }
}

fn main() -> ExitCode {
    exit("mnist_cnn", run())
}
