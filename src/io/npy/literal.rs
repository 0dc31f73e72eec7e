//! Python literals, as far as the headers of `.npy` files are made of them.

use std::str::Chars;

use super::format;
use crate::{Error, Result};

/// Lists in lists, deeper than any dtype that somebody would write down.
const MAX_DEPTH: usize = 32;

/// A Python value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Literal {
    String(String),
    Int(i128),
    Bool(bool),
    Tuple(Vec<Literal>),
    List(Vec<Literal>),
    Dict(Vec<(Literal, Literal)>),
}

impl Literal {
    /// Reads one literal that takes the whole text, blanks aside.
    pub fn parse(text: &str) -> Result<Self> {
        let mut parser = Parser { rest: text.trim_start() };
        let value = parser.value(0)?;
        if parser.rest.is_empty() { Ok(value) } else { Err(parser.error("nothing")) }
    }

    /// What Python calls its type.
    pub fn kind(&self) -> &'static str {
        match self {
            Literal::String(_) => "a string",
            Literal::Int(_) => "a number",
            Literal::Bool(_) => "a bool",
            Literal::Tuple(_) => "a tuple",
            Literal::List(_) => "a list",
            Literal::Dict(_) => "a dictionary",
        }
    }
}

/// A string as Python's `repr` writes it.
pub(super) fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut out = String::from(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\x{:02x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push(quote);
    out
}

/// Blanks before `rest` are gone.
struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn error(&self, wanted: &str) -> Error {
        let here: String = self.rest.chars().take(20).collect();
        let here = if here.is_empty() { "at its end".into() } else { format!("before {here:?}") };
        format(format!("the header should have {wanted} {here}"))
    }

    fn advance(&mut self, count: usize) -> &'a str {
        let (token, rest) = self.rest.split_at(count);
        self.rest = rest.trim_start();
        token
    }

    fn take(&mut self, token: &str) -> bool {
        let found = self.rest.starts_with(token);
        if found {
            self.advance(token.len());
        }
        found
    }

    fn expect(&mut self, token: &str) -> Result<()> {
        if self.take(token) { Ok(()) } else { Err(self.error(&format!("`{token}`"))) }
    }

    fn value(&mut self, depth: usize) -> Result<Literal> {
        if depth > MAX_DEPTH {
            return Err(format(format!("the header nests deeper than {MAX_DEPTH} levels")));
        }
        match self.rest.as_bytes().first() {
            Some(b'{') => self.dict(depth),
            Some(b'[') => Ok(Literal::List(self.items("[", "]", depth)?.0)),
            Some(b'(') => {
                let (mut items, comma) = self.items("(", ")", depth)?;
                match items.pop() {
                    // Parentheses around one value change nothing.
                    Some(only) if items.is_empty() && !comma => Ok(only),
                    last => {
                        items.extend(last);
                        Ok(Literal::Tuple(items))
                    }
                }
            }
            Some(b'0'..=b'9' | b'-') => self.int(),
            Some(b'\'' | b'"') => self.string(),
            Some(b'u') if self.rest[1..].starts_with(['\'', '"']) => {
                self.advance(1);
                self.string()
            }
            _ if self.take("True") => Ok(Literal::Bool(true)),
            _ if self.take("False") => Ok(Literal::Bool(false)),
            _ => Err(self.error("a value")),
        }
    }

    /// The values between two brackets, and whether a comma follows the last.
    fn items(&mut self, open: &str, close: &str, depth: usize) -> Result<(Vec<Literal>, bool)> {
        let (mut items, mut comma) = (Vec::new(), false);
        self.expect(open)?;
        while !self.take(close) {
            items.push(self.value(depth + 1)?);
            comma = self.take(",");
            if !comma {
                self.expect(close)?;
                break;
            }
        }
        Ok((items, comma))
    }

    fn dict(&mut self, depth: usize) -> Result<Literal> {
        let mut pairs = Vec::new();
        self.expect("{")?;
        while !self.take("}") {
            let key = self.value(depth + 1)?;
            self.expect(":")?;
            pairs.push((key, self.value(depth + 1)?));
            if !self.take(",") {
                self.expect("}")?;
                break;
            }
        }
        Ok(Literal::Dict(pairs))
    }

    fn int(&mut self) -> Result<Literal> {
        let sign = self.rest.starts_with('-') as usize;
        let digits = self.rest[sign..].bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return Err(self.error("a number"));
        }
        let number = self.advance(sign + digits);
        // Python 2 marks long integers.
        self.take("L");
        match number.parse() {
            Ok(number) => Ok(Literal::Int(number)),
            Err(_) => Err(format(format!("the header has a number of {digits} digits"))),
        }
    }

    fn string(&mut self) -> Result<Literal> {
        let text = self.rest;
        let mut chars = text.chars();
        let quote = chars.next();
        let mut out = String::new();
        loop {
            let c = match chars.next() {
                c if c == quote => break,
                Some('\\') => escaped(&mut chars),
                c => c,
            };
            out.push(c.ok_or_else(|| self.error("a string"))?);
        }
        self.advance(text.len() - chars.as_str().len());
        Ok(Literal::String(out))
    }
}

