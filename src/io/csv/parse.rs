//! From a stream to a table.

use std::{io::BufReader, path::PathBuf};

use flate2::bufread::MultiGzDecoder;
use rayon::prelude::*;

use super::{
    Options,
    blocks::{Block, Blocks, Source, newlines},
    column::{Column, Values, Want, quoted},
    format,
    records::Records,
    table::{self, Table},
};
use crate::{Error, Result};

/// Reads a table. The stream is opened again where numbers turn out to be text.
pub(super) fn table<'a>(
    options: &'a Options,
    open: impl Fn() -> Result<Source<'a>>,
    path: Option<PathBuf>,
) -> Result<Table> {
    let mut stream = Stream::new(options, open()?)?;
    let wants = wants(options, &stream.names)?;
    let (mut columns, rows) = stream.read(&wants)?;
    let lost: Vec<_> = columns.iter().map(|column| matches!(column, Some(None)).then_some(Want::Text)).collect();
    if lost.iter().any(Option::is_some) {
        let mut again = Stream::new(options, open()?)?;
        let (texts, rows_again) = again.read(&lost)?;
        if (&again.names, rows_again) != (&stream.names, rows) {
            return Err(format("it was changed while it was read"));
        }
        columns.iter_mut().zip(texts).filter(|(_, text)| text.is_some()).for_each(|(column, text)| *column = text);
    }
    let columns = stream.names.into_iter().zip(columns).zip(wants);
    let columns = columns.filter_map(|((name, values), want)| Some(table::Column::new(name, values??, want?)));
    Ok(Table::new(columns.collect(), rows, options.dtype, path))
}

/// What each of the file's columns is to hold; nothing for those that nobody asked for.
fn wants(options: &Options, names: &[String]) -> Result<Vec<Option<Want>>> {
    let any = options.dtype.map_or(Want::Any, Want::Numbers);
    let mut wants = vec![options.usecols.is_none().then_some(any); names.len()];
    for key in options.usecols.iter().flatten() {
        wants[key.place(names).map_err(format)?] = Some(any);
    }
    for (key, want) in &options.wants {
        let place = key.place(names).map_err(format)?;
        wants[place] = wants[place].map(|_| *want);
    }
    Ok(wants)
}

/// The values of a column, block by block.
type Parts = Vec<Values>;

/// A stream of rows, with the names of all its columns.
struct Stream<'a> {
    options: &'a Options,
    blocks: Blocks<'a>,
    /// The first block, behind the names.
    first: Block,
    names: Vec<String>,
}

impl<'a> Stream<'a> {
    fn new(options: &'a Options, mut source: Source<'a>) -> Result<Self> {
        if source.fill_buf().map_err(|error| format(error.to_string()))?.starts_with(b"\x1f\x8b") {
            source = Box::new(BufReader::new(MultiGzDecoder::new(source)));
        }
        let mut blocks = Blocks::new(source, options)?;
        let empty = || format("it is empty");
        let mut first = blocks.next().ok_or_else(empty)??;
        let mut fields = Vec::new();
        // A comment may be longer than a block.
        while Records::new(&first, options).next(&mut fields).is_none() && !blocks.ended() {
            first = blocks.next().ok_or_else(empty)??;
        }
        if !options.header && !options.names.is_empty() {
            return Ok(Self { options, blocks, first, names: options.names.clone() });
        }
        fields.clear();
        let mut records = Records::new(&first, options);
        let found = records.next(&mut fields);
        let line = records.line(found.ok_or_else(empty)?);
        if !options.header {
            let names = (0..fields.len()).map(|i| i.to_string()).collect();
            return Ok(Self { options, blocks, first, names });
        }
        let name = |[start, end]: &[u32; 2]| {
            let name = &records.text()[*start as usize..*end as usize];
            let failed = |_| format(format!("line {line}: the name {} is not UTF-8", quoted(name)));
            String::from_utf8(name.into()).map_err(failed)
        };
        let names = fields.iter().map(name).collect::<Result<_>>()?;
        let start = records.position();
        first.line += newlines(&first.bytes[..start]);
        first.bytes.drain(..start);
        Ok(Self { options, blocks, first, names })
    }

