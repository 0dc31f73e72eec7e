//! From a stream to a table.

use std::path::PathBuf;

use rayon::prelude::*;

use super::{
    BadLines, Options,
    blocks::{Block, Blocks, Fault, Source, WithoutFooter},
    column::{Column, Rules, Want},
    format, lines,
    records::{Field, Records},
    source,
    table::{self, Table},
    values::{Values, not_utf8},
};
use crate::{Result, threads};

/// Reads a table. The stream is opened again where numbers turn out to be text.
pub(super) fn table<'a>(
    options: &'a Options,
    open: impl Fn() -> Result<Source<'a>>,
    path: Option<PathBuf>,
) -> Result<Table> {
    options.check()?;
    let missing = options.missing();
    let rules = Rules { missing: &missing, notation: &options.notation };
    let stream = Stream::new(options, rules, open()?)?;
    let wants = wants(options, &stream.names)?;
    let Read { names, mut columns, rows, bad_lines } = stream.read(&wants)?;
    let lost: Vec<_> = columns.iter().map(|column| matches!(column, Some(None)).then_some(Want::Text)).collect();
    if lost.iter().any(Option::is_some) {
        let again = Stream::new(options, rules, open()?)?.read(&lost)?;
        if (&again.names, again.rows) != (&names, rows) {
            return Err(format("it was changed while it was read"));
        }
        let texts = columns.iter_mut().zip(again.columns).filter(|(_, text)| text.is_some());
        texts.for_each(|(column, text)| *column = text);
    }
    let columns = names.into_iter().zip(columns).zip(wants);
    let columns = columns.filter_map(|((name, values), want)| Some(table::Column::new(name, values??, want?)));
    Ok(Table::new(columns.collect(), rows, bad_lines, options.dtype, path))
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

/// All rows. Of the columns that are wanted, those have no values that must be read again as text.
struct Read {
    names: Vec<String>,
    columns: Vec<Option<Option<Parts>>>,
    rows: usize,
    bad_lines: Vec<u64>,
}

/// A stream of rows, with the names of all its columns.
struct Stream<'a> {
    options: &'a Options,
    rules: Rules<'a>,
    blocks: Blocks<'a>,
    /// The first block, behind the names.
    first: Block,
    /// How many lines there are before the first block.
    lines: u64,
    names: Vec<String>,
}

impl<'a> Stream<'a> {
    fn new(options: &'a Options, rules: Rules<'a>, source: Source<'a>) -> Result<Self> {
        let source = source::text(source, options.encoding)?;
        let mut blocks = Blocks::new(source, options.dialect, options.block_size);
        let failed = |lines: u64| move |fault: Fault| fault.error(lines, 0, &[]);
        let mut lines = blocks.skip_lines(options.skiprows).map_err(failed(0))?;
        let mut first = Block::default();
        let is_named = !options.header && !options.names.is_empty();
        let mut fields = Vec::new();
        // Blank lines and comments may be longer than a block.
        while Records::new(&first, &options.dialect).next(&mut fields).is_none() {
            lines += lines::count(&first.bytes);
            match blocks.next() {
                Some(block) => first = block.map_err(failed(lines))?,
                None if is_named => {
                    first.bytes.clear();
                    break;
                }
                None => return Err(format("it is empty")),
            }
        }
        if is_named {
            return Ok(Self { options, rules, blocks, first, lines, names: options.names.clone() });
        }
        fields.clear();
        let mut records = Records::new(&first, &options.dialect);
        let start = records.next(&mut fields).unwrap_or(0);
        if !options.header {
            let names = (0..fields.len()).map(|i| i.to_string()).collect();
            return Ok(Self { options, rules, blocks, first, lines, names });
        }
        let end = records.position();
        let text = records.into_text();
        let line = 1 + lines + lines::count(&text[..start]);
        let name = |&[start, end]: &Field| {
            let name = &text[start as usize..end as usize];
            let failed = |_| format(format!("line {line}: the name {}", not_utf8(name)));
            String::from_utf8(name.into()).map_err(failed)
        };
        let named = fields.len();
        let names: Vec<String> = match &options.names[..] {
            [] => fields.iter().map(name).collect::<Result<_>>()?,
            names if names.len() == named => names.into(),
            names => {
                return Err(format(format!(
                    "line {line}: the header has {named} names, and {} are given",
                    names.len()
                )));
            }
        };
        drop(text);
        lines += lines::count(&first.bytes[..end]);
        first.bytes.drain(..end);
        Ok(Self { options, rules, blocks, first, lines, names })
    }

