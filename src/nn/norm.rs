//! Layers that normalise, and the embedding table.

use super::{
    Buffer, Forward, Module, Training,
    functional::{RunningStats, batch_norm, embedding, group_norm, layer_norm, rms_norm},
    traced,
};
use crate::{DType, Device, Error, Param, Result, Shape, Tensor, tensor::random::next_seed};

fn ones(shape: &[usize], device: &Device) -> Param {
    Param::new(Tensor::ones(shape, DType::F32, device))
}

fn zeros(shape: &[usize], device: &Device) -> Param {
    Param::new(Tensor::zeros(shape, DType::F32, device))
}

/// Normalises over the last axes; see [`layer_norm`].
#[derive(Clone, Module)]
pub struct LayerNorm {
    /// Of the normalised shape; ones at first.
    pub weight: Option<Param>,
    /// Of the normalised shape; zeros at first.
    pub bias: Option<Param>,
    #[module(skip)]
    shape: Shape,
    eps: f64,
}

impl LayerNorm {
    /// A layer for these last sizes, with scale and shift and `eps` 1e-5.
    pub fn new(normalized_shape: impl Into<Shape>, device: &Device) -> Self {
        let shape = normalized_shape.into();
        Self { weight: Some(ones(&shape, device)), bias: Some(zeros(&shape, device)), shape, eps: 1e-5 }
    }

    /// Sets what is added to the variance.
    pub fn eps(mut self, eps: f64) -> Self {
        self.eps = eps;
        self
    }

    /// The layer without scale and shift.
    pub fn no_affine(mut self) -> Self {
        (self.weight, self.bias) = (None, None);
        self
    }
}

impl Forward for LayerNorm {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (weight, bias) = (self.weight.as_ref().map(Param::tensor), self.bias.as_ref().map(Param::tensor));
        traced(self, layer_norm(x, &self.shape, weight.as_ref(), bias.as_ref(), self.eps))
    }
}

/// Divides by the root of the mean square over the last axes; see [`rms_norm`].
#[derive(Clone, Module)]
pub struct RMSNorm {
    /// Of the normalised shape; ones at first.
    pub weight: Option<Param>,
    #[module(skip)]
    shape: Shape,
    #[module(skip)]
    eps: Option<f64>,
}

impl RMSNorm {
    /// A layer for these last sizes.
    pub fn new(normalized_shape: impl Into<Shape>, device: &Device) -> Self {
        let shape = normalized_shape.into();
        Self { weight: Some(ones(&shape, device)), shape, eps: None }
    }

    /// Sets what is added to the mean square.
    pub fn eps(mut self, eps: f64) -> Self {
        self.eps = Some(eps);
        self
    }
}

impl Forward for RMSNorm {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        traced(self, rms_norm(x, &self.shape, self.weight.as_ref().map(Param::tensor).as_ref(), self.eps))
    }
}

/// Normalises groups of channels of each sample; see [`group_norm`].
#[derive(Clone, Module)]
pub struct GroupNorm {
    /// `[channels]`; ones at first.
    pub weight: Param,
    /// `[channels]`; zeros at first.
    pub bias: Param,
    groups: usize,
    eps: f64,
}

impl GroupNorm {
    /// A layer for this many channels, in `groups` groups.
    ///
    /// # Errors
    /// If the groups do not divide the channels.
    pub fn new(groups: usize, channels: usize, device: &Device) -> Result<Self> {
        if groups == 0 || !channels.is_multiple_of(groups) {
            let reason = format!("{channels} channels are not divisible by {groups} groups");
            return Err(Error::argument("GroupNorm", reason));
        }
        Ok(Self { weight: ones(&[channels], device), bias: zeros(&[channels], device), groups, eps: 1e-5 })
    }

    /// Sets what is added to the variance.
    pub fn eps(mut self, eps: f64) -> Self {
        self.eps = eps;
        self
    }
}

impl Forward for GroupNorm {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        traced(self, group_norm(x, self.groups, Some(&self.weight.tensor()), Some(&self.bias.tensor()), self.eps))
    }
}

