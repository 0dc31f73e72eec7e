//! Writing `.npy` files.

use std::{
    collections::HashSet,
    fs::File,
    io::{self, Write},
    path::Path,
};

use super::{
    broken,
    descr::{Descr, Number},
    header::Header,
    in_file,
};
use crate::{Error, Result, Shape, Tensor, graph::executor::Buffer, io::memory::CHUNK};

/// The elements of a tensor in host memory, row-major.
struct Elements {
    buffer: Buffer,
    /// A copy, if the buffer is not in host memory.
    copy: Option<Vec<u8>>,
    len: usize,
}

impl Elements {
    fn of(tensor: &Tensor) -> Result<Self> {
        let tensor = tensor.exact()?;
        let (buffer, len) = (tensor.realize()?, tensor.numel() * tensor.dtype().size());
        let is_here = buffer.host().is_some_and(|host| host.len() >= len);
        let copy = if is_here { None } else { Some(tensor.to_bytes()?) };
        Ok(Self { buffer, copy, len })
    }

    fn bytes(&self) -> &[u8] {
        let bytes = self.copy.as_deref().or(self.buffer.host()).unwrap_or_default();
        &bytes[..self.len]
    }
}

/// A tensor ready to be written.
pub(in crate::io) struct Encoded {
    header: Vec<u8>,
    elements: Elements,
}

impl Encoded {
    pub fn new(tensor: &Tensor) -> Result<Self> {
        let descr = Descr::Number(Number::of(tensor.dtype())?);
        let shape = *tensor.shape();
        // As NumPy: what lies in Fortran order is written so.
        let order: Vec<isize> = (0..shape.rank() as isize).rev().collect();
        let reversed = tensor.detach().permute(&order)?;
        let fortran = !tensor.is_contiguous() && reversed.is_contiguous();
        let elements = Elements::of(if fortran { &reversed } else { tensor })?;
        Ok(Self { header: Header { descr, fortran, shape }.to_bytes(), elements })
    }

    pub fn len(&self) -> usize {
        self.header.len() + self.elements.len
    }

    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(&self.header)?;
        out.write_all(self.elements.bytes())
    }
}

/// Fields ready to be written.
struct Records {
    header: Vec<u8>,
    count: usize,
    /// Bytes of a record.
    size: usize,
    /// The bytes of a record in each field, and its elements.
    fields: Vec<(usize, Elements)>,
}

impl Records {
    fn new(fields: &[(&str, &Tensor)]) -> Result<Self> {
        let refused = |name: &str, reason: &str| Err(Error::argument("npy", format!("field {name:?}: {reason}")));
        let Some((first, tensor)) = fields.first() else {
            return Err(Error::argument("npy", "a structured array has at least one field"));
        };
        // One record for every row; scalars make one record.
        let shape = Shape::try_new(&tensor.shape()[..tensor.rank().min(1)])?;
        let mut names = HashSet::new();
        let (mut described, mut elements) = (Vec::new(), Vec::new());
        for (name, tensor) in fields {
            if name.is_empty() {
                return refused(name, "NumPy takes fields without a name for gaps");
            }
            if !names.insert(name) {
                return refused(name, "there is another of that name");
            }
            let Some(rest) =
                tensor.shape().strip_prefix(shape.dims()).filter(|_| shape.rank() > 0 || tensor.rank() == 0)
            else {
                return refused(name, &format!("shape {:?} has not the rows of {first:?}, {shape:?}", tensor.shape()));
            };
            let Ok(number) = Number::of(tensor.dtype()) else {
                return refused(name, &format!("{} is not among NumPy's dtypes", tensor.dtype()));
            };
            described.push(((*name).to_owned(), rest.to_vec(), number));
            elements.push((rest.iter().product::<usize>() * tensor.dtype().size(), Elements::of(tensor)?));
        }
        let header = Header { descr: Descr::packed(described)?, fortran: false, shape };
        let (count, size) = (shape.numel(), header.descr.size());
        Ok(Self { header: header.to_bytes(), count, size, fields: elements })
    }

    fn len(&self) -> usize {
        self.header.len() + self.count * self.size
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(&self.header)?;
        let size = self.size;
        let step = CHUNK / size.max(1) + 1;
        let mut piece = vec![0; step.min(self.count) * size];
        for start in (0..self.count).step_by(step) {
            let count = step.min(self.count - start);
            let mut offset = 0;
            for (width, elements) in self.fields.iter().filter(|(width, _)| *width > 0) {
                let from = elements.bytes()[start * width..][..count * width].chunks_exact(*width);
                for (record, from) in piece.chunks_exact_mut(size).zip(from) {
                    record[offset..][..*width].copy_from_slice(from);
                }
                offset += width;
            }
            out.write_all(&piece[..count * size])?;
        }
        Ok(())
    }
}

