//! A CSV stream in blocks of whole records, which can be read side by side.

use std::io::{self, BufRead, Read};

use csv_core::ReadRecordResult;
use memchr::{memchr, memchr_iter, memrchr2};

use super::{Options, format};
use crate::Result;

/// Bytes of a block, unless a record is longer.
const SIZE: usize = 1 << 18;
/// A longer record than this is a quote that nobody closed, or no CSV.
const MAX_RECORD: usize = 64 << 20;

/// Whole records.
pub(super) struct Block {
    pub bytes: Vec<u8>,
    /// The line on which it starts.
    pub line: u64,
    /// Whether there are quotes in it. Elsewhere every delimiter and every line break is what it seems.
    pub quoted: bool,
}

/// A stream that a worker may read from.
pub(super) type Source<'a> = Box<dyn BufRead + Send + 'a>;

pub(super) struct Blocks<'a> {
    source: Source<'a>,
    parser: csv_core::ReaderBuilder,
    /// What was read behind the last block.
    rest: Vec<u8>,
    line: u64,
    ended: bool,
}

impl<'a> Blocks<'a> {
    /// The blocks behind the lines that the options skip.
    pub fn new(mut source: Source<'a>, options: &Options) -> Result<Self> {
        let start = source.fill_buf().map_err(broken)?;
        if start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff") {
            return Err(format("the text is in UTF-16; save it as UTF-8"));
        }
        let mut rest = Vec::new();
        source.by_ref().take(3).read_to_end(&mut rest).map_err(broken)?;
        if rest == b"\xef\xbb\xbf" {
            rest.clear();
        }
        let mut source: Source<'a> = Box::new(io::Cursor::new(rest).chain(source));
        for _ in 0..options.skiprows {
            skip_line(&mut source).map_err(broken)?;
        }
        Ok(Self { source, parser: options.parser(), rest: Vec::new(), line: 1 + options.skiprows as u64, ended: false })
    }

    /// Whether the last block was taken.
    pub fn ended(&self) -> bool {
        self.ended
    }

    fn block(&mut self) -> Result<Block> {
        let mut bytes = std::mem::take(&mut self.rest);
        let mut size = SIZE;
        loop {
            let missing = size.saturating_sub(bytes.len());
            let read = self.source.by_ref().take(missing as u64).read_to_end(&mut bytes).map_err(broken)?;
            self.ended = read < missing;
            let quoted = memchr(b'"', &bytes).is_some();
            let end = match () {
                () if quoted => self.last_record(&bytes)?,
                () if self.ended => bytes.len(),
                () => memrchr2(b'\n', b'\r', &bytes).map_or(0, |at| at + 1),
            };
            if end > 0 || self.ended {
                self.rest = bytes[end..].to_vec();
                bytes.truncate(end);
                let line = self.line;
                self.line += newlines(&bytes);
                return Ok(Block { bytes, line, quoted });
            }
            if size >= MAX_RECORD {
                let size = size >> 20;
                let hint = "is a quote not closed, or the delimiter another one?";
                return Err(format(format!("line {}: a record of more than {size} MiB; {hint}", self.line)));
            }
            size *= 2;
        }
    }

    /// Where the last whole record ends. Line breaks between quotes end none.
    fn last_record(&self, bytes: &[u8]) -> Result<usize> {
        let mut parser = started(&self.parser);
        let (mut text, mut ends) = ([0; 1 << 12], [0; 1 << 9]);
        let (mut at, mut record) = (0, 0);
        while at < bytes.len() {
            let (result, read, ..) = parser.read_record(&bytes[at..], &mut text, &mut ends);
            at += read;
            if result == ReadRecordResult::Record {
                record = at;
            }
        }
        if !self.ended {
            return Ok(record);
        }
        // Between quotes, a line break would be text.
        let (_, _, text, _) = parser.read_record(b"\n", &mut text, &mut ends);
        if text > 0 {
            let line = self.line + newlines(&bytes[..record]);
            return Err(format(format!("line {line}: a quote is not closed in the record that starts here")));
        }
        Ok(bytes.len())
    }
}

impl Iterator for Blocks<'_> {
    type Item = Result<Block>;

    fn next(&mut self) -> Option<Result<Block>> {
        if self.ended {
            return None;
        }
        let block = self.block();
        self.ended |= block.is_err();
        Some(block)
    }
}

/// A parser that takes a byte order mark for text, as it is within a stream.
pub(super) fn started(parser: &csv_core::ReaderBuilder) -> csv_core::Reader {
    let mut parser = parser.build();
    parser.read_record(b"\n", &mut [], &mut []);
    parser
}

pub(super) fn newlines(bytes: &[u8]) -> u64 {
    memchr_iter(b'\n', bytes).count() as u64
}

/// Reads to the end of a line, however long it is.
fn skip_line(source: &mut impl BufRead) -> io::Result<()> {
    loop {
        let buffer = source.fill_buf()?;
        let end = memchr(b'\n', buffer);
        let used = end.map_or(buffer.len(), |end| end + 1);
        source.consume(used);
        if end.is_some() || used == 0 {
            return Ok(());
        }
    }
}

fn broken(error: io::Error) -> crate::Error {
    format(error.to_string())
}
