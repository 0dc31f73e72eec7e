//! Functions that are methods of the first argument: `kiln.sum(x, dim=0)` is `x.sum(dim=0)`.

use pyo3::prelude::*;

use crate::tensor::PyTensor;

const METHODS: [&str; 54] = [
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
    "elu",
    "expand",
    "flatten",
    "flip",
    "gather",
    "index_select",
    "isfinite",
    "isinf",
    "isnan",
    "leaky_relu",
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
    "round",
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
    for name in METHODS {
        module.add(name, class.getattr(name)?)?;
    }
    Ok(())
}
