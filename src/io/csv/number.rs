//! Numbers in fields.

use std::{borrow::Cow, str::FromStr};

/// So many decimal digits always fit in 64 bits.
const DIGITS: usize = 18;
/// No integer of 64 bits has so many.
const MOST_DIGITS: usize = 20;

/// A field that is a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    Int(i64),
    /// The integer `-0`, which is another float than 0.
    MinusZero,
    /// An integer above those of `Int`.
    UInt(u64),
    /// An integer of more than 64 bits, rounded.
    Huge(f64),
    /// What is written with a decimal sign or an exponent, and infinity.
    Float(f64),
}

impl Number {
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Int(value) => value as f64,
            Self::MinusZero => -0.0,
            Self::UInt(value) => value as f64,
            Self::Huge(value) | Self::Float(value) => value,
        }
    }
}

/// How numbers are written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Notation {
    pub decimal: u8,
    pub thousands: Option<u8>,
}

impl Default for Notation {
    fn default() -> Self {
        Self { decimal: b'.', thousands: None }
    }
}

impl Notation {
    /// Whether numbers are written as in Rust.
    pub fn is_plain(&self) -> bool {
        self.decimal == b'.' && self.thousands.is_none()
    }

    /// The number as Rust writes it; `None` if it is none.
    pub fn plain<'a>(&self, field: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        if self.is_plain() {
            return Some(field.into());
        }
        let mut out = Vec::with_capacity(field.len());
        let mut whole = true;
        for &byte in trim(field) {
            if self.thousands == Some(byte) {
                // It stands among the digits of the whole part.
                if !whole || !out.last().is_some_and(u8::is_ascii_digit) {
                    return None;
                }
            } else if byte == self.decimal {
                out.push(b'.');
                whole = false;
            } else if byte == b'.' {
                return None;
            } else {
                whole &= !matches!(byte, b'e' | b'E');
                out.push(byte);
            }
        }
        Some(out.into())
    }

    pub fn number(&self, field: &[u8]) -> Option<Number> {
        let field = self.plain(field)?;
        let field = &field[..];
        if let Some(value) = integer(field) {
            return Some(Number::Int(value));
        }
        let trimmed = trim(field);
        let digits = trimmed.strip_prefix(b"-").or(trimmed.strip_prefix(b"+")).unwrap_or(trimmed);
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return float(field).map(Number::Float);
        }
        if trimmed[0] == b'-' && digits.iter().all(|&digit| digit == b'0') {
            return Some(Number::MinusZero);
        }
        parse(trimmed).map(Number::UInt).or_else(|| float(trimmed).map(Number::Huge))
    }

    /// The integer that a field is, also if it is written as a float: `1.0`, `1e3`. Its digits are shifted, not rounded.
    pub fn whole<T: FromStr>(&self, field: &[u8]) -> Option<T> {
        let field = self.plain(field)?;
        let field = trim(&field);
        float(field)?;
        let (sign, unsigned) = match field {
            [b'-', rest @ ..] => ("-", rest),
            [b'+', rest @ ..] => ("", rest),
            rest => ("", rest),
        };
        let (mantissa, exponent) = match unsigned.iter().position(|byte| matches!(byte, b'e' | b'E')) {
            Some(at) => (&unsigned[..at], parse::<i64>(&unsigned[at + 1..])?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = match mantissa.iter().position(|&byte| byte == b'.') {
            Some(at) => (&mantissa[..at], &mantissa[at + 1..]),
            None => (mantissa, &[][..]),
        };
        let mut digits = [whole, fraction].concat();
        if digits.iter().all(|&digit| digit == b'0') {
            return parse(b"0");
        }
        let point = usize::try_from((whole.len() as i64).checked_add(exponent)?).ok()?;
        if point > digits.len() + MOST_DIGITS {
            return None;
        }
        digits.resize(digits.len().max(point), b'0');
        let rest = digits.split_off(point);
        let text = format!("{sign}{}", str::from_utf8(&digits).ok()?);
        rest.iter().all(|&digit| digit == b'0').then(|| parse(text.as_bytes()))?
    }
}

/// A field without the blanks around it: those of C's `isspace`.
pub(super) fn trim(mut field: &[u8]) -> &[u8] {
    let is_blank = |byte: u8| byte.is_ascii_whitespace() || byte == b'\x0b';
    while let [first, rest @ ..] = field
        && is_blank(*first)
    {
        field = rest;
    }
    while let [rest @ .., last] = field
        && is_blank(*last)
    {
        field = rest;
    }
    field
}

/// What Rust's own parser reads, blanks aside.
fn parse<T: FromStr>(field: &[u8]) -> Option<T> {
    str::from_utf8(trim(field)).ok()?.parse().ok()
}

/// An integer that is one as a float, too: `-0` is not.
pub(super) fn integer(field: &[u8]) -> Option<i64> {
    let (negative, digits) = match field {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || digits.len() > DIGITS {
        return parse(field).filter(|&value| value != 0 || !field.contains(&b'-'));
    }
    let mut value = 0i64;
    for &byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return parse(field).filter(|&value| value != 0 || !field.contains(&b'-'));
        }
        value = value * 10 + i64::from(digit);
    }
    match (negative, value) {
        (true, 0) => None,
        (true, value) => Some(-value),
        (false, value) => Some(value),
    }
}

