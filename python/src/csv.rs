//! Tables of text, with the options of pandas.

use kiln::io::csv::{BadLines, ColumnKey, Encoding, Fill, Options};
use pyo3::{
    exceptions::{PyUserWarning, PyValueError},
    prelude::*,
    types::{PyBool, PyDict, PyString},
};

use crate::{
    convert::ScalarArg,
    device::DeviceArg,
    dtype::DTypeArg,
    error::exception,
    interrupt,
    io::{Loaded, Source},
};

/// A column: its name, or its number.
#[derive(FromPyObject)]
pub enum Key {
    Name(String),
    Number(usize),
}

impl From<Key> for ColumnKey {
    fn from(key: Key) -> Self {
        match key {
            Key::Name(name) => Self::Name(name),
            Key::Number(number) => Self::Number(number),
        }
    }
}

/// What stands for missing values.
#[derive(FromPyObject)]
pub enum FillArg {
    Text(String),
    Number(ScalarArg),
}

impl From<FillArg> for Fill {
    fn from(fill: FillArg) -> Self {
        match fill {
            FillArg::Text(text) => text.into(),
            FillArg::Number(number) => number.0.into(),
        }
    }
}

#[derive(FromPyObject)]
pub enum OneOrMore<T> {
    One(T),
    More(Vec<T>),
}

impl<T> OneOrMore<T> {
    fn into_vec(self) -> Vec<T> {
        match self {
            Self::One(item) => vec![item],
            Self::More(items) => items,
        }
    }
}

/// Whether the first record names the columns.
pub enum Header {
    /// It does, unless names are given.
    Infer,
    Is(bool),
}

impl<'py> FromPyObject<'_, 'py> for Header {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        match object.cast::<PyBool>() {
            Ok(flag) => Ok(Self::Is(flag.is_true())),
            Err(_) if object.is_none() => Ok(Self::Is(false)),
            Err(_) if object.eq("infer")? => Ok(Self::Infer),
            Err(_) if object.eq(0)? => Ok(Self::Is(true)),
            Err(_) => {
                let value = object.repr()?;
                Err(PyValueError::new_err(format!("header is \"infer\", 0, None, True or False, not {value}")))
            }
        }
    }
}

/// The columns of a table by their names, and the lines that were left out.
type Columns = (Loaded, Vec<u64>);

pub fn table(options: &Options, source: &Source) -> kiln::Result<Loaded> {
    read(options, source).map(|(columns, _)| columns)
}

fn read(options: &Options, source: &Source) -> kiln::Result<Columns> {
    let table = match source {
        Source::Path(path) => options.read(path)?,
        Source::Bytes(bytes) => options.from_bytes(bytes)?,
    };
    let names: Vec<String> = table.names().into_iter().map(str::to_owned).collect();
    let column = |(i, name): (usize, String)| {
        let column = match table.dtype(i)? {
            Some(_) => Loaded::Array(table.column(i)?),
            None => Loaded::Text(table.text(i)?.into_iter().map(|text| text.map(str::to_owned)).collect()),
        };
        Ok((name, column))
    };
    let columns = names.into_iter().enumerate().map(column).collect::<kiln::Result<_>>()?;
    Ok((Loaded::Named(columns), table.bad_lines().to_vec()))
}

/// Reads a table of text as a dictionary of columns, with the options of pandas: columns of numbers are tensors, columns
/// of text are lists. `source` is as for `load`; gzip and zip are unpacked. `fill` is what `fillna` does in pandas: a
/// number for missing numbers, a text for missing texts, or a list of both. A column whose dtype is `str` stays text.
#[pyfunction]
#[pyo3(signature = (source, *, sep=None, delimiter=None, delim_whitespace=false, header=Header::Infer, names=None, usecols=None,
    dtype=None, skipinitialspace=false, skiprows=0, skipfooter=0, nrows=None, na_values=None, keep_default_na=true,
    fill=None, thousands=None, decimal=".", quotechar="\"", quoting=0, doublequote=true, escapechar=None, comment=None,
    encoding="utf-8", on_bad_lines="error", device=None))]
