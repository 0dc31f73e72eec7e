//! Layers one after another.

use super::{Forward, Module, Visit};
use crate::{Result, Tensor};

/// What can stand in a [`Sequential`]: every module with a forward pass.
pub trait Layer: Module + Forward + Send + Sync {}

impl<L: Module + Forward + Send + Sync> Layer for L {}

/// Layers applied one after another. Their parameters are named `0.weight`, `0.bias`, `2.weight` ... as in PyTorch.
///
/// ```
/// # use kiln::prelude::*;
/// let device = Device::cpu();
/// let net = Sequential::new().with(Linear::new(2, 8, &device)?).with(nn::Tanh).with(Linear::new(8, 1, &device)?);
/// let y = net.forward(&Tensor::ones([5, 2], DType::F32, &device))?;
/// assert_eq!(y.shape(), &[5, 1]);
/// # Ok::<(), kiln::Error>(())
/// ```
#[derive(Default)]
pub struct Sequential {
    layers: Vec<Box<dyn Layer>>,
}

impl Sequential {
    /// No layers yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more layer at the end.
    pub fn with(mut self, layer: impl Layer + 'static) -> Self {
        self.push(layer);
        self
    }

    /// Adds a layer at the end.
    pub fn push(&mut self, layer: impl Layer + 'static) {
        self.layers.push(Box::new(layer));
    }

    /// The layers in order.
    pub fn layers(&self) -> impl ExactSizeIterator<Item = &dyn Layer> {
        self.layers.iter().map(|l| &**l)
    }
}

impl Module for Sequential {
    fn visit(&self, visit: &mut Visit<'_>) {
        self.layers.visit(visit);
    }
}

impl Forward for Sequential {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.layers.iter().try_fold(x.clone(), |x, layer| layer.forward(&x))
    }
}
