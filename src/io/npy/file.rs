//! An open `.npy` file.

use std::{
    fmt,
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use memmap2::Mmap;

use super::{
    broken,
    column::Column,
    descr::{Field, Number},
    format,
    header::Header,
};
use crate::{
    DType, Device, Error, Result, Shape, Tensor,
    dtype::normalize_bools,
    io::memory::{Block, Shared},
};

/// An open `.npy` file: its header is read, its data are not.
///
/// [`npy::open`](super::open) opens files, [`Npz::member`](crate::io::npz::Npz::member) those in archives, and
/// [`NpyFile::from_bytes`] what is in memory.
///
/// ```
/// # use kiln::prelude::*;
/// # let path = std::env::temp_dir().join(format!("kiln-doc-open-{}.npy", std::process::id()));
/// let device = Device::cpu();
/// let (id, at) = (Tensor::arange(0, 5, 1, DType::I64, &device)?, Tensor::ones([5, 3], DType::F32, &device));
/// npy::save_fields(&path, &[("id", &id), ("at", &at)])?;
///
/// let file = npy::open(&path)?;
/// assert_eq!(file.shape(), &[5]);
/// assert_eq!(file.names(), ["id", "at"]);
/// assert_eq!(file.descr(), "[('id', '<i8'), ('at', '<f4', (3,))]");
/// assert_eq!(file.field("at")?.shape(), &[5, 3]);
/// # std::fs::remove_file(path).unwrap();
/// # Ok::<(), kiln::Error>(())
/// ```
pub struct NpyFile {
    header: Header,
    data: Data,
    origin: Origin,
}

/// Bytes of records that are read at once: they stay in the L2 cache while fields are taken out.
const PIECE: usize = 256 << 10;

enum Data {
    /// The data start at this byte.
    File(Mutex<File>, usize),
    Memory(Arc<Block>),
}

/// What errors name.
#[derive(Debug, Clone, Default)]
pub(in crate::io) struct Origin {
    pub path: Option<PathBuf>,
    /// The name within an archive.
    pub member: Option<String>,
}

impl Origin {
    pub fn at(&self, error: Error) -> Error {
        let Error::Format { format, reason, source } = error else {
            return error;
        };
        let reason = match &self.member {
            Some(member) => format!("{member}: {reason}"),
            None => reason,
        };
        match &self.path {
            Some(path) => Error::File { path: path.clone(), reason, source },
            None => Error::Format { format, reason, source },
        }
    }
}

impl NpyFile {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let origin = Origin { path: Some(path.into()), member: None };
        let open = || {
            let file = File::open(path).map_err(broken)?;
            let metadata = file.metadata().map_err(broken)?;
            let mut reader = BufReader::new(file);
            if !metadata.is_file() {
                return read(&mut reader, None);
            }
            let (header, start) = Header::read(&mut reader)?;
            fits(&header, metadata.len().saturating_sub(start as u64))?;
            Ok((header, Data::File(Mutex::new(reader.into_inner()), start)))
        };
        let (header, data) = open().map_err(|error| origin.at(error))?;
        Ok(Self { header, data, origin })
    }

    /// Reads to the end; `length` is how many bytes there should be, if that is known.
    pub(in crate::io) fn read(reader: &mut impl Read, length: Option<u64>, origin: Origin) -> Result<Self> {
        let (header, data) = read(reader, length).map_err(|error| origin.at(error))?;
        Ok(Self { header, data, origin })
    }

    /// These rows of a file of that length, of which `head` reads the start and `fetch` any bytes.
    #[cfg(feature = "cloud")]
    pub(in crate::io) fn rows(
        head: &mut impl Read,
        length: u64,
        rows: std::ops::Range<usize>,
        fetch: impl FnOnce(std::ops::Range<u64>) -> Result<Vec<u8>>,
        origin: Origin,
    ) -> Result<Self> {
        let read = || {
            let (mut header, start) = Header::read(head)?;
            fits(&header, length.saturating_sub(start as u64))?;
            let mut sizes = header.shape.to_vec();
            let Some(count) = sizes.first_mut().filter(|_| !header.fortran || header.shape.rank() == 1) else {
                return Err(format(format!("rows of shape {:?} do not lie together", header.shape)));
            };
            if rows.start > rows.end || rows.end > *count {
                return Err(format(format!("there are {count} rows, and {rows:?} are asked for")));
            }
            let row = header.bytes().checked_div(*count).unwrap_or(0);
            let bytes = fetch((start + row * rows.start) as u64..(start + row * rows.end) as u64)?;
            *count = rows.len();
            header.shape = Shape::try_new(&sizes)?;
            let block = Block::read(&mut &bytes[..], header.bytes()).map_err(cut)?;
            Ok((header, Data::Memory(Arc::new(block))))
        };
        let (header, data) = read().map_err(|error| origin.at(error))?;
        Ok(Self { header, data, origin })
    }

    /// Reads the contents of a `.npy` file.
    ///
    /// # Errors
    /// If they are broken.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        Self::read(&mut { bytes }, Some(bytes.len() as u64), Origin::default())
    }

    /// The shape of the array; of the array of records, if it is structured.
    pub fn shape(&self) -> &Shape {
        &self.header.shape
    }

    /// The dtype of the array. `None` if it is structured, or holds what is not read.
    pub fn dtype(&self) -> Option<DType> {
        self.header.descr.dtype()
    }

    /// The dtype as NumPy describes it: `<f4`, `|S5`, `[('x', '<f4'), ('y', '<f4')]`.
    pub fn descr(&self) -> String {
        self.header.descr.to_string()
    }

    /// The fields of a structured array, in the order of the file, without gaps; else `[]`.
    pub fn fields(&self) -> &[Field] {
        self.header.descr.fields()
    }

    /// The names of the fields, as NumPy's `dtype.names`.
    pub fn names(&self) -> Vec<&str> {
        self.fields().iter().map(Field::name).collect()
    }

    /// Whether the file stores the first axis innermost. Shapes are the same either way.
    pub fn is_fortran_order(&self) -> bool {
        self.header.fortran
    }

    /// Reads the array to the CPU.
    ///
    /// # Errors
    /// If it is structured (see [`field`](Self::field)), holds something else than real numbers and bools, or cannot
    /// be read.
    pub fn tensor(&self) -> Result<Tensor> {
        let read = || self.copied(&self.header.descr.whole()?);
        read().map_err(|error| self.origin.at(error))
    }

    /// [`tensor`](Self::tensor), of which what lies in memory already becomes the memory.
    ///
    /// # Errors
    /// As [`tensor`](Self::tensor).
    pub fn into_tensor(self) -> Result<Tensor> {
        let Self { header, data, origin } = self;
        let read = || {
            let column = header.descr.whole()?;
            header.tensor(&column, data.into_block(header.bytes())?)
        };
        read().map_err(|error| origin.at(error))
    }

    /// Reads a field of a structured array to the CPU: `value`, or `pos.x` for a field within a field. Sub-arrays add
    /// their axes at the end.
    ///
    /// The file is read in pieces, so that only the field itself takes memory.
    ///
    /// # Errors
    /// If there is no such field, it holds something else than real numbers and bools, or cannot be read. What other
    /// fields hold does not matter.
    pub fn field(&self, path: &str) -> Result<Tensor> {
        let read = || self.copied(&self.header.descr.column(path)?);
        read().map_err(|error| self.origin.at(error))
    }

    /// The array as a tensor over the file itself; see [`npy::mmap`](super::mmap).
    ///
    /// What lies in memory already, as members of archives do, is shared with the tensor.
    ///
    /// # Errors
    /// As [`npy::mmap`](super::mmap).
    pub fn mmap(&self) -> Result<Tensor> {
        let map = || self.mapped(&self.header.descr.whole()?);
        map().map_err(|error| self.origin.at(error))
    }

    /// A field as a tensor over the file itself, a strided view without a copy; see [`npy::mmap`](super::mmap) and
    /// [`field`](Self::field).
    ///
    /// # Errors
    /// As both; also if the field, or the record, does not start at a multiple of the dtype's size. NumPy aligns the
    /// fields of `np.dtype(..., align=True)`.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// # let path = std::env::temp_dir().join(format!("kiln-doc-field-{}.npy", std::process::id()));
    /// let (x, y) = (Tensor::ones([9], DType::F32, &Device::cpu()), Tensor::zeros([9], DType::I32, &Device::cpu()));
    /// npy::save_fields(&path, &[("x", &x), ("y", &y)])?;
    /// let y = npy::open(&path)?.mmap_field("y")?;
    /// assert_eq!(y.sum(())?.item::<i64>()?, 0);
    /// # std::fs::remove_file(path).unwrap();
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn mmap_field(&self, path: &str) -> Result<Tensor> {
        let map = || self.mapped(&self.header.descr.column(path)?);
        map().map_err(|error| self.origin.at(error))
    }

    /// A tensor of its own of a column.
    fn copied(&self, column: &Column) -> Result<Tensor> {
        let bytes = column.stored(&self.header.records())?.numel() * column.number.dtype.size();
        let block = if bytes == 0 || bytes == self.header.bytes() {
            self.data.copy(bytes)?
        } else {
            let mut out = Block::zeroed(bytes).map_err(broken)?;
            let mut filled = 0;
            self.data.pieces(self.header.bytes(), self.header.records().size, |records, size| {
                filled += column.gather(records, size, &mut out[filled..]);
            })?;
            out
        };
        self.header.tensor(column, block)
    }

    /// A view of the file, or of memory, that is a column.
    fn mapped(&self, column: &Column) -> Result<Tensor> {
        let (records, dtype) = (self.header.records(), column.number.dtype);
        let refused = |reason: String| format(format!("{reason}; npy::load or NpyFile::field can read it"));
        if column.number.swapped {
            return Err(refused(format!("{} is not in this machine's byte order", column.number)));
        }
        if dtype == DType::Bool {
            return Err(refused("bools cannot be mapped, as a byte of a file may be neither 0 nor 1".into()));
        }
        let shape = column.stored(&records)?;
        let order = records.order(shape.rank());
        if shape.numel() == 0 {
            return Tensor::zeros(shape, dtype, &Device::cpu()).permute(&order);
        }
        let (view, range) = column.view(&records).map_err(|error| match error {
            Error::Format { reason, .. } => refused(reason),
            other => other,
        })?;
        let all = self.data.map(self.header.bytes())?;
        let start = all.range.start + range.start;
        let memory = Shared { range: start..start + range.len(), ..all };
        if !memory.as_ref().as_ptr().addr().is_multiple_of(dtype.size()) {
            return Err(refused(format!("byte {start}, where the data start, is not aligned for {dtype}")));
        }
        let count = range.len() / dtype.size();
        let tensor = if view.is_identity(count) {
            memory.tensor(dtype, shape)?
        } else {
            memory.tensor(dtype, Shape::try_new(&[count])?)?.with_view(view)
        };
        tensor.permute(&order)
    }
}

