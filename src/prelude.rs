//! What most programs need: `use kiln::prelude::*`.

#[cfg(feature = "npz")]
pub use crate::io::npz;
pub use crate::{
    DType, Device, DeviceOptions, Element, Error, Gradients, Param, Result, Scalar, Shape, Tensor,
    data::{DataLoader, Dataset, TensorDataset},
    grad, gradcheck, gradgradcheck,
    io::npy,
    loss::{Bce, BceWithLogits, CrossEntropy, Loss, Mse, bce, bce_with_logits, cross_entropy, l1, mse, nll, smooth_l1},
    manual_seed,
    nn::{self, Dropout, Forward, Linear, Module, Sequential},
    no_grad,
    optim::{Adam, AdamW, Optimizer, Sgd, Step as _},
    train::{Accuracy, History, Metric, Trainer},
};
