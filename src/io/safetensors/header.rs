//! The header of a file: which tensors there are, and where.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    io::Read,
    ops::Range,
};

use safetensors::tensor::{Metadata, TensorInfo};
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};

use super::{DTYPES, METADATA, broken, file::Data, format};
use crate::{
    Result, Shape, Tensor,
    io::magic::{self, Format},
};

/// The bytes that hold the header's length.
pub(super) const LENGTH: u64 = 8;
/// A longer header than this is none, as in the format's own library.
pub(super) const MAX_HEADER: u64 = 100_000_000;

/// What a file says of its tensors.
pub(super) struct Header {
    tensors: Metadata,
    pub names: Vec<String>,
    pub metadata: BTreeMap<String, String>,
    /// Where the data start.
    start: u64,
}

impl Header {
    /// Reads the header of a file of so many bytes, whose first ones are in `head`.
    pub fn read(head: &[u8], source: &mut impl Read, length: u64) -> Result<Self> {
        Self::parse(&mut head.chain(source), length).map_err(|error| match magic::other(head, &[Format::Safetensors]) {
            Some(reason) => format(reason),
            None => error,
        })
    }

    fn parse(source: &mut impl Read, length: u64) -> Result<Self> {
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
    pub fn end(&self) -> u64 {
        self.start + self.tensors.data_len() as u64
    }

    pub fn info(&self, name: &str) -> Result<&TensorInfo> {
        self.tensors.info(name).ok_or_else(|| format(format!("there is no tensor {name:?}")))
    }

    pub fn has(&self, name: &str) -> bool {
        self.tensors.info(name).is_some()
    }

    pub fn get(&self, name: &str, data: impl FnOnce(Range<usize>) -> Result<Data>) -> Result<Tensor> {
        let info = self.info(name)?;
        let failed = |reason: String| format(format!("{name}: {reason}"));
        let Some((_, dtype)) = DTYPES.into_iter().find(|(dtype, _)| *dtype == info.dtype) else {
            return Err(failed(format!("dtype {:?} is not supported; convert it to float32", info.dtype)));
        };
        let shape = Shape::try_new(&info.shape).map_err(|error| failed(error.to_string()))?;
        let place = |offset: usize| self.start as usize + offset;
        data(place(info.data_offsets.0)..place(info.data_offsets.1))?.tensor(dtype, shape)
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