#[allow(clippy::too_many_arguments)]
pub fn read_csv<'py>(
    py: Python<'py>,
    source: &Bound<'py, PyAny>,
    sep: Option<&str>,
    delimiter: Option<&str>,
    delim_whitespace: bool,
    header: Header,
    names: Option<Vec<String>>,
    usecols: Option<Vec<Key>>,
    dtype: Option<&Bound<'py, PyAny>>,
    skipinitialspace: bool,
    skiprows: usize,
    skipfooter: usize,
    nrows: Option<usize>,
    na_values: Option<OneOrMore<String>>,
    keep_default_na: bool,
    fill: Option<OneOrMore<FillArg>>,
    thousands: Option<&str>,
    decimal: &str,
    quotechar: &str,
    quoting: u8,
    doublequote: bool,
    escapechar: Option<&str>,
    comment: Option<&str>,
    encoding: &str,
    on_bad_lines: &str,
    device: Option<DeviceArg>,
) -> PyResult<Bound<'py, PyAny>> {
    let optional = |what: &str, text: Option<&str>| text.map(|text| byte(what, text)).transpose();
    let mut options = Options::new()
        .skipinitialspace(skipinitialspace)
        .skiprows(skiprows)
        .skipfooter(skipfooter)
        .keep_default_na(keep_default_na)
        .decimal(byte("decimal", decimal)?)
        .quotechar(byte("quotechar", quotechar)?)
        .doublequote(doublequote)
        .encoding(self::encoding(encoding)?);
    let sep = match (sep, delimiter) {
        (Some(_), Some(_)) => {
            return Err(PyValueError::new_err("read_csv: sep and delimiter are two names of one option"));
        }
        (sep, delimiter) => sep.or(delimiter),
    };
    options = match sep {
        None => options.delim_whitespace(delim_whitespace),
        Some(r"\s+") => options.delim_whitespace(true),
        Some(text) if !delim_whitespace => options.delimiter(byte("delimiter", text)?),
        Some(_) => return Err(PyValueError::new_err("read_csv: sep and delim_whitespace contradict each other")),
    };
    options = match quoting {
        0..=2 => options,
        3 => options.quoting(false),
        _ => return Err(PyValueError::new_err(format!("read_csv: quoting is one of csv.QUOTE_*, not {quoting}"))),
    };
    if let Some(thousands) = optional("thousands", thousands)? {
        options = options.thousands(thousands);
    }
    if let Some(escape) = optional("escapechar", escapechar)? {
        options = options.escapechar(escape);
    }
    if let Some(comment) = optional("comment", comment)? {
        options = options.comment(comment);
    }
    if let Some(rows) = nrows {
        options = options.nrows(rows);
    }
    if let Some(texts) = na_values {
        options = options.na_values(texts.into_vec());
    }
    options = fill.map_or(vec![], OneOrMore::into_vec).into_iter().fold(options, |options, fill| options.fill(fill));
    let is_named = names.is_some();
    if let Some(names) = names {
        options = options.names(names);
    }
    options = options.header(match header {
        Header::Infer => !is_named,
        Header::Is(header) => header,
    });
    options = dtypes(options, dtype)?;
    if let Some(columns) = usecols {
        options = options.usecols(columns);
    }
    let warns = on_bad_lines == "warn";
    options = match on_bad_lines {
        "error" => options,
        "skip" | "warn" => options.on_bad_lines(BadLines::Skip),
        other => return Err(PyValueError::new_err(format!("on_bad_lines is error, skip or warn, not {other:?}"))),
    };
    let device = DeviceArg::or_default(device, py)?;
    let (source, _) = Source::new(source)?;
    let read = move || {
        let (columns, bad_lines) = read(&options, &source)?;
        Ok((columns.into_device(&device)?, bad_lines))
    };
    let (columns, bad_lines) = interrupt::run(py, read)?.map_err(exception)?;
    if warns && !bad_lines.is_empty() {
        let text = format!("read_csv: lines with too many or too few fields are left out: {bad_lines:?}");
        let text = std::ffi::CString::new(text)?;
        PyErr::warn(py, &py.get_type::<PyUserWarning>(), &text, 1)?;
    }
    columns.into_py(py)
}

fn byte(what: &str, text: &str) -> PyResult<u8> {
    match *text.as_bytes() {
        [byte] => Ok(byte),
        _ => Err(PyValueError::new_err(format!("{what} is one ASCII character, not {text:?}"))),
    }
}

/// By the names that Python's codecs have.
fn encoding(name: &str) -> PyResult<Encoding> {
    match &name.to_ascii_lowercase().replace(['_', ' '], "-")[..] {
        "utf-8" | "utf8" | "utf-8-sig" | "ascii" | "us-ascii" => Ok(Encoding::Utf8),
        "latin-1" | "latin1" | "iso-8859-1" | "iso8859-1" | "l1" => Ok(Encoding::Latin1),
        "cp1252" | "windows-1252" | "1252" => Ok(Encoding::Windows1252),
        "utf-16" | "utf16" | "utf-16-le" => Ok(Encoding::Utf16),
        _ => Err(PyValueError::new_err(format!("encoding={name:?} is none of utf-8, latin-1, cp1252, utf-16"))),
    }
}

/// One dtype for all columns, or a dictionary of them. `str` leaves a column as it is written.
fn dtypes(options: Options, dtype: Option<&Bound<'_, PyAny>>) -> PyResult<Options> {
    let Some(dtype) = dtype else { return Ok(options) };
    let Ok(columns) = dtype.cast::<PyDict>() else { return Ok(options.dtype(dtype.extract::<DTypeArg>()?.0)) };
    columns.iter().try_fold(options, |options, (column, dtype)| {
        let column: Key = column.extract()?;
        let is_text = dtype.is(dtype.py().get_type::<PyString>()) || dtype.eq("str")?;
        Ok(if is_text { options.text(column) } else { options.dtype_of(column, dtype.extract::<DTypeArg>()?.0) })
    })
}
