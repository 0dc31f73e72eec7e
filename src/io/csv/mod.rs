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
//! A line ends with `\n`, `\r\n` or `\r`. Fields in double quotes may hold anything. Text is UTF-8, with or without a
//! byte order mark. Blank lines are skipped. Files may be packed with gzip, or be the only one of a zip archive (with
//! the feature `npz`).

mod blocks;
mod column;
mod dialect;
mod lines;
mod missing;
mod number;
mod options;
mod parse;
mod records;
mod source;
mod table;
mod values;
mod write;

use std::path::Path;

pub use missing::Fill;
pub use options::{BadLines, Options};
pub use source::Encoding;
pub use table::{ColumnKey, Labels, Table};
pub use write::{save, to_bytes};

use crate::{Error, Result};

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

fn format(reason: impl Into<String>) -> Error {
    Error::format("csv", reason)
}
