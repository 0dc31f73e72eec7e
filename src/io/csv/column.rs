//! A column while it is read: what its fields are is found out from field to field.

use std::{
    collections::{HashMap, HashSet},
    ops::RangeInclusive,
    sync::Arc,
};

use super::number::{float, integer, parse};
use crate::{DType, dtype::Kind};

/// What stands for a missing value in pandas.
const MISSING: [&str; 19] = [
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA",
    "NULL", "NaN", "None", "n/a", "nan", "null",
];

/// Which fields are missing values, and what they become.
#[derive(Clone, Debug)]
pub(super) struct Missing {
    texts: HashSet<Vec<u8>>,
    /// Whether one of the texts could be taken for a value.
    values: bool,
    /// What is read in the place of a missing number; without it, a float becomes NaN, and an integer is an error.
    pub fill: Option<String>,
}

impl Default for Missing {
    fn default() -> Self {
        Self { texts: MISSING.iter().map(|text| text.as_bytes().to_vec()).collect(), values: false, fill: None }
    }
}

impl Missing {
    pub fn add(&mut self, text: &str) {
        self.values |= float(text.as_bytes()).is_some() || boolean(text.as_bytes()).is_some();
        self.texts.insert(text.into());
    }
}

/// The values of a column, as wide as any of them needs.
#[derive(Clone, Debug)]
pub(super) enum Values {
    Bool(Vec<bool>),
    Int(Vec<i64>),
    UInt(Vec<u64>),
    Float(Vec<f64>),
    Text(Text),
}

impl Values {
    /// No values of this kind.
    fn none(&self) -> Values {
        match self {
            Values::Bool(_) => Values::Bool(Vec::new()),
            Values::Int(_) => Values::Int(Vec::new()),
            Values::UInt(_) => Values::UInt(Vec::new()),
            Values::Float(_) => Values::Float(Vec::new()),
            Values::Text(_) => Values::Text(Text::default()),
        }
    }

    /// Integers as floats: rounded once, as their text would be.
    fn floats(&self) -> Option<Vec<f64>> {
        match self {
            Values::Int(values) => Some(values.iter().map(|&v| v as f64).collect()),
            Values::UInt(values) => Some(values.iter().map(|&v| v as f64).collect()),
            Values::Bool(_) | Values::Float(_) | Values::Text(_) => None,
        }
    }

    /// Integers as unsigned ones, if none is negative.
    fn unsigned(&self) -> Option<Vec<u64>> {
        let Values::Int(values) = self else { return None };
        values.iter().map(|&v| v.try_into().ok()).collect()
    }

    /// Parts of a column as wide as each of them needs; `None` if some are text and some are not.
    fn alike(mut parts: Vec<Values>) -> Result<Option<Vec<Values>>, String> {
        let any = |is: fn(&Values) -> bool| parts.iter().any(is);
        let (text, bool) = (any(|v| matches!(v, Values::Text(_))), any(|v| matches!(v, Values::Bool(_))));
        let (float, uint) = (any(|v| matches!(v, Values::Float(_))), any(|v| matches!(v, Values::UInt(_))));
        let int = any(|v| matches!(v, Values::Int(_)));
        if (bool || text) && (float || uint || int || bool && text) {
            return Ok(None);
        }
        if text {
            let mut all = Text::default();
            for part in parts {
                if let Values::Text(part) = part {
                    all.append(part)?;
                }
            }
            return Ok(Some(vec![Values::Text(all)]));
        }
        let negative = |values: &Values| matches!(values, Values::Int(_)) && values.unsigned().is_none();
        let as_floats = float && (int || uint) || uint && int && parts.iter().any(negative);
        for part in &mut parts {
            let wider = match () {
                () if as_floats => part.floats().map(Values::Float),
                () if uint => part.unsigned().map(Values::UInt),
                () => None,
            };
            // Those that are as wide already stay what they are.
            if let Some(wider) = wider {
                *part = wider;
            }
        }
        Ok(Some(parts))
    }
}

/// What is known of a column so far.
enum State {
    /// So many missing values, and no other.
    Missing(usize),
    Known(Values),
    /// Text came after values whose text is gone: the column must be read again.
    Lost,
}

/// Text that recurs is kept once.
#[derive(Clone, Debug, Default)]
pub(super) struct Text {
    /// The text of each row, by number; [`Text::MISSING`] for none.
    pub rows: Vec<u32>,
    pub texts: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, u32>,
}

impl Text {
    pub const MISSING: u32 = u32::MAX;

