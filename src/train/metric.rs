//! What is measured besides the loss.

use crate::{DType, Error, Result, Tensor, no_grad};

/// A number that says how good predictions are, gathered over batches.
///
/// What it gathers stays on the device until [`compute`](Self::compute) reads it, so that no step waits.
pub trait Metric {
    /// The name under which a history has it.
    fn name(&self) -> &str;

    /// Takes in a batch.
    ///
    /// # Errors
    /// If prediction and target do not suit the metric.
    fn update(&mut self, prediction: &Tensor, target: &Tensor) -> Result<()>;

    /// Forgets all batches. A trainer calls it before it starts to measure, so that what a training left behind that
    /// ended in an error counts for nothing.
    fn reset(&mut self);

    /// The value over the batches since the last call; starts anew. NaN if there were none.
    ///
    /// # Errors
    /// If the device fails.
    fn compute(&mut self) -> Result<f64>;
}

/// The share of samples whose class is predicted.
///
/// The predicted class is the one with the largest score on axis 1. With as many scores as targets the classes are
/// two, and a score above the threshold (one half at first) means the second.
///
/// ```
/// # use kiln::prelude::*;
/// let device = Device::cpu();
/// let scores = Tensor::from_slice(&[0.9f32, 0.1, 0.2, 0.8], [2, 2], &device)?;
/// let mut accuracy = Accuracy::new();
/// accuracy.update(&scores, &Tensor::from_slice(&[0i64, 0], [2], &device)?)?;
/// assert_eq!(accuracy.compute()?, 0.5);
/// # Ok::<(), kiln::Error>(())
/// ```
#[derive(Clone)]
pub struct Accuracy {
    threshold: f64,
    hits: Option<Tensor>,
    samples: usize,
}

impl Accuracy {
    /// Nothing measured yet.
    pub fn new() -> Self {
        Self { threshold: 0.5, hits: None, samples: 0 }
    }

    /// Above which score a sample counts as of the second class; 0 for logits.
    pub fn threshold(mut self, threshold: f64) -> Self {
        self.threshold = threshold;
        self
    }
}

impl Default for Accuracy {
    fn default() -> Self {
        Self::new()
    }
}

impl<M: Metric + ?Sized> Metric for Box<M> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn update(&mut self, prediction: &Tensor, target: &Tensor) -> Result<()> {
        (**self).update(prediction, target)
    }

    fn reset(&mut self) {
        (**self).reset();
    }

    fn compute(&mut self) -> Result<f64> {
        (**self).compute()
    }
}

impl Metric for Accuracy {
    fn name(&self) -> &str {
        "accuracy"
    }

    fn update(&mut self, prediction: &Tensor, target: &Tensor) -> Result<()> {
        no_grad(|| {
            let hit = if prediction.shape() == target.shape() {
                prediction.gt(self.threshold)?.eq(target.gt(0.5)?)?
            } else if prediction.rank() > 1 && *target.shape() == prediction.shape().remove(1) {
                prediction.argmax(1)?.to_dtype(DType::I32).eq(target.to_dtype(DType::I32))?
            } else {
                let reason = "the target holds one class for each sample";
                return Err(Error::shapes("accuracy", prediction.shape(), target.shape(), reason));
            };
            let hits = hit.to_dtype(DType::F32).sum(())?.to_dtype(DType::I32);
            self.hits = Some(match self.hits.take() {
                Some(so_far) => so_far.add(&hits)?,
                None => hits,
            });
            self.samples += target.numel();
            Ok(())
        })
    }

    fn reset(&mut self) {
        (self.hits, self.samples) = (None, 0);
    }

    fn compute(&mut self) -> Result<f64> {
        let hits = self.hits.take().map_or(Ok(0), |hits| hits.item::<i32>())?;
        Ok(hits as f64 / std::mem::take(&mut self.samples) as f64)
    }
}
