//! The index of a model in several files.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    io::Read,
    path::{Component, Path},
};

use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use super::{broken, format, header::MAX_HEADER};
use crate::Result;

/// What an index says.
#[derive(Debug)]
pub(super) struct Index {
    /// The files, each with the names of its tensors.
    pub files: BTreeMap<String, Vec<String>>,
    pub metadata: BTreeMap<String, String>,
}

impl Index {
    /// Reads an index of so many bytes, whose first ones are in `head`.
    pub fn read(head: &[u8], source: impl Read, length: u64) -> Result<Self> {
        if length > MAX_HEADER {
            return Err(format(format!("an index of {length} bytes is longer than any model needs")));
        }
        let mut text = Vec::new();
        head.chain(source.take(MAX_HEADER)).read_to_end(&mut text).map_err(broken)?;
        let failed = |error: serde_json::Error| format(format!("the index: {error}"));
        let index: Self = serde_json::from_slice(&text).map_err(failed)?;
        match index.files.keys().find(|name| leaves_folder(name)) {
            Some(name) => Err(format(format!("the index names {name:?}, which is no file in its folder"))),
            None => Ok(index),
        }
    }
}

/// Whether a path may lead out of the folder that it starts in. Windows' paths do so on Windows alone, but are no names
/// of files anywhere.
fn leaves_folder(name: &str) -> bool {
    let is_inside = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    name.is_empty() || name.contains(['\\', ':', '\0']) || !Path::new(name).components().all(is_inside)
}

/// The first of some names, for a message.
pub(super) fn listed(names: &[&str]) -> String {
    const MOST: usize = 5;
    let mut list: Vec<String> = names.iter().take(MOST).map(|name| format!("{name:?}")).collect();
    if names.len() > MOST {
        list.push(format!("{} more", names.len() - MOST));
    }
    list.join(", ")
}

impl<'de> Deserialize<'de> for Index {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(IndexVisitor)
    }
}

struct IndexVisitor;

impl<'de> Visitor<'de> for IndexVisitor {
    type Value = Index;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with a `weight_map`")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Index, M::Error> {
        let (mut files, mut metadata) = (None, BTreeMap::new());
        while let Some(key) = map.next_key::<String>()? {
            match &key[..] {
                "weight_map" if files.is_some() => return Err(M::Error::custom("`weight_map` stands there twice")),
                "weight_map" => files = Some(map.next_value::<WeightMap>()?.0),
                "metadata" => {
                    let Value::Object(pairs) = map.next_value()? else { continue };
                    metadata = pairs.into_iter().map(|(key, value)| (key, text(value))).collect();
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        let files = files.ok_or_else(|| M::Error::missing_field("weight_map"))?;
        Ok(Index { files, metadata })
    }
}

fn text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// The files by name, each with the names of its tensors. A map would take the last of two tensors with one name.
struct WeightMap(BTreeMap<String, Vec<String>>);

impl<'de> Deserialize<'de> for WeightMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(WeightMapVisitor)
    }
}

struct WeightMapVisitor;

impl<'de> Visitor<'de> for WeightMapVisitor {
    type Value = WeightMap;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of the files' names by those of the tensors")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<WeightMap, M::Error> {
        let (mut files, mut seen) = (BTreeMap::<String, Vec<String>>::new(), BTreeSet::new());
        while let Some((tensor, file)) = map.next_entry::<String, String>()? {
            if !seen.insert(tensor.clone()) {
                return Err(M::Error::custom(format_args!("{tensor:?} stands there twice")));
            }
            files.entry(file).or_default().push(tensor);
        }
        Ok(WeightMap(files))
    }
}
