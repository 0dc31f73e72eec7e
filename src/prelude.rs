//! What most programs need: `use kiln::prelude::*`.

pub use crate::{
    DType, Device, DeviceOptions, Element, Error, Gradients, Param, Result, Scalar, Shape, Tensor, grad, gradcheck,
    gradgradcheck, no_grad,
};

pub use crate::{
    data::{DataLoader, Dataset, TensorDataset},
    loss::{
        Bce, BceWithLogits, CrossEntropy, Loss, Mse, bce, bce_with_logits, cross_entropy, l1, mse, nll, smooth_l1,
    },
    nn::{self, Dropout, Forward, Linear, Module, Sequential},
    optim::{Adam, AdamW, Optimizer, Sgd},
    train::{Accuracy, History, Metric, Trainer},
};
