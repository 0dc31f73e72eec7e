//! Pictures in folders.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rayon::prelude::*;

use super::Dataset;
use crate::{
    Device, Error, Result, Tensor,
    hash::mix,
    io::image::{self, Mode},
    random::Random,
};

/// The endings of the files that are pictures.
const ENDINGS: [&str; 3] = ["jpeg", "jpg", "png"];

/// Pictures of classes, each in a folder of its own, as torchvision's `ImageFolder`: `root/cat/1.jpg`,
/// `root/dog/old/2.png`. Classes are the names of the folders, sorted.
///
/// A batch is pictures `[count, ..]` and labels `[count]` (`I64`). Files are read when a batch needs them. Every picture
/// goes through the [`transform`](Self::transform)s in order, which must give all of them one shape; without any it
/// becomes floats of the range 0 to 1, `[channels, height, width]`.
///
/// ```
/// # use kiln::prelude::*;
/// use kiln::{data::ImageFolder, io::image::{self, Interpolation}};
/// # let root = std::env::temp_dir().join(format!("kiln-doc-{}", std::process::id()));
/// # for (class, size) in [("cat", 40), ("dog", 50)] {
/// #     std::fs::create_dir_all(root.join(class)).unwrap();
/// #     image::save(root.join(class).join("1.png"), &Tensor::zeros([size, 60, 3], DType::U8, &Device::cpu()))?;
/// # }
/// let pets = ImageFolder::new(&root)?
///     .transform(|x| image::resize(&x, 32, Interpolation::Bilinear))
///     .random_transform(7, |x, random| image::random_crop(&x, [28, 28], random))
///     .transform(|x| x.to_chw_f32());
/// assert_eq!(pets.classes(), ["cat", "dog"]);
/// for batch in &DataLoader::new(pets).batch_size(2).shuffle(1) {
///     let (x, y) = batch?;
///     assert_eq!((x.shape().dims(), y.shape().dims()), ([2, 3, 28, 28].as_slice(), [2].as_slice()));
/// }
/// # std::fs::remove_dir_all(root).unwrap();
/// # Ok::<(), kiln::Error>(())
/// ```
#[derive(Clone)]
pub struct ImageFolder {
    classes: Vec<String>,
    samples: Vec<(PathBuf, usize)>,
    mode: Mode,
    steps: Vec<Step>,
}

/// What is done to a picture, with random numbers of this seed.
#[derive(Clone)]
struct Step {
    seed: u64,
    apply: Arc<Transform>,
}

type Transform = dyn Fn(Tensor, &mut Random) -> Result<Tensor> + Send + Sync;

impl ImageFolder {
    /// The PNG and JPEG files below the folders in `root`, by path; none of them is opened yet.
    ///
    /// # Errors
    /// If a folder cannot be read, there is none, or one has no pictures.
    pub fn new(root: impl AsRef<Path>) -> Result<Self> {
        let root = root.as_ref();
        let folders = entries(root)?.into_iter().filter(|path| path.is_dir());
        let (mut classes, mut samples) = (Vec::new(), Vec::new());
        for folder in folders {
            let before = samples.len();
            collect(&folder, classes.len(), &mut samples)?;
            if samples.len() == before {
                return Err(failed(&folder, "there is no PNG or JPEG file in it"));
            }
            classes.push(folder.file_name().unwrap_or_default().to_string_lossy().into_owned());
        }
        if classes.is_empty() {
            return Err(failed(root, "there is no folder in it; every class has one of its own"));
        }
        Ok(Self { classes, samples, mode: Mode::Rgb, steps: Vec::new() })
    }

    /// Which channels the pictures are read with, [`Mode::Rgb`] at first.
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Does this to every picture, after what was named before.
    pub fn transform(self, apply: impl Fn(Tensor) -> Result<Tensor> + Send + Sync + 'static) -> Self {
        self.random_transform(0, move |x, _| apply(x))
    }