    fn push(&mut self, field: &[u8]) -> Result<(), String> {
        let text = str::from_utf8(field).map_err(|_| format!("{} is not UTF-8", quoted(field)))?;
        let number = match self.numbers.get(text) {
            Some(&number) => number,
            None => self.number(text.into())?,
        };
        self.rows.push(number);
        Ok(())
    }

    /// The number of a text.
    fn number(&mut self, text: Arc<str>) -> Result<u32, String> {
        if let Some(&number) = self.numbers.get(&text) {
            return Ok(number);
        }
        let number = self.texts.len() as u32;
        if number == Self::MISSING {
            return Err(format!("there are more than {number} different texts"));
        }
        self.texts.push(text.clone());
        self.numbers.insert(text, number);
        Ok(number)
    }

    fn append(&mut self, other: Text) -> Result<(), String> {
        let numbers = other.texts.into_iter().map(|text| self.number(text)).collect::<Result<Vec<_>, _>>()?;
        let number = |&row: &u32| numbers.get(row as usize).copied().unwrap_or(Self::MISSING);
        self.rows.extend(other.rows.iter().map(number));
        Ok(())
    }
}

/// What a column is to hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Want {
    /// Whatever its fields are.
    Any,
    Numbers(DType),
    Text,
}

pub(super) struct Column {
    want: Want,
    /// Of integers.
    range: RangeInclusive<i64>,
    state: State,
}

impl Column {
    pub fn new(want: Want) -> Self {
        let state = match want {
            Want::Any => State::Missing(0),
            Want::Text => State::Known(Values::Text(Text::default())),
            Want::Numbers(DType::U64) => State::Known(Values::UInt(Vec::new())),
            Want::Numbers(dtype) => State::Known(match dtype.kind() {
                Kind::Bool => Values::Bool(Vec::new()),
                Kind::Float => Values::Float(Vec::new()),
                Kind::Signed | Kind::Unsigned => Values::Int(Vec::new()),
            }),
        };
        let range = match want {
            Want::Numbers(DType::I8) => i8::MIN.into()..=i8::MAX.into(),
            Want::Numbers(DType::I16) => i16::MIN.into()..=i16::MAX.into(),
            Want::Numbers(DType::I32) => i32::MIN.into()..=i32::MAX.into(),
            Want::Numbers(DType::U8) => 0..=u8::MAX.into(),
            Want::Numbers(DType::U16) => 0..=u16::MAX.into(),
            Want::Numbers(DType::U32) => 0..=u32::MAX.into(),
            _ => i64::MIN..=i64::MAX,
        };
        Self { want, range, state }
    }

    /// The values of the parts of a column, all of one kind; `None` if it must be read again as text.
    pub fn join(columns: Vec<Column>, missing: &Missing) -> Result<Option<Vec<Values>>, String> {
        let known = columns.iter().find_map(|column| match &column.state {
            State::Known(values) => Some(values.none()),
            State::Missing(_) | State::Lost => None,
        });
        let known = known.unwrap_or(Values::Float(Vec::new()));
        let mut parts = Vec::with_capacity(columns.len());
        for mut column in columns {
            if let State::Missing(rows) = column.state {
                // Only now it is known what stands for the values that were missing.
                column.state = State::Known(known.none());
                (0..rows).try_for_each(|_| column.push_missing(missing))?;
            }
            let State::Known(values) = column.state else { return Ok(None) };
            parts.push(values);
        }
        Values::alike(parts)
    }

