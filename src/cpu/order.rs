//! In which order a program visits its elements, a tile at a time.

use crate::graph::kernel::{Code, Fused, Instr};

/// Elements of a tile, about: a handful of registers fit into the L1 cache.
pub(super) const TILE: usize = 1024;
/// Tiles that pass through no register but from memory to memory may be longer by this factor.
const STREAM: usize = 8;
/// Elements that registers may hold together if a tile is to be longer: they share the L1 cache with what is streamed.
const HELD: usize = 6 * TILE;
/// Rows up to this many elements fit into one tile as a whole.
const WHOLE_ROW: usize = 4096;
/// Rows from this many elements on get a tile each.
const OWN_TILE: usize = 512;
/// Rows of a block of transposed memory.
const BLOCK: usize = 32;
/// Elements reduced one after the other before the partial results are combined.
const GROUP: usize = 65_536;

/// How many values a step computes: one, one per row of the tile, one per element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Extent {
    One,
    Rows,
    Elems,
}

/// The order in which tiles visit the elements.
#[derive(Clone, Debug)]
pub(super) enum Order {
    /// `per_tile` whole rows at a time. Without reductions a row is just a unit that tiles do not cut.
    Rows { rows: usize, inner: usize, per_tile: usize },
    /// Without reductions: blocks of `height` by `width` along `axis` and the last axis, where memory is transposed.
    Blocks { dims: Vec<usize>, axis: usize, height: usize, width: usize },
    /// Row by row, each in chunks of `tile` elements, in groups whose results are combined.
    Chunks { rows: usize, inner: usize, tile: usize, group: usize },
    /// `width` neighbouring rows together, `per_tile` elements of each at a time.
    Columns { outer: Vec<usize>, columns: usize, width: usize, inner: usize, per_tile: usize, group: usize },
}

impl Order {
    /// The most elements and rows that a tile has.
    pub fn capacity(&self) -> (usize, usize) {
        match self {
            Order::Rows { inner, per_tile, .. } => (inner * per_tile, *per_tile),
            Order::Blocks { height, width, .. } => (height * width, 1),
            Order::Chunks { tile, .. } => (*tile, 1),
            Order::Columns { width, per_tile, .. } => (width * per_tile, *width),
        }
    }
}

/// Whether each value is one, one per row or one per element.
pub(super) fn classify(fused: &Fused, kept: usize, reduces: bool) -> Vec<Extent> {
    let of_leaf = |leaf: u16| {
        let strides = &fused.leaves[leaf as usize].strides[..fused.dims.len()];
        if strides.iter().all(|&s| s == 0) {
            Extent::One
        } else if reduces && strides[kept..].iter().all(|&s| s == 0) {
            Extent::Rows
        } else {
            Extent::Elems
        }
    };
    let mut classes: Vec<Extent> = Vec::with_capacity(fused.code.len());
    for instr in &fused.code {
        let args = instr.reads().iter().map(|&a| classes[a as usize]).max().unwrap_or(Extent::One);
        classes.push(match instr.code {
            Code::Load(leaf) | Code::Index(leaf) => of_leaf(leaf),
            Code::LoadIf(leaf) | Code::Gather { leaf, .. } => of_leaf(leaf).max(args),
            Code::Acc => Extent::Elems,
            Code::Reduce(_) => Extent::Rows,
            _ => args,
        });
    }
    classes
}

/// The order that suits how the leaves lie in memory.
pub(super) fn choose_order(fused: &Fused, kept: usize, reduces: bool, classes: &[Extent]) -> Order {
    let dims = &fused.dims;
    let computes = |(instr, class): (&Instr, &Extent)| *class == Extent::Elems && !matches!(instr.code, Code::Load(_));
    let computed = fused.code.iter().zip(classes).filter(|&pair| computes(pair)).count();
    if !reduces {
        let numel: usize = dims.iter().product();
        let last = dims.last().copied().unwrap_or(1);
        if let Some(axis) = transposed_axis(fused, classes) {
            let height = dims[axis].min(BLOCK);
            let width = last.min(TILE / height);
            return Order::Blocks { dims: dims.clone(), axis, height, width };
        }
        return if dims.len() < 2 {
            // Longer tiles spread the cost of choosing each step's loop, as long as the registers stay in the cache.
            let tile =
                if computed <= 1 { TILE * STREAM } else { (HELD / live(fused, classes) / TILE).clamp(1, 4) * TILE };
            Order::Rows { rows: numel, inner: 1, per_tile: tile.min(numel) }
        } else if last <= TILE {
            Order::Rows { rows: numel / last, inner: last, per_tile: (TILE / last).min(numel / last) }
        } else {
            // Tiles of equal size leave most of them inside of one row.
            Order::Rows { rows: numel, inner: 1, per_tile: last.div_ceil(last.div_ceil(TILE)) }
        };
    }
    let rows = dims[..kept].iter().product();
    let inner: usize = dims[kept..].iter().product();
    let mut votes = 0;
    for (instr, &class) in fused.code.iter().zip(classes) {
        if let (Code::Load(leaf) | Code::LoadIf(leaf) | Code::Gather { leaf, .. }, Extent::Elems) = (instr.code, class)
        {
            let strides = &fused.leaves[leaf as usize].strides[..dims.len()];
            votes += (kept > 0 && strides[kept - 1].abs() == 1) as i32
                - strides[kept..].last().is_some_and(|s| s.abs() == 1) as i32;
        }
    }
    if votes > 0 && kept > 0 {
        let columns = dims[kept - 1];
        let width = if columns <= TILE { columns } else { columns.div_ceil(columns.div_ceil(TILE)) };
        let per_tile = if columns <= TILE { (TILE / width).clamp(1, inner) } else { 1 };
        let group = (GROUP / width).min(1024).max(inner / 256).next_multiple_of(per_tile);
        return Order::Columns { outer: dims[..kept - 1].to_vec(), columns, width, inner, per_tile, group };
    }
    if inner <= WHOLE_ROW {
        let per_tile = if inner >= OWN_TILE { 1 } else { (TILE / inner).min(rows) };
        return Order::Rows { rows, inner, per_tile };
    }
    let tile = if computed == 0 { TILE * STREAM } else { TILE };
    Order::Chunks { rows, inner, tile, group: GROUP.max(inner / 256).next_multiple_of(TILE * STREAM) }
}

/// How many computed values per element wait for a reader at once, at least one.
fn live(fused: &Fused, classes: &[Extent]) -> usize {
    let mut last = vec![0; fused.code.len()];
    for (i, instr) in fused.code.iter().enumerate() {
        instr.reads().iter().for_each(|&a| last[a as usize] = i);
    }
    let held = |v: usize| classes[v] == Extent::Elems && !matches!(fused.code[v].code, Code::Load(_));
    (0..last.len()).map(|i| (0..=i).filter(|&v| held(v) && last[v] > i).count()).max().unwrap_or(0).max(1)
}

/// The axis along which some leaf steps by one, where that is not the last and blocks are worth their while.
fn transposed_axis(fused: &Fused, classes: &[Extent]) -> Option<usize> {
    let last = fused.dims.len().checked_sub(1)?;
    if fused.dims[last] < 8 {
        return None;
    }
    fused.code.iter().zip(classes).find_map(|(instr, &class)| {
        let (Code::Load(leaf), Extent::Elems) = (instr.code, class) else { return None };
        let strides = &fused.leaves[leaf as usize].strides;
        let axis = (0..last).find(|&a| strides[a].abs() == 1 && fused.dims[a] >= 8)?;
        (strides[last].abs() > 1).then_some(axis)
    })
}