    /// Does this to every picture, after what was named before, with random numbers that follow from the seed, the
    /// loader's walk, and the picture: not from batches, nor from the order in which they are made.
    pub fn random_transform(
        mut self,
        seed: u64,
        apply: impl Fn(Tensor, &mut Random) -> Result<Tensor> + Send + Sync + 'static,
    ) -> Self {
        self.steps.push(Step { seed, apply: Arc::new(apply) });
        self
    }

    /// The names of the classes; labels are places in this list.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The files and their labels.
    pub fn samples(&self) -> &[(PathBuf, usize)] {
        &self.samples
    }

    /// Reads a sample's file.
    fn decoded(&self, sample: usize) -> Result<Tensor> {
        let (path, _) = self.samples.get(sample).ok_or_else(|| {
            let (index, size) = (sample as i128, self.samples.len());
            Error::Index { op: "ImageFolder", index, axis: 0, size, delayed: false }
        })?;
        image::open_as(path, self.mode)
    }

    fn transformed(&self, picture: Tensor, epoch: u64, sample: usize) -> Result<Tensor> {
        if self.steps.is_empty() {
            return picture.to_chw_f32();
        }
        let picture = self.steps.iter().zip(0..).try_fold(picture, |x, (step, i)| {
            let mut random = Random::new(step.seed.wrapping_add(mix(i)), mix(epoch).wrapping_add(sample as u64));
            (step.apply)(x, &mut random)
        });
        picture.map_err(|error| failed(&self.samples[sample].0, error.to_string()))
    }
}

impl Dataset for ImageFolder {
    type Batch = (Tensor, Tensor);

    fn len(&self) -> usize {
        self.samples.len()
    }

    fn batch(&self, samples: &[usize]) -> Result<Self::Batch> {
        self.batch_in(0, samples)
    }

    fn batch_in(&self, epoch: u64, samples: &[usize]) -> Result<Self::Batch> {
        // Decoding takes most of the time. Transforms may run kernels: a rayon worker that waits for one takes up other
        // work meanwhile, which must not wait for the same device.
        let pictures = samples.par_iter().map(|&sample| self.decoded(sample)).collect::<Result<Vec<_>>>()?;
        let pictures = pictures.into_iter().zip(samples).map(|(x, &sample)| self.transformed(x, epoch, sample));
        let pictures = pictures.collect::<Result<Vec<_>>>()?;
        let labels: Vec<i64> = samples.iter().map(|&sample| self.samples[sample].1 as i64).collect();
        if let Some(odd) = pictures.iter().position(|picture| picture.shape() != pictures[0].shape()) {
            let (first, path) = (&self.samples[samples[0]].0, &self.samples[samples[odd]].0);
            let shapes = (pictures[odd].shape(), pictures[0].shape());
            let reason = format!("shape {:?}, where {} has {:?}", shapes.0, first.display(), shapes.1);
            return Err(failed(path, format!("{reason}: give both one size, as with `image::resize`")));
        }
        let pictures = Tensor::stack(&pictures, 0)?.to_device(&Device::cpu())?;
        pictures.realize()?;
        Ok((pictures, Tensor::from_vec(labels, [samples.len()], &Device::cpu())?))
    }
}

/// What is in a folder, sorted.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let read = || fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>();
    let mut paths = read().map_err(|error| failed(folder, error.to_string()))?;
    paths.sort();
    Ok(paths)
}

/// The pictures in a folder and in those below it. Links to folders are not followed, lest they lead in a circle.
fn collect(folder: &Path, class: usize, samples: &mut Vec<(PathBuf, usize)>) -> Result<()> {
    for path in entries(folder)? {
        let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        if path.is_dir() {
            if !path.is_symlink() {
                collect(&path, class, samples)?;
            }
        } else if ENDINGS.contains(&ending.as_str()) {
            samples.push((path, class));
        }
    }
    Ok(())
}

fn failed(path: &Path, reason: impl Into<String>) -> Error {
    Error::File { path: path.into(), reason: reason.into() }
}
