//! Ops that look elements up by an index, and what they say of an index that is out of range.

use crate::Error;

/// The public ops whose index a kernel checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum IndexOp {
    Gather,
    IndexSelect,
    ScatterAdd,
    Embedding,
    OneHot,
    CrossEntropy,
    Nll,
}

impl IndexOp {
    #[cfg(feature = "gpu")]
    const ALL: [IndexOp; 7] = [
        IndexOp::Gather,
        IndexOp::IndexSelect,
        IndexOp::ScatterAdd,
        IndexOp::Embedding,
        IndexOp::OneHot,
        IndexOp::CrossEntropy,
        IndexOp::Nll,
    ];

    /// The name of the public function.
    pub const fn name(self) -> &'static str {
        match self {
            IndexOp::Gather => "gather",
            IndexOp::IndexSelect => "index_select",
            IndexOp::ScatterAdd => "scatter_add",
            IndexOp::Embedding => "embedding",
            IndexOp::OneHot => "one_hot",
            IndexOp::CrossEntropy => "cross_entropy",
            IndexOp::Nll => "nll",
        }
    }

    /// Whether a negative index counts from the end of the axis.
    pub const fn counts_from_end(self) -> bool {
        matches!(self, IndexOp::Gather | IndexOp::IndexSelect | IndexOp::ScatterAdd)
    }
}

/// Which op an index belongs to, and the axis along which it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Check {
    pub op: IndexOp,
    pub axis: u8,
}

impl Check {
    /// The element that an index means, if there is one.
    pub fn resolve(self, index: i128, size: usize) -> Option<usize> {
        let from_end = index < 0 && self.op.counts_from_end();
        let at = if from_end { index + size as i128 } else { index };
        usize::try_from(at).ok().filter(|&at| at < size)
    }

    /// `delayed`: a GPU found the index, after the call.
    pub fn error(self, index: i128, size: usize, delayed: bool) -> Error {
        Error::Index { op: self.op.name(), index, axis: self.axis.into(), size, delayed }
    }

    /// Op and axis as one number of 16 bits.
    pub const fn code(self) -> u16 {
        (self.op as u16) << 8 | self.axis as u16
    }

    /// The check with this code.
    #[cfg(feature = "gpu")]
    pub fn from_code(code: u16) -> Option<Check> {
        let op = IndexOp::ALL.into_iter().find(|op| *op as u16 == code >> 8)?;
        Some(Check { op, axis: code as u8 })
    }
}

/// How class ids are read: which ids are classes, and which one stands for no class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ClassIds {
    pub check: Check,
    pub classes: usize,
    pub ignore: Option<i64>,
}

impl ClassIds {
    /// What stands for an id that is no class.
    pub const OUTSIDE: i64 = -1;
    /// What stands for the ignored id.
    pub const IGNORED: i64 = -2;
}
