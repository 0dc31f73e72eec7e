//! The training loop.

use std::{
    collections::HashMap,
    panic::{self, AssertUnwindSafe},
    time::Instant,
};

use super::{Epoch, History, Metric, progress::Progress};
use crate::{
    DType, Device, Error, Gradients, Result, Tensor,
    data::DataLoader,
    loss::Loss,
    nn::{Forward, Module, in_evaluation, set_training_modes, training_modes},
    no_grad,
    optim::{Optimizer, Step as _},
};

/// Steps after which losses are read. Rarely, because reading waits for the device; but its queue must end somewhere.
const READ_EVERY: usize = 64;

/// Trains a model.
///
/// The model may be given away or lent (`&net`), the optimizer too, also as a `Box<dyn Optimizer>`. It is bound to the
/// model's parameters unless it has some already. Batches are moved to the model's device.
///
/// Layers train in the mode in which they are: one that was switched to evaluation, such as a batch norm that is to keep
/// its statistics, stays so. Whatever is called, the modes and the learning rate are afterwards what they were.
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
    terminate_on_nan: bool,
    allow_unused: bool,
    schedule: Option<Schedule>,
    each_epoch: Option<EachEpoch<M>>,
    history: History,
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
            terminate_on_nan: true,
            allow_unused: false,
            schedule: None,
            each_epoch: None,
            history: History::default(),
        }
    }

    /// Measures one more thing.
    pub fn metric(mut self, metric: impl Metric + 'static) -> Self {
        self.metrics.push(Box::new(metric));
        self
    }

    /// The number of epochs: how many times the data is used.
    pub fn epochs(mut self, epochs: usize) -> Self {
        self.epochs = epochs;
        self
    }

    /// Evaluates on this data after each epoch.
    pub fn validation(mut self, loader: &DataLoader) -> Self {
        self.validation = Some(loader.clone());
        self
    }

    /// Whether a loss that is NaN or infinite ends the training with [`Error::NonFiniteLoss`], as it does at first.
    /// Losses are read rarely, so that no step waits for the device: the error comes some steps later, but it names the
    /// step that it is about.
    pub fn terminate_on_nan(mut self, terminate: bool) -> Self {
        self.terminate_on_nan = terminate;
        self
    }

    /// Trains although parameters of the optimizer get no gradient. Otherwise the first step finds them and is an error,
    /// as they would stay as they are unnoticed; frozen ones are left out.
    pub fn allow_unused(mut self) -> Self {
        self.allow_unused = true;
        self
    }

    /// Shows nothing. Otherwise standard error has a progress bar if it is a terminal, else a line for each epoch.
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

    /// What the last [`fit`](Self::fit) has measured, also if it ended in an error.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Trains. Another call trains on.
    ///
    /// After an error [`history`](Self::history) has what was measured before it.
    ///
    /// # Errors
    /// If a loader has no batches, a batch does not suit the model, the loss or a metric, a loss is not finite, the
    /// optimizer has a parameter without a gradient, the learning rate is negative, infinite or NaN, or the device fails.
    pub fn fit(&mut self, loader: &DataLoader) -> Result<History> {
        self.history = History::default();
        let device = self.device()?;
        has_batches("fit", loader)?;
        self.validation.as_ref().map_or(Ok(()), |loader| has_batches("fit: the validation", loader))?;
        if self.optimizer.params().is_empty() {
            self.optimizer.bind(self.model.parameters());
        }
        let (modes, lr) = (training_modes(&self.model), self.optimizer.lr());
        if !modes.is_empty() && !modes.contains(&true) {
            log::warn!("fit: every layer is in evaluation and trains so; `set_training(true)` switches them");
        }
        let end = panic::catch_unwind(AssertUnwindSafe(|| self.epochs_of(loader, &device, lr)));
        set_training_modes(&self.model, &modes);
        self.optimizer.set_lr(lr);
        end.unwrap_or_else(|payload| panic::resume_unwind(payload))?;
        Ok(self.history.clone())
    }

    fn epochs_of(&mut self, loader: &DataLoader, device: &Device, lr: f64) -> Result<()> {
        for number in 1..=self.epochs {
            let progress = Progress::new(self.quiet, number, self.epochs, loader.len());
            self.epoch(loader, device, lr, number, &progress)?;
            let Some(epoch) = self.history.epochs.last() else { break };
            progress.finish(summary(epoch));
            if !self.each_epoch.as_mut().map_or(Ok(true), |f| f(&self.model, epoch))? {
                break;
            }
        }
        Ok(())
    }

    fn epoch(
        &mut self,
        loader: &DataLoader,
        device: &Device,
        lr: f64,
        number: usize,
        progress: &Progress,
    ) -> Result<()> {
        let start = Instant::now();
        self.metrics.iter_mut().for_each(|metric| metric.reset());
        let mut losses = Losses::default();
        let stepped = self.steps(loader, device, lr, number, progress, &mut losses);
        // Of an epoch that failed, the steps before count.
        let read = losses.read();
        let bad = losses.values.iter().position(|loss| !loss.is_finite()).filter(|_| self.terminate_on_nan);
        losses.values.truncate(bad.map_or(usize::MAX, |at| at + 1));
        self.history.losses.extend(&losses.values);
        if let Some(at) = bad {
            return Err(Error::NonFiniteLoss { epoch: number, step: at + 1, loss: losses.values[at] });
        }
        stepped.and(read)?;
        let (loss, metrics) = (losses.mean(), measured(&mut self.metrics)?);
        self.history.epochs.push(Epoch { loss, metrics, seconds: start.elapsed().as_secs_f64() });
        if let Some(validation) = self.validation.clone() {
            let found = self.evaluate(&validation)?;
            if let Some(epoch) = self.history.epochs.last_mut() {
                epoch.metrics.push(("val_loss".into(), found.loss));
                epoch.metrics.extend(found.metrics.into_iter().map(|(name, value)| (format!("val_{name}"), value)));
                epoch.seconds = start.elapsed().as_secs_f64();
            }
        }
        Ok(())
    }

    /// The steps of one epoch, up to the one after which a loss is known not to be finite.
    fn steps(
        &mut self,
        loader: &DataLoader,
        device: &Device,
        lr: f64,
        number: usize,
        progress: &Progress,
        losses: &mut Losses,
    ) -> Result<()> {
        let before = (number - 1) * loader.len();
        for (i, batch) in loader.iter().enumerate() {
            if let Some(schedule) = &self.schedule {
                let done = (before + i) as f64 / (self.epochs * loader.len()) as f64;
                let scheduled = lr * schedule(done);
                if !scheduled.is_finite() || scheduled < 0.0 {
                    let reason = format!("the schedule makes the learning rate {scheduled} at {done} of the training");
                    return Err(Error::argument("fit", reason));
                }
                self.optimizer.set_lr(scheduled);
            }
            let (x, y) = batch?;
            let samples = samples(&x);
            losses.push(self.step((x, y), device, before + i == 0)?, samples);
            progress.step();
            if losses.unread.len() == READ_EVERY {
                losses.read()?;
                progress.loss(losses.values.last().copied().unwrap_or(f64::NAN));
                if self.terminate_on_nan && losses.values.iter().any(|loss| !loss.is_finite()) {
                    break;
                }
            }
        }
        Ok(())
    }

    /// One step on one batch; returns the loss, which has not been waited for.
    fn step(&mut self, (x, y): (Tensor, Tensor), device: &Device, is_first: bool) -> Result<Tensor> {
        let (x, y) = (x.to_device(device)?, y.to_device(device)?);
        let prediction = self.model.forward(&x)?;
        let loss = self.loss.loss(&prediction, &y)?;
        let grads = loss.backward()?;
        if is_first && !self.allow_unused {
            self.check_gradients(&grads)?;
        }
        for metric in &mut self.metrics {
            metric.update(&prediction.detach(), &y)?;
        }
        drop(prediction);
        self.optimizer.step(grads)?;
        Ok(loss.detach())
    }

    /// Checks that each parameter of the optimizer that may train has a gradient.
    fn check_gradients(&self, grads: &Gradients) -> Result<()> {
        let bound = self.optimizer.params();
        let idle: Vec<_> =
            bound.iter().filter(|param| !param.is_frozen() && grads.get(&param.tensor()).is_none()).collect();
        if idle.is_empty() {
            return Ok(());
        }
        let names: HashMap<u64, String> =
            self.model.named_parameters().into_iter().map(|(name, param)| (param.id(), name)).collect();
        let name = |param: &&crate::Param| match names.get(&param.id()) {
            Some(name) => format!("`{name}`"),
            None => format!("one of shape {} that is not the model's", param.shape()),
        };
        let mut listed: Vec<String> = idle.iter().take(LISTED).map(name).collect();
        if idle.len() > LISTED {
            listed.push(format!("and {} more", idle.len() - LISTED));
        }
        let reason = format!(
            "{} of the {} parameters of the optimizer get no gradient from the loss: {}; bind it to those of this model, \
             freeze what must not train, or call `allow_unused`",
            idle.len(),
            bound.len(),
            listed.join(", ")
        );
        Err(Error::argument("fit", reason))
    }

    /// The loss and the metrics on some data, without training.
    ///
    /// # Errors
    /// If the loader has no batches, a batch does not suit the model, the loss or a metric, or the device fails.
    pub fn evaluate(&mut self, loader: &DataLoader) -> Result<Evaluation> {
        let device = self.device()?;
        has_batches("evaluate", loader)?;
        let (model, loss, metrics) = (&self.model, &self.loss, &mut self.metrics);
        in_evaluation(model, || {
            metrics.iter_mut().for_each(|metric| metric.reset());
            let mut losses = Losses::default();
            for batch in loader {
                let (x, y) = batch?;
                let (x, y) = (x.to_device(&device)?, y.to_device(&device)?);
                no_grad(|| {
                    let prediction = model.forward(&x)?;
                    losses.push(loss.loss(&prediction, &y)?, samples(&x));
                    metrics.iter_mut().try_for_each(|m| m.update(&prediction, &y))
                })?;
                device.flush()?;
                if losses.unread.len() == READ_EVERY {
                    losses.read()?;
                }
            }
            losses.read()?;
            Ok(Evaluation { loss: losses.mean(), metrics: measured(metrics)? })
        })
    }

    /// The model's output in evaluation, without gradients.
    ///
    /// # Errors
    /// If the input does not suit the model, or the device fails.
    pub fn predict(&self, x: &Tensor) -> Result<Tensor> {
        let x = x.to_device(&self.device()?)?;
        in_evaluation(&self.model, || no_grad(|| self.model.forward(&x)))
    }
}

