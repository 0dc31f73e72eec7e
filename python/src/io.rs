//! Files, by their endings, and what else can be read like one.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

use kiln::{
    Device, Tensor,
    io::npy::{self, Field, NpyFile},
};
use pyo3::{
    IntoPyObjectExt,
    exceptions::{PyTypeError, PyValueError},
    prelude::*,
    types::{PyBytes, PyDict, PyMapping},
};

use crate::{
    convert,
    device::{self, DeviceArg},
    error::exception,
    interrupt,
    tensor::PyTensor,
};

/// The endings of files that can be written.
const SAVED: &str = if cfg!(feature = "npz") && cfg!(feature = "safetensors") {
    ".npy, .npz, .safetensors"
} else if cfg!(feature = "npz") {
    ".npy, .npz"
} else if cfg!(feature = "safetensors") {
    ".npy, .safetensors"
} else {
    ".npy"
};

/// The endings of files that can be read.
const ENDINGS: &str = if cfg!(all(feature = "npz", feature = "safetensors", feature = "csv")) {
    ".npy, .npz, .safetensors, .csv"
} else {
    SAVED
};

/// What a file is read as.
#[derive(Clone, Copy, PartialEq)]
enum Format {
    Npy,
    #[cfg(feature = "npz")]
    Npz,
    #[cfg(feature = "safetensors")]
    SafeTensors,
    #[cfg(feature = "csv")]
    Csv,
}

impl Format {
    fn named(name: &str) -> Option<Self> {
        match name {
            "npy" => Some(Self::Npy),
            #[cfg(feature = "npz")]
            "npz" => Some(Self::Npz),
            #[cfg(feature = "safetensors")]
            "safetensors" => Some(Self::SafeTensors),
            #[cfg(feature = "csv")]
            "csv" => Some(Self::Csv),
            _ => None,
        }
    }

    /// By the file's ending; `.csv.gz` is read as well.
    fn of(path: &Path) -> PyResult<Self> {
        let unpacked = if ending(path) == "gz" { path.file_stem().map(Path::new).unwrap_or(path) } else { path };
        let found = Self::named(ending(unpacked)).filter(|_| unpacked == path || ending(unpacked) == "csv");
        found.ok_or_else(|| {
            let reason = format!("{}: the file's name ends in none of {ENDINGS}", path.display());
            PyValueError::new_err(format!("{reason}: say what it is by format="))
        })
    }

    /// By how the contents begin.
    fn of_bytes(bytes: &[u8]) -> PyResult<Self> {
        let begins = match bytes {
            [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => "npy",
            [b'P', b'K', 3 | 5, 4 | 6, ..] => "npz",
            [_, _, _, _, _, 0, 0, 0, b'{', ..] => "safetensors",
            _ => "",
        };
        Self::named(begins).ok_or_else(|| {
            PyValueError::new_err(format!("the data begin like none of {ENDINGS}: say what they are by format="))
        })
    }
}

fn ending(path: &Path) -> &str {
    path.extension().and_then(OsStr::to_str).unwrap_or_default()
}

/// Where bytes come from.
pub(crate) enum Source {
    Path(PathBuf),
    Bytes(Vec<u8>),
}

impl Source {
    /// A path, a web address, or a file that Python has opened.
    pub fn new(source: &Bound<'_, PyAny>) -> PyResult<(Self, Option<PathBuf>)> {
        let py = source.py();
        if source.hasattr("read")? {
            let read = source.call_method0("read")?;
            let bytes = read.extract::<Vec<u8>>().or_else(|_| read.extract::<String>().map(String::into_bytes));
            return Ok((Self::Bytes(bytes?), None));
        }
        if let Ok(text) = source.extract::<String>()
            && let Some((scheme, rest)) = text.split_once("://")
        {
            if !matches!(scheme, "http" | "https") {
                let reason =
                    format!("{scheme} is not read from: open the address by fsspec, and give the file to load");
                return Err(PyValueError::new_err(format!("{text}: {reason}")));
            }
            // The path says what it is, not what is asked of the server.
            let name = PathBuf::from(rest.split(['?', '#']).next().unwrap_or_default());
            let answer = py.import("urllib.request")?.call_method1("urlopen", (&text,))?;
            let bytes = answer.call_method0("read")?.extract()?;
            return Ok((Self::Bytes(bytes), Some(name)));
        }
        let path: PathBuf = source.extract()?;
        Ok((Self::Path(path.clone()), Some(path)))
    }
}

/// What a file holds.
pub(crate) enum Loaded {
    Array(Tensor),
    #[cfg(feature = "csv")]
    Text(Vec<Option<String>>),
    Named(Vec<(String, Loaded)>),
}

impl Loaded {
    pub fn into_py(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        match self {
            Self::Array(x) => PyTensor::from(x).into_bound_py_any(py),
            #[cfg(feature = "csv")]
            Self::Text(column) => column.into_bound_py_any(py),
            Self::Named(items) => {
                let dict = PyDict::new(py);
                for (name, item) in items {
                    dict.set_item(name, item.into_py(py)?)?;
                }
                Ok(dict.into_any())
            }
        }
    }

