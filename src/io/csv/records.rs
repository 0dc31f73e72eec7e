//! The records of a CSV text, one at a time, from a stream.

use std::io::{BufRead, ErrorKind};

use csv_core::ReadRecordResult;

use super::{Options, format};
use crate::Result;

/// A longer record than this is a quote that nobody closed, or no CSV.
const MAX_RECORD: usize = 64 << 20;

pub(super) struct Records<'a> {
    source: Box<dyn BufRead + 'a>,
    parser: csv_core::Reader,
    /// The fields of the record, one after the other without delimiters and quotes, and where each ends.
    text: Vec<u8>,
    ends: Vec<usize>,
    /// How many of `ends` belong to the record.
    fields: usize,
    /// The line on which the record ends.
    line: u64,
}

impl<'a> Records<'a> {
    /// The records behind the lines that the options skip.
    pub fn new(mut source: Box<dyn BufRead + 'a>, options: &Options) -> Result<Self> {
        let start = source.fill_buf().map_err(|error| format(error.to_string()))?;
        if start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff") {
            return Err(format("the text is in UTF-16; save it as UTF-8"));
        }
        for _ in 0..options.skiprows {
            skip_line(&mut *source).map_err(|error| format(error.to_string()))?;
        }
        let mut parser = csv_core::ReaderBuilder::new();
        let mut parser = parser.delimiter(options.delimiter).comment(options.comment).build();
        parser.set_line(1 + options.skiprows as u64);
        Ok(Self { source, parser, text: vec![0; 1 << 10], ends: vec![0; 32], fields: 0, line: 0 })
    }

    /// Reads the next record; false at the end. Blank lines are none.
    pub fn advance(&mut self) -> Result<bool> {
        loop {
            if !self.read()? {
                return Ok(false);
            }
            let blank = self.fields == 1 && self.ends[0] > 0 && self.text[..self.ends[0]].trim_ascii().is_empty();
            if !blank {
                return Ok(true);
            }
        }
    }

    fn read(&mut self) -> Result<bool> {
        let (mut used, mut fields) = (0, 0);
        loop {
            let input = loop {
                match self.source.fill_buf() {
                    Ok(input) => break input,
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) => return Err(format(error.to_string())),
                }
            };
            if input.is_empty() && in_quotes(&self.parser) {
                return Err(format(format!("the quote in the record that starts on line {} is never closed", {
                    self.parser.line() - newlines(&self.text[..used])
                })));
            }
            let (result, read, written, ended) =
                self.parser.read_record(input, &mut self.text[used..], &mut self.ends[fields..]);
            let after_newline = read > 0 && input[read - 1] == b'\n';
            self.source.consume(read);
            used += written;
            fields += ended;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull if used >= MAX_RECORD => {
                    let line = self.parser.line();
                    let size = MAX_RECORD >> 20;
                    return Err(format(format!(
                        "line {line}: a record of more than {size} MiB; is a quote not closed, or the delimiter another one?"
                    )));
                }
                ReadRecordResult::OutputFull => self.text.resize(2 * self.text.len(), 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(2 * self.ends.len(), 0),
                ReadRecordResult::Record => {
                    self.fields = fields;
                    self.line = self.parser.line() - u64::from(after_newline);
                    return Ok(true);
                }
                ReadRecordResult::End => return Ok(false),
            }
        }
    }

    /// How many fields the record has.
    pub fn len(&self) -> usize {
        self.fields
    }

    /// The fields of the record.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut start = 0;
        self.ends[..self.fields].iter().map(move |&end| &self.text[std::mem::replace(&mut start, end)..end])
    }

    /// The line on which the record starts.
    pub fn line(&self) -> u64 {
        let text = &self.text[..self.ends[..self.fields].last().copied().unwrap_or(0)];
        self.line - newlines(text)
    }
}

fn newlines(text: &[u8]) -> u64 {
    text.iter().filter(|&&byte| byte == b'\n').count() as u64
}

/// Whether what the parser has read ends within quotes: there a line break is text.
fn in_quotes(parser: &csv_core::Reader) -> bool {
    let (_, _, written, _) = parser.clone().read_record(b"\n", &mut [0], &mut [0]);
    written > 0
}

/// Reads up to the end of a line, however long it is.
fn skip_line(source: &mut (dyn BufRead + '_)) -> std::io::Result<()> {
    let mut byte = [0];
    while source.read(&mut byte)? == 1 && byte[0] != b'\n' {}
    Ok(())
}
