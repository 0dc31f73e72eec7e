//! Open files.

use std::{
    collections::BTreeMap,
    fmt,
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use memmap2::Mmap;

use super::{
    broken, format,
    header::Header,
    index::{Index, listed},
};
use crate::{
    DType, Result, Shape, Tensor,
    dtype::normalize_bools,
    io::{
        magic::{Format, HEAD},
        memory::{Block, Shared},
        npy::in_file,
    },
    nearest::nearest,
};

/// An open file, of which tensors are read one by one; or an open index, with the files that it names.
///
/// Large models are kept in several files (`model-00001-of-00003.safetensors` ...), with an index of which tensor is in
/// which (`model.safetensors.index.json`). Of its tensors, only those that the index names are there.
pub struct SafeTensors {
    /// The tensors by name, each with the number of its file.
    places: BTreeMap<String, usize>,
    files: Vec<Shard>,
    metadata: BTreeMap<String, String>,
    path: PathBuf,
}

/// One of the files.
struct Shard {
    header: Header,
    source: Source,
    path: PathBuf,
}

enum Source {
    File(Mutex<File>),
    Map(Arc<Mmap>),
}

impl SafeTensors {
    /// Opens a file, or an index with all of its files. Only headers are read; [`get`](Self::get) reads the tensors.
    ///
    /// # Errors
    /// If a file cannot be read, or its header is broken: cut off, not JSON, with a name twice, or with tensors that
    /// overlap or do not fill the file. For an index also, if it names files outside of its folder, or tensors that are
    /// not in the files.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(path.as_ref(), |file, _| Ok(Source::File(Mutex::new(file))))
    }

    /// Maps a file, or the files of an index, into memory: the tensors are the files' pages, read when they are looked
    /// at. Only bools, and what is not aligned for its dtype, are copied.
    ///
    /// The files must stay as they are while one of their tensors lives. If another program cuts one off meanwhile, the
    /// system ends this one at the next look behind the end; [`save`](super::save) does not touch the old file, but puts
    /// a new one in its place.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn mmap(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(path.as_ref(), |file, header| {
            // SAFETY: the bytes are only read, as plain numbers; that nobody changes the file is asked of the caller.
            let map = unsafe { Mmap::map(&file) }.map_err(broken)?;
            if map.len() as u64 != header.end() {
                return Err(format("it was changed while it was read"));
            }
            Ok(Source::Map(Arc::new(map)))
        })
    }

    fn open_with(path: &Path, source: impl Fn(File, &Header) -> Result<Source>) -> Result<Self> {
        let index = match Shard::open(path, &source)? {
            Opened::Index(index) => index,
            Opened::Shard(file) => {
                let places = file.header.names.iter().map(|name| (name.clone(), 0)).collect();
                let metadata = file.header.metadata.clone();
                return Ok(Self { places, metadata, files: vec![file], path: path.into() });
            }
        };
        let folder = path.parent().unwrap_or(Path::new(""));
        let (mut places, mut files) = (BTreeMap::new(), Vec::new());
        for (name, tensors) in index.files {
            let Opened::Shard(file) = Shard::open(&folder.join(&name), &source)? else {
                return Err(in_file(path, format(format!("{name:?} is an index, too"))));
            };
            let missing: Vec<&str> = tensors.iter().map(String::as_str).filter(|t| !file.header.has(t)).collect();
            if !missing.is_empty() {
                let reason = format!("the index names tensors that are not in {name:?}: {}", listed(&missing));
                return Err(in_file(path, format(reason)));
            }
            places.extend(tensors.into_iter().map(|tensor| (tensor, files.len())));
            files.push(file);
        }
        Ok(Self { places, files, metadata: index.metadata, path: path.into() })
    }

    /// The names of the tensors, sorted.
    pub fn names(&self) -> Vec<&str> {
        self.places.keys().map(String::as_str).collect()
    }

    /// The texts that describe the file; of an index, its own.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// A tensor's shape, without reading it.
    ///
    /// # Errors
    /// If there is no tensor of that name, or its rank is above [`MAX_RANK`](crate::MAX_RANK).
    pub fn shape(&self, name: &str) -> Result<Shape> {
        let file = self.file(name)?;
        let shape = || {
            let info = file.header.info(name)?;
            Shape::try_new(&info.shape).map_err(|error| format(format!("{name}: {error}")))
        };
        shape().map_err(|error| in_file(&file.path, error))
    }

    /// Reads a tensor to the CPU.
    ///
    /// # Errors
    /// If there is none of that name, its dtype is not among Kiln's, or the file cannot be read.
    pub fn get(&self, name: &str) -> Result<Tensor> {
        let file = self.file(name)?;
        file.get(name).map_err(|error| in_file(&file.path, error))
    }

    /// Reads all tensors.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn tensors(&self) -> Result<BTreeMap<String, Tensor>> {
        self.places.keys().map(|name| Ok((name.clone(), self.get(name)?))).collect()
    }

    /// The file that a tensor is in.
    fn file(&self, name: &str) -> Result<&Shard> {
        let Some(&file) = self.places.get(name) else {
            let hint = match nearest(name, self.places.keys().map(String::as_str)) {
                Some(near) => format!("; did you mean {near:?}?"),
                None => format!(" among {}", self.places.len()),
            };
            return Err(in_file(&self.path, format(format!("there is no tensor {name:?}{hint}"))));
        };
        Ok(&self.files[file])
    }
}

/// What a file turned out to be.
enum Opened {
    Shard(Shard),
    Index(Index),
}

impl Shard {
    fn open(path: &Path, source: impl Fn(File, &Header) -> Result<Source>) -> Result<Opened> {
        let open = || {
            let mut file = File::open(path).map_err(broken)?;
            let length = file.metadata().map_err(broken)?.len();
            let mut head = Vec::new();
            file.by_ref().take(HEAD as u64).read_to_end(&mut head).map_err(broken)?;
            if Format::of(&head) == Some(Format::ShardIndex) {
                return Index::read(&head, file, length).map(Opened::Index);
            }
            let header = Header::read(&head, &mut file, length)?;
            let source = source(file, &header)?;
            Ok(Opened::Shard(Self { header, source, path: path.into() }))
        };
        open().map_err(|error| in_file(path, error))
    }

    fn get(&self, name: &str) -> Result<Tensor> {
        self.header.get(name, |place| match &self.source {
            Source::File(file) => {
                // Every read goes to its place first, so a panic in between leaves nothing half done.
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                file.seek(SeekFrom::Start(place.start as u64)).map_err(broken)?;
                Block::read(&mut *file, place.len()).map(Data::Read).map_err(broken)
            }
            Source::Map(map) => Ok(Data::Mapped(Shared { owner: map.clone(), range: place })),
        })
    }
}

impl fmt::Debug for SafeTensors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SafeTensors").field("path", &self.path).field("names", &self.names()).finish_non_exhaustive()
    }
}

/// The bytes of a tensor, in little-endian order.
pub(super) enum Data {
    Read(Block),
    Mapped(Shared),
}

impl Data {
    pub fn tensor(self, dtype: DType, shape: Shape) -> Result<Tensor> {
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

pub(super) fn copied(bytes: &[u8]) -> Result<Block> {
    Block::read(&mut { bytes }, bytes.len()).map_err(broken)
}
