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
//! Names and layouts of a module's [`state_dict`](crate::nn::Module::state_dict) are those of PyTorch, so that such
//! files go both ways.

use std::{
    borrow::Borrow,
    collections::{BTreeMap, BTreeSet},
    fmt,
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom, Write},
    ops::Range,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use memmap2::Mmap;
use safetensors::tensor::{Dtype, Metadata, TensorInfo};
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};

use super::{
    memory::{Block, Shared},
    npy::in_file,
};
use crate::{DType, Error, Result, Shape, Tensor, dtype::normalize_bools, nearest::nearest};

/// The bytes that hold the header's length.
const LENGTH: u64 = 8;
/// A longer header than this is none, as in the format's own library.
const MAX_HEADER: u64 = 100_000_000;
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

/// Reads all tensors of a file to the CPU.
///
/// # Errors
/// If the file cannot be read or is broken, or a tensor has a dtype that is not among Kiln's; [`SafeTensors::get`]
/// reads the others.
pub fn load(path: impl AsRef<Path>) -> Result<BTreeMap<String, Tensor>> {
    SafeTensors::open(path)?.tensors()
}

/// Reads all tensors in the contents of a file.
///
/// # Errors
/// As [`load`].
pub fn from_bytes(bytes: &[u8]) -> Result<BTreeMap<String, Tensor>> {
    let mut source = io::Cursor::new(bytes);
    let header = Header::read(&mut source, bytes.len() as u64)?;
    header.tensors(|name| header.get(name, |place| copied(&bytes[place]).map(Data::Read)))
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

/// An open file, of which tensors are read one by one.
pub struct SafeTensors {
    header: Header,
    source: Source,
    path: PathBuf,
}

enum Source {
    File(Mutex<File>),
    Map(Arc<Mmap>),
}

impl SafeTensors {
    /// Opens a file. Only its header is read; [`get`](Self::get) reads the tensors.
    ///
    /// # Errors
    /// If the file cannot be read, or its header is broken: cut off, not JSON, with a name twice, or with tensors that
    /// overlap or do not fill the file.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let open = || {
            let (file, header) = opened(path)?;
            Ok(Self { header, source: Source::File(Mutex::new(file)), path: path.into() })
        };
        open().map_err(|error| in_file(path, error))
    }

    /// Maps a file into memory: its tensors are the file's pages, read when they are looked at. Only bools, and what
    /// is not aligned for its dtype, are copied.
    ///
    /// The file must stay as it is while one of its tensors lives. If another program cuts it off meanwhile, the system
    /// ends this one at the next look behind the end; [`save`] does not touch the old file, but puts a new one in its
    /// place.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn mmap(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let map = || {
            let (file, header) = opened(path)?;
            // SAFETY: the bytes are only read, as plain numbers; that nobody changes the file is asked of the caller.
            let map = unsafe { Mmap::map(&file) }.map_err(broken)?;
            if map.len() as u64 != header.end() {
                return Err(format("it was changed while it was read"));
            }
            Ok(Self { header, source: Source::Map(Arc::new(map)), path: path.into() })
        };
        map().map_err(|error| in_file(path, error))
    }

    /// The names of the tensors, sorted.
    pub fn names(&self) -> Vec<&str> {
        self.header.names.iter().map(String::as_str).collect()
    }

    /// The texts that describe the file.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.header.metadata
    }

    /// A tensor's shape, without reading it.
    ///
    /// # Errors
    /// If there is no tensor of that name, or its rank is above [`MAX_RANK`](crate::MAX_RANK).
    pub fn shape(&self, name: &str) -> Result<Shape> {
        let shape =
            || Shape::try_new(&self.header.info(name)?.shape).map_err(|error| format(format!("{name}: {error}")));
        shape().map_err(|error| in_file(&self.path, error))
    }

    /// Reads a tensor to the CPU.
    ///
    /// # Errors
    /// If there is none of that name, its dtype is not among Kiln's, or the file cannot be read.
    pub fn get(&self, name: &str) -> Result<Tensor> {
        let get = || {
            self.header.get(name, |place| match &self.source {
                Source::File(file) => {
                    // Every read goes to its place first, so a panic in between leaves nothing half done.
                    let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                    file.seek(SeekFrom::Start(place.start as u64)).map_err(broken)?;
                    Block::read(&mut *file, place.len()).map(Data::Read).map_err(broken)
                }
                Source::Map(map) => Ok(Data::Mapped(Shared { owner: map.clone(), range: place })),
            })
        };
        get().map_err(|error| in_file(&self.path, error))
    }

    /// Reads all tensors.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn tensors(&self) -> Result<BTreeMap<String, Tensor>> {
        self.header.tensors(|name| self.get(name))
    }
}

