//! Between memory and registers. Elements move by their size, whatever they stand for; those of narrow dtypes are
//! converted on the way.

use std::slice::{from_raw_parts, from_raw_parts_mut};

use bytemuck::{cast_slice, cast_slice_mut};

use super::{
    convert::{Bit, is_held, narrow, widen},
    index::{NOWHERE, Places},
    order::TILE,
    traversal::Traversal,
};

/// What a tile covers of a traversal.
#[derive(Clone, Copy)]
pub(super) struct Area<'a> {
    pub place: &'a Traversal,
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

/// Runs a call with `$E` bound to the unsigned integer that is as large as an element.
macro_rules! by_size {
    ($area:expr, $E:ident => $call:expr) => {
        match $area.size() {
            1 => {
                type $E = u8;
                $call
            }
            2 => {
                type $E = u16;
                $call
            }
            4 => {
                type $E = u32;
                $call
            }
            _ => {
                type $E = u64;
                $call
            }
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
            return by_size!(area, E => load_raw::<E>(from_raw_parts_mut(dst.cast(), area.len), base.cast(), area));
        }
        if let Some(at) = area.side_by_side() {
            return widen(dtype, dst, base.wrapping_offset(at), area.len);
        }
    }
    // SAFETY: the caller's contract.
    unsafe {
        widened(dst, area, |raw, _, part| by_size!(part, E => load_raw::<E>(cast_slice_mut(raw), base.cast(), part)))
    }
}

/// Has the elements of a narrow dtype brought side by side, a part after the other, and takes them to the register at
/// `dst`. `bring` gets where to, the number of elements before the part, and the part.
///
/// # Safety
/// The register must have room for the area's elements.
unsafe fn widened(dst: *mut u8, area: Area, mut bring: impl FnMut(&mut [u8], usize, Area)) {
    let mut raw = [0u16; TILE];
    for (before, part) in area.parts() {
        let raw = &mut cast_slice_mut(&mut raw)[..part.len * part.size()];
        bring(raw, before, part);
        // SAFETY: the caller's contract.
        unsafe { widen(area.place.dtype, dst.add(before * WIDE), raw.as_ptr(), part.len) };
    }
}

/// # Safety
/// As [`load`].
unsafe fn load_raw<E: Copy>(dst: &mut [E], base: *const E, Area { place, block, start, len }: Area) {
    if let (Some((rows, cols)), Some((down, right))) = (block, place.transposed()) {
        // Along the memory, whatever that means for the register, which lies in the L1 cache.
        let from = base.wrapping_offset(place.offset);
        for col in 0..cols {
            let from = from.wrapping_offset(col as isize * right);
            for row in 0..rows {
                // SAFETY: the kernel's strides stay inside of the buffer; the register holds the block.
                unsafe { *dst.get_unchecked_mut(row * cols + col) = *from.wrapping_offset(row as isize * down) };
            }
        }
        return;
    }
    place.runs(block, start, len, |at, count, from, by| {
        let dst = &mut dst[at..at + count];
        let from = base.wrapping_offset(from);
        // SAFETY: the kernel's strides stay inside of the buffer.
        unsafe {
            match by {
                // Not as a slice: the register may lie in the memory.
                1 => dst.as_mut_ptr().copy_from(from, count),
                0 => dst.fill(*from),
                _ => dst.iter_mut().enumerate().for_each(|(i, d)| *d = *from.wrapping_offset(i as isize * by)),
            }
        }
    });
}

/// Loads where a condition holds, and 0 elsewhere.
///
/// # Safety
/// Every place of the area whose condition is true must lie in the memory at `base`; the register must have room for all.
pub(super) unsafe fn load_if(dst: *mut u8, base: *const u8, area: Area, condition: &[Bit]) {
    // SAFETY: the caller's contract.
    unsafe {
        if is_held(area.place.dtype) {
            return by_size!(area, E => load_if_raw::<E>(from_raw_parts_mut(dst.cast(), area.len), base.cast(), area, condition));
        }
        widened(
            dst,
            area,
            |raw, before, part| by_size!(part, E => load_if_raw::<E>(cast_slice_mut(raw), base.cast(), part, &condition[before..])),
        );
    }
}

