//! An object as something to read from and to seek in.

use std::io::{self, Read, Seek, SeekFrom};

use super::Remote;

/// What is fetched at once where little is asked for.
const BLOCK: u64 = 1 << 20;
/// Archives jump between their directory and their members.
const KEPT: usize = 4;

/// Reads an object in blocks of 1 MiB, and whatever is larger in one go. Made by [`Remote::reader`].
#[derive(Debug)]
pub struct Reader {
    remote: Remote,
    position: u64,
    /// Blocks by their number, the latest in front.
    blocks: Vec<(u64, Vec<u8>)>,
}

impl Reader {
    pub(super) fn new(remote: Remote) -> Self {
        Self { remote, position: 0, blocks: Vec::new() }
    }

    /// The block of that number.
    fn block(&mut self, number: u64) -> io::Result<&[u8]> {
        match self.blocks.iter().position(|(kept, _)| *kept == number) {
            Some(at) => self.blocks[..=at].rotate_right(1),
            None => {
                let end = ((number + 1) * BLOCK).min(self.remote.len());
                let bytes = self.remote.read_range(number * BLOCK..end).map_err(io::Error::other)?;
                self.blocks.truncate(KEPT - 1);
                self.blocks.insert(0, (number, bytes));
            }
        }
        Ok(&self.blocks[0].1)
    }
}

impl Read for Reader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let left = self.remote.len().saturating_sub(self.position);
        let count = left.min(out.len() as u64);
        if count == 0 {
            return Ok(0);
        }
        let (from, count) = (self.position, count as usize);
        let head = usize::try_from(from).ok().and_then(|from| self.remote.head.get(from..)).unwrap_or_default();
        let filled = if !head.is_empty() {
            let filled = count.min(head.len());
            out[..filled].copy_from_slice(&head[..filled]);
            filled
        } else if count as u64 > BLOCK {
            let bytes = self.remote.read_range(from..from + count as u64).map_err(io::Error::other)?;
            out[..count].copy_from_slice(&bytes);
            count
        } else {
            let within = (from % BLOCK) as usize;
            let block = self.block(from / BLOCK)?;
            let filled = count.min(block.len() - within);
            out[..filled].copy_from_slice(&block[within..within + filled]);
            filled
        };
        self.position += filled as u64;
        Ok(filled)
    }
}

impl Seek for Reader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let (from, by) = match to {
            SeekFrom::Start(position) => (position, 0),
            SeekFrom::End(by) => (self.remote.len(), by),
            SeekFrom::Current(by) => (self.position, by),
        };
        let position = from.checked_add_signed(by);
        self.position =
            position.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a seek before the start"))?;
        Ok(self.position)
    }
}
