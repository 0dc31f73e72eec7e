//! A table that has been read: columns by name or number, as tensors.

use std::{cmp::Ordering, collections::HashMap, path::PathBuf};

use super::{
    super::npy::in_file,
    column::Want,
    format,
    number::float,
    values::{Text, Values, quoted},
};
use crate::{DType, Device, Element, Error, Result, Scalar, Tensor, dtype::for_dtype};

/// Which column: its name, or its number from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ColumnKey {
    Name(String),
    Number(usize),
}

impl From<&str> for ColumnKey {
    fn from(name: &str) -> Self {
        Self::Name(name.into())
    }
}

impl From<&String> for ColumnKey {
    fn from(name: &String) -> Self {
        Self::Name(name.clone())
    }
}

impl From<String> for ColumnKey {
    fn from(name: String) -> Self {
        Self::Name(name)
    }
}

impl From<usize> for ColumnKey {
    fn from(number: usize) -> Self {
        Self::Number(number)
    }
}

impl ColumnKey {
    /// The number of the column among these, or what is wrong.
    pub(super) fn place<N: AsRef<str>>(&self, names: &[N]) -> Result<usize, String> {
        let list = || names.iter().map(|n| format!("{:?}", n.as_ref())).collect::<Vec<_>>().join(", ");
        match self {
            Self::Number(number) if *number < names.len() => Ok(*number),
            Self::Number(number) => Err(format!("there is no column {number}, but {}: {}", names.len(), list())),
            Self::Name(name) => {
                let mut found = (0..names.len()).filter(|&i| names[i].as_ref() == name);
                match (found.next(), found.next()) {
                    (Some(place), None) => Ok(place),
                    (Some(_), Some(_)) => Err(format!("two columns are called {name:?}: take them by their numbers")),
                    (None, _) => Err(format!("there is no column {name:?}, but {}", list())),
                }
            }
        }
    }
}

/// A column of a [`Table`].
pub(super) struct Column {
    name: String,
    /// Parts, all of one kind: as many as blocks were read; one of text.
    values: Vec<Values>,
    /// None for text.
    dtype: Option<DType>,
}

impl Column {
    pub fn new(name: String, values: Vec<Values>, want: Want) -> Self {
        let dtype = match (values.first(), want) {
            (Some(Values::Text(_)), _) => None,
            (_, Want::Numbers(dtype)) => Some(dtype),
            (Some(Values::Bool(_)), _) => Some(DType::Bool),
            (Some(Values::Int(_)), _) => Some(DType::I64),
            (Some(Values::UInt(_)), _) => Some(DType::U64),
            (Some(Values::Float(_)) | None, _) => Some(DType::F64),
        };
        Self { name, values, dtype }
    }

    fn error(&self, row: usize, reason: impl std::fmt::Display) -> Error {
        format(format!("row {row}, column {:?}: {reason}", self.name))
    }

    #[cold]
    fn misfit(&self, row: usize, value: Scalar, dtype: DType) -> Error {
        let value = match value {
            Scalar::Float(v) if v.is_nan() => "a missing value".into(),
            Scalar::Float(v) => v.to_string(),
            Scalar::Int(v) => v.to_string(),
            Scalar::UInt(v) => v.to_string(),
            Scalar::Bool(v) => v.to_string(),
        };
        self.error(row, format_args!("{dtype} cannot hold {value}"))
    }

    /// Writes the values into every `step`th element. Floats are rounded; what no integer can hold is an error.
    fn write<T: Element>(&self, out: &mut [T], step: usize) -> Result<()> {
        let exact = !T::DTYPE.is_float();
        let mut out = out.iter_mut().step_by(step).enumerate();
        macro_rules! copy {
            ($values:expr, $scalar:ident) => {
                for (&value, (row, to)) in $values.iter().zip(&mut out) {
                    *to = T::from_scalar(Scalar::$scalar(value));
                    if exact && !same(to.to_scalar(), Scalar::$scalar(value)) {
                        return Err(self.misfit(row, Scalar::$scalar(value), T::DTYPE));
                    }
                }
            };
        }
        for part in &self.values {
            match part {
                Values::Bool(values) => copy!(values, Bool),
                Values::Int(values) => copy!(values, Int),
                Values::UInt(values) => copy!(values, UInt),
                Values::Float(values) => copy!(values, Float),
                Values::Text(text) => return Err(self.no_number(text)),
            }
        }
        Ok(())
    }

    /// Where text stands that is no number.
    fn no_number(&self, text: &Text) -> Error {
        let number = |id: &u32| *id == Text::MISSING || float(text.texts[*id as usize].as_bytes()).is_some();
        match text.rows.iter().position(|id| !number(id)) {
            Some(row) => {
                let text = quoted(text.texts[text.rows[row] as usize].as_bytes());
                self.error(row, format_args!("{text} is not a number; `labels` gives text as classes"))
            }
            None => format(format!("column {:?} was read as text; read it as numbers, or take `labels`", self.name)),
        }
    }
}

