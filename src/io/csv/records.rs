//! The records of a block: where their fields lie.

use csv_core::ReadRecordResult;
use memchr::{memchr, memchr3_iter};

use super::{
    Options,
    blocks::{Block, newlines, started},
};

/// Where a field starts and ends. Blocks are small enough.
type Field = [u32; 2];

/// Walks over the records of a block.
pub(super) struct Records<'a> {
    block: &'a Block,
    delimiter: u8,
    comment: Option<u8>,
    /// Takes quotes away, where there are any; the fields then lie in `text`, else where they stand.
    parser: Option<csv_core::Reader>,
    text: Vec<u8>,
    ends: Vec<usize>,
    /// Where the next record starts.
    next: usize,
}

impl<'a> Records<'a> {
    pub fn new(block: &'a Block, options: &Options) -> Self {
        let parser = block.quoted.then(|| started(&options.parser()));
        // Without quotes and delimiters, text is no longer than it was.
        let text = vec![0; if block.quoted { block.bytes.len() } else { 0 }];
        let Options { delimiter, comment, .. } = *options;
        Self { block, delimiter, comment, parser, text, ends: vec![0; 32], next: 0 }
    }

    /// Adds the fields of the next record to `fields`; gives where the record starts. Blank lines are none.
    pub fn next(&mut self, fields: &mut Vec<Field>) -> Option<usize> {
        let before = fields.len();
        loop {
            let start = self.next;
            if !self.record(fields) {
                return None;
            }
            match fields[before..] {
                [] => {}
                [[start, end]] if start < end && self.text()[start as usize..end as usize].trim_ascii().is_empty() => {
                    fields.truncate(before);
                }
                _ => return Some(start),
            }
        }
    }

    /// What fields are places in.
    pub fn text(&self) -> &[u8] {
        if self.parser.is_some() { &self.text } else { &self.block.bytes }
    }

    /// The record that starts at or behind a place, for an error: its line.
    pub fn line(&self, start: usize) -> u64 {
        let (before, behind) = self.block.bytes.split_at(start);
        let blank = behind.iter().take_while(|b| b.is_ascii_whitespace()).filter(|&&b| b == b'\n').count();
        self.block.line + newlines(before) + blank as u64
    }

    /// Where the next record starts.
    pub fn position(&self) -> usize {
        self.next
    }

    fn record(&mut self, fields: &mut Vec<Field>) -> bool {
        if self.parser.is_some() {
            return self.parse(fields);
        }
        let rest = &self.block.bytes[self.next..];
        if rest.is_empty() {
            return false;
        }
        if self.comment.is_some() && rest.first() == self.comment.as_ref() {
            self.next += memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
            return true;
        }
        let mut start = self.next as u32;
        let mut end = rest.len();
        let mut delimited = false;
        for at in memchr3_iter(self.delimiter, b'\n', b'\r', rest) {
            if rest[at] != self.delimiter {
                end = at;
                break;
            }
            let at = (self.next + at) as u32;
            fields.push([start, at]);
            start = at + 1;
            delimited = true;
        }
        // Nothing between two line breaks is no record.
        if delimited || end > 0 {
            fields.push([start, (self.next + end) as u32]);
        }
        self.next += (end + 1).min(rest.len());
        true
    }

    /// The next record of a text with quotes.
    fn parse(&mut self, fields: &mut Vec<Field>) -> bool {
        let Some(parser) = &mut self.parser else { return false };
        let first = fields.last().map_or(0, |field| field[1] as usize);
        let (mut used, mut count) = (first, 0);
        loop {
            let input = &self.block.bytes[self.next..];
            let (result, read, written, ended) =
                parser.read_record(input, &mut self.text[used..], &mut self.ends[count..]);
            self.next += read;
            used += written;
            count += ended;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => self.text.resize(self.text.len() + 1, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(2 * self.ends.len(), 0),
                ReadRecordResult::End => return false,
                ReadRecordResult::Record => {
                    let mut start = first;
                    let ends = self.ends[..count].iter().map(|end| first + end);
                    fields.extend(ends.map(|end| [std::mem::replace(&mut start, end) as u32, end as u32]));
                    return true;
                }
            }
        }
    }
}
