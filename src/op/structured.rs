//! Ops with kernels of their own, described by their axes.

mod scan;

pub(crate) use scan::ScanOp;

use super::{BinaryOp, Check, ReduceOp};
use crate::Shape;

/// One axis of a structured op.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Axis {
    pub name: &'static str,
    pub size: usize,
    pub role: Role,
}

/// What positions along an axis have to do with one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Nothing, and the kernel does not tell one such axis from another: neighbours may be merged.
    Batch,
    /// Nothing.
    Parallel,
    /// They are folded into one, in any order; what parts of the axis give can be joined.
    Reduced,
    /// They are gone through in order.
    Serial,
}

impl Axis {
    pub fn is_batch(&self) -> bool {
        self.role == Role::Batch
    }
}

/// The axes of an op on tensors of given shapes, batch axes first, then the others of the result, then those inside of
/// the op.
pub(crate) struct Iteration {
    pub axes: Vec<Axis>,
    /// The axis along which each dimension of the result lies.
    pub result: Vec<usize>,
    /// The same of each operand.
    pub operands: Vec<Vec<usize>>,
}

/// An op with a kernel of its own per executor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum StructuredOp {
    /// `[..., m, k]` by `[..., k, n]` with equal batch axes: every row with every column. `LpGrad` has a third operand,
    /// `[..., m, n]`.
    Matmul(Combine),
    /// Zeros of the result's shape plus operand 0 added at operand 1 along `axis`, in ascending order of position. What is
    /// out of range is an error; without a check it is dropped. The indices are integers of 32 or 64 bits.
    ScatterAdd { axis: u8, check: Option<Check> },
    /// The results of all elements up to each one along `axis`, from the first on or, in `reverse`, from the last.
    Scan { op: ScanOp, axis: u8, reverse: bool },
}

/// How a matrix product and its relatives fold an element `a` of a row and `b` of a column into what they have, from 0
/// on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Combine {
    /// `acc + a * b`: the matrix product.
    Product,
    /// `acc + (a - b)^2`.
    SqL2,
    /// `acc + |a - b|`.
    L1,
    /// `acc + |a - b|^p`, `p` above 0.
    Lp(f64),
    /// `max(acc, |a - b|)`, NaN if one is.
    Chebyshev,
    /// `acc + 1` where a and b differ, NaN if their difference is.
    Hamming,
    /// `acc + a * f(x - b)`, `x` the element of a third matrix at the place of the result: the gradient of distances by
    /// the p-norm, with `f(d) = sign(d) * |d|^(p - 1)`, at 0 0.
    LpGrad(f64),
}

impl Combine {
    /// The numbers that tell it from others.
    fn key(self) -> [u64; 2] {
        match self {
            Combine::Product => [0, 0],
            Combine::SqL2 => [1, 0],
            Combine::L1 => [2, 0],
            Combine::Lp(p) => [3, p.to_bits()],
            Combine::Chebyshev => [4, 0],
            Combine::Hamming => [5, 0],
            Combine::LpGrad(p) => [6, p.to_bits()],
        }
    }
}

impl StructuredOp {
    /// The name under which errors and kernels speak of it.
    pub const fn name(self) -> &'static str {
        match self {
            StructuredOp::Matmul(Combine::Product) => "matmul",
            StructuredOp::Matmul(Combine::LpGrad(_)) => "cdist_backward",
            StructuredOp::Matmul(_) => "cdist",
            StructuredOp::ScatterAdd { .. } => "scatter_add",
            StructuredOp::Scan { op, .. } => op.name(),
        }
    }

    /// The numbers that tell it from others.
    pub fn key(self) -> [u64; 3] {
        match self {
            StructuredOp::Matmul(combine) => {
                let [which, power] = combine.key();
                [0, which, power]
            }
            StructuredOp::ScatterAdd { axis, check } => [1, axis.into(), check.map_or(u64::MAX, |c| c.code().into())],
            StructuredOp::Scan { op, axis, reverse } => [2, op as u64, (axis as u64) << 1 | reverse as u64],
        }
    }

    /// Whether it reports an index that is out of range.
    pub const fn is_checked(self) -> bool {
        matches!(self, StructuredOp::ScatterAdd { check: Some(_), .. })
    }

    /// Whether elementwise ops may follow in its kernel.
    pub const fn has_epilogue(self) -> bool {
        matches!(self, StructuredOp::Matmul(_))
    }

    /// Whether its kernels store four neighbours of the last axis at a time.
    pub const fn stores_quads(self) -> bool {
        matches!(self, StructuredOp::Matmul(_))
    }

    /// How the results of the parts of a reduced axis become one.
    pub const fn fold(self) -> ReduceOp {
        match self {
            StructuredOp::Matmul(Combine::Chebyshev) => ReduceOp::Max,
            _ => ReduceOp::Sum,
        }
    }

    /// How the results of two parts of a reduced axis become one.
    pub const fn join(self) -> BinaryOp {
        match self.fold() {
            ReduceOp::Max => BinaryOp::Max,
            _ => BinaryOp::Add,
        }
    }

    /// Its axes, for operands and a result of these shapes.
    pub fn iteration(self, operands: &[Shape], result: &Shape) -> Iteration {
        let rank = result.rank();
        let axis = |name, size, role| Axis { name, size, role };
        match self {
            StructuredOp::Matmul(_) => {
                let batch = rank - 2;
                let (m, n, k) = (batch, batch + 1, batch + 2);
                let mut axes: Vec<Axis> =
                    result[..batch].iter().map(|&size| axis("batch", size, Role::Batch)).collect();
                axes.push(axis("m", result[m], Role::Parallel));
                axes.push(axis("n", result[n], Role::Parallel));
                axes.push(axis("k", operands[0][rank - 1], Role::Reduced));
                let along = |row, column| (0..batch).chain([row, column]).collect();
                let all = [along(m, k), along(k, n), along(m, n)];
                Iteration { axes, result: along(m, n), operands: all.into_iter().take(operands.len()).collect() }
            }
            StructuredOp::ScatterAdd { axis: at, .. } => {
                let at = at as usize;
                let (to, from) = (rank - 1, rank);
                let lines = (0..rank).filter(|&axis| axis != at);
                let mut axes: Vec<Axis> = lines.map(|line| axis("batch", result[line], Role::Batch)).collect();
                axes.push(axis("to", result[at], Role::Serial));
                axes.push(axis("from", operands[0][at], Role::Reduced));
                let along = |inner: usize| -> Vec<usize> {
                    (0..rank).map(|axis| if axis == at { inner } else { axis - usize::from(axis > at) }).collect()
                };
                Iteration { axes, result: along(to), operands: vec![along(from), along(from)] }
            }
            StructuredOp::Scan { axis, .. } => scan::iteration(axis as usize, operands.len(), result),
        }
    }
}