/// Writes a tensor as a `.npy` file, to the byte as `np.save` does: a transposed tensor in Fortran order, and always in
/// this machine's byte order. `BF16` is not among NumPy's dtypes: convert it first.
///
/// # Errors
/// If the dtype is `BF16`, the device fails, or the file cannot be written.
pub fn save(path: impl AsRef<Path>, tensor: &Tensor) -> Result<()> {
    let encoded = Encoded::new(tensor)?;
    create(path.as_ref(), encoded.len(), |file| encoded.write(file))
}

/// A tensor as the contents of a `.npy` file.
///
/// # Errors
/// If the dtype is `BF16`, or the device fails.
///
/// ```
/// # use kiln::prelude::*;
/// let bytes = npy::to_bytes(&Tensor::zeros([2], DType::U8, &Device::cpu()))?;
/// assert_eq!(npy::from_bytes(&bytes)?.to_vec::<u8>()?, [0, 0]);
/// # Ok::<(), kiln::Error>(())
/// ```
pub fn to_bytes(tensor: &Tensor) -> Result<Vec<u8>> {
    let encoded = Encoded::new(tensor)?;
    let mut out = Vec::with_capacity(encoded.len());
    encoded.write(&mut out).map_err(broken)?;
    Ok(out)
}

/// Writes tensors as the fields of a structured array, which NumPy reads as one array of records: a record for each
/// row. Further axes of a tensor make its field a sub-array. All must have the same number of rows, or all be scalars.
///
/// Fields lie one behind the other, as those of a NumPy dtype do by default. With the widest dtypes first, and records
/// that are a multiple of the widest, [`mmap_field`](super::NpyFile::mmap_field) can show every field without a copy.
///
/// # Errors
/// If there is no field, a name is empty or comes twice, the numbers of rows differ, a dtype is `BF16`, a device fails,
/// or the file cannot be written.
///
/// ```
/// # use kiln::prelude::*;
/// # let path = std::env::temp_dir().join(format!("kiln-doc-fields-{}.npy", std::process::id()));
/// let device = Device::cpu();
/// let (x, label) = (Tensor::zeros([10, 3], DType::F32, &device), Tensor::ones([10], DType::U8, &device));
/// npy::save_fields(&path, &[("x", &x), ("label", &label)])?; // dtype([('x', '<f4', (3,)), ('label', 'u1')])
/// assert_eq!(npy::open(&path)?.field("label")?.to_vec::<u8>()?, [1; 10]);
/// # std::fs::remove_file(path).unwrap();
/// # Ok::<(), kiln::Error>(())
/// ```
pub fn save_fields(path: impl AsRef<Path>, fields: &[(&str, &Tensor)]) -> Result<()> {
    let records = Records::new(fields)?;
    create(path.as_ref(), records.len(), |file| records.write(file))
}

/// Tensors as the contents of a `.npy` file with a structured array; see [`save_fields`].
///
/// # Errors
/// As [`save_fields`].
pub fn fields_to_bytes(fields: &[(&str, &Tensor)]) -> Result<Vec<u8>> {
    let records = Records::new(fields)?;
    let mut out = Vec::with_capacity(records.len());
    records.write(&mut out).map_err(broken)?;
    Ok(out)
}

/// Writes a file of so many bytes.
fn create(path: &Path, len: usize, write: impl FnOnce(&mut File) -> io::Result<()>) -> Result<()> {
    let written = File::create(path).and_then(|mut file| {
        reserve(&file, len);
        write(&mut file)
    });
    written.map_err(|error| in_file(path, broken(error)))
}

/// Tells the file system how long a file becomes, so that it need not find its blocks one by one. Where it cannot
/// reserve them, or there is no room, the writing itself will say so.
fn reserve(file: &File, len: usize) {
    #[cfg(target_os = "linux")]
    if let Ok(len @ 1..) = libc::off_t::try_from(len) {
        use std::os::fd::AsRawFd;
        // SAFETY: the descriptor is open, and reserving blocks changes neither its contents nor its length.
        unsafe { libc::fallocate(file.as_raw_fd(), libc::FALLOC_FL_KEEP_SIZE, 0, len) };
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (file, len);
}
