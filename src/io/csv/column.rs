//! A column while it is read: what its fields are is found out from field to field.
//!
//! What becomes of a column depends on which fields it has, not on their order, nor on the blocks that they lie in:
//!
//! | its fields | it becomes |
//! |---|---|
//! | integers | `I64`; `U64` if one is too large for it and none is negative; else text, as in pandas: rounded, they would be others |
//! | numbers, one of them with a decimal sign or an exponent | `F64` |
//! | integers and missing values | `F64`, text if an integer is too large for `I64` |
//! | True and False | `Bool` |
//! | missing values | `F64` |
//! | anything else | text |

use std::ops::RangeInclusive;

use super::{
    missing::Missing,
    number::{Notation, Number, boolean, float, integer},
    values::{Text, Values, quoted},
};
use crate::{DType, dtype::Kind};

/// What a column is to hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Want {
    /// Whatever its fields are.
    Any,
    Numbers(DType),
    Text,
}

/// What is known of a column so far.
enum State {
    /// So many missing values, and no other.
    Missing(usize),
    Known(Values),
    /// The column is text, and the text of earlier fields is gone: it must be read again.
    Lost,
}

pub(super) struct Column {
    want: Want,
    /// Of integers.
    range: RangeInclusive<i64>,
    state: State,
    /// Whether a value is missing, and nothing fills its place.
    has_missing: bool,
    /// Whether a field is written as a float.
    has_float: bool,
    /// Whether its integers are too many for any dtype of 64 bits. They are stored as floats.
    too_wide: bool,
    /// The rows of `-0`, which is an integer, and another float than 0.
    minus_zeros: Vec<usize>,
}

