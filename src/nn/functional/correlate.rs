//! What a convolution computes, and the ways back from it.
//!
//! A convolution is bilinear in input and weight, and so are the maps back from its result to either. Each of the
//! three is computed once, here, as a matrix product over windows, and is the gradient of the other two.

use crate::{
    MAX_RANK, Result, Shape, Tensor,
    autograd::{self, Rule, no_grad},
    tensor::window::Windows,
};

/// Taps of a kernel up to which their sum is written out: vector loops are longer over places than over taps.
const UNROLLED: usize = 9;

/// How windows lie on the spatial axes, and how channels fall into groups.
#[derive(Clone, Debug)]
pub(super) struct Walk {
    pub op: &'static str,
    pub stride: Vec<usize>,
    pub dilation: Vec<usize>,
    /// Zeros before and after each axis.
    pub pads: Vec<(usize, usize)>,
    pub groups: usize,
}

impl Walk {
    fn axes(&self) -> usize {
        self.stride.len()
    }

    pub fn windows(&self, axis: usize, size: usize) -> Windows {
        Windows { size, step: self.stride[axis], dilation: self.dilation[axis] }
    }

    /// `[batch, channels, ..]` and `[outputs, channels / groups, kernel..]` to `[batch, outputs, ..]`.
    pub fn forward(&self, x: &Tensor, w: &Tensor) -> Result<Tensor> {
        let y = no_grad(|| self.correlate(&x.detach(), &w.detach()))?;
        let walk = self.clone();
        let (x0, w0) = (x.clone(), w.clone());
        Ok(autograd::track(y, &[x, w], |_| {
            Rule::needed(move |g, needed| {
                let dx = needed[0].then(|| walk.to_input(g, &w0, &x0.shape()[2..])).transpose()?;
                let dw = needed[1].then(|| walk.to_weight(&x0, g, &w0.shape()[2..])).transpose()?;
                Ok(vec![dx, dw])
            })
        }))
    }

    /// The gradient of [`forward`](Self::forward) for an input of spatial sizes `sizes`.
    pub fn to_input(&self, g: &Tensor, w: &Tensor, sizes: &[usize]) -> Result<Tensor> {
        let x = no_grad(|| self.spread(&g.detach(), &w.detach(), sizes))?;
        let walk = self.clone();
        let (g0, w0) = (g.clone(), w.clone());
        Ok(autograd::track(x, &[g, w], |_| {
            Rule::needed(move |d, needed| {
                let dg = needed[0].then(|| walk.forward(d, &w0)).transpose()?;
                let dw = needed[1].then(|| walk.to_weight(d, &g0, &w0.shape()[2..])).transpose()?;
                Ok(vec![dg, dw])
            })
        }))
    }

    /// The gradient of [`forward`](Self::forward) for a weight of kernel sizes `kernel`.
    fn to_weight(&self, x: &Tensor, g: &Tensor, kernel: &[usize]) -> Result<Tensor> {
        let w = no_grad(|| self.correlate_all(&x.detach(), &g.detach(), kernel))?;
        let walk = self.clone();
        let (x0, g0) = (x.clone(), g.clone());
        Ok(autograd::track(w, &[x, g], |_| {
            Rule::needed(move |d, needed| {
                let dx = needed[0].then(|| walk.to_input(&g0, d, &x0.shape()[2..])).transpose()?;
                let dg = needed[1].then(|| walk.forward(&x0, d)).transpose()?;
                Ok(vec![dx, dg])
            })
        }))
    }

    /// Whether each group is one channel: products and sums over windows then beat matrix products of one row.
    fn is_depthwise(&self, channels: usize, multiplier: usize) -> bool {
        self.groups > 1 && channels == self.groups && 3 + 2 * self.axes() - usize::from(multiplier == 1) <= MAX_RANK
    }

    /// Windows of the padded input: `[batch, channels, places.., kernel..]`.
    fn unfolded(&self, x: &Tensor, kernel: &[usize]) -> Result<Tensor> {
        let mut widths = vec![(0, 0); 2];
        widths.extend(&self.pads);
        let mut x = x.pad(&widths)?;
        for (i, &size) in kernel.iter().enumerate() {
            x = x.windows(self.op, 2 + i, self.windows(i, size))?;
        }
        Ok(x)
    }

