//! Tables in CSV files, as `read_csv` of pandas reads them.
//!
//! Three lines make tensors of a table:
//!
//! ```
//! # use kiln::prelude::*;
//! use kiln::io::csv;
//! # let path = std::env::temp_dir().join(format!("kiln-doc-points-{}.csv", std::process::id()));
//! # std::fs::write(&path, "x,y,class\n0.5,1,cat\n2,-3.5,dog\n1e-2,7,cat\n").unwrap();
//! let table = csv::read(&path)?;
//! let x = table.columns(["x", "y"])?;
//! let y = table.labels("class")?;
//! assert_eq!((x.shape().dims(), x.dtype()), ([3, 2].as_slice(), DType::F32));
//! assert_eq!((y.ids.to_vec::<i64>()?, y.classes), (vec![0, 1, 0], vec!["cat".into(), "dog".into()]));
//! # std::fs::remove_file(path).unwrap();
//! # Ok::<(), kiln::Error>(())
//! ```
//!
//! The first record names the columns. A column is what its fields are: integers (`I64`, `U64` where one is too large),
//! floats (`F64`, each the one that is nearest to its text), `True` and `False` (`Bool`), or text. Empty fields, `NA`,
//! `NaN` and the like are missing values: NaN among numbers. What is otherwise goes into [`Options`].
//!
//! Files may be compressed with gzip, begin with a byte order mark, and end their lines either way. Fields in double
//! quotes may hold anything. Text is UTF-8. Blank lines are skipped.

mod column;
mod records;
mod table;
mod write;

use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

use column::{Column, Missing, Values, Want};
use flate2::bufread::MultiGzDecoder;
use records::Records;

pub use table::{ColumnKey, Labels, Table};
pub use write::{save, to_bytes};

use super::npy::in_file;
use crate::{DType, Error, Result, Scalar};

/// Bytes that are read at once.
const CHUNK: usize = 1 << 17;

/// Reads a table whose first record names its columns. For anything else, see [`Options`].
///
/// # Errors
/// If the file cannot be read, a record has more or fewer fields than there are names, or a quote is not closed. The
/// error names the line.
pub fn read(path: impl AsRef<Path>) -> Result<Table> {
    Options::default().read(path)
}

/// Reads a table from the contents of a CSV file.
///
/// # Errors
/// As [`read`].
///
/// ```
/// # use kiln::{io::csv, prelude::*};
/// let table = csv::from_bytes(b"a,b\n1,2.5\n3,\n")?;
/// assert_eq!(table.column("a")?.to_vec::<i64>()?, [1, 3]);
/// assert!(table.column("b")?.to_vec::<f64>()?[1].is_nan());
/// # Ok::<(), kiln::Error>(())
/// ```
pub fn from_bytes(bytes: &[u8]) -> Result<Table> {
    Options::default().from_bytes(bytes)
}

/// How a table is read, with the names of pandas.
///
/// ```
/// # use kiln::{io::csv, prelude::*};
/// let text = b"# stations\n3;?;north\n4;1.5;south\n";
/// let options = csv::Options::new().delimiter(b';').comment(b'#').names(["id", "rain", "where"]);
/// let table = options.na_values(["?"]).dtype_of("id", DType::I32).usecols(["id", "rain"]).from_bytes(text)?;
/// assert_eq!(table.names(), ["id", "rain"]);
/// assert_eq!(table.column("id")?.to_vec::<i32>()?, [3, 4]);
/// assert_eq!(table.columns(["rain"])?.to_vec::<f32>()?[1], 1.5);
/// # Ok::<(), kiln::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Options {
    delimiter: u8,
    comment: Option<u8>,
    skiprows: usize,
    header: bool,
    names: Vec<String>,
    usecols: Option<Vec<ColumnKey>>,
    dtype: Option<DType>,
    wants: Vec<(ColumnKey, Want)>,
    missing: Missing,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            delimiter: b',',
            comment: None,
            skiprows: 0,
            header: true,
            names: Vec::new(),
            usecols: None,
            dtype: None,
            wants: Vec::new(),
            missing: Missing::default(),
        }
    }
}

impl Options {
    /// Commas, and names in the first record.
    pub fn new() -> Self {
        Self::default()
    }