    /// An array, or these fields of a structured one; all of them if none are named.
    fn npy(file: NpyFile, wanted: Option<&[String]>, mmap: bool) -> kiln::Result<Self> {
        match wanted {
            Some(paths) => Ok(Self::Named(
                paths.iter().map(|path| Ok((path.clone(), field(&file, path, mmap)?))).collect::<kiln::Result<_>>()?,
            )),
            None if file.fields().is_empty() && mmap => file.mmap().map(Self::Array),
            None if file.fields().is_empty() => file.into_tensor().map(Self::Array),
            None => fields(&file, file.fields(), "", mmap),
        }
    }

    pub fn into_device(self, device: &Device) -> kiln::Result<Self> {
        match self {
            Self::Array(x) => x.to_device(device).map(Self::Array),
            #[cfg(feature = "csv")]
            text @ Self::Text(_) => Ok(text),
            Self::Named(items) => {
                let moved = items.into_iter().map(|(name, item)| Ok((name, item.into_device(device)?)));
                Ok(Self::Named(moved.collect::<kiln::Result<_>>()?))
            }
        }
    }
}

fn fields(file: &NpyFile, of: &[Field], prefix: &str, mmap: bool) -> kiln::Result<Loaded> {
    let one = |field: &Field| {
        let path = format!("{prefix}{}", field.name());
        let item = match field.fields() {
            [] => leaf(file, &path, mmap)?,
            nested => fields(file, nested, &format!("{path}."), mmap)?,
        };
        Ok((field.name().to_owned(), item))
    };
    Ok(Loaded::Named(of.iter().map(one).collect::<kiln::Result<_>>()?))
}

fn leaf(file: &NpyFile, path: &str, mmap: bool) -> kiln::Result<Loaded> {
    if mmap { file.mmap_field(path) } else { file.field(path) }.map(Loaded::Array)
}

/// The field at a path, which may hold fields itself.
fn field(file: &NpyFile, path: &str, mmap: bool) -> kiln::Result<Loaded> {
    let mut of = file.fields();
    for name in path.split('.') {
        of = of.iter().find(|field| field.name() == name).map_or(&[], Field::fields);
    }
    match of {
        [] => leaf(file, path, mmap),
        nested => fields(file, nested, &format!("{path}."), mmap),
    }
}

/// Reads tensors: one from `.npy`, or a dictionary of its fields if it is structured; a dictionary of tensors from
/// `.npz`, `.safetensors` and `.csv`, where columns of text are lists. `fields` chooses among them; those of structured
/// arrays by their path.
///
/// `source` is a path, an address of the web, or a file that is open for reading. What it is, is said by `format`, by the
/// ending of its name, or by how it begins. With `mmap` the tensors show the file's own bytes. Without `device` they come
/// to the default device.
#[pyfunction]
#[pyo3(signature = (source, *, fields=None, mmap=false, device=None, format=None))]
pub fn load<'py>(
    py: Python<'py>,
    source: &Bound<'py, PyAny>,
    fields: Option<Vec<String>>,
    mmap: bool,
    device: Option<DeviceArg>,
    format: Option<&str>,
) -> PyResult<Bound<'py, PyAny>> {
    let device = match device {
        Some(device) => device.0,
        None if mmap => Device::cpu(),
        None => device::default(py)?,
    };
    let known = |name: &str| {
        Format::named(name).ok_or_else(|| PyValueError::new_err(format!("format={name:?} is none of {ENDINGS}")))
    };
    let format = format.map(known).transpose()?;
    let (source, name) = Source::new(source)?;
    let format = match (format, &name, &source) {
        (Some(format), ..) => format,
        (None, _, Source::Bytes(bytes)) if name.is_none() => Format::of_bytes(bytes)?,
        (None, Some(name), _) => Format::of(name)?,
        (None, None, _) => return Err(PyValueError::new_err("load: there is nothing to read")),
    };
    if mmap && (matches!(source, Source::Bytes(_)) || !can_map(format)) {
        let reason = "mmap=True shows the bytes of a file of format npy or safetensors by its path";
        return Err(PyValueError::new_err(reason));
    }
    let wanted = fields;
    let read = move || read(&source, format, wanted.as_deref(), mmap)?.into_device(&device);
    interrupt::run(py, read)?.map_err(exception)?.into_py(py)
}

