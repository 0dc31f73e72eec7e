//! NumPy's `.npy` files.
//!
//! | file | call |
//! |---|---|
//! | an array of numbers | [`load`], [`save`] |
//! | the same, larger than memory, or of which little is needed | [`mmap`] |
//! | a structured array, or one of which only shape and dtype are asked for | [`open`], [`save_fields`] |
//!
//! Reading takes every real dtype, either byte order, C and Fortran order, and header versions 1 to 3. Writing gives
//! the bytes of `np.save`. A header is believed only as far as the bytes behind it go. Unlike NumPy, files with bytes
//! left over behind the data are refused, as are headers with a key twice.

mod column;
mod descr;
mod file;
mod header;
mod literal;
mod write;

use std::{io, path::Path};

pub use descr::Field;
pub use file::NpyFile;
#[cfg(feature = "npz")]
pub(super) use file::Origin;
#[cfg(feature = "npz")]
pub(super) use write::Encoded;
pub use write::{fields_to_bytes, save, save_fields, to_bytes};

use crate::{Error, Result, Tensor};

/// Reads a `.npy` file to the CPU.
///
/// # Errors
/// If the file cannot be read, is broken, or holds something else than real numbers and bools.
///
/// ```
/// # use kiln::prelude::*;
/// # let path = std::env::temp_dir().join(format!("kiln-doc-{}.npy", std::process::id()));
/// npy::save(&path, &Tensor::eye(3, DType::F32, &Device::cpu()))?;
/// assert_eq!(npy::load(&path)?.shape(), &[3, 3]);
/// # std::fs::remove_file(path).unwrap();
/// # Ok::<(), kiln::Error>(())
/// ```
pub fn load(path: impl AsRef<Path>) -> Result<Tensor> {
    open(path)?.into_tensor()
}

/// Opens a `.npy` file of numbers or records. Its header is read, its data wait for [`NpyFile::tensor`],
/// [`NpyFile::field`] or [`NpyFile::mmap`]. What is not a regular file, such as a pipe, is read to its end.
///
/// # Errors
/// If the file cannot be read or is broken.
pub fn open(path: impl AsRef<Path>) -> Result<NpyFile> {
    NpyFile::open(path.as_ref())
}

/// A `.npy` file as a tensor on the CPU, without reading it: the system fetches the pages that are looked at, and drops
/// them when memory is short. Slices touch only their part, so that a [`TensorDataset`](crate::data::TensorDataset)
/// over the tensor streams batches from a file larger than memory.
///
/// The file must stay as it is while the tensor, or one computed from it lazily, lives. Nothing watches it: if somebody
/// writes to it, elements change; if somebody truncates it, reading what is gone kills the process (`SIGBUS` on Unix;
/// Windows does not allow the truncation). Files that others may change belong into [`load`]. Replacing a file by
/// renaming another to its name is safe, as is deleting it.
///
/// # Errors
/// If the file cannot be opened, is broken or structured (see [`NpyFile::mmap_field`]), or its data cannot be used as
/// they lie: in another byte order, at an odd address, or bools, whose bytes might be neither 0 nor 1. [`load`] reads
/// these.
///
/// ```
/// # use kiln::prelude::*;
/// # let path = std::env::temp_dir().join(format!("kiln-doc-map-{}.npy", std::process::id()));
/// npy::save(&path, &Tensor::arange(0, 1000, 1, DType::F32, &Device::cpu())?.reshape([500, 2])?)?;
/// let x = npy::mmap(&path)?;
/// assert_eq!(x.narrow(0, 250, 1)?.to_vec::<f32>()?, [500.0, 501.0]);
/// let data = TensorDataset::new(x)?;
/// assert_eq!(data.batch(&[499, 0])?.to_vec::<f32>()?, [998.0, 999.0, 0.0, 1.0]);
/// # std::fs::remove_file(path).unwrap();
/// # Ok::<(), kiln::Error>(())
/// ```
#[doc(alias = "memmap")]
#[doc(alias = "mmap_mode")]
pub fn mmap(path: impl AsRef<Path>) -> Result<Tensor> {
    open(path)?.mmap()
}

/// Reads the contents of a `.npy` file to the CPU.
///
/// # Errors
/// As [`load`].
pub fn from_bytes(bytes: &[u8]) -> Result<Tensor> {
    NpyFile::from_bytes(bytes)?.into_tensor()
}

pub(super) fn format(reason: impl Into<String>) -> Error {
    Error::format("npy", reason)
}

pub(super) fn broken(error: io::Error) -> Error {
    Error::format_from("npy", error)
}

/// The error with the file's name.
pub(super) fn in_file(path: &Path, error: Error) -> Error {
    match error {
        Error::Format { reason, source, .. } => Error::File { path: path.into(), reason, source },
        other => Error::file_from(path, other),
    }
}