/// Whether two numbers are equal, none of them rounded.
fn same(a: Scalar, b: Scalar) -> bool {
    let whole = |scalar| match scalar {
        Scalar::Bool(v) => Some(v.into()),
        Scalar::Int(v) => Some(v.into()),
        Scalar::UInt(v) => Some(v.into()),
        Scalar::Float(v) if v.fract() == 0.0 && v.abs() < 1e30 => Some(v as i128),
        Scalar::Float(_) => None,
    };
    let (a, b): (Option<i128>, Option<i128>) = (whole(a), whole(b));
    a.is_some() && a == b
}

/// A table that has been read. Its tensors are on the CPU.
///
/// Errors count rows from 0, as tensors do, and lines from 1, as editors do.
pub struct Table {
    columns: Vec<Column>,
    rows: usize,
    bad_lines: Vec<u64>,
    dtype: Option<DType>,
    path: Option<PathBuf>,
}

/// The classes of a column, from [`Table::labels`].
#[derive(Clone, Debug)]
pub struct Labels {
    /// `[rows]`, `I64`: where each row's class stands among `classes`.
    pub ids: Tensor,
    /// The classes in order: text by its characters, integers by their value.
    pub classes: Vec<String>,
}

impl Table {
    pub(super) fn new(
        columns: Vec<Column>,
        rows: usize,
        bad_lines: Vec<u64>,
        dtype: Option<DType>,
        path: Option<PathBuf>,
    ) -> Self {
        Self { columns, rows, bad_lines, dtype, path }
    }

