//! NumPy's dtypes: numbers, what Kiln has no numbers for, and records of fields.

use std::{collections::HashSet, fmt};

use super::{
    column::{Column, FieldLayout},
    format,
    literal::{Literal, quoted},
};
use crate::{DType, Error, Result};

/// What an element of an array is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Descr {
    Number(Number),
    /// What there is no dtype for, under NumPy's name.
    Opaque {
        name: String,
        size: usize,
    },
    Record {
        fields: Vec<Field>,
        size: usize,
    },
}

/// A dtype in one of two byte orders.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Number {
    pub dtype: DType,
    /// Whether the byte order is not this machine's.
    pub swapped: bool,
}

/// A field of a structured array.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    name: String,
    title: Option<String>,
    shape: Vec<usize>,
    descr: Descr,
    /// Bytes from the start of the record.
    offset: usize,
}

impl Field {
    /// The name, within the field around it if there is one.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// NumPy's second name, by which a field can be found as well.
    pub fn title(&self) -> Option<&str> {
        self.title.as_deref()
    }

    /// The axes that the field adds behind those of the array: `[]` unless it is a sub-array.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The dtype of its numbers. `None` if it has fields itself, or holds what is not read.
    pub fn dtype(&self) -> Option<DType> {
        self.descr.dtype()
    }

    /// The dtype as NumPy describes it: `<f4`, `|S5`, `[('x', '<f4'), ('y', '<f4')]`.
    pub fn descr(&self) -> String {
        self.descr.to_string()
    }

    /// The fields within it.
    pub fn fields(&self) -> &[Field] {
        self.descr.fields()
    }
}

/// NumPy's codes, without the byte order. `BF16` is the one that `ml_dtypes` writes.
const CODES: [(&str, DType); 13] = [
    ("b1", DType::Bool),
    ("i1", DType::I8),
    ("i2", DType::I16),
    ("i4", DType::I32),
    ("i8", DType::I64),
    ("u1", DType::U8),
    ("u2", DType::U16),
    ("u4", DType::U32),
    ("u8", DType::U64),
    ("f2", DType::F16),
    ("f4", DType::F32),
    ("f8", DType::F64),
    ("V2", DType::BF16),
];

/// Other spellings that NumPy takes: letters, which may follow a byte order, and names, which may not. C's `long` has 64
/// bits, as everywhere but on Windows.
const LETTERS: [(char, DType); 18] = [
    ('?', DType::Bool),
    ('b', DType::I8),
    ('h', DType::I16),
    ('i', DType::I32),
    ('l', DType::I64),
    ('q', DType::I64),
    ('p', DType::I64),
    ('n', DType::I64),
    ('B', DType::U8),
    ('H', DType::U16),
    ('I', DType::U32),
    ('L', DType::U64),
    ('Q', DType::U64),
    ('P', DType::U64),
    ('N', DType::U64),
    ('e', DType::F16),
    ('f', DType::F32),
    ('d', DType::F64),
];
const NAMES: [(&str, DType); 32] = [
    ("bool", DType::Bool),
    ("bool_", DType::Bool),
    ("int8", DType::I8),
    ("byte", DType::I8),
    ("int16", DType::I16),
    ("short", DType::I16),
    ("int32", DType::I32),
    ("intc", DType::I32),
    ("int64", DType::I64),
    ("int", DType::I64),
    ("int_", DType::I64),
    ("intp", DType::I64),
    ("long", DType::I64),
    ("longlong", DType::I64),
    ("uint8", DType::U8),
    ("ubyte", DType::U8),
    ("uint16", DType::U16),
    ("ushort", DType::U16),
    ("uint32", DType::U32),
    ("uintc", DType::U32),
    ("uint64", DType::U64),
    ("uint", DType::U64),
    ("uintp", DType::U64),
    ("ulong", DType::U64),
    ("ulonglong", DType::U64),
    ("float16", DType::F16),
    ("half", DType::F16),
    ("float32", DType::F32),
    ("single", DType::F32),
    ("float64", DType::F64),
    ("double", DType::F64),
    ("float", DType::F64),
];