    /// The byte between fields.
    pub fn delimiter(mut self, delimiter: u8) -> Self {
        self.delimiter = delimiter;
        self
    }

    /// Skips lines that begin with this byte.
    pub fn comment(mut self, comment: u8) -> Self {
        self.comment = Some(comment);
        self
    }

    /// Skips so many lines at the start.
    pub fn skiprows(mut self, lines: usize) -> Self {
        self.skiprows = lines;
        self
    }

    /// Whether the first record names the columns; otherwise they are called `0`, `1`, ...
    pub fn header(mut self, header: bool) -> Self {
        self.header = header;
        self
    }

    /// Names for the columns of a file that has none.
    pub fn names<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.names = names.into_iter().map(Into::into).collect();
        self.header = false;
        self
    }

    /// Reads these columns alone, by name or number. They keep the file's order.
    pub fn usecols<K: Into<ColumnKey>>(mut self, columns: impl IntoIterator<Item = K>) -> Self {
        self.usecols = Some(columns.into_iter().map(Into::into).collect());
        self
    }

    /// Reads all columns as this dtype, which [`Table::columns`] then gives, too. A field that it cannot hold is an
    /// error.
    pub fn dtype(mut self, dtype: DType) -> Self {
        self.dtype = Some(dtype);
        self
    }

    /// Reads one column as this dtype. A field that it cannot hold is an error.
    pub fn dtype_of(mut self, column: impl Into<ColumnKey>, dtype: DType) -> Self {
        self.wants.push((column.into(), Want::Numbers(dtype)));
        self
    }

    /// Reads one column as text, even if its fields are numbers: `007` stays `007`.
    pub fn text(mut self, column: impl Into<ColumnKey>) -> Self {
        self.wants.push((column.into(), Want::Text));
        self
    }

    /// More texts that stand for missing values.
    pub fn na_values<S: AsRef<str>>(mut self, texts: impl IntoIterator<Item = S>) -> Self {
        texts.into_iter().for_each(|text| self.missing.add(text.as_ref()));
        self
    }

    /// The number that is read where one is missing. Without it, a float becomes NaN, a column of integers becomes
    /// floats, and where a dtype was asked for that has no NaN, it is an error. Text stays missing.
    pub fn fill(mut self, value: impl Into<Scalar>) -> Self {
        self.missing.fill = Some(match value.into() {
            Scalar::Bool(value) => value.to_string(),
            Scalar::Int(value) => value.to_string(),
            Scalar::UInt(value) => value.to_string(),
            Scalar::Float(value) => value.to_string(),
        });
        self
    }

    /// Reads a file.
    ///
    /// # Errors
    /// As [`read`](self::read); besides, if a column is asked for that is not there, or a field is none of its dtype.
    /// Those errors name line, row and column.
    pub fn read(&self, path: impl AsRef<Path>) -> Result<Table> {
        let path = path.as_ref();
        let open = || -> Result<Table> {
            let failed = |error: std::io::Error| format(error.to_string());
            let mut file = File::open(path).map_err(failed)?;
            if !file.metadata().map_err(failed)?.is_file() {
                // A pipe cannot be read twice.
                let mut bytes = Vec::new();
                file.read_to_end(&mut bytes).map_err(failed)?;
                return self.table(&|| Ok(Box::new(&bytes[..])), None);
            }
            let again = || Ok(Box::new(BufReader::with_capacity(CHUNK, File::open(path).map_err(failed)?)) as _);
            self.table(&again, Some(path.into()))
        };
        open().map_err(|error| in_file(path, error))
    }

    /// Reads the contents of a file.
    ///
    /// # Errors
    /// As [`Options::read`].
    pub fn from_bytes(&self, bytes: &[u8]) -> Result<Table> {
        self.table(&|| Ok(Box::new(bytes)), None)
    }

    /// Reads a text that can be opened again, should numbers turn out to be text.
    fn table<'a>(&self, open: &dyn Fn() -> Result<Box<dyn BufRead + 'a>>, path: Option<PathBuf>) -> Result<Table> {
        let mut records = self.records(open)?;
        let (names, more) = self.start(&mut records)?;
        let wants = self.wants(&names)?;
        let (mut columns, rows) = self.rows(&mut records, more, &names, &wants)?;
        let lost: Vec<_> = columns.iter().map(|c| matches!(c, Some(None)).then_some(Want::Text)).collect();
        if lost.iter().any(Option::is_some) {
            let mut records = self.records(open)?;
            let (names_now, more) = self.start(&mut records)?;
            let (texts, rows_now) = self.rows(&mut records, more, &names_now, &lost)?;
            if (rows_now, &names_now) != (rows, &names) {
                return Err(format("it was changed while it was read"));
            }
            columns.iter_mut().zip(texts).filter(|(_, text)| text.is_some()).for_each(|(to, text)| *to = text);
        }
        let columns = columns.into_iter().map(Option::flatten).zip(names).zip(&wants);
        let columns = columns.filter_map(|((values, name), want)| Some(table::Column::new(name, values?, (*want)?)));
        Ok(Table::new(columns.collect(), rows, self.dtype, path))
    }

    fn records<'a>(&self, open: &dyn Fn() -> Result<Box<dyn BufRead + 'a>>) -> Result<Records<'a>> {
        let mut source = open()?;
        let is_gzip = source.fill_buf().map_err(|error| format(error.to_string()))?.starts_with(b"\x1f\x8b");
        if is_gzip {
            source = Box::new(BufReader::with_capacity(CHUNK, MultiGzDecoder::new(source)));
        }
        Records::new(source, self)
    }

    /// The names of the file's columns, and whether a first row was read.
    fn start(&self, records: &mut Records) -> Result<(Vec<String>, bool)> {
        let more = records.advance()?;
        if !self.header && !self.names.is_empty() {
            return Ok((self.names.clone(), more));
        }
        if !more {
            return Err(format("it is empty"));
        }
        if !self.header {
            return Ok(((0..records.len()).map(|i| i.to_string()).collect(), more));
        }
        let name = |field: &[u8]| {
            let failed =
                |_| format(format!("line {}: the name {} is not UTF-8", records.line(), column::quoted(field)));
            String::from_utf8(field.into()).map_err(failed)
        };
        let names = records.iter().map(name).collect::<Result<_>>()?;
        Ok((names, records.advance()?))
    }

    /// What each of the file's columns is to hold; nothing for those that nobody asked for.
    fn wants(&self, names: &[String]) -> Result<Vec<Option<Want>>> {
        let any = self.dtype.map_or(Want::Any, Want::Numbers);
        let mut wants = vec![if self.usecols.is_none() { Some(any) } else { None }; names.len()];
        for key in self.usecols.iter().flatten() {
            wants[key.place(names).map_err(format)?] = Some(any);
        }
        for (key, want) in &self.wants {
            let place = key.place(names).map_err(format)?;
            wants[place] = wants[place].map(|_| *want);
        }
        Ok(wants)
    }

    /// Reads all rows. Of the columns that are wanted, those have no values that must be read again as text.
    fn rows(
        &self,
        records: &mut Records,
        mut more: bool,
        names: &[String],
        wants: &[Option<Want>],
    ) -> Result<(Vec<Option<Option<Values>>>, usize)> {
        let mut columns: Vec<_> = wants.iter().map(|want| want.map(Column::new)).collect();
        let mut rows = 0;
        while more {
            if records.len() != names.len() {
                let (line, fields, wanted) = (records.line(), records.len(), names.len());
                let header = if self.header { "the header" } else { "the first row" };
                let header = if self.names.is_empty() { header } else { "the list of names" };
                return Err(format(format!("line {line}: {fields} fields, but {header} has {wanted}")));
            }
            for (i, (column, field)) in columns.iter_mut().zip(records.iter()).enumerate() {
                if let Some(column) = column
                    && let Err(reason) = column.push(field, &self.missing)
                {
                    let (line, name) = (records.line(), &names[i]);
                    return Err(format(format!("line {line}, row {rows}, column {name:?}: {reason}")));
                }
            }
            rows += 1;
            more = records.advance()?;
        }
        Ok((columns.into_iter().map(|c| c.map(|c| c.finish(&self.missing))).collect(), rows))
    }
}

fn format(reason: impl Into<String>) -> Error {
    Error::Format { format: "csv", reason: reason.into() }
}
