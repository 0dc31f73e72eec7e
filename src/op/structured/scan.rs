//! Scans: results of everything up to an element, along an axis.

use super::{Axis, Iteration, Role};
use crate::Shape;

/// How a scan combines what it has with the next element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScanOp {
    /// `y[i] = y[i - 1] + x[i]`.
    Sum,
    /// `y[i] = y[i - 1] * x[i]`.
    Prod,
    /// The position (`I64`) of the largest element so far, the last of equals; NaN counts as largest.
    ArgMax,
    /// The position (`I64`) of the smallest element so far, the last of equals; NaN counts as smallest.
    ArgMin,
    /// `log(exp(y[i - 1]) + exp(x[i]))`. Floats only.
    LogSumExp,
    /// `y[i] = x[i] * y[i - 1] + z[i]`, with a second operand z. Floats only.
    Linear,
}

impl ScanOp {
    /// The name under which errors and kernels speak of it.
    pub const fn name(self) -> &'static str {
        match self {
            ScanOp::Sum => "cumsum",
            ScanOp::Prod => "cumprod",
            ScanOp::ArgMax => "cummax",
            ScanOp::ArgMin => "cummin",
            ScanOp::LogSumExp => "logcumsumexp",
            ScanOp::Linear => "cumprod_backward",
        }
    }
}

/// All axes but the scanned one are batches; every operand has the shape of the result.
pub(super) fn iteration(at: usize, operands: usize, shape: &Shape) -> Iteration {
    let last = shape.rank() - 1;
    let lines = (0..shape.rank()).filter(|&axis| axis != at);
    let mut axes: Vec<Axis> = lines.map(|line| Axis { name: "batch", size: shape[line], role: Role::Batch }).collect();
    axes.push(Axis { name: "length", size: shape[at], role: Role::Serial });
    let along = |axis: usize| if axis == at { last } else { axis - usize::from(axis > at) };
    let along: Vec<usize> = (0..shape.rank()).map(along).collect();
    Iteration { axes, operands: vec![along.clone(); operands], result: along }
}