const NATIVE: char = if cfg!(target_endian = "big") { '>' } else { '<' };

impl Number {
    /// # Errors
    /// If NumPy does not have the dtype.
    pub fn of(dtype: DType) -> Result<Self> {
        if dtype == DType::BF16 {
            return Err(Error::dtype("npy", dtype, "is not among NumPy's dtypes; convert to float32 first"));
        }
        Ok(Self { dtype, swapped: false })
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let order = match (self.dtype.size(), self.swapped, NATIVE) {
            (1, ..) => '|',
            (_, false, native) => native,
            (_, true, '<') => '>',
            (_, true, _) => '<',
        };
        let code = CODES.iter().find(|(_, d)| *d == self.dtype).map_or("", |(code, _)| code);
        write!(f, "{order}{code}")
    }
}

impl fmt::Display for Descr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Descr::Number(number) => number.fmt(f),
            Descr::Opaque { name, .. } => f.write_str(name),
            Descr::Record { fields, .. } => {
                f.write_str("[")?;
                for (i, field) in fields.iter().enumerate() {
                    let comma = if i == 0 { "" } else { ", " };
                    let name = quoted(&field.name);
                    let name = match &field.title {
                        Some(title) => format!("({}, {name})", quoted(title)),
                        None => name,
                    };
                    let quote = if matches!(field.descr, Descr::Record { .. }) { "" } else { "'" };
                    write!(f, "{comma}({name}, {quote}{}{quote}", field.descr)?;
                    if !field.shape.is_empty() {
                        write!(f, ", {}", Tuple(&field.shape))?;
                    }
                    f.write_str(")")?;
                }
                f.write_str("]")
            }
        }
    }
}

/// Sizes as Python writes a tuple.
pub(super) struct Tuple<'a>(pub &'a [usize]);

impl fmt::Display for Tuple<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [only] => write!(f, "({only},)"),
            sizes => {
                let sizes: Vec<String> = sizes.iter().map(usize::to_string).collect();
                write!(f, "({})", sizes.join(", "))
            }
        }
    }
}

impl Descr {
    /// The bytes of an element.
    pub fn size(&self) -> usize {
        match self {
            Descr::Number(number) => number.dtype.size(),
            Descr::Opaque { size, .. } | Descr::Record { size, .. } => *size,
        }
    }

    pub fn dtype(&self) -> Option<DType> {
        match self {
            Descr::Number(number) => Some(number.dtype),
            _ => None,
        }
    }

    pub fn fields(&self) -> &[Field] {
        match self {
            Descr::Record { fields, .. } => fields,
            _ => &[],
        }
    }

    /// Fields without gaps.
    pub fn packed(fields: impl IntoIterator<Item = (String, Vec<usize>, Number)>) -> Result<Self> {
        let mut record = Builder::default();
        for (name, shape, number) in fields {
            record.push(name, None, shape, Descr::Number(number))?;
        }
        Ok(record.finish())
    }

    /// The dtype that a header describes.
    pub fn read(literal: &Literal) -> Result<Self> {
        match literal {
            Literal::String(descr) => simple(descr),
            Literal::List(fields) => {
                let mut record = Builder::default();
                fields.iter().try_for_each(|field| record.read(field))?;
                Ok(record.finish())
            }
            other => Err(format(format!("descr is {}, neither a string nor a list of fields", other.kind()))),
        }
    }

    /// The field that a path of names leads to. Names may have dots themselves.
    pub fn column(&self, path: &str) -> Result<Column> {
        match self.find(path, FieldLayout::default()) {
            Some((descr, layout)) => descr.numbers(layout, path),
            None => Err(format(format!("there is no field {path:?}, but {}", listed(self, "")))),
        }
    }