/// # Safety
/// As [`load_if`].
unsafe fn load_if_raw<E: Copy + Default>(dst: &mut [E], base: *const E, area: Area, condition: &[Bit]) {
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
pub(super) unsafe fn gather(dst: *mut u8, base: *const u8, area: Area, stride: isize, index: *const u8, axis: &Places) {
    let mut places = [0; TILE];
    let mut bring = |to: &mut [u8], before: usize, part: Area| {
        let places = &mut places[..part.len];
        // SAFETY: the caller's contract.
        unsafe {
            let inside = axis.find(index, before as isize, 1, places);
            by_size!(part, E => gather_raw::<E>(cast_slice_mut(to), base.cast(), part, stride, places, inside));
        }
    };
    if !is_held(area.place.dtype) {
        // SAFETY: the caller's contract.
        return unsafe { widened(dst, area, bring) };
    }
    let size = area.size();
    for (before, part) in area.parts() {
        // SAFETY: the caller's contract.
        bring(unsafe { from_raw_parts_mut(dst.add(before * size), part.len * size) }, before, part);
    }
}

/// `inside`: no place is [`NOWHERE`].
///
/// # Safety
/// As [`gather`].
unsafe fn gather_raw<E: Copy + Default>(
    dst: &mut [E],
    base: *const E,
    area: Area,
    stride: isize,
    places: &[isize],
    inside: bool,
) {
    area.place.runs(area.block, area.start, area.len, |at, count, from, by| {
        let (dst, places) = (&mut dst[at..at + count], &places[at..at + count]);
        // Whole rows: one place for all elements of the run, which lie side by side.
        if inside
            && by == 1
            && places[0] == places[count - 1]
            && places.iter().fold(true, |all, place| all & (*place == places[0]))
        {
            // SAFETY: as below.
            return unsafe { dst.as_mut_ptr().copy_from(base.wrapping_offset(from + places[0] * stride), count) };
        }
        let pairs = dst.iter_mut().zip(places).enumerate();
        // SAFETY: the place along the axis is inside of it, the others are by the kernel's strides.
        let load = |i: usize, place: isize| unsafe { *base.wrapping_offset(from + i as isize * by + place * stride) };
        if inside {
            pairs.for_each(|(i, (d, &place))| *d = load(i, place));
        } else {
            pairs.for_each(|(i, (d, &place))| *d = if place == NOWHERE { E::default() } else { load(i, place) });
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
            return by_size!(area, E => store_raw::<E>(base.cast(), from_raw_parts(src.cast(), area.len), area));
        }
        if let Some(at) = area.side_by_side() {
            return narrow(dtype, base.wrapping_offset(at), src, area.len);
        }
        let mut raw = [0u16; TILE];
        for (before, part) in area.parts() {
            let raw = &mut cast_slice_mut(&mut raw)[..part.len * part.size()];
            narrow(dtype, raw.as_mut_ptr(), src.add(before * WIDE), part.len);
            by_size!(part, E => store_raw::<E>(base.cast(), cast_slice(raw), part));
        }
    }
}

/// # Safety
/// As [`store`].
unsafe fn store_raw<E: Copy>(base: *mut E, src: &[E], Area { place, block, start, len }: Area) {
    place.runs(block, start, len, |at, count, from, by| {
        let src = &src[at..at + count];
        let to = base.wrapping_offset(from);
        // SAFETY: the kernel's strides stay inside of the buffer.
        unsafe {
            match by {
                1 => to.copy_from(src.as_ptr(), count),
                _ => src.iter().enumerate().for_each(|(i, v)| *to.wrapping_offset(i as isize * by) = *v),
            }
        }
    });
}
