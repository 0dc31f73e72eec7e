//! A CSV stream in blocks of whole records, which can be read side by side.

use std::{
    collections::VecDeque,
    io::{self, BufRead, Read},
};

use super::{
    dialect::{Dialect, Line},
    lines,
};
use crate::Error;

/// Bytes of a block, unless a record is longer.
pub(super) const SIZE: usize = 1 << 18;
/// A longer record than this is a quote that nobody closed, or no CSV.
const MAX_RECORD: usize = 64 << 20;

/// Whole records.
#[derive(Default)]
pub(super) struct Block {
    pub bytes: Vec<u8>,
    /// Whether every delimiter and every line break is what it seems.
    pub plain: bool,
}

/// What is wrong, and where: lines and rows are counted from the start of the block.
#[derive(Debug)]
pub(super) struct Fault {
    pub line: Option<u64>,
    pub row: Option<usize>,
    /// Which of the file's columns.
    pub column: Option<usize>,
    pub reason: String,
}

impl Fault {
    fn at_line(line: u64, reason: impl Into<String>) -> Self {
        Self { line: Some(line), row: None, column: None, reason: reason.into() }
    }

    /// The error, where so many lines and rows are in the blocks before.
    pub fn error(self, lines: u64, rows: usize, names: &[String]) -> Error {
        let Self { line, row, column, reason } = self;
        let place = [
            line.map(|line| format!("line {}", 1 + lines + line)),
            row.map(|row| format!("row {}", rows + row)),
            column.map(|column| format!("column {:?}", names[column])),
        ];
        let place = place.into_iter().flatten().collect::<Vec<_>>().join(", ");
        super::format(if place.is_empty() { reason } else { format!("{place}: {reason}") })
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self { line: None, row: None, column: None, reason: error.to_string() }
    }
}

/// A stream that a worker may read from.
pub(super) type Source<'a> = Box<dyn BufRead + Send + 'a>;

pub(super) struct Blocks<'a> {
    source: Source<'a>,
    dialect: Dialect,
    size: usize,
    /// What was read behind the last block.
    rest: Vec<u8>,
    /// Whether the source has no more bytes.
    drained: bool,
    ended: bool,
}

impl<'a> Blocks<'a> {
    /// The blocks of a stream, each of about so many bytes.
    pub fn new(source: Source<'a>, dialect: Dialect, size: usize) -> Self {
        Self { source, dialect, size, rest: Vec::new(), drained: false, ended: false }
    }

    /// Whether the last block was taken.
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// Skips lines; those that a field in quotes spans are one. Gives how many line breaks are in them.
    pub fn skip_lines(&mut self, count: usize) -> Result<u64, Fault> {
        let skipped_dialect = self.dialect.skipped();
        let dialect = std::mem::replace(&mut self.dialect, skipped_dialect);
        let (mut left, mut skipped) = (count, 0);
        while left > 0 && !self.ended {
            let mut block = self.block().map_err(|fault| Fault { line: fault.line.map(|l| l + skipped), ..fault })?;
            let mut at = 0;
            while left > 0 && at < block.bytes.len() {
                (_, at) = self.dialect.line(&block.bytes, at, &mut ());
                left -= 1;
            }
            skipped += lines::count(&block.bytes[..at]);
            block.bytes.drain(..at);
            block.bytes.append(&mut self.rest);
            self.rest = block.bytes;
            self.ended = self.drained && self.rest.is_empty();
        }
        self.dialect = dialect;
        Ok(skipped)
    }

    fn block(&mut self) -> Result<Block, Fault> {
        let mut bytes = std::mem::take(&mut self.rest);
        let mut size = self.size;
        loop {
            self.fill(&mut bytes, size)?;
            let hidden = self.dialect.hides_breaks(&bytes);
            let end = if hidden {
                self.last_record(&bytes)?
            } else if self.drained {
                bytes.len()
            } else {
                lines::last_line(&bytes).unwrap_or(0)
            };
            if end > 0 || self.drained {
                self.rest = bytes[end..].to_vec();
                bytes.truncate(end);
                self.ended = self.drained && self.rest.is_empty();
                let plain = !hidden && self.dialect.is_plain(&bytes);
                return Ok(Block { bytes, plain });
            }
            if size >= MAX_RECORD {
                let size = size >> 20;
                let hint = "is a quote not closed, or the delimiter another one?";
                return Err(Fault::at_line(0, format!("a record of more than {size} MiB; {hint}")));
            }
            size *= 2;
        }
    }