    /// Reads all rows. Of the columns that are wanted, those have no values that must be read again as text.
    fn read(&mut self, wants: &[Option<Want>]) -> Result<(Vec<Option<Option<Parts>>>, usize)> {
        let Self { options, blocks, first, names } = self;
        let part = |scratch: &mut Scratch, block: &Block| part(options, names, wants, block, scratch);
        let mut parts = vec![(0, Ok(part(&mut Scratch::default(), first)))];
        if !blocks.ended() {
            // Whichever thread is idle takes the next block from the stream.
            let blocks = blocks.by_ref().enumerate().par_bridge();
            let work = |scratch: &mut _, (i, block): (usize, Result<Block>)| (i + 1, block.map(|b| part(scratch, &b)));
            parts.par_extend(blocks.map_init(Scratch::default, work));
            parts.sort_unstable_by_key(|(i, _)| *i);
        }
        let mut columns: Vec<Option<Vec<Column>>> = wants.iter().map(|want| want.map(|_| Vec::new())).collect();
        let mut rows = 0;
        for (_, part) in parts {
            let part = part?.map_err(|fault| fault.error(rows, names))?;
            columns.iter_mut().flatten().zip(part.columns).for_each(|(column, part)| column.push(part));
            rows += part.rows;
        }
        let join = |(parts, name): (Option<Vec<Column>>, &String)| {
            let joined = parts.map(|parts| Column::join(parts, &options.missing)).transpose();
            joined.map_err(|reason| format(format!("column {name:?}: {reason}")))
        };
        let columns = columns.into_iter().zip(&*names).map(join).collect::<Result<_>>()?;
        Ok((columns, rows))
    }
}

/// Some of the rows: the columns that are wanted.
struct Part {
    columns: Vec<Column>,
    rows: usize,
}

/// What is wrong with a row, which is counted from the start of its part.
struct Fault {
    row: usize,
    line: u64,
    /// Whether it is the row as a whole, or one of the file's columns.
    column: Option<usize>,
    reason: String,
}

impl Fault {
    fn error(self, rows: usize, names: &[String]) -> Error {
        let Self { row, line, column, reason } = self;
        let row = rows + row;
        match column {
            Some(column) => format(format!("line {line}, row {row}, column {:?}: {reason}", names[column])),
            None => format(format!("line {line}, row {row}: {reason}")),
        }
    }
}

/// Lists that keep their memory from block to block.
#[derive(Default)]
struct Scratch {
    /// Where the fields lie, record by record.
    fields: Vec<[u32; 2]>,
    /// Where the records start.
    starts: Vec<usize>,
}

fn part(
    options: &Options,
    names: &[String],
    wants: &[Option<Want>],
    block: &Block,
    scratch: &mut Scratch,
) -> Result<Part, Fault> {
    let mut records = Records::new(block, options);
    let Scratch { fields, starts } = scratch;
    fields.clear();
    starts.clear();
    while let Some(start) = records.next(fields) {
        let wanted = (starts.len() + 1) * names.len();
        if fields.len() != wanted {
            let count = fields.len() + names.len() - wanted;
            let reason = format!("{count} fields, where there are {} columns", names.len());
            return Err(Fault { row: starts.len(), line: records.line(start), column: None, reason });
        }
        starts.push(start);
    }
    let mut columns = Vec::new();
    let mut fault: Option<Fault> = None;
    for (i, want) in wants.iter().enumerate().filter_map(|(i, want)| Some((i, (*want)?))) {
        let mut column = Column::new(want);
        let text = fields.iter().skip(i).step_by(names.len());
        let text = text.map(|&[start, end]| &records.text()[start as usize..end as usize]);
        if let Err((row, reason)) = column.extend(text, &options.missing)
            && fault.as_ref().is_none_or(|fault| row < fault.row)
        {
            fault = Some(Fault { row, line: records.line(starts[row]), column: Some(i), reason });
        }
        columns.push(column);
    }
    fault.map_or(Ok(Part { columns, rows: starts.len() }), Err)
}
