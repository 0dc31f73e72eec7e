//! What the steps of a program do.

use kiln::{
    DType, Result, Shape, Tensor,
    nn::functional::{
        AttentionOptions, ConvOptions, InterpolateMode, PoolOptions, Target, avg_pool1d, batch_norm, conv_transpose1d,
        conv1d, group_norm, interpolate, layer_norm, max_pool1d, rms_norm, scaled_dot_product_attention,
    },
};

use super::{Level, Value};

pub fn broadcasts(from: &Shape, to: &Shape) -> bool {
    from.rank() <= to.rank() && from.iter().rev().zip(to.iter().rev()).all(|(a, b)| a == b || *a == 1)
}

/// One of the axes, or two, or all.
pub fn axes(t: &Tensor, which: u8) -> Vec<isize> {
    (0..t.rank() as isize).filter(|axis| which >> axis & 1 == 1).collect()
}

pub fn smooth(t: &Tensor, which: u8) -> Result<Tensor> {
    Ok(match which % 16 {
        0 => t.tanh(),
        1 => t.sin(),
        2 => t.cos(),
        3 => t.sigmoid(),
        4 => t.erf(),
        5 => t.gelu(),
        6 => t.silu(),
        7 => t.softplus() * 0.5,
        8 => t.clamp(-2.1, 1.3)?.exp(),
        9 => (t.square() + 1.0).log(),
        10 => (t.square() + 0.1).sqrt(),
        11 => (t.square() + 0.5).reciprocal(),
        12 => (t.square() + 0.5).rsqrt(),
        13 => t.mish(),
        14 => (t * 0.25).square(),
        _ => t.atan(),
    })
}

/// One of the layers, on a value seen as a signal `[batch, channels, length]`.
pub fn layer(t: &Tensor, which: u8, more: u8, detail: u8) -> Result<Option<Tensor>> {
    if t.rank() < 2 {
        return Ok(None);
    }
    let signal = if t.rank() == 2 { t.unsqueeze(0)? } else { t.flatten(0, -3)? };
    let [batch, channels, length] = signal.shape()[..] else { unreachable!("a signal has three axes") };
    let size = 1 + more as usize % 3;
    let y = match which {
        20 => {
            let groups = if more >> 4 & 1 == 1 { channels } else { 1 };
            let pad = detail as usize % 3;
            let options = ConvOptions::new().stride(1 + detail as usize / 4 % 2).padding(pad).groups(groups);
            if length + 2 * pad < size {
                return Ok(None);
            }
            // The kernel comes from the signal itself, so that both gradients flow.
            let taps = channels / groups * size;
            let kernel = signal.flatten(0, -1)?.narrow(0, 0, 1)?.expand([2 * channels, channels / groups, size])?;
            let ramp = Tensor::linspace(-1.0, 1.0, 2 * channels * taps, DType::F32, t.device())?;
            let kernel = (kernel + ramp.reshape([2 * channels, channels / groups, size])?) * (0.5 / taps as f64);
            if detail.is_multiple_of(5) {
                conv_transpose1d(&signal, &kernel.narrow(0, 0, channels)?, None, &ConvOptions::new().groups(groups), 0)?
            } else {
                conv1d(&signal, &kernel, None, &options)?
            }
        }
        21 => {
            if length < size {
                return Ok(None);
            }
            let options = PoolOptions::new(size).stride(1 + detail as usize / 8 % 2).padding(size / 2);
            if detail.is_multiple_of(2) { max_pool1d(&signal, options)? } else { avg_pool1d(&signal, options)? }
        }
        22 => {
            (match detail % 5 {
                0 => layer_norm(&signal, &[length], None, None, 0.5)?,
                1 => rms_norm(&signal, &[channels, length], None, Some(0.5))?,
                2 => group_norm(&signal, channels, None, None, 0.5)?,
                3 if batch * length > 1 => batch_norm(&signal, None, None, None, true, 0.5)?,
                _ => layer_norm(&signal, &[channels, length], None, None, 0.5)?,
            }) * 0.5
        }
        23 => {
            let options = AttentionOptions { is_causal: detail.is_multiple_of(2), ..Default::default() };
            scaled_dot_product_attention(&signal, &signal.tanh(), &signal, &options)?
        }
        _ => match detail % 4 {
            0 => interpolate(&signal, Target::<1>::size(1 + length * 3 / 2), InterpolateMode::Linear, false)?,
            1 => interpolate(&signal, Target::<1>::size(1 + length / 2), InterpolateMode::Nearest, false)?,
            2 => {
                // No distance is near 0, where its gradient jumps.
                let rows = signal.tanh();
                rows.cdist(&(&rows + 3.0), [1.0, 2.0, 3.0][more as usize % 3])? * 0.1
            }
            _ if length >= size => signal.unfold(-1, size, 1 + more as isize as usize / 8 % 2)? * 0.5,
            _ => return Ok(None),
        },
    };
    Ok(Some(y))
}

pub fn reduce(value: &Value, which: u8, detail: u8) -> Result<Option<Value>> {
    let t = &value.tensor;
    let axes = axes(t, which);
    let axes = axes.as_slice();
    let reduced = match detail % 6 {
        0 | 1 => t.mean_keepdim(axes)?,
        2 => (t * 0.5).tanh().sum_keepdim(axes)?.tanh(),
        3 => t.tanh().prod_keepdim(axes)?,
        4 => t.logsumexp_keepdim(axes)? * 0.4,
        _ => t.var_keepdim(axes, 0.0)? * 0.2,
    };
    let tensor = match detail >> 3 & 3 {
        0 => reduced,
        1 => (t - &reduced) * 0.5,
        2 => reduced.expand(t.shape())?,
        _ => reduced.flatten(0, -1).or_else(|_| reduced.reshape([reduced.numel()]))?,
    };
    Ok(Some(Value { tensor, level: value.level.max(Level::Single) }))
}

pub fn view(t: &Tensor, which: u8, detail: u8) -> Result<Tensor> {
    let rank = t.rank() as isize;
    if rank == 0 {
        return t.expand([3]);
    }
    let axis = which as isize % rank;
    let size = t.shape()[axis as usize] as isize;
    let from = (detail >> 4) as isize % size;
    match detail % 10 {
        0 => t.transpose(axis, -1),
        1 => t.permute((0..rank).map(|a| (a + axis) % rank).collect::<Vec<_>>()),
        2 => t.flip([axis]),
        3 => t.slice(axis, from, size, 2),
        4 => t.slice(axis, -1, isize::MIN, -2),
        5 => t.reshape([t.numel()]),
        6 if rank < 4 => t.unsqueeze(axis),
        7 if rank < 4 => t.unsqueeze(0)?.expand([&[2], t.shape().dims()].concat()),
        8 if t.dtype() != DType::Bool => {
            let widths: Vec<(usize, usize)> =
                (0..rank).map(|a| if a == axis { (1, from as usize % 3) } else { (0, 0) }).collect();
            t.pad(&widths)
        }
        9 if t.numel().is_multiple_of(2) => t.reshape([2, t.numel() / 2]),
        _ => t.narrow(axis, from as usize, (size - from) as usize),
    }
}