impl fmt::Debug for SafeTensors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SafeTensors").field("path", &self.path).field("names", &self.names()).finish_non_exhaustive()
    }
}

fn opened(path: &Path) -> Result<(File, Header)> {
    let mut file = File::open(path).map_err(broken)?;
    let length = file.metadata().map_err(broken)?.len();
    let header = Header::read(&mut file, length)?;
    Ok((file, header))
}

/// What a file says of its tensors.
struct Header {
    tensors: Metadata,
    names: Vec<String>,
    metadata: BTreeMap<String, String>,
    /// Where the data start.
    start: u64,
}

impl Header {
    /// Reads the header of a file of so many bytes.
    fn read(source: &mut impl Read, length: u64) -> Result<Self> {
        let mut size = [0; LENGTH as usize];
        source.read_exact(&mut size).map_err(|_| format("it ends within the header's length"))?;
        let size = u64::from_le_bytes(size);
        if size > MAX_HEADER {
            return Err(format(format!("a header of {size} bytes is longer than any file needs")));
        }
        let mut text = Vec::new();
        source.take(size.min(length)).read_to_end(&mut text).map_err(broken)?;
        if (text.len() as u64) < size {
            return Err(format("it ends within the header"));
        }
        let failed = |error: serde_json::Error| format(format!("the header: {error}"));
        // A map would take the last of two tensors with one name.
        let names = serde_json::Deserializer::from_slice(&text).deserialize_map(Names).map_err(failed)?;
        let tensors: Metadata = serde_json::from_slice(&text).map_err(failed)?;
        let (start, data) = (LENGTH + size, tensors.data_len() as u64);
        if start.checked_add(data) != Some(length) {
            let found = length - start;
            return Err(format(format!("the tensors take {data} bytes, but there are {found}")));
        }
        let metadata = tensors.metadata().iter().flatten().map(|(key, text)| (key.clone(), text.clone())).collect();
        Ok(Self { tensors, names, metadata, start })
    }

    /// Where the data end.
    fn end(&self) -> u64 {
        self.start + self.tensors.data_len() as u64
    }

    fn info(&self, name: &str) -> Result<&TensorInfo> {
        self.tensors.info(name).ok_or_else(|| {
            let hint = match nearest(name, self.names.iter().map(String::as_str)) {
                Some(near) => format!("; did you mean {near:?}?"),
                None => format!(" among {}", self.names.len()),
            };
            format(format!("there is no tensor {name:?}{hint}"))
        })
    }

    fn get(&self, name: &str, data: impl FnOnce(Range<usize>) -> Result<Data>) -> Result<Tensor> {
        let info = self.info(name)?;
        let failed = |reason: String| format(format!("{name}: {reason}"));
        let Some((_, dtype)) = DTYPES.into_iter().find(|(dtype, _)| *dtype == info.dtype) else {
            return Err(failed(format!("dtype {:?} is not supported; convert it to float32", info.dtype)));
        };
        let shape = Shape::try_new(&info.shape).map_err(|error| failed(error.to_string()))?;
        let place = |offset: usize| self.start as usize + offset;
        data(place(info.data_offsets.0)..place(info.data_offsets.1))?.tensor(dtype, shape)
    }

    fn tensors(&self, get: impl Fn(&str) -> Result<Tensor>) -> Result<BTreeMap<String, Tensor>> {
        self.names.iter().map(|name| Ok((name.clone(), get(name)?))).collect()
    }
}

/// Collects the names of the tensors in a header, sorted; each may stand there once.
struct Names;

impl<'de> Visitor<'de> for Names {
    type Value = Vec<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Vec<String>, M::Error> {
        let mut names = BTreeSet::new();
        while let Some(name) = map.next_key::<String>()? {
            map.next_value::<IgnoredAny>()?;
            if names.contains(&name) {
                return Err(M::Error::custom(format_args!("{name:?} stands there twice")));
            }
            names.insert(name);
        }
        names.remove(METADATA);
        Ok(names.into_iter().collect())
    }
}