    /// The windows as matrices `[batch, channels * kernel, places]`.
    fn columns(&self, x: &Tensor, kernel: &[usize]) -> Result<Tensor> {
        let windows = self.unfolded(x, kernel)?;
        let n = self.axes() as isize;
        let order: Vec<isize> = [0, 1].into_iter().chain(2 + n..2 + 2 * n).chain(2..2 + n).collect();
        let places = windows.shape()[2..2 + n as usize].iter().product::<usize>();
        let taps = x.shape()[1] * kernel.iter().product::<usize>();
        windows.permute(&order)?.reshape([x.shape()[0], taps, places])
    }

    fn correlate(&self, x: &Tensor, w: &Tensor) -> Result<Tensor> {
        let (n, groups) = (self.axes(), self.groups);
        let (batch, outputs) = (x.shape()[0], w.shape()[0]);
        let kernel = &w.shape()[2..];
        let mut shape = vec![batch, outputs];
        for (i, &size) in kernel.iter().enumerate() {
            let (before, after) = self.pads[i];
            shape.push(self.windows(i, size).count(x.shape()[2 + i] + before + after));
        }
        let shape = Shape::try_new(&shape)?;
        let multiplier = outputs / groups;
        if self.is_depthwise(x.shape()[1], multiplier) {
            let windows = self.unfolded(x, kernel)?;
            let taps: Vec<isize> = (windows.rank() as isize - n as isize..windows.rank() as isize).collect();
            if multiplier == 1 {
                let mut weight = vec![outputs];
                weight.extend(vec![1; n]);
                weight.extend(kernel);
                return (windows * w.reshape(weight)?).sum(&taps[..]);
            }
            let mut weight = vec![groups, multiplier];
            weight.extend(vec![1; n]);
            weight.extend(kernel);
            let taps: Vec<isize> = taps.iter().map(|axis| axis + 1).collect();
            return (windows.unsqueeze(2)? * w.reshape(weight)?).sum(&taps[..])?.reshape(shape);
        }
        let columns = self.columns(x, kernel)?;
        let (taps, places) = (columns.shape()[1], columns.shape()[2]);
        let columns = columns.reshape([batch, groups, taps / groups, places])?;
        w.reshape([groups, outputs / groups, taps / groups])?.matmul(&columns)?.reshape(shape)
    }

    fn correlate_all(&self, x: &Tensor, g: &Tensor, kernel: &[usize]) -> Result<Tensor> {
        let (n, groups) = (self.axes(), self.groups);
        let (batch, channels, outputs) = (x.shape()[0], x.shape()[1], g.shape()[1]);
        let mut shape = vec![outputs, channels / groups];
        shape.extend(kernel);
        let shape = Shape::from(shape);
        let multiplier = outputs / groups;
        if self.is_depthwise(channels, multiplier) {
            let windows = self.unfolded(x, kernel)?;
            let mut grad = vec![batch, groups];
            if multiplier > 1 {
                grad.push(multiplier);
            }
            grad.extend(&g.shape()[2..]);
            grad.extend(vec![1; n]);
            let windows = if multiplier > 1 { windows.unsqueeze(2)? } else { windows };
            let first = windows.rank() as isize - 2 * n as isize;
            let places: Vec<isize> = [0].into_iter().chain(first..first + n as isize).collect();
            return (windows * g.reshape(grad)?).sum(&places[..])?.reshape(shape);
        }
        // A product per image, then their sum: the images' order is fixed.
        let columns = self.columns(x, kernel)?;
        let (taps, places) = (columns.shape()[1], columns.shape()[2]);
        let columns = columns.reshape([batch, groups, taps / groups, places])?;
        let g = g.reshape([batch, groups, outputs / groups, places])?;
        g.matmul(&columns.t())?.sum(0)?.reshape(shape)
    }