/// How fields are read.
#[derive(Clone, Copy)]
pub(super) struct Rules<'a> {
    pub missing: &'a Missing,
    pub notation: &'a Notation,
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
        let minus_zeros = Vec::new();
        Self { want, range, state, has_missing: false, has_float: false, too_wide: false, minus_zeros }
    }

    /// Adds rows. An error names the row, from 0, and says what is wrong with its field.
    pub fn extend<'a>(
        &mut self,
        fields: impl Iterator<Item = &'a [u8]>,
        rules: Rules<'_>,
    ) -> Result<(), (usize, String)> {
        let mut fields = fields.enumerate();
        let numbers = &rules.missing.numbers[..];
        loop {
            // Most fields are what those before them were.
            let odd = match () {
                () if rules.missing.has_bool || !rules.notation.is_plain() => fields.next(),
                () if numbers.is_empty() => self.extend_alike::<false>(&mut fields, numbers),
                () => self.extend_alike::<true>(&mut fields, numbers),
            };
            let Some((row, field)) = odd else { return Ok(()) };
            let missing = rules.missing.is(field);
            let pushed = if missing { self.push_missing(rules) } else { self.push_value(field, rules) };
            pushed.map_err(|reason| (row, reason))?;
        }
    }

    /// Adds fields up to the first that is no value of the kind that the column has, and gives that one. If `SOME`, some
    /// numbers stand for missing values.
    fn extend_alike<'a, const SOME: bool>(
        &mut self,
        fields: &mut impl Iterator<Item = (usize, &'a [u8])>,
        missing: &[f64],
    ) -> Option<(usize, &'a [u8])> {
        let State::Known(values) = &mut self.state else { return fields.next() };
        let is_value = |value: f64| !SOME || !missing.contains(&value);
        let whole = |field: &[u8]| integer(field).filter(|&value| is_value(value as f64));
        match values {
            Values::Float(values) => {
                values.reserve(fields.size_hint().0);
                if self.has_float || self.want != Want::Any {
                    let value = |field: &[u8]| float(field).filter(|&value| is_value(value));
                    fields.find(|(_, field)| value(field).map(|v| values.push(v)).is_none())
                } else {
                    fields.find(|(_, field)| whole(field).map(|v| values.push(v as f64)).is_none())
                }
            }
            Values::Int(values) => {
                values.reserve(fields.size_hint().0);
                let value = |field: &[u8]| whole(field).filter(|v| self.range.contains(v));
                fields.find(|(_, field)| value(field).map(|v| values.push(v)).is_none())
            }
            Values::Bool(values) => fields.find(|(_, field)| boolean(field).map(|v| values.push(v)).is_none()),
            Values::UInt(_) | Values::Text(_) => fields.next(),
        }
    }

    fn push_value(&mut self, field: &[u8], rules: Rules<'_>) -> Result<(), String> {
        match (&mut self.state, self.want) {
            (State::Lost, _) => Ok(()),
            (State::Known(Values::Text(text)), _) => text.push(field),
            (State::Known(values), Want::Numbers(dtype)) => push_wanted(values, &self.range, field, rules.notation)
                .ok_or_else(|| misfit(field, dtype, rules.notation)),
            _ => match (rules.notation.number(field), boolean(field)) {
                (Some(number), _) => self.push_number(number, rules),
                (None, Some(value)) => self.push_bool(value, rules),
                (None, None) => self.push_text(field, rules),
            },
        }
    }

    fn push_number(&mut self, number: Number, rules: Rules<'_>) -> Result<(), String> {
        if let State::Missing(rows) = self.state {
            self.state = State::Known(Values::Int(Vec::new()));
            (0..rows).try_for_each(|_| self.push_missing(rules))?;
        }
        self.has_float |= matches!(number, Number::Float(_));
        let is_int = matches!(self.state, State::Known(Values::Int(_)));
        if is_int && matches!(number, Number::UInt(_)) && self.minus_zeros.is_empty() {
            self.widen_to_unsigned();
        }
        let State::Known(values) = &mut self.state else { return Ok(()) };
        match (values, number) {
            (Values::Int(values), Number::Int(value)) => values.push(value),
            (Values::Int(values), Number::MinusZero) => {
                self.minus_zeros.push(values.len());
                values.push(0);
            }
            (Values::UInt(values), Number::UInt(value)) => values.push(value),
            (Values::UInt(values), Number::Int(value @ 0..)) => values.push(value as u64),
            (Values::Float(values), number) => {
                // Beside missing values, an integer must be one of `I64`.
                self.too_wide |= matches!(number, Number::UInt(_) | Number::Huge(_));
                values.push(number.as_f64());
            }
            (Values::Int(_) | Values::UInt(_), number) => {
                self.too_wide |= !matches!(number, Number::Float(_));
                self.widen_to_floats();
                self.push_number(number, rules)?;
            }
            (Values::Bool(_) | Values::Text(_), _) => self.state = State::Lost,
        }
        Ok(())
    }

    fn push_bool(&mut self, value: bool, rules: Rules<'_>) -> Result<(), String> {
        if let State::Missing(rows) = self.state {
            self.state = State::Known(Values::Bool(Vec::new()));
            (0..rows).try_for_each(|_| self.push_missing(rules))?;
        }
        match &mut self.state {
            State::Known(Values::Bool(values)) => values.push(value),
            state => *state = State::Lost,
        }
        Ok(())
    }

    fn push_text(&mut self, field: &[u8], rules: Rules<'_>) -> Result<(), String> {
        let State::Missing(rows) = self.state else {
            self.state = State::Lost;
            return Ok(());
        };
        self.state = State::Known(Values::Text(Text::default()));
        (0..rows).try_for_each(|_| self.push_missing(rules))?;
        self.push_value(field, rules)
    }

    fn push_missing(&mut self, rules: Rules<'_>) -> Result<(), String> {
        let Missing { number, text: fill, .. } = rules.missing;
        match &mut self.state {
            State::Missing(rows) => *rows += 1,
            State::Lost => {}
            State::Known(Values::Text(text)) => match fill {
                Some(fill) => text.push(fill.as_bytes())?,
                None => text.rows.push(Text::MISSING),
            },
            State::Known(values) => match (number, values, self.want) {
                (Some(number), ..) => {
                    let plain = Rules { notation: &Notation::default(), ..rules };
                    return self.push_value(number.as_bytes(), plain);
                }
                (None, Values::Float(values), _) => {
                    values.push(f64::NAN);
                    self.has_missing = true;
                }
                (None, _, Want::Numbers(dtype)) => {
                    let reason = "the value is missing, and there is no NaN in";
                    return Err(format!("{reason} {dtype}: set a `fill`, or read it as float64"));
                }
                (None, Values::Int(_) | Values::UInt(_), _) => {
                    self.too_wide |= matches!(self.state, State::Known(Values::UInt(_)));
                    self.widen_to_floats();
                    return self.push_missing(rules);
                }
                (None, Values::Bool(_) | Values::Text(_), _) => self.state = State::Lost,
            },
        }
        Ok(())
    }

    /// Makes integers unsigned, if none is negative.
    fn widen_to_unsigned(&mut self) -> bool {
        let State::Known(values) = &self.state else { return false };
        let Some(unsigned) = values.unsigned() else { return false };
        self.state = State::Known(Values::UInt(unsigned));
        true
    }

    /// Makes integers floats.
    fn widen_to_floats(&mut self) {
        self.state = match std::mem::replace(&mut self.state, State::Lost) {
            State::Known(values) => values.floats().map_or(State::Lost, |mut values| {
                self.minus_zeros.drain(..).for_each(|row| values[row] = -0.0);
                State::Known(Values::Float(values))
            }),
            state => state,
        };
    }

    /// The values of the parts of a column, all of one kind; `None` if it must be read again as text.
    pub fn join(mut parts: Vec<Column>, rules: Rules<'_>) -> Result<Option<Vec<Values>>, String> {
        let any = |is: fn(&Values) -> bool| {
            parts.iter().any(|part| matches!(&part.state, State::Known(values) if is(values)))
        };
        let (text, bool) = (any(|v| matches!(v, Values::Text(_))), any(|v| matches!(v, Values::Bool(_))));
        let known = any(|_| true);
        for part in &mut parts {
            let State::Missing(rows) = part.state else { continue };
            // Only now it is known what stands for the values that were missing.
            part.state = State::Known(match () {
                () if text => Values::Text(Text::default()),
                () if bool => Values::Bool(Vec::new()),
                () if known => Values::Int(Vec::new()),
                () => Values::Float(Vec::new()),
            });
            (0..rows).try_for_each(|_| part.push_missing(rules))?;
        }
        let is = |kind: fn(&Values) -> bool| {
            parts.iter().all(|part| matches!(&part.state, State::Known(values) if kind(values)))
        };
        if text {
            if !is(|values| matches!(values, Values::Text(_))) {
                return Ok(None);
            }
            let mut all = Text::default();
            for part in parts {
                if let State::Known(Values::Text(part)) = part.state {
                    all.append(part)?;
                }
            }
            return Ok(Some(vec![Values::Text(all)]));
        }
        let wanted = parts.first().is_some_and(|part| part.want != Want::Any);
        let any_of = |has: fn(&Column) -> bool| parts.iter().any(has);
        if wanted || is(|values| matches!(values, Values::Bool(_))) {
            // They are what they are.
        } else if bool || any_of(|part| matches!(part.state, State::Lost)) {
            return Ok(None);
        } else if any_of(|part| part.has_float) || !known {
            parts.iter_mut().for_each(Self::widen_to_floats);
        } else if any_of(|part| part.too_wide) {
            return Ok(None);
        } else if any_of(|part| matches!(part.state, State::Known(Values::UInt(_)))) {
            let unsigned = |part: &mut Self| part.minus_zeros.is_empty() && part.widen_to_unsigned();
            if !parts.iter_mut().all(unsigned) {
                return Ok(None);
            }
        } else if any_of(|part| part.has_missing) {
            parts.iter_mut().for_each(Self::widen_to_floats);
            for part in &mut parts {
                if let State::Known(Values::Float(values)) = &mut part.state {
                    // Of integers, 0 has no sign.
                    values.iter_mut().for_each(|value| *value += 0.0);
                }
            }
        }
        let values = parts.into_iter().filter_map(|part| match part.state {
            State::Known(values) => Some(values),
            State::Missing(_) | State::Lost => None,
        });
        Ok(Some(values.collect()))
    }
}

