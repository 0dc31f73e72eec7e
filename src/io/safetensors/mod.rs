//! Tensors by name in `.safetensors` files, in which the models of PyTorch's world are kept.
//!
//! ```
//! # use kiln::{io::safetensors, prelude::*};
//! # let path = std::env::temp_dir().join(format!("kiln-doc-{}.safetensors", std::process::id()));
//! let net = Sequential::new().with(Linear::new(4, 8, &Device::cpu())?).with(nn::Relu);
//! safetensors::save(&path, &net.state_dict())?;
//! net.load_state_dict(&safetensors::load(&path)?)?;
//! # std::fs::remove_file(path).unwrap();
//! # Ok::<(), kiln::Error>(())
//! ```
//!
//! Large models come in several files with an index, `model.safetensors.index.json`: [`load`] and [`SafeTensors::open`]
//! take the index as they take a file.
//!
//! Names and layouts of a module's [`state_dict`](crate::nn::Module::state_dict) are those of PyTorch, so that such
//! files go both ways.

mod file;
mod header;
mod index;
mod write;

use std::{
    borrow::Borrow,
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::Path,
};

use safetensors::tensor::Dtype;

pub use self::file::SafeTensors;
use self::{
    file::{Data, copied},
    header::Header,
    write::write,
};
use super::npy::in_file;
use crate::{DType, Error, Result, Tensor};

/// The key that no tensor may have.
const METADATA: &str = "__metadata__";

/// The dtypes that both sides have.
const DTYPES: [(Dtype, DType); 13] = [
    (Dtype::BOOL, DType::Bool),
    (Dtype::I8, DType::I8),
    (Dtype::I16, DType::I16),
    (Dtype::I32, DType::I32),
    (Dtype::I64, DType::I64),
    (Dtype::U8, DType::U8),
    (Dtype::U16, DType::U16),
    (Dtype::U32, DType::U32),
    (Dtype::U64, DType::U64),
    (Dtype::F16, DType::F16),
    (Dtype::BF16, DType::BF16),
    (Dtype::F32, DType::F32),
    (Dtype::F64, DType::F64),
];

/// Reads all tensors of a file to the CPU; of several files, if it is the index of a model in parts
/// (`model.safetensors.index.json`).
///
/// # Errors
/// If a file cannot be read or is broken, a tensor of the index is not in its file, or a tensor has a dtype that is not among Kiln's; [`SafeTensors::get`]
/// reads the others.
pub fn load(path: impl AsRef<Path>) -> Result<BTreeMap<String, Tensor>> {
    SafeTensors::open(path)?.tensors()
}

/// Reads all tensors in the contents of a file.
///
/// # Errors
/// As [`load`].
pub fn from_bytes(bytes: &[u8]) -> Result<BTreeMap<String, Tensor>> {
    let header = Header::read(bytes, &mut io::empty(), bytes.len() as u64)?;
    let get = |name: &String| header.get(name, |place| copied(&bytes[place]).map(Data::Read));
    header.names.iter().map(|name| Ok((name.clone(), get(name)?))).collect()
}

/// Writes tensors under their names. The file is complete when it appears under its name.
///
/// # Errors
/// If a name comes twice or is `__metadata__`, a device fails, or the file cannot be written.
pub fn save<N: AsRef<str>, T: Borrow<Tensor>>(
    path: impl AsRef<Path>,
    tensors: impl IntoIterator<Item = (N, T)>,
) -> Result<()> {
    save_with_metadata(path, tensors, &BTreeMap::new())
}

/// Writes tensors with text that describes them; [`SafeTensors::metadata`] reads it.
///
/// # Errors
/// As [`save`].
///
/// ```
/// # use kiln::{io::safetensors::{self, SafeTensors}, prelude::*};
/// # let path = std::env::temp_dir().join(format!("kiln-doc-meta-{}.safetensors", std::process::id()));
/// let x = Tensor::ones([2, 3], DType::BF16, &Device::cpu());
/// let metadata = [("format".to_owned(), "pt".to_owned())].into();
/// safetensors::save_with_metadata(&path, [("x", &x)], &metadata)?;
/// let file = SafeTensors::open(&path)?;
/// assert_eq!((file.names(), file.metadata()), (vec!["x"], &metadata));
/// assert_eq!(file.get("x")?.dtype(), DType::BF16);
/// # std::fs::remove_file(path).unwrap();
/// # Ok::<(), kiln::Error>(())
/// ```
pub fn save_with_metadata<N: AsRef<str>, T: Borrow<Tensor>>(
    path: impl AsRef<Path>,
    tensors: impl IntoIterator<Item = (N, T)>,
    metadata: &BTreeMap<String, String>,
) -> Result<()> {
    let path = path.as_ref();
    // Whoever has the old file open or mapped keeps it.
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(format!(".{}.tmp", std::process::id()));
    let write = || {
        let mut file = File::create(&unfinished).map_err(broken)?;
        write(&mut file, tensors, metadata)?;
        drop(file);
        fs::rename(&unfinished, path).map_err(broken)
    };
    write().map_err(|error| {
        // What is left of it is of no use to anyone; if it cannot be removed, the first error tells more.
        let _ = fs::remove_file(&unfinished);
        match error {
            Error::Format { .. } => in_file(path, error),
            other => other,
        }
    })
}

/// Tensors as the contents of a file.
///
/// # Errors
/// If a name comes twice or is `__metadata__`, or a device fails.
///
/// ```
/// # use kiln::{io::safetensors, prelude::*};
/// let bytes = safetensors::to_bytes([("a", Tensor::zeros([2], DType::U8, &Device::cpu()))])?;
/// assert_eq!(safetensors::from_bytes(&bytes)?["a"].to_vec::<u8>()?, [0, 0]);
/// # Ok::<(), kiln::Error>(())
/// ```
pub fn to_bytes<N: AsRef<str>, T: Borrow<Tensor>>(tensors: impl IntoIterator<Item = (N, T)>) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    write(&mut out, tensors, &BTreeMap::new())?;
    Ok(out)
}

fn format(reason: impl Into<String>) -> Error {
    Error::format("safetensors", reason)
}

fn broken(error: io::Error) -> Error {
    Error::format_from("safetensors", error)
}
