//! From a fused kernel to a program over tiles: which values are computed when, and in which register.

mod builder;
mod links;
mod registers;

pub(super) use self::builder::plan;
use super::{
    chain::Link,
    order::{Extent, Order},
    traversal::Traversal,
};
use crate::{
    DType,
    dtype::Compute,
    op::{BinaryOp, Check, ClassIds, ReduceOp, UnaryOp},
};

#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// `direct`: the register may simply be the memory. `periodic`: the tile before may have loaded the same.
    Load {
        traversal: u16,
        direct: bool,
        periodic: bool,
    },
    LoadIf {
        traversal: u16,
    },
    Gather {
        traversal: u16,
        axis: (isize, usize),
        index: Compute,
        check: Option<Check>,
    },
    ClassId {
        ids: ClassIds,
        from: Compute,
        wide: bool,
    },
    Index {
        traversal: u16,
        wide: bool,
    },
    Scalar {
        index: u16,
        dtype: DType,
    },
    Random {
        seed: u16,
        word: u8,
    },
    Unary(UnaryOp, Compute),
    Binary(BinaryOp, Compute),
    Compare(BinaryOp, Compute),
    Choose(Compute),
    /// The links `first..first + count` of the plan, one after the other; the first argument goes in.
    Chain {
        first: u16,
        count: u16,
    },
    Cast(Compute, Compute),
    /// Rounds or wraps the register to a narrow dtype.
    Wrap(DType),
    /// Repeats a value, or a value per row, for all rows or elements. `from_one`: it is a single value.
    Spread {
        held: Compute,
        from_one: bool,
    },
    /// Of each whole row in the tile.
    Reduce(ReduceOp, Compute),
    /// The sum of the products of two registers, where the tile is one row. `bool`: `f64` rather than `f32`.
    Products(bool),
    /// Of what the tile has of the rows, into the rows' accumulators.
    Accumulate(ReduceOp, Compute),
    /// Lets the next step compute straight into the output, if the elements lie side by side there.
    Place {
        traversal: u16,
    },
    Store {
        traversal: u16,
    },
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub kind: Kind,
    pub extent: Extent,
    /// The register written (by `Store`: read).
    pub dst: u16,
    pub args: [u16; 3],
    /// Which of the first two arguments are single values.
    pub single: [bool; 2],
}

/// One pass over the elements of a row.
#[derive(Debug, Default)]
pub(super) struct Stage {
    /// What is computed per row before the pass.
    pub rows: Vec<Step>,
    pub body: Vec<Step>,
    pub accumulators: Vec<(u16, ReduceOp, Compute)>,
}

#[derive(Debug)]
pub(super) struct Plan {
    pub order: Order,
    pub traversals: Vec<Traversal>,
    pub links: Vec<Link>,
    pub prologue: Vec<Step>,
    pub stages: Vec<Stage>,
    /// Where each register lies in the scratch memory.
    pub registers: Vec<usize>,
    /// The part of the scratch memory that holds what is per row.
    pub row_bytes: std::ops::Range<usize>,
    pub scratch: usize,
    /// Elements to visit, and roughly what each costs (1 is an addition).
    pub numel: usize,
    pub cost: usize,
}

impl Step {
    /// The registers that it reads, a register once for every time.
    fn reads<'a>(&self, links: &'a [Link]) -> impl Iterator<Item = u16> + use<'a> {
        let args = match self.kind {
            Kind::Load { .. } | Kind::Index { .. } | Kind::Scalar { .. } | Kind::Place { .. } => 0,
            Kind::Wrap(_) | Kind::Store { .. } => 0,
            Kind::LoadIf { .. } | Kind::Gather { .. } | Kind::ClassId { .. } => 1,
            Kind::Random { .. } | Kind::Spread { .. } => 1,
            Kind::Unary(..) | Kind::Cast(..) | Kind::Reduce(..) | Kind::Accumulate(..) | Kind::Chain { .. } => 1,
            Kind::Binary(..) | Kind::Compare(..) | Kind::Products(_) => 2,
            Kind::Choose(_) => 3,
        };
        let links = match self.kind {
            Kind::Chain { first, count } => &links[first as usize..(first + count) as usize],
            _ => &[],
        };
        let own = matches!(self.kind, Kind::Wrap(_) | Kind::Store { .. } | Kind::Accumulate(..)).then_some(self.dst);
        let args = self.args.into_iter().take(args);
        args.chain(own).chain(links.iter().filter_map(|link| link.operand.map(|(register, _)| register)))
    }
}

fn step(kind: Kind, extent: Extent, dst: u16, args: [u16; 3]) -> Step {
    Step { kind, extent, dst, args, single: [false; 2] }
}