impl Header {
    /// The tensor whose elements, as the file stores them, are in the block.
    fn tensor(&self, column: &Column, mut block: Block) -> Result<Tensor> {
        let (shape, number) = (column.stored(&self.records())?, column.number);
        number.make_native(&mut block);
        let order = self.records().order(shape.rank());
        block.tensor(number.dtype, shape)?.permute(&order)
    }
}

impl Data {
    fn into_block(self, bytes: usize) -> Result<Block> {
        match self {
            Data::Memory(block) => Arc::try_unwrap(block).or_else(|shared| Data::Memory(shared).copy(bytes)),
            file => file.copy(bytes),
        }
    }

    /// The first bytes of the data.
    fn copy(&self, bytes: usize) -> Result<Block> {
        match self {
            Data::File(file, start) => Block::read(&mut *at(file, *start)?, bytes).map_err(cut),
            Data::Memory(block) => Block::read(&mut &block[..], bytes).map_err(cut),
        }
    }

    /// Calls `f` with the records, some at a time, and their size.
    fn pieces(&self, bytes: usize, size: usize, mut f: impl FnMut(&[u8], usize)) -> Result<()> {
        match self {
            Data::File(file, start) => {
                let mut file = at(file, *start)?;
                let mut piece = Block::zeroed(bytes.min((PIECE / size).max(1) * size)).map_err(broken)?;
                let mut left = bytes;
                while left > 0 {
                    let now = left.min(piece.len());
                    file.read_exact(&mut piece[..now]).map_err(cut)?;
                    f(&piece[..now], size);
                    left -= now;
                }
            }
            Data::Memory(block) => f(block, size),
        }
        Ok(())
    }

