//! How a table is read.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::Path,
};

use super::{
    Encoding, Fill,
    blocks::{self, Source},
    column::Want,
    dialect::Dialect,
    format,
    missing::Missing,
    number::Notation,
    parse,
    table::{ColumnKey, Table},
};
use crate::{DType, Error, Result, io::npy::in_file};

/// What becomes of a row that has more or fewer fields than there are columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BadLines {
    /// It is an error, which names the line.
    #[default]
    Error,
    /// It is left out; [`Table::bad_lines`] tells which.
    Skip,
}

/// How a table is read, with the names of pandas.
///
/// ```
/// # use kiln::{io::csv, prelude::*};
/// let text = b"# stations\n3;?;north\n4;1,5;south\n";
/// let options = csv::Options::new().delimiter(b';').decimal(b',').comment(b'#').names(["id", "rain", "where"]);
/// let table = options.na_values(["?"]).dtype_of("id", DType::I32).usecols(["id", "rain"]).from_bytes(text)?;
/// assert_eq!(table.names(), ["id", "rain"]);
/// assert_eq!(table.column("id")?.to_vec::<i32>()?, [3, 4]);
/// assert_eq!(table.columns(["rain"])?.to_vec::<f32>()?[1], 1.5);
/// # Ok::<(), kiln::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Options {
    pub(super) dialect: Dialect,
    pub(super) notation: Notation,
    pub(super) encoding: Encoding,
    pub(super) skiprows: usize,
    pub(super) skipfooter: usize,
    pub(super) nrows: Option<usize>,
    pub(super) bad_lines: BadLines,
    pub(super) header: bool,
    pub(super) names: Vec<String>,
    pub(super) usecols: Option<Vec<ColumnKey>>,
    pub(super) dtype: Option<DType>,
    pub(super) wants: Vec<(ColumnKey, Want)>,
    pub(super) block_size: usize,
    keep_default_na: bool,
    na_values: Vec<String>,
    fills: Vec<Fill>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            dialect: Dialect::default(),
            notation: Notation::default(),
            encoding: Encoding::Utf8,
            skiprows: 0,
            skipfooter: 0,
            nrows: None,
            bad_lines: BadLines::Error,
            header: true,
            names: Vec::new(),
            usecols: None,
            dtype: None,
            wants: Vec::new(),
            block_size: blocks::SIZE,
            keep_default_na: true,
            na_values: Vec::new(),
            fills: Vec::new(),
        }
    }
}

/// The file: how it is divided.
impl Options {
    /// Commas, and names in the first record.
    pub fn new() -> Self {
        Self::default()
    }

    /// The byte between fields.
    #[doc(alias = "sep")]
    pub fn delimiter(mut self, delimiter: u8) -> Self {
        self.dialect.delimiter = delimiter;
        self
    }