    /// The names of the columns.
    pub fn names(&self) -> Vec<&str> {
        self.columns.iter().map(|column| column.name.as_str()).collect()
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The lines that were left out, counted from 1: see [`Options::on_bad_lines`](super::Options::on_bad_lines).
    pub fn bad_lines(&self) -> &[u64] {
        &self.bad_lines
    }

    /// The dtype of a column; `None` if it is text.
    ///
    /// # Errors
    /// If there is no such column.
    pub fn dtype(&self, column: impl Into<ColumnKey>) -> Result<Option<DType>> {
        Ok(self.get(&column.into())?.dtype)
    }

    /// A column as `[rows]`, in its own dtype.
    ///
    /// # Errors
    /// If there is no such column, or it is text.
    pub fn column(&self, column: impl Into<ColumnKey>) -> Result<Tensor> {
        let column = self.get(&column.into())?;
        let dtype = column.dtype.unwrap_or(DType::F64);
        self.gather(&[column], dtype)?.squeeze(1)
    }

    /// Columns side by side as `[rows, columns]`: `F32`, or what [`Options::dtype`](super::Options::dtype) said.
    ///
    /// # Errors
    /// If there is no such column, or one is text; the error names the row that is no number.
    pub fn columns<K: Into<ColumnKey>>(&self, columns: impl IntoIterator<Item = K>) -> Result<Tensor> {
        self.columns_as(columns, self.dtype.unwrap_or(DType::F32))
    }

    /// Columns side by side as `[rows, columns]` in a dtype. Floats are rounded to it.
    ///
    /// # Errors
    /// As [`columns`](Self::columns); besides, if an integer dtype cannot hold a value.
    ///
    /// ```
    /// # use kiln::{io::csv, prelude::*};
    /// let table = csv::from_bytes(b"a,b,c\n1,2,3\n4,5,6.5\n")?;
    /// assert_eq!(table.columns_as(0..2, DType::I64)?.to_vec::<i64>()?, [1, 2, 4, 5]);
    /// assert_eq!(
    ///     table.columns_as(["c"], DType::I64).unwrap_err().to_string(),
    ///     "csv: row 1, column \"c\": int64 cannot hold 6.5"
    /// );
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn columns_as<K: Into<ColumnKey>>(&self, columns: impl IntoIterator<Item = K>, dtype: DType) -> Result<Tensor> {
        let columns = columns.into_iter().map(|key| self.get(&key.into())).collect::<Result<Vec<_>>>()?;
        self.gather(&columns, dtype)
    }

    /// All columns side by side, as [`columns`](Self::columns).
    ///
    /// # Errors
    /// If a column is text.
    pub fn to_tensor(&self) -> Result<Tensor> {
        self.columns(0..self.columns.len())
    }

    /// A column's text; `None` where it is missing.
    ///
    /// # Errors
    /// If there is no such column, or it holds numbers: [`Options::text`](super::Options::text) reads those as text.
    pub fn text(&self, column: impl Into<ColumnKey>) -> Result<Vec<Option<&str>>> {
        let column = self.get(&column.into())?;
        match &column.values[..] {
            [Values::Text(text)] => Ok(text.rows.iter().map(|&id| text.texts.get(id as usize).map(|t| &**t)).collect()),
            _ => Err(self.named(format(format!("column {:?} holds numbers, no text", column.name)))),
        }
    }

    /// A column of text, integers or bools as numbers of classes, with the sorted list of the classes that occur.
    ///
    /// # Errors
    /// If there is no such column, it holds floats, or a value is missing.
    ///
    /// ```
    /// # use kiln::{io::csv, prelude::*};
    /// let digits = csv::from_bytes(b"digit\n10\n9\n10\n")?.labels("digit")?;
    /// assert_eq!((digits.classes, digits.ids.to_vec::<i64>()?), (vec!["9".into(), "10".into()], vec![1, 0, 1]));
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn labels(&self, column: impl Into<ColumnKey>) -> Result<Labels> {
        let column = self.get(&column.into())?;
        let (rows, names) = self.classes(column)?;
        let mut order: Vec<usize> = (0..names.len()).collect();
        order.sort_by(|&a, &b| by_class(&names[a], &names[b], column.dtype));
        let mut ids = vec![0i64; names.len()];
        order.iter().enumerate().for_each(|(id, &place)| ids[place] = id as i64);
        let classes = order.iter().map(|&place| names[place].clone()).collect();
        let ids = rows.iter().map(|&row| ids[row as usize]).collect();
        Ok(Labels { ids: Tensor::from_vec(ids, [self.rows], &Device::cpu())?, classes })
    }

    /// A column as numbers of given classes, such as a test set's by those of the training set: `[rows]`, `I64`.
    ///
    /// # Errors
    /// As [`labels`](Self::labels); besides, if a row's class is not among these.
    pub fn labels_as<S: AsRef<str>>(&self, column: impl Into<ColumnKey>, classes: &[S]) -> Result<Tensor> {
        let column = self.get(&column.into())?;
        let (rows, names) = self.classes(column)?;
        let known: HashMap<&str, i64> = classes.iter().map(AsRef::as_ref).zip(0..).collect();
        let id = |(row, &place): (usize, &u32)| {
            let name = &names[place as usize];
            let unknown = || self.named(column.error(row, format_args!("{name:?} is not among the classes")));
            known.get(name.as_str()).copied().ok_or_else(unknown)
        };
        let ids = rows.iter().enumerate().map(id).collect::<Result<Vec<i64>>>()?;
        Tensor::from_vec(ids, [self.rows], &Device::cpu())
    }

    fn get(&self, key: &ColumnKey) -> Result<&Column> {
        let place = key.place(&self.names()).map_err(|reason| self.named(format(reason)))?;
        Ok(&self.columns[place])
    }

    /// The error with the file's name.
    fn named(&self, error: Error) -> Error {
        match &self.path {
            Some(path) => in_file(path, error),
            None => error,
        }
    }

    fn gather(&self, columns: &[&Column], dtype: DType) -> Result<Tensor> {
        let count = columns.len();
        let too_large = || format(format!("{count} columns of {} rows cannot be addressed", self.rows));
        let numel = self.rows.checked_mul(count).ok_or_else(too_large)?;
        for_dtype!(dtype, T => {
            let mut out = vec![T::default(); numel];
            for (i, column) in columns.iter().enumerate().filter(|_| self.rows > 0) {
                column.write(&mut out[i..], count).map_err(|error| self.named(error))?;
            }
            Tensor::from_vec(out, [self.rows, count], &Device::cpu())
        })
    }

    /// The class of each row by number, and the classes' names.
    fn classes(&self, column: &Column) -> Result<(Vec<u32>, Vec<String>)> {
        let (mut rows, mut names) = (Vec::with_capacity(self.rows), Vec::new());
        let mut numbers: HashMap<i128, u32> = HashMap::new();
        let mut push = |value: i128, name: &dyn Fn() -> String| {
            let number = *numbers.entry(value).or_insert_with(|| {
                names.push(name());
                names.len() as u32 - 1
            });
            rows.push(number);
        };
        for part in &column.values {
            match part {
                Values::Text(text) => {
                    if let Some(row) = text.rows.iter().position(|&id| id == Text::MISSING) {
                        return Err(self.named(column.error(
                            row,
                            "the class is missing; `fill` or `keep_default_na` of the options makes it one",
                        )));
                    }
                    return Ok((text.rows.clone(), text.texts.iter().map(|text| text.to_string()).collect()));
                }
                Values::Int(values) => values.iter().for_each(|v| push((*v).into(), &|| v.to_string())),
                Values::UInt(values) => values.iter().for_each(|v| push((*v).into(), &|| v.to_string())),
                Values::Bool(values) => {
                    values.iter().for_each(|v| push((*v).into(), &|| if *v { "True" } else { "False" }.into()));
                }
                // A column without rows is of no kind.
                Values::Float(_) if self.rows == 0 => {}
                Values::Float(_) => {
                    let reason = "a class is text or an integer, and none is missing: read it with `Options::text`";
                    return Err(self.named(format(format!("column {:?} holds floats; {reason}", column.name))));
                }
            }
        }
        Ok((rows, names))
    }
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table").field("names", &self.names()).field("rows", &self.rows).finish_non_exhaustive()
    }
}

/// Text by its characters, integers by their value.
fn by_class(a: &str, b: &str, dtype: Option<DType>) -> Ordering {
    match (dtype, a.parse::<i128>(), b.parse::<i128>()) {
        (Some(_), Ok(a), Ok(b)) => a.cmp(&b),
        _ => a.cmp(b),
    }
}
