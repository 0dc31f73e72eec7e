//! Batches of a data set.

use std::{
    panic,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, sync_channel},
    },
    thread::{self, JoinHandle},
};

use super::{Dataset, Tensors, shuffle::shuffled};
use crate::{Device, Error, Result, Tensor};

/// Delivers a data set in batches, once each time that it is iterated over.
///
/// With [`shuffle`](Self::shuffle) every epoch has another order, which follows from the seed and the number of
/// epochs before. Clones share the data, but count their own epochs.
///
/// ```
/// # use kiln::prelude::*;
/// # let x = Tensor::arange(0.0, 10.0, 1.0, DType::F32, &Device::cpu())?;
/// let loader = DataLoader::new(TensorDataset::new((x.clone(), x))?).batch_size(4).shuffle(42);
/// let mut rows = 0;
/// for batch in &loader {
///     let (x, _y) = batch?;
///     rows += x.shape()[0];
/// }
/// assert_eq!((loader.len(), rows), (3, 10));
/// # Ok::<(), kiln::Error>(())
/// ```
pub struct DataLoader<T = (Tensor, Tensor)> {
    data: Arc<dyn Dataset<Batch = T>>,
    batch_size: usize,
    seed: Option<u64>,
    drop_last: bool,
    device: Option<Device>,
    prefetch: usize,
    epoch: AtomicU64,
}

impl<T: Tensors> DataLoader<T> {
    /// Batches of one sample, in order.
    pub fn new(data: impl Dataset<Batch = T> + 'static) -> Self {
        Self {
            data: Arc::new(data),
            batch_size: 1,
            seed: None,
            drop_last: false,
            device: None,
            prefetch: 0,
            epoch: AtomicU64::new(0),
        }
    }

    /// How many samples make a batch.
    pub fn batch_size(mut self, size: usize) -> Self {
        self.batch_size = size;
        self
    }

    /// Shuffles the samples anew for every epoch.
    pub fn shuffle(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Leaves out the last batch if it is not full.
    pub fn drop_last(mut self) -> Self {
        self.drop_last = true;
        self
    }

    /// Moves the batches to a device. Otherwise they are on the CPU; a `Trainer` moves them to its model.
    pub fn device(mut self, device: &Device) -> Self {
        self.device = Some(device.clone());
        self
    }

    /// Gathers up to this many batches ahead, and moves them to the [`device`](Self::device), on a thread of its own.
    pub fn prefetch(mut self, batches: usize) -> Self {
        self.prefetch = batches;
        self
    }

    /// Sets the number of the next epoch, so that a resumed training gets the batches that it would have got.
    pub fn set_epoch(&self, epoch: u64) {
        self.epoch.store(epoch, Ordering::Relaxed);
    }

    /// How many batches an epoch has.
    pub fn len(&self) -> usize {
        let size = self.batch_size.max(1);
        if self.drop_last { self.data.len() / size } else { self.data.len().div_ceil(size) }
    }

    /// Whether an epoch has no batches.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many samples the data set has.
    pub fn samples(&self) -> usize {
        self.data.len()
    }

    /// The batches of the next epoch.
    pub fn iter(&self) -> Batches<T> {
        let epoch = self.epoch.fetch_add(1, Ordering::Relaxed);
        let order = match self.seed {
            Some(seed) => shuffled(self.data.len(), seed, epoch),
            None => (0..self.data.len()).collect(),
        };
        let data = self.data.clone();
        let device = self.device.clone();
        let gather = Gather { data, epoch, order, size: self.batch_size, left: self.len(), next: 0, device };
        let source = if self.prefetch == 0 { Source::Here(gather) } else { Source::ahead(gather, self.prefetch) };
        Batches { source, left: self.len() }
    }
}

impl<T> Clone for DataLoader<T> {
    fn clone(&self) -> Self {
        Self {
            data: self.data.clone(),
            batch_size: self.batch_size,
            seed: self.seed,
            drop_last: self.drop_last,
            device: self.device.clone(),
            prefetch: self.prefetch,
            epoch: AtomicU64::new(self.epoch.load(Ordering::Relaxed)),
        }
    }
}

impl<T: Tensors> IntoIterator for &DataLoader<T> {
    type Item = Result<T>;
    type IntoIter = Batches<T>;

    fn into_iter(self) -> Batches<T> {
        self.iter()
    }
}

/// The batches of one epoch of a [`DataLoader`].
pub struct Batches<T> {
    source: Source<T>,
    left: usize,
}

enum Source<T> {
    Here(Gather<T>),
    Ahead { batches: Receiver<Result<T>>, thread: Option<JoinHandle<()>> },
}

struct Gather<T> {
    data: Arc<dyn Dataset<Batch = T>>,
    epoch: u64,
    order: Vec<usize>,
    size: usize,
    left: usize,
    next: usize,
    device: Option<Device>,
}

impl<T: Tensors> Iterator for Gather<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        if self.left == 0 {
            return None;
        }
        if self.size == 0 {
            self.left = 0;
            return Some(Err(Error::argument("loader", "the batch size must not be 0")));
        }
        self.left -= 1;
        let end = (self.next + self.size).min(self.order.len());
        let batch = self.data.batch_in(self.epoch, &self.order[self.next..end]);
        self.next = end;
        Some(batch.and_then(|batch| match &self.device {
            Some(device) => batch.map(&mut |t| t.to_device(device)),
            None => Ok(batch),
        }))
    }
}

impl<T: Tensors> Source<T> {
    fn ahead(gather: Gather<T>, batches: usize) -> Self {
        let (send, receive) = sync_channel(batches);
        let work = move || {
            // What a data set has recorded is computed here, not where the batch is used.
            let mut batches = gather.map(|batch| batch?.map(&mut |t| t.device().flush().map(|()| t.clone())));
            // An error of `send` means that the batches were dropped.
            let _ = batches.try_for_each(|batch| send.send(batch));
        };
        match thread::Builder::new().name("kiln-loader".into()).spawn(work) {
            Ok(thread) => Source::Ahead { batches: receive, thread: Some(thread) },
            Err(error) => {
                let (send, receive) = sync_channel(1);
                // The channel has room for one.
                let _ = send.send(Err(Error::argument("loader", format!("no thread could be started: {error}"))));
                Source::Ahead { batches: receive, thread: None }
            }
        }
    }

    fn next(&mut self) -> Option<Result<T>> {
        match self {
            Source::Here(gather) => gather.next(),
            Source::Ahead { batches, thread } => batches.recv().ok().or_else(|| {
                // A data set that panicked must not look like one that has ended.
                if let Some(Err(payload)) = thread.take().map(JoinHandle::join) {
                    panic::resume_unwind(payload);
                }
                None
            }),
        }
    }
}

impl<T: Tensors> Iterator for Batches<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        let batch = self.source.next()?;
        self.left = self.left.saturating_sub(1);
        Some(batch)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<T: Tensors> ExactSizeIterator for Batches<T> {}
