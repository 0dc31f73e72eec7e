//! Normalisation: values less their mean, over their standard deviation, both from a part of the tensor itself.

use super::same_float;
use crate::{DType, Error, Result, Shape, Tensor, nn::Buffer};

/// Normalises over the last axes, which have the sizes `normalized_shape` (Ba et al. 2016, arXiv:1607.06450):
/// `(x - mean) / sqrt(var + eps) * weight + bias`, with the variance of the population. Halves are computed in `F32`.
///
/// # Errors
/// If the last axes have other sizes, weight or bias another shape or dtype, the dtype is not a float, or the devices
/// differ.
///
/// ```
/// # use kiln::prelude::*;
/// let x = Tensor::from_slice(&[1.0f32, 3.0], [1, 2], &Device::cpu())?;
/// let y = nn::functional::layer_norm(&x, &[2], None, None, 0.0)?;
/// assert_eq!(y.to_vec::<f32>()?, [-1.0, 1.0]);
/// # Ok::<(), kiln::Error>(())
/// ```
pub fn layer_norm(
    x: &Tensor,
    normalized_shape: &[usize],
    weight: Option<&Tensor>,
    bias: Option<&Tensor>,
    eps: f64,
) -> Result<Tensor> {
    let op = "layer_norm";
    let axes = last_axes(op, x, normalized_shape, &[weight, bias])?;
    let y = standardized(&wide(op, x)?, &axes, eps)?;
    Ok(scaled(y, weight.cloned(), bias.cloned())?.to_dtype(x.dtype()))
}

/// Divides by the root of the mean square over the last axes (Zhang and Sennrich 2019, arXiv:1910.07467). Without
/// `eps` it is the smallest normal step of the dtype, as in PyTorch.
///
/// # Errors
/// As [`layer_norm`].
pub fn rms_norm(x: &Tensor, normalized_shape: &[usize], weight: Option<&Tensor>, eps: Option<f64>) -> Result<Tensor> {
    let op = "rms_norm";
    let axes = last_axes(op, x, normalized_shape, &[weight])?;
    let eps = eps.unwrap_or(match x.dtype() {
        DType::F64 => f64::EPSILON,
        _ => f32::EPSILON.into(),
    });
    let x32 = wide(op, x)?;
    let y = &x32 * &(x32.square().mean_keepdim(&axes[..])? + eps).rsqrt();
    Ok(scaled(y, weight.cloned(), None)?.to_dtype(x.dtype()))
}

/// Normalises each of `groups` groups of channels (axis 1) of each sample (Wu and He 2018, arXiv:1803.08494), then
/// scales and shifts each channel.
///
/// # Errors
/// If the rank is below 2, the groups do not divide the channels, weight or bias is not `[channels]` or has another
/// dtype, the dtype is not a float, or the devices differ.
pub fn group_norm(
    x: &Tensor,
    groups: usize,
    weight: Option<&Tensor>,
    bias: Option<&Tensor>,
    eps: f64,
) -> Result<Tensor> {
    per_group("group_norm", x, groups, weight, bias, eps)
}

/// Normalises each channel (axis 1) of each sample (Ulyanov et al. 2016, arXiv:1607.08022).
///
/// # Errors
/// As [`group_norm`].
pub fn instance_norm(x: &Tensor, weight: Option<&Tensor>, bias: Option<&Tensor>, eps: f64) -> Result<Tensor> {
    let channels = x.shape().get(1).copied().unwrap_or(1);
    per_group("instance_norm", x, channels, weight, bias, eps)
}

fn per_group(
    op: &'static str,
    x: &Tensor,
    groups: usize,
    weight: Option<&Tensor>,
    bias: Option<&Tensor>,
    eps: f64,
) -> Result<Tensor> {
    same_float(op, x.dtype(), &[weight, bias])?;
    let channels = channels(op, x, &[weight, bias])?;
    if groups == 0 || !channels.is_multiple_of(groups) {
        return Err(Error::shape(op, x.shape(), format!("{channels} channels are not divisible by {groups} groups")));
    }
    let per_group = x.numel() / (x.shape()[0] * groups).max(1);
    let rows = wide(op, x)?.reshape([x.shape()[0], groups, per_group])?;
    let y = standardized(&rows, &[2], eps)?.reshape(*x.shape())?;
    Ok(scaled(y, over_channels(x, weight)?, over_channels(x, bias)?)?.to_dtype(x.dtype()))
}

/// The running mean and variance of [`batch_norm`].
#[derive(Clone, Copy)]
pub struct RunningStats<'a> {
    /// `[channels]`.
    pub mean: &'a Buffer,
    /// `[channels]`, of a sample (divided by one less than the count).
    pub var: &'a Buffer,
    /// The share of a new batch in them.
    pub momentum: f64,
}

