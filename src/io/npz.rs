//! NumPy's `.npz` archives: `.npy` files in a zip file.

use std::{
    collections::HashSet,
    fmt,
    fs::File,
    io::{self, BufReader, Read, Seek, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter, result::ZipError, write::SimpleFileOptions};

use super::{
    magic::{self, Format},
    npy::{self, NpyFile},
};
use crate::{Error, Result, Tensor};

/// Deflate makes at most this of a byte.
const MAX_RATIO: u64 = 1032;

/// An open archive.
///
/// A member is inflated only while it agrees with what the archive's directory and its own header say of its size,
/// and memory grows with what is there: a small file that claims to be large is refused at once. One that truly
/// inflates to much is a large array, of which [`Npz::with_limit`] sets a bound.
pub struct Npz {
    archive: Mutex<Archive>,
    members: Vec<Member>,
    path: PathBuf,
    limit: u64,
}

/// One type of reader, so that it is compiled once.
type Archive = ZipArchive<Box<dyn Source>>;

/// An array's file within the archive.
#[derive(Debug)]
struct Member {
    name: String,
    /// Its place in the archive's directory.
    index: usize,
}

pub(super) trait Source: Read + Seek + Send {}
impl<T: Read + Seek + Send> Source for T {}

/// Opens an archive. Only its directory is read; [`Npz::get`] reads the arrays.
///
/// # Errors
/// If the file cannot be read or is not a zip archive, two of its arrays have the same name or overlap, or a name is an
/// absolute path or leads out of its folder.
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
    let file = File::open(path).map_err(|error| Error::file_from(path, error))?;
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
/// If a name comes twice or could not be unpacked as a file, such as `../x`, a dtype is `BF16`, a device fails, or the
/// file cannot be written.
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
    create(path.as_ref(), tensors, CompressionMethod::Stored)
}

/// Writes tensors under their names, compressed as NumPy's `savez_compressed`.
///
/// # Errors
/// As [`save`].
pub fn save_compressed(path: impl AsRef<Path>, tensors: &[(&str, &Tensor)]) -> Result<()> {
    create(path.as_ref(), tensors, CompressionMethod::Deflated)
}

/// Tensors under their names as the contents of an archive, uncompressed.
///
/// # Errors
/// As [`save`].
///
/// ```
/// # use kiln::prelude::*;
/// let bytes = npz::to_bytes(&[("x", &Tensor::ones([2], DType::F32, &Device::cpu()))])?;
/// assert_eq!(npz::from_bytes(bytes)?.get("x")?.to_vec::<f32>()?, [1.0, 1.0]);
/// # Ok::<(), kiln::Error>(())
/// ```
pub fn to_bytes(tensors: &[(&str, &Tensor)]) -> Result<Vec<u8>> {
    let out = write(io::Cursor::new(Vec::new()), tensors, CompressionMethod::Stored);
    Ok(out.map_err(|failure| failure.at(Path::new("npz")))?.into_inner())
}

impl Npz {
    pub(super) fn new(mut source: Box<dyn Source>, path: PathBuf) -> Result<Self> {
        let failed = |reason: String| in_archive(&path, reason);
        let head = head(&mut *source).map_err(|error| Error::file_from(&path, error))?;
        // Archives of other programs are told by the name of their first file.
        if let Some(reason) = magic::other(&head, &[Format::Npz, Format::Zip]) {
            return Err(failed(reason));
        }
        let (archive, members) = directory(source).map_err(failed)?;
        Ok(Self { archive: Mutex::new(archive), members, path, limit: u64::MAX })
    }

    /// The archive with a bound on the bytes that one array may take, header included. Without it memory is the bound.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let mnist = npz::open("examples/data/mnist10k.npz")?.with_limit(1 << 20);
    /// assert!(mnist.get("y_test").is_ok());
    /// assert!(mnist.get("x_test").unwrap_err().to_string().contains("above the limit of 1048576"));
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn with_limit(mut self, bytes: u64) -> Self {
        self.limit = bytes;
        self
    }

    /// The names of the arrays, in the archive's order.
    pub fn names(&self) -> Vec<&str> {
        self.members.iter().map(|member| &member.name[..]).collect()
    }

    /// Reads an array to the CPU.
    ///
    /// # Errors
    /// If there is none of that name, or it is broken; see [`npy::load`].
    pub fn get(&self, name: &str) -> Result<Tensor> {
        self.member(name)?.into_tensor()
    }

