//! NumPy's `.npy` files.
//!
//! Reading takes every real dtype, either byte order, C and Fortran order, and header versions 1 to 3. A header is
//! believed only as far as the bytes behind it go.

use std::{
    fs::File,
    io::{self, Read, Write},
    path::Path,
};

use super::header::Header;
use crate::{DType, Device, Error, Result, Shape, Tensor};

const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// A longer header than this holds something else than an array of numbers.
const MAX_HEADER: usize = 1 << 20;
/// Bytes that are read at once where nobody knows how many there are.
const CHUNK: usize = 1 << 20;

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
    let path = path.as_ref();
    let open = || {
        let file = File::open(path).map_err(broken)?;
        let metadata = file.metadata().map_err(broken)?;
        let length = metadata.is_file().then_some(metadata.len());
        read(&mut io::BufReader::new(file), length)
    };
    open().map_err(|error| in_file(path, error))
}

/// Writes a tensor as a `.npy` file. `BF16` is not among NumPy's dtypes: convert it first.
///
/// # Errors
/// If the dtype is `BF16`, the device fails, or the file cannot be written.
pub fn save(path: impl AsRef<Path>, tensor: &Tensor) -> Result<()> {
    let path = path.as_ref();
    let (header, data) = encode(tensor)?;
    let write = || {
        let mut file = File::create(path)?;
        file.write_all(&header)?;
        file.write_all(&data)
    };
    write().map_err(|error| in_file(path, broken(error)))
}

/// Reads the contents of a `.npy` file to the CPU.
///
/// # Errors
/// As [`load`].
pub fn from_bytes(bytes: &[u8]) -> Result<Tensor> {
    read(&mut { bytes }, Some(bytes.len() as u64))
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
    let (mut header, data) = encode(tensor)?;
    header.extend(data);
    Ok(header)
}

/// Header and data.
pub(super) fn encode(tensor: &Tensor) -> Result<(Vec<u8>, Vec<u8>)> {
    let text = Header::of(tensor)?.to_string();
    // Magic, version and length take 10 bytes; the data start at a multiple of 64.
    let length = (10 + text.len() + 1).next_multiple_of(64) - 10;
    let mut header = [&MAGIC[..], &[1, 0], &(length as u16).to_le_bytes(), text.as_bytes()].concat();
    header.resize(10 + length - 1, b' ');
    header.push(b'\n');
    Ok((header, tensor.to_bytes()?))
}

/// Reads to the end; `length` is how many bytes there are, if that is known.
pub(super) fn read(reader: &mut impl Read, length: Option<u64>) -> Result<Tensor> {
    let start = bytes(reader, 8, "magic number")?;
    if start[..6] != MAGIC[..] {
        return Err(format("it does not start with \"\\x93NUMPY\""));
    }
    let (version, digits) = match start[6] {
        1 => (1, 2),
        version @ (2 | 3) => (version, 4),
        version => return Err(format(format!("version {version}.{} is not known", start[7]))),
    };
    let size = bytes(reader, digits, "header")?.iter().rev().fold(0usize, |n, &b| n << 8 | b as usize);
    if size > MAX_HEADER {
        return Err(format(format!("a header of {size} bytes is longer than any array of numbers needs")));
    }
    let header = bytes(reader, size, "header")?;
    let header = if version < 3 {
        header.iter().map(|&b| b as char).collect()
    } else {
        String::from_utf8(header).map_err(|_| format("the header is not UTF-8"))?
    };
    let header: Header = header.parse()?;

    let needed = header.shape.numel() as u64 * header.dtype.size() as u64;
    let found = length.map(|length| length.saturating_sub(8 + digits as u64 + size as u64));
    if let Some(found) = found.filter(|&found| found != needed) {
        let Header { dtype, shape, .. } = header;
        return Err(format(format!("shape {shape:?} of {dtype} takes {needed} bytes, but there are {found}")));
    }
    let x = match header.dtype.size() {
        1 => elements::<u8>(reader, &header, found.is_some()),
        2 => elements::<u16>(reader, &header, found.is_some()),
        4 => elements::<u32>(reader, &header, found.is_some()),
        _ => elements::<u64>(reader, &header, found.is_some()),
    }?;
    match reader.read(&mut [0]).map_err(broken)? {
        0 => Ok(x),
        _ => Err(format("more bytes follow the data")),
    }
}