    fn spread(&self, g: &Tensor, w: &Tensor, sizes: &[usize]) -> Result<Tensor> {
        let (n, groups) = (self.axes(), self.groups);
        let (batch, outputs, per_group) = (g.shape()[0], w.shape()[0], w.shape()[1]);
        let kernel = &w.shape()[2..];
        let steps_by_one = self.stride.iter().all(|&step| step == 1);
        let g = if steps_by_one { self.framed(g, kernel, sizes)? } else { g.clone() };
        if steps_by_one && self.is_depthwise(per_group * groups, outputs / groups) {
            return self.turned(&g, w);
        }
        let taps = per_group * kernel.iter().product::<usize>();
        let places = g.shape()[2..].iter().product::<usize>();
        let g_columns = g.reshape([batch, groups, outputs / groups, places])?;
        let columns = w.reshape([groups, outputs / groups, taps])?.t().matmul(&g_columns)?;
        let mut shape = vec![batch, per_group * groups];
        shape.extend(kernel);
        shape.extend(&g.shape()[2..]);
        let mut x = columns.reshape(Shape::try_new(&shape)?)?;
        if steps_by_one {
            return self.shifted_sum(&x, kernel, sizes);
        }
        // [batch, channels, kernel.., places..] with the innermost axis folded first.
        for i in (0..n).rev() {
            let (before, after) = self.pads[i];
            let order: Vec<isize> = (0..x.rank() as isize).filter(|&axis| axis != 2 + i as isize).collect();
            let windows = x.permute(&[&order[..], &[2 + i as isize]].concat())?;
            // Kernels of the axes before this one are still in front of the places.
            x = windows.overlap_add(2 + 2 * i, sizes[i] + before + after, self.windows(i, kernel[i]))?;
            x = x.narrow(2 + 2 * i as isize, before, sizes[i])?;
        }
        Ok(x)
    }

    /// A gradient in a frame of zeros (or cut), such that place `i` gets from places `i .. i + reach` of it.
    fn framed(&self, g: &Tensor, kernel: &[usize], sizes: &[usize]) -> Result<Tensor> {
        let mut out = g.clone();
        let mut widths = vec![(0, 0); 2];
        for (i, &size) in kernel.iter().enumerate() {
            let reach = self.windows(i, size).reach() - 1;
            let (len, want) = (g.shape()[2 + i], sizes[i] + reach);
            let left = reach as isize - self.pads[i].0 as isize;
            let right = want as isize - left - len as isize;
            let (cut, cut_end) = ((-left).max(0) as usize, (-right).max(0) as usize);
            out = out.narrow(2 + i as isize, cut, len - cut - cut_end)?;
            widths.push((left.max(0) as usize, right.max(0) as usize));
        }
        out.pad(&widths)
    }

    /// `[batch, channels, kernel.., framed places..]` to `[batch, channels, ..]`: the sum of all taps, each in its place.
    fn shifted_sum(&self, columns: &Tensor, kernel: &[usize], sizes: &[usize]) -> Result<Tensor> {
        let n = self.axes();
        let mut slid = columns.clone();
        for (i, &size) in sizes.iter().enumerate() {
            slid = slid.slid(2 + i, 2 + n + i, self.dilation[i], size);
        }
        let taps = kernel.iter().product::<usize>();
        if taps > UNROLLED {
            return slid.sum(&(2..2 + n as isize).collect::<Vec<_>>()[..]);
        }
        let tap = |mut tap: usize| {
            let mut part = slid.clone();
            for i in (0..n).rev() {
                part = part.select(2 + i as isize, (tap % kernel[i]) as isize)?;
                tap /= kernel[i];
            }
            Ok(part)
        };
        (1..taps).try_fold(tap(0)?, |sum, k| Ok(sum + tap(k)?))
    }

    /// The way back from a framed gradient at stride 1: a correlation with the turned kernel.
    fn turned(&self, g: &Tensor, w: &Tensor) -> Result<Tensor> {
        let (n, groups) = (self.axes(), self.groups);
        let (outputs, per_group) = (w.shape()[0], w.shape()[1]);
        let kernel = &w.shape()[2..];
        let axes: Vec<isize> = (3..3 + n as isize).collect();
        let mut turned = vec![groups, outputs / groups, per_group];
        turned.extend(kernel);
        let turned = w.reshape(turned)?.transpose(1, 2)?.flip(&axes)?;
        let mut shape = vec![groups * per_group, outputs / groups];
        shape.extend(kernel);
        let walk = Walk { stride: vec![1; n], pads: vec![(0, 0); n], ..self.clone() };
        walk.correlate(g, &turned.reshape(shape)?)
    }
}