macro_rules! batch_norms {
    ($($(#[$doc:meta])* $name:ident $ranks:pat, $shapes:literal;)*) => {$(
        $(#[$doc])*
        ///
        /// In training it normalises with the batch's own statistics and moves the running ones towards them; in
        /// evaluation with the running ones. See [`batch_norm`].
        #[derive(Clone, Module)]
        pub struct $name {
            /// `[channels]`; ones at first.
            pub weight: Param,
            /// `[channels]`; zeros at first.
            pub bias: Param,
            /// `[channels]`; zeros at first.
            pub running_mean: Buffer,
            /// `[channels]`; ones at first.
            pub running_var: Buffer,
            /// How many batches were trained on (`I64`).
            pub num_batches_tracked: Buffer,
            momentum: f64,
            eps: f64,
            training: Training,
        }

        impl $name {
            /// A layer for this many channels, with momentum 0.1 and `eps` 1e-5.
            pub fn new(channels: usize, device: &Device) -> Self {
                Self {
                    weight: ones(&[channels], device),
                    bias: zeros(&[channels], device),
                    running_mean: Buffer::new(Tensor::zeros([channels], DType::F32, device)),
                    running_var: Buffer::new(Tensor::ones([channels], DType::F32, device)),
                    num_batches_tracked: Buffer::new(Tensor::zeros((), DType::I64, device)),
                    momentum: 0.1,
                    eps: 1e-5,
                    training: Training::default(),
                }
            }

            /// Sets what is added to the variance.
            pub fn eps(mut self, eps: f64) -> Self {
                self.eps = eps;
                self
            }

            /// Sets the share of a new batch in the running statistics.
            pub fn momentum(mut self, momentum: f64) -> Self {
                self.momentum = momentum;
                self
            }
        }

        impl Forward for $name {
            fn forward(&self, x: &Tensor) -> Result<Tensor> {
                if !matches!(x.rank(), $ranks) {
                    return Err(Error::shape(stringify!($name), x.shape(), concat!("the input must be ", $shapes)));
                }
                let training = self.training.get();
                let running = RunningStats {
                    mean: &self.running_mean,
                    var: &self.running_var,
                    momentum: self.momentum,
                };
                let (weight, bias) = (self.weight.tensor(), self.bias.tensor());
                let y = batch_norm(x, Some(running), Some(&weight), Some(&bias), training, self.eps)?;
                if training {
                    self.num_batches_tracked.set(&self.num_batches_tracked.tensor().add(1i64)?)?;
                }
                traced(self, Ok(y))
            }
        }
    )*};
}

batch_norms! {
    /// Batch normalisation of `[batch, channels]` or `[batch, channels, length]`.
    BatchNorm1d 2 | 3, "[batch, channels] or [batch, channels, length]";
    /// Batch normalisation of `[batch, channels, height, width]`.
    ///
    /// ```
    /// # use kiln::prelude::*;
    /// let layer = nn::BatchNorm2d::new(3, &Device::cpu());
    /// let x = Tensor::randn([8, 3, 4, 4], DType::F32, 0, &Device::cpu())?;
    /// assert!(layer.forward(&x)?.mean(())?.item::<f32>()?.abs() < 1e-6);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    BatchNorm2d 4, "[batch, channels, height, width]";
    /// Batch normalisation of `[batch, channels, depth, height, width]`.
    BatchNorm3d 5, "[batch, channels, depth, height, width]";
}

/// A table of vectors, one per word; see [`embedding`]. Its rows start from the normal distribution.
#[derive(Clone, Module)]
pub struct Embedding {
    /// `[words, size]`.
    pub weight: Param,
    #[module(skip)]
    padding_idx: Option<usize>,
}

impl Embedding {
    /// A table of `words` vectors.
    ///
    /// # Errors
    /// If the device lacks memory.
    pub fn new(words: usize, size: usize, device: &Device) -> Result<Self> {
        let weight = Param::new(Tensor::randn([words, size], DType::F32, next_seed(), device)?);
        Ok(Self { weight, padding_idx: None })
    }

    /// Makes one row zeros, which training leaves as they are.
    ///
    /// # Errors
    /// If there is no such row.
    pub fn padding_idx(mut self, row: usize) -> Result<Self> {
        let weight = self.weight.tensor().detach();
        if row >= weight.shape()[0] {
            return Err(Error::shape("Embedding", weight.shape(), format!("there is no row {row}")));
        }
        let rows = Tensor::arange(0, weight.shape()[0] as i64, 1, DType::I64, weight.device())?.unsqueeze(1)?;
        self.weight.set(&rows.eq(row as i64)?.where_(0.0, &weight)?)?;
        self.padding_idx = Some(row);
        Ok(self)
    }
}

impl Forward for Embedding {
    fn forward(&self, indices: &Tensor) -> Result<Tensor> {
        traced(self, embedding(indices, &self.weight.tensor(), self.padding_idx))
    }
}