fn bytes(reader: &mut impl Read, count: usize, what: &str) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    reader.take(count as u64).read_to_end(&mut out).map_err(broken)?;
    if out.len() < count {
        return Err(format(format!("it ends within the {what}")));
    }
    Ok(out)
}

/// The bits of an element.
trait Bits: bytemuck::Pod + Send + Sync {
    fn swap_bytes(self) -> Self;
}

macro_rules! bits {
    ($($t:ty)*) => {$(
        impl Bits for $t {
            fn swap_bytes(self) -> Self {
                self.swap_bytes()
            }
        }
    )*};
}
bits!(u8 u16 u32 u64);

/// The data. Memory grows with what is read unless all of it is known to be there.
fn elements<T: Bits>(reader: &mut impl Read, header: &Header, known: bool) -> Result<Tensor> {
    let Header { dtype, swapped, fortran, shape } = *header;
    let count = shape.numel();
    let mut out: Vec<T> = Vec::new();
    while out.len() < count {
        let have = out.len();
        let step = if known { count } else { have.max(CHUNK) };
        let more = step.min(count - have);
        out.try_reserve_exact(more).map_err(|error| format(error.to_string()))?;
        out.resize(have + more, T::zeroed());
        let filled = reader.read_exact(bytemuck::cast_slice_mut(&mut out[have..]));
        filled.map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => format("it ends within the data"),
            _ => broken(error),
        })?;
    }
    if swapped {
        out.iter_mut().for_each(|v| *v = v.swap_bytes());
    }
    if dtype == DType::Bool {
        // Only 0 and 1 are bools.
        bytemuck::cast_slice_mut::<T, u8>(&mut out).iter_mut().for_each(|v| *v = (*v != 0) as u8);
    }
    if !fortran {
        return Tensor::from_memory(out, dtype, shape, &Device::cpu());
    }
    let mut reversed: Shape = shape;
    reversed.reverse();
    let order: Vec<isize> = (0..shape.rank() as isize).rev().collect();
    Tensor::from_memory(out, dtype, reversed, &Device::cpu())?.permute(&order)
}

pub(super) fn format(reason: impl Into<String>) -> Error {
    Error::Format { format: "npy", reason: reason.into() }
}

pub(super) fn broken(error: io::Error) -> Error {
    format(error.to_string())
}

/// The error with the file's name.
pub(super) fn in_file(path: &Path, error: Error) -> Error {
    let reason = match error {
        Error::Format { reason, .. } => reason,
        other => other.to_string(),
    };
    Error::File { path: path.into(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_of_unknown_length_is_read_as_far_as_it_goes() {
        let x = Tensor::arange(0, 1 << 21, 1, DType::I32, &Device::cpu()).and_then(|x| to_bytes(&x)).unwrap();
        let y = read(&mut &x[..], None).unwrap();
        assert_eq!(y.to_vec::<i32>().unwrap(), (0..1 << 21).collect::<Vec<_>>());
        let reason = |bytes: &[u8]| read(&mut { bytes }, None).unwrap_err().to_string();
        assert_eq!(reason(&x[..x.len() - 1]), "npy: it ends within the data");
        assert_eq!(reason(&[&x[..], &[0]].concat()), "npy: more bytes follow the data");

        // A petabyte is claimed, a few bytes are there.
        let header = "{'descr': '|u1', 'fortran_order': False, 'shape': (1000000000000000,)}";
        let length = (header.len() as u16).to_le_bytes();
        let claim = [&MAGIC[..], &[1, 0], &length, header.as_bytes(), &[7; 5]].concat();
        assert_eq!(reason(&claim), "npy: it ends within the data");
    }
}