    fn find(&self, path: &str, layout: FieldLayout) -> Option<(&Descr, FieldLayout)> {
        let enter = |field: &Field| layout.clone().enter(field.offset, &field.shape, field.descr.size());
        let called = |field: &&Field| field.name == path || field.title.as_deref() == Some(path);
        if let Some(field) = self.fields().iter().find(called) {
            return Some((&field.descr, enter(field)));
        }
        self.fields().iter().find_map(|field| {
            let rest = path.strip_prefix(&field.name)?.strip_prefix('.')?;
            field.descr.find(rest, enter(field))
        })
    }

    /// The column of the numbers themselves.
    pub fn whole(&self) -> Result<Column> {
        match self {
            Descr::Record { .. } => {
                let fields = listed(self, "");
                Err(format(format!("it is a structured array; open it and read one of its fields {fields}")))
            }
            _ => self.numbers(FieldLayout::default(), ""),
        }
    }

    fn numbers(&self, layout: FieldLayout, path: &str) -> Result<Column> {
        let what = if path.is_empty() { "descr".into() } else { format!("field {path:?}") };
        match self {
            Descr::Number(number) => Ok(Column { number: *number, layout }),
            Descr::Opaque { name, .. } => Err(format(format!("{what} {name:?}: {}", unread(name)))),
            Descr::Record { .. } => {
                let fields = listed(self, &format!("{path}."));
                Err(format(format!("{what} has fields itself; read one of {fields}")))
            }
        }
    }
}

/// The first names of a record, for a message.
fn listed(record: &Descr, prefix: &str) -> String {
    const MOST: usize = 10;
    let fields = record.fields();
    let mut names: Vec<String> = fields.iter().take(MOST).map(|field| format!("{prefix}{}", field.name)).collect();
    match fields.len() {
        0 => return "none".into(),
        count if count > MOST => names.push(format!("{} more", count - MOST)),
        _ => {}
    }
    names.join(", ")
}

/// Lays fields out one behind the other.
#[derive(Default)]
struct Builder {
    fields: Vec<Field>,
    names: HashSet<String>,
    size: usize,
}

impl Builder {
    /// A field as a header has it: a tuple of name, or title and name; dtype; and perhaps the shape of a sub-array.
    fn read(&mut self, field: &Literal) -> Result<()> {
        let (name, descr, shape) = match field {
            Literal::Tuple(parts) => match &parts[..] {
                [name, descr] => (name, descr, Vec::new()),
                [name, descr, Literal::Int(size)] => (name, descr, vec![extent(*size)?]),
                [name, descr, Literal::Tuple(shape)] => (name, descr, sizes(shape)?),
                _ => return Err(format("a field should have a name, a dtype and perhaps a shape")),
            },
            other => return Err(format(format!("a field is {}, not a tuple", other.kind()))),
        };
        let (title, name) = match name {
            Literal::String(name) => (None, name),
            Literal::Tuple(names) => match &names[..] {
                [Literal::String(title), Literal::String(name)] => (Some(title.clone()), name),
                _ => return Err(format("the name of a field should be a string, or title and name")),
            },
            other => return Err(format(format!("the name of a field is {}, not a string", other.kind()))),
        };
        let descr = Descr::read(descr).map_err(|error| match error {
            Error::Format { reason, .. } => format(format!("field {name:?}: {reason}")),
            other => other,
        })?;
        self.push(name.clone(), title, shape, descr)
    }

    fn push(&mut self, name: String, title: Option<String>, shape: Vec<usize>, descr: Descr) -> Result<()> {
        let offset = self.size;
        let bytes = shape.iter().try_fold(descr.size(), |bytes, &n| bytes.checked_mul(n));
        let end = bytes.and_then(|bytes| bytes.checked_add(offset)).filter(|&end| isize::try_from(end).is_ok());
        self.size = end.ok_or_else(|| format(format!("field {name:?} has more bytes than can be addressed")))?;
        // Raw bytes without a name are gaps between fields.
        if name.is_empty() && matches!(&descr, Descr::Opaque { name, .. } if name.contains('V')) {
            return Ok(());
        }
        for name in [Some(&name), title.as_ref()].into_iter().flatten() {
            if !self.names.insert(name.clone()) {
                return Err(format(format!("two fields are called {name:?}")));
            }
        }
        self.fields.push(Field { name, title, shape, descr, offset });
        Ok(())
    }