fn can_map(format: Format) -> bool {
    match format {
        Format::Npy => true,
        #[cfg(feature = "safetensors")]
        Format::SafeTensors => true,
        #[cfg(any(feature = "npz", feature = "csv"))]
        _ => false,
    }
}

fn read(source: &Source, format: Format, wanted: Option<&[String]>, mmap: bool) -> kiln::Result<Loaded> {
    match format {
        Format::Npy => {
            let file = match source {
                Source::Path(path) => npy::open(path)?,
                Source::Bytes(bytes) => NpyFile::from_bytes(bytes)?,
            };
            Loaded::npy(file, wanted, mmap)
        }
        #[cfg(feature = "npz")]
        Format::Npz => {
            use kiln::io::npz;
            let archive = match source {
                Source::Path(path) => npz::open(path)?,
                Source::Bytes(bytes) => npz::from_bytes(bytes.clone())?,
            };
            named(wanted, archive.names(), |name| Loaded::npy(archive.member(name)?, None, false))
        }
        #[cfg(feature = "safetensors")]
        Format::SafeTensors => {
            use kiln::io::safetensors::{self, SafeTensors};
            match source {
                Source::Path(path) => {
                    let file = if mmap { SafeTensors::mmap(path)? } else { SafeTensors::open(path)? };
                    named(wanted, file.names(), |name| file.get(name).map(Loaded::Array))
                }
                Source::Bytes(bytes) => {
                    let tensors = safetensors::from_bytes(bytes)?;
                    let missing = |name: &str| kiln::Error::Format {
                        format: "safetensors",
                        reason: format!("there is no tensor {name:?}"),
                        source: None,
                    };
                    let get = |name: &str| tensors.get(name).cloned().map(Loaded::Array).ok_or_else(|| missing(name));
                    named(wanted, tensors.keys().map(String::as_str).collect(), get)
                }
            }
        }
        #[cfg(feature = "csv")]
        Format::Csv => {
            let options = kiln::io::csv::Options::new();
            crate::csv::table(&wanted.map_or(options.clone(), |columns| options.usecols(columns)), source)
        }
    }
}

