//! The training loop.

use std::time::Instant;

use super::{Epoch, History, Metric, progress::Progress};
use crate::{
    DType, Device, Error, Result, Tensor,
    data::DataLoader,
    loss::Loss,
    nn::{Forward, Module},
    no_grad,
    optim::Optimizer,
};

/// Steps after which losses are read. Rarely, because reading waits for the device; but its queue must end somewhere.
const READ_EVERY: usize = 64;

/// Trains a model.
///
/// The model may be given away or lent (`&net`). The optimizer is bound to its parameters unless it has some already;
/// batches are moved to the model's device.
///
/// ```
/// # use kiln::prelude::*;
/// # let device = Device::cpu();
/// let x = Tensor::rand([64, 3], DType::F32, 0, &device)?;
/// let y = x.sum_keepdim(1)?;
/// let loader = DataLoader::new(TensorDataset::new((x, y))?).batch_size(16).shuffle(0);
/// let net = Linear::new(3, 1, &device)?;
/// let history = Trainer::new(&net, Adam::new(0.05), Mse::new()).epochs(20).fit(&loader)?;
/// assert!(history.epochs[19].loss < history.epochs[0].loss / 10.0);
/// # Ok::<(), kiln::Error>(())
/// ```
pub struct Trainer<M, O, L> {
    model: M,
    optimizer: O,
    loss: L,
    metrics: Vec<Box<dyn Metric>>,
    validation: Option<DataLoader>,
    epochs: usize,
    quiet: bool,
    schedule: Option<Schedule>,
    each_epoch: Option<EachEpoch<M>>,
}

type Schedule = Box<dyn Fn(f64) -> f64>;
type EachEpoch<M> = Box<dyn FnMut(&M, &Epoch) -> Result<bool>>;

/// What [`Trainer::evaluate`] found.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// The mean loss of the samples.
    pub loss: f64,
    /// The metrics by name.
    pub metrics: Vec<(String, f64)>,
}

impl<M: Module + Forward, O: Optimizer, L: Loss> Trainer<M, O, L> {
    /// A training of one epoch.
    pub fn new(model: M, optimizer: O, loss: L) -> Self {
        Self {
            model,
            optimizer,
            loss,
            metrics: Vec::new(),
            validation: None,
            epochs: 1,
            quiet: false,
            schedule: None,
            each_epoch: None,
        }
    }

    /// Measures one more thing.
    pub fn metric(mut self, metric: impl Metric + 'static) -> Self {
        self.metrics.push(Box::new(metric));
        self
    }

    /// How many times the data is walked over.
    pub fn epochs(mut self, epochs: usize) -> Self {
        self.epochs = epochs;
        self
    }

    /// Evaluates on this data after each epoch.
    pub fn validation(mut self, loader: &DataLoader) -> Self {
        self.validation = Some(loader.clone());
        self
    }

    /// Shows no progress bar. It is only shown on a terminal in any case.
    pub fn quiet(mut self) -> Self {
        self.quiet = true;
        self
    }

    /// Changes the learning rate from step to step: to the optimizer's own times `f` of how much of the training is
    /// done, from 0 up to 1. `|done| 1.0 - done` lets it fall to nothing.
    pub fn schedule(mut self, f: impl Fn(f64) -> f64 + 'static) -> Self {
        self.schedule = Some(Box::new(f));
        self
    }

    /// Calls a function after each epoch: to save the model, to change something, or to stop early by returning
    /// `false`.
    pub fn each_epoch(mut self, f: impl FnMut(&M, &Epoch) -> Result<bool> + 'static) -> Self {
        self.each_epoch = Some(Box::new(f));
        self
    }

    /// The model.
    pub fn model(&self) -> &M {
        &self.model
    }

    /// The optimizer.
    pub fn optimizer(&mut self) -> &mut O {
        &mut self.optimizer
    }

    /// The model, with the training at an end.
    pub fn into_model(self) -> M {
        self.model
    }

    fn device(&self) -> Result<Device> {
        match self.model.parameters().first() {
            Some(param) => Ok(param.tensor().device().clone()),
            None => Err(Error::argument("trainer", "the model has no parameters")),
        }
    }

    /// Trains. Another call trains on.
    ///
    /// # Errors
    /// If a batch does not suit the model, the loss or a metric, or the device fails.
    pub fn fit(&mut self, loader: &DataLoader) -> Result<History> {
        let device = self.device()?;
        if self.optimizer.params().is_empty() {
            self.optimizer.bind(self.model.parameters());
        }
        let lr = self.optimizer.lr();
        let history = self.walk(loader, &device, lr);
        self.optimizer.set_lr(lr);
        history
    }

    fn walk(&mut self, loader: &DataLoader, device: &Device, lr: f64) -> Result<History> {
        let mut history = History::default();
        for number in 1..=self.epochs {
            let progress = Progress::new(self.quiet, number, self.epochs, loader.len());
            let epoch = self.epoch(loader, device, lr, &mut history.losses, &progress)?;
            progress.finish(summary(&epoch));
            let more = self.each_epoch.as_mut().map_or(Ok(true), |f| f(&self.model, &epoch))?;
            history.epochs.push(epoch);
            if !more {
                break;
            }
        }
        Ok(history)
    }

