//! Structured kernels by the names that their executors use.

use super::kernel::{AxisStrides, Operand, Structured, steps};
use crate::{
    DType,
    op::{Check, Combine, StructuredOp},
};

/// A matrix product or one of its relatives: `C[b, i, j] = sum_k A[b, i, k] * B[b, k, j]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Product {
    pub combine: Combine,
    pub batches: usize,
    pub m: usize,
    pub n: usize,
    pub k: usize,
    pub a: Matrix,
    pub b: Matrix,
    /// What `Combine::LpGrad` reads besides, at the place of the result.
    pub x: Option<Matrix>,
}

/// A matrix per batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Matrix {
    pub operand: Operand,
    pub row: isize,
    pub col: isize,
}

impl Product {
    pub fn of(structured: &Structured) -> Self {
        let StructuredOp::Matmul(combine) = structured.op else { unreachable!("it is a product") };
        let m = structured.batch();
        let [n, k] = [m + 1, m + 2];
        let matrix = |operand: &Operand, row: usize, col: usize| Matrix {
            operand: *operand,
            row: operand.strides[row],
            col: operand.strides[col],
        };
        let size = |axis: usize| structured.axes[axis].size;
        let operands = &structured.operands;
        Self {
            combine,
            batches: structured.batch_sizes().iter().product(),
            m: size(m),
            n: size(n),
            k: size(k),
            a: matrix(&operands[0], m, k),
            b: matrix(&operands[1], k, n),
            x: operands.get(2).map(|x| matrix(x, m, n)),
        }
    }
}

/// A scatter-add: `out = 0; out[.., index[.., i, ..], ..] += src[.., i, ..]`, line by line.
#[derive(Clone, Debug)]
pub(crate) struct ScatterAdd {
    /// All axes but the scattered one.
    pub lines: Vec<usize>,
    /// Sizes of the scattered axis in the source and in the output.
    pub from: usize,
    pub to: usize,
    pub dtype: DType,
    pub check: Option<Check>,
    pub src: Line,
    pub index: Line,
    pub out: Line,
}

impl ScatterAdd {
    pub fn of(structured: &Structured) -> Self {
        let StructuredOp::ScatterAdd { check, .. } = structured.op else { unreachable!("it is a scatter-add") };
        let to = structured.batch();
        let from = to + 1;
        Self {
            lines: structured.batch_sizes(),
            from: structured.axes[from].size,
            to: structured.axes[to].size,
            dtype: structured.dtype,
            check,
            src: Line::read(structured, 0, from),
            index: Line::read(structured, 1, from),
            out: Line::written(structured, to),
        }
    }
}

/// Elements along one axis, a line for each position along the batch axes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    /// Per batch axis.
    pub strides: AxisStrides,
    pub axis: isize,
    pub offset: isize,
}

impl Line {
    /// The first element of the line with this number, along batch axes of these sizes.
    pub fn start(&self, sizes: &[usize], number: usize) -> isize {
        self.offset + steps(sizes.iter().copied(), &self.strides, number)
    }

    /// The lines of an operand.
    pub fn read(structured: &Structured, operand: usize, axis: usize) -> Self {
        let Operand { strides, offset, .. } = structured.operands[operand];
        Self { strides, axis: strides[axis], offset }
    }

    /// The lines of the first output.
    pub fn written(structured: &Structured, axis: usize) -> Self {
        let output = &structured.epilogue.outputs[0];
        let mut strides = AxisStrides::default();
        strides[..output.strides.len()].copy_from_slice(&output.strides);
        Self { strides, axis: strides[axis], offset: output.offset }
    }
}
