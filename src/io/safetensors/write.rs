//! Writing files.

use std::{
    borrow::Borrow,
    collections::{BTreeMap, BTreeSet},
    io::Write,
};

use super::{DTYPES, METADATA, broken, format, header::LENGTH};
use crate::{Error, Result, Tensor};

/// Writes tensors with text that describes them.
pub(super) fn write<N: AsRef<str>, T: Borrow<Tensor>>(
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