    /// Whether runs of spaces and tabs are between fields, as with `sep=r"\s+"` of pandas.
    ///
    /// ```
    /// # use kiln::{io::csv, prelude::*};
    /// let table = csv::Options::new().delim_whitespace(true).from_bytes(b"  x    y\n 1.5  2\n10.0  3\n")?;
    /// assert_eq!(table.columns(["x", "y"])?.to_vec::<f32>()?, [1.5, 2.0, 10.0, 3.0]);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn delim_whitespace(mut self, on: bool) -> Self {
        self.dialect.whitespace = on;
        self
    }

    /// Whether spaces behind a delimiter are skipped, so that a quote may follow them.
    pub fn skipinitialspace(mut self, on: bool) -> Self {
        self.dialect.skip_spaces = on;
        self
    }

    /// The byte around fields that hold delimiters or line breaks, `"` at first.
    pub fn quotechar(mut self, quote: u8) -> Self {
        self.dialect.quote = Some(quote);
        self
    }

    /// Without quoting, quotes are text: `QUOTE_NONE` of pandas.
    ///
    /// ```
    /// # use kiln::{io::csv, prelude::*};
    /// let table = csv::Options::new().delimiter(b'\t').quoting(false).from_bytes(b"inch\tname\n5\t5\" disk\n3\t\"tiny\n")?;
    /// assert_eq!(table.text("name")?, [Some("5\" disk"), Some("\"tiny")]);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn quoting(mut self, on: bool) -> Self {
        self.dialect.quote = on.then_some(self.dialect.quote.unwrap_or(b'"'));
        self
    }

    /// Whether two quotes in a quoted field stand for one, as they do at first.
    pub fn doublequote(mut self, on: bool) -> Self {
        self.dialect.double_quote = on;
        self
    }

    /// The byte that makes the next one text, whatever it is.
    pub fn escapechar(mut self, escape: u8) -> Self {
        self.dialect.escape = Some(escape);
        self
    }

    /// The byte that starts a comment, which goes on to the end of the line. A line that is only a comment is no row.
    pub fn comment(mut self, comment: u8) -> Self {
        self.dialect.comment = Some(comment);
        self
    }

    /// The encoding of the text, [`Encoding::Utf8`] at first.
    pub fn encoding(mut self, encoding: Encoding) -> Self {
        self.encoding = encoding;
        self
    }

    /// Bytes of the parts that the file is cut into.
    #[doc(hidden)]
    pub fn block_size(mut self, bytes: usize) -> Self {
        self.block_size = bytes.max(1);
        self
    }
}

/// The rows and columns that are read.
impl Options {
    /// Skips so many lines at the start, blank ones and comments too. A record that goes over several lines, in quotes,
    /// is one.
    pub fn skiprows(mut self, lines: usize) -> Self {
        self.skiprows = lines;
        self
    }

    /// Leaves out so many lines at the end, such as sums: blank lines and comments count, as in pandas.
    pub fn skipfooter(mut self, lines: usize) -> Self {
        self.skipfooter = lines;
        self
    }

    /// Reads so many rows. What follows them need not even be a table.
    pub fn nrows(mut self, rows: usize) -> Self {
        self.nrows = Some(rows);
        self
    }

    /// What becomes of rows with too many or too few fields, [`BadLines::Error`] at first. (pandas fills up those with
    /// too few.)
    ///
    /// ```
    /// # use kiln::{io::csv::{self, BadLines}, prelude::*};
    /// let table = csv::Options::new().on_bad_lines(BadLines::Skip).from_bytes(b"a,b\n1,2\n3,4,5\n6,7\n")?;
    /// assert_eq!(table.column("a")?.to_vec::<i64>()?, [1, 6]);
    /// assert_eq!(table.bad_lines(), [3]);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn on_bad_lines(mut self, bad_lines: BadLines) -> Self {
        self.bad_lines = bad_lines;
        self
    }

    /// Whether the first record names the columns; otherwise they are called `0`, `1`, ...
    pub fn header(mut self, header: bool) -> Self {
        self.header = header;
        self
    }

    /// Names for the columns of a file that has none. Call [`header`](Self::header) afterwards to replace those of a file
    /// that has some.
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
}

/// What the fields are.
impl Options {
    /// Reads all columns as this dtype, which [`Table::columns`] then gives, too. A field that it cannot hold is an
    /// error; integers may be written as floats, `1.0` or `1e3`.
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

    /// The byte before the fraction of a number, `.` at first.
    pub fn decimal(mut self, decimal: u8) -> Self {
        self.notation.decimal = decimal;
        self
    }

    /// The byte between groups of digits, as in `1,000,000`.
    ///
    /// ```
    /// # use kiln::{io::csv, prelude::*};
    /// let options = csv::Options::new().delimiter(b';').decimal(b',').thousands(b'.');
    /// let table = options.from_bytes(b"n;price\n1.234;2.000,50\n")?;
    /// assert_eq!((table.column("n")?.item::<i64>()?, table.column("price")?.item::<f64>()?), (1234, 2000.5));
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn thousands(mut self, thousands: u8) -> Self {
        self.notation.thousands = Some(thousands);
        self
    }