    /// Reads until there are so many bytes. A line break of two bytes is read as a whole.
    fn fill(&mut self, bytes: &mut Vec<u8>, size: usize) -> io::Result<()> {
        let missing = size.saturating_sub(bytes.len());
        let read = self.source.by_ref().take(missing as u64).read_to_end(bytes)?;
        self.drained |= read < missing;
        if bytes.last() == Some(&b'\r') && !self.drained {
            let next = self.source.fill_buf()?.first().copied();
            self.drained = next.is_none();
            if next == Some(b'\n') {
                bytes.push(b'\n');
                self.source.consume(1);
            }
        }
        Ok(())
    }

    /// Where the last whole record ends; 0 if there is none. Line breaks between quotes end none.
    fn last_record(&self, bytes: &[u8]) -> Result<usize, Fault> {
        let (mut at, mut record) = (0, 0);
        while at < bytes.len() {
            let (line, end) = self.dialect.line(bytes, at, &mut ());
            match line {
                Line::Record => record = end,
                // A comment may go on in what is not read yet.
                Line::Nothing if end < bytes.len() || lines::is_break(bytes[end - 1]) => record = end,
                Line::Nothing | Line::Cut if self.drained => record = end,
                // The records before it come first.
                Line::Open(reason) if self.drained && record == 0 => return Err(Fault::at_line(0, reason)),
                Line::Nothing | Line::Cut | Line::Open(_) => {}
            }
            at = end;
        }
        Ok(record)
    }
}

impl Iterator for Blocks<'_> {
    type Item = Result<Block, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let block = self.block();
        self.ended |= block.is_err();
        Some(block)
    }
}

/// Blocks without the last lines of the stream.
pub(super) struct WithoutFooter<B> {
    blocks: B,
    dialect: Dialect,
    count: usize,
    /// Blocks that may have lines of the footer, with the places where their lines start.
    held: VecDeque<(Block, Vec<usize>)>,
    /// What is wrong behind them.
    fault: Option<Fault>,
}

impl<B> WithoutFooter<B> {
    pub fn new(blocks: B, dialect: Dialect, count: usize) -> Self {
        Self { blocks, dialect, count, held: VecDeque::new(), fault: None }
    }

    /// Takes the lines of the footer away from what is held.
    fn cut(&mut self) {
        for (block, starts) in self.held.iter_mut().rev() {
            let kept = starts.len().saturating_sub(self.count);
            self.count -= starts.len() - kept;
            block.bytes.truncate(starts.get(kept).copied().unwrap_or(block.bytes.len()));
        }
        // What is left has no footer.
        self.count = 0;
    }
}

impl<B: Iterator<Item = Result<Block, Fault>>> Iterator for WithoutFooter<B> {
    type Item = Result<Block, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.held.iter().skip(1).map(|(_, starts)| starts.len()).sum::<usize>() < self.count {
            match self.blocks.next() {
                Some(Ok(block)) => {
                    let (mut starts, mut at) = (Vec::new(), 0);
                    while at < block.bytes.len() {
                        starts.push(at);
                        (_, at) = self.dialect.line(&block.bytes, at, &mut ());
                    }
                    self.held.push_back((block, starts));
                }
                Some(Err(fault)) => {
                    // Nobody knows where the footer starts; the blocks before come first.
                    self.fault = Some(fault);
                    self.count = 0;
                }
                None => self.cut(),
            }
        }
        match self.held.pop_front() {
            Some((block, _)) => Some(Ok(block)),
            None => match self.fault.take() {
                Some(fault) => Some(Err(fault)),
                None => self.blocks.next(),
            },
        }
    }
}