    /// The data without a copy.
    fn map(&self, bytes: usize) -> Result<Shared> {
        match self {
            Data::File(file, start) => {
                let file = file.lock().unwrap_or_else(PoisonError::into_inner);
                // SAFETY: the mapping is only read, and any bytes are numbers of the dtypes that are mapped. That the
                // file stays as it is, is what `npy::mmap` asks for.
                let map = unsafe { Mmap::map(&*file) }.map_err(broken)?;
                match start.checked_add(bytes).filter(|&end| end <= map.len()) {
                    Some(end) => Ok(Shared { owner: Arc::new(map), range: *start..end }),
                    None => Err(format("it has become shorter since it was opened")),
                }
            }
            Data::Memory(block) => Ok(Shared { owner: block.clone(), range: 0..block.len() }),
        }
    }
}

/// The error of reading data.
fn cut(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => format("it ends within the data"),
        _ => broken(error),
    }
}

fn at(file: &Mutex<File>, start: usize) -> Result<MutexGuard<'_, File>> {
    // Every read starts with a seek, so a panic in between leaves nothing half done.
    let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
    file.seek(SeekFrom::Start(start as u64)).map_err(broken)?;
    Ok(file)
}

fn read(reader: &mut impl Read, length: Option<u64>) -> Result<(Header, Data)> {
    let (header, start) = Header::read(reader)?;
    if let Some(length) = length {
        fits(&header, length.saturating_sub(start as u64))?;
    }
    let block = Block::read_claimed(reader, header.bytes()).map_err(cut)?;
    match reader.read(&mut [0]).map_err(broken)? {
        0 => Ok((header, Data::Memory(Arc::new(block)))),
        _ => Err(format("more bytes follow the data")),
    }
}