    /// More texts that stand for missing values. One that is a number stands for that number however it is written.
    pub fn na_values<S: AsRef<str>>(mut self, texts: impl IntoIterator<Item = S>) -> Self {
        self.na_values.extend(texts.into_iter().map(|text| text.as_ref().into()));
        self
    }

    /// Whether the texts that stand for missing values in pandas do so here: the empty one, `NA`, `N/A`, `NaN`, `nan`,
    /// `null`, `NULL`, `None`, `<NA>` and some more. Without them, only [`na_values`](Self::na_values) are missing.
    ///
    /// ```
    /// # use kiln::{io::csv, prelude::*};
    /// let text = b"country,n\nNA,1\nDE,2\n";
    /// let table = csv::Options::new().keep_default_na(false).from_bytes(text)?;
    /// assert_eq!(table.labels("country")?.classes, ["DE", "NA"]);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn keep_default_na(mut self, keep: bool) -> Self {
        self.keep_default_na = keep;
        self
    }

    /// What is read where a value is missing: a number in columns of numbers, a text in columns of text; call it twice
    /// for both. Without it, a float becomes NaN, a column of integers becomes floats, where a dtype was asked for that
    /// has no NaN it is an error, and text stays missing.
    ///
    /// ```
    /// # use kiln::{io::csv, prelude::*};
    /// let table = csv::Options::new().fill(-1).fill("unknown").from_bytes(b"n,kind\n,cat\n2,\n")?;
    /// assert_eq!(table.column("n")?.to_vec::<i64>()?, [-1, 2]);
    /// assert_eq!(table.labels("kind")?.classes, ["cat", "unknown"]);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    #[doc(alias = "fillna")]
    pub fn fill(mut self, value: impl Into<Fill>) -> Self {
        self.fills.push(value.into());
        self
    }
}

/// Reading.
impl Options {
    /// Reads a file.
    ///
    /// # Errors
    /// As [`read`](super::read); besides, if a column is asked for that is not there, a field is none of its dtype, or
    /// two options contradict each other. Errors name line, row and column.
    pub fn read(&self, path: impl AsRef<Path>) -> Result<Table> {
        let path = path.as_ref();
        let read = || {
            let failed = |error: io::Error| Error::format_from("csv", error);
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

    /// Which fields are missing values.
    pub(super) fn missing(&self) -> Missing {
        let mut missing = Missing::new(self.keep_default_na, self.na_values.iter().map(String::as_str));
        self.fills.iter().for_each(|fill| missing.fill(fill));
        missing
    }

    /// Makes sure that every byte has one meaning.
    pub(super) fn check(&self) -> Result<()> {
        let Dialect { delimiter, whitespace, quote, escape, comment, .. } = self.dialect;
        let bytes = [
            ("delimiter", Some(delimiter).filter(|_| !whitespace)),
            ("quotechar", quote),
            ("escapechar", escape),
            ("comment", comment),
        ];
        let bytes: Vec<_> = bytes.into_iter().filter_map(|(name, byte)| Some((name, byte?))).collect();
        for (i, &(name, byte)) in bytes.iter().enumerate() {
            if matches!(byte, b'\n' | b'\r') || whitespace && matches!(byte, b' ' | b'\t') {
                return Err(format(format!("the {name} {:?} divides lines or fields already", byte as char)));
            }
            if let Some((other, _)) = bytes[..i].iter().find(|(_, b)| *b == byte) {
                return Err(format(format!("{:?} is both the {other} and the {name}", byte as char)));
            }
        }
        if self.notation.thousands == Some(self.notation.decimal) {
            let byte = self.notation.decimal as char;
            return Err(format(format!("{byte:?} is both the decimal and the thousands sign")));
        }
        Ok(())
    }
}