#[cfg(any(feature = "npz", feature = "safetensors"))]
fn named(
    wanted: Option<&[String]>,
    all: Vec<&str>,
    get: impl Fn(&str) -> kiln::Result<Loaded>,
) -> kiln::Result<Loaded> {
    let names = wanted.map_or(all, |wanted| wanted.iter().map(String::as_str).collect());
    Ok(Loaded::Named(names.into_iter().map(|name| Ok((name.to_owned(), get(name)?))).collect::<kiln::Result<_>>()?))
}

/// Writes a file: as `.npy` a tensor, or whatever becomes one, or a mapping from names to fields as a structured array;
/// as `.npz` and `.safetensors` a mapping from names to tensors. `target` is a path, or a file that is open for writing:
/// then `format` says which of these it is to be.
#[pyfunction]
#[pyo3(signature = (target, data, *, format=None))]
pub fn save(py: Python<'_>, target: &Bound<'_, PyAny>, data: &Bound<'_, PyAny>, format: Option<&str>) -> PyResult<()> {
    let path = if target.hasattr("write")? { None } else { Some(target.extract::<PathBuf>()?) };
    let format = match (format, &path) {
        (Some(format), _) => format.to_owned(),
        (None, Some(path)) => ending(path).to_owned(),
        (None, None) => return Err(PyValueError::new_err("save: say by format= what is to be written to the file")),
    };
    let known = SAVED.split(", ").any(|ending| ending[1..] == format);
    if !known {
        let place = path.as_ref().map_or_else(|| "save".into(), |path| path.display().to_string());
        return Err(PyValueError::new_err(format!("{place}: the format {format:?} is none of {SAVED}")));
    }
    let tensors = if format == "npy" && !data.is_instance_of::<PyMapping>() {
        vec![(String::new(), convert::to_tensor(data, None, None)?)]
    } else {
        self::tensors(data)?
    };
    let write = {
        let path = path.clone();
        move || write(path.as_deref(), &format, &tensors)
    };
    let bytes = interrupt::run(py, write)?.map_err(exception)?;
    if path.is_none() {
        target.call_method1("write", (PyBytes::new(py, &bytes),))?;
    }
    Ok(())
}

/// Writes tensors to a file, or gives its contents where there is no path. One without a name is an array.
fn write(path: Option<&Path>, format: &str, tensors: &[(String, Tensor)]) -> kiln::Result<Vec<u8>> {
    let named: Vec<(&str, &Tensor)> = tensors.iter().map(|(name, x)| (name.as_str(), x)).collect();
    let nothing = |()| Vec::new();
    match (format, path, &named[..]) {
        #[cfg(feature = "npz")]
        ("npz", Some(path), _) => kiln::io::npz::save(path, &named).map(nothing),
        #[cfg(feature = "npz")]
        ("npz", None, _) => kiln::io::npz::to_bytes(&named),
        #[cfg(feature = "safetensors")]
        ("safetensors", Some(path), _) => kiln::io::safetensors::save(path, named).map(nothing),
        #[cfg(feature = "safetensors")]
        ("safetensors", None, _) => kiln::io::safetensors::to_bytes(named),
        (_, Some(path), [("", x)]) => npy::save(path, x).map(nothing),
        (_, None, [("", x)]) => npy::to_bytes(x),
        (_, Some(path), _) => npy::save_fields(path, &named).map(nothing),
        (_, None, _) => npy::fields_to_bytes(&named),
    }
}

/// The tensors of a mapping, in its order.
fn tensors(data: &Bound<'_, PyAny>) -> PyResult<Vec<(String, Tensor)>> {
    let Ok(mapping) = data.cast::<PyMapping>() else {
        let reason =
            format!("a file of several tensors takes a mapping from names to them, not {}", convert::class(data));
        return Err(PyTypeError::new_err(reason));
    };
    let pair = |item: Bound<'_, PyAny>| {
        let (name, x): (String, Bound<'_, PyAny>) = item.extract()?;
        Ok((name, convert::to_tensor(&x, None, None)?))
    };
    mapping.items()?.iter().map(pair).collect()
}