fn fits(header: &Header, found: u64) -> Result<()> {
    let needed = header.bytes();
    if found == needed as u64 {
        return Ok(());
    }
    let dtype = header.descr.dtype().map_or_else(|| header.descr.to_string(), |dtype| dtype.to_string());
    Err(format(format!("shape {:?} of {dtype} takes {needed} bytes, but there are {found}", header.shape)))
}

impl Number {
    fn make_native(self, bytes: &mut [u8]) {
        if self.swapped {
            match self.dtype.size() {
                2 => bytemuck::cast_slice_mut(bytes).iter_mut().for_each(|v: &mut u16| *v = v.swap_bytes()),
                4 => bytemuck::cast_slice_mut(bytes).iter_mut().for_each(|v: &mut u32| *v = v.swap_bytes()),
                _ => bytemuck::cast_slice_mut(bytes).iter_mut().for_each(|v: &mut u64| *v = v.swap_bytes()),
            }
        }
        if self.dtype == DType::Bool {
            normalize_bools(bytes);
        }
    }
}

impl fmt::Debug for NpyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Origin { path, member } = &self.origin;
        let mut out = f.debug_struct("NpyFile");
        out.field("path", path).field("member", member).field("descr", &self.descr()).field("shape", self.shape());
        out.finish_non_exhaustive()
    }
}