    /// Adds rows. An error names the row, from 0, and says what is wrong with its field.
    pub fn extend<'a>(
        &mut self,
        fields: impl Iterator<Item = &'a [u8]>,
        missing: &Missing,
    ) -> Result<(), (usize, String)> {
        let mut fields = fields.enumerate();
        loop {
            // Most fields are what those before them were.
            let odd = if missing.values { fields.next() } else { self.extend_alike(&mut fields) };
            let Some((row, field)) = odd else { return Ok(()) };
            let is_missing = missing.texts.contains(field);
            let pushed = if is_missing { self.push_missing(missing) } else { self.push_value(field, missing) };
            pushed.map_err(|reason| (row, reason))?;
        }
    }

    /// Adds fields up to the first that is no value of the kind that the column has, and gives that one.
    fn extend_alike<'a>(&mut self, fields: &mut impl Iterator<Item = (usize, &'a [u8])>) -> Option<(usize, &'a [u8])> {
        let State::Known(values) = &mut self.state else { return fields.next() };
        match values {
            Values::Float(values) => {
                values.reserve(fields.size_hint().0);
                fields.find(|(_, field)| float(field).map(|v| values.push(v)).is_none())
            }
            Values::Int(values) => {
                values.reserve(fields.size_hint().0);
                let value = |field| integer(field).filter(|v| self.range.contains(v));
                fields.find(|(_, field)| value(field).map(|v| values.push(v)).is_none())
            }
            _ => fields.find(|(_, field)| !self.push_alike(field)),
        }
    }

    fn push_value(&mut self, field: &[u8], missing: &Missing) -> Result<(), String> {
        while !self.push_alike(field) {
            match (&mut self.state, self.want) {
                (State::Known(Values::Text(text)), _) => return text.push(field),
                (State::Lost, _) => return Ok(()),
                (_, Want::Numbers(dtype)) => return Err(misfit(field, dtype)),
                (_, Want::Any | Want::Text) => self.widen(field, missing)?,
            }
        }
        Ok(())
    }

    /// Adds a field if it is a value of the kind that the column has.
    fn push_alike(&mut self, field: &[u8]) -> bool {
        let State::Known(values) = &mut self.state else { return false };
        match values {
            Values::Float(values) => float(field).map(|v| values.push(v)).is_some(),
            Values::Int(values) => integer(field).filter(|v| self.range.contains(v)).map(|v| values.push(v)).is_some(),
            Values::UInt(values) => parse(field).map(|v| values.push(v)).is_some(),
            Values::Bool(values) => {
                let value = match field {
                    b"0" if self.want != Want::Any => Some(false),
                    b"1" if self.want != Want::Any => Some(true),
                    field => boolean(field),
                };
                value.map(|v| values.push(v)).is_some()
            }
            Values::Text(_) => false,
        }
    }

    fn push_missing(&mut self, missing: &Missing) -> Result<(), String> {
        match &mut self.state {
            State::Missing(rows) => *rows += 1,
            State::Lost => {}
            State::Known(Values::Text(text)) => text.rows.push(Text::MISSING),
            State::Known(values) => match (&missing.fill, values, self.want) {
                (Some(fill), ..) => return self.push_value(fill.as_bytes(), missing),
                (None, Values::Float(values), _) => values.push(f64::NAN),
                (None, _, Want::Numbers(dtype)) => {
                    let reason = "the value is missing, and there is no NaN in";
                    return Err(format!("{reason} {dtype}: set a `fill`, or read it as float64"));
                }
                (None, values, Want::Any | Want::Text) => {
                    self.state = match values.floats() {
                        Some(mut values) => {
                            values.push(f64::NAN);
                            State::Known(Values::Float(values))
                        }
                        None => State::Lost,
                    }
                }
            },
        }
        Ok(())
    }

    /// Makes the column one that can take the field.
    fn widen(&mut self, field: &[u8], missing: &Missing) -> Result<(), String> {
        let is_uint = parse::<u64>(field).is_some();
        let is_float = float(field).is_some();
        let values = match &self.state {
            State::Missing(_) if integer(field).is_some() => Some(Values::Int(Vec::new())),
            State::Missing(_) if is_uint => Some(Values::UInt(Vec::new())),
            State::Missing(_) if is_float => Some(Values::Float(Vec::new())),
            State::Missing(_) if boolean(field).is_some() => Some(Values::Bool(Vec::new())),
            State::Missing(_) => Some(Values::Text(Text::default())),
            State::Known(values) if is_uint && values.unsigned().is_some() => values.unsigned().map(Values::UInt),
            State::Known(values) if is_float => values.floats().map(Values::Float),
            State::Known(_) | State::Lost => None,
        };
        let before = std::mem::replace(&mut self.state, values.map_or(State::Lost, State::Known));
        // Only now it is known what stands for the values that were missing.
        let missed = if let State::Missing(rows) = before { rows } else { 0 };
        (0..missed).try_for_each(|_| self.push_missing(missing))
    }
}

fn misfit(field: &[u8], dtype: DType) -> String {
    let is_number = integer(field).is_some() || parse::<u64>(field).is_some();
    let reason = match dtype.kind() {
        Kind::Float => "is not a number".into(),
        Kind::Bool => "is neither True nor False".into(),
        Kind::Signed | Kind::Unsigned if is_number => format!("is out of the range of {dtype}"),
        Kind::Signed | Kind::Unsigned => "is not an integer".into(),
    };
    format!("{} {reason}", quoted(field))
}

/// A field for a message.
pub(super) fn quoted(field: &[u8]) -> String {
    let text = String::from_utf8_lossy(field);
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{:?}...", &text[..end]),
        None => format!("{text:?}"),
    }
}

fn boolean(field: &[u8]) -> Option<bool> {
    match field {
        b"True" | b"TRUE" | b"true" => Some(true),
        b"False" | b"FALSE" | b"false" => Some(false),
        _ => None,
    }
}