/// Adds a field to values of the dtype that was asked for, if it is one.
fn push_wanted(values: &mut Values, range: &RangeInclusive<i64>, field: &[u8], notation: &Notation) -> Option<()> {
    match values {
        Values::Float(values) => values.push(notation.number(field)?.as_f64()),
        Values::Int(values) => {
            let value = match notation.number(field)? {
                Number::Int(value) => value,
                Number::MinusZero => 0,
                _ => notation.whole(field)?,
            };
            values.push(Some(value).filter(|value| range.contains(value))?);
        }
        Values::UInt(values) => values.push(match notation.number(field)? {
            Number::Int(value) => value.try_into().ok()?,
            Number::MinusZero => 0,
            Number::UInt(value) => value,
            _ => notation.whole(field)?,
        }),
        Values::Bool(values) => values.push(match field {
            b"0" => false,
            b"1" => true,
            field => boolean(field)?,
        }),
        Values::Text(_) => return None,
    }
    Some(())
}

fn misfit(field: &[u8], dtype: DType, notation: &Notation) -> String {
    let is_integer = match notation.number(field) {
        Some(Number::Float(value)) => value.fract() == 0.0,
        number => number.is_some(),
    };
    let reason = match dtype.kind() {
        Kind::Float => "is not a number".into(),
        Kind::Bool => "is neither True nor False".into(),
        Kind::Signed | Kind::Unsigned if is_integer => format!("is out of the range of {dtype}"),
        Kind::Signed | Kind::Unsigned => "is not an integer".into(),
    };
    format!("{} {reason}", quoted(field))
}