    fn finish(self) -> Descr {
        Descr::Record { fields: self.fields, size: self.size }
    }
}

/// A dtype without fields.
fn simple(descr: &str) -> Result<Descr> {
    let (order, name) = match descr.chars().next() {
        Some(order @ ('<' | '>' | '=' | '|')) => (Some(order), &descr[1..]),
        _ => (None, descr),
    };
    if let Some(dtype) = number(order, name) {
        let is_swapped = matches!(order, Some('<' | '>')) && order != Some(NATIVE) && dtype.size() > 1;
        return Ok(Descr::Number(Number { dtype, swapped: is_swapped }));
    }
    let wrong = || format(format!("descr {descr:?}: is not a dtype"));
    let mut chars = name.chars();
    let kind = chars.next().ok_or_else(wrong)?;
    let count = || if chars.as_str().is_empty() { Some(0) } else { chars.as_str().parse::<usize>().ok() };
    let size = match kind {
        'S' | 'a' | 'V' => count(),
        'U' => count().and_then(|count| count.checked_mul(4)),
        'c' => count().filter(|size| matches!(size, 8 | 16 | 24 | 32)),
        'f' => count().filter(|size| matches!(size, 12 | 16)),
        'g' => chars.as_str().is_empty().then_some(16),
        'M' | 'm' => chars.as_str().starts_with('8').then_some(8),
        // Pickled arrays have no layout.
        'O' | 'T' => return Err(format(format!("descr {descr:?}: {}", unread(name)))),
        _ => None,
    };
    Ok(Descr::Opaque { name: descr.into(), size: size.ok_or_else(wrong)? })
}

/// The dtype of numbers that a spelling stands for.
fn number(order: Option<char>, name: &str) -> Option<DType> {
    let mut chars = name.chars();
    let letter = chars.next().filter(|_| chars.as_str().is_empty());
    let code = CODES.iter().find(|(code, _)| *code == name).map(|(_, dtype)| *dtype);
    match order {
        // Raw bytes have no byte order.
        None | Some('|' | '=') if name == "V2" => None,
        _ if code.is_some() => code,
        _ if letter.is_some() => LETTERS.iter().find(|(c, _)| Some(*c) == letter).map(|(_, dtype)| *dtype),
        None => NAMES.iter().find(|(other, _)| *other == name).map(|(_, dtype)| *dtype),
        Some(_) => None,
    }
}

/// Why a dtype is not read, and what helps.
fn unread(descr: &str) -> &'static str {
    match descr.trim_start_matches(['<', '>', '=', '|']).chars().next() {
        Some('c') => "complex numbers are not read; save real and imaginary parts as two arrays",
        Some('O') => "pickled Python objects are never read; save np.asarray(x, dtype=...) with a numeric dtype",
        Some('S' | 'U' | 'a' | 'T') => {
            "strings are not numbers; save codes, such as those of np.unique(x, return_inverse=True)"
        }
        Some('M' | 'm') => "dates and times are not read; save x.astype(np.int64)",
        Some('f' | 'g') => "floats of this size are not read; save x.astype(np.float64)",
        _ => {
            "raw bytes have no dtype, those of float8 neither; save a view as numbers, such as x.view(np.uint8), or \
             x.astype(np.float32)"
        }
    }
}

/// The sizes of a tuple.
pub(super) fn sizes(literals: &[Literal]) -> Result<Vec<usize>> {
    literals
        .iter()
        .map(|literal| match literal {
            Literal::Int(size) => extent(*size),
            other => Err(format(format!("a size is {}, not a number", other.kind()))),
        })
        .collect()
}

fn extent(size: i128) -> Result<usize> {
    match usize::try_from(size) {
        Ok(size) => Ok(size),
        Err(_) if size < 0 => Err(format(format!("a size of {size} is negative"))),
        Err(_) => Err(format(format!("a size of {size} cannot be addressed"))),
    }
}
