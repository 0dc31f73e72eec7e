//! Pictures in folders.

use std::{
    collections::BTreeMap,
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
    threads,
};

/// The endings of the files that are pictures.
const ENDINGS: &[&str] = &[
    "jpeg",
    "jpg",
    "png",
    #[cfg(feature = "image-webp")]
    "webp",
    #[cfg(feature = "image-bmp")]
    "bmp",
    #[cfg(feature = "image-tiff")]
    "tif",
    #[cfg(feature = "image-tiff")]
    "tiff",
];

/// Pictures of classes, each in a folder of its own, as torchvision's `ImageFolder`: `root/cat/1.jpg`,
/// `root/dog/old/2.png`. Classes are the names of the folders, sorted. Folders may be links.
///
/// Pictures are files whose names end in `.png`, `.jpg` or `.jpeg`; with the features `image-webp`, `image-bmp` and
/// `image-tiff` also in `.webp`, `.bmp`, `.tif` or `.tiff`. Other files are left out: [`skipped`](Self::skipped) lists
/// them, and a warning goes to the `log`. Files and folders whose names start with a dot are hidden, and not looked at.
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
    skipped: Vec<PathBuf>,
    options: image::Options,
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
    /// The pictures below the folders in `root`, by path; none of them is opened yet.
    ///
    /// # Errors
    /// If a folder cannot be read, there is none, one has no pictures, or a link leads to a folder that it is in.
    pub fn new(root: impl AsRef<Path>) -> Result<Self> {
        let root = root.as_ref();
        let mut found = Found::default();
        let mut classes = Vec::new();
        for path in entries(root)? {
            if !path.is_dir() {
                found.skipped.push(path);
                continue;
            }
            let (samples, skipped) = (found.samples.len(), found.skipped.len());
            found.collect(&path, classes.len(), &mut vec![resolved(root)?])?;
            if found.samples.len() == samples {
                let others = match counted(&found.skipped[skipped..]) {
                    others if others.is_empty() => others,
                    others => format!(", but {others}"),
                };
                return Err(failed(&path, format!("there is no picture ({}) in it{others}", ENDINGS.join(", "))));
            }
            classes.push(path.file_name().unwrap_or_default().to_string_lossy().into_owned());
        }
        if classes.is_empty() {
            return Err(failed(root, "there is no folder in it; every class has one of its own"));
        }
        let Found { samples, skipped } = found;
        if !skipped.is_empty() {
            log::warn!("{}: {} files are left out: {}", root.display(), skipped.len(), counted(&skipped));
        }
        Ok(Self { classes, samples, skipped, options: image::Options::new().mode(Mode::Rgb), steps: Vec::new() })
    }

    /// Which channels the pictures are read with, [`Mode::Rgb`] at first.
    pub fn mode(mut self, mode: Mode) -> Self {
        self.options = self.options.mode(mode);
        self
    }

    /// How the pictures are read, their channels and the largest size.
    pub fn options(mut self, options: image::Options) -> Self {
        self.options = options;
        self
    }

    /// Does this to every picture, after what was named before.
    pub fn transform(self, apply: impl Fn(Tensor) -> Result<Tensor> + Send + Sync + 'static) -> Self {
        self.random_transform(0, move |x, _| apply(x))
    }

    /// Does this to every picture, after what was named before, with random numbers that follow from the seed, the
    /// loader's epoch, and the picture: not from batches, nor from the order in which they are made.
    pub fn random_transform(
        mut self,
        seed: u64,
        apply: impl Fn(Tensor, &mut Random) -> Result<Tensor> + Send + Sync + 'static,
    ) -> Self {
        self.steps.push(Step { seed, apply: Arc::new(apply) });
        self
    }

    /// The names of the classes; labels are indices into this list.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The files and their labels.
    pub fn samples(&self) -> &[(PathBuf, usize)] {
        &self.samples
    }

    /// The files that are no pictures by their names, and were left out.
    pub fn skipped(&self) -> &[PathBuf] {
        &self.skipped
    }

    /// Reads a sample's file.
    fn decoded(&self, sample: usize) -> Result<Tensor> {
        let (path, _) = self.samples.get(sample).ok_or_else(|| {
            let (index, size) = (sample as i128, self.samples.len());
            Error::Index { op: "ImageFolder", index, axis: 0, size, delayed: false }
        })?;
        self.options.open(path)
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
        let decode = || samples.par_iter().map(|&sample| self.decoded(sample)).collect::<Result<Vec<_>>>();
        let pictures = threads::install(decode)?;
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

/// What is in a folder and not hidden, sorted.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let read = || fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>();
    let mut paths = read().map_err(|error| failed(folder, error.to_string()))?;
    paths.retain(|path| !path.file_name().unwrap_or_default().to_string_lossy().starts_with('.'));
    paths.sort();
    Ok(paths)
}

/// A folder's path without links.
fn resolved(folder: &Path) -> Result<PathBuf> {
    folder.canonicalize().map_err(|error| failed(folder, error.to_string()))
}

/// How many files of each ending there are, for a message.
fn counted(files: &[PathBuf]) -> String {
    let mut counts = BTreeMap::new();
    for file in files {
        let ending = file.extension().map_or("without an ending".into(), |e| format!(".{}", e.to_string_lossy()));
        *counts.entry(ending).or_insert(0) += 1;
    }
    counts.iter().map(|(ending, count)| format!("{count} {ending}")).collect::<Vec<_>>().join(", ")
}

/// The files found in folders.
#[derive(Default)]
struct Found {
    samples: Vec<(PathBuf, usize)>,
    skipped: Vec<PathBuf>,
}

impl Found {
    /// The files in a folder and in those below it, which must be none of `parents`.
    fn collect(&mut self, folder: &Path, class: usize, parents: &mut Vec<PathBuf>) -> Result<()> {
        let target = resolved(folder)?;
        if parents.contains(&target) {
            return Err(failed(folder, format!("the link leads to {}, which it is in", target.display())));
        }
        parents.push(target);
        for path in entries(folder)? {
            let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
            if path.is_dir() {
                self.collect(&path, class, parents)?;
            } else if ENDINGS.contains(&ending.as_str()) {
                self.samples.push((path, class));
            } else {
                self.skipped.push(path);
            }
        }
        parents.pop();
        Ok(())
    }
}

fn failed(path: &Path, reason: impl Into<String>) -> Error {
    Error::file(path, reason)
}
