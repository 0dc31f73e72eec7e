//! Data sets.

use super::Tensors;
use crate::{Device, Error, Result, Tensor};

/// Samples by number, delivered a batch at a time.
pub trait Dataset: Send + Sync {
    /// What a batch is, such as inputs and targets.
    type Batch: Tensors;

    /// How many samples there are.
    fn len(&self) -> usize;

    /// The samples of these numbers, in host memory: on [`Device::cpu`].
    ///
    /// A loader with `prefetch` calls it on a thread of its own.
    ///
    /// # Errors
    /// If the samples are not available.
    fn batch(&self, samples: &[usize]) -> Result<Self::Batch>;

    /// The samples of these numbers in the epoch of this number: for data sets that change samples at random.
    ///
    /// # Errors
    /// As [`batch`](Self::batch).
    fn batch_in(&self, epoch: u64, samples: &[usize]) -> Result<Self::Batch> {
        let _ = epoch;
        self.batch(samples)
    }

    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Samples that lie in tensors, one in each row.
///
/// ```
/// # use kiln::prelude::*;
/// let x = Tensor::arange(0.0, 6.0, 1.0, DType::F32, &Device::cpu())?.reshape([3, 2])?;
/// let y = Tensor::from_slice(&[0i64, 1, 0], [3], &Device::cpu())?;
/// let data = TensorDataset::new((x, y))?;
/// let (x, y) = data.batch(&[2, 0])?;
/// assert_eq!(x.to_vec::<f32>()?, [4.0, 5.0, 0.0, 1.0]);
/// assert_eq!(y.to_vec::<i64>()?, [0, 0]);
/// # Ok::<(), kiln::Error>(())
/// ```
#[derive(Clone)]
pub struct TensorDataset<T> {
    tensors: T,
    len: usize,
}

impl<T: Tensors> TensorDataset<T> {
    /// The rows of these tensors. They are moved to host memory if they are not there; rows that lie there in one piece
    /// each, such as those of a [mapped file](crate::io::npy::mmap), are not copied.
    ///
    /// # Errors
    /// If a tensor is a scalar, or they do not have the same number of rows.
    #[doc(alias = "from_tensor_slices")]
    pub fn new(tensors: T) -> Result<Self> {
        let op = "dataset";
        let mut len = None;
        let tensors = tensors.map(&mut |t| {
            let Some(&rows) = t.shape().first() else {
                return Err(Error::shape(op, t.shape(), "a scalar has no rows"));
            };
            if *len.get_or_insert(rows) != rows {
                let reason = format!("there are {} rows in the tensors before", len.unwrap_or(rows));
                return Err(Error::shape(op, t.shape(), reason));
            }
            let t = t.detach().to_device(&Device::cpu())?;
            let t = if has_dense_rows(&t) { t } else { t.contiguous() };
            t.realize()?;
            Ok(t)
        })?;
        Ok(Self { tensors, len: len.unwrap_or(0) })
    }

    /// The tensors.
    pub fn tensors(&self) -> &T {
        &self.tensors
    }
}

impl<T: Tensors> Dataset for TensorDataset<T> {
    type Batch = T;

    fn len(&self) -> usize {
        self.len
    }

    fn batch(&self, samples: &[usize]) -> Result<T> {
        if let Some(&sample) = samples.iter().find(|&&i| i >= self.len) {
            let index = sample as i128;
            return Err(Error::Index { op: "dataset", index, axis: 0, size: self.len, delayed: false });
        }
        self.tensors.map(&mut |t| rows(t, samples))
    }
}

/// Whether the elements of each row lie one behind the other, wherever the rows are: those of a mapped file stay there.
fn has_dense_rows(tensor: &Tensor) -> bool {
    tensor.view().strides[0] >= 0 && tensor.view().remove_axis(0).is_dense()
}

/// Some rows of a tensor in host memory that has dense rows, copied without a kernel.
fn rows(tensor: &Tensor, samples: &[usize]) -> Result<Tensor> {
    let (mut shape, width) = (*tensor.shape(), tensor.dtype().size());
    let row = tensor.numel() / shape[0].max(1) * width;
    let (start, step) = (tensor.view().offset as usize * width, tensor.view().strides[0] as usize * width);
    shape[0] = samples.len();
    let buffer = tensor.realize()?;
    let Some(host) = buffer.host() else {
        return Err(Error::argument("dataset", "the CPU's memory is not host memory"));
    };
    // Words, because memory that a tensor takes over must be aligned for its elements.
    let mut out = vec![0u64; (samples.len() * row).div_ceil(size_of::<u64>())];
    let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut out);
    if row > 0 {
        for (to, &sample) in bytes.chunks_exact_mut(row).zip(samples) {
            to.copy_from_slice(&host[start + sample * step..][..row]);
        }
    }
    Tensor::from_memory(out, tensor.dtype(), shape, tensor.device())
}