    /// Reads an array, perhaps a structured one, of which [`NpyFile::field`] gives the fields.
    ///
    /// # Errors
    /// If there is none of that name, it is broken, or above the [limit](Self::with_limit).
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let mnist = npz::open("examples/data/mnist10k.npz")?;
    /// assert_eq!(mnist.member("y_test")?.descr(), "|u1");
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn member(&self, name: &str) -> Result<NpyFile> {
        let Some(&Member { index, .. }) = self.members.iter().find(|member| member.name == name) else {
            let reason = format!("there is no array {name:?}, but {}", self.names().join(", "));
            return Err(in_archive(&self.path, reason));
        };
        let failed = |reason: String| in_archive(&self.path, format!("{name}: {reason}"));
        // Every read looks its file up anew, so a panic in between leaves nothing half done.
        let mut archive = self.archive.lock().unwrap_or_else(PoisonError::into_inner);
        let mut file = archive.by_index(index).map_err(|error| failed(error.to_string()))?;
        let (size, packed) = (file.size(), file.compressed_size());
        if size > self.limit {
            return Err(failed(format!("its {size} bytes are above the limit of {}", self.limit)));
        }
        let most = match file.compression() {
            CompressionMethod::Stored => packed,
            _ => packed.saturating_mul(MAX_RATIO),
        };
        if size > most {
            return Err(failed(format!("{packed} bytes in the archive cannot be the {size} bytes that it claims")));
        }
        let origin = npy::Origin { path: Some(self.path.clone()), member: Some(name.into()) };
        // What the directory claims need not be there.
        NpyFile::read(&mut file, Some(size), origin)
    }
}

/// The first bytes of a file, which is read from its start afterwards.
fn head(source: &mut dyn Source) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    Read::take(&mut *source, magic::HEAD as u64).read_to_end(&mut head)?;
    source.rewind()?;
    Ok(head)
}

/// Reads an archive's directory, and refuses one whose members could be confused with others.
fn directory(source: Box<dyn Source>) -> Result<(Archive, Vec<Member>), String> {
    let mut archive = ZipArchive::new(source).map_err(|error| error.to_string())?;
    if archive.has_duplicate_names() {
        return Err("two files have the same name".into());
    }
    if archive.has_overlapping_entries().map_err(|error| error.to_string())? {
        return Err("its files overlap".into());
    }
    let mut members = Vec::with_capacity(archive.len());
    let mut seen = HashSet::new();
    for index in 0..archive.len() {
        let file = archive.by_index_data(index).map_err(|error| error.to_string())?;
        let path = file.name().map_err(|error| error.to_string())?;
        if let Some(reason) = strays(&path) {
            return Err(format!("a file is called {path:?}, {reason}"));
        }
        if path.ends_with('/') {
            continue;
        }
        let name = path.strip_suffix(".npy").unwrap_or(&path).to_owned();
        if !seen.insert(name.clone()) {
            return Err(format!("two arrays are called {name:?}"));
        }
        members.push(Member { name, index });
    }
    Ok((archive, members))
}

/// Why a name would leave the folder that the archive is unpacked to.
fn strays(name: &str) -> Option<&'static str> {
    let mut parts = name.split(['/', '\\']);
    let drive = matches!(name.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic());
    match () {
        () if drive || name.starts_with(['/', '\\']) => Some("an absolute path"),
        () if parts.any(|part| part == "..") => Some("which leads out of its folder"),
        () if name.contains('\0') => Some("which has a zero byte"),
        () => None,
    }
}

impl fmt::Debug for Npz {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Npz").field("path", &self.path).field("names", &self.names()).finish_non_exhaustive()
    }
}

/// Why an archive was not written.
enum Failure {
    Tensor(Error),
    Zip(ZipError),
    Io(io::Error),
    Name(String),
}

impl Failure {
    fn at(self, path: &Path) -> Error {
        match self {
            Failure::Tensor(error) => error,
            Failure::Zip(error) => Error::file_from(path, error),
            Failure::Io(error) => Error::file_from(path, error),
            Failure::Name(reason) => in_archive(path, reason),
        }
    }
}

impl From<ZipError> for Failure {
    fn from(error: ZipError) -> Self {
        Failure::Zip(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::Io(error)
    }
}

fn create(path: &Path, tensors: &[(&str, &Tensor)], method: CompressionMethod) -> Result<()> {
    let create = || {
        let file = io::BufWriter::new(File::create(path)?);
        Ok(write(file, tensors, method)?.flush()?)
    };
    create().map_err(|failure: Failure| failure.at(path))
}

fn write<W: Write + Seek>(out: W, tensors: &[(&str, &Tensor)], method: CompressionMethod) -> Result<W, Failure> {
    let mut archive = ZipWriter::new(out);
    for (name, tensor) in tensors {
        if let Some(reason) = strays(name) {
            return Err(Failure::Name(format!("an array is called {name:?}, {reason}")));
        }
        let encoded = npy::Encoded::new(tensor).map_err(Failure::Tensor)?;
        let options = SimpleFileOptions::default()
            .compression_method(method)
            .large_file(encoded.len() > u32::MAX as usize)
            .last_modified_time(DateTime::default());
        archive.start_file(format!("{name}.npy"), options)?;
        encoded.write(&mut archive)?;
    }
    Ok(archive.finish()?)
}

fn in_archive(path: &Path, reason: String) -> Error {
    Error::file(path, reason)
}