    fn epoch(
        &mut self,
        loader: &DataLoader,
        device: &Device,
        lr: f64,
        losses: &mut Vec<f64>,
        progress: &Progress,
    ) -> Result<Epoch> {
        let start = Instant::now();
        let first = losses.len();
        self.model.set_training(true);
        let mut unread = Vec::with_capacity(READ_EVERY);
        for (i, batch) in loader.iter().enumerate() {
            if let Some(schedule) = &self.schedule {
                self.optimizer.set_lr(lr * schedule((first + i) as f64 / (self.epochs * loader.len()) as f64));
            }
            unread.push(self.step(batch?, device)?);
            progress.step();
            if unread.len() == READ_EVERY {
                read(&mut unread, losses)?;
                progress.loss(losses.last().copied().unwrap_or(f64::NAN));
            }
        }
        read(&mut unread, losses)?;
        let steps = &losses[first..];
        let loss = steps.iter().sum::<f64>() / steps.len() as f64;
        let mut metrics = measured(&mut self.metrics)?;
        if let Some(validation) = self.validation.clone() {
            let found = self.evaluate(&validation)?;
            metrics.push(("val_loss".into(), found.loss));
            metrics.extend(found.metrics.into_iter().map(|(name, value)| (format!("val_{name}"), value)));
        }
        Ok(Epoch { loss, metrics, seconds: start.elapsed().as_secs_f64() })
    }

    /// One step on one batch; returns the loss, which nobody has waited for.
    fn step(&mut self, (x, y): (Tensor, Tensor), device: &Device) -> Result<Tensor> {
        let (x, y) = (x.to_device(device)?, y.to_device(device)?);
        let prediction = self.model.forward(&x)?;
        let loss = self.loss.loss(&prediction, &y)?;
        let grads = loss.backward()?;
        for metric in &mut self.metrics {
            metric.update(&prediction.detach(), &y)?;
        }
        drop(prediction);
        self.optimizer.step(grads)?;
        Ok(loss.detach())
    }

    /// The loss and the metrics on some data, without training.
    ///
    /// # Errors
    /// As [`fit`](Self::fit).
    pub fn evaluate(&mut self, loader: &DataLoader) -> Result<Evaluation> {
        let device = self.device()?;
        self.model.set_training(false);
        let (mut losses, mut unread, mut sizes) = (Vec::new(), Vec::new(), Vec::new());
        for batch in loader {
            let (x, y) = batch?;
            let (x, y) = (x.to_device(&device)?, y.to_device(&device)?);
            no_grad(|| {
                let prediction = self.model.forward(&x)?;
                unread.push(self.loss.loss(&prediction, &y)?);
                self.metrics.iter_mut().try_for_each(|m| m.update(&prediction, &y))
            })?;
            sizes.push(x.shape().first().copied().unwrap_or(1) as f64);
            device.flush()?;
            if unread.len() == READ_EVERY {
                read(&mut unread, &mut losses)?;
            }
        }
        read(&mut unread, &mut losses)?;
        let total: f64 = losses.iter().zip(&sizes).map(|(loss, size)| loss * size).sum();
        Ok(Evaluation { loss: total / sizes.iter().sum::<f64>(), metrics: measured(&mut self.metrics)? })
    }

    /// The model's output in evaluation, without gradients.
    ///
    /// # Errors
    /// If the input does not suit the model, or the device fails.
    pub fn predict(&self, x: &Tensor) -> Result<Tensor> {
        self.model.set_training(false);
        let x = x.to_device(&self.device()?)?;
        no_grad(|| self.model.forward(&x))
    }
}

fn measured(metrics: &mut [Box<dyn Metric>]) -> Result<Vec<(String, f64)>> {
    metrics.iter_mut().map(|m| Ok((m.name().to_owned(), m.compute()?))).collect()
}

/// Reads losses, all in one.
fn read(unread: &mut Vec<Tensor>, losses: &mut Vec<f64>) -> Result<()> {
    if unread.is_empty() {
        return Ok(());
    }
    if let Some(loss) = unread.iter().find(|l| l.numel() != 1) {
        return Err(Error::shape("trainer", loss.shape(), "the loss must be a single number"));
    }
    let flat = unread.drain(..).map(|l| l.to_dtype(DType::F32).reshape([1])).collect::<Result<Vec<_>>>()?;
    losses.extend(Tensor::cat(&flat, 0)?.to_vec::<f32>()?.into_iter().map(f64::from));
    Ok(())
}

fn summary(epoch: &Epoch) -> String {
    let metrics: String = epoch.metrics.iter().map(|(name, value)| format!("  {name} {value:.4}")).collect();
    format!("loss {:.4}{metrics}", epoch.loss)
}