/// Names at most this many parameters in an error.
const LISTED: usize = 8;

/// Nothing can be learnt or measured from no batch.
fn has_batches(op: &'static str, loader: &DataLoader) -> Result<()> {
    if !loader.is_empty() {
        return Ok(());
    }
    let reason = match loader.samples() {
        0 => "the loader has no batches: its data set is empty".to_owned(),
        samples => {
            format!("the loader has no batches: {samples} samples do not fill one, and `drop_last` leaves it out")
        }
    };
    Err(Error::argument(op, reason))
}

/// How many samples a batch has.
fn samples(x: &Tensor) -> f64 {
    x.shape().first().copied().unwrap_or(1) as f64
}

/// The losses of steps, some of which may still be on the device, and how many samples each has.
#[derive(Default)]
struct Losses {
    values: Vec<f64>,
    unread: Vec<Tensor>,
    samples: Vec<f64>,
}

impl Losses {
    fn push(&mut self, loss: Tensor, samples: f64) {
        self.unread.push(loss);
        self.samples.push(samples);
    }

    /// Reads those that are on the device, all in one.
    fn read(&mut self) -> Result<()> {
        let unread = std::mem::take(&mut self.unread);
        if unread.is_empty() {
            return Ok(());
        }
        if let Some(loss) = unread.iter().find(|l| l.numel() != 1) {
            return Err(Error::shape("trainer", loss.shape(), "the loss must be a single number"));
        }
        // Halves as `F32`; not every device has `F64`.
        let dtype = unread.iter().fold(DType::F32, |dtype, loss| DType::promote(dtype, loss.dtype()));
        let flat = unread.iter().map(|l| l.to_dtype(dtype).reshape([1])).collect::<Result<Vec<_>>>()?;
        let flat = Tensor::cat(&flat, 0)?;
        match dtype {
            DType::F64 => self.values.extend(flat.to_vec::<f64>()?),
            _ => self.values.extend(flat.to_vec::<f32>()?.into_iter().map(f64::from)),
        }
        Ok(())
    }

    /// Their mean over the samples.
    fn mean(&self) -> f64 {
        let total: f64 = self.values.iter().zip(&self.samples).map(|(loss, samples)| loss * samples).sum();
        total / self.samples.iter().sum::<f64>()
    }
}

fn measured(metrics: &mut [Box<dyn Metric>]) -> Result<Vec<(String, f64)>> {
    metrics.iter_mut().map(|m| Ok((m.name().to_owned(), m.compute()?))).collect()
}

fn summary(epoch: &Epoch) -> String {
    let metrics: String = epoch.metrics.iter().map(|(name, value)| format!("  {name} {value:.4}")).collect();
    format!("loss {:.4}{metrics}", epoch.loss)
}
