//! Between memory and registers. Elements move by their size, whatever they stand for; those of narrow dtypes are
//! converted on the way.

use std::slice::from_raw_parts_mut;

use super::{
    convert::{Bit, is_held, narrow, widen},
    index::{NOWHERE, Places},
    order::TILE,
    walk::Walk,
};

/// What a tile covers of a walk.
#[derive(Clone, Copy)]
pub(super) struct Area<'a> {
    pub place: &'a Walk,
    /// Height and width, where it is a block.
    pub block: Option<(usize, usize)>,
    /// The first element and the number of elements.
    pub start: usize,
    pub len: usize,
}

impl Area<'_> {
    /// The bytes of an element in memory.
    fn size(&self) -> usize {
        self.place.dtype.size()
    }

    /// Where the area starts, in bytes, if its elements lie side by side.
    fn side_by_side(&self) -> Option<isize> {
        Some(self.place.side_by_side(self.block, self.start, self.len)? * self.size() as isize)
    }

    /// Parts of at most `TILE` elements, each with the number of elements before it. Blocks are never larger.
    fn parts(self) -> impl Iterator<Item = (usize, Self)> {
        let part = move |at: usize| Area { start: self.start + at, len: TILE.min(self.len - at), ..self };
        (0..self.len).step_by(TILE).map(move |at| (at, part(at)))
    }
}

/// Calls a function with the unsigned integer that is as large as an element.
macro_rules! by_size {
    ($area:expr, $f:ident($($arg:expr),*)) => {
        match $area.size() {
            1 => $f::<u8>($($arg),*),
            2 => $f::<u16>($($arg),*),
            4 => $f::<u32>($($arg),*),
            _ => $f::<u64>($($arg),*),
        }
    };
}

/// The bytes of an element of a narrow dtype in a register.
const WIDE: usize = 4;

/// Loads an area of the memory at `base` to a register.
///
/// # Safety
/// Every place of the area must lie in the memory, and the register must have room for its elements.
pub(super) unsafe fn load(dst: *mut u8, base: *const u8, area: Area) {
    let dtype = area.place.dtype;
    // SAFETY: the caller's contract.
    unsafe {
        if is_held(dtype) {
            return by_size!(area, load_raw(dst.cast(), base.cast(), area));
        }
        if let Some(at) = area.side_by_side() {
            return widen(dtype, dst, base.wrapping_offset(at), area.len);
        }
        let mut narrow = [0u16; TILE];
        for (before, part) in area.parts() {
            by_size!(part, load_raw(narrow.as_mut_ptr().cast(), base.cast(), part));
            widen(dtype, dst.add(before * WIDE), narrow.as_ptr().cast(), part.len);
        }
    }
}

/// # Safety
/// As [`load`].
unsafe fn load_raw<E: Copy>(dst: *mut E, base: *const E, Area { place, block, start, len }: Area) {
    if let (Some((rows, cols)), Some((down, right))) = (block, place.transposed()) {
        // Along the memory, whatever that means for the register, which lies in the L1 cache.
        let from = base.wrapping_offset(place.offset);
        for col in 0..cols {
            let from = from.wrapping_offset(col as isize * right);
            for row in 0..rows {
                // SAFETY: the kernel's strides stay inside of the buffer; the register holds the block.
                unsafe { *dst.add(row * cols + col) = *from.wrapping_offset(row as isize * down) };
            }
        }
        return;
    }
    place.runs(block, start, len, |at, count, from, by| {
        let from = base.wrapping_offset(from);
        // SAFETY: the kernel's strides stay inside of the buffer; the register has room for `len` elements.
        unsafe {
            let dst = dst.add(at);
            match by {
                1 => dst.copy_from(from, count),
                0 => from_raw_parts_mut(dst, count).fill(*from),
                _ => (0..count).for_each(|i| *dst.add(i) = *from.wrapping_offset(i as isize * by)),
            }
        }
    });
}

/// Loads where a condition holds, and 0 elsewhere.
///
/// # Safety
/// Every place of the area whose condition is true must lie in the memory at `base`; the register must have room for all.
pub(super) unsafe fn load_if(dst: *mut u8, base: *const u8, area: Area, condition: &[Bit]) {
    let dtype = area.place.dtype;
    // SAFETY: the caller's contract.
    unsafe {
        if is_held(dtype) {
            return by_size!(area, load_if_raw(dst.cast(), base.cast(), area, condition));
        }
        let mut narrow = [0u16; TILE];
        for (before, part) in area.parts() {
            by_size!(part, load_if_raw(narrow.as_mut_ptr().cast(), base.cast(), part, &condition[before..]));
            widen(dtype, dst.add(before * WIDE), narrow.as_ptr().cast(), part.len);
        }
    }
}

