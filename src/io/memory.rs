//! Memory that files are read into, or mapped to.

use std::{
    io::{self, Read},
    ops::{Deref, DerefMut, Range},
    ptr::NonNull,
    sync::Arc,
};

use memmap2::MmapMut;

use crate::{DType, Device, Result, Shape, Tensor, graph::executor::HostMemory};

/// Bytes that are read at once where nobody knows how many there are.
pub(super) const CHUNK: usize = 1 << 20;
/// From here on memory comes as pages of the system, which are zero without being written to.
const PAGES: usize = 4 << 20;

/// Bytes, aligned for every dtype.
pub(super) enum Block {
    Words { words: Vec<u64>, len: usize },
    Pages(MmapMut),
}

impl Block {
    /// # Errors
    /// If there is not so much memory.
    pub fn zeroed(len: usize) -> io::Result<Self> {
        if len >= PAGES
            && let Ok(pages) = MmapMut::map_anon(len)
        {
            // Where 4 KiB pages are filled one by one, faults take longer than the reading. A refusal costs only speed.
            #[cfg(target_os = "linux")]
            let _ = pages.advise(memmap2::Advice::HugePage);
            return Ok(Self::Pages(pages));
        }
        let mut words = Vec::new();
        grow(&mut words, len)?;
        Ok(Self::Words { words, len })
    }

    /// Reads `len` bytes that are known to be there.
    pub fn read(reader: &mut impl Read, len: usize) -> io::Result<Self> {
        let mut block = Self::zeroed(len)?;
        reader.read_exact(&mut block)?;
        Ok(block)
    }

    /// Reads `len` bytes of which there may be fewer: memory grows with what comes.
    pub fn read_claimed(reader: &mut impl Read, len: usize) -> io::Result<Self> {
        let (mut words, mut have) = (Vec::new(), 0);
        while have < len {
            let next = len.min((2 * have).max(CHUNK));
            grow(&mut words, next)?;
            reader.read_exact(&mut bytemuck::cast_slice_mut(&mut words)[have..next])?;
            have = next;
        }
        Ok(Self::Words { words, len })
    }

    /// A tensor on the CPU over the memory, which holds the elements of `shape`.
    pub fn tensor(self, dtype: DType, shape: Shape) -> Result<Tensor> {
        adopt(Box::new(self), dtype, shape)
    }
}

fn adopt(memory: Box<dyn HostMemory>, dtype: DType, shape: Shape) -> Result<Tensor> {
    let device = Device::cpu();
    Ok(Tensor::ready(device.executor().adopt(memory)?, &device, dtype, shape))
}

/// Kiln does not write to what it has adopted; whoever borrows it may.
impl HostMemory for Block {
    fn bytes(&mut self) -> NonNull<[u8]> {
        NonNull::from(&mut **self)
    }

    fn is_read_only(&self) -> bool {
        false
    }
}

fn grow(words: &mut Vec<u64>, bytes: usize) -> io::Result<()> {
    let more = bytes.div_ceil(size_of::<u64>()) - words.len();
    words.try_reserve_exact(more).map_err(io::Error::other)?;
    words.resize(words.len() + more, 0);
    Ok(())
}

impl Deref for Block {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Block::Words { words, len } => &bytemuck::cast_slice(words)[..*len],
            Block::Pages(pages) => pages,
        }
    }
}

impl DerefMut for Block {
    fn deref_mut(&mut self) -> &mut [u8] {
        match self {
            Block::Words { words, len } => &mut bytemuck::cast_slice_mut(words)[..*len],
            Block::Pages(pages) => pages,
        }
    }
}

/// Memory that several tensors may look at.
#[derive(Clone)]
pub(super) struct Shared {
    pub owner: Arc<dyn Deref<Target = [u8]> + Send + Sync>,
    pub range: Range<usize>,
}

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.owner[self.range.clone()]
    }
}

impl Shared {
    /// A tensor on the CPU over the memory, which holds the elements of `shape` and is aligned for them. Others cannot
    /// write to it.
    pub fn tensor(self, dtype: DType, shape: Shape) -> Result<Tensor> {
        adopt(Box::new(self), dtype, shape)
    }
}
