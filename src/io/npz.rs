//! NumPy's `.npz` archives: `.npy` files in a zip file.

use std::{
    fmt,
    fs::File,
    io::{self, BufReader, Read, Seek, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use zip::{CompressionMethod, ZipArchive, ZipWriter, result::ZipError, write::SimpleFileOptions};

use super::npy;
use crate::{Error, Result, Tensor};

/// An open archive.
pub struct Npz {
    archive: Mutex<ZipArchive<Box<dyn Source>>>,
    /// The number of each array's file is its place here.
    names: Vec<String>,
    path: PathBuf,
}

trait Source: Read + Seek + Send {}
impl<T: Read + Seek + Send> Source for T {}

/// Opens an archive. Only its directory is read; [`Npz::get`] reads the arrays.
///
/// # Errors
/// If the file cannot be read or is not a zip archive, or two of its arrays have the same name.
///
/// ```
/// # use kiln::prelude::*;
/// let mnist = npz::open("examples/data/mnist10k.npz")?;
/// assert_eq!(mnist.names(), ["x_train", "y_train", "x_test", "y_test"]);
/// assert_eq!(mnist.get("x_test")?.shape(), &[2000, 28, 28]);
/// # Ok::<(), kiln::Error>(())
/// ```
pub fn open(path: impl AsRef<Path>) -> Result<Npz> {
    let path = path.as_ref();
    let file = File::open(path).map_err(|error| in_archive(path, error.to_string()))?;
    Npz::new(Box::new(BufReader::new(file)), path.into())
}

/// Opens an archive that is in memory.
///
/// # Errors
/// As [`open`].
pub fn from_bytes(bytes: impl AsRef<[u8]> + Send + 'static) -> Result<Npz> {
    Npz::new(Box::new(io::Cursor::new(bytes)), "npz".into())
}

/// Writes tensors under their names, uncompressed as NumPy's `savez`.
///
/// # Errors
/// If a name comes twice, a dtype is `BF16`, a device fails, or the file cannot be written.
///
/// ```
/// # use kiln::prelude::*;
/// # let path = std::env::temp_dir().join(format!("kiln-doc-{}.npz", std::process::id()));
/// let (x, y) = (Tensor::ones([2, 3], DType::F32, &Device::cpu()), Tensor::zeros([2], DType::I64, &Device::cpu()));
/// npz::save(&path, &[("x", &x), ("y", &y)])?;
/// assert_eq!(npz::open(&path)?.get("x")?.to_vec::<f32>()?, [1.0; 6]);
/// # std::fs::remove_file(path).unwrap();
/// # Ok::<(), kiln::Error>(())
/// ```
pub fn save(path: impl AsRef<Path>, tensors: &[(&str, &Tensor)]) -> Result<()> {
    write(path.as_ref(), tensors, CompressionMethod::Stored)
}

/// Writes tensors under their names, compressed as NumPy's `savez_compressed`.
///
/// # Errors
/// As [`save`].
pub fn save_compressed(path: impl AsRef<Path>, tensors: &[(&str, &Tensor)]) -> Result<()> {
    write(path.as_ref(), tensors, CompressionMethod::Deflated)
}

impl Npz {
    fn new(source: Box<dyn Source>, path: PathBuf) -> Result<Self> {
        let directory = || {
            let mut archive = ZipArchive::new(source)?;
            let names = (0..archive.len()).map(|i| {
                let file = archive.by_index_raw(i)?;
                let name = file.name()?;
                Ok(name.strip_suffix(".npy").unwrap_or(&name).to_owned())
            });
            let names: Vec<String> = names.collect::<Result<_, ZipError>>()?;
            Ok::<_, ZipError>((Mutex::new(archive), names))
        };
        let (archive, names) = directory().map_err(|error| in_archive(&path, error.to_string()))?;
        match names.iter().enumerate().find(|(i, name)| names[..*i].contains(name)) {
            Some((_, twice)) => Err(in_archive(&path, format!("two arrays are called {twice:?}"))),
            None => Ok(Self { archive, names, path }),
        }
    }

    /// The names of the arrays, in the archive's order.
    pub fn names(&self) -> Vec<&str> {
        self.names.iter().map(String::as_str).collect()
    }

    /// Reads an array to the CPU.
    ///
    /// # Errors
    /// If there is none of that name, or it is broken; see [`npy::load`].
    pub fn get(&self, name: &str) -> Result<Tensor> {
        let Some(index) = self.names.iter().position(|n| n == name) else {
            let reason = format!("there is no array {name:?}, but {}", self.names.join(", "));
            return Err(in_archive(&self.path, reason));
        };
        let failed = |reason: &str| in_archive(&self.path, format!("{name}: {reason}"));
        // Every read looks its file up anew, so a panic in between leaves nothing half done.
        let mut archive = self.archive.lock().unwrap_or_else(PoisonError::into_inner);
        let mut file = archive.by_index(index).map_err(|error| failed(&error.to_string()))?;
        // The length that the directory names is only a claim.
        npy::read(&mut file, None).map_err(|error| match error {
            Error::Format { reason, .. } => failed(&reason),
            other => other,
        })
    }
}

impl fmt::Debug for Npz {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Npz").field("path", &self.path).field("names", &self.names).finish_non_exhaustive()
    }
}

fn write(path: &Path, tensors: &[(&str, &Tensor)], method: CompressionMethod) -> Result<()> {
    let failed = |error: ZipError| in_archive(path, error.to_string());
    let file = File::create(path).map_err(|error| failed(error.into()))?;
    let mut archive = ZipWriter::new(io::BufWriter::new(file));
    for (name, tensor) in tensors {
        let (header, data) = npy::encode(tensor)?;
        let large = header.len() + data.len() > u32::MAX as usize;
        let options = SimpleFileOptions::default().compression_method(method).large_file(large);
        archive.start_file(format!("{name}.npy"), options).map_err(failed)?;
        archive.write_all(&header).and_then(|()| archive.write_all(&data)).map_err(|error| failed(error.into()))?;
    }
    let mut file = archive.finish().map_err(failed)?;
    file.flush().map_err(|error| failed(error.into()))
}

fn in_archive(path: &Path, reason: String) -> Error {
    Error::File { path: path.into(), reason }
}
