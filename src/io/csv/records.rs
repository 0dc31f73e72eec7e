//! The records of a block: where their fields lie.

use std::{borrow::Cow, ops::Range};

use memchr::memchr3_iter;

use super::{
    blocks::Block,
    dialect::{Dialect, Line, Sink},
    lines,
};

/// Where a field starts and ends. Blocks are small enough.
pub(super) type Field = [u32; 2];

/// Walks over the records of a block.
pub(super) struct Records<'a> {
    bytes: &'a [u8],
    dialect: &'a Dialect,
    plain: bool,
    /// The text of fields that is not in one piece in the block; their places count on behind those of the block.
    text: Vec<u8>,
    /// Where the next line starts.
    next: usize,
}

impl<'a> Records<'a> {
    pub fn new(block: &'a Block, dialect: &'a Dialect) -> Self {
        let bytes = &block.bytes[..];
        Self { bytes, dialect, plain: block.plain, text: Vec::new(), next: 0 }
    }

    /// Adds the fields of the next record to `fields`; gives where its line starts. Blank lines are none.
    pub fn next(&mut self, fields: &mut Vec<Field>) -> Option<usize> {
        while self.next < self.bytes.len() {
            let start = self.next;
            let found = if self.plain { self.plain_line(fields) } else { self.line(fields) };
            if found {
                return Some(start);
            }
        }
        None
    }

    /// What fields are places in.
    pub fn into_text(self) -> Cow<'a, [u8]> {
        if self.text.is_empty() { self.bytes.into() } else { [self.bytes, &self.text].concat().into() }
    }

    /// Where the next line starts.
    pub fn position(&self) -> usize {
        self.next
    }

    /// Adds the fields of the next line, if it is a record.
    fn line(&mut self, fields: &mut Vec<Field>) -> bool {
        let mut sink = Fields { fields, text: &mut self.text, base: self.bytes.len(), open: Open::Nothing };
        let (line, end) = self.dialect.line(self.bytes, self.next, &mut sink);
        self.next = end;
        line != Line::Nothing
    }

    /// [`line`](Self::line), where delimiters and line breaks are all that matters.
    fn plain_line(&mut self, fields: &mut Vec<Field>) -> bool {
        let rest = &self.bytes[self.next..];
        let mut start = self.next as u32;
        let mut end = rest.len();
        let mut delimited = false;
        for at in memchr3_iter(self.dialect.delimiter, b'\n', b'\r', rest) {
            if rest[at] != self.dialect.delimiter {
                end = at;
                break;
            }
            let at = (self.next + at) as u32;
            fields.push([start, at]);
            start = at + 1;
            delimited = true;
        }
        let first = self.next;
        let end = self.next + end;
        self.next = if end < self.bytes.len() { lines::behind(self.bytes, end) } else { end };
        // Nothing but blanks between two line breaks is no record.
        if !delimited && self.bytes[first..end].iter().all(|byte| matches!(byte, b' ' | b'\t')) {
            return false;
        }
        fields.push([start, end as u32]);
        true
    }
}

/// Collects the fields of records.
struct Fields<'a> {
    fields: &'a mut Vec<Field>,
    text: &'a mut Vec<u8>,
    /// Where places in `text` start to count.
    base: usize,
    open: Open,
}

/// The field that is not complete.
enum Open {
    Nothing,
    /// In one piece in the block.
    Piece(Range<usize>),
    /// Put together in `text`, from this place on.
    Text(usize),
}

impl Sink for Fields<'_> {
    fn piece(&mut self, bytes: &[u8], piece: Range<usize>) {
        self.open = match std::mem::replace(&mut self.open, Open::Nothing) {
            Open::Nothing => Open::Piece(piece),
            Open::Piece(before) if before.end == piece.start => Open::Piece(before.start..piece.end),
            Open::Piece(before) => {
                let start = self.text.len();
                self.text.extend_from_slice(&bytes[before]);
                self.text.extend_from_slice(&bytes[piece]);
                Open::Text(start)
            }
            Open::Text(start) => {
                self.text.extend_from_slice(&bytes[piece]);
                Open::Text(start)
            }
        };
    }

    fn end(&mut self, at: usize) {
        let field = match std::mem::replace(&mut self.open, Open::Nothing) {
            Open::Nothing => at..at,
            Open::Piece(piece) => piece,
            Open::Text(start) => self.base + start..self.base + self.text.len(),
        };
        self.fields.push([field.start as u32, field.end as u32]);
    }
}
