//! Functions that are methods of the first argument: `kiln.sum(x, dim=0)` is `x.sum(dim=0)`.

use kiln::op::{BinaryOp, UnaryOp};
use pyo3::prelude::*;

use crate::tensor::PyTensor;

/// Beside those of the registry.
const METHODS: &[&str] = &[
    "all",
    "any",
    "argmax",
    "argmin",
    "chunk",
    "clone",
    "cummax",
    "cummin",
    "cumprod",
    "cumsum",
    "detach",
    "expand",
    "flatten",
    "flip",
    "gather",
    "index_select",
    "isfinite",
    "isinf",
    "isnan",
    "log_softmax",
    "logcumsumexp",
    "logsumexp",
    "masked_fill",
    "max",
    "mean",
    "min",
    "movedim",
    "narrow",
    "numel",
    "one_hot",
    "permute",
    "prod",
    "ravel",
    "repeat",
    "reshape",
    "roll",
    "scatter_add",
    "select",
    "softmax",
    "split",
    "squeeze",
    "std",
    "sum",
    "t",
    "topk",
    "transpose",
    "tril",
    "triu",
    "unbind",
    "unsqueeze",
    "var",
];

pub fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let class = module.py().get_type::<PyTensor>();
    let rows = UnaryOp::ALL.iter().map(|op| op.info().name).chain(BinaryOp::ALL.iter().map(|op| op.info().name));
    for name in rows.chain(METHODS.iter().copied()) {
        module.add(name, class.getattr(name)?)?;
    }
    Ok(())
}
