//! The text of a table: unpacked, and in UTF-8.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use flate2::bufread::GzDecoder;

use super::{blocks::Source, format};
use crate::{
    Result,
    io::magic::{Format, HEAD},
};

/// The encoding of a file's text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8, with or without a byte order mark.
    #[default]
    Utf8,
    /// ISO 8859-1: every byte is the character of its number.
    Latin1,
    /// What Windows calls ANSI: Latin-1 with quotation marks, dashes and the euro sign.
    Windows1252,
    /// UTF-16 in the byte order of its mark; little-endian without one.
    Utf16,
}

/// The characters of Windows-1252 from 0x80 on that are not those of Latin-1. What it leaves free stays as it is.
const WINDOWS_1252: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘', '’',
    '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// The text of a file, which may be packed with gzip, or be the only file of a zip archive.
pub(super) fn text(source: Source<'_>, encoding: Encoding) -> Result<Source<'_>> {
    let (mut head, mut source) = start(source)?;
    if Format::of(&head) == Some(Format::Gzip) {
        (head, source) = start(Box::new(BufReader::new(Gzip::Member(Box::new(GzDecoder::new(source))))))?;
    }
    #[cfg(feature = "npz")]
    if Format::of(&head) == Some(Format::Zip) {
        (head, source) = start(Box::new(Cursor::new(unzipped(source)?)))?;
    }
    match Format::of(&head) {
        Some(Format::Utf16) if encoding == Encoding::Utf16 => {}
        Some(other) => return Err(format(other.reason())),
        None => {}
    }
    let mark: &[u8] = match encoding {
        Encoding::Utf8 => b"\xef\xbb\xbf",
        Encoding::Utf16 if head.starts_with(b"\xfe\xff") => b"\xfe\xff",
        Encoding::Utf16 => b"\xff\xfe",
        Encoding::Latin1 | Encoding::Windows1252 => b"",
    };
    let big = mark == b"\xfe\xff";
    if head.starts_with(mark) {
        io::copy(&mut source.by_ref().take(mark.len() as u64), &mut io::sink()).map_err(broken)?;
    }
    match encoding {
        Encoding::Utf8 => Ok(source),
        _ => Ok(Box::new(Recoded { source, encoding, big, raw: Vec::new(), text: Vec::new(), at: 0 })),
    }
}

/// The first bytes of a stream, and the stream, of which they are not taken away.
fn start(mut source: Source<'_>) -> Result<(Vec<u8>, Source<'_>)> {
    let mut head = Vec::new();
    source.by_ref().take(HEAD as u64).read_to_end(&mut head).map_err(broken)?;
    Ok((head.clone(), Box::new(Cursor::new(head).chain(source))))
}

fn broken(error: io::Error) -> crate::Error {
    crate::Error::format_from("csv", error)
}

/// What gzip packed, in one piece or in several. Zeros may fill up the end, as tapes and block devices leave them.
enum Gzip<R> {
    Member(Box<GzDecoder<R>>),
    Between(R),
    Ended,
}

impl<R: BufRead> Read for Gzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            *self = match std::mem::replace(self, Self::Ended) {
                Self::Member(mut member) => match member.read(buffer)? {
                    0 if !buffer.is_empty() => Self::Between(member.into_inner()),
                    count => {
                        *self = Self::Member(member);
                        return Ok(count);
                    }
                },
                Self::Between(mut source) => {
                    let rest = source.fill_buf()?;
                    let zeros = rest.iter().take_while(|&&byte| byte == 0).count();
                    match rest.get(zeros) {
                        None if rest.is_empty() => return Ok(0),
                        None => {
                            source.consume(zeros);
                            Self::Between(source)
                        }
                        Some(0x1f) => {
                            source.consume(zeros);
                            Self::Member(Box::new(GzDecoder::new(source)))
                        }
                        Some(_) => return Err(io::Error::other("other bytes follow what gzip packed")),
                    }
                }
                Self::Ended => return Ok(0),
            };
        }
    }
}

/// The only file of a zip archive.
#[cfg(feature = "npz")]
fn unzipped(mut source: Source<'_>) -> Result<Vec<u8>> {
    let mut packed = Vec::new();
    source.read_to_end(&mut packed).map_err(broken)?;
    let failed = |error: zip::result::ZipError| format(format!("the zip archive: {error}"));
    // As archives of arrays, so that the reader is compiled once.
    let packed: Box<dyn crate::io::npz::Source> = Box::new(Cursor::new(packed));
    let mut archive = zip::ZipArchive::new(packed).map_err(failed)?;
    let names = archive.file_names().map(|name| Ok(name?.into_owned())).collect::<Result<Vec<String>, _>>();
    let mut names = names.map_err(failed)?;
    names.retain(|name| !name.ends_with('/') && !name.starts_with("__MACOSX/"));
    let [name] = &names[..] else {
        let reason = format!("there are {} files in the zip archive, not one: unpack it first", names.len());
        return Err(format(reason));
    };
    let mut text = Vec::new();
    archive.by_name(name).map_err(failed)?.read_to_end(&mut text).map_err(broken)?;
    Ok(text)
}

/// Text in UTF-8 that was in another encoding.
struct Recoded<'a> {
    source: Source<'a>,
    encoding: Encoding,
    /// Whether UTF-16 has the upper byte first.
    big: bool,
    /// Bytes of a character that is not complete.
    raw: Vec<u8>,
    text: Vec<u8>,
    at: usize,
}

impl Recoded<'_> {
    /// Decodes what comes next; nothing at the end.
    fn decode(&mut self) -> io::Result<()> {
        let Self { source, encoding, big, raw, text, at } = self;
        text.clear();
        *at = 0;
        while text.is_empty() {
            let bytes = source.fill_buf()?;
            let count = bytes.len();
            if count == 0 {
                return match raw[..] {
                    [] => Ok(()),
                    _ => Err(io::Error::other("the text ends within a character of UTF-16")),
                };
            }
            let mut push = |c: char| text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            match encoding {
                Encoding::Utf8 => text.extend_from_slice(bytes),
                Encoding::Latin1 => bytes.iter().for_each(|&byte| push(byte.into())),
                Encoding::Windows1252 => bytes.iter().for_each(|&byte| match byte {
                    0x80..0xa0 => push(WINDOWS_1252[usize::from(byte - 0x80)]),
                    byte => push(byte.into()),
                }),
                Encoding::Utf16 => {
                    raw.extend_from_slice(bytes);
                    let unit = |pair: &[u8]| {
                        let pair = [pair[0], pair[1]];
                        if *big { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) }
                    };
                    let mut units: Vec<u16> = raw.chunks_exact(2).map(unit).collect();
                    // The second half of a pair may not be read yet.
                    if units.last().is_some_and(|unit| (0xd800..0xdc00).contains(unit)) {
                        units.pop();
                    }
                    raw.drain(..2 * units.len());
                    for c in char::decode_utf16(units) {
                        push(c.map_err(|_| io::Error::other("the text is not UTF-16"))?);
                    }
                }
            }
            source.consume(count);
        }
        Ok(())
    }
}

impl Read for Recoded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Recoded<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at == self.text.len() {
            self.decode()?;
        }
        Ok(&self.text[self.at..])
    }

    fn consume(&mut self, count: usize) {
        self.at += count;
    }
}