/// The character that is written behind a backslash.
fn escaped(chars: &mut Chars<'_>) -> Option<char> {
    let digits = match chars.next()? {
        'n' => return Some('\n'),
        'r' => return Some('\r'),
        't' => return Some('\t'),
        c @ ('\\' | '\'' | '"') => return Some(c),
        'x' => 2,
        'u' => 4,
        'U' => 8,
        _ => return None,
    };
    let hex = chars.as_str().get(..digits).filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))?;
    chars.nth(digits - 1);
    char::from_u32(u32::from_str_radix(hex, 16).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_read_as_python_would() {
        let text = "{ 'a' : [1, -2L,], \"b\":(True,) , u'c': ((3)), 'd': (), }\n";
        let int = Literal::Int;
        let string = |s: &str| Literal::String(s.into());
        let pairs = vec![
            (string("a"), Literal::List(vec![int(1), int(-2)])),
            (string("b"), Literal::Tuple(vec![Literal::Bool(true)])),
            (string("c"), int(3)),
            (string("d"), Literal::Tuple(vec![])),
        ];
        assert_eq!(Literal::parse(text).unwrap(), Literal::Dict(pairs));
    }

    #[test]
    fn strings_come_back_as_they_were_quoted() {
        for text in ["", "x", "it's", "say \"it's\"", "tab\there\\\r\n", "\u{1}\u{7f}\u{85}", "größe \u{1f525}"] {
            assert_eq!(Literal::parse(&quoted(text)).unwrap(), Literal::String(text.into()), "{text:?}");
        }
        assert_eq!(quoted("it's"), "\"it's\"");
        assert_eq!(Literal::parse("'\\u00fc\\U0001f525'").unwrap(), Literal::String("ü\u{1f525}".into()));
    }

    #[test]
    fn what_is_no_literal_is_an_error() {
        let deep = "[".repeat(1000);
        let cases = [
            ("", "a value at its end"),
            ("{'a'", "`:` at its end"),
            ("{'a': 1", "`}` at its end"),
            ("[1, 2", "`]` at its end"),
            ("'abc", "a string before \"'abc\""),
            ("'\\xg0'", "a string"),
            ("'\\ud800'", "a string"),
            ("'\\u00", "a string"),
            ("'\\", "a string"),
            ("-", "a number before \"-\""),
            ("1.5", "nothing before \".5\""),
            ("None", "a value before \"None\""),
            ("() x", "nothing before \"x\""),
            ("u", "a value before \"u\""),
            ("1234567890123456789012345678901234567890", "a number of 40 digits"),
            (&deep, "deeper than 32 levels"),
        ];
        for (text, message) in cases {
            let error = Literal::parse(text).unwrap_err().to_string();
            assert!(error.contains(message), "{text}: {error}");
        }
    }
}
