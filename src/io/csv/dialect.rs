//! Fields and records: how the bytes of a table are divided.

use std::ops::Range;

use memchr::{memchr, memchr2};

use super::lines::{behind, is_break, next_line};

/// The bytes that divide a table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dialect {
    pub delimiter: u8,
    /// Whether runs of blanks are the delimiter.
    pub whitespace: bool,
    /// Whether spaces behind a delimiter are skipped.
    pub skip_spaces: bool,
    pub quote: Option<u8>,
    /// Whether two quotes within quotes stand for one.
    pub double_quote: bool,
    pub escape: Option<u8>,
    pub comment: Option<u8>,
}

impl Default for Dialect {
    fn default() -> Self {
        Self {
            delimiter: b',',
            whitespace: false,
            skip_spaces: false,
            quote: Some(b'"'),
            double_quote: true,
            escape: None,
            comment: None,
        }
    }
}

/// What is told of the fields of a record, one after the other.
pub(super) trait Sink {
    /// More of the field's text.
    fn piece(&mut self, bytes: &[u8], piece: Range<usize>);
    /// The field is complete; it ends before this place.
    fn end(&mut self, at: usize);
}

/// Looks only for the ends of records.
impl Sink for () {
    fn piece(&mut self, _: &[u8], _: Range<usize>) {}
    fn end(&mut self, _: usize) {}
}

/// What was found up to the end of a line, or of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A record, with a line break behind it.
    Record,
    /// A record up to the end of the bytes: more of it may follow.
    Cut,
    /// A record that ends between quotes, or behind an escape character.
    Open(&'static str),
    /// A blank line, or a comment.
    Nothing,
}

const QUOTE: &str = "a quote is not closed in the record that starts here";
const ESCAPE: &str = "nothing follows the escape character of the record that starts here";

impl Dialect {
    /// How the lines that are skipped at the start of a file are divided: their quotes count, comments are lines.
    pub fn skipped(&self) -> Self {
        Self { escape: None, comment: None, ..*self }
    }

    /// Whether the delimiters and line breaks in these bytes divide fields and records wherever they are, if none of
    /// the breaks is hidden.
    pub fn is_plain(&self, bytes: &[u8]) -> bool {
        let has_comment = self.comment.is_some_and(|byte| memchr(byte, bytes).is_some());
        !self.whitespace && !self.skip_spaces && !has_comment
    }

    /// Whether some of the line breaks in these bytes may belong to fields.
    pub fn hides_breaks(&self, bytes: &[u8]) -> bool {
        match (self.quote, self.escape) {
            (None, None) => false,
            (Some(byte), None) | (None, Some(byte)) => memchr(byte, bytes).is_some(),
            (Some(quote), Some(escape)) => memchr2(quote, escape, bytes).is_some(),
        }
    }

    fn is_blank(&self, byte: u8) -> bool {
        matches!(byte, b' ' | b'\t') && (self.whitespace || byte != self.delimiter)
    }

    fn is_delimiter(&self, byte: u8) -> bool {
        if self.whitespace { self.is_blank(byte) } else { byte == self.delimiter }
    }

    fn behind_blanks(&self, bytes: &[u8], at: usize) -> usize {
        at + bytes[at..].iter().take_while(|&&byte| self.is_blank(byte)).count()
    }

    /// Reads the line that starts at `start`: a record with its fields, or nothing. Gives the place behind it.
    pub fn line(&self, bytes: &[u8], start: usize, sink: &mut impl Sink) -> (Line, usize) {
        let first = self.behind_blanks(bytes, start);
        match bytes.get(first) {
            None => return (Line::Nothing, bytes.len()),
            Some(&byte) if is_break(byte) => return (Line::Nothing, behind(bytes, first)),
            Some(byte) if self.comment == Some(*byte) => return (Line::Nothing, next_line(bytes, first)),
            Some(_) => {}
        }
        let mut at = if self.whitespace { first } else { start };
        loop {
            if self.skip_spaces {
                at += bytes[at..].iter().take_while(|&&byte| byte == b' ' && !self.is_delimiter(byte)).count();
            }
            at = match self.field(bytes, at, sink) {
                Ok(end) => end,
                Err(open) => return (Line::Open(open), bytes.len()),
            };
            sink.end(at);
            if self.whitespace {
                at = self.behind_blanks(bytes, at);
            }
            match bytes.get(at) {
                None => return (Line::Cut, at),
                Some(&byte) if is_break(byte) => return (Line::Record, behind(bytes, at)),
                Some(byte) if self.comment == Some(*byte) => {
                    let end = next_line(bytes, at);
                    let ended = bytes[at..end].last().is_some_and(|&byte| is_break(byte));
                    return (if ended { Line::Record } else { Line::Cut }, end);
                }
                // Blanks that delimit are behind us.
                Some(_) if self.whitespace => {}
                Some(_) => at += 1,
            }
        }
    }

    /// Reads the field that starts at `at`; gives its end, where a delimiter, a line break or a comment is.
    fn field(&self, bytes: &[u8], mut at: usize, sink: &mut impl Sink) -> Result<usize, &'static str> {
        if let Some(quote) = self.quote
            && bytes.get(at) == Some(&quote)
        {
            at = self.quoted(bytes, at + 1, quote, sink)?;
        }
        // What follows a closing quote belongs to the field.
        loop {
            let special = |&byte: &u8| {
                self.is_delimiter(byte) || is_break(byte) || self.escape == Some(byte) || self.comment == Some(byte)
            };
            let end = bytes[at..].iter().position(special).map_or(bytes.len(), |found| at + found);
            if end > at {
                sink.piece(bytes, at..end);
            }
            if end == bytes.len() || self.escape != Some(bytes[end]) {
                return Ok(end);
            }
            if end + 1 == bytes.len() {
                return Err(ESCAPE);
            }
            sink.piece(bytes, end + 1..end + 2);
            at = end + 2;
        }
    }

    /// Reads what is between quotes; gives the place behind the closing one.
    fn quoted(&self, bytes: &[u8], mut at: usize, quote: u8, sink: &mut impl Sink) -> Result<usize, &'static str> {
        loop {
            let rest = &bytes[at..];
            let found = match self.escape {
                Some(escape) => memchr2(quote, escape, rest),
                None => memchr(quote, rest),
            };
            let end = at + found.ok_or(QUOTE)?;
            if end > at {
                sink.piece(bytes, at..end);
            }
            let next = bytes.get(end + 1);
            if bytes[end] != quote {
                next.ok_or(QUOTE)?;
            } else if !self.double_quote || next != Some(&quote) {
                return Ok(end + 1);
            }
            sink.piece(bytes, end + 1..end + 2);
            at = end + 2;
        }
    }
}