/// Normalises each channel (axis 1) over the batch and all positions (Ioffe and Szegedy 2015, arXiv:1502.03167).
///
/// In training, and wherever there are no running statistics, with the mean and variance of this batch, which then
/// move the running ones; else with the running ones.
///
/// # Errors
/// If the rank is below 2, a channel has fewer than two values to train on, a vector is not `[channels]`, weight or bias
/// has another dtype, the dtype is not a float, or the devices differ.
pub fn batch_norm(
    x: &Tensor,
    running: Option<RunningStats<'_>>,
    weight: Option<&Tensor>,
    bias: Option<&Tensor>,
    training: bool,
    eps: f64,
) -> Result<Tensor> {
    let op = "batch_norm";
    let (mean, var) = running.map(|r| (r.mean.tensor(), r.var.tensor())).unzip();
    same_float(op, x.dtype(), &[weight, bias])?;
    let channels = channels(op, x, &[weight, bias, mean.as_ref(), var.as_ref()])?;
    let x32 = wide(op, x)?;
    let y = match (mean, var) {
        (Some(mean), Some(var)) if !training => {
            let (mean, var) = (over_channels(x, Some(&mean))?, over_channels(x, Some(&var))?);
            let centred = match mean {
                Some(mean) => x32.sub(mean.to_dtype(x32.dtype()))?,
                None => x32,
            };
            match var {
                Some(var) => centred.mul((var.to_dtype(centred.dtype()) + eps).rsqrt())?,
                None => centred,
            }
        }
        _ => {
            let count = x.numel() / channels.max(1);
            if training && count == 1 {
                return Err(Error::shape(op, x.shape(), "training needs more than one value per channel"));
            }
            let axes: Vec<isize> = (0..x.rank() as isize).filter(|&axis| axis != 1).collect();
            let mean = x32.mean_keepdim(&axes[..])?;
            let centred = &x32 - &mean;
            let var = centred.square().mean_keepdim(&axes[..])?;
            if let Some(running) = running.filter(|_| count > 0) {
                let unbiased = var.detach() * (count as f64 / (count as f64 - 1.0).max(1.0));
                moved(running.mean, &mean.detach(), running.momentum)?;
                moved(running.var, &unbiased, running.momentum)?;
            }
            centred * (var + eps).rsqrt()
        }
    };
    Ok(scaled(y, over_channels(x, weight)?, over_channels(x, bias)?)?.to_dtype(x.dtype()))
}

/// Moves a running statistic towards a new value.
fn moved(buffer: &Buffer, value: &Tensor, momentum: f64) -> Result<()> {
    let old = buffer.tensor();
    let (dtype, old) = (old.dtype(), old.widened());
    let value = value.reshape(*old.shape())?.to_dtype(old.dtype());
    buffer.set(&(old * (1.0 - momentum) + value * momentum).to_dtype(dtype))
}

/// Halves in `F32`, in which their statistics are computed.
fn wide(op: &'static str, x: &Tensor) -> Result<Tensor> {
    match x.dtype() {
        dtype if dtype.is_float() => Ok(x.widened()),
        dtype => Err(Error::dtype(op, dtype, "normalization is defined for floats; convert with `to_dtype`")),
    }
}

/// Two passes, because the mean of squares less the square of the mean loses all digits of values far from 0.
fn standardized(x: &Tensor, axes: &[isize], eps: f64) -> Result<Tensor> {
    let centred = x - &x.mean_keepdim(axes)?;
    let var = centred.square().mean_keepdim(axes)?;
    Ok(centred * (var + eps).rsqrt())
}

fn scaled(y: Tensor, weight: Option<Tensor>, bias: Option<Tensor>) -> Result<Tensor> {
    let y = match weight {
        Some(weight) => y.mul(weight.to_dtype(y.dtype()))?,
        None => y,
    };
    match bias {
        Some(bias) => y.add(bias.to_dtype(y.dtype())),
        None => Ok(y),
    }
}

/// Checks that a tensor ends with these sizes, and vectors have them; gives the axes.
fn last_axes(op: &'static str, x: &Tensor, sizes: &[usize], with: &[Option<&Tensor>]) -> Result<Vec<isize>> {
    same_float(op, x.dtype(), with)?;
    if sizes.is_empty() || !x.shape().ends_with(sizes) {
        return Err(Error::shape(op, x.shape(), format!("the last axes must be {sizes:?}")));
    }
    for vector in with.iter().flatten() {
        x.same_device(vector, op)?;
        if vector.shape()[..] != *sizes {
            return Err(Error::shape(op, vector.shape(), format!("weight and bias must be {sizes:?}")));
        }
    }
    Ok((1..=sizes.len() as isize).map(|i| -i).collect())
}

/// The number of channels; checks that vectors have one number for each.
fn channels(op: &'static str, x: &Tensor, with: &[Option<&Tensor>]) -> Result<usize> {
    let Some(&channels) = x.shape().get(1) else {
        return Err(Error::shape(op, x.shape(), "the input must have a channel axis, axis 1"));
    };
    for vector in with.iter().flatten() {
        x.same_device(vector, op)?;
        if vector.shape()[..] != [channels] {
            return Err(Error::shape(
                op,
                vector.shape(),
                format!("the input has {channels} channels, so it must be [{channels}]"),
            ));
        }
    }
    Ok(channels)
}

/// A vector of channels in the shape in which it broadcasts to the tensor.
fn over_channels(x: &Tensor, vector: Option<&Tensor>) -> Result<Option<Tensor>> {
    let mut shape = vec![1; x.rank()];
    shape[1] = x.shape()[1];
    vector.map(|v| v.reshape(Shape::from(shape))).transpose()
}