    fn read(self, wants: &[Option<Want>]) -> Result<Read> {
        let Self { options, rules, blocks, first, mut lines, names } = self;
        let part = |scratch: &mut Scratch, block: &Block, limit| {
            Part::new(options, rules, names.len(), wants, block, scratch, limit)
        };
        let is_small = blocks.ended();
        let blocks = std::iter::once(Ok(first)).chain(blocks);
        let blocks: Box<dyn Iterator<Item = _> + Send> = match options.skipfooter {
            0 => Box::new(blocks),
            count => Box::new(WithoutFooter::new(blocks, options.dialect, count)),
        };
        let mut parts = Vec::new();
        if is_small || options.nrows.is_some() {
            let (mut left, mut scratch) = (options.nrows.unwrap_or(usize::MAX), Scratch::default());
            for block in blocks {
                let part = block.and_then(|block| part(&mut scratch, &block, left));
                left -= part.as_ref().map_or(left, |part| part.rows);
                parts.push((parts.len(), part));
                if left == 0 {
                    break;
                }
            }
        } else {
            // Whichever thread is idle takes the next block from the stream.
            let work = |scratch: &mut _, (i, block): (usize, Result<Block, Fault>)| {
                (i, block.and_then(|block| part(scratch, &block, usize::MAX)))
            };
            let blocks = blocks.enumerate().par_bridge().map_init(Scratch::default, work);
            threads::install(|| parts.par_extend(blocks));
            parts.sort_unstable_by_key(|(i, _)| *i);
        }
        let mut columns: Vec<Option<Vec<Column>>> = wants.iter().map(|want| want.map(|_| Vec::new())).collect();
        let (mut rows, mut bad_lines) = (0, Vec::new());
        for (_, part) in parts {
            let part = part.map_err(|fault| fault.error(lines, rows, &names))?;
            columns.iter_mut().flatten().zip(part.columns).for_each(|(column, part)| column.push(part));
            bad_lines.extend(part.bad_lines.iter().map(|line| 1 + lines + line));
            rows += part.rows;
            lines += part.lines;
        }
        let join = |(parts, name): (Option<Vec<Column>>, &String)| {
            let joined = parts.map(|parts| Column::join(parts, rules)).transpose();
            joined.map_err(|reason| format(format!("column {name:?}: {reason}")))
        };
        let columns = columns.into_iter().zip(&names).map(join).collect::<Result<_>>()?;
        Ok(Read { names, columns, rows, bad_lines })
    }
}

/// Some of the rows: the columns that are wanted.
struct Part {
    columns: Vec<Column>,
    rows: usize,
    lines: u64,
    /// Lines that were left out, counted from the start of the block.
    bad_lines: Vec<u64>,
}

/// Lists that keep their memory from block to block.
#[derive(Default)]
struct Scratch {
    /// Where the fields lie, record by record.
    fields: Vec<Field>,
    /// Where the lines of the records start.
    starts: Vec<usize>,
}

impl Part {
    /// The rows of a block, so many at most.
    fn new(
        options: &Options,
        rules: Rules<'_>,
        width: usize,
        wants: &[Option<Want>],
        block: &Block,
        scratch: &mut Scratch,
        limit: usize,
    ) -> Result<Self, Fault> {
        let line = |start: usize| lines::count(&block.bytes[..start]);
        let mut records = Records::new(block, &options.dialect);
        let Scratch { fields, starts } = scratch;
        fields.clear();
        starts.clear();
        let mut bad = Vec::new();
        while starts.len() < limit
            && let Some(start) = records.next(fields)
        {
            let before = starts.len() * width;
            let found = fields.len() - before;
            if found == width {
                starts.push(start);
            } else if options.bad_lines == BadLines::Skip {
                fields.truncate(before);
                bad.push(start);
            } else {
                let reason = format!("{found} fields, where there are {width} columns");
                return Err(Fault { row: Some(starts.len()), line: Some(line(start)), column: None, reason });
            }
        }
        let text = records.into_text();
        let mut columns = Vec::new();
        let mut fault: Option<(usize, Fault)> = None;
        for (i, want) in wants.iter().enumerate().filter_map(|(i, want)| Some((i, (*want)?))) {
            let mut column = Column::new(want);
            let column_fields = fields.iter().skip(i).step_by(width);
            let column_fields = column_fields.map(|&[start, end]| &text[start as usize..end as usize]);
            if let Err((row, reason)) = column.extend(column_fields, rules)
                && fault.as_ref().is_none_or(|(first, _)| row < *first)
            {
                let line = Some(line(starts[row]));
                fault = Some((row, Fault { row: Some(row), line, column: Some(i), reason }));
            }
            columns.push(column);
        }
        let lines = lines::count(&block.bytes);
        let bad_lines = bad.into_iter().map(line).collect();
        fault.map_or(Ok(Self { columns, rows: starts.len(), lines, bad_lines }), |(_, fault)| Err(fault))
    }
}
