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

mod blocks;
mod column;
mod number;
mod parse;
mod records;
mod table;
mod write;

use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::Path,
};

use blocks::Source;
use column::{Missing, Want};

pub use table::{ColumnKey, Labels, Table};
pub use write::{save, to_bytes};

use super::npy::in_file;
use crate::{DType, Error, Result, Scalar};

/// Reads a table whose first record names its columns. For anything else, see [`Options`].
///
/// # Errors
/// If the file cannot be read, a record has more or fewer fields than there are names, or a quote is not closed. The
/// error names the line.
#[doc(alias = "read_csv")]
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
        self.missing.fill = match value.into() {
            Scalar::Bool(value) => Some(value.to_string()),
            Scalar::Int(value) => Some(value.to_string()),
            Scalar::UInt(value) => Some(value.to_string()),
            // NaN is what a missing number is anyway.
            Scalar::Float(value) => Some(value.to_string()).filter(|_| !value.is_nan()),
        };
        self
    }

    /// Reads a file.
    ///
    /// # Errors
    /// As [`read`]; besides, if a column is asked for that is not there, or a field is none of its dtype.
    /// Those errors name line, row and column.
    pub fn read(&self, path: impl AsRef<Path>) -> Result<Table> {
        let path = path.as_ref();
        let read = || {
            let failed = |error: io::Error| format(error.to_string());
            let mut file = File::open(path).map_err(failed)?;
            if file.metadata().map_err(failed)?.is_file() {
                let open = || Ok(Box::new(BufReader::new(File::open(path).map_err(failed)?)) as Source<'_>);
                return parse::table(self, open, Some(path.into()));
            }
            // A pipe cannot be opened twice.
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).map_err(failed)?;
            parse::table(self, || Ok(Box::new(&bytes[..])), Some(path.into()))
        };
        read().map_err(|error| in_file(path, error))
    }

    /// Reads the contents of a file.
    ///
    /// # Errors
    /// As [`Options::read`].
    pub fn from_bytes(&self, bytes: &[u8]) -> Result<Table> {
        parse::table(self, || Ok(Box::new(bytes)), None)
    }

    fn parser(&self) -> csv_core::ReaderBuilder {
        let mut parser = csv_core::ReaderBuilder::new();
        parser.delimiter(self.delimiter).comment(self.comment);
        parser
    }
}

fn format(reason: impl Into<String>) -> Error {
    Error::Format { format: "csv", reason: reason.into() }
}
