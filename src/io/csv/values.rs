//! The values of a column.

use std::{collections::HashMap, sync::Arc};

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
    /// Integers as floats: rounded once, as their text would be.
    pub fn floats(self) -> Option<Vec<f64>> {
        match self {
            Values::Int(values) => Some(values.into_iter().map(|v| v as f64).collect()),
            Values::UInt(values) => Some(values.into_iter().map(|v| v as f64).collect()),
            Values::Float(values) => Some(values),
            Values::Bool(_) | Values::Text(_) => None,
        }
    }

    /// Integers as unsigned ones, if none is negative.
    pub fn unsigned(&self) -> Option<Vec<u64>> {
        match self {
            Values::Int(values) => values.iter().map(|&v| v.try_into().ok()).collect(),
            Values::UInt(values) => Some(values.clone()),
            Values::Bool(_) | Values::Float(_) | Values::Text(_) => None,
        }
    }
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

    pub fn push(&mut self, field: &[u8]) -> Result<(), String> {
        let text = str::from_utf8(field).map_err(|_| not_utf8(field))?;
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

    pub fn append(&mut self, other: Text) -> Result<(), String> {
        let numbers = other.texts.into_iter().map(|text| self.number(text)).collect::<Result<Vec<_>, _>>()?;
        let number = |&row: &u32| numbers.get(row as usize).copied().unwrap_or(Self::MISSING);
        self.rows.extend(other.rows.iter().map(number));
        Ok(())
    }
}

/// That a text is in another encoding, and what helps.
pub(super) fn not_utf8(text: &[u8]) -> String {
    format!("{} is not UTF-8; `encoding` sets another one, such as Encoding::Latin1", quoted(text))
}

/// A field for a message.
pub(super) fn quoted(field: &[u8]) -> String {
    let text = String::from_utf8_lossy(field);
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{:?}...", &text[..end]),
        None => format!("{text:?}"),
    }
}
