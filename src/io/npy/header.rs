//! The header of a `.npy` file: magic number, version, and a Python dictionary as text.

use std::{fmt, io::Read, str::FromStr};

use super::{
    broken,
    column::Records,
    descr::{Descr, Tuple, sizes},
    format,
    literal::Literal,
};
use crate::{Result, Shape, io::magic};

const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// A longer header than this holds something else than an array of numbers.
const MAX_HEADER: usize = 1 << 20;
/// Digits of the largest size: as NumPy, leave room for the outermost size to grow in place.
const GROWTH: usize = 21;

/// What a `.npy` file says of its data.
#[derive(Debug, PartialEq)]
pub(super) struct Header {
    pub descr: Descr,
    /// Whether the first axis is the innermost.
    pub fortran: bool,
    pub shape: Shape,
}

impl Header {
    /// The bytes of all data.
    pub fn bytes(&self) -> usize {
        self.shape.numel() * self.descr.size()
    }

    pub fn records(&self) -> Records {
        Records { shape: self.shape, size: self.descr.size(), fortran: self.fortran }
    }

    /// Reads the header, and how many bytes it takes.
    pub fn read(reader: &mut impl Read) -> Result<(Self, usize)> {
        let mut start = Vec::new();
        reader.by_ref().take(8).read_to_end(&mut start).map_err(broken)?;
        if !start.starts_with(MAGIC) {
            return Err(format(no_magic(reader, start)?));
        }
        if start.len() < 8 {
            return Err(format("it ends within the magic number"));
        }
        let digits = match start[6..] {
            [1, 0] => 2,
            [2 | 3, 0] => 4,
            _ => return Err(format(format!("version {}.{} is not known", start[6], start[7]))),
        };
        let size = bytes(reader, digits, "header")?.iter().rev().fold(0usize, |n, &b| n << 8 | b as usize);
        if size > MAX_HEADER {
            return Err(format(format!("a header of {size} bytes is longer than any array of numbers needs")));
        }
        let text = bytes(reader, size, "header")?;
        let text = if start[6] < 3 {
            text.iter().map(|&b| b as char).collect()
        } else {
            String::from_utf8(text).map_err(|_| format("the header is not UTF-8"))?
        };
        Ok((text.parse()?, 8 + digits + size))
    }

    /// The header as NumPy writes it, in the lowest version that can hold it. The data start at a multiple of 64.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut text = self.to_string();
        let grows = if self.fortran { self.shape.last() } else { self.shape.first() };
        if let Some(size) = grows {
            text.extend(std::iter::repeat_n(' ', GROWTH.saturating_sub(size.to_string().len())));
        }
        let is_latin = text.chars().all(|c| (c as u32) < 256);
        let text = if is_latin { text.chars().map(|c| c as u8).collect() } else { text.into_bytes() };
        // NumPy pads by 64 where nothing would be needed.
        let padded = |prefix: usize| (prefix + text.len() + 1) / 64 * 64 + 64 - prefix;
        let mut out = MAGIC.to_vec();
        match u16::try_from(padded(10)) {
            Ok(length) if is_latin => {
                out.extend([1, 0]);
                out.extend(length.to_le_bytes());
            }
            _ => {
                out.extend([if is_latin { 2 } else { 3 }, 0]);
                out.extend((padded(12) as u32).to_le_bytes());
            }
        }
        let end = out.len() + padded(out.len());
        out.extend(text);
        out.resize(end - 1, b' ');
        out.push(b'\n');
        out
    }
}

/// The dictionary as NumPy writes it.
impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quote = if self.descr.fields().is_empty() { "'" } else { "" };
        let fortran = if self.fortran { "True" } else { "False" };
        let shape = Tuple(&self.shape);
        write!(f, "{{'descr': {quote}{}{quote}, 'fortran_order': {fortran}, 'shape': {shape}, }}", self.descr)
    }
}

impl FromStr for Header {
    type Err = crate::Error;

    fn from_str(text: &str) -> Result<Self> {
        let pairs = match Literal::parse(text)? {
            Literal::Dict(pairs) => pairs,
            other => return Err(format(format!("the header is {}, not a dictionary", other.kind()))),
        };
        let (mut descr, mut fortran, mut shape) = (None, None, None);
        for (key, value) in &pairs {
            let Literal::String(key) = key else {
                return Err(format(format!("a key of the header is {}, not a string", key.kind())));
            };
            let place = match &key[..] {
                "descr" => &mut descr,
                "fortran_order" => &mut fortran,
                "shape" => &mut shape,
                _ => return Err(format(format!("the header has an unknown key {key:?}"))),
            };
            if place.replace(value).is_some() {
                return Err(format(format!("the header has two keys {key:?}")));
            }
        }
        let missing = |key: &str| format(format!("the header has no key {key:?}"));
        let descr = Descr::read(descr.ok_or_else(|| missing("descr"))?)?;
        let fortran = match fortran.ok_or_else(|| missing("fortran_order"))? {
            Literal::Bool(fortran) => *fortran,
            other => return Err(format(format!("fortran_order is {}, neither True nor False", other.kind()))),
        };
        let shape = match shape.ok_or_else(|| missing("shape"))? {
            Literal::Tuple(shape) => sizes(shape)?,
            other => return Err(format(format!("shape is {}, not a tuple", other.kind()))),
        };
        let shape = Shape::try_new(&shape).map_err(|error| format(error.to_string()))?;
        let bytes = shape.numel().checked_mul(descr.size());
        if bytes.is_none_or(|bytes| isize::try_from(bytes).is_err()) {
            return Err(format(format!("shape {shape:?} of {descr} has more bytes than can be addressed")));
        }
        Ok(Self { descr, fortran, shape })
    }
}

/// What a file is that does not start with the magic number.
fn no_magic(reader: &mut impl Read, mut head: Vec<u8>) -> Result<String> {
    reader.take((magic::HEAD - head.len()) as u64).read_to_end(&mut head).map_err(broken)?;
    Ok(match magic::other(&head, &[]) {
        Some(reason) => reason,
        None if MAGIC.starts_with(&head) => "it ends within the magic number".into(),
        None => "it does not start with \"\\x93NUMPY\"".into(),
    })
}

fn bytes(reader: &mut impl Read, count: usize, what: &str) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    reader.take(count as u64).read_to_end(&mut out).map_err(broken)?;
    if out.len() < count {
        return Err(format(format!("it ends within the {what}")));
    }
    Ok(out)
}