/// # Safety
/// As [`load_if`].
unsafe fn load_if_raw<E: Copy + Default>(dst: *mut E, base: *const E, area: Area, condition: &[Bit]) {
    // SAFETY: the caller's contract.
    let dst = unsafe { from_raw_parts_mut(dst, area.len) };
    area.place.runs(area.block, area.start, area.len, |at, count, from, by| {
        for i in 0..count {
            // All-zero bits are 0 in every dtype.
            dst[at + i] = if condition[at + i].0 != 0 {
                // SAFETY: the kernel's places are inside of the buffer where the condition holds.
                unsafe { *base.wrapping_offset(from + i as isize * by) }
            } else {
                E::default()
            };
        }
    });
}

/// Loads each element from the place along the gathered axis that its index means, `stride` elements for each step; 0
/// where an index is out of range.
///
/// # Safety
/// Every place of the area must lie in the memory at `base` for each place along the axis; the register must have room,
/// and there must be as many indices.
pub(super) unsafe fn gather(
    dst: *mut u8,
    base: *const u8,
    area: Area,
    stride: isize,
    index: *const u8,
    places_of: &Places,
) {
    let dtype = area.place.dtype;
    let mut narrow = [0u16; TILE];
    let mut places = [0; TILE];
    for (before, part) in area.parts() {
        let places = &mut places[..part.len];
        // SAFETY: the caller's contract.
        unsafe {
            places_of.find(index, before as isize, 1, places);
            if is_held(dtype) {
                let dst = dst.add(before * dtype.size());
                by_size!(part, gather_raw(dst.cast(), base.cast(), part, stride, places));
            } else {
                by_size!(part, gather_raw(narrow.as_mut_ptr().cast(), base.cast(), part, stride, places));
                widen(dtype, dst.add(before * WIDE), narrow.as_ptr().cast(), part.len);
            }
        }
    }
}

/// # Safety
/// As [`gather`].
unsafe fn gather_raw<E: Copy + Default>(dst: *mut E, base: *const E, area: Area, stride: isize, places: &[isize]) {
    // SAFETY: the caller's contract.
    let dst = unsafe { from_raw_parts_mut(dst, area.len) };
    area.place.runs(area.block, area.start, area.len, |at, count, from, by| {
        for i in 0..count {
            let place = places[at + i];
            dst[at + i] = if place == NOWHERE {
                E::default()
            } else {
                // SAFETY: the place along the axis is inside of it, the others are by the kernel's strides.
                unsafe { *base.wrapping_offset(from + i as isize * by + place * stride) }
            };
        }
    });
}

/// Stores a register to an area of the memory at `base`.
///
/// # Safety
/// Every place of the area must lie in the memory, and nobody else may use it meanwhile; the register must hold the
/// area's elements.
pub(super) unsafe fn store(base: *mut u8, src: *const u8, area: Area) {
    let dtype = area.place.dtype;
    // SAFETY: the caller's contract.
    unsafe {
        if is_held(dtype) {
            return by_size!(area, store_raw(base.cast(), src.cast(), area));
        }
        if let Some(at) = area.side_by_side() {
            return narrow(dtype, base.wrapping_offset(at), src, area.len);
        }
        let mut elements = [0u16; TILE];
        for (before, part) in area.parts() {
            narrow(dtype, elements.as_mut_ptr().cast(), src.add(before * WIDE), part.len);
            by_size!(part, store_raw(base.cast(), elements.as_ptr().cast(), part));
        }
    }
}

/// # Safety
/// As [`store`].
unsafe fn store_raw<E: Copy>(base: *mut E, src: *const E, Area { place, block, start, len }: Area) {
    place.runs(block, start, len, |at, count, from, by| {
        let to = base.wrapping_offset(from);
        // SAFETY: the kernel's strides stay inside of the buffer; the register holds `len` elements.
        unsafe {
            let src = src.add(at);
            match by {
                1 => to.copy_from(src, count),
                _ => (0..count).for_each(|i| *to.wrapping_offset(i as isize * by) = *src.add(i)),
            }
        }
    });
}