/// The float nearest to the text. NaN is a missing value, not a number. Blanks are around digits only.
pub(super) fn float(field: &[u8]) -> Option<f64> {
    if let Ok(value) = fast_float2::parse(field) {
        return Some(value).filter(|value: &f64| !value.is_nan());
    }
    let digits = trim(field);
    let value: f64 = if digits.len() < field.len() { fast_float2::parse(digits).ok()? } else { return None };
    Some(value).filter(|_| digits.iter().any(u8::is_ascii_digit))
}

pub(super) fn boolean(field: &[u8]) -> Option<bool> {
    match field.len() {
        4 if field.eq_ignore_ascii_case(b"true") => Some(true),
        5 if field.eq_ignore_ascii_case(b"false") => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn decimals_are_rounded_once(text in r"[-+]?[0-9]{0,20}\.?[0-9]{0,20}(e[-+]?[0-9]{1,3})?") {
            let nearest: Option<f64> = text.parse().ok();
            prop_assert_eq!(float(text.as_bytes()).map(f64::to_bits), nearest.map(f64::to_bits));
        }

        #[test]
        fn floats_come_back(value in any::<f64>().prop_filter("a number", |v| v.is_finite())) {
            for text in [format!("{value:?}"), format!("{value:e}"), format!(" {value} ")] {
                prop_assert_eq!(float(text.as_bytes()).map(f64::to_bits), Some(value.to_bits()));
            }
        }

        #[test]
        fn integers_are_those_of_rust(text in r"[-+]?[0-9]{0,21}[ x]?") {
            let value = text.trim().parse().ok().filter(|&value: &i64| value != 0 || !text.contains('-'));
            prop_assert_eq!(integer(text.as_bytes()), value);
        }

        #[test]
        fn thousands_and_decimals_change_no_number(value in any::<i64>(), fraction in 0u32..1000) {
            let mut whole = value.unsigned_abs().to_string();
            for at in (1..whole.len()).rev().filter(|at| (whole.len() - at) % 3 == 0).collect::<Vec<_>>() {
                whole.insert(at, '.');
            }
            let sign = if value < 0 { "-" } else { "" };
            let german = Notation { decimal: b',', thousands: Some(b'.') };
            prop_assert_eq!(german.number(format!("{sign}{whole}").as_bytes()), Some(Number::Int(value)));
            let nearest: f64 = format!("{sign}{}.{fraction:03}", value.unsigned_abs()).parse().unwrap();
            let written = format!("{sign}{whole},{fraction:03}");
            prop_assert_eq!(german.number(written.as_bytes()), Some(Number::Float(nearest)));
        }
    }

    #[test]
    fn what_is_no_number() {
        for text in ["", ".", "-", "-.", "1.2.3", "1e", "0x10", "1_0", "nan", "1 2", "--1", "\u{b2}", "1\0", " inf"] {
            assert_eq!(Notation::default().number(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!((integer(b"-0"), float(b"-0").map(f64::to_bits)), (None, Some((-0.0f64).to_bits())));
        assert_eq!((float(b"inf"), float(b"-Infinity")), (Some(f64::INFINITY), Some(f64::NEG_INFINITY)));
        let german = Notation { decimal: b',', thousands: Some(b'.') };
        for text in [".5", "1,5.0", "1e1.0", "-.1", "1,2,3"] {
            assert_eq!(german.number(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(Notation { thousands: None, ..german }.number(b"1.5"), None);
    }

    #[test]
    fn kinds_of_numbers() {
        let number = |text: &str| Notation::default().number(text.as_bytes());
        assert_eq!(number("-00"), Some(Number::MinusZero));
        assert_eq!(number(" +9223372036854775808"), Some(Number::UInt(1 << 63)));
        assert_eq!(number("18446744073709551616"), Some(Number::Huge(18_446_744_073_709_551_616.0)));
        assert_eq!(number("-9223372036854775809"), Some(Number::Huge(-9_223_372_036_854_775_808.0)));
        assert_eq!(number("1."), Some(Number::Float(1.0)));
    }

    #[test]
    fn integers_that_are_written_as_floats() {
        let whole = |text: &str| Notation::default().whole::<i64>(text.as_bytes());
        for (text, value) in [
            ("1.0", 1),
            ("-0.0", 0),
            (".0", 0),
            ("1e3", 1000),
            ("+1.5E1", 15),
            (" 2. ", 2),
            ("100e-2", 1),
            ("0e999", 0),
            ("9007199254740993.00", (1 << 53) + 1),
            ("9.007199254740993e15", (1 << 53) + 1),
            ("-9223372036854775808.0", i64::MIN),
            ("1e18", 1_000_000_000_000_000_000),
        ] {
            assert_eq!(whole(text), Some(value), "{text:?}");
        }
        for text in [
            "1.5",
            "1e300",
            "inf",
            "",
            "1.0x",
            "9223372036854775808.0",
            "12.5e-1",
            "1e-1",
            "x",
            "1e99999999999999999999",
        ] {
            assert_eq!(whole(text), None, "{text:?}");
        }
        assert_eq!(Notation::default().whole::<u64>(b"-0.0"), Some(0));
        assert_eq!(Notation::default().whole::<u64>(b"-1.0"), None);
    }
}