/// The bytes of a tensor, in little-endian order.
enum Data {
    Read(Block),
    Mapped(Shared),
}

impl Data {
    fn tensor(self, dtype: DType, shape: Shape) -> Result<Tensor> {
        let mut block = match self {
            Data::Read(block) => block,
            Data::Mapped(window) => {
                let bytes = window.as_ref();
                let aligned = bytes.as_ptr().addr().is_multiple_of(dtype.size());
                if aligned && dtype != DType::Bool && cfg!(target_endian = "little") {
                    return window.tensor(dtype, shape);
                }
                copied(bytes)?
            }
        };
        if dtype == DType::Bool {
            normalize_bools(&mut block);
        }
        if cfg!(target_endian = "big") {
            block.chunks_exact_mut(dtype.size()).for_each(<[u8]>::reverse);
        }
        block.tensor(dtype, shape)
    }
}

fn copied(bytes: &[u8]) -> Result<Block> {
    Block::read(&mut { bytes }, bytes.len()).map_err(broken)
}

fn write<N: AsRef<str>, T: Borrow<Tensor>>(
    out: &mut impl Write,
    tensors: impl IntoIterator<Item = (N, T)>,
    metadata: &BTreeMap<String, String>,
) -> Result<()> {
    let mut tensors: Vec<(N, T)> = tensors.into_iter().collect();
    // The widest first, so that all of them are aligned.
    tensors.sort_by(|(a, x), (b, y)| {
        let size = |x: &T| x.borrow().dtype().size();
        size(y).cmp(&size(x)).then_with(|| a.as_ref().cmp(b.as_ref()))
    });
    let json = |text: &str| serde_json::to_string(text).map_err(|error| format(error.to_string()));
    let mut entries = Vec::new();
    if !metadata.is_empty() {
        let texts = metadata.iter().map(|(key, text)| Ok(format!("{}:{}", json(key)?, json(text)?)));
        entries.push(format!("\"{METADATA}\":{{{}}}", texts.collect::<Result<Vec<_>>>()?.join(",")));
    }
    let (mut names, mut start) = (BTreeSet::new(), 0);
    for (name, tensor) in &tensors {
        let (name, tensor) = (name.as_ref(), tensor.borrow());
        if name == METADATA || !names.insert(name) {
            let reason = if name == METADATA { "is no name for a tensor" } else { "is the name of two tensors" };
            return Err(Error::argument("safetensors", format!("{name:?} {reason}")));
        }
        let dtype = DTYPES.iter().find(|(_, dtype)| *dtype == tensor.dtype()).map(|(dtype, _)| *dtype);
        let dtype = dtype.unwrap_or_else(|| unreachable!("every dtype is in the table"));
        let end = start + tensor.numel() * tensor.dtype().size();
        let shape = tensor.shape().iter().map(usize::to_string).collect::<Vec<_>>().join(",");
        let name = json(name)?;
        entries
            .push(format!("{name}:{{\"dtype\":\"{dtype:?}\",\"shape\":[{shape}],\"data_offsets\":[{start},{end}]}}"));
        start = end;
    }
    let mut header = format!("{{{}}}", entries.join(","));
    let padding = header.len().next_multiple_of(LENGTH as usize) - header.len();
    header.extend(std::iter::repeat_n(' ', padding));
    out.write_all(&(header.len() as u64).to_le_bytes())
        .and_then(|()| out.write_all(header.as_bytes()))
        .map_err(broken)?;
    for (_, tensor) in &tensors {
        let tensor = tensor.borrow();
        let mut bytes = tensor.to_bytes()?;
        if cfg!(target_endian = "big") {
            bytes.chunks_exact_mut(tensor.dtype().size()).for_each(<[u8]>::reverse);
        }
        out.write_all(&bytes).map_err(broken)?;
    }
    Ok(())
}

fn format(reason: impl Into<String>) -> Error {
    Error::Format { format: "safetensors", reason: reason.into() }
}

fn broken(error: io::Error) -> Error {
    format(error.to_string())
}
